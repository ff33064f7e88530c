"""Test martingales: money bet against p-values being uniform, which no bet can win on if they are."""

from __future__ import annotations

import numpy as np

__all__ = ["JUMP_RATES", "STAKES", "SimpleJumper"]

STAKES = np.array([-1.0, 0.0, 1.0])
"""ε of the bets 1 + ε(p − ½): on small p-values, on nothing, on large ones."""

JUMP_RATES = np.array([1e-4, 1e-3, 1e-2, 1e-1, 1.0])
"""The shares of the money that are spread over all stakes again before each bet; one jumper has each."""


class SimpleJumper:
    r"""The composite simple jumper: the mean of martingales that learn which way p-values stray.

    Each jumper J holds capitals C_ε. Before p-value pₜ it spreads a share J of its money evenly over the stakes, then
    each stake wins C_ε ← C_ε (1 + ε(pₜ − ½)). If p₁, p₂, … are independent and uniform, the mean M of the jumpers'
    money is a martingale that begins at 1, and P(M ever reaches 1/α) ≤ α (Ville's inequality).

    Parameters
    ----------
    processes : K, how many martingales are kept side by side, each with p-values of its own.

    Attributes
    ----------
    log_money : log M now, (K,).

    References
    ----------
    Vladimir Vovk, Ivan Petej, Ilia Nouretdinov, Ernst Ahlberg, Lars Carlsson and Alex Gammerman, "Retrain or not
        retrain: conformal test martingales for change-point detection", 2021, https://arxiv.org/abs/2102.10439.

    >>> jumper = SimpleJumper(2)
    >>> for _ in range(50):
    ...     jumper.bet(np.array([0.01, 0.5]))
    >>> jumper.log_money.round(1).tolist()
    [18.2, -0.0]
    """

    def __init__(self, processes: int) -> None:
        even = 1 / (len(JUMP_RATES) * len(STAKES))
        self.capital = np.full((processes, len(JUMP_RATES), len(STAKES)), even)
        self.log_money = np.zeros(processes)

    def bet(self, p: np.ndarray) -> None:
        """Bet on the next p-values, (K,)."""
        jump = JUMP_RATES[:, None]
        spread = (1 - jump) * self.capital + jump * self.capital.mean(axis=2, keepdims=True)
        won = spread * (1 + STAKES * (p[:, None, None] - 0.5))
        growth = won.sum(axis=(1, 2))
        self.capital = won / growth[:, None, None]
        self.log_money = self.log_money + np.log(growth)
