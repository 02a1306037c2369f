import pytest
import torch
from torch.nn.functional import conv2d

from models3d.errors import InputError
from pipeline.gan.networks import NORMALISATIONS, ConditionedConvolution, Critic, Dimensions, Generator, composite

SMALL = Dimensions(
    params=5, size_px=64, generator_channels=4, critic_channels=2, residual_blocks=2, normalisation="instance",
    residual_image=False, coordinates=False,
)  # fmt: skip


def test_the_composite_takes_the_made_picture_where_the_mask_is_one():
    made, original = torch.full((1, 3, 2, 2), 0.5), torch.full((1, 3, 2, 2), -0.5)
    mask = torch.tensor([[[[1.0, 0.0], [0.5, 1.0]]]])
    expected = torch.tensor([[0.5, -0.5], [0.0, 0.5]])
    torch.testing.assert_close(composite(mask, made, original)[0, 1], expected)


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_the_generator_keeps_the_size_and_the_range(normalisation):
    torch.manual_seed(0)
    images, params = torch.rand(2, 3, 64, 64) * 2 - 1, torch.rand(2, 5) * 2 - 1
    made = Generator(SMALL._replace(normalisation=normalisation))(images, params)
    assert made.image.shape == (2, 3, 64, 64) and made.mask.shape == (2, 1, 64, 64)
    assert made.image.abs().max() <= 1
    assert made.mask.min() >= 0 and made.mask.max() <= 1


def test_a_residual_image_starts_as_a_copy():
    torch.manual_seed(0)
    images, params = torch.rand(2, 3, 64, 64) * 2 - 1, torch.rand(2, 5) * 2 - 1
    generator = Generator(SMALL._replace(residual_image=True))
    torch.nn.init.zeros_(generator.heads.weight)
    torch.testing.assert_close(generator(images, params).image, images)


def test_at_full_size_the_networks_are_stargans():
    full = Dimensions(30, 128, 64, 64, 6, "instance", False, False)
    with torch.device("meta"):
        generator, critic = Generator(full), Critic(full)
    shapes = [tuple(w.shape) for n, w in generator.named_parameters() if w.ndim == 4]
    assert shapes[:3] == [(64, 33, 7, 7), (128, 64, 4, 4), (256, 128, 4, 4)]
    assert shapes[3:15] == [(256, 256, 3, 3)] * 12
    assert shapes[15:] == [(256, 128, 4, 4), (128, 64, 4, 4), (4, 64, 7, 7)]
    kernels = [tuple(w.shape) for w in critic.body.parameters() if w.ndim == 4]
    assert kernels == [(64 * 2**k, 3 if k == 0 else 64 * 2 ** (k - 1), 4, 4) for k in range(6)]
    assert tuple(critic.params.weight.shape) == (30, 2048, 2, 2)


def test_repeated_parameters_are_convolved_as_if_they_were_channels():
    torch.manual_seed(1)
    layer = ConditionedConvolution(3, 5, 6, 7, bias=True)
    images, params = torch.randn(2, 3, 16, 12), torch.randn(2, 5)
    repeated = params[:, :, None, None].expand(-1, -1, 16, 12)
    literal = conv2d(torch.cat([images, repeated], 1), layer.weight, layer.bias, padding=3)
    torch.testing.assert_close(layer(images, params), literal, atol=1e-5, rtol=1e-5)


def test_instance_norm_takes_away_what_is_the_same_everywhere():
    torch.manual_seed(2)
    images = torch.rand(1, 3, 64, 64) * 2 - 1
    low, high = torch.zeros(1, 5), torch.ones(1, 5)
    moved = {}
    for normalisation in ("instance", "none"):
        generator = Generator(SMALL._replace(normalisation=normalisation))
        after = generator.body[:1] if normalisation == "instance" else torch.nn.Identity()
        change = after(generator.first(images, high)) - after(generator.first(images, low))
        moved[normalisation] = float(change.detach()[:, :, 8:-8, 8:-8].abs().mean())
    assert moved["instance"] < 0.5 * moved["none"]


@pytest.mark.parametrize(("size_px", "patches"), [(64, 1), (128, 2)])
def test_the_critic_judges_patches_and_reads_parameters(size_px, patches):
    critic = Critic(SMALL._replace(size_px=size_px))
    judged = critic(torch.zeros(3, 3, size_px, size_px))
    assert judged.realness.shape == (3, 1, patches, patches)
    assert judged.params.shape == (3, 5)


def test_a_size_that_cannot_be_halved_six_times_is_refused():
    with pytest.raises(InputError, match="multiple of 64"):
        Critic(SMALL._replace(size_px=96))


def test_wrong_shapes_are_refused():
    with pytest.raises(Exception, match="Type-check"):
        composite(torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, 2))
