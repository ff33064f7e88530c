"""Deep encoders whose layers are trained one after the other before the whole is."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .conditional import Entrywise
from .corruption import Corruption, Masking
from .errors import CompositionError
from .facts import Facts
from .likelihood import Bernoulli, Gaussian, Likelihood
from .model import Model
from .networks import MLP, Network, Tied
from .objective import Reconstruction
from .posterior import Deterministic
from .scaling import Scaling
from .training import Rows, fit_to

__all__ = ["Stacked"]


class Stacked(Network):
    r"""An MLP whose encoder is trained layer by layer: each layer is a denoising autoencoder of the layer beneath it.

    A layer is trained, with tied weights, to bring back the values of the one beneath it from a corruption of them; the
    rows are corrupted in the data's units. The fit then goes on with the whole network, whose decoder starts at the
    same weights if the estimator has ``tied=True``.

    Pascal Vincent et al., "Stacked Denoising Autoencoders: Learning Useful Representations in a Deep Network with a
    Local Denoising Criterion", 2010, https://jmlr.org/papers/v11/vincent10a.html, section 3.5.

    Parameters
    ----------
    hidden : widths of the layers below the code.
    activation : f of every layer, the code's too; values between layers are in (0, 1) if it is a sigmoid.
    corruption : of every layer's input.
    epochs : of each layer's fit.
    learning_rate : of each layer's fit.
    """

    hidden: Sequence[int] = (256, 128)
    activation: str = "sigmoid"
    corruption: Corruption = Masking(0.25)
    epochs: int = 20
    learning_rate: float = 4e-3

    def check(self) -> None:
        self.require_part("corruption", self.corruption, Corruption)
        self.require_count("epochs", self.epochs)
        self.require_positive("learning_rate", self.learning_rate)
        self._whole()

    def encoder(self, shape: tuple[int, ...], outputs: int, condition: int = 0) -> nn.Module:
        """Build (N, *shape) → (N, outputs)."""
        if condition:
            raise CompositionError("Stacked: layers that are trained by themselves take no condition")
        layers = self._whole().encoder(shape, outputs)
        assert isinstance(layers, nn.Sequential)
        return _Stack(self, *layers)

    def decoder(self, inputs: int, shape: tuple[int, ...], outputs: int, condition: int = 0) -> nn.Module:
        """Build (N, inputs) → (N, outputs, *shape), an MLP that is not trained beforehand."""
        return self._whole().decoder(inputs, shape, outputs, condition)

    def _whole(self) -> MLP:
        return MLP(self.hidden, self.activation, self.activation)


class _Stack(nn.Sequential):
    """The layers: a flattening, then a linear map and an activation in turn."""

    def __init__(self, settings: Stacked, *layers: nn.Module) -> None:
        super().__init__(*layers)
        self.settings = settings

    def begin(self, model: Model, rows: Rows) -> None:
        """Train the layers, from the data upwards."""
        values = torch.cat([batch.x for batch in rows.in_order()]).to(model.dtype)
        first = True
        for linear, f in zip(list(self)[1::2], list(self)[2::2], strict=True):
            assert isinstance(linear, nn.Linear)
            values = self._trained(nn.Sequential(nn.Flatten(), linear, f), values, model if first else None)
            first = False

    def _trained(self, layer: nn.Sequential, values: Tensor, model: Model | None) -> Tensor:
        """Train one layer to bring its values back; return what it makes of them.

        Parameters
        ----------
        layer : the layer.
        values : of the layer beneath it, (N, ...).
        model : the whole, for the first layer, whose values are rows in the data's units.
        """
        shape, outputs = tuple(values.shape[1:]), next(layer.parameters()).shape[0]
        inside = self.settings.activation == "sigmoid"
        likelihood: Likelihood = Bernoulli() if inside else Gaussian()
        scaling = Scaling.identity(shape)
        if model is not None:
            scaling = model.scaling
            family = model.likelihood.family if isinstance(model.likelihood, Entrywise) else None
            likelihood = family if isinstance(family, Bernoulli | Gaussian) else Gaussian()
        one = Model(
            Facts(shape, outputs, rows=len(values)),
            scaling=scaling,
            networks={"encoder": layer, "decoder": Tied(layer, scaling.input_shape)},
            posterior=Deterministic(),
            likelihood=likelihood,
            corruption=self.settings.corruption,
        )
        settings = self.settings
        fit_to(one, Reconstruction(), values, epochs=settings.epochs, learning_rate=settings.learning_rate)
        one.eval()
        with torch.no_grad():
            return torch.cat([one.encode(one.scaled(block)).mean for block in torch.split(values, BLOCK_ROWS)])


BLOCK_ROWS = 4096
"""Rows that go through a layer at once."""
