"""Trackers: what goes into them comes out through their own packages' readers, and none of them can cost a fit."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import isthmus
from command import run
from isthmus import GAN, VAE, Autoencoder, Training
from isthmus.errors import CompositionError, DataError, MissingExtraError, UnknownNameError
from isthmus.trackers import JSONLines, MLflow, TensorBoard, Tracked, Tracker, record

X = np.random.default_rng(0).normal(size=(120, 6)).astype(np.float32)


def small(trackers, **more) -> VAE:
    return VAE(2, max_epochs=3, validation_fraction=0.2, training=Training(trackers=trackers), random_state=0, **more)


def read_lines(path: Path | str) -> list[dict]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_json_lines_hold_settings_and_the_history(tmp_path):
    model = small(JSONLines(str(tmp_path / "new" / "log.jsonl"))).fit(X)
    first, *rows = read_lines(tmp_path / "new" / "log.jsonl")
    assert first["settings"]["latent_dim"] == 2
    assert first["settings"]["likelihood"] == "HomoscedasticGaussian()"  # what "auto" stood for
    assert len({line.pop("run") for line in [first, *rows]}) == 1
    assert rows == list(model.history_)


def test_a_search_makes_a_run_of_each_fit(tmp_path):
    place = tmp_path / "log.jsonl"
    search = GridSearchCV(small(f"jsonlines:{place}"), {"latent_dim": [1, 2]}, cv=2).fit(X)
    lines = read_lines(place)
    assert len({line["run"] for line in lines}) == sum("settings" in line for line in lines) == 5
    assert search.best_estimator_.n_epochs_ == 3


def test_every_saved_model_has_its_history_as_json_lines(tmp_path):
    model = GAN(2, max_epochs=2, random_state=0).fit(X)
    model.save(tmp_path / "m")
    rows = pl.read_ndjson(tmp_path / "m" / "history.jsonl")
    assert rows.columns == model.history_.columns
    assert_allclose(rows["generator_loss"].to_numpy(), model.history_["generator_loss"])


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    events = EventAccumulator(str(folder))
    events.Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_reads_what_was_written(tmp_path):
    model = small(TensorBoard(str(tmp_path / "runs"))).fit(X)
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("VAE-")
    found = scalars(folder)
    assert set(found) == set(model.history_.columns) - {"epoch"}
    assert [step for step, _ in found["validation_loss"]] == [1, 2, 3]
    assert_allclose([value for _, value in found["loss"]], model.history_["loss"], rtol=1e-6)
    record(model, TensorBoard(str(tmp_path / "runs"), run="again"), {"elbo": -7.5})
    assert scalars(tmp_path / "runs" / "again")["metrics/elbo"] == [(3, -7.5)]


@pytest.fixture
def mlflow(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # its database needs more than the client
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    return mlflow


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_mlflow_reads_what_was_written(mlflow):
    model = small("mlflow:tables").fit(X)
    record(model, MLflow("tables", run="measured"), {"elbo": -7.5})
    client = mlflow.MlflowClient()
    runs = client.search_runs([client.get_experiment_by_name("tables").experiment_id], order_by=["start_time"])
    assert [run.info.status for run in runs] == ["FINISHED", "FINISHED"]
    fitted, measured = runs if runs[1].info.run_name == "measured" else runs[::-1]
    assert fitted.data.params["latent_dim"] == "2"
    assert fitted.data.params["likelihood"] == "HomoscedasticGaussian()"
    for run_id in (fitted.info.run_id, measured.info.run_id):
        rows = client.get_metric_history(run_id, "validation_loss")
        assert [row.step for row in rows] == [1, 2, 3]
        assert_allclose([row.value for row in rows], model.history_["validation_loss"])
    assert measured.data.metrics["elbo"] == -7.5


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_within_a_run_of_mlflow_every_fit_is_its_child(mlflow):
    mlflow.set_experiment("mine")
    with mlflow.start_run() as parent:
        for width in (1, 2):
            clone(small(MLflow())).set_params(latent_dim=width).fit(X)
    client = mlflow.MlflowClient()
    children = client.search_runs([parent.info.experiment_id], f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
    assert sorted(run.data.params["latent_dim"] for run in children) == ["1", "2"]


class Failing(Tracker):
    """One whose server goes away in the second epoch."""

    def start(self, name, settings):
        return _Failing()


class _Failing(Tracked):
    def epoch(self, row):
        if row["epoch"] > 1:
            raise ConnectionError("the server is gone")


def test_a_tracker_that_fails_costs_nothing(tmp_path):
    place = tmp_path / "log.jsonl"
    with pytest.warns(UserWarning, match=r"Failing\(\) failed .* which goes on: the server is gone") as met:
        model = small((Failing(), JSONLines(str(place)))).fit(X)
    assert len(met) == 1
    assert len(read_lines(place)) == 4
    assert model.n_epochs_ == 3


def test_tracking_changes_no_bit(tmp_path):
    tracked, plain = small(f"jsonlines:{tmp_path / 'log.jsonl'}").fit(X), small(None).fit(X)
    assert (tracked.transform(X) == plain.transform(X)).all()


def test_what_cannot_be_begun_is_said_before_the_fit(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written to"):
        small(JSONLines(str(tmp_path / "file" / "log.jsonl"))).fit(X)
    with pytest.raises(UnknownNameError, match="did you mean 'tensorboard'"):
        Training(trackers="tensorbord")
    with pytest.raises(CompositionError, match="trackers must be a Tracker"):
        Training(trackers=3)


@pytest.mark.parametrize(("tracker", "package"), [("mlflow", "mlflow"), ("tensorboard", "tensorboard")])
def test_a_package_that_is_missing_is_named(tracker, package, monkeypatch):
    import sys

    for name in [name for name in sys.modules if name.split(".")[0] == package or "utils.tensorboard" in name]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'isthmus\[{package}\]'"):
        small(tracker).fit(X)


def test_where_a_fit_wrote_is_not_in_its_folder(tmp_path):
    place = tmp_path / "log.jsonl"
    model = small(JSONLines(str(place)))
    model.set_params(training__checkpoint=str(tmp_path / "state"), training__decay="linear").fit(X)
    model.save(tmp_path / "m")
    assert str(tmp_path) not in (tmp_path / "m" / "config.json").read_text()
    assert isthmus.load(tmp_path / "m").training == Training(decay="linear")
    written = json.loads((tmp_path / "m" / "config.json").read_text())
    written["arguments"]["training"]["trackers"] = f"jsonlines:{tmp_path / 'planted.jsonl'}"
    (tmp_path / "m" / "config.json").write_text(json.dumps(written))
    clone(isthmus.load(tmp_path / "m")).fit(X)
    assert not (tmp_path / "planted.jsonl").exists()


def test_the_command_line_tracks(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    run("fit", "vae", "x.npy", "-o", "m", "--epochs", 2, "-q", "--track", "jsonlines:log.jsonl")
    assert len(read_lines("log.jsonl")) == 3
    run(
        "compare",
        "x.npy",
        "-o",
        "out",
        "-s",
        "vae",
        "-s",
        "autoencoder",
        "--epochs",
        2,
        "-q",
        "--track",
        "jsonlines:c.jsonl",
    )
    lines = read_lines("c.jsonl")
    measured = {line["run"]: line["metrics"] for line in lines if "metrics" in line}
    assert len(measured) == 2
    assert all("error" in figures for figures in measured.values())
    run("fit", "vae", "x.npy", "-o", "n", "--track", "nowhere", expect=2)
    assert "unknown tracker 'nowhere'" in capsys.readouterr().err
    assert not Path("n").exists()


def test_a_comparison_whose_tracker_cannot_begin_keeps_its_page(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    asked = ["compare", "x.npy", "-o", "out", "-s", "vae", "--epochs", 2, "-q", "--resume", "--track"]
    run(*asked, "jsonlines:x.npy/log.jsonl", expect=2)
    assert "cannot be written to" in capsys.readouterr().err
    assert Path("out/report.html").is_file()
    run(*asked, "jsonlines:log.jsonl")  # the fit is there already, and only recorded
    assert "metrics" in read_lines("log.jsonl")[-1]


def test_what_fails_while_it_is_recorded_is_told(tmp_path):
    model = small(None).fit(X)
    with pytest.warns(UserWarning, match="the server is gone"):
        record(model, (Failing(), f"jsonlines:{tmp_path / 'log.jsonl'}"), {"elbo": -7.5})
    assert read_lines(tmp_path / "log.jsonl")[-1]["metrics"] == {"elbo": -7.5}


def test_record_needs_a_fit():
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        record(Autoencoder(2), "jsonlines")
