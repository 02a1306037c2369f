"""No bytes of a stranger crash, hang, fill the memory, lead out of their folder or run code, in any reader.

`make test-fuzz` reads 10,000 damaged files a reader, `make test` a few of each.
"""

import os

import pytest

from tests.fuzz.campaign import campaign, table
from tests.fuzz.readers import SUBJECTS

SHORT, LONG = 8, 10_000


def found(folder, inputs: int, seed: str) -> str:
    tallies = campaign(folder, chosen(), inputs, seed, int(os.environ.get("FUZZ_WORKERS", "1")))
    print(f"\n{table(tallies)}")
    assert all(tally.inputs == inputs for tally in tallies)
    return "\n".join(f"{tally.subject} {number}: {why}" for tally in tallies for number, why in tally.bad)


def chosen() -> list[str]:
    names = os.environ.get("FUZZ_READERS", "").split()
    return names or list(SUBJECTS)


def test_some_damaged_files(tmp_path):
    assert not found(tmp_path, SHORT, "short")


@pytest.mark.fuzz
def test_many_damaged_files(tmp_path):
    assert not found(tmp_path, int(os.environ.get("FUZZ_INPUTS", LONG)), os.environ.get("FUZZ_SEED", "long"))
