"""Who is timed: one architecture, one data set, one batch size, in isthmus and in what a user would otherwise pick."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus import VAE, Autoencoder, Training
from isthmus.networks import MLP

from .timing import rate

__all__ = [
    "SYSTEMS",
    "System",
    "bare_products",
    "isthmus_model",
    "multilayer",
    "pythae_speed",
    "pythae_trainer",
    "tight_loop",
]


@dataclass(frozen=True)
class System:
    """An autoencoder of one hidden layer a side, variational or not."""

    name: str
    hidden: int
    latent: int
    variational: bool

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of the four linear layers."""
        code = self.latent * (2 if self.variational else 1)
        return [(784, self.hidden), (self.hidden, code), (self.latent, self.hidden), (self.hidden, 784)]


SYSTEMS = (System("VAE 784-400-20", 400, 20, True), System("AE 784-512-32", 512, 32, False))


def isthmus_model(
    system: System,
    *,
    epochs: int,
    batch_size: int,
    precision: str,
    compile: bool,
    capture: bool | Literal["auto"] = "auto",
    device: str = "cpu",
) -> VAE | Autoencoder:
    """Return the estimator, unfitted; squared error for the autoencoder, as pythae has no other."""
    kind = VAE if system.variational else Autoencoder
    return kind(
        system.latent,
        network=MLP((system.hidden,)),
        likelihood="bernoulli" if system.variational else "gaussian",
        max_epochs=epochs,
        batch_size=batch_size,
        precision=precision,
        training=Training(compile=compile, capture=capture),
        random_state=0,
        device=device,
    )


class _Net(nn.Module):
    """The same architecture by hand."""

    def __init__(self, system: System) -> None:
        super().__init__()
        self.system = system
        first, code, back, last = (nn.Linear(*shape) for shape in system.shapes)
        self.encoder, self.decoder = nn.Sequential(first, nn.ReLU(), code), nn.Sequential(back, nn.ReLU(), last)

    def loss(self, x: Tensor, mixed: bool) -> Tensor:
        with torch.autocast(x.device.type, torch.bfloat16, enabled=mixed):
            code = self.encoder(x)
        code = code.float()
        if not self.system.variational:
            with torch.autocast(x.device.type, torch.bfloat16, enabled=mixed):
                out = self.decoder(code)
            return 0.5 * F.mse_loss(out.float(), x, reduction="sum") / len(x)
        mu, log_variance = code.chunk(2, 1)
        z = mu + torch.exp(0.5 * log_variance) * torch.randn_like(mu)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=mixed):
            out = self.decoder(z)
        kl = 0.5 * (mu.square() + log_variance.exp() - 1 - log_variance).sum()
        return (F.binary_cross_entropy_with_logits(out.float(), x, reduction="sum") + kl) / len(x)


def tight_loop(system: System, x: Tensor, batch_size: int, mixed: bool) -> Callable[[], int]:
    """Return a step of a plain loop: float32 rows ready on the device, no loader, fused Adam, no number read."""
    net = _Net(system).to(x.device)
    adam = torch.optim.Adam(net.parameters(), 1e-3, fused=True)

    def batches() -> Iterator[Tensor]:
        while True:
            order = torch.randperm(len(x), device=x.device)
            yield from (x.index_select(0, rows) for rows in order.split(batch_size) if len(rows) == batch_size)

    stream = batches()

    def step() -> int:
        adam.zero_grad()
        net.loss(next(stream), mixed).backward()
        adam.step()
        return batch_size

    return step


def bare_products(system: System, batch_size: int, dtype: torch.dtype) -> Callable[[], int]:
    """Return the matrix products of a step and nothing else: y = xWᵀ, ∂W = gᵀx, and ∂x = gW but for the first layer."""
    layers = []
    for n_in, n_out in system.shapes:
        x, w, g = torch.rand(batch_size, n_in), torch.rand(n_out, n_in), torch.rand(batch_size, n_out)
        layers.append([t.to(dtype) for t in (x, w, g)] + [torch.empty_like(t, dtype=dtype) for t in (x, w, g)])

    def step() -> int:
        for x, w, _, _, _, y in layers:
            torch.mm(x, w.t(), out=y)
        for x, w, g, dx, dw, _ in reversed(layers):
            torch.mm(g.t(), x, out=dw)
            if x is not layers[0][0]:
                torch.mm(g, w, out=dx)
        return batch_size

    return step


def multilayer(system: System, X: np.ndarray, batch_size: int) -> Callable[[], int]:
    """Return one pass of scikit-learn's `MLPRegressor.partial_fit(X, X)`, 784-400-20-400-784, over some of the rows."""
    from sklearn.neural_network import MLPRegressor

    widths = (system.hidden, system.latent, system.hidden)
    model = MLPRegressor(hidden_layer_sizes=widths, batch_size=batch_size, random_state=0)
    some = X[: max(10_000 // batch_size, 10) * batch_size]

    def one_pass() -> int:
        model.partial_fit(some, some)
        return len(some)

    return one_pass


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep pythae's progress bars, log lines and deprecations off the terminal; they are written all the same."""
    logging.getLogger("pythae").handlers.clear()
    with (
        contextlib.redirect_stderr(io.StringIO()),
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        for name in list(logging.root.manager.loggerDict):
            if name.startswith("pythae"):
                logging.getLogger(name).disabled = True
        yield


def pythae_trainer(
    sizes: Sequence[int],
    X: np.ndarray,
    folder: str,
    *,
    variational: bool,
    device: str = "cpu",
    **config: int,
):
    """Return pythae's own `BaseTrainer` over its own data set and a model of ours of the architecture given.

    Parameters
    ----------
    sizes : features, hidden width, code.
    X : (N, 784) float32 in [0, 1].
    folder : where it writes what it writes.
    device : where it trains.
    config : of `BaseTrainerConfig`.
    """
    with quiet():
        from pythae.data.datasets import BaseDataset
        from pythae.models import AE, VAE, AEConfig, VAEConfig
        from pythae.models.base.base_utils import ModelOutput
        from pythae.models.nn import BaseDecoder, BaseEncoder
        from pythae.trainers import BaseTrainer, BaseTrainerConfig

        n, hidden, latent = sizes

        class Encoder(BaseEncoder):
            def __init__(self) -> None:
                super().__init__()
                self.body = _stack((n, hidden))
                self.mu, self.log_variance = nn.Linear(hidden, latent), nn.Linear(hidden, latent)

            def forward(self, x: Tensor) -> ModelOutput:
                h = self.body(x)
                both = {"log_covariance": self.log_variance(h)} if variational else {}
                return ModelOutput(embedding=self.mu(h), **both)

        class Decoder(BaseDecoder):
            def __init__(self) -> None:
                super().__init__()
                self.body = nn.Sequential(_stack((latent, hidden)), nn.Linear(hidden, n))

            def forward(self, z: Tensor) -> ModelOutput:
                out = self.body(z)
                return ModelOutput(reconstruction=out.sigmoid() if variational else out)

        if variational:
            facts = VAEConfig(input_dim=(n,), latent_dim=latent, reconstruction_loss="bce")
            model = VAE(facts, Encoder(), Decoder())
        else:
            model = AE(AEConfig(input_dim=(n,), latent_dim=latent), Encoder(), Decoder())
        rows = torch.from_numpy(X)
        trainer = BaseTrainer(
            model,
            BaseDataset(rows, torch.zeros(len(rows))),
            training_config=BaseTrainerConfig(output_dir=folder, no_cuda=device == "cpu", **config),
        )
        trainer.prepare_training()
    return trainer


def pythae_speed(trainer, seconds: float) -> float:
    """Rows a second of epochs of pythae's trainer, progress bar and all; the fixed costs of `train()` are left out."""

    def epoch() -> int:
        trainer.callback_handler.on_epoch_begin(training_config=trainer.training_config, epoch=1)
        trainer.train_step(1)
        trainer.callback_handler.on_epoch_end(training_config=trainer.training_config)
        return len(trainer.train_dataset)

    with quiet():
        return rate(epoch, seconds)


def _stack(widths: Sequence[int]) -> nn.Sequential:
    return nn.Sequential(*(layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())))
