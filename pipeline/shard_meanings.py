"""What the arrays of the product's shards mean, in one sentence each: for metadata, cards and the documentation."""

from collections.abc import Mapping

from models3d.camera import CAMERA_FIELDS
from pipeline.shard_layouts import LAYOUTS

PRODUCTS: Mapping[str, str] = {
    "annotated": "photos with the parameters of the face model that was fitted to them",
    "paired": "photos with other expressions drawn onto them, parameters exact but for the original's",
    "meshes": "renders of registered meshes, parameters by projection",
    "speech": "frames of talking clips, with expression and speech parameters",
}
"""Kind of shard -> what it holds."""

MEANINGS: Mapping[str, str] = {
    "id": "dataset/path of what the item was made from, below the dataset's root",
    "person": "who it shows, where the source says so; else empty",
    "images": "RGB, 8 bits, aligned to the mean face",
    "params": "coefficients in standard deviations over `range`, within [-1, 1]",
    "params_sigma": "standard errors of the parameters, in the same unit",
    "identity": "identity coefficients in standard deviations",
    "camera": f"{', '.join(CAMERA_FIELDS)}, in the photo's pixels",
    "landmarks_px": "68 landmarks in iBUG's order, in the photo's pixels",
    "crop": "affine map from the photo's pixels to the image's",
    "residual": "root mean square landmark error, as a share of the inter-ocular distance",
    "meshes.residual": "root mean square distance of the mesh to the model's surface, in mm",
    "status": "how the fit ended",
    "variants": "names of the variants: original, neutral, random_00, ...",
    "draws": "expressions drawn until one could be shown; 0 where none was drawn",
    "invented": "share of the skin shown that the photo does not show",
    "subject": "whose mesh it is",
    "session": "which visit of the subject's",
    "sequence": "which sequence of the session's",
    "frame": "number in the sequence or clip, from 0",
    "group": "equal where camera, light and texture are",
    "split": "train, val or test, by subject or as the source says",
    "word": "what is said",
    "clip": "which clip the frame is of",
    "method": "where the speech coefficients come from",
    "confidence": "of the alignment by sound, 1 is certain",
}
"""Array, or kind.array where a kind has its own -> meaning and unit."""


def meaning(kind: str, array: str) -> str:
    """What an array of a kind means; raises KeyError if nobody has said it."""
    return MEANINGS.get(f"{kind}.{array}") or MEANINGS[array]


def described(kind: str) -> list[tuple[str, str, str, str]]:
    """Array, dtype, axes and meaning of every array of a kind, in the layout's order."""
    return [
        (name, f"{dtype}" if dtype != "S" else "text", ", ".join(axes), meaning(kind, name))
        for name, (dtype, axes) in LAYOUTS[kind].items()
    ]
