"""The contract of distributions of codes, q(z|x) and p(z): draws, densities and gradients agree; a line adds one."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck
from torch.distributions import kl_divergence

from contracts.common import assert_is_a_part, source_of
from isthmus.distributions import draw
from isthmus.facts import Facts
from isthmus.posterior import Deterministic, DiagonalGaussian
from isthmus.prior import ConditionalGaussian, StandardNormal, VampPrior

LATENT_DIM = 2


def _facts() -> Facts:
    """The facts of a model with an encoder, which a VampPrior is made of."""
    torch.manual_seed(0)
    facts = Facts((5,), LATENT_DIM, condition=3)
    posterior, weight = DiagonalGaussian().build(facts), 0.5 * torch.randn(5, 2 * LATENT_DIM, dtype=torch.float64)
    return Facts((5,), LATENT_DIM, condition=3, encode=lambda x: posterior(x.double() @ weight))


POSTERIORS = [Deterministic(), DiagonalGaussian()]
PRIORS = [StandardNormal(), ConditionalGaussian(), VampPrior(6)]

by_posterior = pytest.mark.parametrize("posterior", POSTERIORS, ids=repr)
by_family = pytest.mark.parametrize("family", [*POSTERIORS, *PRIORS], ids=repr)
by_density = pytest.mark.parametrize("family", [DiagonalGaussian(), *PRIORS], ids=repr)


def _context(family, *lead: int, seed: int = 0) -> torch.Tensor | None:
    width = family.width(_facts())
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*lead, width, generator=generator, dtype=torch.float64) if width else None


@by_family
def test_it_is_a_part(family):
    assert_is_a_part(family)


@by_family
def test_one_code_a_context_with_draws_too(family):
    module = family.build(_facts()).double()
    for lead in ((), (4,), (3, 4)):
        context = _context(family, *lead)
        p = module(context)
        batch = () if context is None else lead
        assert tuple(p.batch_shape) == batch or not getattr(family, "has_density", True)
        assert p.mean.shape == (*batch, LATENT_DIM)
        assert draw(p, source_of(), (7,)).shape == (7, *batch, LATENT_DIM)


@by_density
def test_densities_integrate_to_one(family):
    p = family.build(_facts()).double()(_context(family, 1))
    line = torch.linspace(-25, 25, 1201, dtype=torch.float64)
    z = torch.cartesian_prod(line, line)
    with torch.no_grad():
        density = p.log_prob(z if not p.batch_shape else z[:, None]).exp().reshape(1201, 1201)
    assert torch.trapezoid(torch.trapezoid(density, line), line).item() == pytest.approx(1, abs=1e-6)


@by_family
def test_the_mean_and_variance_are_those_of_draws(family):
    with torch.no_grad():
        p = family.build(_facts()).double()(_context(family, 2))
        z = draw(p, source_of(), (100_000,))
    error = (p.variance / len(z)).sqrt()
    assert ((z.mean(0) - p.mean).abs() <= 5 * error + 1e-12).all()
    torch.testing.assert_close(z.var(0), p.variance, rtol=0.03, atol=0)


@by_density
def test_gradients_of_densities_and_draws(family):
    module, z = family.build(_facts()).double(), torch.randn(4, LATENT_DIM, dtype=torch.float64)
    context = _context(family, 4)
    inputs = [z.requires_grad_()] + ([] if context is None else [context.requires_grad_()])
    assert gradcheck(lambda z, *context: module(*context or (None,)).log_prob(z), inputs)
    if context is not None:
        assert gradcheck(lambda context: draw(module(context), source_of()), (context,))


@by_posterior
def test_a_posterior_without_a_density_says_so(posterior):
    q = posterior.build(_facts())(_context(posterior, 3))
    if posterior.has_density:
        assert q.log_prob(q.mean).isfinite().all()
    else:
        assert torch.equal(draw(q, source_of()), q.mean)
        with pytest.raises(NotImplementedError):
            q.log_prob(q.mean)


def test_the_divergence_of_two_gaussians_is_monte_carlo():
    q = DiagonalGaussian().build(_facts())(_context(DiagonalGaussian(), 3))
    p = ConditionalGaussian().build(_facts())(_context(ConditionalGaussian(), 3, seed=1))
    z = draw(q, source_of(), (100_000,))
    ratio = q.log_prob(z) - p.log_prob(z)
    assert ((ratio.mean(0) - kl_divergence(q, p)).abs() < 5 * ratio.std(0) / len(z) ** 0.5).all()


def test_an_extreme_log_variance_leaves_a_finite_density():
    for raw in (-1e4, 1e4):
        q = DiagonalGaussian().build(_facts())(torch.full((1, 2 * LATENT_DIM), raw))
        assert q.log_prob(torch.zeros(1, LATENT_DIM)).isfinite().all() or raw > 0
        assert q.stddev.isfinite().all()
        assert (q.stddev > 0).all()
