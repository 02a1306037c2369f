"""Sheets to judge speech by, one a word: frames, meshes of their parameters, and the parameters against the sound."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, UInt8
from tqdm import tqdm

from models3d.camera import FLIP, Camera, head_to_camera
from models3d.errors import InputError
from models3d.face_model import FaceModel, synthesize
from models3d.readers.native import read_native
from models3d.render import draw, to_srgb, vertex_normals
from pipeline.clip_media import read_sound
from pipeline.clip_tables import read_clips
from pipeline.files import Paths
from pipeline.lrw import FRAMES, FRAMES_PER_S, SAMPLE_RATE, frame_times_s
from pipeline.media import Colour, caption, draw_line, tile, write_png
from pipeline.settings.speech import DrawSpeechSheet
from pipeline.shards import Shard, read_shard

STAGE = "draw_speech_sheet"

COLUMNS = 10
"""Frames shown of a clip, spread over the word."""
GAP_PX = 4
CLAY = np.array([0.62, 0.72, 0.86], np.float32)
LAMP = np.array([-0.48, -0.6, -0.64], np.float32)
AMBIENT = 0.08
DISTANCE_MM, FACE_SHARE, FACE_MM = 1500.0, 0.9, 160.0
"""The meshes are seen from the front, from so far, a face of FACE_MM filling FACE_SHARE of the tile."""
SHADE: Colour = (236, 240, 246)
WAVE: Colour = (150, 150, 150)
CURVES: tuple[Colour, ...] = ((0, 90, 181), (220, 50, 32), (0, 140, 90), (200, 130, 0))
"""Of the first speech components."""


class Shown(NamedTuple):
    """The rows of one clip, in the order of its frames."""

    clip: str
    method: str
    confidence: float
    frames: np.ndarray
    images: UInt8[np.ndarray, "r h w 3"]
    identity: Float32[np.ndarray, " k"]
    params: Float32[np.ndarray, "r p"]


def run(inputs: Paths, outputs: Paths, settings: DrawSpeechSheet) -> None:
    """Draw `outputs["sheets"]`/WORD.png for every word of `inputs["shards"]`, with the sound of `inputs["listings"]`.

    Raises InputError if there is not a single clip.
    """
    model, shards = read_native(inputs["model"]), [read_shard(path, "speech") for path in inputs["shards"]]
    paths = {row.id: Path(row.path) for listing in inputs["listings"] for row in read_clips(listing)}
    chosen = first_clips(shards, settings.clips_each)
    if not chosen:
        raise InputError(outputs["sheets"].name, "has no clips to draw", "see why in the rejects.csv files")
    for word, clips in tqdm(chosen.items(), STAGE, unit="word"):
        parts = [draw_clip(model, shown(shard, clip), paths[clip], settings.tile_px) for shard, clip in clips]
        write_png(outputs["sheets"] / f"{word}.png", np.concatenate(parts))


def first_clips(shards: Sequence[Shard], each: int) -> Mapping[str, list[tuple[Shard, str]]]:
    """By word, its first clips in the order of their names."""
    found: dict[str, dict[str, Shard]] = {}
    for shard in shards:
        for word, clip in zip(shard.text("word"), shard.text("clip"), strict=True):
            found.setdefault(word, {})[clip] = shard
    return {word: [(clips[name], name) for name in sorted(clips)[:each]] for word, clips in sorted(found.items())}


def shown(shard: Shard, clip: str) -> Shown:
    """One clip's rows, which a shard may hold in any order."""
    rows = np.flatnonzero(np.asarray(shard["clip"]) == clip.encode())
    rows = rows[np.argsort(np.asarray(shard["frame"])[rows])]
    first = int(rows[0])
    reach = float(shard.attributes["range"])  # type: ignore[arg-type]
    return Shown(
        clip,
        shard.text("method")[first],
        float(shard["confidence"][first]),
        np.asarray(shard["frame"])[rows],
        np.asarray(shard["images"])[rows],
        np.asarray(shard["identity"])[first],
        np.asarray(shard["params"])[rows] * np.float32(reach),
    )


def draw_clip(model: FaceModel, clip: Shown, path: Path, tile_px: int) -> UInt8[np.ndarray, "h w 3"]:
    """Three rows: pictures, meshes, curves."""
    places = np.unique(np.linspace(0, len(clip.frames) - 1, COLUMNS).round().astype(int))
    blank = np.full((tile_px, tile_px, 3), 255, np.uint8)
    fill = [blank] * (COLUMNS - len(places))
    pictures = [resized(clip.images[place], tile_px) for place in places]
    meshes = [mesh(model, clip.identity, clip.params[place], tile_px) for place in places]
    labelled = [
        caption(image, f"frame {frame}") for image, frame in zip(pictures, clip.frames[places], strict=True)
    ] + [caption(image, "") for image in fill]
    rows = [tile(labelled, COLUMNS, GAP_PX), tile(meshes + fill, COLUMNS, GAP_PX)]
    curves = plot(clip, read_sound(path), rows[0].shape[1], tile_px, len(model.expression))
    how = f"{clip.clip}: {clip.method}, confidence {clip.confidence:.2f}; lines: speech 1-4 in standard deviations"
    return np.concatenate([*rows, caption(curves, how)])


def resized(image: UInt8[np.ndarray, "h w 3"], size_px: int) -> UInt8[np.ndarray, "s s 3"]:
    """The nearest pixels of a square picture."""
    places = np.arange(size_px) * len(image) // size_px
    return image[places][:, places]


def mesh(
    model: FaceModel, identity: Float32[np.ndarray, " k"], motion: Float32[np.ndarray, " p"], size_px: int
) -> UInt8[np.ndarray, "s s 3"]:
    """The face from the front, lit from above."""
    centre = model.mean_mm[model.landmarks].mean(0)
    translation = np.array([0, 0, DISTANCE_MM]) - FLIP @ centre
    focal = np.asarray(FACE_SHARE * size_px * DISTANCE_MM / FACE_MM)
    camera = Camera(np.zeros(3), translation, focal, np.full(2, size_px / 2))
    points = head_to_camera(camera, synthesize(model, identity, motion))
    facing = np.maximum(vertex_normals(points, model.triangles) @ LAMP, 0)
    radiance = ((AMBIENT + (1 - AMBIENT) * facing[:, None]) * CLAY).astype(np.float32)
    drawn = draw(points, model.triangles, radiance, camera, size_px, size_px)
    return to_srgb(drawn.radiance + 1 - drawn.coverage[..., None])


def plot(
    clip: Shown, sound: Float32[np.ndarray, " t"], width_px: int, height_px: int, expressions: int
) -> UInt8[np.ndarray, "h w 3"]:
    """The waveform of the whole clip, the frames of the word shaded, and the first speech components over them."""
    picture = np.full((height_px, width_px, 3), 255, np.uint8)
    length_s = FRAMES / FRAMES_PER_S

    def across(times_s: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
        return times_s / length_s * width_px

    edges = across(np.array([clip.frames[0], clip.frames[-1] + 1]) / FRAMES_PER_S).astype(int)
    picture[:, edges[0] : edges[1]] = SHADE
    heard = sound[: round(length_s * SAMPLE_RATE)]
    blocks = np.array_split(heard, width_px)
    loud = 0.45 * height_px / max(np.abs(heard).max(), 1e-6)
    for column, block in enumerate(blocks):
        top, bottom = (int(height_px / 2 - loud * value) for value in (block.max(), block.min()))
        picture[top : bottom + 1, column] = WAVE
    values = clip.params[:, expressions:]
    reach = 0.45 * height_px / max(float(np.abs(values[:, : len(CURVES)]).max()), 1.0)
    for colour, curve in zip(CURVES, values.T, strict=False):
        points = np.stack([across(frame_times_s()[clip.frames]), height_px / 2 - reach * curve], axis=1)
        picture = draw_line(picture, points, colour, width_px=2)
    return picture
