"""Named data sets, from local files if possible.

A set is looked for in the data home: the argument `data_home`, else the environment variable ``ISTHMUS_DATA``, else
``~/.cache/isthmus``. Then it is looked for in ``/usr/share/datasets``, where Debian's packages install it. If MNIST or
Fashion-MNIST is in neither place, scikit-learn's OpenML client downloads it and keeps a copy in the data home. Sets
that are part of scikit-learn or drawn at random need no file.

References
----------
E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", 1998, https://doi.org/10.24432/C50P49: digits.
Yann LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998, https://doi.org/10.1109/5.726791:
    MNIST.
Hugo Larochelle and Iain Murray, "The Neural Autoregressive Distribution Estimator", 2011,
    https://proceedings.mlr.press/v15/larochelle11a.html: MNIST's fixed binarisation.
Han Xiao, Kashif Rasul and Roland Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
    Algorithms", 2017, https://arxiv.org/abs/1708.07747.
Zinan Lin et al., "PacGAN: The power of two samples in generative adversarial networks", 2018,
    https://arxiv.org/abs/1712.04086, section 4.1: the ring and the grid.
Stephen Marsland, "Machine Learning: An Algorithmic Perspective", 2nd edition, 2014, chapter 6: the Swiss roll,
    https://homepages.ecs.vuw.ac.nz/~marslast/Code/Ch6/lle.py.
W. Nick Street, William H. Wolberg and Olvi L. Mangasarian, "Nuclear feature extraction for breast tumor diagnosis",
    1993, https://doi.org/10.1117/12.148698: breast cancer.
George B. Moody and Roger G. Mark, "The impact of the MIT-BIH Arrhythmia Database", 2001,
    https://doi.org/10.13026/C2F305: the electrocardiogram.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .errors import DataError, UnknownNameError, first_line

__all__ = ["GRID", "GRID_STD", "RING", "RING_STD", "Dataset", "Known", "available", "grid", "load", "ring"]

_DEBIAN = Path("/usr/share/datasets")
_DAMAGE = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error)
"""The exceptions that NumPy and the standard library raise for a damaged file."""

RING = np.array([[math.cos(a), math.sin(a)] for a in np.arange(8) * math.pi / 4])
"""Centres of eight modes on the unit circle (Lin et al. 2018, PacGAN, section 4.1)."""
RING_STD = 0.01
"""σ of each mode of the ring, in each direction: variance 10⁻⁴."""

GRID = np.array([[x, y] for x in range(-4, 5, 2) for y in range(-4, 5, 2)], dtype=np.float64)
"""Centres of the 5 × 5 modes at {−4, −2, 0, 2, 4}² (Lin et al. 2018, PacGAN, section 4.1)."""
GRID_STD = 0.05
"""σ of each mode of the grid, in each direction: variance 0.0025."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training rows and held-out rows, (N, ...) each, with labels (N,) and conditions (N, c) if there are any."""

    name: str
    train: np.ndarray
    test: np.ndarray
    train_labels: np.ndarray | None = None
    test_labels: np.ndarray | None = None
    description: str = ""
    train_condition: np.ndarray | None = None
    test_condition: np.ndarray | None = None

    def beside_train(self, rows: slice | np.ndarray = slice(None)) -> dict[str, np.ndarray]:
        """Return the arguments that a system needs beside training rows: their condition, if there is one."""
        return {} if self.train_condition is None else {"condition": self.train_condition[rows]}

    def beside_test(self, rows: slice | np.ndarray = slice(None)) -> dict[str, np.ndarray]:
        """Return the arguments that a system needs beside held-out rows: their condition, if there is one."""
        return {} if self.test_condition is None else {"condition": self.test_condition[rows]}


@dataclass(frozen=True)
class Known:
    """A data set with a name: its size, a description, and whether it is on this machine."""

    name: str
    size: str
    what: str
    here: bool


def load(name: str, data_home: str | Path | None = None) -> Dataset:
    """Return a data set by name, from this machine if possible, otherwise by download.

    Parameters
    ----------
    name : a name that `available` lists.
    data_home : the folder to look in first; None is ``ISTHMUS_DATA``, else ``~/.cache/isthmus``.

    Raises
    ------
    UnknownNameError : there is no data set of that name; the message suggests the nearest.
    DataError : the set is not here and cannot be downloaded, or a file is damaged; the message names the file.

    >>> digits = load("digits")
    >>> digits.train.shape, digits.test.shape
    ((1437, 8, 8), (360, 8, 8))
    """
    if name not in _SETS:
        raise UnknownNameError("data set", name, _SETS)
    return _SETS[name].read(_home(data_home))


def available(data_home: str | Path | None = None) -> list[Known]:
    """Return all data sets that have a name, and whether each is on this machine, without loading any.

    >>> next(known for known in available() if known.name == "grid").size
    '100,000 + 10,000 × 2'
    """
    home = _home(data_home)
    return [Known(name, s.size, s.what, s.needs is None or s.needs(home) is not None) for name, s in _SETS.items()]


def _home(given: str | Path | None) -> Path:
    return Path(given or os.environ.get("ISTHMUS_DATA") or "~/.cache/isthmus").expanduser()


def ring(n: int, random_state: int | None = None) -> np.ndarray:
    """Draw from the ring of eight equally likely Gaussians, (n, 2), float32 (Lin et al. 2018, section 4.1).

    >>> ring(1000, 0).shape
    (1000, 2)
    """
    return _mixture(RING, RING_STD, n, random_state)


def grid(n: int, random_state: int | None = None) -> np.ndarray:
    """Draw from the 5 × 5 grid of equally likely Gaussians, (n, 2), float32 (Lin et al. 2018, section 4.1).

    >>> grid(1000, 0).shape
    (1000, 2)
    """
    return _mixture(GRID, GRID_STD, n, random_state)


def _mixture(centres: np.ndarray, std: float, n: int, random_state: int | None) -> np.ndarray:
    rng = np.random.default_rng(random_state)
    points = centres[rng.integers(len(centres), size=n)] + std * rng.normal(size=(n, 2))
    return points.astype(np.float32)


@dataclass(frozen=True)
class _Set:
    size: str
    what: str
    read: Callable[[Path], Dataset]
    needs: Callable[[Path], Path | None] | None = None
    """Finds the set's file on this machine; None if the set needs no file."""


def _split(name: str, X: np.ndarray, y: np.ndarray, description: str) -> Dataset:
    """Hold out the same fifth of the rows every time, stratified by label."""
    from sklearn.model_selection import train_test_split

    train, test, y_train, y_test = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
    return Dataset(name, train, test, y_train, y_test, description)


def _digits(home: Path) -> Dataset:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    X = (bunch.images / 16).astype(np.float32)
    return _split("digits", X, bunch.target, "Handwritten digits, 8 × 8 grey values (UCI, in scikit-learn).")


def _breast_cancer(home: Path) -> Dataset:
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    return _split(
        "breast-cancer", bunch.data, bunch.target, "Thirty measurements of cell nuclei (UCI, in scikit-learn)."
    )


def _points(name: str, draw: Callable[[int, int], np.ndarray], description: str) -> Callable[[Path], Dataset]:
    return lambda home: Dataset(name, draw(100_000, 0), draw(10_000, 1), description=description)


def _swiss_roll(home: Path) -> Dataset:
    from sklearn.datasets import make_swiss_roll

    X, position = make_swiss_roll(12_000, noise=0.1, random_state=0)
    X = X.astype(np.float32)
    description = "A sheet rolled up in three dimensions (scikit-learn); labels are the place along the roll."
    return Dataset("swiss-roll", X[:10_000], X[10_000:], position[:10_000], position[10_000:], description)


_IDX_FILES = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
_MNIST_MD5 = ("6bbc9ace", "a25bea73", "2646ac64", "27ae3e4e")


def _idx_folder(name: str) -> Callable[[Path], Path | None]:
    """Return a function that finds the folder of a set's four idx files."""

    def find(home: Path) -> Path | None:
        folders = (home / name, _DEBIAN / name)
        return next((f for f in folders if all((f / f"{part}-ubyte.gz").is_file() for part in _IDX_FILES)), None)

    return find


def _openml_file(openml: str) -> Callable[[Path], Path | None]:
    """Return a function that finds the file that scikit-learn kept of an earlier download."""
    return lambda home: next(home.glob(f"openml/openml.org/data/v1/download/*/{openml}.arff.gz"), None)


def _either(*finders: Callable[[Path], Path | None]) -> Callable[[Path], Path | None]:
    return lambda home: next((place for find in finders if (place := find(home)) is not None), None)


def _idx_set(name: str, openml: str, description: str, md5: tuple[str, ...] | None) -> Callable[[Path], Dataset]:
    def read(home: Path) -> Dataset:
        folder = _idx_folder(name)(home)
        if folder is None:
            return _openml(name, openml, description, home)
        sums = md5 or (None,) * 4
        X, y, X_test, y_test = (_idx(folder / f"{part}-ubyte.gz", s) for part, s in zip(_IDX_FILES, sums, strict=True))
        if len(X) != len(y) or len(X_test) != len(y_test):
            raise DataError(
                f"{folder}: {len(X)} + {len(X_test)} images do not go with {len(y)} + {len(y_test)} labels; "
                "fetch the four files again"
            )
        return Dataset(name, X, X_test, y, y_test, description)

    return read


def _idx(path: Path, md5: str | None = None) -> np.ndarray:
    """Read a gzipped idx file of unsigned bytes: two zeros, a type, the number of dimensions, their sizes, data."""
    try:
        raw = gzip.decompress(path.read_bytes())
    except _DAMAGE as error:
        raise _damaged(path, error) from None
    if md5 is not None and not hashlib.md5(raw, usedforsecurity=False).hexdigest().startswith(md5):
        raise DataError(f"{path} is not the file it should be: its md5 does not begin with {md5}; fetch it again")
    dims = raw[3] if len(raw) > 4 and raw[:3] == b"\x00\x00\x08" else 0
    shape = tuple(int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(dims))
    if dims == 0 or len(raw) != 4 + 4 * dims + math.prod(shape):
        raise DataError(f"{path} is damaged: {len(raw)} bytes do not make an idx file of shape {shape}; fetch it again")
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * dims).reshape(shape)


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} is damaged: {first_line(error)}; fetch it again")


def _openml(name: str, openml: str, description: str, home: Path) -> Dataset:
    """Download a set of 70,000 images through scikit-learn's OpenML client; the last 10,000 are held out."""
    from http.client import HTTPException

    from sklearn.datasets import fetch_openml

    try:
        bunch: Any = fetch_openml(openml, version=1, as_frame=False, parser="liac-arff", data_home=str(home))
    except (OSError, ValueError, EOFError, HTTPException) as error:
        package = ", or install Debian's package dataset-fashion-mnist" if name == "fashion-mnist" else ""
        raise DataError(
            f"{name} is neither in {home / name} nor in {_DEBIAN / name}, and could not be downloaded "
            f"({first_line(error)}); set ISTHMUS_DATA to the folder that holds {name}/{package}"
        ) from None
    X = bunch.data.astype(np.uint8).reshape(-1, 28, 28)
    y = bunch.target.astype(np.int64)
    return Dataset(name, X[:60_000], X[60_000:], y[:60_000], y[60_000:], description)


def _file(*parts: str) -> Callable[[Path], Path | None]:
    def find(home: Path) -> Path | None:
        path = home.joinpath(*parts)
        return path if path.is_file() else None

    return find


_BINARIZED = ("binarized_mnist", "fixed.npz")
_ECG = ("ecg", "ecg.dat")


def _arrays(name: str, path: Path, source: str, *keys: str) -> list[np.ndarray]:
    """Read arrays from a local archive, which must exist."""
    if not path.is_file():
        raise DataError(
            f"{name} is not here: {path} is missing; put {source} there, "
            f"or set ISTHMUS_DATA to the folder that holds {path.parent.name}/"
        )
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path} is damaged: it is not a whole NumPy archive; fetch it again")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return [archive[key] for key in keys]
    except _DAMAGE as error:
        raise _damaged(path, error) from None


def _binarized_mnist(home: Path) -> Dataset:
    path = home.joinpath(*_BINARIZED)
    source = "an archive of train, valid and test, with each image's 784 bits packed into 98 bytes,"
    parts = _arrays("mnist-binarized", path, source, "train", "valid", "test")
    wrong = next((part for part in parts if part.dtype != np.uint8 or part.shape[1:] != (98,)), None)
    if wrong is not None:
        raise DataError(f"{path} is damaged: rows of {wrong.shape[1:]} {wrong.dtype}, not of 98 bytes; fetch it again")
    train, valid, test = (np.unpackbits(part, axis=1).reshape(-1, 28, 28) for part in parts)
    description = "MNIST in a fixed binarisation (Larochelle & Murray 2011)."
    return Dataset("mnist-binarized", np.concatenate([train, valid]), test, description=description)


def _ecg(home: Path) -> Dataset:
    (steps,) = _arrays("ecg", home.joinpath(*_ECG), "ecg.dat of github.com/scipy/dataset-ecg", "ecg")
    signal = (steps.astype(np.float32) - 1024) / 200  # mV: 200 steps each, zero in the middle of 11 bits
    windows = signal[: len(signal) // 256 * 256].reshape(-1, 256)
    cut = len(windows) * 4 // 5
    description = "Windows of 256 samples (0.7 s) of an electrocardiogram at 360 Hz, in mV (MIT-BIH, record 208)."
    return Dataset("ecg", windows[:cut], windows[cut:], description=description)


_SETS: dict[str, _Set] = {
    "digits": _Set("1,437 + 360 × 8 × 8", "handwritten digits, in scikit-learn", _digits),
    "fashion-mnist": _Set(
        "60,000 + 10,000 × 28 × 28",
        "pictures of clothing (Xiao et al. 2017)",
        _idx_set(
            "fashion-mnist", "Fashion-MNIST", "Pictures of clothing, 28 × 28 grey values (Xiao et al. 2017).", None
        ),
        _either(_idx_folder("fashion-mnist"), _openml_file("Fashion-MNIST")),
    ),
    "mnist": _Set(
        "60,000 + 10,000 × 28 × 28",
        "handwritten digits (LeCun et al. 1998)",
        _idx_set("mnist", "mnist_784", "Handwritten digits, 28 × 28 grey values (LeCun et al. 1998).", _MNIST_MD5),
        _either(_idx_folder("mnist"), _openml_file("mnist_784")),
    ),
    "mnist-binarized": _Set(
        "60,000 + 10,000 × 28 × 28", "MNIST's fixed binarisation (Larochelle)", _binarized_mnist, _file(*_BINARIZED)
    ),
    "ring": _Set(
        "100,000 + 10,000 × 2",
        "a ring of 8 Gaussians (PacGAN)",
        _points("ring", ring, "A ring of eight Gaussians, σ = 0.01."),
    ),
    "grid": _Set(
        "100,000 + 10,000 × 2",
        "a 5 × 5 grid of Gaussians (PacGAN)",
        _points("grid", grid, "A 5 × 5 grid of Gaussians, σ = 0.05."),
    ),
    "swiss-roll": _Set("10,000 + 2,000 × 3", "a rolled-up sheet", _swiss_roll),
    "breast-cancer": _Set("455 + 114 × 30", "a table, in scikit-learn", _breast_cancer),
    "ecg": _Set("336 + 85 × 256", "windows of an electrocardiogram", _ecg, _file(*_ECG)),
}
