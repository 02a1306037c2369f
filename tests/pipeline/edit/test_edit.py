"""The command, on a packaged photo and a checkpoint made here."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import astronaut

from models3d.errors import InputError
from pipeline.edit.__main__ import main
from pipeline.edit.alignment import align, align_file, find_face
from pipeline.gan import checkpoints
from pipeline.gan.checkpoints import read_state, write_state
from pipeline.gan.editing import edit, read_editor, read_expression
from tests.pipeline.tiny_checkpoint import NAMES, PICTURE_PX, write_checkpoint


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("edit")
    write_checkpoint(made / "c.pt")
    Image.fromarray(astronaut()).save(made / "face.png")
    Image.fromarray(astronaut()[:, ::-1]).save(made / "other.png")
    Image.fromarray(np.full((200, 200, 3), 90, np.uint8)).save(made / "grey.png")
    (made / "broken.jpg").write_bytes(b"\xff\xd8 no photo")
    return made


def run(folder: Path, *arguments: str, photo: str = "face.png", out: str = "out.png") -> int:
    named = [str(folder / photo), "--checkpoint", str(folder / "c.pt"), "--out", str(folder / out), "--gpu", "off"]
    return main([*named, *arguments])


def picture(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(int)


def test_a_slider_changes_the_face_and_nothing_else(folder, capsys):
    assert run(folder, "--set", "jaw_open=0.6") == 0
    before, after = astronaut().astype(int), picture(folder / "out.png")
    assert after.shape == before.shape and "jaw_open=0.60" in capsys.readouterr().out
    rows, columns = np.nonzero((before != after).any(-1))
    landmarks = find_face(astronaut())
    low, high = landmarks.min(0), landmarks.max(0)
    assert low[0] - 60 < columns.min() and columns.max() < high[0] + 60
    assert low[1] - 60 < rows.min() and rows.max() < high[1] + 60
    assert ((low[0] < columns) & (columns < high[0])).sum() > 1000, "the face is what changed"
    assert run(folder, "--set", "jaw_open=0", out="still.png") == 0
    assert (picture(folder / "still.png") != after).any()


def test_the_picture_is_cut_as_training_cuts(folder):
    editor = read_editor(folder / "c.pt", "off")
    aligned = align_file(folder / "face.png", editor.description.condition)
    assert aligned.picture.shape == (PICTURE_PX, PICTURE_PX, 3)
    canonical = np.array(editor.description.condition.canonical_landmarks_px)
    placed = find_face(aligned.photo) @ aligned.crop[:, :2].T + aligned.crop[:, 2]
    assert np.linalg.norm(placed - canonical, axis=1).mean() < 8
    same = align(aligned.photo, find_face(aligned.photo), editor.description.condition)
    np.testing.assert_array_equal(same.picture, aligned.picture)


def test_a_landmark_file_beside_the_photo_or_named_holds(folder, tmp_path, capsys):
    condition = read_editor(folder / "c.pt", "off").description.condition
    points = find_face(astronaut()) + 3
    text = "version: 1\nn_points: 68\n{\n" + "".join(f"{x + 0.5} {y + 0.5}\n" for x, y in points) + "}\n"
    (tmp_path / "marks.pts").write_text(text)
    moved = align_file(folder / "face.png", condition, tmp_path / "marks.pts")
    expected = align(astronaut(), points, condition)
    np.testing.assert_allclose(moved.crop, expected.crop, atol=1e-3)
    Image.fromarray(astronaut()).save(tmp_path / "marks.png")
    np.testing.assert_array_equal(align_file(tmp_path / "marks.png", condition).crop, moved.crop)
    (tmp_path / "marks.pts").write_text("no points")
    assert run(folder, "--neutral", "--landmarks", str(tmp_path / "marks.pts")) == 1
    assert "marks.pts" in capsys.readouterr().err


def test_edits_are_eq_4_on_the_picture(folder, rng):
    editor = read_editor(folder / "c.pt", "off")
    seen = rng.integers(0, 256, (PICTURE_PX, PICTURE_PX, 3)).astype(np.uint8)
    params = np.stack([np.zeros(len(NAMES)), [1, 0, 0, 0]]).astype(np.float32)
    made = edit(editor, seen, params)
    np.testing.assert_allclose(made.original, seen.reshape(64, 2, 64, 2, 3).mean((1, 3)), atol=1e-3)
    alone = edit(editor, seen, params[1:])
    np.testing.assert_allclose(made.images[1], alone.images[0], atol=0.02)
    assert np.abs(made.images[1] - made.images[0]).max() > 1 and 0 <= made.masks.min() <= made.masks.max() <= 1
    found = read_expression(editor, seen)
    assert found.shape == (len(NAMES),) and np.abs(found).max() <= 1


def test_an_expression_is_taken_over_kept_and_overridden(folder, capsys):
    editor = read_editor(folder / "c.pt", "off")
    read = read_expression(editor, align_file(folder / "other.png", editor.description.condition).picture)
    assert run(folder, "--from", str(folder / "other.png"), "--set", "smile=0.25") == 0
    said = capsys.readouterr().out
    assert "smile_left=0.25, smile_right=0.25" in said
    for name, value in zip(NAMES, read, strict=True):
        if name == "jaw_left" and abs(value) >= 0.005:
            assert f"jaw_left={value:.2f}" in said
    assert run(folder, "--keep") == 0
    assert run(folder, "--neutral") == 0
    assert "neutral" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "photo", "message"),
    [
        (["--set", "jaw_opn=1"], "face.png", "no such slider. Did you mean 'jaw_open'?"),
        (["--set", "jaw_open=3"], "face.png", "beyond its slider"),
        ([], "face.png", "nothing is asked for. Give it --set"),
        (["--neutral"], "grey.png", "grey.png: no face found. Give it a photo with a face"),
        (["--neutral"], "broken.jpg", "broken.jpg: "),
        (["--neutral"], "gone.jpg", "gone.jpg: missing file"),
        (["--neutral", "--max-pixels", "1000"], "face.png", "claims 512 x 512 pixels, more than 1000"),
        (["--from", "gone.png"], "face.png", "gone.png: missing file"),
        (["--neutral", "--out", "photo.jpg"], "face.png", "is no PNG"),
        (["--neutral", "--gpu", "required"], "face.png", "torch sees no GPU"),
        (["--neutral", "--checkpoint", "gone.pt"], "face.png", "no such checkpoint. Run `make demo`"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(folder, capsys, arguments, photo, message):
    if "required" in arguments and torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    (folder / "refused.png").unlink(missing_ok=True)
    assert run(folder, *arguments, photo=photo, out="refused.png") == 1
    assert message in capsys.readouterr().err
    assert not (folder / "refused.png").exists()


def test_the_photo_is_never_overwritten(folder, capsys):
    assert run(folder, "--neutral", out="face.png") == 1
    assert "is the photo itself" in capsys.readouterr().err


def test_a_face_that_is_too_small_is_told(folder):
    small = Image.fromarray(astronaut()).resize((128, 128))
    small.save(folder / "small.png")
    editor = read_editor(folder / "c.pt", "off")
    with pytest.raises(InputError, match="small.png: (no face found|the face is .* px across)"):
        align_file(folder / "small.png", editor.description.condition)


def test_checkpoints_that_do_not_fit_are_told(folder, tmp_path):
    state = read_state(folder / "c.pt")
    described = checkpoints.description_of(folder / "c.pt", state)
    other = described._replace(dimensions=described.dimensions._replace(size_px=128, generator_channels=16))
    write_state(tmp_path / "other.pt", {**state, "description": checkpoints.describe(other)})
    with pytest.raises(InputError, match="generator is not of the dimensions that it states"):
        read_editor(tmp_path / "other.pt", "off")
    lost = described._replace(condition=described.condition._replace(canonical_landmarks_px=()))
    write_state(tmp_path / "lost.pt", {**state, "description": checkpoints.describe(lost)})
    with pytest.raises(InputError, match="does not say where its pictures have the landmarks"):
        read_editor(tmp_path / "lost.pt", "off")
    fine = described._replace(dimensions=described.dimensions._replace(size_px=192))
    write_state(tmp_path / "fine.pt", {**state, "description": checkpoints.describe(fine)})
    with pytest.raises(InputError, match=r"not of the dimensions|192 does not divide the shards' 128"):
        read_editor(tmp_path / "fine.pt", "off")


def test_the_sliders_are_listed(folder, capsys):
    assert main(["--list", "--checkpoint", str(folder / "c.pt"), "--gpu", "off"]) == 0
    assert "jaw_open [0, 1]\n" in capsys.readouterr().out
