"""Data sets by name: what they hold, where they are looked for, and what a damaged file costs."""

from __future__ import annotations

import gzip
import subprocess
import sys
from http.client import IncompleteRead
from pathlib import Path

import numpy as np
import pytest

from isthmus import datasets
from isthmus.errors import DataError, UnknownNameError


def _load_or_skip(name):
    if not next(k for k in datasets.available() if k.name == name).here:
        pytest.skip(f"{name} is not on this machine; set ISTHMUS_DATA or install its package")
    return datasets.load(name)


def test_digits_are_split_the_same_way_every_time():
    first, second = datasets.load("digits"), datasets.load("digits")
    np.testing.assert_array_equal(first.test, second.test)
    assert first.train.min() == 0
    assert first.train.max() == 1
    shares = [np.bincount(labels) / len(labels) for labels in (first.train_labels, first.test_labels)]
    np.testing.assert_allclose(*shares, atol=0.01)


@pytest.mark.parametrize(("name", "centres", "std"), [("ring", datasets.RING, 0.01), ("grid", datasets.GRID, 0.05)])
def test_mixtures_are_the_papers(name, centres, std):
    data = datasets.load(name)
    assert data.train.shape == (100_000, 2)
    nearest = np.linalg.norm(data.train[:, None] - centres[None], axis=2).argmin(1)
    residual = data.train - centres[nearest]
    assert residual.std() == pytest.approx(std, rel=0.02)
    np.testing.assert_allclose(np.bincount(nearest) / 1e5, 1 / len(centres), rtol=0.06)
    spacing = np.sort(np.linalg.norm(centres[:, None] - centres[None], axis=2), axis=1)[:, 1]
    np.testing.assert_allclose(spacing, 2 if name == "grid" else 2 * np.sin(np.pi / 8))
    assert not np.array_equal(data.train[:10], data.test[:10])


def test_the_swiss_roll_and_the_table():
    roll, table = datasets.load("swiss-roll"), datasets.load("breast-cancer")
    assert roll.train.shape == (10_000, 3)
    assert roll.train_labels.shape == (10_000,)
    assert len(table.train) + len(table.test) == 569


@pytest.mark.parametrize("name", ["fashion-mnist", "mnist"])
def test_idx_images(name):
    data = _load_or_skip(name)
    assert data.train.shape == (60_000, 28, 28)
    assert data.test.shape == (10_000, 28, 28)
    assert data.train.dtype == np.uint8
    assert np.bincount(data.test_labels).min() > 800
    assert data.train.mean() == pytest.approx({"fashion-mnist": 72.94, "mnist": 33.32}[name], abs=0.01)


def test_the_fixed_binarisation():
    data = _load_or_skip("mnist-binarized")
    assert data.train.shape == (60_000, 28, 28)
    assert set(np.unique(data.test)) == {0, 1}
    assert data.train.mean() == pytest.approx(0.1307, abs=0.003)


def test_the_electrocardiogram():
    data = _load_or_skip("ecg")
    assert data.train.shape == (336, 256)
    assert data.test.shape == (85, 256)
    assert data.train.dtype == np.float32
    assert data.train.min() == pytest.approx((327 - 1024) / 200), "the lowest step of the record, in millivolts"
    assert data.train[0, -1] != data.train[1, 0]
    assert abs(data.train[0, -1] - data.train[1, 0]) < 0.2, "one window goes on where the last one ended"


def _idx(*shape: int, cut: int = 0) -> bytes:
    header = bytes([0, 0, 8, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)
    raw = header + bytes(int(np.prod(shape)))
    return gzip.compress(raw[: len(raw) - cut])


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "fashion-mnist"
    folder.mkdir()
    for name, shape in (("train", (6, 28, 28)), ("t10k", (3, 28, 28))):
        (folder / f"{name}-images-idx3-ubyte.gz").write_bytes(_idx(*shape))
        (folder / f"{name}-labels-idx1-ubyte.gz").write_bytes(_idx(shape[0]))
    return tmp_path


def test_the_data_home_comes_first(home, monkeypatch):
    assert datasets.load("fashion-mnist", home).train.shape == (6, 28, 28)
    monkeypatch.setenv("ISTHMUS_DATA", str(home))
    assert datasets.load("fashion-mnist").test.shape == (3, 28, 28)


def _flipped(content: bytes) -> bytes:
    return content[:10] + b"\xff\xff\xff" + content[13:]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(_idx(6, 28, 28, cut=5), id="too short"),
        pytest.param(gzip.compress(gzip.decompress(_idx(6, 28, 28)) + b"more"), id="too long"),
        pytest.param(gzip.compress(b""), id="empty"),
        pytest.param(b"no gzip", id="no gzip"),
        pytest.param(gzip.compress(b"\0\0\x0d\x01abcdefgh"), id="floats"),
        pytest.param(_idx(6)[:9], id="cut header"),
        pytest.param(_idx(6, 28, 28)[:-12], id="cut stream"),
        pytest.param(_flipped(_idx(6, 28, 28)), id="flipped bits"),
    ],
)
def test_a_damaged_file_is_named_in_one_line(home, content):
    (home / "fashion-mnist" / "train-images-idx3-ubyte.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz is damaged: .*; fetch it again") as caught:
        datasets.load("fashion-mnist", home)
    assert "\n" not in str(caught.value)


def test_images_and_labels_have_to_go_together(home):
    (home / "fashion-mnist" / "train-images-idx3-ubyte.gz").write_bytes(_idx(5, 28, 28))
    with pytest.raises(DataError, match=r"5 \+ 3 images do not go with 6 \+ 3 labels; fetch the four files again"):
        datasets.load("fashion-mnist", home)


def _archive(path: Path, **arrays: np.ndarray) -> None:
    path.parent.mkdir()
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def test_the_archives_are_unpacked_and_cut(tmp_path, rng):
    images = {name: rng.integers(0, 2, size=(n, 28, 28)) for name, n in (("train", 5), ("valid", 2), ("test", 3))}
    bits = {name: np.packbits(x.reshape(len(x), 784).astype(bool), axis=1) for name, x in images.items()}
    _archive(tmp_path / "binarized_mnist" / "fixed.npz", **bits)
    data = datasets.load("mnist-binarized", tmp_path)
    np.testing.assert_array_equal(data.train, np.concatenate([images["train"], images["valid"]]))
    np.testing.assert_array_equal(data.test, images["test"])
    steps = rng.integers(0, 2048, size=10 * 256 + 100).astype(np.uint16)
    _archive(tmp_path / "ecg" / "ecg.dat", ecg=steps)
    ecg = datasets.load("ecg", tmp_path)
    assert (len(ecg.train), len(ecg.test)) == (8, 2)
    np.testing.assert_allclose(np.concatenate([ecg.train, ecg.test]).ravel() * 200 + 1024, steps[:2560], atol=1e-3)


@pytest.mark.parametrize(("name", "file"), [("mnist-binarized", "binarized_mnist/fixed.npz"), ("ecg", "ecg/ecg.dat")])
def test_a_damaged_archive_is_named_in_one_line(name, file, tmp_path):
    path = tmp_path / file
    _archive(path, other=np.zeros((2, 98), np.uint8))
    whole = path.read_bytes()
    for content in (whole, whole[:50], b"nothing", b""):
        path.write_bytes(content)
        with pytest.raises(DataError, match=f"^{path} is damaged: .*; fetch it again$") as caught:
            datasets.load(name, tmp_path)
        assert "\n" not in str(caught.value)


def test_bits_of_another_size_are_refused(tmp_path):
    parts = {name: np.zeros((2, 97), np.uint8) for name in ("train", "valid", "test")}
    _archive(tmp_path / "binarized_mnist" / "fixed.npz", **parts)
    with pytest.raises(DataError, match=r"rows of \(97,\) uint8, not of 98 bytes"):
        datasets.load("mnist-binarized", tmp_path)


def test_the_wrong_file_is_told_by_its_sum(home):
    (home / "fashion-mnist").rename(home / "mnist")
    with pytest.raises(DataError, match="its md5 does not begin with 6bbc9ace"):
        datasets.load("mnist", home)


def test_what_is_not_here_says_where_it_was_looked_for(tmp_path):
    for name in ("ecg", "mnist-binarized"):
        with pytest.raises(
            DataError, match=f"^{name} is not here: {tmp_path}.* is missing; put .* or set ISTHMUS_DATA"
        ):
            datasets.load(name, tmp_path)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError("no network"), "no network"),
        (ValueError("the md5 is wrong\nclean the cache"), "the md5 is wrong"),
        (IncompleteRead(b"half", 4), "IncompleteRead"),
        (TimeoutError(), "TimeoutError"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_download_that_fails_is_one_line(error, words, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fail)
    monkeypatch.setattr(datasets, "_DEBIAN", tmp_path / "debian")
    with pytest.raises(DataError, match=rf"^mnist is neither in .*mnist nor in .*downloaded \({words}") as caught:
        datasets.load("mnist", tmp_path)
    assert "set ISTHMUS_DATA to the folder that holds mnist/" in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match=r"or install Debian's package dataset-fashion-mnist$"):
        datasets.load("fashion-mnist", tmp_path)


def test_a_download_looks_like_a_local_copy(tmp_path, monkeypatch):
    class Bunch:
        data = np.tile(np.arange(784) % 256, (70_000, 1)).astype(np.float32)
        target = (np.arange(70_000) % 10).astype(str)

    monkeypatch.setattr("sklearn.datasets.fetch_openml", lambda *_, **__: Bunch)
    data = datasets.load("mnist", tmp_path)
    assert data.train.shape == (60_000, 28, 28)
    assert data.train.dtype == np.uint8
    assert data.test_labels[:3].tolist() == [0, 1, 2]


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown data set 'fashon-mnist', did you mean 'fashion-mnist'"):
        datasets.load("fashon-mnist")


def test_the_list_knows_what_is_here(home, monkeypatch):
    monkeypatch.setattr(datasets, "_DEBIAN", home / "debian")
    here = {known.name for known in datasets.available(home) if known.here}
    assert here == {"breast-cancer", "digits", "fashion-mnist", "grid", "ring", "swiss-roll"}
    kept = home / "openml" / "openml.org" / "data" / "v1" / "download" / "52667"
    kept.mkdir(parents=True)
    (kept / "mnist_784.arff.gz").touch()
    assert {known.name for known in datasets.available(home) if known.here} == here | {"mnist"}


def test_the_sizes_listed_are_the_sizes_loaded():
    for known in datasets.available():
        if known.here and known.name not in ("mnist", "fashion-mnist", "mnist-binarized"):
            data = datasets.load(known.name)
            shape = " × ".join(str(n) for n in data.train.shape[1:])
            assert known.size == f"{len(data.train):,} + {len(data.test):,} × {shape}"
            assert data.name == known.name
            assert data.description


def test_listing_needs_neither_scikit_learn_nor_torch():
    code = "import sys, isthmus.files, isthmus.datasets as d; d.available(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"sklearn", "scipy", "torch", "polars", "PIL"}.isdisjoint(done.stdout.split())
