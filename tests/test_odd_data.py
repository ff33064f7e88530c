"""Small and odd data, row by row: the table in docs/trust.md names these tests."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from conftest import SYSTEMS, each_system
from isthmus import (
    GAN,
    Autoencoder,
    ContractiveAutoencoder,
)
from isthmus.errors import CompositionError, DataError
from isthmus.networks import MLP
from isthmus.rows import check_rows


def quick(cls, **arguments):
    return cls(**{"latent_dim": 2, "max_epochs": 2, "network": MLP((8,)), "random_state": 0, **arguments})


def outputs(model, X):
    """Everything a fitted model makes of rows."""
    names = [n for n in ("transform", "reconstruct", "score_samples", "discriminate") if hasattr(model, n)]
    return {name: getattr(model, name)(X) for name in names} | (
        {"sample": model.sample(len(X))} if hasattr(model, "sample") else {}
    )


def fits(cls, X, **arguments):
    made = outputs(quick(cls, **arguments).fit(X), X)
    for name, values in made.items():
        assert len(values) == len(X), name
        assert np.isfinite(values).all(), name
    return made


def numbers(rows=20):
    return np.random.default_rng(0).normal(size=(rows, 5))


@each_system
def test_batches_larger_than_the_data(cls):
    fits(cls, numbers(), batch_size=1000)


@pytest.mark.parametrize("rows", [2, 3, 17, 33])
@each_system
def test_no_batch_is_left_with_one_row(cls, rows):
    network = MLP((8,), norm="layer" if cls is ContractiveAutoencoder else "batch")
    tied = {"tied": False} if cls is ContractiveAutoencoder else {}
    fits(cls, numbers(rows), batch_size=16, network=network, **tied)


@pytest.mark.parametrize("cls", [c for c in SYSTEMS if c is not ContractiveAutoencoder], ids=lambda cls: cls.__name__)
def test_batches_of_one_row(cls):
    fits(cls, numbers(5), batch_size=1)
    with pytest.raises(
        CompositionError, match="batch normalisation needs batches of at least 2 rows; raise batch_size"
    ):
        quick(cls, batch_size=1, network=MLP((8,), norm="batch")).fit(numbers(5))


VALUES = {
    "a constant column": lambda X: np.where(np.arange(5) == 2, 7.0, X),
    "a large constant column": lambda X: np.where(np.arange(5) == 2, 1e9 + 0.1, X),
    "duplicated rows": lambda X: np.repeat(X[:1], 20, 0),
    "all zero": lambda X: np.zeros((20, 5)),
    "all one": lambda X: np.ones((20, 5), int),
    "all the same": lambda X: np.full((20, 5), 3.7),
    "two rows": lambda X: X[:2],
    "float16 at its limit": lambda X: np.where(np.arange(5) == 2, 60000, X).astype("f2"),
    "beyond float32": lambda X: X * 1e39,
    "denormal": lambda X: X * 1e-300,
    "integers beyond int64": lambda X: np.uint64(2**64 - 1) - (X * 9).astype(np.int64).astype(np.uint8),
    "large integers": lambda X: 2**62 + (X * 1000).astype(np.int64),
}


@pytest.mark.parametrize("values", VALUES)
@each_system
def test_odd_values(cls, values):
    fits(cls, VALUES[values](numbers()))


def test_a_constant_column_comes_back_as_it_was():
    X = np.where(np.arange(5) == 2, 1e9 + 0.25, numbers())
    np.testing.assert_allclose(quick(Autoencoder, max_epochs=60).fit(X).reconstruct(X)[:, 2], 1e9 + 0.25, rtol=1e-9)


def test_integers_beyond_int64_do_not_wrap_around():
    X = np.array([[2**64 - 1, 1], [2**63, 2], [5, 3]], dtype=np.uint64)
    assert (check_rows(Autoencoder(), X, reset=True) >= 0).all()


def test_values_that_overflow_are_refused_by_column():
    X = np.where(np.arange(5) == 3, 1e300, 1.0) * numbers()
    with pytest.raises(DataError, match="column 3 has values too large to be squared"):
        quick(Autoencoder).fit(X)


FORMS = {
    "Fortran order": np.asfortranarray,
    "reversed": lambda X: np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
    "strided": lambda X: np.repeat(X, 2, axis=0)[::2],
    "read-only": lambda X: _frozen(X),
    "non-native byte order": lambda X: X.astype(X.dtype.newbyteorder()),
    "objects": lambda X: X.astype(object),
    "nullable frame": lambda X: pd.DataFrame(X, columns=list("abcde")).astype("Float64"),
    "polars": lambda X: pl.DataFrame(X, schema=list("abcde")),
    "tensor with gradient": lambda X: torch.tensor(X, requires_grad=True),
    "long doubles": lambda X: X.astype(np.longdouble),
    "list": lambda X: X.tolist(),
}


def _frozen(X):
    X = X.copy()
    X.flags.writeable = False
    return X


@pytest.mark.parametrize("form", FORMS)
@each_system
def test_odd_forms_give_the_same_bits(cls, form):
    X = numbers()
    given = FORMS[form](X)
    expected, found = fits(cls, X), outputs(quick(cls).fit(given), given)
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
    assert np.array_equal(X, numbers()), "what was given is not changed"


@pytest.mark.parametrize(
    "dtype", ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", ">f2", ">i4", ">u2"]
)
@each_system
def test_numbers_of_every_width(cls, dtype):
    X = (np.random.default_rng(0).uniform(size=(20, 5)) * (1 if dtype == "?" else 100)).round().astype(dtype)
    made = fits(cls, X)
    if "transform" in made:
        wide = X.dtype.itemsize >= (8 if X.dtype.kind == "f" else 4)
        assert made["transform"].dtype == (np.float64 if wide else np.float32)


def test_bfloat16_tensors():
    X = torch.tensor(numbers()).to(torch.bfloat16)
    np.testing.assert_array_equal(
        quick(Autoencoder).fit(X).transform(X), quick(Autoencoder).fit(X.float()).transform(X.float())
    )


REFUSED = {
    "masked": (lambda X: np.ma.masked_less(X, 0), "X is a masked array; fill or drop what is masked first"),
    "masked, nothing masked": (np.ma.array, "X is a masked array"),
    "sparse": (sp.csr_matrix, r"Sparse data was passed for X, but dense data is required. Use '.toarray\(\)'"),
    "sparse array": (sp.coo_array, "Sparse data was passed for X"),
    "sparse frame": (lambda X: pd.DataFrame(X > 0).astype(pd.SparseDtype(bool)), "Sparse data was passed for X"),
    "sparse tensor": (lambda X: torch.tensor(X).to_sparse(), r"Sparse data was passed for X, .*: X.to_dense\(\)"),
    "complex": (lambda X: X + 1j, "Complex data not supported: X holds them; give real and imaginary parts"),
    "dates": (lambda X: np.full((20, 5), np.datetime64("2020-01-01")), "X holds dates; turn them into numbers"),
    "times": (lambda X: np.full((20, 5), np.timedelta64(5, "s")), "X holds time differences; turn them into"),
    "records": (lambda X: np.zeros(20, dtype=[("a", "f4"), ("b", "f4")]), "X holds records with fields"),
    "objects that are no values": (lambda X: np.array([[1, [2]], [3, [4]]], dtype=object), "'1' holds list objects"),
    "no value in a column": (
        lambda X: np.where(np.arange(5) == 2, None, X.astype(object)),
        r"no value at all in column '2'; leave it out: schema=\{'2': None\}",
    ),
    "two columns of one name": (
        lambda X: pd.DataFrame(X, columns=list("abcad")),
        "columns 'a' are there more than once",
    ),
    "empty": (lambda X: X[:0], r"0 sample\(s\)"),
    "no columns": (lambda X: X[:, :0], r"0 feature\(s\)"),
    "one row": (lambda X: X[:1], r"1 sample\(s\) .* minimum of 2 is required"),
    "one dimension": (lambda X: X[:, 0], "Expected 2D array, got 1D array"),
    "nothing": (lambda X: None, "Expected 2D array"),
}


@pytest.mark.parametrize("form", REFUSED)
@each_system
def test_what_cannot_be_used_is_refused(cls, form):
    give, message = REFUSED[form]
    with pytest.raises((ValueError, TypeError), match=message):
        quick(cls).fit(give(numbers()))


@each_system
def test_columns_are_known_by_name(cls):
    frame = pd.DataFrame(numbers(), columns=list("abcde"))
    model = quick(cls).fit(frame)
    method = model.discriminate if cls is GAN else model.transform
    with pytest.raises(DataError, match="column 0 was 'a' and is 'b'; reorder") as caught:
        method(frame[list("bacde")])
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"(?s)seen at fit time, yet now missing:\n- e"):
        method(frame[list("abcd")])
    with pytest.raises(ValueError, match=r"(?s)unseen at fit time:\n- z.*yet now missing:\n- e"):
        method(frame.rename(columns={"e": "z"}))
    polars = pl.DataFrame(frame.to_numpy(), schema=list("bacde"))
    with pytest.raises(DataError, match="column 0 was 'a' and is 'b'"):
        method(polars)


@each_system
def test_one_row_after_the_fit(cls):
    X = numbers()
    model = quick(cls).fit(X)
    for name, whole in outputs(model, X).items():
        if name != "sample":
            np.testing.assert_array_equal(getattr(model, name)(X[3:4]), whole[3:4])


@settings(max_examples=100, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([np.dtype(code) for code in ("f2", "f4", "f8", ">f4", ">f8", "i1", "i8", "u1", "u8", "?")]),
        hnp.array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=5),
    )
)
def test_the_data_edge_returns_the_numbers_it_was_given_or_names_what_is_wrong(X):
    """Numbers and gaps come through as they are, not copied where torch can share them; others are a DataError."""
    before = X.copy()
    empty = X.ndim == 2 and np.isnan(X).all(axis=0).any()
    if np.isinf(X).any() or empty:
        with pytest.raises(DataError, match=r"contains infinity|no value at all"):
            check_rows(Autoencoder(), X, reset=True)
    else:
        x = check_rows(Autoencoder(), X, reset=True)
        np.testing.assert_array_equal(x, before.astype(x.dtype))
        assert x.dtype.kind in "biuf"
        assert x.dtype.itemsize <= 8
        if x.dtype == X.dtype:
            assert np.shares_memory(x, X)
    np.testing.assert_array_equal(X, before)
