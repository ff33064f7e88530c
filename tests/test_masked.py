"""Laws of the masked autoencoder: the chain rule in any order, Bayes for what is given, completion of a known table."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

import isthmus
from contracts.common import source_of
from isthmus import MaskedAutoencoder, Training
from isthmus.any_order import Steps, fill, log_densities, orders
from isthmus.batch import Batch
from isthmus.binned import Binned
from isthmus.corruption import AnySubset
from isthmus.distributions import log_prob
from isthmus.errors import CompositionError, DataError
from isthmus.model import Pass
from isthmus.networks import MLP, Conditioned, Custom
from isthmus.term import AnyOrder, Seen

SIZES = (2, 3, 3)
EVERY = np.array(list(itertools.product(*map(range, SIZES))), dtype=float)
"""Every row of a table with three categories."""


@pytest.fixture(scope="module")
def small():
    """A model of that table with weights far from their start, in float64: nothing that holds of it is learnt."""
    rng = np.random.default_rng(0)
    X = np.concatenate([EVERY, EVERY[rng.integers(0, 18, 100)]])
    likelihood = Binned(categories=(0, 1, 2))
    model = MaskedAutoencoder(8, likelihood=likelihood, max_epochs=1, precision="float64", random_state=0).fit(X)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in model.model_.parameters():
            weight.copy_(0.6 * torch.randn(weight.shape, generator=generator, dtype=weight.dtype))
    return model


def probabilities(model, order) -> np.ndarray:
    return log_densities(model.model_, torch.as_tensor(EVERY), torch.as_tensor(order)).exp().numpy()


def frequencies(rows: np.ndarray) -> np.ndarray:
    return np.bincount(np.ravel_multi_index(rows.astype(int).T, SIZES), minlength=18)


def filled(model, start: np.ndarray, order) -> np.ndarray:
    x = torch.as_tensor(start)
    u = torch.rand(x.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    units = model.model_.scaling
    bins = fill(model.model_, units.bins(x), ~x.isnan(), torch.as_tensor(order).expand(len(x), -1), u)
    return units.values(bins, u).numpy()


def test_in_every_order_the_probabilities_of_all_rows_add_up_to_one(small):
    of_orders = [probabilities(small, order) for order in itertools.permutations(range(3))]
    np.testing.assert_allclose(np.sum(of_orders, axis=1), 1.0, atol=1e-12)
    assert np.abs(of_orders[0] - of_orders[-1]).max() > 0.01, "weights that are not learnt make orders disagree"
    for n_orders in (1, 2, 5):
        p = np.exp(small.score_samples(EVERY, n_orders=n_orders))
        assert p.sum() == pytest.approx(1.0)
        each = [probabilities(small, order) for order in orders(3, n_orders)]
        np.testing.assert_allclose(p, np.mean(each, axis=0))


def test_a_row_is_scored_by_the_chain_rule(small):
    """One factor at a time, from passes that see what comes earlier in the order."""
    model, order, x = small.model_, (2, 0, 1), torch.as_tensor(EVERY)
    indicators, total = model.scaled(x), 0.0
    for step, entry in enumerate(order):
        seen = torch.zeros(18, 3, dtype=torch.bool)
        seen[:, list(order[:step])] = True
        p = model.decode(model.encode(indicators, observed=seen).mean)
        total += p.entries(indicators)[:, entry]
    np.testing.assert_allclose(total.exp().detach(), probabilities(small, order), rtol=1e-9)


def test_the_loss_is_an_unbiased_estimate_over_orders(small):
    """Exactly: the corruption's subsets enumerated with their probabilities, against all orders of the chain rule."""
    model, x = small.model_, torch.as_tensor(EVERY)
    expected = -np.mean([np.log(probabilities(small, order)) for order in itertools.permutations(range(3))], axis=0)
    total = torch.zeros(18, dtype=torch.float64)
    for seen in itertools.product([True, False], repeat=3):
        k = sum(seen)
        if k == 3:
            continue
        mask = torch.tensor(seen).expand(18, 3)
        passed = Pass(model, Batch(x), source_of(), met=Batch(x, observed=mask))
        total += AnyOrder()(model, passed, source_of()).detach() / (3 * math.comb(3, k))
        reconstruction = Seen()(model, passed, source_of())
        torch.testing.assert_close(reconstruction, -log_prob(passed.p, passed.x, mask))
    np.testing.assert_allclose(total, expected, rtol=1e-9)


def test_with_some_of_the_steps_a_score_is_an_estimate_of_the_mean_over_orders(small):
    """Without bias with all of them, and near with two of three."""
    x = torch.as_tensor(EVERY)
    each = [torch.as_tensor(order) for order in itertools.permutations(range(3))]
    exact = torch.stack([log_densities(small.model_, x, order) for order in each]).mean(0)
    for steps, off in ((3, 1e-9), (2, 0.5)):
        found = torch.stack([log_densities(small.model_, x, order, steps=steps) for order in each]).mean(0)
        assert (found - exact).abs().max() < off


def test_any_subset_of_any_size_is_hidden_as_often():
    seen = AnySubset()(torch.zeros(60_000, 4), source_of())["observed"]
    for k in range(4):
        of_size = seen[seen.sum(1) == k]
        assert len(of_size) == pytest.approx(15_000, abs=5 * 15_000**0.5)
        subsets = torch.unique(of_size, dim=0, return_counts=True)[1]
        assert len(subsets) == math.comb(4, k)
        assert k == 0 or stats.chisquare(subsets).pvalue > 1e-3


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)], ids=str)
def test_what_is_drawn_has_the_probabilities_of_its_order(small, order):
    drawn = filled(small, np.full((20_000, 3), np.nan), order)
    assert stats.chisquare(frequencies(drawn), 20_000 * probabilities(small, order)).pvalue > 1e-3


@pytest.mark.parametrize(("entry", "value"), [(0, 1), (1, 2), (2, 0)])
def test_what_is_given_is_conditioned_on_by_bayes(small, entry, value):
    """p(the rest | given) = p(all) / Σ p(all), in the order that begins with what is given."""
    rest = [i for i in range(3) if i != entry]
    joint = probabilities(small, (entry, *rest))
    posterior = np.where(EVERY[:, entry] == value, joint, 0.0)
    posterior /= posterior.sum()
    start = np.full((20_000, 3), np.nan)
    start[:, entry] = value
    drawn = filled(small, start, (rest[0], entry, rest[1]))
    assert (drawn[:, entry] == value).all()
    met = posterior > 0
    assert stats.chisquare(frequencies(drawn)[met], 20_000 * posterior[met]).pvalue > 1e-3
    first = small.conditional(start[:1], rest[0])
    marginal = [posterior[EVERY[:, rest[0]] == level].sum() for level in range(SIZES[rest[0]])]
    np.testing.assert_allclose(first.probabilities[0], marginal, rtol=1e-9)


@pytest.mark.parametrize("network", ["residual:16", "mlp:16", "custom"])
@pytest.mark.parametrize("condition", [False, True])
def test_step_by_step_the_network_says_what_it_says_of_whole_rows(network, condition, rng):
    """Layers that are linear are kept up to date or cut, with places among bins, gaps and conditions."""
    if network == "custom":
        network = Custom(
            lambda shape, outputs, c=0: (
                Conditioned(nn.Flatten(), nn.Linear(math.prod(shape) + c, outputs))
                if c
                else nn.Sequential(nn.Flatten(), nn.Tanh(), nn.Linear(math.prod(shape), outputs))
            ),
            lambda inputs, shape, outputs, c=0: MLP(()).decoder(inputs, shape, outputs, c),
        )
    X = np.column_stack([rng.normal(size=200), rng.integers(0, 3, 200), np.where(rng.random(200) < 0.2, np.nan, 1.0)])
    C = rng.normal(size=(200, 2)) if condition else None
    model = MaskedAutoencoder(5, network=network, max_epochs=1, precision="float64", random_state=0).fit(X, condition=C)
    model, x = model.model_, torch.as_tensor(X[:40])
    units, seen, c = model.scaling, torch.zeros(40, 3, dtype=torch.bool), None if C is None else torch.as_tensor(C[:40])
    bins, indicators, rows = units.bins(x), model.scaled(x), torch.arange(0, 40, 2)
    with torch.no_grad():
        steps = Steps(model, bins, seen, c)
        for entry in (1, 0, 2):
            whole = model.decode(model.encode(indicators, c, seen).mean, c).of_entry(entry)
            found = steps.log_probabilities(steps.contexts(rows), entry)
            torch.testing.assert_close(found, whole[rows], rtol=1e-9, atol=1e-9)
            steps.see(rows, torch.full_like(rows, entry), bins[rows, entry])
            seen[rows, entry] = True


def test_rows_that_are_alike_share_what_is_computed_and_nothing_else(small):
    start = np.where(np.random.default_rng(4).random((50, 3)) < 0.4, EVERY[np.arange(50) % 18], np.nan)
    x, model = torch.as_tensor(start), small.model_
    u = torch.rand(50, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    bins, seen, order = model.scaling.bins(x), ~x.isnan(), torch.rand(50, 3).argsort(1)
    together = fill(model, bins, seen, order, u)
    alone = [fill(model, *(each[i : i + 1] for each in (bins, seen, order, u))) for i in range(50)]
    assert torch.equal(together, torch.cat(alone))


def gaussian(n, rng):
    """Rows of a linear-Gaussian table, and its mean and covariance."""
    loading = np.array([[1.0, 0.0], [0.8, 0.6], [-0.5, 0.9], [0.3, -1.0]])
    covariance = loading @ loading.T + 0.5 * np.eye(4)
    mean = np.array([0.0, 5.0, -2.0, 100.0])
    return rng.multivariate_normal(mean, covariance, size=n), mean, covariance


QUICK = {"max_epochs": 30, "batch_size": 64, "random_state": 0}
"""Nearly a thousand steps."""


@pytest.fixture(scope="module")
def of_gaussian():
    X, mean, covariance = gaussian(2200, np.random.default_rng(6))
    return MaskedAutoencoder(64, **QUICK).fit(X[:2000]), X[2000:], mean, covariance


def test_a_linear_gaussian_table_completes_near_its_exact_conditional(of_gaussian):
    model, X, mean, covariance = of_gaussian
    hidden = [0, 2]
    seen = [1, 3]
    slope = covariance[np.ix_(hidden, seen)] @ np.linalg.inv(covariance[np.ix_(seen, seen)])
    exact = mean[hidden] + (X[:, seen] - mean[seen]) @ slope.T
    spread = covariance[np.ix_(hidden, hidden)] - slope @ covariance[np.ix_(seen, hidden)]
    holes = X.copy()
    holes[:, hidden] = np.nan
    completed = model.complete(holes)
    np.testing.assert_array_equal(completed[:, seen], X[:, seen])
    off = np.sqrt(np.mean((completed[:, hidden] - exact) ** 2, axis=0) / np.diag(spread))
    assert (off < 0.45).all(), off
    draws = model.complete(holes, n_draws=60, random_state=1)[:, :, hidden] - exact
    found = np.cov(draws.reshape(-1, 2).T)
    ratio = np.diag(found) / np.diag(spread)
    assert ((ratio > 0.9) & (ratio < 1.8)).all(), "too wide, after so few steps, and never too narrow"
    assert found[0, 1] / np.sqrt(found[0, 0] * found[1, 1]) == pytest.approx(spread[0, 1] / spread[0, 0], abs=0.15)


def test_its_density_is_near_that_of_the_table(of_gaussian):
    model, X, mean, covariance = of_gaussian
    exact = stats.multivariate_normal(mean, covariance).logpdf(X).mean()
    assert exact - 0.6 < model.score_samples(X).mean() < exact + 0.05


def test_its_quantiles_are_those_of_the_conditional(of_gaussian):
    model, X, mean, covariance = of_gaussian
    p = model.conditional(X, 0)
    slope = np.linalg.solve(covariance[1:, 1:], covariance[1:, 0])
    exact = stats.norm(mean[0] + (X[:, 1:] - mean[1:]) @ slope, np.sqrt(covariance[0, 0] - covariance[0, 1:] @ slope))
    below = [np.mean(exact.cdf(p.quantile(q))) for q in (0.1, 0.5, 0.9)]
    np.testing.assert_allclose(below, [0.1, 0.5, 0.9], atol=0.05)


def test_the_order_of_columns_changes_nothing_but_noise(of_gaussian):
    model, X, *_ = of_gaussian
    rows = gaussian(2200, np.random.default_rng(6))[0]
    turned = MaskedAutoencoder(64, **QUICK).fit(rows[:2000, ::-1])
    assert turned.score_samples(X[:, ::-1]).mean() == pytest.approx(model.score_samples(X).mean(), abs=0.2)


@pytest.fixture(scope="module")
def mixed():
    """Rows with a category, a count, a number of many zeros and another, and a model of them."""
    rng = np.random.default_rng(7)
    kind = rng.integers(0, 3, 1500).astype(float)
    zeros = np.where(rng.random(1500) < 0.6, 0.0, rng.exponential(1 + kind))
    X = np.stack([kind, rng.poisson(3 * kind + 1).astype(float), zeros, rng.normal(kind)], 1)
    model = MaskedAutoencoder(32, likelihood=Binned(categories=(0,)), **QUICK).fit(X)
    return model, X


def test_samples_hold_what_the_data_could_hold(mixed):
    model, X = mixed
    drawn = model.sample(2000, random_state=1)
    assert np.isfinite(drawn).all()
    assert set(drawn[:, 0]) == {0.0, 1.0, 2.0}
    assert (drawn[:, 1] == drawn[:, 1].round()).all()
    assert np.mean(drawn[:, 2] == 0) == pytest.approx(np.mean(X[:, 2] == 0), abs=0.05)
    assert (drawn.min(0) >= np.nanmin(X, 0)).all()
    assert (drawn.max(0) <= np.nanmax(X, 0)).all()
    np.testing.assert_array_equal(model.sample(5, random_state=1), drawn[:5])


def test_given_values_come_back_and_bend_the_rest(mixed):
    model, X = mixed
    drawn = model.sample(1500, random_state=3, given={0: 2})
    assert set(drawn[:, 0]) == {2.0}
    assert drawn[:, 1].mean() == pytest.approx(7.0, abs=0.5)
    start = X[:20].copy()
    start[:, 2] = np.nan
    np.testing.assert_array_equal(model.sample(20, given=start)[:, [0, 1, 3]], start[:, [0, 1, 3]])
    for wrong, said in (
        ({9: 1.0}, "there is no column 9; columns are 0 to 3"),
        ({0: 5.0}, "row 0 has a level that its category never had"),
    ):
        with pytest.raises(DataError, match=said):
            model.sample(2, given=wrong)
    with pytest.raises(DataError, match="given must have 3 rows, one a sample, got 20"):
        model.sample(3, given=start)
    with pytest.raises(CompositionError, match="n_samples must be at least 1"):
        model.sample(0)


def test_predicates_are_satisfied_and_bend_nothing_else(mixed):
    model, X = mixed
    drawn = model.sample(1500, random_state=4, where=lambda x: x[:, 1] > x[:, 0] + 1)
    assert (drawn[:, 1] > drawn[:, 0] + 1).all()
    kept = X[X[:, 1] > X[:, 0] + 1]
    np.testing.assert_allclose(
        np.bincount(drawn[:, 0].astype(int)) / 1500, np.bincount(kept[:, 0].astype(int)) / len(kept), atol=0.06
    )
    with pytest.warns(UserWarning, match="where holds for"):
        assert (model.sample(3, random_state=4, where=lambda x: np.abs(x[:, 3] - 1) > 3.2)[:, 3] != 1).all()
    with (
        pytest.warns(UserWarning, match="where holds for"),
        pytest.raises(DataError, match="where does not hold for row 0"),
    ):
        model.sample(2, where=lambda x: x[:, 0] > 5)


@pytest.fixture(scope="module")
def gappy():
    """Rows whose last entry is missing the more often, the higher the kind; and a model of them."""
    rng = np.random.default_rng(8)
    kind = rng.integers(0, 3, 1500).astype(float)
    zeros = np.where(rng.random(1500) < 0.6, 0.0, rng.exponential(1 + kind))
    gaps = np.where(rng.random(1500) < 0.2 * kind, np.nan, rng.normal(kind))
    X = np.stack([kind, rng.poisson(3 * kind + 1).astype(float), zeros, gaps], 1)
    return MaskedAutoencoder(32, likelihood=Binned(categories=(0,)), **QUICK).fit(X), X


def test_gaps_are_drawn_at_the_datas_rates_and_pattern(gappy):
    model, X = gappy
    drawn = model.sample(3000, random_state=2, gaps=True)
    for kind in range(3):
        expected = np.isnan(X[X[:, 0] == kind, 3]).mean()
        assert np.isnan(drawn[drawn[:, 0] == kind, 3]).mean() == pytest.approx(expected, abs=0.06)
    assert not np.isnan(drawn[:, :3]).any()


def test_a_gap_is_scored_as_a_value_and_completed_as_unknown(gappy):
    model, X = gappy
    scores = model.score_samples(X)
    assert np.isfinite(scores).all()
    far = X[:1].copy()
    far[0, 2] = 1e4
    assert -1e5 < model.score_samples(far)[0] < scores.min()
    completed = model.complete(X)
    missing = np.isnan(X)
    assert np.isfinite(completed).all()
    np.testing.assert_array_equal(completed[~missing], X[~missing])
    kinds = completed[missing[:, 3], 0]
    assert np.corrcoef(completed[missing[:, 3], 3], kinds)[0, 1] > 0.8


def test_codes_reconstruct_what_is_seen(mixed):
    model, X = mixed
    x_hat = model.inverse_transform(model.transform(X))
    np.testing.assert_allclose(x_hat, model.reconstruct(X))
    assert np.mean(x_hat[:, 0] == X[:, 0]) > 0.9
    assert np.corrcoef(x_hat[:, 1], X[:, 1])[0, 1] > 0.8


def test_saved_and_loaded_it_says_the_same_to_the_bit(mixed, tmp_path):
    model, X = mixed
    model.save(tmp_path / "model")
    again = isthmus.load(tmp_path / "model")
    assert again.likelihood_ == model.likelihood_
    np.testing.assert_array_equal(again.score_samples(X[:50]), model.score_samples(X[:50]))
    np.testing.assert_array_equal(again.sample(30, 1), model.sample(30, 1))
    np.testing.assert_array_equal(again.complete(X[:50]), model.complete(X[:50]))


def test_binary_pictures_and_counts_are_rows_like_others(rng):
    pictures = (rng.random((200, 5, 4)) < np.linspace(0.1, 0.9, 4)).astype(np.uint8)
    model = MaskedAutoencoder(16, max_epochs=20, batch_size=16, random_state=0).fit(pictures)
    assert model.sample(7, random_state=0).shape == (7, 5, 4)
    half = np.where(np.arange(4) < 2, np.nan, pictures.astype(float))
    assert np.array_equal(model.complete(half, n_draws=2)[..., 2:], np.stack([half[..., 2:]] * 2))
    drawn = model.sample(600, random_state=0)
    np.testing.assert_allclose(drawn.mean((0, 1)), np.linspace(0.1, 0.9, 4), atol=0.1)
    uniform = 20 * math.log(0.5)
    assert model.score_samples(pictures).mean() > uniform + 2


def test_conditions_reach_every_draw(rng):
    C = np.eye(2)[np.arange(300) % 2]
    X = rng.normal(size=(300, 3)) + 4 * C[:, [0]]
    model = MaskedAutoencoder(16, max_epochs=30, batch_size=16, random_state=0).fit(X, condition=C)
    high, low = (model.sample(200, random_state=0, condition=c).mean() for c in ([1, 0], [0, 1]))
    assert high - low > 3
    assert model.score_samples(X, C).mean() > model.score_samples(X, C[:, ::-1]).mean() + 3


def test_what_it_is_not_made_for_is_refused(rng):
    X = rng.normal(size=(40, 3))
    for arguments, said in (
        ({"likelihood": "gaussian"}, "likelihood must be a Binned"),
        ({"seen_weight": -1.0}, "seen_weight must not be negative"),
        ({"likelihood": Binned(categories=(7,))}, "categories names entry"),
    ):
        with pytest.raises(CompositionError, match=said):
            MaskedAutoencoder(4, max_epochs=1, **arguments).fit(X)
    model = MaskedAutoencoder(4, max_epochs=1, random_state=0).fit(X)
    with pytest.raises(CompositionError, match="n_orders must be at least 1"):
        model.score_samples(X, n_orders=0)
    with pytest.raises(CompositionError, match="n_draws must be None or at least 1"):
        model.complete(X, n_draws=0)
    with pytest.raises(CompositionError, match="the bins are learnt from data"):
        Binned().known()


def test_a_level_that_is_held_out_alone_is_one_still(rng):
    X = np.stack([rng.normal(size=120), np.arange(120) // 2.0], 1)
    model = MaskedAutoencoder(4, likelihood=Binned(categories=(1,)), max_epochs=1, random_state=0).fit(X)
    assert np.isfinite(model.score_samples(X)).all()


def test_a_small_table_is_not_learnt_by_heart(rng):
    """The weights that are kept are those of the best epoch by held-out rows, not the last."""
    X = rng.normal(size=(150, 4))
    patient = {"validation_fraction": 0.1, "training": Training(patience=20)}
    model = MaskedAutoencoder(64, max_epochs=200, batch_size=16, random_state=0, **patient).fit(X)
    held_out = model.history_["validation_likelihood"]
    assert len(held_out) < 200
    assert model.score_samples(rng.normal(size=(500, 4))).mean() > -held_out.min() - 1.0


def test_wide_integers_keep_their_digits(rng):
    X = np.column_stack([1_000_000_001 + 2 * rng.integers(0, 5, 300), rng.integers(0, 9, 300)]).astype(np.int64)
    model = MaskedAutoencoder(max_epochs=1, random_state=0).fit(X)
    drawn = model.sample(50, random_state=0)
    assert drawn.dtype == np.int64
    assert set(drawn[:, 0]) <= set(X[:, 0])
