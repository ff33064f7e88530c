"""Data that the tests share; nothing here is downloaded."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

torch.set_num_threads(1)  # a worker a core: small models gain nothing from a second thread


@pytest.fixture(scope="session")
def digits() -> np.ndarray:
    """scikit-learn's handwritten digits, (1797, 8, 8), in [0, 1]."""
    return (load_digits().images / 16).astype(np.float32)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
