"""Tables on a page and in verdicts: a masked autoencoder of mixed columns with gaps, and one that learnt by heart."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from isthmus import MaskedAutoencoder
from isthmus.diagnosis import Subject, diagnose
from isthmus.diagnosis.tables import memorised_rows
from isthmus.metrics import area_under_curve, told_apart
from isthmus.report.content import Content
from isthmus.report.page import page


def people(n: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 90, n)
    city = rng.choice(["Delft", "Utrecht", "Zwolle"], n)
    rich = age + 20 * (city == "Delft") + rng.normal(0, 5, n) > 60
    weight = np.where(rng.random(n) < 0.15, np.nan, (60 + 0.3 * age + rng.normal(size=n)).round(1))
    return pd.DataFrame(
        {
            "age": age,
            "city": np.where(rng.random(n) < 0.05, None, city),
            "weight": weight,
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), "D"),
            "rich": np.where(rich, "yes <b>", "no"),
        }
    )


@pytest.fixture(scope="module")
def content():
    train, held_out = people(1200), people(300, 1)
    model = MaskedAutoencoder(32, max_epochs=8, batch_size=64, random_state=0).fit(train)
    return Content(model, held_out, train, target="rich")


@pytest.fixture(scope="module")
def html(content):
    return page(content)


def test_a_table_with_gaps_is_shown_and_nothing_that_would_flatter(content, html):
    sections = "verdicts numbers learning latent samples quality privacy columns completions"
    assert re.findall(r'<section id="(\w+)"', html) == [*sections.split(), "scores", "card"]
    assert "R²" not in {number.name for number in content.numbers}, "what is seen may simply be copied"
    assert len(content.X) == 300, "rows with gaps are measured too"


def test_categories_and_dates_are_written_as_they_are(html):
    assert '<span title="Utrecht">Utrecht</span>' in html
    assert "yes &lt;b&gt;" in html
    assert "yes <b>" not in html
    assert re.search(r"202\d-\d\d-\d\d", html)
    assert "missing" in html


def test_samples_have_the_gaps_of_the_rows(content):
    real, made = content.subject.compared.own, content.subject.drawn
    for j in (1, 2):
        assert np.isnan(made[:, j]).mean() == pytest.approx(np.isnan(real[:, j]).mean(), abs=0.1)


def test_figures_are_those_of_the_metrics(content):
    numbers = {number.name: number for number in content.numbers}
    table = content.table
    assert table.names == ["age", "city", "weight", "since", "rich"]
    assert table.categories == (1, 4)
    own = content.subject.compared.own.astype(float), np.asarray(content.subject.drawn, float)
    assert numbers["told apart, AUC"].value == pytest.approx(told_apart(*own, (1, 4)).auc, abs=0.1)
    assert numbers["nearer to training"].value == table.nearer.share
    assert numbers["useful to predict rich"].value == table.useful.synthetic > 0.75
    scored = content.subject.scored
    scores = {name: values.mean() for name, values in content.scores.groups.items()}
    assert scores["held-out"] == pytest.approx(content.subject.estimator.score_samples(content.X).mean(), rel=1e-4)
    assert scored.area == area_under_curve(scored.by_network[1], scored.by_network[0])
    assert content.scores.what == "log p(x), nats"


def test_hidden_cells_are_completed_better_than_by_guessing(content):
    made = content.completions
    errors = dict(zip(np.array(content.look.names)[made.judged], made.errors / made.guessed, strict=True))
    assert errors["rich"] < 0.8
    assert errors["weight"] < 0.8
    assert errors["since"] == pytest.approx(1.0, abs=0.1), "nothing says anything of it"
    assert list(made.categories) == [name in ("city", "rich") for name in errors]


def test_a_healthy_fit_is_called_healthy(content):
    found = {verdict.about: verdict for verdict in content.verdicts}
    for about in ("memorised samples", "completed cells", "likelihood of training rows"):
        assert found[about].status == "healthy", found[about].statement
    assert "over-fitting" not in found
    assert "under-fitting" not in found


def test_too_few_rows_are_said_to_be_too_few():
    train, held_out = people(60), people(300, 1)
    model = MaskedAutoencoder(
        64, max_epochs=120, validation_fraction=0.0, batch_size=20, learning_rate=3e-3, random_state=0
    ).fit(train)
    found = {verdict.about: verdict for verdict in diagnose(model, held_out, train)}
    assert found["likelihood of training rows"].status == "fault"
    assert "too few rows" in found["likelihood of training rows"].statement
    assert found["memorised samples"].status == "fault"
    assert "too few for this fit" in found["memorised samples"].statement
    copied = Subject(model, held_out, train, samples=train.iloc[:50])
    judged = memorised_rows(copied)
    assert judged is not None
    assert judged.evidence["copies"] == 1.0
    assert judged.status == "fault"
