"""The page of a detector: what it says is what was measured, in words that are escaped."""

from __future__ import annotations

import re
from html import unescape

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta

import isthmus.report
from conftest import HOSTILE
from isthmus.detection import Detector
from isthmus.errors import DataError
from isthmus.report.content.findings import Findings
from isthmus.report.findings import findings_page, pictures


def from_the_origin(X):
    return -np.linalg.norm(np.asarray(X, dtype=np.float64), axis=1)


@pytest.fixture(scope="module")
def sensors():
    """A detector, and 100 rows of which five have a fault in a column of a hostile name."""
    rng = np.random.default_rng(0)

    def rows(n):
        x = rng.normal(size=n)
        return pd.DataFrame({"load": x, HOSTILE: 3 * x + 0.1 * rng.normal(size=n), "t": rng.normal(size=n)})

    new = rows(100)
    new.loc[[3, 14, 15, 92, 65], HOSTILE] += 4
    return Detector(random_state=0).fit(rows(1000)).at(alpha=0.01), new


def words(html):
    return unescape(re.sub(r"<[^>]+>", " ", html.partition("<body>")[2]))


def test_the_page_says_how_many_which_why_and_how_sure(sensors, tmp_path):
    detector, new = sensors
    labels = [f"sensor {i}" for i in range(100)]
    path = isthmus.report.report(detector, new, tmp_path / "r.html", labels=labels, data="today.csv")
    html = path.read_text()
    said = words(html)
    raised = np.flatnonzero(detector.predict(new) == -1)
    assert {3, 14, 15, 92, 65} <= set(raised)
    assert f"{len(raised)} of 100 rows raise an alarm" in said
    assert "If all of these rows were usual, about 1 of them would raise an alarm (0 to " in said
    low, high = beta.interval(0.95, 3, 298)
    assert f"of usual rows, falsely ({100 * low:.2g} to {100 * high:.2g} %)" in said
    assert all(f"sensor {i}" in said for i in raised)
    why = detector.explain(new.iloc[[3]])[0].reasons[0]
    assert f"{why.seen_in_words}, not {why.expected_in_words}" in said
    assert HOSTILE in said
    assert HOSTILE not in html
    assert detector.report(new, tmp_path / "s.html").read_text() != html


@pytest.mark.parametrize(
    ("dial", "sentence"),
    [
        ({"fdr": 0.2}, "At most 20 % of the alarms are false, in the mean over batches."),
        ({"budget": 3}, "As many as were asked for;"),
        ({"alpha": 0.2}, "would raise an alarm (1"),
    ],
)
def test_each_dial_says_how_often_it_would_be_wrong(sensors, dial, sentence):
    detector, new = sensors
    turned = detector.at(**dial)
    assert sentence in words(findings_page(Findings.of(turned, new, turned.judge(new))))


def test_rows_without_alarms_and_rows_of_the_fit(sensors):
    detector, new = sensors
    usual = new.drop(index=[3, 14, 15, 92, 65]).head(20)
    quiet = Findings.of(detector, usual, detector.at(alpha=0.004).judge(usual))
    assert quiet.headline.status == "healthy"
    assert [picture.name for picture in pictures(quiet)] == ["sure"]
    crossed = Detector(from_the_origin, random_state=0).fit(new.drop(columns=HOSTILE))
    own = Findings.of(crossed, new.drop(columns=HOSTILE), crossed.judge(new.drop(columns=HOSTILE)), own=True)
    assert own.usual is None
    assert "held against each other" in own.headline.also


def test_rows_of_the_fit_have_the_p_values_by_which_they_were_judged(sensors):
    _, new = sensors
    detector = Detector(calibration="cross", random_state=0).fit(new).at(alpha=0.1)
    judged = detector.judge_own(new)
    found = Findings.of(detector, new, judged, own=True)
    shown = [why.p_value for why in found.explanations]
    assert shown == judged.p_values[found.order].tolist() == sorted(shown)
    assert shown[-1] <= 0.1


def test_the_count_by_chance_is_that_of_usual_rows(rng):
    """The interval holds the alarms among usual rows in at least 95 of 100 splits, but not in all."""
    held, counts = 0, []
    for _ in range(150):
        X, new = rng.normal(size=(60, 2)), rng.normal(size=(100, 2))
        detector = Detector(from_the_origin, alarm="falsealarms:0.1", random_state=0).fit(X)
        findings = Findings(detector, detector.judge(new), [], [])
        mean, low, high = findings.by_chance
        counts.append(len(findings.order))
        held += low <= counts[-1] <= high
    assert 0.91 < held / 150 < 1
    assert abs(np.mean(counts) - mean) < 1


def test_series_and_pictures_are_shown_as_such(rng, digits, tmp_path):
    walks = np.cumsum(rng.normal(size=(300, 64)), axis=1)
    walks[0, 20:30] += 40
    detector = Detector(random_state=0).fit(walks[1:])
    (alarms, *_) = pictures(Findings.of(detector, walks[:1], detector.judge(walks[:1])))
    assert re.search(r"row 0, p = .*: time 20–(27|29)", alarms.groups[0].panels[0].title)
    broken = digits[:40].copy()
    broken[:, 0, 7] = 30.0
    detector = Detector(random_state=0).fit(digits[40:500])
    said = words(detector.report(broken, tmp_path / "r.html").read_text())
    assert "what makes each odd" in said
    assert "place 0, 7" in said


def test_a_place_that_cannot_be_written_is_refused_first(sensors, tmp_path):
    detector, new = sensors
    with pytest.raises(DataError, match="a report is HTML"):
        detector.report(new, tmp_path / "r.pdf")
