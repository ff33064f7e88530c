"""``isthmus compare``: the five systems on one data set under one budget, one table, one page of pictures."""

from __future__ import annotations

import json
import math
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from sklearn.decomposition import PCA

from . import metrics
from .corruption import Corruption
from .datasets import Dataset
from .errors import DataError
from .estimators import GAN, VAE, Autoencoder, ContractiveAutoencoder, DenoisingAutoencoder, Estimator

__all__ = ["COLUMNS", "Entry", "Study", "compare", "held_out", "study", "table"]

MEASURED = 2_000
"""Held-out rows that sample quality and probes are measured on, at most; distances cost the square."""


@dataclass
class Entry:
    """One system's fit and what was measured of it on held-out rows."""

    name: str
    estimator: Any
    seconds: float
    measured: dict[str, float] = field(default_factory=dict)


@dataclass
class Study:
    """Everything a page shows: data, the noise, the systems and the floors they are held against."""

    data: Dataset
    epochs: int
    latent_dim: int
    corruption: Corruption
    noisy: np.ndarray
    entries: list[Entry]
    reference: dict[str, float]
    pca: PCA
    seed: int

    def __getitem__(self, name: str) -> Entry:
        return next(entry for entry in self.entries if entry.name == name)


COLUMNS = {
    "error": ("error", "mean squared error of the reconstruction of held-out rows; lower is better"),
    "error_vs_pca": ("÷ PCA", "the same over that of PCA with as many numbers; below 1 beats PCA"),
    "log_likelihood": ("log p(x)", "importance-weighted lower bound, 100 draws, nats a row; higher is better"),
    "denoising_gain": ("gain dB", "how much smaller the error is after reconstruction of noisy rows than before"),
    "probe": ("probe", "accuracy of a logistic regression on the codes, trained on labels the systems never saw"),
    "coverage": ("cover", "share of held-out rows with a sample among their neighbourhood (Naeem et al. 2020)"),
    "density": ("density", "how deep samples lie within the neighbourhoods of held-out rows (Naeem et al. 2020)"),
    "seconds": ("s", "time of the fit"),
}


def compare(
    data: str | Dataset,
    out: Path,
    *,
    epochs: int | None = None,
    latent_dim: int | None = None,
    seed: int = 0,
    device: str = "auto",
    verbose: bool = True,
) -> Path:
    """Fit the five systems, measure them, print the table, write models, pictures and a page; return the page's path.

    Parameters
    ----------
    data : a data set, or the name of one.
    out : the folder to write to; made if it is not there.
    epochs : passes over the data, for each system; by default so many that 144,000 rows are seen, from 10 to 100.
    latent_dim : the width of every code; by default each estimator's own choice.
    seed : of everything.
    device : as in the estimators.
    verbose : whether to show progress and the table.
    """
    from . import datasets
    from .report.page import write_page

    if isinstance(data, str):
        data = datasets.load(data)
    out.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=False, quiet=not verbose)
    done = study(data, epochs=epochs, latent_dim=latent_dim, seed=seed, device=device, verbose=verbose)
    console.print(table(done))
    for entry in done.entries:
        if isinstance(entry.estimator, Estimator):
            entry.estimator.save(out / "models" / entry.name)
    figures = {e.name: e.measured | {"seconds": e.seconds} for e in done.entries}
    results = {"data": data.name, "epochs": done.epochs, "latent_dim": done.latent_dim, "seed": seed}
    results |= {"systems": figures, "reference": done.reference}
    (out / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    page = write_page(done, out)
    console.print(f"report: {page}")
    return page


def held_out(name: str, X: np.ndarray, seed: int) -> Dataset:
    """Make a data set of rows, a random fifth of them held out."""
    order = np.random.default_rng(seed).permutation(len(X))
    cut = len(X) // 5
    return Dataset(name, X[np.sort(order[cut:])], X[np.sort(order[:cut])], description=f"Rows of {name}.")


def study(data: Dataset, *, epochs: int | None, latent_dim: int | None, seed: int, device: str, verbose: bool) -> Study:
    """Fit and measure the five systems under one budget."""
    train, test = np.asarray(data.train), np.asarray(data.test)
    if len(train) < 10 or len(test) < 10:
        raise DataError(f"{data.name}: a comparison needs at least 10 training and 10 held-out rows")
    epochs = epochs or min(100, max(10, 144_000 // len(train)))
    shared: dict[str, Any] = {"max_epochs": epochs, "random_state": seed, "device": device, "verbose": int(verbose)}
    if latent_dim is not None:
        shared["latent_dim"] = latent_dim
    systems = {
        "autoencoder": Autoencoder(**shared),
        "denoising": DenoisingAutoencoder(**shared),
        "contractive": ContractiveAutoencoder(**shared),
        "vae": VAE(**shared),
        "gan": GAN(**shared),
    }
    entries = []
    for name, estimator in systems.items():
        started = time.perf_counter()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="the code is over-complete")
            estimator.fit(train)
        entries.append(Entry(name, estimator.set_params(verbose=0), time.perf_counter() - started))
    return _measure(data, train, test, entries, epochs, seed)


def _measure(data: Dataset, train: np.ndarray, test: np.ndarray, entries: list[Entry], epochs: int, seed: int) -> Study:
    """Measure every system on held-out rows, beside PCA and beside real against real."""
    denoising = next(e.estimator for e in entries if isinstance(e.estimator, DenoisingAutoencoder))
    d, corruption = denoising.latent_dim_, denoising.corruption_
    noisy = denoising.corrupt(test, random_state=seed)
    pca = PCA(d, random_state=seed).fit(_flat(train))
    started = time.perf_counter()
    baseline = Entry("pca", pca, time.perf_counter() - started)
    study = Study(data, epochs, d, corruption, noisy, [baseline, *entries], _floors(train, test, seed), pca, seed)
    for entry in study.entries:
        entry.measured = _measures(study, entry, train, test)
    pca_error = baseline.measured["error"]
    for entry in study.entries:
        if "error" in entry.measured:
            entry.measured["error_vs_pca"] = entry.measured["error"] / pca_error
    return study


def _measures(study: Study, entry: Entry, train: np.ndarray, test: np.ndarray) -> dict[str, float]:
    model, data = entry.estimator, study.data
    measured: dict[str, float] = {}
    reconstruct, encode = reconstruction_of(study, entry), encoding_of(entry)
    if reconstruct is not None:
        measured["error"] = metrics.mean_squared_error(test, reconstruct(test))
        measured["denoising_gain"] = metrics.denoising_gain(test, study.noisy, reconstruct(study.noisy))
    if encode is not None and data.train_labels is not None and data.test_labels is not None:
        codes, labels = encode(train[: 5 * MEASURED]), data.train_labels[: 5 * MEASURED]
        measured["probe"] = metrics.linear_probe(codes, labels, encode(test), data.test_labels)
    if isinstance(model, VAE):
        measured["log_likelihood"] = float(model.score_samples(test[:MEASURED]).mean())
    if hasattr(model, "sample"):
        n = min(MEASURED, len(test), len(train))
        samples = model.sample(n, random_state=study.seed)
        density, coverage = metrics.density_coverage(_flat(test[:n]), _flat(samples))
        measured |= {"density": float(density), "coverage": float(coverage)}
    return measured


def reconstruction_of(study: Study, entry: Entry) -> Any:
    """Return the function that reconstructs rows, or None where a system has none."""
    if entry.name == "pca":
        shape = study.data.test.shape[1:]
        return lambda X: entry.estimator.inverse_transform(entry.estimator.transform(_flat(X))).reshape(-1, *shape)
    return getattr(entry.estimator, "reconstruct", None)


def encoding_of(entry: Entry) -> Any:
    """Return the function that encodes rows, or None where a system has none."""
    if entry.name == "pca":
        return lambda X: entry.estimator.transform(_flat(X))
    return getattr(entry.estimator, "transform", None)


def _floors(train: np.ndarray, test: np.ndarray, seed: int) -> dict[str, float]:
    """Return what real rows reach: as many training rows as there would be samples, against held-out rows."""
    n = min(MEASURED, len(test), len(train))
    chosen = np.random.default_rng(seed).choice(len(train), n, replace=False)
    density, coverage = metrics.density_coverage(_flat(test[:n]), _flat(train[chosen]))
    return {"density": float(density), "coverage": float(coverage)}


def _flat(X: np.ndarray) -> np.ndarray:
    flat: np.ndarray = np.asarray(X, dtype=np.float64).reshape(len(X), -1)
    return flat


def table(study: Study) -> Table:
    """Return the comparison as a rich table."""
    title = f"{study.data.name}: {study.epochs} epochs, codes of {study.latent_dim}, noise {study.corruption}"
    shown = rows(study)
    caption = "real: training rows against held-out rows, what perfect samples would reach"
    rich = Table(title=title, caption=caption, box=SIMPLE_HEAD, padding=(0, 1), collapse_padding=True)
    rich.add_column("system", no_wrap=True)
    for name in shown[0][1]:
        rich.add_column(COLUMNS[name][0], justify="right", no_wrap=True)
    for system, cells in shown:
        rich.add_row(system, *cells.values())
    return rich


def rows(study: Study) -> list[tuple[str, dict[str, str]]]:
    """Return the table's rows as text: every column that some system has a figure for."""
    everything = [(e.name, e.measured | {"seconds": e.seconds}) for e in study.entries]
    everything.append(("real", study.reference))
    columns = [name for name in COLUMNS if any(name in measured for _, measured in everything)]
    return [(system, {name: _cell(name, measured.get(name)) for name in columns}) for system, measured in everything]


def _cell(name: str, value: float | None) -> str:
    if value is None or math.isnan(value):
        return "–"
    match name:
        case "error":
            return f"{value:.4g}"
        case "probe":
            return f"{value:.1%}"
        case "log_likelihood" | "denoising_gain" | "seconds":
            return f"{value:.1f}"
    return f"{value:.2f}"
