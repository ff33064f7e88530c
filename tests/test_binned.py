"""Laws of binned likelihoods: every number has a place, densities integrate to one, what repeats comes out exact."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contracts.common import source_of
from isthmus import VAE
from isthmus.binned import Binned
from isthmus.binned_units import BinnedUnits, BinPlaces, ColumnDistribution
from isthmus.binning import BIN, GAP, HIGH, KIND, LOW, MASS, RESERVE, STEP, check_pieces, pieces_of
from isthmus.distributions import draw, log_prob
from isthmus.errors import DataError, ModelFileError
from isthmus.facts import Facts
from isthmus.networks import MLP

RNG = np.random.default_rng(0)
COLUMNS = {
    "continuous": RNG.gamma(2.0, size=1000),
    "few rows": RNG.normal(size=9),
    "whole": RNG.poisson(30.0, size=500).astype(float),
    "whole, hardly repeated": RNG.integers(0, 100_000, size=700).astype(float),
    "binary": (RNG.random(200) < 0.2).astype(float),
    "zeros and a tail": np.where(RNG.random(2000) < 0.8, 0.0, RNG.exponential(1e3, size=2000)),
    "rounded": np.round(RNG.normal(size=900), 1),
    "constant": np.full(20, 3.25),
    "with gaps": np.where(RNG.random(300) < 0.3, np.nan, RNG.normal(size=300)),
    "one value once": np.r_[np.nan, 2.5, np.full(4, np.nan)],
    "large and close": 1e9 + np.arange(64) / 8,
}
by_column = pytest.mark.parametrize("name", COLUMNS)


def units_of(*columns, **options) -> BinnedUnits:
    pieces = np.concatenate([pieces_of(i, column, bins=16, **options) for i, column in enumerate(columns)])
    check_pieces(pieces)
    return BinnedUnits(pieces, (len(columns),))


def drawn_of(units: BinnedUnits, bins: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return units.values(bins, source_of(seed).uniform(bins.shape, units.edges))


def distribution_of(units: BinnedUnits, entry: int = 0, rows: int = 1) -> ColumnDistribution:
    """Any probabilities of the bins, the same in each row."""
    p = np.random.default_rng(1).dirichlet(np.ones(units.layout.sizes[entry]))
    return ColumnDistribution(units, entry, np.tile(p, (rows, 1)))


@by_column
def test_probability_and_density_add_up_to_one(name):
    """Values of their own by enumeration, intervals by the midpoint rule, which is exact there, tails by quadrature."""
    units = units_of(COLUMNS[name])
    pieces = units.pieces.numpy()
    pieces = pieces[pieces[:, KIND] != GAP]
    low, high = pieces[:, LOW], pieces[:, HIGH]
    points, tail = low == high, np.isinf(high - low)
    inside = ~points & ~tail
    value = np.where(points, low, np.where(inside, (low + high) / 2, 0.0))[~tail]
    p, step = distribution_of(units, rows=len(value)), pieces[0, STEP] or 1.0
    total = (np.exp(p.log_prob(value)) * np.where(points, 1.0, (high - low) / step)[~tail]).sum()
    steps = np.linspace(0.0, 40.0, 400_001)[1:]
    for end, sign in ((high[0], -1), (low[-1], 1)):
        reach = units.tail(0)
        at = end + sign * reach * steps
        p = distribution_of(units, rows=len(at))
        total += np.trapezoid(np.exp(p.log_prob(at)) / step, steps * reach)
    assert total == pytest.approx(1.0, abs=1e-3 if len(COLUMNS[name]) < 20 else 1e-5)


@by_column
def test_every_value_that_was_met_lies_in_a_piece_that_is_drawn(name):
    column = COLUMNS[name]
    units = units_of(column)
    known = torch.as_tensor(column[~np.isnan(column)])
    at = torch.searchsorted(units.upper, known)
    pieces = units.pieces[at]
    assert (pieces[:, KIND] != RESERVE).all()
    assert (pieces[:, LOW] <= known).all()
    assert (known <= pieces[:, HIGH]).all()
    assert torch.equal(pieces[:, BIN].long(), units.bins(known[:, None])[:, 0])


@by_column
def test_what_is_drawn_of_a_bin_lies_in_it_and_has_its_shares(name):
    units, n = units_of(COLUMNS[name]), 4000
    pieces = units.pieces.numpy()
    for b in range(units.layout.sizes[0]):
        x = drawn_of(units, torch.full((n, 1), b), b)
        if torch.isnan(x).all():
            assert pieces[-1, KIND] == GAP
            continue
        assert (units.bins(x) == b).all()
        own = pieces[(pieces[:, BIN] == b) & (pieces[:, KIND] != RESERVE)]
        at = np.searchsorted(units.upper.numpy(), x[:, 0].numpy())
        frequency = np.array(
            [(at == i).mean() for i in np.flatnonzero((pieces[:, BIN] == b) & (pieces[:, KIND] != RESERVE))]
        )
        share = own[:, MASS] / own[:, MASS].sum()
        assert np.abs(frequency - share).max() < 5 * np.sqrt(share.max() / n)


@by_column
def test_drawn_by_the_frequencies_of_its_bins_a_column_comes_back(name):
    """The quantiles of the empirical distribution function, within the resolution of a piece."""
    column = COLUMNS[name]
    units = units_of(column)
    bins = units.bins(torch.as_tensor(column)[:, None])[:, 0]
    share = np.bincount(bins, minlength=units.layout.sizes[0]) / len(bins)
    p = ColumnDistribution(units, 0, share[None])
    known = np.sort(column[~np.isnan(column)])
    assert p.missing[0] == pytest.approx(np.isnan(column).mean())
    for q in (0.0, 0.1, 0.5, 0.9, 1.0):
        found = p.quantile(q)[0]
        rank = np.searchsorted(known, found, "left") / len(known), np.searchsorted(known, found, "right") / len(known)
        assert rank[0] - 17 / len(known) <= q <= rank[1] + 17 / len(known)


def test_zeros_whole_numbers_and_rounded_ones_come_out_exact():
    for name in ("binary", "constant"):
        units = units_of(COLUMNS[name])
        bins = torch.arange(units.layout.sizes[0]).repeat(500)[:, None]
        assert set(drawn_of(units, bins)[:, 0].tolist()) <= set(COLUMNS[name].tolist())
    units = units_of(COLUMNS["rounded"])
    drawn = drawn_of(units, torch.arange(units.layout.sizes[0]).repeat(500)[:, None])[:, 0].numpy()
    np.testing.assert_array_equal(drawn, np.round(drawn, 1))
    units = units_of(COLUMNS["zeros and a tail"])
    assert set(drawn_of(units, units.bins(torch.zeros(50, 1)))[:, 0].tolist()) == {0.0}
    whole = units_of(COLUMNS["whole, hardly repeated"])
    drawn = drawn_of(whole, torch.arange(whole.layout.sizes[0]).repeat(200)[:, None])[:, 0]
    assert torch.equal(drawn, drawn.round())
    assert not set(drawn.tolist()) <= set(COLUMNS["whole, hardly repeated"].tolist()), (
        "whole numbers never met are drawn"
    )


@pytest.mark.parametrize("name", ["whole", "rounded"])
def test_what_is_whole_or_rounded_has_a_probability(name):
    units, step = units_of(COLUMNS[name]), {"whole": 1, "rounded": 10}[name]
    p = distribution_of(units, rows=400)
    values = np.arange(-150, 250) / step
    assert np.exp(p.log_prob(values)).sum() == pytest.approx(1.0, abs=1e-3)  # but for what lies beyond


def test_a_weight_of_two_is_a_row_twice():
    column, weight = COLUMNS["rounded"], np.random.default_rng(2).integers(1, 4, size=900)
    twice = pieces_of(0, np.repeat(column, weight), bins=16)
    np.testing.assert_allclose(pieces_of(0, column, weight.astype(float), bins=16), twice)


def test_a_category_takes_its_levels_and_no_other_value():
    units = units_of(np.array([2.0, 7.0, 7.0, np.nan]), levels=0)
    assert units.bins(torch.tensor([[2.0], [7.0], [math.nan]]).double())[:, 0].tolist() == [0, 1, 2]
    p = ColumnDistribution(units, 0, np.array([[0.2, 0.3, 0.5]]))
    assert p.levels.tolist() == [2.0, 7.0]
    np.testing.assert_allclose(p.probabilities, [[0.4, 0.6]])
    assert (p.missing[0], p.mode()[0]) == (0.5, 7.0)
    with pytest.raises(DataError, match="a category has no mean"):
        p.mean()
    levels = units_of(np.array([0.0, 2.0]), levels=3)
    assert levels.layout.total == 3, "a level that no row has is one still"
    likelihood = Binned(categories=(0,)).of(Facts((1,), 1, entry=lambda i: (np.array([2.0, 7.0]), None)))
    rows = np.array([[2.0], [3.0], [math.nan]])
    assert likelihood.within(rows, units)[1].tolist() == [False, True, False]
    with pytest.raises(DataError, match="row 1 has a level that its category never had in the fit"):
        likelihood.checked(rows, units)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=8))
def test_a_layout_has_a_place_for_every_bin(sizes):
    layout = BinPlaces(sizes)
    at = np.arange(layout.total)
    assert sorted(np.concatenate([at[layout.places(i)] for i in range(len(sizes))])) == at.tolist()
    of_order = [row.tolist() for block in layout.blocks(torch.as_tensor(at)) for row in block]
    assert of_order == [at[layout.places(i)].tolist() for i in layout.order]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e12, 1e12), min_size=2, max_size=60), st.integers(2, 20))
@example(values=[274877906944.2593, 274877906944.2593], bins=2)
def test_any_column_makes_sound_pieces(values, bins):
    column = np.array(values)
    pieces = pieces_of(0, column, bins=bins)
    check_pieces(pieces)
    share = np.bincount(pieces[:, BIN].astype(int), pieces[:, MASS])
    np.testing.assert_allclose(share, 1.0)
    assert (pieces[1:, LOW] == pieces[:-1, HIGH]).all(), "pieces leave no gap"
    units = BinnedUnits(pieces, (1,))
    x = drawn_of(units, units.bins(torch.as_tensor(column)[:, None]))
    assert ((x >= column.min()) & (x <= column.max())).all()


def likelihood_of(*columns) -> tuple[Binned, Facts]:
    facts = Facts((len(columns),), 2, entry=lambda i: (columns[i], None))
    return Binned(bins=16, categories=(1,)).of(facts), facts


TABLE = (COLUMNS["rounded"][:200], COLUMNS["binary"], np.where(RNG.random(200) < 0.3, np.nan, RNG.normal(size=200)))


def test_it_keeps_the_contract_of_likelihoods():
    """Shapes with draws, one row as in a crowd, entries that add up, and draws that have the mean and variance."""
    likelihood, facts = likelihood_of(*TABLE)
    units = likelihood.units(facts)
    x = units(torch.as_tensor(np.stack(TABLE, 1)), torch.float64)
    assert (x.sum(1) == 3).all(), "one bin an entry, a gap's too"
    module = likelihood.build(facts)
    context = torch.randn(4, 200, likelihood.width(facts), dtype=torch.float64)
    p = module(context)
    assert p.log_prob(x).shape == (4, 200)
    torch.testing.assert_close(p.entries(x).sum(-1), p.log_prob(x))
    torch.testing.assert_close(p.log_prob(x)[..., 2], module(context[..., 2, :]).log_prob(x[2]))
    some = torch.rand(200, 3) > 0.5
    torch.testing.assert_close(log_prob(p, x, some), (p.entries(x) * some).sum(-1))
    torch.testing.assert_close(p.of_entry(2).exp().sum(-1), torch.ones(4, 200).double())
    p = module(context[0, :2])
    drawn = draw(p, source_of(), (50_000,))
    error = (p.variance / len(drawn)).sqrt()
    assert ((drawn.mean(0) - p.mean).abs() <= 5 * error).all()


def test_what_is_hidden_and_what_is_missing_without_a_bin_is_zero():
    likelihood, facts = likelihood_of(*TABLE)
    units = likelihood.units(facts)
    row = torch.tensor([[0.1, 1.0, math.nan]]).double()
    assert units(row, torch.float64).sum() == 3
    assert units(torch.full((1, 3), math.nan).double(), torch.float64).sum() == 1
    seen = units.inputs(units(row, torch.float64), torch.tensor([[True, False, False]]))
    alone = units.inputs(units(torch.tensor([[0.1, math.nan, 7.0]]).double(), torch.float64))
    assert seen.shape == (1, *units.input_shape)
    assert seen[:, : units.layout.total].sum() == 1
    own = torch.zeros(len(units.placed), len(units.places), dtype=torch.float64)
    own[0] = units.places[:, units.bins(row)[0, 0] + units.first[0]]
    torch.testing.assert_close(seen[0, units.layout.total :], own.flatten())
    assert not torch.equal(seen, alone)


def test_the_way_back_is_the_mean_of_numbers_and_the_likeliest_level():
    likelihood, facts = likelihood_of(*TABLE)
    units = likelihood.units(facts)
    p = likelihood.build(facts)(torch.randn(5, likelihood.width(facts), dtype=torch.float64))
    x_hat = units.inverse(p.mean)
    for i in (0, 2):
        own = ColumnDistribution(units, i, p.of_entry(i).exp().numpy())
        np.testing.assert_allclose(x_hat[:, i], own.mean())
        steps = (np.arange(20_000) + 0.5) / 20_000
        np.testing.assert_allclose(own.quantile(steps).mean(1), own.mean(), atol=2e-3)
    np.testing.assert_array_equal(x_hat[:, 1], ColumnDistribution(units, 1, p.of_entry(1).exp().numpy()).mode())


def test_pieces_of_a_stranger_are_checked():
    sound = pieces_of(0, COLUMNS["whole"], bins=16)
    for change in (
        lambda a: a[:, :5],
        lambda a: a.astype(np.float32),
        lambda a: np.where(np.arange(7) == 1, 7.0, a),
        lambda a: np.where(np.arange(7) == 2, np.nan, a),
        lambda a: a[:, [0, 1, 3, 2, 4, 5, 6]],
        lambda a: a + np.eye(7)[0],
    ):
        with pytest.raises(ModelFileError, match="pieces must"):
            check_pieces(change(sound))


def test_a_vae_over_bins_has_densities_and_draws_in_the_datas_units():
    """Its density integrates to one, and what it draws lies between the bins' centres too."""
    X = 100 * np.random.default_rng(2).gamma(2.0, size=(400, 1))
    vae = VAE(1, likelihood="binned:8", network=MLP((8,)), max_epochs=3, random_state=0).fit(X)
    at = np.arange(-4000.0, 8000.0, 3.0)
    assert np.exp(vae.score_samples(at[:, None])).sum() * 3.0 == pytest.approx(1.0, abs=0.02)
    drawn = vae.sample(300, 0)
    assert len(np.unique(drawn)) > 250
    assert X.min() <= drawn.min() < drawn.max() <= X.max()
