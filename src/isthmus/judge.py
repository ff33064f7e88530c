"""Judges: the real samples, the fake samples and the network D of an adversarial game."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .facts import Facts
from .parts import Part

if TYPE_CHECKING:
    from .model import Model, Pass

__all__ = ["Codes", "Data", "Judge", "Judged", "Packed", "Shuffled"]


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


class Packed(Judge):
    """m samples at a time: D says of m of them together whether they are data, so that a lack of variety shows.

    Row i is packed with the m − 1 rows after it in the batch, so that D sees as many packs as rows.

    Zinan Lin, Ashish Khetan, Giulia Fanti and Sewoong Oh, "PacGAN: The power of two samples in generative adversarial
    networks", 2018, https://arxiv.org/abs/1712.04086, section 3.

    Parameters
    ----------
    network : as in `Judge`.
    samples : m.
    """

    samples: int = 2

    def check(self) -> None:
        self.require_count("samples", self.samples)

    def shape(self, facts: Facts) -> tuple[int, ...]:
        """Return (m, *shape), and (m · features,) for rows."""
        return (self.samples * facts.features,) if len(facts.shape) == 1 else (self.samples, *facts.shape)

    def packs(self, x: Tensor) -> Tensor:
        """Return the packs that begin at each row, (N, *shape)."""
        packs = torch.stack([x.roll(-i, 0) for i in range(self.samples)], 1)
        return packs.flatten(1) if x.ndim == 2 else packs

    def real(self, passed: Pass) -> Tensor:
        """Return packs of x."""
        return self.packs(Data().real(passed))

    def fake(self, passed: Pass) -> Tensor:
        """Return packs of G(z)."""
        return self.packs(Data().fake(passed))


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


class Shuffled(Judge):
    """z ~ q(z) against z with every unit taken from another row, which follows Πᵤ q(zᵤ).

    Hyunjik Kim and Andriy Mnih, "Disentangling by Factorising", 2018, https://arxiv.org/abs/1802.05983, algorithm 1.
    """

    def shape(self, facts: Facts) -> tuple[int, ...]:
        """Return (d,)."""
        return (facts.latent_dim,)

    def real(self, passed: Pass) -> Tensor:
        """Return the codes of the rows."""
        return passed.z

    def fake(self, passed: Pass) -> Tensor:
        """Return the codes with each unit permuted over the rows by itself."""
        return passed.z.gather(0, passed.source.uniform(passed.z.shape, passed.z).argsort(0))


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
