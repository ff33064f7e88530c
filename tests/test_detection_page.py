"""What docs/detection.md shows of series runs, where the recording is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from isthmus.datasets import load
from isthmus.errors import DataError

PAGE = Path(__file__).parent.parent / "docs" / "detection.md"


def test_the_example_of_series_marks_the_artefact():
    try:
        load("ecg")
    except DataError as error:
        pytest.skip(str(error))
    (block,) = [
        block for block in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL) if "ecg" in block
    ]
    names: dict = {}
    exec(compile(block, "docs/detection.md", "exec"), names)
    alarm = names["alarm"]
    assert alarm[9_000:9_040].mean() > 0.2
    assert alarm.mean() < 0.05
