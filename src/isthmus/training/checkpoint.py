"""Checkpoints: the state of a fit in one file, written atomically; an older one stands until the next is whole."""

from __future__ import annotations

import json
import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ..atomic import atomic_file, remove_abandoned
from ..errors import DataError, FitError, ModelFileError
from .state import State

__all__ = ["Checkpoints", "Held"]

FORMAT = 1
KEPT = 2

LENGTH = ("max_epochs", "max_time")
"""Settings that may change when a fit is resumed, because they only set its end."""


class Checkpoints:
    """The checkpoints of one fit in a folder, ``step-<number>.safetensors``, the newest two of them kept.

    Parameters
    ----------
    folder : made if it is not there.
    fit : what the fit is: its settings and a digest of its data, by name.
    seed : of the fit, if it is a new one.
    resume : whether to go on from what is there; otherwise a folder with checkpoints in it is refused.

    Attributes
    ----------
    found : the newest state that can be read, or None.
    seed : of the fit that is gone on with, or as given.

    Raises
    ------
    FitError : there are checkpoints and `resume` is not asked for, or they are of another fit; the difference is named.
    ModelFileError : there are checkpoints and none can be read.
    """

    def __init__(self, folder: str | Path, fit: dict[str, Any], seed: int, resume: bool) -> None:
        self.folder = Path(folder)
        self.fit = json.loads(json.dumps(fit))
        self.seed = seed
        self.found: State | None = None
        if resume:
            self._find()
        elif self._files():
            raise FitError(
                f"{self.folder} holds the checkpoints of a fit; resume goes on from them, or take another folder"
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{self.folder}: cannot hold checkpoints: {error.strerror}") from None

    def _files(self) -> list[Path]:
        """Return the checkpoints that are there, the newest first."""
        return sorted(self.folder.glob("step-*.safetensors"), reverse=True)

    def write(self, state: State, step: int) -> None:
        """Write the state after so many steps, and remove all but the newest two."""
        path = self.folder / f"step-{step:012d}.safetensors"
        facts = {"format": FORMAT, "fit": self.fit, "seed": self.seed, "state": state.facts}
        tensors = {name: tensor.contiguous() for name, tensor in state.tensors.items()}
        remove_abandoned(self.folder, ".step-")
        with atomic_file(path, FitError) as draft:
            save_file(tensors, draft, metadata={"isthmus": json.dumps(facts)})
        for old in self._files()[KEPT:]:
            old.unlink(missing_ok=True)

    def _find(self) -> None:
        files = self._files()
        for path in files:
            try:
                facts, state = _read(path)
                there, seed = dict(facts["fit"]), int(facts["seed"])
            except FileNotFoundError:  # another process with this folder has written a newer one and removed this one
                self._find()
                return
            except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
                warnings.warn(f"{path} cannot be read ({error}); the one before it is tried", stacklevel=2)
                continue
            self._refuse_another(path, there)
            done, asked = len(state.facts["history"]), self.fit.get("max_epochs", math.inf)
            if done > asked:
                raise FitError(f"{path} has done {done} epochs, more than max_epochs={asked}; take another folder")
            self.found, self.seed = state, seed
            return
        if files:
            raise ModelFileError(f"{self.folder}: none of {len(files)} checkpoints can be read; take another folder")

    def _refuse_another(self, path: Path, there: dict[str, Any]) -> None:
        for name in sorted((there.keys() | self.fit.keys()) - set(LENGTH)):
            old, new = there.get(name), self.fit.get(name)
            if old != new:
                raise FitError(f"{path} is of another fit: {name} was {old}, and is {new} now; take another folder")


@dataclass
class Held:
    """The newest state of a fit, kept in memory, from which `partial_fit` continues."""

    found: State | None = None

    def write(self, state: State, step: int) -> None:
        """Keep the state."""
        self.found = state


def _read(path: Path) -> tuple[dict[str, Any], State]:
    with safe_open(path, framework="pt") as file:
        facts = json.loads((file.metadata() or {})["isthmus"])
        if facts["format"] != FORMAT:
            raise ValueError(f"format {facts['format']}, this version reads {FORMAT}")
        return facts, State({name: file.get_tensor(name) for name in file.keys()}, facts["state"])  # noqa: SIM118
