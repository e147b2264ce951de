"""The ladder of video recommendation: its rungs, and how lists are judged."""

from __future__ import annotations

from mlsd.cases.video.rungs import VIDEO_RUNGS
from mlsd.cases.video.worlds import oracle_policy, policy_of
from mlsd.experiments.ladder import Ladder
from mlsd.experiments.protocols import RecommendingProtocol
from mlsd.worlds.video import VideoWorld

LIST_LENGTH = 20

LADDER = Ladder(
    VIDEO_RUNGS,
    RecommendingProtocol(k=LIST_LENGTH),
    policy_of,
    VideoWorld.designs,
    oracle_policy,
)
