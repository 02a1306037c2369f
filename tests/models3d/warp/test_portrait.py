"""What the pictures of the warp must be, whoever is in them: the photo at rest, and what the new parameters say."""

import numpy as np
import pytest

from models3d.camera import project
from models3d.errors import InputError, UnusableDatum
from models3d.face_model import synthesize
from models3d.raster import rasterise
from models3d.raster_gl import GlRasteriser
from models3d.warp.portrait import Fit, Photo, Portrait, portrait, render
from pipeline.crops import canonical_landmarks_px, crop_matrix
from pipeline.face_detector import FaceDetector
from tests.warped_people import COUNT, FACE_SCALE, crowd, expression, portrait_of


@pytest.fixture(scope="module")
def detector():
    return FaceDetector(0.5)


@pytest.mark.parametrize("number", range(COUNT))
def test_the_fitted_parameters_return_the_photo(number):
    face = portrait_of(number)
    back = render(face, crowd().people[number].expression[None]).images[0]
    assert np.abs(back.astype(int) - face.picture).mean() < 0.5


def test_parameters_next_to_the_fitted_ones_give_a_picture_next_to_the_photo():
    face, fitted = portrait_of(0), crowd().people[0].expression
    near, far = render(face, np.stack([fitted + np.float32(0.01), fitted + np.float32(0.3)])).images
    moved = [np.abs(image.astype(int) - face.picture).mean() for image in (near, far)]
    assert 0 < moved[0] < 0.3 < moved[1]


def gap(landmarks_px: np.ndarray) -> float:
    """Between the inner lips, over the distance between the outer eye corners."""
    upper, lower = landmarks_px[[61, 62, 63]].mean(0), landmarks_px[[67, 66, 65]].mean(0)
    return float(np.linalg.norm(upper - lower) / np.linalg.norm(landmarks_px[36] - landmarks_px[45]))


@pytest.mark.parametrize("number", range(COUNT))
def test_a_detector_sees_the_mouth_shut_and_open(detector, number):
    """It knows nothing of the model; what it sees is what the model's own landmarks say."""
    face = portrait_of(number, 256)
    shut, opened = render(face, np.concatenate([expression(), expression(jaw_open=3)])).images
    seen = [gap(detector.largest_face(image).landmarks_px) for image in (shut, opened)]
    assert seen[0] < 0.04
    assert seen[1] > 0.15


def test_an_opened_mouth_shows_neither_black_nor_the_background():
    face = portrait_of(0)
    person = crowd().people[0]
    shut, opened = render(face, np.concatenate([expression(), expression(jaw_open=3)])).images
    changed = np.abs(opened.astype(int) - shut).sum(-1) > 60
    dark = changed & (opened.max(-1) < 90)
    assert dark.sum() > 20, "a cavity"
    assert (opened[dark].max(-1) > 8).all(), "that is not black"
    red, green, blue = opened[dark].astype(float).mean(0)
    assert red > green and red > blue, "but flesh"
    assert person.photo.dtype == np.uint8


def test_what_lies_far_from_the_face_stays():
    face = portrait_of(0)
    opened = render(face, expression(jaw_open=3)).images[0]
    points = face.scene.fitted
    left, top = points.min(0)
    rows, columns = np.indices(opened.shape[:2])
    far = (rows < top - 40) | (columns < left - 40)
    np.testing.assert_array_equal(opened[far], face.picture[far])
    assert (opened != face.picture).any(-1).sum() > 500


def test_the_surroundings_move_without_a_seam():
    """Along the jaw the picture is no rougher than the photo."""
    face = portrait_of(0)
    opened = render(face, expression(jaw_open=3)).images[0].astype(float)
    fitted = face.picture.astype(float)

    def steps(image):
        return np.percentile(np.abs(np.diff(image.mean(-1), axis=0)), [99, 99.9])

    assert (steps(opened) < 1.35 * steps(fitted) + 4).all()


def test_threads_change_no_byte():
    motion = np.concatenate([expression(jaw_open=1), expression(smile_left=2), expression(blink_left=3), expression()])
    one, two = (render(portrait_of(0), motion, threads=threads) for threads in (1, 2))
    assert one.images.tobytes() == two.images.tobytes()
    for a, b in zip(one.shares, two.shares, strict=True):
        assert a.tobytes() == b.tobytes()


def test_any_rasteriser_will_do():
    """The slow route through `models3d.raster`, another implementation, gives the same picture."""
    motion = np.concatenate([expression(jaw_open=2), expression(smile_left=2, blink_right=3)])
    own, other = render(portrait_of(0), motion).images, render(portrait_of(0), motion, rasterise).images
    assert np.abs(own.astype(int) - other).mean() < 0.1


def test_opengl_draws_the_same_picture():
    try:
        gl = GlRasteriser()
    except InputError as reason:
        pytest.skip(str(reason))
    motion = expression(jaw_open=2, smile_left=1)
    own, other = render(portrait_of(0), motion).images, render(portrait_of(0), motion, gl.rasterise).images
    gl.close()
    assert np.abs(own.astype(int) - other).mean() < 0.2


def test_coefficients_that_are_left_out_are_zero():
    motion = expression(jaw_open=2)
    np.testing.assert_array_equal(render(portrait_of(0), motion).images, render(portrait_of(0), motion[:, :1]).images)


def test_the_shares_say_what_the_photo_does_not_show():
    opened = render(with_closed_eyes(0), expression()).shares
    assert opened.invented_eye[0] > 0.5, "eyes that were closed in the photo"
    calm = render(portrait_of(0), expression()).shares
    assert calm.invented_eye[0] < 0.5 and calm.invented[0] < 0.1 and calm.folded[0] < 0.05
    wild = render(portrait_of(0), expression(jaw_open=-40)).shares
    assert wild.folded[0] > 0.05


def with_closed_eyes(number: int) -> Portrait:
    """The portrait of a photo whose landmarks and fit say that it shows closed eyes."""
    person, face, model = crowd().people[number], portrait_of(number), crowd().model
    crop = crop_matrix(person.landmarks_px, canonical_landmarks_px(model, len(face.picture), FACE_SCALE))
    shut = expression(blink_left=3, blink_right=3)[0]
    landmarks_px = project(person.camera, synthesize(model, person.identity, shut)[model.landmarks])
    photo = Photo(face.scene.canvas, len(face.picture), crop.astype(np.float64), landmarks_px)
    return portrait(crowd().drawn, Fit(person.camera, person.identity, shut), photo)


def test_a_camera_in_the_face_is_refused():
    person, face = crowd().people[0], portrait_of(0)
    crop = np.array([[0.4, 0, 0], [0, 0.4, 0]])
    photo = Photo(face.scene.canvas, len(face.picture), crop, person.landmarks_px.astype(np.float64))
    close = person.camera._replace(translation_mm=np.array([0.0, 0.0, 20.0]))
    with pytest.raises(UnusableDatum, match="not in front of the face"):
        portrait(crowd().drawn, Fit(close, person.identity, person.expression), photo)


def test_a_face_outside_its_crop_is_refused():
    person, face = crowd().people[0], portrait_of(0)
    crop = np.array([[0.4, 0, 5000.0], [0, 0.4, 0]])
    photo = Photo(face.scene.canvas, len(face.picture), crop, person.landmarks_px.astype(np.float64))
    with pytest.raises(UnusableDatum, match="outside its crop"):
        portrait(crowd().drawn, Fit(person.camera, person.identity, person.expression), photo)
