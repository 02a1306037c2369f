"""What each pixel of the warp sees, and how what the photo lacks is continued from what it has; compiled."""

from typing import NamedTuple, no_type_check

import numpy as np

from models3d.warp.kernel import kernel
from models3d.warp.scattered_fill import fill_gaps
from models3d.warp.z_buffer import HALF, NOTHING, ONE, corner_weights

OUTSIDE, SKIN, HIDDEN, MOUTH = 0, 1, 2, 3
"""The surroundings, skin that the photo shows, skin that it does not, the inside of the mouth."""

JUMP_PX = 0.75
"""Neighbouring pixels whose displacements differ by more lie on two surfaces."""
REACH, LEAST_REACH_PX = 3.0, 16.0
"""The surroundings come to rest at this many times the largest displacement from the face, and no nearer than that."""
CELL_PX = 2
"""Of the grid on which they are moved."""
STILL_PX = 0.01
HIDDEN_MM = np.float32(1)
"""A triangle whose middle lies this much deeper than what the photo shows there is hidden."""
SEARCH_PX = 16
"""Skin farther than this from a hidden place has no say in its colour."""


class Scene(NamedTuple):
    """What all frames of one face share."""

    pose: np.ndarray
    """(3, 4) head to camera frame, mm."""
    lens: np.ndarray
    """(2, 3) from (x / z, y / z, 1) to pixels of the crop."""
    offset: np.ndarray
    """(n, 2) added to the projection of the vertices, pixels: what the fit missed."""
    fitted: np.ndarray
    """(n, 2) where the photo shows the vertices, pixels of the crop."""
    skin: np.ndarray
    """(t, 3) triangles."""
    seen: np.ndarray
    """(t,) whether the photo shows a triangle of the skin."""
    inside: np.ndarray
    """(u, 3) triangles behind the lips, numbered after the skin's."""
    teeth: np.ndarray
    """(v, 3) triangles of what is drawn inside the mouth."""
    part: np.ndarray
    """(v,) the piece that such a triangle belongs to, from 1."""
    colours: np.ndarray
    """(n, 3) of the teeth, tongue and gums in the photo's light, grey levels."""
    lining: np.ndarray
    """(3,) of what shows behind them."""
    lips: np.ndarray
    """Vertices whose motion says how far the lips have moved."""
    eyes: np.ndarray
    """(2, 6) vertices around each eye."""
    photo_mouth: np.ndarray
    """(h s, w s) how many samples deep a place lies in the open mouth of the photo; 0 outside it."""
    photo_part: np.ndarray
    """(h s, w s) the piece that the photo shows there, if it is in the mouth; 0 is the lining."""
    canvas: np.ndarray
    """(h + 2 m, w + 2 m, 3) the photo in the crop's frame with a margin of m pixels."""


@kernel
@no_type_check
def find_seen(points, skin, inside, coarse, fine):
    """Triangles of the skin (t,) that a photo shows: found by a sample, or facing it with nothing before their middle.

    coarse, fine  the triangle that each sample of the photo sees, one and several a pixel
    """
    seen = np.zeros(len(skin), np.uint8)
    for samples in (coarse, fine):
        for t in samples.flat:
            if t != NOTHING and t < len(skin):
                seen[t] = 1
    scale = np.float32(fine.shape[0] // coarse.shape[0])
    third = ONE / np.float32(3)
    for t in range(len(skin)):
        a, b, c = skin[t]
        ux, uy = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1]
        vx, vy = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1]
        if seen[t] or not ux * vy - uy * vx < 0:
            continue
        x, y = (points[a, 0] + (ux + vx) * third) * scale, (points[a, 1] + (uy + vy) * third) * scale
        if not (0 <= x < fine.shape[1] and 0 <= y < fine.shape[0]):
            seen[t] = 1
            continue
        front = fine[int(y), int(x)]
        if front == NOTHING:
            seen[t] = 1
            continue
        a2, b2, c2 = skin[front] if front < len(skin) else inside[front - len(skin)]
        depth = (points[a, 2] + points[b, 2] + points[c, 2]) * third
        seen[t] = depth <= max(points[a2, 2], points[b2, 2], points[c2, 2]) + HIDDEN_MM
    return seen


@kernel
@no_type_check
def resolve(points, shift, scene, triangle):
    """What each pixel sees, (h, w) kinds, and by how much the photo shows it elsewhere, (h, w, 2) pixels."""
    height, width = triangle.shape
    kind = np.zeros((height, width), np.uint8)
    displacement = np.zeros((height, width, 2), np.float32)
    for y in range(height):
        for x in range(width):
            t = triangle[y, x]
            if t != NOTHING:
                one, across, along = surface_at(
                    points, shift, scene.skin, scene.seen, t, np.float32(x) + HALF, np.float32(y) + HALF
                )
                kind[y, x] = one
                displacement[y, x, 0] = across
                displacement[y, x, 1] = along
    return kind, displacement


@kernel
@no_type_check
def resolve_samples(points, shift, scene, triangle, slots, level):
    """The same for the samples of the numbered pixels, (count, s) and (count, s, 2)."""
    kind = np.zeros(triangle.shape, np.uint8)
    displacement = np.zeros((*triangle.shape, 2), np.float32)
    step, last = ONE / np.float32(1 << level), (1 << level) - 1
    for y in range(slots.shape[0]):
        for x in range(slots.shape[1]):
            slot = slots[y, x]
            if slot == NOTHING:
                continue
            for part in range(triangle.shape[1]):
                t = triangle[slot, part]
                if t != NOTHING:
                    fx = np.float32(x) + (np.float32(part & last) + HALF) * step
                    fy = np.float32(y) + (np.float32(part >> level) + HALF) * step
                    one, across, along = surface_at(points, shift, scene.skin, scene.seen, t, fx, fy)
                    kind[slot, part] = one
                    displacement[slot, part, 0] = across
                    displacement[slot, part, 1] = along
    return kind, displacement


@kernel
@no_type_check
def surface_at(points, shift, skin, seen, t, x, y):
    """Kind of the surface of a triangle, and the shift at a place in it; none for the inside of the mouth."""
    if t >= len(skin):
        return MOUTH, np.float32(0), np.float32(0)
    a, b, c = skin[t, 0], skin[t, 1], skin[t, 2]
    wa, wb, wc = corner_weights(points, a, b, c, x, y)
    across = wa * shift[a, 0] + wb * shift[b, 0] + wc * shift[c, 0]
    along = wa * shift[a, 1] + wb * shift[b, 1] + wc * shift[c, 1]
    return SKIN if seen[t] else HIDDEN, across, along


@kernel
@no_type_check
def edges(kind, displacement):
    """The pixels on both sides of every place where surfaces meet."""
    height, width = kind.shape
    found = np.zeros((height, width), np.uint8)
    for y in range(height):
        for x in range(width):
            if x + 1 < width and meet(kind, displacement, y, x, y, x + 1):
                found[y, x] = found[y, x + 1] = 1
            if y + 1 < height and meet(kind, displacement, y, x, y + 1, x):
                found[y, x] = found[y + 1, x] = 1
    return found


@kernel
@no_type_check
def meet(kind, displacement, y, x, y2, x2):
    """Whether two pixels see different surfaces. The surroundings continue the skin beside them."""
    one, other = kind[y, x], kind[y2, x2]
    if one == MOUTH or other == MOUTH:
        return one != other
    if one == OUTSIDE or other == OUTSIDE:
        return False
    across = abs(displacement[y, x, 0] - displacement[y2, x2, 0])
    along = abs(displacement[y, x, 1] - displacement[y2, x2, 1])
    return max(across, along) > JUMP_PX


@kernel
@no_type_check
def move_surroundings(kind, displacement):
    """Let the surroundings follow the face beside them and come to rest further out; in place."""
    moved, distance, largest = gather_cells(kind, displacement)
    if largest < STILL_PX:
        return
    reach = max(np.float32(REACH) * largest, np.float32(LEAST_REACH_PX)) / CELL_PX
    for row in range(moved.shape[0]):
        for column in range(moved.shape[1]):
            share = min(distance[row, column] / reach, ONE)
            rest = ONE - share * share * (3 - 2 * share)
            moved[row, column, 0] *= rest
            moved[row, column, 1] *= rest
    for y in range(kind.shape[0]):
        for x in range(kind.shape[1]):
            if kind[y, x] == OUTSIDE and distance[y // CELL_PX, x // CELL_PX] < reach:
                displacement[y, x, 0], displacement[y, x, 1] = between_cells(moved, y, x)


@kernel
@no_type_check
def gather_cells(kind, displacement):
    """Displacements (rows, columns, 2) of cells of CELL_PX pixels, continued beyond the face; how far they lie from it,
    in cells; and the largest displacement where the face meets its surroundings, pixels.
    """
    height, width = kind.shape
    rows, columns = (height + CELL_PX - 1) // CELL_PX, (width + CELL_PX - 1) // CELL_PX
    moved = np.zeros((rows, columns, 2), np.float32)
    known, outside = np.zeros((rows, columns), np.float32), np.zeros((rows, columns), np.uint8)
    for y in range(height):
        for x in range(width):
            row, column = y // CELL_PX, x // CELL_PX
            if kind[y, x] == OUTSIDE:
                outside[row, column] = 1
            elif kind[y, x] != MOUTH:
                known[row, column] += ONE
                moved[row, column, 0] += displacement[y, x, 0]
                moved[row, column, 1] += displacement[y, x, 1]
    distance = np.zeros((rows, columns), np.float32)
    largest = np.float32(0)
    for row in range(rows):
        for column in range(columns):
            if known[row, column] > 0:
                moved[row, column, 0] /= known[row, column]
                moved[row, column, 1] /= known[row, column]
                known[row, column] = 1
                if outside[row, column]:
                    largest = max(largest, abs(moved[row, column, 0]), abs(moved[row, column, 1]))
            else:
                distance[row, column] = rows + columns
    if largest >= STILL_PX:
        fill_gaps(moved, known)
        chamfer(distance)
    return moved, distance, largest


@kernel
@no_type_check
def between_cells(moved, y, x):
    """The grid's value at a pixel, linear between the middles of its cells."""
    v = min(max((np.float32(y) + HALF) / CELL_PX - HALF, np.float32(0)), np.float32(moved.shape[0] - 1))
    u = min(max((np.float32(x) + HALF) / CELL_PX - HALF, np.float32(0)), np.float32(moved.shape[1] - 1))
    top, left = int(v), int(u)
    bottom, right = min(top + 1, moved.shape[0] - 1), min(left + 1, moved.shape[1] - 1)
    v, u = v - np.float32(top), u - np.float32(left)
    a, b, c, d = (ONE - u) * (ONE - v), u * (ONE - v), (ONE - u) * v, u * v
    return (
        a * moved[top, left, 0] + b * moved[top, right, 0] + c * moved[bottom, left, 0] + d * moved[bottom, right, 0],
        a * moved[top, left, 1] + b * moved[top, right, 1] + c * moved[bottom, left, 1] + d * moved[bottom, right, 1],
    )


@kernel
@no_type_check
def chamfer(distance):
    """Distance to the nearest zero by two sweeps over 8 neighbours (Borgefors 1986); in place.

    Within 8 % of the true one; what is farther from any zero than its own value keeps that.
    """
    sweep(distance)
    sweep(distance[::-1, ::-1])


@kernel
@no_type_check
def sweep(distance):
    """Carry distances to the right and down."""
    height, width = distance.shape
    diagonal = np.float32(np.sqrt(2))
    for y in range(height):
        for x in range(width):
            least = distance[y, x]
            if x > 0:
                least = min(least, distance[y, x - 1] + ONE)
            if y > 0:
                least = min(least, distance[y - 1, x] + ONE)
                if x > 0:
                    least = min(least, distance[y - 1, x - 1] + diagonal)
                if x + 1 < width:
                    least = min(least, distance[y - 1, x + 1] + diagonal)
            distance[y, x] = least


@kernel
@no_type_check
def skin_around(kind, displacement, canvas, y, x):
    """Colour of a place whose skin the photo does not show: of the skin around it, by inverse squared distance.

    The window is twice as wide as the way to the nearest skin, so that neighbouring places agree.
    """
    height, width = kind.shape
    reach = 1
    while reach < SEARCH_PX and not any_skin(kind, y, x, reach):
        reach += 1
    reach *= 2
    red = green = blue = total = np.float32(0)
    for i in range(max(y - reach, 0), min(y + reach + 1, height)):
        for j in range(max(x - reach, 0), min(x + reach + 1, width)):
            square = (i - y) * (i - y) + (j - x) * (j - x)
            if kind[i, j] == SKIN and square > 0:
                weight = ONE / np.float32(square)
                r, g, b = sample(
                    canvas, width, np.float32(j) + displacement[i, j, 0], np.float32(i) + displacement[i, j, 1]
                )
                red, green, blue, total = red + weight * r, green + weight * g, blue + weight * b, total + weight
    if total == 0:
        return sample(canvas, width, np.float32(x), np.float32(y))
    return red / total, green / total, blue / total


@kernel
@no_type_check
def any_skin(kind, y, x, reach):
    """Whether the square ring at this distance from a pixel shows skin."""
    height, width = kind.shape
    for i in range(max(y - reach, 0), min(y + reach + 1, height)):
        whole = i == y - reach or i == y + reach
        for j in range(x - reach, x + reach + 1, 1 if whole else 2 * reach):
            if 0 <= j < width and kind[i, j] == SKIN:
                return True
    return False


@kernel
@no_type_check
def sample(canvas, width, column, row):
    """The canvas at a place in the crop, whole numbers being middles of pixels, linear between them; grey levels."""
    rows, columns = canvas.shape[:2]
    margin = np.float32((columns - width) >> 1)
    x = min(max(column + margin, np.float32(0)), np.float32(columns - 2))
    y = min(max(row + margin, np.float32(0)), np.float32(rows - 2))
    left, top = np.uint32(x), np.uint32(y)  # unsigned: numba checks signed indices for being negative
    u, v = x - np.float32(left), y - np.float32(top)
    a, b, c, d = (ONE - u) * (ONE - v), u * (ONE - v), (ONE - u) * v, u * v
    one, two, three, four = canvas[top, left], canvas[top, left + 1], canvas[top + 1, left], canvas[top + 1, left + 1]
    return (
        a * np.float32(one[0]) + b * np.float32(two[0]) + c * np.float32(three[0]) + d * np.float32(four[0]),
        a * np.float32(one[1]) + b * np.float32(two[1]) + c * np.float32(three[1]) + d * np.float32(four[1]),
        a * np.float32(one[2]) + b * np.float32(two[2]) + c * np.float32(three[2]) + d * np.float32(four[2]),
    )
