"""Labels as users have them: with or without a name above them, with gaps, as text or as numbers."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from isthmus.errors import DataError
from isthmus.labels import NO_LABEL, labels_in, read_labels


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("kind\nx\ny\nx\n", ["x", "y", "x"]),
        ("x\ny\nx\n", ["x", "y", "x"]),
        ("kind\n1\n0\n1\n", [1, 0, 1]),
        ("1\n0\n1\n", [1, 0, 1]),
        ("2\n1\n0\n", [2, 1, 0]),
        ("x\n\nx\n", ["x", NO_LABEL, "x"]),
        ("kind\nx\n\nx\n", ["x", NO_LABEL, "x"]),
        ("kind\n1\n\n2\n", ["1", NO_LABEL, "2"]),
        ("height\n0.5\n1.5\n2.5\n", [0.5, 1.5, 2.5]),
    ],
)
def test_a_column_of_labels_may_have_a_name_and_gaps(suffix, text, labels, tmp_path):
    (tmp_path / f"y{suffix}").write_text(text)
    assert read_labels(f"{tmp_path}/y{suffix}", 3).tolist() == labels


def test_a_column_of_a_table_becomes_labels(tmp_path):
    frame = pl.DataFrame({"a": [1.0, 2.0, 3.0], "kind": ["x", None, "y"], "class": [1.0, float("nan"), 2.0]})
    frame.write_csv(tmp_path / "x.csv")
    frame.write_parquet(tmp_path / "x.parquet")
    for name, column, labels in (
        ("x.csv", "kind", ["x", NO_LABEL, "y"]),
        ("x.parquet", "kind", ["x", NO_LABEL, "y"]),
        ("x.parquet", "class", ["1", NO_LABEL, "2"]),
    ):
        assert labels_in(f"{tmp_path}/{name}", column).tolist() == labels
    assert labels_in(f"{tmp_path}/x.csv", "other") is None
    assert labels_in(f"{tmp_path}/x.npy", "kind") is None


def test_labels_that_do_not_go_with_the_rows_are_one_line(tmp_path):
    (tmp_path / "y.csv").write_text("kind\nx\ny\n")
    (tmp_path / "two.csv").write_text("a,b\nx,y\n")
    (tmp_path / "gaps.csv").write_text("height\n0.5\n\n2.5\n")
    np.save(tmp_path / "y.npy", np.arange(4).reshape(4, 1))
    assert read_labels(f"{tmp_path}/y.npy", 4).tolist() == [0, 1, 2, 3]
    for name, rows, said in (
        ("y.csv", 5, r"labels of shape \(2,\) do not go with 5 rows"),
        ("two.csv", 1, "holds 2 columns; labels are one column, a row for each of the data's"),
        ("gaps.csv", 3, "row 1 of 'height' has no value; fill it in or leave the row out"),
        ("y.npy", 3, r"labels of shape \(4,\) do not go with 3 rows"),
        ("none.csv", 3, "neither a column of the data nor a file"),
    ):
        with pytest.raises(DataError, match=said):
            read_labels(f"{tmp_path}/{name}", rows)
