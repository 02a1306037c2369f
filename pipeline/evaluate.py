"""All trained variants on held-out faces: one table, with copying the input as its floor, and figures."""

import logging

import numpy as np
from tqdm import tqdm

from models3d.errors import InputError
from models3d.whole_file import whole_file
from pipeline.files import Paths, write_table
from pipeline.gan.devices import choose_device
from pipeline.gan.evaluation import Scores, held_out_pairs, read_candidate, recognition, score, table
from pipeline.gan.figures import FIGURES
from pipeline.gan.image_distance import NORMALISATION
from pipeline.media import write_png
from pipeline.pages import heading, html_table, page, paragraph, picture
from pipeline.settings.train import Evaluate

STAGE = "evaluate"

logger = logging.getLogger(__name__)

NOTES = (
    f"IED: {NORMALISATION}. Pairs are two pictures of one held-out face and session, or two frames of a held-out clip.",
    "Regression: mean of |p' - p| / |p|, p' read by the checkpoint's own critic off real pictures and edits (Table 4).",
    "Recognition: seven expressions given to held-out faces, average accuracy of a classifier trained on renders of "
    "the other held-out faces. It is no human's judgement and none of the paper's networks.",
)


def run(inputs: Paths, outputs: Paths, settings: Evaluate) -> None:
    """Evaluate `inputs["checkpoints"]` on the held-out faces of `inputs["shards"]` (kinds `paired`, `meshes`).

    action_units  optional: OpenFace's CSV, for checkpoints that are conditioned on it

    Writes `outputs["table"]` (CSV), `outputs["report"]` (HTML) and PNGs into the folder `outputs["figures"]`.
    Raises InputError if no face is held out, or a checkpoint does not go with the shards.
    """
    device = choose_device(settings.gpu, STAGE)
    shards, paths = inputs["shards"], inputs["checkpoints"]
    rows: list[Scores] = []
    figures: list[str] = []
    remarks: list[str] = []
    held_out: dict[str, np.ndarray] = {}
    for path in tqdm(paths, desc=STAGE, unit="checkpoint"):
        candidate = read_candidate(path, shards, inputs.get("action_units") or None, settings, device)
        pictures = candidate.pictures
        if not np.array_equal(held_out.setdefault(pictures.digest, pictures.held_out), pictures.held_out):
            raise InputError(path, "holds out other faces than a variant before it", "train all with one share")
        pairs = held_out_pairs(pictures, candidate.conditions.usable, settings.pairs_per_face, settings.seed)
        scores, copied = score(candidate, pairs, settings)
        rows += [scores, *([copied] if copied.variant not in {row.variant for row in rows} else [])]
        found = recognition(candidate, settings)
        if found:
            of = f"{found.renders:.0%} of clear renders, {found.faces} faces"
            remarks.append(f"{scores.variant}: the classifier recognises {of}.")
        for name, draw in FIGURES.items():
            drawn = draw(candidate, settings)
            if drawn is not None:
                write_png(outputs["figures"] / f"{scores.variant}_{name}.png", drawn)
                title = f"{scores.variant}: {name.replace('_', ' ')}"
                figures += [heading(title), picture(drawn, title)]
    cells = table(rows)
    write_table(outputs["table"], Scores._fields, cells)
    said = [paragraph(note) for note in (*NOTES, *remarks)]
    body = [html_table([name.replace("_", " ") for name in Scores._fields], cells), *said, *figures]
    with whole_file(outputs["report"]) as temporary:
        temporary.write_text(page("Evaluation on held-out faces", "".join(body)), encoding="utf-8")
