"""The arguments of every estimator, with their checks."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar, Literal, dataclass_transform

import numpy as np
import torch
from sklearn.base import BaseEstimator

from .. import systems
from ..data import Schema
from ..data.schema import Edits
from ..device import check_precision
from ..errors import CompositionError
from ..likelihood import Likelihood
from ..networks import Factories, Network
from ..parts import own_defaults
from ..training import Training
from ..typing import RandomState

__all__ = ["Arguments"]

_COMMON = """latent_dim : d, the width of the code; ``"auto"`` is a quarter of the number of features, at most 32.
    network : the blueprint of the encoder and the decoder, a name (``"mlp"``, ``"conv"``, ``"unet"``) or a pair of
        factories ``(make_encoder, make_decoder)``, see `isthmus.networks.Custom`; ``"auto"`` is convolutional for
        images. A network may ask for a latent_dim of its own where that is ``"auto"``.
    likelihood : p(x|z) and with it the loss; ``"auto"`` is Bernoulli for binary data and Gaussian on standardised
        features otherwise. The choice is in ``likelihood_``.
    max_epochs : passes over the data; ``"auto"`` is 50. An `Autoencoder` makes fewer over the rows of a table, 5 to
        20: more of them teach it the anomalies among its rows. A `MaskedAutoencoder` makes about 6,000 steps in 10 to
        100 passes.
    batch_size : rows per step; ``"auto"`` is a hundredth of the data, from 16 to 256.
    learning_rate : the highest rate that the schedule reaches. Sigmoid units need two to four times the default, since
        their slope is at most ¼ and their weights have to move farther.
    validation_fraction : the share of held-out rows; their losses are in ``history_``. ``"auto"`` is a tenth from 100
        rows on, none of fewer.
    scaling : with ``"auto"``, the likelihood chooses the model's units (a Gaussian standardises features, a Bernoulli
        divides uint8 by 255), and the encoder's input is centred; ``"none"`` keeps the data's units. Results are in
        the data's own units either way.
    schema : what is said of a table's columns before they are learnt, by name: ``{"zip": "category", "id": None}``
        takes one for categories and leaves one out; or a whole `isthmus.data.Schema`. What was learnt is in
        ``schema_``, and ``print(model.schema_)`` shows it.
    device : ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ..., or a ``torch.device``.
    precision : ``"float32"``, ``"bfloat16"`` (matrix products only) or ``"float64"``; ``"auto"`` is bfloat16 if the
        hardware multiplies it and the network is wide enough to gain from it, otherwise float32.
    training : all other settings of training, a `Training`.
    random_state : a seed or a generator; with an integer, `fit` and `sample` repeat bit for bit on the same machine.
    verbose : 1 shows a progress bar and prints the choices of ``"auto"``.
    warm_start : whether `fit` starts from the weights, units and parts of the fit before; see `partial_fit` for rows
        that come in chunks."""


@dataclass_transform(kw_only_default=True, field_specifiers=(field,))
@dataclass(eq=False, repr=False)
class Arguments(BaseEstimator):  # type: ignore[misc]
    """Arguments are declared as annotated attributes; ``__init__`` only stores them."""

    offers: ClassVar[frozenset[str]] = frozenset()
    """The abilities that a class adds to those of its base classes."""

    latent_dim: int | Literal["auto"] = "auto"
    _: KW_ONLY
    network: Network | str | Factories = "auto"
    likelihood: Likelihood | str = "auto"
    max_epochs: int | Literal["auto"] = "auto"
    batch_size: int | Literal["auto"] = "auto"
    learning_rate: float = 4e-3
    validation_fraction: float | Literal["auto"] = 0.0
    scaling: Literal["auto", "none"] = "auto"
    schema: Schema | Edits | None = None
    device: str | torch.device = "auto"
    precision: str = "auto"
    training: Training | None = None
    random_state: RandomState = None
    verbose: int = 0
    warm_start: bool = False

    def __init_subclass__(cls, system: bool = True, **kwargs: Any) -> None:
        """Make a dataclass of a subclass, and, unless it says ``system=False``, a system that is known by its name."""
        super().__init_subclass__(**kwargs)
        cls.__doc__ = (cls.__doc__ or "").replace("{common}", _COMMON)
        own_defaults(cls)
        dataclass(eq=False, repr=False, kw_only=True)(cls)
        if system and not inspect.isabstract(cls):
            systems.register(cls)

    @classmethod
    def abilities(cls) -> frozenset[str]:
        """Return what the system can: the abilities that its classes offer."""
        return frozenset(ability for base in cls.__mro__ for ability in vars(base).get("offers", ()))

    def check_arguments(self) -> None:
        """Raise `CompositionError` if an argument is out of its range."""
        for name, lowest in (("max_epochs", 1), ("learning_rate", 0), ("validation_fraction", 0)):
            value = getattr(self, name)
            if name != "learning_rate" and value == "auto":
                continue
            if not isinstance(value, int | float | np.number) or not value >= lowest:
                raise CompositionError(f"{name} must be a number of at least {lowest}, got {value!r}")
        if self.max_epochs != "auto" and not isinstance(self.max_epochs, int | np.integer):
            raise CompositionError(f"max_epochs must be a whole number, got {self.max_epochs!r}")
        if self.validation_fraction != "auto" and self.validation_fraction >= 1:
            raise CompositionError(f"validation_fraction must lie in [0, 1), got {self.validation_fraction}")
        if self.scaling not in ("auto", "none"):
            raise CompositionError(f"scaling must be 'auto' or 'none', got {self.scaling!r}")
        if self.batch_size != "auto" and (not isinstance(self.batch_size, int | np.integer) or self.batch_size < 1):
            raise CompositionError(f"batch_size must be 'auto' or at least 1, got {self.batch_size!r}")
        if not isinstance(self.schema, Schema | Mapping | None):
            raise CompositionError(f"schema must be a Schema, columns by name or None, got {self.schema!r}")
        check_precision(self.precision)
        if not isinstance(self.training, Training | None):
            raise CompositionError(f"training must be a Training or None, got {self.training!r}")
        if self.training is not None and self.training.patience is not None and not self.validation_fraction:
            raise CompositionError("patience needs held-out rows: set validation_fraction")
