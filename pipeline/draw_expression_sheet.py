"""Contact sheet of the synthesis, as the paper's Fig. 5: photos framed red, each before its random expressions."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from models3d.errors import InputError
from pipeline.files import Paths
from pipeline.media import WHITE, Colour, tile, write_png
from pipeline.settings.paired import DrawExpressionSheet
from pipeline.shards import Shard, read_shard

STAGE = "draw_expression_sheet"

RED: Colour = (220, 20, 20)
FRAME_PX = 4


def run(inputs: Paths, outputs: Paths, settings: DrawExpressionSheet) -> None:
    """Draw `outputs["sheet"]` from faces spread evenly over `inputs["shards"]`, of kind `paired`.

    Raises InputError if there is not a single face.
    """
    shards = [read_shard(path, "paired") for path in inputs["shards"]]
    places = [(shard, row) for shard in shards for row in range(len(shard["id"]))]
    if not places:
        raise InputError(
            outputs["sheet"].stem, "has no faces to draw", "see why in the rejects.csv files of its stages"
        )
    tiles: list[np.ndarray] = []
    for index in choose(len(places), settings.faces):
        tiles += draw_face(*places[index], settings.columns)
    write_png(outputs["sheet"], tile(tiles, settings.columns))


def choose(count: int, wanted: int) -> list[int]:
    """Indices of at most `wanted` out of `count` items, evenly spread, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(wanted, count)).round().astype(int)).tolist()


def draw_face(shard: Shard, row: int, columns: int) -> Sequence[UInt8[np.ndarray, "h w 3"]]:
    """The framed photo and its random expressions; blank tiles fill the last line."""
    variants = shard.text("variants")
    images = shard["images"][row]
    tiles = [framed(images[variants.index("original")])]
    tiles += [image for image, name in zip(images, variants, strict=True) if name.startswith("random")]
    blank = np.full_like(tiles[0], WHITE[0])
    return tiles + [blank] * (-len(tiles) % columns)


def framed(image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """The picture with its border painted red."""
    painted = np.empty_like(image)
    painted[:] = RED
    inner = slice(FRAME_PX, -FRAME_PX)
    painted[inner, inner] = image[inner, inner]
    return painted
