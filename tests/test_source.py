"""Sources: three kinds of the same draws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from isthmus.errors import CompositionError
from isthmus.source import ByRow, Generated, Recorded, Replayed, row_seeds

LIKE = torch.zeros((), dtype=torch.float64)


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _draws(source) -> list[torch.Tensor]:
    return [source.normal((4, 3, 2), LIKE), source.uniform((4, 3), LIKE), source.integers(7, (4, 3, 5), LIKE)]


def test_what_was_recorded_is_replayed():
    recorded = Recorded(_generator())
    first = _draws(recorded)
    again = _generator()
    replayed = _draws(Replayed([request.drawn_from(again) for request in recorded.requests]))
    for a, b, c in zip(first, replayed, _draws(Generated(_generator())), strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a, c)


@pytest.mark.parametrize(
    "make", [Generated, lambda g: ByRow(torch.arange(500), range(40))], ids=["generated", "by row"]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_draws_have_the_laws_they_say(make, dtype):
    source, like = make(_generator()), torch.zeros((), dtype=dtype)
    z, u, k = source.normal((40, 500, 2), like), source.uniform((40, 500), like), source.integers(7, (40, 500), like)
    assert (z.dtype, u.dtype, k.dtype) == (dtype, dtype, torch.int64)
    assert stats.kstest(z.flatten().double().numpy(), "norm").pvalue > 0.001
    assert stats.kstest(u.flatten().double().numpy(), "uniform").pvalue > 0.001
    assert set(k.unique().tolist()) == set(range(7))
    assert stats.chisquare(np.bincount(k.flatten().numpy())).pvalue > 0.001


def test_draws_by_row_are_independent_across_requests_rows_and_draws():
    source = ByRow(row_seeds(torch.arange(300.0)[:, None]), range(60))
    first, second = source.normal((60, 300), LIKE), source.normal((60, 300), LIKE)
    bound = 5 / first.numel() ** 0.5

    def correlation(a: torch.Tensor, b: torch.Tensor) -> float:
        return abs(float(np.corrcoef(a.flatten().numpy(), b.flatten().numpy())[0, 1]))

    assert correlation(first, second) < bound, "across requests"
    assert correlation(first[:, 1:], first[:, :-1]) < bound, "across rows"
    assert correlation(first[1:], first[:-1]) < bound, "across draws"
    assert correlation(first.abs(), second.abs()) < bound


def test_draws_by_row_do_not_depend_on_company_order_or_number():
    seeds = row_seeds(torch.randn(6, 4, generator=_generator()))
    order = torch.tensor([3, 1, 5, 0, 2, 4])

    def drawn(seeds, draws):
        source = ByRow(seeds, draws)
        shape = (len(draws), len(seeds))
        return [source.normal((*shape, 3), LIKE), source.integers(9, shape, LIKE), source.uniform((*shape, 2), LIKE)]

    whole = drawn(seeds, range(8))
    for a, b in zip(whole, drawn(seeds[order], range(8)), strict=True):
        assert torch.equal(a[:, order], b)
    for a, b in zip(whole, drawn(seeds[:1], range(8)), strict=True):
        assert torch.equal(a[:, :1], b)
    for a, *parts in zip(whole, drawn(seeds, range(3)), drawn(seeds, range(3, 8)), strict=True):
        assert torch.equal(a, torch.cat(parts))


def test_numbers_that_belong_to_no_row_are_refused():
    with pytest.raises(CompositionError, match=r"a draw of shape \(5,\) cannot be made a row at a time"):
        ByRow(torch.arange(3), range(2)).normal((5,), LIKE)
