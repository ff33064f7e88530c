"""Watching: rows as they come, the alarms among them, and whether they have drifted away from the rows of the fit."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..atomic import atomic_file
from ..errors import CompositionError, ModelFileError
from ..folder import one_line
from ..parts import from_json, to_json
from ..typing import ArrayLike
from .betting import SimpleJumper
from .judgement import Judgement, flat_rows

if TYPE_CHECKING:
    from .detector import Detector

__all__ = ["Drift", "Moved", "Watch"]

KEPT_ROWS = 2_000
"""How many rows a new one is ranked among."""

MEAN_ROWS = 100
"""Over how many of the last rows the mean rank is taken that says which way a column moved."""

MOST_LOG_EVIDENCE = 700.0
"""The log of the largest evidence that is shown: that of the largest number there is, nearly."""

STATE_FORMAT = 1


@dataclass(frozen=True)
class Moved:
    """A column that is not distributed as it was.

    Attributes
    ----------
    column : its name.
    how : ``"higher"``, ``"lower"``, ``"wider"`` or ``"narrower"``, by the mean rank of its last values.
    log_evidence : log of the money that bets on this column have made; 0 is none.
    """

    column: str
    how: str
    log_evidence: float

    def __str__(self) -> str:
        return f"{self.column} is {self.how}"


@dataclass(frozen=True)
class Drift:
    """What a watch found so far.

    Attributes
    ----------
    rows : rows seen.
    evidence : the money that bets against exchangeable rows have made of 1: how many times likelier drift has become.
    drifted : whether the evidence ever reached 1/α.
    since : the row, from 0, at which it did; None if it did not.
    moved : the columns with evidence of their own, most first; empty unless drifted.
    alarms : which rows of this batch raise an alarm of the detector, (N,) of truth values.
    p_values : of the rows of this batch, (N,).
    """

    rows: int
    evidence: float
    drifted: bool
    since: int | None
    moved: tuple[Moved, ...] = ()
    alarms: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool), compare=False)
    p_values: np.ndarray = field(default_factory=lambda: np.zeros(0), compare=False)

    def __str__(self) -> str:
        if not self.drifted:
            return f"no drift in {self.rows} rows (evidence {self.evidence:.3g})"
        what = ", ".join(str(moved) for moved in self.moved) or "the rows as a whole are odder"
        return f"drift since row {self.since} or earlier: {what}"


class Watch:
    r"""Eats batches of rows and says when they no longer are as the rows of the fit were.

    Each new row is ranked, by its score and by the value of each column, among rows before it: those that calibrated
    the detector, then those of the stream, of which at most 2,000 are kept; ties are broken at random. After each row
    one of those kept and the new one, drawn with equal chances, is dropped. If rows are exchangeable, these ranks are
    independent and uniform, though the rows they are taken among were finite all along; p-values of one fixed set of
    calibration rows are not, and would raise the alarm in time. Bets against ranks (low or high) and against their
    distance from the middle (wide or narrow) make money for a `SimpleJumper` only if something moved. Half of the
    money is bet on the score, half on columns; the mean of martingales is one, so that

        P(an alarm of drift is ever raised, over all time) ≤ α,

    as long as nothing drifts (Ville's inequality).

    Parameters
    ----------
    detector : fitted.
    alpha : α.
    random_state : the seed of ties and of which rows are dropped.

    References
    ----------
    Vladimir Vovk, "Testing randomness online", 2021, https://arxiv.org/abs/1906.09256.

    >>> from isthmus.detection import Detector
    >>> rng = np.random.default_rng(0)
    >>> detector = Detector(random_state=0).fit(rng.normal(size=(500, 3)))
    >>> watch = detector.watch(alpha=0.01)
    >>> print(watch.update(rng.normal(size=(200, 3))))  # doctest: +ELLIPSIS
    no drift in 200 rows (evidence 0...)
    >>> drift = watch.update(rng.normal(size=(200, 3)) + [0, 2, 0])
    >>> drift.drifted, str(drift.moved[0])
    (True, 'column 1 is higher')
    """

    def __init__(self, detector: Detector, alpha: float = 0.01, random_state: int = 0) -> None:
        if not 0 < alpha < 1:
            raise CompositionError(f"alpha must lie in (0, 1), got {alpha}")
        self.detector, self.alpha = detector, alpha
        self.names = detector.column_names()
        first = detector.calibrated_.fold[detector.reference_index_] == 0
        scores = detector.calibrated_.scores[detector.reference_index_[first]]
        self.kept = np.column_stack([scores, _ranked(detector.reference_[first])])
        self.rows, self.since = 0, None
        self.jumper = SimpleJumper(2 * self.kept.shape[1])
        self.mean_rank = np.full(self.kept.shape[1], 0.5)
        self.mean_distance = np.full(self.kept.shape[1], 0.5)
        self.random = np.random.default_rng(random_state)
        self.rule = detector.rule.at_start()

    rows: int
    since: int | None

    def update(self, X: ArrayLike) -> Drift:
        """Look at more rows, (N, ...), in the order in which they came, and say what was found so far.

        Raises
        ------
        DataError : the rows do not fit the detector; nothing is then changed.
        """
        judged = self.detector.judge(X)
        for row in np.column_stack([judged.scores[0], _ranked(judged.rows)]):
            self._look_at(row)
        raised = self.rule.alarms(judged.p_values, judged.mean_scores)
        self.rule = self.rule.after(raised)
        return self._found(replace(judged, alarms=raised))

    def _look_at(self, row: np.ndarray) -> None:
        u = self.random.random(len(row))
        below, level = (self.kept < row).sum(axis=0), (self.kept == row).sum(axis=0)
        rank = (below + u * (level + 1)) / (len(self.kept) + 1)
        distance = np.abs(2 * rank - 1)
        self.jumper.bet(np.concatenate([rank, distance]))
        self.mean_rank += (rank - self.mean_rank) / MEAN_ROWS
        self.mean_distance += (distance - self.mean_distance) / MEAN_ROWS
        dropped = int(self.random.integers(len(self.kept) + 1))
        if len(self.kept) < KEPT_ROWS:
            self.kept = np.concatenate([self.kept, row[None]])
        elif dropped < len(self.kept):
            self.kept[dropped] = row
        if self.since is None and self._log_evidence() >= -math.log(self.alpha):
            self.since = self.rows
        self.rows += 1

    def _log_columns(self) -> np.ndarray:
        """Return the log of the money made on the score and on each column, of 1 each, (1 + n,)."""
        both = self.jumper.log_money.reshape(2, -1)
        half: np.ndarray = np.logaddexp(both[0], both[1]) - math.log(2)
        return half

    def _log_evidence(self) -> float:
        each = self._log_columns()
        columns = np.logaddexp.reduce(each[1:]) - math.log(len(each) - 1)
        return float(np.logaddexp(each[0], columns) - math.log(2))

    def _found(self, judged: Judgement) -> Drift:
        each, (by_rank, _) = self._log_columns()[1:], self.jumper.log_money.reshape(2, -1)
        moved = []
        for j in np.argsort(-each, kind="stable") if self.since is not None else ():
            if each[j] >= -math.log(self.alpha):
                shifted = by_rank[j + 1] >= each[j]
                mean = (self.mean_rank if shifted else self.mean_distance)[j + 1]
                how = ("higher" if mean > 0.5 else "lower") if shifted else ("wider" if mean > 0.5 else "narrower")
                moved.append(Moved(self.names[j], how, float(each[j])))
        evidence = math.exp(min(self._log_evidence(), MOST_LOG_EVIDENCE))
        since = self.since
        return Drift(self.rows, evidence, since is not None, since, tuple(moved), judged.alarms, judged.p_values)

    def save(self, path: str | Path) -> None:
        """Write what was seen so far to a JSON file, whole or not at all, from which `load` goes on.

        Raises
        ------
        ModelFileError : the file cannot be written.
        """
        state = {
            "format": STATE_FORMAT,
            "detector": _fingerprint(self.detector),
            "alpha": self.alpha,
            "rows": self.rows,
            "since": self.since,
            "kept": self.kept.tolist(),
            "capital": self.jumper.capital.tolist(),
            "log_money": self.jumper.log_money.tolist(),
            "mean_rank": self.mean_rank.tolist(),
            "mean_distance": self.mean_distance.tolist(),
            "random": self.random.bit_generator.state,
            "rule": to_json(self.rule, {}),
        }
        with atomic_file(path, ModelFileError) as draft:
            draft.write_text(json.dumps(state) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path, detector: Detector) -> Watch:
        """Return a watch that goes on where a saved one stopped, as if it had never stopped.

        Parameters
        ----------
        path : the file that `save` wrote.
        detector : the one that was watched with, as saved and loaded. Where its dial is another one, a rule that counts
            alarms begins anew.

        Raises
        ------
        ModelFileError : there is no such file, it is damaged, or was written with another detector.
        """
        try:
            state = json.loads(Path(path).read_text(encoding="utf-8"))
            watch = cls(detector, state["alpha"])
            shapes = {"kept": (-1, watch.kept.shape[1])} | {
                name: np.shape(value)
                for name, value in (
                    ("capital", watch.jumper.capital),
                    ("log_money", watch.jumper.log_money),
                    ("mean_rank", watch.mean_rank),
                    ("mean_distance", watch.mean_distance),
                )
            }
            read: dict[str, Any] = {
                name: np.array(state[name], dtype=np.float64).reshape(shape) for name, shape in shapes.items()
            }
            watch.random.bit_generator.state = state["random"]
            watch.rows, watch.since, theirs = int(state["rows"]), state["since"], state["detector"]
            rule = from_json(state["rule"], {}, {}, "rule")
            if rule.at_start() == watch.rule:
                watch.rule = rule
        except OSError as error:
            raise ModelFileError(f"{path}: cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelFileError(
                one_line(f"{path}: holds no state of a watch: {type(error).__name__}: {error}")
            ) from None
        if state["format"] != STATE_FORMAT or theirs != _fingerprint(detector):
            raise ModelFileError(f"{path}: was written with another detector, or by another version of isthmus")
        watch.kept, watch.mean_rank, watch.mean_distance = read["kept"], read["mean_rank"], read["mean_distance"]
        watch.jumper.capital, watch.jumper.log_money = read["capital"], read["log_money"]
        return watch


def _ranked(rows: np.ndarray) -> np.ndarray:
    """Return rows as (N, n) in which gaps are level with each other and above all values."""
    flat = flat_rows(rows)
    return np.where(np.isnan(flat), np.inf, flat)


def _fingerprint(detector: Detector) -> str:
    """Return a short text that two detectors share only if they were calibrated by the same scores."""
    return hashlib.sha256(detector.calibrated_.scores.tobytes()).hexdigest()[:16]
