"""One frame of the warp, compiled: vertices in, picture out. See `models3d.warp` for what it does and why."""

from typing import no_type_check

import numpy as np

from models3d.warp.kernel import kernel
from models3d.warp.open_mouth import LEVEL, draw_mouth
from models3d.warp.surfaces import (
    HIDDEN,
    MOUTH,
    OUTSIDE,
    SKIN,
    edges,
    move_surroundings,
    resolve,
    resolve_samples,
    sample,
    skin_around,
)
from models3d.warp.z_buffer import HALF, NOTHING, ONE, number_pixels, place, z_buffer, z_samples

OPEN_PX = 2
"""An eye whose lids are closer shows too little to speak of."""


@kernel
@no_type_check
def render_frame(vertices, scene, image, shares):
    """Draw one frame into image (h, w, 3), its `Shares` into (3,)."""
    points = place(vertices, scene.pose, scene.lens, scene.offset)
    triangle = z_buffer(points, scene.skin, scene.inside, image.shape[0], image.shape[1])
    kind, displacement, slots, count = look(points, scene, triangle)
    samples = z_samples(points, scene.skin, scene.inside, slots, count, LEVEL)
    finish(points, scene, kind, displacement, samples, slots, image, shares)


@kernel
@no_type_check
def look(points, scene, triangle):
    """What each pixel sees and by how much it moved, and the pixels where surfaces meet, numbered."""
    kind, displacement = resolve(points, scene.fitted - points[:, :2], scene, triangle)
    slots, count = number_pixels(edges(kind, displacement))
    return kind, displacement, slots, count


@kernel
@no_type_check
def finish(points, scene, kind, displacement, samples, slots, image, shares):
    """Draw a frame that was looked at, given the triangles that the samples of its numbered pixels see."""
    shift = scene.fitted - points[:, :2]
    fine, fine_displacement = resolve_samples(points, shift, scene, samples, slots, LEVEL)
    move_surroundings(kind, displacement)
    mouth, mouth_slots = draw_mouth(points, shift, scene, kind, fine, slots)
    move_photo(displacement, scene.canvas, image)
    compose(kind, displacement, fine, fine_displacement, slots, mouth, mouth_slots, scene.canvas, image)
    shares[0] = share_hidden(kind, 0, kind.shape[0], 0, kind.shape[1])
    shares[1] = max(share_of_eye(points, scene.eyes[0], kind), share_of_eye(points, scene.eyes[1], kind))
    shares[2] = share_folded(points, scene)


@kernel
@no_type_check
def move_photo(displacement, canvas, image):
    """Take every pixel from where the photo shows it."""
    height, width = image.shape[:2]
    margin = (canvas.shape[1] - width) // 2
    for y in range(height):
        for x in range(width):
            across, along = displacement[y, x, 0], displacement[y, x, 1]
            if across == 0 and along == 0:
                for channel in range(3):
                    image[y, x, channel] = canvas[y + margin, x + margin, channel]
            else:
                red, green, blue = sample(canvas, width, np.float32(x) + across, np.float32(y) + along)
                image[y, x, 0] = np.uint8(red + HALF)
                image[y, x, 1] = np.uint8(green + HALF)
                image[y, x, 2] = np.uint8(blue + HALF)


@kernel
@no_type_check
def compose(kind, displacement, fine, fine_displacement, slots, mouth, mouth_slots, canvas, image):
    """Draw over the moved photo what it lacks: what was hidden, the mouth, and SAMPLES x SAMPLES where surfaces meet.

    A sample's surface is continued to the middle of its pixel, so that without motion every one of them is the photo.
    """
    height, width = kind.shape
    shares = np.empty(4, np.float32)  # of a pixel, by kind
    for y in range(height):
        for x in range(width):
            slot = slots[y, x]
            if slot == NOTHING and kind[y, x] <= SKIN:
                continue
            red = green = blue = np.float32(0)
            shares[:] = 0
            if slot == NOTHING:
                shares[kind[y, x]] = 1
            else:
                red, green, blue = skin_samples(fine[slot], fine_displacement[slot], canvas, width, y, x, shares)
            if shares[OUTSIDE] > 0:
                u, v = displacement[y, x, 0], displacement[y, x, 1]
                r, g, b = sample(canvas, width, np.float32(x) + u, np.float32(y) + v)
                red, green, blue = red + shares[OUTSIDE] * r, green + shares[OUTSIDE] * g, blue + shares[OUTSIDE] * b
            if shares[HIDDEN] > 0:
                r, g, b = skin_around(kind, displacement, canvas, y, x)
                red, green, blue = red + shares[HIDDEN] * r, green + shares[HIDDEN] * g, blue + shares[HIDDEN] * b
            if shares[MOUTH] > 0:
                r, g, b = mouth[mouth_slots[y, x]]
                red, green, blue = red + shares[MOUTH] * r, green + shares[MOUTH] * g, blue + shares[MOUTH] * b
            image[y, x, 0] = np.uint8(red + HALF)
            image[y, x, 1] = np.uint8(green + HALF)
            image[y, x, 2] = np.uint8(blue + HALF)


@kernel
@no_type_check
def skin_samples(kinds, displacements, canvas, width, y, x, shares):
    """What the samples of a pixel that show skin add to its colour; counts all of them in `shares`, by kind."""
    red = green = blue = np.float32(0)
    share = ONE / np.float32(len(kinds))
    for part in range(len(kinds)):
        shares[kinds[part]] += share
        if kinds[part] == SKIN:
            u, v = displacements[part, 0], displacements[part, 1]
            r, g, b = sample(canvas, width, np.float32(x) + u, np.float32(y) + v)
            red, green, blue = red + share * r, green + share * g, blue + share * b
    return red, green, blue


@kernel
@no_type_check
def share_hidden(kind, top, bottom, left, right):
    """Of the pixels in a box that show skin, eyes included, the share that the photo does not show."""
    hidden, skin = 0, 0
    for y in range(top, bottom):
        for x in range(left, right):
            hidden += kind[y, x] == HIDDEN
            skin += kind[y, x] == SKIN
    return hidden / max(hidden + skin, 1)


@kernel
@no_type_check
def share_of_eye(points, outline, kind):
    """The same in the box of an eye's landmarks; 0 for one that is closed."""
    height, width = kind.shape
    x0, x1, y0, y1 = points[outline[0], 0], points[outline[0], 0], points[outline[0], 1], points[outline[0], 1]
    for vertex in outline:
        x0, x1 = min(x0, points[vertex, 0]), max(x1, points[vertex, 0])
        y0, y1 = min(y0, points[vertex, 1]), max(y1, points[vertex, 1])
    if y1 - y0 < OPEN_PX:
        return 0.0
    return share_hidden(kind, max(int(y0), 0), min(int(y1) + 1, height), max(int(x0), 0), min(int(x1) + 1, width))


@kernel
@no_type_check
def share_folded(points, scene):
    """Of the skin that the photo shows, by area there, the share that now turns its back."""
    folded, total = np.float32(0), np.float32(1e-6)
    for t in range(len(scene.skin)):
        if scene.seen[t]:
            a, b, c = scene.skin[t, 0], scene.skin[t, 1], scene.skin[t, 2]
            area = signed_area(scene.fitted, a, b, c)
            total -= area
            if signed_area(points, a, b, c) >= 0:
                folded -= area
    return folded / total


@kernel
@no_type_check
def signed_area(points, a, b, c):
    """Twice the area of a triangle's picture; negative where it faces the camera."""
    across, down = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1]
    return across * (points[c, 1] - points[a, 1]) - down * (points[c, 0] - points[a, 0])
