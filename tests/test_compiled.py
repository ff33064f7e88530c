"""Compiled steps give the numbers of eager ones, for every kind of objective, and know what they must not compile."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from isthmus import (
    GAN,
    VAE,
    AdversarialAutoencoder,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    MaskedAutoencoder,
    Training,
)
from isthmus.corruption import Residuals
from isthmus.divergence import KL
from isthmus.networks import MLP
from isthmus.objective import ELBO, ImportanceWeighted
from isthmus.penalty import R1, Contractive, Interpolated
from isthmus.training import compiled

SYSTEMS = {
    "vae, warm-up": VAE(2, objective=ELBO(KL(2.0, warmup=0.5)), network=MLP((8,), norm="batch")),
    "vae, vampprior": VAE(2, objective=ImportanceWeighted(3), prior="vampprior:4"),
    "denoising": DenoisingAutoencoder(2, corruption="saltandpepper:0.2"),
    "denoising, residuals": DenoisingAutoencoder(2, corruption=Residuals(np.full((3, 5), 0.25))),
    "contractive": ContractiveAutoencoder(3, network=MLP((8,)), penalty=Contractive(0.2, "estimate")),
    "gan": GAN(2, network=MLP((8,)), penalties=(R1(0.3), Interpolated(5.0)), discriminator_steps=2),
    "adversarial": AdversarialAutoencoder(2, network=MLP((8,))),
    "masked": MaskedAutoencoder(8),
}


@pytest.fixture
def traced(monkeypatch):
    """Let a trace run as it is: what inductor makes of it is torch's to test, and takes half a minute each."""
    monkeypatch.setattr(compiled.torch, "compile", lambda trace, **options: trace)
    monkeypatch.setattr(compiled, "_CACHE", {})


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS.keys())
def test_a_trace_gives_the_numbers_of_the_step(system, rng, traced):
    """53 rows in batches of 16: the last batch of an epoch has another shape, and is taken as it is."""
    X = rng.normal(size=(53, 5))
    fits = []
    for wanted in (False, True):
        model = clone(system).set_params(max_epochs=3, batch_size=16, precision="float64", random_state=0)
        fits.append(model.set_params(training=Training(compile=wanted, averaging=0.5)).fit(X))
    plain, fast = ([{k: v for k, v in row.items() if k != "seconds"} for row in fit.history_] for fit in fits)
    assert len(plain) == 3
    for a, b in zip(plain, fast, strict=True):
        assert a == pytest.approx(b, rel=1e-9, abs=1e-9)
    weights = [fit.model_.state_dict() for fit in fits]
    for name in weights[0]:
        torch.testing.assert_close(weights[0][name], weights[1][name], rtol=1e-8, atol=1e-9)
    assert compiled._CACHE or "residuals" in repr(system).lower()


REAL = {
    "vae, draws and a warm-up": VAE(2, objective=ELBO(KL(2.0, warmup=0.5), draws=2)),
    "contractive, a gradient in the loss": ContractiveAutoencoder(2, penalty=Contractive(0.2, "exact")),
    "gan, a penalty on D's gradient": GAN(2, penalties=(R1(0.3),)),
    "adversarial, three players at once": AdversarialAutoencoder(2),
}


@pytest.mark.parametrize("system", REAL.values(), ids=REAL.keys())
def test_a_fit_compiled_for_real(system, rng):
    """In float64, so that what the compiler makes of a step differs from it by rounding alone."""
    X = rng.normal(size=(48, 5))
    system = clone(system).set_params(network=MLP((6,)), max_epochs=2, batch_size=16, precision="float64")
    system.set_params(random_state=0)
    if "discriminator" in system.get_params():
        system.set_params(discriminator=MLP((6,)))
    plain = clone(system).set_params(training=Training(compile=False)).fit(X)
    fast = clone(system).set_params(training=Training(compile=True)).fit(X)
    for name, weight in plain.model_.state_dict().items():
        torch.testing.assert_close(fast.model_.state_dict()[name], weight, rtol=1e-8, atol=1e-10, msg=name)
    again = clone(system).set_params(training=Training(compile=True)).fit(X)
    for name, weight in fast.model_.state_dict().items():
        assert torch.equal(again.model_.state_dict()[name], weight), name


class Fickle(nn.Module):
    """Looks at its data: no trace can hold for all of them."""

    def forward(self, x):
        return x if float(x.sum().detach()) > 0 else 2 * x


def test_what_cannot_be_traced_is_taken_as_it_is(rng, traced):
    X = rng.normal(size=(64, 5))

    def fit(layer, wanted):
        network = (
            lambda shape, outputs: nn.Sequential(nn.Linear(5, outputs), layer()),
            lambda inputs, shape, outputs: nn.Linear(inputs, 5 * outputs),
        )
        training = Training(compile=wanted)
        return VAE(2, network=network, max_epochs=2, batch_size=16, random_state=0, training=training).fit(X)

    for layer in (Fickle, lambda: nn.Dropout(0.5)):
        plain = fit(layer, False)
        with pytest.warns(UserWarning, match="the step cannot be compiled and runs uncompiled"):
            forced = fit(layer, True)
        np.testing.assert_array_equal(forced.transform(X), plain.transform(X))


def test_auto_compiles_long_fits_of_our_own_parts_and_no_one_elses(rng, traced, monkeypatch):
    X = rng.normal(size=(64, 5))
    calls = []
    trace = compiled._trace
    monkeypatch.setattr(compiled, "_trace", lambda *a: calls.append(1) or trace(*a))

    def compiles(model):
        calls.clear()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.set_params(max_epochs=1, random_state=0).fit(X)
        return bool(calls)

    assert not compiles(VAE(2)), "64 rows do not repay it"
    monkeypatch.setattr("isthmus.training.compiled.BREAK_EVEN_ROWS", {"cpu": 64})
    assert compiles(VAE(2))
    assert not compiles(VAE(2, training=Training(compile=False)))
    assert not compiles(VAE(2, training=Training(max_time=60.0))), "nor does a minute"
    assert compiles(VAE(2, training=Training(max_time=3600.0)))
    assert not compiles(DenoisingAutoencoder(2, corruption=lambda x, source: x)), "a function may change its mind"
    assert compiles(DenoisingAutoencoder(2, corruption="gaussian:0.1"))
