"""Reproductions: papers' tables, run by ``isthmus reproduce`` and shown beside what the papers report."""

from .digits import DIGITS
from .features import RIFAI
from .mixtures import GRID_OF_25, RING_OF_8
from .mnist import FIXED, PRIORS, RANDOM
from .page import cells, page, write
from .protocol import SCALES, Attempt, Line, Measure, Protocol
from .running import reproduce, results

__all__ = [
    "PROTOCOLS",
    "SCALES",
    "Attempt",
    "Line",
    "Measure",
    "Protocol",
    "cells",
    "page",
    "reproduce",
    "results",
    "write",
]

PROTOCOLS = {p.name: p for p in (FIXED, RANDOM, PRIORS, RIFAI, RING_OF_8, GRID_OF_25, DIGITS)}
"""The protocols by name, in the order of the page."""
