"""The kinds of ladders."""

from mlsd.experiments.protocols.base import LadderProtocol
from mlsd.experiments.protocols.scoring import ScoringProtocol

__all__ = ["LadderProtocol", "ScoringProtocol"]
