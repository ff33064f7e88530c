"""Detection: which rows do not belong, at a rate of false alarms of one's choice, and why."""

from .alarms import Alarm, Budget, FalseAlarms, FalseDiscoveries, OnlineDiscoveries, alarm_at
from .calibration import Calibration, Cross, Prefit, Split
from .conformal import CalibrationScores
from .detector import Detector
from .embedding import Embedding
from .judgement import Judgement
from .likeness import UsualShare
from .neighbours import Neighbours
from .reasons import Explanation, Reason
from .watching import Drift, Moved, Watch

__all__ = [
    "Alarm",
    "Budget",
    "Calibration",
    "CalibrationScores",
    "Cross",
    "Detector",
    "Drift",
    "Embedding",
    "Explanation",
    "FalseAlarms",
    "FalseDiscoveries",
    "Judgement",
    "Moved",
    "Neighbours",
    "OnlineDiscoveries",
    "Prefit",
    "Reason",
    "Split",
    "UsualShare",
    "Watch",
    "alarm_at",
]
