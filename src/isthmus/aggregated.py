"""Divergences of the aggregated posterior q(z) = (1/N) Σ q(z|xⱼ): what the codes of all rows are like together.

They are estimated from the codes of a batch, so that, unlike other terms, the value of a row depends on the batch that
it is in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from .divergence import KL, Divergence
from .errors import CompositionError
from .source import Source

if TYPE_CHECKING:
    from .model import Model, Pass

__all__ = ["MMD", "CodeCovariance", "TotalCorrelation"]


class TotalCorrelation(Divergence):
    r"""TC(z) = KL(q(z) ‖ Πᵤ q(zᵤ)), the dependence between the units of a code; 0 for independent units.

    q(zᵢ) is estimated from a batch of M of the N rows by stratified sampling: the row that zᵢ was drawn for has the
    weight 1/N, and the others of the batch stand for all other rows, with (N − 1)/N(M − 1) each.

    Ricky T. Q. Chen, Xuechen Li, Roger Grosse and David Duvenaud, "Isolating Sources of Disentanglement in Variational
    Autoencoders", 2018, https://arxiv.org/abs/1802.04942, equation 4 and appendix C.
    """

    name: ClassVar[str] = "total_correlation"

    def refuse(self, model: Model) -> None:
        """Refuse a posterior without a density."""
        KL().refuse(model)

    def __call__(self, model: Model, passed: Pass, source: Source) -> Tensor:
        """Return log q(z) − Σᵤ log q(zᵤ) of each row's code, (N,)."""
        base = getattr(passed.q, "base_dist", None)
        if base is None:
            raise CompositionError("TotalCorrelation: needs a posterior of independent units, DiagonalGaussian")
        log_q = base.log_prob(passed.z[..., :, None, :])  # log q(zᵢᵤ|xₖ), (*draws, i, k, u)
        m = log_q.shape[-2]
        n = max(model.rows, m)
        own = torch.eye(m, dtype=torch.bool, device=log_q.device)
        share = (math.log(n - 1) - math.log(n) - math.log(m - 1)) if m > 1 else 0.0
        log_share = torch.where(own, -math.log(n), share).to(log_q.dtype)
        joint = (log_q.sum(-1) + log_share).logsumexp(-1)
        apart = (log_q + log_share[..., None]).logsumexp(-2).sum(-1)
        value: Tensor = joint - apart
        return value if value.ndim == 1 else value.flatten(0, -2).mean(0)


class MMD(Divergence):
    r"""The maximum mean discrepancy of codes z ~ q(z) from prior codes z' ~ p(z), 0 if the two distributions agree.

    𝔼 k(z₁, z₂) + 𝔼 k(z'₁, z'₂) − 2𝔼 k(z, z'), estimated without bias from a batch, with inverse multiquadratic kernels
    k(a, b) = Σ_s C/(C + ‖a − b‖²), C = 2ds.

    Parameters
    ----------
    scales : s, which measure differences of different sizes; 1 is the size of a standard normal code.

    References
    ----------
    Ilya Tolstikhin, Olivier Bousquet, Sylvain Gelly and Bernhard Schölkopf, "Wasserstein Auto-Encoders", 2018,
        https://arxiv.org/abs/1711.01558, algorithm 2 and section 4.
    Arthur Gretton et al., "A Kernel Two-Sample Test", 2012, https://jmlr.org/papers/v13/gretton12a.html, lemma 6.
    """

    name: ClassVar[str] = "mmd"

    scales: Sequence[float] = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

    def check(self) -> None:
        super().check()
        self.require(len(self.scales) > 0, "scales must name at least one scale")
        for scale in self.scales:
            self.require_positive("scales", scale)

    def refuse(self, model: Model) -> None:
        """Refuse a model without a prior."""
        if model.prior is None:
            raise CompositionError("MMD: the model has no prior to measure a discrepancy from")

    def kernel(self, a: Tensor, b: Tensor) -> Tensor:
        """Return k of every pair of codes, (N, d) and (M, d) → (N, M)."""
        square = (a[:, None] - b).square().sum(-1)
        sizes = [2.0 * a.shape[1] * scale for scale in self.scales]
        return torch.stack([size / (size + square) for size in sizes]).sum(0)

    def __call__(self, model: Model, passed: Pass, source: Source) -> Tensor:
        """Return each row's share of the discrepancy, (N,)."""
        z, prior = passed.z, passed.z_prior
        if z.ndim != 2 or len(z) < 2:
            raise CompositionError("MMD: compares one code a row, of at least two rows")

        def others(k: Tensor) -> Tensor:
            return (k.sum(1) - k.diagonal()) / (len(k) - 1)

        return others(self.kernel(z, z)) + others(self.kernel(prior, prior)) - 2 * self.kernel(z, prior).mean(1)


class CodeCovariance(Divergence):
    r"""Σ_{u≠v} C²ᵤᵥ + λ Σᵤ (Cᵤᵤ − 1)², where C is a covariance of codes over a batch: 0 where it is the prior's, I.

    Abhishek Kumar, Prasanna Sattigeri and Avinash Balakrishnan, "Variational Inference of Disentangled Latent Concepts
    from Unlabeled Observations", 2018, https://arxiv.org/abs/1711.00848, equations 6 and 7.

    Parameters
    ----------
    weight : λ_od, the weight of what is off the diagonal.
    diagonal : λ_d/λ_od, the weight of the diagonal relative to it.
    of_draws : whether C is the covariance of z (DIP-VAE-II), which adds the mean of σ² to that of μ (DIP-VAE-I).
    """

    name: ClassVar[str] = "covariance"

    diagonal: float = 10.0
    of_draws: bool = False

    def check(self) -> None:
        super().check()
        self.require(self.diagonal >= 0, f"diagonal must not be negative, got {self.diagonal}")

    def __call__(self, model: Model, passed: Pass, source: Source) -> Tensor:
        """Return the value of the batch, once a row, (N,)."""
        mu = passed.q.mean
        covariance = torch.cov(mu.T, correction=0).reshape(mu.shape[1], mu.shape[1])
        if self.of_draws:
            covariance = covariance + passed.q.variance.mean(0).diag()
        own = covariance.diagonal()
        value = covariance.square().sum() - own.square().sum() + self.diagonal * (own - 1).square().sum()
        return value.expand(len(mu))
