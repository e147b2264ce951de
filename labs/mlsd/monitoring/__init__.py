"""What watches a deployed model: its inputs, its clicks, its promises, a record of what it saw."""

from mlsd.monitoring.calibration import alarm_threshold, calibration_score, calibration_scores
from mlsd.monitoring.drift import drift_table, population_stability_index
from mlsd.monitoring.health import burn_rate, hourly_health, surprise
from mlsd.monitoring.recording import RecordedPolicy
from mlsd.monitoring.shadow import ShadowedPolicy
from mlsd.monitoring.slices import scan_threshold, slice_scores

__all__ = [
    "RecordedPolicy",
    "ShadowedPolicy",
    "alarm_threshold",
    "burn_rate",
    "calibration_score",
    "calibration_scores",
    "drift_table",
    "hourly_health",
    "population_stability_index",
    "scan_threshold",
    "slice_scores",
    "surprise",
]
