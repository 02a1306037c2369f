"""A campaign: workers that read damaged files, watched from outside, started anew when they crash, hang or grow."""

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.worker import ROOT

HANG_CPU_S = 10.0
"""Of processor time for one input: what else runs on the machine does not count."""
HANG_WALL_S = 60.0
MOST_BYTES = 2 * 2**30
PREPARATION_S = 120.0
LOOK_EVERY_S = 0.1
TICKS_A_SECOND, PAGE_BYTES = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGESIZE")


@dataclass
class Tally:
    """What became of the inputs of one subject."""

    subject: str
    read: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    peak_bytes: int = 0
    bad: list[tuple[int, str]] = field(default_factory=list)
    """Numbers of inputs, and what they did."""

    @property
    def inputs(self) -> int:
        return self.read + self.refused + len(self.bad)


class Worker:
    """One process that reads; what it says line by line, with a watch on its time and memory."""

    def __init__(self, folder: Path, seed: str) -> None:
        command = [sys.executable, "-X", "faulthandler", str(ROOT / "tests/fuzz/worker.py"), str(folder), seed]
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "stderr").open("wb") as errors:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        self._folder, self._pending = folder, b""

    def ask(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()

    def line(self, wall_s: float, cpu_s: float) -> str:
        """The next line. Raises RuntimeError, with the reason, if none comes: then the process is dead."""
        assert self._process.stdout
        started, cpu = time.monotonic(), self._cpu_s()
        while b"\n" not in self._pending:
            if select.select([self._process.stdout], [], [], LOOK_EVERY_S)[0]:
                came = os.read(self._process.stdout.fileno(), 65536)
                if not came:
                    raise RuntimeError(self._fate())
                self._pending += came
            elif self._cpu_s() - cpu > cpu_s or time.monotonic() - started > wall_s:
                self.kill()
                raise RuntimeError(f"hangs ({time.monotonic() - started:.0f} s)")
            elif self._resident_bytes() > MOST_BYTES:
                self.kill()
                raise RuntimeError(f"takes more than {MOST_BYTES >> 20} MB")
        line, _, self._pending = self._pending.partition(b"\n")
        return line.decode()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream
            stream.close()

    def _fate(self) -> str:
        code = self._process.wait()
        said = (self._folder / "stderr").read_text(errors="replace").strip().splitlines()[-12:]
        return f"crashes (exit {code}): {' / '.join(said)[-600:]}"

    def _cpu_s(self) -> float:
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND if len(fields) > 12 else 0.0

    def _resident_bytes(self) -> int:
        try:
            return int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]) * PAGE_BYTES
        except (OSError, IndexError):
            return 0


class Reading:
    """Reads the inputs of one subject after another, with a new worker where one is lost."""

    def __init__(self, folder: Path, seed: str) -> None:
        self._folder, self._seed = folder, seed
        self._worker: Worker | None = None

    def close(self) -> None:
        if self._worker:
            self._worker.kill()

    def read(self, subject: str, count: int) -> Tally:
        tally, at = Tally(subject), 0
        while at < count:
            at = self._stretch(tally, at, count)
        return tally

    def _stretch(self, tally: Tally, first: int, end: int) -> int:
        """Inputs from `first` on until a worker is lost; the number of the next."""
        self._worker = self._worker or Worker(self._folder, self._seed)
        self._worker.ask(f"{tally.subject} {first} {end}")
        number = -1
        try:
            assert self._worker.line(10 * PREPARATION_S, PREPARATION_S) == "prepared"
            for number in range(first, end):
                assert self._worker.line(HANG_WALL_S, HANG_CPU_S) == str(number)
                self._note(tally, number, self._worker.line(HANG_WALL_S, HANG_CPU_S))
        except RuntimeError as lost:
            self._worker = None
            if number < 0:
                raise AssertionError(f"{tally.subject} cannot be prepared: {lost}") from lost
            self._bad(tally, number, str(lost))
            return number + 1
        return end

    def _note(self, tally: Tally, number: int, line: str) -> None:
        seconds, peak, said = line.split(maxsplit=2)
        tally.slowest_s = max(tally.slowest_s, float(seconds))
        tally.peak_bytes = max(tally.peak_bytes, int(peak) * 1024)
        if int(peak) * 1024 > MOST_BYTES:
            assert self._worker
            self._worker.kill()
            raise RuntimeError(f"takes {int(peak) >> 10} MB")
        if said == "read":
            tally.read += 1
        elif said == "refused":
            tally.refused += 1
        else:
            self._bad(tally, number, said.removeprefix("bad "))

    def _bad(self, tally: Tally, number: int, why: str) -> None:
        tally.bad.append((number, why))
        kept = self._folder.parent / "bad.txt"
        repeat = f"python tests/fuzz/worker.py {self._folder}-again {self._seed} {tally.subject} {number}"
        with kept.open("a") as stream:
            stream.write(f"{tally.subject} {number}: {why}\n    {repeat}\n")


def campaign(folder: Path, subjects: Iterable[str], inputs: int, seed: str, workers: int) -> list[Tally]:
    """So many inputs for each subject, shared among workers. The inputs depend on the seed alone."""
    names = list(subjects)
    shares = [names[start::workers] for start in range(min(workers, len(names)))]

    def run(number: int) -> list[Tally]:
        reading = Reading(folder / f"worker_{number}", seed)
        try:
            return [reading.read(name, inputs) for name in shares[number]]
        finally:
            reading.close()

    with ThreadPoolExecutor(workers) as pool:
        tallies = [tally for share in pool.map(run, range(len(shares))) for tally in share]
    return sorted(tallies, key=lambda tally: names.index(tally.subject))


def table(tallies: Iterable[Tally]) -> str:
    rows = [f"{'reader':18} {'inputs':>8} {'read':>8} {'refused':>8} {'bad':>4} {'slowest s':>10} {'peak MB':>8}"]
    rows += [
        f"{t.subject:18} {t.inputs:8d} {t.read:8d} {t.refused:8d} {len(t.bad):4d} {t.slowest_s:10.2f} "
        f"{t.peak_bytes >> 20:8d}"
        for t in tallies
    ]
    total = sum(t.inputs for t in tallies)
    return "\n".join([*rows, f"{total} inputs, {sum(len(t.bad) for t in tallies)} bad"])
