"""The records of the stages of `workflow/rules/speech.smk`: talking clips."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MakeSpeechSample:
    """See `make_speech_sample` in the configuration's schema; the first two are `make_sample`'s: the same people."""

    seed: int
    identity_components: int
    words: int
    clips_per_word: int
    speakers: int


@dataclass(frozen=True)
class BuildSpeechModel:
    """See `build_speech_model` in the configuration's schema."""

    seed: int
    components: int
    inner_mm: float
    outer_mm: float
    rank: int
    max_reject_rate: float


@dataclass(frozen=True)
class IndexTakes:
    """See `index_takes` in the configuration's schema."""

    max_reject_rate: float


@dataclass(frozen=True)
class IndexPhones:
    """See `index_phones` in the configuration's schema."""

    references: int
    calibration_takes: int
    max_reject_rate: float


@dataclass(frozen=True)
class ListClips:
    """One of `clip_datasets` in the configuration's schema, and its name."""

    dataset: str
    root: str
    released: str | None
    shards: int
    shard_size: int


@dataclass(frozen=True)
class AlignSpeech:
    """See `align_speech` in the configuration's schema."""

    min_confidence: float
    takes: int
    second_aligner: str
    max_reject_rate: float


@dataclass(frozen=True)
class FitClips:
    """See `fit_clips` in the configuration's schema; those from `iterations` to `max_turn_degrees` are `fit_faces`'."""

    seed: int
    speech_sigma: float
    smoothness: float
    joint_iterations: int
    min_confidence: float
    min_face_px: int
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
    size_px: int
    face_scale: float
    range_sigma: float


@dataclass(frozen=True)
class DrawSpeechSheet:
    """See `draw_speech_sheet` in the configuration's schema."""

    clips_each: int
    tile_px: int
