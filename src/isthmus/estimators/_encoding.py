"""What estimators with an encoder do: codes, and back."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from torch import Tensor, nn

from ..penalty import Contractive
from .base import Estimator

__all__ = ["Encodes"]


class Encodes(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):  # type: ignore[misc]
    """Estimators that encode: `transform`, `inverse_transform`, `reconstruct`."""

    def _met(self, mean: np.ndarray) -> np.ndarray | None:
        return mean

    def transform(self, X: Any) -> np.ndarray:
        """Return the codes h (N, d): the posterior's mean, without corruption or draws."""
        rows = self._check_rows(X)
        return self._map(rows, lambda x: self.model_.encode(self.model_.scaled(x)).mean, rows.dtype)

    def inverse_transform(self, H: Any) -> np.ndarray:
        """Return x̂ for codes (N, d), in the data's own shape and units."""
        return self._map(self._check_codes(H), self._decoded, self.dtype_)

    def reconstruct(self, X: Any) -> np.ndarray:
        """Return x̂ of the shape of X, in the data's units; what was trained to clean, cleans."""
        rows = self._check_rows(X)
        return self._map(rows, lambda x: self._decoded(self.model_.encode(self.model_.scaled(x)).mean), self.dtype_)

    def jacobian_norm(self, X: Any) -> np.ndarray:
        """Return ‖∇ₓh‖_F at each row, (N,), exactly, in the model's units: how sensitive the code is to its input."""
        rows, model = self._check_rows(X), self.model_
        encoder = cast(nn.Module, model.encoder)
        penalty = Contractive(method="closed" if Contractive.closed_for(encoder) else "exact")

        def norm(x: Tensor) -> Tensor:
            x = model.scaled(x)
            h = model.encode(x).mean
            return penalty(encoder, model.encode, x, h, torch.Generator(x.device)).detach().sqrt()

        return self._map(rows, norm, rows.dtype)

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of ``score_samples``, for model selection: higher is better."""
        return float(np.mean(self.score_samples(X)))

    def score_samples(self, X: Any) -> np.ndarray:
        """Return a log-likelihood in nats for each row."""
        raise NotImplementedError
