"""How a person's surface looks: a few numbers drawn for a person, painted through the regions of the head."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from models3d.render import Surface, to_linear
from pipeline.sample.eyes import EYE_GLOSS, EYE_SHININESS, eyeball_colours
from pipeline.sample.heads import Head
from pipeline.sample.mouth import CAVITY, LOWER_TEETH, TONGUE, UPPER_TEETH
from pipeline.sample.regions import NOISE_FIELDS, NOISE_RADII_MM, Regions

# fmt: off
SKIN_TONES = (
    (246, 212, 194), (238, 198, 172), (232, 186, 152), (212, 160, 122), (176, 122, 86), (132, 86, 58), (86, 54, 38),
)
HAIR_TONES = ((22, 18, 17), (44, 30, 24), (74, 50, 34), (112, 70, 42), (160, 118, 72), (204, 170, 118), (128, 122, 116))
IRIS_TONES = ((58, 36, 20), (84, 54, 28), (112, 86, 46), (94, 106, 70), (86, 118, 140), (104, 124, 132))
LIP_TONE = (176, 88, 84)
# fmt: on


class Appearance(NamedTuple):
    """What is drawn for a person."""

    skin: Float64[np.ndarray, "3"]
    """Linear RGB; `hair` and `iris` likewise."""
    hair: Float64[np.ndarray, "3"]
    iris: Float64[np.ndarray, "3"]
    blush: float
    lip: float
    """How red the lips are; painted ones approach 1."""
    brow: float
    beard: float
    moustache: float
    freckles: float
    blotches: tuple[Float64[np.ndarray, " f"], ...]
    """A unit vector for each scale of the regions' noise."""
    teeth: float
    shine: float


def draw_appearance(generator: np.random.Generator) -> Appearance:
    """A person: any skin tone, hair that goes with it, a beard on some."""
    tone = generator.uniform(0, 1)
    skin = _along(SKIN_TONES, tone) * generator.normal(1, [0.02, 0.012, 0.03])
    fair = max(0.0, 1 - 1.6 * tone)
    hair_tone = generator.uniform(0, 0.3 + 0.55 * fair) if generator.uniform() > 0.12 else 1.0
    iris_tone = generator.uniform(0, 0.25 + 0.75 * min(1, 1.5 * fair))
    bearded = generator.uniform() < 0.4
    mixes = [generator.standard_normal(NOISE_FIELDS) for _ in NOISE_RADII_MM]
    unit = [mix / np.sqrt(mix @ mix) for mix in mixes]
    return Appearance(
        skin=skin,
        hair=_along(HAIR_TONES, hair_tone),
        iris=_along(IRIS_TONES, iris_tone),
        blush=generator.uniform(0.1, 0.5) * (0.4 + 0.6 * fair),
        lip=generator.uniform(0.25, 0.6) if bearded or generator.uniform() < 0.6 else generator.uniform(0.6, 0.95),
        brow=generator.uniform(0.55, 0.9),
        beard=generator.beta(1.2, 1.4) if bearded else 0.0,
        moustache=generator.beta(1.5, 1.2) if bearded else 0.0,
        freckles=generator.uniform(0.2, 0.8) if generator.uniform() < 0.25 * (0.3 + fair) else 0.0,
        blotches=tuple(unit),
        teeth=generator.uniform(0.85, 1.1),
        shine=generator.uniform(0.03, 0.09),
    )


def _along(tones: tuple[tuple[int, int, int], ...], where: float) -> Float64[np.ndarray, "3"]:
    """Linear RGB at a share of the way through a list of sRGB colours."""
    position = np.clip(where, 0, 1) * (len(tones) - 1)
    srgb = [np.interp(position, np.arange(len(tones)), channel) for channel in np.array(tones).T]
    return to_linear(np.round(srgb).astype(np.uint8)).astype(np.float64)


def paint(head: Head, regions: Regions, person: Appearance, gaze: Float64[np.ndarray, "3"]) -> Surface:
    """The surface of the whole head; `gaze` is the direction of sight in the head's frame."""
    colour = _hairs(_skin(regions, person), regions, person)
    hairy = np.maximum(regions.brows, regions.scalp)
    gloss = person.shine * (1 + 0.8 * regions.lips) * (1 - 0.7 * hairy)
    shininess = 11 + 25 * regions.lips
    for eye in head.eyes.values():
        lids = head.skin.vertices[eye.upper], head.skin.vertices[eye.lower]
        colour[eye.vertices] = eyeball_colours(eye, head.skin.vertices[eye.vertices], lids, person.iris, gaze)
        gloss[eye.vertices], shininess[eye.vertices] = EYE_GLOSS, EYE_SHININESS
    mouth = head.mouth
    tint = np.where(np.isin(mouth.label, (UPPER_TEETH, LOWER_TEETH)), person.teeth, 1.0)
    wet = np.select([mouth.label == CAVITY, mouth.label == TONGUE], [0.0, 0.05], 0.12)
    albedo = np.clip(np.concatenate([colour, mouth.albedo * tint[:, None]]), 0.004, 0.95)
    fields = albedo, np.concatenate([gloss, wet]), np.concatenate([shininess, np.full(len(wet), 30.0)])
    return Surface(*(field.astype(np.float32) for field in fields))


def _skin(regions: Regions, person: Appearance) -> Float64[np.ndarray, "t 3"]:
    """Bare skin: blotches, blush, shaded creases, freckles, lips."""
    fine, patchy, broad = (field @ mix for field, mix in zip(regions.noise, person.blotches, strict=True))
    colour = person.skin * np.exp(0.025 * fine + 0.03 * patchy + 0.05 * broad)[:, None]
    redder = np.clip(person.blush * regions.blush * (1 + 0.4 * patchy) + 0.05 * broad, 0, 1)
    colour = colour * (1 - redder[:, None] * [0.02, 0.42, 0.40])
    colour *= 1 - 0.16 * regions.sockets[:, None] * [0.8, 1.0, 0.9]
    colour *= np.exp(-np.maximum(regions.creases, 0)[:, None] * [0.55, 0.85, 0.95])
    spots = 1 / (1 + np.exp(-7 * (fine - 1.5)))
    colour = _mix(colour, person.skin * [0.55, 0.38, 0.30], 0.8 * person.freckles * regions.freckles * spots)
    bare, painted = person.skin * [0.82, 0.55, 0.52], to_linear(np.array(LIP_TONE, np.uint8))
    lips = bare + person.lip * (painted * np.sqrt(2 * person.skin.mean()) - bare)
    return _mix(colour, lips * np.exp(0.05 * fine)[:, None], 0.85 * regions.lips)


def _hairs(colour: Float64[np.ndarray, "t 3"], regions: Regions, person: Appearance) -> Float64[np.ndarray, "t 3"]:
    """The skin with beard, brows, the hair's roots and lashes on it."""
    fine = regions.noise[0] @ person.blotches[0]
    hair = person.hair * np.exp(0.25 * fine)[:, None]
    growth = 1 / (1 + np.exp(-2.0 * (fine + 1.2)))
    stubble = np.maximum(person.beard * regions.beard, person.moustache * regions.moustache)
    colour = _mix(colour, 0.75 * hair + 0.1 * person.skin, 1.1 * stubble * (0.55 + 0.45 * growth))
    colour = _mix(colour, hair, person.brow * regions.brows * (0.72 + 0.28 * growth))
    colour = _mix(colour, hair, regions.scalp * (0.75 + 0.25 * growth))
    return _mix(colour, person.hair * 0.25, 0.9 * regions.lashes)


def _mix(
    colour: Float64[np.ndarray, "t 3"], other: Float64[np.ndarray, "..."], share: Float64[np.ndarray, " t"]
) -> Float64[np.ndarray, "t 3"]:
    return colour + np.clip(share, 0, 1)[:, None] * (other - colour)
