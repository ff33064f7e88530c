"""Facts of the one training loop."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from sklearn.base import clone

from isthmus import (
    GAN,
    VAE,
    AdversarialAutoencoder,
    Autoencoder,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    Training,
    fitting,
)
from isthmus.batch import Batch
from isthmus.device import pick_device
from isthmus.divergence import KL
from isthmus.errors import FitError
from isthmus.facts import Facts
from isthmus.given import split
from isthmus.likelihood import Gaussian
from isthmus.model import Model
from isthmus.networks import MLP
from isthmus.objective import ELBO, Deceive, Discriminate, ImportanceWeighted, Reconstruction
from isthmus.penalty import R1, Interpolated
from isthmus.posterior import Deterministic
from isthmus.prior import StandardNormal
from isthmus.scaling import Scaling
from isthmus.tensors import as_tensor
from isthmus.training import Adam, History, Player, Run, train
from isthmus.training.data import Rows
from isthmus.training.player import turns_of
from isthmus.value import NonSaturating


@pytest.mark.parametrize(("n", "batch_size"), [(10, 3), (3, 2), (7, 7), (5, 100), (101, 10), (2, 1)])
def test_an_epoch_visits_every_row_once_and_no_batch_is_smaller_than_asked_for(n, batch_size):
    rows = Rows(Batch(torch.arange(n)[:, None]), batch_size)
    sizes, seen = [], []
    order = rows.order(torch.Generator().manual_seed(0))
    for batch in map(rows.gather, rows.chosen(order)):
        sizes.append(len(batch.x))
        seen += batch.x.flatten().tolist()
    assert sorted(seen) == list(range(n))
    assert set(sizes[:-1]) <= {batch_size}, "one shape, but for the last"
    assert min(n, batch_size) <= sizes[-1] < 2 * batch_size
    assert len(sizes) == rows.batches
    assert seen != sorted(seen) or n < 4
    later = [batch.x.flatten().tolist() for batch in map(rows.gather, rows.chosen(order, start=1))]
    assert [row for batch in later for row in batch] == seen[sizes[0] :], "an epoch can be entered in the middle"


def test_pairs_stay_pairs_and_held_out_rows_stay_out():
    x = torch.arange(20.0)[:, None]
    rows = Rows(Batch(x, noisy=x + 100), 4, torch.arange(0, 20, 2))
    for batch in map(rows.gather, rows.chosen(rows.order(torch.Generator().manual_seed(0)))):
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
        rates = [settings.rate(step / 1000, (step + 1) / 1000) for step in range(1000)]
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

    def spy(x, source):
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


def test_what_a_training_leaves_open_is_the_systems_own(rng, tmp_path):
    """Telling a tracker of a fit, or keeping it, must not change what is fitted."""
    X = rng.normal(size=(64, 3))
    kept = Training(checkpoint=str(tmp_path / "c"), trackers=f"jsonlines:{tmp_path / 'log.jsonl'}")
    own = Training(optimizer=Adam(beta1=0.0, beta2=0.99), averaging=0.999)
    unlike = Training(optimizer=Adam(), averaging=0.0)
    fits = [GAN(2, max_epochs=2, training=t, random_state=0).fit(X) for t in (None, kept, own, unlike)]
    weights = [list(fit.model_.parameters()) for fit in fits]
    for other in weights[1:3]:
        assert all(torch.equal(a, b) for a, b in zip(weights[0], other, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(weights[0], weights[3], strict=True))
    assert kept.completed(own) == Training(
        **kept.get_params(deep=False) | {"optimizer": own.optimizer, "averaging": 0.999}
    )
    assert unlike.completed(own) == unlike


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


def test_ctrl_c_keeps_what_was_learnt(rng):
    X = rng.normal(size=(64, 5))
    calls = 0

    def interrupt(x, source):
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
    dae.set_params(corruption=lambda x, source: x * float("nan"))
    with pytest.raises(
        FitError, match=r"blew up in epoch 1.*the term 'reconstruction' is not finite for 16 of 16 rows"
    ):
        dae.fit(X)
    assert dae.model_ is before
    np.testing.assert_array_equal(dae.transform(X), codes)


def test_weights_that_broke_in_the_last_step_are_not_handed_out(rng):
    """The loss of the only step is finite, what it leaves behind is not."""
    X = rng.normal(size=(64, 5))
    ae = Autoencoder(2, max_epochs=1, batch_size=64, random_state=0).fit(X)
    before = ae.model_
    with pytest.raises(FitError, match=r"epoch 1.*weights 'networks\.encoder\.1\.weight' became nan or infinite"):
        ae.set_params(learning_rate=float("inf")).fit(X)
    assert ae.model_ is before


def test_a_rivals_blow_up_names_the_player(rng):
    aae = AdversarialAutoencoder(2, max_epochs=1, random_state=0, likelihood="gaussian", scaling="none")
    with pytest.raises(FitError, match=r"autoencoder: the term 'reconstruction' is not finite"):
        aae.fit(1e30 * rng.normal(size=(64, 5)))


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
    ae = Autoencoder(2, learning_rate=0, batch_size=16, max_epochs=1, precision="float64", random_state=0).fit(X)
    in_model_units = ae.score_samples(X) + float(ae.model_.scaling.log_volume())
    assert ae.history_["reconstruction"][0] == pytest.approx(-in_model_units.mean(), rel=1e-12)


def test_progress_rises_from_zero_in_equal_steps(rng, monkeypatch):
    seen = []
    monkeypatch.setattr(KL, "weight_at", lambda self, progress: seen.append(progress) or 1.0)
    VAE(2, batch_size=16, max_epochs=3, random_state=0).fit(rng.normal(size=(64, 5)))
    np.testing.assert_allclose(seen, np.arange(12) / 12)


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


def test_nothing_global_moves(rng):
    """Neither torch's nor numpy's state, nor any device's, nor defaults, by fit, sample, transform or score."""
    X = rng.normal(size=(40, 5))
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    dtype, threads, grad = torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()
    vae = VAE(2, prior="vampprior:3", max_epochs=1, precision="float64", random_state=0).fit(X)
    vae.sample(5), vae.transform(X), vae.score_samples(X, n_draws=5), vae.reconstruct(X), vae.jacobian_norm(X)
    gan = GAN(2, max_epochs=1, random_state=0).fit(X)
    gan.sample(5), gan.discriminate(X)
    assert torch.equal(before, torch.get_rng_state())
    assert (numpy_before == np.random.get_state()[1]).all()  # noqa: NPY002
    assert (dtype, threads, grad) == (torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled())


def test_generators_of_other_devices_are_not_seeded(rng, monkeypatch):
    """`torch.manual_seed` would seed every GPU too, and nothing would put them back."""
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: pytest.fail("every GPU's generator was seeded"))
    VAE(2, prior="vampprior:3", max_epochs=1, random_state=0).fit(rng.normal(size=(40, 5))).sample(3)


def test_the_same_seed_gives_the_same_bits_whatever_happened_in_between(rng):
    X = rng.normal(size=(60, 5)).astype(np.float32)

    def fit(seed):
        model = DenoisingAutoencoder(2, corruption="gaussian:0.3", validation_fraction=0.2, max_epochs=3)
        return model.set_params(random_state=seed).fit(X)

    first = fit(7)
    torch.rand(11), np.random.rand(11)  # noqa: NPY002
    second, other = fit(7), fit(8)
    np.testing.assert_array_equal(first.transform(X), second.transform(X))
    drop = [{k: v for k, v in row.items() if k != "seconds"} for row in first.history_]
    assert drop == [{k: v for k, v in row.items() if k != "seconds"} for row in second.history_]
    assert not np.array_equal(first.transform(X), other.transform(X))


@pytest.mark.parametrize("averaging", [0.0, 0.9])
def test_early_stopping_hands_out_the_weights_of_the_best_epoch(averaging, rng, monkeypatch):
    """What the fitted model scores on the held-out rows is the lowest loss in the history, not the last."""
    X = rng.normal(size=(60, 6))
    held_out = []
    ae = Autoencoder(
        5,
        network=MLP((64, 64)),
        likelihood="gaussian",
        max_epochs=300,
        learning_rate=0.02,
        validation_fraction=0.3,
        precision="float64",
        scaling="none",
        training=Training(patience=5, decay="constant", averaging=averaging),
        random_state=0,
    )
    monkeypatch.setattr(fitting, "split", lambda *given: held_out.append(split(*given)) or held_out[-1])
    losses = ae.fit(X).history_["validation_loss"]
    assert 5 < len(losses) < 300
    assert losses.argmin() == len(losses) - 6
    kept = -ae.score_samples(X[held_out[0][1].numpy()]).mean()
    assert kept == pytest.approx(losses.min(), rel=1e-9)
    assert kept < losses[-1]


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


def test_bfloat16_reaches_what_float32_reaches(digits):
    """Matrix products in bfloat16, everything else in float32: the same loss within seed noise, codes in float32."""
    arguments = {"max_epochs": 15, "batch_size": 128, "random_state": 0, "network": MLP((128,))}
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


def test_auto_picks_a_device_that_is_there():
    assert pick_device("auto").type in ("cpu", "cuda")
    assert pick_device("cpu") == torch.device("cpu")
