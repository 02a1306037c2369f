"""What the page saves, as the bytes of files."""

import csv
import io
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

FRAME_MS = 100


def png(image: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """A picture and nothing else: no time, no text."""
    return _written([Image.fromarray(image)], format="PNG")


def jpeg(image: UInt8[np.ndarray, "h w 3"], quality: int = 90) -> bytes:
    """What the page shows: a PNG takes five times as long to make."""
    return _written([Image.fromarray(image)], format="JPEG", quality=quality)


def gif(images: Sequence[UInt8[np.ndarray, "h w 3"]]) -> bytes:
    """An animation that repeats. All pictures share the 256 colours of three of them, so that no colour flickers."""
    some = np.concatenate([images[0], images[len(images) // 2], images[-1]])
    colours = Image.fromarray(some).quantize(256, Image.Quantize.MEDIANCUT)
    frames = [Image.fromarray(image).quantize(palette=colours) for image in images]
    return _written(frames, format="GIF", save_all=True, append_images=frames[1:], duration=FRAME_MS, loop=0)


def values_csv(names: Sequence[str], params: Float[np.ndarray, " p"]) -> bytes:
    """A row a slider, as `pipeline.edit --values` takes it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("name", "value"))
    writer.writerows((name, f"{value:.4f}") for name, value in zip(names, params.tolist(), strict=True))
    return text.getvalue().encode()


def _written(frames: Sequence[Image.Image], **options: object) -> bytes:
    stream = io.BytesIO()
    frames[0].save(stream, **options)  # type: ignore[arg-type]
    return stream.getvalue()
