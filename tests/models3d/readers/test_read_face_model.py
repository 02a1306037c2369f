"""The registry: every reader by its name, with the same two questions asked of all."""

import json
from pathlib import Path

import pytest
from jaxtyping import TypeCheckError

import models3d
from models3d.errors import InputError
from models3d.readers import READERS, read_face_model
from models3d.readers.native import write_model


def test_a_reader_by_name(tmp_path, face, assert_same):
    write_model(tmp_path / "a.h5", face)
    assert_same(read_face_model("native", tmp_path / "a.h5"), face)


def test_an_unknown_reader(tmp_path):
    with pytest.raises(
        InputError, match=r"reader 'obj': is not known. Choose one of lsfm, bfm, flame, ict, surrey, native"
    ):
        read_face_model("obj", tmp_path)


@pytest.mark.parametrize(
    ("reader", "ending"),
    [
        ("lsfm", ".mat"),
        ("bfm", ".mat"),
        ("bfm", ".h5"),
        ("flame", ".npz"),
        ("flame", ".pkl"),
        ("ict", ""),
        ("native", ".h5"),
    ],
)
def test_every_reader_names_a_path_that_is_not_there(tmp_path, reader, ending):
    with pytest.raises(InputError, match=rf"nowhere{ending}: is not a (file|folder). Give the path of"):
        read_face_model(reader, tmp_path / f"nowhere{ending}")


def test_the_configuration_admits_exactly_these_readers():
    schema = json.loads((Path(models3d.__file__).parents[1] / "workflow/schemas/config.schema.json").read_text())
    assert schema["$defs"]["part"]["properties"]["reader"]["enum"] == list(READERS)


def test_canary_types_are_checked():
    with pytest.raises(TypeCheckError):
        read_face_model("native", "a string, not a path")
