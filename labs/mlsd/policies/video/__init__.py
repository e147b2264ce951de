"""Policies for a home feed: retrieval, ranking, and slates filled from the top."""

from mlsd.policies.video.features import FeedFeatures, ServingFeedFeatures
from mlsd.policies.video.moments import ViewerMoments
from mlsd.policies.video.ranking import RankingPolicy
from mlsd.policies.video.recommending import RecommenderPolicy

__all__ = [
    "FeedFeatures",
    "RankingPolicy",
    "RecommenderPolicy",
    "ServingFeedFeatures",
    "ViewerMoments",
]
