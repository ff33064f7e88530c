"""Signals belong to the user: a fit ends at a step's edge, and then whoever handled the signal before handles it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from isthmus import DenoisingAutoencoder
from isthmus.training.interrupt import Interrupts

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="signals of POSIX"),
    pytest.mark.filterwarnings("ignore:interrupted after"),
]

SMALL = {"latent_dim": 2, "network": "mlp:8", "max_epochs": 20, "batch_size": 16, "random_state": 0}


def pressing(step: int, *numbers: signal.Signals):
    """A corruption that changes nothing, and sends signals in the step of that number."""

    def corruption(x, source):
        corruption.calls += 1
        if corruption.calls == step:
            for number in numbers:
                signal.raise_signal(number)
        return x

    corruption.calls = 0
    return corruption


@pytest.fixture
def X(rng):
    return rng.normal(size=(64, 5))


@pytest.fixture
def handled():
    """A user's own handler of SIGTERM, and what it was called with."""
    found = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: found.append(signal.Signals(number).name))
    yield found
    signal.signal(signal.SIGTERM, before)


def test_ctrl_c_ends_a_search_in_the_fit_that_it_meets(X):
    keys = pressing(30, signal.SIGINT)
    search = GridSearchCV(DenoisingAutoencoder(corruption=keys, **SMALL), {"latent_dim": [1, 2, 4]}, cv=2)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X)
    assert keys.calls == 30
    assert not hasattr(search, "cv_results_")


def test_after_ctrl_c_the_estimator_keeps_what_it_has_learnt(X):
    dae = DenoisingAutoencoder(corruption=pressing(30, signal.SIGINT), **SMALL)
    with (
        pytest.warns(UserWarning, match="interrupted after 38% of the fit; the estimator keeps what it has learnt"),
        pytest.raises(KeyboardInterrupt),
    ):
        dae.fit(X)
    assert len(dae.history_) == 8, "seven epochs, and the one that was begun"
    assert np.isfinite(dae.reconstruct(X)).all()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_ends_the_fit_at_once_and_loses_nothing(X):
    dae = DenoisingAutoencoder(corruption="gaussian:0.1", **SMALL).fit(X)
    before = dae.transform(X)
    keys = pressing(30, signal.SIGINT, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        dae.set_params(corruption=keys).fit(X)
    assert keys.calls == 30
    np.testing.assert_array_equal(dae.transform(X), before)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_sigterm_reaches_its_own_handler_once_the_estimator_is_fitted(X, handled):
    dae = DenoisingAutoencoder(corruption=pressing(30, signal.SIGTERM), **SMALL).fit(X)
    assert handled == ["SIGTERM"]
    assert len(dae.history_) == 8
    dae.set_params(corruption=pressing(30, signal.SIGTERM, signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        dae.fit(X)
    assert handled == ["SIGTERM", "SIGTERM"], "neither is lost where both come"


def test_a_signal_reaches_its_handler_though_the_fit_fails(X, handled):
    def broken(x, source):
        signal.raise_signal(signal.SIGTERM)
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        DenoisingAutoencoder(corruption=broken, **SMALL).fit(X)
    assert handled == ["SIGTERM"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_ignored_signal_stays_ignored(X, number):
    before = signal.signal(number, signal.SIG_IGN)
    try:
        dae = DenoisingAutoencoder(corruption=pressing(30, number), **SMALL).fit(X)
        assert signal.getsignal(number) == signal.SIG_IGN
    finally:
        signal.signal(number, before)
    assert len(dae.history_) == 20


FIT = """
import os, signal, sys
import numpy as np
from isthmus import DenoisingAutoencoder, Training
calls = 0
def corruption(x, source):
    global calls
    calls += 1
    if calls == 30 and sys.argv[2] == "stop":
        os.kill(os.getpid(), signal.SIGTERM)
    return x + 0.1 * source.normal(x.shape, x)
X = np.random.default_rng(0).normal(size=(64, 5))
training = Training(checkpoint=sys.argv[1], resume=True)
dae = DenoisingAutoencoder(2, network="mlp:8", corruption=corruption, max_epochs=20, batch_size=16, random_state=0)
dae.set_params(training=training).fit(X)
np.save(sys.argv[1] + "/codes.npy", dae.transform(X))
"""


def test_sigterm_ends_the_process_once_its_state_is_safe(tmp_path):
    def run(folder, what):
        command = [sys.executable, "-W", "ignore", "-c", FIT, str(tmp_path / folder), what]
        return subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True).returncode

    assert run("stopped", "stop") == -signal.SIGTERM
    assert not (tmp_path / "stopped" / "codes.npy").exists(), "nothing after the fit is run"
    assert max(p.name for p in (tmp_path / "stopped").iterdir()) == "step-000000000030.safetensors"
    assert run("stopped", "go on") == run("whole", "go on") == 0
    ours, theirs = (np.load(tmp_path / folder / "codes.npy") for folder in ("stopped", "whole"))
    np.testing.assert_array_equal(ours, theirs)


def test_a_fit_in_another_thread_leaves_signals_alone(X):
    seen = []
    corruption = lambda x, source: seen.append(signal.getsignal(signal.SIGINT)) or x  # noqa: E731
    fit = threading.Thread(
        target=DenoisingAutoencoder(corruption=corruption, **SMALL | {"max_epochs": 1}).fit, args=(X,)
    )
    fit.start()
    fit.join()
    assert set(seen) == {signal.default_int_handler}


def test_a_fit_within_a_fit_hands_the_signal_to_the_outer_one(X):
    inner = DenoisingAutoencoder(corruption=pressing(2, signal.SIGINT), **SMALL)
    calls = 0

    def outer(x, source):
        nonlocal calls
        calls += 1
        if calls == 5:
            inner.fit(X)
        return x

    dae = DenoisingAutoencoder(corruption=outer, **SMALL)
    with pytest.raises(KeyboardInterrupt):
        dae.fit(X)
    assert (calls, len(inner.history_), len(dae.history_)) == (5, 1, 2)


def test_nothing_is_taken_where_nothing_came(handled):
    with Interrupts() as interrupts:
        pass
    interrupts.pass_on()
    assert not interrupts.met
    assert handled == []
