"""Reproductions: attempts are kept and not repeated, what was stopped goes on, and the page says what was found."""

from __future__ import annotations

import json

import numpy as np
import pytest

from command import run as isthmus
from isthmus import Autoencoder
from isthmus import reproductions as r
from isthmus.errors import CompositionError, DataError, UnknownNameError
from isthmus.reproductions import Attempt, Line, Measure, Protocol
from test_resume import Stop, stopped_after

X = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)


def error(run: Attempt):
    ae = run.fit(Autoencoder(2, max_epochs=4, batch_size=16), X)
    return {"error": float(((ae.reconstruct(X) - X) ** 2).mean()), "not shown": 1.0}


PROTOCOL = Protocol(
    "toy",
    "A toy",
    "Nobody.",
    "Four columns.",
    (Measure("error", "error", 3),),
    (Line("ours", {"error": 0.5}, error, "0.4: somebody"), Line("theirs", {"error": 0.25}), Line("waiting", {}, error)),
    {"fast": "4 epochs", "full": "4 epochs, too"},
)


def test_attempts_are_kept_and_not_repeated(tmp_path):
    said = []
    found = r.reproduce(PROTOCOL, tmp_path, seeds=2, lines=("ours",), say=said.append)
    assert [(result["line"], result["scale"], result["seed"]) for result in found] == [
        ("ours", "fast", s) for s in (0, 1)
    ]
    assert found[0]["figures"].keys() == {"error"}
    assert found[0]["figures"] != found[1]["figures"], "seeds differ"
    assert found[0]["seconds"] >= 0
    assert [path.name for path in sorted((tmp_path / "toy").iterdir())] == ["ours-fast-0.json", "ours-fast-1.json"]
    assert len(said) == 4
    again = r.reproduce(PROTOCOL, tmp_path, seeds=2, lines=("ours",), say=said.append)
    assert again == found
    assert len(said) == 4


def test_what_was_stopped_goes_on(tmp_path, monkeypatch):
    whole = r.reproduce(PROTOCOL, tmp_path / "a", lines=("ours",), say=lambda text: None)
    with monkeypatch.context() as patch:
        stopped_after(9, patch)
        with pytest.raises(Stop):
            r.reproduce(PROTOCOL, tmp_path / "b", lines=("ours",), say=lambda text: None)
    assert list((tmp_path / "b" / "toy").glob("*.fits/*"))
    assert not list((tmp_path / "b" / "toy").glob("*.json"))
    resumed = r.reproduce(PROTOCOL, tmp_path / "b", lines=("ours",), say=lambda text: None)
    assert resumed[0]["figures"] == whole[0]["figures"]


def test_the_page_shows_what_was_found_and_what_was_not_run(tmp_path):
    found = r.reproduce(PROTOCOL, tmp_path, seeds=2, lines=("ours",), say=lambda text: None)
    values = [result["figures"]["error"] for result in found]
    text = r.page({"toy": found}, [PROTOCOL])
    assert f"| ours | 0.500 | {np.mean(values):.3f} ± {np.std(values, ddof=1):.3f} | 0.4: somebody | 2, " in text
    assert "| theirs | 0.250 | – | – | – |" in text
    assert "Registered, not run yet: waiting." in text
    assert found[0]["machine"] in text
    bare = r.page({}, [PROTOCOL])
    assert "isthmus `fast`" not in bare
    assert "Registered, not run yet: ours; waiting." in bare


def test_mistakes_are_said_in_one_line(tmp_path):
    with pytest.raises(CompositionError, match="has no scale 'half'; it has fast, full"):
        r.reproduce(PROTOCOL, tmp_path, scale="half")
    with pytest.raises(UnknownNameError, match="did you mean 'ours'"):
        r.reproduce(PROTOCOL, tmp_path, lines=("our",))
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "ours-fast-0.json").write_text("{")
    with pytest.raises(DataError, match="is damaged"):
        r.results(PROTOCOL, tmp_path)


def test_protocols_agree_with_themselves():
    for name, protocol in r.PROTOCOLS.items():
        assert protocol.name == name
        assert set(protocol.settings) <= set(r.SCALES)
        labels = [line.label for line in protocol.lines]
        assert len(set(labels)) == len(labels)
        measures = {measure.name for measure in protocol.measures}
        assert all(set(line.published) <= measures for line in protocol.lines)
        assert any(line.attempt for line in protocol.lines)


def test_at_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(r.PROTOCOLS, "toy", PROTOCOL)
    isthmus("reproduce")
    assert "grid" in capsys.readouterr().out
    isthmus("reproduce", "toy", "--line", "ours", "--out", "found")
    assert "0.500" in capsys.readouterr().out
    assert "## A toy" in (tmp_path / "found.md").read_text()
    assert json.loads((tmp_path / "found" / "toy" / "ours-fast-0.json").read_text())["line"] == "ours"
    isthmus("reproduce", "gird", expect=2)
    assert "did you mean 'grid'" in capsys.readouterr().err
