"""Pictures and pages of what was fitted.

`report` writes the page of a fitted model, `plots` draws single pictures of it on matplotlib's axes.
"""

from __future__ import annotations

from typing import Any

__all__ = ["plots", "report"]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: estimators have methods of this package, and it measures them."""
    from importlib import import_module

    if name == "plots":
        return import_module(".plots", __name__)
    if name == "report":
        return import_module(".page", __name__).report
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
