"""What holds on a GPU; skipped where there is none."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import torch
from sklearn.base import clone

from isthmus import (
    GAN,
    VAE,
    AdversarialAutoencoder,
    Autoencoder,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    Training,
    fitting,
)
from isthmus.divergence import KL
from isthmus.networks import MLP
from isthmus.objective import ELBO, Objective
from isthmus.training import captured, loop

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
    pytest.mark.filterwarnings("default"),
]

SMALL = {"network": MLP((32,)), "max_epochs": 3, "batch_size": 32, "random_state": 0, "device": "cuda"}
IMAGES = {**SMALL, "network": "auto", "max_epochs": 2}
SYSTEMS = {
    "autoencoder": Autoencoder(4),
    "denoising": DenoisingAutoencoder(4, corruption="masking:0.3"),
    "contractive": ContractiveAutoencoder(4),
    "variational": VAE(4),
    "warmed": VAE(4, objective=ELBO(KL(warmup=0.5))),
    "importance": VAE(4, objective="importanceweighted:5"),
    "gan": GAN(4, discriminator_steps=2),
    "gan-gp": GAN(4, value="wasserstein", penalties="interpolated:10"),
    "adversarial": AdversarialAutoencoder(4),
}


@pytest.fixture
def X(rng):
    """Rows whose last batch of an epoch has another shape than the others."""
    return rng.normal(size=(330, 12)).astype(np.float32)


def _losses(fitted) -> np.ndarray:
    return np.array([fitted.history_[name] for name in fitted.history_.columns if name != "seconds"])


def _plain_and_captured(system, X, **arguments) -> list[np.ndarray]:
    """The losses of two fits that differ in whether their turns are captured."""
    return [
        _losses(clone(system).set_params(**arguments, training=Training(compile=False, capture=capture)).fit(X))
        for capture in (False, True)
    ]


@pytest.mark.parametrize("name", SYSTEMS)
def test_captured_steps_give_the_numbers_of_those_that_are_not(name, X, monkeypatch):
    recorded = []
    record = captured._record
    monkeypatch.setattr(captured, "_record", lambda *args: recorded.append(record(*args)) or recorded[-1])
    plain, fast = _plain_and_captured(SYSTEMS[name], X, **SMALL, precision="float32")
    assert len(recorded) == (2 if name == "gan" else 1), "every turn was captured, and no warning was given"
    np.testing.assert_allclose(fast, plain, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", ["variational", "gan"])
def test_compiled_and_captured_steps_give_the_numbers_of_eager_ones(name, X):
    plain, fast = (
        clone(SYSTEMS[name])
        .set_params(**SMALL, precision="float32", training=Training(compile=wanted, capture=wanted))
        .fit(X)
        for wanted in (False, True)
    )
    np.testing.assert_allclose(_losses(fast), _losses(plain), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("system", [VAE(4), GAN(4), Autoencoder(4)], ids=lambda s: type(s).__name__)
def test_convolutions_are_captured(system, rng):
    X = rng.integers(256, size=(330, 16, 16), dtype=np.uint8)
    plain, fast = _plain_and_captured(system, X, **IMAGES, precision="float32")
    np.testing.assert_allclose(fast, plain, rtol=2e-2, atol=1e-3)


def test_bfloat16_is_captured(X):
    plain, fast = _plain_and_captured(VAE(4), X, **SMALL, precision="bfloat16")
    np.testing.assert_allclose(fast, plain, rtol=1e-2)


@pytest.mark.parametrize("name", SYSTEMS)
def test_no_step_waits_for_the_device(name, X, monkeypatch):
    """Nothing in any turn, captured or not, makes the processor wait."""
    waited = []
    waits = captured.Captured._waits
    monkeypatch.setattr(captured.Captured, "_waits", lambda *args: waited.append(waits(*args)) or waited[-1])
    clone(SYSTEMS[name]).set_params(**SMALL).fit(X)
    assert waited
    assert not any(waited)


class Waiting(Objective):
    """An objective that looks at a number."""

    def __call__(self, model, passed, source):
        terms = ELBO()(model, passed, source)
        return terms if float(terms["divergence"].sum()) > -1 else {}


def test_a_part_that_waits_is_corruption_width_of_and_the_fit_goes_on(X):
    plain = VAE(4, objective=Waiting(), **SMALL).fit(X)
    with pytest.warns(UserWarning, match="cannot be captured and runs uncaptured: a part waits for the device"):
        told = VAE(4, objective=Waiting(), **SMALL, training=Training(capture=True)).fit(X)
    np.testing.assert_allclose(_losses(told), _losses(plain), rtol=1e-4)


def test_a_capture_that_fails_is_corruption_width_of_and_the_fit_goes_on(X, monkeypatch):
    """The device and both generators are as they were."""
    monkeypatch.setattr(captured.Captured, "_waits", lambda self, due, batch: self.take(due, batch))
    plain = VAE(4, objective=Waiting(), **SMALL).fit(X)
    with pytest.warns(UserWarning, match="cannot be captured"):
        told = VAE(4, objective=Waiting(), **SMALL, training=Training(capture=True)).fit(X)
    np.testing.assert_allclose(_losses(told), _losses(plain), rtol=1e-4)
    assert torch.randn(3, device="cuda").isfinite().all()
    VAE(4, **SMALL, training=Training(capture=True)).fit(X)


def test_a_fit_that_is_healed_is_captured_anew(X, monkeypatch):
    tells = iter([True, False])
    monkeypatch.setattr(loop._Game, "_sound", lambda game: next(tells, True))
    plain = VAE(4, **SMALL, training=Training(compile=False, capture=False)).fit(X)
    tells = iter([True, False])
    fast = VAE(4, **SMALL, training=Training(compile=False, capture=True)).fit(X)
    np.testing.assert_allclose(_losses(fast), _losses(plain), rtol=1e-3)


def test_data_that_would_fill_the_device_stay_at_home(X, monkeypatch):
    there = VAE(4, **SMALL).fit(X)
    monkeypatch.setattr(fitting, "place_for", lambda size, device: torch.device("cpu"))
    home = VAE(4, **SMALL).fit(X)
    np.testing.assert_allclose(home.transform(X), there.transform(X), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_fit_repeats_itself_to_the_bit(name, X):
    first, again = (clone(SYSTEMS[name]).set_params(**SMALL).fit(X) for _ in range(2))
    np.testing.assert_array_equal(_losses(first), _losses(again))
    for a, b in zip(first.model_.parameters(), again.model_.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_row_has_the_same_bits_alone_in_a_crowd_and_in_any_order(X, rng):
    vae, order = VAE(4, **SMALL).fit(X), rng.permutation(len(X))
    for f in (vae.transform, vae.reconstruct, lambda X: vae.score_samples(X, n_draws=7)):
        crowd = f(X)
        np.testing.assert_array_equal(f(X[order]), crowd[order])
        np.testing.assert_array_equal(f(X[:1]), crowd[:1])
    np.testing.assert_array_equal(vae.sample(10, random_state=0), vae.sample(5000, random_state=0)[:10])


def test_a_batch_that_is_too_large_for_the_device_is_taken_in_pieces(rng):
    """The gradient is the same, and so is what it leads to but for the draws, which are made a piece at a time."""
    X = rng.normal(size=(32_768, 64)).astype(np.float32)
    wide = Autoencoder(8, network=MLP((2048, 2048)), batch_size=16_384, max_epochs=4, random_state=0, device="cuda")
    wide.set_params(precision="float32")
    roomy = clone(wide).fit(X)
    gc.collect()
    torch.cuda.empty_cache()
    whole = torch.cuda.mem_get_info()[1]
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 0.9e9) / whole)
    try:
        with pytest.warns(UserWarning, match="the device's memory is full; from now on each batch is split into 2"):
            tight = clone(wide).fit(X)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    np.testing.assert_allclose(_losses(tight), _losses(roomy), rtol=1e-3)


def test_a_fit_leaves_no_more_memory_taken_than_its_model(X):
    def taken() -> int:
        gc.collect()
        torch.cuda.empty_cache()
        return torch.cuda.memory_reserved()

    kept = [VAE(4, **SMALL).fit(X)]
    before = taken()
    kept += [VAE(4, **SMALL).fit(X) for _ in range(5)]
    assert taken() - before <= 5 * 2**21, "a block of the allocator for each model at most, and no graph's memory"


def test_a_fit_on_a_gpu_is_resumed(X, tmp_path):
    training = Training(checkpoint=str(tmp_path), resume=True)
    first = VAE(4, **SMALL, training=training).fit(X)
    again = VAE(4, **SMALL, training=training).fit(X)
    np.testing.assert_array_equal(first.transform(X), again.transform(X))


def test_a_model_fitted_on_a_gpu_is_used_on_a_cpu(X, tmp_path):
    vae = VAE(4, **SMALL).fit(X)
    vae.save(tmp_path / "m")
    there = VAE.load(tmp_path / "m", device="cpu")
    np.testing.assert_allclose(there.transform(X), vae.transform(X), rtol=1e-3, atol=1e-4)
