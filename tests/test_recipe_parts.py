"""Laws of recipes' parts: bounds are bounds, densities normalise, gradients are those of the paper."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import ive
from scipy.stats import multivariate_normal
from torch import nn
from torch.distributions import kl_divergence

from contracts.common import assert_is_a_part, source_of
from isthmus import DenoisingAutoencoder, Training
from isthmus.aggregated import MMD, CodeCovariance, TotalCorrelation
from isthmus.batch import Batch
from isthmus.bounds import CombinedBounds, DoublyReparameterised, MeanOfBounds
from isthmus.corruption import Masking
from isthmus.distributions import draw
from isthmus.divergence import KL, Capacity, FreeBits
from isthmus.errors import CompositionError
from isthmus.facts import Facts
from isthmus.flows import FlowPosterior, FlowPrior
from isthmus.hyperspherical import SphereUniform, UniformPrior, VonMisesFisher, VonMisesFisherPosterior, log_area
from isthmus.judge import Judged, Packed, Shuffled
from isthmus.late_priors import FittedMixture, SecondStage
from isthmus.likelihood import Bernoulli, Gaussian
from isthmus.metrics import mmd
from isthmus.model import Model, Pass
from isthmus.networks import MLP, FromMean, SpectralNorm
from isthmus.objective import ELBO, ImportanceWeighted, Reconstruction
from isthmus.penalty import AroundData, DecoderSlope, HigherOrder, exact
from isthmus.poincare import WrappedNormal, WrappedNormalPosterior, WrappedNormalPrior
from isthmus.posterior import Deterministic, DiagonalGaussian, KSparse
from isthmus.prior import StandardNormal
from isthmus.quantised import Commitment, QuantisedPrior, VectorQuantised
from isthmus.redrawn import Binarised, Dequantised
from isthmus.scaling import Scaling
from isthmus.sparsity import L1, L2, Rate, WeightNorm
from isthmus.stacked import Stacked
from isthmus.stochastic_layers import TwoLayerPosterior, TwoLayerPrior
from isthmus.training import Rows, Steps

D = 2
"""Units of a code."""


def model_of(posterior=None, prior=None, likelihood=None, network=None, d=D, n=3, **others) -> Model:
    torch.manual_seed(0)
    facts = Facts((n,), d, rows=40)
    posterior, network = posterior or DiagonalGaussian(), network or MLP((6,), activation="tanh")
    networks = {
        "encoder": network.encoder((n,), posterior.width(facts)),
        "decoder": network.decoder(d, (n,), 1),
    }
    return Model(
        facts,
        scaling=Scaling.identity((n,)),
        networks=networks,
        posterior=posterior,
        likelihood=likelihood or Gaussian(0.8),
        prior=prior or StandardNormal(),
        **others,
    ).double()


def rows_of(n: int = 5, features: int = 3, seed: int = 1) -> torch.Tensor:
    return torch.randn(n, features, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def passed_of(model, x=None, draws=(), seed=0) -> Pass:
    return Pass(model, Batch(rows_of() if x is None else x), source_of(seed), draws)


# Bounds.


def linear_gaussian() -> tuple[Model, torch.Tensor]:
    """Return x = Wz + σε with a posterior that is not the exact one, rows, and the exact log p(x) of each."""
    model = model_of(network=MLP(()))
    x = rows_of(6)
    W, b = (p.detach() for p in model.networks["decoder"].parameters())
    covariance = W @ W.T + 0.8**2 * torch.eye(3, dtype=torch.float64)
    exact_density = multivariate_normal(b.numpy(), covariance.numpy()).logpdf(x.numpy())
    return model, x, torch.as_tensor(exact_density)


@pytest.mark.parametrize(
    ("objective", "draws"),
    [
        (MeanOfBounds(8, 2), 8),
        (CombinedBounds(8, 0.5), 8),
        (DoublyReparameterised(8), 8),
        (ImportanceWeighted(8), 8),
    ],
    ids=repr,
)
def test_a_bound_is_one(objective, draws):
    """𝔼 of the bound is below the exact log p(x), and above the evidence bound."""
    assert_is_a_part(objective)
    model, x, exact_density = linear_gaussian()
    with torch.no_grad():
        found = [-objective(model, passed_of(model, x, (draws,), seed), source_of())["bound"] for seed in range(150)]
        elbo = -sum(ELBO()(model, passed_of(model, x, (2000,)), source_of()).values())
    bound, error = torch.stack(found).mean(0), torch.stack(found).std(0) / 150**0.5
    assert (bound < exact_density + 3 * error).all()
    assert (bound > elbo - 3 * error).all()


def test_bounds_of_one_group_and_of_one_draw_are_the_known_ones():
    model, x, _ = linear_gaussian()

    def value(objective):
        return objective(model, passed_of(model, x, (6,)), source_of())["bound"]

    whole, elbo = value(ImportanceWeighted(6)), -passed_of(model, x, (6,)).log_weights.mean(0)
    torch.testing.assert_close(value(MeanOfBounds(6, 1)), whole)
    torch.testing.assert_close(value(MeanOfBounds(6, 6)), elbo)
    torch.testing.assert_close(value(CombinedBounds(6, 0.0)), whole)
    torch.testing.assert_close(value(CombinedBounds(6, 1.0)), elbo)
    torch.testing.assert_close(value(DoublyReparameterised(6)), whole)
    torch.testing.assert_close(value(CombinedBounds(6, 0.3)), 0.3 * elbo + 0.7 * whole)


def test_doubly_reparameterised_gradients_have_the_same_mean_and_less_variance():
    model, x, _ = linear_gaussian()
    encoder, decoder = (list(model.networks[name].parameters()) for name in ("encoder", "decoder"))
    found, fits = {}, 300
    for objective in (ImportanceWeighted(16), DoublyReparameterised(16)):
        each = []
        for seed in range(fits):
            loss = objective(model, passed_of(model, x, (16,), seed), source_of())["bound"].mean()
            slopes = torch.autograd.grad(loss, encoder + decoder)
            each.append([torch.cat([g.flatten() for g in part]) for part in (slopes[:2], slopes[2:])])
        found[type(objective)] = [torch.stack(part) for part in zip(*each, strict=True)]
    plain, dreg = found[ImportanceWeighted], found[DoublyReparameterised]
    error = (plain[0].var(0) + dreg[0].var(0)).sqrt() / fits**0.5
    assert ((plain[0].mean(0) - dreg[0].mean(0)).abs() < 4.5 * error).all()
    assert dreg[0].var(0).sum() < 0.7 * plain[0].var(0).sum()
    torch.testing.assert_close(plain[1], dreg[1])


# Divergences.


def test_free_bits_press_no_unit_below_their_minimum():
    model = model_of()
    passed = passed_of(model)
    each = kl_divergence(passed.q.base_dist, passed.p_z.base_dist)
    torch.testing.assert_close(FreeBits(nats=0.0)(model, passed, source_of()), KL()(model, passed, source_of()))
    nats = each.detach().median().item()
    found = FreeBits(nats=nats)(model, passed, source_of())
    torch.testing.assert_close(found, each.clamp(min=nats).sum(1))
    slopes = torch.autograd.grad(
        FreeBits(nats=100.0)(model, passed, source_of()).sum(), model.networks.parameters(), allow_unused=True
    )
    assert all(slope is None or not slope.any() for slope in slopes)


def test_a_capacity_rises_with_the_fit_and_is_where_the_divergence_is_drawn_to():
    model = model_of(terms={"divergence": Capacity(nats=6.0, rise=0.5)})
    term = model.term(Capacity())
    kl = KL()(model, passed_of(model), source_of())
    for progress, nats in ((0.0, 0.0), (0.25, 3.0), (0.5, 6.0), (1.0, 6.0)):
        term.at(progress)
        torch.testing.assert_close(term(model, passed_of(model), source_of()), (kl - nats).abs())


def gaussian_codes(correlation: float, n: int) -> torch.Tensor:
    covariance = torch.tensor([[1.0, correlation], [correlation, 1.0]], dtype=torch.float64)
    return rows_of(n, 2) @ torch.linalg.cholesky(covariance).T


class Given(nn.Module):
    """A posterior whose context is the code itself, with a small σ."""

    def __init__(self, log_variance: float) -> None:
        super().__init__()
        self.log_variance = nn.Parameter(torch.full((), log_variance))

    def forward(self, x):
        return torch.cat([x, self.log_variance.expand_as(x)], 1)


def model_given(log_variance: float = -3.0) -> Model:
    model = model_of(n=2)
    model.networks["encoder"] = Given(log_variance).double()
    return model


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_total_correlation_is_that_of_the_aggregated_posterior(correlation):
    """−½ log(1 − ρ²) for Gaussian codes of correlation ρ, by all of the rows: 0 for independent units."""
    assert_is_a_part(TotalCorrelation(2.0))
    model, n = model_given(-2.0), 2000
    model.rows = n
    codes = gaussian_codes(correlation, n)
    noise = math.exp(-2.0)
    rho = correlation / (1 + noise)
    with torch.no_grad():
        found = TotalCorrelation()(model, passed_of(model, codes), source_of()).mean().item()
    assert found == pytest.approx(-0.5 * math.log(1 - rho**2), abs=0.05)


def test_the_discrepancy_is_that_of_the_kernels_in_the_mean_and_zero_for_prior_codes():
    assert_is_a_part(MMD(10.0, scales=(1.0, 2.0)))
    model, term = model_given(-30.0), MMD()
    apart, own = [], []
    with torch.no_grad():
        for seed in range(60):
            z = rows_of(100, 2, seed)
            own.append(term(model, passed_of(model, z, seed=seed), source_of()).mean())
            apart.append(term(model, passed_of(model, z + 1, seed=seed), source_of()).mean())
    own, apart = torch.stack(own), torch.stack(apart)
    assert abs(own.mean()) < 4 * own.std() / 60**0.5
    assert apart.mean() > 10 * own.std()


@pytest.mark.parametrize("of_draws", [False, True])
def test_the_penalty_on_the_covariance_is_its_formula(of_draws):
    assert_is_a_part(CodeCovariance(2.0, 5.0, of_draws))
    model, codes = model_given(-1.0), gaussian_codes(0.6, 50)
    found = CodeCovariance(1.0, 5.0, of_draws)(model, passed_of(model, codes), source_of())
    C = np.cov(codes.numpy().T, bias=True) + of_draws * math.exp(-1.0) * np.eye(2)
    expected = 2 * C[0, 1] ** 2 + 5 * ((C[0, 0] - 1) ** 2 + (C[1, 1] - 1) ** 2)
    torch.testing.assert_close(found, torch.full((50,), expected, dtype=torch.float64))


# Penalties.


def test_penalties_of_codes_and_weights_are_their_formulas():
    model = model_of()
    passed = passed_of(model, draws=(3,))
    torch.testing.assert_close(L1()(model, passed, source_of()), passed.z.abs().sum(-1).mean(0))
    torch.testing.assert_close(L2()(model, passed, source_of()), 0.5 * passed.z.square().sum(-1).mean(0))
    squares = sum(p.detach().square().sum().item() for p in model.networks["decoder"].parameters())
    assert WeightNorm()(model, passed, source_of()).tolist() == pytest.approx([squares] * 5)
    with pytest.raises(CompositionError, match="no network 'critic'"):
        WeightNorm(network="critic").refuse(model)
    for part in (L1(0.5), L2(0.5), Rate(2.0, 0.1), WeightNorm(1.0, "encoder"), DecoderSlope(0.1, 2), HigherOrder(0.2)):
        assert_is_a_part(part)


def test_the_penalty_on_rates_is_least_at_the_rate():
    model = model_of(Deterministic(), network=MLP((), code_activation="sigmoid"))
    passed = passed_of(model)
    at = [
        Rate(rate=float(r))(model, Pass(model, passed.batch, source_of(), z=torch.full((5, 2), 0.3)), source_of())
        for r in (0.2, 0.3, 0.4)
    ]
    assert at[1].abs().max() < 1e-12
    assert min(at[0].min(), at[2].min()) > 0.01


def test_the_decoders_slope_is_its_jacobian():
    model = model_of()
    passed = passed_of(model)
    found = torch.stack([DecoderSlope()(model, passed, source_of(seed)) for seed in range(1000)])
    z = passed.z.detach().requires_grad_()
    expected = exact(model.decode(z).mean, z)
    assert ((found.mean(0) - expected).abs() < 5 * found.std(0) / 1000**0.5).all()


def test_the_higher_order_penalty_is_zero_for_a_linear_encoder_and_the_hessian_for_others():
    linear = model_of(Deterministic(), network=MLP(()))
    passed = passed_of(linear)
    torch.testing.assert_close(
        HigherOrder(hessian=5.0)(linear, passed, source_of()), HigherOrder(hessian=0.0)(linear, passed, source_of())
    )
    model, std = model_of(Deterministic()), 1e-3
    passed = passed_of(model)
    hessians = [
        torch.autograd.functional.hessian(lambda x, u=u: model.encode(x[None]).mean[0, u], x)
        for x in passed.x
        for u in range(D)
    ]
    expected = torch.stack([h.square().sum() for h in hessians]).reshape(5, D).sum(1)
    base = HigherOrder(hessian=0.0, method="exact")(model, passed, source_of())
    one = HigherOrder(hessian=1.0, std=std, draws=1000, method="exact")
    found = (one(model, passed, source_of()) - base) / std**2
    torch.testing.assert_close(found.detach(), expected.detach(), rtol=0.2, atol=1e-4)


def test_a_critics_slope_near_data_is_held_at_one():
    assert_is_a_part(AroundData(3.0))
    model = model_of()
    model.networks["discriminator"] = nn.Sequential(nn.Flatten(), nn.Linear(3, 1)).double()
    weight = model.networks["discriminator"][1].weight
    judged = Judged(Packed(samples=1), model, passed_of(model))
    found = AroundData()(judged, source_of())
    torch.testing.assert_close(found, ((weight.norm() - 1) ** 2).expand(5))


# Distributions of codes.


@pytest.mark.parametrize("d", [2, 3, 8])
@pytest.mark.parametrize("kappa", [0.3, 5.0, 200.0])
def test_von_mises_fisher_is_the_textbooks(d, kappa):
    """Normaliser by Bessel functions, divergence by Monte Carlo, mean resultant length by their ratio."""
    mu = nn.functional.normalize(rows_of(1, d), dim=-1)
    q = VonMisesFisher(mu, torch.full((1, 1), kappa, dtype=torch.float64))
    order = d / 2 - 1
    log_c = order * math.log(kappa) - d / 2 * math.log(2 * math.pi) - (math.log(ive(order, kappa)) + kappa)
    assert q.log_prob(mu).item() == pytest.approx(log_c + kappa, rel=1e-9)
    assert q.mean_cosine.item() == pytest.approx(ive(order + 1, kappa) / ive(order, kappa), rel=1e-8)
    z = draw(q, source_of(), (40_000,))
    torch.testing.assert_close(z.norm(dim=-1), torch.ones(40_000, 1, dtype=torch.float64))
    w = (z * mu).sum(-1)
    assert (w.mean() - q.mean_cosine).abs().item() < 5 * w.std().item() / 200 + 1e-4
    p = SphereUniform(mu[0])
    ratio = q.log_prob(z) - p.log_prob(z)
    assert (ratio.mean() - kl_divergence(q, p)).abs().item() < 5 * ratio.std().item() / 200 + 2e-4 * kappa


def test_draws_of_von_mises_fisher_have_the_gradient_of_the_mean():
    kappa = torch.tensor([[4.0]], dtype=torch.float64, requires_grad=True)
    mu = torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64)
    q = VonMisesFisher(mu, kappa)
    z = draw(q, source_of(), (40_000,))
    (found,) = torch.autograd.grad(z[..., 2].mean(), kappa, retain_graph=True)
    (expected,) = torch.autograd.grad(q.mean_cosine.sum(), kappa)
    assert found.item() == pytest.approx(expected.item(), rel=0.02)


def test_the_sphere_has_the_area_of_its_densities():
    assert math.exp(log_area(2)) == pytest.approx(2 * math.pi)
    line = torch.linspace(0, 2 * math.pi, 2001, dtype=torch.float64)
    z = torch.stack([line.cos(), line.sin()], 1)
    q = VonMisesFisherPosterior().build(Facts((3,), 2)).double()(rows_of(1, 3))
    assert torch.trapezoid(q.log_prob(z[:, None]).exp()[:, 0], line).item() == pytest.approx(1, abs=1e-9)
    p = UniformPrior().build(Facts((3,), 2)).double()(None)
    assert torch.trapezoid(p.log_prob(z).exp(), line).item() == pytest.approx(1, abs=1e-9)
    with pytest.raises(CompositionError, match="at least 2 units"):
        UniformPrior().build(Facts((3,), 1))


PLANE = torch.linspace(-10, 10, 301, dtype=torch.float64)


def assert_normalised(p):
    z = torch.cartesian_prod(PLANE, PLANE)
    with torch.no_grad():
        density = p.log_prob(z if not p.batch_shape else z[:, None]).exp().reshape(301, 301)
    assert torch.trapezoid(torch.trapezoid(density, PLANE), PLANE).item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("maps", ["affine", "spline"])
def test_a_flow_normalises_and_its_volume_is_the_jacobians(maps):
    torch.manual_seed(0)
    for part in (FlowPrior(2, (8,), maps), FlowPosterior(2, (8,), maps, context=4)):
        assert_is_a_part(part, Facts((3,), D))
        module = part.build(Facts((3,), D)).double()
        context = rows_of(1, 4) if isinstance(part, FlowPosterior) else None
        p = module(context)
        assert_normalised(p)
        z = draw(p, source_of(), (4,)).detach().reshape(4, D)
        f = p.transform
        for one in z if context is None else z[:, None]:
            J = torch.autograd.functional.jacobian(f, one).reshape(D, D)
            found = f.call_and_ladj(one)[1]
            assert found.item() == pytest.approx(torch.linalg.slogdet(J).logabsdet.item(), abs=1e-9)
        torch.testing.assert_close(f.inv(f(z)).detach(), z, atol=1e-5, rtol=1e-5)


def test_importing_zuko_leaves_validation_on():
    FlowPrior(1).build(Facts((3,), 2))
    with pytest.raises(ValueError, match="constraint"):
        torch.distributions.Normal(0.0, -1.0)


def test_without_zuko_the_extra_is_named(monkeypatch):
    import sys

    from isthmus import flows

    flows._zuko.cache_clear()
    monkeypatch.setitem(sys.modules, "zuko", None)
    with pytest.raises(ImportError, match=r"pip install 'isthmus\[flows\]'"):
        FlowPrior(1).build(Facts((3,), 2))
    flows._zuko.cache_clear()


@pytest.mark.parametrize("radius", [0.0, 0.6])
def test_a_wrapped_normal_normalises_over_the_ball_and_draws_follow_it(radius):
    q = WrappedNormal(torch.tensor([radius, 0.0], dtype=torch.float64), torch.tensor([0.5, 0.8], dtype=torch.float64))
    lengths, angles = (
        torch.linspace(1e-6, 9, 1500, dtype=torch.float64),
        torch.linspace(0, 2 * math.pi, 721, dtype=torch.float64),
    )
    r = torch.tanh(lengths / 2)
    z = torch.stack([r[:, None] * angles.cos(), r[:, None] * angles.sin()], -1)
    volume = lengths.sinh()[:, None]  # of the hyperbolic plane in polar coordinates
    density = q.log_prob(z).exp() * volume
    whole = torch.trapezoid(torch.trapezoid(density, angles), lengths)
    assert whole.item() == pytest.approx(1, abs=1e-4)
    drawn = draw(q, source_of(), (50_000,))
    expected = torch.trapezoid(torch.trapezoid(density * z[..., 0], angles), lengths)
    assert drawn[:, 0].mean().item() == pytest.approx(
        expected.item(), abs=5 * drawn[:, 0].std().item() / 50_000**0.5 + 1e-4
    )
    assert_is_a_part(WrappedNormalPrior(0.5), Facts((3,), D))
    assert_is_a_part(WrappedNormalPosterior(), Facts((3,), D))


def test_two_layers_have_the_density_of_a_chain():
    for part in (TwoLayerPosterior(1, (4,)), TwoLayerPrior(1, (4,))):
        assert_is_a_part(part, Facts((3,), D))
        torch.manual_seed(0)
        module = part.build(Facts((3,), D)).double()
        assert_normalised(module(rows_of(1, part.width(Facts((3,), D))) if part.width(Facts((3,), D)) else None))
    with pytest.raises(CompositionError, match="two stochastic layers"):
        TwoLayerPrior(2).build(Facts((3,), 2))


def codes_model(prior) -> tuple[Model, torch.Tensor]:
    """Return a model whose codes are its rows, and 400 rows of two clusters."""
    model = model_of(Deterministic(), prior, n=2)
    model.networks["encoder"] = nn.Flatten()
    centres = torch.tensor([[-2.0, 0.0], [2.0, 1.0]], dtype=torch.float64)
    return model, centres.repeat(200, 1) + 0.5 * rows_of(400, 2)


def test_a_mixture_is_fitted_to_the_codes_in_the_end():
    assert_is_a_part(FittedMixture(3), Facts((3,), D))
    model, codes = codes_model(FittedMixture(2))
    model.prior.finish(model, Rows(Batch(codes), 100))
    p = model.p_z()
    assert_normalised(p)
    gaussian = torch.distributions.MultivariateNormal(codes.mean(0), torch.cov(codes.T))
    assert p.log_prob(codes).mean() > gaussian.log_prob(codes).mean() + 0.3
    assert sorted(model.prior.means[:, 0].round().tolist()) == [-2.0, 2.0]


def test_a_second_stage_learns_how_codes_lie():
    assert_is_a_part(SecondStage(MLP((8,)), epochs=2), Facts((3,), D))
    model, codes = codes_model(SecondStage(MLP((32,)), epochs=25, draws=32))
    model.eval()
    before = model.p_z()
    model.prior.finish(model, Rows(Batch(codes.float()), 100))
    model.double()
    p = model.p_z()
    assert_normalised(p)
    assert p.log_prob(codes).mean() > before.log_prob(codes).mean() + 0.3
    drawn, normal = (draw(each, source_of(), (400,)).detach().numpy() for each in (p, before))
    assert mmd(drawn, codes.numpy()) < 0.3 * mmd(normal, codes.numpy())


def test_a_code_is_the_nearest_entry_and_gradients_pass():
    assert_is_a_part(VectorQuantised(5, 1), Facts((3,), D))
    model = model_of(VectorQuantised(5, 1), QuantisedPrior(5, 1))
    rows = Rows(Batch(rows_of(40)), 10)
    with torch.no_grad():
        model.posterior.begin(model, rows)
    model.eval()
    passed = passed_of(model)
    context = model.networks["encoder"](passed.x)
    for unit in range(D):
        entries = model.posterior.entries[unit, :, 0]
        nearest = entries[(context[:, unit, None] - entries).abs().argmin(1)]
        torch.testing.assert_close(passed.z[:, unit], nearest)
    distance = (context - passed.z).square().sum(1)
    torch.testing.assert_close(Commitment()(model, passed, source_of()), distance)
    slope, straight = (
        torch.autograd.grad(v.sum(), list(model.networks["encoder"].parameters()), retain_graph=True)
        for v in (passed.z, context)
    )
    torch.testing.assert_close(slope, straight)
    model.prior.finish(model, rows)
    assert model.prior.counts.sum(1).tolist() == [40.0, 40.0]
    z = draw(model.p_z(), source_of(), (50,))
    assert set(z[:, 0].tolist()) <= set(model.posterior.entries[0, :, 0].tolist())
    with pytest.raises(CompositionError, match="codebook"):
        Commitment().refuse(model_of())


def test_a_codebook_goes_to_the_means_of_what_it_stands_for():
    books = VectorQuantised(2, 2, decay=0.5).build(Facts((2,), 2)).double()
    books.entries.copy_(torch.tensor([[[-1.0, 0.0], [1.0, 0.0]]]))
    books.sums.copy_(books.entries)
    x = torch.tensor([[-2.0, 1.0], [-4.0, 1.0], [3.0, 3.0]], dtype=torch.float64)
    for _ in range(60):
        books(x)
    torch.testing.assert_close(books.entries[0], torch.tensor([[-3.0, 1.0], [3.0, 3.0]], dtype=torch.float64))


def test_only_the_largest_units_are_kept():
    assert_is_a_part(KSparse(2))
    q = KSparse(2).build(Facts((3,), 4))(torch.tensor([[3.0, -1.0, 2.0, 0.5]]))
    assert q.mean.tolist() == [[3.0, 0.0, 2.0, 0.0]]
    with pytest.raises(CompositionError, match="the code has 1"):
        KSparse(2).build(Facts((3,), 1))


# What D is shown, and networks.


def test_packs_hold_different_rows_and_shuffled_codes_the_same_values():
    model = model_of()
    judge, passed = Packed(samples=3), passed_of(model)
    packs = judge.real(passed).reshape(5, 3, 3)
    for i in range(5):
        for j in range(3):
            assert torch.equal(packs[i, j], passed.x[(i + j) % 5])
    assert judge.fake(passed).shape == (5, 9)
    assert judge.shape(Facts((4, 4), 2)) == (3, 4, 4)
    fake = Shuffled().fake(passed)
    torch.testing.assert_close(fake.sort(0).values, passed.z.sort(0).values)
    assert not torch.equal(fake, passed.z)


def test_spectral_norms_are_one():
    torch.manual_seed(0)
    network = SpectralNorm(MLP((16,), activation="leaky_relu")).encoder((6,), 1)
    for _ in range(60):
        network(torch.zeros(2, 6))
    norms = [torch.linalg.matrix_norm(m.weight, 2).item() for m in network.modules() if isinstance(m, nn.Linear)]
    assert norms == pytest.approx([1.0] * len(norms), rel=1e-3)


def test_a_decoder_starts_at_the_mean():
    x = (rows_of(200) > 0.7).double()
    for likelihood in (Bernoulli(), Gaussian()):
        model = model_of(likelihood=likelihood, network=FromMean(MLP((6,), activation="tanh")))
        with torch.no_grad():
            model.networks["decoder"].begin(model, Rows(Batch(x), 50))
            for m in model.networks["decoder"].modules():
                if isinstance(m, nn.Linear):
                    m.weight.zero_()
            found = model.decode(torch.zeros(1, D, dtype=torch.float64)).mean[0]
        torch.testing.assert_close(found, x.mean(0))


def test_layers_are_trained_before_the_whole():
    """A stack of one layer, trained beforehand, brings back what an untrained one does not."""
    x = rows_of(300, 1) @ torch.ones(1, 3, dtype=torch.float64)
    network = Stacked((4,), activation="tanh", corruption=Masking(0.1), epochs=30)
    assert_is_a_part(network)
    model = model_of(Deterministic(), network=network, d=1)
    encoder = model.networks["encoder"]
    before = encoder[1].weight.detach().clone()
    with torch.no_grad():
        encoder.begin(model, Rows(Batch(x), 30))
    assert not torch.equal(before, encoder[1].weight)
    code = model.encode(x).mean.detach()
    assert np.corrcoef(code[:, 0], x[:, 0])[0, 1] ** 2 > 0.8


# Presentation and schedules.


def test_rows_are_drawn_anew_at_every_presentation_with_the_target():
    x = torch.full((4000, 3), 0.3, dtype=torch.float64)
    for corruption, values in ((Binarised(), {0.0, 1.0}), (Binarised(white=2.0), {0.0, 2.0})):
        assert_is_a_part(corruption)
        passed = passed_of(model_of(corruption=corruption), x)
        assert set(passed.x.unique().tolist()) == values
        assert torch.equal(passed.x, passed.x_tilde)
        assert passed.x.mean().item() == pytest.approx(0.3, abs=0.02)
        assert not torch.equal(passed.x, passed_of(model_of(corruption=corruption), x, seed=1).x)
    assert_is_a_part(Dequantised(2.0))
    passed = passed_of(model_of(corruption=Dequantised(2.0)), x)
    assert 0.3 <= passed.x.min() < passed.x.max() < 2.3
    assert passed.x.mean().item() == pytest.approx(Dequantised(2.0).mean(x).mean().item(), abs=0.02)
    loss = Reconstruction()(model_of(corruption=Binarised()), passed, source_of())
    assert loss["reconstruction"].shape == (4000,)


def test_a_rate_falls_in_steps():
    steps = Steps((1, 3), (1.0, 0.1))
    assert_is_a_part(steps)
    training = Training(warmup=0.0, decay=steps)
    assert [training.rate(done, done) for done in (0.0, 0.24, 0.25, 0.99)] == [1.0, 1.0, 0.1, 0.1]
    X = np.random.default_rng(0).normal(size=(64, 4))
    kept = DenoisingAutoencoder(2, training=training, max_epochs=4, random_state=0).fit(X)
    assert kept.training.decay == steps
    for wrong in ({"lengths": (1.0,), "factors": ()}, {"lengths": (0.0,)}, {"factors": (-1.0,)}):
        with pytest.raises(CompositionError):
            Steps(**wrong)
    with pytest.raises(CompositionError, match="decay must be"):
        Training(decay="stairs")
