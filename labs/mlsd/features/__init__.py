"""Encoders, and features as of a moment: in batch, as a streaming twin, and as SQL."""

from mlsd.features.counters import CounterFeatures
from mlsd.features.definitions import DecayedCounter, TrailingWindow
from mlsd.features.encoders import NumericEncoder, VocabularyEncoder, hash_buckets
from mlsd.features.windows import compute_windows

__all__ = [
    "CounterFeatures",
    "DecayedCounter",
    "NumericEncoder",
    "TrailingWindow",
    "VocabularyEncoder",
    "compute_windows",
    "hash_buckets",
]
