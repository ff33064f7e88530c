"""Data that do not fit in memory: batches and Parquet become one memory map, and a fit streams it."""

from __future__ import annotations

import gc
import threading
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from isthmus import VAE, DenoisingAutoencoder, spool
from isthmus.batch import Batch
from isthmus.errors import DataError
from isthmus.files import read
from isthmus.tensors import is_mapped
from isthmus.training.data import Rows


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.int16, bool])
def test_batches_become_one_array_in_their_own_dtype(dtype, rng, tmp_path):
    X = (rng.random((50, 3, 4)) * 100).astype(dtype)
    rows = spool((X[i : i + 7] for i in range(0, 50, 7)), tmp_path)
    np.testing.assert_array_equal(rows, X)
    assert rows.dtype == dtype
    assert not rows.flags.writeable
    assert is_mapped(rows)
    assert is_mapped(np.asarray(rows)[3:])
    assert not is_mapped(X)
    assert len(list(tmp_path.iterdir())) == 1
    del rows
    gc.collect()
    assert not list(tmp_path.iterdir()), "the file goes with the array"


def test_a_fit_on_a_memory_map_is_the_fit_on_the_array(rng, tmp_path):
    """And so it is from a folder of Parquet files, and from pairs; the next batch is fetched by another thread."""
    X = rng.normal(size=(300, 4))
    for i in range(3):
        pl.DataFrame(X[i * 100 : (i + 1) * 100], schema=list("abcd")).write_parquet(tmp_path / f"{i}.parquet")
    vae = VAE(2, max_epochs=3, random_state=0)
    codes = vae.fit(X).transform(X)
    for streamed in (spool([X[:120], X[120:]]), spool(tmp_path), read(tmp_path).values, spool(tmp_path / "1.parquet")):
        if len(streamed) == 300:
            np.testing.assert_array_equal(vae.fit(streamed).transform(streamed), codes)
        else:
            np.testing.assert_array_equal(streamed, X[100:200])
    noisy, dae = X + 0.1, DenoisingAutoencoder(2, max_epochs=2, random_state=0)
    plain = dae.fit(noisy, X).transform(X)
    np.testing.assert_array_equal(dae.fit(spool([noisy]), spool([X])).transform(X), plain)


def test_the_next_batch_is_loaded_while_this_one_is_trained_on():
    x = torch.arange(40.0)[:, None]
    rows, threads = Rows(Batch(x), 8, ahead=True), []
    gather = rows.gather
    rows.gather = lambda chosen: threads.append(threading.current_thread()) or gather(chosen)
    order = rows.order(torch.Generator().manual_seed(0))
    for taken, (chosen, batch) in enumerate(rows.batches_of(order)):
        torch.testing.assert_close(batch.x[:, 0], chosen.to(torch.float32))
        assert taken == 4 or len(threads) >= taken + 1
    assert len(threads) == 5
    assert threading.main_thread() not in threads


def test_what_cannot_be_spooled_is_told(tmp_path):
    for source, said in (
        ([], "there are no rows to spool"),
        ([np.zeros((0, 3))], "there are no rows to spool"),
        (
            [np.zeros((2, 3)), np.zeros((2, 4))],
            r"batch 1 has rows of \(4,\) float64, but the first batch has rows of \(3,\) float64",
        ),
        (
            [np.zeros((2, 3)), np.zeros((2, 3), int)],
            r"batch 1 has rows of \(3,\) int64, but the first batch has rows of \(3,\) float64",
        ),
        ([np.zeros(3)], r"batch 0 is float64 of shape \(3,\)"),
        ([np.array([["a"]])], "batch 0 is <U1"),
        (tmp_path / "none.parquet", "there is no Parquet file here"),
        (tmp_path, "there is no Parquet file here, nor a folder of them"),
    ):
        with pytest.raises(DataError, match=said):
            spool(source, tmp_path)
        assert not list(tmp_path.iterdir())
    pl.DataFrame({"a": ["x"]}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="hold no numbers"):
        spool(tmp_path / "t.parquet", tmp_path)
    Path(tmp_path / "t.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="cannot be read"):
        spool(tmp_path / "t.parquet", tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
