"""The estimators as a scikit-learn user meets them."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from conftest import SYSTEMS
from isthmus import (
    GAN,
    VAE,
    AdversarialAutoencoder,
    Autoencoder,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    MaskedAutoencoder,
    Training,
)
from isthmus.corruption import Gaussian, Masking, Residuals
from isthmus.errors import CompositionError, DataError, IsthmusError, UnknownNameError
from isthmus.likelihood import HomoscedasticGaussian
from isthmus.networks import MLP
from isthmus.objective import ELBO

ALL = [*SYSTEMS, MaskedAutoencoder]
ENCODERS = [cls for cls in ALL if cls is not GAN]

STOCHASTIC = {
    "check_sample_weight_equivalence_on_dense_data": "a row of weight 2 and two rows are drawn into other batches; "
    "test_sample_weight.py holds the equivalence where no batch is drawn"
}
"""Checks that no stochastic fit passes; scikit-learn expects the same failure of its own SGD estimators."""

by_class = pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
by_encoder = pytest.mark.parametrize("cls", ENCODERS, ids=lambda cls: cls.__name__)


def quick(cls, **arguments):
    return cls(**{"latent_dim": 2, "max_epochs": 2, "random_state": 0, **arguments})


@by_class
def test_scikit_learns_checks(cls):
    """Every check passes, whatever the epochs; the one that scikit-learn leaves out by itself is run below."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(cls(max_epochs=3), on_fail=None, on_skip=None, expected_failed_checks=STOCHASTIC)
    left = {r["check_name"]: repr(r["exception"]) for r in results if r["status"] not in ("passed", "xfail")}
    assert set(left) <= {"check_array_api_input"}, left


def test_scikit_learns_array_api_check():
    """It runs only where SCIPY_ARRAY_API is set before scipy is imported."""
    names = ", ".join(cls.__name__ for cls in ALL)
    code = f"""
import warnings; warnings.simplefilter("ignore")
from sklearn.utils.estimator_checks import estimator_checks_generator
from isthmus import {names}
for cls in ({names}):
    checks = [(e, check) for e, check in estimator_checks_generator(cls(max_epochs=1)) if "array_api" in str(check)]
    assert checks, cls
    for estimator, check in checks:
        check(estimator)
"""
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


SHAPES = {
    "rows": (40, 6),
    "images": (40, 16, 18),
    "colour": (40, 3, 17, 16),
    "small images": (40, 5, 7),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@by_encoder
def test_outputs_come_back_in_the_datas_shape(cls, shape, rng):
    X = rng.uniform(size=shape)
    model = quick(cls).fit(X)
    assert model.transform(X).shape == (40, 2)
    assert model.reconstruct(X).shape == shape
    assert model.inverse_transform(model.transform(X)).shape == shape
    np.testing.assert_allclose(model.inverse_transform(model.transform(X)), model.reconstruct(X), rtol=1e-5, atol=1e-6)
    scores = model.score_samples(X)
    assert scores.shape == (40,)
    assert np.isfinite(scores).all()
    assert model.score(X[:4]) == pytest.approx(scores[:4].mean())


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("cls", [VAE, GAN, AdversarialAutoencoder], ids=lambda cls: cls.__name__)
def test_samples_come_back_in_the_datas_shape_and_repeat(cls, shape, rng):
    model = quick(cls, max_epochs=1).fit(rng.uniform(size=shape))
    samples = model.sample(5, random_state=1)
    assert samples.shape == (5, *shape[1:])
    np.testing.assert_array_equal(samples, model.sample(5, random_state=1))
    assert not np.array_equal(samples, model.sample(5, random_state=2))
    assert len(np.unique(samples.reshape(5, -1), axis=0)) == 5


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint8", "int64", "uint16", "bool", ">f4"])
@by_class
def test_any_numeric_dtype(cls, dtype, rng):
    X = (rng.uniform(size=(30, 5)) * (1 if dtype == "bool" else 100)).round().astype(dtype)
    model = quick(cls, max_epochs=1).fit(X)
    out = model.reconstruct(X) if cls is not GAN else model.sample(3)
    if cls is not GAN:  # whose samples are of the data's own kind
        assert out.dtype == (np.float64 if dtype in ("float64", "int64") else np.float32)
    assert np.isfinite(out).all()


@pytest.mark.parametrize("order", ["fortran", "readonly", "strided", "tensor", "pandas", "polars", "list", "memmap"])
def test_any_container_gives_the_same_codes(order, rng, tmp_path):
    X = rng.normal(size=(50, 6)).astype(np.float32)
    given = X
    if order == "fortran":
        given = np.asfortranarray(X)
    elif order == "readonly":
        given = X.copy()
        given.flags.writeable = False
    elif order == "strided":
        given = np.repeat(X, 2, axis=0)[::2]
    elif order == "tensor":
        given = torch.tensor(X)
    elif order == "pandas":
        given = pd.DataFrame(X, columns=list("abcdef"))
    elif order == "polars":
        given = pl.DataFrame(X, schema=list("abcdef"))
    elif order == "list":
        given = X.tolist()
    elif order == "memmap":
        np.save(tmp_path / "x.npy", X)
        given = np.load(tmp_path / "x.npy", mmap_mode="r")
    expected = quick(Autoencoder).fit(X).transform(X)
    np.testing.assert_allclose(quick(Autoencoder).fit(given).transform(given), expected, atol=1e-6)


def test_results_are_in_the_datas_units(rng):
    X = rng.normal(size=(400, 2)) @ rng.normal(size=(2, 8)) * np.logspace(-3, 5, 8) + np.logspace(5, -3, 8)
    model = quick(Autoencoder, max_epochs=100).fit(X)
    residual = (X - model.reconstruct(X)).std(0) / X.std(0)
    assert (residual < 0.2).all(), residual


def test_scores_of_a_gaussian_are_densities_in_the_datas_units(rng):
    """Multiplying the data by 1000 shifts the log-density by n·log 1000, and by nothing else."""
    for X in (rng.normal(size=(200, 4)), rng.normal(size=(60, 5, 6))):
        small, large = quick(Autoencoder).fit(X), quick(Autoencoder).fit(X * 1000)
        shift = small.score_samples(X) - large.score_samples(X * 1000)
        np.testing.assert_allclose(shift, X[0].size * np.log(1000), rtol=1e-4)


def test_a_vaes_bound_is_the_evidence_in_the_datas_units(rng):
    """A linear VAE on unscaled columns against the Gaussian that made them, in nats of the data's own units."""
    W = rng.normal(size=(5, 2)) * np.array([[100.0], [1.0], [0.01], [10.0], [1.0]])
    noise = np.array([30.0, 0.3, 0.003, 3.0, 0.3])
    X = rng.normal(size=(4000, 2)) @ W.T + noise * rng.normal(size=(4000, 5)) + [1e4, 0, 5, -70, 3]
    vae = VAE(2, network=MLP(()), max_epochs=30, learning_rate=0.01, random_state=0).fit(X)
    exact = multivariate_normal(X.mean(0), W @ W.T + np.diag(noise**2)).logpdf(X)
    assert vae.score_samples(X, n_draws=200).mean() == pytest.approx(exact.mean(), abs=0.05)


def test_uint8_images_are_grey_values(rng):
    X = rng.integers(0, 256, size=(60, 16, 16), dtype=np.uint8)
    model = quick(VAE).fit(X)
    assert model.likelihood_ == HomoscedasticGaussian(shared=True)  # scores of pictures compare, see test_scores.py
    assert model.reconstruct(X).mean() == pytest.approx(127.5, abs=20)
    grey = quick(VAE, likelihood="bernoulli").fit(X).reconstruct(X)
    assert grey.min() >= 0
    assert grey.max() <= 255


def test_auto_picks_and_says_so(rng, capsys):
    assert type(quick(VAE).fit(rng.integers(2, size=(30, 4))).likelihood_).__name__ == "Bernoulli"
    assert type(quick(VAE).fit(rng.normal(size=(30, 4))).likelihood_).__name__ == "HomoscedasticGaussian"
    assert type(quick(Autoencoder).fit(rng.uniform(size=(30, 20, 20))).network_).__name__ == "Conv"
    quick(Autoencoder, latent_dim="auto", verbose=1).fit(rng.normal(size=(30, 4)))
    said = capsys.readouterr().out
    assert "latent_dim 1" in said
    assert "likelihood ResidualGaussian()" in said


def test_a_pipeline_a_grid_search_and_a_clone(rng):
    X = rng.normal(size=(60, 5))
    pipeline = make_pipeline(StandardScaler(), quick(VAE)).fit(X)
    assert pipeline.transform(X).shape == (60, 2)
    search = GridSearchCV(quick(VAE), {"latent_dim": [1, 2]}, cv=2).fit(X)
    assert search.best_params_["latent_dim"] in (1, 2)
    search = GridSearchCV(quick(DenoisingAutoencoder, corruption=Gaussian(0.1)), {"corruption__std": [0.1, 0.5]}, cv=2)
    assert search.fit(X).best_params_["corruption__std"] in (0.1, 0.5)
    fitted = quick(DenoisingAutoencoder, corruption=Masking(0.5)).fit(X)
    copy = clone(fitted)
    assert not hasattr(copy, "model_")
    assert copy.corruption == fitted.corruption


def test_names_of_the_codes(rng):
    frame = pd.DataFrame(rng.normal(size=(30, 4)), columns=list("abcd"))
    model = quick(VAE).set_output(transform="pandas").fit(frame)
    assert list(model.transform(frame).columns) == ["vae0", "vae1"]


@by_class
def test_the_same_seed_gives_the_same_bits_and_leaves_global_state_alone(cls, rng):
    X = rng.normal(size=(50, 6))
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = quick(cls).fit(X), quick(cls).fit(X)
    for a, b in zip(first.model_.state_dict().values(), second.model_.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    if hasattr(first, "sample"):
        np.testing.assert_array_equal(first.sample(4), second.sample(4))
    assert torch.equal(before, torch.get_rng_state())
    assert (numpy_before == np.random.get_state()[1]).all()  # noqa: NPY002


@by_encoder
def test_a_row_does_not_depend_on_its_neighbours(cls, rng):
    """To the bit in whatever number rows come; to rounding in whatever place, as matrix products round by place."""
    X = rng.normal(size=(300, 6)).astype(np.float32)
    model = quick(cls).fit(X)
    for method in (model.transform, model.reconstruct, model.score_samples):
        whole = method(X)
        for n in (1, 7, 256, 257, 299):
            np.testing.assert_array_equal(method(X[:n]), whole[:n])
        np.testing.assert_allclose(method(X[7:8]), whole[7:8], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(method(X[::-1]), whole[::-1], rtol=1e-5, atol=1e-6)


def test_pickles(rng):
    X = rng.normal(size=(30, 4))
    model = quick(VAE).fit(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).transform(X), model.transform(X))


def test_real_pairs_teach_the_noise_that_was_met(rng):
    """Noise that shifts every value by a constant can be learned from pairs, and from nothing else."""
    Z = rng.normal(size=(500, 2))
    clean = Z @ rng.normal(size=(2, 10))
    noisy = clean + 3.0 + 0.1 * rng.normal(size=clean.shape)
    model = DenoisingAutoencoder(4, max_epochs=60, random_state=0).fit(noisy, clean)
    assert np.mean((model.reconstruct(noisy) - clean) ** 2) < 0.05 * np.mean((noisy - clean) ** 2)
    resampled = DenoisingAutoencoder(4, corruption=Residuals.from_pairs(noisy, clean), max_epochs=60, random_state=0)
    assert np.mean((resampled.fit(clean).reconstruct(noisy) - clean) ** 2) < 0.05 * np.mean((noisy - clean) ** 2)


def test_discriminate_is_there_where_d_is_a_probability(rng):
    X = rng.normal(size=(40, 3))
    D = quick(GAN, value="minimax").fit(X).discriminate(X)
    assert D.shape == (40,)
    assert ((D > 0) & (D < 1)).all()
    assert not hasattr(quick(GAN, value="wasserstein").fit(X), "discriminate")
    assert not hasattr(GAN(), "transform")
    assert not hasattr(Autoencoder(), "sample")


def test_an_over_complete_code_that_can_copy_warns(rng):
    X = rng.normal(size=(30, 4))
    with pytest.warns(UserWarning, match="over-complete, 4 numbers for 4 features"):
        quick(Autoencoder, latent_dim=4).fit(X)
    for cls in (DenoisingAutoencoder, ContractiveAutoencoder, VAE):
        quick(cls, latent_dim=8).fit(X)


MISTAKES = {
    "NaN": (
        lambda X: np.where(np.arange(5) == 2, np.nan, X),
        {},
        r"contains NaN in 20 of 20 rows: rows 0, 1, 2 and 17 more, columns 2;|no value at all in column '2'; leave",
    ),
    "infinity": (
        lambda X: np.where(np.arange(20)[:, None] == 3, np.inf, X),
        {},
        r"infinity in 1 of 20 rows: rows 3, columns 0, 1, 2 and 2",
    ),
    "no such column": (lambda X: pd.DataFrame(X), {"schema": {"town": None}}, "schema: there is no column 'town'"),
    "no schema": (lambda X: X, {"schema": "category"}, "schema must be a Schema, columns by name or None, got 'categ"),
    "empty": (lambda X: X[:0], {}, r"0 sample\(s\)"),
    "one row": (lambda X: X[:1], {}, r"1 sample\(s\)"),
    "masked": (lambda X: np.ma.masked_less(X, 0), {}, "masked array; fill or drop"),
    "no code": (lambda X: X, {"latent_dim": 0}, "latent_dim must be 'auto' or a whole number of at least 1, got 0"),
    "no epochs": (lambda X: X, {"max_epochs": 0}, "max_epochs must be a number of at least 1"),
    "no such part": (
        lambda X: X,
        {"likelihood": "bernouli"},
        "unknown likelihood 'bernouli', did you mean 'bernoulli'",
    ),
    "outside": (
        lambda X: X,
        {"likelihood": "bernoulli"},
        r"needs values in \[0, 1\]; X runs from .* first outside at row 0, column|likelihood must be a Binned",
    ),
    "device": (lambda X: X, {"device": "cuda:7"}, "device 'cuda:7' is not there; this machine has cpu"),
    "precision": (lambda X: X, {"precision": "float23"}, "unknown precision 'float23', did you mean 'float32'"),
    "a module": (lambda X: X, {"network": torch.nn.Linear(5, 5)}, "network must be a Network, its name or a pair"),
    "patience": (
        lambda X: X,
        {"training": Training(patience=2), "validation_fraction": 0.0},
        "patience needs held-out rows: set",
    ),
    "held out": (lambda X: X, {"validation_fraction": 0.95}, "leaves fewer than 2 to train on"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
@by_class
def test_mistakes_cost_one_line_and_nothing_that_was_fitted(cls, mistake, rng):
    X = rng.normal(size=(20, 5))
    damage, arguments, message = MISTAKES[mistake]
    model = quick(cls).fit(X)
    before = {name: value for name, value in vars(model).items() if name.endswith("_")}
    model.set_params(**arguments)
    with pytest.raises(ValueError, match=message) as caught:
        model.fit(damage(X))
    assert "\n" not in str(caught.value).strip() or not isinstance(caught.value, IsthmusError)
    after = {name: value for name, value in vars(model).items() if name.endswith("_")}
    assert after.keys() == before.keys()
    assert all(after[name] is before[name] for name in before)


def test_mistakes_after_the_fit(rng):
    X = rng.normal(size=(20, 5))
    model = quick(Autoencoder).fit(X)
    with pytest.raises(ValueError, match="4 features, but Autoencoder is expecting 5"):
        model.transform(X[:, :4])
    with pytest.raises(DataError, match=r"codes must be \(N, 2\), got \(20, 5\)"):
        model.inverse_transform(X)
    images = quick(Autoencoder).fit(rng.normal(size=(20, 5, 6)))
    with pytest.raises(DataError, match=r"samples of shape \(5,\), Autoencoder was fitted on \(5, 6\)"):
        images.transform(X)
    with pytest.raises(DataError, match=r"pair up: X is \(20, 5\), y is \(19, 5\)"):
        quick(DenoisingAutoencoder).fit(X, X[:19])
    grey = quick(Autoencoder, likelihood="bernoulli").fit(rng.uniform(size=(20, 5)))
    assert np.isneginf(grey.score_samples(X)).any()
    with pytest.raises(CompositionError, match="n_samples must be at least 1"):
        quick(VAE).fit(X).sample(0)


def test_compositions_that_mean_nothing_are_refused(rng):
    X = rng.normal(size=(20, 5))
    with pytest.raises(CompositionError, match="batch normalisation mixes samples"):
        quick(ContractiveAutoencoder, network=MLP((8,), norm="batch"), tied=False).fit(X)
    with pytest.raises(CompositionError, match="leave the norm out"):
        quick(Autoencoder, network=MLP((8,), norm="batch"), tied=True).fit(X)
    with pytest.raises(CompositionError, match="a series must be at least 4, got 3; use MLP"):
        quick(Autoencoder, network="conv").fit(X[:, :3])
    with pytest.raises(UnknownNameError, match="unknown activation 'rely', did you mean 'relu'"):
        MLP(activation="rely")
    with pytest.raises(CompositionError, match="draws must be at least 1"):
        ELBO(draws=0)
