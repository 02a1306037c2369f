"""Photos with their landmarks, as the fitters take them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int

from models3d.fitting.texture_sites import Crop
from models3d.landmarks import LandmarkSource
from pipeline.crops import crop_matrix, cut
from pipeline.images import read_indexed
from pipeline.photo_tables import Photo
from pipeline.shards import Shard


class MarkedPhotos(NamedTuple):
    """n photos of an index, in the order of their `landmarks` shards."""

    photos: list[Photo]
    landmarks_px: Float32[np.ndarray, "n 68 2"]
    sizes_px: Float[np.ndarray, "n 2"]
    slides: Bool[np.ndarray, " n"]
    """Whether the jaw's landmarks mark the outline that is seen (`LandmarkSource.jaw_on_outline`)."""
    from_files: Bool[np.ndarray, " n"]
    """Whether the landmarks are those of a file, not detected."""

    def rows(self, index: Int[np.ndarray, " m"]) -> "MarkedPhotos":
        """Some of them."""
        return MarkedPhotos([self.photos[row] for row in index], *(part[index] for part in self[1:]))

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Landmarks, sizes and sliding, in the order in which `fit_landmarks` takes them."""
        return self.landmarks_px, self.sizes_px, self.slides


def marked_photos(shards: Sequence[Shard], photos: Mapping[str, Photo]) -> MarkedPhotos:
    """The photos of some shards, one after the other.

    photos  of the index, by id
    """
    own = [photos[name] for shard in shards for name in shard.text("id")]
    sources = [source for shard in shards for source in shard.text("source")]
    return mark(own, np.concatenate([shard["landmarks_px"] for shard in shards]), sources)


def mark(photos: list[Photo], landmarks_px: Float32[np.ndarray, "n 68 2"], sources: Sequence[str]) -> MarkedPhotos:
    """Photos and their landmarks, with what follows from where each one's come from (`LandmarkSource`)."""
    kinds = [LandmarkSource(source) for source in sources]
    return MarkedPhotos(
        photos=photos,
        landmarks_px=landmarks_px,
        sizes_px=np.array([(photo.width, photo.height) for photo in photos], float).reshape(-1, 2),
        slides=np.array([kind.jaw_on_outline for kind in kinds], bool),
        from_files=np.array([kind is LandmarkSource.FILE for kind in kinds], bool),
    )


def read_crop(marked: MarkedPhotos, row: int, canonical_px: Float64[np.ndarray, "68 2"], size_px: int) -> Crop:
    """The part of a photo that shows the face."""
    matrix = crop_matrix(marked.landmarks_px[row], canonical_px)
    photo = marked.photos[row]
    return Crop(cut(read_indexed(photo), matrix, size_px), matrix, (photo.width, photo.height))
