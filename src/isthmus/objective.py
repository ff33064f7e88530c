"""Objectives: a player minimises a weighted sum of terms, each with one value per sample.

Terms neither step nor reduce, and do not depend on the progress of the fit; their weights may. `weighted_sum` combines
the two. The training loop alone takes the mean over the batch, and logs the same terms that it optimises.
"""

from __future__ import annotations

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
from .tensors import log_mean_exp
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
    """Base of objectives. A subclass names its terms:

    >>> class BetaVAE(Objective):
    ...     beta: float = 4.0
    ...     def summands(self):
    ...         return NegativeLogLikelihood(), KL(self.beta)
    >>> BetaVAE().weights(1.0)
    {'divergence': 4.0}
    """

    def summands(self) -> Sequence[Term]:
        """Return the terms of the sum."""
        return ()

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The leading shape of z: (k,) for an objective whose argument `draws` is k, () for one draw."""
        draws = getattr(self, "draws", 1)
        return () if draws == 1 else (draws,)

    def refuse(self, model: Model) -> None:
        """Raise `CompositionError`, with the reason, if the objective makes no sense for that model."""
        for term in self.summands():
            term.refuse(model)

    def __call__(self, model: Model, passed: Pass, source: Source) -> Terms:
        """Return the terms, (N,) each."""
        return {term.name: model.term(term)(model, passed, source) for term in self.summands()}

    def weights(self, progress: float) -> dict[str, float]:
        """Return the weights other than 1 by term, at `progress`, the fraction of the fit that is done."""
        return {term.name: term.weight_at(progress) for term in self.summands() if not term.unweighted}


class Sum(Objective):
    """A sum of terms.

    Parameters
    ----------
    terms : the terms, each with its own name in the history.
    draws : the number of z per row that estimate expectations over q(z|x).

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
        self.require(len(set(names)) == len(names), f"terms must have different names, got {', '.join(names)}")
        self.require_count("draws", self.draws)

    def summands(self) -> Sequence[Term]:
        """Return the terms."""
        return self.terms


class Reconstruction(Objective):
    r"""−log p(x|z) + λΩ, the objective of plain, denoising and contractive autoencoders.

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
    divergence : D with its weight; None is KL with weight 1.
    draws : the number of z per row that estimate the expectation.
    """

    divergence: Term | None = None
    draws: int = 1

    def check(self) -> None:
        self.require_part("divergence", self.divergence, Term, or_none=True)
        self.require_count("draws", self.draws)

    def summands(self) -> Sequence[Term]:
        """Return the reconstruction loss and the divergence."""
        return _RECONSTRUCTION, self.divergence or _KL


class ImportanceWeighted(Objective):
    r"""−log (1/k) Σᵢ p(x, zᵢ)/q(zᵢ|x), zᵢ ~ q(z|x).

    Yuri Burda, Roger Grosse and Ruslan Salakhutdinov, "Importance Weighted Autoencoders", 2016,
    https://arxiv.org/abs/1509.00519, equation 8.

    Parameters
    ----------
    draws : k. With k = 1 this is the evidence bound; with larger k the bound rises towards log p(x).
    """

    draws: int = 5

    def check(self) -> None:
        self.require_count("draws", self.draws)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return (self.draws,)

    def refuse(self, model: Model) -> None:
        """Refuse a posterior without a density, and a model without a prior."""
        if not model.has_density:
            raise CompositionError(
                "ImportanceWeighted weights draws by a posterior's density, and this one has none: use DiagonalGaussian"
            )
        if model.prior is None:
            raise CompositionError("ImportanceWeighted needs a prior")

    def __call__(self, model: Model, passed: Pass, source: Source) -> Terms:
        """Return the negative bound."""
        return {"bound": -log_mean_exp(passed.log_weights)}


class Discriminate(Objective):
    r"""D's side of V(D, G), with penalties on ∇D.

    Parameters
    ----------
    value : V(D, G).
    penalties : penalties on D's gradient, one norm per sample.
    judge : the choice of real samples, fake samples and the network D.

    References
    ----------
    Ian J. Goodfellow et al., "Generative Adversarial Nets", 2014, https://arxiv.org/abs/1406.2661, algorithm 1.
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
        """Return D's loss and the penalties, with no gradient to G; gradient norms are taken in full precision."""
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
    r"""G's side of V(D, G). Gradients pass through D to G, but D's weights do not move.

    Parameters
    ----------
    value : V(D, G).
    judge : as in `Discriminate`.
    terms : further terms that G minimises.

    References
    ----------
    Ian J. Goodfellow et al., "Generative Adversarial Nets", 2014, https://arxiv.org/abs/1406.2661, algorithm 1.
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
        """Return G's loss and the further terms."""
        fake = self.judge.logits(model, self.judge.fake(passed), passed.condition)
        if self.value.paired:
            with torch.no_grad():
                real = self.judge.logits(model, self.judge.real(passed), passed.condition)
        else:
            real = torch.zeros_like(fake)
        return {"value": self.value.generator(real, fake), **super().__call__(model, passed, source)}
