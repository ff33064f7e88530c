"""The command line, from data to models and back."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import isthmus
from command import run
from isthmus import Training, files
from isthmus.cli.systems import VERBS
from isthmus.divergence import KL
from isthmus.objective import ELBO
from isthmus.prior import VampPrior
from isthmus.training.optimizer import SGD


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


OURS = ["autoencoder", "denoising", "contractive", "vae", "gan", "adversarial"]


@pytest.mark.parametrize("system", OURS)
def test_every_system_is_fitted_by_name_and_can_what_it_says(system, here):
    run("fit", system, "x.csv", "-o", "m", "--epochs", 1, "-q")
    estimator = isthmus.load("m")
    for verb, method in VERBS.items():
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


def test_parts_are_set_by_name_to_any_depth(here):
    settings = [
        "objective=elbo(divergence=kl(weight=4, warmup=0.1))",
        "objective__draws=2",
        "training=training(optimizer=sgd(momentum=0.5), averaging=0.9)",
        "training__optimizer__weight_decay=0.01",
        "training__compile=false",
        "prior=vampprior:9",
    ]
    flags = [flag for setting in settings for flag in ("--set", setting)]
    run("fit", "vae", "x.csv", "-o", "m", "--epochs", 1, "--max-time", 60, *flags, "-q")
    model = isthmus.load("m")
    assert model.objective_ == ELBO(KL(4, 0.1), 2)
    assert model.training == Training(
        optimizer=SGD(momentum=0.5, weight_decay=0.01), averaging=0.9, compile=False, max_time=60.0
    )
    assert model.prior_ == VampPrior(9)


def test_a_fit_says_what_it_does(here, capsys):
    run("fit", "vae", "x.csv", "-o", "m", "--epochs", 2)
    out, err = capsys.readouterr()
    assert "2/2 epochs" in err
    for picked in ("latent_dim 1", "likelihood HomoscedasticGaussian()", "network MLP()"):
        assert picked in out
    assert "model: m" in out


def test_a_model_is_replaced_only_when_asked(here, capsys):
    run("fit", "ae", "x.csv", "-o", "m", "--epochs", 1, "-q")
    run("fit", "ae", "x.csv", "-o", "m", "--epochs", 2, "-q", expect=2)
    assert "m holds a model; --force replaces it" in capsys.readouterr().err
    assert len(isthmus.load("m").history_) == 1
    run("fit", "ae", "x.csv", "-o", "m", "--epochs", 2, "-q", "--force")
    assert len(isthmus.load("m").history_) == 2


@pytest.mark.filterwarnings("default:interrupted")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_fit_that_is_interrupted_is_saved_and_its_status_says_so(number, status, here, capsys, monkeypatch):
    from isthmus.corruption import Gaussian

    calls = 0
    real = Gaussian.__call__

    def interrupt(self, x, generator):
        nonlocal calls
        calls += 1
        if calls == 12:
            signal.raise_signal(number)
        return real(self, x, generator)

    monkeypatch.setattr(Gaussian, "__call__", interrupt)
    before = signal.getsignal(number)
    run("fit", "dae", "x.csv", "-o", "m", "--epochs", 10, "--set", "corruption=gaussian:0.1", "-q", expect=status)
    assert signal.getsignal(number) == before
    err = capsys.readouterr().err
    assert "isthmus: warning: interrupted after 40% of the fit; the estimator keeps what it has learnt" in err
    assert err.endswith("isthmus: interrupted before it was done\n")
    assert len(isthmus.load("m").history_) == 4


def test_ctrl_c_before_anything_was_learnt_says_so(here, capsys, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "read_table", interrupt)
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


@pytest.mark.parametrize("data", ["digits", "x.csv"])
def test_compare_writes_a_report_of_all_five(data, here, capsys):
    run("compare", data, "--out", "out", "--epochs", 1)
    out = capsys.readouterr().out
    assert "fit 1 of 5: autoencoder" in out
    assert re.search(r"fit 5 of 5: gan, about [\d a-z]+ of fits left", out)
    for system in ("pca", "autoencoder", "denoising", "contractive", "vae", "gan", "real"):
        assert system in out
    page = Path("out/report.html").read_text()
    sections = ["table", "verdicts", "reconstructions", "samples", "learning", "filters", "codes"]
    of_many_pictures = data == "digits"  # 12 held-out rows of a table are too few for verdicts, and have no filters
    left_out = () if of_many_pictures else ("filters", "verdicts")
    assert re.findall(r'<section id="(\w+)"', page) == [s for s in sections if s not in left_out]
    assert ("where that of real rows is" in page) == of_many_pictures, "a density is explained beside the figure"
    assert ("told apart" in page) == ("classes" in page) == of_many_pictures
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


@pytest.mark.filterwarnings("default:.*columns that the model does not take")
def test_columns_are_taken_by_name_and_ids_are_kept(here, capsys):
    """In any order, with others beside them; what names a row stands beside what was made of it."""
    run("fit", "vae", "x.csv", "-o", "m", "--epochs", 1, "-q")
    run("score", "m", "x.csv", "-o", "expected.csv")
    assert capsys.readouterr() == ("wrote expected.csv: 60 rows, 1 column\n", "")
    frame = pd.read_csv("x.csv")
    frame = frame[["mass", "depth", "height", "width"]].assign(note="same", id=[f"r{i}" for i in range(60)], year=2024)
    frame.to_csv("wide.csv", index=False)
    pl.DataFrame(frame.to_dict("list")).write_parquet("wide.parquet")
    for data in ("wide.csv", "wide.parquet"):
        run("score", "m", data, "-o", "scores.csv")
        out, err = capsys.readouterr()
        assert out == "wrote scores.csv: 60 rows, 2 columns\n"
        assert err == (
            f"isthmus: warning: {data}: columns that the model does not take are left out: 'note', 'id' (kept as the "
            "rows' names), 'year'\n"
        )
        found = pd.read_csv("scores.csv")
        assert found["id"].tolist() == frame["id"].tolist()
        np.testing.assert_allclose(found["score"], pd.read_csv("expected.csv")["score"])
    run("reconstruct", "m", "wide.csv", "-o", "clean.csv")
    assert pd.read_csv("clean.csv").columns.tolist() == ["id", "height", "width", "depth", "mass"]
    run("diagnose", "m", "wide.csv")
    capsys.readouterr()
    frame.drop(columns="depth").rename(columns={"mass": "masse"}).to_csv("lacks.csv", index=False)
    run("encode", "m", "lacks.csv", "-o", "codes.csv", expect=2)
    said = capsys.readouterr().err
    assert said.startswith("isthmus: lacks.csv: lacks columns 'depth', 'mass'")
    assert said.endswith("it has 'masse', 'height', 'width' and 3 more\n")
    assert not Path("codes.csv").exists()


@pytest.mark.filterwarnings("default")
def test_a_fit_leaves_out_the_columns_that_are_no_features(here, capsys):
    frame = pd.read_csv("x.csv").assign(id=[f"r{i}" for i in range(60)])
    frame.to_csv("named.csv", index=False)
    run("fit", "ae", "named.csv", "-o", "m", "--epochs", 1, "-q", "--leave-out", "id", "--leave-out", "mass")
    assert not capsys.readouterr().err
    assert isthmus.load("m").feature_names_in_.tolist() == ["height", "width", "depth"]
    run("fit", "ae", "named.csv", "-o", "n", "--epochs", 1, "-q", "--leave-out", "idd", expect=2)
    assert "lacks the column 'idd', did you mean 'id'?" in capsys.readouterr().err
    run("fit", "ae", "x.npy", "-o", "n", "--epochs", 1, "-q", "--leave-out", "id", expect=2)
    assert "its columns have no names, so 'id' cannot be left out" in capsys.readouterr().err


def test_pictures_keep_the_names_of_their_files(here, capsys, rng):
    from PIL import Image

    for name in ("cat/b.png", "cat/a.jpg", "dog/a.png"):
        Path("in", name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (8, 8), dtype=np.uint8)).save(Path("in", name))
    run("fit", "ae", "in", "-o", "m", "--epochs", 1, "-q")
    run("reconstruct", "m", "in", "-o", "out")
    run("score", "m", "in", "-o", "scores.csv")
    assert capsys.readouterr().out == "wrote out: 3 pictures of 8×8 pixels\nwrote scores.csv: 3 rows, 2 columns\n"
    made = sorted(path.relative_to("out").as_posix() for path in Path("out").rglob("*.png"))
    assert made == ["cat/a.png", "cat/b.png", "dog/a.png"]
    assert pd.read_csv("scores.csv")["file"].tolist() == ["cat/a.jpg", "cat/b.png", "dog/a.png"]
