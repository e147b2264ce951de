"""What the package offers, and where each name lives: read by `lazy_loader` and by editors."""

from .budget import best_within_budget as best_within_budget
from .counters import CounterFeatures as CounterFeatures
from .definitions import DecayedCounter as DecayedCounter
from .definitions import TrailingWindow as TrailingWindow
from .encoders import NumericEncoder as NumericEncoder
from .encoders import VocabularyEncoder as VocabularyEncoder
from .encoders import hash_buckets as hash_buckets
from .histories import ClickHistories as ClickHistories
from .histories import click_histories as click_histories
from .windows import compute_windows as compute_windows
