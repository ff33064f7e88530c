"""Canaries: published variants in a user's own code, which keep every promise that the package's own systems keep.

A canary is a module in ``tests/canaries`` with ``make(**arguments)``, which returns an unfitted estimator, and perhaps
others that begin with ``make_``. It may have ``data()``, the rows that it is fitted to, (N, ...); ``condition()``, what
is given beside each of those rows, (N, c); and ``GRID``, what is searched over.
"""

from __future__ import annotations

import ast
import inspect
import io
import os
import re
import subprocess
import sys
import tokenize
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from torch.distributions import Normal

import isthmus
from isthmus import Training
from isthmus.compare import compare
from isthmus.datasets import Dataset
from isthmus.diagnosis import diagnose
from isthmus.metrics import mmd
from isthmus.training import compiled
from test_compiled import traced  # noqa: F401  (a fixture)
from test_resume import Stop, assert_same_fit, stopped_after

HERE = Path(__file__).parent
SOURCES = Path(isthmus.__file__).parent
MOST_LINES = 30
"""Lines of code that a canary may have, without imports and docstrings."""

ROWS = 200
"""Rows of each canary's data that the tests use."""

TRAINED, HELD_OUT = slice(150), slice(150, None)
"""Which of them a model is diagnosed, compared and reported on."""

COMPILED_FOR_REAL = "beta_tcvae"
"""The canary whose step goes through the compiler; that of the others is traced, and the trace run as it is."""

MODULES = {path.stem: import_module(f"canaries.{path.stem}") for path in sorted(HERE.glob("canaries/[a-z]*.py"))}
CANARIES = {
    f"{stem}{maker.removeprefix('make')}": (module, make)
    for stem, module in MODULES.items()
    for maker, make in vars(module).items()
    if maker == "make" or maker.startswith("make_")
}
each_canary = pytest.mark.parametrize("name", CANARIES)
each_module = pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)


@cache
def rows(name):
    """Return the rows of a canary, and what it is given beside them."""
    module, _ = CANARIES[name]
    X = module.data() if hasattr(module, "data") else (load_digits().data / 16).astype(np.float32)
    given = {"condition": module.condition()[:ROWS]} if hasattr(module, "condition") else {}
    return X[:ROWS], given


def new(name, **arguments):
    """Return a canary that has not been fitted, small enough for a test."""
    return CANARIES[name][1](**{"max_epochs": 3, "batch_size": 66, "random_state": 0} | arguments)


def cut(given, chosen):
    return {what: values[chosen] for what, values in given.items()}


@cache
def fitted(name):
    """Return a canary after a fit in which a share of the rows is held out, and the best of its epochs is kept."""
    X, given = rows(name)
    return new(name, max_epochs=12, validation_fraction=0.2, training=Training(patience=12)).fit(X, **given)


def answers(estimator, X, given):
    """Return all that an estimator says of rows, by the name of the method."""
    asked = ("transform", "reconstruct", "score_samples", "discriminate")
    return {method: getattr(estimator, method)(X, **given) for method in asked if hasattr(estimator, method)}


def samples(estimator, given):
    n = len(next(iter(given.values()))) if given else 20
    return estimator.sample(n, random_state=1, **given) if hasattr(estimator, "sample") else np.zeros(0)


@each_canary
def test_it_improves_on_its_start(name):
    """By the column that patience watches: a held-out loss, or for games the discrepancy of samples."""
    estimator = fitted(name)
    history = estimator.history_
    losses = [column for column in history.columns if column.startswith("validation_") and column.endswith("loss")]
    watched = history[estimator.watch if estimator.watch in history.columns else losses[0]]
    assert watched[1:].min() < watched[0]
    assert all(np.isfinite(history[column]).all() for column in history.columns)


@each_canary
def test_it_is_an_estimator_of_scikit_learn(name):
    X, given = rows(name)
    estimator = new(name, max_epochs=1)
    copy = clone(estimator)
    assert type(copy) is type(estimator)
    assert copy.get_params(deep=False) == estimator.get_params(deep=False)
    assert not hasattr(clone(fitted(name)), "model_")
    of_row = {row.tobytes(): i for i, row in enumerate(X)}

    def score(estimator, X, y=None):
        own = cut(given, [of_row[row.tobytes()] for row in X])
        if hasattr(estimator, "score_samples"):
            return float(np.mean(estimator.score_samples(X, **own)))
        if hasattr(estimator, "sample"):
            return -mmd(X, estimator.sample(len(X), random_state=0, **own))
        return float(estimator.score(X))

    grid = getattr(CANARIES[name][0], "GRID", {"latent_dim": [2, 4]})
    search = GridSearchCV(estimator, grid, scoring=score, cv=2, error_score="raise").fit(X, **given)
    means = search.cv_results_["mean_test_score"]
    assert np.isfinite(means).all()
    assert len(set(means)) > 1, "the argument made no difference"
    ((argument, value),) = search.best_params_.items()
    assert search.best_estimator_.get_params()[argument] == value


LOAD_ALL = """
import sys
from pathlib import Path
import numpy as np
import isthmus
from test_canaries import CANARIES, answers, samples
folder = Path(sys.argv[1])
for name in CANARIES:
    asked = dict(np.load(folder / f"{name}.npz"))
    X, given = asked.pop("X"), asked
    model = isthmus.load(folder / name)
    np.savez(folder / f"{name}-answers.npz", samples=samples(model, given), **answers(model, X, given))
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """Save every canary, load them all in one fresh process, and return the folder with its answers."""
    folder = tmp_path_factory.mktemp("saved")
    for name in CANARIES:
        X, given = rows(name)
        fitted(name).save(folder / name)
        np.savez(folder / f"{name}.npz", X=X[:30], **cut(given, slice(30)))
    paths = os.pathsep.join([str(SOURCES.parent), str(HERE), os.environ.get("PYTHONPATH", "")])
    run = [sys.executable, "-c", LOAD_ALL, str(folder)]
    done = subprocess.run(run, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@each_canary
def test_saved_and_loaded_in_a_fresh_process_it_says_the_same_to_the_bit(name, loaded):
    X, given = rows(name)
    found = dict(np.load(loaded / f"{name}-answers.npz"))
    np.testing.assert_array_equal(found.pop("samples"), samples(fitted(name), cut(given, slice(30))))
    expected = answers(fitted(name), X[:30], cut(given, slice(30)))
    assert found.keys() == expected.keys()
    for method, values in expected.items():
        np.testing.assert_array_equal(found[method], values, err_msg=method)


def assert_compiled_is_not_compiled(name):
    """A step that cannot be traced would warn of it, which is an error in the tests."""
    X, given = rows(name)
    fits = [new(name, precision="float64", training=Training(compile=wanted)) for wanted in (False, True)]
    plain, fast = (fit.fit(X, **given) for fit in fits)
    for a, b in zip(plain.history_, fast.history_, strict=True):
        a, b = ({column: value for column, value in row.items() if column != "seconds"} for row in (a, b))
        assert a == pytest.approx(b, rel=1e-8, abs=1e-8)
    weights, others = plain.model_.state_dict(), fast.model_.state_dict()
    for key in weights:
        torch.testing.assert_close(weights[key], others[key], rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", [name for name in CANARIES if name != COMPILED_FOR_REAL])
def test_compiled_is_not_compiled(name, traced):  # noqa: F811
    assert_compiled_is_not_compiled(name)


def test_compiled_for_real_is_not_compiled():
    assert_compiled_is_not_compiled(COMPILED_FOR_REAL)
    assert compiled._CACHE
    assert_distributions_are_validated()


@each_canary
def test_killed_and_resumed_is_not_killed(name, tmp_path, monkeypatch):
    X, given = rows(name)
    whole = new(name).fit(X, **given)
    training = Training(checkpoint=str(tmp_path), every=3, resume=True)
    with monkeypatch.context() as patch:
        stopped_after(8, patch)
        with pytest.raises(Stop):
            new(name, training=training).fit(X, **given)
    assert_same_fit(new(name, training=training).fit(X, **given), whole)


@each_canary
def test_a_row_alone_is_a_row_in_a_crowd(name):
    X, given = rows(name)
    crowd = answers(fitted(name), X[:40], cut(given, slice(40)))
    for i in range(3):
        alone = answers(fitted(name), X[i : i + 1], cut(given, slice(i, i + 1)))
        for method, values in crowd.items():
            np.testing.assert_array_equal(alone[method], values[i : i + 1], err_msg=method)


@each_canary
def test_it_is_diagnosed(name):
    X, given = rows(name)
    beside = {
        f"{what}{which}": v[at] for what, v in given.items() for which, at in (("", HELD_OUT), ("_train", TRAINED))
    }
    verdicts = diagnose(fitted(name), X[HELD_OUT], X[TRAINED], **beside)
    assert verdicts
    assert all(np.isfinite(list(verdict.evidence.values())).all() for verdict in verdicts)


@each_canary
def test_it_is_compared(name, tmp_path):
    X, given = rows(name)
    system, data = new(name), Dataset("digits", X[TRAINED], X[HELD_OUT])
    if given:
        c = given["condition"]
        data = replace(data, train_condition=c[TRAINED], test_condition=c[HELD_OUT])
    page = compare(data, tmp_path, systems={name: system}, epochs=1, verbose=False)
    assert type(system).__name__ in page.read_text() or name in page.read_text()
    assert isinstance(isthmus.load(tmp_path / "models" / f"{name.replace('_', '-')}-0"), type(system))


@each_canary
def test_it_is_reported(name, tmp_path):
    X, given = rows(name)
    estimator = fitted(name).under(given["condition"][0]) if given else fitted(name)
    page = estimator.report(X[HELD_OUT], tmp_path / "report.html", X[TRAINED])
    assert type(estimator).__name__ in page.read_text()


def lines_of_code(text):
    """Return how many lines hold code that is neither an import nor a docstring."""
    left_out = set()
    for node in ast.walk(ast.parse(text)):
        words = (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        )
        if words or isinstance(node, ast.Import | ast.ImportFrom):
            left_out |= set(range(node.lineno, node.end_lineno + 1))
    silent = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type not in silent]
    return len({line for token in tokens for line in range(token.start[0], token.end[0] + 1)} - left_out)


def names_in(text):
    """Return every name that a module reads, sets, imports or passes."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME}


def test_lines_and_names_are_counted():
    text = '"""Two\nlines."""\n\nimport a\nfrom b import (\n    c,\n)\n\n# nothing\nx = a.d(\n    1,  # one\n)\n'
    assert lines_of_code(text) == 3
    assert names_in(text) >= {"a", "b", "c", "d", "x"}


@each_module
def test_it_is_short_and_uses_public_names_alone(module):
    text = inspect.getsource(module)
    assert lines_of_code(text) <= MOST_LINES * sum(where is module for where, _ in CANARIES.values())
    private = {found for found in names_in(text) if re.match(r"_[^_]", found)}
    assert not private


@cache
def names_of_the_package():
    """Return the names that the package has for others' things: those of its own classes are left out."""
    texts = [path.read_text() for path in SOURCES.rglob("*.py")]
    own = {node.name for text in texts for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)}
    return set().union(*map(names_in, texts)) - own


@each_module
def test_the_package_does_not_know_it(module):
    """Recipes have classes of the same names: those are the package's own, and the canary uses none of them."""
    own = {cls.__name__ for _, cls in inspect.getmembers(module, inspect.isclass) if cls.__module__ == module.__name__}
    assert not names_of_the_package() & own
    made = ("isthmus.recipes", "isthmus.aggregated", "isthmus.bounds", "isthmus.flows", "isthmus.late_priors")
    made += ("isthmus.quantised", "isthmus.sparsity", "isthmus.stochastic_layers")
    assert not any(name in inspect.getsource(module) for name in made)


def assert_distributions_are_validated():
    with pytest.raises(ValueError, match="to satisfy the constraint"):
        Normal(0.0, -1.0)


def test_validation_is_on_whatever_a_canary_imports():
    """Zuko switches it off for the whole process; the canaries that use it undo that."""
    assert any("zuko" in names_in(inspect.getsource(module)) for module in MODULES.values())
    assert_distributions_are_validated()


def test_a_class_as_y_is_a_condition_and_decides_what_is_sampled():
    X, given = rows("conditional_gan")
    by_y = new("conditional_gan").fit(X, given["condition"])
    by_condition = new("conditional_gan").fit(X, **given)
    assert_same_fit(by_y, by_condition)
    threes, fours = (by_y.sample(5, random_state=1, condition=number) for number in (3, 4))
    np.testing.assert_array_equal(by_y.under(3).sample(5, random_state=1), threes)
    assert not np.array_equal(threes, fours)


def test_a_network_that_is_told_the_noise_uses_it():
    X, _ = rows("told_noise")
    told = fitted("told_noise")
    np.testing.assert_array_equal(told.reconstruct(X), told.reconstruct(X, condition=0.0))
    assert not np.array_equal(told.reconstruct(X), told.reconstruct(X, condition=0.5))
