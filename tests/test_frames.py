"""Frames as users have them: what a model can learn from is taken, what it cannot is one line that says what to do."""

from __future__ import annotations

import decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from isthmus import Autoencoder
from isthmus.errors import DataError

N = 40
NUMBERS = np.random.default_rng(0).normal(size=(N, 2)).round(3)
DECIMALS = [decimal.Decimal(str(value)) for value in NUMBERS[:, 0]]
VECTORS = NUMBERS.tolist()


@pytest.mark.parametrize(
    "X",
    [
        pl.DataFrame({"a": DECIMALS, "b": NUMBERS[:, 1]}),
        pd.DataFrame({"a": DECIMALS, "b": NUMBERS[:, 1]}),
        pd.DataFrame({"a": NUMBERS[:, 0], "b": NUMBERS[:, 1]}, index=range(5, 5 + N)),
    ],
    ids=["polars", "pandas", "index"],
)
def test_decimals_are_numbers_and_an_index_is_not_one(X):
    from_array = Autoencoder(1, max_epochs=1, random_state=0).fit(NUMBERS)
    from_frame = Autoencoder(1, max_epochs=1, random_state=0).fit(X)
    np.testing.assert_array_equal(from_frame.transform(X), from_array.transform(NUMBERS))


@pytest.mark.parametrize(
    ("X", "said"),
    [
        (pl.DataFrame({"e": VECTORS}), r"columns e hold lists; .*numpy\.stack\(X\['e'\]\.to_list\(\)\)"),
        (pl.DataFrame({"e": VECTORS}, schema={"e": pl.Array(pl.Float64, 2)}), "columns e hold lists"),
        (pl.DataFrame({"a": NUMBERS[:, 0], "s": [{"k": 1}] * N}), "columns s hold lists"),
        (pd.DataFrame({"e": VECTORS}), "columns e hold lists"),
        (pd.DataFrame({"e": [None, *VECTORS[1:]]}), "columns e hold lists"),
        (pd.DataFrame({"e": [tuple(v) for v in VECTORS], "f": [np.array(v) for v in VECTORS]}), "columns e, f hold"),
        (pd.DataFrame({"i": pd.interval_range(0, N)}), "columns i hold intervals; give their ends as two columns"),
    ],
)
def test_what_no_column_can_hold_is_one_line(X, said):
    with pytest.raises(DataError, match=said) as caught:
        Autoencoder(1, max_epochs=1).fit(X)
    assert "\n" not in str(caught.value)


def test_the_array_that_a_message_names_is_taken():
    for X in (pl.DataFrame({"e": VECTORS}), pd.DataFrame({"e": VECTORS})):
        np.testing.assert_array_equal(np.stack(X["e"].to_list()), NUMBERS)
