"""A page tells of each quantity once: whatever says it, the number is the same."""

from __future__ import annotations

import html
import re

import pytest

from isthmus.report.page import page

FIGURE = r"(−?[\d,]+(?:\.\d+)?(?:e[−-]\d+)?)"
SPOKEN = (
    "precision", "recall", "density", "coverage", "told apart, AUC", "MMD²", "Fréchet distance", "kernel distance",
)  # fmt: skip


def numbers_of(text: str) -> dict[str, set[str]]:
    """Return every number that a page gives a quantity: in tiles, in the list of numbers, as evidence, in sentences."""
    found: dict[str, set[str]] = {}

    def add(name: str, value: str) -> None:
        found.setdefault(html.unescape(name).strip().lower(), set()).add(html.unescape(value).strip())

    for name, value, real in re.findall(r"<summary><span>(.*?)</span><b>(.*?)</b><small>(.*?)</small>", text):
        add(name, value)
        if real.startswith("real rows "):
            add(f"{name}, real rows", real.removeprefix("real rows "))
    for value, name in re.findall(r"<summary><b>(.*?)</b><span>(.*?)</span>", text):
        add(name, value)
    for name, value in re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", text):
        add(name, value)
    for name in SPOKEN:
        for value, real in re.findall(rf"{re.escape(name)} {FIGURE} \(real rows {FIGURE}\)", text, re.IGNORECASE):
            add(name, value)
            add(f"{name}, real rows", real)
    for value in re.findall(rf"R²(?: of cleaned rows)? is {FIGURE}% on held-out rows", text):
        add("R² of cleaned rows" if "R² of cleaned rows is" in text else "R²", f"{value}%")
    for value in re.findall(rf"The error(?: of cleaned rows)? is {FIGURE} on held-out rows", text):
        of = " of cleaned rows" if "error of cleaned rows is" in text else ""
        add(f"mean squared error{of}", value)
    return found


def parsed(text: str) -> tuple[float, float]:
    """Return a number as it is written, and half a unit of its last digit."""
    written = re.match(rf"\+?{FIGURE}(%?)", text)
    assert written, text
    digits = written[1].replace(",", "").replace("−", "-")
    mantissa, _, exponent = digits.partition("e")
    unit = 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
    scale = 0.01 if written[2] else 1.0
    return float(digits) * scale, 0.5001 * unit * scale


def contradictions(text: str) -> dict[str, set[str]]:
    """Return the quantities of a page that have two numbers which rounding does not explain."""
    wrong = {}
    for name, values in numbers_of(text).items():
        pairs = [parsed(value) for value in values if re.match(rf"\+?{FIGURE}", value)]
        if any(abs(a - b) > within + other for a, within in pairs for b, other in pairs):
            wrong[name] = values
    return wrong


@pytest.mark.parametrize("name", ["images", "rows", "series", "gan", "plain"])
def test_no_quantity_has_two_values(name, report_contents):
    text = page(report_contents[name])
    said = numbers_of(text)
    assert len(said) > 10
    assert any(len(values) > 1 for values in said.values()), "a figure is said in more than one place"
    assert contradictions(text) == {}


def test_a_page_that_contradicts_itself_is_noticed(report_contents):
    text = page(report_contents["images"])
    [(shown, value)] = re.findall(r"(<summary><span>coverage</span><b>(\d\.\d+))", text)
    assert set(contradictions(text.replace(shown, shown.replace(value, "1.23")))) == {"coverage"}
    [spoken] = re.findall(r"recall \d\.\d+ \(real", text)
    assert set(contradictions(text.replace(spoken, "recall 1.23 (real"))) == {"recall"}
