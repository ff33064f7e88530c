"""What docs/tables.md shows runs, one block after the other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).parent.parent / "docs" / "tables.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    """What the page's names stand for once all its blocks have run."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in BLOCKS:
        exec(compile(block, "tables.md", "exec"), names)
    return names


def test_new_rows_are_like_the_people(page):
    new, people = page["new"], page["people"]
    assert list(new.dtypes) == list(people.dtypes)
    assert page["quality"].shapes.mean() > 0.9
    assert abs((new["city"] == "Delft").mean() - (people["city"] == "Delft").mean()) < 0.08


def test_gaps_are_filled_better_than_by_the_mean(page):
    clinic, holed, best = page["clinic"], page["holed"], page["best"]
    numbers = clinic.columns.drop("sex")
    hidden = holed[numbers].isna()
    error = ((best[numbers] - clinic[numbers]).where(hidden) ** 2).mean() / clinic[numbers].var()
    assert error.mean() < 0.9
    assert (best[numbers].where(~hidden) == clinic[numbers].where(~hidden)).where(~hidden, True).all().all()


def test_moving_to_delft_pays(page):
    """In these people the city adds to the income, and the draws know it."""
    model, moved, others = page["model"], page["moved"], page["others"]
    stayed = moved.assign(city="Zwolle")
    import pandas as pd

    elsewhere = pd.concat(model.complete(stayed, n_draws=200, random_state=0))
    assert (others["income"] == ">50K").mean() > (elsewhere["income"] == ">50K").mean()
    assert (others["city"] == "Delft").all()
    assert (others["age"] == page["person"]["age"].iloc[0]).all()
