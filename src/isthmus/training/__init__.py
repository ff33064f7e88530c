"""Training: players, their optimisers and schedules, one loop for all of them, and its history."""

from ..history import History
from .data import Rows
from .decay import Decay, Steps
from .density import fit_density, fit_to
from .life import codes_of
from .loop import Run, train
from .optimizer import SGD, Adam, Optimizer
from .player import Player, Turns
from .settings import Training

__all__ = [
    "SGD",
    "Adam",
    "Decay",
    "History",
    "Optimizer",
    "Player",
    "Rows",
    "Run",
    "Steps",
    "Training",
    "Turns",
    "codes_of",
    "fit_density",
    "fit_to",
    "train",
]
