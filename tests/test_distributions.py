"""Drawing: what a draw is made of, and that nothing global moves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import Categorical, Gamma, Independent, MixtureSameFamily, Normal

from isthmus.distributions import Delta, bernoulli, draw, draw_by_row, normal, row_seeds


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_draws_seeded_by_rows_are_standard_normal_and_independent(dtype):
    x = torch.arange(300, dtype=dtype)[:, None] / 7
    q = normal(torch.zeros(300, 5, dtype=dtype), torch.ones(300, 5, dtype=dtype), 1)
    z = draw_by_row(q, row_seeds(x), range(40)).double()
    assert stats.kstest(z.flatten().numpy(), "norm").pvalue > 0.001
    for columns in (z.reshape(40, -1).T, z.permute(1, 0, 2).reshape(300, -1).T, z.reshape(-1, 5)):
        correlation = np.corrcoef(columns.numpy().T)
        off = correlation[~np.eye(len(correlation), dtype=bool)]
        assert np.abs(off).max() < 6 / len(columns) ** 0.5
    assert dtype == torch.float32 or len(torch.unique(z)) == z.numel()


def test_draws_seeded_by_rows_belong_to_the_row():
    x = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    q = normal(torch.zeros(6, 3), torch.ones(6, 3), 1)
    seeds, order = row_seeds(x), torch.tensor([3, 1, 5, 0, 2, 4])
    whole = draw_by_row(q, seeds, range(8))
    assert torch.equal(draw_by_row(q, row_seeds(x[order]), range(8)), whole[:, order])
    assert torch.equal(torch.cat([draw_by_row(q, seeds, range(3)), draw_by_row(q, seeds, range(3, 8))]), whole)
    nudged = x.clone()
    nudged[0, 0] += 1e-6
    swapped = x.clone()
    swapped[0, [0, 1]] = x[0, [1, 0]]
    for other in (nudged, swapped):
        assert not torch.isclose(draw_by_row(q, row_seeds(other), range(8))[:, 0], whole[:, 0]).any()


@pytest.mark.parametrize(
    "p",
    [
        normal(torch.tensor([[1.0, -2.0]]), torch.tensor([[0.5, 2.0]]), 1),
        bernoulli(torch.tensor([[0.3, -1.0]]), 1),
        MixtureSameFamily(
            Categorical(torch.tensor([0.3, 0.7])),
            Independent(Normal(torch.tensor([[0.0, 1.0], [4.0, 2.0]]), torch.ones(2, 2)), 1),
        ),
        Gamma(torch.tensor([2.0, 3.0]), 1.0),
    ],
    ids=["normal", "bernoulli", "mixture", "gamma"],
)
def test_draws_have_the_right_moments_and_leave_the_global_state_alone(p):
    before = torch.get_rng_state()
    z = draw(p, (40_000,), torch.Generator().manual_seed(0))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(z, draw(p, (40_000,), torch.Generator().manual_seed(0)))
    torch.testing.assert_close(z.mean(0), p.mean, atol=0.05, rtol=0.02)
    torch.testing.assert_close(z.var(0), p.variance, atol=0.08, rtol=0.03)


def test_a_point_mass_draws_itself_with_its_gradient():
    h = torch.randn(3, 2, requires_grad=True)
    assert torch.equal(draw(Delta(h), (4,), torch.Generator()), h.expand(4, 3, 2))
    assert torch.autograd.grad(Delta(h).rsample().sum(), h)[0].eq(1).all()
