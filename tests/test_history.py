"""What is written down of a fit: what was optimised, one row an epoch."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from isthmus import (
    GAN,
    VAE,
    Autoencoder,
    ContractiveAutoencoder,
)
from isthmus.divergence import KL
from isthmus.objective import ELBO, ImportanceWeighted
from isthmus.penalty import R1, Interpolated
from isthmus.training import History


def test_validation_is_the_same_draw_every_time(rng):
    """With a learning rate of zero nothing moves, so neither may the held-out losses."""
    X = rng.normal(size=(60, 5))
    vae = VAE(2, learning_rate=0, validation_fraction=0.25, max_epochs=3, random_state=0).fit(X)
    held_out = vae.history_["validation_loss"]
    assert held_out[0] == held_out[1] == held_out[2]
    assert len(set(vae.history_["loss"])) == 3, "training draws anew"


NO_TERMS = ("loss", "epoch", "active_units", "seconds")

LOGGED = [
    (ContractiveAutoencoder(2, penalty=0.7), {"contraction": 0.7}),
    (VAE(2, objective=ELBO(KL(3.0))), {"divergence": 3.0}),
    (VAE(2, objective=ELBO(KL(3.0, warmup=1.0))), {"divergence": 3.0 * 0.5 * 7 / 8}),
    (VAE(2, objective=ImportanceWeighted(3)), {}),
    (VAE(2, prior="vampprior:4"), {}),
    (GAN(2, penalties=(R1(0.3), Interpolated(5.0))), {"discriminator_r1": 0.3, "discriminator_interpolated": 5.0}),
]


@pytest.mark.parametrize(("model", "weights"), LOGGED, ids=lambda case: repr(case)[:60])
def test_the_loss_that_is_logged_is_the_weighted_sum_of_its_terms(model, weights, rng):
    """One term a column; with a learning rate of zero the mean weight of a warm-up over 8 steps is known."""
    X = rng.normal(size=(64, 5))
    model = clone(model).set_params(max_epochs=2, batch_size=16, precision="float64", random_state=0)
    if "warmup=1.0" in repr(model):
        model.set_params(learning_rate=0, max_epochs=1, batch_size=8)
    history = model.fit(X).history_
    for player in {name.removesuffix("loss") for name in history.columns if name.endswith("loss")}:
        terms = [c for c in history.columns if c.startswith(player) and not c.endswith(NO_TERMS)]
        total = sum(weights.get(name, 1.0) * history[name] for name in terms)
        tolerance = 0.05 if "warmup=1.0" in repr(model) else 1e-9
        np.testing.assert_allclose(history[player + "loss"], total, rtol=tolerance)


def test_what_is_logged_is_the_mean_over_rows_of_what_was_optimised(rng):
    """Batches of two sizes: the mean is over rows, not over batches. Nothing moves, so a pass afterwards agrees."""
    X = rng.normal(size=(50, 5))
    still = {"learning_rate": 0, "batch_size": 16, "max_epochs": 1, "precision": "float64", "random_state": 0}
    ae = Autoencoder(2, likelihood="gaussian", **still).fit(X)  # its σ is the same in the fit and after it
    in_model_units = ae.score_samples(X) + float(ae.model_.scaling.log_volume())
    assert ae.history_["reconstruction"][0] == pytest.approx(-in_model_units.mean(), rel=1e-12)


def test_progress_rises_from_zero_in_equal_steps(rng, monkeypatch):
    seen = []
    monkeypatch.setattr(KL, "weight_at", lambda self, progress: seen.append(progress) or 1.0)
    VAE(2, batch_size=16, max_epochs=3, random_state=0).fit(rng.normal(size=(64, 5)))
    np.testing.assert_allclose(seen, np.arange(12) / 12)


def test_history_is_a_table(rng):
    vae = VAE(2, max_epochs=3, random_state=0).fit(rng.normal(size=(40, 5)))
    history = vae.history_
    assert history.columns == ["epoch", "loss", "reconstruction", "divergence", "active_units", "seconds"]
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert len(history[1:]) == 2
    assert "divergence" in repr(history)
    with pytest.raises(KeyError, match="no column 'losss'; there are epoch, loss"):
        history["losss"]
    assert repr(History()) == "History()"
    assert "…" in repr(History([{"epoch": i} for i in range(30)]))


def test_a_progress_bar_on_request_and_silence_by_default(rng, capfd):
    X = rng.normal(size=(40, 5))
    VAE(2, max_epochs=2).fit(X)
    assert capfd.readouterr() == ("", "")
    VAE(2, max_epochs=2, verbose=1).fit(X)
    assert "2/2 epochs" in capfd.readouterr().err
