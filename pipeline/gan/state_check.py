"""A look at a file of weights before torch opens it: what would make torch unpack without end, or puzzle for hours."""

import pickletools
import zipfile
from pathlib import Path

MOST_STEPS = 2_000_000
"""Of unpickling; a network takes some twenty for each of its weights' names."""
LONGEST_WORD = 1000
"""Characters without a space. torch searches its own complaints, in which such a word would stand, with a pattern that
takes the square of a word's length."""


def check_state_file(path: Path) -> None:
    """Raises ValueError, or what damaged files make `zipfile` and `pickletools` raise."""
    if not zipfile.is_zipfile(path):
        raise ValueError("it is no zip file, as which torch 1.6 and later save")
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"'{member.filename[:100]}' is compressed, which torch's files are not")
            if member.filename.endswith("data.pkl"):
                _check_pickle(archive.read(member))


def _check_pickle(content: bytes) -> None:
    for number, (_, argument, _) in enumerate(pickletools.genops(content)):
        if number > MOST_STEPS:
            raise ValueError(f"more than {MOST_STEPS} steps to unpickle")
        if isinstance(argument, str | bytes) and max(map(len, argument.split()), default=0) > LONGEST_WORD:
            raise ValueError(f"a word of more than {LONGEST_WORD} characters")
