"""A model is a folder: ``config.json``, ``model.safetensors`` and ``README.md``. No pickle anywhere."""

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
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from .errors import IsthmusError, ModelFileError, nearest
from .networks import Custom
from .parts import Facts, decode, encode
from .scaling import Scaling

if TYPE_CHECKING:
    from .estimators import Estimator

__all__ = ["FORMAT", "describe", "load", "read_config", "resolved", "save"]

FORMAT = 1
"""The version of the folder's layout; it rises when older readers could not read what is written."""

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"


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
        "arguments": {k: encode(v, arrays) for k, v in estimator.get_params(deep=False).items()},
        "resolved": {k: encode(v, arrays) for k, v in resolved(estimator).items()},
        "shape": list(estimator.shape_),
        "dtype": estimator.dtype_.name,
        "features": _feature_names(estimator),
        "history": list(estimator.history_),
    }
    tensors = {f"model.{name}": t.detach().cpu().contiguous() for name, t in estimator.model_.state_dict().items()}
    tensors |= {name: torch.as_tensor(np.ascontiguousarray(array)) for name, array in arrays.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        (draft / CONFIG).write_text(json.dumps(config, indent=1, allow_nan=True) + "\n", encoding="utf-8")
        save_file(tensors, draft / WEIGHTS)
        (draft / CARD).write_text(_card(estimator), encoding="utf-8")
        draft.chmod(0o755)
        _put(draft, path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


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


def read_config(path: Path) -> dict[str, Any]:
    """Return a model folder's configuration, checked for its outer shape.

    Raises
    ------
    ModelFileError : the folder or the file is missing, is not JSON, or is of a later format.
    """
    if not path.is_dir():
        near = nearest(path.name, [p.name for p in path.parent.iterdir()]) if path.parent.is_dir() else ""
        raise ModelFileError(f"{path}: no such model folder{near}")
    try:
        config = json.loads((path / CONFIG).read_text(encoding="utf-8"))
    except OSError:
        raise ModelFileError(f"{path} is not a model's folder: {CONFIG} is missing") from None
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path / CONFIG} is damaged: {error}") from None
    needed = {"format", "class", "arguments", "resolved", "shape", "dtype", "history"}
    if not isinstance(config, dict) or not needed <= config.keys():
        raise ModelFileError(f"{path / CONFIG} is damaged: it does not describe a model")
    if not isinstance(config["format"], int) or config["format"] > FORMAT:
        raise ModelFileError(
            f"{path} has format {config['format']}, this version reads up to {FORMAT}; upgrade isthmus"
        )
    return config


def describe(path: Path) -> dict[str, str]:
    """Return what a model's folder holds, as text, without making a model of it."""
    config = read_config(path)
    try:
        with safe_open(path / WEIGHTS, framework="pt") as file:
            shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118  (not a dict)
    except (SafetensorError, OSError) as error:
        raise ModelFileError(f"{path / WEIGHTS} is missing or damaged: {error}") from None
    weights = sum(math.prod(shape) for name, shape in shapes.items() if name.startswith("model."))
    last = config["history"][-1] if config["history"] else {}
    about = {
        "class": str(config["class"]),
        "isthmus": str(config.get("isthmus")),
        "samples": f"shape {tuple(config['shape'])}, {config['dtype']}",
        "columns": ", ".join(config["features"]) if config.get("features") else "–",
        "weights": f"{weights:,} numbers, {(path / WEIGHTS).stat().st_size:,} bytes",
        "epochs": str(len(config["history"])),
    }
    about |= {name.rstrip("_"): _shown(value) for name, value in (config["arguments"] | config["resolved"]).items()}
    return about | {f"last {name}": f"{value:.6g}" for name, value in last.items() if name not in ("epoch", "seconds")}


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
    from . import estimators

    config = read_config(path)
    classes = {name: getattr(estimators, name) for name in estimators.__all__ if name != "Estimator"}
    cls = classes.get(str(config["class"]))
    if cls is None:
        raise ModelFileError(f"{path}: unknown model class {config['class']!r}{nearest(str(config['class']), classes)}")
    if expected is not None and not issubclass(cls, expected):
        raise ModelFileError(f"{path} holds a {cls.__name__}, not a {expected.__name__}")
    try:
        handed = {
            k: Custom(*v) if k in ("network", "discriminator") and isinstance(v, tuple) else v
            for k, v in (own or {}).items()
        }
        return _rebuild(path, config, cls, device, handed)
    except (ModelFileError, FileNotFoundError) as error:
        raise ModelFileError(str(error)) from None
    except IsthmusError:
        raise
    except (SafetensorError, OSError) as error:
        raise ModelFileError(f"{path / WEIGHTS} is missing or damaged: {error}") from None
    except (
        TypeError,
        ValueError,
        KeyError,
        AttributeError,
        RuntimeError,
        OverflowError,
        MemoryError,
    ) as error:
        raise ModelFileError(f"{path / CONFIG} is damaged: {error}") from None


def _rebuild(path: Path, config: dict[str, Any], cls: type[Estimator], device: str, own: dict[str, Any]) -> Estimator:
    from .training import History
    from .training.device import pick_device

    place = pick_device(device)
    tensors = _read_tensors(path / WEIGHTS)
    arrays = {name: tensor.numpy() for name, tensor in tensors.items() if name.startswith("array.")}
    given = {k: decode(v, arrays, own, k) for k, v in config["arguments"].items()}
    estimator = cls(**given)
    for name, value in config["resolved"].items():
        if name.rstrip("_") not in given:
            raise ModelFileError(f"{path / CONFIG} is damaged: {name!r} belongs to no argument of {cls.__name__}")
        setattr(estimator, name, decode(value, arrays, own, name.rstrip("_")))
    estimator.shape_ = tuple(int(n) for n in config["shape"])
    estimator.dtype_ = np.dtype(config["dtype"])
    estimator.history_ = History(config["history"])
    estimator.n_epochs_ = len(estimator.history_)
    estimator.n_features_in_ = estimator.shape_[0]
    if config.get("features") is not None:
        estimator.feature_names_in_ = np.array(config["features"], dtype=object)
    state = {name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model.")}
    with torch.device("meta"):
        scaling = Scaling(
            torch.empty_like(state["scaling.shift"]),
            torch.empty_like(state["scaling.scale"]),
            estimator.shape_,
        )
        model = estimator._model(Facts(estimator.shape_, estimator.latent_dim_), scaling)
    _same_shapes(path, model.state_dict(), state)
    model.load_state_dict(state, assign=True)
    estimator.model_ = model.place(place, model.dtype).eval()
    if "latent_dim_" in config["resolved"]:
        estimator._n_features_out = estimator.latent_dim_
    return estimator


def _read_tensors(path: Path) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise ModelFileError(f"{path} is missing")
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)


def _same_shapes(path: Path, expected: dict[str, torch.Tensor], found: dict[str, torch.Tensor]) -> None:
    for name in sorted(expected.keys() | found.keys()):
        here, there = expected.get(name), found.get(name)
        if here is None or there is None or here.shape != there.shape:
            shapes = [None if t is None else tuple(t.shape) for t in (here, there)]
            raise ModelFileError(
                f"{path}: {CONFIG} and {WEIGHTS} disagree on {name!r}: {shapes[0]} against {shapes[1]}"
            )


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
