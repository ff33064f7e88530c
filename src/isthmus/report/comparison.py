"""The page of a comparison: the same pictures and templates as a report's, and the leaderboard in words."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..diagnosis import measured_rows
from ..fitting import fingerprint
from ..look import Images, look_of
from ..measured import COLUMNS
from ..study import Study, rows
from ..subsets import even_subset
from .axes import picture_figure
from .content import DIGITS
from .content.codes import LatentMap, colouring, filters, on_two_axes
from .content.learning import MEAN, learning
from .content.rows import SHOWN
from .drawings import filter_group, learning_chart, map_chart
from .kinds import kind_of
from .page import render, write
from .pictures import Chart, Group, Picture

__all__ = ["pictures", "write_page"]

CODES = 2_000
"""Held-out rows on a map of codes, at most."""

CALLED = {"vae": "VAE", "gan": "GAN", "denoising": "denoising autoencoder", "contractive": "contractive autoencoder"}
"""How a sentence calls the systems that a comparison is made of by default."""


def write_page(study: Study, out: Path) -> Path:
    """Write the page and, where matplotlib is installed, its pictures as PNG; return the page's path."""
    drawn = list(pictures(study))
    if importlib.util.find_spec("matplotlib"):
        for picture in drawn:
            picture_figure(picture).savefig(out / f"{picture.name}.png")
    page = render(
        "comparison.html",
        title=study.data.name,
        study=study,
        facts=facts(study),
        columns=COLUMNS,
        table=rows(study),
        verdicts=study.verdicts,
        print=f"fingerprint {fingerprint(np.asarray(study.data.train))['values'][:DIGITS]}",
        best={name: best_of(study, name) for name in COLUMNS},
        sentences=list(sentences(study)),
        pictures=drawn,
    )
    return write(out / "report.html", page)


def facts(study: Study) -> str:
    """Return what was compared, on what, and under which budget."""
    data = study.data
    shape = " × ".join(str(n) for n in data.train.shape[1:])
    fits = "each system is fitted once" if len(study.seeds) == 1 else f"each system is fitted {len(study.seeds)} times"
    return (
        f"{len(data.train):,} training and {len(data.test):,} held-out samples of shape {shape}. Every fit has "
        f"{study.budget}; {fits}. PCA has {study.latent_dim} numbers a row. Noise: {study.noise}."
    )


def best_of(study: Study, name: str) -> str | None:
    """Return which system has the best value of a figure; None where there is nothing to choose."""
    figures = {entry.name: entry.measured[name] for entry in study.entries if name in entry.measured}
    higher = COLUMNS[name].higher_is_better
    if len(figures) < 2 or higher is None:
        return None
    return (max if higher else min)(figures, key=lambda system: figures[system])


def sentences(study: Study) -> Iterator[str]:
    """Say in plain words what the leaderboard shows."""
    systems = {CALLED.get(entry.name, entry.name): entry.measured for entry in study.entries[1:]}
    rebuilt = {name: measured["error_vs_pca"] for name, measured in systems.items() if "error_vs_pca" in measured}
    cleaned = {name: measured["denoising_gain"] for name, measured in systems.items() if "denoising_gain" in measured}
    if rebuilt:
        name, ratio = min(rebuilt.items(), key=lambda item: item[1])
        yield (
            f"The {name} has the smallest reconstruction error: {ratio:.2f} times that of PCA with {study.latent_dim} "
            f"numbers a row ({'better' if ratio < 1 else 'no better'} than PCA)."
        )
    if cleaned:
        name, gain = max(cleaned.items(), key=lambda item: item[1])
        if gain > 0:
            yield f"The {name} removes noise best: it lowers the error of noisy rows by {gain:.1f} dB."
        else:
            yield f"No system removes the noise: the {name} comes closest, and raises the error by {-gain:.1f} dB."
    floor = study.reference
    for name, measured in systems.items():
        if "coverage" not in measured:
            continue
        density, real = measured["density"], floor["density"]
        where = "about as densely as real rows do"
        if density > 1.25 * real:
            where = (
                "crowded where real rows are densest, so fewer kinds of rows may be among them than coverage suggests"
            )
        elif density < 0.8 * real:
            where = "more thinly than real rows do: some lie where no real rows are"
        yield (
            f"Samples of the {name} cover {round(measured['coverage'], 2):.0%} of the held-out rows, where real rows "
            f"cover {round(floor['coverage'], 2):.0%}, and a forest tells them from real rows with a chance of "
            f"{measured['told_apart']:.2f}, where 0.5 is guessing. Their density is {density:.2f}, where that of real "
            f"rows is {real:.2f}: they lie {where}."
        )


def pictures(study: Study) -> Iterator[Picture]:
    """Yield everything there is to see, a panel for each system."""
    test, noisy = np.asarray(study.data.test), study.noisy
    look = look_of(np.asarray(study.data.train))
    kind, layout = kind_of(look), "strips" if isinstance(look, Images) else "grid"
    models: list[tuple[str, Any]] = [(entry.name, entry.estimator) for entry in study.entries]

    first = measured_rows(test, study.seeds[0])[:SHOWN]
    clean, conditions = test[first], study.data.beside_test(first)
    panels = kind.rows("held-out", clean, test)
    panels += [] if noisy is None else kind.rows("held-out, noisy", noisy[:SHOWN], test)
    for name, model in models:
        if hasattr(model, "reconstruct"):
            beside = conditions if hasattr(model, "model_") else {}
            panels += kind.rows(name, model.reconstruct(clean, **beside), test)
            if noisy is not None:
                panels += kind.rows(f"{name}, of noisy", model.reconstruct(noisy[:SHOWN], **beside), test)
    note = "Held-out rows, and what each system makes of them."
    if noisy is not None:
        note = (
            f"Held-out rows, the same with the noise that was trained on ({study.noise}), and what each system makes "
            "of the clean and of the noisy ones."
        )
    yield Picture("reconstructions", "Reconstructions", note, [Group(panels, layout)])

    n = len(test) if look.n <= 3 else 2 * SHOWN
    n = min(n, CODES)
    panels = kind.rows("held-out", test[:n], test)
    for name, model in models:
        if hasattr(model, "sample"):
            drawn = model.sample(n, random_state=study.seeds[0], **study.data.beside_test(slice(n)))
            panels += kind.rows(name, drawn, test)
    note = "New rows drawn from each system's prior, beside held-out rows. The first to be drawn are shown."
    yield Picture("samples", "Samples", note, [Group(panels, layout)])

    charts = []
    for name, model in models:
        curves = learning(model.history_) if hasattr(model, "history_") else []
        terms = [curve for curve in curves if curve.unit == MEAN and not curve.term.endswith("loss")]
        charts += [learning_chart(terms, name)] if terms else []
    note = "Every term of every player's loss, mean a row, by epoch."
    yield Picture("learning", "Learning curves", note, [Group(charts, "grid wide")])

    found = [(name, filters(model, look)) for name, model in models if hasattr(model, "model_")]
    panels = [panel for name, made in found if made is not None for panel in filter_group(made, name).panels]
    if panels and isinstance(look, Images):
        note = "The first layer's weights, a picture a unit, largest norm first; blue negative, red positive."
        yield Picture("filters", "Filters", note, [Group(panels, "grid wide")])

    shown, labels = even_subset(len(test), CODES), study.data.test_labels
    colours = [] if labels is None else [colouring("label", np.asarray(labels)[shown])]
    maps: list[Chart] = []
    for name, model in models:
        if hasattr(model, "transform"):
            H = model.transform(test[shown], **(study.data.beside_test(shown) if hasattr(model, "model_") else {}))
            latent = LatentMap(*on_two_axes(H), shown, test[shown], colours)
            maps.append(map_chart(latent, look, name, behind=not maps))
    coloured = ", coloured by label; the systems never saw a label." if colours else "."
    note = f"Codes of held-out rows; those of more than two numbers on their first two principal axes{coloured} "
    note += "Point at a dot, or tap it, for its sample."
    yield Picture("codes", "Latent maps", note, [Group(maps, "grid wide")])
