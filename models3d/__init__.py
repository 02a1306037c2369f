"""3D faces as mathematics: arrays in, frozen records out. Only `readers/` touches files.

Conventions, for every function of this package
-----------------------------------------------
Lengths     millimetres, vertices `(n, 3)` float32.
Head frame  x to the image's right when the face looks at the camera, y up, z out of the face.
Camera      as OpenCV's: x right, y down, z forward. A face with a zero rotation vector looks
            straight at the camera; `camera.FLIP` takes the head's axes to the camera's.
Pixels      x right, y down; the centre of the top-left pixel is (0.5, 0.5).
Indices     0-based, triangles counter-clockwise seen from outside.
Basis       `(k, n, 3)` components of unit norm over all 3n numbers, and a standard deviation in
            millimetres each. A coefficient is in standard deviations, so one of 1 moves the
            vertices by `sigma * component`.
Landmarks   68, in iBUG's order: 0-16 jaw, 17-26 brows, 27-35 nose, 36-47 eyes, 48-67 mouth. "Left" and
            "right" are the subject's; landmark 0 is at the subject's right ear, the image's left.
Units       stand in names: `_px`, `_mm`, `_rad`, `_s`; conversions are called `camera_to_pixel`.

What a file stores instead of this (variances, scaled vectors, 1-based indices, micrometres, the
other winding) is turned into it by the file's reader, and nowhere else.
"""
