"""Which phone is said when in the takes of a database, for words that it lacks; only made where such are wanted."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32
from tqdm import tqdm

from models3d.errors import InputError, UnusableDatum
from pipeline.clip_media import read_sound
from pipeline.files import Paths, Reject, check_rejects, write_rejects
from pipeline.forced_alignment import PhoneAligner, SpokenPhones
from pipeline.lrw import SAMPLE_RATE
from pipeline.provenance import provenance
from pipeline.settings.speech import IndexPhones
from pipeline.shards import Shard, read_shard, write_shard
from pipeline.speech_database import read_takes
from pipeline.speech_features import WINDOWS_PER_S
from pipeline.word_matching import Calibration, calibration, ranges, spread

STAGE = "index_phones"


class SpokenTake(NamedTuple):
    """A take's word as it is said."""

    name: str
    word: str
    sound: Float32[np.ndarray, " t"]
    start_s: float
    phones: SpokenPhones


def run(inputs: Paths, outputs: Paths, settings: IndexPhones) -> None:
    """Find the phones of every take of `inputs["takes"]`; write `outputs["phones"]` and `outputs["rejects"]`.

    manifest  of the database that they are of

    Raises InputError if more than `max_reject_rate` of the takes cannot be used, or the rest cannot say what a cost
    of alignment means.
    """
    database, aligner = read_shard(inputs["takes"], "takes"), PhoneAligner()
    audio = {row.name: row.audio for row in read_takes(inputs["manifest"])}
    rejects: list[Reject] = []
    found: list[SpokenTake] = []
    for place, name in enumerate(tqdm(database.text("id"), STAGE, unit="take")):
        try:
            found.append(spoken_take(database, place, audio[name], aligner))
        except UnusableDatum as why:
            rejects.append(Reject(f"{outputs['phones'].stem}/{name}", STAGE, str(why)))
    check_rejects(rejects, len(database["id"]), settings.max_reject_rate, inputs["manifest"])
    write_rejects(outputs["rejects"], rejects)
    references = spread(sorted({take.word for take in found}), settings.references)
    curve = calibrated(spread(found, settings.calibration_takes), references, aligner)
    if curve is None:
        problem = "cannot tell like words from unlike ones by their phones: no confidence can be stated"
        raise InputError(inputs["manifest"], problem, "give takes of two words or more that the dictionary knows")
    spans = [take.phones.spans_s + take.start_s for take in found]
    arrays = {
        "id": [take.name for take in found],
        "ranges": ranges([len(take.phones.names) for take in found]),
        "phones": [name for take in found for name in take.phones.names],
        "spans_s": np.concatenate(spans).astype(np.float32),
    }
    digests = {
        "model_digest": database.attributes["model_digest"],
        "takes_digest": database.attributes["content_digest"],
    }
    attributes = provenance(STAGE, settings, inputs, **digests, calibration=curve._asdict(), references=references)
    write_shard(outputs["phones"], "phones", arrays, attributes)


def spoken_take(database: Shard, place: int, audio: Path, aligner: PhoneAligner) -> SpokenTake:
    """A take cut to where it is spoken, and its phones.

    Raises UnusableDatum if the dictionary lacks its word, or its phones cannot be found.
    """
    name, word = database.text("id")[place], database.text("word")[place]
    start_s = float(database["start_s"][place])
    first, end = database["windows"][place].tolist()
    begin = round(start_s * SAMPLE_RATE)
    sound = read_sound(audio)[begin : begin + round((end - first) / WINDOWS_PER_S * SAMPLE_RATE)]
    return SpokenTake(name, word, sound, start_s, aligner.align(sound, word))


def calibrated(takes: Sequence[SpokenTake], references: Sequence[str], aligner: PhoneAligner) -> Calibration | None:
    """What relative costs of right and of wrong words say; None if the takes do not tell."""
    like: list[float] = []
    unlike: list[float] = []
    for take in tqdm(takes, f"{STAGE}: confidence", unit="take"):
        costs = aligner.costs(take.sound, sorted({take.word, *references}))
        for word, cost in costs.items():
            rest = [other for name, other in costs.items() if name != word]
            if rest:
                (like if word == take.word else unlike).append(cost / float(np.median(rest)))
    return calibration(like, unlike)
