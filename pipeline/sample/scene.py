"""How a photo is taken: pose, focal length, light and background, drawn for any face model."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Float64
from scipy import ndimage
from scipy.spatial.transform import Rotation

from models3d.camera import FLIP, Camera
from models3d.render import Lighting, to_linear

DIFFUSE = np.sqrt(4 * np.pi)
"""The constant harmonic's coefficient for a radiance of 1 from all around."""

BACKDROP_TONES = (
    (205, 200, 190), (168, 160, 150), (120, 122, 126), (78, 82, 90), (52, 48, 46), (222, 214, 196), (150, 170, 190),
    (96, 120, 148), (110, 128, 96), (74, 92, 66), (146, 118, 92), (104, 78, 60), (186, 150, 120), (160, 96, 80),
    (196, 186, 150), (235, 235, 232),
)  # fmt: skip
"""Walls, wood, leaves, sky: sRGB."""


class Scene(NamedTuple):
    """Everything of a photo but the person."""

    camera: Camera
    lighting: Lighting
    background: Float32[np.ndarray, "h w 3"]
    """Linear RGB."""
    trunk_turn: Rotation
    """Of the trunk relative to the head."""


def draw_scene(
    generator: np.random.Generator, size_px: int, centre_mm: Float[np.ndarray, "3"], face_height_mm: float
) -> Scene:
    """A plausible photo of a face.

    centre_mm       middle of the face in the head's frame, brought near the middle of the picture
    face_height_mm  brow to chin, which comes to 30 to 48 % of the picture's side
    """
    camera = draw_camera(generator, size_px, centre_mm, face_height_mm)
    share = generator.uniform(0.5, 0.9)
    trunk_turn = Rotation.from_rotvec(-share * np.asarray(camera.rotation_rad) * [1.0, 1.0, 1.0])
    return Scene(camera, draw_lighting(generator), draw_background(generator, size_px), trunk_turn)


def draw_camera(
    generator: np.random.Generator, size_px: int, centre_mm: Float[np.ndarray, "3"], face_height_mm: float
) -> Camera:
    """Yaw mostly within 30 degrees (one in six to 45), a little pitch and roll; lenses from wide to long."""
    yaw = generator.uniform(-45, 45) if generator.uniform() < 1 / 6 else np.clip(generator.normal(0, 14), -30, 30)
    pitch, roll = np.clip(generator.normal([6, 0], [6, 5]), -14, 20)
    rotation = Rotation.from_euler("YXZ", [yaw, pitch, roll], degrees=True)
    focal = size_px * np.exp(generator.uniform(np.log(1.7), np.log(5.0)))
    face_px = size_px * generator.uniform(0.30, 0.48)
    distance = focal * face_height_mm / face_px
    shift = generator.normal(0, 0.03, 2) * size_px * distance / focal
    centre = FLIP @ rotation.as_matrix() @ centre_mm
    translation = np.array([shift[0], shift[1], distance]) - centre * [1, 1, 0]
    return Camera(rotation.as_rotvec(), translation, np.asarray(focal), np.full(2, size_px / 2))


def draw_gaze(generator: np.random.Generator, camera: Camera) -> Float64[np.ndarray, "3"]:
    """Direction of sight in the head's frame: at the camera as far as the eyes turn there, or a little beside it."""
    to_camera = Rotation.from_rotvec(camera.rotation_rad).inv().apply([0.0, 0.0, 1.0])
    aside = generator.normal(0, 0.05, 2) if generator.uniform() < 0.7 else generator.normal(0, 0.15, 2)
    sideways = np.clip(to_camera[:2] / to_camera[2] + aside, [-0.30, -0.16], [0.30, 0.16])
    gaze = np.append(sideways, 1.0)
    return gaze / np.linalg.norm(gaze)


def draw_lighting(generator: np.random.Generator) -> Lighting:
    """A tinted surround, brighter from above, a key lamp in front and often a weaker one from the side."""
    warm = generator.normal(0, 0.05)
    tint = np.array([1 + warm, 1.0, 1 - warm])
    level = generator.uniform(0.30, 0.55)
    ambient = np.zeros((9, 3))
    ambient[0] = level * DIFFUSE * tint
    ambient[1] = -generator.uniform(0.1, 0.5) * level * DIFFUSE / np.sqrt(3) * tint
    ambient[2:4] = generator.normal(0, 0.18, (2, 1)) * level * DIFFUSE * tint
    ambient[4:] = generator.normal(0, 0.05, (5, 3)) * level * DIFFUSE
    azimuth, height = generator.normal(0, 40), generator.uniform(5, 55)
    side = np.sign(generator.normal()) * generator.uniform(60, 110)
    directions = np.stack([towards(azimuth, height), towards(side, generator.uniform(-10, 40))])
    key, fill = generator.uniform(0.35, 0.85), generator.uniform(0, 0.45)
    lamp = 1 - generator.normal(0, 0.05) * np.array([1.0, 0.0, -1.0])
    return Lighting(ambient, directions, np.stack([key * lamp, fill * generator.uniform(0.85, 1.1, 3)]))


def towards(azimuth_deg: float, height_deg: float) -> Float64[np.ndarray, "3"]:
    """Unit vector in the camera's frame to a lamp: azimuth 0 is behind the camera, positive to its right."""
    azimuth, height = np.deg2rad([azimuth_deg, height_deg])
    return np.array([np.sin(azimuth) * np.cos(height), -np.sin(height), -np.cos(azimuth) * np.cos(height)])


def draw_background(generator: np.random.Generator, size_px: int) -> Float32[np.ndarray, "h w 3"]:
    """Out of focus: a gradient of one natural tone, blurred shapes of others, a little texture."""
    row, column = np.mgrid[:size_px, :size_px] / size_px
    tones = to_linear(np.array(BACKDROP_TONES, np.uint8))[generator.permutation(len(BACKDROP_TONES))]
    tones = tones * np.exp(generator.normal(0, 0.3, (len(tones), 1)))
    angle = generator.uniform(0, 2 * np.pi)
    along = np.clip(0.5 + (column - 0.5) * np.cos(angle) + (row - 0.5) * np.sin(angle), 0, 1)[..., None]
    picture = tones[0] * (1 + along * generator.uniform(-0.6, 0.6))
    discs, blur = generator.uniform() < 0.4, size_px * generator.uniform(0.008, 0.03)
    for shape in range(generator.integers(0, 14)):
        x, y, reach = generator.uniform(0, 1), generator.uniform(0, 1), generator.uniform(0.04, 0.22)
        inside = np.hypot(column - x, row - y) < 0.5 * reach
        if not discs:
            inside = (np.abs(column - x) < reach) & (np.abs(row - y) < generator.uniform(0.5, 5) * reach)
        strength = generator.uniform(0.2, 0.8) * inside[..., None]
        picture = picture + strength * (tones[1 + shape % (len(tones) - 1)] - picture)
    picture = ndimage.gaussian_filter(picture.astype(np.float32), (blur, blur, 0), mode="nearest")
    coarse = generator.standard_normal((size_px // 8 + 2, size_px // 8 + 2))
    grain = ndimage.zoom(coarse, 8, order=1)[:size_px, :size_px]
    return (picture * np.exp(generator.uniform(0, 0.03) * grain)[..., None]).clip(0, 1).astype(np.float32)
