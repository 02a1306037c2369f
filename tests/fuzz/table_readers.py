"""Lists of photos and takes, action units, texts of clips: files of lines."""

import csv
import io
from pathlib import Path

import numpy as np

from models3d.label_errors import Calibration
from pipeline.calibration_file import Calibrations, read_calibrations, write_calibrations
from pipeline.edit.slider_values import Slider, read_values_file
from pipeline.gan.conditions import read_action_units
from pipeline.list_photos import listings
from pipeline.lrw import read_duration
from pipeline.speech_database import COLUMNS, read_array, read_takes
from tests.fuzz.model_readers import saved
from tests.fuzz.packing import npy
from tests.fuzz.subject import Subject, Valid

ROOM = 10_000_000


def listed(layout: str, root: Path, folder: Path) -> object:
    """A listing whose paths all lie below the folder; AssertionError if one does not."""

    [content] = listings("mine", layout, str(root), 1, ROOM, stamped=True)
    for row in csv.DictReader(io.StringIO(content.decode(), newline="")):
        for named in (row["path"], row["landmarks"]):
            assert not named or Path(named).resolve().is_relative_to(folder.resolve()), named
    return content


def make_photo_manifest(made: Path, secret: Path) -> list[Valid]:
    rows = "".join(f"photos/{n:03d}.jpg,marks/{n:03d}.pts,p{n // 3}\n" for n in range(40))
    return [
        Valid("list.csv", ("path,landmarks,person\n" + rows).encode()),
        Valid("list.csv", 'person,path\r\nanna,a.png\r\n,"b, c.png"\r\n'.encode("utf-8-sig")),
        Valid("list.csv", f"path\n{secret}.png\n".encode(), hostile=True),
        Valid("list.csv", b"path\nphotos/../../../../outside/secret.png\n", hostile=True),
    ]


def make_urls(made: Path, secret: Path) -> list[Valid]:
    urls = [f"http://site{n % 7}.example/some/path/{n:04d}.jpg?x={n}" for n in range(40)]
    urls += ["", "http://[broken/1.jpg", "http://a.example/..", "http://a.example/%2e%2e/x.jpg", "ftp://b/c d.png"]
    lead_out = [
        "http://a.example/../../../outside/secret.png",
        f"{secret}.png",
        "http://a/..%2f..%2foutside/secret.png",
    ]
    beside = {f"images/{n:04d}.{kind}": b"-" for n in range(4) for kind in ("jpg", "pts")}
    name = "emotioNet_URLs/emotioNet_1.txt"
    return [
        Valid(name, "\n".join(urls).encode(), beside=beside),
        Valid(name, "\r\n".join(lead_out).encode(), beside=beside),
    ]


def read_urls(path: Path) -> object:
    root = path.parents[1]
    return listed("emotionet", root, root)


def make_takes(made: Path, secret: Path) -> list[Valid]:
    rows = [f"ABOUT,s{n},audio/{n}.wav,meshes/{n}.npy,neutral/{n}.npy,,60" for n in range(5)]
    rows += [f"PEOPLE,s{n},audio/{n}p.wav,,,coefficients/{n}.npy,29.97" for n in range(5)]
    header = ",".join(COLUMNS)
    out = f"{header}\nABOUT,s,../../../outside/secret.wav,,,{secret}.npy,60\n"
    return [
        Valid("manifest.csv", "\n".join([header, *rows, ""]).encode()),
        Valid("manifest.csv", out.encode(), hostile=True),
    ]


def read_below(path: Path) -> object:
    takes = read_takes(path)
    for take in takes:
        for named in (take.audio, take.meshes, take.neutral, take.coefficients):
            assert named is None or named.is_relative_to(path.parent.resolve()), named
    return takes


def make_take_array(made: Path, secret: Path) -> list[Valid]:
    return [Valid("a.npy", npy(np.ones((40, 10), dtype))) for dtype in (np.float32, np.float64)]


def make_action_units(made: Path, secret: Path) -> list[Valid]:
    header = "id, frame, success, AU01_r, AU12_r, AU12_c\n"
    rows = "".join(f"set/{n}.png#original, {n}, 1, {n / 9:.2f}, 0.5, 1.0\n" for n in range(10))
    return [Valid("au.csv", (header + rows).encode()), Valid("au.csv", b"AU45_r,id\n4.9,set/1.png#original\n")]


SLIDERS = tuple(Slider(name, -1.0, 1.0) for name in ("jaw_open", "smile_left", "smile_right"))


def make_slider_values(made: Path, secret: Path) -> list[Valid]:
    return [
        Valid("a.csv", b"name,value\njaw_open,0.6\nsmile,-0.25\n"),
        Valid("a.csv", b"value,name\r\n1e-1,jaw_open\r\n"),
    ]


def make_calibrations(made: Path, secret: Path) -> list[Valid]:
    known = Calibrations(*(Calibration(*(1.5 + 0.1 * n for n in range(len(Calibration._fields)))) for _ in range(2)))
    return [Valid("a.json", saved(made.with_suffix(".json"), lambda path: write_calibrations(path, known, STATED)))]


STATED = {"model_digest": "m"}


def make_text(made: Path, secret: Path) -> list[Valid]:
    lines = b"Disk reference: 6\nChannel: 1\nProgram start: 2\nClip start: 4.00 seconds\nDuration: 0.53 seconds\n"
    return [Valid("a.txt", lines), Valid("a.txt", lines.replace(b"\n", b"\r\n"))]


SUBJECTS = {
    "photo_manifest": Subject(lambda path: listed("manifest", path, path.parent), make_photo_manifest),
    "emotionet_urls": Subject(read_urls, make_urls),
    "take_manifest": Subject(read_below, make_takes),
    "take_npy": Subject(lambda path: np.array(read_array(path, None, 10)), make_take_array),
    "action_units": Subject(
        lambda path: read_action_units(path, tuple(f"set/{n}.png#original" for n in range(10))), make_action_units
    ),
    "slider_values": Subject(lambda path: read_values_file(path, SLIDERS), make_slider_values),
    "calibrations": Subject(lambda path: read_calibrations(path, STATED["model_digest"]), make_calibrations),
    "lrw_text": Subject(read_duration, make_text),
}
