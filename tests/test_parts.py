"""One contract for every part: printing, comparing, cloning, JSON, parameters; and what each kind promises."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from isthmus import DenoisingAutoencoder
from isthmus.aggregated import MMD, CodeCovariance, TotalCorrelation
from isthmus.batch import Batch
from isthmus.binned import Binned
from isthmus.bounds import CombinedBounds, DoublyReparameterised, MeanOfBounds
from isthmus.corruption import AnySubset, Corruption, Gaussian, Masking, Residuals, SaltAndPepper, Swapping
from isthmus.data import Boolean, Category, Date, Duration, Number, Schema, Time
from isthmus.data.conditions import Conditions
from isthmus.divergence import KL, Capacity, FreeBits
from isthmus.errors import CompositionError, ModelFileError, UnknownNameError
from isthmus.flows import FlowPosterior, FlowPrior
from isthmus.hyperspherical import UniformPrior, VonMisesFisherPosterior
from isthmus.implicit import ImplicitPosterior
from isthmus.judge import Codes, Data, Packed, Shuffled
from isthmus.late_priors import FittedMixture, SecondStage
from isthmus.likelihood import (
    Bernoulli,
    ContinuousBernoulli,
    HeteroscedasticGaussian,
    HomoscedasticGaussian,
    Mixed,
    ResidualGaussian,
)
from isthmus.likelihood import Gaussian as GaussianLikelihood
from isthmus.model import Pass
from isthmus.monitor import ActiveUnits, Discrepancy
from isthmus.networks import ACTIVATIONS, MLP, Conv, Custom, FromMean, Residual, SpectralNorm, UNet
from isthmus.objective import ELBO, Deceive, Discriminate, ImportanceWeighted, Reconstruction, Sum
from isthmus.part_language import VOCABULARY
from isthmus.parts import from_json, parse, to_json
from isthmus.penalty import R1, R2, AroundData, Contractive, DecoderSlope, HigherOrder, Interpolated
from isthmus.poincare import WrappedNormalPosterior, WrappedNormalPrior
from isthmus.posterior import Deterministic, DiagonalGaussian, KSparse
from isthmus.prior import ConditionalGaussian, StandardNormal, VampPrior
from isthmus.quantised import Commitment, QuantisedPrior, VectorQuantised
from isthmus.redrawn import Binarised, Dequantised
from isthmus.source import Generated
from isthmus.sparsity import L1, L2, Rate, WeightNorm
from isthmus.stacked import Stacked
from isthmus.stochastic_layers import FirstLayer, TwoLayerPosterior, TwoLayerPrior
from isthmus.term import AnyOrder, NegativeLogLikelihood, Seen
from isthmus.trackers import JSONLines, MLflow, TensorBoard
from isthmus.training import SGD, Adam, Steps, Training
from isthmus.value import Hinge, LeastSquares, Minimax, NonSaturating, Relativistic, Wasserstein

EXAMPLES = [
    JSONLines("log.jsonl", run="first"),
    TensorBoard("runs"),
    MLflow("digits"),
    Gaussian(0.2),
    Masking(0.1, value=-1.0),
    Swapping(0.2),
    AnySubset(),
    SaltAndPepper(0.1, -1.0, 2.0),
    Residuals(np.arange(6.0).reshape(3, 2)),
    MLP((8, 4), activation="tanh", norm="layer"),
    Conv((4, 8), norm="batch"),
    UNet((4, 8)),
    Residual(16),
    Deterministic(),
    DiagonalGaussian(),
    StandardNormal(),
    ConditionalGaussian(),
    VampPrior(7),
    Bernoulli(),
    ContinuousBernoulli(),
    ResidualGaussian(),
    Binned(),
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
    Discriminate(Hinge(), judge=Codes("judge")),
    Deceive(Hinge(), Codes(), (NegativeLogLikelihood(0.5),)),
    Sum((NegativeLogLikelihood(), KL(0.5)), draws=2),
    NegativeLogLikelihood(2.0, warmup=0.5),
    AnyOrder(),
    Seen(0.2),
    Data(),
    Codes("code_judge"),
    ActiveUnits(),
    Discrepancy(),
    Number("age", dtype="Int64", gaps=True, step=1.0, low=0.0, high=99.0),
    Boolean("smokes", dtype="bool"),
    Category("size", categories=("S", "M", "L"), ordered=True, unseen="nearest"),
    Date("born", unit="D", start=-7000, step=1.0, low=0.0, high=9000.0),
    Time("at", unit="ns"),
    Duration("for", unit="us", low=0.5),
    Schema((Number("age"), Category("size")), "pandas", ("id",)),
    Mixed(0.1),
    Adam(beta1=0.5),
    SGD(0.8),
    Training(optimizer=Adam(), warmup=0.1, decay="linear", clip_norm=1.0, averaging=0.9, patience=3),
    Steps((1, 2), (1.0, 0.1)),
    Conditions(Schema((Number("age"), Category("sex", categories=("f", "m")))), (40.0, 0.0), (9.0, 1.0)),
    Binarised(255.0),
    Dequantised(0.5),
    SpectralNorm(MLP((8,))),
    FromMean(MLP((8,))),
    FirstLayer(MLP((8,)), 2),
    Stacked(corruption=Gaussian(0.1)),
    KSparse(3),
    FlowPosterior(),
    FlowPrior(),
    ImplicitPosterior(),
    UniformPrior(),
    VonMisesFisherPosterior(),
    WrappedNormalPosterior(),
    WrappedNormalPrior(),
    TwoLayerPosterior(2, (8,)),
    TwoLayerPrior(2, (8,)),
    VectorQuantised(),
    QuantisedPrior(),
    Commitment(0.5),
    FittedMixture(3),
    SecondStage(MLP((8,))),
    FreeBits(nats=0.2),
    Capacity(),
    TotalCorrelation(2.0),
    MMD(3.0),
    CodeCovariance(),
    L1(0.1),
    L2(0.1),
    Rate(0.1),
    WeightNorm(0.1),
    HigherOrder(0.1),
    DecoderSlope(0.1),
    AroundData(5.0),
    Packed(),
    Shuffled(),
    MeanOfBounds(6, 3),
    CombinedBounds(4, 0.3),
    DoublyReparameterised(4),
]

WHERE_USED = (".detection.", ".recipes.", ".supervised")
"""Modules whose parts are registered once they are imported, and held to the contract by tests of their own."""


def test_every_part_is_held_to_the_contract():
    held = {type(part) for part in EXAMPLES} | {Custom}
    ours = {cls for kind in VOCABULARY.values() for cls in kind.values() if cls.__module__.startswith("isthmus.")}
    ours = {cls for cls in ours if not any(place in cls.__module__ for place in WHERE_USED)}
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
    lambda: Discriminate(Minimax(), judge="rows"),
    lambda: Deceive(Minimax(), "rows"),
    lambda: Sum(()),
    lambda: Sum((Minimax(),)),
    lambda: Sum((KL(), KL(2.0))),
    lambda: Sum((KL(),), draws=0),
    lambda: NegativeLogLikelihood(-1.0),
    lambda: NegativeLogLikelihood(warmup=2.0),
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
        st.sampled_from([Data(), Codes()]),
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

        def __call__(self, x, source):
            return x * self.rate

    try:
        assert parse("corruption", "fading:0.25") == Fading(0.25)
        assert repr(Fading(0.25)) == "Fading(rate=0.25)"
        assert from_json(to_json(Fading(0.1), {}), {}) == Fading(0.1)
        X = np.ones((20, 4)) * np.arange(1, 21)[:, None]
        model = DenoisingAutoencoder(2, corruption="fading:0.25", scaling="none", max_epochs=1, random_state=0).fit(X)
        passed = Pass(model.model_, Batch(torch.tensor(X)), Generated(torch.Generator()))
        torch.testing.assert_close(passed.x_tilde, 0.25 * passed.x)
    finally:
        del VOCABULARY["corruption"]["Fading"]
