"""Every promise of the shards and of the tables beside them, held against what is there."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from models3d.errors import InputError
from pipeline.files import Paths, Reject, read_rejects, write_table
from pipeline.settings.dataset import ValidateShards
from pipeline.shard_checks import CHECKS, disagreements, originals_that_differ, skipped
from pipeline.shards import Shard, read_shard

STAGE = "validate_shards"

HEADER = ("shard", "kind", "items", "content_digest", "problem")
SHOWN = 10
"""Problems that the error names; the report has all of them."""

PHOTO_STAGES = ("index_images", "detect_landmarks", "fit_faces")
MESH_STAGES = ("index_meshes", "register_meshes", "project_meshes", "render_meshes")
REJECTING: Mapping[str, tuple[str, ...]] = {
    "annotated": PHOTO_STAGES,
    "paired": (*PHOTO_STAGES, "render_pairs"),
    "meshes": MESH_STAGES,
    "speech": ("align_speech", "fit_clips"),
}
"""Stages before a kind: what one of them rejects does not stand in it."""

Shards = Mapping[Path, Shard]
Problem = tuple[Path, str]


def run(inputs: Paths, outputs: Paths, settings: ValidateShards) -> None:
    """Check all of `inputs["shards"]`, which lie in <kind>/<dataset>/; write `outputs["report"]`.

    rejects, dataset  the tables of `index_dataset`

    The report has a row for every shard, then one for every problem.
    Raises InputError if there is any problem, after the report is written.
    """
    shards: dict[Path, Shard] = {}
    problems: list[Problem] = []
    for path in tqdm(inputs["shards"], STAGE, unit="shard"):
        try:
            shards[path] = read_shard(path, kind_of(path))
        except InputError as error:
            problems.append((path, str(error)))
        else:
            problems += [(path, said) for check in CHECKS[kind_of(path)] for said in check(shards[path])]
    rejects = read_rejects(inputs["rejects"])
    problems += [problem for members in groups(shards) for problem in disagreements(members)]
    problems += pair_problems(shards, rejects)
    problems += [(inputs["rejects"], said) for said in reject_problems(shards, rejects)]
    described = json.loads(inputs["dataset"].read_text(encoding="utf-8"))
    problems += [(inputs["dataset"], said) for said in summary_problems(shards, rejects, described)]
    rows = [*shard_rows(shards), *((path, "", "", "", said) for path, said in problems)]
    write_table(outputs["report"], HEADER, rows)
    report_problems(problems, len(inputs["shards"]))


def kind_of(path: Path) -> str:
    return path.parent.parent.name


def groups(shards: Shards) -> list[list[tuple[Path, Shard]]]:
    """The shards of each kind and dataset."""
    found: dict[Path, list[tuple[Path, Shard]]] = {}
    for path, shard in shards.items():
        found.setdefault(path.parent, []).append((path, shard))
    return list(found.values())


def shard_rows(shards: Shards) -> list[tuple[object, ...]]:
    return [
        (path, shard.kind, len(shard["id"]), shard.attributes["content_digest"], "") for path, shard in shards.items()
    ]


def pair_problems(shards: Shards, rejects: Sequence[Reject]) -> Iterator[Problem]:
    """What a `paired` shard says differently from the `annotated` one of the same dataset and number."""
    rejected = {reject.id for reject in rejects if reject.stage == "render_pairs"}
    for path, shard in shards.items():
        annotated = shards.get(path.parent.parent.parent / "annotated" / path.parent.name / path.name)
        if shard.kind == "paired" and annotated is not None:
            yield from ((path, said) for said in originals_that_differ(shard, annotated))
            yield from ((path, said) for said in skipped(shard, annotated, rejected))


def reject_problems(shards: Shards, rejects: Sequence[Reject]) -> Iterator[str]:
    """Rejects that say nothing, stand there twice, or stand in a shard all the same."""
    for (item, stage), count in Counter((reject.id, reject.stage) for reject in rejects).items():
        if count > 1:
            yield f"'{item}' is rejected {count} times by {stage}"
    for reject in rejects:
        if not all(reject):
            yield f"a row lacks its id, stage or reason: {tuple(reject)}"
    for kind, stages in REJECTING.items():
        whole = "clip" if kind == "speech" else "id"
        kept = {item for shard in shards.values() if shard.kind == kind for item in shard.text(whole)}
        for reject in rejects:
            if reject.stage in stages and reject.id in kept:
                yield f"'{reject.id}' was rejected by {reject.stage} and is in a '{kind}' shard"


def summary_problems(shards: Shards, rejects: Sequence[Reject], described: Mapping[str, Any]) -> Iterator[str]:
    """Where `dataset.json` differs from the shards and the rejects that it counts."""
    listed = {(row["kind"], row["dataset"], row["shard"]): row for row in described["shards"]}
    found = {(shard.kind, path.parent.name, path.stem): shard for path, shard in shards.items()}
    for key in sorted(listed.keys() ^ found.keys()):
        yield f"{'/'.join(key)} is {'listed and not there' if key in listed else 'there and not listed'}"
    for key in sorted(listed.keys() & found.keys()):
        row, shard = listed[key], found[key]
        if row["items"] != len(shard["id"]) or row["content_digest"] != shard.attributes["content_digest"]:
            yield f"{'/'.join(key)} has other items or another digest than is listed"
    counted = dict(Counter(reject.stage for reject in rejects))
    if described["rejects"] != counted:
        yield f"counts rejects as {described['rejects']}, there are {counted}"


def report_problems(problems: Sequence[Problem], shards: int) -> None:
    """Raise InputError that names the first problems, if there are any."""
    if problems:
        listed = "; ".join(f"{path}: {said}" for path, said in problems[:SHOWN])
        more = "; ..." if len(problems) > SHOWN else ""
        remedy = "delete the files that it names and run the workflow again, which makes them anew"
        raise InputError(f"validation of {shards} shards", f"found {len(problems)} problems: {listed}{more}", remedy)
