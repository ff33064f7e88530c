"""Networks of any depth and images of any size."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from isthmus.errors import CompositionError, UnknownNameError
from isthmus.networks import ACTIVATIONS, MLP, Conv, Custom, UNet


@pytest.mark.parametrize("shape", [(7,), (3, 4), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("hidden", [(), (5,), (6, 5, 4), 5], ids=str)
@pytest.mark.parametrize("norm", [None, "batch", "layer"])
def test_an_mlp_maps_shapes_and_mirrors_its_widths(shape, hidden, norm):
    network = MLP(hidden, norm=norm)
    encoder, decoder = network.encoder(shape, 3), network.decoder(3, shape, 2)
    assert encoder(torch.randn(4, *shape)).shape == (4, 3)
    assert decoder(torch.randn(4, 3)).shape == (4, 2, *shape)
    widths = [[m.out_features for m in side if isinstance(m, nn.Linear)] for side in (encoder, decoder)]
    assert widths[0][:-1] == widths[1][:-1][::-1]
    assert sum(isinstance(m, nn.ReLU) for m in encoder) == len(widths[0]) - 1, "none after the last layer"


@pytest.mark.parametrize(
    "shape",
    [(8, 8), (28, 28), (13, 21), (3, 17, 16), (1, 5, 40), (17, 16, 3), (9,), (2, 33), (33, 2), (5, 6, 7), (2, 5, 6, 5)],
    ids=str,
)
@pytest.mark.parametrize("norm", [None, "batch", "group"])
def test_convolutions_bring_every_size_back_exactly(shape, norm):
    network = Conv((4, 8), norm=norm)
    assert network.encoder(shape, 3)(torch.randn(4, *shape)).shape == (4, 3)
    assert network.decoder(3, shape, 2)(torch.randn(4, 3)).shape == (4, 2, *shape)


def test_a_one_layer_network_is_the_lectures_formula():
    """h = f(Wₓx + bₓ), x̂ = Wₕh + bₕ, the decoder's f being the likelihood's."""
    torch.manual_seed(0)
    network = MLP((), code_activation="sigmoid")
    encoder, decoder = network.encoder((2, 3), 4), network.decoder(4, (2, 3), 1)
    x = torch.randn(5, 2, 3)
    W_x, b_x = encoder[1].weight, encoder[1].bias
    W_h, b_h = decoder[0].weight, decoder[0].bias
    h = torch.sigmoid(x.reshape(5, 6) @ W_x.T + b_x)
    torch.testing.assert_close(encoder(x), h)
    torch.testing.assert_close(decoder(h), (h @ W_h.T + b_h).reshape(5, 1, 2, 3))


@pytest.mark.parametrize(
    "network", [MLP((6, 5), norm="batch"), MLP((6,)), Conv((4, 8), norm="batch"), Conv((4,))], ids=repr
)
def test_a_row_is_mapped_alone_in_evaluation(network):
    torch.manual_seed(0)
    encoder = network.encoder((8, 9), 3).double().eval()
    x = torch.randn(6, 8, 9, dtype=torch.float64)
    whole = encoder(x)
    for i in range(6):
        torch.testing.assert_close(encoder(x[i : i + 1]), whole[i : i + 1])


def test_decoders_return_one_map_an_output_in_order():
    """With two numbers an entry, the first half of the last layer's outputs is the first map."""
    torch.manual_seed(0)
    decoder = MLP(()).decoder(3, (2, 2), 2)
    z = torch.randn(5, 3)
    flat = z @ decoder[0].weight.T + decoder[0].bias
    torch.testing.assert_close(decoder(z)[:, 0].reshape(5, 4), flat[:, :4])
    torch.testing.assert_close(decoder(z)[:, 1].reshape(5, 4), flat[:, 4:])
    images = Conv((3,)).decoder(3, (2, 8, 8), 2)
    with torch.no_grad():
        bias = next(m for m in images if isinstance(m, nn.ConvTranspose2d)).bias
        bias.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]) * 1000)
    means = images(torch.zeros(1, 3)).mean((0, 3, 4))
    torch.testing.assert_close(means, torch.tensor([[1.0, 2.0], [3.0, 4.0]]) * 1000, rtol=1e-3, atol=1.0)


@pytest.mark.parametrize(("first", "last"), [("CL", "LC"), ("CHW", "HWC"), ("CDHW", "DHWC")])
def test_channels_last_are_channels_first_moved(first, last):
    """The same weights give the same code, and the same x̂ with its axes in the data's own order."""
    size = (9, 10, 11)[: len(first) - 1]
    torch.manual_seed(0)
    one = Conv((4,), layout=first)
    encoder, decoder = one.encoder((3, *size), 5), one.decoder(5, (3, *size), 2)
    other = Conv((4,), layout=last)
    moved_encoder, moved_decoder = other.encoder((*size, 3), 5), other.decoder(5, (*size, 3), 2)
    for a, b in ((encoder, moved_encoder), (decoder, moved_decoder)):
        for p, q in zip(a.parameters(), b.parameters(), strict=True):
            q.data.copy_(p.data)
    x = torch.randn(6, 3, *size)
    torch.testing.assert_close(moved_encoder(x.movedim(1, -1)), encoder(x))
    torch.testing.assert_close(moved_decoder(encoder(x)), decoder(encoder(x)).movedim(2, -1))


def test_a_shift_in_time_is_a_shift_of_the_map():
    """What a stage sees two steps later, it says one place later: convolutions run along time, not along channels."""
    torch.manual_seed(0)
    features = Conv((5,)).encoder((64, 3), 2)[:3]
    x = torch.randn(1, 64, 3)
    torch.testing.assert_close(features(x.roll(2, 1))[..., 2:-1], features(x).roll(1, -1)[..., 2:-1])


def test_every_activation_is_elementwise():
    x = torch.randn(3, 4)
    for make in ACTIVATIONS.values():
        f = make()
        torch.testing.assert_close(f(x)[1:2, 2:3], f(x[1:2, 2:3]))


def test_what_cannot_be_built_is_refused():
    with pytest.raises(CompositionError, match="a picture must be at least 4×4, got 3×9; use MLP"):
        Conv(layout="HW").encoder((3, 9), 2)
    with pytest.raises(CompositionError, match="a series must be at least 4, got 3; use MLP"):
        Conv().decoder(2, (3, 2), 1)
    with pytest.raises(CompositionError, match=r"layout='CHW' does not suit samples of shape \(9,\): .* or use MLP"):
        Conv(layout="CHW").encoder((9,), 2)
    with pytest.raises(CompositionError, match=r"layout='auto' does not suit samples of shape \(2, 2, 2, 2, 2\)"):
        Conv().encoder((2, 2, 2, 2, 2), 2)
    with pytest.raises(UnknownNameError, match="unknown layout 'NHWC', did you mean 'HWC'"):
        Conv(layout="NHWC")
    with pytest.raises(CompositionError, match=r"from one fit to the next"):
        Custom(nn.Linear(3, 2), nn.Linear(2, 3)).encoder((3,), 2)
    with pytest.raises(CompositionError, match=r"make_decoder returned str, not an nn\.Module"):
        Custom(lambda *_: nn.Linear(3, 2), lambda *_: "no").decoder(2, (3,), 1)


@pytest.mark.parametrize("shape", [(33,), (2, 64), (64, 2), (16, 18), (17, 16, 3), (5, 6, 7)], ids=str)
def test_a_u_shaped_network_keeps_every_position(shape):
    """Its code has two numbers for each, or as many as are asked for; a width that is no multiple is refused."""
    network = UNet((4, 6, 8), 3)
    positions = network.code_width(shape) // 2
    encoder, decoder = network.encoder(shape, 3 * positions), network.decoder(3 * positions, shape, 2)
    assert decoder(encoder(torch.randn(4, *shape))).shape == (4, 2, *shape)
    with pytest.raises(CompositionError, match=f"a multiple of that, got 32; latent_dim='auto' is {2 * positions}"):
        network.encoder(shape, 32)


def test_a_shift_of_the_input_is_a_shift_of_the_output():
    """By as many steps as the coarsest map has in one place, away from the ends: no weight belongs to a position."""
    torch.manual_seed(0)
    network = UNet((3, 4, 5), 3, activation="tanh")
    encoder, decoder = network.encoder((96,), 96), network.decoder(96, (96,), 1)
    x = torch.randn(1, 96)
    out, moved = decoder(encoder(x)), decoder(encoder(x.roll(4, 1)))
    torch.testing.assert_close(moved[..., 40:60], out[..., 36:56])
    assert not torch.allclose(moved[..., 40:60], out[..., 40:60])


def test_a_condition_reaches_every_position():
    torch.manual_seed(0)
    network = UNet((3, 4), 3)
    encoder, decoder = network.encoder((16,), 32, 2), network.decoder(32, (16,), 1, 2)
    x, c = torch.randn(1, 16), torch.randn(1, 2)
    assert (encoder(x, c) != encoder(x, c + 1)).reshape(2, 16).all(1).any()
    z = torch.randn(1, 32)
    assert (decoder(z, c) != decoder(z, c + 1)).all()
