"""The contract of networks: shapes there and back, a condition, rows of their own, new weights; a line adds one."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck

from contracts.common import assert_is_a_part
from isthmus.networks import MLP, Conv, Custom, Residual, UNet

NETWORKS = [
    (MLP(()), (5,)),
    (MLP((7, 6), activation="tanh", norm="layer"), (3, 4)),
    (MLP((6,), activation="gelu", norm="batch"), (2, 3, 3)),
    (Residual(6, 2), (3, 4)),
    (Conv((3, 4), activation="softplus"), (9, 14)),
    (Conv((8,), activation="silu", norm="group"), (2, 5, 7)),
    (Conv((3, 4), activation="tanh"), (21,)),
    (Conv((8,), activation="gelu", norm="group"), (2, 13)),
    (Conv((3,), activation="silu", norm="batch"), (13, 2)),
    (Conv((3,), activation="softplus", layout="HWC"), (5, 7, 2)),
    (Conv((3,), activation="softplus"), (4, 5, 6)),
    (UNet((3, 4, 5), 3, activation="softplus"), (17,)),
    (UNet((3, 4), 1, activation="tanh"), (9, 2)),
    (UNet((3, 4), 3, activation="silu", code_channels=1), (2, 5, 6)),
]

by_network = pytest.mark.parametrize(("network", "shape"), NETWORKS, ids=lambda value: repr(value))


@by_network
def test_it_is_a_part(network, shape):
    assert_is_a_part(network)


@by_network
@pytest.mark.parametrize("condition", [0, 3])
def test_shapes_there_and_back(network, shape, condition):
    c = [torch.randn(4, condition)] if condition else []
    width = network.code_width(shape) or 6
    h = network.encoder(shape, width, *[condition] if condition else [])(torch.randn(4, *shape), *c)
    assert h.shape == (4, width)
    for outputs in (1, 2):
        decoder = network.decoder(width, shape, outputs, *[condition] if condition else [])
        assert decoder(h, *c).numel() == 4 * outputs * math.prod(shape)


@by_network
def test_a_row_in_evaluation_is_its_own_and_every_build_is_new(network, shape):
    torch.manual_seed(0)
    width = network.code_width(shape) or 3
    encoder = network.encoder(shape, width).double().eval()
    x = torch.randn(5, *shape, dtype=torch.float64)
    torch.testing.assert_close(encoder(x)[2:3], encoder(x[2:3]))
    weights = [next(network.encoder(shape, width).parameters()) for _ in range(2)]
    assert not torch.equal(*weights)


@by_network
def test_gradients(network, shape):
    torch.manual_seed(0)
    width = network.code_width(shape) or 2
    encoder, decoder = network.encoder(shape, width).double().eval(), network.decoder(width, shape, 1).double().eval()
    x = torch.randn(2, *shape, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda x: decoder(encoder(x)), (x,), fast_mode=True)


def test_a_users_own_factories_keep_the_contract():
    network = Custom(
        lambda shape, outputs: nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), outputs)),
        lambda inputs, shape, outputs: nn.Linear(inputs, outputs * math.prod(shape)),
    )
    test_shapes_there_and_back(network, (2, 3), 0)
    test_a_row_in_evaluation_is_its_own_and_every_build_is_new(network, (2, 3))
    test_gradients(network, (2, 3))
