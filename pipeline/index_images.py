"""Which candidates of a listing can be decoded: their size and content digest, or the reason why not."""

from pathlib import Path

from tqdm import tqdm

from models3d.errors import UnusableDatum
from pipeline.files import Paths, Reject, check_rejects, write_rejects
from pipeline.images import read_photo
from pipeline.photo_tables import Candidate, Photo, read_candidates, write_index
from pipeline.provenance import file_digest
from pipeline.settings.photos import IndexImages

STAGE = "index_images"


def run(inputs: Paths, outputs: Paths, settings: IndexImages) -> None:
    """Decode every candidate of `inputs["listing"]` once; write `outputs["index"]` and `outputs["rejects"]`.

    A photo with the same bytes as an earlier one of its shard is a reject. (Of two in different shards both stay,
    since no shard may depend on another; their digests are equal.)
    Raises InputError if more than `max_reject_rate` of the candidates are rejects.
    """
    candidates = read_candidates(inputs["listing"])
    photos: dict[str, Photo] = {}
    rejects = []
    for candidate in tqdm(candidates, desc=STAGE, unit="photo"):
        try:
            photo = index_photo(candidate, settings.max_pixels)
            if photo.digest in photos:
                raise UnusableDatum(f"same content as {photos[photo.digest].id}")
            photos[photo.digest] = photo
        except UnusableDatum as error:
            rejects.append(Reject(candidate.id, STAGE, str(error)))
    check_rejects(rejects, len(candidates), settings.max_reject_rate, inputs["listing"])
    write_index(outputs["index"], photos.values())
    write_rejects(outputs["rejects"], rejects)


def index_photo(candidate: Candidate, max_pixels: int) -> Photo:
    """Decode one candidate. Raises UnusableDatum if that is not possible."""
    if not candidate.path:
        raise UnusableDatum("its URL names no file, or one that an earlier URL names")
    path = Path(candidate.path)
    height, width = read_photo(path, max_pixels).shape[:2]
    return Photo(candidate.id, candidate.path, candidate.landmarks, candidate.person, file_digest(path), width, height)
