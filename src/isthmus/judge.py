"""Judges: the real samples, the fake samples and the network D of an adversarial game."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .facts import Facts
from .parts import Part

if TYPE_CHECKING:
    from .model import Model, Pass

__all__ = ["Codes", "Data", "Judge", "Judged"]


class Judge(Part, kind="judge"):
    """Base of judges, which define the real and the fake samples that D is to tell apart.

    Parameters
    ----------
    network : the name of the network D, whose weights the discriminating player moves.

    >>> class Reconstructions(Judge):
    ...     "Data against their reconstructions."
    ...     def real(self, passed):
    ...         return passed.x
    ...     def fake(self, passed):
    ...         return passed.p.mean
    """

    network: str = "discriminator"

    def shape(self, facts: Facts) -> tuple[int, ...]:
        """Return the shape of D's input: that of a sample, unless a subclass overrides it."""
        return facts.shape

    def real(self, passed: Pass) -> Tensor:
        """Return the real samples, (N, *shape)."""
        raise NotImplementedError

    def fake(self, passed: Pass) -> Tensor:
        """Return the fake samples, (N, *shape)."""
        raise NotImplementedError

    def logits(self, model: Model, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return D's logits, (N,)."""
        return model.through(self.network, x, condition).reshape(len(x))


class Data(Judge):
    """x against G(z), z ~ p(z).

    Ian J. Goodfellow et al., "Generative Adversarial Nets", 2014, https://arxiv.org/abs/1406.2661.
    """

    def real(self, passed: Pass) -> Tensor:
        """Return x, as a network looks at it."""
        return passed.model.scaling.inputs(passed.x)

    def fake(self, passed: Pass) -> Tensor:
        """Return G(z), as a network looks at it."""
        x: Tensor = passed.once("seen", lambda: passed.model.scaling.inputs_of(passed.p_generated))
        return x


class Codes(Judge):
    """z ~ p(z) against z ~ q(z|x).

    Alireza Makhzani et al., "Adversarial Autoencoders", 2016, https://arxiv.org/abs/1511.05644.
    """

    def shape(self, facts: Facts) -> tuple[int, ...]:
        """Return (d,)."""
        return (facts.latent_dim,)

    def real(self, passed: Pass) -> Tensor:
        """Return codes from the prior."""
        return passed.z_prior

    def fake(self, passed: Pass) -> Tensor:
        """Return the codes of the rows."""
        return passed.z


class Judged:
    """D's inputs and logits for a batch, computed once and shared by the value and its penalties.

    Attributes
    ----------
    real, fake : D's inputs, which are leaves of the graph, so that ∇D can be computed at them.
    real_logits, fake_logits : D's logits of them, (N,) each.
    """

    def __init__(self, judge: Judge, model: Model, passed: Pass) -> None:
        with torch.no_grad():
            real, fake = judge.real(passed), judge.fake(passed)
        self._judge, self._model, self._condition = judge, model, passed.condition
        self.real, self.fake = real.detach().requires_grad_(), fake.detach().requires_grad_()
        self.real_logits, self.fake_logits = self.logits(self.real), self.logits(self.fake)

    def logits(self, x: Tensor) -> Tensor:
        """Return D's logits of other points, (N,)."""
        return self._judge.logits(self._model, x, self._condition)
