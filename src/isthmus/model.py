"""The module that holds the parts of a composition, and one pass through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from .corruption import Corruption
from .distributions import draw
from .errors import CompositionError
from .likelihood import Likelihood
from .networks import Network, Tied
from .parts import Facts
from .posterior import Posterior
from .prior import Prior
from .scaling import Scaling

__all__ = ["IN_UNITS", "Batch", "Model", "Pass"]


IN_UNITS = ("scaling", "corruption")
"""The parts of a model whose numbers are in the data's units, and so in float64 whatever the weights are in."""


class Batch(NamedTuple):
    """Samples x in the data's units, (N, ...), and where real noisy partners were given, those."""

    x: Tensor
    noisy: Tensor | None = None


class Pass(NamedTuple):
    """One forward pass, shared by every term of an objective; x and x̃ in the model's units."""

    x: Tensor
    x_tilde: Tensor
    q: Distribution
    z: Tensor
    p: Distribution


class Model(nn.Module):
    """The composition x → x̃ → q(z|x̃) → z → p(x|z), with p(z) and, in a game, a discriminator.

    Parameters are blueprints; what a composition does not have is None. Samples that come in are in the data's
    units; codes, passes and distributions are in the model's (`scaling`).

    Parameters
    ----------
    facts : the data's shape and the code's width.
    scaling : the data's units ↔ the model's.
    network : builds encoder and decoder.
    posterior : what the encoder's outputs mean; None leaves the encoder out (an adversarial net has none).
    likelihood : what the decoder's outputs mean.
    prior : where codes come from.
    corruption : p(x̃|x), used in training only.
    discriminator : builds D.
    judges : what D looks at: ``"data"`` or ``"codes"``.
    tied : whether the decoder's weights are the encoder's, transposed.
    """

    def __init__(
        self,
        facts: Facts,
        *,
        scaling: Scaling,
        network: Network,
        likelihood: Likelihood,
        posterior: Posterior | None = None,
        prior: Prior | None = None,
        corruption: Corruption | Callable[..., Tensor] | None = None,
        discriminator: Network | None = None,
        judges: str = "data",
        tied: bool = False,
    ) -> None:
        super().__init__()
        shape, d = facts.shape, facts.latent_dim
        self.shape = shape
        self.latent_dim = d
        self.mixed = False
        self.scaling = scaling
        self.posterior = posterior
        self.encoder = None if posterior is None else network.encoder(shape, posterior.outputs * d)
        if tied:
            if self.encoder is None or posterior is None or posterior.outputs != 1 or likelihood.outputs != 1:
                raise CompositionError("tied weights need one number a code unit and one a feature: an autoencoder's")
            self.decoder: nn.Module = Tied(self.encoder, shape)
        else:
            self.decoder = network.decoder(d, shape, likelihood.outputs)
        self._outputs = likelihood.outputs
        self.likelihood = likelihood.build(facts)
        self.prior = None if prior is None else prior.build(facts)
        self.corruption = corruption.build(facts) if isinstance(corruption, Corruption) else corruption
        judged = shape if judges == "data" else (d,)
        self.discriminator = None if discriminator is None else discriminator.encoder(judged, 1)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of weights, codes and losses."""
        return next(self.decoder.parameters()).dtype

    def place(self, device: torch.device, dtype: torch.dtype) -> Model:
        """Move the model; what is in the data's units stays in float64 wherever the device has it."""
        for name, child in self.named_children():
            child.to(device, torch.float32 if device.type == "mps" else None if name in IN_UNITS else dtype)
        return self

    def scaled(self, x: Tensor) -> Tensor:
        """Return x, in the data's units, in the model's."""
        x_model: Tensor = self.scaling(x, self.dtype)
        return x_model

    def encode(self, x: Tensor) -> Distribution:
        """Return q(z|x) for x in the model's units."""
        if self.encoder is None or self.posterior is None:
            raise CompositionError("this model has no encoder")
        h = self._through(self.encoder, self.scaling.centred(x))
        return self.posterior(h.reshape(len(x), self.posterior.outputs, self.latent_dim).unbind(1))

    def decode(self, z: Tensor) -> Distribution:
        """Return p(x|z) for codes (..., d); leading dimensions become batch dimensions."""
        flat = z.reshape(-1, self.latent_dim)
        out = self._through(self.decoder, flat)
        parameters = out.reshape(*z.shape[:-1], self._outputs, *self.shape).unbind(z.ndim - 1)
        p: Distribution = self.likelihood(parameters, len(self.shape))
        return p

    def p_z(self) -> Distribution:
        """Return the prior p(z)."""
        if self.prior is None:
            raise CompositionError("this model has no prior")
        p: Distribution = self.prior(self.encode)
        return p

    def discriminate(self, x: Tensor) -> Tensor:
        """Return D's logits, (N,), for x in the model's units (or for codes, where D judges codes)."""
        if self.discriminator is None:
            raise CompositionError("this model has no discriminator")
        return self._through(self.discriminator, x).reshape(len(x))

    def forward(self, batch: Batch, generator: torch.Generator, draws: tuple[int, ...] = ()) -> Pass:
        """Corrupt, encode, draw z of shape ``draws + (N, d)``, decode."""
        x, x_tilde = self.inputs(batch, generator)
        q = self.encode(x_tilde)
        z = draw(q, draws, generator)
        return Pass(x, x_tilde, q, z, self.decode(z))

    def inputs(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return x and x̃ in the model's units; x̃ is the real partner, a corruption of x, or x itself."""
        x = self.scaled(batch.x)
        if batch.noisy is not None:
            return x, self.scaled(batch.noisy)
        if self.corruption is None:
            return x, x
        wide = batch.x if batch.x.is_floating_point() else batch.x.to(self.dtype)
        return x, self.scaled(self.corruption(wide, generator))

    def prior_codes(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw n codes from the prior, (n, d)."""
        return draw(self.p_z(), (n,), generator)

    @contextmanager
    def full_precision(self) -> Iterator[None]:
        """Leave bfloat16 for a while: norms of gradients want float32."""
        before, self.mixed = self.mixed, False
        try:
            yield
        finally:
            self.mixed = before

    def _through(self, module: nn.Module, x: Tensor) -> Tensor:
        if not self.mixed:
            out: Tensor = module(x)
            return out
        with torch.autocast(x.device.type, dtype=torch.bfloat16):
            out = module(x)
        return out.to(x.dtype)
