"""What a shard was made from: its stage, settings and code, and the same for each of its inputs, to the beginning."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from models3d.errors import InputError
from models3d.readers.hdf5 import Attributes, examine
from pipeline.files import Paths
from pipeline.provenance import code_digest, input_digest
from pipeline.run_jobs import Job, dry_run
from pipeline.settings.plan import Explain

STAGE = "explain"


def run(inputs: Paths, outputs: Paths, settings: Explain) -> None:
    """Print the chain of `settings.shard`: files as they lie there now, held against what was stated when it was made.

    Raises InputError if no shard is asked for, there is none, or no rule makes it.
    """
    if not settings.shard:
        remedy = "ask: snakemake --cores 1 explain --config shard=results/shards/annotated/sample/00001.h5"
        raise InputError("config: shard", "names no shard to explain", remedy)
    if not Path(settings.shard).is_file():
        raise InputError(
            settings.shard, "there is no such file", f"make it first: snakemake --cores 1 {settings.shard}"
        )
    jobs = dry_run(settings.snakefile, settings.config, [settings.shard], "--forceall")
    print("\n".join(chain(settings.shard, {path: job for job in jobs for path in job.outputs})), flush=True)


def chain(shard: str, makers: Mapping[str, Job]) -> Iterator[str]:
    """Lines for a file, then for every file that it comes from, each once, nearest first."""
    pending, seen = [shard], {shard}
    while pending:
        path = pending.pop(0)
        job = makers.get(path)
        stated = stated_in(Path(path))
        yield f"{path}  {digest_now(Path(path))}"
        yield from (f"    {line}" for line in _made(path, job, stated))
        for before in job.inputs if job else ():
            if before not in seen:
                seen.add(before)
                pending.append(before)


def digest_now(path: Path) -> str:
    """The digest of what lies there."""
    return f"digest {input_digest(path)[:16]}" if path.is_file() else "is not there any more"


def stated_in(path: Path) -> Attributes:
    """What an HDF5 file says it was made from; nothing for other files."""
    return examine(path).get("", {}) if path.suffix == ".h5" and path.is_file() else {}


def _made(path: str, job: Job | None, stated: Mapping[str, object]) -> Iterator[str]:
    if job is None:
        yield "not made by the workflow"
        return
    yield f"by {job.rule}"
    if "code_digest" in stated:
        now = code_digest(job.rule)
        yield f"code {stated['code_digest']}" + ("" if stated["code_digest"] == now else f", which is {now} by now")
    if "settings" in stated:
        settings = json.loads(str(stated["settings"]))
        yield f"settings {stated['settings_digest']}: {json.dumps(settings)}"
    if "model_digest" in stated:
        yield f"model {str(stated['model_digest'])[:16]}"
    if "inputs" in stated:
        yield "inputs " + ", ".join(
            f"{name} {digest[:16]}" for name, digest in json.loads(str(stated["inputs"])).items()
        )
