"""The scores that a detector has where it is told of none; `python -m benchmarks ranking` measures them."""

from __future__ import annotations

from .joined import Joined
from .neighbours import Neighbours, SampledNeighbours

__all__ = ["default_score"]


def default_score(trimmed: bool, seed: int) -> Joined:
    """Return the score of a detector that is told of none.

    Where the rows are clean, the nearest row says most, once in the data's units, once by ranks, and once beside how
    near its neighbours are to each other. Where outliers are among the rows they are each other's nearest: there,
    twenty rows are asked, and the nearest of a few that are drawn at random.

    Parameters
    ----------
    trimmed : whether outliers are among the rows, so that some are left out of the fit.
    seed : of the draws.
    """
    if trimmed:
        return Joined((Neighbours(20), SampledNeighbours(by_rank=True, random_state=seed)), random_state=seed)
    distances = (Neighbours(1), Neighbours(1, by_rank=True), Neighbours(20, by_rank=True, local=True))
    return Joined(distances, random_state=seed)
