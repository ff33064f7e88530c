"""The report: what it measures, what it shows, and that nothing in the data can break it."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

import isthmus
from command import run
from conftest import HOSTILE, waves
from isthmus import VAE, AdversarialAutoencoder, Autoencoder, metrics
from isthmus.errors import CompositionError, DataError, MissingExtraError
from isthmus.look import Images, Rows, Series, look_of
from isthmus.report import plots, report
from isthmus.report.content import Content
from isthmus.report.content.codes import colouring
from isthmus.report.page import page
from isthmus.report.pictures import Axis, binned
from isthmus.report.rasters import grey, montage, thumbnails
from isthmus.training import History

mpl.use("Agg")

SECTIONS = {
    "images": "verdicts numbers learning reconstructions latent traversals interpolations samples scores filters card",
    "rows": "verdicts numbers learning reconstructions latent traversals interpolations columns scores card",
    "series": "verdicts numbers learning reconstructions latent traversals interpolations samples scores filters card",
    "gan": "verdicts numbers learning traversals samples scores filters card",
    "plain": "verdicts numbers learning reconstructions latent traversals interpolations scores filters card",
}


@pytest.mark.parametrize("name", SECTIONS)
def test_what_a_system_and_its_data_have_is_there_and_nothing_else(name, report_contents):
    html = page(report_contents[name])
    assert re.findall(r'<section id="(\w+)"', html) == SECTIONS[name].split()
    assert re.findall(r'<a href="#(\w+)"', html) == SECTIONS[name].split()
    assert html.index('class="headline') < html.index('id="verdicts"')
    assert "isthmus report m/ d.csv" in html


@pytest.mark.parametrize("name", SECTIONS)
def test_nothing_is_asked_of_the_network_and_nothing_of_the_data_runs(name, report_contents):
    html = page(report_contents[name])
    assert not re.search(r"https?://|//[a-z]+\.|@import|url\((?!\$\{behind\.sheet)", html)
    assert "default-src 'none'" in html
    assert HOSTILE not in html
    assert html.count("<script") == html.count("</script") == (1 if name == "gan" else 2)
    assert html.count("<style") == html.count("</style") == 1
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", html)
    assert all(alt for alt in re.findall(r'<img[^>]* alt="([^"]*)"', html))
    assert html.count("<img") == len(re.findall(r'<img[^>]* alt="', html))


def test_numbers_are_those_of_the_metrics(report_cases, report_contents):
    model, X, X_train, _ = report_cases["images"]
    found = {n.name: n for n in report_contents["images"].numbers}
    X_hat = model.reconstruct(X)
    assert found["mean squared error"].value == pytest.approx(((X - X_hat) ** 2).mean(), rel=1e-5)
    assert found["R²"].value == pytest.approx(1 - ((X - X_hat) ** 2).sum() / ((X - X.mean(0)) ** 2).sum(), rel=1e-4)
    flat = X_train.reshape(len(X_train), -1)
    pca = PCA(6).fit(flat)
    base = ((X.reshape(len(X), -1) - pca.inverse_transform(pca.transform(X.reshape(len(X), -1)))) ** 2).mean()
    assert found["error ÷ PCA's"].value == pytest.approx(((X - X_hat) ** 2).mean() / base, rel=1e-3)
    assert found["active units"].value == metrics.active_units(model.transform(X))
    assert found["peak signal-to-noise"].value == pytest.approx(-10 * np.log10(((X - X_hat) ** 2).mean()), rel=1e-4)
    assert found["weights"].value == sum(p.numel() for p in model.model_.parameters())
    units = metrics.kl_per_unit(*metrics.posterior_moments(model, X))
    assert found["divergence from the prior, nats"].value == pytest.approx(units.value.sum(), rel=1e-6)
    assert found["units above 0.1 nats"].value == (units.value > 0.1).sum()
    assert f"unit {units.value.argmax()}: {units.value.max():.2f}" in found["units above 0.1 nats"].definition
    assert found["evidence bound, nats"].value == pytest.approx(metrics.elbo(model, X).value, rel=1e-6)
    assert found["evidence bound, nats"].value < found["lower bound on log p(x), nats, held-out"].value
    assert found["epochs"].text == "3"
    assert all(n.definition.endswith(".") and n.text for n in found.values())


def test_samples_have_their_error_and_what_real_rows_reach_beside_them(report_cases, report_contents):
    model, X, _, _ = report_cases["images"]
    found = {n.name: n for n in report_contents["images"].numbers if n.group == "Samples"}
    drawn = model.sample(2_000, random_state=0)[: len(X)]
    density, coverage = metrics.density_coverage(X, drawn)
    assert (found["density"].value, found["coverage"].value) == (pytest.approx(density), pytest.approx(coverage))
    assert re.fullmatch(r"0\.\d+ ± 0\.\d+", found["coverage"].text)
    codes = model.transform(drawn), model.transform(X)
    assert found["Fréchet distance"].value == pytest.approx(metrics.frechet_distance(*codes), rel=1e-6)
    assert "the model's own codes" in found["Fréchet distance"].definition
    assert "classes" not in found  # held-out rows had labels, training rows none to learn them from


def test_classes_among_samples_are_counted_where_training_rows_have_labels(digits):
    y = load_digits().target
    model = VAE(4, max_epochs=10, random_state=0).fit(digits[:1200])
    made = Content(model, digits[1200:], digits[:1200], labels=y[1200:], train_labels=y[:1200])
    found = {n.name: n for n in made.numbers}
    assert found["classes"].floor == "10"
    assert 3 <= found["classes"].value <= 10
    assert found["class balance"].value > 0
    assert "small classifier of the labels" in found["kernel distance"].definition
    targets = np.random.default_rng(0).normal(size=1200)  # real-valued, hence no classes
    made = Content(model, digits[1200:], digits[:1200], labels=y[1200:], train_labels=targets)
    assert "classes" not in {n.name for n in made.numbers}


def test_rows_shown_go_from_the_best_to_the_worst_and_keep_their_numbers(report_cases, report_contents):
    model, X, _, _ = report_cases["images"]
    made = report_contents["images"].reconstructions
    errors = ((X - model.reconstruct(X)) ** 2).mean((1, 2))
    np.testing.assert_allclose(made.errors, errors, rtol=1e-4)
    assert made.rows[0] == errors.argmin()
    assert made.rows[-1] == errors.argmax()
    assert (np.diff(made.shown_errors) >= 0).all()
    np.testing.assert_array_equal(made.originals, X[made.rows])


def test_columns_of_a_table_are_compared_in_their_own_units(report_cases, report_contents):
    model, X, _, _ = report_cases["rows"]
    made = report_contents["rows"].reconstructions
    subject = report_contents["rows"].subject
    noisy = subject.own_units(subject.held_out.inputs)
    x, x_hat = X.to_numpy(), model.reconstruct(pd.DataFrame(noisy, columns=X.columns)).to_numpy()
    r2 = 1 - ((x - x_hat) ** 2).sum(0) / ((x - x.mean(0)) ** 2).sum(0)
    np.testing.assert_allclose(made.r2, r2, rtol=1e-5)
    assert made.worst[0] == r2.argmin()
    std = report_cases["rows"][2].to_numpy().std(0)
    np.testing.assert_allclose(made.errors, (((x - x_hat) / std) ** 2).mean(1), rtol=1e-5)
    before, after = (10 * np.log10(x.var(0) @ std**-2 / (((x - y) / std) ** 2).mean(0).sum()) for y in (noisy, x_hat))
    found = {n.name: n.value for n in report_contents["rows"].numbers}
    assert found["signal-to-noise of noisy rows, dB"] == pytest.approx(before)
    assert found["gain, dB"] == pytest.approx(after - before, abs=1e-4)
    assert np.isclose(made.inputs / std, 0, atol=1e-9).mean() == pytest.approx(0.2, abs=0.15)
    assert "Masking" in made.corruption


def test_the_map_is_that_of_the_principal_axes(report_cases, report_contents):
    model, X, _, y = report_cases["images"]
    latent = report_contents["images"].latent
    pca = PCA(2).fit(model.transform(X))
    assert latent.share == pytest.approx(pca.explained_variance_ratio_.sum(), rel=1e-4)
    np.testing.assert_allclose(np.abs(latent.points), np.abs(pca.transform(model.transform(X))), atol=1e-3)
    names = [c.name for c in latent.colourings]
    assert names == ["label", "score", "error"]
    np.testing.assert_array_equal(latent.colourings[0].values, y)
    assert [c.name for c in report_contents["rows"].latent.colourings][3:] == list(report_cases["rows"][1].columns)


def test_traversals_move_one_unit_and_interpolations_end_at_the_rows_codes(report_cases, report_contents):
    model, X, _, y = report_cases["images"]
    H = model.transform(X)
    first = report_contents["images"].traversals[0]
    z = H.mean(0)
    z[first.unit] = first.values[-1]
    np.testing.assert_allclose(first.outputs[-1], model.inverse_transform(z[None])[0], atol=1e-5)
    assert first.values[-1] == pytest.approx(H.mean(0)[first.unit] + 2.5 * H.std(0)[first.unit], rel=1e-4)
    effects = [t.effect for t in report_contents["images"].traversals]
    assert effects == sorted(effects, reverse=True)
    for way in report_contents["images"].interpolations:
        np.testing.assert_allclose(way.outputs[[0, -1]], model.reconstruct(X[list(way.rows)]), atol=1e-4)
        assert y[way.rows[0]] != y[way.rows[1]]


def test_samples_stand_beside_their_nearest_training_rows(report_cases, report_contents):
    model, _, X_train, _ = report_cases["gan"]
    made = report_contents["gan"].samples
    np.testing.assert_array_equal(made.shown, model.sample(2_000, random_state=0)[: len(made.shown)])
    flat = X_train.reshape(len(X_train), -1)
    index = NearestNeighbors(n_neighbors=1).fit(flat).kneighbors(made.shown.reshape(len(made.shown), -1))[1][:, 0]
    np.testing.assert_array_equal(made.nearest, X_train[index])
    assert report_contents["gan"].scores.groups.keys() == {"held-out", "samples"}
    assert report_contents["images"].scores.groups.keys() == {"held-out", "training"}


def test_many_rows_are_summarised_and_said_to_be(tmp_path, rng):
    X = rng.normal(size=(100_000, 8)).astype(np.float32) @ rng.normal(size=(8, 8)).astype(np.float32)
    model = Autoencoder(2, max_epochs=1, random_state=0).fit(X[:1000])
    made = Content(model, X, labels=np.arange(100_000) % 3)
    assert any("10,000" in fact and "Summarised" in fact for fact in made.facts)
    assert made.latent.rows.max() > 90_000
    rows = made.reconstructions.rows
    np.testing.assert_array_equal(made.reconstructions.originals, X[rows])
    np.testing.assert_array_equal(made.latent.samples, X[made.latent.rows])
    np.testing.assert_array_equal(made.latent.colourings[0].values, made.latent.rows % 3)
    html = page(made)
    assert len(html.encode()) < 8e6
    assert "100,000 held-out rows" in html
    assert "Summarised" in html


def test_without_data_what_needs_none_is_there(report_cases):
    html = page(Content(report_cases["images"][0]))
    assert re.findall(r'<section id="(\w+)"', html) == [
        "numbers",
        "learning",
        "traversals",
        "samples",
        "filters",
        "card",
    ]
    assert "Not judged" in html
    html = page(Content(report_cases["plain"][0]))
    assert re.findall(r'<section id="(\w+)"', html) == ["numbers", "learning", "filters", "card"]


def test_few_rows_are_shown_though_not_judged(report_cases):
    model, X, _, _ = report_cases["rows"]
    html = page(Content(model, X[:3]))
    assert "Not judged" in html
    assert 'id="reconstructions"' in html
    assert 'id="latent"' in page(Content(model, X[:1]))


def test_colour_images_and_one_number_codes(rng):
    X = rng.integers(0, 256, size=(60, 3, 16, 16), dtype=np.uint8)
    model = VAE(1, max_epochs=1, random_state=0).fit(X)
    made = Content(model, X, X)
    assert type(made.look) is Images
    assert made.latent.axes[0] == "code"
    assert 'id="filters"' in page(made)


def test_the_file_is_whole_or_not_there(report_cases, tmp_path, monkeypatch):
    model, X, _, _ = report_cases["plain"]
    path = model.report(X, tmp_path / "r.html")
    assert path.read_text().endswith("</html>\n")
    with pytest.raises(DataError, match="need labels of shape"):
        model.report(X, tmp_path / "bad.html", labels=[1, 2])
    with pytest.raises(DataError, match="does not exist; make it first"):
        model.report(X, tmp_path / "no" / "r.html")
    with pytest.raises(DataError, match=r"name it r\.html"):
        model.report(X, tmp_path / "r.txt")
    with pytest.raises(DataError, match="is a folder"):
        model.report(X, tmp_path)
    monkeypatch.setattr(
        "isthmus.report.page.os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left"))
    )
    with pytest.raises(DataError, match="No space left"):
        report(model, X, tmp_path / "full.html")
    assert [p.name for p in tmp_path.iterdir()] == ["r.html"]


def test_pictures_on_axes_where_the_system_supports_them(report_cases):
    import matplotlib.pyplot as plt

    for name, (model, X, X_train, y) in report_cases.items():
        encodes, samples = hasattr(model, "transform"), hasattr(model, "sample")
        assert hasattr(model, "plot_reconstructions") == hasattr(model, "plot_latent_map") == encodes
        assert hasattr(model, "plot_samples") == samples
        drawn = [model.plot_learning_curves(), model.plot_scores(X, X_train), model.plot_traversal(X)]
        if encodes:
            drawn += [model.plot_reconstructions(X), model.plot_latent_map(X, y), model.plot_latent_map(X)]
        if samples:
            drawn += [model.plot_samples(), model.plot_samples(X_train), model.plot_traversal()]
        if name == "rows":
            with pytest.raises(CompositionError, match="rows of a table"):
                model.plot_filters()
        else:
            drawn.append(model.plot_filters())
        for ax in drawn if name in ("rows", "series") else ():
            ax.figure.canvas.draw()
        plt.close("all")
    with pytest.raises(CompositionError, match="has no prior"):
        report_cases["plain"][0].plot_traversal()
    ax = plt.subplots()[1]
    assert report_cases["images"][0].plot_scores(report_cases["images"][1], ax=ax) is ax
    lines = {line.get_label() for line in report_cases["series"][0].plot_learning_curves().lines}
    assert lines >= {"loss", "loss, held-out", "divergence"}
    plt.close("all")


def test_the_functions_behind_the_methods_take_any_fitted_model(report_cases, tmp_path):
    import matplotlib.pyplot as plt

    model, X, X_train, _ = report_cases["images"]
    method, function = model.plot_samples(X_train), plots.samples(model, X_train)
    for one, other in zip(method.images, function.images, strict=True):
        np.testing.assert_array_equal(one.get_array(), other.get_array())
    plt.close("all")
    call = {"data": "digits", "command": "x"}
    pages = [model.report(X, tmp_path / "a.html", **call), report(model, X, tmp_path / "b.html", **call)]
    assert len({p.read_text() for p in pages}) == 1
    with pytest.raises(CompositionError, match="a GAN does not encode rows"):
        plots.latent_map(report_cases["gan"][0], X)


def test_a_missing_extra_is_named(report_cases, tmp_path, monkeypatch):
    model, X, _, _ = report_cases["images"]
    table = report_cases["rows"]
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert table[0].report(table[1], tmp_path / "rows.html").is_file(), "a page needs no matplotlib"
    with pytest.raises(MissingExtraError, match=r"isthmus\[plots\]"):
        model.plot_scores(X)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtraError, match=r"isthmus\[images\]"):
        model.report(X, tmp_path / "images.html")
    assert [p.name for p in tmp_path.iterdir()] == ["rows.html"]


def test_a_notebook_shows_what_was_learnt(report_cases):
    model = report_cases["images"][0]
    assert "<svg" not in VAE()._repr_html_().split("</style>")[-1]
    shown = model._repr_html_()
    assert "3 epochs" in shown
    assert shown.count("<path") == len(model.history_.columns) - 2  # all but epoch and seconds
    assert model._repr_mimebundle_()["text/html"].count("<path") == shown.count("<path")


def test_what_samples_look_like_is_seen_in_them(rng):
    assert type(look_of(waves(20, rng))) is Series
    assert type(look_of(rng.normal(size=(20, 64)))) is Rows
    assert type(look_of(waves(20, rng), [f"c{i}" for i in range(64)])) is Rows
    assert type(look_of(np.zeros((20, 2, 256)))) is Series
    assert type(look_of(np.zeros((20, 3, 16, 16)))) is Images
    assert type(look_of(np.zeros((20, 64)))) is Rows


def test_labels_become_classes_or_numbers():
    many = colouring("y", np.array([*range(30), 0, 0]).astype(str))
    assert many.classes[-1] == "21 others"
    assert len(many.classes) == 10
    assert colouring("y", np.arange(30)).classes is None
    assert colouring("y", [True, False]).classes == ["False", "True"]
    assert colouring("y", [1.0, 2.0, 2.0]).classes == ["1", "2"]


def test_axes_place_values_and_round_their_ticks():
    axis = Axis(0.0, 10.0, "x")
    assert axis.place(np.array([0, 5, 10])).tolist() == [0, 0.5, 1]
    assert axis.ticks().tolist() == [0, 2, 4, 6, 8, 10]
    log = Axis.of("loss", np.array([1.0, 100.0]), margin=0, log=True)
    assert log.log
    assert log.ticks().tolist() == [1, 10, 100]
    assert log.place(np.array([10.0])).tolist() == [0.5]
    assert not Axis.of("loss", np.array([-1.0, 100.0]), log=True).log
    same = Axis.of("x", np.full(3, 7.0))
    assert same.low < 7 < same.high
    edges, shares = binned({"a": np.array([1.0, 1.0]), "b": np.array([1.0])})
    assert shares["a"].sum() == shares["b"].sum() == 1
    assert edges[0] < 1 < edges[-1]


def test_pixels_are_placed():
    images = np.arange(8.0).reshape(2, 2, 2)
    tiles = grey(images / 7)
    assert tiles[0, 0, 0].tolist() == [0, 0, 0]
    assert tiles[1, 1, 1].tolist() == [255, 255, 255]
    assert montage(tiles, 2)[0, 2, 3] == 0  # the gap is transparent
    sheet = thumbnails(images / 7, 2, pixels=2)
    assert sheet.shape == (1, 2)
    assert sheet[0, 1] == int(tiles[1, ..., 0].mean())


def test_history_with_holes_and_one_epoch():
    from isthmus.report.content.learning import learning

    [curve] = learning(History([{"epoch": 1, "loss": float("nan")}, {"epoch": 2, "loss": 3.0}]))
    assert curve.lines["training"][0].tolist() == [2]
    assert learning(History([{"epoch": 1, "loss": 1.0, "active_units": 4}]))[1].unit == "units"


@pytest.mark.parametrize("module", ["metrics", "diagnosis", "report.content", "estimators"])
def test_every_package_can_be_the_first_that_is_imported(module):
    done = subprocess.run(
        [sys.executable, "-c", f"import isthmus.{module}"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


# The command line.


@pytest.fixture
def here(tmp_path, rng, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame(rng.normal(size=(80, 4)), columns=["a", "b", "c", "d"])
    frame[:40].to_csv("train.csv", index=False)
    frame[40:].to_csv("test.csv", index=False)
    frame[40:].assign(kind=["x", "y"] * 20).to_csv("labelled.csv", index=False)
    pd.DataFrame({"kind": ["x", "y"] * 20}).to_csv("kinds.csv", index=False)
    np.save("kinds.npy", np.arange(40) % 2)
    run("fit", "vae", "train.csv", "-o", "m", "--latent-dim", 2, "--epochs", 2, "-q")
    return tmp_path


def test_report_at_the_command_line(here, capsys):
    run("report", "m")
    run("report", "m", "test.csv", "-o", "a.html", "--train", "train.csv")
    run("report", "m", "labelled.csv", "-o", "b.html", "--labels", "kind")
    run("report", "m", "test.csv", "-o", "c.html", "--labels", "kinds.csv", "--train", "train.csv")
    run("report", "m", "test.csv", "-o", "d.html", "--labels", "kinds.npy")
    assert "report: d.html" in capsys.readouterr().out
    pages = {p.name: p.read_text() for p in here.glob("*.html")}
    assert pages.keys() == {"report.html", "a.html", "b.html", "c.html", "d.html"}
    assert "isthmus report m labelled.csv -o b.html --labels kind" in pages["b.html"]
    assert all(('value="0">label' in text) == (name in ("b.html", "c.html", "d.html")) for name, text in pages.items())
    assert "nearest training" in pages["a.html"]
    assert "nearest held-out" in pages["d.html"]


def test_report_of_a_named_set_has_its_labels_and_training_rows(here):
    run("fit", "ae", "breast-cancer", "-o", "bc", "--epochs", 1, "-q")
    run("report", "bc", "breast-cancer", "-o", "bc.html")
    text = (here / "bc.html").read_text()
    assert 'value="0">label' in text
    assert "455 training rows" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["m", "test.csv", "-o", "x.pdf"], "name it x.html"),
        (["m", "test.csv", "-o", "no/x.html"], "does not exist; make it first"),
        (["m", "test.csv", "--labels", "kid"], "--labels kid: neither a column of the data nor a file"),
        (["m", "test.csv", "--labels", "test.csv"], "holds 4 columns; labels are one column"),
        (["m", "test.csv", "--labels", "kinds.csv", "--train", "no.csv"], "no such file"),
        (["m", "--train", "train.csv"], "--train and --labels go with held-out rows"),
        (["none", "test.csv"], "no such model folder"),
    ],
)
def test_a_mistake_costs_one_line_and_leaves_nothing(arguments, message, here, capsys):
    run("report", *arguments, expect=2)
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not [p for p in here.iterdir() if "html" in p.name]


def test_adversarial_autoencoders_are_reported_too(digits):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = AdversarialAutoencoder(2, max_epochs=1, random_state=0).fit(digits[:300])
        made = Content(model, digits[300:400], digits[:300])
    assert made.scores.what == "log p(x|x̂), nats"
    assert isthmus.report.content.Content is type(made)
