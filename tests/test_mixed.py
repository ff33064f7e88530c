"""The mixed likelihood, and estimators on tables of several kinds of columns."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from pandas.testing import assert_frame_equal, assert_index_equal
from scipy import stats

from command import run
from contracts.common import assert_is_a_part, source_of
from isthmus import GAN, VAE, AdversarialAutoencoder, Autoencoder, DenoisingAutoencoder, MaskedAutoencoder, load
from isthmus.binned import Binned
from isthmus.data import Boolean, Category, Number
from isthmus.distributions import draw, log_prob
from isthmus.errors import CompositionError, DataError
from isthmus.facts import Facts
from isthmus.likelihood import Mixed

COLUMNS = (Category("c", categories=("x", "y", "z")), Number("a"), Boolean("b"), Number("d"))
FACTS = Facts((4,), 2, columns=COLUMNS, mean=torch.zeros(4).double(), std=torch.ones(4).double())


def _distribution(*lead):
    generator = torch.Generator().manual_seed(1)
    module = Mixed().build(FACTS).double()
    torch.nn.init.normal_(module.log_std, std=0.3, generator=generator)
    return module, torch.randn(*lead, Mixed().width(FACTS), generator=generator, dtype=torch.float64)


def test_it_is_a_part():
    assert_is_a_part(Mixed(0.1), FACTS)


def test_it_is_the_sum_of_scipys_densities_and_probabilities(rng):
    for lead in ((5,), (3, 5)):
        module, context = _distribution(*lead)
        x = np.column_stack([rng.integers(0, 3, 5), rng.normal(size=5), rng.integers(0, 2, 5), rng.normal(size=5)])
        mean, c, b = np.split(context.numpy(), [2, 5], axis=-1)
        std = module.log_std.detach().exp().numpy()
        expected = stats.norm(mean, std).logpdf(x[:, [1, 3]]).sum(-1)
        for logits, column in ((c, 0), (b, 2)):
            p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
            level = np.broadcast_to(x[:, column].astype(int), lead)[..., None]
            expected = expected + np.log(np.take_along_axis(p, level, -1)[..., 0])
        found = module(context).log_prob(torch.tensor(x))
        np.testing.assert_allclose(found.detach(), expected, rtol=1e-10)


def test_probabilities_sum_to_one_over_levels_and_numbers():
    module, context = _distribution(1)
    p = module(context)
    nodes, weights = np.polynomial.legendre.leggauss(200)
    at, weight = torch.tensor(nodes * 15), torch.tensor(weights * 15)
    total = 0.0
    for level, truth in itertools.product(range(3), range(2)):
        grid = torch.cartesian_prod(at, at)
        ones = torch.ones(len(grid), dtype=torch.float64)
        x = torch.stack([level * ones, grid[:, 0], truth * ones, grid[:, 1]], 1)
        total += (weight @ p.log_prob(x).exp().reshape(200, 200) @ weight).item()
    assert total == pytest.approx(1, abs=1e-9)
    assert p.log_prob(torch.tensor([[3.0, 0, 0, 0]]).double()).item() == -math.inf, "there is no fourth level"


def test_draws_are_as_frequent_as_their_probabilities():
    module, context = _distribution(1)
    with torch.no_grad():
        p = module(context)
        x = draw(p, source_of(), (20_000,))[:, 0]
    counts = np.bincount(x[:, 0].long(), minlength=3)
    expected = torch.softmax(context[0, 2:5], 0).numpy() * len(x)
    assert stats.chisquare(counts, expected).pvalue > 1e-3
    assert stats.kstest(x[:, 1], stats.norm(context[0, 0], module.log_std[0].exp().item()).cdf).pvalue > 1e-3
    assert p.mean[0, 0].item() == context[0, 2:5].argmax().item(), "the mode of a category"


def test_what_is_observed_has_the_marginal_density():
    module, context = _distribution(1)
    p = module(context)
    x = torch.tensor([[math.nan, 0.3, 1.0, math.nan]]).double()
    std = module.log_std[0].exp().item()
    expected = stats.norm(context[0, 0], std).logpdf(0.3) + torch.log_softmax(context[0, 5:], 0)[1].item()
    assert log_prob(p, x, ~x.isnan()).item() == pytest.approx(expected, rel=1e-9)


def test_the_encoder_sees_levels_one_by_one_and_no_code_of_them():
    scaling = Mixed().units(FACTS)
    x = torch.tensor([[2.0, 0.5, 1.0, -1.0]])
    assert scaling.input_shape == (7,)
    assert scaling.inputs(x).tolist() == [[0.5, -1.0, 0, 0, 1, 0, 1]]
    hidden = torch.tensor([[False, True, True, False]])
    assert scaling.inputs(x, hidden).tolist() == [[0.5, 0, 0, 0, 0, 0, 1]]
    with pytest.raises(CompositionError, match="a mixed likelihood needs the columns of a table"):
        Mixed().units(Facts((4,), 2, mean=torch.zeros(4), std=torch.ones(4)))


N = 400


@pytest.fixture(scope="module")
def frame():
    """Whether, where and how much depend on each other."""
    rng = np.random.default_rng(0)
    town = rng.choice(["Utrecht", "Bern", "Oslo"], N, p=[0.6, 0.3, 0.1])
    return pd.DataFrame(
        {
            "town": pd.Categorical(town, categories=["Oslo", "Utrecht", "Bern", "Rome"]),
            "rooms": rng.poisson(2, N) + (town == "Bern") * 4,
            "rent": (800 + 600 * (town == "Bern") + 50 * rng.normal(size=N)).round(2),
            "lift": rng.random(N) < np.where(town == "Oslo", 0.9, 0.1),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, N), unit="D"),
        },
        index=[f"flat {i}" for i in range(N)],
    )


def quick(cls, **arguments):
    return cls(2, **{"max_epochs": 2, "random_state": 0, **arguments})


@pytest.mark.parametrize("cls", [VAE, Autoencoder, DenoisingAutoencoder, AdversarialAutoencoder, GAN])
def test_a_table_goes_in_and_the_same_kind_of_table_comes_out(cls, frame, tmp_path):
    model = quick(cls).fit(frame)
    assert isinstance(model.likelihood_, Binned if cls is VAE else Mixed)
    model.save(tmp_path / "model")
    again = load(tmp_path / "model")
    if hasattr(model, "reconstruct"):
        back = model.reconstruct(frame)
        assert_frame_equal(back.iloc[:0], frame.iloc[:0])
        assert_index_equal(back.index, frame.index)
        assert np.isfinite(model.score_samples(frame)).all()
        assert_frame_equal(again.reconstruct(frame), back)
    if hasattr(model, "sample"):
        drawn = model.sample(50)
        assert (drawn.dtypes == frame.dtypes).all()
        assert set(drawn["town"]) <= {"Oslo", "Utrecht", "Bern", "Rome"}
        assert drawn["rooms"].between(frame["rooms"].min(), frame["rooms"].max()).all()
        assert drawn["since"].between(frame["since"].min(), frame["since"].max()).all()
        assert_frame_equal(again.sample(50), drawn)


def test_polars_comes_back_as_polars(frame):
    table = pl.DataFrame({name: frame[name].to_numpy() for name in ("rooms", "rent", "lift")}).with_columns(
        town=pl.Series(frame["town"].astype(str).tolist())
    )
    model = quick(VAE).fit(table.lazy())
    assert model.sample(3).schema == table.schema
    assert model.reconstruct(table).schema == table.schema


def test_the_code_tells_towns_apart(frame):
    """What decides the categories is learnt: reconstructed towns are right far oftener than the commonest town is."""
    model = quick(Autoencoder, max_epochs=60).fit(frame)
    right = (model.reconstruct(frame)["town"].astype(str) == frame["town"].astype(str)).mean()
    assert right > 0.9
    assert (frame["town"] == "Utrecht").mean() < 0.7


def test_samples_have_the_frequencies_of_the_data(frame):
    drawn = quick(VAE, max_epochs=60).fit(frame).sample(4_000, random_state=1)
    assert drawn["town"].value_counts(normalize=True)["Utrecht"] == pytest.approx(0.6, abs=0.12)
    dear = drawn.groupby("town", observed=True)["rent"].mean()
    assert dear["Bern"] > dear["Utrecht"] + 300


def test_unseen_levels_are_named_or_gaps_as_the_schema_says(frame):
    model = quick(Autoencoder).fit(frame.astype({"town": str}))
    new = frame.astype({"town": str}).head(3).assign(town="Paris")
    with pytest.raises(DataError, match="column 'town' holds 'Paris', which the fit did not meet"):
        model.score_samples(new)
    schema = {"town": Category(unseen="gap"), "since": None}
    lenient = quick(Autoencoder, schema=schema).fit(frame.astype({"town": str}))
    with pytest.warns(UserWarning, match="3 of 3 rows have gaps"):
        assert np.isfinite(lenient.score_samples(new)).all()
    assert list(lenient.reconstruct(frame.astype({"town": str})).columns) == ["town", "rooms", "rent", "lift"]


def test_columns_of_no_use_are_named_before_the_fit(frame):
    with pytest.warns(UserWarning, match=r"columns 'one' hold one value alone; schema=\{'one': None\} leaves one out"):
        quick(Autoencoder).fit(frame.assign(one="x"))


def test_arrays_are_drawn_in_their_own_kind(rng):
    counts = rng.poisson(3.0, size=(200, 3))
    drawn = quick(VAE).fit(counts).sample(100)
    assert drawn.dtype == counts.dtype
    assert (drawn >= 0).all()
    positive = rng.exponential(size=(200, 3))
    assert (quick(VAE).fit(positive).sample(500) >= 0).all()
    bits = rng.random((200, 3)) < 0.3
    assert quick(VAE).fit(bits).sample(10).dtype == bool
    assert quick(VAE).fit(counts).reconstruct(counts).dtype == np.float64, "an estimate is no count"


def test_a_masked_autoencoder_creates_and_completes_tables(frame, tmp_path):
    holed = frame.astype({"rooms": "Int64", "town": str})
    holed.loc[holed.index[::5], "town"] = None
    holed.loc[holed.index[::7], "rooms"] = pd.NA
    model = MaskedAutoencoder(max_epochs=2, random_state=0).fit(holed)
    given = model.sample(5, given={"town": "Bern", "since": "2021-01-05"})
    assert (given.dtypes == holed.dtypes).all()
    assert set(given["town"]) == {"Bern"}
    assert set(given["since"]) == {pd.Timestamp("2021-01-05")}
    assert (model.sample(9, where=lambda rows: rows["rent"] > 900)["rent"] > 900).all()
    filled = model.complete(holed.head(20))
    assert_index_equal(filled.index, holed.head(20).index)
    assert not filled.isna().any().any()
    there = holed.head(20).notna()
    assert_frame_equal(filled.where(there), holed.head(20).where(there), check_dtype=False)
    assert [type(draw) for draw in model.complete(holed.head(3), n_draws=2)] == [pd.DataFrame] * 2
    assert np.isfinite(model.score_samples(holed)).all()
    model.save(tmp_path / "model")
    assert_frame_equal(load(tmp_path / "model").sample(5), model.sample(5))


def test_set_output_asks_for_frames(frame):
    numbers = frame[["rooms", "rent"]]
    model = quick(VAE).fit(numbers.to_numpy())
    assert isinstance(model.sample(2), np.ndarray)
    model.set_output(transform="pandas")
    assert list(model.reconstruct(numbers.to_numpy()).columns) == ["x0", "x1"]
    named = quick(VAE).set_output(transform="pandas").fit(numbers)
    scores = named.score_samples(numbers)
    assert scores.name == "score"
    assert_index_equal(scores.index, frame.index)
    assert_index_equal(named.inverse_transform(named.transform(numbers)).index, frame.index)
    assert isinstance(quick(VAE).set_output(transform="polars").fit(numbers).sample(2), pl.DataFrame)


def test_the_command_line_takes_text_and_gaps_and_writes_the_tables_own_columns(tmp_path, monkeypatch, rng):
    monkeypatch.chdir(tmp_path)
    n = 60
    town = [None if i % 7 == 0 else name for i, name in enumerate(rng.choice(["Bern", "Oslo"], n))]
    pl.DataFrame({"town": town, "rooms": rng.integers(1, 6, n), "rent": rng.normal(900, 90, n).round(2)}).write_csv(
        "d.csv"
    )
    run("fit", "vae", "d.csv", "-o", "model", "--epochs", 2, "-q")
    run("sample", "model", "-n", 20, "-o", "new.csv")
    new = pl.read_csv("new.csv")
    assert new.columns == ["town", "rooms", "rent"]
    assert new["town"].is_in(["Bern", "Oslo"]).all()
    assert new["rooms"].dtype == pl.Int64
    assert new["rooms"].is_between(1, 5).all()
    run("reconstruct", "model", "d.csv", "-o", "back.parquet")
    back = pl.read_parquet("back.parquet")
    assert back.schema == pl.Schema({"town": pl.String, "rooms": pl.Int64, "rent": pl.Float64})
    assert back.null_count().sum_horizontal().item() == 0, "gaps are filled"
    run("score", "model", "d.csv", "-o", "scores.csv")
    assert np.isfinite(pl.read_csv("scores.csv")["score"].to_numpy()).all()
