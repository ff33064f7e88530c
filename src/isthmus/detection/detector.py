"""The detector: an alarm at a rate of one's choice, around any score."""

from __future__ import annotations

import copy
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.utils import _safe_indexing as take
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.validation import check_is_fitted

from ..data import Schema
from ..data.schema import Edits, collected, is_table
from ..errors import CompositionError
from ..parts import resolve
from ..rows import TakesTables, check_rows
from ..typing import ArrayLike, RandomState
from ..verbs import verb
from .alarms import Alarm, FalseAlarms, alarm_at, alarm_named
from .calibration import Calibration, Prefit
from .conformal import CalibrationScores, difference
from .default import default_score
from .explaining import explain
from .judgement import Judgement, tie_breakers, weights_of
from .reasons import Explanation
from .scores import fit_trimmed, scores_of
from .watching import Watch

__all__ = ["Detector"]

TRIMMED_SHARE = 0.1
"""The share of rows that ``trim="auto"`` leaves out of the fit."""

REFERENCE_ROWS = 2_000
"""How many of the calibration rows are kept, for reasons and for watching."""


class Detector(TakesTables, OutlierMixin, BaseEstimator):  # type: ignore[misc]
    r"""Finds rows that do not belong, at a rate of false alarms of your choice.

    Around any score it puts conformal p-values: the share of usual rows that look as odd as this one, which holds for
    any data and any score, as long as usual rows are exchangeable with those that calibrate. One dial says when to
    raise an alarm, and can be turned after the fit: `at`.

    Parameters
    ----------
    estimator : what scores rows: a system of isthmus, an estimator of scikit-learn or of the same form that has
        ``score_samples`` or ``decision_function``, or a function of rows; higher is more usual. ``"auto"`` joins
        distances to the rows of the fit, by `trim`: see `isthmus.detection.default_score`.
    alarm : when to raise an alarm, an `isthmus.detection.Alarm` or its name: ``"falsealarms:0.01"``,
        ``"falsediscoveries:0.1"``, ``"budget:20"``.
    calibration : ``"split"`` holds 30 % of the rows back (``"split:0.5"`` half of them), ``"cross"`` fits five models,
        each calibrated by the rows that it did not see (``"cross:10"`` ten), ``"prefit"`` takes an estimator that is
        fitted already and calibrates it with all rows. A function is never fitted: all rows calibrate it.
    trim : 0 where the rows of the fit are clean (novelty detection). Where outliers are among them, the share of rows,
        the oddest by a first fit, that is left out of a second fit; ``"auto"`` is a tenth. The rows that calibrate are
        not trimmed, so that false alarms stay below the rate: outliers among them cost alarms, not guarantees.
    ties : ``"conservative"`` counts rows of equal score against an alarm. ``"random"`` breaks ties by random numbers,
        seeded by the row itself, so that p-values of usual rows are uniform even where calibration rows are few.
    weight : w(x) ∝ p_new(x)/p_fit(x), a function from rows (N, ...) to positive numbers (N,), where new rows are known
        to be distributed differently; None where they are not.
    schema : what is said of a table's columns before they are learnt, by name, as for the systems of isthmus:
        ``{"serial": None, "plant": "category"}`` leaves one out and takes one for categories.
    random_state : the seed of the split and of ties.

    Attributes
    ----------
    estimators_ : the fitted scorers, one, or one a fold.
    calibrated_ : the scores of the calibration rows, a `CalibrationScores`.
    trimmed_ : how many rows were left out, in each of the fits.
    offset_ : the threshold of ``score_samples``, where there is one for all rows: one scorer, no weight,
        ``ties="conservative"``, and an `alarm` that looks at each row by itself.

    References
    ----------
    Stephen Bates, Emmanuel Candès, Lihua Lei, Yaniv Romano and Matteo Sesia, "Testing for outliers with conformal
        p-values", 2023, https://arxiv.org/abs/2104.08279.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X = load_iris().data
    >>> detector = Detector(random_state=0).fit(X)
    >>> odd = np.array([[5.0, 3.4, 1.5, 0.2], [5.0, 3.4, 1.5, 2.4]])
    >>> detector.predict(odd).tolist(), detector.p_values(odd).round(2).tolist()
    ([1, -1], [0.98, 0.02])
    >>> int((detector.at(budget=3).predict(X) == -1).sum())
    3
    """

    estimators_: list[Any]
    calibrated_: CalibrationScores
    trimmed_: list[int]
    reference_: np.ndarray
    reference_index_: np.ndarray
    schema_: Schema

    def __init__(
        self,
        estimator: Any = "auto",
        *,
        alarm: Alarm | str = "falsealarms:0.05",
        calibration: Calibration | str = "split",
        trim: float | Literal["auto"] = 0.0,
        ties: Literal["conservative", "random"] = "conservative",
        weight: Any = None,
        schema: Schema | Edits | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.estimator = estimator
        self.alarm = alarm
        self.calibration = calibration
        self.trim = trim
        self.ties = ties
        self.weight = weight
        self.schema = schema
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Fit the score on some of the rows and calibrate it with the others.

        Parameters
        ----------
        X : (N, features) or (N, ...): array or tensor; or a table with columns of any kind, if the estimator takes it.
        y : ignored, as scikit-learn's pipelines want it.

        Raises
        ------
        DataError : the rows cannot be used, or are too few.
        CompositionError : an argument is out of its range, or the estimator has no score.
        """
        before = dict(vars(self))
        try:
            self._fit(X)
        except BaseException:
            self.__dict__ = before
            raise
        self._warn_if_silent()
        return self

    def _fit(self, X: ArrayLike) -> None:
        self._check_arguments()
        rows, given = self._read(X, reset=True)
        random = check_random_state(self.random_state)
        self.ties_seed_ = int(random.randint(2**31))
        auto = isinstance(self.estimator, str)
        scorer = default_score(self.trimmed_share() > 0, self.ties_seed_) if auto else self.estimator
        way = resolve("calibration", self.calibration)
        if not isinstance(way, Calibration):
            raise CompositionError(f"calibration must be a Calibration or its name, got {self.calibration!r}")
        prefit = isinstance(way, Prefit) or not hasattr(scorer, "fit")
        if is_table(X) and not prefit and getattr(scorer, "schema", "") is None:
            scorer = clone(scorer).set_params(schema=self.inner_schema())
        folds = (Prefit() if prefit else way).folds(len(rows), random)
        scores, fold = np.empty(len(rows)), np.full(len(rows), -1)
        self.estimators_, self.trimmed_ = [], []
        for k, (fitted_on, held) in enumerate(folds):
            fitted, dropped = scorer, 0
            if not prefit:
                fitted, dropped = fit_trimmed(scorer, take(given, fitted_on), self.trimmed_share())
            self.estimators_.append(fitted)
            self.trimmed_.append(dropped)
            scores[held], fold[held] = scores_of(fitted, take(given, held)), k
        held = np.flatnonzero(fold >= 0)
        weights = weights_of(self.weight, take(given, held))
        self.calibrated_ = CalibrationScores.of(scores[held], fold[held], weights)
        kept = np.sort(random.permutation(len(held))[:REFERENCE_ROWS])
        self.reference_ = rows[held[kept]].astype(np.result_type(rows.dtype, np.float32))
        self.reference_index_ = kept

    def _read(self, X: ArrayLike, reset: bool) -> tuple[np.ndarray, Any]:
        """Return rows as numbers, and as a scorer takes them: a table without the columns that are left out."""
        rows = check_rows(self, X, reset=reset, minimum=2 if reset else 1)
        if not is_table(X):
            return rows, rows
        frame, _ = collected(X)
        if not hasattr(frame, "columns"):
            return rows, rows if self.schema_.plain else frame
        return rows, frame[[column for column in frame.columns if str(column) not in self.schema_.left_out]]

    @property
    def takes_gaps(self) -> bool:  # type: ignore[override]
        """Whether rows may have gaps, NaN: where the estimator takes them."""
        if hasattr(self.estimator, "__sklearn_tags__"):
            return bool(get_tags(self.estimator).input_tags.allow_nan)
        return not hasattr(self.estimator, "fit")

    def inner_schema(self) -> Schema:
        """Return the schema of the rows that a scorer is given, from which left-out columns are gone."""
        library = "polars" if self.schema_.library == "arrow" else self.schema_.library
        return replace(self.schema_, left_out=(), ids=(), library=library)

    def _check_arguments(self) -> None:
        """Raise `CompositionError` if an argument is out of its range."""
        if isinstance(self.estimator, str) and self.estimator != "auto":
            raise CompositionError(f"estimator must be 'auto', an estimator or a function, got {self.estimator!r}")
        if self.trim != "auto" and not (isinstance(self.trim, int | float) and 0 <= self.trim < 1):
            raise CompositionError(f"trim must be 'auto' or lie in [0, 1), got {self.trim!r}")
        if self.ties not in ("conservative", "random"):
            raise CompositionError(f"ties must be 'conservative' or 'random', got {self.ties!r}")
        if not isinstance(self.rule, Alarm):
            raise CompositionError(f"alarm must be an Alarm or its name, got {self.alarm!r}")

    def trimmed_share(self) -> float:
        """Return the share of rows left out of the fit."""
        return TRIMMED_SHARE if self.trim == "auto" else float(self.trim)

    @property
    def rule(self) -> Alarm:
        """What `alarm` stands for."""
        return alarm_named(self.alarm) if isinstance(self.alarm, str) else self.alarm

    def at(
        self,
        *,
        alpha: float | None = None,
        fdr: float | None = None,
        budget: int | None = None,
        horizon: int | None = None,
    ) -> Self:
        """Return this detector with its dial turned; nothing is fitted again, and nothing is copied.

        Parameters
        ----------
        alpha : false alarms a usual row.
        fdr : the share of false alarms among all alarms of a batch.
        budget : alarms in a batch.
        horizon : with `fdr`, of a stream: the rows among whose alarms the share of false ones is counted.

        >>> detector = Detector(random_state=0).fit(np.random.default_rng(0).normal(size=(100, 2)))
        >>> detector.at(fdr=0.2).alarm
        FalseDiscoveries(rate=0.2)
        """
        turned = copy.copy(self)
        turned.alarm = alarm_at(alpha, fdr, budget, horizon)
        if hasattr(self, "calibrated_"):
            turned._warn_if_silent()
        return turned

    def _warn_if_silent(self) -> None:
        """Warn if no row could ever raise an alarm, since the calibration rows are too few for so small a rate."""
        level, n = self.rule.first_level(), len(self.calibrated_.scores)
        if self.ties == "conservative" and 1 / (n + 1) > level:
            least = int(np.ceil(1 / level)) - 1
            warnings.warn(
                f"no row can raise an alarm: p ≤ {level:g} needs {least} calibration rows, there are {n}; give more "
                "rows, calibration='cross' or ties='random'",
                stacklevel=3,
            )

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return the score of each row, (N,): higher is more usual; with several models, the mean of theirs."""
        return self.judge(X).mean_scores

    def p_values(self, X: ArrayLike) -> np.ndarray:
        """Return the p-value of each row, (N,): the share of usual rows that look as odd.

        They hold for new rows. Rows of the fit that the score was fitted on look more usual than they are.
        """
        return self.judge(X).p_values

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return −1 for rows that raise an alarm and 1 for the others, (N,)."""
        return np.where(self.judge(X).alarms, -1, 1)

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return how far the score of each row could fall before the row raised an alarm, (N,); negative where it does.

        It is in the score's units: ``score_samples(X) - offset_``, where one threshold holds for all rows.
        """
        judged = self.judge(X)
        if self.calibrated_.plain and judged.weights is None and judged.u is None:
            margins = difference(judged.scores[0], self.calibrated_.threshold(judged.level))
        else:
            margins = self.calibrated_.margins(judged.scores, judged.level, judged.weights, judged.u)
        least = np.finfo(np.float64).tiny
        signed: np.ndarray = np.where(judged.alarms, np.minimum(margins, -least), np.maximum(margins, 0.0))
        return signed

    def judge(self, X: ArrayLike) -> Judgement:
        """Return scores, p-values and alarms of rows (N, ...), from scoring them once."""
        check_is_fitted(self)
        rows, given = self._read(X, reset=False)
        scores = np.stack([scores_of(fitted, given) for fitted in self.estimators_])
        weights = weights_of(self.weight, given)
        u = tie_breakers(rows, self.ties_seed_) if self.ties == "random" else None
        p, alarm = self.calibrated_.p_values(scores, weights, u), self.rule
        mean = scores.mean(0)
        return Judgement(rows, scores, weights, u, p, alarm.alarms(p, mean), alarm.level(p, mean))

    def judge_own(self, X: ArrayLike) -> Judgement:
        """Return scores, p-values and alarms of the rows that the detector was fitted on, with ``calibration="cross"``.

        Each row is scored by the model that did not see it, and ranked among all rows by these scores: p = #{j : sⱼ ≤
        sᵢ}/N. That is how odd it is among rows of which some are odd themselves, so that a share α raises an alarm at
        α. Rows known to be usual, to fit on, say more.

        Parameters
        ----------
        X : the rows of the fit, in their order.

        Raises
        ------
        CompositionError : some of them were scored by no model that did not see them.
        """
        check_is_fitted(self)
        (rows, _), scores = self._read(X, reset=False), self.calibrated_.scores
        if len(self.estimators_) < 2 or len(rows) != len(scores):
            raise CompositionError("judge_own needs calibration='cross' and the rows of the fit")
        p, alarm = np.searchsorted(np.sort(scores), scores, side="right") / len(scores), self.rule
        return Judgement(rows, scores[None], None, None, p, alarm.alarms(p, scores), alarm.level(p, scores))

    def explain(self, X: ArrayLike, at_most: int = 3) -> list[Explanation]:
        """Return for each row the columns that make it unusual, what was expected, and what would silence the alarm.

        Columns are replaced by what usual rows have that are like this one in all others, and the score says how much
        that helps: alone, in pairs, and one more at a time. This works with any score; it asks for some 70 scores a
        row, so that it is meant for the rows that raised an alarm.

        Parameters
        ----------
        X : (N, ...); of images and series the names of columns are places.
        at_most : how many columns are named for a row.

        >>> t = np.random.default_rng(0).uniform(size=(300, 1))
        >>> X = np.concatenate([t, 2 * t, 3 * t], axis=1)
        >>> detector = Detector(random_state=0).fit(X)
        >>> why = detector.explain([[0.5, 1.0, 0.0]])[0]
        >>> why.reasons[0].index, round(why.reasons[0].expected, 1), why.needed
        (2, 1.5, 1)
        """
        return explain(self, X, at_most)

    def watch(self, alpha: float = 0.01, random_state: int = 0) -> Watch:
        """Return a watch, which eats batches and raises one alarm if rows drift.

        Parameters
        ----------
        alpha : α, the probability that it is ever raised while nothing drifts; alarms of single rows are this
            detector's.
        random_state : the seed of ties.
        """
        check_is_fitted(self)
        return Watch(self, alpha, random_state)

    def column_names(self) -> list[str]:
        """Return the names of columns as in the fit, or their places."""
        shape = self.reference_.shape[1:]
        if hasattr(self, "feature_names_in_"):
            return [str(name) for name in self.feature_names_in_]
        if len(shape) == 1:
            return [f"column {j}" for j in range(shape[0])]
        return [f"place {', '.join(map(str, place))}" for place in np.ndindex(shape)]

    def save(self, path: str | Path) -> None:
        """Write the fitted detector to a folder, its dial as it stands; no pickle. `isthmus.load` reads it.

        Writing is atomic: the folder is complete or it is not there.

        Raises
        ------
        ModelFileError : the score is an estimator of another library, which only pickle could keep.
        """
        verb("save_detector")(self, path)

    def report(self, X: ArrayLike, path: str | Path = "report.html", **said: Any) -> Path:
        """Write a page of the alarms in X, their reasons and how often they would be wrong; return its path.

        Parameters
        ----------
        X : rows, (N, ...).
        path : the HTML file to write.
        said : ``labels=``, what each row is called; ``data=``, the data's name; ``command=``, how to make the page.
        """
        return Path(verb("report")(self, X, path, **said))

    @classmethod
    def load(cls, path: str | Path, *, device: str = "auto", **own: Any) -> Self:
        """Read a detector that `save` wrote; `own` hands over functions of your own: ``estimator=``, ``weight=``.

        Raises
        ------
        ModelFileError : the folder is missing or damaged, or a function of your own was not handed over.
        """
        detector: Self = verb("load_detector")(path, device=device, own=own)
        return detector

    @property
    def offset_(self) -> float:
        """The threshold of ``score_samples``, where one holds for all rows."""
        alarm = self.rule
        one = self.calibrated_.plain and self.weight is None and self.ties == "conservative"
        if not (one and isinstance(alarm, FalseAlarms)):
            raise AttributeError("offset_: this detector has no one threshold for all rows; see decision_function")
        return self.calibrated_.threshold(alarm.alpha)
