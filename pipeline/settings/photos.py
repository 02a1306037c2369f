"""The records of the stages of `workflow/rules/photos.smk`: photos, from a list of them to annotated shards."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ListPhotos:
    """One of `datasets` in the configuration's schema, and its name."""

    dataset: str
    layout: str
    root: str | None
    shards: int
    shard_size: int


@dataclass(frozen=True)
class IndexImages:
    """See `index_images` in the configuration's schema."""

    max_pixels: int
    max_reject_rate: float


@dataclass(frozen=True)
class DetectLandmarks:
    """See `detect_landmarks` in the configuration's schema."""

    use_files: bool
    min_confidence: float
    min_face_px: int
    max_reject_rate: float


@dataclass(frozen=True)
class FitFaces:
    """See `fit_faces` in the configuration's schema."""

    seed: int
    batch: int
    iterations: int
    landmark_sigma: float
    identity_weight: float
    expression_weight: float
    focal: str
    focal_ratio: float
    focal_log_sigma: float
    max_turn_degrees: float
    dense: str
    dense_weight: float
    photometric_weight: float
    max_residual: float
    max_mean_sigma: float | None
    max_reject_rate: float


@dataclass(frozen=True)
class CalibrateLabels(FitFaces):
    """See `calibrate_labels` in the configuration's schema; all else is as `fit_faces` has it, but for the seed."""

    renders: int
    most_units: int
    bump_mm: float
    min_confidence: float


@dataclass(frozen=True)
class LearnLandmarks:
    """See `learn_landmarks` in the configuration's schema; those from `iterations` on are those of `fit_faces`."""

    seed: int
    renders: int
    detector_renders: int
    held_out: int
    min_confidence: float
    bump_mm: float
    ridge: float
    error_ridge: float
    iterations: int
    landmark_sigma: float
    identity_weight: float
    expression_weight: float
    focal: str
    focal_ratio: float
    focal_log_sigma: float
    max_turn_degrees: float


@dataclass(frozen=True)
class LearnTexture:
    """See `learn_texture` in the configuration's schema; those from `iterations` on are those of `fit_faces`."""

    seed: int
    photos: int
    least_photos: int
    sites: int
    components: int
    size_px: int
    face_scale: float
    iterations: int
    landmark_sigma: float
    identity_weight: float
    expression_weight: float
    focal: str
    focal_ratio: float
    focal_log_sigma: float
    max_turn_degrees: float


@dataclass(frozen=True)
class AnnotateFaces:
    """See `annotate_faces` in the configuration's schema."""

    size_px: int
    face_scale: float
    range_sigma: float


@dataclass(frozen=True)
class DrawContactSheet:
    """See `draw_contact_sheet` in the configuration's schema."""

    faces_each: int
    tile_px: int
