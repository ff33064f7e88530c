"""What a fit will hold: counted without allocating, close to what autograd keeps, and refused where it is not there."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.base import clone

from isthmus import (
    GAN,
    VAE,
    AdversarialAutoencoder,
    Autoencoder,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    Training,
    machine,
    memory,
)
from isthmus.errors import FitError
from isthmus.networks import MLP, Conv
from isthmus.training import SGD

CPU = torch.device("cpu")


def rows(n, features):
    """Data of any size that take no memory."""
    return np.broadcast_to(np.float32(0.5), (n, features))


def test_weights_gradients_and_the_optimisers_state_are_counted_to_the_byte():
    X = np.random.default_rng(0).normal(size=(10, 5))
    ae = Autoencoder(3, network=MLP((7,)), max_epochs=1, random_state=0).fit(X)
    counted = memory.estimate(ae, X)
    weights = 4 * (5 * 7 + 7 + 7 * 3 + 3 + 3 * 7 + 7 + 7 * 5 + 5)
    model = weights + 2 * 5 * 8 + 5 * 4  # and the data's units, a shift and a scale in float64, and each feature's σ
    assert model == sum(tensor.nbytes for tensor in (*ae.model_.parameters(), *ae.model_.buffers()))
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
    stds = 4 * 50  # σ = 1 while the squared error is learnt: one a feature, whatever the rows
    assert wide - stds == 10 * (narrow - stds)
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
    assert machine.left_by_cgroup(tmp_path) == 400
    monkeypatch.setattr(machine, "CGROUP_ROOT", tmp_path)
    assert machine.available(CPU) == 400
    (tmp_path / "memory.max").write_text("max\n")
    assert machine.left_by_cgroup(tmp_path) is None


class Live:
    """The largest number of bytes that autograd keeps for the backward pass at once, the weights themselves apart."""

    def __init__(self):
        self.holders, self.now, self.peak = {}, 0, 0

    def pack(self, tensor):
        if isinstance(tensor if tensor._base is None else tensor._base, torch.nn.Parameter):
            return [tensor]
        storage = tensor.untyped_storage()
        held = self.holders.setdefault(storage.data_ptr(), [0, storage.nbytes()])
        if held[0] == 0:
            self.now += held[1]
            self.peak = max(self.peak, self.now)
        held[0] += 1
        kept = Kept([tensor.detach()])  # the tensor itself would be a cycle
        weakref.finalize(kept, self.let_go, storage.data_ptr())
        return kept

    def let_go(self, pointer):
        self.holders[pointer][0] -= 1
        if self.holders[pointer][0] == 0:
            self.now -= self.holders.pop(pointer)[1]


class Kept(list):
    """A list of one tensor that can be watched."""


STACK = MLP((256,) * 3)
PLAIN = Training(compile=False)
FITS = {
    "autoencoder": (Autoencoder(8, network=STACK), (1024, 64)),
    "vae": (VAE(8, network=STACK), (1024, 64)),
    "denoising": (DenoisingAutoencoder(8, network=STACK), (1024, 64)),
    "exact contraction": (ContractiveAutoencoder(8, network=STACK), (1024, 64)),
    "drawn contraction": (ContractiveAutoencoder(16, network=STACK), (1024, 64)),
    "penalised game": (GAN(8, network=STACK, discriminator=STACK), (1024, 64)),
    "plain game": (GAN(8, network=STACK, discriminator=STACK, penalties=()), (1024, 64)),
    "adversarial": (AdversarialAutoencoder(8, network=STACK), (1024, 64)),
    "convolutions": (VAE(8, network=Conv()), (128, 1, 32, 32)),
}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", FITS)
def test_the_activations_are_those_that_autograd_keeps(name, precision):
    model, shape = FITS[name]
    model = clone(model).set_params(precision=precision, batch_size=shape[0], max_epochs=1, training=PLAIN)
    X = np.random.default_rng(0).normal(size=shape)
    live = Live()
    with torch.autograd.graph.saved_tensors_hooks(live.pack, lambda kept: kept[0]):
        model.fit(X)
    assert live.now == 0, "nothing is kept after the fit"
    assert 0.7 < memory.estimate(model, X).activations / live.peak < 1.7


def test_bfloat16_halves_activations_and_adds_copies_of_the_weights_that_are_multiplied():
    def counted(n, precision):
        model = Autoencoder(8, network=STACK, batch_size=n, precision=precision)
        return memory.estimate(model, rows(n, 64)).activations

    copies = 2 * (4 * 256 * 256 + 2 * 256 * 8 + 256 * 64)  # all but the first layer's, whose input needs no gradient
    a_row = counted(1001, "bfloat16") - counted(1000, "bfloat16")
    stds = 4 * 64  # of the likelihood, which stays in float32
    assert counted(1000, "bfloat16") == copies + stds + 1000 * a_row
    assert 0.4 < a_row / (counted(1001, "float32") - counted(1000, "float32")) < 0.7


@pytest.mark.parametrize("averaging", [None, 0.9])
def test_weights_and_the_optimisers_state_are_those_that_a_checkpoint_holds(averaging, tmp_path):
    training = Training(checkpoint=str(tmp_path / "c"), averaging=averaging)
    X = np.random.default_rng(0).normal(size=(64, 50))
    model = Autoencoder(4, network=MLP((256,)), max_epochs=1, training=training).fit(X)
    (file,) = (tmp_path / "c").glob("step-*.safetensors")
    state = load_file(file)
    weights = sum(t.nbytes for name, t in state.items() if name.startswith(("model/", "average/")))
    optimizer = sum(t.nbytes for name, t in state.items() if "/optimizer/" in name)
    counted = memory.estimate(model, X)
    assert counted.optimizer == pytest.approx(2 * optimizer, rel=1e-3), "in use, and its last good state"
    assert counted.weights == pytest.approx(2 * weights + counted.gradients, rel=0.01), "and the first weights"
