"""Face models from files: one module a format, each turning what its file stores into `models3d`'s conventions.

Every reader checks names, shapes and sizes before it takes memory for the numbers, and raises InputError with
the file, the field and the remedy; none runs code from a file.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from models3d.errors import InputError
from models3d.face_model import FaceModel
from models3d.readers.bfm import read_bfm
from models3d.readers.flame import read_flame
from models3d.readers.ict import read_ict
from models3d.readers.lsfm import read_lsfm
from models3d.readers.native import read_native
from models3d.readers.surrey import read_surrey

READERS: Mapping[str, Callable[[Path, Path | None], FaceModel]] = {
    "lsfm": read_lsfm,
    "bfm": read_bfm,
    "flame": read_flame,
    "ict": read_ict,
    "surrey": read_surrey,
    "native": read_native,
}


def read_face_model(reader: str, path: Path, landmarks: Path | None = None) -> FaceModel:
    """The face model of a file or folder.

    reader     a key of `READERS`
    landmarks  a file of 68 vertex ids or points for formats that bring none; elsewhere it takes the place of theirs

    Raises InputError for an unknown reader and for whatever the reader finds wrong with the file.
    """
    if reader not in READERS:
        raise InputError(f"reader '{reader}'", "is not known", f"choose one of {', '.join(READERS)}")
    return READERS[reader](path, landmarks)
