"""Clips of made people who say a word between others, as LRW has them, and the true speech coefficients of a few."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, UInt8
from scipy.spatial.transform import Rotation
from tqdm import tqdm

from models3d.camera import Camera, head_to_camera, pack
from models3d.face_model import Basis, synthesize
from models3d.render import Surface, draw, over, shade, shadows, to_srgb, vertex_normals
from pipeline.lrw import FRAMES, FRAMES_PER_S, SAMPLE_RATE, SIDE_PX, frame_times_s
from pipeline.sample.appearance import draw_appearance, paint
from pipeline.sample.clips_layout import write_clip, write_clip_text
from pipeline.sample.emotionet import FACE_HEIGHT_MM
from pipeline.sample.expressions import coefficients
from pipeline.sample.heads import Head
from pipeline.sample.population import PeopleSettings, Population, draw_identity, random_for
from pipeline.sample.scene import Scene, draw_background, draw_camera, draw_gaze, draw_lighting
from pipeline.sample.speech_sounds import CONTEXTS, WORDS, Stretch, said, shifted
from pipeline.sample.speech_synthesis import draw_voice, speak
from pipeline.sample.visemes import draw_style, motion, plain_style
from pipeline.sample.wardrobe import Wear, draw_outfit, dress, worn

MOODS: tuple[Mapping[str, float], ...] = (
    {"smile": 1.0, "cheek_raise": 0.8},
    {"brow_inner_raise": 1.5, "brow_outer_raise": 1.2},
    {"brow_lower": 1.6, "squint": 0.8},
    {"frown": 1.0, "brow_inner_raise": 1.0},
    {},
)
"""What speakers show besides their words, by their actions."""
TURN_SHARE = 0.35
"""Of a photo's turns: who is filmed speaking mostly faces the camera."""
SWAY_RAD = np.deg2rad(1.2)
SUPERSAMPLING = 2


class ClipTruth(NamedTuple):
    """What the clips were made from, a row each."""

    id: list[str]
    word: list[str]
    identity: Float32[np.ndarray, "c k_id"]
    expression: Float32[np.ndarray, "c f k_exp"]
    """Of the mood alone."""
    speech_actions: Float32[np.ndarray, "c f k_exp"]
    """Of the words alone; the face shows the sum of both within the bounds."""
    plain_actions: Float32[np.ndarray, "c f k_exp"]
    """Of the same words at the same moments, said by somebody who has no way of their own."""
    camera: Float32[np.ndarray, "c f 9"]
    boundaries_s: Float32[np.ndarray, "c b"]
    """Where the stretches of the word begin, and where the last ends; NaN behind."""


class Filmed(NamedTuple):
    """A person in front of the camera: what does not change in a clip."""

    head: Head
    surface: Surface
    wear: Wear
    scene: Scene


def spoken(random: np.random.Generator, word: str, tempo: float) -> tuple[list[Stretch], list[Stretch]]:
    """A word in the middle of a clip, and all that is said in the clip, the word included."""
    before, after = (CONTEXTS[index] for index in random.choice(len(CONTEXTS), 2))
    own = said(random, WORDS[word], tempo)
    own = shifted(own, FRAMES / FRAMES_PER_S / 2 - own[-1].end_s / 2)
    lead = said(random, before, tempo)
    lead = shifted(lead, own[0].start_s - lead[-1].end_s)
    return own, [*lead, *own, *said(random, after, tempo, own[-1].end_s)]


def mood(random: np.random.Generator, basis: Basis) -> Float32[np.ndarray, "f k"]:
    """Coefficients of an expression that a speaker wears, rising or fading through the clip."""
    worn_mood = coefficients(MOODS[random.integers(len(MOODS))], basis.names) * random.uniform(0.7, 1.2)
    start, end = random.uniform(0.4, 1.0, 2)
    along = 0.5 - 0.5 * np.cos(np.pi * np.linspace(0, 1, FRAMES))
    return (worn_mood * (start + (end - start) * along)[:, None]).astype(np.float32)


def film(population: Population, random: np.random.Generator, identity: Float32[np.ndarray, " k"]) -> Filmed:
    """Somebody before a camera, lit by the first of a photo's two lamps."""
    head = population.head
    person = draw_appearance(random)
    rest = synthesize(population.model, identity, np.zeros(0, np.float32))
    camera = draw_camera(random, SIDE_PX, rest[head.landmarks].mean(0), FACE_HEIGHT_MM)
    camera = camera._replace(rotation_rad=camera.rotation_rad * TURN_SHARE)
    lighting = draw_lighting(random)
    lighting = lighting._replace(directions=lighting.directions[:1], colours=lighting.colours[:1])
    turn = Rotation.from_rotvec(-0.7 * np.asarray(camera.rotation_rad))
    scene = Scene(camera, lighting, draw_background(random, SIDE_PX), turn)
    gaze = draw_gaze(random, camera)
    outfit = draw_outfit(random, person)
    wear = dress(head, person, outfit, gaze)
    skin = paint(head, population.regions, person, gaze)
    return Filmed(head, Surface(*(np.concatenate(pair) for pair in zip(skin, wear.surface, strict=True))), wear, scene)


def swayed(random: np.random.Generator, camera: Camera) -> list[Camera]:
    """The camera as a head sees it that sways slowly."""
    along = np.linspace(0, 2 * np.pi, FRAMES)[:, None]
    turns = SWAY_RAD * np.sin(along * random.uniform(0.5, 1.2, 3) + random.uniform(0, 2 * np.pi, 3))
    return [camera._replace(rotation_rad=camera.rotation_rad + turn) for turn in turns]


def pictures(
    filmed: Filmed, moved: Float32[np.ndarray, "f n 3"], cameras: list[Camera]
) -> UInt8[np.ndarray, "f h w 3"]:
    """The frames. What the lamp reaches is found on the first: shadows that jump by a cell would flicker."""
    head, scene = filmed.head, filmed.scene
    triangles = np.concatenate([head.triangles[~head.on_eyeballs], filmed.wear.triangles])
    lit, frames = None, []
    for vertices, camera in zip(moved, cameras, strict=True):
        whole = np.concatenate([vertices, worn(filmed.wear, head, vertices, scene.trunk_turn)])
        points = head_to_camera(camera, whole)
        if lit is None:
            lit = np.stack([shadows(points, triangles, direction) for direction in scene.lighting.directions])
        radiance = shade(points, vertex_normals(points, triangles), filmed.surface, scene.lighting, lit)
        picture = draw(points, triangles, radiance, camera, SIDE_PX, SIDE_PX, SUPERSAMPLING)
        frames.append(to_srgb(over(picture, scene.background)))
    return np.stack(frames)


def write_talking_clips(
    population: Population, root: Path, wanted: list[tuple[str, str, int]], settings: PeopleSettings
) -> ClipTruth:
    """Write `root/WORD/SPLIT/WORD_NNNNN.mp4` and its .txt for every (word, split, number) wanted."""
    basis, rows = population.model.expression, []
    for word, split, number in tqdm(wanted, desc="talking clips", unit="clip"):
        name = f"{word}/{split}/{word}_{number:05d}"
        random = random_for(settings, "talking clip", name)
        voice, identity = draw_voice(random), draw_identity(random, population.model)
        own, everything = spoken(random, word, voice.tempo)
        expression, style = mood(random, basis), draw_style(random, basis)
        actions, plain = (motion(everything, frame_times_s(), basis, how) for how in (style, plain_style(basis)))
        filmed = film(population, random, identity)
        cameras = swayed(random, filmed.scene.camera)
        shown = np.clip(expression + actions, *basis.bounds.T)
        moved = synthesize(population.model, np.tile(identity, (FRAMES, 1)), shown)
        sound = speak(random, voice, everything, FRAMES / FRAMES_PER_S, SAMPLE_RATE)
        write_clip(root / f"{name}.mp4", pictures(filmed, moved, cameras), sound)
        write_clip_text(root / f"{name}.txt", own[-1].end_s - own[0].start_s)
        camera = np.array([pack(camera) for camera in cameras], np.float32)
        rows.append((name, word, identity, expression, actions, plain, camera, boundaries_s(own)))
    names, words, identities, expressions, spoken_actions, plain_actions, packed, bounds = zip(*rows, strict=True)
    return ClipTruth(
        list(names),
        list(words),
        np.stack(identities),
        np.stack(expressions),
        np.stack(spoken_actions),
        np.stack(plain_actions),
        np.stack(packed),
        padded(bounds),
    )


def boundaries_s(stretches: list[Stretch]) -> Float64[np.ndarray, " b"]:
    """The beginning of each stretch, and the end of the last."""
    return np.array([*(part.start_s for part in stretches), stretches[-1].end_s])


def padded(rows: tuple[np.ndarray, ...] | list[np.ndarray]) -> Float32[np.ndarray, "c b"]:
    """Rows of different lengths with NaN behind the shorter ones."""
    whole = np.full((len(rows), max(map(len, rows))), np.nan, np.float32)
    for row, values in zip(whole, rows, strict=True):
        row[: len(values)] = values
    return whole
