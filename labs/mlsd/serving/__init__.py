"""A model behind a request path: features by lookup, a deadline, a fallback, a limit on waiting.

Names are loaded when they are first asked for, so that the import stays cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlsd.serving.ad_click.snapshot import snapshot_tables
    from mlsd.serving.app import create_app
    from mlsd.serving.cache import TTLCache
    from mlsd.serving.compressed_student import CompressedStudent
    from mlsd.serving.compression import export_onnx, prune_by_magnitude, quantize_int8
    from mlsd.serving.onnx_scorer import OnnxScorer
    from mlsd.serving.queueing import QueueOutcome, poisson_arrivals, simulate_queue
    from mlsd.serving.requests import RankRequest
    from mlsd.serving.service import Overloaded, Ranking, RankingService, ServiceLimits
    from mlsd.serving.tables import CandidateFeatures, FeatureTable

_HOMES = {
    "create_app": "app",
    "TTLCache": "cache",
    "CompressedStudent": "compressed_student",
    "export_onnx": "compression",
    "prune_by_magnitude": "compression",
    "quantize_int8": "compression",
    "OnnxScorer": "onnx_scorer",
    "QueueOutcome": "queueing",
    "poisson_arrivals": "queueing",
    "simulate_queue": "queueing",
    "RankRequest": "requests",
    "Overloaded": "service",
    "Ranking": "service",
    "RankingService": "service",
    "ServiceLimits": "service",
    "snapshot_tables": "ad_click.snapshot",
    "CandidateFeatures": "tables",
    "FeatureTable": "tables",
}

__all__ = [
    "CandidateFeatures",
    "CompressedStudent",
    "FeatureTable",
    "OnnxScorer",
    "Overloaded",
    "QueueOutcome",
    "RankRequest",
    "Ranking",
    "RankingService",
    "ServiceLimits",
    "TTLCache",
    "create_app",
    "export_onnx",
    "poisson_arrivals",
    "prune_by_magnitude",
    "quantize_int8",
    "simulate_queue",
    "snapshot_tables",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
