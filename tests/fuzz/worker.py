"""Reads damaged files, one after the other, and says what became of each; made to be killed.

`worker.py <folder> <seed>` takes lines `<subject> <first> <end>` and answers, for each input, with its number before
it is read and `read`, `refused` or `bad <why>` after it, with seconds and the peak of memory.
`worker.py <folder> <seed> <subject> <number>` repeats one input and shows what is raised.
"""

import os
import re
import sys
import sysconfig
import time
import traceback
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[2]
for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ[f"{library}_NUM_THREADS"] = "1"
sys.path[:0] = [str(ROOT), str(ROOT / "tests/helpers")]

from models3d.errors import InputError, UnusableDatum  # noqa: E402
from tests.fuzz.mutations import mutated  # noqa: E402
from tests.fuzz.opened import Opened  # noqa: E402
from tests.fuzz.readers import SUBJECTS  # noqa: E402
from tests.fuzz.subject import Subject, Valid  # noqa: E402

REFUSALS = (InputError, UnusableDatum)
INSTALLED = tuple(
    str(Path(path).resolve())
    for path in (*sysconfig.get_paths().values(), sys.prefix, sys.base_prefix, ROOT, "/usr/lib", "/usr/share", "/etc")
)
"""Where libraries and their data lie: what they read there is their own."""
DEVICES = ("/dev/null", "/dev/urandom", "/proc/", "/sys/")
CODE_RUN = (
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.forkpty", "os.startfile"),
    *("pty.spawn", "pickle.find_class", "socket.__new__", "socket.connect", "ctypes.dlopen"),
)
CHANGES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.truncate", "shutil.rmtree")


class Guard:
    """Sees what the interpreter does: what it opens, changes, starts. Libraries in C are seen by `Opened`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.armed = str(folder.resolve()), False
        self.seen: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple) -> None:
        if not self.armed:
            return
        if event == "open":
            self._opened(*arguments[:3])
        elif event in CODE_RUN or event in CHANGES:
            self.seen.append(f"{event} {arguments!r:.200}")
        elif event == "exec" and not str(arguments[0].co_filename).startswith((*INSTALLED, "<frozen", "<string>")):
            self.seen.append(f"exec of {arguments[0].co_filename}")

    def _opened(self, path: object, mode: object, flags: int) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return  # a descriptor
        place = os.path.realpath(os.fsdecode(path))
        if flags & (os.O_WRONLY | os.O_RDWR) and place != "/dev/null":
            self.seen.append(f"opened {place} to write")
        elif not place.startswith((self.folder, *INSTALLED, *DEVICES)):
            self.seen.append(f"opened {place}")


class Bench:
    """The subjects with their valid files laid out in a folder."""

    def __init__(self, folder: Path, seed: str) -> None:
        self.folder, self.seed = folder, seed
        self.inside, outside = folder / "inside", folder / "outside"
        self.inside.mkdir(parents=True, exist_ok=True)
        outside.mkdir(exist_ok=True)
        self.secret = outside / "secret"
        self.opened = Opened(outside)
        self.guard = Guard(self.inside)
        self.made: dict[str, list[Valid]] = {}

    def prepare(self, name: str) -> Subject:
        """Make the files of a subject, once. Raises if a valid one is refused, or a hostile one read or harmful."""
        subject = SUBJECTS[name]
        if name not in self.made:
            place = self.inside / name
            place.mkdir(exist_ok=True)
            valid = subject.make(place / "made", self.secret)
            self.opened.seen()  # what the makers did there
            for number, file in enumerate(valid):
                for below, content in file.beside.items():
                    path = place / str(number) / below
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content)
                path = written(place / str(number), file, file.content)
                subject.read(path) if not file.hostile else None  # modules that readers import late, not under guard
            for number, file in enumerate(valid):
                said = self.outcome(subject, written(place / str(number), file, file.content))
                if said != ("refused" if file.hostile else "read"):
                    raise AssertionError(
                        f"file {number} of {name}, {'made to do harm' if file.hostile else 'valid'}: {said}"
                    )
            self.made[name] = valid
        return subject

    def damaged(self, name: str, number: int) -> Path:
        """Input `number` of a subject, written."""
        files, random = self.made[name], Random(f"{self.seed} {name} {number}")
        choice = random.randrange(len(files))
        content = mutated(files[choice].content, [file.content for file in files], random)
        return written(self.inside / name / str(choice), files[choice], content)

    def outcome(self, subject: Subject, path: Path) -> str:
        """What becomes of a file: `read`, `refused`, or `bad` and why."""
        self.guard.armed = True
        try:
            subject.read(path)
            said = "read"
        except REFUSALS:
            said = "refused"
        except BaseException as error:
            line = traceback.extract_tb(error.__traceback__)[-1]
            said = f"bad {type(error).__name__} at {Path(line.filename).name}:{line.lineno}: {error!s:.150}"
        finally:
            self.guard.armed = False
        harm = [*self.guard.seen, *(f"touched {name} outside" for name in self.opened.seen())]
        self.guard.seen.clear()
        return f"bad {'; '.join(harm)}" if harm else said


def written(folder: Path, file: Valid, content: bytes) -> Path:
    """A new file under the old name: an array may still map the one that was there."""
    path = folder / file.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(file.pack(content))
    return path


def peak_kb() -> int:
    """Of this process. Not by getrusage, whose figure a process inherits from the one that started it."""
    return int(re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[0])


def serve(bench: Bench, answers: int) -> None:
    for line in sys.stdin:
        name, first, end = line.split()
        subject = bench.prepare(name)
        os.write(answers, b"prepared\n")
        for number in range(int(first), int(end)):
            os.write(answers, f"{number}\n".encode())
            started = time.perf_counter()
            said = bench.outcome(subject, bench.damaged(name, number)).replace("\n", " ")
            os.write(answers, f"{time.perf_counter() - started:.4f} {peak_kb()} {said}\n".encode(errors="replace"))


def repeat(bench: Bench, name: str, number: int) -> None:
    subject = bench.prepare(name)
    path = bench.damaged(name, number)
    print(f"{name} {number}: {path}, {path.stat().st_size} bytes", flush=True)
    bench.guard.armed = True
    started = time.perf_counter()
    try:
        print(f"{subject.read(path)!r:.200}")
    finally:
        bench.guard.armed = False
        print(bench.guard.seen, bench.opened.seen(), f"{time.perf_counter() - started:.2f} s")


if __name__ == "__main__":
    ready = Bench(Path(sys.argv[1]), sys.argv[2])
    if len(sys.argv) == 5:
        repeat(ready, sys.argv[3], int(sys.argv[4]))
    else:
        said_to = os.dup(1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # libraries talk
        serve(ready, said_to)
