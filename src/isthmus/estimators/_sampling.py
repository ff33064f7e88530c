"""What estimators with a prior do: new data."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ..distributions import draw
from ..errors import CompositionError
from ..metrics import mmd
from ..model import Model
from .base import Estimator, generator_for

__all__ = ["Rivals", "Samples"]


class Samples(Estimator):
    """Estimators that create: `sample`."""

    def sample(self, n_samples: int = 1, random_state: Any = None) -> np.ndarray:
        """Return new samples in the data's shape and units: x̂, the mean of p(x|z), for z ~ p(z).

        The first n of many are the same as n alone, to the bit.

        Parameters
        ----------
        n_samples : how many.
        random_state : None is the estimator's own.
        """
        check_is_fitted(self, "model_")
        if n_samples < 1:
            raise CompositionError(f"n_samples must be at least 1, got {n_samples}")
        device = next(self.model_.parameters()).device
        generator = generator_for(self.random_state if random_state is None else random_state, device)
        with torch.no_grad():
            p = self.model_.p_z()
            size = self._block()
            blocks = [draw(p, (size,), generator).cpu().numpy() for _ in range(0, n_samples, size)]
        z = np.concatenate(blocks)[:n_samples]  # in blocks of one size, so that the first n do not depend on n
        return self._map(z, self._decoded, self.dtype_)


class Rivals(Samples):
    """Estimators whose players compete: what says when to stop is their samples, since no loss does."""

    _watch: ClassVar[str] = "validation_mmd"

    def _monitor(self, model: Model, x: Tensor) -> dict[str, float]:
        """Return the discrepancy of as many samples from held-out rows, the same draws every time."""
        if not self.validation_fraction:
            return {}
        z = model.prior_codes(len(x), torch.Generator(x.device).manual_seed(0))
        real, fake = model.scaled(x), model.decode(z).mean
        if not bool(fake.isfinite().all()):
            return {"validation_mmd": float("inf")}
        return {"validation_mmd": mmd(real.cpu().numpy(), fake.cpu().numpy())}
