"""Files in and out: what is written comes back, what is wrong is one line, nothing is left half-written."""

from __future__ import annotations

import builtins
import os
from contextlib import nullcontext
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image

from isthmus.errors import DataError, MissingExtraError
from isthmus.files import SUFFIXES, check_writable, read, write
from isthmus.tensors import is_mapped


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".npy", ".npz"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8"])
def test_tables_round_trip(suffix, dtype, rng, tmp_path):
    X = (rng.normal(size=(7, 3)) * 50).astype(dtype)
    write(tmp_path / f"x{suffix}", X, ["a", "b", "c"])
    back = read(tmp_path / f"x{suffix}")
    np.testing.assert_allclose(back.values, X, rtol=1e-6)
    assert back.columns == (["a", "b", "c"] if suffix in (".csv", ".tsv", ".parquet") else None)
    assert [p.name for p in tmp_path.iterdir()] == [f"x{suffix}"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_suffixes_are_known_in_capitals(suffix, tmp_path):
    write(tmp_path / f"X{suffix.upper()}", np.eye(2))
    np.testing.assert_array_equal(read(tmp_path / f"X{suffix.upper()}").values, np.eye(2))
    assert [p.name for p in tmp_path.iterdir()] == [f"X{suffix.upper()}"]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_a_table_has_a_column_for_every_number_of_a_sample(suffix, rng, tmp_path):
    X = rng.normal(size=(5, 2, 3))
    write(tmp_path / f"x{suffix}", X)
    back = read(tmp_path / f"x{suffix}")
    assert back.columns == ["x0", "x1", "x2", "x3", "x4", "x5"]
    np.testing.assert_array_equal(back.values, X.reshape(5, 6))
    write(tmp_path / f"x{suffix}", X[:, 0, 0], ["score"])
    np.testing.assert_array_equal(read(tmp_path / f"x{suffix}").values, X[:, 0, :1])


@pytest.mark.parametrize("shape", [(12, 6, 5), (4, 3, 6, 5), (4, 1, 6, 5)], ids=str)
def test_images_round_trip(shape, rng, tmp_path):
    X = rng.integers(0, 256, size=shape, dtype=np.uint8)
    write(tmp_path / "pictures", X)
    back = read(tmp_path / "pictures").values
    np.testing.assert_array_equal(back, X[:, 0] if shape[1] == 1 else X)
    for name, same in (("unit", X / np.float32(255)), ("float", X.astype(np.float64)), ("int", X.astype(np.int64))):
        write(tmp_path / name, same)
        np.testing.assert_array_equal(read(tmp_path / name).values, back)


def test_a_reconstruction_that_strays_beyond_one_is_still_a_picture(tmp_path):
    write(tmp_path / "pictures", np.array([[[-0.02, 0.5], [1.0, 1.04]]]))
    assert read(tmp_path / "pictures").values.tolist() == [[[0, 128], [255, 255]]]


def test_pictures_of_other_depths(rng, tmp_path):
    deep = rng.integers(0, 2**16, size=(4, 5), dtype=np.uint16)
    for folder in ("deep", "colour", "hidden"):
        (tmp_path / folder).mkdir()
    Image.fromarray(deep).save(tmp_path / "deep" / "a.png")
    np.testing.assert_array_equal(read(tmp_path / "deep").values, [deep >> 8])
    Image.new("RGBA", (5, 4), (10, 20, 30, 40)).save(tmp_path / "colour" / "a.png")
    Image.new("RGB", (5, 4), (10, 20, 30)).quantize().save(tmp_path / "colour" / "b.png")
    assert read(tmp_path / "colour").values[:, :, 0, 0].tolist() == [[10, 20, 30]] * 2
    Image.new("L", (2, 2), 7).save(tmp_path / "hidden" / "a.PNG")
    (tmp_path / "hidden" / "._a.PNG").write_bytes(b"a file system's own notes")
    assert read(tmp_path / "hidden").values.tolist() == [[[7, 7], [7, 7]]]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_are_upright_as_a_viewer_shows_them(orientation, tmp_path):
    """A camera stores the sensor's rows, and how it was held: the inverse of each orientation is undone on reading."""
    upright = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    turned = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name in ("a.png", "b.tiff"):
        Image.fromarray(np.ascontiguousarray(turned)).save(tmp_path / name, exif=exif)
    Image.fromarray(upright).save(tmp_path / "c.png")
    np.testing.assert_array_equal(read(tmp_path).values, [np.moveaxis(upright, -1, 0)] * 3)


def test_folders_below_are_read_in_the_order_of_their_paths(tmp_path):
    for i, place in enumerate(("cat/1.png", "cat/young/1.png", "dog/0.png", ".hidden/0.png")):
        (tmp_path / "images" / place).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), i).save(tmp_path / "images" / place)
    assert read(tmp_path / "images").values[:, 0, 0].tolist() == [0, 1, 2]
    for i, place in enumerate(("day=1/a.parquet", "day=2/a.parquet")):
        (tmp_path / "tables" / place).parent.mkdir(parents=True)
        pl.DataFrame({"a": [float(i)], "b": [2.0]}).write_parquet(tmp_path / "tables" / place)
    found = read(tmp_path / "tables")
    assert (found.columns, found.values.tolist()) == (["a", "b"], [[0, 2], [1, 2]])


@pytest.mark.parametrize("spooled", [False, True])
def test_a_folder_of_parquet_files_keeps_the_names_of_its_columns(spooled, tmp_path, monkeypatch):
    if spooled:
        monkeypatch.setattr("isthmus.files.reading.SPOOL_BYTES", 0)
    for i in range(2):
        frame = pl.DataFrame({"mass": [float(i), 1.0], "__index_level_0__": [2 * i, 2 * i + 1], "charge": [2.0, 3.0]})
        frame.write_parquet(tmp_path / f"{i}.parquet")
    with pytest.warns(UserWarning, match="'__index_level_0__'.* is left out"):
        found = read(tmp_path)
    assert found.columns == ["mass", "charge"]
    assert found.values.tolist() == [[0, 2], [1, 3], [1, 2], [1, 3]]
    assert is_mapped(found.values) == spooled


def test_the_index_that_pandas_wrote_is_left_out_and_said(tmp_path):
    frame = pd.DataFrame({"a": [0.5, 1.5, 2.5], "b": [1, 2, 3]})
    again = tmp_path / "again.csv"
    frame.to_csv(again)
    for name, written in (
        ("whole", frame),
        ("filtered", frame[frame.a > 1]),
        ("shuffled", frame.iloc[::-1]),
        ("again", pd.read_csv(again)),
    ):
        written.to_csv(tmp_path / f"{name}.csv", index=name != "again")
        with pytest.warns(UserWarning, match=r"the index that pandas wrote \(.*\) is left out; give it a name"):
            found = read(tmp_path / f"{name}.csv")
        assert found.columns == ["a", "b"]
        np.testing.assert_array_equal(found.values, written[["a", "b"]])
    frame.rename_axis("id").to_csv(tmp_path / "named.csv")
    assert read(tmp_path / "named.csv").columns == ["id", "a", "b"]
    (tmp_path / "values.csv").write_text(",b\n0.5,1\n1.5,2\n")
    assert read(tmp_path / "values.csv").columns == ["", "b"]


@pytest.mark.filterwarnings("ignore:.*first line holds numbers like those below it")
@pytest.mark.parametrize("columns", [1, 2, 3, 5, 12])
def test_no_row_of_data_is_taken_for_names(columns, rng, tmp_path):
    """A first line of numbers is a row where the columns hold its like, and refused where it may be either."""
    refused = 0
    for number in range(30):
        X = rng.normal(size=(100, columns)).round(3)
        X = np.sort(X) if number % 2 else X
        np.savetxt(tmp_path / "x.csv", X, delimiter=",", fmt="%.3f")
        try:
            found = read(tmp_path / "x.csv")
        except DataError:
            refused += 1
        else:
            np.testing.assert_array_equal(found.values, X)
            assert found.columns == [f"x{i}" for i in range(columns)]
    assert refused <= 3


def test_numbers_that_count_the_columns_are_names(rng, tmp_path):
    """As pandas writes an array; whole numbers below them may be rows of the same kind, and are refused."""
    X = rng.normal(size=(50, 3))
    for index in (True, False):
        pd.DataFrame(X).to_csv(tmp_path / "x.csv", index=index)
        with pytest.warns(UserWarning, match="index that pandas wrote") if index else nullcontext():
            found = read(tmp_path / "x.csv")
        assert found.columns == ["0", "1", "2"]
        np.testing.assert_allclose(found.values, X)
    pd.DataFrame(rng.integers(0, 9, (50, 3))).to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(DataError, match="the first line holds numbers"):
        read(tmp_path / "x.csv")


def test_a_first_line_of_data_with_a_gap_is_a_row(tmp_path):
    (tmp_path / "x.csv").write_text("5,,0.5\n4,0.25,1\n6,1,0\n")
    with pytest.warns(UserWarning, match="first line holds numbers like those below it and is read as a row"):
        found = read(tmp_path / "x.csv")
    np.testing.assert_array_equal(found.values, [[5, np.nan, 0.5], [4, 0.25, 1], [6, 1, 0]])


def test_arrays_are_mapped_not_read(rng, tmp_path):
    np.save(tmp_path / "x.npy", rng.normal(size=(5, 2)))
    assert isinstance(read(tmp_path / "x.npy").values, np.memmap)
    np.savez(tmp_path / "two.npz", a=np.zeros((2, 2)), b=np.ones((3, 2)))
    assert read(f"{tmp_path}/two.npz:b").values.shape == (3, 2)


READ_AS = {
    "missing and truth values": ("a,b,c\n1,true,\n2,false,3.5\n", [[1, 1, np.nan], [2, 0, 3.5]]),
    "the words for missing": ("a,b\n1,NA\nNaN,2\nnull,n/a\n", [[1, np.nan], [np.nan, 2], [np.nan, np.nan]]),
    "truth in capitals": ("a,b\nTrue,FALSE\nFalse,\n", [[1, 0], [0, np.nan]]),
    "spaces": ("a, b\n1, 2\n3, -4e-1\n", [[1, 2], [3, -0.4]]),
    "blank lines": ("a,b\n1,2\n\n3,4\n\n", [[1, 2], [3, 4]]),
    "a column that is empty": ("a,b\n,1\n,2\n", [[np.nan, 1], [np.nan, 2]]),
    "a byte order mark": ("\ufeffa,b\n1,2\n", [[1, 2]]),
    "beyond 64 bits": ("a,b\n99999999999999999999999,2\n", [[1e23, 2]]),
    "an axis as names": ("400.0,402.5,405.0\n1,2,3\n", [[1, 2, 3]]),
    "quotes": ('"a","b, in m"\n1,"2"\n', [[1, 2]]),
    "an axis that is not even": ("400,401,403,404,409,410,417,480\n1,2,3,1,2,3,1,2\n", [[1, 2, 3, 1, 2, 3, 1, 2]]),
    "a separator at the end of each line": ("a,b,\n1,2,\n3,4,\n", [[1, 2], [3, 4]]),
    "a name that begins with a hash": ("a#,#b\n1,2\n", [[1, 2]]),
    "other separators within a name": ("a;c,b|d\n1,2\n", [[1, 2]]),
}


@pytest.mark.parametrize("case", READ_AS)
def test_text_becomes_numbers(case, tmp_path):
    text, expected = READ_AS[case]
    for suffix, content in ((".csv", text), (".tsv", text.replace(",", "\t"))):
        (tmp_path / f"x{suffix}").write_text(content, encoding="utf-8")
        table = read(tmp_path / f"x{suffix}")
        np.testing.assert_array_equal(table.values, expected)
        assert table.columns[0] in ("a", "400.0", "400", "a#", "a;c")
        assert table.columns[1] == table.columns[1].strip()


def test_integers_stay_integers_and_mixtures_become_float64(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n3,4\n")
    assert read(tmp_path / "x.csv").values.dtype == np.int64
    assert read(tmp_path / "x.csv").values.flags.c_contiguous
    for name, columns in (
        ("small", {"a": pl.Series([1, 2], dtype=pl.Int8), "b": pl.Series([0.5, 1.5], dtype=pl.Float32)}),
        ("decimal", {"a": [Decimal("1.0"), Decimal("2.0")], "b": [0.5, 1.5]}),
        ("text", {"a": ["1", " 2 "], "b": ["0.5", "1.5"]}),
    ):
        pl.DataFrame(columns).write_parquet(tmp_path / f"{name}.parquet")
        values = read(tmp_path / f"{name}.parquet").values
        assert values.dtype == np.float64
        np.testing.assert_array_equal(values, [[1, 0.5], [2, 1.5]])


@pytest.fixture
def bad(tmp_path):
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "header.csv").write_text("a,b\n")
    (tmp_path / "text.csv").write_text("town,x\nBern,1\nThun,2\n")
    (tmp_path / "late.csv").write_text("a,b,c\n" + "1,2,3\n" * 400 + "1,x y,z\n")
    (tmp_path / "dates.csv").write_text("day,x\n2020-01-01,1\n")
    (tmp_path / "long.csv").write_text("a,b\n1,2\n1,2,3,4\n")
    (tmp_path / "short.csv").write_text("a,b,c\n1,2,3\n\n4,5\n")
    (tmp_path / "headless.csv").write_text("1.5,0.2,3.1\n1,2,3\n")
    (tmp_path / "semicolons.csv").write_text("a;b\n1;2\n")
    (tmp_path / "decimals.csv").write_text("a;b\n1,5;2,5\n")
    (tmp_path / "tabs.csv").write_text("a\tb\n1\t2\n")
    (tmp_path / "commas.tsv").write_text("a,b\n1,2\n")
    (tmp_path / "bars.csv").write_text("a|b\n1|2\n")
    (tmp_path / "comment.csv").write_text("# measured in May, by night\na,b,c\n1,2,3\n")
    (tmp_path / "spaced.csv").write_text('"a", "b"\n"1", "2"\n')
    (tmp_path / "mac.csv").write_bytes(b"a,b\r1,2\r3,4\r")
    (tmp_path / "excel.csv").write_bytes("a,b\n1,2\n".encode("utf-16"))
    (tmp_path / "even.csv").write_text("1,2,3\n" + "".join(f"{i},{i % 5},{i % 7}\n" for i in range(9)))
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "deep").mkdir()
    (tmp_path / "notes" / "deep" / "a.txt").write_text("notes")
    (tmp_path / "unlike").mkdir()
    pl.DataFrame({"a": [1.0]}).write_parquet(tmp_path / "unlike" / "1.parquet")
    pl.DataFrame({"b": [1.0]}).write_parquet(tmp_path / "unlike" / "2.parquet")
    (tmp_path / "lines.csv").write_text('"two\nlines",x\nBern,1\n')
    (tmp_path / "latin.csv").write_bytes("é,b\n1,2\n".encode("latin-1"))
    (tmp_path / "latin_text.csv").write_bytes("a,b\n1,é\n".encode("latin-1"))
    pl.DataFrame({"a": [[1], [2]], "b": [1, 2]}).write_parquet(tmp_path / "lists.parquet")
    pl.DataFrame({"a": []}).write_parquet(tmp_path / "rows.parquet")
    (tmp_path / "noise.parquet").write_bytes(b"nothing")
    (tmp_path / "noise.npy").write_bytes(b"nothing")
    (tmp_path / "noise.npz").write_bytes(b"nothing")
    (tmp_path / "x.xlsx").write_bytes(b"")
    (tmp_path / "nothing.npy").write_bytes(b"")
    np.save(tmp_path / "rows.npy", np.zeros((0, 3)))
    np.save(tmp_path / "cut.npy", np.zeros((200, 3)))
    os.truncate(tmp_path / "cut.npy", 700)
    np.savez(tmp_path / "none.npz")
    with (tmp_path / "array.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with (tmp_path / "archive.npy").open("wb") as file:
        np.savez(file, np.zeros(3))
    np.savez_compressed(tmp_path / "flipped.npz", np.arange(5000) ** 2)
    flipped = bytearray((tmp_path / "flipped.npz").read_bytes())
    flipped[1000:1100] = b"\xff" * 100
    (tmp_path / "flipped.npz").write_bytes(flipped)
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
    (tmp_path / "floating").mkdir()
    Image.fromarray(np.zeros((2, 2), np.float32)).save(tmp_path / "floating" / "a.tiff")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "0.png").write_bytes(b"\x89PNG nothing")
    return tmp_path


MISTAKES = {
    "empty.csv": "empty",
    "header.csv": "holds no rows",
    "text.csv": r"columns town hold no numbers \(row 0 of 'town': 'Bern'\); encode them or leave them out",
    "late.csv": r"columns b, c hold no numbers \(row 400 of 'b': 'x y'\); encode them or leave them out",
    "dates.csv": r"columns day hold no numbers \(row 0 of 'day': '2020-01-01'\)",
    "long.csv": "row 1 holds 4 values, but there are 2 columns",
    "short.csv": "row 2 holds 2 values, but there are 3 columns",
    "headless.csv": "the first line holds numbers, not the columns' names; put a line of names above it",
    "semicolons.csv": "columns are separated by ';', not by ','; save it with ','",
    "decimals.csv": "columns are separated by ';', not by ','; save it with ',', and with points for decimal commas",
    "tabs.csv": r"columns are separated by '\\t', not by ','",
    "commas.tsv": r"columns are separated by ',', not by '\\t'",
    "bars.csv": r"columns are separated by '\|', not by ','",
    "comment.csv": "begins with a comment .*; remove the lines that begin with '#'",
    "spaced.csv": "there are spaces between ',' and the quotes; remove them",
    "mac.csv": "its lines end in a carriage return alone",
    "excel.csv": "is UTF-16; save the file as UTF-8",
    "even.csv": "the first line holds numbers",
    "unlike": "cannot be read",
    "notes": r"or Parquet files; it holds 1 with \.txt",
    "lines.csv": "columns two lines hold no numbers",
    "latin.csv": "the names of the columns are not UTF-8; save the file as UTF-8",
    "latin_text.csv": "cannot be read: 'utf-8' codec can't decode byte 0xe9",
    "lists.parquet": "columns a hold no numbers",
    "rows.parquet": "holds no rows",
    "noise.parquet": "cannot be read",
    "noise.npy": "cannot be read: it is empty or not a NumPy array",
    "nothing.npy": "cannot be read: it is empty or not a NumPy array",
    "archive.npy": "cannot be read: it is empty or not a NumPy array",
    "cut.npy": "cannot be read: mmap length is greater than file size",
    "rows.npy": r"holds no rows: its shape is \(0, 3\)",
    "noise.npz": "cannot be read: it is not a whole NumPy archive",
    "array.npz": "cannot be read: it is not a whole NumPy archive",
    "flipped.npz": "cannot be read",
    "none.npz": "holds no arrays",
    "x.xlsx": r"unknown suffix '\.xlsx'; known: \.csv, \.tsv",
    "scalar.npy": "holds no rows",
    "strings.npy": "values of type <U1 are not numbers",
    "objects.npy": "cannot be read",
    "two.npz": r"holds a, b; say which: .*two\.npz:a",
    "two.npz:c": "holds no 'c'.*it holds a, b",
    "txt.csv": r"no such file, did you mean 'text\.csv'\?",
    "folder": "a folder without images .*; it holds no files",
    "mixed": r"1\.png: is 4×5 grey, 0\.png is 4×4 grey; make all images alike",
    "floating": r"a\.tiff: its pixels are floating-point numbers; save the images as one \.npy file",
    "broken": r"0\.png: cannot be read",
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_one_line(bad, name):
    with pytest.raises(DataError, match=MISTAKES[name]) as caught:
        read(f"{bad}/{name}")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{bad}/{name.partition(':')[0]}")


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
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DataError, match="is a file, where a folder of images would go"):
        check_writable(tmp_path / "file")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "full"]


def test_a_closed_folder_is_refused_early(tmp_path, monkeypatch):
    monkeypatch.setattr("isthmus.files.writing.os.access", lambda *_: False)
    with pytest.raises(DataError, match="cannot be written to; choose another place"):
        check_writable(tmp_path / "x.csv")


@pytest.mark.parametrize(
    ("name", "values", "columns", "message"),
    [
        ("rows", np.zeros((4, 3)), None, r"values of shape \(4, 3\) are no images; choose a suffix"),
        ("nan", np.full((2, 3, 3), np.nan), None, "image 0 holds NaN or infinity; choose a suffix"),
        ("x.csv", np.zeros((4, 3)), ["a"], "1 names do not go with 3 columns"),
        ("x.parquet", np.zeros((4, 3)), ["a", "b", "a"], "two columns are named 'a'"),
        ("x.npy", np.array([{}]), None, "values of type object are not numbers"),
        ("x.csv", np.zeros((4, 1), np.longdouble), None, "cannot be written"),
    ],
)
def test_what_cannot_be_written_is_one_line_and_leaves_nothing(name, values, columns, message, tmp_path):
    with pytest.raises(DataError, match=message) as caught:
        write(tmp_path / name, values, columns)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("x.npy", "isthmus.files.arrays.np.save"),
        ("x.npz", "isthmus.files.arrays.np.savez_compressed"),
        ("x.csv", "polars.DataFrame.write_csv"),
        ("x.parquet", "polars.DataFrame.write_parquet"),
    ],
)
@pytest.mark.parametrize("error", [OSError("no space left on device"), KeyboardInterrupt("stop")], ids=repr)
def test_a_failed_write_leaves_what_was_there(name, broken, error, tmp_path, monkeypatch):
    write(tmp_path / name, np.zeros((3, 2)))
    before = (tmp_path / name).read_bytes()

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(broken, fail)
    with pytest.raises((DataError, KeyboardInterrupt), match=r"no space left on device|^stop$"):
        write(tmp_path / name, np.ones((3, 2)))
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == before


def test_a_failed_picture_leaves_no_folder(tmp_path, monkeypatch):
    saved = []

    def fill_up(image, path):
        if saved:
            raise OSError("no space left on device")
        saved.append(path)
        path.write_bytes(b"half of them")

    monkeypatch.setattr(Image.Image, "save", fill_up)
    with pytest.raises(DataError, match="pictures: cannot be written: no space left on device"):
        write(tmp_path / "pictures", np.zeros((2, 4, 4)))
    assert len(saved) == 1
    assert list(tmp_path.iterdir()) == []


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
        check_writable(tmp_path / path)
    if extra == "tables":
        (tmp_path / path).write_text("a\n1\n")
    else:
        (tmp_path / path).mkdir()
        (tmp_path / path / "0.png").touch()
    with pytest.raises(MissingExtraError, match=rf"pip install 'isthmus\[{extra}\]'"):
        read(tmp_path / path)
