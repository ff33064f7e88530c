"""Schemas: what a frame holds becomes numbers, and the same frame again."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal, assert_index_equal
from polars.testing import assert_frame_equal as assert_polars_equal

from isthmus.data import Category, Number, Schema
from isthmus.errors import CompositionError, DataError
from isthmus.parts import from_json, to_json

DATES = st.dates(dt.date(1700, 1, 1), dt.date(2200, 1, 1))
MOMENTS = st.datetimes(dt.datetime(1970, 1, 2), dt.datetime(2100, 1, 1))
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6)
WHOLE = st.integers(-(2**31), 2**31 - 1)
FLOATS = st.floats(-1e12, 1e12, allow_nan=False)
FEW = st.sampled_from(["a", "b", "c"])
SPANS = st.timedeltas(dt.timedelta(days=-9999), dt.timedelta(days=9999))
LEVELS = pd.CategoricalDtype(["low", "mid", "high"], ordered=True)
BINS = pd.CategoricalDtype(pd.interval_range(0, 4), ordered=True)

PANDAS = {
    "int8": (st.integers(-128, 127), "int8", False),
    "uint64": (st.integers(2**63, 2**63 + 2**50), "uint64", False),
    "int64": (st.integers(-(2**62), -(2**62) + 2**50), "int64", False),
    "Int32": (WHOLE, "Int32", True),
    "float32": (st.floats(-1e6, 1e6, width=32), "float32", True),
    "float64": (FLOATS, "float64", True),
    "Float64": (FLOATS, "Float64", True),
    "bool": (st.booleans(), "bool", False),
    "boolean": (st.booleans(), "boolean", True),
    "str": (TEXT, "str", True),
    "string": (TEXT, "string", True),
    "object": (TEXT, "object", True),
    "object of truth values": (st.booleans(), "object", True),
    "object of dates": (DATES, "object", True),
    "object of times": (st.times(), "object", True),
    "category": (FEW, "category", True),
    "category of numbers": (st.integers(0, 3), "category", True),
    "ordered": (st.sampled_from(["low", "mid", "high"]), LEVELS, True),
    "bins": (st.sampled_from([0.5, 1.5, 3.5]), BINS, True),
    "date": (DATES, "datetime64[s]", True),
    "moment": (MOMENTS, "datetime64[us]", True),
    "zone": (MOMENTS, "datetime64[us, Europe/Amsterdam]", True),
    "span": (SPANS, "timedelta64[us]", True),
    "period": (DATES, "period[M]", True),
}


@st.composite
def pandas_columns(draw, kind):
    values, dtype, gaps = PANDAS[kind]
    rows = draw(st.lists(values | st.none() if gaps else values, min_size=2, max_size=12))
    if all(value is None for value in rows):
        rows[0] = draw(values)
    if dtype is BINS:
        return pd.Series(pd.cut(pd.Series(rows, dtype="float64"), pd.interval_range(0, 4)))
    if str(dtype).startswith("period"):
        return pd.Series(pd.to_datetime(pd.Series(rows)).dt.to_period("M"))
    if "Amsterdam" in str(dtype):
        return pd.Series(rows, dtype="datetime64[us]").dt.tz_localize("UTC").dt.tz_convert("Europe/Amsterdam")
    return pd.Series(rows, dtype=dtype)


@pytest.mark.parametrize("kind", PANDAS)
@settings(max_examples=15, deadline=None)
@given(data=st.data(), labelled=st.booleans())
def test_a_pandas_column_comes_back_whatever_its_type(data, kind, labelled):
    column = data.draw(pandas_columns(kind))
    frame = pd.DataFrame({"it": column, "n": range(len(column))}).set_axis([7 * i for i in range(len(column))])
    frame.columns = [("it", 1), "n"] if labelled else ["it", "n"]
    schema = Schema.learn(frame)
    x = schema.encode(frame)
    assert x.dtype == np.float64
    np.testing.assert_array_equal(np.isnan(x[:, 0]), column.isna())
    back = schema.decode(x, frame)
    expected = frame.set_axis([str(name) for name in frame.columns], axis=1)
    assert_frame_equal(back, expected, check_freq=False)
    assert_index_equal(back.index, frame.index)
    np.testing.assert_array_equal(schema.settle(x), x)
    kept = from_json(json.loads(json.dumps(to_json(schema, {}))), {})
    assert kept == schema
    assert_frame_equal(kept.decode(kept.encode(frame), frame), back)


POLARS = {
    "Int8": (st.integers(-128, 127), pl.Int8),
    "UInt64": (st.integers(2**63, 2**63 + 2**50), pl.UInt64),
    "Int64": (st.integers(2**62, 2**62 + 2**50), pl.Int64),
    "Float32": (st.floats(-1e6, 1e6, width=32), pl.Float32),
    "Float64": (FLOATS, pl.Float64),
    "Boolean": (st.booleans(), pl.Boolean),
    "String": (TEXT, pl.String),
    "Categorical": (FEW, pl.Categorical),
    "Enum": (FEW, pl.Enum(["c", "b", "a", "unused"])),
    "Decimal": (st.decimals(-9999, 9999, places=2), pl.Decimal(12, 2)),
    "Date": (DATES, pl.Date),
    "Datetime": (MOMENTS, pl.Datetime("us")),
    "zone": (MOMENTS, pl.Datetime("ms", "Europe/Amsterdam")),
    "Time": (st.times(), pl.Time),
    "Duration": (SPANS, pl.Duration("us")),
}


@st.composite
def polars_columns(draw, kind):
    values, dtype = POLARS[kind]
    rows = draw(st.lists(values | st.none(), min_size=2, max_size=12))
    if all(value is None for value in rows):
        rows[0] = draw(values)
    return pl.Series("it", rows, dtype=dtype)


@pytest.mark.parametrize("kind", POLARS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_a_polars_column_comes_back_whatever_its_type(data, kind):
    column = data.draw(polars_columns(kind))
    frame = pl.DataFrame([column, pl.Series("n", range(len(column)))])
    schema = Schema.learn(frame)
    assert_polars_equal(schema.decode(schema.encode(frame)), frame)
    lazily = Schema.learn(frame.lazy())
    np.testing.assert_array_equal(lazily.encode(frame.lazy()), schema.encode(frame))


def test_an_arrow_table_comes_through_its_own_interface():
    """A table that offers nothing but Arrow's stream, as those of pyarrow, DuckDB and others do."""

    class ArrowTable:
        def __init__(self, frame):
            self.frame = frame

        def __arrow_c_stream__(self, requested_schema=None):
            return self.frame.__arrow_c_stream__(requested_schema)

    frame = pl.DataFrame({"a": [1, None, 3], "b": ["x", "y", None]})
    schema = Schema.learn(ArrowTable(frame))
    assert schema.library == "arrow"
    np.testing.assert_array_equal(schema.encode(ArrowTable(frame)), Schema.learn(frame).encode(frame))


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (["1.5", " NA ", "-2e3", ""], [1.5, np.nan, -2000.0, np.nan]),
        (["1", "n/a", "3", "NULL"], [1.0, np.nan, 3.0, np.nan]),
    ],
)
def test_text_that_spells_numbers_is_numbers_with_gaps(words, numbers):
    for frame in (pd.DataFrame({"a": words, "b": 0}), pl.DataFrame({"a": words, "b": 0})):
        schema = Schema.learn(frame)
        assert isinstance(schema.columns[0], Number)
        np.testing.assert_array_equal(schema.encode(frame)[:, 0], numbers)


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (["2020-01-03", "NA", "2020-01-01", "2020-02-01"], [2.0, np.nan, 0.0, 31.0]),
        (["2020-01-01 00:00:00", "", "2020-01-01 00:01:00", "2020-01-02 00:00:00"], [0.0, np.nan, 60.0, 86_400.0]),
    ],
)
def test_text_that_spells_dates_is_dates_and_comes_back_as_text(words, numbers):
    for frame in (pd.DataFrame({"a": words}), pl.DataFrame({"a": words}), pd.DataFrame({"a": words}, dtype=object)):
        schema = Schema.learn(frame)
        np.testing.assert_array_equal(schema.encode(frame)[:, 0], numbers)
        back = list(schema.decode(schema.encode(frame))["a"])
        assert [back[i] for i in (0, 2, 3)] == [words[i] for i in (0, 2, 3)]
    assert Schema.learn(pd.DataFrame({"a": ["2020-13-01", "2020-01-01"]})).columns[0].levels == 2


def test_text_of_digits_with_leading_zeros_is_no_number():
    schema = Schema.learn(pd.DataFrame({"zip": ["0107", "3511", "0107"]}))
    assert schema.columns[0].categories == ("0107", "3511")


def test_what_is_drawn_settles_into_what_the_columns_hold():
    frame = pd.DataFrame(
        {
            "count": [0, 3, 12],
            "price": [0.25, 1.5, 9.75],
            "hundreds": [100, 300, 200],
            "size": ["S", "M", "L"],
            "yes": [True, False, True],
            "at": pd.to_datetime(["2020-01-01", "2020-01-03", "2020-02-01"]),
        }
    )
    schema = Schema.learn(frame)
    drawn = np.array([[-2.2, 1.006, 149.0, 5.4, 0.7, 86_400 * 1.6], [3.4, 99.0, 301.0, -1.0, 0.2, -5.0]])
    back = schema.decode(schema.settle(drawn))
    assert back["count"].tolist() == [0, 3]
    assert back["price"].tolist() == [1.01, 9.75]
    assert back["size"].tolist() == ["S", "L"]
    assert back["yes"].tolist() == [True, False]
    assert [str(day.date()) for day in back["at"]] == ["2020-01-03", "2020-01-01"]
    assert_frame_equal(back.iloc[:0], frame.iloc[:0])


def test_a_category_that_was_never_met_is_an_error_a_gap_or_the_nearest():
    frame = pd.DataFrame({"country": ["Netherlands", "Germany", "France"], "n": [1, 2, 3]})
    new = pd.DataFrame({"country": ["netherland", "Germany"], "n": [1, 2]})
    with pytest.raises(DataError, match=r"'country' holds 'netherland', which the fit did not meet \(first in row 0\)"):
        Schema.learn(frame).encode(new)
    as_gap = Schema.learn(frame, {"country": Category(unseen="gap")})
    np.testing.assert_array_equal(as_gap.encode(new)[:, 0], [np.nan, 1.0])
    nearest = Schema.learn(frame, {"country": Category(unseen="nearest")})
    np.testing.assert_array_equal(nearest.encode(new)[:, 0], [2.0, 1.0])
    numbers = Schema.learn(pd.DataFrame({"n": [1, 5, 9]}), {"n": Category(unseen="nearest")})
    assert numbers.encode(pd.DataFrame({"n": [6, -3]}))[:, 0].tolist() == [1.0, 0.0]


def test_edits_say_what_a_column_is():
    frame = pd.DataFrame({"zip": [1071, 3511, 1071], "size": ["M", "S", "L"], "id": [1, 2, 3]})
    schema = Schema.learn(frame, {"zip": "category", "size": Category(categories=("S", "M", "L")), "id": None})
    assert schema.encode(frame).tolist() == [[0, 1], [1, 0], [0, 2]]
    assert_frame_equal(schema.decode(schema.encode(frame)), frame[["zip", "size"]])
    assert str(schema).splitlines()[-1] == "id    left out"
    with pytest.raises(CompositionError, match="there is no column 'zipp', did you mean 'zip'"):
        Schema.learn(frame, {"zipp": "category"})
    with pytest.raises(CompositionError, match="column 'zip' must be a Column, its name or None, got 3"):
        Schema.learn(frame, {"zip": 3})


def test_what_a_person_should_know_before_a_fit_is_a_line():
    n = 40
    frame = pd.DataFrame(
        {"one": 1.0, "id": range(7, 7 + n), "name": [f"person {i}" for i in range(n)], "x": [1.5, 2] * 20}
    )
    lines = Schema.learn(frame).remarks()
    assert lines == [
        "columns 'one' hold one value alone; schema={'one': None} leaves one out",
        "columns 'id', 'name' look like names of the rows, of which nothing is learnt; "
        "schema={'id': None} leaves one out",
    ]
    with pytest.raises(DataError, match=r"no value at all in column 'a'; leave it out: schema=\{'a': None\}"):
        Schema.learn(pd.DataFrame({"a": [None, None], "b": [1, 2]}))
    many = pd.DataFrame({"text": [str(i) + "x" for i in range(20_001)]})
    with pytest.raises(DataError, match=r"20,001 categories, 20,001 of them in 'text'; a fit takes 20,000: leave it"):
        Schema.learn(many)


def test_a_column_of_another_sort_is_named():
    schema = Schema.learn(pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}))
    with pytest.raises(DataError, match=r"column 'a' was numbers in the fit and now holds text \(row 1: 'high'\)"):
        schema.encode(pd.DataFrame({"a": [None, "high"], "b": ["x", "y"]}))
    with pytest.raises(DataError, match="column 'b' is missing"):
        schema.encode(pd.DataFrame({"a": [1.0], "c": ["x"]}))


def test_decimals_come_back_as_decimals():
    frame = pd.DataFrame({"price": [Decimal("9.95"), None, Decimal("12.50")]})
    schema = Schema.learn(frame)
    assert schema.decode(schema.encode(frame))["price"].tolist() == [Decimal("9.95"), None, Decimal("12.5")]


def test_arrays_have_a_schema_too():
    X = np.array([[True, False], [False, False]])
    assert Schema.learn(X).decode(np.array([[0.9, 0.1]])).dtype == bool
    counts = np.array([[0, 7], [3, 250]], dtype=np.uint8)
    np.testing.assert_array_equal(
        Schema.learn(counts).decode(Schema.learn(counts).settle(np.array([[-4.0, 7.6], [2.5, 999.0]]))),
        np.array([[0, 8], [2, 250]], dtype=np.uint8),
    )
    mixed = np.array([["a", 1], ["b", 2.5]], dtype=object)
    schema = Schema.learn(mixed)
    assert schema.encode(mixed).tolist() == [[0, 1], [1, 2.5]]
    assert schema.decode(schema.encode(mixed)).tolist() == [["a", 1.0], ["b", 2.5]]
