"""The ladder of video recommendation: its rungs, and how lists are judged."""

from __future__ import annotations

from mlsd.cases.video.rungs import VIDEO_RUNGS
from mlsd.experiments.ladder import Ladder
from mlsd.experiments.protocols import RecommendingProtocol

LIST_LENGTH = 20

LADDER = Ladder(VIDEO_RUNGS, RecommendingProtocol(k=LIST_LENGTH))
