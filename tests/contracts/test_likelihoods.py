"""The contract of likelihoods: densities that integrate to one, whose draws have the mean they say; a line adds one."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.autograd import gradcheck

from contracts.common import assert_is_a_part, source_of
from isthmus.distributions import draw, log_prob
from isthmus.facts import Facts
from isthmus.likelihood import Bernoulli, HeteroscedasticGaussian, HomoscedasticGaussian, Likelihood
from isthmus.likelihood import Gaussian as GaussianLikelihood

LIKELIHOODS = [
    Bernoulli(),
    GaussianLikelihood(0.7),
    HomoscedasticGaussian(),
    HomoscedasticGaussian(shared=True),
    HeteroscedasticGaussian(),
]
SHAPES = [(6,), (3, 4), (2, 3, 4)]

by_likelihood = pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=repr)


def _module(likelihood: Likelihood, shape: tuple[int, ...], *lead: int):
    """A module in float64 with weights off their start, and a context for it."""
    facts, generator = Facts(shape, 2), torch.Generator().manual_seed(0)
    module = likelihood.build(facts).double()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3, generator=generator)
    return module, torch.randn(*lead, likelihood.width(facts), generator=generator, dtype=torch.float64)


@by_likelihood
def test_it_is_a_part(likelihood):
    assert_is_a_part(likelihood, Facts((3, 4), 2))


@by_likelihood
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_one_value_a_sample_with_draws_too(likelihood, shape):
    for lead in ((5,), (4, 5)):
        module, context = _module(likelihood, shape, *lead)
        p, x = module(context), (torch.rand(5, *shape) > 0.5).double()
        assert p.log_prob(x).shape == lead
        assert p.mean.shape == (*lead, *shape)
        assert draw(p, source_of()).shape == (*lead, *shape)
        torch.testing.assert_close(p.log_prob(x)[..., 2], module(context[..., 2, :]).log_prob(x[2]))


@by_likelihood
def test_probabilities_sum_to_one(likelihood):
    """By quadrature where there is a density, by enumeration where there is a probability."""
    module, context = _module(likelihood, (2,), 1)
    p = module(context)
    if likelihood.bounded:
        every = torch.tensor(list(itertools.product(likelihood.support, repeat=2)), dtype=torch.float64)
        total = p.log_prob(every[:, None]).exp().sum()
    else:
        line = torch.linspace(-15, 15, 1501, dtype=torch.float64)
        density = p.log_prob(torch.cartesian_prod(line, line)[:, None]).exp().reshape(1501, 1501)
        total = torch.trapezoid(torch.trapezoid(density, line), line)
    assert total.item() == pytest.approx(1, abs=1e-9)


@by_likelihood
def test_the_mean_and_variance_are_those_of_draws(likelihood):
    module, context = _module(likelihood, (3,), 2)
    with torch.no_grad():
        p = module(context)
        x = draw(p, source_of(), (100_000,))
    error = (p.variance / len(x)).sqrt()
    assert ((x.mean(0) - p.mean).abs() < 5 * error).all()
    torch.testing.assert_close(x.var(0), p.variance, rtol=0.03, atol=0)


@by_likelihood
def test_what_is_observed_has_the_marginal_density(likelihood):
    """Summed over all values of the other entry, by quadrature or enumeration."""
    module, context = _module(likelihood, (2,), 1)
    p = module(context)
    line = torch.linspace(-15, 15, 4001, dtype=torch.float64)
    at = torch.tensor(likelihood.support, dtype=torch.float64) if likelihood.bounded else line
    pairs = torch.stack([torch.ones_like(at), at], -1)[:, None]
    density = p.log_prob(pairs).exp()[:, 0]
    marginal = density.sum() if likelihood.bounded else torch.trapezoid(density, line)
    found = log_prob(p, torch.tensor([[1.0, math.nan]]).double(), torch.tensor([[True, False]]))
    assert found.exp().item() == pytest.approx(marginal.item(), abs=1e-9)


@by_likelihood
def test_gradients(likelihood):
    module, context = _module(likelihood, (3,), 4)
    x = (torch.rand(4, 3) > 0.5).double()
    names = [name for name, _ in module.named_parameters()]

    def value(context, *weights):
        return torch.func.functional_call(module, dict(zip(names, weights, strict=True)), (context,)).log_prob(x)

    assert gradcheck(value, (context.requires_grad_(), *module.parameters()))


def test_the_losses_are_the_papers():
    """½‖x − x̂‖² and the cross-entropy, up to the Gaussian's constant."""
    out, x = torch.randn(5, 6, dtype=torch.float64), torch.rand(5, 6, dtype=torch.float64)
    gaussian = -GaussianLikelihood().build(Facts((6,), 2))(out).log_prob(x)
    torch.testing.assert_close(gaussian, 0.5 * (x - out).square().sum(1) + 3 * math.log(2 * math.pi))
    x_hat = torch.sigmoid(out)
    cross_entropy = -(x * x_hat.log() + (1 - x) * (1 - x_hat).log()).sum(1)
    torch.testing.assert_close(-Bernoulli().build(Facts((6,), 2))(out).log_prob(x), cross_entropy)


def _normal(x, mean, std):
    return stats.norm(mean, std).logpdf(x).reshape(*x.shape[: x.ndim - 3], -1).sum(-1)


@pytest.mark.parametrize("lead", [(4,), (3, 4)], ids=["rows", "draws"])
def test_likelihoods_are_scipys(lead, rng):
    """Images of two channels, with and without draws: one value a sample, the sum of scipy's over the entries."""
    shape, x = (2, 3, 5), rng.normal(size=(4, 2, 3, 5))
    facts = Facts(shape, 2)

    def context(*numbers):
        return torch.tensor(np.stack(numbers, len(lead))).flatten(len(lead))

    mean, raw = rng.normal(size=(*lead, *shape)), rng.normal(size=(*lead, *shape))
    x_wide = np.broadcast_to(x, (*lead, *shape))
    fixed = GaussianLikelihood(0.7).build(facts)(context(mean))
    np.testing.assert_allclose(fixed.log_prob(torch.tensor(x)), _normal(x_wide, mean, 0.7), rtol=1e-10)
    for shared in (True, False):
        module = HomoscedasticGaussian(shared=shared).build(facts).double()
        log_std = rng.normal(size=() if shared else shape)
        with torch.no_grad():
            module.log_std.copy_(torch.tensor(log_std))
        p = module(context(mean))
        np.testing.assert_allclose(
            p.log_prob(torch.tensor(x)).detach(), _normal(x_wide, mean, np.exp(log_std)), rtol=1e-9
        )
    p = HeteroscedasticGaussian(0.1).build(facts)(context(mean, raw))
    np.testing.assert_allclose(
        p.log_prob(torch.tensor(x)), _normal(x_wide, mean, 0.1 + np.log1p(np.exp(raw))), rtol=1e-9
    )
    bits = (x > 0).astype(float)
    q = stats.bernoulli(1 / (1 + np.exp(-raw))).logpmf(np.broadcast_to(bits, raw.shape)).reshape(*lead, -1).sum(-1)
    np.testing.assert_allclose(Bernoulli().build(facts)(context(raw)).log_prob(torch.tensor(bits)), q, rtol=1e-9)


def test_a_constant_entry_has_no_infinite_density():
    module = HomoscedasticGaussian(minimum_std=1e-2).build(Facts((1,), 1))
    torch.nn.init.constant_(module.log_std, -100.0)
    assert module(torch.zeros(1, 1)).log_prob(torch.zeros(1, 1)).item() == pytest.approx(
        -math.log(1e-2) - 0.9189, abs=1e-3
    )
