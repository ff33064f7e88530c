"""The contract of corruptions: x itself is never changed, and the mean is that of the draws; a line adds one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.common import assert_is_a_part, source_of
from isthmus.corruption import Gaussian, Masking, Residuals, SaltAndPepper, Swapping
from isthmus.facts import Facts

CORRUPTIONS = [
    Gaussian(0.3),
    Gaussian(0.3, relative=True),
    Masking(0.3, 2.0),
    SaltAndPepper(0.4, -1.0, 3.0),
    Residuals(np.arange(8.0).reshape(2, 4)),
    Swapping(0.3),
]

by_corruption = pytest.mark.parametrize("corruption", CORRUPTIONS, ids=repr)
numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)


@by_corruption
def test_it_is_a_part(corruption):
    assert_is_a_part(corruption, Facts((4,), 1))


@by_corruption
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_draws_rows_of_their_own_and_leaves_x_alone(corruption, dtype):
    x = torch.randn(2000, 4, dtype=dtype, generator=torch.Generator().manual_seed(0))
    before, noise = x.clone(), corruption.build(Facts((4,), 1))
    x_tilde = noise(x, source_of())
    assert torch.equal(x, before)
    assert (x_tilde.shape, x_tilde.dtype) == (x.shape, dtype)
    assert torch.equal(x_tilde, noise(x, source_of())), "one source, one draw"
    assert not torch.equal(x_tilde, noise(x, source_of(1)))
    shift = (x_tilde - x).double()
    between = np.corrcoef(shift[1:].flatten(), shift[:-1].flatten())[0, 1]
    assert isinstance(corruption, Residuals) or abs(between) < 0.1, "rows are corrupted independently"


@given(st.floats(0, 1), numbers)
@settings(max_examples=50, deadline=None)
def test_masking_keeps_or_replaces(fraction, value):
    x = torch.rand(50, 3, generator=torch.Generator().manual_seed(0)) + 2.0
    before = x.clone()
    x_tilde = Masking(fraction, value)(x, source_of())
    assert torch.equal(x, before), "x itself is never changed"
    assert ((x_tilde == x) | (x_tilde == torch.tensor(value))).all()


def test_swapping_leaves_every_column_its_own_values():
    x = torch.stack([torch.arange(500.0), -torch.arange(500.0)], 1)
    x_tilde = Swapping(0.2)(x, source_of())
    assert ((x_tilde != x).float().mean() - 0.2).abs() < 0.04
    assert (x_tilde[:, 0] >= 0).all()
    assert (x_tilde[:, 1] <= 0).all()


def test_corruptions_have_the_statistics_they_say():
    x, source = torch.full((400, 100), 0.5), source_of()
    noise = Gaussian(0.3)(x, source) - x
    assert noise.std().item() == pytest.approx(0.3, rel=0.02)
    assert noise.mean().item() == pytest.approx(0, abs=0.005)
    assert (Masking(0.3)(x, source) == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    hit = SaltAndPepper(0.4, low=-1.0, high=2.0)(x, source)
    assert (hit == -1).float().mean().item() == pytest.approx(0.2, abs=0.01)
    assert (hit == 2).float().mean().item() == pytest.approx(0.2, abs=0.01)
    measured = np.random.default_rng(0).normal(size=(50, 100)) * np.linspace(0.1, 2, 100)
    resampler = Residuals(measured).build(Facts((100,), 1))
    residuals = resampler(x, source) - x
    torch.testing.assert_close(residuals.std(0), torch.tensor(measured.std(0)).float(), rtol=0.2, atol=0.02)
    rows = {tuple(row) for row in np.round(residuals.numpy(), 4)}
    assert rows <= {tuple(row) for row in np.round(measured.astype(np.float32), 4)}, "whole residuals, not mixtures"


@by_corruption
def test_the_mean_of_a_corruption_is_the_mean_of_its_draws(corruption):
    x = torch.tensor([0.5, -1.0, 0.0, 4.0])
    noise = corruption.build(Facts((4,), 1))
    drawn = noise(x.expand(200_000, 4), source_of()).mean(0)
    torch.testing.assert_close(corruption.mean(x), drawn, atol=0.02, rtol=0)
