"""``isthmus compare``: systems on the same data with the same budget, in one leaderboard and one page of pictures."""

from __future__ import annotations

import csv
import io
import json
import re
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from sklearn.base import clone

from . import datasets
from .datasets import Dataset
from .device import plain_modes
from .diagnosis import FEWEST_JUDGED, judge, worst_first
from .errors import DataError, ModelFileError
from .estimators import GAN, VAE, Autoencoder, ContractiveAutoencoder, DenoisingAutoencoder, Estimator
from .fitting import fingerprint
from .measured import COLUMNS, Measure, reals_of, subject_of
from .pace import Pace
from .persistence import load
from .report.comparison import write_page
from .report.page import write
from .study import Entry, Study, rows
from .trackers import Trackers, as_trackers, record
from .training import Training

__all__ = ["Entry", "Study", "compare", "five", "held_out", "rows", "table"]

FITS_FILE = "fits.json"
"""The file in a comparison's folder that lists its finished fits, so that `resume` need not repeat them."""

ALL_FITS_SECONDS = 360.0
"""The budget of all fits together in seconds, if none is given, so that a comparison takes less than ten minutes."""


def five() -> dict[str, Estimator]:
    """Return the five systems by name, at their defaults."""
    return {
        "autoencoder": Autoencoder(),
        "denoising": DenoisingAutoencoder(),
        "contractive": ContractiveAutoencoder(),
        "vae": VAE(),
        "gan": GAN(),
    }


@plain_modes()
def compare(
    data: str | Dataset,
    out: Path,
    *,
    systems: Mapping[str, Estimator] | None = None,
    epochs: int | None = None,
    seconds: float | None = None,
    latent_dim: int | None = None,
    seeds: int = 1,
    seed: int = 0,
    device: str = "auto",
    resume: bool = False,
    trackers: Trackers = None,
    verbose: bool = True,
    command: str = "",
) -> Path:
    """Fit systems, measure them on held-out rows, print a leaderboard, and write models, figures and a page.

    Parameters
    ----------
    data : a data set, or the name of one.
    out : the folder to write to; made if it is not there.
    systems : estimators by name; None is the systems of `five`.
    epochs : passes over the data for each fit. The default visits 90,000 rows, in at least 10 and at most 100 epochs,
        and gives each fit a budget of time, so that all fits together take at most six minutes.
    seconds : a budget of time for each fit, instead of epochs.
    latent_dim : the width of every code; None is each estimator's own.
    seeds : the number of fits of each system, with seeds `seed`, `seed` + 1, ...; with several fits, figures have a
        spread.
    seed : the first seed, which also seeds the noise and the samples.
    device : as in the estimators.
    resume : whether to reuse fits of the same systems, settings and data that are already in `out`.
    trackers : where to record the history and the figures of each fit, as in `Training`; each fit is a run.
    verbose : whether to show progress and the table.
    command : the command line that repeats this comparison, to be shown on the page.

    Returns
    -------
    Path : the page, ``report.html``. Beside it are ``results.json``, ``results.csv`` (a row for each fit), ``models/``
        and, if matplotlib is installed, the page's pictures as PNG.

    Raises
    ------
    DataError : the data set has fewer than 10 training or held-out rows.
    """
    followers = as_trackers(trackers)
    data = datasets.load(data) if isinstance(data, str) else data
    if min(len(data.train), len(data.test)) < 10:
        raise DataError(f"{data.name}: a comparison needs at least 10 training and 10 held-out rows")
    out.mkdir(parents=True, exist_ok=True)
    console = Console(quiet=not verbose)
    if not console.is_terminal:
        console = Console(quiet=not verbose, width=120)  # files and pipes get every column
    chosen = five() if systems is None else systems
    numbers, fits = range(seed, seed + seeds), _Fits(data, out, resume)
    limit = seconds
    if epochs is None and seconds is None:
        epochs, limit = min(100, max(10, 90_000 // len(data.train))), ALL_FITS_SECONDS / (len(chosen) * seeds)
    shared: dict[str, Any] = {"device": device, "max_epochs": epochs or 10**6}
    shared |= {} if latent_dim is None else {"latent_dim": latent_dim}
    budget = f"{epochs} epochs" if limit is None else f"{limit:.3g} seconds"
    if epochs is not None and limit is not None:
        budget = f"{epochs} epochs or {budget}, whichever ends first"
    fitted: dict[str, list[tuple[Any, float]]] = {}
    with Pace(len(chosen) * seeds, shared["max_epochs"], limit, console) as pace:
        for name, system in chosen.items():
            budgeted = clone(system).set_params(**shared)
            if limit is not None:
                budgeted.set_params(training=clone(budgeted.training or Training()))
                budgeted.set_params(training__max_time=float(limit))
            fitted[name] = []
            for n in numbers:
                pace.begin(name)
                fitted[name].append(fits.fit(name, clone(budgeted).set_params(random_state=n), n, pace))
    done = _study(data, fitted, budget, numbers, command, pace)
    console.print(table(done))
    _write_figures(done, out)
    page = write_page(done, out)
    console.print(f"report: {page}")
    for entry in done.entries[1:]:
        for estimator, run in zip(entry.estimators, entry.runs, strict=True):
            record(estimator, followers, run)
    return page


def held_out(name: str, X: np.ndarray, seed: int) -> Dataset:
    """Make a data set of rows, a random fifth of them held out."""
    order = np.random.default_rng(seed).permutation(len(X))
    cut = len(X) // 5
    return Dataset(name, X[np.sort(order[cut:])], X[np.sort(order[:cut])], description=f"Rows of {name}.")


class _Fits:
    """The fits of a comparison, each of which is saved as soon as it is finished."""

    def __init__(self, data: Dataset, out: Path, resume: bool) -> None:
        self.data, self.out = data, out
        self.about = dict(fingerprint(np.asarray(data.train)))
        self.about |= {f"condition ({k})": v for c in data.beside_train().values() for k, v in fingerprint(c).items()}
        self.done: dict[str, Any] = {}
        if resume and (out / FITS_FILE).is_file():
            with suppress(OSError, ValueError):  # if the file is damaged, every fit is repeated
                found = json.loads((out / FITS_FILE).read_text(encoding="utf-8"))
                self.done = found if isinstance(found, dict) else {}

    def fit(self, name: str, system: Estimator, seed: int, pace: Pace) -> tuple[Any, float]:
        """Return a fitted system and the seconds that its fit took, from the folder if it has been fitted before."""
        key = f"{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}-{seed}"
        place = self.out / "models" / key
        identity = {"system": type(system).__name__, "settings": repr(system.get_params()), "data": self.about}
        before = self.done.get(key, {})
        if {k: before.get(k) for k in identity} == identity:
            try:
                return load(place, device=system.device), float(before["seconds"])
            except ModelFileError:
                pass  # the system is fitted again
        started, training = time.perf_counter(), system.training
        told = clone(training or Training()).set_params(trackers=pace.tracker())
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="the code is over-complete|interrupted after")
            system.set_params(training=told).fit(np.asarray(self.data.train), **self.data.beside_train())
        seconds = time.perf_counter() - started
        system.set_params(training=training).save(place)
        self.done[key] = identity | {"seconds": seconds}
        write(self.out / FITS_FILE, json.dumps(self.done, indent=1) + "\n")
        return system, seconds


def _study(
    data: Dataset,
    fitted: dict[str, list[tuple[Any, float]]],
    budget: str,
    seeds: Sequence[int],
    command: str,
    pace: Pace,
) -> Study:
    """Measure every fit, beside PCA with as many numbers as the first system's code, and judge the first of each."""
    seed = seeds[0]
    subjects = {name: [subject_of(model, data, seed) for model, _ in fits] for name, fits in fitted.items()}
    first = [of_system[0] for of_system in subjects.values()]
    denoising = next((subject for subject in first if subject.denoises and subject.reconstructs), None)
    noisy = None if denoising is None else denoising.own_units(denoising.held_out.inputs)
    measure, started = Measure(data, noisy, seed), time.perf_counter()
    pca = measure.linear(first[0].d)
    base = {"seconds": time.perf_counter() - started} | measure(pca)
    entries = [Entry("pca", [pca], [base])]
    for number, (name, fits) in enumerate(fitted.items()):
        pace.measuring(number, len(fitted), name)
        runs = [
            measure(model, subject, base["error"]) | {"seconds": seconds}
            for (model, seconds), subject in zip(fits, subjects[name], strict=True)
        ]
        entries.append(Entry(name, [model for model, _ in fits], runs))
    noise = "none" if denoising is None else str(denoising.estimator.corruption_)
    judged = len(first[0].held_out) >= FEWEST_JUDGED
    verdicts = {name: worst_first(judge(made[0])) for name, made in subjects.items()} if judged else {}
    return Study(data, budget, list(seeds), noise, noisy, entries, reals_of(first), verdicts, command)


def _write_figures(study: Study, out: Path) -> None:
    """Write every figure: as JSON with means and spreads, as CSV with a row for each fit."""
    results = {
        "data": study.data.name,
        "budget": study.budget,
        "latent_dim": study.latent_dim,
        "seeds": study.seeds,
        "noise": study.noise,
        "systems": {e.name: {"mean": e.measured, "spread": e.spread, "runs": e.runs} for e in study.entries},
        "reference": study.reference,
        "verdicts": {
            name: [{"about": v.about, "status": v.status, "statement": v.statement} for v in verdicts]
            for name, verdicts in study.verdicts.items()
        },
    }
    write(out / "results.json", json.dumps(results, indent=1) + "\n")
    csv_text = io.StringIO(newline="")
    lines = csv.DictWriter(csv_text, ["system", "seed", *COLUMNS])
    lines.writeheader()
    for entry in study.entries:
        lines.writerows(
            {"system": entry.name, "seed": n, **run} for n, run in zip(study.seeds, entry.runs, strict=False)
        )
    write(out / "results.csv", csv_text.getvalue())


def table(study: Study) -> Table:
    """Return the comparison as a rich table."""
    title = f"{study.data.name}: {study.budget} a fit, codes of {study.latent_dim}, noise {study.noise}"
    shown = rows(study)
    caption = "real: training rows compared with held-out rows, the figures that perfect samples would reach"
    rich = Table(title=title, caption=caption, box=SIMPLE_HEAD, padding=(0, 1), collapse_padding=True)
    rich.add_column("system", no_wrap=True)
    for name in shown[0][1]:
        rich.add_column(COLUMNS[name].label, justify="right", no_wrap=True)
    for system, cells in shown:
        rich.add_row(system, *cells.values())
    return rich
