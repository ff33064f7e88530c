"""``isthmus synth``, ``isthmus complete`` and conditions at the command line."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest

import isthmus
from command import run
from isthmus import MaskedAutoencoder


def people(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    age = rng.integers(18, 90, n)
    city = rng.choice(["Delft", "Utrecht", "Zwolle"], n)
    income = np.where(age + 20 * (city == "Delft") + rng.normal(0, 5, n) > 60, "high", "low")
    kept = np.where(rng.random(n) < 0.1, np.nan, rng.normal(age))
    return pd.DataFrame(
        {"id": [f"p{i:05d}" for i in range(n)], "age": age, "city": city, "kept": kept.round(1), "income": income}
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A table, and a model of it."""
    place = tmp_path_factory.mktemp("synth")
    frame = people(400)
    frame.to_csv(place / "data.csv", index=False)
    MaskedAutoencoder(16, max_epochs=4, random_state=0).fit(
        pl.DataFrame(frame.drop(columns="id").to_dict("list"))
    ).save(place / "m")
    return place


@pytest.fixture
def there(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return folder


def test_one_command_writes_judges_and_says(there, capsys):
    arguments = ["--rows", 300, "--out", "new.csv", "--report", "r.html", "--target", "income", "--minutes", 0.03]
    run("synth", "data.csv", *arguments)
    out, err = capsys.readouterr()
    assert "left out 'id'" in err
    assert "learning from 320 of 400 rows" in err
    lines = out.splitlines()
    assert any(line.startswith("wrote new.csv: 300 rows, 4 columns, learnt from 320 rows; 80 others") for line in lines)
    for word in ("Told apart:", "Alike:", "Useful: after training on them, boosting predicts income", "Copies:",
                 "Nearer:", "Attacks:"):  # fmt: skip
        assert any(line.startswith(word) for line in lines), word
    new = pd.read_csv("new.csv")
    assert list(new) == ["age", "city", "kept", "income"]
    assert set(new["city"]) <= {"Delft", "Utrecht", "Zwolle"}
    assert 0 < new["kept"].isna().mean() < 0.4, "gaps as in the data"
    html = (there / "r.html").read_text(encoding="utf-8")
    assert "Is it private?" in html
    said = re.search(r"Nearer: (\d+)% lie nearer", out)
    assert said is not None
    assert f"<span>nearer to training</span><b>{said[1]}%</b>" in html, "the answer and the page say the same"


def test_conditions_are_kept_and_judged_by_rows_that_satisfy_them(there, capsys):
    asked = ["--given", "city=Utrecht", "--where", "age > 30", "--where", "age < 80"]
    run("synth", "data.csv", "-n", 60, "-o", "some.csv", *asked, "--minutes", 0.02, "--quiet", "--no-gaps")
    out = capsys.readouterr().out
    some = pd.read_csv("some.csv")
    assert (some["city"] == "Utrecht").all()
    assert some["age"].between(31, 79).all()
    assert not some.isna().any().any()
    assert "Not judged: there are fewer than 40 rows of a kind that satisfy the conditions" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "incom"], "no column 'incom' to predict, did you mean 'income'"),
        (["--given", "city"], "write --given COLUMN=VALUE"),
        (["--given", "cty=Delft"], "no column 'cty', did you mean 'city'"),
        (["--given", "city=Delf"], "'Delf', which the fit did not meet"),
        (["--where", "age >"], "where='age >': it is no condition"),
        (["--rows", "0"], "--rows must be at least 1"),
        (["--report", "nowhere/r.html"], "the folder nowhere does not exist"),
    ],
)
def test_mistakes_cost_one_line_and_no_fit(arguments, message, there, capsys):
    run("synth", "data.csv", "-o", "not.csv", *arguments, expect=2)
    err = capsys.readouterr().err.splitlines()[-1]
    assert message in err
    assert not (there / "not.csv").exists()


def test_a_model_draws_under_conditions(there, capsys):
    run("sample", "m", "-n", 40, "-o", "s.csv", "--given", "city=Delft", "--where", "age > 40", "--seed", 2)
    drawn = pd.read_csv("s.csv")
    assert (drawn["city"] == "Delft").all()
    assert (drawn["age"] > 40).all()
    assert "where holds for" in capsys.readouterr().out
    isthmus.VAE(2, max_epochs=1, random_state=0).fit(people(60).drop(columns=["id", "kept"])).save("v")
    run("sample", "v", "-n", 5, "-o", "v.csv", "--given", "city=Delft", expect=2)
    assert "a VAE cannot draw this way" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:.*kept as the rows' names")
def test_gaps_are_filled_by_a_model_or_by_what_the_table_itself_teaches(there, capsys):
    data = pd.read_csv("data.csv")
    run("complete", "m", "data.csv", "-o", "filled.csv")
    filled = pd.read_csv("filled.csv")
    assert f"filled {data['kept'].isna().sum()} gaps" in capsys.readouterr().out
    assert not filled.isna().any().any()
    known = data["kept"].notna()
    np.testing.assert_allclose(filled.loc[known, "kept"], data.loc[known, "kept"])
    assert (filled["id"] == data["id"]).all(), "what names the rows stays beside them"
    run("complete", "data.csv", "-o", "own.csv", "--draws", 3, "--minutes", 0.02, "-q")
    own = pd.read_csv("own.csv")
    assert list(own) == ["draw", *data.columns]
    assert own["draw"].value_counts().to_dict() == {1: 400, 2: 400, 3: 400}
    assert not own.isna().any().any()
    several = own.loc[np.tile(~known.to_numpy(), 3), "kept"].to_numpy().reshape(3, -1)
    assert several.std(0).mean() > 0.1
    run("complete", "m", "-o", "no.csv", expect=2)
    assert "name the table to fill in" in capsys.readouterr().err
