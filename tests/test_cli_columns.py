"""Columns at the command line: by name in any order, ids beside what is written, conditions, unseen categories."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import isthmus
from command import run

LEFT_OUT = "left out 'id', which names the rows: every value differs; --keep id learns it all the same"


@pytest.fixture
def people(tmp_path, rng, monkeypatch):
    """A table of 80 people in the working folder, with an id and the town they live in."""
    monkeypatch.chdir(tmp_path)
    sex = rng.choice(["f", "m"], 80)
    frame = pd.DataFrame(
        {
            "id": [f"p{i:02}" for i in range(80)],
            "sex": sex,
            "height": 165 + 15 * (sex == "m") + rng.normal(size=80),
            "weight": rng.normal(70, 5, 80),
            "town": rng.choice(["Bern", "Thun"], 80),
        }
    )
    frame.to_csv("people.csv", index=False)
    other = frame[["town", "weight", "sex", "height", "id"]].assign(year=2024)
    other.to_csv("other.csv", index=False)
    return frame


@pytest.mark.filterwarnings("default")
def test_an_id_is_left_out_of_a_fit_and_said(people, capsys):
    run("fit", "ae", "people.csv", "-o", "m", "--epochs", 1, "-q")
    assert capsys.readouterr().err == f"isthmus: warning: people.csv: {LEFT_OUT}\n"
    assert isthmus.load("m").feature_names_in_.tolist() == ["sex", "height", "weight", "town"]
    run("score", "m", "people.csv", "-o", "s.csv")
    assert not capsys.readouterr().err, "an id that stands beside the scores is not lost"
    assert pd.read_csv("s.csv").columns.tolist() == ["id", "score"]
    capsys.readouterr()
    run("fit", "ae", "people.csv", "-o", "kept", "--epochs", 1, "-q", "--keep", "id")
    said = capsys.readouterr().err
    assert "columns 'id' look like names of the rows, of which nothing is learnt; --leave-out id leaves one out" in said
    assert isthmus.load("kept").feature_names_in_[0] == "id"
    numbers = people.drop(columns=["sex", "town"]).assign(id=range(80))
    numbers.to_csv("numbers.csv", index=False)
    run("compare", "numbers.csv", "-o", "c", "-s", "ae", "--epochs", 1, "-q")
    assert LEFT_OUT in capsys.readouterr().err
    assert isthmus.load("c/models/ae-0").shape_ == (2,)


@pytest.mark.filterwarnings("default")
def test_every_command_takes_columns_by_name_in_any_order(people, capsys):
    """Others are ignored, and one line names them."""
    run("fit", "vae", "people.csv", "-o", "m", "--epochs", 1, "-q", "--leave-out", "sex", "--leave-out", "town")
    run("detect", "people.csv", "-o", "a.csv", "-q", "--save", "d", "--all")
    capsys.readouterr()
    ignored = "warning: other.csv: columns that the model does not take are left out: "
    for command in (
        ["score", "m", "other.csv", "-o", "s.csv"],
        ["diagnose", "m", "other.csv"],
        ["report", "m", "other.csv"],
    ):
        run(*command)
        said = capsys.readouterr().err
        assert said.count("isthmus: ") == 1, command
        assert f"{ignored}'town', 'sex', 'id' (kept as the rows' names) and 1 more" in said
    run("report", "m", "other.csv", "--train", "people.csv", "--labels", "sex")
    assert "'sex'" not in capsys.readouterr().err
    run("detect", "other.csv", "--model", "d", "-o", "b.csv", "-q", "--all")
    assert "columns that the model does not take are left out: 'year'" in capsys.readouterr().err
    assert sorted(pd.read_csv("b.csv")["id"]) == sorted(people["id"])
    run("watch", "d", "other.csv", "--id", "id")
    said = capsys.readouterr().err
    assert said == "isthmus: warning: other.csv: columns that the detector does not take are left out: 'year'\n"
    run("watch", "d", "othr.csv", expect=2)
    assert "othr.csv: no such file, did you mean 'other.csv'?" in capsys.readouterr().err
    run("watch", "d", "other.csv", "--id", "idd", expect=2)
    assert "lacks the column 'idd', did you mean 'id'?" in capsys.readouterr().err
    people.rename(columns={"height": "heigth"}).to_csv("lacks.csv", index=False)
    for command in (
        ["detect", "lacks.csv", "--model", "d", "-o", "c.csv"],
        ["watch", "d", "lacks.csv"],
        ["report", "m", "lacks.csv"],
        ["diagnose", "m", "lacks.csv"],
    ):
        run(*command, expect=2)
        assert "lacks the column 'height', did you mean 'heigth'?" in capsys.readouterr().err, command


@pytest.mark.filterwarnings("default")
def test_a_condition_is_named_in_the_fit_and_taken_by_name_after(people, capsys):
    fit = ["fit", "vae", "people.csv", "-o", "m", "--latent-dim", 1, "--epochs", 60, "--learning-rate", 0.02, "-q"]
    run(*fit, "--condition", "sex,town")
    model = isthmus.load("m")
    assert model.condition_.names == ["sex", "town"]
    assert model.feature_names_in_.tolist() == ["height", "weight"]
    capsys.readouterr()
    run("score", "m", "other.csv", "-o", "s.csv")
    scored = pd.read_csv("s.csv")
    assert scored.columns.tolist() == ["id", "sex", "town", "score"]
    np.testing.assert_allclose(scored["score"], model.score_samples(people.drop(columns="id")), rtol=1e-5)
    for command in (["encode", "m", "other.csv", "-o", "h.csv"], ["reconstruct", "m", "other.csv", "-o", "r.csv"]):
        run(*command)
    assert pd.read_csv("r.csv").columns.tolist() == ["id", "sex", "town", "height", "weight"]
    capsys.readouterr()
    run("sample", "m", "-n", 40, "-o", "n.csv", "--condition", "sex=m", "--condition", "town=Bern")
    assert capsys.readouterr().out == "wrote n.csv: 40 rows, 4 columns\n"
    run("sample", "m", "-n", 40, "-o", "o.csv", "--condition", "sex=f", "--condition", "town=Bern")
    men, women = pd.read_csv("n.csv"), pd.read_csv("o.csv")
    assert men.columns.tolist() == ["sex", "town", "height", "weight"]
    assert set(men["sex"]) == {"m"}
    assert men["height"].mean() > women["height"].mean() + 8
    run("diagnose", "m", "other.csv", "--train", "people.csv")
    run("report", "m", "other.csv", "--train", "people.csv", "--labels", "sex")
    assert "</html>" in Path("report.html").read_text()
    capsys.readouterr()
    for arguments, said in (
        ([], "this model was fitted with the condition sex, town: give --condition sex=..."),
        (["--condition", "sx=f"], "--condition sx=f: write --condition name=value, did you mean 'sex'?"),
        (["--condition", "sex=x", "--condition", "town=Bern"], "column 'sex' holds 'x', which the fit did not meet"),
    ):
        run("sample", "m", "-o", "p.csv", *arguments, expect=2)
        assert said in capsys.readouterr().err


@pytest.mark.filterwarnings("default")
def test_an_unseen_category_is_what_the_fit_was_told(people, capsys):
    people.replace({"town": {"Bern": "Basel"}}).to_csv("new.csv", index=False)
    run("fit", "vae", "people.csv", "-o", "m", "--epochs", 1, "-q")
    capsys.readouterr()
    run("score", "m", "new.csv", "-o", "s.csv", expect=2)
    said = capsys.readouterr().err
    assert "column 'town' holds 'Basel', which the fit did not meet" in said
    assert said.endswith("take them for gaps or for the nearest level: fit with --unseen gap, or --unseen nearest\n")
    run("fit", "vae", "people.csv", "-o", "n", "--epochs", 1, "-q", "--unseen", "nearest")
    run("score", "n", "new.csv", "-o", "s.csv")
    run("score", "m", "people.csv", "-o", "t.csv")
    np.testing.assert_allclose(pd.read_csv("s.csv")["score"], pd.read_csv("t.csv")["score"])
    detect = ["detect", "new.csv", "--train", "people.csv", "-o", "a.csv", "-q", "--all"]
    run(*detect, expect=2)
    run(*detect, "--unseen", "gap")
    assert len(pd.read_csv("a.csv")) == 80


def test_a_watch_takes_lines_in_its_own_order(people, capsys, monkeypatch):
    run("detect", "people.csv", "-o", "a.csv", "-q", "--save", "d", "--id", "id")
    capsys.readouterr()
    odd = people.tail(3).assign(height=[1000.0, 170.0, 170.0])
    said = []
    for frame in (odd, odd[["town", "id", "height", "sex", "weight"]]):
        monkeypatch.setattr("sys.stdin", io.StringIO(frame.to_csv(index=False)))
        run("watch", "d", "-", "--id", "id")
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert "row 0 (id p77): p = " in said[0]
