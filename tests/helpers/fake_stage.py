"""In place of workflow/scripts/stage.py: a job that makes empty outputs and says when it worked, so that only the
workflow itself is tested.

Line by line in fake_jobs.csv: rule, start and end in seconds of one clock, and whether it asked for a GPU.
"""

import os
import time
from pathlib import Path

NOTHING = '{"shards": [], "rejects": {}}'
"""What the last words of a run are read from."""
PAUSE_S = 0.1
"""Of each job, so that two of them are seen to overlap."""


def main(job) -> None:
    start, gpu = time.monotonic(), job.resources.get("gpu", 0)
    for path in map(Path, job.output):
        if path.suffix:
            path.write_text(NOTHING if path.suffix == ".json" else "")
        else:
            path.mkdir(exist_ok=True)
    time.sleep(PAUSE_S)
    line = f"{job.rule},{start},{time.monotonic()},{gpu}\n"
    file = os.open("fake_jobs.csv", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, line.encode())  # one call, so lines of jobs side by side do not mix
    os.close(file)


main(snakemake)
