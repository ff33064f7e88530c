"""Trackers: they record the history of a fit as it grows, and metrics that are measured afterwards.

A tracker is a part of `Training`: ``Training(trackers=(TensorBoard("runs"), MLflow("digits")))`` or, by name,
``Training(trackers="tensorboard:runs")``. Each fit is a separate run, so a search over settings makes many runs.
"""

from __future__ import annotations

import json
import math
import time
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import CompositionError, DataError, MissingExtraError
from .parts import Part, resolve
from .version import VERSION

if TYPE_CHECKING:
    from .estimators import Estimator

__all__ = [
    "JSONLines",
    "MLflow",
    "TensorBoard",
    "Tracked",
    "Tracker",
    "Trackers",
    "as_trackers",
    "json_line",
    "record",
    "tracking",
]


class Tracked:
    """One run of a tracker."""

    def epoch(self, row: Mapping[str, float]) -> None:
        """Record a row of the history."""
        raise NotImplementedError

    def metrics(self, values: Mapping[str, float]) -> None:
        """Record metrics that were measured after the fit."""
        raise NotImplementedError

    def close(self, finished: bool) -> None:
        """End the run, as finished or as failed."""


class Tracker(Part, kind="tracker"):
    """Base of trackers: ``tracker.start(name, settings) -> Tracked``.

    Each has an argument `run`, the name of the run; None is the system's name with the time and a few random letters.
    With a given name, a fit that resumes from a checkpoint also continues its run.
    """

    def start(self, name: str, settings: Mapping[str, object]) -> Tracked:
        """Begin a run; a tracker that cannot begin raises its error here, before the fit."""
        raise NotImplementedError


class JSONLines(Tracker):
    """JSON lines, which need no package: one line for the settings, one per epoch, one for metrics.

    Runs are appended to one file, and each line names its run. Numbers that are not finite are null. Models that were
    not tracked have their history as JSON lines, too: `save` writes ``history.jsonl`` into the model's folder.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "log.jsonl"
    >>> tracked = JSONLines(str(path), run="first").start("VAE", {"latent_dim": 2})
    >>> tracked.epoch({"epoch": 1, "loss": 0.5})
    >>> tracked.metrics({"elbo": -3.5})
    >>> [json.loads(line) for line in path.read_text().splitlines()][1:]
    [{'run': 'first', 'epoch': 1, 'loss': 0.5}, {'run': 'first', 'metrics': {'elbo': -3.5}}]
    """

    path: str = "history.jsonl"
    run: str | None = None

    def start(self, name: str, settings: Mapping[str, Any]) -> Tracked:
        place = Path(self.path)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.open("a", encoding="utf-8").close()
        except OSError as error:
            raise DataError(f"{place}: cannot be written to: {error.strerror}") from None
        lines = _Lines(place, self.run or name)
        lines.write({"time": datetime.now(UTC).isoformat(timespec="seconds"), "settings": dict(settings)})
        return lines


class _Lines(Tracked):
    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name

    def write(self, values: Mapping[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json_line({"run": self.name, **values}))

    def epoch(self, row: Mapping[str, float]) -> None:
        self.write(row)

    def metrics(self, values: Mapping[str, float]) -> None:
        self.write({"metrics": dict(values)})


class TensorBoard(Tracker):
    """TensorBoard's event files, one folder per run below `folder`; view them by ``tensorboard --logdir FOLDER``."""

    folder: str = "runs"
    run: str | None = None

    def start(self, name: str, settings: Mapping[str, Any]) -> Tracked:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise MissingExtraError("tensorboard", "tensorboard", "tracking with TensorBoard") from None
        try:
            writer = SummaryWriter(str(Path(self.folder) / (self.run or name)))
        except OSError as error:
            raise DataError(f"{self.folder}: cannot be written to: {error.strerror}") from None
        rows = "\n".join(f"| {key} | {str(value).replace('|', '&#124;')} |" for key, value in settings.items())
        writer.add_text("settings", f"| setting | value |\n| --- | --- |\n{rows}")
        return _Events(writer)


class _Events(Tracked):
    def __init__(self, writer: Any) -> None:
        self.writer, self.step = writer, 0

    def epoch(self, row: Mapping[str, float]) -> None:
        self.step = int(row["epoch"])
        self._add({name: value for name, value in row.items() if name != "epoch"})

    def metrics(self, values: Mapping[str, float]) -> None:
        self._add({f"metrics/{name}": value for name, value in values.items()})

    def _add(self, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, self.step)
        self.writer.flush()

    def close(self, finished: bool) -> None:
        self.writer.close()


class MLflow(Tracker):
    """MLflow, through its own client: settings as parameters, the history and later metrics as metrics.

    ``mlflow.set_tracking_uri`` or the variable ``MLFLOW_TRACKING_URI`` sets the place where MLflow keeps its runs.
    Within ``with mlflow.start_run():`` each fit is a child of that run, in the same experiment.
    """

    experiment: str = "isthmus"
    run: str | None = None

    def start(self, name: str, settings: Mapping[str, Any]) -> Tracked:
        try:
            import mlflow
        except ImportError:
            raise MissingExtraError("mlflow", "mlflow", "tracking with MLflow") from None
        try:
            client, parent, tags = mlflow.MlflowClient(), mlflow.active_run(), {}
            if parent is None:
                found = client.get_experiment_by_name(self.experiment)
                experiment = client.create_experiment(self.experiment) if found is None else found.experiment_id
            else:
                experiment, tags = parent.info.experiment_id, {"mlflow.parentRunId": parent.info.run_id}
            run = client.create_run(experiment, run_name=self.run or name, tags=tags).info.run_id
            for key, value in settings.items():
                client.log_param(run, key, str(value)[:PARAMETER_CHARACTERS])
        except mlflow.MlflowException as error:
            raise CompositionError(f"MLflow: {' '.join(str(error).split())}") from None
        return _Runs(client, run)


Trackers = Tracker | str | Sequence[Tracker | str] | None
"""One tracker, its name, several of them, or none."""

PARAMETER_CHARACTERS = 6000
"""The longest value that MLflow accepts for a parameter."""


class _Runs(Tracked):
    def __init__(self, client: Any, run: str) -> None:
        self.client, self.run, self.step = client, run, 0

    def epoch(self, row: Mapping[str, float]) -> None:
        self.step = int(row["epoch"])
        self.metrics({name: value for name, value in row.items() if name != "epoch"})

    def metrics(self, values: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now = round(1000 * time.time())
        self.client.log_batch(self.run, [Metric(name, float(v), now, self.step) for name, v in values.items()])

    def close(self, finished: bool) -> None:
        self.client.set_terminated(self.run, "FINISHED" if finished else "FAILED")


def json_line(values: Mapping[str, Any]) -> str:
    """Return a line of JSON, with null in place of numbers that are not finite, which JSON cannot express.

    >>> json_line({"epoch": 1, "loss": float("nan"), "elbo": np.float32(-2.5)})
    '{"epoch": 1, "loss": null, "elbo": -2.5}\\n'
    """
    return json.dumps(_finite(values), allow_nan=False, default=str) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _settings_of(estimator: Estimator) -> dict[str, Any]:
    """Return an estimator's arguments as plain values or text, with the part that ``"auto"`` chose in its place."""
    settings: dict[str, Any] = {"system": type(estimator).__name__, "isthmus": VERSION}
    for name, value in estimator.get_params(deep=False).items():
        value = getattr(estimator, f"{name}_", value)
        plain = value is None or isinstance(value, bool | int | float | str)
        settings[name] = value if plain else " ".join(str(value).split())
    return settings


def as_trackers(trackers: Trackers) -> list[Tracker]:
    """Return trackers, each given as a `Tracker` or by name, as a list.

    Raises
    ------
    CompositionError : one of them is neither a `Tracker` nor a name.
    UnknownNameError : a name is unknown.
    """
    given = [] if trackers is None else list(trackers) if isinstance(trackers, list | tuple) else [trackers]
    made = [resolve("tracker", tracker) for tracker in given]
    for tracker in made:
        if not isinstance(tracker, Tracker):
            raise CompositionError(f"trackers must be a Tracker, its name or several of them, got {tracker!r}")
    return made


@contextmanager
def tracking(trackers: Trackers, estimator: Estimator) -> Iterator[Tracked]:
    """Yield one run for all trackers; a tracker that fails drops out, and the fit goes on."""
    name = f"{type(estimator).__name__}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:4]}"
    together, finished = _Together(), False
    try:
        for tracker in as_trackers(trackers):
            run = tracker.start(name, _settings_of(estimator))
            together.runs.append((tracker, run))
        yield together
        finished = True
    finally:
        together.close(finished)


class _Together(Tracked):
    """One run for several trackers, in which a full disk or a lost server does not stop the fit."""

    def __init__(self) -> None:
        self.runs: list[tuple[Tracker, Tracked]] = []

    def epoch(self, row: Mapping[str, float]) -> None:
        self._tell(lambda run: run.epoch(row))

    def metrics(self, values: Mapping[str, float]) -> None:
        self._tell(lambda run: run.metrics(values))

    def close(self, finished: bool) -> None:
        self._tell(lambda run: run.close(finished))

    def _tell(self, act: Callable[[Tracked], None]) -> None:
        """Call `act` on each run; a tracker whose run fails drops out."""
        for tracker, run in list(self.runs):
            try:
                act(run)
            except Exception as error:
                self.runs.remove((tracker, run))
                why = " ".join(str(error).split()) or type(error).__name__
                warnings.warn(f"{tracker} failed and drops out of this run, which goes on: {why}", stacklevel=2)


def record(estimator: Estimator, trackers: Trackers, metrics: Mapping[str, float] | None = None) -> None:
    """Send a fitted estimator's settings, history and metrics to trackers.

    Parameters
    ----------
    estimator : fitted.
    trackers : as in `Training`.
    metrics : further numbers by name.

    >>> from isthmus import Autoencoder
    >>> import numpy as np, tempfile
    >>> X = np.random.default_rng(0).normal(size=(100, 5))
    >>> model = Autoencoder(2, max_epochs=2, random_state=0).fit(X)
    >>> path = Path(tempfile.mkdtemp()) / "log.jsonl"
    >>> record(model, JSONLines(str(path)), {"r2": 0.5})
    >>> len(path.read_text().splitlines())  # settings, two epochs, metrics
    4
    """
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(estimator, "model_")
    with tracking(trackers, estimator) as run:
        for row in estimator.history_:
            run.epoch(row)
        if metrics:
            run.metrics(metrics)
