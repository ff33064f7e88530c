"""The life of a part: begin, at, finish; and that healing, resuming, early stopping and capture know of all three."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

import isthmus
from isthmus import VAE, Autoencoder, Training
from isthmus.networks import MLP
from isthmus.objective import Sum
from isthmus.posterior import Deterministic
from isthmus.prior import Prior
from isthmus.term import NegativeLogLikelihood, Term
from isthmus.training import Player, codes_of, fit_density

CALLS: list[str] = []


class Centred(Term, kind="example"):
    """‖z − c‖² · T, the centre c set at the start, T falling with progress, and what was seen last kept at the end."""

    def build(self, facts):
        return _Centred(facts.latent_dim)


class _Centred(nn.Module):
    def __init__(self, latent_dim):
        super().__init__()
        self.register_buffer("centre", torch.zeros(latent_dim))
        self.register_buffer("temperature", torch.zeros(()))
        self.register_buffer("final", torch.zeros(latent_dim))

    def begin(self, model, rows):
        CALLS.append("begin")
        self.centre.copy_(codes_of(model, rows).mean(0))

    def at(self, progress):
        self.temperature.fill_(2.0 - progress)

    def finish(self, model, rows):
        CALLS.append("finish")
        assert not model.training
        self.final.copy_(codes_of(model, rows).mean(0))

    def forward(self, model, passed, source):
        return self.temperature * (passed.z - self.centre).square().sum(-1)


class Living(Autoencoder):
    """An autoencoder with such a term."""

    def players(self):
        return [Player("autoencoder", Sum((NegativeLogLikelihood(), Centred(0.1))))]


SMALL = {"network": MLP((8,)), "batch_size": 16, "random_state": 0}


@pytest.fixture
def X(rng):
    return rng.normal(size=(64, 5)).astype(np.float32)


def _state(model) -> dict[str, torch.Tensor]:
    return model.model_.state_dict()


def _assert_same(a, b) -> None:
    for (name, x), y in zip(_state(a).items(), _state(b).values(), strict=True):
        assert torch.equal(x, y), name
    assert a.history_["loss"].tolist() == b.history_["loss"].tolist()


def test_begin_at_and_finish_are_called_when_they_say(X, tmp_path):
    CALLS.clear()
    start = Living(2, max_epochs=1, learning_rate=0.0, **SMALL).fit(X)
    assert CALLS == ["begin", "finish"]
    term = start.model_.terms["centred"]
    torch.testing.assert_close(term.centre, torch.tensor(start.transform(X).mean(0)))
    fitted = Living(2, max_epochs=3, **SMALL).fit(X)
    term = fitted.model_.terms["centred"]
    torch.testing.assert_close(term.final, torch.tensor(fitted.transform(X).mean(0)), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(term.centre, term.final)
    assert term.temperature.item() == pytest.approx(1.0), "the last look at the model is at the end of the fit"
    fitted.save(tmp_path / "m")
    back = isthmus.load(tmp_path / "m")
    for (name, x), y in zip(_state(fitted).items(), _state(back).values(), strict=True):
        assert torch.equal(x, y), name


def test_a_temperature_falls_step_by_step(X, monkeypatch):
    seen = []
    forward = _Centred.forward
    monkeypatch.setattr(
        _Centred, "forward", lambda self, *given: seen.append(float(self.temperature)) or forward(self, *given)
    )
    Living(2, max_epochs=2, training=Training(compile=False), **SMALL).fit(X)
    np.testing.assert_allclose([t for t in seen if t][-8:], 2 - np.arange(8) / 8, rtol=1e-6)


@pytest.mark.parametrize("averaging", [0.0, 0.9])
def test_killed_and_resumed_is_not_killed_and_begin_is_not_called_again(averaging, X, tmp_path):
    living = Living(2, max_epochs=4, **SMALL)
    whole = living.set_params(training=Training(averaging=averaging)).fit(X)
    calls = 0

    def killed(self, *given):
        nonlocal calls
        calls += 1
        if calls == 10:
            raise RuntimeError("killed")
        return forward(self, *given)

    forward = _Centred.forward
    kept = Training(averaging=averaging, checkpoint=str(tmp_path), every=1, resume=True, compile=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("isthmus.fitting.memory.refuse", lambda *given: None)
        patch.setattr(_Centred, "forward", killed)
        with pytest.raises(RuntimeError, match="killed"):
            Living(2, max_epochs=4, training=kept, **SMALL).fit(X)
    CALLS.clear()
    resumed = Living(2, max_epochs=4, training=kept, **SMALL).fit(X)
    assert CALLS == ["finish"]
    _assert_same(resumed, whole)


def test_healing_goes_back_to_what_begin_set(X, monkeypatch):
    tells = iter([True, False])
    monkeypatch.setattr("isthmus.training.loop._Game._sound", lambda game: next(tells, True))
    CALLS.clear()
    healed = Living(2, max_epochs=3, **SMALL).fit(X)
    assert np.nansum(healed.history_["healed"]) == 1
    assert CALLS == ["begin", "finish"], "a fit that is healed goes back, it does not begin again"
    monkeypatch.undo()
    plain = Living(2, max_epochs=3, **SMALL).fit(X)
    assert torch.equal(healed.model_.terms["centred"].centre, plain.model_.terms["centred"].centre)


def test_early_stopping_hands_out_the_part_of_the_best_epoch_and_finishes_on_it(X):
    living = Living(2, max_epochs=40, learning_rate=0.05, validation_fraction=0.3, **SMALL)
    living.set_params(training=Training(patience=3, decay="constant")).fit(X)
    best = int(living.history_["validation_loss"].argmin()) + 1
    term = living.model_.terms["centred"]
    assert best < len(living.history_)
    assert term.temperature.item() == pytest.approx(2 - best / 40, abs=1e-6)
    assert term.final.abs().max() > 0


@pytest.mark.parametrize("compiled", [False, "trace"])
def test_a_step_that_is_traced_reads_what_at_sets(compiled, X, monkeypatch):
    """The temperature is in a buffer, so that a trace of the first step holds for all."""
    monkeypatch.setattr("isthmus.training.compiled._compile", lambda trace, *given: trace)
    plain = Living(2, max_epochs=3, precision="float64", training=Training(compile=False), **SMALL).fit(X)
    other = Living(2, max_epochs=3, precision="float64", training=Training(compile=bool(compiled)), **SMALL).fit(X)
    np.testing.assert_allclose(other.history_["centred"], plain.history_["centred"], rtol=1e-10)


class Mixture(Prior):
    """p(z), a mixture of Gaussians that is fitted to the codes once the fit is done."""

    components: int = 3

    def build(self, facts):
        return _Mixture(self.components, facts.latent_dim)


class _Mixture(nn.Module):
    def __init__(self, components, latent_dim):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(components))
        self.means = nn.Parameter(torch.randn(components, latent_dim))
        self.log_std = nn.Parameter(torch.zeros(components, latent_dim))

    def finish(self, model, rows):
        fit_density(self, codes_of(model, rows), epochs=100, learning_rate=0.05)

    def forward(self, context=None):
        each = Independent(Normal(self.means, self.log_std.exp(), validate_args=False), 1, validate_args=False)
        return MixtureSameFamily(Categorical(logits=self.logits, validate_args=False), each, validate_args=False)


class MixtureAutoencoder(VAE):
    """A plain autoencoder with a density on its codes (compare Ghosh et al. 2020)."""

    def players(self):
        moves = ("encoder", "decoder", "likelihood")
        return [Player("autoencoder", Sum((NegativeLogLikelihood(),)), moves=moves)]


def test_a_prior_is_fitted_to_the_codes_at_the_end(rng):
    """Its log-likelihood of the codes is near that of scikit-learn's mixture of as many components."""
    from sklearn.mixture import GaussianMixture

    centres = rng.normal(size=(3, 6)) * 4
    X = centres[rng.integers(3, size=600)] + 0.3 * rng.normal(size=(600, 6))
    model = MixtureAutoencoder(2, posterior=Deterministic(), prior=Mixture(3), network=MLP((16,)), max_epochs=10)
    model.set_params(random_state=0).fit(X)
    codes = model.transform(X).astype(np.float64)
    with torch.no_grad():
        found = model.model_.p_z().log_prob(torch.tensor(codes, dtype=torch.float32)).mean().item()
    reference = GaussianMixture(3, covariance_type="diag", random_state=0, n_init=5).fit(codes).score(codes)
    single = GaussianMixture(1, covariance_type="diag").fit(codes).score(codes)
    assert found > single, "a mixture, and not one bump"
    assert found > reference - 0.5
    drawn = model.sample(300, random_state=0, draw="mean")
    nearest = np.linalg.norm(drawn[:, None] - centres, axis=2).min(1)
    assert np.median(nearest) < 1.5
