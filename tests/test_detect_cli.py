"""``isthmus detect``, from a table to its alarms."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import polars as pl
import pytest

import isthmus
import isthmus.detection
from command import run


@pytest.fixture
def tables(tmp_path, rng, monkeypatch):
    """Two tables of sensors in the working folder: one of usual rows, one with five planted faults; ids are text."""
    monkeypatch.chdir(tmp_path)

    def usual(n, name):
        t = rng.uniform(10, 20, n)
        frame = pd.DataFrame({"t_in": t, "t_out": t + 5 + 0.2 * rng.normal(size=n), "flow": rng.normal(3, 0.1, n)})
        frame.insert(0, "id", [f"{name}{i}" for i in range(n)])
        return frame

    clean, today = usual(1200, "c"), usual(100, "d")
    today.loc[[3, 14, 15, 92, 65], "flow"] += 2
    clean.to_csv("clean.csv", index=False)
    today.to_csv("today.csv", index=False)
    return tmp_path


FAULTY = {"d3", "d14", "d15", "d92", "d65"}


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet"])
def test_planted_faults_are_found_and_named(tables, capsys, suffix):
    out = f"alarms.{suffix}"
    run("detect", "today.csv", "--train", "clean.csv", "--id", "id", "--fdr", 0.1, "--why", "-o", out)
    read = {"csv": pl.read_csv, "tsv": lambda p: pl.read_csv(p, separator="\t"), "parquet": pl.read_parquet}[suffix]
    alarms = read(out)
    assert set(alarms["id"]) >= FAULTY
    assert len(alarms) < 10
    top = alarms.filter(pl.col("id").is_in(FAULTY))
    assert all(columns.startswith("flow") for columns in top["columns"])
    assert all(why.startswith("flow is 5.") or why.startswith("flow is 4.") for why in top["why"])
    assert alarms["p_value"].is_sorted()
    assert alarms.columns == ["id", "row", "p_value", "score", "alarm", "columns", "why"]
    said = capsys.readouterr().out
    assert f"{len(alarms)} of 100 rows raise an alarm: at most 10 % of them are expected to be false" in said


def test_without_usual_rows_they_are_held_against_each_other(tables, capsys):
    run("detect", "today.csv", "--id", "id", "--budget", 5, "-o", "alarms.csv")
    assert set(pl.read_csv("alarms.csv")["id"]) == FAULTY
    assert "rows were held against each other" in capsys.readouterr().out


def test_a_saved_detector_gives_the_same_alarms(tables):
    run(
        "detect",
        "today.csv",
        "--train",
        "clean.csv",
        "--id",
        "id",
        "-s",
        "ae max_epochs=3",
        "--save",
        "d",
        "-o",
        "a.csv",
        "-q",
    )
    run("detect", "today.csv", "--model", "d", "--id", "id", "-o", "b.csv", "-q")
    assert pl.read_csv("a.csv").equals(pl.read_csv("b.csv"))
    assert isinstance(isthmus.load("d"), isthmus.Detector)


def test_names_of_rows_are_copied_and_not_learnt_unless_others_are_said(tables):
    run("detect", "today.csv", "--train", "clean.csv", "-o", "a.csv", "-q")
    run("detect", "today.csv", "--train", "clean.csv", "--id", "id", "-o", "b.csv", "-q")
    assert pl.read_csv("a.csv").equals(pl.read_csv("b.csv"))


def test_every_row_on_demand(tables):
    run("detect", "today.csv", "--train", "clean.csv", "--id", "id", "--all", "-o", "a.csv", "-q")
    every = pl.read_csv("a.csv")
    assert sorted(every["row"]) == list(range(100))
    np.testing.assert_array_equal(every["alarm"], every["p_value"] <= 0.05)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["today.csv", "--alpha", "0.1", "--fdr", "0.1", "--id", "id"], "give one of alpha"),
        (["today.csv", "--alpha", "3", "--id", "id"], "alpha must lie in (0, 1)"),
        (["today.csv", "--id", "idd"], "there is no column 'idd', did you mean 'id'?"),
        (["today.csv", "--model", "none", "--id", "id"], "none: no such model folder"),
        (["today.csv", "--model", "none", "--train", "clean.csv"], "--model brings its own fit"),
    ],
)
def test_mistakes_cost_one_line(tables, capsys, arguments, message):
    run("detect", *arguments, "-o", "alarms.csv", expect=2)
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (tables / "alarms.csv").exists()


def test_watching_writes_a_line_an_alarm_and_goes_on_after_a_restart(tables, capsys, rng, monkeypatch):
    run("detect", "today.csv", "--train", "clean.csv", "--id", "id", "--save", "d", "-o", "a.csv", "-q")
    capsys.readouterr()
    run("watch", "d", "today.csv", "--alpha", 0.01, "--id", "id", "--why", "--state", "watch.json", "--batch", 30)
    lines = capsys.readouterr().out.splitlines()
    assert {f"row {i[1:]} (id {i})" for i in FAULTY} <= {line.partition(":")[0] for line in lines}
    assert all(": flow is" in line for line in lines if line.split()[3].rstrip("):") in FAULTY)
    moved = pd.read_csv("clean.csv").tail(100).assign(flow=3.25)
    monkeypatch.setattr("sys.stdin", io.StringIO(moved.to_csv(index=False)))
    run("watch", "d", "-", "--alpha", 0.01, "--id", "id", "--state", "watch.json")
    lines = capsys.readouterr().out.splitlines()
    drift = [line for line in lines if line.startswith("drift since row 1")]
    assert drift
    assert drift[-1].endswith("flow is narrower") or drift[-1].endswith("flow is higher")
    assert isthmus.detection.Watch.load("watch.json", isthmus.load("d")).rows == 200
