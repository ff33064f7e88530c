"""The numbers of a table's samples: shapes, trends, use, copies, and what attacks find out."""

from __future__ import annotations

from ...diagnosis import Subject
from .numbers import Number

__all__ = ["interval", "table_numbers"]


def interval(low: float, high: float) -> str:
    """Return an interval of a share or an area, within its range.

    >>> interval(0.4712, 1.02)
    '0.47 to 1.00'
    """
    return f"{max(0.0, low):.2f} to {min(1.0, high):.2f}"


def table_numbers(subject: Subject) -> list[Number]:
    """Return what is measured of samples as a table."""
    table = subject.table
    if table is None:
        return []
    real = "beside it: as many training rows against the same held-out rows"
    found = [
        _two(
            "shape of columns",
            float(table.shapes.mean()),
            float(table.real_shapes.mean()),
            "1 − the largest gap of two distribution functions for a number, 1 − ½Σ|p − p'| for a category; the mean "
            f"over columns, {real}.",
        ),
        _two(
            "trend of pairs",
            table.trend(table.trends),
            table.trend(table.real_trends),
            "1 − ½|ρ − ρ'| for two numbers, 1 − ½Σ|p − p'| over the table of counts of a pair with a category; the "
            f"mean over pairs, {real}.",
        ),
    ]
    if table.useful is not None:
        found.append(
            _two(
                f"useful to predict {table.useful.target}",
                table.useful.synthetic,
                table.useful.real,
                "Gradient boosting, trained on samples and tested on held-out rows: the area under the ROC curve of a "
                "category, r² of a number; beside it: trained on as many real rows (Esteban et al. 2017).",
                key=True,
            )
        )
    near, attack = table.nearer, table.attack
    return [
        *found,
        Number(
            "Privacy",
            "copies",
            table.copies,
            f"{table.copies:.1%}",
            "The share of samples that equal a training row in every column; beside it: that of held-out rows.",
            f"{table.real_copies:.1%}",
            key=True,
        ),
        Number(
            "Privacy",
            "nearer to training",
            near.share,
            f"{near.share:.0%}",
            "The share of samples that lie nearer to a training row than to one of as many held-out rows, with numbers "
            "in their ranges and differing categories counted 1; 95 % interval "
            f"{interval(near.low, near.high)}. It is ½ for new rows.",
            "50%",
            key=True,
        ),
        *(
            Number(
                "Privacy",
                f"attack by {name}, AUC",
                area.auc,
                f"{area.auc:.2f}",
                f"{what} 95 % interval {interval(area.low, area.high)}; guessing has 0.5.",
                "0.50",
            )
            for name, area, what in (
                (
                    "distance",
                    attack.distance,
                    "How well training rows are told from held-out rows by their distance to the nearest sample (Chen "
                    "et al. 2020).",
                ),
                (
                    "density",
                    attack.density,
                    "How well training rows are told from held-out rows by the density of samples over that of other "
                    "real rows (van Breugel et al. 2023).",
                ),
            )
        ),
    ]


def _two(name: str, value: float, floor: float, definition: str, *, key: bool = False) -> Number:
    return Number("Table", name, value, f"{value:.3f}", definition, f"{floor:.3f}", key=key)
