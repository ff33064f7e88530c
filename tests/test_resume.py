"""A fit that was stopped and gone on with is the fit that never stopped, bit for bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from isthmus import (
    GAN,
    VAE,
    AdversarialAutoencoder,
    Autoencoder,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    MaskedAutoencoder,
    Training,
    load,
)
from isthmus.errors import FitError, ModelFileError
from isthmus.networks import MLP
from isthmus.training import checkpoint

SMALL = {"network": MLP((8,)), "max_epochs": 4, "batch_size": 16, "random_state": 3}
SYSTEMS = {
    "autoencoder": Autoencoder(2, **SMALL),
    "denoising": DenoisingAutoencoder(2, corruption="gaussian:0.1", validation_fraction=0.25, **SMALL),
    "contractive": ContractiveAutoencoder(2, **SMALL),
    "vae": VAE(2, validation_fraction=0.25, **SMALL),
    "gan": GAN(2, discriminator_steps=2, **SMALL),
    "adversarial": AdversarialAutoencoder(2, **SMALL),
    "masked": MaskedAutoencoder(2, **SMALL),
}
SETTINGS = {"gan": {"averaging": 0.9}, "vae": {"patience": 3, "averaging": 0.5}}


class Stop(Exception):
    pass


def stopped_after(steps, monkeypatch):
    """Let the training loop die, without a word, before step number `steps`."""
    from isthmus.training import loop

    move = loop._Game._move

    def dying(self, batch):
        if self.step == steps:
            raise Stop
        move(self, batch)

    monkeypatch.setattr(loop._Game, "_move", dying)


def assert_same_fit(a, b):
    rows = [[{k: v for k, v in row.items() if k != "seconds"} for row in m.history_] for m in (a, b)]
    assert rows[0] == rows[1]
    ours, theirs = a.model_.state_dict(), b.model_.state_dict()
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert torch.equal(ours[name], theirs[name]), name


@pytest.mark.parametrize("name", SYSTEMS)
def test_stopped_anywhere_and_resumed_is_never_stopped(name, rng, tmp_path, monkeypatch):
    """At an epoch's edge, in its middle, twice in a row, and between two checkpoints."""
    X = rng.normal(size=(70, 5)).astype(np.float32)
    settings = SETTINGS.get(name, {})
    whole = clone(SYSTEMS[name]).set_params(training=Training(**settings)).fit(X)
    for every, deaths in ((None, (4, 9)), (3, (2, 7, 8)), (1, (5,))):
        folder = str(tmp_path / f"{every}")
        for death in deaths:
            with monkeypatch.context() as patch:
                stopped_after(death, patch)
                model = clone(SYSTEMS[name])
                model.set_params(training=Training(checkpoint=folder, every=every, resume=True, **settings))
                with pytest.raises(Stop):
                    model.fit(X)
        assert_same_fit(clone(model).fit(X), whole)
        assert len(list(Path(folder).glob("step-*"))) <= checkpoint.KEPT
        assert_same_fit(clone(model).fit(X), whole)  # a fit that was done is handed out again


def test_a_seed_that_was_not_given_is_the_checkpoints(rng, tmp_path, monkeypatch):
    """With random_state=None the split and the weights of the resumed fit are those of the fit that died."""
    X = rng.normal(size=(70, 5)).astype(np.float32)
    training = Training(checkpoint=str(tmp_path / "c"), resume=True)
    vae = VAE(2, **SMALL | {"random_state": None}, validation_fraction=0.25, training=training)
    with monkeypatch.context() as patch:
        stopped_after(9, patch)
        with pytest.raises(Stop):
            vae.fit(X)
    assert_same_fit(clone(vae).fit(X), clone(vae).fit(X))


def test_dropout_of_a_users_network_resumes_too(rng, tmp_path, monkeypatch):
    X = rng.normal(size=(70, 5)).astype(np.float32)
    network = (
        lambda shape, outputs: nn.Sequential(nn.Linear(5, 8), nn.Dropout(0.5), nn.Linear(8, outputs)),
        lambda inputs, shape, outputs: nn.Linear(inputs, 5 * outputs),
    )
    vae = VAE(2, **SMALL | {"network": network})
    whole = clone(vae).fit(X)
    torch.rand(7)
    vae.set_params(training=Training(checkpoint=str(tmp_path / "c"), every=2, resume=True))
    with monkeypatch.context() as patch:
        stopped_after(7, patch)
        with pytest.raises(Stop):
            vae.fit(X)
    assert_same_fit(vae.fit(X), whole)


def test_another_fit_is_refused_and_the_difference_named(rng, tmp_path):
    X = rng.normal(size=(70, 5)).astype(np.float32)
    folder = str(tmp_path / "c")
    VAE(2, **SMALL, training=Training(checkpoint=folder)).fit(X)

    def resumed(**changes):
        training = Training(checkpoint=folder, resume=True, **changes.pop("training", {}))
        return VAE(**{"latent_dim": 2, **SMALL, "training": training, **changes})

    for model, data, difference in (
        (resumed(latent_dim=3), X, "latent_dim was 2, and is 3 now"),
        (resumed(training={"warmup": 0.5}), X, "warmup was 0.02, and is 0.5 now"),
        (resumed(), X[:60], r"X \(shape\) was \(70, 5\), and is \(60, 5\) now"),
        (resumed(), X + 1, r"X \(values\) was"),
        (resumed(), X.astype(np.float64), r"X \(dtype\) was float32, and is float64 now"),
    ):
        with pytest.raises(FitError, match=f"is of another fit: {difference}"):
            model.fit(data)
    with pytest.raises(FitError, match="holds the checkpoints of a fit; resume goes on from them"):
        VAE(2, **SMALL, training=Training(checkpoint=folder)).fit(X)


def test_a_broken_checkpoint_is_passed_over_and_all_broken_is_told(rng, tmp_path):
    X = rng.normal(size=(70, 5)).astype(np.float32)
    training = Training(checkpoint=str(tmp_path), resume=True)
    whole = VAE(2, **SMALL, training=training).fit(X)
    newest = max(tmp_path.glob("step-*"))
    newest.write_bytes(newest.read_bytes()[:-100])
    with pytest.warns(UserWarning, match="cannot be read .*; the one before it is tried"):
        assert_same_fit(VAE(2, **SMALL, training=training).fit(X), whole)
    for path in tmp_path.glob("step-*"):
        path.write_bytes(b"not a checkpoint")
    with (
        pytest.warns(UserWarning, match="cannot be read"),
        pytest.raises(ModelFileError, match="none of 2 checkpoints can be read; take another folder"),
    ):
        VAE(2, **SMALL, training=training).fit(X)


def test_a_checkpoint_that_another_process_removes_meanwhile_is_no_loss(rng, tmp_path, monkeypatch):
    """Two jobs with one folder: the newest file goes, and a newer one comes, between looking and reading."""
    X = rng.normal(size=(70, 5)).astype(np.float32)
    vae = VAE(2, **SMALL, training=Training(checkpoint=str(tmp_path), resume=True))
    whole = clone(vae).fit(X)
    read = checkpoint._read

    def removed_first(path):
        monkeypatch.setattr(checkpoint, "_read", read)
        path.rename(path.with_name("step-000000009999.safetensors"))
        return read(path)

    monkeypatch.setattr(checkpoint, "_read", removed_first)
    assert_same_fit(clone(vae).fit(X), whole)


FIT = """
import sys
import numpy as np
from isthmus import *
from isthmus.networks import MLP
X = np.random.default_rng(0).normal(size=(200, 5)).astype(np.float32)
folder, out = sys.argv[1:]
model = VAE(2, network=MLP((8,)), max_epochs=30, batch_size=8, random_state=0)
if folder: model.set_params(training=Training(checkpoint=folder, every=5, resume=True))
model.fit(X).save(out)
"""


def test_killed_at_random_moments_the_result_is_the_same_to_the_bit(tmp_path, rng):
    run = [sys.executable, "-c", FIT]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([*run, "", str(tmp_path / "whole")], check=True, env=environment)
    kills = 0
    for attempt in range(20):
        process = subprocess.Popen([*run, str(tmp_path / "c"), str(tmp_path / "m")], env=environment)
        started = time.monotonic()
        while not list((tmp_path / "c").glob("step-*")) and process.poll() is None:
            time.sleep(0.01)  # begun, by what it wrote
        if attempt < 2:
            time.sleep(float(rng.uniform(0, 0.3)))
            process.send_signal(signal.SIGKILL)
        assert process.wait() in (0, -signal.SIGKILL), time.monotonic() - started
        kills += process.returncode != 0
        if process.returncode == 0:
            break
    assert kills >= 1
    assert_same_fit(load(tmp_path / "m"), load(tmp_path / "whole"))


def test_a_signal_ends_a_fit_at_a_steps_edge_and_it_can_be_resumed(rng, tmp_path):
    """The signal comes while a step is under way; the step is finished, and nothing of it is lost or done twice."""
    X = rng.normal(size=(64, 5)).astype(np.float32)
    calls = []

    def noise(x, source):
        calls.append(1)
        if len(calls) == 6:
            signal.raise_signal(signal.SIGINT)
        return x + 0.1 * source.normal(x.shape, x)

    dae = DenoisingAutoencoder(2, corruption=noise, **SMALL)
    calls = [1] * 10
    whole = clone(dae).fit(X)
    calls.clear()
    dae.set_params(training=Training(checkpoint=str(tmp_path), resume=True))
    with pytest.warns(UserWarning, match="interrupted after 38% of the fit"), pytest.raises(KeyboardInterrupt):
        dae.fit(X)
    assert len(calls) == 6
    assert len(dae.history_) == 2
    assert_same_fit(dae.fit(X), whole)


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_fit_that_was_done_goes_on_when_more_epochs_are_asked_for(name, rng, tmp_path):
    """Without a schedule, two epochs and then five are five; a patience that ran out is not asked again."""
    X = rng.normal(size=(70, 5)).astype(np.float32)
    settings = SETTINGS.get(name, {}) | {"warmup": 0.0, "decay": "constant"}
    model = clone(SYSTEMS[name]).set_params(max_epochs=5, training=Training(**settings))
    whole = clone(model).fit(X)
    model.set_params(training=Training(checkpoint=str(tmp_path), resume=True, **settings))
    for epochs in (2, 5):
        model.set_params(max_epochs=epochs).fit(X)
        assert len(model.history_) == epochs
    assert_same_fit(model, whole)
    with pytest.raises(FitError, match="has done 5 epochs, more than max_epochs=4; take another folder"):
        clone(model).set_params(max_epochs=4).fit(X)


def test_more_time_may_be_asked_for(rng, tmp_path):
    X = rng.normal(size=(70, 5)).astype(np.float32)
    vae = VAE(2, **SMALL | {"max_epochs": 10_000})
    epochs = []
    for seconds in (0.2, 0.4):
        vae.set_params(training=Training(checkpoint=str(tmp_path), resume=True, max_time=seconds)).fit(X)
        epochs.append(len(vae.history_))
    assert 0 < epochs[0] < epochs[1] < 10_000
