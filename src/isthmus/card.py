"""The model card: what a saved model is, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .version import VERSION

__all__ = ["card"]


def card(estimator: Any, chosen: Mapping[str, Any]) -> str:
    """Return the card of a fitted estimator in Markdown, whose parts are `chosen`."""
    last = {k: v for k, v in (estimator.history_[-1] if len(estimator.history_) else {}).items() if k != "seconds"}
    rows = "\n".join(f"| {name} | {value:.6g} |" for name, value in last.items())
    arguments = "\n".join(f"| {name.rstrip('_')} | `{value}` |" for name, value in chosen.items())
    summary = next(iter((type(estimator).__doc__ or "").strip().splitlines()), "")
    return f"""# {type(estimator).__name__}

{summary}

Fitted with isthmus {VERSION} on samples of shape {estimator.shape_} ({estimator.dtype_.name}).

```python
import isthmus
model = isthmus.load("{{this folder}}")
```

| part | used |
|---|---|
{arguments}

Training losses in the last of {len(estimator.history_)} epochs, mean a sample:

| term | value |
|---|---|
{rows}
"""
