"""The kinds of ladders: scoring rows, recommending items, ranking the rows of a group."""

from mlsd.experiments.protocols.base import LadderProtocol
from mlsd.experiments.protocols.ranking import RankingProtocol
from mlsd.experiments.protocols.recommending import RecommendingProtocol
from mlsd.experiments.protocols.scoring import ScoringProtocol

__all__ = ["LadderProtocol", "RankingProtocol", "RecommendingProtocol", "ScoringProtocol"]
