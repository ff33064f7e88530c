"""How weights move: rates, averages, clipping, precision, whose turn it is."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from isthmus import (
    GAN,
    VAE,
    AdversarialAutoencoder,
    Autoencoder,
    Training,
)
from isthmus.batch import Batch
from isthmus.facts import Facts
from isthmus.likelihood import Gaussian
from isthmus.model import Model
from isthmus.networks import MLP
from isthmus.objective import Deceive, Discriminate, Reconstruction
from isthmus.posterior import Deterministic
from isthmus.prior import StandardNormal
from isthmus.scaling import Scaling
from isthmus.training import Adam, Player, Run, train
from isthmus.training.data import Rows
from isthmus.training.player import turns_of
from isthmus.value import NonSaturating


def test_the_schedule_rises_and_falls():
    for decay, middle in (("linear", 0.5), ("cosine", 0.5), ("constant", 1.0)):
        settings = Training(warmup=0.1, decay=decay)
        rates = [settings.rate(step / 1000, (step + 1) / 1000) for step in range(1000)]
        assert np.all(np.diff(rates[:100]) > 0)
        assert max(rates) == 1.0
        assert rates[550] == pytest.approx(middle, abs=0.01)
        assert all(0 < r <= 1 for r in rates)


def test_averaging_smooths(rng):
    """Averaged weights of a noisy fit beat its last ones."""
    X = rng.normal(size=(400, 2)) @ rng.normal(size=(2, 8)) + 0.3 * rng.normal(size=(400, 8))
    arguments = {"network": MLP(()), "likelihood": "gaussian", "max_epochs": 15, "learning_rate": 0.1, "batch_size": 4}
    errors = {}
    for averaging in (0.0, 0.99):
        training = Training(averaging=averaging, decay="constant")
        ae = Autoencoder(2, training=training, random_state=0, **arguments).fit(X)
        errors[averaging] = np.mean((ae.reconstruct(X) - X) ** 2)
    assert errors[0.99] < 0.9 * errors[0.0]


def test_clipping_bounds_the_step(rng):
    X = 1e3 * rng.normal(size=(100, 5))
    fits = {}
    for clip in (None, 1e-9):
        training = Training(optimizer=Adam(eps=1.0), clip_norm=clip, warmup=0)
        ae = Autoencoder(2, training=training, scaling="none", likelihood="gaussian", max_epochs=1, random_state=0)
        untouched = Autoencoder(2, learning_rate=0, scaling="none", likelihood="gaussian", max_epochs=1, random_state=0)
        moved, still = (m.fit(X).model_.state_dict() for m in (ae, untouched))
        fits[clip] = max(float((moved[k] - still[k]).abs().max()) for k in moved)
    assert fits[1e-9] < 1e-6 < fits[None]


def test_rows_far_out_do_not_undo_what_the_others_taught(rng):
    """Ten log-normal columns of three factors: ordinary held-out rows are likelier where gradients are clipped."""
    factors = rng.normal(size=(1200, 3)) @ rng.normal(size=(3, 10))
    X = np.exp(1.5 * (factors / 1.7 + 0.5 * rng.normal(size=(1200, 10))))
    scores = {}
    for clip in ("auto", None):
        vae = VAE(3, max_epochs=20, training=Training(clip_norm=clip), random_state=0).fit(X[:800])
        scores[clip] = np.median(vae.score_samples(X[800:]))
    assert scores["auto"] > scores[None] + 1.0


@pytest.mark.parametrize(
    ("cls", "X", "changed", "most"),
    [
        (VAE, np.eye(8) - 0.5, {}, 3 * 8**0.5),
        (Autoencoder, np.eye(8) - 0.5, {}, 3 * 8**0.5),
        (AdversarialAutoencoder, np.eye(8) - 0.5, {}, 3 * 8**0.5),
        (VAE, np.eye(8) - 0.5, {"scaling": "none"}, None),
        (VAE, np.eye(8), {}, None),
        (Autoencoder, np.zeros((8, 4, 4), dtype=np.uint8) + np.arange(8, dtype=np.uint8)[:, None, None], {}, None),
        (GAN, np.eye(8) - 0.5, {}, None),
    ],
)
def test_the_gradient_of_rows_without_bounds_is_clipped(cls, X, changed, most):
    model = cls(2, max_epochs=1, random_state=0, **changed).fit(X)
    first = turns_of(model.players())[0][0]
    assert first.clip_norm == most


def test_moments_that_decayed_do_not_stay_denormal(rng):
    made = []

    class Kept(Adam):
        def make(self, parameters, learning_rate):
            made.append(super().make(parameters, learning_rate))
            return made[-1]

    X = rng.random((4096, 4)).astype("float32")
    X[1:, 3] = 0.0
    model = Autoencoder(2, network=MLP((8,)), likelihood="bernoulli", batch_size=4, max_epochs=2, random_state=0)
    model.set_params(scaling="none", training=Training(optimizer=Kept(0.7, 0.7))).fit(X)
    first = next(iter(made[-1].state.values()))
    for name in ("exp_avg", "exp_avg_sq"):
        assert (first[name][:, 3] == 0).all()
        assert (first[name][:, :3] != 0).any()


def _weights(model: torch.nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for p in model.parameters()]


def test_a_player_of_every_five_moves_at_every_fifth_batch(rng):
    """The same game with one step a batch: who has moved after how many batches."""
    X = torch.tensor(rng.normal(size=(320, 3)))
    moved = {"discriminator": [], "decoder": []}
    torch.manual_seed(0)
    model = Model(
        Facts((3,), 2),
        scaling=Scaling.identity((3,)),
        networks={"decoder": MLP((4,)).decoder(2, (3,), 1), "discriminator": MLP((4,)).encoder((3,), 1)},
        likelihood=Gaussian(),
        prior=StandardNormal(),
    ).double()
    before = {name: _weights(model.networks[name]) for name in moved}

    class Watching(Deceive):
        def __call__(self, model, passed, source):
            for name, seen in moved.items():
                now = _weights(model.networks[name])
                seen.append(sum(not torch.equal(a, b) for a, b in zip(now, before[name], strict=True)) > 0)
                before[name] = now
            return super().__call__(model, passed, source)

    calls = []

    class Counting(Discriminate):
        def __call__(self, model, passed, source):
            calls.append(len(passed.x))
            return super().__call__(model, passed, source)

    players = [
        Player("discriminator", Counting(NonSaturating()), moves=("discriminator",)),
        Player("generator", Watching(NonSaturating()), moves=("decoder",), every=5),
    ]
    train(model, players, Rows(Batch(X), 16), Run(1, 1e-3, Training(), torch.Generator().manual_seed(0)))
    assert len(calls) == 20, "D moves at each of 20 batches"
    assert len(moved["decoder"]) == 4, "G at every fifth"
    assert moved["discriminator"] == [True] * 4, "D moves before G does"
    assert moved["decoder"] == [False, True, True, True], "G has moved since it was last asked, never before"


def test_the_average_is_the_moving_average_of_the_weights(rng):
    """Against the recursion in numpy: w̄ ← w̄ + (1 − δ)(w − w̄), δ = min(decay, (1 + t)/(10 + t))."""
    X = torch.tensor(rng.normal(size=(96, 3)))
    seen = []

    class Watching(Reconstruction):
        def __call__(self, model, passed, source):
            seen.append(model.networks["encoder"][1].weight.detach().clone())
            return super().__call__(model, passed, source)

    torch.manual_seed(0)
    model = Model(
        Facts((3,), 2),
        scaling=Scaling.identity((3,)),
        networks={"encoder": MLP(()).encoder((3,), 2), "decoder": MLP(()).decoder(2, (3,), 1)},
        likelihood=Gaussian(),
        posterior=Deterministic(),
    ).double()
    settings = Training(averaging=0.5)
    plain = copy.deepcopy(model)
    for m, s in ((plain, Training()), (model, settings)):
        train(m, [Player("a", Watching())], Rows(Batch(X), 16), Run(2, 0.05, s, torch.Generator().manual_seed(0)))
    weights = [*seen[1:12], plain.networks["encoder"][1].weight.detach()]  # after each of 12 steps
    mean = seen[0]
    for step, weight in enumerate(weights):
        decay = min(0.5, (1 + step) / (10 + step))
        mean = mean + (1 - decay) * (weight - mean)
    torch.testing.assert_close(model.networks["encoder"][1].weight.detach(), mean)
    assert not torch.allclose(mean, weights[-1])


def test_bfloat16_reaches_what_float32_reaches(digits):
    """Matrix products in bfloat16, everything else in float32: the same loss within seed noise, codes in float32."""
    arguments = {"max_epochs": 15, "batch_size": 128, "random_state": 0, "network": MLP((128,))}
    fits = {p: VAE(4, precision=p, **arguments).fit(digits) for p in ("float32", "bfloat16")}
    losses = {p: fit.history_["loss"][-1] for p, fit in fits.items()}
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.01)
    assert all(t.dtype != torch.bfloat16 for t in fits["bfloat16"].model_.state_dict().values())
    assert fits["bfloat16"].transform(digits).dtype == np.float32
