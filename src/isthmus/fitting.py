"""A fit: rows split, units picked, the model put together, the players played."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import memory
from .batch import Batch
from .corruption import Corruption
from .device import pick_device
from .errors import CompositionError, DataError
from .facts import Facts
from .given import Given, batch_size_for, corruption_width_of, facts_of, precision_for, share_held_out, split, units_of
from .history import History
from .model import Model, Pass
from .parts import same, to_json
from .progress import progress
from .scaling import Scaling, moments
from .seeds import TorchRandom, drawn_seed
from .source import Generated
from .tensors import as_tensor, is_mapped
from .trackers import tracking
from .training import Rows, Run, Training, train
from .training.checkpoint import Checkpoints, Held
from .training.data import place_for
from .training.interrupt import Interrupts
from .training.settings import PLACES

__all__ = ["fingerprint", "fit"]

MONITORED_ROWS = 1_000
"""Rows that what goes into the history after each epoch is measured on, at most."""

FINGERPRINT_ROWS = 256
"""Rows that are hashed at once."""


def fit(estimator: Any, given: Given, interrupts: Interrupts, held: Held | None = None) -> None:
    """Fit an estimator to rows that were checked; everything that it learns is set on it.

    An estimator that has a model goes on from its weights, in its units and with its parts.

    Parameters
    ----------
    interrupts : say whether to end early.
    held : the state that one more epoch goes on from and is kept in; None is a fit of `max_epochs`.
    """
    given = given.counted()
    x = given.x
    if len(x) < 2:
        raise DataError(f"a fit needs at least 2 rows that count, got {len(x)}")
    former: Model | None = getattr(estimator, "model_", None)
    settings: Training = estimator.settings() if held is None else estimator.settings().steady()
    if settings.checkpoint is not None and (former is not None or held is not None):
        raise CompositionError("a fit that goes on from its weights keeps no checkpoints; save the model between fits")
    seed = drawn_seed(estimator.random_state)
    if former is None:
        estimator.shape_, estimator.dtype_ = tuple(x.shape[1:]), x.dtype
    checkpoints = held or _checkpoints(estimator, settings, seed, given)
    seed = checkpoints.seed if isinstance(checkpoints, Checkpoints) else seed
    rows, held_out = split(len(x), share_held_out(estimator, len(x)), seed)
    facts = facts_of(given, rows.numpy())
    changed = _choose(estimator, facts)
    facts = replace(facts, latent_dim=estimator.latent_dim_, condition=facts.condition + corruption_width_of(estimator))
    device = pick_device(estimator.device)
    scaling, facts, given = _units(estimator, given, rows.numpy(), facts, former)
    memory.refuse(estimator, x, facts, device)
    torch_random = TorchRandom(seed, device)
    with torch_random.lent():
        model: Model = estimator.compose(facts, scaling)
        estimator.precision_ = precision_for(estimator, model, device)
        model.place(device, torch.float64 if estimator.precision_ == "float64" else torch.float32)
        model.mixed = estimator.precision_ == "bfloat16"
        if former is not None:
            _take_up(model, former, changed)
        size = batch_size_for(estimator, len(rows))
        _refuse_batches_of_one(model, size)
        assert facts.mean is not None
        arrays = given.arrays() if scaling.reads_gaps else given.with_gaps_told(facts.mean.numpy())
        if given.weight is not None:
            width = np.float64 if model.dtype == torch.float64 else np.float32
            arrays["weight"] = (given.weight / given.weight[rows.numpy()].mean()).astype(width)
        place = place_for(sum(array.nbytes for array in arrays.values()), device)
        data = Batch(**{name: as_tensor(array, place) for name, array in arrays.items()})
        taken = partial(Rows, data, size, device=device, ahead=is_mapped(x))
        spread = _spread(rows if held_out is None else held_out)
        watched = data.map(lambda tensor: tensor[spread.to(tensor.device)].to(device))
        _try(model, watched, device)
    before = list(estimator.history_) if former is not None and (held is None or held.found is None) else []
    epochs = estimator.epochs_for(len(rows)) if held is None else 1
    counted = epochs + (0 if held is None or held.found is None else len(held.found.facts["history"]))
    with (
        interrupts,
        tracking(settings.trackers, estimator) as tracked,
        progress(type(estimator).__name__, counted, estimator.verbose) as show,
    ):

        def report(row: dict[str, float]) -> None:
            tracked.epoch(_numbered(row, len(before)))
            show(row)

        def monitor(model: Model) -> dict[str, float]:
            found: dict[str, float] = {}
            for one in estimator.monitors:
                if held_out is not None or not one.needs_held_out:
                    found |= one(model, watched)
            return found

        run = Run(
            epochs=epochs,
            learning_rate=estimator.learning_rate,
            settings=settings,
            generator=torch.Generator(device).manual_seed(seed),
            torch_random=torch_random,
            validation=None if held_out is None else taken(held_out),
            monitor=monitor,
            watch=estimator.watch,
            report=report,
            checkpoints=checkpoints,
            endless=held is not None,
            interrupts=interrupts,
            begins=former is None,
        )
        history = train(model, estimator.players(), taken(rows), run)
        estimator.history_ = History([*before, *(_numbered(row, len(before)) for row in history)])
        model.mixed = False
        estimator.model_ = model
        estimator.n_epochs_ = len(estimator.history_)
        estimator._n_features_out = estimator.latent_dim_


def _numbered(row: dict[str, float], before: int) -> dict[str, float]:
    """Return an epoch's row with its number in all fits, `before` of them before this one."""
    return row | {"epoch": row["epoch"] + before}


def _choose(estimator: Any, facts: Facts) -> list[str]:
    """Choose the parts; return the arguments that are not those of the fit that is gone on with.

    What an argument that did not change stands for stays what it was, whatever the new rows are like.
    """
    now, then = estimator.get_params(deep=False), getattr(estimator, "arguments_", None)
    before = dict(vars(estimator))
    estimator.choose(facts)
    if then is None:
        return []
    changed = [name for name in now if not same(now[name], then.get(name))]
    for name, value in before.items():
        if name.endswith("_") and name[:-1] not in changed:
            setattr(estimator, name, value)
    return changed


def _take_up(model: Model, former: Model, changed: list[str]) -> None:
    """Give a model the weights of the one it goes on from."""
    ours, theirs = ({n: t.shape for n, t in m.state_dict().items()} for m in (model, former))
    if ours != theirs:
        raise CompositionError(
            f"the fit cannot go on: its weights do not fit {' and '.join(changed) or 'the parts'} as set now; set "
            "warm_start=False, or fit a clone"
        )
    model.load_state_dict(former.state_dict())


def _units(
    estimator: Any, given: Given, rows: np.ndarray, facts: Facts, former: Model | None
) -> tuple[Scaling, Facts, Given]:
    """Return the units, or the former ones, the data's facts in them, and the rows within the likelihood's support."""
    likelihood = estimator.likelihood_
    scaling = units_of(estimator, facts) if former is None else copy.deepcopy(former.scaling)
    if likelihood is not None:
        given = replace(given, x=likelihood.checked(given.x, scaling))
    assert facts.mean is not None
    assert facts.std is not None
    standardised = len(facts.shape) == 1 and (likelihood is None or not likelihood.bounded)
    if former is None and estimator.scaling == "auto" and estimator.posterior_ is not None and not standardised:
        met = facts.mean
        if given.noisy is not None:
            met = torch.as_tensor(moments(given.noisy, rows, given.weight)[0])
        elif isinstance(estimator.corruption_, Corruption):
            met = estimator.corruption_.mean(met)
        scaling.centre_at(met, facts.std)
    return scaling, replace(facts, centre=scaling(facts.mean, torch.float32)), given


def _refuse_batches_of_one(model: Model, size: int) -> None:
    if size == 1 and any(isinstance(m, torch.nn.modules.batchnorm._BatchNorm) for m in model.modules()):
        raise CompositionError("batch normalisation needs batches of at least 2 rows; raise batch_size")


def _spread(rows: Tensor) -> Tensor:
    """Return at most `MONITORED_ROWS` of the rows, evenly spaced."""
    return rows[:: max(1, len(rows) // MONITORED_ROWS)][:MONITORED_ROWS]


@torch.no_grad()
def _try(model: Model, batch: Batch, device: torch.device) -> None:
    """Draw one code for each of two rows, so that a distribution that cannot be drawn from is refused before the fit.

    The rows are not corrupted, since a corruption of the user's own may count its calls.
    """
    model.eval()
    batch = batch.map(lambda tensor: tensor[:2])
    source = Generated(torch.Generator(device).manual_seed(0))
    passed = Pass(model, batch, source, x_tilde=model.scaled(batch.x if batch.noisy is None else batch.noisy))
    if model.posterior is not None:
        passed.z  # noqa: B018  (computed where it is asked for)
    if model.prior is not None:
        passed.z_prior  # noqa: B018
    model.train()


def _checkpoints(estimator: Any, settings: Training, seed: int, given: Given) -> Checkpoints | None:
    """Return where the fit keeps its state; what tells it from other fits is all that its result depends on."""
    if settings.checkpoint is None:
        return None
    arrays: dict[str, np.ndarray] = {}
    elsewhere = {"training", "verbose", "device", "warm_start"}
    arguments = {k: v for k, v in estimator.get_params(deep=False).items() if k not in elsewhere}
    trained_on, _ = split(len(given.x), share_held_out(estimator, len(given.x)), seed)
    arguments["max_epochs"] = estimator.epochs_for(len(trained_on))
    moved = {k: v for k, v in settings.get_params(deep=False).items() if k not in PLACES}
    fit = {name: to_json(value, arrays) for name, value in (arguments | moved).items()}
    names = {"x": "X", "noisy": "X_noisy"}
    data = {names.get(name, name): array for name, array in given.arrays().items()}
    fit |= {f"{name} ({what})": value for name, a in (data | arrays).items() for what, value in fingerprint(a).items()}
    return Checkpoints(settings.checkpoint, {"system": type(estimator).__name__, **fit}, seed, settings.resume)


def fingerprint(a: np.ndarray) -> Mapping[str, str]:
    """Return shape, dtype and a digest of the values of an array, which differ for arrays that differ."""
    digest = hashlib.blake2b(digest_size=16)
    for start in range(0, len(a), FINGERPRINT_ROWS):
        digest.update(np.ascontiguousarray(a[start : start + FINGERPRINT_ROWS]).tobytes())
    return {"shape": str(a.shape), "dtype": a.dtype.name, "values": digest.hexdigest()}
