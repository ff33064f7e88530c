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
from isthmus.corruption import Corruption, Masking, Residuals
from isthmus.errors import ModelFileError
from isthmus.history import History
from isthmus.networks import MLP
from isthmus.penalty import R1
from isthmus.prior import VampPrior
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
    with pytest.raises(
        ModelFileError,
        match=r"is your own code from 'test_persistence'; hand it over again: load\(path, network=\.\.\.\)",
    ):
        isthmus.load(tmp_path / "m")
    back = isthmus.load(tmp_path / "m", network=(make_encoder, make_decoder))
    np.testing.assert_array_equal(back.transform(X), model.transform(X))


PLACES = {
    "a device": (lambda: {"device": torch.device("cpu")}, "device", "cpu"),
    "a device with a number": (lambda: {"device": torch.device("cpu", 0)}, "device", "cpu:0"),
    "a random state": (lambda: {"random_state": np.random.RandomState(0)}, "random_state", None),
    "a generator": (lambda: {"random_state": np.random.default_rng(0)}, "random_state", None),
    "numbers of NumPy": (lambda: {"max_epochs": np.int64(1), "learning_rate": np.float32(0.5)}, "learning_rate", 0.5),
}


@pytest.mark.parametrize("kind", PLACES)
def test_arguments_that_are_objects_are_stored_as_what_they_stand_for(kind, X, tmp_path):
    made, name, stored = PLACES[kind]
    model = VAE(2, **{"max_epochs": 1} | made()).fit(X)
    model.save(tmp_path / "m")
    for back in (isthmus.load(tmp_path / "m"), VAE.load(tmp_path / "m", device=torch.device("cpu"))):
        assert back.get_params()[name] == stored
        np.testing.assert_array_equal(back.transform(X), model.transform(X))


def test_a_folder_that_names_a_device_as_your_own_code_loads(X, tmp_path):
    """As earlier versions wrote it."""
    VAE(2, max_epochs=1, random_state=0).fit(X).save(tmp_path / "m")
    _edit(
        tmp_path / "m", lambda c: c["arguments"].update(device={"own": "device"}, random_state={"own": "RandomState"})
    )
    back = isthmus.load(tmp_path / "m")
    assert (back.device, back.random_state) == ("auto", None)


def test_a_history_of_any_length_comes_back(X, tmp_path):
    model = VAE(2, max_epochs=1, random_state=0).fit(X)
    rows = [
        {"epoch": i + 1, "loss": 1 / (i + 1), "seconds": 0.1} | ({"healed": 1} if i % 7 == 3 else {})
        for i in range(100_000)
    ]
    for history in (History(rows), History(), History([{"a": 1}, {"b": 0.5}, {"a": 2, "b": float("inf")}])):
        model.history_ = history
        model.save(tmp_path / "m")
        back = isthmus.load(tmp_path / "m").history_
        assert back == history
        assert back.columns == history.columns
        assert all(type(v) is type(history[i][k]) for i in range(min(9, len(back))) for k, v in back[i].items())
    assert (tmp_path / "m" / "history.jsonl").read_text().count("\n") == 3


def test_a_million_named_columns_are_stored(X, tmp_path, monkeypatch):
    from isthmus.folder import check_config, read_config

    VAE(2, max_epochs=1, random_state=0).fit(X).save(tmp_path / "m")
    _edit(tmp_path / "m", lambda c: c.update(shape=[10**6], features=[f"gene_{i}" for i in range(10**6)]))
    config = read_config(tmp_path / "m")
    check_config(tmp_path / "m", config)
    assert len(config["features"]) == 10**6


CHANGES = [
    ("tied", DenoisingAutoencoder, {}, {"tied": True}),
    ("scaling", Autoencoder, {}, {"scaling": "none"}),
    ("width", VAE, {}, {"latent_dim": 3}),
    ("network", VAE, {"network": MLP((8,))}, {"network": MLP((9,))}),
    ("inside a part", DenoisingAutoencoder, {"corruption": Masking(0.5)}, {"corruption__fraction": 0.9}),
    ("inside a network", VAE, {"network": MLP((8,))}, {"network__hidden": (9,)}),
    ("prior", VAE, {"prior": VampPrior(3)}, {"prior__components": 4}),
    ("penalty", GAN, {"penalties": (R1(1.0),)}, {"penalties": ()}),
    ("random state", VAE, {"random_state": 0}, {"random_state": 5}),
]


@pytest.mark.parametrize(("cls", "before", "after"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_what_is_set_after_a_fit_changes_nothing_fitted_and_the_model_still_loads(cls, before, after, X, tmp_path):
    model = cls(**{"latent_dim": 2, "max_epochs": 1, "random_state": 0} | before).fit(X)
    chosen = {k: repr(v) for k, v in vars(model).items() if k.endswith("_")}
    outputs = _outputs(model, X)
    model.set_params(**after)
    assert {k: repr(v) for k, v in vars(model).items() if k.endswith("_")} == chosen
    model.save(tmp_path / "m")
    for found in (model, isthmus.load(tmp_path / "m")):
        assert {k: repr(v) for k, v in found.get_params().items()} == {
            k: repr(v) for k, v in model.get_params().items()
        }
        for name, values in _outputs(found, X).items():
            np.testing.assert_array_equal(values, outputs[name], err_msg=name)
    again = isthmus.load(tmp_path / "m")
    again.save(tmp_path / "again")
    assert isthmus.load(tmp_path / "again").get_params().keys() == model.get_params().keys()


def _outputs(model, X):
    calls = ("transform", "reconstruct", "score_samples")
    found = {name: getattr(model, name)(X) for name in calls if hasattr(model, name)}
    if hasattr(model, "sample"):
        found["sample"] = model.sample(3, random_state=1)
    if hasattr(model, "corrupt"):
        found["corrupt"] = model.corrupt(X, random_state=1)
    return found


class Shift(Corruption):
    """A corruption with arguments of every kind."""

    by: np.ndarray | None = None
    also: dict | None = None
    tensor: torch.Tensor | None = None
    where: Path = Path("here")
    names: tuple = ()

    def __call__(self, x, source):
        return x + torch.as_tensor(np.asarray(self.by, dtype=float)).to(x)


def test_a_part_of_your_own_keeps_arrays_tables_and_paths(X, tmp_path):
    part = Shift(
        by=np.arange(5, dtype=">f8"),
        also={"deep": [1, {"x": np.eye(2)}], "nothing": None},
        tensor=torch.arange(3, dtype=torch.int16),
        where=Path("a") / "b",
        names=np.array(["länge", "mass"]),
    )
    model = DenoisingAutoencoder(2, corruption=part, max_epochs=1, random_state=0).fit(X)
    model.save(tmp_path / "m")
    back = isthmus.load(tmp_path / "m")
    np.testing.assert_array_equal(back.corruption_.by, part.by)
    np.testing.assert_array_equal(back.corruption_.also["deep"][1]["x"], np.eye(2))
    assert back.corruption_.tensor.tolist() == [0, 1, 2]
    assert (back.corruption_.where, back.corruption_.names) == ("a/b", ("länge", "mass"))
    np.testing.assert_array_equal(back.corrupt(X), model.corrupt(X))
    assert "numbers" in isthmus.persistence.describe(tmp_path / "m")["corruption"]


MINE = """
import torch
from isthmus import DenoisingAutoencoder, VAE
from isthmus.corruption import Corruption

class Gaussian(Corruption):
    "A part of one's own that has the name of one of isthmus."
    std: float = 0.5
    def __call__(self, x, source):
        return x * self.std

class Mine(VAE):
    "A system of one's own."
    strength: float = 2.0
"""


def test_code_of_ones_own_that_is_not_imported_is_named_with_where_it_is(X, tmp_path):
    (tmp_path / "mine_own.py").write_text(MINE)
    np.save(tmp_path / "x.npy", X)

    fit = """
from mine_own import *
X = np.load("x.npy")
class Here(VAE):
    pass
DenoisingAutoencoder(2, corruption=Gaussian(3.0), max_epochs=1).fit(X).save("part")
DenoisingAutoencoder(2, corruption=isthmus.corruption.Gaussian(3.0), max_epochs=1).fit(X).save("ours")
Mine(2, max_epochs=1).fit(X).save("system")
Here(2, max_epochs=1).fit(X).save("here")
for name in ("part", "ours", "system"):
    isthmus.load(name)
assert type(isthmus.load("part").corruption_) is Gaussian
"""
    load = """
for name in ("part", "system", "here"):
    try:
        isthmus.load(name)
    except isthmus.errors.ModelFileError as error:
        print(error)
assert type(isthmus.load("ours").corruption_) is isthmus.corruption.Gaussian
import mine_own
assert type(isthmus.load("part").corruption_) is mine_own.Gaussian
assert type(isthmus.load("ours").corruption_) is isthmus.corruption.Gaussian
assert type(isthmus.load("system")) is mine_own.Mine
"""
    get = "is defined in 'mine_own': import mine_own first, or at the command line: isthmus --import mine_own"
    expected = (
        f"corruption: the corruption 'Gaussian' {get}\nsystem holds a Mine, which {get}\nhere holds a Here, which is "
    )
    expected += "defined in the script or notebook that saved the model: run its definition first\n"
    for code, said in ((fit, ""), (load, expected)):
        code = f"import numpy as np, isthmus, isthmus.corruption\n{code}"
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, said), done.stderr


def test_what_would_not_load_is_not_saved_and_the_old_model_stays(X, tmp_path):
    model = VAE(2, max_epochs=1, random_state=0).fit(X)
    model.save(tmp_path / "m")
    before = model.transform(X)
    model.network_ = MLP((9,))
    with pytest.raises(ModelFileError, match=r"m: would not load, so it is not written: .*m: config.json and model"):
        model.save(tmp_path / "m")
    assert [p.name for p in tmp_path.iterdir()] == ["m"]
    np.testing.assert_array_equal(isthmus.load(tmp_path / "m").transform(X), before)


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
    "another format": (lambda f: _edit(f, lambda c: c.update(format=99)), "has format 99, this version reads up to 3"),
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
