"""docs/trust.md promises only what a test holds."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "trust.md").read_text(encoding="utf-8")


def names_of_tests() -> set[str]:
    found = set()
    for path in TESTS.rglob("test_*.py"):
        found.add(path.name)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found.add(node.name)
    return found


def test_every_test_that_the_page_names_is_there():
    named = set(re.findall(r"`(test_[^`]*)`", PAGE))
    assert len(named) > 60
    assert named - names_of_tests() == set()


def test_every_promise_names_a_test():
    """A promise is an item of a list, a step or a row of a table."""
    text = re.sub(r"\n +", " ", PAGE)
    items = [line for line in text.splitlines() if re.match(r"- |\d\. |\| (?!---)", line)]
    without = [line for line in items if "`test_" not in line and not re.search(r"\| test \|$", line)]
    assert without == []
