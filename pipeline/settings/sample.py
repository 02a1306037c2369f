"""The records of the stages of `workflow/rules/sample.smk`: the made sample."""

from dataclasses import dataclass


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
