"""A Slurm of one node on this machine, from Debian's packages and without systemd, that is gone when its block ends.

The job step strips every SLURM_ variable, SLURM_CONF too, so the configuration has to lie in /etc/slurm.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
COMMANDS = ("slurmctld", "slurmd", "sbatch", "munged")
FOLDER = Path("/etc/slurm")
OURS = "# Written by tests/slurm/one_node.py, which also removes it.\n"
PATIENCE_S = 60

CONFIGURATION = """\
ClusterName=one_node
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthInfo=socket={folder}/munge.socket
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
GresTypes=gpu
ReturnToService=2
KillWait=2
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=64000 Gres=gpu:1 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
"""64 GB and the GPU are claims: nothing enforces them here, and the rules' own requests have to fit."""


class CannotStart(Exception):
    """Why there is no Slurm, and what would mend it."""


def install() -> None:
    """See that the packages are there. Raises CannotStart where they are not and cannot be installed."""
    if os.geteuid() != 0:
        raise CannotStart("Slurm's daemons need root here: run this as root, in a container for example")
    if not all(map(shutil.which, COMMANDS)):
        if not shutil.which("apt-get"):
            raise CannotStart(f"there is no apt-get: install {', '.join(PACKAGES)} by other means")
        quiet = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, "stdout": subprocess.DEVNULL}
        for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *PACKAGES]):
            if subprocess.run(["apt-get", "-qq", *arguments], check=False, **quiet).returncode:
                raise CannotStart(f"`apt-get {' '.join(arguments)}` failed: install {', '.join(PACKAGES)} by hand")


@contextmanager
def one_node(folder: Path, cores: int) -> Iterator[str]:
    """Run munged, slurmctld and slurmd until the block ends; their logs and state lie in `folder`.

    Yields the node's name. Raises CannotStart if this machine already has a Slurm of its own.
    """
    install()
    host = socket.gethostname().split(".")[0]
    texts = {
        "slurm.conf": OURS + CONFIGURATION.format(host=host, folder=folder, cores=cores),
        "gres.conf": OURS + "Name=gpu File=/dev/null\n",
    }
    for name in texts:
        if (FOLDER / name).exists() and not (FOLDER / name).read_text().startswith(OURS):
            raise CannotStart(f"{FOLDER / name} is somebody's: run this on a machine without a Slurm of its own")
    for below in ("state", "spool"):
        (folder / below).mkdir(parents=True)
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o600)
    with ExitStack() as running:
        for name, text in texts.items():
            (FOLDER / name).write_text(text)
            running.callback((FOLDER / name).unlink)
        places = [f"--{kind}-file={folder}/munge.{kind}" for kind in ("key", "pid", "log", "seed")]
        munged = ["munged", "--foreground", "--force", f"--socket={folder}/munge.socket", *places]
        running.enter_context(daemon(munged, folder))
        wait_until((folder / "munge.socket").exists, "munged", folder)
        running.enter_context(daemon(["slurmctld", "-D", "-i"], folder))
        running.enter_context(daemon(["slurmd", "-D", "-N", host], folder))
        wait_until(lambda: says("sinfo", "--noheader", "--format=%T") == "idle", "slurmd", folder)
        yield host
        says("scancel", "--user=root")


@contextmanager
def daemon(command: Sequence[str], folder: Path) -> Iterator[None]:
    """A process in the foreground with its log in `folder`, ended with the block."""
    with (folder / f"{command[0]}.out").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def says(*command: str) -> str:
    """What a command prints, or nothing if it fails."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def wait_until(true: Callable[[], bool], what: str, folder: Path) -> None:
    """Raises CannotStart, with the end of the daemon's log, if it takes more than a minute."""
    until = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > until:
            said = (folder / f"{what}.out").read_text(errors="replace")[-2000:]
            raise CannotStart(f"{what} is not ready after {PATIENCE_S} s:\n{said}")
        time.sleep(0.2)


if __name__ == "__main__":  # whether `make test-slurm` can run here
    try:
        install()
    except CannotStart as why:
        sys.exit(f"No Slurm is tested: {why}.")
