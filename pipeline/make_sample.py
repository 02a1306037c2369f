"""The embedded sample: a made population, written as the licensed sets would be (see `pipeline.sample`).

lsfm/all_all_all.mat      mean and identity basis, in LSFM's released layout
models/expression.h5      the actions as an expression basis, in this project's own layout
landmarks.json            68 vertex ids
4dfab/                    manifest.csv; meshes/SUBJECT_SESSION_SEQUENCE_FRAME.ply; textures/SUBJECT_SESSION.npy
emotionet/                emotioNet_URLs/emotioNet_1.txt; images/NNNN.jpg, every third with a .pts
truth.h5                  what the photos and meshes were made from: shard kind "truth"
"""

from dataclasses import replace

from models3d.face_model import empty_basis
from models3d.readers.native import write_model
from pipeline.files import Paths
from pipeline.provenance import provenance
from pipeline.sample.emotionet import write_photos
from pipeline.sample.fourdfab import write_clips
from pipeline.sample.layouts import write_landmarks, write_lsfm
from pipeline.sample.population import make_population
from pipeline.settings.sample import MakeSample
from pipeline.shards import write_shard

STAGE = "make_sample"


def run(inputs: Paths, outputs: Paths, settings: MakeSample) -> None:
    """Make the whole sample. `inputs` is empty; the other files lie beside those that `outputs` names."""
    population = make_population(settings)
    model = population.model
    write_lsfm(outputs["lsfm"], model, people=settings.photos + settings.subjects)
    write_model(outputs["expression"], replace(model, identity=empty_basis(len(model.mean_mm))))
    write_landmarks(outputs["landmarks"], model.landmarks)
    photos = write_photos(population, outputs["urls"], settings)
    meshes = write_clips(population, outputs["manifest4dfab"], settings)
    arrays = {**photos._asdict(), **meshes._asdict(), "visible": photos.visible.astype("u1")}
    names = {"identity_names": model.identity.names, "expression_names": model.expression.names}
    write_shard(
        outputs["truth"], "truth", arrays, provenance(STAGE, settings, inputs, model_digest=model.digest, **names)
    )
