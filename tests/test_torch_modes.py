"""Torch's state belongs to the user: modes, generators and threads leave fits alone, and fits leave them alone."""

from __future__ import annotations

import random
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

import isthmus
from isthmus import GAN, VAE, Autoencoder, ContractiveAutoencoder, DenoisingAutoencoder, Training
from isthmus.diagnosis import diagnose
from isthmus.metrics import annealed_importance_sampling

MODES = {
    "no gradients": torch.no_grad,
    "inference": torch.inference_mode,
    "autocasting": lambda: torch.autocast("cpu", torch.bfloat16),
}


@pytest.fixture
def X(rng):
    return rng.normal(size=(60, 5))


def everything(X, folder):
    """Return what a user can ask for, by name."""
    vae = VAE(2, max_epochs=2, validation_fraction=0.2, random_state=0).fit(X).partial_fit(X)
    cae = ContractiveAutoencoder(2, max_epochs=1, random_state=0).fit(X)
    dae = DenoisingAutoencoder(2, max_epochs=1, random_state=0).fit(X)
    gan = GAN(2, max_epochs=1, random_state=0).fit(X)
    vae.save(folder / "m")
    back = isthmus.load(folder / "m").partial_fit(X)
    return {
        "transform": vae.transform(X),
        "reconstruct": vae.reconstruct(X),
        "score": vae.score_samples(X),
        "sample": vae.sample(5, random_state=1),
        "loaded": back.transform(X),
        "jacobian": cae.jacobian_norm(X),
        "corrupt": dae.corrupt(X, random_state=2),
        "samples": gan.sample(5, random_state=1),
        "discriminate": gan.discriminate(X),
        "memory": np.array(isthmus.memory.estimate(VAE(2), X).total),
        "evidence": np.array(annealed_importance_sampling(vae, X[:3], n_temperatures=3, n_chains=2).row_errors),
        "verdicts": np.array([verdict.status for verdict in diagnose(vae, X, random_state=0)]),
    }


@pytest.mark.parametrize("mode", MODES)
def test_whatever_mode_one_is_in_results_are_those_outside(mode, X, tmp_path):
    expected = everything(X, tmp_path)
    with MODES[mode]() as _:
        found = everything(X, tmp_path)
        grad, inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
    assert grad == (mode not in ("no gradients", "inference"))
    assert inference == (mode == "inference"), "the caller is in the mode still"


def dropout(shape, outputs):
    return nn.Sequential(nn.Linear(5, 16), nn.Dropout(0.5), nn.Linear(16, outputs))


SYSTEMS = {
    "our own": VAE(2, max_epochs=1, network="mlp:8", random_state=0),
    "dropout": VAE(2, max_epochs=2, network=(dropout, lambda n, shape, out: nn.Linear(n, 5 * out)), random_state=0),
    "draws of your own": DenoisingAutoencoder(
        2, max_epochs=2, network="mlp:8", corruption=lambda x, source: x + torch.randn_like(x), random_state=0
    ),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_fits_in_threads_are_those_of_fits_alone(name, X):
    system = SYSTEMS[name]

    def fit(_):
        return isthmus.Estimator.fit(type(system)(**system.get_params(deep=False)), X).transform(X)

    alone, filters = fit(0), list(warnings.filters)
    torch.manual_seed(5)
    random.seed(5)
    before = torch.get_rng_state(), random.getstate()
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(fit, range(40)):
            np.testing.assert_array_equal(found, alone)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert warnings.filters == filters


def test_a_fit_changes_none_of_torchs_settings(X):
    def settings():
        return (
            torch.get_num_threads(),
            torch.get_default_dtype(),
            torch.are_deterministic_algorithms_enabled(),
            torch.is_grad_enabled(),
            torch.get_float32_matmul_precision(),
            torch.distributions.Distribution._validate_args,
            torch.randn(1, generator=torch.Generator().manual_seed(0)).item() * 0 + torch.tensor(1e-310).item(),
        )

    before = settings()
    VAE(2, max_epochs=1, training=Training(averaging=0.9)).fit(X).score_samples(X)
    assert settings() == before


def test_a_users_own_draws_between_fits_are_not_disturbed(X):
    def draws(between):
        torch.manual_seed(0)
        found = []
        for _ in range(3):
            found.append(torch.rand(2))
            between()
        return torch.cat(found)

    expected = draws(lambda: None)
    assert torch.equal(draws(lambda: Autoencoder(2, max_epochs=1).fit(X).transform(X)), expected)
    fitted = VAE(2, max_epochs=1, random_state=0).fit(X)
    assert torch.equal(draws(lambda: (fitted.sample(3), fitted.score_samples(X), fitted.partial_fit(X))), expected)


def test_read_only_rows_are_shared_without_a_warning(X):
    X.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tensor = isthmus.tensors.as_tensor(X, torch.device("cpu"))
    assert tensor.data_ptr() == X.ctypes.data
