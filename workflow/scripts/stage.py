"""The one adapter between Snakemake and a stage: rule `fit_faces` runs `pipeline.fit_faces.run`."""

import importlib
import logging
import os
import sys
from inspect import signature
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):  # before numpy is imported, which reads them once
    os.environ[f"{library}_NUM_THREADS"] = str(snakemake.threads)
if not sys.stderr.isatty():  # progress bars are for people, not for log files
    os.environ.setdefault("TQDM_DISABLE", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pipeline.orphans import end_with_workflow  # noqa: E402

end_with_workflow()  # before anything that takes time

from models3d.errors import InputError  # noqa: E402
from pipeline.settings.reading import read_settings  # noqa: E402


def named_paths(files) -> dict:
    """The named inputs or outputs of a rule, as paths."""
    return {
        name: Path(files[name]) if isinstance(files[name], str) else [Path(path) for path in files[name]]
        for name in files.keys()  # noqa: SIM118  (a Namedlist iterates over its values)
    }


def main(job) -> None:
    logging.basicConfig(filename=job.log[0], level=logging.INFO, format="%(asctime)s %(name)s %(message)s", force=True)
    stage = importlib.import_module(f"pipeline.{job.rule}")
    record = signature(stage.run).parameters["settings"].annotation
    try:
        stage.run(named_paths(job.input), named_paths(job.output), read_settings(record, job.params.settings))
        logging.info("%s used %.2f s of processor time", job.rule, sum(os.times()[:4]))
    except InputError as error:
        logging.error(error)
        sys.exit(f"{job.rule}: {error}")
    except Exception as error:
        logging.exception("%s failed", job.rule)
        if "No space left" in str(error):
            sys.exit(f"{job.rule}: the disk is full. Free some space and give the same command again.")
        raise


main(snakemake)
