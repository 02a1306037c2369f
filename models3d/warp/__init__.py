"""The photo of a face with another expression: every pixel is taken from where the photo shows the same piece of skin.

A fit says where the photo shows each vertex; new coefficients say where it is to appear. Between the two stands a
displacement for each pixel of the new picture, interpolated over the mesh. With the fitted coefficients it is zero
and the photo comes back. What the photo does not show is continued from the skin around it; the surroundings follow
the face beside them and come to rest further out; an opening mouth shows teeth in the photo's light.

warp_model  a face model made ready, once
portrait    a fitted photo made ready, and its pictures
frames      one picture, compiled; z_buffer, surfaces and open_mouth are its parts
"""
