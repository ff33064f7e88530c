"""Drawing: what a draw is made of, and that nothing global moves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import (
    Categorical,
    Distribution,
    Gamma,
    Gumbel,
    Independent,
    Laplace,
    LogNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    OneHotCategorical,
    Poisson,
)

from isthmus.distributions import Chain, Delta, bernoulli, draw, event, log_prob, normal
from isthmus.errors import CompositionError
from isthmus.source import ByRow, Generated, row_seeds


def _generated(seed: int = 0) -> Generated:
    return Generated(torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_draws_seeded_by_rows_are_standard_normal_and_independent(dtype):
    x = torch.arange(300, dtype=dtype)[:, None] / 7
    q = event(normal(torch.zeros(300, 5, dtype=dtype), torch.ones(300, 5, dtype=dtype)), 1)
    z = draw(q, ByRow(row_seeds(x), range(40)), (40,)).double()
    assert stats.kstest(z.flatten().numpy(), "norm").pvalue > 0.001
    for columns in (z.reshape(40, -1).T, z.permute(1, 0, 2).reshape(300, -1).T, z.reshape(-1, 5)):
        correlation = np.corrcoef(columns.numpy().T)
        off = correlation[~np.eye(len(correlation), dtype=bool)]
        assert np.abs(off).max() < 6 / len(columns) ** 0.5
    assert dtype == torch.float32 or len(torch.unique(z)) == z.numel()


def test_draws_seeded_by_rows_belong_to_the_row():
    x = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    q = event(normal(torch.zeros(6, 3), torch.ones(6, 3)), 1)

    def drawn(seeds, draws):
        return draw(q, ByRow(seeds, draws), (len(draws),))

    seeds, order = row_seeds(x), torch.tensor([3, 1, 5, 0, 2, 4])
    whole = drawn(seeds, range(8))
    assert torch.equal(drawn(row_seeds(x[order]), range(8)), whole[:, order])
    assert torch.equal(torch.cat([drawn(seeds, range(3)), drawn(seeds, range(3, 8))]), whole)
    nudged = x.clone()
    nudged[0, 0] += 1e-6
    swapped = x.clone()
    swapped[0, [0, 1]] = x[0, [1, 0]]
    for other in (nudged, swapped):
        assert not torch.isclose(drawn(row_seeds(other), range(8))[:, 0], whole[:, 0]).any()


DISTRIBUTIONS = {
    "normal": event(normal(torch.tensor([[1.0, -2.0]]), torch.tensor([[0.5, 2.0]])), 1),
    "bernoulli": event(bernoulli(torch.tensor([[0.3, -1.0]])), 1),
    "mixture": MixtureSameFamily(
        Categorical(torch.tensor([0.3, 0.7])),
        Independent(Normal(torch.tensor([[0.0, 1.0], [4.0, 2.0]]), torch.ones(2, 2)), 1),
    ),
    "laplace": Laplace(torch.tensor([0.0, 3.0]), torch.tensor([1.0, 0.2])),
    "gumbel": Gumbel(torch.tensor([1.0]), torch.tensor([0.7])),
    "poisson": Poisson(torch.tensor([0.3, 4.0, 90.0])),
    "log-normal": LogNormal(torch.tensor([0.0, 1.0]), torch.tensor([0.3, 0.1])),
    "multivariate normal": MultivariateNormal(
        torch.tensor([1.0, -2.0]), scale_tril=torch.tensor([[0.5, 0.0], [1.0, 2.0]])
    ),
    "one-hot": OneHotCategorical(torch.tensor([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])),
}


@pytest.mark.parametrize("p", DISTRIBUTIONS.values(), ids=DISTRIBUTIONS.keys())
def test_draws_have_the_right_moments_and_leave_the_global_state_alone(p):
    before = torch.get_rng_state()
    z = draw(p, _generated(), (40_000,))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(z, draw(p, _generated(), (40_000,)))
    mean, variance = p.mean, p.variance
    error = (variance / len(z)).sqrt()
    assert ((z.mean(0) - mean).abs() < 5 * error).all()
    torch.testing.assert_close(z.var(0), variance, atol=0, rtol=0.06)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_chain_of_linear_gaussians_is_their_joint_gaussian(reverse):
    """a ~ N(m, S²), b = Wa + ε, ε ~ N(0, s²): density and draws are those of N((m, Wm), Σ)."""
    m, std, noise = torch.tensor([0.5, -1.0]).double(), torch.tensor([1.5, 0.5]).double(), torch.tensor(0.3).double()
    w = torch.tensor([[1.0, -2.0]]).double()
    p = Chain(event(normal(m, std), 1), lambda a: event(normal(a @ w.T, noise), 1), reverse=reverse)
    whole = torch.cat([torch.eye(2).double(), w])
    order = [2, 0, 1] if reverse else [0, 1, 2]
    covariance = whole @ torch.diag(std**2) @ whole.T + torch.diag(torch.tensor([0, 0, noise**2]).double())
    joint = MultivariateNormal((whole @ m)[order], covariance[order][:, order])
    z = draw(p, _generated(), (100_000,))
    assert p.event_shape == joint.event_shape
    torch.testing.assert_close(p.mean, joint.mean)
    torch.testing.assert_close(p.log_prob(z), joint.log_prob(z))
    torch.testing.assert_close(torch.cov(z.T), joint.covariance_matrix, atol=0.03, rtol=0.03)


def test_a_normal_expands_to_itself_in_every_row():
    p = event(normal(torch.tensor([1.0, 2.0]), torch.tensor(0.5)), 1).expand((3,))
    assert (p.batch_shape, p.event_shape) == ((3,), (2,))
    x = torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(p.log_prob(x), Normal(torch.tensor([1.0, 2.0]), 0.5).log_prob(x).sum(-1))


def test_a_categoricals_draws_come_as_often_as_it_says():
    p = Categorical(torch.tensor([0.1, 0.0, 0.6, 0.3]))
    counts = torch.bincount(draw(p, _generated(), (50_000,)), minlength=4) / 50_000
    torch.testing.assert_close(counts, p.probs, atol=0.01, rtol=0)
    assert counts[1] == 0


def test_poisson_draws_have_the_poisson_law():
    """Every probability, not two moments alone: a chi-squared test against scipy's."""
    for rate in (0.05, 3.0, 40.0):
        z = draw(Poisson(torch.tensor(rate)), _generated(), (40_000,)).numpy()
        low, high = stats.poisson(rate).ppf([0.001, 0.999]).astype(int)
        inside = z[(z >= low) & (z <= high)]
        observed = np.bincount(inside.astype(int) - low, minlength=high - low + 1)
        expected = stats.poisson(rate).pmf(np.arange(low, high + 1))
        keep = expected * len(inside) >= 5
        observed, expected = observed[keep], expected[keep] / expected[keep].sum()
        assert stats.chisquare(observed, expected * observed.sum()).pvalue > 0.001


def test_a_distribution_without_a_way_to_draw_is_refused_and_can_be_taught():
    class Triangular(Distribution):
        """U + U' on (0, 2)."""

        def __init__(self):
            super().__init__(torch.Size([3]), validate_args=False)

    with pytest.raises(CompositionError, match=r"cannot draw from Triangular.*draw\.register\(Triangular\)"):
        draw(Triangular(), _generated(), (5,))
    with pytest.raises(CompositionError, match="cannot draw from Gamma"):
        draw(Gamma(torch.tensor([2.0]), torch.tensor([0.5])), _generated())

    @draw.register(Triangular)
    def _(p, source, shape=()):
        like = torch.zeros(())
        return source.uniform((*shape, 3), like) + source.uniform((*shape, 3), like)

    z = draw(Triangular(), _generated(), (20_000,))
    torch.testing.assert_close(z.mean(0), torch.ones(3), atol=0.02, rtol=0)
    torch.testing.assert_close(z.var(0), torch.full((3,), 1 / 6), atol=0.01, rtol=0)


def test_a_point_mass_draws_itself_with_its_gradient():
    h = torch.randn(3, 2, requires_grad=True)
    assert torch.equal(draw(Delta(h), _generated(), (4,)), h.expand(4, 3, 2))
    assert torch.autograd.grad(Delta(h).rsample().sum(), h)[0].eq(1).all()


def test_draws_have_gradients_wherever_their_distribution_has_them():
    """∂z/∂μ = 1 and ∂z/∂σ = ε, for our own and for those that are drawn by an inverse distribution function."""
    mean, std = torch.zeros(4, dtype=torch.float64, requires_grad=True), torch.full((4,), 2.0, dtype=torch.float64)
    std.requires_grad_()
    for family in (normal, Normal, Laplace, Gumbel):
        p = family(mean, std)
        z = draw(p, _generated())
        slopes = torch.autograd.grad(z.sum(), (mean, std))
        torch.testing.assert_close(slopes[0], torch.ones_like(mean))
        torch.testing.assert_close(slopes[1], ((z - mean) / std).detach())


def test_the_density_of_what_is_observed_is_the_marginal_of_a_gaussian():
    """Independent entries: leaving some out is the marginal density of the others, whatever the gaps hold."""
    generator = torch.Generator().manual_seed(0)
    mean, std = torch.randn(6, 5, generator=generator).double(), torch.rand(5, generator=generator).double() + 0.5
    x = torch.randn(6, 5, generator=generator).double()
    observed = torch.rand(6, 5, generator=generator) < 0.6
    observed[0], observed[1] = True, False
    p = event(normal(mean, std), 1)
    x_holed = torch.where(observed, x, torch.nan)
    found = log_prob(p, x_holed, observed)
    for i in range(6):
        columns = observed[i].numpy()
        exact = (
            stats.multivariate_normal(mean[i].numpy()[columns], np.diag(std.numpy()[columns] ** 2)).logpdf(
                x[i].numpy()[columns]
            )
            if columns.any()
            else 0.0
        )
        assert found[i].item() == pytest.approx(exact, abs=1e-12)
    torch.testing.assert_close(log_prob(p, x), log_prob(p, x, torch.ones_like(observed)))


def test_gaps_carry_no_gradient_and_no_nan():
    mean = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    observed = torch.tensor([[True, False, True], [False, False, True]])
    x = torch.where(observed, 2.0, torch.nan).double()
    value = log_prob(event(normal(mean, torch.ones(3, dtype=torch.float64)), 1), x, observed)
    (slope,) = torch.autograd.grad(value.sum(), mean)
    assert torch.equal(slope, torch.where(observed, 2.0, 0.0).double())


def test_gaps_need_independent_entries():
    joint = torch.distributions.MultivariateNormal(torch.zeros(3), torch.eye(3))
    with pytest.raises(CompositionError, match="MultivariateNormal has no density of some entries alone"):
        log_prob(joint, torch.zeros(2, 3), torch.ones(2, 3, dtype=torch.bool))
