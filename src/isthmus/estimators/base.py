"""What all estimators share: arguments, the fit around the training loop, and rows in and out in blocks."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self, dataclass_transform

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from .. import memory, persistence, systems
from ..distributions import seeded
from ..errors import CompositionError, DataError
from ..likelihood import Bernoulli, Gaussian, Likelihood
from ..model import Model
from ..networks import MLP, Conv, Custom, Network
from ..parts import Facts, encode, resolve
from ..report.mixin import Reports
from ..scaling import Scaling, moments
from ..trackers import tracking
from ..training import Adam, History, Player, Run, Training, train
from ..training.checkpoint import Checkpoints
from ..training.data import Rows, as_tensor, is_mapped, place_for
from ..training.device import check_precision, has_bfloat16, pick_device
from ..training.settings import PLACES
from ._placing import AnyPlace
from ._progress import progress
from ._rows import check_rows, check_target, check_unit_interval, value_range

__all__ = ["BLOCK", "Estimator", "told_apart"]

MONITORED = 1_000
"""Rows that what goes into the history after each epoch is measured on, at most."""

BLOCK_VALUES = 2**22
"""Values a GPU is given at once, when a fitted model is used: enough to keep it busy."""

BLOCK = 256
"""Rows go through a fitted model in blocks of exactly so many, the last one filled up, so that a row's result does not
depend on how many came with it, to the bit."""

VARIES = 0.3
"""A feature varies, and is centred, if its standard deviation is at least so much of the largest."""

_COMMON = """latent_dim : d, the width of the code; ``"auto"`` is a quarter of the number of features, at most 32.
    network : the blueprint of the encoder and the decoder, a name (``"mlp"``, ``"conv"``) or a pair of factories
        ``(make_encoder, make_decoder)``, see `isthmus.networks.Custom`; ``"auto"`` is convolutional for images.
    likelihood : p(x|z) and with it the loss; ``"auto"`` is Bernoulli for binary or [0, 1] data and grey values in
        uint8, Gaussian on standardised features otherwise. What was picked is in ``likelihood_``.
    max_epochs : passes over the data.
    batch_size : rows a step; ``"auto"`` is a hundredth of the data, from 16 to 256.
    learning_rate : the highest rate that the schedule reaches. Sigmoid units want two to four times the default: their
        slope is at most ¼, so that their weights have further to go.
    validation_fraction : the share of the rows held out; their losses are in ``history_``.
    scaling : ``"auto"`` standardises features under a Gaussian, divides uint8 by 255 under a Bernoulli, and takes the
        mean off what the encoder looks at; ``"none"`` leaves the data as they are. Results are in the data's own
        units either way.
    device : ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ...
    precision : ``"float32"``, ``"bfloat16"`` (matrix products only), ``"float64"``; ``"auto"`` is bfloat16 where the
        hardware has it and the network is wide enough to gain, float32 otherwise.
    training : everything else about training, a `Training`.
    random_state : an integer makes fit and sample repeat themselves, bit for bit on the same machine.
    verbose : 1 shows a progress bar and says what ``"auto"`` picked."""


@dataclass_transform(kw_only_default=True)
@dataclass(eq=False, repr=False)
class Estimator(Reports, BaseEstimator):  # type: ignore[misc]
    """Base of the estimators. Arguments are declared as annotated attributes; ``__init__`` only stores them."""

    _recipe: ClassVar[Training] = Training(optimizer=Adam(beta2=0.95), averaging=0.0)
    """What a fit is made with where `training` leaves it open, chosen by measurement: β₂ = 0.95 forgets a step whose
    gradient was far out of scale, as rows with heavy tails have it, after twenty others."""

    _watch: ClassVar[str] = "validation_loss"
    """The column of the history that says when to stop early, lower is better."""

    latent_dim: Any = "auto"
    _: KW_ONLY
    network: Any = "auto"
    likelihood: Any = "auto"
    max_epochs: int = 50
    batch_size: Any = "auto"
    learning_rate: float = 4e-3
    validation_fraction: float = 0.0
    scaling: str = "auto"
    device: str = "auto"
    precision: str = "auto"
    training: Training | None = None
    random_state: Any = None
    verbose: int = 0

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.__doc__ = (cls.__doc__ or "").replace("{common}", _COMMON)
        dataclass(eq=False, repr=False, kw_only=True)(cls)
        composed = cls._parts is not Estimator._parts and cls._players is not Estimator._players
        if composed and not cls.__name__.startswith("_"):
            systems.register(cls)

    # What a system is: which parts it is composed of, and who plays.

    def _resolve(self, X: np.ndarray) -> None:
        """Set ``<part>_`` for every part that ``"auto"`` or a name stands for; subclasses add theirs."""
        self.latent_dim_ = self._resolve_latent_dim()
        self.likelihood_ = resolve("likelihood", self.likelihood, lambda: self._auto_likelihood(X))
        if not isinstance(self.likelihood_, Likelihood):
            raise CompositionError(f"likelihood must be a Likelihood or its name, got {self.likelihood!r}")
        self.network_ = self._resolve_network(self.network)

    def _parts(self) -> dict[str, Any]:
        """Return the parts that the system is composed of, besides network and likelihood."""
        raise NotImplementedError

    def _model(self, facts: Facts, scaling: Scaling) -> Model:
        """Compose the model from the resolved parts."""
        return Model(facts, scaling=scaling, network=self.network_, likelihood=self.likelihood_, **self._parts())

    def _players(self) -> list[Player]:
        """Return who plays on the model."""
        raise NotImplementedError

    def _auto_likelihood(self, X: np.ndarray) -> Likelihood:
        return Bernoulli() if _unit_scale(X) is not None else Gaussian()

    def _auto_network(self) -> Network:
        return Conv() if _is_image(self.shape_) else MLP((512 if math.prod(self.shape_) >= 256 else 256,))

    def _auto_latent_dim(self, n_features: int) -> int:
        return max(1, min(32, n_features // 4))

    # Fitting.

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the model to X.

        Parameters
        ----------
        X : (N, features), (N, H, W), (N, C, H, W), ...: array, tensor, memory map or frame of numbers.
        y : ignored, as scikit-learn's pipelines want it.

        Returns
        -------
        self : fitted. If the fit fails, whatever was fitted before is still there.

        Raises
        ------
        DataError : the data cannot be used; rows and columns are named.
        CompositionError : an argument is out of range, or parts mean nothing together.
        """
        return self._fit(X, None)

    def _fit(self, X: Any, target: Any) -> Self:
        """Fit with X as input and as target, unless another target of X's shape is given."""
        before = dict(vars(self))
        try:
            self._run(X, target)
        except BaseException:
            self.__dict__ = before
            raise
        return self

    def _settings(self) -> Training:
        return (self.training or Training()).completed(self._recipe)

    def _run(self, X: Any, target: Any) -> None:
        self._check_arguments()
        x, partner = check_rows(self, X, reset=True, minimum=2), None
        if target is not None:
            x, partner = check_target(target), x
        self.shape_, self.dtype_ = tuple(x.shape[1:]), x.dtype
        settings = self._settings()
        seed = int(check_random_state(self.random_state).randint(2**31))
        checkpoints = self._checkpoints(settings, seed, x, partner)
        seed = seed if checkpoints is None else checkpoints.seed
        self._resolve(x)
        device = pick_device(self.device)
        rows, held_out = self._split(len(x), seed)
        memory.refuse(self, x, device)
        scaling, facts = self._scale(x, partner, rows.numpy())
        with seeded(seed, device):
            model = self._model(facts, scaling)
            self.precision_ = self._pick_precision(model, device)
            model.place(device, torch.float64 if self.precision_ == "float64" else torch.float32)
            model.mixed = self.precision_ == "bfloat16"
            place = place_for(x.nbytes + (0 if partner is None else partner.nbytes), device)
            X, noisy = as_tensor(x, place), None if partner is None else as_tensor(partner, place)
            size = self._pick_batch_size(len(rows))
            _refuse_batches_of_one(model, size)
            taken = partial(Rows, X, noisy, size, device=device, ahead=is_mapped(x))
            watched = x[_spread(rows if held_out is None else held_out)]
            with (
                tracking(settings.trackers, self) as tracked,
                progress(type(self).__name__, self.max_epochs, self.verbose) as show,
            ):

                def report(row: dict[str, float]) -> None:
                    tracked.epoch(row)
                    show(row)

                run = Run(
                    epochs=self.max_epochs,
                    learning_rate=self.learning_rate,
                    settings=settings,
                    generator=torch.Generator(device).manual_seed(seed),
                    validation=None if held_out is None else taken(held_out),
                    monitor=lambda model: self._monitor(model, as_tensor(watched, device)),
                    watch=self._watch,
                    report=report,
                    checkpoints=checkpoints,
                )
                self.history_: History = train(model, self._players(), taken(rows), run)
        model.mixed = False
        self.model_ = model
        self.n_epochs_ = len(self.history_)
        self._n_features_out = self.latent_dim_
        if self.verbose:
            print(self._say())

    def _monitor(self, model: Model, x: Tensor) -> dict[str, float]:
        """Return what goes into the history after each epoch, measured on held-out rows if there are any."""
        return {}

    def _checkpoints(
        self, settings: Training, seed: int, x: np.ndarray, partner: np.ndarray | None
    ) -> Checkpoints | None:
        """Return where the fit keeps its state; what tells it from other fits is all that its result depends on."""
        if settings.checkpoint is None:
            return None
        arrays: dict[str, np.ndarray] = {}
        apart = {"training", "verbose", "device"}
        given = {k: v for k, v in self.get_params(deep=False).items() if k not in apart}
        moved = {k: v for k, v in settings.get_params(deep=False).items() if k not in PLACES}
        fit = {name: encode(value, arrays) for name, value in (given | moved).items()}
        data = {"X": x, **({} if partner is None else {"X_noisy": partner}), **arrays}
        fit |= {f"{name} ({what})": value for name, a in data.items() for what, value in told_apart(a).items()}
        return Checkpoints(settings.checkpoint, {"system": type(self).__name__, **fit}, seed, settings.resume)

    def _check_arguments(self) -> None:
        for name, lowest in (("max_epochs", 1), ("learning_rate", 0), ("validation_fraction", 0)):
            value = getattr(self, name)
            if not isinstance(value, int | float | np.number) or not value >= lowest:
                raise CompositionError(f"{name} must be a number of at least {lowest}, got {value!r}")
        if not isinstance(self.max_epochs, int | np.integer):
            raise CompositionError(f"max_epochs must be a whole number, got {self.max_epochs!r}")
        if self.validation_fraction >= 1:
            raise CompositionError(f"validation_fraction must lie in [0, 1), got {self.validation_fraction}")
        if self.scaling not in ("auto", "none"):
            raise CompositionError(f"scaling must be 'auto' or 'none', got {self.scaling!r}")
        if self.batch_size != "auto" and (not isinstance(self.batch_size, int | np.integer) or self.batch_size < 1):
            raise CompositionError(f"batch_size must be 'auto' or at least 1, got {self.batch_size!r}")
        check_precision(self.precision)
        if not isinstance(self.training, Training | None):
            raise CompositionError(f"training must be a Training or None, got {self.training!r}")
        if self.training is not None and self.training.patience is not None and not self.validation_fraction:
            raise CompositionError("patience needs held-out rows: set validation_fraction")

    def _resolve_latent_dim(self) -> int:
        if self.latent_dim == "auto":
            return self._auto_latent_dim(math.prod(self.shape_))
        if not isinstance(self.latent_dim, int | np.integer) or self.latent_dim < 1:
            raise CompositionError(
                f"latent_dim must be 'auto' or a whole number of at least 1, got {self.latent_dim!r}"
            )
        return int(self.latent_dim)

    def _resolve_network(self, value: Any) -> Network:
        if isinstance(value, tuple) and len(value) == 2:
            value = Custom(*value)
        network = resolve("network", value, self._auto_network)
        if not isinstance(network, Network):
            raise CompositionError(f"network must be a Network, its name or a pair of factories, got {value!r}")
        return network

    def _split(self, n: int, seed: int) -> tuple[Tensor, Tensor | None]:
        """Return the rows to train on and those held out."""
        if not self.validation_fraction:
            return torch.arange(n), None
        held_out = max(1, round(n * self.validation_fraction))
        if held_out > n - 2:
            raise DataError(
                f"validation_fraction={self.validation_fraction} of {n} rows leaves fewer than 2 to train on"
            )
        order = torch.as_tensor(np.random.default_rng(seed).permutation(n))
        return order[held_out:].sort().values, order[:held_out].sort().values

    def _scale(self, x: np.ndarray, partner: np.ndarray | None, rows: np.ndarray) -> tuple[Scaling, Facts]:
        """Return the model's units and the data's facts; refuse what the likelihood has no value for."""
        mean, variance = moments(x, rows)
        std = torch.as_tensor(np.sqrt(variance))
        if self.likelihood_.unit_interval:
            scale = (_unit_scale(x) or 1.0) if self.scaling == "auto" else 1.0
            check_unit_interval(x, scale)
            scaling = Scaling.identity(self.shape_, scale)
        elif self.scaling == "auto":
            scaling = Scaling.standard(mean, variance)
        else:
            scaling = Scaling.identity(self.shape_)
        met = self._met(mean) if partner is None else moments(partner, rows)[0]
        around_zero = not self.likelihood_.unit_interval and len(self.shape_) == 1
        if self.scaling == "auto" and met is not None and not around_zero:
            scaling.centre = torch.where(std >= VARIES * std.max(), scaling(torch.as_tensor(met), torch.float64), 0.0)
        return scaling, Facts(self.shape_, self.latent_dim_, scaling(torch.as_tensor(mean), torch.float32), std)

    def _met(self, mean: np.ndarray) -> np.ndarray | None:
        """Return the mean of what an encoder meets in training, in the data's units, or None without an encoder."""
        return None

    def _clip_norm(self) -> float | None:
        """Return how far the gradient of a reconstruction may go: the values of standardised rows have no bound."""
        unbounded = len(self.shape_) == 1 and self.scaling == "auto" and not self.likelihood_.unit_interval
        return 3.0 * math.sqrt(self.shape_[0]) if unbounded else None

    def _pick_batch_size(self, n: int) -> int:
        if self.batch_size != "auto":
            return int(self.batch_size)
        return 1 << min(8, max(4, round(math.log2(max(1.0, n / 100)))))

    def _pick_precision(self, model: Model, device: torch.device) -> str:
        if self.precision != "auto":
            return self.precision
        wide = sum(p.numel() for p in model.parameters()) >= 2**18
        return "bfloat16" if wide and has_bfloat16(device) else "float32"

    def _say(self) -> str:
        parts = [f"{name.rstrip('_')} {value}" for name, value in vars(self).items() if name in self._auto_names()]
        return f"{type(self).__name__}: " + ", ".join(parts)

    def _auto_names(self) -> list[str]:
        return [f"{name}_" for name, value in self.get_params(deep=False).items() if value == "auto"]

    # Rows through the fitted model.

    def _check_rows(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "model_")
        shape = tuple(getattr(X, "shape", ()))[1:]
        if len(shape) > 1 or len(self.shape_) > 1:
            self._check_shape(shape or np.shape(X)[1:])
        return check_rows(self, X, reset=False)

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        if shape != self.shape_:
            raise DataError(f"X has samples of shape {shape}, {type(self).__name__} was fitted on {self.shape_}")

    def _check_codes(self, Z: Any) -> np.ndarray:
        check_is_fitted(self, "model_")
        z = np.asarray(Z.detach().cpu() if isinstance(Z, Tensor) else Z)
        if z.ndim != 2 or z.shape[1] != self.latent_dim_:
            raise DataError(f"codes must be (N, {self.latent_dim_}), got {z.shape}")
        return z

    def _block(self, draws: int = 1) -> int:
        """Return how many rows go through at once: the same whatever their number, so that a row has its own bits."""
        device = next(self.model_.parameters()).device
        if device.type == "cpu":
            return BLOCK
        fitting: int = BLOCK_VALUES // (draws * math.prod(self.shape_))
        return max(BLOCK, min(32 * BLOCK, 1 << max(0, fitting.bit_length() - 1)))

    def _map(self, X: np.ndarray, f: Callable[[Tensor], Tensor], dtype: np.dtype[Any], draws: int = 1) -> np.ndarray:
        """Return f applied to X a block at a time, in float64 if `dtype` is that, in float32 otherwise."""
        device, size = next(self.model_.parameters()).device, self._block(draws)
        results = []
        with torch.no_grad(), AnyPlace():
            for start in range(0, len(X), size):
                block = as_tensor(X[start : start + size], device)
                fill = block.new_zeros(size - len(block), *block.shape[1:])
                results.append(f(torch.cat([block, fill]))[: len(block)].cpu().numpy())
        out = np.concatenate(results)
        wide = dtype.kind == "f" and dtype.itemsize == 8  # in whatever byte order
        return out.astype(np.float64 if wide else np.float32, copy=False)

    def _decoded(self, z: Tensor) -> Tensor:
        """Return x̂ in the data's units for codes in a block."""
        x_hat: Tensor = self.model_.scaling.inverse(self.model_.decode(z.to(self.model_.dtype)).mean)
        return x_hat

    # Files.

    def save(self, path: str | Path) -> None:
        """Write the fitted model to a folder: ``config.json``, ``model.safetensors``; no pickle.

        Beside them lie ``README.md``, the model card, and ``history.jsonl``, a line an epoch, for other programs.

        Writing is atomic: the folder is complete or it is not there. A folder is only replaced if it is a model's.
        """
        check_is_fitted(self, "model_")
        persistence.save(self, Path(path))

    @classmethod
    def load(cls, path: str | Path, *, device: str = "auto", **own: Any) -> Self:
        """Read a model that `save` wrote, onto any device; `own` hands over code of your own that it was made with.

        Raises
        ------
        ModelFileError : the folder is missing, damaged, or holds another class's model.
        """
        estimator = persistence.load(Path(path), device=device, own=own, expected=cls)
        assert isinstance(estimator, cls)
        return estimator


def _refuse_batches_of_one(model: Model, size: int) -> None:
    if size == 1 and any(isinstance(m, torch.nn.modules.batchnorm._BatchNorm) for m in model.modules()):
        raise CompositionError("batch normalisation needs batches of at least 2 rows; raise batch_size")


def _spread(rows: Tensor) -> np.ndarray:
    """Return at most `MONITORED` of the rows, evenly spaced."""
    return rows[:: max(1, len(rows) // MONITORED)][:MONITORED].numpy()


def told_apart(a: np.ndarray) -> dict[str, str]:
    """Return what tells an array from another: shape, dtype and a digest of its values."""
    digest = hashlib.blake2b(digest_size=16)
    for start in range(0, len(a), BLOCK):
        digest.update(np.ascontiguousarray(a[start : start + BLOCK]).tobytes())
    return {"shape": str(a.shape), "dtype": a.dtype.name, "values": digest.hexdigest()}


def _unit_scale(X: np.ndarray) -> float | None:
    """Return what X is divided by to lie in [0, 1]: 1 if it does, 255 for grey values in uint8, None if nothing."""
    low, high = value_range(X)
    if low >= 0 and high <= 1:
        return 1.0
    return 255.0 if X.dtype == np.uint8 else None


def _is_image(shape: tuple[int, ...]) -> bool:
    return len(shape) in (2, 3) and min(shape[-2:]) >= 16


def generator_for(random_state: Any, device: torch.device) -> torch.Generator:
    """Return a torch generator seeded from a scikit-learn style random state."""
    return torch.Generator(device).manual_seed(int(check_random_state(random_state).randint(2**31)))
