"""The losses of players on held-out rows, and the names of their terms in the history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ..model import Model, Pass
from ..objective import weighted_sum
from ..source import Generated
from .data import Rows
from .player import Player
from .step import sums_of

__all__ = ["prefix", "validate"]


def prefix(player: Player, players: Sequence[Player]) -> str:
    """Return the prefix of the names of a player's terms: its own name if there are several players, else nothing."""
    return f"{player.name}_" if len(players) > 1 else ""


def validate(model: Model, players: Sequence[Player], rows: Rows) -> dict[str, float]:
    """Return every term's mean over held-out rows, with the same draws every time."""
    means: dict[str, float] = {}
    for player in players:
        source = Generated(torch.Generator(rows.device).manual_seed(0))
        objective, weights = player.objective, player.objective.weights(1.0)
        sums: dict[str, Any] = {}
        for batch in rows.in_order():
            terms = objective(model, Pass(model, batch, source, objective.sample_shape), source)
            for name, value in sums_of(weighted_sum(terms, weights), terms, batch).items():
                sums[name] = sums.get(name, 0.0) + value
        for name, total in sums.items():
            means[f"validation_{prefix(player, players)}{name}"] = float(total) / rows.weight
    return means
