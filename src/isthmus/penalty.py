"""Penalties Ω on derivatives, one value per sample: of the code for contraction, of D in adversarial games."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from torch import Tensor, nn

from .errors import CompositionError
from .judge import Judged
from .parts import Part
from .source import Source
from .term import Term

if TYPE_CHECKING:
    from .model import Model, Pass

__all__ = [
    "R1",
    "R2",
    "AroundData",
    "Contractive",
    "CriticPenalty",
    "DecoderSlope",
    "HigherOrder",
    "Interpolated",
    "closed_form",
    "exact",
    "hutchinson",
]

# f'(a) as a function of h = f(a), for each activation that has such a function.
_SLOPES: dict[type[nn.Module], Callable[[Tensor], Tensor]] = {
    nn.Identity: torch.ones_like,
    nn.Sigmoid: lambda h: h * (1 - h),
    nn.Tanh: lambda h: 1 - h.square(),
    nn.ReLU: lambda h: (h > 0).to(h.dtype),
    nn.Softplus: lambda h: 1 - torch.exp(-h),
}


class Contractive(Term, kind="penalty", final=True):
    r"""λ‖∇ₓh‖²_F, the squared Frobenius norm of the encoder's Jacobian.

    Parameters
    ----------
    weight : λ.
    method : ``"closed"`` is Σⱼ f'(aⱼ)²‖Wⱼ‖², for a one-layer encoder (equation 7). ``"exact"`` computes a row of the
        Jacobian J for each code unit, for any encoder. ``"estimate"`` is ‖vᵀJ‖² with v ~ N(0, I), whose mean is ‖J‖²_F
        and which costs as much as one row. ``"auto"`` takes the closed form for a one-layer encoder, else the exact
        norm for up to 8 code units, else the estimate.
    draws : the number of v that an estimate averages over.
    warmup : the fraction of the fit over which the weight rises from zero.

    References
    ----------
    Salah Rifai, Pascal Vincent, Xavier Muller, Xavier Glorot and Yoshua Bengio, "Contractive Auto-Encoders: Explicit
        Invariance During Feature Extraction", 2011, https://icml.cc/2011/papers/455_icmlpaper.pdf, equation 1.
    """

    name: ClassVar[str] = "contraction"
    names: ClassVar[tuple[str, ...]] = ("auto", "closed", "exact", "estimate")

    weight: float = 0.1
    method: Literal["auto", "closed", "exact", "estimate"] = "auto"
    draws: int = 1

    def check(self) -> None:
        super().check()
        self.require(self.method in self.names, f"method must be one of {', '.join(self.names)}, got {self.method!r}")
        self.require_count("draws", self.draws)

    def refuse(self, model: Model) -> None:
        """Refuse encoders without a Jacobian per sample, and ones without a closed form if `method` asks for it."""
        if "encoder" not in model.networks:
            raise CompositionError("Contractive: the model has no encoder")
        encoder = model.networks["encoder"]
        if any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in encoder.modules()):
            raise CompositionError(
                "Contractive: batch normalisation mixes samples, so that no sample has a Jacobian of its own; "
                "use a network without it"
            )
        if self.method == "closed" and _one_layer(encoder) is None:
            raise CompositionError(
                "Contractive: the closed form is for a one-layer encoder, MLP(()); use method='exact'"
            )

    @staticmethod
    def closed_for(encoder: nn.Module) -> bool:
        """Return whether the closed form holds for that encoder."""
        return _one_layer(encoder) is not None

    def __call__(self, model: Model, passed: Pass, source: Source) -> Tensor:
        """Return ‖∇ₓh‖²_F at each x̃, (N,), h being the posterior's mean."""
        with model.full_precision():
            h = passed.q.mean
            layer = _one_layer(model.networks["encoder"]) if self.method in ("auto", "closed") else None
            narrow = model.scaling.input_shape == model.shape  # else the encoder looks at more than x
            if layer is not None and narrow and layer[0].out_features == h.shape[1]:
                return closed_form(*layer, h)
            with torch.enable_grad():
                x = passed.x_tilde.detach().requires_grad_()
                h = model.encode(x, passed.condition, passed.batch.observed).mean
                if self.method in ("exact", "closed") or (self.method == "auto" and h.shape[1] <= 8):
                    return exact(h, x)
                return hutchinson(h, x, self.draws, source)


class HigherOrder(Contractive):
    r"""λ(‖∇ₓh(x)‖²_F + γ 𝔼 ‖∇ₓh(x) − ∇ₓh(x + ε)‖²_F), ε ~ N(0, σ²I): insensitive, and evenly so around each row.

    To the second order of σ, the second summand is γσ² times the squared norm of the encoder's Hessian. Its norm is
    estimated along random directions of the code: ‖vᵀJ‖² with v ~ N(0, I) has the mean ‖J‖²_F.

    Salah Rifai, Grégoire Mesnil, Pascal Vincent, Xavier Muller, Yoshua Bengio, Yann Dauphin and Xavier Glorot,
    "Higher Order Contractive Auto-Encoder", 2011, https://doi.org/10.1007/978-3-642-23783-6_41, equation 10.

    Parameters
    ----------
    weight : λ.
    method : how ‖∇ₓh(x)‖² is computed, as in `Contractive`.
    draws : the number of ε, each with a v of its own.
    hessian : γ.
    std : σ, in the model's units.
    """

    hessian: float = 1.0
    std: float = 0.1

    def check(self) -> None:
        super().check()
        self.require(self.hessian >= 0, f"hessian must not be negative, got {self.hessian}")
        self.require_positive("std", self.std)

    def __call__(self, model: Model, passed: Pass, source: Source) -> Tensor:
        """Return the penalty at each x̃, (N,)."""
        first = super().__call__(model, passed, source)
        total = torch.zeros_like(first)
        with model.full_precision(), torch.enable_grad():
            for _ in range(self.draws):
                at = passed.x_tilde.detach()
                near = at + self.std * source.normal(at.shape, at)
                v = source.normal(passed.q.mean.shape, first)
                rows: list[Tensor] = []
                for x in (at.requires_grad_(), near.requires_grad_()):
                    h = model.encode(x, passed.condition, passed.batch.observed).mean
                    rows += torch.autograd.grad((v * h).sum(), x, create_graph=True)
                total = total + (rows[0] - rows[1]).flatten(1).square().sum(1)
        return first + self.hessian * total / self.draws


class DecoderSlope(Term, kind="penalty", final=True):
    r"""λ‖∇_z x̂‖²_F, the squared Frobenius norm of the decoder's Jacobian at the code, by `hutchinson`.

    Partha Ghosh, Mehdi S. M. Sajjadi, Antonio Vergari, Michael Black and Bernhard Schölkopf, "From Variational to
    Deterministic Autoencoders", 2020, https://arxiv.org/abs/1903.12436, section 3.2: the gradient penalty.

    Parameters
    ----------
    weight : λ.
    draws : the number of directions that the estimate averages over.
    """

    weight: float = 1e-2
    draws: int = 1

    def check(self) -> None:
        super().check()
        self.require_count("draws", self.draws)

    def refuse(self, model: Model) -> None:
        """Refuse a model without a decoder."""
        if "decoder" not in model.networks:
            raise CompositionError("DecoderSlope: the model has no decoder")

    def __call__(self, model: Model, passed: Pass, source: Source) -> Tensor:
        """Return ‖∇_z x̂‖² at each code, (N,)."""
        with model.full_precision(), torch.enable_grad():
            z = passed.z if passed.z.requires_grad else passed.z.detach().requires_grad_()
            return hutchinson(model.decode(z, passed.condition).mean.flatten(1), z, self.draws, source)


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
    """Return ‖∂h/∂x‖²_F for each sample by one backward pass per code unit: h (N, d), x (N, ...) → (N,)."""
    rows = torch.zeros(len(x), dtype=h.dtype, device=h.device)
    for unit in h.unbind(1):
        rows = rows + _squared_norm(unit.sum(), x)
    return rows


def hutchinson(h: Tensor, x: Tensor, draws: int, source: Source) -> Tensor:
    """Return the mean over draws of ‖vᵀ ∂h/∂x‖² with v ~ N(0, I), an unbiased estimate of ‖∂h/∂x‖²_F, (N,).

    Michael F. Hutchinson, "A stochastic estimator of the trace of the influence matrix for Laplacian smoothing
    splines", 1990, https://doi.org/10.1080/03610919008812866.
    """
    total = torch.zeros(len(x), dtype=h.dtype, device=h.device)
    for _ in range(draws):
        v = source.normal(h.shape, h)
        total = total + _squared_norm((v * h).sum(), x)
    return total / draws


def _squared_norm(scalar: Tensor, x: Tensor) -> Tensor:
    """Return ‖∂scalar/∂xⱼ‖² for each sample j, with a graph for the backward pass."""
    (gradient,) = torch.autograd.grad(scalar, x, create_graph=True)
    return gradient.flatten(1).square().sum(1)


class CriticPenalty(Part, kind="critic_penalty"):
    """Base of penalties on D: ``penalty(judged, source) -> (N,)``, one norm per sample.

    `judged` holds the inputs and logits that the value uses, so that a gradient at these inputs needs no further pass
    through D.
    """

    weight: float = 1.0

    def check(self) -> None:
        self.require(self.weight >= 0, f"weight must not be negative, got {self.weight}")

    @property
    def name(self) -> str:
        """The penalty's column in the history."""
        return type(self).__name__.lower()

    def __call__(self, judged: Judged, source: Source) -> Tensor:
        """Return the penalty of each sample, unweighted."""
        raise NotImplementedError


class R1(CriticPenalty):
    """½‖∇D(x)‖² at real samples, with weight γ.

    Lars Mescheder, Andreas Geiger and Sebastian Nowozin, "Which Training Methods for GANs do actually Converge?", 2018,
    https://arxiv.org/abs/1801.04406, equation 9.
    """

    def __call__(self, judged: Judged, source: Source) -> Tensor:
        """Return ½‖∇D(x)‖²."""
        return 0.5 * _squared_norm(judged.real_logits.sum(), judged.real)


class R2(CriticPenalty):
    """½‖∇D(x̂)‖² at generated samples, with weight γ.

    Lars Mescheder, Andreas Geiger and Sebastian Nowozin, "Which Training Methods for GANs do actually Converge?", 2018,
    https://arxiv.org/abs/1801.04406, equation 10.
    """

    def __call__(self, judged: Judged, source: Source) -> Tensor:
        """Return ½‖∇D(G(z))‖²."""
        return 0.5 * _squared_norm(judged.fake_logits.sum(), judged.fake)


class Interpolated(CriticPenalty):
    """(‖∇D(ux + (1 − u)x̂)‖ − 1)² between data and samples, u ~ U(0, 1).

    Ishaan Gulrajani et al., "Improved Training of Wasserstein GANs", 2017, https://arxiv.org/abs/1704.00028,
    equation 3.
    """

    weight: float = 10.0

    def __call__(self, judged: Judged, source: Source) -> Tensor:
        """Return (‖∇D‖ − 1)² at one point between each pair of samples."""
        real, fake = judged.real.detach(), judged.fake.detach()
        u = source.uniform((len(real),), real).reshape(-1, *[1] * (real.ndim - 1))
        return _unit_slope(judged, (u * real + (1 - u) * fake).requires_grad_())


class AroundData(CriticPenalty):
    """(‖∇D(x + δ)‖ − 1)² near data, δ uniform on [0, s/2] in each entry and s the spread of the batch: DRAGAN.

    Naveen Kodali, Jacob Abernethy, James Hays and Zsolt Kira, "On Convergence and Stability of GANs", 2017,
    https://arxiv.org/abs/1705.07215, section 2.4.
    """

    weight: float = 10.0

    def __call__(self, judged: Judged, source: Source) -> Tensor:
        """Return (‖∇D‖ − 1)² at one point near each real sample."""
        real = judged.real.detach()
        x = (real + 0.5 * real.std() * source.uniform(real.shape, real)).requires_grad_()
        return _unit_slope(judged, x)


def _unit_slope(judged: Judged, x: Tensor) -> Tensor:
    """Return (‖∇D(x)‖ − 1)², (N,)."""
    norm = (_squared_norm(judged.logits(x).sum(), x) + 1e-12).sqrt()
    return (norm - 1).square()
