"""What a fit will hold: counted without allocating, close to what is measured, and refused where it is not there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from isthmus import GAN, VAE, Autoencoder, ContractiveAutoencoder, Training, memory
from isthmus.errors import FitError
from isthmus.networks import MLP
from isthmus.training import SGD

CPU = torch.device("cpu")


def rows(n, features):
    """Data of any size that take no memory."""
    return np.broadcast_to(np.float32(0.5), (n, features))


def test_weights_gradients_and_the_optimisers_state_are_counted_to_the_byte():
    counted = memory.estimate(Autoencoder(3, network=MLP((7,))), rows(10, 5))
    weights = 4 * (5 * 7 + 7 + 7 * 3 + 3 + 3 * 7 + 7 + 7 * 5 + 5)
    model = weights + 2 * 8  # and the data's units, two float64
    assert counted.weights == 3 * model, "as it is, its last good state and its first"
    assert counted.gradients == weights
    assert counted.optimizer == 2 * 2 * weights, "as it is, and its last good state"
    assert counted.total == sum(counted)


def test_the_estimate_follows_its_arguments():
    base = {"network": MLP((64,)), "latent_dim": 4}
    X = rows(1000, 50)
    plain = memory.estimate(Autoencoder(**base), X)
    assert memory.estimate(Autoencoder(**base, training=Training(optimizer=SGD())), X).optimizer == 2 * plain.gradients
    assert memory.estimate(Autoencoder(**base, precision="float64"), X).gradients == 2 * plain.gradients
    averaged = memory.estimate(Autoencoder(**base, training=Training(averaging=0.9)), X)
    assert averaged.weights == plain.weights * 5 / 3
    assert memory.estimate(Autoencoder(**base, tied=True), X).gradients < 0.6 * plain.gradients
    wide = memory.estimate(Autoencoder(**base, batch_size=500), X).activations
    narrow = memory.estimate(Autoencoder(**base, batch_size=50), X).activations
    assert wide == 10 * narrow
    assert memory.estimate(ContractiveAutoencoder(**base, tied=False), X).activations > plain.activations


def test_a_million_columns_are_counted_and_refused_at_once(monkeypatch):
    X = rows(4, 10**6)
    needed = memory.estimate(VAE(), X)
    assert 8 * (4 * 1.024e9) < needed.total < 9 * (4 * 1.024e9)
    monkeypatch.setattr(memory, "available", lambda device: 2 * 10**9)
    for model in (VAE(), Autoencoder(), GAN()):
        with pytest.raises(FitError, match=r"needs about .* GB of memory \(.* cpu has 2 GB available; take a"):
            model.fit(X)
        assert not hasattr(model, "model_")


def test_a_million_columns_fit_a_narrow_network():
    X = np.random.default_rng(0).random((4, 10**6), dtype=np.float32)
    model = Autoencoder(1, network=MLP((2,)), max_epochs=1, random_state=0).fit(X)
    assert model.transform(X[:2]).shape == (2, 1)


def test_a_batch_that_does_not_fit_is_told_to_shrink(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda device: 2**22)
    model = Autoencoder(2, network=MLP((64,)), batch_size=10_000)
    with pytest.raises(FitError, match="lower batch_size"):
        model.fit(np.random.default_rng(0).normal(size=(10_000, 20)))


def test_a_control_groups_limit_counts(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("900\n")
    (tmp_path / "memory.stat").write_text("anon 400\ninactive_file 300\n")
    monkeypatch.setattr(memory, "GROUPS", tmp_path)
    assert memory._cgroup() == 400
    assert memory.available(CPU) == 400
    (tmp_path / "memory.max").write_text("max\n")
    assert memory._cgroup() is None


MEASURE = """
import json, warnings; warnings.simplefilter("ignore")
from pathlib import Path
import numpy as np
from isthmus import Autoencoder, VAE, memory
from isthmus.networks import MLP
def held(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith(name)))
found = []
Autoencoder(2, max_epochs=1).fit(np.random.default_rng(0).normal(size=(64, 20)))
for model, shape in [(Autoencoder(8, network=MLP((4096,)), batch_size=16, max_epochs=1), (32, 4000)),
                     (VAE(8, network=MLP((512,) * 4), batch_size=8192, max_epochs=1), (8192, 64))]:
    X = np.random.default_rng(0).normal(size=shape)
    before = held("VmRSS:")
    Path("/proc/self/clear_refs").write_text("5")
    model.fit(X)
    found.append([memory.estimate(model, X).total, held("VmHWM:") - before])
    del model
print(json.dumps(found))
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="measured by Linux's high-water mark")
def test_the_estimate_is_within_a_factor_of_two_of_what_is_measured():
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", MEASURE], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    for estimated, measured in json.loads(done.stdout):
        assert 0.5 < estimated / measured < 2
