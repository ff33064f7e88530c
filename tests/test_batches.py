"""Which rows make a batch: each once an epoch, pairs together, held-out rows never."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from isthmus import (
    Autoencoder,
    DenoisingAutoencoder,
)
from isthmus.batch import Batch
from isthmus.networks import MLP
from isthmus.tensors import as_tensor
from isthmus.training.data import Rows


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
