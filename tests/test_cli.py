"""The command line as a person meets it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import isthmus
from command import run
from isthmus import cli, files


@pytest.fixture
def here(tmp_path, rng, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame(rng.normal(size=(60, 4)) * 10, columns=["height", "width", "depth", "mass"])
    frame.to_csv("x.csv", index=False)
    pl.DataFrame(frame.to_dict("list")).write_parquet("x.parquet")
    np.save("x.npy", frame.to_numpy())
    np.savez("x.npz", x=frame.to_numpy())
    return tmp_path


@pytest.mark.parametrize("suffix", ["csv", "parquet", "npy", "npz"])
def test_from_a_file_to_a_model_and_back(suffix, here, capsys):
    data = f"x.{suffix}"
    run("fit", "vae", data, "--out", "m", "--latent-dim", 2, "--epochs", 2, "--quiet")
    model = isthmus.load("m")
    X = files.read(data)
    given = pd.DataFrame(X.values, columns=X.columns) if X.columns else X.values
    run("encode", "m", data, "--out", f"h.{suffix}")
    np.testing.assert_allclose(files.read(f"h.{suffix}").values, model.transform(given), rtol=1e-6)
    run("reconstruct", "m", data, "--out", f"r.{suffix}")
    assert files.read(f"r.{suffix}").columns == X.columns
    np.testing.assert_allclose(files.read(f"r.{suffix}").values, model.reconstruct(given), rtol=1e-6)
    run("score", "m", data, "--out", f"s.{suffix}")
    np.testing.assert_allclose(files.read(f"s.{suffix}").values.ravel(), model.score_samples(given), rtol=1e-6)
    run("sample", "m", "-n", 5, "--seed", 3, "--out", f"n.{suffix}")
    np.testing.assert_allclose(files.read(f"n.{suffix}").values, model.sample(5, random_state=3), rtol=1e-6)
    capsys.readouterr()
    run("inspect", "m")
    shown = capsys.readouterr().out
    assert "VAE" in shown
    assert "HomoscedasticGaussian" in shown
    if X.columns:
        assert files.read(f"h.{suffix}").columns == ["vae0", "vae1"]
        assert files.read(f"n.{suffix}").columns == X.columns


def test_images_come_as_a_folder_and_go_as_one(here, rng):
    files.write("pictures", rng.integers(0, 256, size=(20, 16, 16), dtype=np.uint8))
    run("fit", "ae", "pictures", "-o", "m", "--epochs", 1, "-q")
    run("reconstruct", "m", "pictures", "-o", "back")
    assert files.read("back").values.shape == (20, 16, 16)


@pytest.mark.parametrize("system", cli.SYSTEMS)
def test_every_system_is_fitted_by_name_and_can_what_it_says(system, here):
    run("fit", system, "x.csv", "-o", "m", "--epochs", 1, "-q")
    estimator = isthmus.load("m")
    for verb, method in cli.VERBS.items():
        data = [] if verb == "sample" else ["x.csv"]
        run(verb, "m", *data, "-o", f"{verb}.csv", expect=0 if hasattr(estimator, method) else 2)
        assert Path(f"{verb}.csv").exists() == hasattr(estimator, method)


def test_any_argument_can_be_set(here):
    settings = ["corruption=masking:0.3", "tied=true", "validation_fraction=0.2"]
    flags = [flag for setting in settings for flag in ("--set", setting)]
    run("fit", "dae", "x.csv", "-o", "m", "--epochs", 1, "--network", "mlp:8,6", *flags, "-q")
    model = isthmus.load("m")
    assert repr(model.corruption_) == "Masking(fraction=0.3)"
    assert model.tied is True
    assert model.network_.hidden == (8, 6)
    assert "validation_loss" in model.history_.columns


def test_a_fit_says_what_it_does(here, capsys):
    run("fit", "vae", "x.csv", "-o", "m", "--epochs", 2)
    out, err = capsys.readouterr()
    assert "2/2 epochs" in err
    assert "VAE: latent_dim 1, likelihood HomoscedasticGaussian(), network MLP()" in out
    assert "model: m" in out


def test_a_model_is_replaced_only_when_asked(here, capsys):
    run("fit", "ae", "x.csv", "-o", "m", "--epochs", 1, "-q")
    run("fit", "ae", "x.csv", "-o", "m", "--epochs", 2, "-q", expect=2)
    assert "m holds a model; --force replaces it" in capsys.readouterr().err
    assert len(isthmus.load("m").history_) == 1
    run("fit", "ae", "x.csv", "-o", "m", "--epochs", 2, "-q", "--force")
    assert len(isthmus.load("m").history_) == 2


@pytest.mark.filterwarnings("default:interrupted")
def test_ctrl_c_keeps_and_saves_what_was_learnt(here, capsys, monkeypatch):
    from isthmus.corruption import Gaussian

    calls = 0
    real = Gaussian.__call__

    def interrupt(self, x, generator):
        nonlocal calls
        calls += 1
        if calls == 12:
            raise KeyboardInterrupt
        return real(self, x, generator)

    monkeypatch.setattr(Gaussian, "__call__", interrupt)
    run("fit", "dae", "x.csv", "-o", "m", "--epochs", 10, "--set", "corruption=gaussian:0.1", "-q")
    assert "isthmus: warning: interrupted after 37% of the fit; what was learnt is kept" in capsys.readouterr().err
    assert len(isthmus.load("m").history_) == 4


def test_ctrl_c_before_anything_was_learnt_says_so(here, capsys, monkeypatch):
    def interrupt(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "read", interrupt)
    run("fit", "ae", "x.csv", "-o", "m", "-q", expect=130)
    assert capsys.readouterr().err == "isthmus: interrupted before it was done\n"
    assert not Path("m").exists()


def test_a_closed_folder_is_refused_before_training(here, capsys, monkeypatch):
    monkeypatch.setattr(os, "access", lambda place, mode: False)
    run("fit", "ae", "x.csv", "-o", "m", "--epochs", 10_000_000, "-q", expect=2)
    assert capsys.readouterr().err == "isthmus: the folder . cannot be written to; choose another place\n"


def test_units_in_the_names_of_columns_are_shown(here, capsys, rng):
    names = ["speed [m/s]", "rate [/s]", "c", "d"]
    pd.DataFrame(rng.normal(size=(20, 4)), columns=names).to_csv("units.csv", index=False)
    run("fit", "ae", "units.csv", "-o", "m", "--epochs", 1, "-q")
    run("inspect", "m")
    assert "speed [m/s], rate [/s], c, d" in " ".join(capsys.readouterr().out.split())


@pytest.mark.filterwarnings("default:X does not have valid feature names")
def test_an_array_comes_back_under_the_names_that_were_fitted(here, capsys):
    run("fit", "ae", "x.csv", "-o", "m", "--epochs", 1, "-q")
    run("reconstruct", "m", "x.npy", "-o", "r.csv")
    assert files.read("r.csv").columns == ["height", "width", "depth", "mass"]
    assert capsys.readouterr().err.startswith("isthmus: warning: X does not have valid feature names")


MISTAKES = {
    "system": (["fit", "va", "x.csv", "-o", "m"], "unknown system 'va', did you mean 'vae'"),
    "data name": (
        ["fit", "vae", "digit", "-o", "m"],
        "'digit' is neither a data set nor a file, did you mean 'digits'?",
    ),
    "file's name": (["fit", "vae", "x", "-o", "m"], "nor a file, did you mean 'x.csv'?"),
    "folder's name": (["fit", "vae", "photo", "-o", "m"], "nor a file, did you mean 'photos'?"),
    "file": (["fit", "vae", "y.csv", "-o", "m"], "no such file, did you mean 'x.csv'?"),
    "text": (["fit", "vae", "text.csv", "-o", "m"], "columns town hold no numbers"),
    "missing values": (["fit", "vae", "nan.csv", "-o", "m"], "contains NaN in 1 of 3 rows: rows 1, columns 'b'"),
    "argument": (
        ["fit", "vae", "x.csv", "-o", "m", "--set", "piror=x"],
        "unknown argument of VAE 'piror', did you mean 'prior'",
    ),
    "no value": (["fit", "vae", "x.csv", "-o", "m", "--set", "prior"], "say --set name=value"),
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
    "columns": (["encode", "good", "nan.csv", "-o", "h.csv"], "feature names should match"),
    "width": (["encode", "good", "narrow.npy", "-o", "h.csv"], "X has 3 features, but Autoencoder is expecting 4"),
    "no rows": (["sample", "gan", "-n", "0", "-o", "h.csv"], "n_samples must be at least 1, got 0"),
    "suffix": (["encode", "good", "x.csv", "-o", "h.foo"], "unknown suffix '.foo'"),
    "folder": (["sample", "good", "-o", "nowhere/x.csv"], "the folder nowhere does not exist"),
    "verb": (["encode", "gan", "x.csv", "-o", "h.csv"], "holds a GAN, which cannot encode; it can sample"),
    "no prior": (["sample", "good", "-o", "h.csv"], "which has no prior to sample from"),
}


@pytest.mark.filterwarnings("default:X does not have valid feature names")
def test_mistakes_cost_one_line_and_leave_nothing(here, capsys):
    Path("text.csv").write_text("town,x\nBern,1\nThun,2\n")
    Path("nan.csv").write_text("a,b\n1,2\n3,\n5,6\n")
    Path("photos").mkdir()
    Path("photos/cat.png").write_bytes(b"meow")
    run("fit", "ae", "x.csv", "-o", "good", "--epochs", 1, "-q")
    run("fit", "gan", "x.csv", "-o", "gan", "--epochs", 1, "-q")
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


def test_lists(capsys):
    run("datasets")
    assert "fashion-mnist" in capsys.readouterr().out
    run("models")
    out = capsys.readouterr().out
    assert "contractive" in out
    assert "vampprior" in out
    run("--version")
    assert capsys.readouterr().out.strip() == f"isthmus {isthmus.__version__}"


@pytest.mark.parametrize("data", ["digits", "x.csv"])
def test_compare_writes_a_report_of_all_five(data, here, capsys):
    run("compare", data, "--out", "out", "--epochs", 1)
    out = capsys.readouterr().out
    for system in ("pca", "autoencoder", "denoising", "contractive", "vae", "gan", "real"):
        assert system in out
    page = Path("out/report.html").read_text()
    sections = ["table", "reconstructions", "samples", "learning", "filters", "codes"]
    assert re.findall(r'<section id="(\w+)"', page) == [s for s in sections if data == "digits" or s != "filters"]
    assert "where that of real rows is" in page, "a density is explained beside the figure"
    shown = {"held-out": 2, "held-out, noisy": 1} | dict.fromkeys(("vae", "gan", "denoising, of noisy"), 1)
    assert all(page.count(f'<div class="label">{name}</div>') >= n for name, n in shown.items())
    assert "http://" not in page
    assert "https://" not in page
    assert type(isthmus.load("out/models/gan-0")).__name__ == "GAN"


def test_any_systems_are_compared_over_seeds_and_a_broken_off_comparison_is_resumed(here, capsys, monkeypatch):
    """Ctrl-C in the third of four fits: two are kept, and the second call fits the other two only."""
    from isthmus import VAE, Autoencoder

    compared = ["compare", "x.csv", "-o", "out", "-s", "ae", "-s", "vae objective=importanceweighted:2"]
    compared += ["--seeds", 2, "--latent-dim", 2, "--epochs", 2, "--resume"]
    fits, stop = [], True

    def counting(cls):
        fit = cls.fit

        def counted(self, X, y=None):
            fits.append((type(self).__name__, self.random_state))
            if stop and len(fits) == 3:
                raise KeyboardInterrupt
            return fit(self, X, y)

        monkeypatch.setattr(cls, "fit", counted)

    counting(Autoencoder)
    counting(VAE)
    run(*compared, expect=130)
    assert not Path("out/report.html").exists()
    stop = False
    run(*compared)
    once = [("Autoencoder", 0), ("Autoencoder", 1), ("VAE", 0)]
    assert fits == [*once, ("VAE", 0), ("VAE", 1)]
    results = json.loads(Path("out/results.json").read_text())
    ae = results["systems"]["ae"]
    assert ae["mean"]["error"] == pytest.approx(np.mean([r["error"] for r in ae["runs"]]))
    assert ae["spread"]["error"] == pytest.approx(np.std([r["error"] for r in ae["runs"]], ddof=1))
    assert "denoising_gain" not in ae["mean"], "no noise without a system that was trained on one"
    lines = Path("out/results.csv").read_text().splitlines()
    assert [line.split(",")[:2] for line in lines[1:]] == [
        ["pca", "0"], ["ae", "0"], ["ae", "1"],
        ["vae objective=importanceweighted:2", "0"], ["vae objective=importanceweighted:2", "1"],
    ]  # fmt: skip
    assert "±" in capsys.readouterr().out
    assert "--seeds 2" in Path("out/report.html").read_text()
    run(*compared[:-1], "--epochs", 1)
    assert len(fits) == 9, "another budget is another fit"
    run("compare", "x.csv", "-o", "out", "-s", "vea", expect=2)
    assert "unknown system 'vea', did you mean 'vae'?" in capsys.readouterr().err
    run("compare", "x.csv", "-o", "timed", "-s", "gan", "--seconds", 0.3, "--quiet")
    assert json.loads(Path("timed/results.json").read_text())["budget"] == "0.3 seconds"
    assert {p.name for p in Path("out").iterdir()} >= {"results.json", "samples.png", "codes.png", "learning.png"}


def test_a_fit_is_resumed_and_another_is_refused(here, capsys):
    """The second call hands out what the first one fitted; other settings are told apart by name."""
    fit = ["fit", "vae", "x.csv", "--latent-dim", 2, "--epochs", 3, "--quiet", "--checkpoint", "c", "--every", 2]
    run(*fit, "--out", "a")
    run(*fit, "--out", "b", expect=2)
    assert "c holds the checkpoints of a fit; resume goes on" in capsys.readouterr().err
    run(*fit, "--out", "b", "--resume")
    assert isthmus.load("a").history_["loss"].tolist() == isthmus.load("b").history_["loss"].tolist()
    run(*fit, "--out", "d", "--resume", "--set", "training__averaging=0.9", expect=2)
    assert "is of another fit: averaging was 0.0, and is 0.9 now" in capsys.readouterr().err
    run("fit", "vae", "x.csv", "--out", "d", "--set", "training__averagin=0.9", expect=2)
    assert "did you mean 'averaging'" in capsys.readouterr().err
    run("fit", "vae", "x.csv", "--out", "d", "--resume", expect=2)
    assert "every and resume need a checkpoint folder" in capsys.readouterr().err
    assert not Path("d").exists()
