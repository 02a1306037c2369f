"""The z-buffer of the warp, compiled: many small triangles, and samples only where they are asked for."""

from typing import no_type_check

import numpy as np

from models3d.warp.kernel import kernel

NOTHING = -1
BEHIND_MM = np.float32(1e5)
"""Added to the depth of the inside of the mouth: skin is always in front of it."""
HALF, ONE = np.float32(0.5), np.float32(1)


@kernel
@no_type_check
def place(vertices, pose, lens, offset):
    """Pixels and depth (n, 3) of vertices (n, 3); see `Scene` for the camera."""
    points = np.empty_like(vertices)
    for i in range(len(vertices)):
        x, y, z = vertices[i, 0], vertices[i, 1], vertices[i, 2]
        depth = pose[2, 0] * x + pose[2, 1] * y + pose[2, 2] * z + pose[2, 3]
        near = ONE / depth
        u = (pose[0, 0] * x + pose[0, 1] * y + pose[0, 2] * z + pose[0, 3]) * near
        v = (pose[1, 0] * x + pose[1, 1] * y + pose[1, 2] * z + pose[1, 3]) * near
        points[i, 0] = lens[0, 0] * u + lens[0, 1] * v + lens[0, 2] + offset[i, 0]
        points[i, 1] = lens[1, 0] * u + lens[1, 1] * v + lens[1, 2] + offset[i, 1]
        points[i, 2] = depth
    return points


@kernel
@no_type_check
def number_pixels(asked):
    """Slots (h, w) of the pixels that are asked for, row by row, NOTHING for the others; and their number."""
    slots = np.empty(asked.shape, np.int32)
    count = 0
    for y in range(asked.shape[0]):
        for x in range(asked.shape[1]):
            slots[y, x] = count if asked[y, x] else NOTHING
            count += asked[y, x] != 0
    return slots, count


@kernel
@no_type_check
def z_buffer(points, skin, inside, height, width):
    """The triangle that the middle of each pixel sees (height, width), or NOTHING.

    Triangles of `inside` are numbered after those of `skin` and drawn behind all of them.
    """
    triangle = np.full((height, width), NOTHING, np.int32)
    depth = np.full((height, width), np.float32(np.inf))
    draw_everywhere(points, skin, 0, np.float32(0), triangle, depth)
    draw_everywhere(points, inside, len(skin), BEHIND_MM, triangle, depth)
    return triangle


@kernel
@no_type_check
def z_samples(points, skin, inside, slots, count, level):
    """The same for 2 ** level x 2 ** level samples of each numbered pixel, row by row: (count, 4 ** level)."""
    triangle = np.full((count, 1 << (2 * level)), NOTHING, np.int32)
    depth = np.full((count, 1 << (2 * level)), np.float32(np.inf))
    draw_samples(points, skin, 0, np.float32(0), slots, level, triangle, depth)
    draw_samples(points, inside, len(skin), BEHIND_MM, slots, level, triangle, depth)
    return triangle


@kernel
@no_type_check
def draw_everywhere(points, triangles, first, behind, triangle, depth):
    """Draw triangles that face the camera; ids start at `first`, depths are raised by `behind`."""
    height, width = triangle.shape
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        # whole numbers are middles of pixels
        ax, bx, cx = points[a, 0] - HALF, points[b, 0] - HALF, points[c, 0] - HALF
        ay, by, cy = points[a, 1] - HALF, points[b, 1] - HALF, points[c, 1] - HALF
        ux, uy, vx, vy = bx - ax, by - ay, cx - ax, cy - ay
        # y runs down in the image, so a face seen from outside has negative area here
        area = ux * vy - uy * vx
        if not area < 0:
            continue
        x0, x1 = first_above(min(ax, bx, cx)), last_below(max(ax, bx, cx), width)
        y0, y1 = first_above(min(ay, by, cy)), last_below(max(ay, by, cy), height)
        if x0 > x1 or y0 > y1:
            continue
        flat = ONE / area
        bx, by, cx, cy = vy * flat, -vx * flat, -uy * flat, ux * flat
        za = points[a, 2]
        zb, zc = points[b, 2] - za, points[c, 2] - za
        za += behind
        x, y = x0, y0
        for _ in range((x1 - x0 + 1) * (y1 - y0 + 1)):  # one loop over the box: two short ones cost 1.5 times as much
            right, down = np.float32(x) - ax, np.float32(y) - ay
            wb, wc = right * bx + down * by, right * cx + down * cy
            if min(wb, wc, ONE - wb - wc) >= 0:
                row, column = np.uint32(y), np.uint32(x)
                z = za + wb * zb + wc * zc
                if z < depth[row, column]:
                    depth[row, column] = z
                    triangle[row, column] = t + first
            over = x == x1
            x = x0 if over else x + 1
            y = y + 1 if over else y


@kernel
@no_type_check
def draw_samples(points, triangles, first, behind, slots, level, triangle, depth):
    """`draw_everywhere` for the samples of the numbered pixels."""
    top, bottom, left, right = numbered_box(slots)
    step, last = ONE / np.float32(1 << level), (1 << level) - 1
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, bx, cx = points[a, 0], points[b, 0], points[c, 0]
        ay, by, cy = points[a, 1], points[b, 1], points[c, 1]
        x0, x1, y0, y1 = min(ax, bx, cx), max(ax, bx, cx), min(ay, by, cy), max(ay, by, cy)
        if not (x1 >= left and x0 <= right + 1 and y1 >= top and y0 <= bottom + 1):
            continue
        box = max(int(y0), top), min(int(y1), bottom), max(int(x0), left), min(int(x1), right)
        if not any_numbered(slots, box):
            continue
        ux, uy, vx, vy = bx - ax, by - ay, cx - ax, cy - ay
        area = ux * vy - uy * vx
        if not area < 0:
            continue
        flat = ONE / area
        za = points[a, 2]
        zb, zc = points[b, 2] - za, points[c, 2] - za
        for y in range(box[0], box[1] + 1):
            for x in range(box[2], box[3] + 1):
                slot = slots[y, x]
                if slot == NOTHING:
                    continue
                for part in range(triangle.shape[1]):
                    over = np.float32(x) + (np.float32(part & last) + HALF) * step - ax
                    down = np.float32(y) + (np.float32(part >> level) + HALF) * step - ay
                    wb, wc = (over * vy - down * vx) * flat, (down * ux - over * uy) * flat
                    if min(wb, wc, ONE - wb - wc) >= 0:
                        z = za + wb * zb + wc * zc + behind
                        if z < depth[slot, part]:
                            depth[slot, part] = z
                            triangle[slot, part] = t + first


@kernel
@no_type_check
def numbered_box(slots):
    """First and last row, first and last column with a numbered pixel; empty if there is none."""
    top, bottom, left, right = slots.shape[0], -1, slots.shape[1], -1
    for y in range(slots.shape[0]):
        for x in range(slots.shape[1]):
            if slots[y, x] != NOTHING:
                top, bottom, left, right = min(top, y), max(bottom, y), min(left, x), max(right, x)
    return top, bottom, left, right


@kernel
@no_type_check
def any_numbered(slots, box):
    """Whether a box of pixels, both ends included, holds a numbered one."""
    for y in range(box[0], box[1] + 1):
        for x in range(box[2], box[3] + 1):
            if slots[y, x] != NOTHING:
                return True
    return False


@kernel
@no_type_check
def first_above(least):
    """The first whole number at or above a coordinate, 0 below the picture."""
    if not least > 0:
        return 0
    whole = int(least)
    return whole if whole == least else whole + 1


@kernel
@no_type_check
def last_below(most, size):
    """The last whole number at or below a coordinate, size - 1 beyond the picture; -1 if there is none."""
    if not most >= 0:
        return -1
    return size - 1 if most >= size else int(most)


@kernel
@no_type_check
def corner_weights(points, a, b, c, x, y):
    """Barycentric weights of a pixel position in the picture of a triangle."""
    ax, ay, bx, by, cx, cy = points[a, 0], points[a, 1], points[b, 0], points[b, 1], points[c, 0], points[c, 1]
    flat = ONE / ((bx - ax) * (cy - ay) - (by - ay) * (cx - ax))
    wa = ((bx - x) * (cy - y) - (by - y) * (cx - x)) * flat
    wb = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) * flat
    return wa, wb, ONE - wa - wb
