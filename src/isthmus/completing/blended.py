"""The imputer's own guess: two Gaussians over all columns, forests on what they make of a row, and a blend of both."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
import torch
from scipy.special import ndtri

from ..data import Schema
from ..joint_gaussian import JointGaussian, fit_gaussian
from .blending import blend_weights
from .forests import LEVELS, ColumnForest
from .wide import Wide

__all__ = ["Blended"]

LEARNT_ROWS = 5_000
"""Rows, at most, that the Gaussians and the forests are fitted to."""

FEWEST_KNOWN = 100
"""Known cells of a column among the rows that are learnt from, if there are as many."""

ROWS_AT_ONCE = 2_000
"""Rows that are completed at once, in the order that they come in."""


class NormalScores:
    """Each column's values by their rank, as quantiles of N(0, 1): what has heavy tails becomes bell-shaped.

    Parameters
    ----------
    wide : (N, W), NaN where a value is missing.
    """

    def __init__(self, wide: np.ndarray) -> None:
        self.columns = []
        for column in wide.T:
            values, counts = np.unique(column[~np.isnan(column)], return_counts=True)
            self.columns.append((values, ndtri((np.cumsum(counts) - counts / 2) / counts.sum())))

    def __call__(self, wide: np.ndarray) -> np.ndarray:
        """Return the scores of values, between those that were met in a straight line."""
        return np.column_stack([np.interp(c, *known) for c, known in zip(wide.T, self.columns, strict=True)])


class Stage(NamedTuple):
    """All that is learnt of some rows but the weights of the blend.

    Attributes
    ----------
    linear : the Gaussian of the values.
    bent : the Gaussian of their normal scores.
    scores : the values' normal scores.
    forests : one a column.
    """

    linear: JointGaussian
    bent: JointGaussian
    scores: NormalScores
    forests: list[ColumnForest]

    def features(self, wide: np.ndarray) -> np.ndarray:
        """Return rows (N, W) as both Gaussians complete them, (N, 2W)."""
        pairs = []
        for start in range(0, len(wide), ROWS_AT_ONCE):
            some = wide[start : start + ROWS_AT_ONCE]
            both = ((self.linear, some), (self.bent, self.scores(some)))
            pairs.append(np.concatenate([g.completed(torch.as_tensor(x)).mean.numpy() for g, x in both], axis=1))
        return np.concatenate(pairs)


class Blended:
    r"""Guesses a cell by a weighted mean of three guesses, whose weights hidden cells say for each column.

    1. The conditional mean of a Gaussian over all columns, fitted by expectation maximisation: the best linear guess
       from whatever is seen of a row.
    2. What a forest adds to it. It is grown on rows as that Gaussian and a second one, of the values' normal scores,
       complete them without the column in question.
    3. What the same forest guesses by itself.

    Categories go through as indicators of their levels, and come out as probabilities. Once the weights are known, all
    is fitted again to the rows with what was hidden in them.

    Parameters
    ----------
    schema : what is known of the columns.
    seed : of the forests.
    """

    def __init__(self, schema: Schema, seed: int) -> None:
        self.schema, self.seed = schema, seed

    def fit(self, rows: np.ndarray, hidden: np.ndarray) -> Self:
        """Learn from rows (N, d) with gaps; `hidden` holds cells of them that were hidden, and NaN elsewhere."""
        self.wide = Wide([column.levels for column in self.schema.columns], rows)
        self.stage = self._learnt(rows)
        features, held = self.stage.features(self.wide.encode(rows)), self.wide.encode(hidden)
        errors, columns = [], []
        for column, block in enumerate(self.wide.blocks):
            of = np.flatnonzero(~np.isnan(hidden[:, column]))
            found = np.zeros((len(of), 3, self.wide.widest))
            guesses = self._guesses(column, features[of])
            found[..., : guesses.shape[2]] = (guesses - held[of, block]).swapaxes(0, 1)
            errors.append(found)
            columns.append(np.full(len(of), column))
        self.weights = blend_weights(np.concatenate(errors), np.concatenate(columns), rows.shape[1])
        return self

    def refit(self, rows: np.ndarray) -> Self:
        """Learn again from all that is known of rows, and keep the weights."""
        self.stage = self._learnt(rows)
        return self

    def guess(self, rows: np.ndarray) -> np.ndarray:
        """Return rows (N, d) with the best guess in their gaps."""
        wide = self.wide.encode(rows)
        features, filled = self.stage.features(wide), np.nan_to_num(wide)
        for column, block in enumerate(self.wide.blocks):
            of = np.flatnonzero(np.isnan(rows[:, column]))
            if len(of):
                filled[of, block] = np.einsum("k,knw->nw", self.weights[column], self._guesses(column, features[of]))
        return np.where(np.isnan(rows), self.wide.decode(filled), rows)

    def quantiles(self, rows: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """Return the quantiles of missing numbers at `LEVELS`, (cells, 99): those of the forest about the guess."""
        features, found = self.stage.features(self.wide.encode(rows)), np.zeros((*rows.shape, len(LEVELS)))
        for column, block in enumerate(self.wide.blocks):
            of = np.flatnonzero(wanted[:, column])
            if len(of):
                guesses = self._guesses(column, features[of])[..., 0]
                about = self.stage.forests[column].quantiles(features[of]) + features[of, block.start, None]
                moved = self.weights[column] @ guesses - about.mean(axis=1)
                found[of, column] = self.wide.units(about + moved[:, None], column)
        cells: np.ndarray = found[wanted]
        return cells

    def _learnt(self, rows: np.ndarray) -> Stage:
        rng = np.random.default_rng(self.seed)
        chosen = np.sort(rng.permutation(len(rows))[:LEARNT_ROWS])
        for known in ~np.isnan(rows.T):
            if len(rows) > LEARNT_ROWS and known[chosen].sum() < FEWEST_KNOWN:
                chosen = np.union1d(chosen, np.flatnonzero(known)[:FEWEST_KNOWN])
        wide = self.wide.encode(rows[chosen])
        scores = NormalScores(wide)
        linear, bent = (fit_gaussian(torch.as_tensor(x))[0] for x in (wide, scores(wide)))
        stage = Stage(linear, bent, scores, [])
        for column, block in enumerate(self.wide.blocks):
            known = ~np.isnan(rows[chosen, column])
            without = wide[known].copy()
            without[:, block] = np.nan
            features, truth = stage.features(without), wide[known, block]
            stage.forests.append(ColumnForest(self.seed).fit(features, truth - features[:, block], truth))
        return stage

    def _guesses(self, column: int, features: np.ndarray) -> np.ndarray:
        """Return the three guesses of a column, (3, N, w)."""
        linear = features[:, self.wide.blocks[column]]
        rest, own = self.stage.forests[column].predict(features)
        return np.stack([linear, linear + rest, own])
