"""The contract of terms: one value a sample, pure, with gradients, alone as in a crowd; a line adds one."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck

from contracts.common import assert_is_a_part, source_of
from isthmus.batch import Batch
from isthmus.distributions import draw
from isthmus.divergence import KL
from isthmus.facts import Facts
from isthmus.likelihood import Gaussian
from isthmus.model import Model, Pass
from isthmus.networks import MLP
from isthmus.penalty import Contractive
from isthmus.posterior import DiagonalGaussian
from isthmus.prior import StandardNormal, VampPrior
from isthmus.scaling import Scaling
from isthmus.term import NegativeLogLikelihood, mean_over_draws

TERMS = [
    NegativeLogLikelihood(2.0),
    KL(0.5, warmup=0.25),
    Contractive(0.1),
    Contractive(0.1, "estimate", draws=2),
]

by_term = pytest.mark.parametrize("term", TERMS, ids=repr)


def _model(prior=None) -> Model:
    torch.manual_seed(0)
    network = MLP((6,), activation="tanh")
    return Model(
        Facts((3,), 2),
        scaling=Scaling.identity((3,)),
        networks={"encoder": network.encoder((3,), 4), "decoder": network.decoder(2, (3,), 1)},
        posterior=DiagonalGaussian(),
        likelihood=Gaussian(0.8),
        prior=prior or StandardNormal(),
    ).double()


def _rows(n: int = 5) -> torch.Tensor:
    return torch.randn(n, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@by_term
def test_it_is_a_part(term):
    assert_is_a_part(term)


@by_term
@pytest.mark.parametrize("draws", [(), (4,)], ids=str)
def test_one_value_a_sample_with_draws_too(term, draws):
    model = _model()
    term.refuse(model)
    before = [p.detach().clone() for p in model.parameters()]
    value = term(model, Pass(model, Batch(_rows()), source_of(), draws), source_of())
    assert value.shape == (5,)
    assert value.isfinite().all()
    again = term(model, Pass(model, Batch(_rows()), source_of(), draws), source_of())
    assert torch.equal(value, again), "a term is a function of model, rows and source"
    assert all(torch.equal(p, q) and p.grad is None for p, q in zip(model.parameters(), before, strict=True))


@by_term
def test_a_row_has_its_own_value(term):
    """With the draws fixed, a row's term does not see the others."""
    if getattr(term, "method", "") == "estimate":
        pytest.skip("its draws are made for the batch as a whole")
    model, x = _model(), _rows()
    z = draw(model.encode(x), source_of()).detach()
    whole = term(model, Pass(model, Batch(x), source_of(), z=z), source_of())
    for i in range(len(x)):
        one = slice(i, i + 1)
        alone = term(model, Pass(model, Batch(x[one]), source_of(), z=z[one]), source_of())
        torch.testing.assert_close(alone, whole[one])


@by_term
def test_gradients(term):
    """∂/∂θ for every weight, by finite differences."""
    model, x = _model(), _rows(3)
    names = [name for name, _ in model.named_parameters()]

    class Called(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self):
            return term(self.model, Pass(self.model, Batch(x), source_of()), source_of(2))

    called = Called()

    def value(*weights):
        return torch.func.functional_call(called, {f"model.{n}": w for n, w in zip(names, weights, strict=True)}, ())

    assert gradcheck(value, tuple(model.parameters()), fast_mode=True)


@by_term
def test_the_weight_rises_over_the_warm_up(term):
    warm = term.set_params(warmup=0.25)
    assert [warm.weight_at(t) for t in (0.0, 0.125, 0.25, 1.0)] == [0.0, term.weight / 2, term.weight, term.weight]
    still = warm.set_params(warmup=0.0)
    assert still.weight_at(0.0) == still.weight_at(1.0) == term.weight


def test_draws_are_averaged():
    values = torch.arange(6.0).reshape(2, 3)
    assert torch.equal(mean_over_draws(values), torch.tensor([1.5, 2.5, 3.5]))
    assert torch.equal(mean_over_draws(values[0]), values[0])
    model = _model()
    passed = Pass(model, Batch(_rows()), source_of(), (7,))
    found = NegativeLogLikelihood()(model, passed, source_of())
    torch.testing.assert_close(found, -passed.p.log_prob(passed.x).mean(0))


def test_a_divergence_without_closed_form_has_the_mean_of_one():
    """Against quadrature over the code: ∫ q log(q/p) dz."""
    model = _model(VampPrior(3))
    passed = Pass(model, Batch(_rows(2)), source_of(), (50_000,))
    with torch.no_grad():
        ratio = passed.q.log_prob(passed.z) - passed.p_z.log_prob(passed.z)
        found, error = KL()(model, passed, source_of()), ratio.std(0) / 50_000**0.5
        line = torch.linspace(-9, 9, 601, dtype=torch.float64)
        z = torch.cartesian_prod(line, line)[:, None]
        log_q = passed.q.log_prob(z)
        integrand = (log_q.exp() * (log_q - passed.p_z.log_prob(z))).T.reshape(2, 601, 601)
        exact = torch.trapezoid(torch.trapezoid(integrand, line), line)
    assert ((found - exact).abs() < 5 * error).all()
    assert (error < 0.1 * exact.abs()).all()
