"""The report as a reader meets it, in headless Chromium; skipped where there is none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from conftest import HOSTILE
from isthmus import GAN, VAE, DenoisingAutoencoder
from isthmus.compare import compare
from isthmus.datasets import Dataset
from isthmus.report.page import page
from test_report import SECTIONS

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
DRIVER = shutil.which("chromedriver")

pytestmark = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None, reason="needs Chromium and chromedriver (Debian: chromium, chromium-driver)"
)

DESKTOP, PAPER, PHONE = 1280, 720, 390

OVERLAPS = """
const words = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode, holder = node.parentElement;
  if (!node.data.trim() || /SCRIPT|STYLE|OPTION|SELECT/.test(holder.tagName)) continue;
  if (!holder.checkVisibility({ visibilityProperty: true })) continue;
  const range = document.createRange();
  range.selectNodeContents(node);
  for (const box of range.getClientRects()) if (box.width > 1) words.push([box, node.data.trim(), holder]);
}
const found = [];
words.forEach(([a, text, holder], i) => words.slice(i + 1).forEach(([b, other, beside]) => {
  const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  if (wide < 1.5 || high < 0.3 * Math.min(a.height, b.height)) return;
  if (!holder.contains(beside) && !beside.contains(holder)) found.push(`${text} / ${other}`);
}));
return [words.length, found];
"""

NARROW = """
const room = document.documentElement.clientWidth;
const wide = [...document.querySelectorAll("h1, h2, h3, p, figure, .chart, img, summary, pre, .legend, .scroll")]
  .filter((e) => e.checkVisibility() && !e.parentElement.closest(".scroll"))
  .filter((e) => e.getBoundingClientRect().right > room + 0.5);
return [document.documentElement.scrollWidth - room, wide.map((e) => e.outerHTML.slice(0, 80))];
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = CHROMIUM
    for argument in (
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def pages(report_contents, tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    for name, content in report_contents.items():
        (folder / f"{name}.html").write_text(page(content), encoding="utf-8")
    return {name: folder / f"{name}.html" for name in report_contents}


@pytest.fixture(scope="module")
def comparisons(report_cases, tmp_path_factory) -> dict[str, Path]:
    made = {}
    for name in ("images", "rows", "series"):
        _, test, train, labels = report_cases[name]
        data = Dataset(f"{name} {HOSTILE}", np.asarray(train), np.asarray(test), test_labels=labels)
        systems = {f"vae {HOSTILE}": VAE(2), "denoising": DenoisingAutoencoder(2), "gan": GAN(2)}
        out = tmp_path_factory.mktemp(name)
        made[name] = compare(data, out, systems=systems, epochs=2, verbose=False, command="isthmus compare")
    return made


def opened(browser, path: Path, width: int, dark: bool = False) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
    browser.get_log("performance")
    browser.get_log("browser")
    browser.get(path.as_uri())


def hover(browser, selector: str, x: float, y: float) -> None:
    """Move the pointer to a place, 0 to 1, in an element."""
    script = """
    const e = document.querySelector(arguments[0]);
    e.scrollIntoView({ block: "center", behavior: "instant" });
    const box = e.getBoundingClientRect();
    return [box.left + arguments[1] * box.width, box.top + arguments[2] * box.height];
    """
    browser.execute_script(script, selector, x, y)
    browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[arguments.length - 1]))")
    left, top = browser.execute_script(script, selector, x, y)
    browser.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": left, "y": top})


def tip(browser) -> str:
    return browser.execute_script("const t = document.getElementById('tip'); return t.hidden ? '' : t.innerText")


def check_reads_well(browser) -> None:
    """Nothing is too wide or overlaps, every image is there, and nothing but the file itself was loaded."""
    assert browser.execute_script("return [...document.querySelectorAll('section')].every((s) => s.offsetHeight > 60)")
    assert browser.execute_script("return [...document.images].every((i) => i.complete && i.naturalWidth > 0)")
    beyond, wide = browser.execute_script(NARROW)
    assert (beyond, wide) == (0, [])
    browser.execute_script("window.dispatchEvent(new Event('beforeprint'))")  # opens every definition
    count, overlaps = browser.execute_script(OVERLAPS)
    assert count > 50
    assert overlaps == []
    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    asked = [m["request"]["url"] for m in sent if not m["documentURL"].startswith("chrome:")]  # its first tab
    assert [url for url in asked if not url.startswith(("data:", "file:"))] == []
    assert sum(url.startswith("file:") for url in asked) == 1
    assert browser.execute_script("return document.title").endswith(HOSTILE)


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
@pytest.mark.parametrize("name", SECTIONS)
def test_it_reads_well_and_asks_nothing_of_the_network(name, width, browser, pages):
    opened(browser, pages[name], width, dark=width == PHONE)
    assert [e.get_attribute("id") for e in browser.find_elements("css selector", "section")] == SECTIONS[name].split()
    check_reads_well(browser)


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
@pytest.mark.parametrize("name", ["images", "rows", "series"])
def test_a_comparison_reads_as_well_as_a_report(name, width, browser, comparisons):
    opened(browser, comparisons[name], width, dark=width == PHONE)
    paper = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(17, 23, 29)" if width == PHONE else "rgb(255, 255, 255)")
    check_reads_well(browser)
    assert "where that of real rows is" in browser.find_element("css selector", ".headline").text
    hover(browser, "#learning [data-lines] .plot", 0.99, 0.5)
    assert tip(browser).startswith("epoch 2")


def test_a_number_is_one_click_from_its_definition(browser, pages):
    opened(browser, pages["images"], DESKTOP)
    closed = browser.find_element("css selector", "details.tile")
    definition = closed.find_element("css selector", "p")
    assert not definition.is_displayed()
    closed.find_element("css selector", "summary").click()
    assert definition.is_displayed()
    assert "R² = 1" in definition.text


def test_a_curve_can_be_read_off(browser, pages):
    opened(browser, pages["series"], DESKTOP)
    assert tip(browser) == ""
    hover(browser, "#learning .plot", 0.99, 0.5)
    assert tip(browser).startswith("epoch 3")
    assert "training" in tip(browser)
    assert "held-out" in tip(browser)


@pytest.mark.parametrize(("name", "shows"), [("images", ".thumb"), ("series", "svg path"), ("rows", "div")])
def test_the_map_shows_the_sample_behind_a_dot_and_changes_colour(name, shows, browser, pages, report_contents):
    opened(browser, pages[name], PHONE)
    data = json.loads(browser.execute_script("return document.querySelector('.map script').textContent"))
    middle = min(range(len(data["x"])), key=lambda i: abs(data["x"][i] - 500) + abs(data["y"][i] - 500))
    hover(browser, ".map .plot", data["x"][middle] / 1000, data["y"][middle] / 1000)
    assert f"row {data['rows'][middle]}" in tip(browser)
    assert browser.find_elements("css selector", f"#tip {shows}")
    assert browser.execute_script("return document.getElementById('tip').getBoundingClientRect().right") <= PHONE
    hover(browser, ".map .legend", 0.5, 0.5)
    assert tip(browser) == ""
    browser.execute_script("document.querySelector('.map .chart').focus()")
    browser.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyDown", "key": "ArrowRight", "code": "ArrowRight"})
    assert "row " in tip(browser)
    colours = """
    const drawn = [...document.querySelectorAll(".map .dots")].filter((path) => path.getAttribute("d"));
    return drawn.map((path) => path.getAttribute("stroke"));
    """
    before = browser.execute_script(colours)
    browser.execute_script("""
    const choice = document.querySelector(".map select");
    choice.value = choice.options.length - 1;
    choice.dispatchEvent(new Event("change"));
    """)
    after = browser.execute_script(colours)
    assert len(after) > 1
    assert (after != before) == (len(report_contents[name].latent.colourings) > 2)


@pytest.mark.parametrize("name", ["images", "rows"])
def test_on_paper_it_is_light_and_every_definition_is_open(name, browser, pages):
    opened(browser, pages[name], PAPER, dark=True)
    colour = "return getComputedStyle(document.body).backgroundColor"
    assert browser.execute_script(colour) == "rgb(17, 23, 29)"
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert browser.execute_script(colour) == "rgb(255, 255, 255)"
    browser.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    assert browser.execute_script("return [...document.querySelectorAll('details')].every((d) => d.open)")
    assert browser.execute_script("return getComputedStyle(document.querySelector('nav')).display") == "none"
    assert browser.execute_script(NARROW) == [0, []]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
