"""Face models in every layout, landmarks of a topology, learnt offsets."""

import json
import pickle
import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import scipy.io
from small_face import small_face

from models3d.face_model import LANDMARK_COUNT, Basis
from models3d.learnt_offsets import DetectorHabits, LearntLandmarks, LearntOffsets, Regressor
from models3d.readers import read_face_model
from models3d.readers.landmark_file import read_landmarks
from models3d.readers.learnt_offsets_file import read_learnt_landmarks, write_learnt_landmarks
from models3d.readers.native import write_model
from tests.fuzz.packing import mat_compressed, members_of, npy, zipped_beside
from tests.fuzz.subject import Subject, Valid

FACE = small_face(7)
IDS = json.dumps(FACE.landmarks.tolist()).encode()
BESIDE = {"landmarks.json": IDS}
Arrays = Mapping[str, np.ndarray]


def model(reader: str, with_landmarks: bool = True) -> Callable[[Path], object]:
    return lambda path: read_face_model(reader, path, path.parent / "landmarks.json" if with_landmarks else None)


def columns(components: np.ndarray) -> np.ndarray:
    return np.asarray(components, np.float64).reshape(len(components), -1).T


def saved(made: Path, write: Callable[[Path], object]) -> bytes:
    """What a function writes into a file."""
    made.parent.mkdir(parents=True, exist_ok=True)
    write(made)
    return made.read_bytes()


def mat(made: Path, content: Mapping[str, object], **options: object) -> bytes:
    return saved(made.with_suffix(".mat"), lambda path: scipy.io.savemat(path, content, **options))


def hdf5(made: Path, arrays: Arrays, attributes: Mapping[str, object], version: str, **options: object) -> bytes:
    """Version `earliest` has no checksums, so damage reaches the parser; `v110` is what this project writes."""

    def write(path: Path) -> None:
        with h5py.File(path, "w", libver=(version, "v110")) as file:
            file.attrs.update(attributes)
            for name, array in arrays.items():
                file.create_dataset(name, data=array, track_times=False, **(options if np.ndim(array) else {}))

    return saved(made.with_suffix(".h5"), write)


def outside_links(made: Path, secret: Path, name: str) -> list[Valid]:
    """HDF5 files whose arrays lie elsewhere: a link, a dataset stored outside, a virtual one."""
    with h5py.File(secret.with_suffix(".h5"), "w") as other:
        other[name] = np.ones((LANDMARK_COUNT, 3))

    def link(file: h5py.File) -> None:
        file[name] = h5py.ExternalLink(str(secret.with_suffix(".h5")), name)

    def external(file: h5py.File) -> None:
        place = [(str(secret.with_suffix(".bin")), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset(name, (LANDMARK_COUNT, 3), "f8", external=place)

    def virtual(file: h5py.File) -> None:
        layout = h5py.VirtualLayout((LANDMARK_COUNT, 3), "f8")
        layout[:] = h5py.VirtualSource(str(secret.with_suffix(".h5")), name, (LANDMARK_COUNT, 3))
        file.create_virtual_dataset(name, layout)

    def written(change: Callable[[h5py.File], None]) -> bytes:
        def write(path: Path) -> None:
            with h5py.File(path, "w") as file:
                change(file)

        return saved(made.with_suffix(".h5"), write)

    return [Valid("model.h5", written(change), beside=BESIDE, hostile=True) for change in (link, external, virtual)]


def unfolding(made: Path, name: str, shape: tuple[int, ...]) -> Valid:
    """A small HDF5 file with an array that is large when it is unpacked."""

    def write(path: Path) -> None:
        with h5py.File(path, "w") as file:
            file.create_dataset(name, shape, "i8", chunks=True, compression="gzip")

    return Valid("model.h5", saved(made.with_suffix(".h5"), write), beside=BESIDE, hostile=True)


def make_lsfm(made: Path, secret: Path) -> list[Valid]:
    variances = (FACE.identity.sigmas_mm.astype(np.float64) * 1000) ** 2
    released = {
        "mean": FACE.mean_mm.astype(np.float64).reshape(-1, 1) * 1000,
        "components": columns(FACE.identity.components),
        "eigenvalues": variances,
        "trilist": FACE.triangles.astype(np.uint32),
        "n_training_samples": 8402,
    }
    fields = {
        "mean": FACE.mean_mm.astype(np.float64).reshape(-1, 1) / 100,
        "faces": FACE.triangles.astype(np.float64)[:, ::-1] + 1,
        "id_basis": columns(FACE.identity.displacements_mm) / 100,
        "exp_basis": columns(FACE.expression.displacements_mm) / 100,
        "IDlands": FACE.landmarks.astype(np.float64) + 1,
    }
    whole, second = mat(made, released), mat(made, {"fmod": fields})
    packed = mat(made, released, do_compression=True)
    newest = b"MATLAB 7.3 MAT-file".ljust(512) + hdf5(made, {"mean": fields["mean"]}, {}, "earliest", chunks=True)
    return [
        *(Valid("model.mat", content, beside=BESIDE) for content in (whole, second, packed)),
        Valid("model.mat", second[128:], mat_compressed(second[:128]), BESIDE),
        Valid("model.mat", newest, beside=BESIDE, hostile=True),
    ]


def make_bfm_2009(made: Path, secret: Path) -> list[Valid]:
    content = {
        "shapeMU": FACE.mean_mm.reshape(-1, 1) * np.float32(1000),
        "shapePC": columns(FACE.identity.components).astype(np.float32),
        "shapeEV": FACE.identity.sigmas_mm.reshape(-1, 1) * np.float32(1000),
        "tl": FACE.triangles[:, ::-1].astype(np.float64) + 1,
    }
    return [Valid("model.mat", mat(made, content, do_compression=packed), beside=BESIDE) for packed in (False, True)]


def make_bfm_2017(made: Path, secret: Path) -> list[Valid]:
    arrays = {
        "shape/model/mean": FACE.mean_mm.reshape(-1),
        "expression/model/mean": np.zeros(FACE.mean_mm.size),
        "shape/representer/cells": FACE.triangles.T.astype(np.int64),
    }
    for group, basis in (("shape", FACE.identity), ("expression", FACE.expression)):
        arrays[f"{group}/model/pcaBasis"] = columns(basis.components)
        arrays[f"{group}/model/pcaVariance"] = basis.sigmas_mm.astype(np.float64) ** 2
    packed = {"chunks": True, "compression": "gzip"}
    contents = [
        hdf5(made, arrays, {}, version, **options) for version in ("earliest", "v110") for options in ({}, packed)
    ]
    return [
        *(Valid("model.h5", content, beside=BESIDE) for content in contents),
        *outside_links(made, secret, "shape/model/mean"),
        unfolding(made, "shape/model/mean", (2**26,)),
        unfolding(made, "shape/model/mean", (2**40, 2**20)),
    ]


def make_native(made: Path, secret: Path) -> list[Valid]:
    newest = saved(made.with_suffix(".h5"), lambda path: write_model(path, FACE))
    with h5py.File(made.with_suffix(".h5")) as file:
        arrays: dict[str, np.ndarray] = {}
        file.visititems(lambda name, item: arrays.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
        attributes, groups = (
            dict(file.attrs),
            {part: dict(file[part].attrs) for part in ("identity", "expression", "speech")},
        )

    def write(path: Path) -> None:
        with h5py.File(path, "w", libver=("earliest", "v110")) as file:
            file.attrs.update(attributes)
            for name, array in arrays.items():
                file[name] = array
            for part, stated in groups.items():
                file[part].attrs.update(stated)

    return [
        Valid("model.h5", newest),
        Valid("model.h5", saved(made.with_suffix(".h5"), write)),
        *(replace(valid, beside={}) for valid in outside_links(made, secret, "mean_mm")),
    ]


def flame() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(11)
    return {
        "v_template": FACE.mean_mm / np.float32(1000),
        "f": FACE.triangles.astype(np.uint32),
        "shapedirs": rng.normal(scale=1e-3, size=(len(FACE.mean_mm), 3, 400)).astype(np.float32),
        "kintree_table": np.zeros((2, 5), np.int64),
    }


def make_flame_npz(made: Path, secret: Path) -> list[Valid]:
    content = saved(made.with_suffix(".npz"), lambda path: np.savez(path, **flame()))
    members = members_of(content)
    objects = zipped_beside(members, "v_template.npy")(npy(np.array([Starts(str(secret))], object), allow_pickle=True))
    return [
        Valid("model.npz", content, beside=BESIDE),
        *(Valid("model.npz", members[n], zipped_beside(members, n), BESIDE) for n in ("v_template.npy", "f.npy")),
        Valid("model.npz", objects, beside=BESIDE, hostile=True),
    ]


class Starts:
    """Unpickled with trust, it writes a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return open, (f"{self.path}.written", "w")


class Claims:
    """An array whose shape multiplies out to a tuple of a thousand million numbers."""

    def __reduce__(self) -> tuple:
        return np._core.numeric._frombuffer, (bytes(4), np.dtype("f4"), (10**9, (1,)), "C")


def nested_key(depth: int) -> bytes:
    """A dictionary whose key is a pair of one pair twice, and so on: its hash takes 2 ** depth steps."""
    return b"\x80\x02}K\x01\x85" + b"2\x86" * depth + b"K\x01s."


def make_flame_pickle(made: Path, secret: Path) -> list[Valid]:
    arrays = flame() | {"shapedirs": flame()["shapedirs"].astype(np.float16).astype(np.float32)}
    hostile = pickle.dumps({**arrays, "posedirs": Starts(str(secret))}, protocol=2)
    return [
        *(Valid("model.pkl", pickle.dumps(arrays, protocol=p), beside=BESIDE) for p in (0, 2, 4)),
        Valid("model.pkl", hostile, beside=BESIDE, hostile=True),
        Valid("model.pkl", nested_key(60), beside=BESIDE, hostile=True),
        Valid("model.pkl", pickle.dumps({**arrays, "v_template": Claims()}), beside=BESIDE, hostile=True),
    ]


def make_ict(made: Path, secret: Path) -> list[Valid]:
    units, neutral = ("jawOpen", "mouthSmile_R"), FACE.mean_mm.astype(np.float64) / 10

    def obj(vertices: np.ndarray) -> bytes:
        lines = ["# ICT FaceKit", *("v {:.6f} {:.6f} {:.6f}".format(*vertex) for vertex in vertices), "vt 0.5 0.5"]
        lines += ["usemtl M_Face", *("f " + " ".join(f"{c + 1}/1" for c in triangle) for triangle in FACE.triangles)]
        return "\n".join([*lines, ""]).encode()

    indices = {"expressions": list(units), "idx_to_landmark_verts": FACE.landmarks.tolist()}
    files = {"generic_neutral_mesh.obj": obj(neutral), "vertex_indices.json": json.dumps(indices).encode()}
    for number, name in enumerate(("identity000", "identity001", *units)):
        files[f"{name}.obj"] = obj(neutral + FACE.identity.components[number].astype(np.float64))
    damaged = ("generic_neutral_mesh.obj", "vertex_indices.json", "identity001.obj")
    return [Valid(name, files[name], beside={k: v for k, v in files.items() if k != name}) for name in damaged]


def make_surrey(made: Path, secret: Path) -> list[Valid]:
    """With no expression model, with one of PCA, and with units."""

    def matrix(array: np.ndarray) -> bytes:
        columns = np.atleast_2d(array.T).T
        return struct.pack("<ii", *columns.shape) + columns.astype("<f4").tobytes(order="F")

    def pca(mean: np.ndarray, basis: Basis) -> bytes:
        numbers = (mean.reshape(-1), columns(basis.components), basis.sigmas_mm**2)
        triangles = struct.pack("<Q", len(FACE.triangles)) + FACE.triangles.astype("<i4").tobytes()
        return b"".join(map(matrix, numbers)) + triangles

    none = struct.pack("<iiiiiiQ", 0, 1, 0, 0, 0, 1, 0)
    begin, rest = struct.pack("<I", 4) + pca(FACE.mean_mm, FACE.identity) + none, struct.pack("<BQQ", 1, 0, 0)
    moving = struct.pack("<Bi", 0, 0) + pca(np.zeros_like(FACE.mean_mm), FACE.expression)
    units = struct.pack("<BiQQ", 0, 1, 1, 5) + b"anger" + matrix(FACE.expression.displacements_mm[0].reshape(-1))
    return [Valid("model.bin", begin + part + rest, beside=BESIDE) for part in (b"\1", moving, units)]


def read_ids(path: Path) -> object:
    return read_landmarks(path, path, FACE.mean_mm, 1.0)


def make_ids(made: Path, secret: Path) -> list[Valid]:
    points = {"landmarks": {"points": FACE.mean_mm[FACE.landmarks].tolist()}, "labels": []}
    text = " ".join(map(str, FACE.landmarks)).encode()
    return [
        Valid("a.json", IDS),
        Valid("a.txt", text),
        Valid("a.npy", npy(FACE.landmarks)),
        Valid("a.ljson", json.dumps({"version": 2, **points}).encode()),
        Valid("a.ljson", json.dumps({"version": 3, "groups": {"LJSON": points}}).encode()),
        Valid("a.npy", npy(np.array([Starts(str(secret))], object), allow_pickle=True), hostile=True),
    ]


def make_learnt(made: Path, secret: Path) -> list[Valid]:
    rng, points, width = np.random.default_rng(4), 4, 7

    def draw(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    def offsets() -> LearntOffsets:
        shapes = (width,), (width,), (width, 2 * points), (2 * points,), (width, 2 * points), (2 * points,)
        vertices = np.arange(points, dtype=np.int32)
        return LearntOffsets("0" * 16, vertices, Regressor(*(draw(*s) for s in shapes)), draw(2 * points, 2 * points))

    habits = DetectorHabits(draw(68, 3), draw(68, 3, 5), draw(136, 136))
    learnt = LearntLandmarks(habits, offsets(), offsets())
    newest = saved(made.with_suffix(".h5"), lambda path: write_learnt_landmarks(path, learnt, {"fit": "{}"}))
    with h5py.File(made.with_suffix(".h5")) as file:
        arrays: dict[str, np.ndarray] = {}
        file.visititems(lambda name, item: arrays.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
        attributes = dict(file.attrs)
    links = (replace(valid, beside={}) for valid in outside_links(made, secret, "vertices"))
    return [Valid("model.h5", newest), Valid("model.h5", hdf5(made, arrays, attributes, "earliest")), *links]


SUBJECTS = {
    "lsfm_mat": Subject(model("lsfm"), make_lsfm),
    "bfm2009_mat": Subject(model("bfm"), make_bfm_2009),
    "bfm2017_h5": Subject(model("bfm"), make_bfm_2017),
    "native_h5": Subject(model("native", with_landmarks=False), make_native),
    "flame_npz": Subject(model("flame"), make_flame_npz),
    "flame_pkl": Subject(model("flame"), make_flame_pickle),
    "surrey_bin": Subject(model("surrey"), make_surrey),
    "ict_folder": Subject(lambda path: read_face_model("ict", path.parent), make_ict),
    "landmark_ids": Subject(read_ids, make_ids),
    "learnt_offsets": Subject(lambda path: read_learnt_landmarks(path), make_learnt),
}
"""LSFM's second layout brings landmarks of its own; a file beside it takes their place."""
