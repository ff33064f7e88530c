"""The contract of values, judges and penalties: formulas, shapes, gradients, and what D is asked; a line adds one."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck

from contracts.common import assert_is_a_part, source_of
from isthmus.batch import Batch
from isthmus.facts import Facts
from isthmus.judge import Codes, Data, Judge, Judged
from isthmus.likelihood import Gaussian
from isthmus.model import Model, Pass
from isthmus.networks import MLP
from isthmus.objective import Deceive, Discriminate
from isthmus.penalty import R1, R2, Interpolated
from isthmus.posterior import Deterministic
from isthmus.prior import StandardNormal
from isthmus.scaling import Scaling
from isthmus.value import Hinge, LeastSquares, Minimax, NonSaturating, Relativistic, Wasserstein

VALUES = [Minimax(), NonSaturating(), LeastSquares(), Hinge(), Wasserstein(), Relativistic()]
JUDGES = [Data(), Codes()]
PENALTIES = [R1(), R2(), Interpolated()]

by_value = pytest.mark.parametrize("value", VALUES, ids=repr)
by_judge = pytest.mark.parametrize("judge", JUDGES, ids=repr)
by_penalty = pytest.mark.parametrize("penalty", PENALTIES, ids=repr)


class Counted(nn.Module):
    """A network that counts how often it is called."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.calls = network, 0

    def forward(self, x):
        self.calls += 1
        return self.network(x)


def _model(judge: Judge = Data()) -> Model:  # noqa: B008  (parts are values)
    torch.manual_seed(0)
    facts, network = Facts((3,), 2), MLP((6,), activation="tanh")
    networks = {
        "encoder": network.encoder((3,), 2),
        "decoder": network.decoder(2, (3,), 1),
        "discriminator": Counted(network.encoder(judge.shape(facts), 1)),
    }
    return Model(
        facts,
        scaling=Scaling.identity((3,)),
        networks=networks,
        posterior=Deterministic(),
        likelihood=Gaussian(),
        prior=StandardNormal(),
    ).double()


def _pass(model: Model, rows: int = 5) -> Pass:
    x = torch.randn(rows, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return Pass(model, Batch(x), source_of())


@by_value
def test_a_value_is_one_number_a_sample_with_its_gradient(value):
    assert_is_a_part(value)
    generator = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(6, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(2))
    for side in (value.discriminator, value.generator):
        assert side(real, fake).shape == (6,)
        assert gradcheck(side, (real, fake))
    torch.testing.assert_close(value.generator(real[:2], fake[:2]), value.generator(real, fake)[:2])
    slope = torch.autograd.grad(value.generator(real, fake).sum(), real, allow_unused=True, materialize_grads=True)[0]
    assert value.paired == bool(slope.abs().sum() > 0), "paired says whether G's loss looks at real samples"


@by_value
def test_d_is_told_to_raise_real_and_lower_fake(value):
    real, fake = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    slopes = torch.autograd.grad(value.discriminator(real, fake).sum(), (real, fake))
    assert (slopes[0] < 0).item() or isinstance(value, LeastSquares)
    assert (slopes[1] > 0).item() or isinstance(value, LeastSquares)
    step = [-0.1 * slope for slope in slopes]
    better = value.discriminator(real + step[0], fake + step[1])
    assert better.item() < value.discriminator(real, fake).item()


@by_value
def test_a_probability_is_p_data_over_both(value):
    """Where a value says so, the D that minimises it at densities p and p_g is p/(p + p_g), found by search."""
    p, p_g = 0.7, 0.2
    logit = torch.linspace(-8, 8, 160_001, dtype=torch.float64)
    zero = torch.zeros_like(logit)
    loss = p * value.discriminator(logit, zero) + p_g * value.discriminator(zero, logit)
    found = torch.sigmoid(logit[loss.argmin()]).item()
    if value.probability:
        assert found == pytest.approx(p / (p + p_g), abs=1e-4)
    elif not value.paired:
        assert found != pytest.approx(p / (p + p_g), abs=1e-2)


@by_judge
def test_a_judge_looks_at_real_and_fake_of_one_shape(judge):
    assert_is_a_part(judge)
    model = _model(judge)
    passed = _pass(model)
    shape = judge.shape(Facts((3,), 2))
    assert judge.real(passed).shape == judge.fake(passed).shape == (5, *shape)
    logits = judge.logits(model, judge.fake(passed))
    assert logits.shape == (5,)
    moved = torch.autograd.grad(logits.sum(), list(model.parameters()), allow_unused=True)
    moving = {n.split(".")[1] for (n, _), g in zip(model.named_parameters(), moved, strict=True) if g is not None}
    assert "discriminator" in moving
    assert len(moving) == 2, "G's side has a graph to what makes the fakes"


@by_judge
def test_what_d_looks_at_is_a_leaf(judge):
    judged = Judged(judge, model := _model(judge), _pass(model))
    assert judged.real.is_leaf
    assert judged.fake.is_leaf
    others = [p for name, p in model.named_parameters() if "discriminator" not in name]
    loss = (judged.real_logits + judged.fake_logits).sum()
    assert all(g is None for g in torch.autograd.grad(loss, others, allow_unused=True))


def _old_formula(penalty, D, real, fake, source) -> torch.Tensor:
    """The penalty from a pass of its own through D."""
    if isinstance(penalty, Interpolated):
        u = source.uniform((len(real),), real)[:, None]
        x = (u * real + (1 - u) * fake).requires_grad_()
    else:
        x = (real if isinstance(penalty, R1) else fake).detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(D(x).sum(), x, create_graph=True)
    square = gradient.square().sum(1)
    return ((square + 1e-12).sqrt() - 1).square() if isinstance(penalty, Interpolated) else 0.5 * square


@by_penalty
def test_penalties_share_the_values_own_logits(penalty):
    """Values and gradients are those of a separate pass, without the pass."""
    assert_is_a_part(penalty)
    model = _model()
    D = model.networks["discriminator"]
    passed = _pass(model)
    judged = Judged(Data(), model, passed)
    shared = penalty(judged, source_of(3))
    separate = _old_formula(penalty, D, judged.real.detach(), judged.fake.detach(), source_of(3))
    torch.testing.assert_close(shared, separate, rtol=1e-12, atol=1e-14)
    weights = list(D.parameters())
    for a, b in zip(
        torch.autograd.grad(shared.mean(), weights, allow_unused=True),
        torch.autograd.grad(separate.mean(), weights, allow_unused=True),
        strict=True,
    ):
        assert (a is None) == (b is None)
        if a is not None:
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize(
    ("penalties", "calls"), [((), 2), ((R1(),), 2), ((R1(), R2()), 2), ((R1(), Interpolated()), 3)]
)
def test_d_is_called_once_for_real_and_once_for_fake(penalties, calls):
    model = _model()
    Discriminate(Minimax(), penalties)(model, _pass(model), source_of())
    assert model.networks["discriminator"].calls == calls


@by_value
def test_g_asks_d_of_real_samples_only_where_the_value_pairs_them(value):
    model = _model()
    Deceive(value)(model, _pass(model), source_of())
    assert model.networks["discriminator"].calls == 1 + value.paired
