"""Shards small enough to train on in seconds: a grey disc whose two patches are as bright as the parameters say."""

from pathlib import Path

import numpy as np

from pipeline.settings.train import TrainIdentity, TrainSlidergan
from pipeline.shards import write_shard

SIDE, PARAMS, VARIANTS = 64, 3, 6
NAMES = ["jaw_open", "smile_left", "smile_right"]
BOUNDS = [[0.0, 1.0], [-1.0, 1.0], [0.0, 0.8]]

TRAIN = TrainSlidergan(
    variant="slidergan_rad", changes={}, seed=0, gpu="off", gpus=1, on_cpu={}, size_px=64,
    generator_channels=4, critic_channels=2, residual_blocks=1, normalisation="none", residual_image=True,
    coordinates=True,
    adversarial="ra_sigmoid", weight_adv=30.0, weight_gp=10.0, weight_exp=1000.0, weight_rec=10.0, weight_gen=10.0,
    weight_id=0.0, weight_att=0.3, weight_smooth=0.0, pair_softness=0.0,
    condition="params", detector_noise=0.1, held_out_share=0.3, paired_epochs=1, unpaired_epochs=1, batch=4,
    critic_steps=1, learning_rate=1e-3, decay_from=0.5, betas=(0.5, 0.999), precision="float32", tf32=True,
    channels_last=True, compile="none", fused=False, data="auto", workers=1, checkpoint_minutes=10.0,
    log_every_steps=1, sample_every_steps=100,
)  # fmt: skip

IDENTITY = TrainIdentity(
    seed=0, gpu="off", on_cpu={}, depth=10, width=1 / 16, input_px=32, embedding=16, margin_rad=0.3, scale=16.0,
    batch=16, epochs=4, learning_rate=0.05, weight_decay=5e-4, held_out_share=0.3,
)  # fmt: skip


def picture(face: int, params: np.ndarray) -> np.ndarray:
    """Background and skin tell the face, three patches its parameters."""
    colour = np.random.default_rng(face).integers(60, 200, (2, 3))
    y, x = np.mgrid[:SIDE, :SIDE]
    image = np.where((np.hypot(y - 32, x - 32) < 24)[..., None], colour[0], colour[1]).astype(float)
    for number, value in enumerate(params):
        image[40:48, 12 + 14 * number : 24 + 14 * number] += 50 * value
    return np.clip(image, 0, 255).astype(np.uint8)


def attributes(**changed: object) -> dict[str, object]:
    stated = {"range": 3.0, "sigmas_mm": [3.0, 2.0, 1.0], "component_names": NAMES, "model_digest": "m"}
    stated["bounds"] = BOUNDS
    return {name: value for name, value in {**stated, "stage": "tests", **changed}.items() if value is not None}


def write_paired(
    path: Path, faces: int = 8, first: int = 0, people: list[str] | None = None, **changed: object
) -> Path:
    random = np.random.default_rng(first)
    params = random.uniform(-1, 1, (faces, VARIANTS, PARAMS)).astype(np.float32)
    params[:, 1] = 0
    images = np.stack([[picture(first + f, p) for p in params[f]] for f in range(faces)])
    arrays = {
        "id": [f"set/{first + f}.png" for f in range(faces)],
        "person": people or [""] * faces,
        "variants": ["original", "neutral", *(f"random_{n:02d}" for n in range(VARIANTS - 2))],
        "images": images,
        "params": params,
        "identity": np.zeros((faces, 2), np.float32),
        "camera": np.zeros((faces, 9), np.float32),
        "crop": np.zeros((faces, 2, 3), np.float32),
        "draws": np.ones((faces, VARIANTS), np.int32),
        "invented": np.zeros((faces, VARIANTS), np.float32),
    }
    write_shard(path, "paired", arrays, attributes(**changed))
    return path


def write_annotated(
    path: Path, photos: int = 12, first: int = 100, params: np.ndarray | None = None, **changed
) -> Path:
    if params is None:
        params = np.random.default_rng(first).uniform(-1, 1, (photos, PARAMS)).astype(np.float32)
    photos = len(params)
    arrays = {
        "id": [f"set/{first + f}.png" for f in range(photos)],
        "person": [""] * photos,
        "images": np.stack([picture(first + f, np.nan_to_num(p, posinf=0)) for f, p in enumerate(params)]),
        "params": params,
        "params_sigma": np.ones_like(params),
        "identity": np.zeros((photos, 2), np.float32),
        "camera": np.zeros((photos, 9), np.float32),
        "landmarks_px": np.zeros((photos, 68, 2), np.float32),
        "crop": np.zeros((photos, 2, 3), np.float32),
        "residual": np.zeros(photos, np.float32),
        "status": ["converged"] * photos,
    }
    write_shard(path, "annotated", arrays, attributes(**changed))
    return path


def write_meshes(path: Path, subjects: int = 2, frames: int = 5, first: int = 200) -> Path:
    count = subjects * 2 * frames
    params = np.random.default_rng(first).uniform(-1, 1, (count, PARAMS)).astype(np.float32)
    subject = np.repeat(np.arange(subjects), 2 * frames)
    session = np.tile(np.repeat([1, 2], frames), subjects)
    arrays = {
        "id": [f"clips/{row}.ply" for row in range(count)],
        "subject": [f"S{s}" for s in subject],
        "session": [str(s) for s in session],
        "sequence": ["1"] * count,
        "frame": np.arange(count, dtype=np.int32),
        "group": (2 * subject + session - 1).astype(np.int32),
        "split": ["test" if s == subjects - 1 else "train" for s in subject],
        "images": np.stack([picture(first + 2 * s + k, p) for s, k, p in zip(subject, session, params, strict=True)]),
        "params": params,
        "residual": np.zeros(count, np.float32),
        "camera": np.zeros((count, 9), np.float32),
        "crop": np.zeros((count, 2, 3), np.float32),
    }
    write_shard(path, "meshes", arrays, attributes())
    return path


def write_speech(path: Path, clips: int = 2, frames: int = 5, first: int = 300, more: tuple[str, ...] = ()) -> Path:
    """Clips, the last of the test split; `more` names parameters besides those of the other kinds."""
    count = clips * frames
    params = np.random.default_rng(first).uniform(-1, 1, (count, PARAMS + len(more))).astype(np.float32)
    clip = np.repeat(np.arange(clips), frames)
    arrays = {
        "id": [f"clips/{c}#{row % frames}" for row, c in enumerate(clip)],
        "images": np.stack([picture(first + c, p) for c, p in zip(clip, params, strict=True)]),
        "params": params,
        "word": ["about"] * count,
        "clip": [f"clips/{c}" for c in clip],
        "frame": np.tile(np.arange(frames, dtype=np.int32), clips),
        "split": ["test" if c == clips - 1 else "train" for c in clip],
        "method": ["sound"] * count,
        "confidence": np.ones(count, np.float32),
        "identity": np.zeros((count, 2), np.float32),
        "camera": np.zeros((count, 9), np.float32),
        "landmarks_px": np.zeros((count, 68, 2), np.float32),
        "crop": np.zeros((count, 2, 3), np.float32),
        "residual": np.zeros(count, np.float32),
    }
    named = {"component_names": [*NAMES, *more], "sigmas_mm": [3.0, 2.0, 1.0, *[1.0] * len(more)]}
    named["bounds"] = [*BOUNDS, *[[-1.0, 1.0]] * len(more)]
    write_shard(path, "speech", arrays, attributes(**named))
    return path
