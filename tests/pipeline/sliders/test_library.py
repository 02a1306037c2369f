"""What the page finds in a folder of results."""

import numpy as np
import pytest

from pipeline.gan.editing import read_editor
from pipeline.sliders.library import read_library
from tests.pipeline.gan.made_shards import write_speech
from tests.pipeline.tiny_checkpoint import NAMES, write_checkpoint
from tests.pipeline.tiny_results import PHOTO, write_results


@pytest.fixture
def results(tmp_path):
    return write_results(tmp_path)


def description_of(results):
    return read_editor(results / "gan/slidergan_rad/checkpoint.pt", "off").description


def test_photos_their_heads_the_model_and_clips_are_found(results):
    library = read_library(results, description_of(results))
    assert list(library.photos) == [PHOTO] and library.root == results.parent.resolve()
    assert library.model is not None and library.model.name == "egg"
    np.testing.assert_array_equal(library.identities[PHOTO], [2.5])
    assert library.regression_error == 0.75
    assert [clip.name for clip in library.clips][:2] == ["meshes: S0 1 1", "meshes: S0 2 1"]
    clip = library.clips[0]
    assert clip.params.shape == (5, len(NAMES)) and clip.moved == NAMES[:3] and not clip.unknown
    assert clip.params[:, :3].any() and not clip.params[:, 3].any(), "what the clip does not know rests"


def test_clips_that_speak_come_first_and_are_in_the_checkpoints_range(results):
    write_speech(results / "shards/speech/lrw/00001.h5")
    wide = description_of(results)
    wide = wide._replace(condition=wide.condition._replace(range=6.0))
    near, far = (read_library(results, stated).clips for stated in (description_of(results), wide))
    assert [clip.kind for clip in near][:3] == ["speech", "speech", "meshes"] and len(near[0].params) == 5
    np.testing.assert_allclose(far[0].params, near[0].params / 2)
    fewer = description_of(results)._replace(names=NAMES[:2])
    assert read_library(results, fewer).clips[0].unknown == ("smile_right",)


def test_a_model_of_another_digest_is_none(results):
    write_checkpoint(results / "other.pt", model_digest="another")
    library = read_library(results, read_editor(results / "other.pt", "off").description)
    assert library.model is None and not library.identities


def test_an_empty_folder_and_broken_files_leave_nothing(results, tmp_path):
    empty = read_library(tmp_path / "nowhere", description_of(results))
    assert not (empty.photos or empty.clips or empty.model or empty.regression_error)
    for path in (results / "models/egg.h5", results / "shards/meshes/sample/00001.h5"):
        path.write_bytes(b"broken")
    library = read_library(results, description_of(results))
    assert library.model is None and not library.clips and library.photos


def test_clips_of_other_components_are_left_out(results):
    described = description_of(results)
    renamed = described._replace(names=tuple(f"c{n}" for n in range(len(NAMES))))
    assert not read_library(results, renamed).clips
