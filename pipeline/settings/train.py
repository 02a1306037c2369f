"""The records of the stages of `workflow/rules/train.smk`: training and evaluation."""

from dataclasses import dataclass


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


@dataclass(frozen=True)
class DrawTraining:
    """Nothing to set: a panel for every column of the history."""
