"""Training: players, their optimisers and schedules, the one loop that plays them, and its history."""

from .history import History
from .loop import Run, train
from .optimizer import SGD, Adam, Optimizer
from .player import Player
from .settings import Training

__all__ = ["SGD", "Adam", "History", "Optimizer", "Player", "Run", "Training", "train"]
