"""Weights of rows: a row of weight w is w rows, and a row of weight zero is no row."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import clone

from conftest import each_system
from isthmus import (
    VAE,
    Autoencoder,
    ContractiveAutoencoder,
    Training,
)
from isthmus.errors import DataError
from isthmus.networks import MLP
from isthmus.training import SGD


def assert_same_weights(a, b, **tolerance) -> None:
    for (name, x), y in zip(a.model_.state_dict().items(), b.model_.state_dict().values(), strict=True):
        if tolerance:
            torch.testing.assert_close(x, y, **tolerance)
        else:
            assert torch.equal(x, y), name


@pytest.mark.parametrize("scaling", ["auto", "none"])
@pytest.mark.parametrize(
    "system", [Autoencoder(2), Autoencoder(2, tied=True), ContractiveAutoencoder(2)], ids=lambda s: repr(s)
)
def test_whole_weights_are_repeated_rows(system, scaling, rng):
    """With one batch an epoch nothing depends on how rows are drawn: units, gradients, steps and history are equal."""
    X, weight = rng.normal(size=(30, 5)) * [1, 5, 1, 0.1, 2] + 3, rng.integers(1, 4, size=30)
    repeated = np.repeat(X, weight, axis=0)
    settings = Training(optimizer=SGD(0.0), clip_norm=None, compile=False)
    system = clone(system).set_params(likelihood="gaussian", network=MLP((6,), activation="tanh"), training=settings)
    system.set_params(max_epochs=3, learning_rate=0.01, precision="float64", scaling=scaling, random_state=0)
    one = clone(system).set_params(batch_size=len(X)).fit(X, sample_weight=weight)
    other = clone(system).set_params(batch_size=len(repeated)).fit(repeated)
    assert_same_weights(one, other, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(one.history_["loss"], other.history_["loss"], rtol=1e-11)
    still = clone(system).set_params(batch_size=len(X)).fit(X)
    assert np.abs(still.transform(X) - one.transform(X)).max() > 1e-5, "weights make a difference"


@each_system
def test_a_row_of_weight_zero_is_no_row_to_the_bit(cls, rng):
    X = rng.normal(size=(60, 5))
    weight = rng.uniform(0.5, 2, size=60) * (rng.random(60) < 0.7)
    system = cls(2, max_epochs=2, batch_size=8, validation_fraction=0.2, random_state=0)
    whole = clone(system).fit(X, sample_weight=weight)
    without = clone(system).fit(X[weight > 0], sample_weight=weight[weight > 0])
    assert_same_weights(whole, without)


@each_system
def test_only_ratios_of_weights_count(cls, rng):
    X, weight = rng.normal(size=(60, 5)), 2.0 ** rng.integers(-2, 3, size=60)
    system = cls(2, max_epochs=2, batch_size=8, random_state=0)
    assert_same_weights(clone(system).fit(X, sample_weight=weight), clone(system).fit(X, sample_weight=4 * weight))
    equal = clone(system).fit(X, sample_weight=np.full(60, 3.0))
    assert_same_weights(equal, clone(system).fit(X), rtol=1e-4, atol=1e-6)


def test_units_terms_and_held_out_losses_are_weighted(rng):
    """A cluster of a thousandth of the weight hardly counts."""
    X = np.concatenate([rng.normal(-3, 0.3, size=(300, 1)), rng.normal(3, 0.3, size=(300, 1))])
    weight = np.repeat([1.0, 0.001], 300)
    vae = VAE(1, max_epochs=20, random_state=0).fit(X, sample_weight=weight)
    assert vae.model_.scaling.shift.item() == pytest.approx(np.average(X[:, 0], weights=weight), abs=1e-9)
    assert (vae.sample(500, random_state=0) < 0).mean() > 0.9
    held_out = VAE(1, max_epochs=1, learning_rate=0, validation_fraction=0.5, random_state=0)
    losses = [held_out.fit(X, sample_weight=w).history_["validation_loss"][0] for w in (weight, weight[::-1])]
    assert losses[0] != pytest.approx(losses[1], rel=1e-3), "held-out rows are weighted too"


@pytest.mark.parametrize(
    ("weight", "said"),
    [
        (np.ones((4, 1)), "one a row"),
        (np.ones(3), "expected"),
        ([1, -1, 1, 1], "row 1 has -1"),
        ([1, 1, np.nan, 1], "row 2 has nan"),
        (np.zeros(4), "at least one non-zero"),
        ([1, 0, 0, 0], "at least 2 rows that count, got 1"),
    ],
)
def test_weights_that_mean_nothing_are_refused(weight, said, rng):
    with pytest.raises(DataError, match=said):
        Autoencoder(1, max_epochs=1).fit(rng.normal(size=(4, 3)), sample_weight=weight)
