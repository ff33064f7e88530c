"""Likelihoods p(x|z): what the decoder's outputs mean. The reconstruction loss is −log p(x|z).

A likelihood owns the units that the model works in, and says which values it has a density for. One whose entries are
independent given z takes a few lines:

>>> import torch
>>> from torch.distributions import Poisson
>>> class Counts(Likelihood):
...     "p(x|z) = Poisson(λ(z)): counts."
...     support = (0, math.inf)
...     def distribution(self, rate):
...         return Poisson(torch.nn.functional.softplus(rate), validate_args=False)
>>> from isthmus import VAE
>>> X = np.random.default_rng(0).poisson(3.0, size=(200, 5))
>>> VAE(2, likelihood=Counts(), max_epochs=1, random_state=0).fit(X).score_samples(X).shape
(200,)
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn.functional import softplus

from .conditional import Conditional, Entrywise
from .distributions import bernoulli, event, normal
from .errors import DataError
from .facts import Facts
from .scaling import Scaling

__all__ = ["Bernoulli", "Gaussian", "HeteroscedasticGaussian", "HomoscedasticGaussian", "Likelihood"]


class Likelihood(Conditional, kind="likelihood"):
    """Base of likelihoods: distributions of a sample, given what the decoder returns."""

    support: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    """The least and the largest value that there is a density for, in the model's units."""

    def event_shape(self, facts: Facts) -> tuple[int, ...]:
        """Return the shape of a sample."""
        return facts.shape

    def of(self, facts: Facts) -> Likelihood:
        """Return the likelihood of those data: this one, unless its shape depends on their values."""
        return self

    @property
    def bounded(self) -> bool:
        """Whether values are bounded on either side."""
        return self.support != (-math.inf, math.inf)

    def units(self, facts: Facts) -> Scaling:
        """Return the map between the data's units and the model's, which the data's mean and spread are known for.

        Values without bounds are standardised; bounded ones keep their units.
        """
        if self.bounded:
            return self.plain_units(facts)
        if facts.mean is None or facts.std is None:
            raise DataError("the units of standardised features need the data's mean and standard deviation")
        return Scaling.standard(facts.mean, facts.std)

    def plain_units(self, facts: Facts) -> Scaling:
        """Return the map that leaves the data in their units."""
        return Scaling.identity(facts.shape, discrete=self.bounded)

    def check_values(self, X: np.ndarray, scaling: Scaling) -> None:
        """Raise `DataError`, naming the first place, if X holds a value that has no density.

        Parameters
        ----------
        X : rows in the data's units.
        scaling : the units.
        """
        if not self.bounded:
            return
        scale = float(scaling.scale)
        least, most = (bound * scale for bound in self.support)
        low, high = float(X.min()), float(X.max())
        if low >= least and high <= most:
            return
        first = np.argwhere((least > X) | (most < X))[0]
        place = f"row {first[0]}, column {', '.join(str(i) for i in first[1:])}"
        raise DataError(
            f"a {type(self).__name__} likelihood needs values in [{least:g}, {most:g}]; X runs from {low:g} to "
            f"{high:g}, first outside at {place}: rescale X or use likelihood='gaussian'"
        )


class Bernoulli(Likelihood):
    r"""−log p(x|z) = −Σᵢ [xᵢ log x̂ᵢ + (1 − xᵢ) log(1 − x̂ᵢ)], the decoder returning logits of x̂.

    For binary data this is a probability. Grey values in [0, 1] may be used as everyone does; the value is then the
    same cross-entropy, a loss and not a normalised density: Gabriel Loaiza-Ganem and John P. Cunningham, "The
    continuous Bernoulli: fixing a pervasive error in variational autoencoders", 2019,
    https://arxiv.org/abs/1907.06845.
    """

    support: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def units(self, facts: Facts) -> Scaling:
        """Return the map to [0, 1]: grey values kept as uint8 are divided by 255."""
        grey = facts.dtype == "uint8" and facts.bounds is not None and facts.bounds[1] > 1
        return Scaling.identity(facts.shape, 255.0 if grey else 1.0, discrete=True)

    def distribution(self, logits: Tensor) -> Distribution:
        """Return a Bernoulli for every entry."""
        return bernoulli(logits)


class Gaussian(Likelihood):
    r"""p(x|z) = N(x̂, σ²I), σ fixed: −log p = ‖x − x̂‖²/2σ² + (n/2) log 2πσ².

    Parameters
    ----------
    std : σ in the model's units (standardised features); 1 gives ½‖x − x̂‖² up to a constant.
    """

    std: float = 1.0

    def check(self) -> None:
        self.require(self.std > 0, f"std must be positive, got {self.std}")

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
        self.require(self.minimum_std > 0, f"minimum_std must be positive, got {self.minimum_std}")

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
        self.require(self.minimum_std > 0, f"minimum_std must be positive, got {self.minimum_std}")

    def distribution(self, mean: Tensor, raw: Tensor) -> Distribution:
        """Return N(x̂, σ²), σ through a softplus."""
        return normal(mean, self.minimum_std + softplus(raw))
