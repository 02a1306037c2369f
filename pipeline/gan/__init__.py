"""SliderGAN: networks, losses, data, training and its measures. With `models3d.fitting` the only code that needs torch.

Equation numbers are those of "SliderGAN: Synthesizing Expressive Face Images by Sliding 3D Blendshape Parameters"
(Ververas and Zafeiriou, 2019). Images are `(b, 3, h, w)` in [-1, 1]; parameters are `(b, p)` in [-1, 1], a
shard's `params`; a mask is `(b, 1, h, w)` in [0, 1], where 1 means generated.
"""
