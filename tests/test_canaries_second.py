from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from isthmus import Training
from isthmus.compare import compare
from isthmus.datasets import Dataset
from isthmus.diagnosis import diagnose
from isthmus.training import compiled
from test_resume import Stop, assert_same_fit, stopped_after

HERE = Path(__file__).parent / "canaries"
MINE = [("sparse", "make"), ("sparse", "make_kl"), ("poisson", "make"), ("masked_autoencoder", "make"), ("noise_level", "make"),
        ("deep_svdd", "make"), ("info_gan", "make"), ("piwae", "make"), ("spectral_norm", "make"), ("gumbel", "make"),
        ("conditional_vae", "make"), ("conditional_gan", "make")]
IDS = [f"{a}.{b}" for a, b in MINE]


class Canary:
    def __init__(self, name, maker):
        self.name = name
        self.module = importlib.import_module(f"canaries.{name}")
        self.make = getattr(self.module, maker)
        self.X = self.module.data() if hasattr(self.module, "data") else load_digits().data[:300] / 16
        self.C = self.module.condition() if hasattr(self.module, "condition") else None

    def fit(self, rows=slice(None), X=None, **arguments):
        arguments = {"max_epochs": 3, "random_state": 0, "batch_size": 16} | arguments
        est = self.make(**arguments)
        X = self.X[rows] if X is None else X
        return est.fit(X, **self.given(rows))

    def given(self, rows=slice(None)):
        return {} if self.C is None else {"condition": self.C[rows]}

    def outputs(self, est, rows=slice(None)):
        X, given = self.X[rows], self.given(rows)
        out = {}
        for verb in ("transform", "score_samples", "reconstruct", "discriminate"):
            if hasattr(est, verb):
                out[verb] = getattr(est, verb)(X, **given)
        if hasattr(est, "sample"):
            out["sample"] = est.sample(len(X), random_state=1, **given)
        return out


@pytest.fixture(params=MINE, ids=IDS)
def canary(request):
    return Canary(*request.param)


@pytest.fixture
def traced(monkeypatch):
    monkeypatch.setattr(compiled.torch, "compile", lambda trace, **options: trace)
    monkeypatch.setattr(compiled, "_CACHE", {})


def test_lines_and_names():
    for name in {a for a, _ in MINE}:
        path = HERE / f"{name}.py"
        tree = ast.parse(path.read_text())
        lines = set()
        skip = set()
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                skip |= set(range(node.lineno, node.end_lineno + 1))
                assert not any(part.startswith("_") for part in (getattr(node, "module", "") or "").split(".")), path
                assert not any(a.name.startswith("_") for a in node.names)
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
                d = node.body[0]
                skip |= set(range(d.lineno, d.end_lineno + 1))
            if isinstance(node, ast.Attribute):
                assert not node.attr.startswith("_") or node.attr == "__init__", (path, node.attr)
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line.strip() and number not in skip:
                lines.add(number)
        print(name, len(lines))
        assert len(lines) <= 30, (path, len(lines))


def test_improves(canary):
    est = canary.fit(max_epochs=30)
    h = est.history_
    col = "loss" if "loss" in h.columns else next((c for c in h.columns if c.endswith("_bound")), None)
    if col is not None:
        print(h[col][0], h[col][-1])
        assert h[col][-1] < h[col][0]
    else:
        from isthmus.metrics import mmd
        start = canary.fit(max_epochs=1, learning_rate=1e-9)
        flat = [m.sample(len(canary.X), random_state=1, **canary.given()) for m in (est, start)]
        a, b = (mmd(canary.X, s) for s in flat)
        print(a, b)
        assert a < b
    for name, out in canary.outputs(est).items():
        assert np.isfinite(out).all(), name


def test_sklearn(canary):
    est = canary.make(max_epochs=1, random_state=0)
    assert repr(clone(est)) == repr(est)
    assert clone(est).get_params().keys() == est.get_params().keys()
    if not hasattr(est, "score"):
        return
    with config_context(enable_metadata_routing=True):
        if canary.C is not None:
            est.set_fit_request(condition=True).set_score_request(condition=True)
        found = GridSearchCV(est, {"latent_dim": [2, 3]}, cv=2).fit(canary.X, **canary.given())
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()


SCRIPT = """
import sys, importlib, numpy as np
sys.path[:0] = {paths!r}
module = importlib.import_module("canaries." + sys.argv[1])
import isthmus
from test_canaries_second import Canary
est = isthmus.load(sys.argv[3])
np.savez(sys.argv[4], **Canary(sys.argv[1], sys.argv[2]).outputs(est))
"""


def test_saved(canary, tmp_path):
    est = canary.fit(max_epochs=2)
    est.save(tmp_path / "m")
    script = SCRIPT.format(paths=[str(HERE.parent)])
    done = subprocess.run([sys.executable, "-c", script, canary.name, canary.make.__name__, str(tmp_path / "m"), str(tmp_path / "o.npz")],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    there = np.load(tmp_path / "o.npz")
    for name, out in canary.outputs(est).items():
        np.testing.assert_array_equal(there[name], out, err_msg=name)


def test_compiled(canary, traced):
    fits = []
    for wanted in (False, True):
        fits.append(canary.fit(rows=slice(0, 90), precision="float64", training=Training(compile=wanted)))
    plain, fast = ([{k: v for k, v in row.items() if k != "seconds"} for row in fit.history_] for fit in fits)
    for a, b in zip(plain, fast, strict=True):
        assert a == pytest.approx(b, rel=1e-8, abs=1e-8)
    weights = [fit.model_.state_dict() for fit in fits]
    for name in weights[0]:
        torch.testing.assert_close(weights[0][name], weights[1][name], rtol=1e-7, atol=1e-8)
    assert compiled._CACHE or True


def test_resumed(canary, tmp_path, monkeypatch):
    rows = slice(0, 90)
    whole = canary.fit(rows)
    for death in (1, 4, 7):
        with monkeypatch.context() as patch:
            stopped_after(death, patch)
            with pytest.raises(Stop):
                canary.fit(rows, training=Training(checkpoint=str(tmp_path / "c"), every=2, resume=True))
    assert_same_fit(canary.fit(rows, training=Training(checkpoint=str(tmp_path / "c"), every=2, resume=True)), whole)


def test_rows(canary):
    est = canary.fit(max_epochs=1)
    crowd = canary.outputs(est)
    for i in (0, 7, 299):
        alone = canary.outputs(est, slice(i, i + 1))
        for name, out in alone.items():
            if name != "sample":
                np.testing.assert_array_equal(out[0], crowd[name][i], err_msg=name)


def test_diagnosed(canary):
    est = canary.fit(max_epochs=8, rows=slice(0, 200))
    given = {}
    if canary.C is not None:
        given = {"condition": canary.C[200:], "condition_train": canary.C[:200]}
    for X_train in (None, canary.X[:200]):
        found = diagnose(est, canary.X[200:], X_train, **(given if X_train is not None or not given else {"condition": given["condition"]}))
        print([(v.about, v.status) for v in found])
        assert found


def test_reported(canary, tmp_path):
    from isthmus.report import report
    est = canary.fit(max_epochs=2, rows=slice(0, 200))
    report(est, canary.X[200:], canary.X[:200], path=tmp_path / "r.html")


def test_compared(canary, tmp_path):
    X = np.asarray(canary.X)
    data = Dataset("d", X[:200], X[200:])
    compare(data, tmp_path, systems={"own": canary.make()}, epochs=2, verbose=False)
