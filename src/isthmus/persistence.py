"""A model is a folder: ``config.json`` and ``model.safetensors``. No pickle anywhere.

Beside them lie ``README.md`` for people and ``history.jsonl`` for other programs, which are not read back.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from . import systems
from .atomic import atomic_folder
from .card import card
from .corruption import Corruption
from .data import Conditions, Schema
from .device import PRECISIONS, pick_device
from .errors import ModelFileError, how_to_get, nearest
from .facts import Facts
from .fitted import Fitted
from .folder import CARD, CONFIG, FORMAT, HISTORY, LEARNT, WEIGHTS, Tensors, digest, one_line, read_config
from .given import units_of
from .history import COLUMN, ROWS
from .likelihood import Likelihood
from .model import IN_DATA_UNITS, Model
from .networks import Conv, Custom, Network
from .objective import Objective
from .parts import Part, from_json, own_copy, same, to_json
from .penalty import CriticPenalty
from .posterior import Posterior
from .prior import Prior
from .seeds import TorchRandom
from .tensors import as_tensor
from .term import Term
from .trackers import json_line
from .training import Training
from .training.compiled import all_own
from .value import Value
from .version import VERSION

__all__ = ["FORMAT", "describe", "load", "read_config", "resolved", "save"]

_KINDS: dict[str, type] = {
    "network_": Network,
    "discriminator_": Network,
    "posterior_": Posterior,
    "likelihood_": Likelihood,
    "prior_": Prior,
    "sampling_prior_": Prior,
    "objective_": Objective,
    "corruption_": Corruption,
    "penalty_": Term,
    "penalties_": CriticPenalty,
    "value_": Value,
    "schema_": Schema,
    "condition_": Conditions,
}
"""What a resolved argument is, where it is a part."""

UNSTORED = {"device": "auto", "random_state": None, "pretrained": None}
"""Arguments that a fitted model does without, and what stands for them where they were objects."""


def save(estimator: Any, path: str | Path) -> None:
    """Write a fitted estimator to a folder, atomically, once it is certain that it can be loaded."""
    path, fitted = Path(path), Fitted(estimator)
    if path.exists() and not ((path / CONFIG).is_file() or (path.is_dir() and not any(path.iterdir()))):
        raise ModelFileError(f"{path} exists and is not a model's folder; choose another place")
    arrays: dict[str, np.ndarray] = {}
    arguments, now = estimator.arguments_, estimator.get_params(deep=False)
    changed = {name: value for name, value in now.items() if not same(value, arguments.get(name))}
    config = {
        "format": FORMAT,
        "isthmus": VERSION,
        "class": type(estimator).__name__,
        "module": type(estimator).__module__,
        "arguments": {k: to_json(_portable(v), arrays) for k, v in arguments.items()},
        "changed": {k: to_json(_portable(v), arrays) for k, v in changed.items()},
        "resolved": {k: to_json(v, arrays) for k, v in resolved(estimator).items()},
        "shape": list(estimator.shape_),
        "condition": fitted.model.condition_width,
        "rows": fitted.model.rows,
        "gaps": fitted.model.gaps,
        "dtype": estimator.dtype_.name,
        "features": _feature_names(estimator),
        "history": estimator.history_.columns,
        "epochs": len(estimator.history_),
    }
    tensors = {f"model.{name}": tensor for name, tensor in fitted.model.state_dict().items()}
    try:
        tensors |= {name: _storable(array) for name, array in (arrays | estimator.history_.arrays()).items()}
        path.parent.mkdir(parents=True, exist_ok=True)
    except TypeError as error:
        raise ModelFileError(one_line(f"{path}: cannot be written: {error}")) from None
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be written: {error.strerror}") from None
    with atomic_folder(path, ModelFileError, last=CONFIG) as draft:
        save_file(_of_their_own(tensors), draft / WEIGHTS)
        config["sha256"] = digest(draft / WEIGHTS)
        (draft / CONFIG).write_text(json.dumps(config, indent=1, allow_nan=True) + "\n", encoding="utf-8")
        (draft / CARD).write_text(card(estimator, resolved(estimator)), encoding="utf-8")
        (draft / HISTORY).write_text("".join(map(json_line, estimator.history_)), encoding="utf-8")
        try:
            _try_loading(draft, estimator)
        except Exception as error:  # whatever would go wrong later goes wrong now, while the model is still there
            said = str(error).replace(str(draft), str(path))
            raise ModelFileError(one_line(f"{path}: would not load, so it is not written: {said}")) from error


def _of_their_own(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return tensors on the CPU; of those that share memory, all but the first are copied."""
    found, places = {}, set()
    for name, tensor in tensors.items():
        here = tensor.detach().cpu().contiguous()
        place = here.untyped_storage().data_ptr()
        found[name] = here.clone() if place in places else here
        places.add(place)
    return found


def _storable(array: np.ndarray) -> torch.Tensor:
    """Return an array as a tensor, which may share its memory; a long double is stored as a double."""
    wide = array.dtype.kind == "f" and array.dtype.itemsize > 8
    return as_tensor(np.asarray(array, np.float64 if wide else None, order="C"), torch.device("cpu"))


def _try_loading(draft: Path, estimator: Any) -> None:
    """Load all of a folder but the values of its weights; code of the user's own is that of the estimator."""
    config = read_config(draft)
    own = {name: _chosen(estimator, name) for name, value in config["arguments"].items() if _holds_own(value)}
    own |= {name[:-1]: getattr(estimator, name) for name, value in config["resolved"].items() if _holds_own(value)}
    _rebuild(draft, config, type(estimator), None, own)


def _chosen(estimator: Any, name: str) -> Any:
    return getattr(estimator, f"{name}_", estimator.arguments_[name])


def _holds_own(value: Any) -> bool:
    """Return whether a stored argument names code of the user's own, at any depth."""
    if isinstance(value, dict):
        return "own" in value or any(map(_holds_own, value.values()))
    return isinstance(value, list) and any(map(_holds_own, value))


def _portable(argument: Any) -> Any:
    """Return an argument without the places on a machine that a fit may write to."""
    return argument.portable() if isinstance(argument, Training) else argument


def resolved(estimator: Any) -> dict[str, Any]:
    """Return what was chosen: fitted attributes that belong to an argument, and all others that are parts."""
    arguments = {f"{name}_" for name in estimator.get_params(deep=False)}
    chosen = {name: value for name, value in vars(estimator).items() if name.endswith("_") and name not in LEARNT}
    return {name: value for name, value in chosen.items() if name in arguments or isinstance(value, Part)}


def _feature_names(estimator: Any) -> list[str] | None:
    names = getattr(estimator, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def describe(path: Path) -> dict[str, str]:
    """Return what a model's folder holds, as text, without making a model of it."""
    config, tensors = read_config(path), Tensors(path / WEIGHTS)
    weights = sum(math.prod(tensors.shapes[name]) for name in tensors.names("model."))
    history = tensors.history(config)
    last = history[-1] if history else {}
    about = {
        "class": str(config["class"]),
        "isthmus": str(config.get("isthmus")),
        "samples": f"shape {tuple(config['shape'])}, {config['dtype']}",
        "columns": ", ".join(config["features"]) if config.get("features") else "–",
        "weights": f"{weights:,} numbers, {tensors.size:,} bytes",
        "epochs": str(len(history)),
    }
    about |= {name.rstrip("_"): _shown(value) for name, value in (config["arguments"] | config["resolved"]).items()}
    shown = {name: value for name, value in last.items() if name not in ("epoch", "seconds") and value is not None}
    about |= {f"last {name}": f"{value:.6g}" for name, value in shown.items()}
    return {one_line(name, 80): one_line(value, 2000) for name, value in about.items()}


def _shown(value: Any) -> str:
    """Return a configuration value as a person would write it."""
    match value:
        case {"part": str(name), **arguments}:
            inside = ", ".join(f"{key}={_shown(item)}" for key, item in arguments.items() if key != "from")
            return f"{name.partition('.')[2]}({inside})"
        case {"own": name}:
            return f"your own {name}"
        case {"array": _} | {"tensor": _}:
            return "numbers"
        case {"dict": dict(items)}:
            return "{" + ", ".join(f"{key}: {_shown(item)}" for key, item in items.items()) + "}"
        case list():
            return "(" + ", ".join(_shown(item) for item in value) + ")"
    return str(value)


def load(
    path: str | Path,
    *,
    device: str | torch.device = "auto",
    own: dict[str, Any] | None = None,
    expected: type | None = None,
) -> Any:
    """Read a model's folder onto a device; see `Estimator.load`."""
    path = Path(path)
    config = read_config(path)
    cls = systems.find(config["class"], config.get("module", ""))
    if cls is None:
        name, module = one_line(config["class"], 40), one_line(config.get("module", ""), 80)
        if module and module.partition(".")[0] != "isthmus":
            raise ModelFileError(f"{path} holds a {name}, which {how_to_get(module)}")
        others = [known.__name__ for known in systems.known().values()]
        raise ModelFileError(f"{path}: unknown model class {name!r}{nearest(name, others)}")
    place = pick_device(device)
    if expected is not None and not issubclass(cls, expected):
        raise ModelFileError(f"{path} holds a {cls.__name__}, not a {expected.__name__}")
    try:
        handed = {
            k: Custom(*v) if k in ("network", "discriminator") and isinstance(v, tuple) else v
            for k, v in (own or {}).items()
        }
        for name, default in UNSTORED.items():
            if _holds_own(config["arguments"].get(name)):
                handed.setdefault(name, default)
        return _rebuild(path, config, cls, place, handed)
    except ModelFileError as error:
        raise ModelFileError(one_line(error)) from None
    except Exception as error:  # whatever a stranger's file leads to is the file's fault
        raise ModelFileError(one_line(f"{path / CONFIG} is damaged: {type(error).__name__}: {error}")) from error


def _rebuild(
    path: Path, config: dict[str, Any], cls: type[Any], device: torch.device | None, own: dict[str, Any]
) -> Any:
    """Make the estimator of a folder, on a device; where that is None, all but the values of its weights."""
    tensors = Tensors(path / WEIGHTS)
    if device is not None:
        tensors.refuse_if_too_large()
    arrays = tensors.arrays()
    given = {k: _portable(from_json(v, arrays, own, k)) for k, v in config["arguments"].items()}
    estimator, changed = cls(**given), config.get("changed", {})
    estimator.arguments_ = own_copy(estimator.get_params(deep=False))
    for name, value in config["resolved"].items():
        part = from_json(value, arrays, own, name[:-1])
        if not _fits(name, part):
            raise ModelFileError(f"{path / CONFIG} is damaged: {name} is {part!r}")
        setattr(estimator, name, part)
    estimator.shape_ = tuple(config["shape"])
    estimator.dtype_ = np.dtype(config["dtype"])
    estimator.n_features_in_ = estimator.shape_[0]
    if config.get("features") is not None:
        estimator.feature_names_in_ = np.array(config["features"], dtype=object)
    if config["format"] < 2:
        _complete_first_format(estimator)
    named = _named(config, tensors)
    try:
        with torch.device("meta"):
            model = _composed(estimator, config, named, tensors)
        whole = all_own(model)
    except RuntimeError:  # a part of the user's own that cannot be made without numbers
        if device is None:
            return estimator
        whole, model = False, _filled(estimator, config, named, tensors)
    _agree(path, model.state_dict(), tensors, named)
    estimator.history_ = tensors.history(config)
    estimator.n_epochs_ = len(estimator.history_)
    if device is None:
        return estimator
    if not whole:  # a module of the user's own may hold tensors that are in no file
        model = _filled(estimator, config, named, tensors)
    if config.get("sha256") not in (None, digest(path / WEIGHTS)):
        raise ModelFileError(f"{path / WEIGHTS} is damaged: its SHA-256 is not the one in {CONFIG}")
    values = tensors.read(list(named.values()))
    model.load_state_dict({name: values[there] for name, there in named.items()}, assign=True)
    estimator.model_ = model.place(device, model.dtype).eval()
    if "latent_dim_" in config["resolved"]:
        estimator._n_features_out = estimator.latent_dim_
    estimator.set_params(**{k: _portable(from_json(v, arrays, own, k)) for k, v in changed.items()})
    return estimator


def _composed(estimator: Any, config: dict[str, Any], named: Mapping[str, str], tensors: Tensors) -> Model:
    """Put the model together from the chosen parts, in the dtype that it was fitted in."""
    facts = _placeholders(config, estimator)
    scaling = units_of(estimator, facts).with_room({name: tensors.shapes[there] for name, there in named.items()})
    model: Model = estimator.compose(replace(facts, mean=None, std=None), scaling)
    width = torch.float64 if estimator.precision_ == "float64" else torch.float32
    for name, child in model.named_children():
        child.to(None if name in IN_DATA_UNITS else width)
    return model


def _filled(estimator: Any, config: dict[str, Any], named: Mapping[str, str], tensors: Tensors) -> Model:
    """Put the model together with numbers in it, which draws on no random state but its own."""
    cpu = torch.device("cpu")
    with TorchRandom(0, cpu).lent(), cpu:
        return _composed(estimator, config, named, tensors)


def _complete_first_format(estimator: Any) -> None:
    """Set what a folder of format 1 left to its class: posterior, prior and layouts, where they were no argument."""
    for name in ("network_", "discriminator_"):
        if isinstance(network := getattr(estimator, name, None), Conv):
            network.set_params(layout={2: "HW", 3: "CHW"}[len(estimator.shape_)])
    for name in ("posterior", "prior"):
        if getattr(estimator, f"{name}_") is None and hasattr(estimator, f"auto_{name}"):
            setattr(estimator, f"{name}_", getattr(estimator, f"auto_{name}")())


def _placeholders(config: dict[str, Any], estimator: Any) -> Facts:
    """Return the facts that a model's shapes depend on; what only its values depend on has shapes alone."""
    shape = tuple(config["shape"])
    return Facts(
        shape,
        estimator.latent_dim_,
        config.get("condition", 0),
        config.get("rows", 0),
        mean=torch.zeros(shape, dtype=torch.float64),
        std=torch.ones(shape, dtype=torch.float64),
        bounds=(0.0, 1.0),
        dtype=config["dtype"],
        columns=None if estimator.schema_ is None else tuple(estimator.schema_.columns),
        gaps=bool(config.get("gaps", False)),
    )


def _named(config: dict[str, Any], tensors: Tensors) -> dict[str, str]:
    """Return where the file has each of the model's tensors; format 1 had no group for the networks."""
    named = {name.removeprefix("model."): name for name in tensors.names("model.")}
    if config["format"] < 2:
        first = ("encoder", "decoder", "discriminator")
        named = {f"networks.{n}" if n.partition(".")[0] in first else n: there for n, there in named.items()}
    return named


def _fits(name: str, part: Any) -> bool:
    """Return whether a resolved argument is what its name says; a user's own function is only called in a fit."""
    if name == "precision_":
        return part in PRECISIONS
    kind = _KINDS.get(name)
    if kind is None or part is None:
        return True
    if isinstance(part, tuple):
        return name == "penalties_" and all(isinstance(item, kind) for item in part)
    return isinstance(part, kind) or (callable(part) and not isinstance(part, Part))


def _agree(path: Path, expected: dict[str, torch.Tensor], found: Tensors, named: dict[str, str]) -> None:
    """Raise `ModelFileError` unless the file holds just the tensors that the configuration makes; none is read."""
    groups = ("model.", "array.", f"{COLUMN}.", f"{ROWS}.")
    strange = [name for name in found.shapes if not name.startswith(groups)]
    if strange:
        raise ModelFileError(f"{path}: {WEIGHTS} is damaged: {strange[0]!r:.80} belongs to no model")
    for name in sorted({*expected, *named}):
        here, there = expected.get(name), found.shapes.get(named.get(name, ""))
        if here is None or there is None or tuple(here.shape) != there:
            shapes = [None if here is None else tuple(here.shape), there]
            raise ModelFileError(
                f"{path}: {CONFIG} and {WEIGHTS} disagree on {name!r:.80}: {shapes[0]} against {shapes[1]}"
            )
        dtypes = {_SHORT[here.dtype]} | ({"F32"} if name.partition(".")[0] in IN_DATA_UNITS else set())
        if found.dtypes[named[name]] not in dtypes:
            dtype = found.dtypes[named[name]]
            raise ModelFileError(
                f"{path}: {CONFIG} and {WEIGHTS} disagree on {name!r:.80}: {_SHORT[here.dtype]} against {dtype}"
            )


_SHORT = {torch.float64: "F64", torch.float32: "F32", torch.int64: "I64", torch.int32: "I32", torch.bool: "BOOL"}
