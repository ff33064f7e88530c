"""The variational autoencoder."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..distributions import draw_by_row, row_seeds
from ..errors import CompositionError
from ..likelihood import Bernoulli, HomoscedasticGaussian, Likelihood
from ..metrics import active_units
from ..metrics._model import values_at_once
from ..model import Model, Pass
from ..objective import ELBO, Objective, log_weights
from ..parts import resolve
from ..posterior import DiagonalGaussian
from ..prior import Prior, StandardNormal
from ..training import Player
from ._encoding import Encodes
from ._rows import check_unit_interval
from ._sampling import Samples
from .base import _is_image, _unit_scale

__all__ = ["VAE"]


class VAE(Samples, Encodes):
    r"""Variational autoencoder: −𝔼_q log p(x|z) + KL(q(z|x) ‖ p(z)) (Kingma & Welling 2014, equation 3).

    The encoder returns μ and log σ², z = μ + σ⊙ε; the decoder returns p(x|z).

    Parameters
    ----------
    {common}
    prior : p(z), a `Prior` or its name, such as ``"vampprior:500"``; ``"auto"`` is the standard normal.
    objective : ``"auto"`` is `ELBO`; ``ELBO(KL(4.0))`` weighs the divergence, ``"importanceweighted:50"`` is the
        importance-weighted autoencoder (Burda et al. 2016).

    Attributes
    ----------
    history_ : one row an epoch, one column a term.
    model_ : the fitted module.
    prior_, objective_, latent_dim_, network_, likelihood_, precision_ : what was used.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().images / 16
    >>> vae = VAE(latent_dim=4, max_epochs=2, random_state=0).fit(X)
    >>> vae.transform(X).shape, vae.sample(5).shape, vae.score_samples(X[:3], n_draws=10).shape
    ((1797, 4), (5, 8, 8), (3,))
    """

    prior: Any = "auto"
    objective: Any = "auto"

    def _auto_likelihood(self, X: np.ndarray) -> Likelihood:
        if _unit_scale(X) is not None:
            return Bernoulli()
        return HomoscedasticGaussian(shared=_is_image(self.shape_))

    def _resolve(self, X: np.ndarray) -> None:
        super()._resolve(X)
        self.prior_ = resolve("prior", self.prior, StandardNormal)
        self.objective_ = resolve("objective", self.objective, ELBO)
        for name, value, kind in (("prior", self.prior_, Prior), ("objective", self.objective_, Objective)):
            if not isinstance(value, kind):
                raise CompositionError(f"{name} must be a {kind.__name__} or its name, got {value!r}")

    def _parts(self) -> dict[str, Any]:
        return {"posterior": DiagonalGaussian(), "prior": self.prior_}

    def _players(self) -> list[Player]:
        return [Player("vae", self.objective_, clip_norm=self._clip_norm())]

    def _monitor(self, model: Model, x: Tensor) -> dict[str, float]:
        """Return how many units of the code vary with x (Burda et al. 2016, appendix C)."""
        return {"active_units": active_units(model.encode(model.scaled(x)).mean.cpu().numpy())}

    def score_samples(self, X: Any, n_draws: int = 100) -> np.ndarray:
        r"""Return a lower bound on log p(x) in nats for each row, in the data's units.

        log (1/k) Σᵢ p(x, zᵢ)/q(zᵢ|x) with k = `n_draws` (Burda et al. 2016, equation 8), which rises with k towards
        log p(x). A row's draws are seeded by the row itself, so that its result is the same every time and does not
        depend on its neighbours, and the mean over rows is a mean over independent draws.

        Parameters
        ----------
        X : (N, ...).
        n_draws : k, at least 1.
        """
        if n_draws < 1:
            raise CompositionError(f"n_draws must be at least 1, got {n_draws}")
        x = self._check_rows(X)
        if self.likelihood_.unit_interval:
            check_unit_interval(x, float(self.model_.scaling.scale))
        return self._map(x, lambda block: self._bound(block, n_draws), x.dtype, n_draws)

    def _bound(self, x: Tensor, n_draws: int) -> Tensor:
        model = self.model_
        x = model.scaled(x)
        q = model.encode(x)
        at_once = max(1, values_at_once(x.device) // x.numel())
        seeds, log_w = row_seeds(x), []
        for start in range(0, n_draws, at_once):
            z = draw_by_row(q, seeds, range(start, min(start + at_once, n_draws)))
            log_w.append(log_weights(model, Pass(x, x, q, z, model.decode(z))))
        bound = torch.logsumexp(torch.cat(log_w), 0) - math.log(n_draws)
        return bound - (0.0 if self.likelihood_.unit_interval else model.scaling.log_volume())
