"""The pictures of the page, and what it saves."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from models3d.errors import InputError
from pipeline.gan.editing import read_editor
from pipeline.sliders import studio as module
from pipeline.sliders.saving import gif, jpeg, png, values_csv
from pipeline.sliders.studio import CLAY_PX, VIEW_PX, Studio, interpolation, opened, there_and_back
from tests.pipeline.tiny_checkpoint import NAMES
from tests.pipeline.tiny_results import PHOTO, write_results


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    results = write_results(tmp_path_factory.mktemp("studio"))
    return opened(results, read_editor(results / "gan/slidergan_rad/checkpoint.pt", "off"))


@pytest.fixture(scope="module")
def sitter(studio):
    return studio.open(PHOTO)


def moved(studio, name, value):
    params = studio.neutral
    params[NAMES.index(name)] = value
    return params


def test_the_generated_face_and_the_3d_face_follow_a_slider(studio, sitter):
    for make in (lambda p: studio.view(sitter, p), lambda p: studio.head(sitter, p, -0.3)):
        still, open_ = make(studio.neutral), make(moved(studio, "jaw_open", 1.0))
        assert (still != open_).any(axis=-1).sum() > 500
        np.testing.assert_array_equal(make(studio.neutral), still)
    assert studio.view(sitter, studio.neutral).shape == (VIEW_PX, VIEW_PX, 3)
    assert studio.head(None, studio.neutral, 0.0).shape == (CLAY_PX, CLAY_PX, 3)


def test_the_3d_face_is_the_sitters_and_turns(studio, sitter):
    own, mean = studio.head(sitter, studio.neutral, 0.0), studio.head(None, studio.neutral, 0.0)
    assert (own.min(-1) < 250).sum() > 1.05 * (mean.min(-1) < 250).sum(), "2.5 standard deviations wider"
    assert (studio.head(sitter, studio.neutral, 0.5) != own).any()


def test_the_whole_photo_is_edited_at_its_own_size(studio, sitter):
    whole = studio.whole_photo(sitter, moved(studio, "jaw_open", 1.0))
    assert whole.shape == astronaut().shape and (whole != astronaut()).any()


def test_several_views_are_each_ones(studio, sitter, rng):
    params = np.stack([studio.random(rng) for _ in range(11)])
    views = studio.views(sitter, params)
    assert len(views) == 11
    for place in (0, 7, 10):
        difference = np.abs(views[place].astype(int) - studio.view(sitter, params[place]))
        assert difference.max() <= 1


def test_thumbnails_are_the_ends_of_sliders(studio, sitter):
    ends = studio.thumbnails(sitter, 0, 3)
    assert len(ends) == 3 and len(studio.thumbnails(sitter, 3, 8)) == 1
    low, high = ends[0]
    assert low.shape == (64, 64, 3) and (low != high).any()
    np.testing.assert_array_equal(ends[1][0], low, "both begin at rest")


def test_random_expressions_stay_within_their_sliders(studio, rng):
    drawn = np.stack([studio.random(rng) for _ in range(500)])
    assert drawn[:, 0].min() == 0 and drawn[:, 0].max() <= 1 and drawn[:, 3].min() < -0.3
    assert drawn[:, 3].std() == pytest.approx(1 / 3, rel=0.15)


def test_what_the_critic_reads_stays_within_the_sliders(studio, sitter):
    found = studio.read(sitter)
    assert (found >= [s.low for s in studio.sliders]).all() and (found <= [s.high for s in studio.sliders]).all()


def uploaded(image, format="PNG", **options):
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, format=format, **options)
    return stream.getvalue()


def test_an_uploaded_photo_is_the_same_as_one_of_the_results(studio, sitter):
    received = studio.receive("me.png", uploaded(astronaut()))
    np.testing.assert_array_equal(received.view.image, sitter.view.image)
    assert received.identity is None


def test_uploads_that_cannot_be_used_are_told(studio, monkeypatch):
    for content, message in (
        (b"", "me.png: empty file"),
        (b"<svg/>", "not a JPEG, PNG, WebP or PPM image"),
        (uploaded(astronaut())[:2000], "cannot be decoded"),
        (uploaded(np.full((99, 99, 3), 80, np.uint8)), "no face found"),
    ):
        with pytest.raises(InputError, match=message):
            studio.receive("me.png", content)
    monkeypatch.setattr(module, "MAX_UPLOAD_PIXELS", 1000)
    with pytest.raises(InputError, match="claims 512 x 512 pixels, more than 1000"):
        studio.receive("me.png", uploaded(astronaut()))


def test_interpolations_go_there_and_back():
    first, last = np.zeros(2, np.float32), np.array([1, -0.5], np.float32)
    between = interpolation(first, last, 5)
    np.testing.assert_allclose(between[:, 0], [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_array_equal(between[-1], last)
    np.testing.assert_allclose(there_and_back(between)[:, 0], [0, 0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25])


def test_files_hold_what_was_shown(studio, sitter, rng):
    views = studio.views(sitter, np.stack([studio.random(rng) for _ in range(4)]))
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png(views[0])))), views[0])
    shown = np.asarray(Image.open(io.BytesIO(jpeg(views[0])))).astype(int)
    assert np.abs(shown - views[0]).mean() < 4
    animation = Image.open(io.BytesIO(gif(views)))
    assert animation.n_frames == 4 and animation.info["loop"] == 0
    animation.seek(3)
    assert np.abs(np.asarray(animation.convert("RGB")).astype(int) - views[3]).mean() < 6
    assert values_csv(("a", "b"), np.array([0.5, -1.0])) == b"name,value\na,0.5000\nb,-1.0000\n"


def test_notes_say_what_there_is(studio):
    assert "0.75" in studio.reading_note and "no speech parameters" in studio.clip_note
    clip = replace(studio.library.clips[0], kind="speech")
    whole = Studio(studio.editor, replace(studio.library, clips=(clip,), regression_error=None))
    assert "all their parameters" in whole.clip_note and "not measured" in whole.reading_note
    lacking = replace(studio.library, clips=(replace(clip, unknown=("lips_1", "lips_2")),))
    assert "has not 2 of the parameters of the clips that speak (lips_1" in Studio(studio.editor, lacking).clip_note


def test_what_speaks_moves_the_3d_face_too(studio, sitter):
    model = studio.library.model
    swapped = replace(model, speech=model.expression, expression=model.speech)
    spoken = Studio(studio.editor, replace(studio.library, model=swapped))
    params = moved(studio, "jaw_open", 1.0)
    np.testing.assert_array_equal(spoken.head(sitter, params, 0.0), studio.head(sitter, params, 0.0))
