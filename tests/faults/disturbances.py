"""What happens to a run: its workflow, one of its jobs, or everything killed, or its disk full."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from snakemake_run import command

from tests.faults.runs import targets

PATIENCE_S = 300.0
ENOUGH_BYTES = 4 * 2**30


class Run:
    """A workflow in a session of its own."""

    def __init__(self, folder: Path, config: dict, cores: int) -> None:
        self.said = folder / "said.txt"
        with self.said.open("wb") as stream:
            self.process = subprocess.Popen(
                command(folder, *targets(config), config=config, cores=cores), cwd=folder, stdout=stream, stderr=stream,
                start_new_session=True,
            )  # fmt: skip

    def started(self) -> list[str]:
        """The rules whose jobs have started."""
        return re.findall(r"^(?:local)?rule (\w+):", self.said.read_text(errors="replace"), re.MULTILINE)

    def wait_for_job(self, number: int) -> str:
        """The rule of the job that starts as number `number`, from 1, or of the last one if the run ends before."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            rules = self.started()
            if len(rules) >= number:
                return rules[number - 1]
            if self.process.poll() is not None:
                return rules[-1] if rules else "nothing"
            time.sleep(0.02)
        raise AssertionError(f"no job starts:\n{self.said.read_text(errors='replace')}")

    def jobs(self) -> list[int]:
        """The processes that run a stage now."""
        return [process for process in descendants(self.process.pid) if is_stage(process)]

    def finish(self) -> int:
        return self.process.wait(timeout=PATIENCE_S * 3)


def descendants(process: int) -> Iterator[int]:
    try:
        children = Path(f"/proc/{process}/task").glob("*/children")
        numbers = [int(word) for path in children for word in path.read_text().split()]
    except OSError:
        return
    for child in numbers:
        yield child
        yield from descendants(child)


def is_stage(process: int) -> bool:
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"python" in words[0] and any(word.endswith(b".stage.py") for word in words)  # not the shell above it


def kill_workflow(run: Run) -> str | None:
    """Snakemake alone: its jobs are orphans. Like the next two, None if the run was over."""
    if run.process.poll() is not None:
        return None
    orphans = run.jobs()
    run.process.kill()
    run.process.wait()
    return f"{len(orphans)} orphans"


def kill_job(run: Run) -> str | None:
    """One job; the workflow sees it fail and goes on with what does not need it."""
    until = time.monotonic() + 5
    while not (jobs := run.jobs()) and run.process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    for job in jobs[:1]:
        os.kill(job, signal.SIGKILL)
    code = run.finish()
    assert not jobs or code, f"a job was killed and the run says nothing:\n{run.said.read_text()}"
    return f"exit {code}" if jobs else None


def kill_everything(run: Run) -> str | None:
    """As when the power fails, but for what the disk has not written yet."""
    if run.process.poll() is not None:
        return None
    os.killpg(run.process.pid, signal.SIGKILL)
    run.process.wait()
    return ""


def fill_disk(run: Run) -> str:
    """Nothing to do: the disk has no room for all that the run makes."""
    code = run.finish()
    said = run.said.read_text(errors="replace")
    assert code and re.search("No space left|disk is full|errno 28", said), (
        f"exit {code}, and it does not say why:\n{said}"
    )
    return f"exit {code}"


KINDS = {"workflow": kill_workflow, "job": kill_job, "everything": kill_everything, "disk": fill_disk}


@contextmanager
def own_disk(folder: Path) -> Iterator[None]:
    """A file system in memory at a folder. Raises CalledProcessError where one may not be mounted."""
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={ENOUGH_BYTES},huge=never", "tmpfs"]
    subprocess.run(["mount", *options, str(folder)], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def leave_room(folder: Path, room: int) -> None:
    """Make a disk so small that it has room for so many bytes more."""
    found = os.statvfs(folder)
    resize(folder, (found.f_blocks - found.f_bfree) * found.f_frsize + room)


def resize(folder: Path, size: int = ENOUGH_BYTES) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True)


def may_mount(folder: Path) -> bool:
    try:
        with own_disk(folder / "probe"):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False
