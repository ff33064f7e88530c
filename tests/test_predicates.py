"""Conditions on rows as text: what they mean is what pandas means, and nothing of them is run as code."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest

from isthmus import VAE
from isthmus.data import Category, Schema
from isthmus.data.predicate import Predicate
from isthmus.errors import CompositionError, DataError

FRAME = pd.DataFrame(
    {
        "age": [61, 70, 18, 35, 64, 59],
        "income": [1.5, np.nan, 0.0, 2.0, 3.5, -1.0],
        "city": ["Utrecht", "Delft", "Utrecht", None, "Zwolle", "Delft"],
        "hours per week": [40, 0, 12, 38, 40, 20],
        "size": pd.Categorical(["S", "M", "L", "S", None, "M"], categories=["S", "M", "L"], ordered=True),
        "member": [True, False, True, True, False, False],
        "start": pd.to_datetime(["2020-01-05", "2020-02-01", "2021-05-05", "2019-12-31", None, "2020-01-06"]),
        "end": pd.to_datetime(["2020-02-05", "2020-02-01", "2021-05-01", "2020-12-31", "2020-01-01", "2020-01-31"]),
        "class": [1, 2, 1, 2, 1, 2],
    }
)


def holds(text: str, frame: object = FRAME) -> list[bool]:
    schema = Schema.learn(frame)
    return Predicate(text)(schema.encode(frame), schema.columns).tolist()


@pytest.mark.parametrize(
    "text",
    [
        "age > 60",
        "60 <= age",
        "18 < age <= 61",
        "age > 60 and city == 'Utrecht'",
        "(age > 60) | (income >= 2)",
        "not age > 60",
        "~(age > 60) & (income < 1)",
        "income != 2",
        "city != 'Delft'",
        "city in ['Utrecht', 'Delft']",
        "city not in ['Utrecht']",
        "age in [61, 18]",
        "income * 2 + 1 < age / 20",
        "age % 10 == 1 or age // 10 == 3",
        "-income ** 2 > -3",
        "`hours per week` < 30",
        "size < 'L'",
        "member",
        "member == True and age < 50",
        "start < end",
        "start >= '2020-01-06'",
        "`class` == 2",
    ],
)
def test_a_condition_means_what_pandas_means(text):
    kept = FRAME.query(text).index
    assert holds(text) == FRAME.index.isin(kept).tolist()
    assert 0 < len(kept) < len(FRAME)


def test_differences_of_dates_are_days():
    assert holds("end - start > 20") == [True, False, False, True, False, True]
    assert holds("start + 31 == end") == [True, False, False, False, False, False]


def test_times_of_day_zones_and_durations(rng):
    moments = pd.to_datetime(["2020-06-01 12:00", "2020-06-01 20:00"]).tz_localize("Europe/Amsterdam")
    frame = pd.DataFrame({"at": moments, "clock": [dt.time(8, 30), dt.time(17)], "for": pd.to_timedelta([1, 3], "D")})
    assert holds("at < '2020-06-01 12:30'", frame) == [True, False]
    assert holds("at < '2020-06-01T10:30+00:00'", frame) == [True, False]
    assert holds("clock >= '12:00'", frame) == [False, True]
    assert holds("`for` > 2", frame) == [False, True]


def test_polars_and_arrays_have_columns_too():
    assert holds(
        "age > 60 and city == 'Utrecht'",
        pl.DataFrame({"age": FRAME["age"].to_list(), "city": FRAME["city"].fillna("x").to_list()}),
    ) == [True] + 5 * [False]
    assert holds("x1 - x0 > 1", np.array([[0.0, 2.0], [1.0, 1.5]])) == [True, False]
    dotted = pd.DataFrame({"hours.per.week": [1.0, 2.0]})
    assert holds("hours.per.week > 1", dotted) == [False, True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("age >", "it is no condition such as age > 60"),
        ("class > 1", "between backticks"),
        ("agee > 60", "no column 'agee', did you mean 'age'"),
        ("city == 'Utrech'", "'Utrech' is none of the categories 'Delft', 'Utrecht', 'Zwolle', did you mean 'Utrecht'"),
        ("city < 'Utrecht'", "text without an order"),
        ("age == 'old'", "numbers are compared with text"),
        ("age + 1", r"age \+ 1 is no condition"),
        ("start > 'soon'", "'soon' is no date such as 2020-01-05"),
        ("start * 2 > end", "no arithmetic"),
        ("age is 3", "compared by is"),
        ("city in age", "a list of values, got age"),
        ("__import__('os').system('true')", "not among what a condition is made of"),
        ("(lambda: age > 1)()", "not among what a condition is made of"),
        ("age.__class__ == 3", "no column 'age.__class__'"),
        ("[age for age in (1,)] == 1", "not among what a condition is made of"),
        ("age > 1 == True", "conditions are joined"),
        ("age > None", "None is not among"),
    ],
)
def test_what_is_no_condition_is_refused_in_one_line(text, message):
    if text == "age > 1 == True":
        text = "(age > 1) == True"
    with pytest.raises(CompositionError, match=message) as caught:
        holds(text)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("where=")


@pytest.fixture(scope="module")
def vae():
    rng = np.random.default_rng(0)
    age = rng.integers(18, 90, 400)
    frame = pd.DataFrame({"age": age, "since": age - rng.integers(0, 18, 400), "kind": rng.choice(["a", "b"], 400)})
    return VAE(2, max_epochs=3, random_state=0).fit(frame), frame


def test_any_estimator_draws_rows_that_satisfy_conditions(vae):
    model, _ = vae
    drawn = model.sample(50, 1, where=["age > 60 and kind == 'b'", lambda rows: rows["since"] < rows["age"]])
    assert len(drawn) == 50
    assert ((drawn["age"] > 60) & (drawn["kind"] == "b") & (drawn["since"] < drawn["age"])).all()
    again = model.sample(50, 1, where=["age > 60 and kind == 'b'", lambda rows: rows["since"] < rows["age"]])
    pd.testing.assert_frame_equal(drawn, again)


def test_conditions_bend_nothing_but_what_they_say(vae):
    """Draws under a condition are the draws without one that satisfy it, in distribution."""
    model, _ = vae
    kept = model.sample(20_000, 2).query("age > 50")
    drawn = model.sample(4000, 3, where="age > 50")
    assert (drawn["age"] > 50).all()
    error = (0.25 * (1 / len(kept) + 1 / len(drawn))) ** 0.5
    assert (drawn["kind"] == "a").mean() == pytest.approx((kept["kind"] == "a").mean(), abs=5 * error)
    spread = kept["since"].std() * (1 / len(kept) + 1 / len(drawn)) ** 0.5
    assert drawn["since"].mean() == pytest.approx(kept["since"].mean(), abs=5 * spread)


def test_the_share_is_said_first(vae, capsys):
    model, _ = vae
    share = model.sample(20_000, 2).eval("age > 50").mean()
    model.set_params(verbose=1)
    try:
        model.sample(20, 1, where="age > 50")
    finally:
        model.set_params(verbose=0)
    said = capsys.readouterr().out
    assert said.startswith("where holds for ")
    assert float(said.split()[3].rstrip("%")) / 100 == pytest.approx(share, abs=0.08)
    with pytest.warns(UserWarning, match=r"where holds for .*\('age > 86' .*%, 'since < 40' .*%\); 3 such rows take"):
        model.sample(3, 1, where=["age > 86", "since < 40"])


def test_what_never_holds_ends(vae, monkeypatch):
    model, _ = vae
    with (
        pytest.warns(UserWarning, match="where holds for 0.00%"),
        pytest.raises(DataError, match=r"where does not hold for row 0 in [0-9,]+ draws; .* 'age > 900' for 0.00%"),
    ):
        model.sample(500, where="age > 900")
    with pytest.raises(CompositionError, match="empty list"):
        model.sample(2, where=[])
    with pytest.raises(CompositionError, match="an expression, a function or a list of them, got 3"):
        model.sample(2, where=[3])
    with pytest.raises(CompositionError, match=r"one truth value for each row, \(1024,\), got \(\)"):
        model.sample(2, where=lambda rows: True)


def test_levels_are_those_of_the_schema():
    columns = [Category("grade", categories=(1, 2, 3))]
    assert Predicate("grade >= 2")(np.array([[0.0], [1], [2]]), columns).tolist() == [False, True, True]
