"""The inside of the mouth in a frame of the warp: the photo's where it shows it, drawn teeth elsewhere; compiled."""

from typing import no_type_check

import numpy as np

from models3d.mouth_interior import LOWER, UPPER
from models3d.warp.kernel import kernel
from models3d.warp.surfaces import MOUTH, chamfer, sample
from models3d.warp.z_buffer import HALF, NOTHING, ONE, corner_weights, number_pixels, z_samples

LEVEL = 1
SAMPLES = 1 << LEVEL
"""Along each side of a pixel, where surfaces meet."""
LIP_PX = 1.5
"""Of the photo's mouth, the rim that belongs to the lips as soon as they move by as much."""
LIP_SHADOW, SHADOW_PX = 0.75, 3.0
"""Grey level right behind the lips against that in the light, and how far from them that is reached."""


@kernel
@no_type_check
def draw_mouth(points, shift, scene, kind, fine, fine_slots):
    """Colours (count, 3) of what is behind the lips, for the pixels that show some of it, and their slots (h, w).

    fine  kinds of the samples of the pixels numbered in `fine_slots`, where surfaces meet
    """
    shown, top, bottom, left, right = mouth_pixels(kind, fine, fine_slots)
    slots, count = number_pixels(shown)
    colours = np.zeros((count, 3), np.float32)
    if count == 0:
        return colours, slots
    moved = np.float32(0)
    for lip in scene.lips:
        moved = max(moved, abs(shift[lip, 0]), abs(shift[lip, 1]))
    rim = SAMPLES * min(moved, np.float32(LIP_PX))
    deep = np.zeros((bottom - top, right - left), np.float32)
    for y in range(top, bottom):
        for x in range(left, right):
            if shown[y, x] == SAMPLES**2:
                deep[y - top, x - left] = kind.shape[0]
    chamfer(deep)
    triangle = z_samples(points, scene.teeth, scene.teeth[:0], slots, count, LEVEL)
    for y in range(top, bottom):
        for x in range(left, right):
            slot, fine_slot = slots[y, x], fine_slots[y, x]
            if slot == NOTHING:
                continue
            light = np.float32(LIP_SHADOW + (1 - LIP_SHADOW) * min(deep[y - top, x - left] / SHADOW_PX, 1))
            share = ONE / np.float32(shown[y, x])
            for part in range(SAMPLES**2):
                if fine_slot == NOTHING or fine[fine_slot, part] == MOUTH:
                    i, j = SAMPLES * y + (part >> LEVEL), SAMPLES * x + (part & (SAMPLES - 1))
                    red, green, blue = mouth_colour(points, shift, scene, triangle[slot, part], i, j, rim, light)
                    colours[slot, 0] += share * red
                    colours[slot, 1] += share * green
                    colours[slot, 2] += share * blue
    return colours, slots


@kernel
@no_type_check
def mouth_pixels(kind, fine, fine_slots):
    """How many samples of each pixel show the mouth (h, w), and the box around those pixels."""
    height, width = kind.shape
    shown = np.zeros((height, width), np.uint8)
    top, bottom, left, right = height, 0, width, 0
    for y in range(height):
        for x in range(width):
            slot = fine_slots[y, x]
            if slot == NOTHING:
                shown[y, x] = SAMPLES**2 if kind[y, x] == MOUTH else 0
            else:
                for part in range(SAMPLES**2):
                    shown[y, x] += fine[slot, part] == MOUTH
            if shown[y, x]:
                top, bottom, left, right = min(top, y), max(bottom, y + 1), min(left, x), max(right, x + 1)
    return shown, top, bottom, left, right


@kernel
@no_type_check
def mouth_colour(points, shift, scene, t, y, x, rim, light):
    """Of sample (y, x): the photo's where it shows the same place of the same piece, the drawn one elsewhere."""
    step = ONE / np.float32(SAMPLES)
    red, green, blue = scene.lining[0], scene.lining[1], scene.lining[2]
    across = along = np.float32(0)
    piece = 0
    if t != NOTHING:
        a, b, c = scene.teeth[t, 0], scene.teeth[t, 1], scene.teeth[t, 2]
        wa, wb, wc = corner_weights(points, a, b, c, (np.float32(x) + HALF) * step, (np.float32(y) + HALF) * step)
        red = wa * scene.colours[a, 0] + wb * scene.colours[b, 0] + wc * scene.colours[c, 0]
        green = wa * scene.colours[a, 1] + wb * scene.colours[b, 1] + wc * scene.colours[c, 1]
        blue = wa * scene.colours[a, 2] + wb * scene.colours[b, 2] + wc * scene.colours[c, 2]
        across = wa * shift[a, 0] + wb * shift[b, 0] + wc * shift[c, 0]
        along = wa * shift[a, 1] + wb * shift[b, 1] + wc * shift[c, 1]
        piece = scene.part[t]
    red, green, blue = light * red, light * green, light * blue
    height, width = scene.photo_part.shape
    source_y = int(np.floor(np.float32(y) + HALF + SAMPLES * along))
    source_x = int(np.floor(np.float32(x) + HALF + SAMPLES * across))
    if not (0 <= source_y < height and 0 <= source_x < width) or scene.photo_part[source_y, source_x] != piece:
        return red, green, blue
    share = min(max(scene.photo_mouth[source_y, source_x] - rim, np.float32(0)), ONE)
    if piece != UPPER and piece != LOWER:  # soft: it changes with the lips, and the photo is true only while they rest
        share *= max(ONE - rim / np.float32(SAMPLES * LIP_PX), np.float32(0))
    if share == 0:
        return red, green, blue
    r, g, b = sample(
        scene.canvas, width // SAMPLES, np.float32(x // SAMPLES) + across, np.float32(y // SAMPLES) + along
    )
    return red + share * (r - red), green + share * (g - green), blue + share * (b - blue)
