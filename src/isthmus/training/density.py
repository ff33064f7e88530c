"""A density fitted to given values by the training loop, for priors that are fitted to codes in their `finish`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..batch import Batch
from ..facts import Facts
from ..model import Model, Pass
from ..objective import Objective, Terms
from ..scaling import Scaling
from ..seeds import TorchRandom
from ..source import Source
from .data import Rows
from .loop import Run, train
from .player import Player
from .settings import Training

__all__ = ["fit_density", "fit_to"]


class _NegativeLogDensity(Objective):
    def __call__(self, model: Model, passed: Pass, source: Source) -> Terms:
        return {"density": -passed.p_z.log_prob(passed.x)}


def fit_density(
    density: nn.Module,
    values: Tensor,
    *,
    epochs: int = 100,
    batch_size: int = 256,
    learning_rate: float = 1e-3,
    training: Training | None = None,
    random_state: int = 0,
) -> None:
    """Fit p(z) to values by maximum likelihood, in place: min −(1/N) Σⱼ log p(zⱼ).

    A density may call this in its own `finish`. Neither `begin` nor `finish` of the density is called here.

    Parameters
    ----------
    density : a module for which ``density(None)`` returns a distribution over (d,): a flow, a mixture, ...
    values : (N, d), such as the codes of the training rows.
    epochs, batch_size, learning_rate, training, random_state : as in an estimator.

    References
    ----------
    Partha Ghosh et al., "From Variational to Deterministic Autoencoders", 2020, https://arxiv.org/abs/1903.12436,
        fit a density to the codes of a fitted autoencoder.
    """
    facts = Facts(tuple(values.shape[1:]), values.shape[1], rows=len(values))
    model = Model(facts, scaling=Scaling.identity(facts.shape), networks={"density": density})
    model.prior = density
    fit_to(
        model,
        _NegativeLogDensity(),
        values,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        training=training,
        random_state=random_state,
    )


@torch.enable_grad()
def fit_to(
    model: Model,
    objective: Objective,
    values: Tensor,
    *,
    epochs: int = 100,
    batch_size: int = 256,
    learning_rate: float = 1e-3,
    training: Training | None = None,
    random_state: int = 0,
) -> None:
    """Fit a model to values by an objective, in place: a model inside another one, in its `begin` or `finish`.

    Neither `begin` nor `finish` of the inner model's parts is called.

    Parameters
    ----------
    model : of samples that have the shape of one value.
    objective : what all of its weights minimise.
    values : (N, ...), such as the codes of the training rows.
    epochs, batch_size, learning_rate, training, random_state : as in an estimator.
    """
    model.place(values.device, values.dtype)
    generator = torch.Generator(values.device).manual_seed(random_state)
    torch_random = TorchRandom(random_state, values.device)
    settings = training or Training()
    run = Run(epochs, learning_rate, settings, generator, torch_random, begins=False, finishes=False)
    train(model, [Player("values", objective)], Rows(Batch(values.detach()), batch_size), run)
