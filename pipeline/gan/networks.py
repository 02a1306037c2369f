"""The generator and the critic of SliderGAN."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import conv2d

from models3d.errors import InputError

CRITIC_LAYERS = 6
"""Convolutions of stride 2, so a picture's side is a multiple of 2 ** 6."""
LEAK = 0.01
NORMALISATIONS = ("instance", "instance_but_first", "none")


class Dimensions(NamedTuple):
    """What decides the shapes of all weights; a checkpoint carries it."""

    params: int
    size_px: int
    generator_channels: int
    critic_channels: int
    residual_blocks: int
    normalisation: str
    """One of NORMALISATIONS; see `Generator`."""
    residual_image: bool
    """G_i is the input and a change of it, not a picture from nothing; see `Generator`."""
    coordinates: bool
    """Every pixel's place is given to the generator, as two further channels."""


class Generated(NamedTuple):
    """What a generator makes of a batch."""

    image: Float[Tensor, "b 3 h w"]
    """The composite, eq. 4."""
    mask: Float[Tensor, "b 1 h w"]


class Judged(NamedTuple):
    """What a critic says of a batch."""

    realness: Float[Tensor, "b 1 u v"]
    """One number a patch, unbounded."""
    params: Float[Tensor, "b p"]


def composite(
    mask: Float[Tensor, "b 1 h w"], made: Float[Tensor, "b 3 h w"], original: Float[Tensor, "b 3 h w"]
) -> Float[Tensor, "b 3 h w"]:
    """Eq. 4: G_m * G_i + (1 - G_m) * I_org."""
    return mask * made + (1 - mask) * original


class Residual(nn.Module):
    """Two 3 x 3 convolutions, each with its norm, added to what comes in."""

    def __init__(self, channels: int, normalised: bool) -> None:
        super().__init__()
        first, second = (nn.Conv2d(channels, channels, 3, padding=1, bias=not normalised) for _ in range(2))
        self.body = nn.Sequential(
            first, *norm(channels, normalised), nn.ReLU(inplace=True), second, *norm(channels, normalised)
        )

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return x + self.body(x)


class ConditionedConvolution(nn.Conv2d):
    """A convolution over a picture and its parameters, each repeated over all pixels as a further channel.

    Repeated channels are constant, so what they add to a pixel depends only on how much of the kernel lies inside
    the picture: every such sum occurs in a picture as small as the kernel, and is computed there.
    """

    def __init__(self, colours: int, params: int, outgoing: int, side: int, bias: bool) -> None:
        super().__init__(colours + params, outgoing, side, padding=side // 2, bias=bias)
        self.colours = colours

    def forward(  # type: ignore[override]
        self, images: Float[Tensor, "b c h w"], params: Float[Tensor, "b p"]
    ) -> Float[Tensor, "b o h w"]:
        of_image, of_params = self.weight[:, : self.colours], self.weight[:, self.colours :]
        side = self.kernel_size[0]
        repeated = params.to(images.dtype)[:, :, None, None].expand(-1, -1, side, side)
        sums = conv2d(repeated, of_params, self.bias, padding=side // 2)
        rows, columns = (nearest_edge(length, side, images.device) for length in images.shape[2:])
        return conv2d(images, of_image, padding=side // 2) + sums[:, :, rows][:, :, :, columns]


def nearest_edge(length: int, side: int, device: torch.device) -> Int[Tensor, " l"]:
    """For each of `length` pixels, the one of `side` that is as far from the nearer edge, or the middle one."""
    place = torch.arange(length, device=device)
    return torch.minimum(place, torch.full_like(place, side // 2)) + torch.relu(place - (length - 1 - side // 2))


class Generator(nn.Module):
    """StarGAN's: two convolutions of stride 2, residual blocks, two transposed ones, then two 7 x 7 heads.

    The parameters are repeated over the picture as further channels. They are constant there, so instance norm
    right after the first convolution removes them but for what the zeros around the picture leave of them:
    StarGAN learns from that remainder (`instance`). `instance_but_first` leaves this one norm out, `none` all of them:
    a small network then learns what the parameters do within hundreds of steps.

    G_i = tanh(head) is grey at first, so a short training learns little but to shut the mask. With `residual_image`
    G_i = input + 2 tanh(head), cut to [-1, 1], which is a copy at first and moves within hundreds of steps.

    Faces are aligned, so a pixel's place says much about what it may show; `coordinates` tells it.
    """

    def __init__(self, dimensions: Dimensions) -> None:
        super().__init__()
        width, normalised = dimensions.generator_channels, dimensions.normalisation != "none"
        at_first = dimensions.normalisation == "instance"
        colours = 5 if dimensions.coordinates else 3
        self.first = ConditionedConvolution(colours, dimensions.params, width, 7, bias=not at_first)
        layers: list[nn.Module] = [*norm(width, at_first), nn.ReLU(inplace=True)]
        for channels in (width, 2 * width):
            down = nn.Conv2d(channels, 2 * channels, 4, stride=2, padding=1, bias=not normalised)
            layers += [down, *norm(2 * channels, normalised), nn.ReLU(inplace=True)]
        layers += [Residual(4 * width, normalised) for _ in range(dimensions.residual_blocks)]
        for channels in (4 * width, 2 * width):
            up = nn.ConvTranspose2d(channels, channels // 2, 4, stride=2, padding=1, bias=not normalised)
            layers += [up, *norm(channels // 2, normalised), nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*layers)
        self.heads = nn.Conv2d(width, 4, 7, padding=3, bias=False)  # three of the image, one of the mask
        self.residual_image, self.coordinates = dimensions.residual_image, dimensions.coordinates

    def forward(self, images: Float[Tensor, "b 3 h w"], params: Float[Tensor, "b p"]) -> Generated:
        """The images with the expressions `params`."""
        known = torch.cat([images, places(images)], dim=1) if self.coordinates else images
        heads = self.heads(self.body(self.first(known, params))).float()
        mask, made = torch.sigmoid(heads[:, 3:]), torch.tanh(heads[:, :3])
        if self.residual_image:
            made = (images + 2 * made).clamp(-1, 1)
        return Generated(composite(mask, made, images), mask)


class Critic(nn.Module):
    """PatchGAN of six convolutions of stride 2, with one head for realness a patch and one that regresses p."""

    def __init__(self, dimensions: Dimensions) -> None:
        super().__init__()
        reduction = 2**CRITIC_LAYERS
        if dimensions.size_px % reduction:
            remedy = f"set size_px to a multiple of {reduction}"
            raise InputError("size_px", f"{dimensions.size_px} cannot be halved {CRITIC_LAYERS} times", remedy)
        layers, channels = list[nn.Module](), 3
        for layer in range(CRITIC_LAYERS):
            wider = dimensions.critic_channels * 2**layer
            layers += [nn.Conv2d(channels, wider, 4, stride=2, padding=1), nn.LeakyReLU(LEAK)]
            channels = wider
        self.body = nn.Sequential(*layers)
        self.realness = nn.Conv2d(channels, 1, 3, padding=1, bias=False)
        self.params = nn.Conv2d(channels, dimensions.params, dimensions.size_px // reduction, bias=False)

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Judged:
        """How real each patch is, and the expression."""
        features = self.body(images)
        return Judged(self.realness(features).float(), self.params(features).float()[:, :, 0, 0])


def places(images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 2 h w"]:
    """Row and column of every pixel, from -1 at the first to 1 at the last."""
    rows, columns = (torch.linspace(-1, 1, n, device=images.device, dtype=images.dtype) for n in images.shape[2:])
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij")).expand(len(images), -1, -1, -1)


def norm(channels: int, wanted: bool) -> list[nn.Module]:
    """Over each picture of its own, so that training and use are the same function; nothing if it is not wanted."""
    return [nn.InstanceNorm2d(channels, affine=True)] if wanted else []
