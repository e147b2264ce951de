"""What watches a deployed model: drift of columns, calibration, a record of what it saw."""

from mlsd.monitoring.calibration import alarm_threshold, calibration_score, calibration_scores
from mlsd.monitoring.drift import drift_table, population_stability_index
from mlsd.monitoring.recording import RecordedPolicy

__all__ = [
    "RecordedPolicy",
    "alarm_threshold",
    "calibration_score",
    "calibration_scores",
    "drift_table",
    "population_stability_index",
]
