"""What a report says, as arrays and numbers; `drawings` makes pictures of it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ...diagnosis import FEWEST_JUDGED, Subject, Verdict, judge, worst_first
from ...diagnosis.completions import Completions
from ...errors import DataError
from ...fitting import fingerprint
from ...history import History
from ...look import Look, Rows, look_of
from ...metrics import TableQuality
from ...subsets import even_subset
from ...version import VERSION
from .. import model_access
from . import codes, evidence, numbers, rows, tables
from .columns import TableColumns, table_columns
from .learning import Curve, learning

__all__ = ["DIGITS", "Content"]

MAP_POINTS = 2_000
"""Rows that the latent map shows and that are scored, at most."""

PROBED = 4_000
"""Training rows that labels are learnt from, at most."""

DRAWN = 2_000
"""Samples drawn where there are no rows to compare them with."""

DIGITS = 12
"""Digits of a fingerprint that are shown."""


class Content:
    """Everything a report shows, each measured when it is first asked for.

    What a system or its data do not have is None or empty.

    Parameters
    ----------
    model : a fitted estimator.
    X : held-out rows (N, ...), or None: then only what needs no data is there.
    X_train : the rows it was fitted on, for nearest rows, PCA and floors; or None.
    labels, train_labels : a label for each row, (N,), or None.
    condition, train_condition : what comes with each row where the model has a condition, or None.
    samples : rows that the model drew, to be judged; None draws new ones.
    target : the name of a table's column whose prediction measures the use of samples, or None.
    data : the name of the data.
    command : the command that makes this report again.
    seed : of every draw.

    Raises
    ------
    DataError : rows do not fit the model, or labels do not fit the rows.
    """

    def __init__(
        self,
        model: Any,
        X: Any = None,
        X_train: Any = None,
        *,
        labels: Any = None,
        train_labels: Any = None,
        condition: Any = None,
        train_condition: Any = None,
        samples: Any = None,
        target: str | None = None,
        data: str = "",
        command: str = "",
        seed: int = 0,
    ) -> None:
        check_is_fitted(model, "model_")
        self.model, self.data, self.command, self.seed = model_access.nameless(model), data, command, seed
        every_row, every_label = _checked(model, X, labels, "X")
        self.X_train, self.train_labels = _checked(model, X_train, train_labels, "X_train")
        self.names = model_access.feature_names(model, X if X is not None else X_train)
        self.fitted_names = model_access.feature_names(model)
        self.subject: Subject | None = None
        self.X: np.ndarray | None = None
        self.labels: np.ndarray | None = None
        self.index = np.arange(0)
        if every_row is not None:
            self.subject = Subject(
                self.model,
                every_row,
                self.X_train,
                condition=model_access.told(model, X, condition),
                condition_train=None if X_train is None else model_access.told(model, X_train, train_condition),
                labels_train=self.train_labels,
                names=self.names,
                samples=None if samples is None else model_access.numbers_of_rows(model, samples),
                target=target,
                random_state=seed,
            )
            held = self.subject.held_out
            self.X, self.index = held.own, held.index
            self.labels = None if every_label is None else every_label[held.index]
        self.facts = self._facts(every_row)
        self.prints = {
            name: f"{x.shape} {x.dtype.name}, fingerprint {fingerprint(x)['values'][:DIGITS]}"
            for name, x in (("held-out rows", every_row), ("training rows", self.X_train))
            if x is not None
        }

    def _facts(self, every_row: np.ndarray | None) -> list[str]:
        """Return what was measured on, and what was summarised."""
        if every_row is None or self.X is None:
            return ["No data were given: what needs data is left out."]
        shape = self.X.shape[1:]
        unit = "columns" if isinstance(self.look, Rows) else "numbers"
        of = f"shape {' × '.join(str(n) for n in shape)}" if len(shape) > 1 else f"{shape[0]:,} {unit}"
        facts = [f"{len(every_row):,} held-out rows of {of}."]
        if len(every_row) > len(self.X):
            facts.append(f"Summarised: everything was measured on {len(self.X):,} of them, drawn at random.")
        if self.X_train is None:
            facts.append("No training rows were given: PCA's error, over-fitting and memorisation are left out.")
        else:
            facts.append(f"{len(self.X_train):,} training rows.")
        return facts

    @property
    def system(self) -> str:
        return type(self.model).__name__

    @property
    def summary(self) -> str:
        """The first sentence that the class says of itself."""
        return (type(self.model).__doc__ or "").strip().partition("\n")[0]

    @cached_property
    def decode(self) -> codes.Decoder | None:
        """The map from codes to rows, if the model has one; under the first row's condition if it has conditions."""
        asked = None if self.subject is None else self.subject.held_out.asked
        return model_access.decoder_of(self.model, None if asked is None else asked[:1])

    @cached_property
    def drawn(self) -> np.ndarray | None:
        if self.subject is not None:
            return self.subject.drawn
        conditional = self.model.model_.condition_width > 0 and self.model.model_.fixed is None
        return None if conditional or not hasattr(self.model, "sample") else self.model.sample(DRAWN, self.seed)

    @cached_property
    def look(self) -> Look:
        """How rows are shown, seen in the first there are: training rows, held-out rows, decoded noise, samples."""
        if self.subject is not None:
            return self.subject.look
        seen = self.X_train
        if seen is None and self.decode is not None:
            z = np.random.default_rng(0).normal(size=(1_000, self.model.latent_dim_)).astype(np.float32)
            seen = self.decode(z)
        elif seen is None:
            seen = self.drawn
        schema = self.model.schema_
        columns = () if schema is None else schema.columns
        return look_of(np.zeros((1, *self.model.shape_)) if seen is None else seen, self.names, columns)

    @cached_property
    def H(self) -> np.ndarray | None:
        """The codes of the held-out rows as they are, (N, d)."""
        subject = self.subject
        if subject is None or not subject.encodes:
            return None
        held = subject.held_out
        return subject.encoded(held.x, held.condition) if subject.denoises else held.codes

    @cached_property
    def reconstructions(self) -> rows.Reconstructions | None:
        return rows.reconstructions(self.subject) if self.subject is not None and self.subject.reconstructs else None

    @cached_property
    def columns(self) -> TableColumns | None:
        """A table's columns in real rows and in samples."""
        return None if self.subject is None else table_columns(self.subject)

    @property
    def table(self) -> TableQuality | None:
        """Samples of a table beside held-out and training rows."""
        return None if self.subject is None else self.subject.table

    @property
    def completions(self) -> Completions | None:
        """What the model makes of hidden cells of held-out rows."""
        return None if self.subject is None else self.subject.completions

    @cached_property
    def scores(self) -> rows.Scores | None:
        """Log-likelihoods of rows, or D(x) of rows and samples."""
        if self.subject is None:
            return None
        if self.subject.scored is not None:
            return rows.exact_scores(self.subject, self.subject.scored)
        if hasattr(self.model, "score_samples"):
            return rows.scores(self.subject, MAP_POINTS)
        return rows.discriminations(self.subject)

    @cached_property
    def latent(self) -> codes.LatentMap | None:
        """The map of codes, coloured by label, score, error and columns."""
        if self.H is None or self.X is None:
            return None
        shown = even_subset(len(self.X), MAP_POINTS)
        labels = None if self.labels is None else self.labels[shown]
        numbers = {} if self.scores is None else {"score": self.scores.groups["held-out"]}
        if self.reconstructions is not None:
            numbers["error"] = self.reconstructions.errors[shown]
        X, H = self.X[shown], self.H[shown]
        colourings = codes.colourings(X, H, labels, numbers, self.look)
        return codes.LatentMap(*codes.on_two_axes(H), self.index[shown], X, colourings)

    @cached_property
    def _traversed(self) -> tuple[list[codes.Traversal], int]:
        if self.decode is None:
            return [], 0
        if self.H is not None:
            return codes.traversals(self.decode, self.H, self.look, self.H.mean(0))
        if not model_access.has_prior(self.model):
            return [], 0
        z = model_access.prior_draws(self.model, 1_000, self.seed)
        return codes.traversals(self.decode, z, self.look, z[0])

    @property
    def traversals(self) -> list[codes.Traversal]:
        """One unit at a time, about the mean code, or without codes about one draw from the prior."""
        return self._traversed[0]

    @property
    def active(self) -> int:
        """How many units move the output."""
        return self._traversed[1]

    @cached_property
    def interpolations(self) -> list[codes.Interpolation]:
        conditional = self.subject is not None and self.subject.held_out.asked is not None
        if self.X is None or self.H is None or self.decode is None or conditional:
            return []
        return codes.interpolations(self.decode, self.X, self.H, self.labels, self.index, self.seed)

    @cached_property
    def samples(self) -> rows.Samples | None:
        if self.drawn is None:
            return None
        return rows.samples(self.drawn, self.X, self.X_train, self.look, self.subject)

    @cached_property
    def filters(self) -> codes.Filters | None:
        return codes.filters(self.model, self.look)

    @cached_property
    def numbers(self) -> list[numbers.Number]:
        found: list[numbers.Number] = []
        subject, model, train = self.subject, self.model, self.X_train
        if subject is not None:
            if subject.reconstructs:
                found += numbers.reconstruction_numbers(subject)
            if subject.encodes:
                found += evidence.evidence_numbers(subject)
                H_train = labels = None
                if train is not None and self.train_labels is not None and not model.model_.condition_width:
                    some = even_subset(len(train), PROBED)
                    H_train, labels = model.transform(train[some]), self.train_labels[some]
                found += numbers.code_numbers(subject, self.labels, H_train, labels)
            found += numbers.sample_numbers(subject)
            found += tables.table_numbers(subject)
        if self.scores is not None:
            found += numbers.score_numbers(self.scores)
        return [*found, *numbers.fit_numbers(model_access.weight_count(model), self.history)]

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """What the diagnosis says, the worst first."""
        if self.subject is None or len(self.subject.held_out) < FEWEST_JUDGED:
            return []
        return worst_first(judge(self.subject))

    @property
    def history(self) -> History:
        history: History = self.model.history_
        return history

    @property
    def learning(self) -> list[Curve]:
        return learning(self.history)

    @property
    def card(self) -> dict[str, str]:
        """What the model is: its class, its rows, its settings."""
        card = {
            "class": self.system,
            "samples": f"shape {self.model.shape_}, {self.model.dtype_.name}",
            "fitted with": f"isthmus {VERSION}",
        }
        names = self.fitted_names
        if names:
            card["columns"] = ", ".join(names[:40]) + (f" and {len(names) - 40} more" if len(names) > 40 else "")
        card |= self.prints
        return card | {name.replace("_", " "): str(v) for name, v in model_access.settings(self.model).items()}


def _checked(model: Any, X: Any, labels: Any, name: str) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return rows that the model takes, and their labels, one for each row."""
    if X is None:
        if labels is not None:
            raise DataError(f"labels were given, but no {name}")
        return None, None
    x = model_access.check_rows(model, X)
    y = None if labels is None else np.asarray(labels)
    if y is not None and y.shape != (len(x),):
        raise DataError(f"{len(x)} rows of {name} need labels of shape ({len(x)},), got {y.shape}")
    return x, y
