"""Penalties Ω on derivatives: of the code for contraction, of D in adversarial games; one value a sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from .errors import CompositionError
from .parts import Part

__all__ = ["R1", "R2", "Contractive", "CriticPenalty", "Interpolated", "closed_form", "exact", "hutchinson"]

# f'(a) from h = f(a), for the elementwise functions whose derivative is a function of their value.
_SLOPES: dict[type[nn.Module], Callable[[Tensor], Tensor]] = {
    nn.Identity: torch.ones_like,
    nn.Sigmoid: lambda h: h * (1 - h),
    nn.Tanh: lambda h: 1 - h.square(),
    nn.ReLU: lambda h: (h > 0).to(h.dtype),
    nn.Softplus: lambda h: 1 - torch.exp(-h),
}


class Contractive(Part, kind="penalty", final=True):
    r"""λ‖∇ₓh‖²_F, the squared Frobenius norm of the encoder's Jacobian (Rifai et al. 2011, equation 1).

    Parameters
    ----------
    weight : λ.
    method : ``"closed"``, Σⱼ f'(aⱼ)²‖Wⱼ‖², for a one-layer encoder (equation 7); ``"exact"``, a row of the Jacobian
        for every code unit, for any encoder; ``"estimate"``, ‖vᵀJ‖² with v ~ N(0, I), whose mean is the norm, at the
        price of one row; ``"auto"`` takes the closed form where it holds, the exact one up to 8 code units.
    draws : how many v an estimate averages over.
    """

    weight: float = 0.1
    method: Literal["auto", "closed", "exact", "estimate"] = "auto"
    draws: int = 1

    names: ClassVar[tuple[str, ...]] = ("auto", "closed", "exact", "estimate")

    def check(self) -> None:
        self.require(self.weight >= 0, f"weight must not be negative, got {self.weight}")
        self.require(self.method in self.names, f"method must be one of {', '.join(self.names)}, got {self.method!r}")
        self.require_count("draws", self.draws)

    def refuse(self, encoder: nn.Module) -> None:
        """Raise `CompositionError` for encoders that have no Jacobian a sample, or not the one asked for."""
        if any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in encoder.modules()):
            raise CompositionError(
                "Contractive: batch normalisation mixes samples, so no sample has a Jacobian of its own"
            )
        if self.method == "closed" and _one_layer(encoder) is None:
            raise CompositionError(
                "Contractive: the closed form is for a one-layer encoder, MLP(()); use method='exact'"
            )

    @staticmethod
    def closed_for(encoder: nn.Module) -> bool:
        """Return whether the closed form holds for that encoder."""
        return _one_layer(encoder) is not None

    def __call__(
        self,
        encoder: nn.Module,
        encode: Callable[[Tensor], Distribution],
        x: Tensor,
        h: Tensor,
        generator: torch.Generator,
    ) -> Tensor:
        """Return ‖∇ₓh‖²_F at each x, (N,), h being the code that `encode` gave it, the posterior's mean."""
        layer = _one_layer(encoder) if self.method in ("auto", "closed") else None
        if layer is not None and layer[0].out_features == h.shape[1]:
            return closed_form(*layer, h)
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            h = encode(x).mean
            if self.method in ("exact", "closed") or (self.method == "auto" and h.shape[1] <= 8):
                return exact(h, x)
            return hutchinson(h, x, self.draws, generator)


def _one_layer(encoder: nn.Module) -> tuple[nn.Linear, Callable[[Tensor], Tensor]] | None:
    if not isinstance(encoder, nn.Sequential):
        return None
    layers = [layer for layer in encoder if not isinstance(layer, nn.Flatten)]
    if not layers or not isinstance(layers[0], nn.Linear) or len(layers) > 2:
        return None
    last = layers[1] if len(layers) == 2 else nn.Identity()
    slope = _SLOPES.get(type(last))
    if slope is None or (isinstance(last, nn.Softplus) and last.beta != 1):
        return None
    return layers[0], slope


def closed_form(layer: nn.Linear, slope: Callable[[Tensor], Tensor], h: Tensor) -> Tensor:
    """Return Σⱼ f'(aⱼ)²‖Wⱼ‖² for h = f(Wx + b), (N, d) → (N,) (Rifai et al. 2011, equation 7)."""
    return slope(h).square() @ layer.weight.square().sum(1)


def exact(h: Tensor, x: Tensor) -> Tensor:
    """Return ‖∂h/∂x‖²_F for each sample, one backward pass a code unit: h (N, d), x (N, ...) → (N,)."""
    rows = torch.zeros(len(x), dtype=h.dtype, device=h.device)
    for unit in h.unbind(1):
        rows = rows + _squared_norm(unit.sum(), x)
    return rows


def hutchinson(h: Tensor, x: Tensor, draws: int, generator: torch.Generator) -> Tensor:
    """Return the mean over draws of ‖vᵀ ∂h/∂x‖², v ~ N(0, I): unbiased for ‖∂h/∂x‖²_F (Hutchinson 1990)."""
    total = torch.zeros(len(x), dtype=h.dtype, device=h.device)
    for _ in range(draws):
        v = torch.randn(h.shape, generator=generator, dtype=h.dtype, device=h.device)
        total = total + _squared_norm((v * h).sum(), x)
    return total / draws


def _squared_norm(scalar: Tensor, x: Tensor) -> Tensor:
    """Return ‖∂scalar/∂xⱼ‖² for each sample j, with a graph, so that it can be trained on."""
    (gradient,) = torch.autograd.grad(scalar, x, create_graph=True)
    return gradient.flatten(1).square().sum(1)


class CriticPenalty(Part, kind="critic_penalty"):
    """Base of penalties on D: ``penalty(D, real, fake, generator) -> (N,)``, one norm a sample."""

    weight: float = 1.0

    def check(self) -> None:
        self.require(self.weight >= 0, f"weight must not be negative, got {self.weight}")

    def __call__(self, D: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, generator: torch.Generator) -> Tensor:
        """Return the penalty, unweighted, for each sample."""
        raise NotImplementedError


def _slope_at(D: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        return _squared_norm(D(x).sum(), x)


class R1(CriticPenalty):
    """½‖∇D(x)‖² at real samples, with weight γ (Mescheder et al. 2018, equation 9)."""

    weight: float = 1.0

    def __call__(self, D: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, generator: torch.Generator) -> Tensor:
        """Return ½‖∇D(x)‖²."""
        return 0.5 * _slope_at(D, real)


class R2(CriticPenalty):
    """½‖∇D(x̂)‖² at generated samples, with weight γ (Mescheder et al. 2018, equation 10)."""

    weight: float = 1.0

    def __call__(self, D: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, generator: torch.Generator) -> Tensor:
        """Return ½‖∇D(G(z))‖²."""
        return 0.5 * _slope_at(D, fake)


class Interpolated(CriticPenalty):
    """(‖∇D(ux + (1 − u)x̂)‖ − 1)² between data and samples, u ~ U(0, 1) (Gulrajani et al. 2017, equation 3)."""

    weight: float = 10.0

    def __call__(self, D: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, generator: torch.Generator) -> Tensor:
        """Return (‖∇D‖ − 1)² at one point a pair."""
        u = torch.rand(len(real), generator=generator, dtype=real.dtype, device=real.device)
        u = u.reshape(-1, *[1] * (real.ndim - 1))
        norm = (_slope_at(D, u * real + (1 - u) * fake) + 1e-12).sqrt()
        return (norm - 1).square()
