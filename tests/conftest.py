"""Data that the tests share; nothing here is downloaded."""

from __future__ import annotations

import os

# torch.compile would first try the compiler on ten instruction sets, for half a minute, and start a pool of compilers.
os.environ.setdefault("TORCHINDUCTOR_VEC_ISA_OK", "1")
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.datasets import load_digits

from isthmus import (
    GAN,
    VAE,
    AdversarialAutoencoder,
    Autoencoder,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
)
from isthmus.report.content import Content

torch.set_num_threads(1)  # a worker a core: small models gain nothing from a second thread

SYSTEMS = (Autoencoder, DenoisingAutoencoder, ContractiveAutoencoder, VAE, GAN, AdversarialAutoencoder)
"""The systems that map rows to codes or codes to rows."""

each_system = pytest.mark.parametrize("cls", SYSTEMS, ids=lambda cls: cls.__name__)


@pytest.fixture(scope="session")
def digits() -> np.ndarray:
    """scikit-learn's handwritten digits, (1797, 8, 8), in [0, 1]."""
    return (load_digits().images / 16).astype(np.float32)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def here(tmp_path, rng, monkeypatch):
    """A working folder with one table of 60 rows in four formats: what the tests of the command line start from."""
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame(rng.normal(size=(60, 4)) * 10, columns=["height", "width", "depth", "mass"])
    frame.to_csv("x.csv", index=False)
    pl.DataFrame(frame.to_dict("list")).write_parquet("x.parquet")
    np.save("x.npy", frame.to_numpy())
    np.savez("x.npz", x=frame.to_numpy())
    return tmp_path


# What the tests of the report share.

HOSTILE = "<script>alert(1)</script>"


def waves(n: int, rng: np.random.Generator) -> np.ndarray:
    """Series: a wave of one's own phase and height, and a little noise."""
    t = np.linspace(0, 4 * np.pi, 64)
    heights, phases = rng.uniform(0.5, 2, (n, 1)), rng.uniform(0, 2, (n, 1))
    return (heights * np.sin(t + phases) + 0.05 * rng.normal(size=(n, 64))).astype(np.float32)


def columns(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """A table of two factors in seven columns of very different units; one column's name is hostile."""
    factors = rng.normal(size=(n, 2))
    X = factors @ rng.normal(size=(2, 7)) + 0.3 * rng.normal(size=(n, 7))
    names = ["mass [kg]", "länge", HOSTILE, "d&\"' $\\x", "e", "f", "g"]
    return pd.DataFrame(X * 10.0 ** np.arange(-3, 4), columns=names)


@pytest.fixture(scope="session")
def report_cases(digits):
    """One fitted system on each kind of data: name → (estimator, held-out, training, labels)."""
    from sklearn.datasets import load_digits

    rng = np.random.default_rng(0)
    y, train, test = load_digits().target, digits[:1200], digits[1200:]
    table, rest, series = columns(300, rng), columns(200, rng), waves(400, rng)
    names = np.array([HOSTILE, "</style>", "b"])[rng.integers(3, size=200)]
    return {
        "images": (VAE(6, max_epochs=3, random_state=0).fit(train), test, train, y[1200:]),
        "rows": (
            DenoisingAutoencoder(2, corruption="masking:0.2", max_epochs=3, random_state=0).fit(table),
            rest,
            table,
            names,
        ),
        "series": (
            VAE(3, max_epochs=3, validation_fraction=0.1, random_state=0).fit(series[:300]),
            series[300:],
            series[:300],
            None,
        ),
        "gan": (GAN(4, max_epochs=2, random_state=0).fit(train), test, train, None),
        "plain": (Autoencoder(2, max_epochs=2, random_state=0).fit(series[:300]), series[300:], None, None),
    }


@pytest.fixture(scope="session")
def report_contents(report_cases):
    return {
        name: Content(m, X, T, labels=y, data=f"{name} {HOSTILE}", command="isthmus report m/ d.csv")
        for name, (m, X, T, y) in report_cases.items()
    }
