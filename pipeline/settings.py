"""One frozen record a stage, made from its section of the validated configuration.

`workflow/schemas/config.schema.json` says what each field means, its unit and range; a test holds the
two together, field by field.
"""

from dataclasses import dataclass, fields
from typing import TypeVar

Settings = TypeVar("Settings")


def read_settings(record: type[Settings], section: dict) -> Settings:
    """The record of a stage from its section. The schema has checked names and ranges already."""
    lists_as_tuples = {key: tuple(value) if isinstance(value, list) else value for key, value in section.items()}
    return record(**{field.name: lists_as_tuples[field.name] for field in fields(record)})  # type: ignore[arg-type]


@dataclass(frozen=True)
class MakeSample:
    """See `make_sample` in the configuration's schema."""

    seed: int
    identity_components: int
    photos: int
    subjects: int
    sessions: int
    sequences: int
    frames: int
    image_size_px: int


@dataclass(frozen=True)
class BuildModels:
    """See `models` in the configuration's schema: where one face model comes from."""

    identity: dict
    expression: dict | None
    speech: dict | None
    landmarks: str | None
    identity_components: int
    expression_components: int
    speech_components: int


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
    max_residual: float
    max_reject_rate: float


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


@dataclass(frozen=True)
class IndexDataset:
    """Nothing to set: what the dataset holds follows from the shards."""


@dataclass(frozen=True)
class ListMeshes:
    """One of `mesh_datasets` in the configuration's schema, and its name."""

    dataset: str
    manifest: str
    shards: int
    sessions_per_shard: int
    test_share: float


@dataclass(frozen=True)
class IndexMeshes:
    """See `index_meshes` in the configuration's schema, and `mesh_datasets` for the unit."""

    unit_mm: float
    max_texture_pixels: int
    max_reject_rate: float


@dataclass(frozen=True)
class RegisterMeshes:
    """See `register_meshes` in the configuration's schema, and `mesh_datasets` for the unit."""

    unit_mm: float
    coarse_triangles: int
    max_scan_vertices: int
    max_mean_mm: float
    max_landmark_mm: float
    max_texture_pixels: int
    max_reject_rate: float


@dataclass(frozen=True)
class DrawComponents:
    """See `draw_components` in the configuration's schema."""

    steps: int
    tile_px: int


@dataclass(frozen=True)
class RenderMeshes:
    """See `render_meshes` in the configuration's schema."""

    seed: int
    images_per_session: int
    size_px: int
    face_scale: float
    range_sigma: float


@dataclass(frozen=True)
class BuildExpressionModel:
    """See `build_expression_model` in the configuration's schema."""

    seed: int
    method: str
    components: int
    one_sided: bool
    sparsity: float
    support: tuple[float, float]
    sigma_over: str
    rank: int
    tolerance: float
    max_rounds: int


@dataclass(frozen=True)
class ProjectMeshes:
    """See `project_meshes` in the configuration's schema."""

    method: str
    scaled: bool
    batch: int
    max_residual_mm: float
    max_reject_rate: float


@dataclass(frozen=True)
class SelectFaces:
    """See `select_faces` in the configuration's schema."""

    faces: int


@dataclass(frozen=True)
class RenderPairs:
    """See `render_pairs` in the configuration's schema; the first three are those of `annotate_faces`."""

    size_px: int
    face_scale: float
    range_sigma: float
    seed: int
    expressions: int
    distribution: str
    spread: float
    max_invented: float
    max_invented_eye: float
    max_folded: float
    max_draws: int
    backend: str
    max_reject_rate: float


@dataclass(frozen=True)
class DrawExpressionSheet:
    """See `draw_expression_sheet` in the configuration's schema."""

    faces: int
    columns: int


@dataclass(frozen=True)
class DrawSliders:
    """See `draw_sliders` in the configuration's schema; `size_px` and `face_scale` are those of `annotate_faces`."""

    size_px: int
    face_scale: float
    faces: int
    sliders: int
    steps: int


@dataclass(frozen=True)
class JoinShards:
    """Which kind of shard is joined: the rule's own wildcard, no setting."""

    kind: str


@dataclass(frozen=True)
class ValidateShards:
    """Nothing to set: every promise is kept or not."""


@dataclass(frozen=True)
class TrainIdentity:
    """See `train_identity` in the configuration's schema."""

    seed: int
    gpu: str
    on_cpu: dict
    depth: int
    width: float
    input_px: int
    embedding: int
    margin_rad: float
    scale: float
    batch: int
    epochs: int
    learning_rate: float
    weight_decay: float
    held_out_share: float


@dataclass(frozen=True)
class TrainSlidergan:
    """See `train_slidergan` in the configuration's schema, and `slidergan_variants` for what each one changes."""

    variant: str
    changes: dict
    seed: int
    gpu: str
    gpus: int
    on_cpu: dict
    # networks
    size_px: int
    generator_channels: int
    critic_channels: int
    residual_blocks: int
    normalisation: str
    residual_image: bool
    coordinates: bool
    # losses
    adversarial: str
    weight_adv: float
    weight_gp: float
    weight_exp: float
    weight_rec: float
    weight_gen: float
    weight_id: float
    weight_att: float
    weight_smooth: float
    pair_softness: float
    # what is trained on
    condition: str
    detector_noise: float
    held_out_share: float
    paired_epochs: int
    unpaired_epochs: int
    batch: int
    critic_steps: int
    learning_rate: float
    decay_from: float
    betas: tuple[float, float]
    # how it is run
    precision: str
    tf32: bool
    channels_last: bool
    compile: str
    fused: bool
    data: str
    workers: int
    checkpoint_minutes: float
    log_every_steps: int
    sample_every_steps: int


@dataclass(frozen=True)
class Evaluate:
    """See `evaluate` in the configuration's schema."""

    seed: int
    gpu: str
    pairs_per_face: int
    batch: int
    figure_faces: int
    expressions: dict
    min_likeness: float
    classifier_ridge: float
    classifier_folds: int
