"""Policies for a home feed: lists of a recommender, filled into slates."""

from mlsd.policies.video.recommending import RecommenderPolicy

__all__ = ["RecommenderPolicy"]
