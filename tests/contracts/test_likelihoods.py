"""The contract of likelihoods: densities that integrate to one, whose draws have the mean they say; a line adds one."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.autograd import gradcheck

from contracts.common import assert_is_a_part, source_of
from isthmus.binned import Binned
from isthmus.distributions import draw, log_prob, log_probs
from isthmus.errors import DataError
from isthmus.facts import Facts
from isthmus.likelihood import (
    Bernoulli,
    ContinuousBernoulli,
    HeteroscedasticGaussian,
    HomoscedasticGaussian,
    Likelihood,
    ResidualGaussian,
)
from isthmus.likelihood import Gaussian as GaussianLikelihood

LIKELIHOODS = [
    Bernoulli(),
    ContinuousBernoulli(),
    GaussianLikelihood(0.7),
    HomoscedasticGaussian(),
    HomoscedasticGaussian(shared=True),
    HeteroscedasticGaussian(),
    ResidualGaussian(),
    Binned(),
]
SHAPES = [(6,), (3, 4), (2, 3, 4)]

by_likelihood = pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=repr)


def _facts(shape: tuple[int, ...]) -> Facts:
    """Those of data of zeros and ones, for which standardised units are the data's own."""
    either = np.array([0.0, 0.0, 1.0])
    zero = torch.zeros(shape, dtype=torch.float64)
    return Facts(shape, 2, mean=zero, std=zero + 1, entry=lambda i: (either, None))


def _in_units(likelihood: Likelihood, x: torch.Tensor) -> torch.Tensor:
    """Samples, (N, ...), in the model's units."""
    facts = _facts(tuple(x.shape[1:]))
    return likelihood.of(facts).units(facts)(x, torch.float64)


def _module(likelihood: Likelihood, shape: tuple[int, ...], *lead: int):
    """A module in float64 with weights off their start, and a context for it."""
    facts, generator = _facts(shape), torch.Generator().manual_seed(0)
    likelihood = likelihood.of(facts)
    module = likelihood.build(facts).double()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3, generator=generator)
    return module, torch.randn(*lead, likelihood.width(facts), generator=generator, dtype=torch.float64)


@by_likelihood
def test_it_is_a_part(likelihood):
    assert_is_a_part(likelihood.of(_facts((3, 4))), _facts((3, 4)))


@by_likelihood
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_one_value_a_sample_with_draws_too(likelihood, shape):
    for lead in ((5,), (4, 5)):
        module, context = _module(likelihood, shape, *lead)
        p, x = module(context), _in_units(likelihood, (torch.rand(5, *shape) > 0.5).double())
        assert p.log_prob(x).shape == lead
        assert log_probs(p, x).shape == (*lead, *shape)
        assert p.mean.shape == draw(p, source_of()).shape == (*lead, *x.shape[1:])
        torch.testing.assert_close(p.log_prob(x)[..., 2], module(context[..., 2, :]).log_prob(x[2]))


def _all_values(likelihood: Likelihood, points: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Values and weights: each value once for a probability, the nodes of a quadrature for a density."""
    facts = _facts((1,))
    if likelihood.of(facts).units(facts).discrete:
        return torch.tensor([0.0, 1.0], dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    low, high = likelihood.support if likelihood.bounded else (-15, 15)
    nodes, weights = np.polynomial.legendre.leggauss(points)
    return torch.tensor((nodes + 1) / 2 * (high - low) + low), torch.tensor(weights * (high - low) / 2)


@by_likelihood
def test_probabilities_sum_to_one(likelihood):
    """By quadrature where there is a density, by enumeration where there is a probability."""
    module, context = _module(likelihood, (2,), 1)
    p = module(context)
    at, weight = _all_values(likelihood, 800)
    density = p.log_prob(_in_units(likelihood, torch.cartesian_prod(at, at))[:, None]).exp().reshape(len(at), len(at))
    assert (weight @ density @ weight).item() == pytest.approx(1, abs=1e-9)


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
    at, weight = _all_values(likelihood, 800)
    pairs = _in_units(likelihood, torch.stack([torch.ones_like(at), at], -1))[:, None]
    marginal = weight @ p.log_prob(pairs).exp()[:, 0]
    half = _in_units(likelihood, torch.tensor([[1.0, math.nan]]).double())
    found = log_prob(p, half, torch.tensor([[True, False]]))
    assert found.exp().item() == pytest.approx(marginal.item(), abs=1e-9)


@by_likelihood
def test_gradients(likelihood):
    module, context = _module(likelihood, (3,), 4)
    x = _in_units(likelihood, (torch.rand(4, 3) > 0.5).double())
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


def test_a_continuous_bernoulli_is_the_normalised_cross_entropy(rng):
    """Against the cross-entropy less the logarithm of its integral, by quadrature, from flat to steep."""
    logits = torch.tensor([-80.0, -9.0, -0.11, -0.09, -1e-4, 0.0, 1e-4, 0.09, 0.11, 9.0, 80.0], dtype=torch.float64)
    facts = Facts((len(logits),), 1)
    continuous, binary = (part.build(facts)(logits[None]) for part in (ContinuousBernoulli(), Bernoulli()))
    nodes, weights = np.polynomial.legendre.leggauss(200)
    at, weight = torch.tensor((nodes + 1) / 2)[:, None], torch.tensor(weights / 2)[:, None]
    unnormalised = binary.base_dist.log_prob(at.expand(-1, len(logits)))
    integral = (weight * unnormalised.exp()).sum(0)
    x = torch.tensor(rng.uniform(size=(1, len(logits))))
    expected = binary.base_dist.log_prob(x) - integral.log()
    torch.testing.assert_close(continuous.base_dist.log_prob(x), expected, rtol=1e-9, atol=1e-9)
    mean = (weight * unnormalised.exp() * at).sum(0) / integral
    torch.testing.assert_close(continuous.base_dist.mean[0], mean, rtol=1e-9, atol=1e-9)
    variance = (weight * unnormalised.exp() * (at - mean).square()).sum(0) / integral
    torch.testing.assert_close(continuous.base_dist.variance[0], variance, rtol=1e-7, atol=1e-9)


def test_what_lies_beyond_a_bound_by_rounding_is_moved_onto_it():
    X = np.array([[0.0, 1.0], [-1e-9, 1 + 1e-9], [0.5, 1.1]])
    scaling = Bernoulli().units(Facts((2,), 1))
    inside, outside = Bernoulli().within(X, scaling)
    np.testing.assert_array_equal(inside, [[0, 1], [0, 1], [0.5, 1]])
    assert outside.tolist() == [False, False, True]
    np.testing.assert_array_equal(Bernoulli().checked(X[:2], scaling), inside[:2])
    with pytest.raises(DataError, match=r"in \[0, 1\]; X runs from -1e-09 to 1.1, first outside at row 2, column 1"):
        Bernoulli().checked(X, scaling)
    X.setflags(write=False)
    assert GaussianLikelihood().within(X, scaling)[0] is X
