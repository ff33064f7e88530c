"""Facts of the one training loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from isthmus import VAE, Autoencoder, DenoisingAutoencoder, Training
from isthmus.errors import FitError
from isthmus.networks import MLP
from isthmus.training import Adam, History
from isthmus.training.data import Rows, as_tensor
from isthmus.training.device import pick_device


@pytest.mark.parametrize(("n", "batch_size"), [(10, 3), (3, 2), (7, 7), (5, 100), (101, 10), (2, 1)])
def test_an_epoch_visits_every_row_once_and_no_batch_is_smaller_than_asked_for(n, batch_size):
    rows = Rows(torch.arange(n)[:, None], None, batch_size)
    sizes, seen = [], []
    for batch in rows.epoch(torch.Generator().manual_seed(0)):
        sizes.append(len(batch.x))
        seen += batch.x.flatten().tolist()
    assert sorted(seen) == list(range(n))
    assert min(sizes) >= min(n, batch_size)
    assert max(sizes) - min(sizes) <= 1
    assert seen != sorted(seen) or n < 4


def test_pairs_stay_pairs_and_held_out_rows_stay_out():
    x = torch.arange(20.0)[:, None]
    rows = Rows(x, x + 100, 4, torch.arange(0, 20, 2))
    for batch in rows.epoch(torch.Generator().manual_seed(0)):
        torch.testing.assert_close(batch.noisy, batch.x + 100)
        assert (batch.x % 2 == 0).all()
    assert torch.cat([b.x for b in rows.in_order()]).flatten().tolist() == list(range(0, 20, 2))


def test_no_copy_of_the_data_is_made(rng):
    for dtype in (np.float32, np.float64, np.uint8):
        X = (rng.random((20, 5)) * 100).astype(dtype)
        assert as_tensor(X, torch.device("cpu")).data_ptr() == X.ctypes.data


def test_batch_normalisation_never_meets_a_single_row(rng):
    X = rng.normal(size=(17, 4))
    Autoencoder(2, network=MLP((8,), norm="batch"), batch_size=4, max_epochs=2, random_state=0).fit(X)


def test_the_schedule_rises_and_falls():
    for decay, middle in (("linear", 0.5), ("cosine", 0.5), ("constant", 1.0)):
        settings = Training(warmup=0.1, decay=decay)
        rates = [settings.rate(step, 1000) for step in range(1000)]
        assert np.all(np.diff(rates[:100]) > 0)
        assert max(rates) == 1.0
        assert rates[550] == pytest.approx(middle, abs=0.01)
        assert all(0 < r <= 1 for r in rates)


def test_validation_is_the_same_draw_every_time(rng):
    """With a learning rate of zero nothing moves, so neither may the held-out losses."""
    X = rng.normal(size=(60, 5))
    vae = VAE(2, learning_rate=0, validation_fraction=0.25, max_epochs=3, random_state=0).fit(X)
    held_out = vae.history_["validation_loss"]
    assert held_out[0] == held_out[1] == held_out[2]
    assert len(set(vae.history_["loss"])) == 3, "training draws anew"


def test_held_out_rows_are_not_trained_on(rng):
    X = rng.normal(size=(40, 5))
    seen = []

    def spy(x, generator):
        seen.append(x.clone())
        return x

    dae = DenoisingAutoencoder(2, corruption=spy, validation_fraction=0.5, max_epochs=1, random_state=0)
    dae.fit(X)
    rows = {tuple(row) for batch in seen for row in batch.tolist()}
    assert len(rows) == 40, "training and validation between them see every row"
    assert sum(len(batch) for batch in seen) == 40, "and no row twice in an epoch"


def test_averaging_smooths(rng):
    """Averaged weights of a noisy fit beat its last ones."""
    X = rng.normal(size=(400, 2)) @ rng.normal(size=(2, 8)) + 0.3 * rng.normal(size=(400, 8))
    arguments = {"network": MLP(()), "likelihood": "gaussian", "max_epochs": 60, "learning_rate": 0.1, "batch_size": 4}
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


def test_ctrl_c_keeps_what_was_learnt(rng):
    X = rng.normal(size=(64, 5))
    calls = 0

    def interrupt(x, generator):
        nonlocal calls
        calls += 1
        if calls == 30:
            raise KeyboardInterrupt
        return x

    dae = DenoisingAutoencoder(2, corruption=interrupt, batch_size=16, max_epochs=20, random_state=0)
    with pytest.warns(UserWarning, match="interrupted after 36% of the fit; what was learnt is kept"):
        dae.fit(X)
    assert len(dae.history_) == 8
    assert np.isfinite(dae.reconstruct(X)).all()
    calls = 29
    before = dae.model_
    with pytest.raises(KeyboardInterrupt):
        dae.fit(X)
    assert dae.model_ is before, "interrupted before the first step: what was fitted is still there"


def test_a_blow_up_names_the_term_and_loses_nothing(rng):
    X = rng.normal(size=(64, 5))
    dae = DenoisingAutoencoder(2, corruption="gaussian:0.1", max_epochs=2, random_state=0).fit(X)
    before, codes = dae.model_, dae.transform(X)
    dae.set_params(corruption=lambda x, generator: x * float("nan"))
    with pytest.raises(FitError, match=r"the term 'loss' became nan in epoch 1; lower learning_rate"):
        dae.fit(X)
    assert dae.model_ is before
    np.testing.assert_array_equal(dae.transform(X), codes)


def test_history_is_a_table(rng):
    vae = VAE(2, max_epochs=3, random_state=0).fit(rng.normal(size=(40, 5)))
    history = vae.history_
    assert history.columns == ["epoch", "loss", "reconstruction", "divergence", "seconds"]
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert len(history[1:]) == 2
    assert "divergence" in repr(history)
    with pytest.raises(KeyError, match="no column 'losss'; there are epoch, loss"):
        history["losss"]
    assert repr(History()) == "History()"
    assert "…" in repr(History([{"epoch": i} for i in range(30)]))


def test_bfloat16_reaches_what_float32_reaches(digits):
    """Matrix products in bfloat16, everything else in float32: the same loss within seed noise, codes in float32."""
    arguments = {"max_epochs": 15, "random_state": 0, "network": MLP((128,))}
    fits = {p: VAE(4, precision=p, **arguments).fit(digits) for p in ("float32", "bfloat16")}
    losses = {p: fit.history_["loss"][-1] for p, fit in fits.items()}
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.01)
    assert all(t.dtype != torch.bfloat16 for t in fits["bfloat16"].model_.state_dict().values())
    assert fits["bfloat16"].transform(digits).dtype == np.float32


def test_a_progress_bar_on_request_and_silence_by_default(rng, capfd):
    X = rng.normal(size=(40, 5))
    VAE(2, max_epochs=2).fit(X)
    assert capfd.readouterr() == ("", "")
    VAE(2, max_epochs=2, verbose=1).fit(X)
    assert "2/2 epochs" in capfd.readouterr().err


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_a_model_fitted_on_a_gpu_is_used_on_a_cpu(rng, tmp_path):
    X = rng.normal(size=(200, 6))
    vae = VAE(2, max_epochs=5, device="cuda", random_state=0).fit(X)
    vae.save(tmp_path / "m")
    there = VAE.load(tmp_path / "m", device="cpu")
    np.testing.assert_allclose(there.transform(X), vae.transform(X), rtol=1e-3, atol=1e-4)


def test_auto_picks_a_device_that_is_there():
    assert pick_device("auto").type in ("cpu", "cuda")
    assert pick_device("cpu") == torch.device("cpu")
