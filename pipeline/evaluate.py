"""All trained variants on held-out faces: one table, with copying the input as its floor, and figures."""

import html
import logging
from collections.abc import Sequence

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
from pipeline.settings.train import Evaluate

STAGE = "evaluate"

logger = logging.getLogger(__name__)

NOTES = (
    f"IED: {NORMALISATION}. Pairs are two pictures of one held-out face and session, or two frames of a held-out clip.",
    "Regression: mean of |p' - p| / |p|, p' read by the checkpoint's own critic off real pictures and edits (Table 4).",
    "Recognition: seven expressions given to held-out faces, average accuracy of a classifier trained on renders of "
    "the other held-out faces. It is no human's judgement and none of the paper's networks.",
)
STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}table{border-collapse:"
    "collapse;display:block;overflow-x:auto}td,th{padding:.3rem .6rem;border-bottom:1px solid #ccc;text-align:left}"
    "img{max-width:100%}"
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
    figures: list[tuple[str, str]] = []
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
            picture = draw(candidate, settings)
            if picture is not None:
                file = f"{scores.variant}_{name}.png"
                write_png(outputs["figures"] / file, picture)
                figures.append((f"{scores.variant}: {name.replace('_', ' ')}", f"{outputs['figures'].name}/{file}"))
    cells = table(rows)
    write_table(outputs["table"], Scores._fields, cells)
    with whole_file(outputs["report"]) as temporary:
        temporary.write_text(page(cells, [*NOTES, *remarks], figures), encoding="utf-8")


def page(cells: Sequence[Sequence[str]], notes: Sequence[str], figures: Sequence[tuple[str, str]]) -> str:
    """The table, what its columns mean, and the figures, as one page that opens without a network."""
    head = "".join(f"<th>{html.escape(name.replace('_', ' '))}</th>" for name in Scores._fields)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in cells)
    said = "".join(f"<p>{html.escape(note)}</p>" for note in notes)
    drawn = "".join(
        f'<h2>{html.escape(title)}</h2><img src="{html.escape(file)}" alt="{html.escape(title)}">'
        for title, file in figures
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Evaluation</title><style>{STYLE}</style><h1>Evaluation on held-out faces</h1>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{said}{drawn}</html>\n"
    )
