"""Pictures and pages of what was fitted.

`report` writes the page of a fitted model, or of what a detector found; `plots` draws single pictures of a model on
matplotlib's axes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import page, plots
    from .page import report

__all__ = ["page", "plots", "report"]


def __getattr__(name: str) -> Any:
    """Import a module of this package when it is first used: estimators have methods that the package draws with."""
    if name in ("page", "plots"):
        return import_module(f".{name}", __name__)
    if name == "report":
        import_module(".findings", __name__)  # registers the page of a detector
        return import_module(".page", __name__).report
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
