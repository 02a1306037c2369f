"""A fitted photo made ready once, and its pictures with other expressions. See `models3d.warp` for how."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int32, UInt8, UInt32
from scipy.spatial.transform import Rotation

from models3d.camera import FLIP, Camera
from models3d.errors import UnusableDatum
from models3d.landmarks import INNER_LIPS, LEFT_EYE, RIGHT_EYE
from models3d.raster import Raster
from models3d.warp.frames import finish, look, render_frame
from models3d.warp.mouth_colours import interior_colours, mouth_light
from models3d.warp.open_mouth import SAMPLES
from models3d.warp.surfaces import Scene, chamfer, find_seen
from models3d.warp.warp_model import PLACED, WarpModel
from models3d.warp.z_buffer import NOTHING, place, z_buffer

NEAREST_MM = 50.0
"""A camera closer to a face than this, or in it, is a fit that failed."""


class Photo(NamedTuple):
    """A photo cut to the frame of its pictures, with a margin from which the surroundings can move in."""

    canvas: UInt8[np.ndarray, "H W 3"]
    size_px: int
    """Side of the pictures; the canvas has the same margin on all sides."""
    crop: Float[np.ndarray, "2 3"]
    """Pixels of the photo to pixels of the pictures."""
    landmarks_px: Float[np.ndarray, "68 2"]
    """Where the photo shows them, in its own pixels."""

    @property
    def picture(self) -> UInt8[np.ndarray, "h w 3"]:
        """The canvas without its margin."""
        margin = (len(self.canvas) - self.size_px) // 2
        return self.canvas[margin : margin + self.size_px, margin : margin + self.size_px]


class Fit(NamedTuple):
    """What a fit says of a photo; coefficients in standard deviations, fewer than the model has mean zeros behind."""

    camera: Camera
    identity: Float[np.ndarray, " k_id"]
    motion: Float[np.ndarray, " k"]


@dataclass(frozen=True, eq=False)
class Portrait:
    """One fitted photo, ready to be drawn with other expressions."""

    rest_mm: Float32[np.ndarray, "m 3"]
    motion_mm: Float32[np.ndarray, "k m 3"]
    scene: Scene
    picture: UInt8[np.ndarray, "h w 3"]
    """The photo."""


class Shares(NamedTuple):
    """How much of a picture the photo does not vouch for."""

    invented: Float32[np.ndarray, " f"]
    """Of the pixels that show skin, those that the photo does not show."""
    invented_eye: Float32[np.ndarray, " f"]
    """The same around the eye where it is worse: near 1 for an eye that opens but was closed in the photo."""
    folded: Float32[np.ndarray, " f"]
    """Of the skin that the photo shows, by area, what now turns its back."""


class Frames(NamedTuple):
    """Pictures, and how far each can be trusted."""

    images: UInt8[np.ndarray, "f h w 3"]
    shares: Shares


def portrait(model: WarpModel, fit: Fit, photo: Photo) -> Portrait:
    """Find out what the photo shows of the fitted face.

    Raises UnusableDatum if the camera is not in front of the face, or the picture shows nothing of it.
    """
    rest_mm = model.mean_mm + np.tensordot(fit.identity.astype(np.float32), model.identity_mm[: len(fit.identity)], 1)
    fitted_mm = rest_mm + np.tensordot(fit.motion.astype(np.float32), model.motion_mm[: len(fit.motion)], 1)
    pose, lens = _pose_and_lens(fit.camera, photo.crop)
    unaligned = place(fitted_mm, pose, lens, np.zeros((len(fitted_mm), 2), np.float32))
    if not unaligned[:, 2].min() > NEAREST_MM:
        raise UnusableDatum("the fitted camera is not in front of the face")
    landmarks_px = photo.landmarks_px @ photo.crop[:, :2].T + photo.crop[:, 2]
    missed = (landmarks_px[PLACED] - unaligned[model.landmarks[PLACED], :2]).astype(np.float32)
    offset = model.alignment @ missed
    points = place(fitted_mm, pose, lens, offset)
    coarse, fine = (_picture(points, model.skin, model.inside, photo.size_px, scale) for scale in (1, SAMPLES))
    skin = (coarse != NOTHING) & (coarse < len(model.skin))
    if not skin.any():
        raise UnusableDatum("the fitted face lies outside its crop")
    light = mouth_light(photo.picture, skin, landmarks_px)
    colours, lining = interior_colours(light, model.white, model.flesh)
    teeth = _picture(points, model.teeth, model.teeth[:0], photo.size_px, SAMPLES)
    opening = np.where(fine >= len(model.skin), np.float32(photo.size_px * SAMPLES), np.float32(0))
    chamfer(opening)
    scene = Scene(
        pose,
        lens,
        offset,
        fitted=np.ascontiguousarray(points[:, :2]),
        skin=model.skin,
        seen=find_seen(points, model.skin, model.inside, coarse, fine),
        inside=model.inside,
        teeth=model.teeth,
        part=model.part,
        colours=colours,
        lining=lining,
        lips=model.landmarks[INNER_LIPS],
        eyes=np.stack([model.landmarks[RIGHT_EYE], model.landmarks[LEFT_EYE]]),
        photo_mouth=opening,
        photo_part=np.where(teeth == NOTHING, 0, model.part[teeth]).astype(np.uint8),
        canvas=photo.canvas,
    )
    return Portrait(rest_mm, model.motion_mm, scene, photo.picture)


Rasteriser = Callable[[np.ndarray, np.ndarray, np.ndarray, int, int], Raster]
"""`models3d.raster.rasterise`, or what does the same elsewhere (`models3d.raster_gl`)."""


def render(
    face: Portrait, motion: Float[np.ndarray, "f k"], rasterise: Rasteriser | None = None, threads: int = 1
) -> Frames:
    """Draw the face with each row of coefficients, in standard deviations; fewer than the model has mean zeros behind.

    rasterise  what to draw the triangles with; by default all of a frame is compiled into one
    threads    by default backend: one a frame, as many frames at a time; their number changes no byte
    """
    count, components = motion.shape
    moved = motion.astype(np.float32) @ face.motion_mm[:components].reshape(components, -1)
    vertices = moved.reshape(count, -1, 3) + face.rest_mm
    images = np.empty((count, *face.picture.shape), np.uint8)
    shares = np.empty((count, len(Shares._fields)), np.float32)
    draw = render_frame if rasterise is None else partial(_render_with, rasterise)
    frames = zip(vertices, repeat(face.scene), images, shares, strict=False)
    if rasterise is None and threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda frame: draw(*frame), frames))
    else:
        for frame in frames:
            draw(*frame)
    return Frames(images, Shares(*shares.T))


def _render_with(
    rasterise: Rasteriser,
    vertices: Float32[np.ndarray, "m 3"],
    scene: Scene,
    image: UInt8[np.ndarray, "h w 3"],
    shares: Float32[np.ndarray, "3"],
) -> None:
    """`frames.render_frame` with the triangles drawn elsewhere."""
    size_px = len(image)
    points = place(vertices, scene.pose, scene.lens, scene.offset)
    # the inside of the mouth once more, behind everything
    behind = np.ptp(points[:, 2]) + 1
    doubled = np.concatenate([points, points + np.array([0, 0, behind], np.float32)])
    triangles = np.concatenate([scene.skin, scene.inside + len(points)]).astype(np.int32)

    def seen(scale: int) -> Int32[np.ndarray, "h w"]:
        return rasterise(doubled[:, :2] * scale, doubled[:, 2], triangles, size_px * scale, size_px * scale).triangle

    kind, displacement, slots, _ = look(points, scene, seen(1))
    parts = seen(SAMPLES).reshape(size_px, SAMPLES, size_px, SAMPLES).swapaxes(1, 2).reshape(size_px, size_px, -1)
    finish(points, scene, kind, displacement, np.ascontiguousarray(parts[slots != NOTHING]), slots, image, shares)


def _picture(
    points: Float32[np.ndarray, "m 3"],
    skin: UInt32[np.ndarray, "t 3"],
    inside: UInt32[np.ndarray, "u 3"],
    size_px: int,
    scale: int,
) -> Int32[np.ndarray, "h w"]:
    """The triangle that each of scale x scale samples a pixel sees."""
    magnified = points * np.array([scale, scale, 1], np.float32)
    return z_buffer(magnified, skin, inside, size_px * scale, size_px * scale)


def _pose_and_lens(
    camera: Camera, crop: Float[np.ndarray, "2 3"]
) -> tuple[Float32[np.ndarray, "3 4"], Float32[np.ndarray, "2 3"]]:
    """Head to camera frame, and (x / z, y / z, 1) to pixels of the crop."""
    rotation = FLIP @ Rotation.from_rotvec(camera.rotation_rad).as_matrix()
    linear, shift = crop[:, :2] * camera.focal_px, crop[:, :2] @ camera.centre_px + crop[:, 2]
    return np.column_stack([rotation, camera.translation_mm]).astype(np.float32), np.column_stack(
        [linear, shift]
    ).astype(np.float32)
