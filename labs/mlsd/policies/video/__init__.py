"""Policies for a home feed: retrieval, ranking, and slates filled from the top."""

from mlsd.policies.video.arranging import SlateArranger, item_vectors
from mlsd.policies.video.exploring import HoldoutPolicy, RandomSlotsPolicy
from mlsd.policies.video.features import FeedFeatures, ServingFeedFeatures
from mlsd.policies.video.moments import ViewerMoments
from mlsd.policies.video.ranking import RankingPolicy
from mlsd.policies.video.recommending import RecommenderPolicy
from mlsd.policies.video.retraining import RetrainedPolicy, watched_rows
from mlsd.policies.video.uploads import ExplorationSlotPolicy

__all__ = [
    "ExplorationSlotPolicy",
    "FeedFeatures",
    "HoldoutPolicy",
    "RandomSlotsPolicy",
    "RankingPolicy",
    "RecommenderPolicy",
    "RetrainedPolicy",
    "ServingFeedFeatures",
    "SlateArranger",
    "ViewerMoments",
    "item_vectors",
    "watched_rows",
]
