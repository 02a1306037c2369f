"""Every image of a shard by itself, with all that the shard says of it: what exported files hold."""

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image

from pipeline.shards import LAYOUTS, Shard

Row = dict[str, object]


def samples(shard: Shard) -> Iterator[Row]:
    """Every image as PNG, with its columns as what JSON can hold."""
    variants = shard.text("variants") if "variants" in shard.arrays else None
    for item in range(len(shard["id"])):
        for variant in range(len(variants)) if variants else (None,):
            place = (item,) if variant is None else (item, variant)
            row: Row = {"image": png(shard["images"][place])}
            for name in columns_of(shard.kind):
                if name == "variant":
                    row[name] = variants[variant]  # type: ignore[index]
                else:
                    axes = LAYOUTS[shard.kind][name][1]
                    row[name] = plain(shard[name][place[: 1 + ("variant" in axes)]])
            yield row


def columns_of(kind: str) -> list[str]:
    """What stands beside the image: the arrays that have a value an item, and the name of the variant."""
    arrays = [name for name, (_, axes) in LAYOUTS[kind].items() if axes[0] == "item" and name != "images"]
    return arrays[:1] + ["variant"] * ("variants" in LAYOUTS[kind]) + arrays[1:]


def plain(value: np.ndarray | np.generic) -> object:
    """A value of an array as text, a number or a flat list of numbers."""
    if isinstance(value, np.ndarray):
        return value.reshape(-1).tolist()
    return value.decode() if isinstance(value, bytes) else value.item()


def png(image: np.ndarray) -> bytes:
    """The picture without loss, and nothing but its pixels."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, format="PNG")
    return stream.getvalue()
