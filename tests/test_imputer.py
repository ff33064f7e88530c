"""The imputer: a table with gaps in, the table without them out, and intervals that cover."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from isthmus import VAE, Autoencoder, Imputer
from isthmus.completing.blending import blend_weights, simplex_minimum
from isthmus.completing.calibration import Calibration
from isthmus.completing.forests import LEVELS, ColumnForest
from isthmus.errors import CompositionError, DataError
from isthmus.joint_gaussian import JointGaussian

N, FEATURES = 300, 5


@pytest.fixture(scope="module")
def law():
    """A Gaussian, rows drawn from it in columns of several units, and the same rows with a quarter of them missing."""
    rng = np.random.default_rng(0)
    A = rng.normal(size=(FEATURES, 2))
    covariance = A @ A.T + 0.1 * np.eye(FEATURES)
    scale = np.array([1, 10, 100, 1, 0.1])
    covariance, mean = covariance * np.outer(scale, scale), np.arange(FEATURES) * scale
    whole = rng.multivariate_normal(mean, covariance, N)
    return (mean, covariance), whole, np.where(rng.random(whole.shape) < 0.25, np.nan, whole)


@pytest.fixture(scope="module")
def fitted(law):
    return Imputer(random_state=0).fit(law[2])


@pytest.fixture(scope="module")
def table():
    """A frame of many kinds with gaps, and the same frame without."""
    rng = np.random.default_rng(1)
    size = rng.normal(size=240)
    whole = pd.DataFrame(
        {
            "size": size.round(2),
            "count": pd.array(np.rint(10 + 3 * size).astype(int), dtype="Int64"),
            "kind": pd.Categorical(np.select([size < -0.4, size < 0.4], ["small", "middle"], "large")),
            "heavy": pd.array(size > 0.5, dtype="boolean"),
            "day": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.rint(30 * size), unit="D"),
        },
        index=[f"row {i}" for i in range(240)],
    )
    holed = whole.copy()
    for name in whole:
        holed.loc[rng.random(240) < 0.2, name] = None
    return whole, holed


def test_a_linear_gaussian_table_completes_as_the_exact_conditional_does(law, fitted):
    (mean, covariance), whole, holed = law
    exact = JointGaussian(torch.tensor(mean), torch.tensor(covariance)).completed(torch.tensor(holed)).mean.numpy()
    gaps, scale = np.isnan(holed), whole.std(0)
    filled = fitted.transform(holed)
    np.testing.assert_array_equal(filled[~gaps], holed[~gaps])

    def error(found, of):
        return np.sqrt(np.mean(((found - of) / scale)[gaps] ** 2))

    best = error(exact, whole)
    assert error(filled, exact) < 0.35 * best, "what is left to the best possible is small beside its own error"
    assert error(filled, whole) < 1.06 * best
    assert error(np.broadcast_to(np.nanmean(holed, axis=0), whole.shape), whole) > 1.4 * best


def test_intervals_cover_new_rows_and_are_those_of_the_level(law, fitted):
    (mean, covariance), whole, _ = law
    rng = np.random.default_rng(5)
    new = rng.multivariate_normal(mean, covariance, 400)
    holed = np.where(rng.random(new.shape) < 0.25, np.nan, new)
    gaps, widths = np.isnan(holed), []
    for level in (0.5, 0.9):
        low, high = fitted.intervals(holed, level)
        np.testing.assert_array_equal(low[~gaps], new[~gaps])
        np.testing.assert_array_equal(high[~gaps], new[~gaps])
        assert np.mean(((low <= new) & (new <= high))[gaps]) == pytest.approx(level, abs=0.07)
        widths.append(((high - low) / whole.std(0))[gaps].mean())
    assert widths[0] < 0.6 * widths[1]


def test_the_order_of_columns_changes_nothing_but_noise(law, fitted):
    _, whole, holed = law
    order = np.array([3, 0, 4, 2, 1])
    moved = Imputer(random_state=0).fit(holed[:, order]).transform(holed[:, order])
    apart = ((moved - fitted.transform(holed)[:, order]) / whole.std(0)[order])[np.isnan(holed[:, order])]
    assert np.sqrt(np.mean(apart**2)) < 0.1


def test_a_fit_repeats_itself_and_a_row_is_completed_by_itself(law, fitted):
    _, _, holed = law
    filled = fitted.transform(holed)
    np.testing.assert_array_equal(Imputer(random_state=0).fit(holed).transform(holed), filled)
    np.testing.assert_allclose(fitted.transform(holed[7:9]), filled[7:9], rtol=1e-9)


def test_a_frame_comes_back_as_it_was_but_for_its_gaps(table):
    whole, holed = table
    imputer = Imputer(random_state=0).fit(holed)
    filled = imputer.transform(holed)
    pd.testing.assert_index_equal(filled.index, holed.index)
    assert dict(filled.dtypes) == dict(holed.dtypes)
    assert not filled.isna().any(axis=None)
    pd.testing.assert_frame_equal(filled.where(holed.notna()), holed.where(holed.notna()))
    gaps = holed["kind"].isna()
    assert np.mean(filled["kind"][gaps] == whole["kind"][gaps]) > 0.7, "the mode is right in a third of them"
    low, high = imputer.intervals(holed)
    assert low["kind"].isna().equals(holed["kind"].isna())
    assert (low["size"] <= high["size"]).all()
    assert list(imputer.get_feature_names_out()) == list(holed)
    assert isinstance(
        Imputer(random_state=0).set_output(transform="polars").fit_transform(holed[["size", "count"]]), pl.DataFrame
    )


def test_it_fills_for_whatever_comes_after_it(law):
    _, whole, holed = law
    pipeline = make_pipeline(Imputer(Autoencoder(2, max_epochs=2), random_state=0), LinearRegression())
    assert np.isfinite(pipeline.fit(holed, whole[:, 0]).predict(holed)).all()


def test_any_estimator_that_completes_fills_and_its_intervals_cover(law):
    _, whole, holed = law
    imputer = Imputer(VAE(2, max_epochs=10, learning_rate=0.02, random_state=0), random_state=0).fit(holed[:150])
    low, high = imputer.intervals(holed[150:])
    gaps = np.isnan(holed[150:])
    assert np.mean(((low <= whole[150:]) & (whole[150:] <= high))[gaps]) == pytest.approx(0.9, abs=0.08)


def test_scikit_learns_checks():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(Imputer(Autoencoder(2, max_epochs=1)), on_fail=None, on_skip=None)
    left = {r["check_name"]: repr(r["exception"]) for r in results if r["status"] not in ("passed", "xfail")}
    assert set(left) <= {"check_array_api_input"}, left


def test_what_it_cannot_do_it_says_in_a_line(law):
    _, _, holed = law
    with pytest.raises(CompositionError, match=r"estimator must be 'auto' or have complete\(\), got LinearRegression"):
        Imputer(LinearRegression()).fit(holed)
    with pytest.raises(CompositionError, match="got 'best'"):
        Imputer("best").fit(holed)
    with pytest.raises(DataError, match=r"no value at all in column '?4'?"):
        Imputer().fit(np.where(np.arange(FEATURES) == 4, np.nan, holed))
    with pytest.raises(DataError, match=r"fills rows \(N, d\), got \(4, 3, 3\)"):
        Imputer().fit(np.zeros((4, 3, 3)))


def test_weights_of_a_blend_are_the_best_that_a_search_finds(rng):
    A = rng.normal(size=(20, 3)) * [1, 1.5, 3] + rng.normal(size=(20, 1))
    gram = A.T @ A
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 201)] * 2), -1).reshape(-1, 2)
    grid = np.column_stack([grid, 1 - grid.sum(1)])
    grid = grid[grid[:, 2] >= 0]
    value = lambda w: np.einsum("...k,kl,...l->...", w, gram, w)  # noqa: E731
    found = simplex_minimum(gram)
    assert found.sum() == pytest.approx(1)
    assert (found >= 0).all()
    assert value(found) <= value(grid).min() + 1e-9
    errors = np.zeros((2_000, 2, 1))
    errors[:1_000, 1], errors[1_000:, 0] = 1, 1  # the first guess is right in column 0, the second in column 1
    weights = blend_weights(errors, np.repeat([0, 1], 1_000), 3)
    np.testing.assert_allclose(weights[:, 0], [0.95, 0.05, 0.5], atol=0.06)


def test_calibrated_intervals_cover_whatever_the_quantiles_were(rng):
    """Quantiles of a spread three times too narrow, and far too wide, of residuals that lean to one side."""
    truth, new = rng.exponential(size=2_000), rng.exponential(size=2_000)
    column = np.zeros(2_000, dtype=int)
    for spread in (0.3, 5.0):
        quantiles = np.broadcast_to(1 + spread * np.linspace(-1, 1, 99), (2_000, 99))
        low, high = Calibration(truth, quantiles, column).intervals(quantiles, column, 0.9)
        assert np.mean((low <= new) & (new <= high)) == pytest.approx(0.9, abs=0.03)
        assert np.mean(new < low) == pytest.approx(0.05, abs=0.02)


def test_a_forests_quantiles_are_those_of_its_leaves(rng):
    """Noise that grows with x: the spread of the quantiles does, and their mean is the forest's."""
    x = rng.uniform(0, 1, size=(1_500, 1))
    y = x * rng.normal(size=(1_500, 1))
    forest = ColumnForest(0).fit(x, y, y)
    at = np.array([[0.2], [0.9]])
    quantiles = forest.quantiles(at)
    assert (np.diff(quantiles, axis=1) >= 0).all()
    np.testing.assert_allclose(quantiles[:, LEVELS == 0.5], forest.predict(at)[0], atol=0.6)
    spread = quantiles[:, 94] - quantiles[:, 4]
    assert spread[1] > 2 * spread[0]
