"""Networks of any depth and images of any size."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from isthmus.errors import CompositionError
from isthmus.networks import ACTIVATIONS, MLP, Conv, Custom


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


@pytest.mark.parametrize("shape", [(8, 8), (28, 28), (13, 21), (3, 17, 16), (1, 5, 40)], ids=str)
@pytest.mark.parametrize("norm", [None, "batch", "group"])
def test_convolutions_bring_every_size_back_exactly(shape, norm):
    network = Conv((4, 8), norm=norm)
    assert network.encoder(shape, 3)(torch.randn(4, *shape)).shape == (4, 3)
    assert network.decoder(3, shape, 2)(torch.randn(4, 3)).shape == (4, 2, *shape)


def test_every_activation_is_elementwise():
    x = torch.randn(3, 4)
    for make in ACTIVATIONS.values():
        f = make()
        torch.testing.assert_close(f(x)[1:2, 2:3], f(x[1:2, 2:3]))


def test_what_cannot_be_built_is_refused():
    with pytest.raises(CompositionError, match="at least 4×4, got 3×9"):
        Conv().encoder((3, 9), 2)
    with pytest.raises(CompositionError, match=r"samples of shape \(9,\); use MLP"):
        Conv().encoder((9,), 2)
    with pytest.raises(CompositionError, match=r"from one fit to the next"):
        Custom(nn.Linear(3, 2), nn.Linear(2, 3)).encoder((3,), 2)
    with pytest.raises(CompositionError, match=r"make_decoder returned str, not an nn\.Module"):
        Custom(lambda *_: nn.Linear(3, 2), lambda *_: "no").decoder(2, (3,), 1)
