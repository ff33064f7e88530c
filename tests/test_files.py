"""Files in and out: what is written comes back, what is wrong is one line, nothing is left half-written."""

from __future__ import annotations

import builtins

import numpy as np
import pytest

from isthmus.errors import DataError, MissingExtraError
from isthmus.files import check_writable, read, write


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".npy", ".npz"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8"])
def test_tables_round_trip(suffix, dtype, rng, tmp_path):
    X = (rng.normal(size=(7, 3)) * 50).astype(dtype)
    write(tmp_path / f"x{suffix}", X, ["a", "b", "c"])
    back = read(tmp_path / f"x{suffix}")
    np.testing.assert_allclose(back.values, X, rtol=1e-6)
    assert back.columns == (["a", "b", "c"] if suffix in (".csv", ".tsv", ".parquet") else None)
    assert [p.name for p in tmp_path.iterdir()] == [f"x{suffix}"]


@pytest.mark.parametrize("shape", [(12, 6, 5), (4, 3, 6, 5), (4, 1, 6, 5)], ids=str)
def test_images_round_trip(shape, rng, tmp_path):
    X = rng.integers(0, 256, size=shape, dtype=np.uint8)
    write(tmp_path / "pictures", X)
    back = read(tmp_path / "pictures").values
    np.testing.assert_array_equal(back, X[:, 0] if shape[1] == 1 else X)
    write(tmp_path / "floats", X / np.float32(255))
    np.testing.assert_array_equal(read(tmp_path / "floats").values, back)


def test_arrays_are_mapped_not_read(rng, tmp_path):
    np.save(tmp_path / "x.npy", rng.normal(size=(5, 2)))
    assert isinstance(read(tmp_path / "x.npy").values, np.memmap)
    np.savez(tmp_path / "two.npz", a=np.zeros((2, 2)), b=np.ones((3, 2)))
    assert read(f"{tmp_path}/two.npz:b").values.shape == (3, 2)


def test_missing_values_and_truth_values_are_numbers(tmp_path):
    (tmp_path / "x.csv").write_text("a,b,c\n1,true,\n2,false,3.5\n")
    values = read(tmp_path / "x.csv").values
    np.testing.assert_array_equal(values, [[1, 1, np.nan], [2, 0, 3.5]])


@pytest.fixture
def bad(tmp_path):
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "header.csv").write_text("a,b\n")
    (tmp_path / "text.csv").write_text("town,x\nBern,1\nThun,2\n")
    (tmp_path / "ragged.csv").write_text("a,b\n1,2\n1,2,3,4\n")
    (tmp_path / "noise.parquet").write_bytes(b"nothing")
    (tmp_path / "noise.npy").write_bytes(b"nothing")
    (tmp_path / "noise.npz").write_bytes(b"nothing")
    (tmp_path / "x.xlsx").write_bytes(b"")
    np.save(tmp_path / "scalar.npy", np.float64(3))
    np.save(tmp_path / "strings.npy", np.array(["a", "b"]))
    np.save(tmp_path / "objects.npy", np.array([{}, {}]), allow_pickle=True)
    np.savez(tmp_path / "two.npz", a=np.zeros(2), b=np.ones(2))
    (tmp_path / "folder").mkdir()
    (tmp_path / "mixed").mkdir()
    write(tmp_path / "small", np.zeros((2, 4, 4)))
    (tmp_path / "small" / "0.png").rename(tmp_path / "mixed" / "0.png")
    write(tmp_path / "large", np.zeros((2, 5, 4)))
    (tmp_path / "large" / "1.png").rename(tmp_path / "mixed" / "1.png")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "0.png").write_bytes(b"\x89PNG nothing")
    return tmp_path


MISTAKES = {
    "empty.csv": "empty",
    "header.csv": "holds no rows",
    "text.csv": r"columns town hold no numbers \(row 0 of 'town': 'Bern'\); encode them or leave them out",
    "ragged.csv": "cannot be read",
    "noise.parquet": "cannot be read",
    "noise.npy": "cannot be read",
    "noise.npz": "cannot be read",
    "x.xlsx": r"unknown suffix '\.xlsx'; known: \.csv, \.tsv",
    "scalar.npy": "holds no rows",
    "strings.npy": "holds values of type <U1, not numbers",
    "objects.npy": "cannot be read",
    "two.npz": r"holds a, b; say which: .*two\.npz:a",
    "two.npz:c": "holds no 'c'.*it holds a, b",
    "txt.csv": r"no such file, did you mean 'text\.csv'\?",
    "folder": "a folder without images",
    "mixed": r"1\.png: is 4×5 grey, 0\.png is 4×4 grey; make all images alike",
    "broken": "cannot be read",
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_one_line(bad, name):
    with pytest.raises(DataError, match=MISTAKES[name]) as caught:
        read(f"{bad}/{name}")
    assert "\n" not in str(caught.value)


def test_places_that_cannot_be_written_are_refused_early(tmp_path):
    for name, message in (
        ("x.foo", r"unknown suffix '\.foo'"),
        ("nowhere/x.csv", "does not exist; make it first"),
    ):
        with pytest.raises(DataError, match=message):
            check_writable(tmp_path / name)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").write_text("mine")
    with pytest.raises(DataError, match="not empty; choose another place"):
        check_writable(tmp_path / "full")
    with pytest.raises(DataError, match=r"samples of shape \(3,\) are no images; choose a suffix"):
        write(tmp_path / "rows", np.zeros((4, 3)))
    assert [p.name for p in tmp_path.iterdir()] == ["full"]


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    write(tmp_path / "x.npy", np.zeros(3))

    def full_disk(*_, **__):
        raise OSError("no space left on device")

    monkeypatch.setattr("isthmus.files.np.save", full_disk)
    with pytest.raises(OSError, match="no space"):
        write(tmp_path / "x.npy", np.ones(3))
    assert [p.name for p in tmp_path.iterdir()] == ["x.npy"]
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), np.zeros(3))


@pytest.mark.parametrize(
    ("module", "path", "extra"),
    [("polars", "x.csv", "tables"), ("PIL", "pictures", "images")],
    ids=["polars", "pillow"],
)
def test_a_missing_extra_is_named(module, path, extra, tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **keywords):
        if name == module:
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=rf"pip install 'isthmus\[{extra}\]'"):
        write(tmp_path / path, np.zeros((2, 4, 4)))
