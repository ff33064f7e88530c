"""Likelihoods of real values: Gaussians with a fixed, a learned, and a decoded σ."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn.functional import softplus

from ..conditional import Entrywise
from ..distributions import event, normal
from ..facts import Facts
from .base import Likelihood

__all__ = ["Gaussian", "HeteroscedasticGaussian", "HomoscedasticGaussian", "ResidualGaussian"]


class Gaussian(Likelihood):
    r"""p(x|z) = N(x̂, σ²I), σ fixed: −log p = ‖x − x̂‖²/2σ² + (n/2) log 2πσ².

    Parameters
    ----------
    std : σ in the model's units (standardised features); 1 gives ½‖x − x̂‖² up to a constant.
    """

    std: float = 1.0

    def check(self) -> None:
        self.require_positive("std", self.std)

    def distribution(self, mean: Tensor) -> Distribution:
        """Return N(x̂, σ²)."""
        return normal(mean, torch.full((), self.std, dtype=mean.dtype, device=mean.device))


class HomoscedasticGaussian(Likelihood):
    r"""p(x|z) = N(x̂, diag σ²), one learned σ an entry, the same for every sample.

    Compare Oleh Rybkin, Kostas Daniilidis and Sergey Levine, "Simple and Effective VAE Training with Calibrated
    Decoders", 2021, https://arxiv.org/abs/2006.13202.

    Parameters
    ----------
    shared : whether all entries share one σ, as probabilistic PCA does and pixels should.
    minimum_std : a floor in the model's units: a constant column must not have infinite density.
    """

    shared: bool = False
    minimum_std: float = 1e-3

    def check(self) -> None:
        self.require_positive("minimum_std", self.minimum_std)

    def build(self, facts: Facts) -> nn.Module:
        """Return the module that holds log σ, which starts at σ = 1."""
        return _Homoscedastic(self, facts)


class _Homoscedastic(Entrywise):
    def __init__(self, family: HomoscedasticGaussian, facts: Facts) -> None:
        super().__init__(family, facts.shape)
        self.log_std = nn.Parameter(torch.zeros(() if family.shared else facts.shape))
        self.floor = math.log(family.minimum_std)

    def forward(self, context: Tensor) -> Distribution:
        (mean,) = self.parameters_of(context)
        return event(normal(mean, self.log_std.clamp(min=self.floor).exp()), len(self.event_shape))


class ResidualGaussian(Likelihood):
    r"""p(x|x̂) = N(x̂, diag σ²), trained with σ = 1 and scored with σᵢ² = (1/m) Σⱼ (xᵢ⁽ʲ⁾ − x̂ᵢ⁽ʲ⁾)², the fit's residuals.

    The loss is the squared error, which weighs all features alike while they are learnt. Once the fit is done, σ is
    measured: a feature that comes back well then counts as much as one that comes back badly, and the log-density is
    that of the errors that are really made. It is the maximum-likelihood σ of the reconstructions, as in Michael E.
    Tipping and Christopher M. Bishop, "Probabilistic Principal Component Analysis", 1999,
    https://doi.org/10.1111/1467-9868.00196, equation 8, but one a feature.

    Parameters
    ----------
    shared : whether all entries share one σ, as pixels should.
    minimum_std : a floor in the model's units: a constant column must not have infinite density.
    """

    shared: bool = False
    minimum_std: float = 1e-2

    def check(self) -> None:
        self.require_positive("minimum_std", self.minimum_std)

    def build(self, facts: Facts) -> nn.Module:
        """Return the module that holds σ, which is 1 until the fit is done."""
        return _Residual(self, facts)


class _Residual(Entrywise):
    std: Tensor

    def __init__(self, family: ResidualGaussian, facts: Facts) -> None:
        super().__init__(family, facts.shape)
        self.register_buffer("std", torch.ones(() if family.shared else facts.shape))
        self.floor = family.minimum_std

    def forward(self, context: Tensor) -> Distribution:
        (mean,) = self.parameters_of(context)
        std = torch.ones_like(self.std) if self.training else self.std
        return event(normal(mean, std), len(self.event_shape))

    @torch.no_grad()
    def finish(self, model: Any, rows: Any) -> None:
        """Measure σ on what is observed of the rows of the fit, in float64."""
        squares = torch.zeros(self.event_shape, dtype=torch.float64, device=self.std.device)
        counts = torch.zeros_like(squares)
        for batch in rows.in_order():
            x = model.scaled(batch.x)
            met = x if batch.noisy is None else model.scaled(batch.noisy)
            h = model.encode(met, batch.condition, batch.observed).mean
            error = x - model.decode(h, batch.condition).mean
            known = torch.ones_like(error) if batch.observed is None else batch.observed.to(error.dtype)
            weight = torch.ones(len(x), device=x.device) if batch.weight is None else batch.weight
            squares += torch.einsum("n,n...->...", weight.to(error.dtype), (known * error).square())
            counts += torch.einsum("n,n...->...", weight.to(error.dtype), known)
        if self.std.ndim == 0:
            squares, counts = squares.sum(), counts.sum()
        measured = (squares / counts.clamp(min=torch.finfo(counts.dtype).tiny)).sqrt().clamp(min=self.floor)
        self.std.copy_(torch.where(counts > 0, measured, self.std))  # not measured where nothing is observed


class HeteroscedasticGaussian(Likelihood):
    r"""p(x|z) = N(x̂(z), diag σ²(z)), the decoder returning both.

    Diederik P. Kingma and Max Welling, "Auto-Encoding Variational Bayes", 2014, https://arxiv.org/abs/1312.6114,
    appendix C.2.

    Parameters
    ----------
    minimum_std : a floor in the model's units: a constant column must not have infinite density.
    """

    numbers: ClassVar[int] = 2
    minimum_std: float = 1e-2

    def check(self) -> None:
        self.require_positive("minimum_std", self.minimum_std)

    def distribution(self, mean: Tensor, raw: Tensor) -> Distribution:
        """Return N(x̂, σ²), σ through a softplus."""
        return normal(mean, self.minimum_std + softplus(raw))
