"""The embedded sample's speech: made people who say words, written as the licensed sets would be.

lrw/lipread_mp4/WORD/{train,val,test}/WORD_NNNNN.mp4 and .txt   clips; one of a word that the database lacks
4d_speech/      manifest.csv; audio/, meshes/ and neutrals/ of other people who say the same words
lrw3d/          speech.h5, the basis of LRW-3D's coefficients; WORD/SPLIT/WORD_NNNNN.npy for a few clips
truth.h5        what all of it was made from: shard kind "speech_truth", for tests and benchmarks only
"""

from models3d.errors import InputError
from pipeline.files import Paths
from pipeline.lrw import SPLITS
from pipeline.provenance import provenance
from pipeline.sample.clips import write_talking_clips
from pipeline.sample.population import make_population
from pipeline.sample.speech_sounds import WORDS
from pipeline.sample.speech_takes import write_database, write_released
from pipeline.settings.speech import MakeSpeechSample
from pipeline.shards import write_shard

STAGE = "make_speech_sample"

ABSENT = "MORNING"
"""A word that is said in a clip and by nobody in the database."""


def run(inputs: Paths, outputs: Paths, settings: MakeSpeechSample) -> None:
    """Make all of it. `inputs` is empty; the other files lie beside those that `outputs` names:

    clip, manifest, released, truth   the first clip, the database's manifest, LRW-3D's basis, the truth
    """
    known = [word for word in WORDS if word != ABSENT][: settings.words]
    if len(known) < settings.words:
        raise InputError("make_speech_sample.words", f"is {settings.words}", f"set it to {len(known)} or less")
    population = make_population(settings)
    wanted = [
        (word, SPLITS[number % len(SPLITS)], number // len(SPLITS) + 1)
        for word in known
        for number in range(settings.clips_per_word)
    ]
    clips = write_talking_clips(population, outputs["clip"].parents[2], [*wanted, (ABSENT, "test", 1)], settings)
    takes, actions = write_database(population, outputs["manifest"], known, settings.speakers, settings)
    chosen = clips.id[: len(wanted) : settings.clips_per_word + 1]
    write_released(outputs["released"].parent, population.model, actions, clips, chosen)
    names = {"expression_names": population.model.expression.names, "model_digest": population.model.digest}
    stated = provenance(STAGE, settings, inputs, **names)
    write_shard(outputs["truth"], "speech_truth", {**clips._asdict(), **takes._asdict()}, stated)
