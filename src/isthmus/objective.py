"""Objectives: what a player minimises, as named terms of one value a sample.

Terms are pure: they neither step nor reduce, and do not know how far the fit is. Their weights are the objective's
too, as a function of progress; `weighted_sum` puts both together, and the mean over the batch is taken once, in the
training loop. What is logged is what was optimised.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from .distributions import draw
from .divergence import KL, Divergence
from .errors import CompositionError
from .model import Batch, Model, Pass
from .parts import Part
from .penalty import Contractive, CriticPenalty
from .value import Value

__all__ = [
    "ELBO",
    "Deceive",
    "Discriminate",
    "ImportanceWeighted",
    "Objective",
    "Reconstruction",
    "Terms",
    "log_weights",
    "weighted_sum",
]


Terms = dict[str, Tensor]
"""Named terms, each (N,)."""


def weighted_sum(terms: Terms, weights: Mapping[str, float | Tensor]) -> Tensor:
    """Return the loss Σ weight · term, (N,); a term without a weight has weight 1.

    >>> weighted_sum({"a": torch.tensor([1.0]), "b": torch.tensor([2.0])}, {"b": 0.5})
    tensor([2.])
    """
    parts = [term * weights[name] if name in weights else term for name, term in terms.items()]
    return torch.stack(parts).sum(0) if len(parts) > 1 else parts[0]


class Objective(Part, kind="objective"):
    """Base of objectives: ``objective(model, batch, generator) -> Terms``, and their weights in the loss."""

    def refuse(self, model: Model) -> None:
        """Raise `CompositionError` if this objective means nothing for that model; the message gives the reason."""

    def __call__(self, model: Model, batch: Batch, generator: torch.Generator) -> Terms:
        """Return the terms, (N,) each."""
        raise NotImplementedError

    def weights(self, progress: float) -> dict[str, float]:
        """Return the weights of terms that have another than 1, when a fraction `progress` of the fit is done."""
        return {}


class Reconstruction(Objective):
    r"""−log p(x|z) + λΩ: autoencoders, plain, denoising and contractive.

    Parameters
    ----------
    penalty : Ω on the encoder, or None.
    """

    penalty: Contractive | None = None

    def check(self) -> None:
        self.require_part("penalty", self.penalty, Contractive, or_none=True)

    def refuse(self, model: Model) -> None:
        """Refuse a penalty on an encoder without a Jacobian a sample."""
        if self.penalty is not None and model.encoder is not None:
            self.penalty.refuse(model.encoder)

    def __call__(self, model: Model, batch: Batch, generator: torch.Generator) -> Terms:
        """Return the reconstruction term, and the contraction where there is one."""
        passed = model(batch, generator)
        terms = {"reconstruction": -passed.p.log_prob(passed.x)}
        if self.penalty is not None and model.encoder is not None:
            with model.full_precision():
                h = passed.q.mean
                terms["contraction"] = self.penalty(model.encoder, model.encode, passed.x_tilde, h, generator)
        return terms

    def weights(self, progress: float) -> dict[str, float]:
        """Return λ."""
        return {} if self.penalty is None else {"contraction": self.penalty.weight}


class ELBO(Objective):
    r"""−𝔼_q log p(x|z) + β·D(q(z|x) ‖ p(z)) (Kingma & Welling 2014, equation 3).

    Parameters
    ----------
    divergence : D and its weight.
    draws : how many z the expectation is estimated with.
    """

    divergence: Divergence | None = None
    draws: int = 1

    def check(self) -> None:
        self.require_part("divergence", self.divergence, Divergence, or_none=True)
        self.require_count("draws", self.draws)

    def refuse(self, model: Model) -> None:
        """Refuse a posterior without density and a model without prior."""
        _needs_density(self, model)

    def __call__(self, model: Model, batch: Batch, generator: torch.Generator) -> Terms:
        """Return the reconstruction and the divergence."""
        passed = model(batch, generator, () if self.draws == 1 else (self.draws,))
        log_likelihood = passed.p.log_prob(passed.x)
        reconstruction = -(log_likelihood if self.draws == 1 else log_likelihood.mean(0))
        divergence = (self.divergence or KL())(passed.q, model.p_z(), passed.z)
        return {"reconstruction": reconstruction, "divergence": divergence}

    def weights(self, progress: float) -> dict[str, float]:
        """Return β at that moment."""
        return {"divergence": (self.divergence or KL()).weight_at(progress)}


def log_weights(model: Model, passed: Pass) -> Tensor:
    """Return log p(x|z) + log p(z) − log q(z|x) for every draw, (..., N)."""
    return passed.p.log_prob(passed.x) + model.p_z().log_prob(passed.z) - passed.q.log_prob(passed.z)


class ImportanceWeighted(Objective):
    r"""−log (1/k) Σᵢ p(x, zᵢ)/q(zᵢ|x), zᵢ ~ q(z|x) (Burda et al. 2016, equation 8).

    Parameters
    ----------
    draws : k; 1 is the evidence bound, and the bound rises with k towards log p(x).
    """

    draws: int = 5

    def check(self) -> None:
        self.require_count("draws", self.draws)

    def refuse(self, model: Model) -> None:
        """Refuse a posterior without density and a model without prior."""
        _needs_density(self, model)

    def __call__(self, model: Model, batch: Batch, generator: torch.Generator) -> Terms:
        """Return the negative bound."""
        weights = log_weights(model, model(batch, generator, (self.draws,)))
        return {"bound": math.log(self.draws) - torch.logsumexp(weights, 0)}


def _needs_density(objective: Objective, model: Model) -> None:
    if model.posterior is None or not model.posterior.has_density:
        posterior = "no encoder" if model.posterior is None else type(model.posterior).__name__
        raise CompositionError(
            f"{type(objective).__name__} needs a posterior with a density; with {posterior} there is no divergence to "
            "measure: use DiagonalGaussian"
        )
    if model.prior is None:
        raise CompositionError(f"{type(objective).__name__} needs a prior")


Sides = Callable[[Model, Batch, torch.Generator], tuple[Tensor, Tensor]]


def _data(model: Model, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return x and x̂ = G(z), z ~ p(z)."""
    x = model.scaled(batch.x)
    return x, model.decode(model.prior_codes(len(x), generator)).mean


def _codes(model: Model, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return z ~ p(z) and z ~ q(z|x̃)."""
    _, x_tilde = model.inputs(batch, generator)
    return model.prior_codes(len(x_tilde), generator), draw(model.encode(x_tilde), (), generator)


_SIDES: dict[str, Sides] = {"data": _data, "codes": _codes}


def _check_judges(part: Discriminate | Deceive) -> None:
    part.require(part.judges in _SIDES, f"judges must be one of {', '.join(_SIDES)}, got {part.judges!r}")


class Discriminate(Objective):
    r"""D's side of V(D, G), with penalties on ∇D: real against generated data, or prior codes against encoded ones.

    Parameters
    ----------
    value : V(D, G).
    penalties : on D's gradient, one norm a sample.
    judges : ``"data"``, x against G(z) (Goodfellow et al. 2014), or ``"codes"``, z ~ p(z) against z ~ q(z|x)
        (Makhzani et al. 2016).
    """

    value: Value
    penalties: Sequence[CriticPenalty] = ()
    judges: Literal["data", "codes"] = "data"

    def check(self) -> None:
        self.require_part("value", self.value, Value)
        for penalty in self.penalties:
            self.require_part("penalties", penalty, CriticPenalty)
        _check_judges(self)

    def __call__(self, model: Model, batch: Batch, generator: torch.Generator) -> Terms:
        """Return D's loss and the penalties; the fakes carry no graph."""
        with torch.no_grad():
            real, fake = _SIDES[self.judges](model, batch, generator)
        terms = {"value": self.value.discriminator(model.discriminate(real), model.discriminate(fake))}
        with model.full_precision():
            for penalty in self.penalties:
                terms[_name(penalty)] = penalty(model.discriminate, real, fake, generator)
        return terms

    def weights(self, progress: float) -> dict[str, float]:
        """Return each penalty's weight."""
        return {_name(penalty): penalty.weight for penalty in self.penalties}


def _name(penalty: CriticPenalty) -> str:
    return type(penalty).__name__.lower()


class Deceive(Objective):
    r"""G's side of V(D, G); D's weights stand still, its graph does not.

    Parameters
    ----------
    value : V(D, G).
    judges : as in `Discriminate`.
    """

    value: Value
    judges: Literal["data", "codes"] = "data"

    def check(self) -> None:
        self.require_part("value", self.value, Value)
        _check_judges(self)

    def __call__(self, model: Model, batch: Batch, generator: torch.Generator) -> Terms:
        """Return G's loss."""
        real, fake = _SIDES[self.judges](model, batch, generator)
        fake_logits = model.discriminate(fake)
        with torch.no_grad():
            real_logits = model.discriminate(real) if self.value.paired else torch.zeros_like(fake_logits)
        return {"value": self.value.generator(real_logits, fake_logits)}
