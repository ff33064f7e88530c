"""A model's folder as it comes from elsewhere: opened and checked before anything is made of it or held in memory.

Nothing here trusts what it reads: links and pipes are refused, sizes are bounded before reading, and every shape is
known from the headers alone. A refusal is a `ModelFileError` of one line.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from .errors import ModelFileError, nearest
from .history import COLUMN, ROWS, History
from .machine import available, in_words

__all__ = [
    "CARD",
    "CONFIG",
    "FORMAT",
    "HISTORY",
    "LEARNT",
    "WEIGHTS",
    "Tensors",
    "digest",
    "one_line",
    "read_config",
    "read_json",
]

FORMAT = 3
"""The version of the folder's layout; it rises when older readers could not read what is written."""

CONFIG, WEIGHTS, CARD, HISTORY = "config.json", "model.safetensors", "README.md", "history.jsonl"

LEARNT = frozenset(
    [
        "arguments_",
        "dtype_",
        "feature_names_in_",
        "fitted_",
        "history_",
        "model_",
        "n_epochs_",
        "n_features_in_",
        "shape_",
    ]
)
"""Fitted attributes that are not chosen but learnt, and stand elsewhere in the folder."""

CONFIG_BYTES = 2**26
"""The largest config.json that is read; one of 10⁶ named columns is smaller."""
HEADER_BYTES = 2**20
"""The longest header of model.safetensors that is read: about 10⁴ tensors."""
MOST_CONTAINERS = 2**17
"""How many lists and objects a configuration may hold, each of which costs a reader about 100 bytes."""
MOST_LEVELS = 16
"""How deep a configuration may be nested; a recipe's parts need 5."""
MOST_WIDTHS = 512
"""How many widths a network may list: a layer costs a reader kilobytes before its weights are looked at."""
MOST_NUMBERS = 2**48
"""How many numbers a sample may have."""
LARGE_WEIGHTS_BYTES = 2**26
"""Weights beyond this are held against the memory that is there before they are read."""

DTYPES = frozenset(
    ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64"]
)
_TENSORS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}


def one_line(message: object, limit: int = 300) -> str:
    """Return a message that may quote a stranger's file as one short line without control characters."""
    text = "".join(c if c.isprintable() else " " for c in str(message)[: 4 * limit])
    return text if len(text) <= limit else text[:limit] + "…"


def _open(path: Path) -> int:
    """Open a regular file that lies in its folder itself: no link is followed, no pipe is waited for."""
    if path.is_symlink():
        raise ModelFileError(f"{path} is a symbolic link; a model's folder holds its files itself")
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise ModelFileError(f"{path} is not a file")
    return file


def read_config(path: Path) -> dict[str, Any]:
    """Return a model folder's configuration, checked in every place but the parts' own arguments.

    Raises
    ------
    ModelFileError : the folder or the file is missing, too large, not JSON, of a later format, or describes no model.
    """
    if not path.is_dir():
        near = nearest(path.name, [p.name for p in path.parent.iterdir()]) if path.parent.is_dir() else ""
        raise ModelFileError(f"{path}: no such model folder{near}")
    config = read_json(path / CONFIG)
    check_config(path, config)
    checked: dict[str, Any] = config
    return checked


def read_json(path: Path) -> Any:
    """Return what a JSON file in a model's folder holds, of a bounded size and number of lists and objects.

    Raises
    ------
    ModelFileError : the file is missing, a link, too large, or not JSON.
    """
    try:
        with os.fdopen(_open(path), "rb") as file:
            raw = file.read(CONFIG_BYTES + 1)
    except OSError:
        raise ModelFileError(f"{path.parent} is not a model's folder: {path.name} is missing") from None
    if len(raw) > CONFIG_BYTES:
        raise ModelFileError(f"{path} is damaged: it is longer than {in_words(CONFIG_BYTES)}")
    if raw.count(b"[") + raw.count(b"{") > MOST_CONTAINERS:
        raise ModelFileError(f"{path} is damaged: it holds more than {MOST_CONTAINERS} lists and objects")
    try:
        return json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelFileError(one_line(f"{path} is damaged: {error}")) from None


def check_config(path: Path, config: Any) -> None:
    """Raise `ModelFileError` unless a configuration has the form that `save` gives it."""

    def need(condition: bool, what: str) -> None:
        if not condition:
            raise ModelFileError(one_line(f"{path / CONFIG} is damaged: {what}"))

    needed = {"format", "class", "arguments", "resolved", "shape", "dtype", "history"}
    need(isinstance(config, dict) and needed <= config.keys(), "it does not describe a model")
    version = config["format"]
    need(_whole(version) and version >= 1, f"its format is {version!r:.40}")
    if version > FORMAT:
        raise ModelFileError(f"{path} has format {version}, this version reads up to {FORMAT}; upgrade isthmus")
    need(isinstance(config["class"], str), "its class is no name")
    shape = config["shape"]
    need(
        isinstance(shape, list) and 1 <= len(shape) <= 8 and all(map(_whole, shape)),
        "its shape is no list of counts",
    )
    need(
        min(shape) >= 1 and max(shape) <= MOST_NUMBERS and math.prod(shape) <= MOST_NUMBERS, "its shape is no sample's"
    )
    need(isinstance(config["dtype"], str) and config["dtype"] in DTYPES, f"unknown dtype {config['dtype']!r:.40}")
    names = config.get("features")
    need(
        names is None or (isinstance(names, list) and all(isinstance(n, str) for n in names)),
        "features are no names",
    )
    need(names is None or len(names) == shape[0], "it names more or fewer columns than a sample has")
    rows = config["history"]
    if version < 3:
        need(isinstance(rows, list) and all(isinstance(row, dict) for row in rows), "its history is no list of rows")
        need(all(_number(v) for row in rows for v in row.values()), "its history holds something that is no number")
    else:
        need(isinstance(rows, list) and all(isinstance(name, str) for name in rows), "its history is no list of names")
        need(len(set(rows)) == len(rows), "its history names a column twice")
        need(_whole(config.get("epochs")) and config["epochs"] >= 0, "its epochs are no count")
    for group in ("arguments", "changed", "resolved"):
        need(isinstance(config.get(group, {}), dict), f"its {group} are no names with values")
        need(
            _within(config.get(group, {}), MOST_LEVELS),
            f"its {group} go deeper than {MOST_LEVELS} levels or a network has over {MOST_WIDTHS}",
        )
    given = config["arguments"].keys()
    need(config.get("changed", {}).keys() <= given, "what was changed is no argument")
    for name in config["resolved"]:
        part = isinstance(config["resolved"][name], dict) and "part" in config["resolved"][name]
        own = name.isidentifier() and not name.startswith("_") and name not in LEARNT
        need(name.endswith("_") and own and (part or name[:-1] in given), f"{name!r} belongs to no argument")
    for name in ("condition", "rows"):
        count = config.get(name, 0)
        need(_whole(count) and 0 <= count <= MOST_NUMBERS, f"its {name} is no count")
    need(isinstance(config.get("module", ""), str), "its module is no name")
    width = config["resolved"].get("latent_dim_")
    need(width is None or (_whole(width) and 1 <= width <= MOST_NUMBERS), "latent_dim_ is no width of a code")
    digest = config.get("sha256")
    need(digest is None or isinstance(digest, str), "sha256 is no text")


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _within(value: Any, depth: int, most: int = MOST_CONTAINERS) -> bool:
    """Return whether a value is nested no deeper than `depth`, and no network lists more than `MOST_WIDTHS` widths."""
    if not isinstance(value, list | dict):
        return True
    if isinstance(value, dict) and str(value.get("part")).startswith("network."):
        most = MOST_WIDTHS
    inside = value if isinstance(value, list) else value.values()
    return depth > 0 and len(value) <= most and all(_within(item, depth - 1, most) for item in inside)


class Tensors:
    """The tensors of a folder: their shapes from the header alone, their values only when they are asked for.

    Attributes
    ----------
    shapes : the shape of each by name.
    dtypes : safetensors' name of the dtype of each.
    size : the file's size in bytes.

    Raises
    ------
    ModelFileError : the file is missing, a link, damaged, or holds what no model is made of.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with os.fdopen(_open(path), "rb") as file:
                self.size = os.fstat(file.fileno()).st_size
                header = int.from_bytes(file.read(8), "little")
        except OSError:
            raise ModelFileError(f"{path} is missing") from None
        if self.size < 8 or header > min(HEADER_BYTES, self.size - 8):
            raise ModelFileError(f"{path} is missing or damaged: its header does not fit into it")
        try:
            with safe_open(path, framework="pt") as file:
                slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
                self.shapes = {name: tuple(part.get_shape()) for name, part in slices.items()}
                self.dtypes = {name: str(part.get_dtype()) for name, part in slices.items()}
        except (SafetensorError, OSError, ValueError, RuntimeError) as error:
            raise ModelFileError(one_line(f"{path} is missing or damaged: {error}")) from None
        for name, shape in self.shapes.items():
            if self.dtypes[name] not in _TENSORS or math.prod(shape) * _TENSORS[self.dtypes[name]] > self.size:
                what = f"{name!r:.80} is {self.dtypes[name]} of shape {shape}"
                raise ModelFileError(one_line(f"{path} is missing or damaged: {what}"))

    def __len__(self) -> int:
        return len(self.shapes)

    def names(self, prefix: str) -> list[str]:
        """Return the names that begin so."""
        return [name for name in self.shapes if name.startswith(prefix)]

    def refuse_if_too_large(self) -> None:
        """Raise `ModelFileError` if the machine has less memory than the weights take."""
        there = available(torch.device("cpu")) if self.size > LARGE_WEIGHTS_BYTES else None
        if there is not None and self.size > there:
            raise ModelFileError(f"{self.path} needs {in_words(self.size)} of memory, there are {in_words(there)}")

    def read(self, names: list[str]) -> dict[str, torch.Tensor]:
        """Return tensors of their own, which do not change if the file does."""
        try:
            with safe_open(self.path, framework="pt") as file:
                return {name: file.get_tensor(name).clone() for name in names}
        except (SafetensorError, OSError, ValueError, RuntimeError) as error:
            raise ModelFileError(one_line(f"{self.path} is missing or damaged: {error}")) from None

    def history(self, config: dict[str, Any]) -> History:
        """Return the history of the fit, one row an epoch.

        Raises
        ------
        ModelFileError : the columns are not those that the configuration names, or are not of its epochs.
        """
        if config["format"] < 3:
            return History(config["history"])
        names, length = config["history"], config["epochs"]
        arrays = {name: t.numpy() for name, t in self.read(self.names(f"{COLUMN}.") + self.names(f"{ROWS}.")).items()}
        needed = {f"{COLUMN}.{name}" for name in names}
        sound = needed == set(self.names(f"{COLUMN}.")) and length <= sum(a.size for a in arrays.values())
        sound = sound and all(array.ndim == 1 for array in arrays.values())
        for name in self.names(f"{ROWS}."):
            there = arrays[name]
            sound = sound and there.dtype == np.int64 and bool(((there >= 0) & (there < length)).all())
        try:
            if sound:
                return History.of_arrays(arrays, names, length)
        except (TypeError, ValueError):
            pass  # a column is of another length than its rows
        raise ModelFileError(f"{self.path} is damaged: its history is not the one that {CONFIG} names")

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays that parts were made with."""
        return {name: tensor.numpy() for name, tensor in self.read(self.names("array.")).items()}


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with os.fdopen(_open(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
