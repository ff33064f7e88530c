"""What the command line says: help, lists, and one line for each mistake."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import isthmus
from command import run
from isthmus import cli

MISTAKES = {
    "system": (["fit", "va", "x.csv", "-o", "m"], "unknown system 'va', did you mean 'vae'"),
    "data name": (
        ["fit", "vae", "digit", "-o", "m"],
        "'digit' is neither a data set nor a file, did you mean 'digits'?",
    ),
    "file's name": (["fit", "vae", "x", "-o", "m"], "nor a file, did you mean 'x.csv'?"),
    "folder's name": (["fit", "vae", "photo", "-o", "m"], "nor a file, did you mean 'photos'?"),
    "file": (["fit", "vae", "y.csv", "-o", "m"], "no such file, did you mean 'x.csv'?"),
    "text": (["compare", "text.csv", "-o", "m"], "columns town hold no numbers"),
    "missing values": (["fit", "gan", "nan.csv", "-o", "m"], "contains NaN in 1 of 3 rows: rows 1, columns 'b'"),
    "argument": (
        ["fit", "vae", "x.csv", "-o", "m", "--set", "piror=x"],
        "unknown argument of VAE 'piror', did you mean 'prior'",
    ),
    "no value": (["fit", "vae", "x.csv", "-o", "m", "--set", "prior"], "write --set name=value"),
    "part": (
        ["fit", "vae", "x.csv", "-o", "m", "--set", "prior=vamprior"],
        "unknown prior 'vamprior', did you mean 'vampprior'",
    ),
    "latent": (["fit", "vae", "x.csv", "-o", "m", "--latent-dim", "0"], "whole number of at least 1, got 0"),
    "device": (["fit", "vae", "x.csv", "-o", "m", "--device", "cuda:9"], "device 'cuda:9' is not there"),
    "somebody's folder": (["fit", "vae", "x.csv", "-o", "photos"], "photos exists and is not a model's folder"),
    "below a file": (["fit", "vae", "x.csv", "-o", "x.csv/m", "--epochs", "10000000"], "x.csv is a file, not a folder"),
    "report in a file": (["compare", "x.csv", "-o", "x.npy"], "x.npy is a file, not a folder; choose another place"),
    "no model": (["encode", "nomodel", "x.csv", "-o", "h.csv"], "nomodel: no such model folder"),
    "not a model": (["inspect", "photos"], "config.json is missing"),
    "damaged weights": (["score", "torn", "x.csv", "-o", "h.csv"], "model.safetensors is missing or damaged"),
    "damaged configuration": (["inspect", "garbled"], "config.json is damaged"),
    "columns": (["encode", "good", "nan.csv", "-o", "h.csv"], "nan.csv: lacks columns 'height', 'width'"),
    "width": (["encode", "good", "narrow.npy", "-o", "h.csv"], "X has 3 features, but Autoencoder is expecting 4"),
    "no rows": (["sample", "gan", "-n", "0", "-o", "h.csv"], "n_samples must be at least 1, got 0"),
    "suffix": (["encode", "good", "x.csv", "-o", "h.foo"], "unknown suffix '.foo'"),
    "folder": (["sample", "good", "-o", "nowhere/x.csv"], "the folder nowhere does not exist"),
    "verb": (["encode", "gan", "x.csv", "-o", "h.csv"], "holds a GAN, which cannot encode; it can sample"),
    "empty file": (["fit", "vae", "empty.csv", "-o", "m"], "empty.csv"),
    "option": (["fit", "vae", "x.csv", "-o", "m", "--epoch", "3"], "No such option: --epoch"),
    "no number": (["fit", "vae", "x.csv", "-o", "m", "--epochs", "few"], "see isthmus fit --help"),
    "missing": (["fit", "vae"], "Missing argument 'data'; see isthmus fit --help"),
    "command": (["fitt"], "No such command 'fitt'"),
    "command elsewhere": (
        ["train", "vae", "x.csv"],
        "No such command 'train'; did you mean 'fit'?; see isthmus --help",
    ),
    "another command elsewhere": (["generate", "m"], "No such command 'generate'; did you mean 'sample'?"),
    "option elsewhere": (
        ["fit", "vae", "x.csv", "-o", "m", "--lr", "0.1"],
        "No such option: --lr; did you mean '--learning-rate'?; see isthmus fit --help",
    ),
    "argument as an option": (
        ["fit", "vae", "x.csv", "-o", "m", "--prior", "vampprior"],
        "No such option: --prior; did you mean '--set prior=...'?",
    ),
    "system by half its name": (["fit", "mask", "x.csv", "-o", "m"], "unknown system 'mask', did you mean 'masked'"),
    "file of a report": (["report", "good", "y.csv"], "y.csv: no such file, did you mean 'x.csv'?"),
    "file of a diagnosis": (["diagnose", "good", "y.csv"], "y.csv: no such file, did you mean 'x.csv'?"),
    "file to detect in": (["detect", "y.csv", "-o", "a.csv"], "y.csv: no such file, did you mean 'x.csv'?"),
    "file to compare on": (["compare", "y.csv", "-o", "c"], "y.csv: no such file, did you mean 'x.csv'?"),
    "folder of a model": (
        ["score", "goood", "x.csv", "-o", "s.csv"],
        "goood: no such model folder, did you mean 'good'",
    ),
    "column without values": (
        ["fit", "vae", "hollow.csv", "-o", "m"],
        "there is no value at all in column 'b'; leave it out: --leave-out b",
    ),
    "condition of another fit": (
        ["sample", "vae", "--condition", "sex=f", "-o", "s.csv"],
        "--condition sex=f: write --condition name=value; it was fitted without",
    ),
    "condition that is no column": (
        ["fit", "vae", "x.csv", "-o", "m", "--condition", "heigth"],
        "there is no column 'heigth', did you mean 'height'?",
    ),
    "condition of an array": (
        ["fit", "vae", "x.npy", "-o", "m", "--condition", "height"],
        "condition names columns (height), and the rows are an array without names",
    ),
    "unseen categories of an array": (
        ["fit", "vae", "x.npy", "-o", "m", "--unseen", "gap"],
        "its columns have no names, so --unseen says nothing of them",
    ),
    "network": (["fit", "vae", "x.csv", "-o", "m", "--network", "mpl:8"], "unknown network 'mpl', did you mean 'mlp'"),
    "nested argument": (
        ["fit", "vae", "x.csv", "-o", "m", "--set", "objective=elbo(divergence=kl(wieght=4))"],
        "unknown argument of KL 'wieght', did you mean 'weight'?; known: warmup, weight",
    ),
    "deep argument": (
        ["fit", "vae", "x.csv", "-o", "m", "--set", "training__optimizer__momentum=0.5"],
        "training__optimizer is None, not a part; first --set training__optimizer=NAME",
    ),
    "deep name": (
        ["fit", "vae", "x.csv", "-o", "m", "--set", "trainin__averaging=0.5"],
        "unknown argument of VAE 'trainin', did you mean 'training'",
    ),
    "system's brackets": (["compare", "x.csv", "-o", "c", "-s", "vae(prior=x"], "cannot read 'vae(prior=x'"),
    "list of arguments": (["models", "vea"], "unknown system 'vea', did you mean 'vae'"),
    "kind of part": (["parts", "priors"], "unknown kind of part 'priors', did you mean 'prior'"),
    "no file to import": (
        ["--import", "broke.py", "models"],
        "--import broke.py: no such file, did you mean 'broken.py'?",
    ),
    "no module to import": (
        ["--import", "brokenn", "models"],
        "--import brokenn: ModuleNotFoundError: No module named",
    ),
    "broken import": (
        ["--import", "broken.py", "models"],
        "--import broken.py: ZeroDivisionError: division by zero (broken.py, line 2)",
    ),
    "import that does not parse": (["--import", "unparsed.py", "models"], "--import unparsed.py: SyntaxError"),
    "import of a taken name": (
        ["--import", "random.py", "models"],
        "another module has the name 'random'; rename the file",
    ),
    "late import": (["models", "--import", "broken.py"], "put --import before the command"),
    "no prior": (["sample", "good", "-o", "h.csv"], "which has no prior to sample from"),
}


@pytest.mark.filterwarnings("default:X does not have valid feature names")
def test_mistakes_cost_one_line_and_leave_nothing(here, capsys, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(sys, "path", [*sys.path])
    Path("text.csv").write_text("town,x\nBern,1\nThun,2\n")
    Path("nan.csv").write_text("a,b\n1,2\n3,\n5,6\n")
    Path("hollow.csv").write_text("a,b\n1,\n3,\n5,\n")
    Path("photos").mkdir()
    Path("photos/cat.png").write_bytes(b"meow")
    Path("empty.csv").touch()
    Path("broken.py").write_text("x = 0\n1 / x\n")
    Path("unparsed.py").write_text("x = (\n")
    Path("random.py").touch()
    run("fit", "ae", "x.csv", "-o", "good", "--epochs", 1, "-q")
    run("fit", "gan", "x.csv", "-o", "gan", "--epochs", 1, "-q")
    run("fit", "vae", "x.csv", "-o", "vae", "--epochs", 1, "-q")
    np.save("narrow.npy", np.zeros((5, 3)))
    shutil.copytree("good", "torn")
    os.truncate("torn/model.safetensors", 100)
    shutil.copytree("good", "garbled")
    Path("garbled/config.json").write_text("{")
    before = sorted(str(p) for p in here.rglob("*"))
    for name, (arguments, message) in MISTAKES.items():
        capsys.readouterr()
        run(*arguments, expect=2)
        err = capsys.readouterr().err
        assert message in err, (name, err)
        assert err.count("\n") == 1, (name, err)
        assert err.startswith("isthmus: ")
        assert sorted(str(p) for p in here.rglob("*")) == before, name


def test_help_answers_without_heavy_imports():
    code = "import sys; sys.argv = ['isthmus', '--help']\nfrom isthmus.cli import main\n"
    code += "try:\n    main()\nexcept SystemExit:\n    pass\n"
    code += "assert not {'torch', 'sklearn', 'numpy', 'polars', 'matplotlib'} & set(sys.modules), sorted(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "isthmus compare digits" in done.stdout


@pytest.mark.parametrize("command", [c.name or c.callback.__name__ for c in cli.app.registered_commands])
def test_every_command_has_an_example(command, capsys):
    run(command, "--help")
    assert f"Example: isthmus {command}" in capsys.readouterr().out


def test_lists(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    run("datasets")
    assert "fashion-mnist" in capsys.readouterr().out
    run("models")
    out = capsys.readouterr().out
    assert "contractiveautoencoder, contractive, cae" in out
    assert "Variational autoencoder" in out
    run("models", "vae")
    out = capsys.readouterr().out
    assert all(name in out for name in isthmus.VAE().get_params(deep=False))
    assert "passes over the data" in out
    run("parts")
    out = capsys.readouterr().out
    assert "kl(weight=1.0, warmup=0.0)" in out
    assert "training(" in out
    run("parts", "critic-penalty")
    out = capsys.readouterr().out
    assert "r1(weight=1.0)" in out
    assert "vampprior" not in out
    run("--version")
    assert capsys.readouterr().out.strip() == f"isthmus {isthmus.__version__}"


def test_without_arguments_the_help_is_shown(capsys):
    run(expect=2)
    assert "isthmus compare digits" in "".join(capsys.readouterr())
