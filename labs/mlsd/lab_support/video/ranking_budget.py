"""Rankers on offer, what a request may cost, and feeds in which a plan has to hold.

Costs are counted, not clocked: reading one number of a candidate costs `READ` units, and a
multiply, an add or a comparison of the model one unit each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd

from mlsd import models
from mlsd.cases.video.ranking import RankingStage, ranking_stage
from mlsd.lab_support.deployed import market_seeds
from mlsd.models.base import Ranker
from mlsd.policies.video import RankingPolicy
from mlsd.policies.video.features import ServingFeedFeatures
from mlsd.policies.video.recommending import filled_slates
from mlsd.retrieval import CandidateUnion
from mlsd.worlds.video import FeedRequests, Slates, VideoWorld

READ = 5
SLOTS = 6
# Of the three feeds that a plan is tried in: room for 6, 26 and 312 scores of a linear model.
BUDGETS = (1_200, 5_000, 60_000)
DAYS = 3
# Of the offers, with the linear models in each other's place.
SWAPPED = (0, 2, 1, 3)
TREES, LEAVES = 100, 15
# Splits on the way to a leaf of a balanced tree with so many leaves, rounded up.
DEPTH = 4


@dataclass(frozen=True)
class Offer:
    """A ranker of clicks, and what one score of it costs.

    Attributes
    ----------
    name : str
    ranker : Ranker
    columns : int
        Numbers that it reads of a candidate.
    operations : int
        Multiplies, adds and comparisons per score.
    """

    name: str
    ranker: Ranker
    columns: int
    operations: int

    @property
    def cost(self) -> int:
        """Units per candidate."""
        return READ * self.columns + self.operations


Plan = tuple[int, int]
MakePlan = Callable[[list[Offer], pd.DataFrame, int], Plan]


@lru_cache(maxsize=4)
def feed(seed: int) -> RankingStage:
    """Return the ranking stage of a small world."""
    return ranking_stage(VideoWorld(seed=seed, size="small"))


@lru_cache(maxsize=4)
def offers(seed: int) -> tuple[Offer, ...]:
    """Return what may be served in a feed.

    A single score of one source, two linear models of which one was trained on labels that its
    pipeline had joined to the wrong rows, and boosted trees. Names do not tell which linear model
    is sound.
    """
    stage, rng = feed(seed), np.random.default_rng(seed)
    columns = stage.columns
    width = len(columns["categorical"]) + len(columns["numeric"])
    one = models.HashedLogisticRegression(numeric=("score_popular",))
    linear = [models.HashedLogisticRegression(**columns, C=0.01) for _ in range(2)]
    trees = models.LightGBMScorer(**columns, n_estimators=TREES, num_leaves=LEAVES)
    train = stage.rows("train")
    wrong = train.assign(click=rng.permutation(train["click"].to_numpy()))
    broken = broken_linear(seed)
    made = [
        Offer("popularity", _fitted(one, train), 1, 2),
        *(
            Offer(f"linear {name}", _fitted(model, wrong if at == broken else train), width, width)
            for at, (name, model) in enumerate(zip("AB", linear))
        ),
        Offer("trees", _fitted(trees, train), width, TREES * (DEPTH + 1)),
    ]
    return tuple(made)


def broken_linear(seed: int) -> int:
    """Return which linear model of a feed is broken, 0 for A and 1 for B, drawn by lot.

    Examples
    --------
    >>> {broken_linear(seed) for seed in range(9)}
    {0, 1}
    """
    return int(np.random.default_rng([seed, 3]).integers(2))


def _fitted(scorer: models.HashedLogisticRegression, rows: pd.DataFrame) -> Ranker:
    ranker = models.FixedAtServing(ranker=models.PointwiseRanker(scorer=scorer))
    return ranker.fit(rows, rows["click"].to_numpy(), rows["request_id"].to_numpy())


class BudgetedPolicy(RankingPolicy):
    """Ranks some candidates with one model, if a request may cost that much.

    An answer that costs more comes too late, and a page without an answer shows the newest uploads;
    so do the slots of a page for which there were too few candidates.

    Parameters
    ----------
    union : CandidateUnion
    features : ServingFeedFeatures
    offer : Offer
    candidates : int
    budget : int
        Units per request.
    """

    def __init__(
        self,
        union: CandidateUnion,
        features: ServingFeedFeatures,
        offer: Offer,
        *,
        candidates: int,
        budget: int,
    ) -> None:
        super().__init__(union, features, offer.ranker, candidates=candidates)
        self.late = offer.cost * candidates > budget

    def act(self, requests: FeedRequests) -> Slates:
        """Return ranked slates, or the newest uploads where the answer is late."""
        if not self.late:
            return super().act(requests)
        nothing = np.full((len(requests), 1), -1, np.int32)
        return Slates(filled_slates(nothing, np.full((len(requests), 1), -np.inf), requests))


class _UnionOrder:
    """Keeps the order in which the union hands candidates over."""

    def score(self, X: object) -> np.ndarray:
        return np.zeros(len(X["position"]))


UNRANKED = Offer("union order", _UnionOrder(), 0, 0)


@lru_cache(maxsize=64)
def _starts(seed: int, place: int, candidates: int, budget: int) -> float:
    """Return videos started per session in a feed under a plan; `place` -1 for no ranker."""
    stage = feed(seed)
    union = CandidateUnion(stage.features.sources, per_source=60)
    offer = UNRANKED if place < 0 else offers(seed)[place]
    serving = stage.features.serving(stage.logs, stage.log)
    policy = BudgetedPolicy(union, serving, offer, candidates=candidates, budget=budget)
    return stage.world.deploy(policy, days=DAYS).measures["clicks"].estimate


def gain(seed: int, plan: Plan, budget: int) -> float:
    """Return by how many percent a plan changes the videos started per session of a feed.

    Parameters
    ----------
    seed : int
        Of the world.
    plan : (int, int)
        Place in `offers`, and candidates per request.
    budget : int
        Units per request.
    """
    place, candidates = int(plan[0]), int(plan[1])
    without = _starts(seed, -1, SLOTS, budget)
    return 100 * (_starts(seed, place, candidates, budget) / without - 1)


def planned_gain(seed: int, make_plan: MakePlan) -> float:
    """Return the mean gain of a planner over three feeds, each with a budget of its own.

    It is asked twice in each feed, the second time with the linear models under each other's name,
    so that whoever picks one without a look at the rows is wrong in half of the pages.
    """
    gains = []
    for world, budget in zip(market_seeds(seed, len(BUDGETS)), BUDGETS):
        offered = offers(world)
        for places in (range(len(offered)), SWAPPED):
            shown = [
                replace(offered[place], name=offered[at].name) for at, place in enumerate(places)
            ]
            place, candidates = make_plan(shown, validation(world), budget)
            place = places[place] if place >= 0 else place
            gains.append(gain(world, (place, candidates), budget))
    return float(np.mean(gains))


def validation(seed: int) -> pd.DataFrame:
    """Return the validation day of a feed: features, `request_id` and `click`."""
    return feed(seed).rows("validation")


def no_ranker(offered: list[Offer], rows: pd.DataFrame, budget: int) -> Plan:
    """Plan nothing: pages show the first videos of the union, in its own order."""
    return -1, SLOTS
