"""A model is a folder: ``config.json`` and ``model.safetensors``. No pickle anywhere.

Beside them lie ``README.md`` for people and ``history.jsonl`` for other programs, which are not read back.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import save_file

from .corruption import Corruption
from .errors import ModelFileError, nearest
from .folder import CARD, CONFIG, FORMAT, HISTORY, WEIGHTS, Tensors, check_config, digest, one_line, read_config
from .likelihood import Likelihood
from .model import IN_UNITS
from .networks import Custom, Network
from .objective import Objective
from .parts import Facts, Part, decode, encode
from .penalty import Contractive, CriticPenalty
from .prior import Prior
from .scaling import Scaling
from .trackers import json_line
from .training import History, Training
from .training.device import PRECISIONS
from .value import Value

if TYPE_CHECKING:
    from .estimators import Estimator

__all__ = ["FORMAT", "describe", "load", "read_config", "resolved", "save"]

_KINDS: dict[str, type] = {
    "network_": Network,
    "discriminator_": Network,
    "likelihood_": Likelihood,
    "prior_": Prior,
    "objective_": Objective,
    "corruption_": Corruption,
    "penalty_": Contractive,
    "penalties_": CriticPenalty,
    "value_": Value,
}
"""What a resolved argument is, where it is a part."""


def save(estimator: Estimator, path: Path) -> None:
    """Write a fitted estimator to a folder, atomically."""
    from . import __version__

    if path.exists() and not ((path / CONFIG).is_file() or (path.is_dir() and not any(path.iterdir()))):
        raise ModelFileError(f"{path} exists and is not a model's folder; choose another place")
    arrays: dict[str, np.ndarray] = {}
    config = {
        "format": FORMAT,
        "isthmus": __version__,
        "class": type(estimator).__name__,
        "arguments": {k: encode(_portable(v), arrays) for k, v in estimator.get_params(deep=False).items()},
        "resolved": {k: encode(v, arrays) for k, v in resolved(estimator).items()},
        "shape": list(estimator.shape_),
        "dtype": estimator.dtype_.name,
        "features": _feature_names(estimator),
        "history": list(estimator.history_),
    }
    tensors = {f"model.{name}": t.detach().cpu().contiguous() for name, t in estimator.model_.state_dict().items()}
    tensors |= {name: torch.as_tensor(np.ascontiguousarray(array)) for name, array in arrays.items()}
    check_config(path, json.loads(json.dumps(config)))
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        save_file(tensors, draft / WEIGHTS)
        config["sha256"] = digest(draft / WEIGHTS)
        (draft / CONFIG).write_text(json.dumps(config, indent=1, allow_nan=True) + "\n", encoding="utf-8")
        (draft / CARD).write_text(_card(estimator), encoding="utf-8")
        (draft / HISTORY).write_text("".join(map(json_line, estimator.history_)), encoding="utf-8")
        draft.chmod(0o755)
        _put(draft, path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _portable(argument: Any) -> Any:
    """Return an argument without the places on a machine that a fit may write to."""
    return argument.portable() if isinstance(argument, Training) else argument


def _put(draft: Path, path: Path) -> None:
    """Move the draft into place; what was there before goes only once the new one stands."""
    if not path.exists():
        os.rename(draft, path)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{path.name}-old-", dir=path.parent))
    os.rename(path, old / "model")
    try:
        os.rename(draft, path)
    except OSError:
        os.rename(old / "model", path)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def resolved(estimator: Estimator) -> dict[str, Any]:
    """Return what ``"auto"`` and names were resolved to: every fitted attribute that belongs to an argument."""
    names = [f"{name}_" for name in estimator.get_params(deep=False)]
    return {name: getattr(estimator, name) for name in names if name in vars(estimator)}


def _feature_names(estimator: Estimator) -> list[str] | None:
    names = getattr(estimator, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def describe(path: Path) -> dict[str, str]:
    """Return what a model's folder holds, as text, without making a model of it."""
    config, tensors = read_config(path), Tensors(path / WEIGHTS)
    weights = sum(math.prod(tensors.shapes[name]) for name in tensors.names("model."))
    last = config["history"][-1] if config["history"] else {}
    about = {
        "class": str(config["class"]),
        "isthmus": str(config.get("isthmus")),
        "samples": f"shape {tuple(config['shape'])}, {config['dtype']}",
        "columns": ", ".join(config["features"]) if config.get("features") else "–",
        "weights": f"{weights:,} numbers, {tensors.size:,} bytes",
        "epochs": str(len(config["history"])),
    }
    about |= {name.rstrip("_"): _shown(value) for name, value in (config["arguments"] | config["resolved"]).items()}
    shown = {name: value for name, value in last.items() if name not in ("epoch", "seconds") and value is not None}
    about |= {f"last {name}": f"{value:.6g}" for name, value in shown.items()}
    return {one_line(name, 80): one_line(value, 2000) for name, value in about.items()}


def _shown(value: Any) -> str:
    """Return a configuration value as a person would write it."""
    match value:
        case {"part": str(name), **arguments}:
            inside = ", ".join(f"{key}={_shown(item)}" for key, item in arguments.items())
            return f"{name.partition('.')[2]}({inside})"
        case {"own": name}:
            return f"your own {name}"
        case list():
            return "(" + ", ".join(_shown(item) for item in value) + ")"
    return str(value)


def load(
    path: Path, *, device: str = "auto", own: dict[str, Any] | None = None, expected: type | None = None
) -> Estimator:
    """Read a model's folder onto a device; see `Estimator.load`."""
    from . import estimators, systems
    from .training.device import pick_device

    config = read_config(path)
    classes: dict[str, type[estimators.Estimator]] = {cls.__name__: cls for cls in systems.known().values()}
    cls = classes.get(config["class"])
    if cls is None:
        name = one_line(config["class"], 40)
        hint = f"{nearest(name, classes)}; if the class is your own, import its module first"
        raise ModelFileError(f"{path}: unknown model class {name!r}{hint}")
    place = pick_device(device)
    if expected is not None and not issubclass(cls, expected):
        raise ModelFileError(f"{path} holds a {cls.__name__}, not a {expected.__name__}")
    try:
        handed = {
            k: Custom(*v) if k in ("network", "discriminator") and isinstance(v, tuple) else v
            for k, v in (own or {}).items()
        }
        return _rebuild(path, config, cls, place, handed)
    except ModelFileError as error:
        raise ModelFileError(one_line(error)) from None
    except Exception as error:  # whatever a stranger's file leads to is the file's fault
        raise ModelFileError(one_line(f"{path / CONFIG} is damaged: {type(error).__name__}: {error}")) from error


def _rebuild(
    path: Path, config: dict[str, Any], cls: type[Estimator], device: torch.device, own: dict[str, Any]
) -> Estimator:
    tensors = Tensors(path / WEIGHTS)
    tensors.refuse_if_too_large()
    arrays = tensors.arrays()
    given = {k: _portable(decode(v, arrays, own, k)) for k, v in config["arguments"].items()}
    estimator = cls(**given)
    for name, value in config["resolved"].items():
        part = decode(value, arrays, own, name[:-1])
        if not _fits(name, part):
            raise ModelFileError(f"{path / CONFIG} is damaged: {name} is {part!r}")
        setattr(estimator, name, part)
    shape = estimator.shape_ = tuple(config["shape"])
    estimator.dtype_ = np.dtype(config["dtype"])
    estimator.history_ = History(config["history"])
    estimator.n_epochs_ = len(estimator.history_)
    estimator.n_features_in_ = estimator.shape_[0]
    if config.get("features") is not None:
        estimator.feature_names_in_ = np.array(config["features"], dtype=object)
    *units, centre = (tensors.shapes.get(f"model.scaling.{name}") for name in ("shift", "scale", "centre"))
    if not all(unit in ((), shape) for unit in units) or centre not in (None, shape):
        raise ModelFileError(f"{path}: {WEIGHTS} is damaged: the data's units are missing or of another shape")
    with torch.device("meta"):
        shift, scale = (torch.empty(unit or (), dtype=torch.float64) for unit in units)
        middle = None if centre is None else torch.empty(shape, dtype=torch.float64)
        scaling = Scaling(shift, scale, shape, middle)
        model = estimator._model(Facts(shape, estimator.latent_dim_), scaling)
    width = torch.float64 if estimator.precision_ == "float64" else torch.float32
    for name, child in model.named_children():
        child.to(None if name in IN_UNITS else width)
    _agree(path, model.state_dict(), tensors)
    if config.get("sha256") not in (None, digest(path / WEIGHTS)):
        raise ModelFileError(f"{path / WEIGHTS} is damaged: its SHA-256 is not the one in {CONFIG}")
    state = {name.removeprefix("model."): t for name, t in tensors.read(tensors.names("model.")).items()}
    model.load_state_dict(state, assign=True)
    estimator.model_ = model.place(device, model.dtype).eval()
    if "latent_dim_" in config["resolved"]:
        estimator._n_features_out = estimator.latent_dim_
    return estimator


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


def _agree(path: Path, expected: dict[str, torch.Tensor], found: Tensors) -> None:
    """Raise `ModelFileError` unless the file holds just the tensors that the configuration makes; none is read."""
    names = [name.removeprefix("model.") for name in found.names("model.")]
    strange = [name for name in found.shapes if not name.startswith(("model.", "array."))]
    if strange:
        raise ModelFileError(f"{path}: {WEIGHTS} is damaged: {strange[0]!r:.80} belongs to no model")
    for name in sorted({*expected, *names}):
        here, there = expected.get(name), found.shapes.get(f"model.{name}")
        if here is None or there is None or tuple(here.shape) != there:
            shapes = [None if here is None else tuple(here.shape), there]
            raise ModelFileError(
                f"{path}: {CONFIG} and {WEIGHTS} disagree on {name!r:.80}: {shapes[0]} against {shapes[1]}"
            )
        dtypes = {_SHORT[here.dtype]} | ({"F32"} if name.partition(".")[0] in IN_UNITS else set())
        if found.dtypes[f"model.{name}"] not in dtypes:
            dtype = found.dtypes[f"model.{name}"]
            raise ModelFileError(
                f"{path}: {CONFIG} and {WEIGHTS} disagree on {name!r:.80}: {_SHORT[here.dtype]} against {dtype}"
            )


_SHORT = {torch.float64: "F64", torch.float32: "F32", torch.int64: "I64"}


def _card(estimator: Estimator) -> str:
    """Return the model card."""
    from . import __version__

    last = {k: v for k, v in (estimator.history_[-1] if len(estimator.history_) else {}).items() if k != "seconds"}
    rows = "\n".join(f"| {name} | {value:.6g} |" for name, value in last.items())
    arguments = "\n".join(f"| {name.rstrip('_')} | `{value}` |" for name, value in resolved(estimator).items())
    summary = (type(estimator).__doc__ or "").strip().splitlines()[0]
    return f"""# {type(estimator).__name__}

{summary}

Fitted with isthmus {__version__} on samples of shape {estimator.shape_} ({estimator.dtype_.name}).

```python
import isthmus
model = isthmus.load("{{this folder}}")
```

| part | used |
|---|---|
{arguments}

Training losses in the last of {len(estimator.history_)} epochs, mean a sample:

| term | value |
|---|---|
{rows}
"""
