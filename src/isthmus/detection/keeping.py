"""Detectors as folders: ``detector.json``, ``detector.safetensors`` and a folder for each model. No pickle anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from .. import persistence, systems
from ..atomic import atomic_folder
from ..errors import ModelFileError
from ..folder import Tensors, digest, one_line, read_json
from ..parts import from_json, to_json
from ..version import VERSION
from .conformal import CalibrationScores
from .detector import Detector
from .embedding import Embedding
from .joined import Joined
from .neighbours import Neighbours, PointScore, SampledNeighbours

__all__ = ["DETECTOR", "load", "save"]

DETECTOR, ARRAYS = "detector.json", "detector.safetensors"

POINT_SCORES: dict[str, type[Neighbours] | type[SampledNeighbours]] = {
    "Neighbours": Neighbours,
    "SampledNeighbours": SampledNeighbours,
}
"""The scores that are kept as arrays, by name."""

EMBEDDING = ("levels", "centre", "scale", "ranked")
"""The arrays of an `Embedding`, in the order of its arguments."""

FORMAT = 1
"""The version of the folder's layout; it rises when older readers could not read what is written."""


def save(detector: Detector, path: str | Path) -> None:
    """Write a fitted detector to a folder, atomically."""
    path = Path(path)
    if path.exists() and not ((path / DETECTOR).is_file() or (path.is_dir() and not any(path.iterdir()))):
        raise ModelFileError(f"{path} exists and is not a detector's folder; choose another place")
    calibrated = detector.calibrated_
    arrays: dict[str, np.ndarray] = {
        "calibration.scores": calibrated.scores,
        "calibration.fold": calibrated.fold,
        "calibration.weights": calibrated.weights,
        "reference.rows": detector.reference_,
        "reference.index": detector.reference_index_,
    }
    arguments = detector.get_params(deep=False)
    scorers = [_described(f"model-{k}", scorer, arrays) for k, scorer in enumerate(detector.estimators_)]
    kept = {name: value for name, value in arguments.items() if name not in ("estimator", "random_state", "schema")}
    names = getattr(detector, "feature_names_in_", None)
    config = {
        "format": FORMAT,
        "isthmus": VERSION,
        "arguments": {name: to_json(value, {}) for name, value in kept.items()},
        "scorers": scorers,
        "trimmed": detector.trimmed_,
        "ties_seed": detector.ties_seed_,
        "schema": to_json(detector.schema_, arrays),
        "features": None if names is None else [str(name) for name in names],
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be written: {error.strerror}") from None
    with atomic_folder(path, ModelFileError, last=DETECTOR) as draft:
        for described, scorer in _leaves(scorers, detector.estimators_):
            if "model" in described:
                persistence.save(scorer, draft / described["model"])
        tensors = {name: torch.as_tensor(np.ascontiguousarray(array)) for name, array in arrays.items()}
        save_file(tensors, draft / ARRAYS)
        config["sha256"] = digest(draft / ARRAYS)
        (draft / DETECTOR).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


def _described(name: str, scorer: Any, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return how a scorer is kept: as a model's folder, as arrays, or, a user's function, by its name alone."""
    if isinstance(scorer, Joined):
        arrays[f"{name}.usual"] = scorer.usual_
        return {"joined": [_described(f"{name}.{i}", each, arrays) for i, each in enumerate(scorer.scores_)]}
    if type(scorer) in POINT_SCORES.values():
        arrays |= {f"{name}.{part}": getattr(scorer.embedding_, part) for part in EMBEDDING}
        arrays |= {f"{name}.{part}": getattr(scorer, part).numpy() for part in scorer.state}
        arguments = {
            key: value for key, value in scorer.get_params(deep=False).items() if key not in ("schema", "random_state")
        }
        return {"points": type(scorer).__name__, "arguments": arguments}
    if type(scorer) in systems.known().values():
        return {"model": name}
    if hasattr(scorer, "fit"):
        raise ModelFileError(
            f"a detector around {type(scorer).__name__} cannot be saved: only pickle could keep it, and isthmus writes "
            "none; use joblib.dump, or a system of isthmus"
        )
    return {"own": getattr(scorer, "__qualname__", type(scorer).__qualname__)}


def _leaves(described: Sequence[dict[str, Any]], scorers: Sequence[Any]) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield how each score is kept, and the score, those that are joined too."""
    for one, scorer in zip(described, scorers, strict=True):
        yield from _leaves(one["joined"], scorer.scores_) if "joined" in one else [(one, scorer)]


def load(path: str | Path, *, device: str = "auto", own: dict[str, Any] | None = None) -> Detector:
    """Read a detector's folder.

    Parameters
    ----------
    path : the folder.
    device : where isthmus's models go.
    own : functions of one's own that the detector was made with, by argument: ``estimator``, ``weight``.

    Raises
    ------
    ModelFileError : the folder is missing or damaged, or a function of one's own was not handed over.
    """
    path, own = Path(path), own or {}
    config = read_json(path / DETECTOR)
    try:
        return _rebuilt(path, config, device, own)
    except ModelFileError as error:
        raise ModelFileError(one_line(error)) from None
    except Exception as error:  # whatever a stranger's file leads to is the file's fault
        raise ModelFileError(one_line(f"{path / DETECTOR} is damaged: {type(error).__name__}: {error}")) from error


def _rebuilt(path: Path, config: dict[str, Any], device: str, own: dict[str, Any]) -> Detector:
    if config["format"] > FORMAT:
        raise ModelFileError(
            f"{path} has format {config['format']}, this version reads up to {FORMAT}; upgrade isthmus"
        )
    tensors = Tensors(path / ARRAYS)
    tensors.refuse_if_too_large()
    if config["sha256"] != digest(path / ARRAYS):
        raise ModelFileError(f"{path / ARRAYS} is damaged: its SHA-256 is not the one in {DETECTOR}")
    arrays = {name: tensor.numpy() for name, tensor in tensors.read(list(tensors.shapes)).items()}
    arguments = {name: from_json(value, {}, own, name) for name, value in config["arguments"].items()}
    kept = config["scorers"]
    scorers = [_scorer(path, f"model-{k}", described, arrays, device, own) for k, described in enumerate(kept)]
    points = [scorer for _, scorer in _leaves(kept, scorers) if isinstance(scorer, PointScore)]
    detector = Detector(scorers[0], **arguments)
    detector.estimators_, detector.trimmed_ = scorers, [int(count) for count in config["trimmed"]]
    detector.calibrated_ = CalibrationScores(*(arrays[f"calibration.{name}"] for name in ("scores", "fold", "weights")))
    detector.reference_, detector.reference_index_ = arrays["reference.rows"], arrays["reference.index"]
    detector.ties_seed_ = int(config["ties_seed"])
    detector.schema_ = from_json(config["schema"], arrays, {}, "schema_")
    for scorer in points:
        scorer.schema_ = None if detector.schema_ is None else detector.inner_schema()
    detector.n_features_in_ = detector.reference_.shape[1]
    if config["features"] is not None:
        names = np.array([str(name) for name in config["features"]], dtype=object)
        detector.feature_names_in_ = names
        for scorer in points:
            scorer.feature_names_in_ = names
    _check(path, detector)
    return detector


def _scorer(
    path: Path, name: str, described: dict[str, Any], arrays: dict[str, np.ndarray], device: str, own: dict[str, Any]
) -> Any:
    """Rebuild a scorer from how it is kept."""
    if "joined" in described:
        each = [_scorer(path, f"{name}.{i}", part, arrays, device, own) for i, part in enumerate(described["joined"])]
        joined = Joined(each)
        joined.scores_, joined.usual_ = each, arrays[f"{name}.usual"]
        return joined
    if "points" in described:
        scorer = POINT_SCORES[described["points"]](**described["arguments"])
        scorer.embedding_ = Embedding(*(arrays[f"{name}.{part}"] for part in EMBEDDING))
        for part in scorer.state:
            setattr(scorer, part, torch.as_tensor(arrays[f"{name}.{part}"]))
        scorer.n_features_in_ = len(scorer.embedding_.levels)
        return scorer
    if "model" in described:
        name = str(described["model"])
        if not name.isprintable() or Path(name).name != name:
            raise ModelFileError(f"{path / DETECTOR} is damaged: a model's folder lies in the detector's own")
        return persistence.load(path / name, device=device)
    return from_json(described, {}, own, "estimator")


def _check(path: Path, detector: Detector) -> None:
    """Raise `ModelFileError` unless the arrays fit each other."""
    calibrated, index = detector.calibrated_, detector.reference_index_
    n, models = len(calibrated.scores), len(detector.estimators_)
    sound = (
        n >= 1
        and calibrated.scores.ndim == 1
        and calibrated.fold.shape == calibrated.weights.shape == (n,)
        and calibrated.fold.min() >= 0
        and calibrated.fold.max() < models
        and index.shape == (len(detector.reference_),)
        and index.min(initial=0) >= 0
        and index.max(initial=0) < n
    )
    if not sound:
        raise ModelFileError(f"{path / ARRAYS} is damaged: its arrays do not fit each other")
