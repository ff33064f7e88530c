"""A model's folder from a stranger loads or fails with one line; it runs nothing, opens nothing else, holds little."""

from __future__ import annotations

import ast
import json
import os
import pickle
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

import isthmus
from isthmus import folder, persistence
from isthmus.errors import ModelFileError
from isthmus.folder import CONFIG, WEIGHTS
from isthmus.part_language import VOCABULARY
from isthmus.parts import from_json, to_json
from make_models import models, outputs

DATA = Path(__file__).parent / "data" / "models"
FOLDERS = sorted(path.parent for path in DATA.rglob(CONFIG))
ROOT = Path(isthmus.__file__).parent


@pytest.mark.parametrize("path", FOLDERS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_an_earlier_version_wrote_still_loads_and_gives_the_same(path):
    model = isthmus.load(path, device="cpu")
    with np.load(path.parent / f"{path.name}.npz", allow_pickle=False) as expected:
        found = outputs(model, expected["X"])
        assert {*found, "X"} == set(expected.files)
        for name, values in found.items():
            np.testing.assert_allclose(values, expected[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_every_class_has_a_folder_of_this_format():
    classes = {json.loads((path / CONFIG).read_text())["class"] for path in FOLDERS}
    assert classes == {type(model).__name__ for model, _ in models().values()}


RUNS = {"eval", "exec", "compile", "__import__", "torch.load", "torch.save", "os.system", "importlib.import_module"}


def test_no_module_that_unpickles_is_imported_and_no_call_that_can():
    """Over the whole source: pickle and its kin, eval and exec, torch.load and save, np.load without its lock."""
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            roots = {name.partition(".")[0] for name in names}
            assert not roots & {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}, path
            if isinstance(node, ast.Call):
                call = ast.unparse(node.func)
                assert call not in RUNS, path
                if call in ("np.load", "numpy.load"):
                    locks = [k.value for k in node.keywords if k.arg == "allow_pickle"]
                    assert [lock.value for lock in locks if isinstance(lock, ast.Constant)] == [False], path


def test_saving_and_loading_never_pickle(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("pickled")

    for path in FOLDERS:
        isthmus.load(path)  # torch imports more at its first use of shapes without data, and that pickles
    names = {pickle: ("load", "loads", "dump", "dumps", "Unpickler", "Pickler"), torch: ("load", "save"), np: ("load",)}
    for module, name in [(module, name) for module, group in names.items() for name in group]:
        monkeypatch.setattr(module, name, refuse)
    for path in FOLDERS:
        isthmus.load(path).save(tmp_path / path.name)
        persistence.describe(tmp_path / path.name)


@pytest.fixture
def m(tmp_path):
    """A folder of this version's, to damage."""
    isthmus.load(FOLDERS[0]).save(tmp_path / "m")
    return tmp_path / "m"


def edit(path: Path, change) -> None:
    config = json.loads((path / CONFIG).read_text())
    change(config)
    (path / CONFIG).write_text(json.dumps(config))


def refused(path: Path, message: str) -> None:
    for read in (isthmus.load, persistence.describe):
        with pytest.raises(ModelFileError, match=message) as caught:
            read(path)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 600


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_files_that_lie_elsewhere_are_not_followed(m, name, tmp_path):
    (m / name).rename(tmp_path / name)
    for target in (tmp_path / name, Path("..") / name, Path("/dev/zero")):
        (m / name).symlink_to(target)
        refused(m, "is a symbolic link; a model's folder holds its files itself")
        (m / name).unlink()
    os.mkfifo(m / name)
    refused(m, "is not a file")


def test_a_file_too_large_is_not_read(m, monkeypatch):
    with (m / CONFIG).open("r+b") as file:
        file.truncate(2**40)  # takes no room on the disk
    refused(m, "config.json is damaged: it is longer than 67 MB")
    monkeypatch.setattr(folder, "CONFIG_BYTES", 100)
    refused(m, "is longer than 100 bytes")


def test_a_header_too_long_is_not_read(m):
    (m / WEIGHTS).write_bytes((2**40).to_bytes(8, "little") + b" " * 100)
    refused(m, "its header does not fit into it")
    with (m / WEIGHTS).open("r+b") as file:
        file.truncate(2**41)
    refused(m, "its header does not fit into it")


def test_weights_beyond_the_machines_memory_are_not_read(m, monkeypatch):
    monkeypatch.setattr(folder, "LARGE_WEIGHTS_BYTES", 0)
    monkeypatch.setattr(folder, "available", lambda device: 1000)
    with pytest.raises(ModelFileError, match=r"needs .* kB of memory, there are 1 kB"):
        isthmus.load(m)


def test_another_file_in_place_of_the_weights_is_found_out(m):
    tensors = load_file(m / WEIGHTS)
    tensors["model.scaling.shift"] += 1
    save_file(tensors, m / WEIGHTS)
    with pytest.raises(ModelFileError, match=r"its SHA-256 is not the one in config\.json"):
        isthmus.load(m)
    edit(m, lambda c: c.pop("sha256"))
    isthmus.load(m)


def test_a_loaded_model_does_not_change_with_its_file(m):
    model = isthmus.load(m)
    before = {name: value.clone() for name, value in model.model_.state_dict().items()}
    size = (m / WEIGHTS).stat().st_size
    with (m / WEIGHTS).open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * (size - size // 2))
    assert all(torch.equal(before[name], value) for name, value in model.model_.state_dict().items())


def test_a_history_with_a_gap_is_described(tmp_path):
    """As the first version wrote it."""
    shutil.copytree(DATA / "0.1.0" / "VAE", tmp_path / "m")
    edit(tmp_path / "m", lambda c: c["history"][-1].update(loss=None))
    assert "last loss" not in persistence.describe(tmp_path / "m")


SPOILT = {
    "an epoch that is none": lambda c, t: t.update({"history_rows.loss": torch.tensor([0, 2**60])}),
    "an epoch before the first": lambda c, t: t.update({"history_rows.loss": torch.tensor([0, -1])}),
    "epochs that are no numbers": lambda c, t: t.update({"history_rows.loss": torch.tensor([0.0, 1.0])}),
    "more epochs than numbers": lambda c, t: c.update(epochs=2**40),
    "fewer epochs": lambda c, t: c.update(epochs=1),
    "another column": lambda c, t: c.update(history=["epoch"]),
    "a table for a column": lambda c, t: t.update({"history.loss": torch.zeros(2, 2)}),
}


@pytest.mark.parametrize("spoilt", SPOILT)
def test_a_history_that_is_none_is_refused(spoilt, tmp_path):
    isthmus.load(DATA / "0.1.0" / "VAE").save(tmp_path / "m")
    tensors = load_file(tmp_path / "m" / WEIGHTS)
    edit(tmp_path / "m", lambda c: SPOILT[spoilt](c, tensors))
    edit(tmp_path / "m", lambda c: c.pop("sha256"))
    save_file(tensors, tmp_path / "m" / WEIGHTS)
    refused(tmp_path / "m", r"its history is (not the one that config\.json names|damaged)")


WRONG = {
    "a huge shape": (lambda c: c.update(shape=[10**30]), "its shape is no sample's"),
    "a shape of truths": (lambda c: c.update(shape=[True]), "its shape is no list of counts"),
    "a shape of nothing": (lambda c: c.update(shape=[0]), "its shape is no sample's"),
    "a shape of NaN": (lambda c: c.update(shape=[float("nan")]), "its shape is no list of counts"),
    "a dtype of objects": (lambda c: c.update(dtype="O"), "unknown dtype 'O'"),
    "a dtype of records": (lambda c: c.update(dtype="f4," * 1000), "unknown dtype"),
    "deep nesting": (lambda c: c["arguments"].update(verbose=json.loads("[" * 200 + "]" * 200)), "deeper than 16"),
    "a million layers": (lambda c: c["resolved"]["network_"].update(hidden=[1] * 10**6), "a network has over 512"),
    "a huge code": (lambda c: c["resolved"].update(latent_dim_=2**60), "latent_dim_ is no width"),
    "a code of true": (lambda c: c["resolved"].update(latent_dim_=True), "latent_dim_ is no width"),
    "a name with a line break": (lambda c: c["resolved"].update({"a\n\x1b[2J_": 1}), "belongs to no argument"),
    "an argument itself": (lambda c: c["resolved"].update(latent_dim=1), "belongs to no argument"),
    "names of other columns": (lambda c: c.update(features=["a"]), "more or fewer columns"),
    "format true": (lambda c: c.update(format=True), "its format is True"),
    "format 0": (lambda c: c.update(format=0), "its format is 0"),
    "history of text": (lambda c: c.update(history=[{"epoch": "1"}]), "its history is no list of names"),
    "many lists": (lambda c: c.update(x=[[]] * 200_000), "more than 131072 lists"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_describes_no_model_is_refused_before_one_is_made(m, wrong):
    change, message = WRONG[wrong]
    edit(m, change)
    refused(m, message)


UNFIT = {
    "wide layers": (lambda c: c["resolved"]["network_"].update(hidden=[2**45, 2**45]), "disagree on|is damaged"),
    "a likelihood that is a prior": (
        lambda c: c["resolved"].update(likelihood_={"part": "prior.StandardNormal"}),
        r"likelihood_ is StandardNormal\(\)",
    ),
    "a part that is a command": (
        lambda c: c["resolved"].update(likelihood_={"part": "os.system", "command": "true"}),
        "unknown part 'os.system'",
    ),
    "an array of elsewhere": (
        lambda c: c["arguments"].update(verbose={"array": "../../etc/passwd"}),
        "the array '../../etc/passwd' is missing",
    ),
    "a precision": (lambda c: c["resolved"].update(precision_="float64"), "disagree on .*: F64 against F32"),
    "own code": (lambda c: c["resolved"].update(network_={"own": "os.system"}), "'os.system' is your own code"),
}


@pytest.mark.parametrize("unfit", UNFIT)
def test_what_does_not_fit_its_weights_is_refused_before_they_are_read(m, unfit, monkeypatch):
    change, message = UNFIT[unfit]
    edit(m, change)

    def read(self, names):
        assert not names, "a value is read"
        return {}

    monkeypatch.setattr(folder.Tensors, "read", read)
    with pytest.raises(ModelFileError, match=message):
        isthmus.load(m)


def test_a_small_fuzz_in_a_process_that_watches():
    """Only ModelFileError comes out, nothing else is opened, little is held; the large one is a benchmark."""
    root = Path(__file__).parent.parent
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(["src", ".", *sys.path])}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.fuzz", "1", "80"], cwd=root, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    strange = [key for key in found["outcomes"] if key.partition("|")[2] not in ("refused", "loaded")]
    assert not strange
    assert sum(found["outcomes"].values()) == 80
    assert found["outside"] == []
    assert found["growth"] < 2**24 + 4 * found["largest"]


ARGUMENTS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 2**40), st.floats(), st.text(max_size=5),
    st.lists(st.integers(1, 9), max_size=4), st.sampled_from(["relu", "tanh", "batch", "layer", "exact", "cosine"]),
)  # fmt: skip


def _drawn(kind: str, depth: int) -> st.SearchStrategy[object]:
    """A part of that kind with drawn arguments; what its own checks refuse is left at the default."""

    @st.composite
    def build(draw):
        cls = VOCABULARY[kind][draw(st.sampled_from(sorted(VOCABULARY[kind])))]
        inside = [_drawn(k, depth - 1) for k in ("divergence", "value", "critic_penalty", "optimizer")] if depth else []
        values: dict[str, object] = {}
        for field in fields(cls):
            needed = field.default.__class__.__name__ == "_MISSING_TYPE"
            choices = [ARGUMENTS, *inside] if not needed else [ARGUMENTS, *inside, st.just(np.ones((2, 3)))]
            values[field.name] = draw(st.one_of(*choices))
        for name in list(values):
            try:
                return cls(**values)
            except (ValueError, TypeError):
                values.pop(name)
        try:
            return cls(**values)
        except (ValueError, TypeError):
            return None

    return build()


@pytest.mark.parametrize("kind", sorted(VOCABULARY))
def test_every_part_comes_back_from_json_with_any_arguments_it_takes(kind):
    @settings(max_examples=25, deadline=None)
    @given(_drawn(kind, 1))
    def check(part):
        arrays: dict[str, np.ndarray] = {}
        text = json.dumps(to_json(part, arrays))
        back = from_json(json.loads(text), arrays)
        assert json.dumps(to_json(back, dict(arrays))) == text
        if "NaN" not in text:
            assert back == part

    check()
