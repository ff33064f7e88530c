"""Data sets by name: what they hold, where they are looked for, and what a damaged file costs."""

from __future__ import annotations

import gzip

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
    assert data.train.shape[1:] == (256,)
    assert len(data.train) + len(data.test) == 421
    assert -4 < data.train.min() < data.train.max() < 4, "millivolts"


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


@pytest.mark.parametrize(
    "content",
    [_idx(6, 28, 28, cut=5), gzip.compress(b""), b"no gzip", gzip.compress(b"\0\0\x0d\x01abcdefgh"), _idx(6)[:9]],
)
def test_a_damaged_file_is_named_in_one_line(home, content):
    (home / "fashion-mnist" / "train-images-idx3-ubyte.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz is damaged: .*; fetch it again") as caught:
        datasets.load("fashion-mnist", home)
    assert "\n" not in str(caught.value)


def test_the_wrong_file_is_told_by_its_sum(home):
    (home / "fashion-mnist").rename(home / "mnist")
    with pytest.raises(DataError, match="its md5 does not begin with 6bbc9ace"):
        datasets.load("mnist", home)


def test_what_is_not_here_says_where_it_was_looked_for(tmp_path, monkeypatch):
    for name in ("ecg", "mnist-binarized"):
        with pytest.raises(DataError, match=f"{name} is not here: .* is missing; set ISTHMUS_DATA"):
            datasets.load(name, tmp_path)

    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("sklearn.datasets.fetch_openml", offline)
    with pytest.raises(DataError, match=r"mnist is neither in .*mnist nor in .*could not be downloaded \(no network\)"):
        datasets.load("mnist", tmp_path)


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
