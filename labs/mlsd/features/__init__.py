"""Encoders, and features as of a moment: in batch, as a streaming twin, and as SQL."""

from mlsd.features.counters import CounterFeatures
from mlsd.features.definitions import DecayedCounter, TrailingWindow
from mlsd.features.encoders import NumericEncoder, VocabularyEncoder, hash_buckets
from mlsd.features.histories import ClickHistories, click_histories
from mlsd.features.windows import compute_windows

__all__ = [
    "ClickHistories",
    "CounterFeatures",
    "DecayedCounter",
    "NumericEncoder",
    "TrailingWindow",
    "VocabularyEncoder",
    "click_histories",
    "compute_windows",
    "hash_buckets",
]
