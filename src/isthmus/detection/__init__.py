"""Detection: which rows do not belong, at a rate of false alarms of one's choice, and why."""

from .alarms import Alarm, Budget, FalseAlarms, FalseDiscoveries, OnlineDiscoveries, alarm_at
from .calibration import Calibration, Cross, Prefit, Split
from .conformal import CalibrationScores
from .default import default_score
from .detector import Detector
from .embedding import Embedding
from .joined import Joined
from .judgement import Judgement
from .likeness import UsualShare
from .neighbours import Neighbours, SampledNeighbours
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
    "Joined",
    "Judgement",
    "Moved",
    "Neighbours",
    "OnlineDiscoveries",
    "Prefit",
    "Reason",
    "SampledNeighbours",
    "Split",
    "UsualShare",
    "Watch",
    "alarm_at",
    "default_score",
]
