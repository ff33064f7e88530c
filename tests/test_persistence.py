"""A model's folder: what is in it, that it comes back to the bit, and what a damaged one costs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import isthmus
from conftest import each_system
from isthmus import (
    GAN,
    VAE,
    AdversarialAutoencoder,
    Autoencoder,
    DenoisingAutoencoder,
    Training,
)
from isthmus.corruption import Residuals
from isthmus.errors import ModelFileError
from isthmus.training import Adam


@pytest.fixture
def X(rng):
    return rng.normal(size=(40, 5)) * 10 + 3


@each_system
def test_a_model_comes_back_to_the_bit(cls, X, tmp_path):
    model = cls(2, max_epochs=2, random_state=0).fit(X)
    model.save(tmp_path / "m")
    assert sorted(p.name for p in (tmp_path / "m").iterdir()) == [
        "README.md",
        "config.json",
        "history.jsonl",
        "model.safetensors",
    ]
    for back in (isthmus.load(tmp_path / "m"), cls.load(tmp_path / "m", device="cpu")):
        assert type(back) is cls
        assert back.history_ == model.history_
        if cls is not GAN:
            np.testing.assert_array_equal(back.transform(X), model.transform(X))
            np.testing.assert_array_equal(back.reconstruct(X), model.reconstruct(X))
            np.testing.assert_array_equal(back.score_samples(X), model.score_samples(X))
        if hasattr(cls, "sample"):
            np.testing.assert_array_equal(back.sample(7, random_state=3), model.sample(7, random_state=3))
        again = back.fit(X)
        assert (
            again.history_["loss" if cls not in (GAN, AdversarialAutoencoder) else again.history_.columns[1]].size == 2
        )


def test_scores_are_the_same_in_a_fresh_process(X, tmp_path):
    model = VAE(2, max_epochs=2, random_state=0).fit(X)
    model.save(tmp_path / "m")
    np.save(tmp_path / "x.npy", X)
    code = "import sys, numpy as np, isthmus; d = sys.argv[1]; m = isthmus.load(d + '/m'); "
    code += "np.save(d + '/s.npy', m.score_samples(np.load(d + '/x.npy')))"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "s.npy"), model.score_samples(X))


def test_everything_given_comes_back(X, tmp_path):
    frame = pd.DataFrame(X, columns=list("abcde"))
    model = DenoisingAutoencoder(
        2,
        corruption=Residuals(np.random.default_rng(0).normal(size=(9, 5))),
        training=Training(optimizer=Adam(beta1=0.5), averaging=0.9),
        network="mlp:7,6",
        precision="float64",
        max_epochs=1,
        random_state=0,
    ).fit(frame)
    model.save(tmp_path / "m")
    back = isthmus.load(tmp_path / "m")
    given, found = model.get_params(deep=False), back.get_params(deep=False)
    assert given == found
    assert list(back.feature_names_in_) == list("abcde")
    np.testing.assert_array_equal(back.transform(frame), model.transform(frame))
    assert back.model_.dtype == torch.float64


def test_tensors_that_are_no_buffers_are_there_again(X, tmp_path):
    """A module may hold a tensor that is in no file, or look at its numbers when it is made."""

    class Halved(nn.Module):
        def __init__(self, size, looks):
            super().__init__()
            self.half = torch.full((size,), 0.5)
            self.layer = nn.Linear(size, int(self.half.sum() / self.half.sum()) if looks else 1)

        def forward(self, x):
            return self.layer(x * self.half)

    for looks in (False, True):
        network = (lambda shape, outputs, looks=looks: Halved(5, looks), lambda n, shape, outputs: nn.Linear(n, 5))
        model = Autoencoder(1, network=network, max_epochs=1, random_state=0).fit(X)
        model.save(tmp_path / f"{looks}")
        before = torch.get_rng_state()
        back = isthmus.load(tmp_path / f"{looks}", network=network)
        assert torch.equal(torch.get_rng_state(), before)
        np.testing.assert_array_equal(back.transform(X), model.transform(X))


def test_your_own_networks_are_named_and_handed_over_again(X, tmp_path):
    def make_encoder(shape, outputs):
        return nn.Linear(5, outputs)

    def make_decoder(inputs, shape, outputs):
        return nn.Linear(inputs, 5 * outputs)

    model = VAE(2, network=(make_encoder, make_decoder), max_epochs=1, random_state=0).fit(X)
    model.save(tmp_path / "m")
    with pytest.raises(ModelFileError, match=r"is your own code; hand it over again: load\(path, network=\.\.\.\)"):
        isthmus.load(tmp_path / "m")
    back = isthmus.load(tmp_path / "m", network=(make_encoder, make_decoder))
    np.testing.assert_array_equal(back.transform(X), model.transform(X))


def test_saving_replaces_a_model_and_nothing_else(X, tmp_path):
    model = Autoencoder(2, max_epochs=1, random_state=0).fit(X)
    model.save(tmp_path / "deep" / "m")
    model.save(tmp_path / "deep" / "m")
    (tmp_path / "empty").mkdir()
    model.save(tmp_path / "empty")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").write_bytes(b"meow")
    (tmp_path / "file").write_text("mine")
    for place in ("photos", "file"):
        with pytest.raises(ModelFileError, match="is not a model's folder; choose another place"):
            model.save(tmp_path / place)
    assert (tmp_path / "photos" / "cat.png").read_bytes() == b"meow"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["deep", "empty", "file", "photos"], "no drafts are left"
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["m"]


def test_a_failed_save_leaves_the_old_model(X, tmp_path, monkeypatch):
    model = Autoencoder(2, max_epochs=1, random_state=0).fit(X)
    model.save(tmp_path / "m")
    before = (tmp_path / "m" / "model.safetensors").read_bytes()

    def full_disk(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr("isthmus.persistence.save_file", full_disk)
    with pytest.raises(ModelFileError, match="m: cannot be written: no space left"):
        model.fit(X + 1).save(tmp_path / "m")
    assert (tmp_path / "m" / "model.safetensors").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def _edit(folder: Path, change) -> None:
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))


def _tensors(folder: Path, change) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


DAMAGE = {
    "no folder": (shutil.rmtree, "no such model folder"),
    "no config": (lambda f: (f / "config.json").unlink(), "config.json is missing"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "model.safetensors is missing"),
    "half a config": (lambda f: (f / "config.json").write_text('{"format": 1,'), "config.json is damaged"),
    "a list": (lambda f: (f / "config.json").write_text("[]"), "does not describe a model"),
    "half the weights": (
        lambda f: (f / "model.safetensors").write_bytes((f / "model.safetensors").read_bytes()[:500]),
        "model.safetensors is missing or damaged",
    ),
    "another format": (lambda f: _edit(f, lambda c: c.update(format=99)), "has format 99, this version reads up to 2"),
    "another class": (
        lambda f: _edit(f, lambda c: c.update({"class": "VEA"})),
        "unknown model class 'VEA', did you mean 'VAE'",
    ),
    "a wide code": (lambda f: _edit(f, lambda c: c["resolved"].update(latent_dim_=10**12)), "disagree on"),
    "a huge layer": (
        lambda f: _edit(f, lambda c: c["resolved"]["network_"].update(hidden=[2**40])),
        "disagree on|is damaged",
    ),
    "an argument": (lambda f: _edit(f, lambda c: c["arguments"].update(eval="1")), "config.json is damaged"),
    "an attribute": (lambda f: _edit(f, lambda c: c["resolved"].update(__class__="x")), "config.json is damaged"),
    "a shape": (lambda f: _edit(f, lambda c: c.update(shape=["a"])), "config.json is damaged"),
    "a missing weight": (
        lambda f: _tensors(f, lambda t: t.pop("model.networks.decoder.0.bias")),
        "disagree on 'networks.decoder.0.bias'",
    ),
    "no scaling": (lambda f: _tensors(f, lambda t: t.pop("model.scaling.shift")), "disagree on 'scaling.shift'"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_folder_is_one_clear_line(damage, X, tmp_path):
    VAE(2, max_epochs=1, random_state=0).fit(X).save(tmp_path / "m")
    spoil, message = DAMAGE[damage]
    spoil(tmp_path / "m")
    with pytest.raises(ModelFileError, match=message) as caught:
        isthmus.load(tmp_path / "m")
    assert "\n" not in str(caught.value)


def test_a_class_loads_its_own(X, tmp_path):
    GAN(2, max_epochs=1, random_state=0).fit(X).save(tmp_path / "m")
    with pytest.raises(ModelFileError, match="holds a GAN, not a VAE"):
        VAE.load(tmp_path / "m")


def test_the_card_says_what_the_model_is(X, tmp_path):
    VAE(2, max_epochs=2, random_state=0).fit(X).save(tmp_path / "m")
    card = (tmp_path / "m" / "README.md").read_text()
    assert card.startswith("# VAE\n")
    assert "| likelihood | `HomoscedasticGaussian()` |" in card
    assert "| divergence |" in card


def test_no_pickle_anywhere():
    root = Path(isthmus.__file__).parent
    for path in root.rglob("*.py"):
        text = path.read_text()
        assert "import pickle" not in text, path
        assert "torch.load(" not in text, path
        assert "torch.save(" not in text, path
        assert (
            "np.load(" not in text or text.count("np.load(") == text.count("allow_pickle=False") or "np.save" in text
        ), path
