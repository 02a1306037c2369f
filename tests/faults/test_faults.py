"""A run that was killed, or whose disk was full, ends with the same bytes when the same command is given again.

`make test-faults` prints a table of what was done to a run, where, and whether it survived.
"""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random
from subprocess import TimeoutExpired
from typing import NamedTuple

import pytest
from snakemake_run import snakemake

from tests.faults.disturbances import KINDS, Run, leave_room, may_mount, own_disk, resize
from tests.faults.runs import DATA, TRAINING, Job, copy_up_to, jobs_of, products, targets

FAULTS = 32
TRAINING_SHARE = 5
"""One fault of so many strikes the training."""
MOST_ATTEMPTS = 5
"""To strike before a run is over: each strikes after half the time of the one before."""
AT_ONCE = int(os.environ.get("FAULTS_AT_ONCE", "2"))
TRAINING_RULES = ("train_identity", "train_slidergan", "evaluate")
LEAST_ROOM = 100_000
"""Bytes that Snakemake's own tables need to begin with."""
LEAST_LATER = 10 * LEAST_ROOM
"""Bytes still to be written for which a disk can be too small."""


class Fault(NamedTuple):
    """What is done to a run, and where."""

    kind: str
    config: dict
    undone: list[Job]
    """Those that the run still has to do, in their order."""
    job: int
    """The fault strikes when so many of them have started, from 1, ..."""
    share: float
    """... and after this share of the last one's time."""
    room: float
    """Of a full disk: which share of what is still to be written has room."""


class Survived(NamedTuple):
    fault: Fault
    point: str
    problem: str
    """Empty if it survived."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, list[Job]]:
    """An undisturbed run, training included, and its jobs."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    run = snakemake(folder, *targets(TRAINING), config=TRAINING, cores=AT_ONCE)
    assert run.returncode == 0, run.stdout
    return folder, jobs_of(run.stdout, folder)


def drawn(count: int, jobs: list[Job], kinds: list[str], finished: Path, random: Random) -> list[Fault]:
    """Faults of all kinds in turn; the first strikes the sample's making, every fifth the training."""
    data = [job for job in jobs if job.rule not in TRAINING_RULES]
    training = [job for job in jobs if job.rule in TRAINING_RULES]
    faults = []
    for number in range(count):
        trains = number % TRAINING_SHARE == TRAINING_SHARE - 1
        part, config = (training, TRAINING) if trains else (data, DATA)
        kind = kinds[number % len(kinds)]
        places = range(0 if trains else 1, len(part))
        if kind == "disk":
            places = [first for first in places if later(part[first:], finished) >= LEAST_LATER] or [0]
        undone = part[0 if number == 0 else random.choice(places) :]
        strikes = random.randrange(1, min(len(undone), 3) + 1)
        faults.append(Fault(kind, config, undone, strikes, random.uniform(0, 1.1), random.uniform(0, 0.9)))
    return faults


def survive(fault: Fault, finished: Path, folder: Path) -> Survived:
    """Disturb a run in a new folder, give the same command again, and compare."""
    with ExitStack() as disk:
        if fault.kind == "disk":
            disk.enter_context(own_disk(folder.parent))
        point = None
        for attempt in range(MOST_ATTEMPTS):
            shutil.rmtree(folder, ignore_errors=True)
            copy_up_to(finished, folder, fault.undone)
            if fault.kind == "disk":
                leave_room(folder.parent, room_for(fault, finished))
            point = strike(fault, folder, fault.share / 2**attempt)
            if point is not None:
                break
        assert point is not None, "the run was over before the fault struck, each time"
        if fault.kind == "disk":
            resize(folder.parent)
        again = snakemake(folder, *targets(fault.config), config=fault.config, cores=1)
        return Survived(fault, point, difference(finished, folder, again.returncode, again.stdout))


def strike(fault: Fault, folder: Path, share: float) -> str | None:
    """Run, and disturb the run; where and how, or None if it was over before."""
    run = Run(folder, fault.config, cores=1)
    if fault.kind == "disk":
        return f"full, {KINDS[fault.kind](run)}"
    rule = run.wait_for_job(fault.job)
    delay = share * fault.undone[fault.job - 1].seconds
    waited(run, delay)
    struck = KINDS[fault.kind](run)
    return None if struck is None else f"{rule} + {delay:.1f} s {struck}"


def waited(run: Run, seconds: float) -> None:
    with suppress(TimeoutExpired):  # it is still at work, as it should be
        run.process.wait(seconds)


def difference(finished: Path, folder: Path, code: int, said: str) -> str:
    if code:
        return f"the second run fails: {said[-1500:]}"
    expected, found = products(finished), products(folder)
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    return f"differs in {wrong}" if wrong else ""


def room_for(fault: Fault, finished: Path) -> int:
    """Bytes for a share of what is still to be written, and never for all of it."""
    return LEAST_ROOM + int(fault.room * (later(fault.undone, finished) - 3 * LEAST_ROOM))


def later(undone: list[Job], finished: Path) -> int:
    """Bytes that some jobs write."""
    coming = [finished / name for job in undone for name in job.outputs]
    files = [path for made in coming for path in (made.rglob("*") if made.is_dir() else [made])]
    return sum(path.stat().st_size for path in files)


def table(survived: list[Survived]) -> str:
    rows = [f"{'kind':12} {'jobs left':>9}  {'point':50} survived"]
    rows += [
        f"{s.fault.kind:12} {len(s.fault.undone):9d}  {s.point:50} {'NO' if s.problem else 'yes'}" for s in survived
    ]
    return "\n".join([*rows, f"{sum(not s.problem for s in survived)} of {len(survived)}"])


@pytest.mark.faults
def test_every_fault_is_survived(finished, tmp_path):
    folder, jobs = finished
    kinds = list(KINDS)
    if not may_mount(tmp_path):
        kinds.remove("disk")
        print("\nNo full disks: a file system in memory may not be mounted here (root may)")
    random = Random(os.environ.get("FAULTS_SEED", "faults"))
    faults = drawn(int(os.environ.get("FAULTS", FAULTS)), jobs, kinds, folder, random)

    def one(number: int) -> Survived:
        place = tmp_path / f"{number:02d}"
        if faults[number].kind != "disk":  # there the mount makes it
            place.mkdir()
        try:
            found = survive(faults[number], folder, place / "run")
        except (AssertionError, OSError) as error:
            found = Survived(faults[number], "", str(error))
        print(f"{number:3d} {found.fault.kind:12} {found.point} {found.problem or 'survived'}", flush=True)
        return found

    with ThreadPoolExecutor(AT_ONCE) as pool:
        survived = list(pool.map(one, range(len(faults))))
    print(f"\n{table(survived)}")
    assert not [s.problem for s in survived if s.problem]
