"""One contract for every part: printing, comparing, cloning, JSON, parameters; and what each kind promises."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.base import clone

from isthmus import DenoisingAutoencoder
from isthmus.corruption import Corruption, Gaussian, Masking, Residuals, SaltAndPepper
from isthmus.distributions import draw
from isthmus.divergence import KL
from isthmus.errors import CompositionError, ModelFileError, UnknownNameError
from isthmus.facts import Facts
from isthmus.likelihood import Bernoulli, HeteroscedasticGaussian, HomoscedasticGaussian
from isthmus.likelihood import Gaussian as GaussianLikelihood
from isthmus.model import Batch
from isthmus.networks import ACTIVATIONS, MLP, Conv, Custom
from isthmus.objective import ELBO, Deceive, Discriminate, ImportanceWeighted, Reconstruction
from isthmus.part_language import VOCABULARY
from isthmus.parts import from_json, parse, to_json
from isthmus.penalty import R1, R2, Contractive, Interpolated
from isthmus.posterior import Deterministic, DiagonalGaussian
from isthmus.prior import StandardNormal, VampPrior
from isthmus.trackers import JSONLines, MLflow, TensorBoard
from isthmus.training import SGD, Adam, Training
from isthmus.value import Hinge, LeastSquares, Minimax, NonSaturating, Relativistic, Wasserstein

EXAMPLES = [
    JSONLines("log.jsonl", run="first"),
    TensorBoard("runs"),
    MLflow("digits"),
    Gaussian(0.2),
    Masking(0.1, value=-1.0),
    SaltAndPepper(0.1, -1.0, 2.0),
    Residuals(np.arange(6.0).reshape(3, 2)),
    MLP((8, 4), activation="tanh", norm="layer"),
    Conv((4, 8), norm="batch"),
    Deterministic(),
    DiagonalGaussian(),
    StandardNormal(),
    VampPrior(7),
    Bernoulli(),
    GaussianLikelihood(0.5),
    HomoscedasticGaussian(shared=True),
    HeteroscedasticGaussian(0.1),
    KL(2.0, warmup=0.1),
    Contractive(0.3, method="estimate", draws=2),
    R1(0.5),
    R2(0.5),
    Interpolated(5.0),
    Minimax(),
    NonSaturating(),
    LeastSquares(),
    Hinge(),
    Wasserstein(),
    Relativistic(),
    Reconstruction(Contractive(0.1)),
    ELBO(KL(0.5), draws=3),
    ImportanceWeighted(7),
    Discriminate(Minimax(), (R1(), R2())),
    Deceive(Hinge(), judges="codes"),
    Adam(beta1=0.5),
    SGD(0.8),
    Training(optimizer=Adam(), warmup=0.1, decay="linear", clip_norm=1.0, averaging=0.9, patience=3),
]


def test_every_part_is_held_to_the_contract():
    held = {type(part) for part in EXAMPLES} | {Custom}
    ours = {cls for kind in VOCABULARY.values() for cls in kind.values() if cls.__module__.startswith("isthmus.")}
    assert ours == held


@pytest.mark.parametrize("part", EXAMPLES, ids=lambda part: type(part).__name__)
def test_the_contract(part):
    assert type(part).__name__ in repr(part)
    arrays: dict[str, np.ndarray] = {}
    written = json.loads(json.dumps(to_json(part, arrays)))
    read = from_json(written, arrays)
    assert read == part
    assert type(read) is type(part)
    copy = clone(part)
    assert copy == part
    assert copy is not part
    assert part != object()
    for name, value in part.get_params(deep=False).items():
        assert getattr(clone(part).set_params(**{name: value}), name) is value
        if isinstance(value, float):
            assert clone(part).set_params(**{name: value * 0.99 or 0.01}) != part
    assert part.__doc__
    assert "(" in part.__doc__ or "Base" not in part.__doc__


def test_names_and_arguments():
    assert parse("corruption", "masking:0.5") == Masking(0.5)
    assert parse("network", "mlp:512,256") == MLP((512, 256))
    assert parse("network", "mlp:64") == MLP(64)
    assert parse("network", "conv:64") == Conv(64)
    assert parse("penalty", "contractive:0.1:exact") == Contractive(0.1, method="exact")
    assert parse("value", "non-saturating") == NonSaturating()
    with pytest.raises(UnknownNameError, match="unknown corruption 'maskin', did you mean 'masking'"):
        parse("corruption", "maskin:0.5")
    with pytest.raises(CompositionError, match="takes at most 2 arg"):
        parse("corruption", "gaussian:1:true:2")
    with pytest.raises(CompositionError, match="relative must be True or False, got 2"):
        parse("corruption", "gaussian:1:2")
    assert parse("corruption", "gaussian:0.3:true") == Gaussian(0.3, relative=True)
    with pytest.raises(CompositionError, match=r"fraction must lie in \[0, 1\], got 1\.5"):
        parse("corruption", "masking:1.5")
    with pytest.raises(CompositionError, match="std must not be negative"):
        Gaussian(0.1).set_params(std=-1)


def test_a_function_is_only_itself():
    def f(*_):
        return torch.nn.Linear(1, 1)

    pairs = [[lambda *_: torch.nn.Linear(1, 1), f] for _ in range(2)]
    assert Custom(f, f) == Custom(f, f)
    assert Custom(*pairs[0]) != Custom(*pairs[1]), "one name, two functions"
    assert MLP([8, 4]) == MLP((8, 4)) != MLP((8,))
    assert Residuals(np.zeros((3, 2))) != Residuals(np.zeros((2, 3)))
    assert Residuals(np.zeros((3, 2))) == Residuals(np.zeros((3, 2)))
    assert Gaussian(0.5) != GaussianLikelihood(0.5), "parts of one name and two kinds"


BAD = [
    lambda: MLP((0,)),
    lambda: MLP((1.5, 2.5)),
    lambda: MLP("wide"),
    lambda: Conv((8, 2.5)),
    lambda: VampPrior(2.5),
    lambda: VampPrior(True),
    lambda: ImportanceWeighted(1.5),
    lambda: ELBO(draws=1.5),
    lambda: ELBO(4.0),
    lambda: Reconstruction(0.1),
    lambda: Discriminate("minimax"),
    lambda: Discriminate(Minimax(), ("r1",)),
    lambda: Discriminate(Minimax(), judges="rows"),
    lambda: Deceive(Minimax(), judges="rows"),
    lambda: Contractive(draws=2.5),
    lambda: Training(optimizer="adam"),
    lambda: Masking(float("nan")),
    lambda: Conv(()),
    lambda: VampPrior(0),
    lambda: GaussianLikelihood(0.0),
    lambda: KL(-1.0),
    lambda: Contractive(method="guess"),
    lambda: R1(-1.0),
    lambda: Training(decay="fast"),
    lambda: Training(averaging=1.0),
    lambda: Adam(beta1=1.0),
    lambda: ImportanceWeighted(0),
    lambda: Residuals(np.zeros(3)),
]


@pytest.mark.parametrize("make", BAD)
def test_arguments_out_of_range_are_refused_in_one_line(make):
    with pytest.raises(CompositionError) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_a_file_cannot_name_what_is_not_a_part():
    for value in (
        {"part": "os.system", "command": "true"},
        {"part": "corruption.Nothing"},
        {"part": 3},
        {"part": None},
    ):
        with pytest.raises(ModelFileError, match="unknown part"):
            from_json(value, {})
    with pytest.raises(ModelFileError, match=r"cannot make corruption\.Masking"):
        from_json({"part": "corruption.Masking", "fraction": 7}, {})
    with pytest.raises(ModelFileError, match="missing from the model's folder"):
        from_json({"part": "corruption.Residuals", "residuals": {"array": "array.0"}}, {})
    with pytest.raises(ModelFileError, match=r"hand it over again: load\(path, network=\.\.\.\)"):
        from_json(to_json(Custom(len, len), {}), {}, where="network")


numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | numbers | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=6,
)


@given(values)
@settings(max_examples=200, deadline=None)
def test_any_configuration_value_round_trips(value):
    assert from_json(json.loads(json.dumps(to_json(value, {}))), {}) == value


@given(st.floats(0, 1), numbers)
@settings(max_examples=50, deadline=None)
def test_masking_keeps_or_replaces(fraction, value):
    x = torch.rand(50, 3, generator=torch.Generator().manual_seed(0)) + 2.0
    before = x.clone()
    x_tilde = Masking(fraction, value)(x, torch.Generator().manual_seed(0))
    assert torch.equal(x, before), "x itself is never changed"
    assert ((x_tilde == x) | (x_tilde == torch.tensor(value))).all()


def test_corruptions_have_the_statistics_they_say():
    x, generator = torch.full((400, 100), 0.5), torch.Generator().manual_seed(0)
    noise = Gaussian(0.3)(x, generator) - x
    assert noise.std().item() == pytest.approx(0.3, rel=0.02)
    assert noise.mean().item() == pytest.approx(0, abs=0.005)
    assert (Masking(0.3)(x, generator) == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    hit = SaltAndPepper(0.4, low=-1.0, high=2.0)(x, generator)
    assert (hit == -1).float().mean().item() == pytest.approx(0.2, abs=0.01)
    assert (hit == 2).float().mean().item() == pytest.approx(0.2, abs=0.01)
    measured = np.random.default_rng(0).normal(size=(50, 100)) * np.linspace(0.1, 2, 100)
    resampler = Residuals(measured).build(Facts((100,), 1))
    residuals = resampler(x, generator) - x
    torch.testing.assert_close(residuals.std(0), torch.tensor(measured.std(0)).float(), rtol=0.2, atol=0.02)
    rows = {tuple(row) for row in np.round(residuals.numpy(), 4)}
    assert rows <= {tuple(row) for row in np.round(measured.astype(np.float32), 4)}, "whole residuals, not mixtures"


@pytest.mark.parametrize(
    "corruption",
    [
        Gaussian(0.3),
        Gaussian(0.3, relative=True),
        Masking(0.3, 2.0),
        SaltAndPepper(0.4, -1.0, 3.0),
        Residuals(np.arange(8.0).reshape(2, 4)),
    ],
    ids=repr,
)
def test_the_mean_of_a_corruption_is_the_mean_of_its_draws(corruption):
    x = torch.tensor([0.5, -1.0, 0.0, 4.0])
    noise = corruption.build(Facts((4,), 1)) if hasattr(corruption, "build") else corruption
    drawn = noise(x.expand(200_000, 4), torch.Generator().manual_seed(0)).mean(0)
    torch.testing.assert_close(corruption.mean(x), drawn, atol=0.02, rtol=0)


fractions = st.floats(0, 1)
positive = st.floats(1e-6, 1e6)
counts = st.integers(1, 10**6)
MADE = st.one_of(
    st.builds(Gaussian, positive),
    st.builds(Masking, fractions, numbers),
    st.builds(SaltAndPepper, fractions, numbers, numbers),
    st.builds(MLP, st.lists(counts, max_size=3).map(tuple), st.sampled_from(sorted(ACTIVATIONS))),
    st.builds(Conv, st.lists(counts, min_size=1, max_size=3).map(tuple), st.sampled_from(sorted(ACTIVATIONS))),
    st.builds(VampPrior, counts),
    st.builds(GaussianLikelihood, positive),
    st.builds(HomoscedasticGaussian, st.booleans(), positive),
    st.builds(ELBO, st.builds(KL, positive, fractions) | st.none(), counts),
    st.builds(ImportanceWeighted, counts),
    st.builds(Reconstruction, st.builds(Contractive, positive, st.sampled_from(Contractive.names), counts)),
    st.builds(
        Discriminate,
        st.sampled_from([Minimax(), Hinge(), Wasserstein()]),
        st.lists(st.builds(R1, positive) | st.builds(Interpolated, positive), max_size=3).map(tuple),
        st.sampled_from(["data", "codes"]),
    ),
    st.builds(
        Training, st.none() | st.builds(Adam, st.floats(0, 0.99)), st.floats(0, 0.99), patience=st.none() | counts
    ),
)


@given(MADE)
@settings(max_examples=150, deadline=None)
def test_any_part_survives_json_clone_and_set_params(part):
    arrays: dict[str, np.ndarray] = {}
    assert from_json(json.loads(json.dumps(to_json(part, arrays))), arrays) == part
    assert clone(part) == part
    assert type(part)(**part.get_params(deep=False)) == part
    assert clone(part).set_params(**part.get_params(deep=False)) == part


def test_parameters_inside_parameters():
    elbo = ELBO(KL(2.0))
    assert elbo.get_params()["divergence__weight"] == 2.0
    elbo.set_params(divergence__weight=3.0)
    assert elbo == ELBO(KL(3.0))
    with pytest.raises(CompositionError, match="weight must not be negative"):
        elbo.set_params(divergence__weight=-1.0)


def test_a_part_of_your_own_is_a_short_class():
    """Declared arguments print, compare, clone and go through JSON; its name is known at once."""

    class Fading(Corruption):
        rate: float = 0.5

        def __call__(self, x, generator):
            return x * self.rate

    try:
        assert parse("corruption", "fading:0.25") == Fading(0.25)
        assert repr(Fading(0.25)) == "Fading(rate=0.25)"
        assert from_json(to_json(Fading(0.1), {}), {}) == Fading(0.1)
        X = np.ones((20, 4)) * np.arange(1, 21)[:, None]
        model = DenoisingAutoencoder(2, corruption="fading:0.25", scaling="none", max_epochs=1, random_state=0).fit(X)
        passed = model.model_(Batch(torch.tensor(X)), torch.Generator())
        torch.testing.assert_close(passed.x_tilde, 0.25 * passed.x)
    finally:
        del VOCABULARY["corruption"]["Fading"]


SHAPES = [(6,), (3, 4), (2, 3, 4)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(
    "likelihood",
    [
        Bernoulli(),
        GaussianLikelihood(0.7),
        HomoscedasticGaussian(),
        HomoscedasticGaussian(shared=True),
        HeteroscedasticGaussian(),
    ],
    ids=lambda part: repr(part),
)
def test_a_likelihood_is_one_value_a_sample_with_draws_too(likelihood, shape):
    module = likelihood.build(Facts(shape, 2))
    for lead in ((5,), (4, 5)):
        parameters = tuple(torch.randn(likelihood.outputs, *lead, *shape))
        p = module(parameters, len(shape))
        x = (torch.rand(5, *shape) > 0.5).float()
        assert p.log_prob(x).shape == lead
        assert p.mean.shape == (*lead, *shape)
        assert draw(p, (), torch.Generator()).shape == (*lead, *shape)


def test_the_losses_are_the_papers():
    """½‖x − x̂‖² and the cross-entropy, up to the Gaussian's constant."""
    out, x = torch.randn(5, 6, dtype=torch.float64), torch.rand(5, 6, dtype=torch.float64)
    gaussian = -GaussianLikelihood()((out,), 1).log_prob(x)
    torch.testing.assert_close(gaussian, 0.5 * (x - out).square().sum(1) + 3 * math.log(2 * math.pi))
    x_hat = torch.sigmoid(out)
    cross_entropy = -(x * x_hat.log() + (1 - x) * (1 - x_hat).log()).sum(1)
    torch.testing.assert_close(-Bernoulli()((out,), 1).log_prob(x), cross_entropy)


@pytest.mark.parametrize("likelihood", [GaussianLikelihood(0.4), HomoscedasticGaussian(), HeteroscedasticGaussian()])
def test_densities_integrate_to_one(likelihood):
    module = likelihood.build(Facts((1,), 2))
    p = module(tuple(torch.full((likelihood.outputs, 1, 1), 0.3, dtype=torch.float64)), 1)
    grid = torch.linspace(-12, 12, 200_001, dtype=torch.float64)
    assert torch.trapezoid(p.log_prob(grid[:, None]).exp(), grid).item() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("n", [1, 3])
def test_a_bernoullis_probabilities_sum_to_one(n):
    p = Bernoulli()((torch.linspace(-1, 2, n, dtype=torch.float64)[None],), 1)
    every = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * n).reshape(-1, 1, n)
    assert p.log_prob(every).exp().sum().item() == pytest.approx(1, abs=1e-12)


def _normal(x, mean, std):
    return stats.norm(mean, std).logpdf(x).reshape(*x.shape[: x.ndim - 3], -1).sum(-1)


@pytest.mark.parametrize("lead", [(4,), (3, 4)], ids=["rows", "draws"])
def test_likelihoods_are_scipys(lead, rng):
    """Images of two channels, with and without draws: one value a sample, the sum of scipy's over the entries."""
    shape, x = (2, 3, 5), rng.normal(size=(4, 2, 3, 5))
    mean, raw = rng.normal(size=(*lead, *shape)), rng.normal(size=(*lead, *shape))
    x_wide = np.broadcast_to(x, (*lead, *shape))
    fixed = GaussianLikelihood(0.7)((torch.tensor(mean),), 3)
    np.testing.assert_allclose(fixed.log_prob(torch.tensor(x)), _normal(x_wide, mean, 0.7), rtol=1e-10)
    for shared in (True, False):
        module = HomoscedasticGaussian(shared=shared).build(Facts(shape, 2)).double()
        log_std = rng.normal(size=() if shared else shape)
        with torch.no_grad():
            module.log_std.copy_(torch.tensor(log_std))
        p = module((torch.tensor(mean),), 3)
        np.testing.assert_allclose(
            p.log_prob(torch.tensor(x)).detach(), _normal(x_wide, mean, np.exp(log_std)), rtol=1e-9
        )
    p = HeteroscedasticGaussian(0.1)((torch.tensor(mean), torch.tensor(raw)), 3)
    np.testing.assert_allclose(
        p.log_prob(torch.tensor(x)), _normal(x_wide, mean, 0.1 + np.log1p(np.exp(raw))), rtol=1e-9
    )
    bits = (x > 0).astype(float)
    q = stats.bernoulli(1 / (1 + np.exp(-raw))).logpmf(np.broadcast_to(bits, raw.shape)).reshape(*lead, -1).sum(-1)
    np.testing.assert_allclose(Bernoulli()((torch.tensor(raw),), 3).log_prob(torch.tensor(bits)), q, rtol=1e-9)


def test_a_constant_entry_has_no_infinite_density():
    module = HomoscedasticGaussian(minimum_std=1e-2).build(Facts((1,), 1))
    torch.nn.init.constant_(module.log_std, -100.0)
    assert module((torch.zeros(1, 1),), 1).log_prob(torch.zeros(1, 1)).item() == pytest.approx(
        -math.log(1e-2) - 0.9189, abs=1e-3
    )
