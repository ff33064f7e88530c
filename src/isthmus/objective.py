"""Objectives: what a player minimises, a sum of terms with one value a sample each.

Terms neither step nor reduce, and do not know how far the fit is. Their weights are a function of progress;
`weighted_sum` puts both together, and the mean over the batch is taken once, in the training loop. What is logged is
what was optimised.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field

import torch
from torch import Tensor

from .divergence import KL
from .errors import CompositionError
from .judge import Data, Judge, Judged
from .model import Model, Pass
from .parts import Part
from .penalty import CriticPenalty
from .source import Source
from .term import NegativeLogLikelihood, Term
from .value import Value

__all__ = [
    "ELBO",
    "Deceive",
    "Discriminate",
    "ImportanceWeighted",
    "Objective",
    "Reconstruction",
    "Sum",
    "Terms",
    "weighted_sum",
]


Terms = dict[str, Tensor]
"""Named terms, each (N,)."""

_RECONSTRUCTION, _KL = NegativeLogLikelihood(), KL()
"""Terms of weight 1, made once: a step asks an objective for its terms several times."""


def weighted_sum(terms: Terms, weights: Mapping[str, float | Tensor]) -> Tensor:
    """Return the loss Σ weight · term, (N,); a term without a weight has weight 1.

    >>> weighted_sum({"a": torch.tensor([1.0]), "b": torch.tensor([2.0])}, {"b": 0.5})
    tensor([2.])
    """
    parts = [term * weights[name] if name in weights else term for name, term in terms.items()]
    return torch.stack(parts).sum(0) if len(parts) > 1 else parts[0]


class Objective(Part, kind="objective"):
    """Base of objectives. One is written by naming its terms:

    >>> class BetaVAE(Objective):
    ...     beta: float = 4.0
    ...     def summands(self):
    ...         return NegativeLogLikelihood(), KL(self.beta)
    >>> BetaVAE().weights(1.0)
    {'divergence': 4.0}
    """

    def summands(self) -> Sequence[Term]:
        """Return the terms that the objective is the sum of."""
        return ()

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of the draws of z for every row, which go before its own: () is one draw."""
        return ()

    def refuse(self, model: Model) -> None:
        """Raise `CompositionError` if this objective means nothing for that model; the message gives the reason."""
        for term in self.summands():
            term.refuse(model)

    def __call__(self, model: Model, passed: Pass, source: Source) -> Terms:
        """Return the terms, (N,) each."""
        return {term.name: model.term(term)(model, passed, source) for term in self.summands()}

    def weights(self, progress: float) -> dict[str, float]:
        """Return the weights when a fraction `progress` of the fit is done, of terms that have another than 1."""
        return {term.name: term.weight_at(progress) for term in self.summands() if not term.unweighted}


class Sum(Objective):
    """A sum of terms.

    Parameters
    ----------
    terms : each in the history under its own name.
    draws : the number of z that expectations over q(z|x) are estimated with.

    >>> Sum((NegativeLogLikelihood(), KL(0.5, warmup=0.1))).weights(0.0)
    {'divergence': 0.0}
    """

    terms: Sequence[Term] = (NegativeLogLikelihood(),)
    draws: int = 1

    def check(self) -> None:
        self.require(len(self.terms) > 0, "terms must name at least one term")
        for term in self.terms:
            self.require_part("terms", term, Term)
        names = [term.name for term in self.terms]
        self.require(len(set(names)) == len(names), f"terms must have names of their own, got {', '.join(names)}")
        self.require_count("draws", self.draws)

    def summands(self) -> Sequence[Term]:
        """Return the terms."""
        return self.terms

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return () if self.draws == 1 else (self.draws,)


class Reconstruction(Objective):
    r"""−log p(x|z) + λΩ: autoencoders, plain, denoising and contractive.

    Parameters
    ----------
    penalty : Ω, such as `Contractive` on the encoder, or None.
    """

    penalty: Term | None = None

    def check(self) -> None:
        self.require_part("penalty", self.penalty, Term, or_none=True)

    def summands(self) -> Sequence[Term]:
        """Return the reconstruction loss and the penalty."""
        return (_RECONSTRUCTION,) if self.penalty is None else (_RECONSTRUCTION, self.penalty)


class ELBO(Objective):
    r"""−𝔼_q log p(x|z) + β·D(q(z|x) ‖ p(z)).

    Diederik P. Kingma and Max Welling, "Auto-Encoding Variational Bayes", 2014, https://arxiv.org/abs/1312.6114,
    equation 3.

    Parameters
    ----------
    divergence : D with its weight; None is KL, of weight 1.
    draws : how many z the expectation is estimated with.
    """

    divergence: Term | None = None
    draws: int = 1

    def check(self) -> None:
        self.require_part("divergence", self.divergence, Term, or_none=True)
        self.require_count("draws", self.draws)

    def summands(self) -> Sequence[Term]:
        """Return the reconstruction loss and the divergence."""
        return _RECONSTRUCTION, self.divergence or _KL

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return () if self.draws == 1 else (self.draws,)


class ImportanceWeighted(Objective):
    r"""−log (1/k) Σᵢ p(x, zᵢ)/q(zᵢ|x), zᵢ ~ q(z|x).

    Yuri Burda, Roger Grosse and Ruslan Salakhutdinov, "Importance Weighted Autoencoders", 2016,
    https://arxiv.org/abs/1509.00519, equation 8.

    Parameters
    ----------
    draws : k; 1 is the evidence bound, and the bound rises with k towards log p(x).
    """

    draws: int = 5

    def check(self) -> None:
        self.require_count("draws", self.draws)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return (self.draws,)

    def refuse(self, model: Model) -> None:
        """Refuse a posterior without density and a model without prior."""
        if not model.has_density:
            raise CompositionError(
                "ImportanceWeighted needs a posterior with a density, whose draws can be weighed: use DiagonalGaussian"
            )
        if model.prior is None:
            raise CompositionError("ImportanceWeighted needs a prior")

    def __call__(self, model: Model, passed: Pass, source: Source) -> Terms:
        """Return the negative bound."""
        return {"bound": math.log(self.draws) - torch.logsumexp(passed.log_weights, 0)}


class Discriminate(Objective):
    r"""D's side of V(D, G), with penalties on ∇D.

    Parameters
    ----------
    value : V(D, G).
    penalties : on D's gradient, one norm a sample.
    judge : what is real, what is fake, and which network is D.
    """

    value: Value
    penalties: Sequence[CriticPenalty] = ()
    judge: Judge = field(default_factory=Data)

    def check(self) -> None:
        self.require_part("value", self.value, Value)
        self.require_part("judge", self.judge, Judge)
        for penalty in self.penalties:
            self.require_part("penalties", penalty, CriticPenalty)

    def __call__(self, model: Model, passed: Pass, source: Source) -> Terms:
        """Return D's loss and the penalties; the fakes carry no graph. Norms of gradients want full precision."""
        if not self.penalties:
            judged = Judged(self.judge, model, passed)
            return {"value": self.value.discriminator(judged.real_logits, judged.fake_logits)}
        with model.full_precision(), torch.enable_grad():
            judged = Judged(self.judge, model, passed)
            terms = {"value": self.value.discriminator(judged.real_logits, judged.fake_logits)}
            return terms | {penalty.name: penalty(judged, source) for penalty in self.penalties}

    def weights(self, progress: float) -> dict[str, float]:
        """Return each penalty's weight."""
        return {penalty.name: penalty.weight for penalty in self.penalties}


class Deceive(Objective):
    r"""G's side of V(D, G); D's weights stand still, its graph does not.

    Parameters
    ----------
    value : V(D, G).
    judge : as in `Discriminate`.
    terms : what G minimises beside it.
    """

    value: Value
    judge: Judge = field(default_factory=Data)
    terms: Sequence[Term] = ()

    def check(self) -> None:
        self.require_part("value", self.value, Value)
        self.require_part("judge", self.judge, Judge)

    def summands(self) -> Sequence[Term]:
        """Return the terms beside the value."""
        return self.terms

    def __call__(self, model: Model, passed: Pass, source: Source) -> Terms:
        """Return G's loss."""
        fake = self.judge.logits(model, self.judge.fake(passed), passed.condition)
        if self.value.paired:
            with torch.no_grad():
                real = self.judge.logits(model, self.judge.real(passed), passed.condition)
        else:
            real = torch.zeros_like(fake)
        return {"value": self.value.generator(real, fake), **super().__call__(model, passed, source)}
