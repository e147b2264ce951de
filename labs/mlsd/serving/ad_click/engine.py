"""What answers the requests of the ad case: look up, score, rank by expected value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from mlsd.runtime import InputError
from mlsd.serving.ad_click.features import CONTEXT, AdFeatures
from mlsd.serving.artifact import Artifact
from mlsd.serving.compiled import SAVED_FORMS, RequestColumns, ServedScorer
from mlsd.serving.engine import StageClock
from mlsd.serving.pair_counters import PairCounters
from mlsd.serving.requests import RankRequest
from mlsd.serving.saved_objects import load_object, save_object
from mlsd.serving.tables import FeatureTable, HistoryTable

NAME = "ads"
CANDIDATES = 100
_GOLDEN_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class ServedAds:
    """What an artifact of the ad case holds.

    Attributes
    ----------
    features : AdFeatures
    scorer : ServedScorer
    rate_by_ad : ndarray of float64, shape (ads + 1,)
        What answers when the scorer is late: a smoothed rate of each ad; the last is for any other.
    golden : mapping of str to ndarray
        A request's `ad_ids` and its values of the context, shape (1,) each, and the
        `click_probability` that it had where the artifact was made.
    """

    features: AdFeatures
    scorer: ServedScorer
    rate_by_ad: np.ndarray
    golden: Mapping[str, np.ndarray]


_FORMS = (*SAVED_FORMS, AdFeatures, FeatureTable, HistoryTable, PairCounters, ServedAds)


class AdEngine:
    """Ranks a request's candidates by bid times click probability.

    Parameters
    ----------
    served : ServedAds
    version : str
    created_at : float
        Unix seconds.
    top : int
        Length of the answer.

    Notes
    -----
    All features are those of the artifact's moment, as is the age of an ad: at that moment the
    answer is that of the deployed policy, which goes on counting while this engine does not. An ad
    that came later is unknown to it. The context of a request holds `user_id`,
    `publisher_id`, `device`, `hour` and `weekday`; ids that the artifact does not know are
    scored by what the model does with unknown ones.
    """

    stages = ("features", "score", "rank")

    def __init__(
        self,
        served: ServedAds,
        *,
        version: str = "in memory",
        created_at: float = 0.0,
        top: int = 10,
    ) -> None:
        self.served, self.version, self.created_at, self.top = served, version, created_at, top
        self.features = served.features.lookup()

    @property
    def cache_hits(self) -> int:
        """Look-ups of a context that the cache answered."""
        return self.features.cache.hits

    @property
    def cache_misses(self) -> int:
        """Look-ups of a context that went to its table."""
        return self.features.cache.misses

    def parse(self, body: bytes) -> RankRequest:
        """Return the request that a body holds.

        Raises
        ------
        InputError
            For whatever is wrong with it, such as a value that the context lacks.
        """
        request = RankRequest.from_json(body)
        for name in CONTEXT:
            if name not in request.context:
                raise InputError(f"request: context lacks {name!r}; it needs {list(CONTEXT)}")
        return request

    def answer(self, request: RankRequest, clock: StageClock) -> dict:
        """Return the best candidates and their click probabilities, best first."""
        with clock.stage("features"):
            columns = self.features.columns(request.context, request.ad_ids)
        with clock.stage("score"):
            probability = self._probability(columns)
        with clock.stage("rank"):
            return request.ranking(probability, self.top)

    def fallback(self, request: RankRequest) -> dict:
        """Return the ranking by the smoothed rate of each ad."""
        last = len(self.served.rate_by_ad) - 1
        ads = np.where(request.ad_ids < last, request.ad_ids, last)
        return request.ranking(self.served.rate_by_ad[ads], self.top)

    def example(self, generator: np.random.Generator) -> dict:
        """Return a request of 100 live ads; the k-th most active user comes with weight 1 / k."""
        features = self.served.features
        rank = np.searchsorted(self._activity, generator.random() * self._activity[-1])
        context = {name: int(generator.integers(size)) for name, size in features.sizes.items()}
        ads = features.live_ads
        ids = generator.choice(ads, min(CANDIDATES, len(ads)), replace=False)
        return {
            "context": {"user_id": int(features.users_by_activity[rank])} | context,
            "ad_ids": ids.tolist(),
            "bids": generator.uniform(0.2, 2.0, len(ids)).round(3).tolist(),
        }

    def close(self) -> None:
        """Do nothing: all that it holds is memory."""

    def probability(self, context: Mapping[str, int], ad_ids: np.ndarray) -> np.ndarray:
        """Return the click probability of each candidate, shape (n,)."""
        return self._probability(self.features.columns(context, ad_ids))

    def check_golden(self) -> None:
        """Compare the answer to the artifact's own request with the answer that it had then.

        Raises
        ------
        InputError
            If they differ by more than 1e-4 in probability.
        """
        golden = dict(self.served.golden)
        ad_ids, expected = golden.pop("ad_ids"), golden.pop("click_probability")
        context = {name: int(value[0]) for name, value in golden.items()}
        gap = float(np.abs(self.probability(context, ad_ids) - expected).max())
        if not gap <= _GOLDEN_TOLERANCE:
            raise InputError(f"the model answers its own request {gap:.2g} off; train again")

    @cached_property
    def _activity(self) -> np.ndarray:
        return np.cumsum(1 / np.arange(1, len(self.served.features.users_by_activity) + 1))

    def _probability(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        score = self.served.scorer.score(RequestColumns(columns))
        return 1.0 / (1.0 + np.exp(-np.clip(score, -700.0, 700.0)))


def save_ads(folder: Path, served: ServedAds) -> None:
    """Write what an engine is loaded from, with the answer to one example as its golden one."""
    engine = AdEngine(served)
    example = engine.example(np.random.default_rng(0))
    ad_ids = np.array(example["ad_ids"], dtype=np.int64)
    golden = {name: np.array([value]) for name, value in example["context"].items()}
    golden["ad_ids"] = ad_ids
    golden["click_probability"] = engine.probability(example["context"], ad_ids)
    save_object(replace(served, golden=golden), folder, NAME)


def load_ads(artifact: Artifact) -> AdEngine:
    """Return the engine of an artifact, once it has answered the artifact's own request.

    Raises
    ------
    InputError
        If the files are not those of an ad model, or the model answers otherwise than it did.
    """
    served = load_object(artifact.folder, NAME, _FORMS)
    try:
        engine = AdEngine(served, version=artifact.version, created_at=artifact.created_at)
        engine.check_golden()
    except InputError as error:
        raise InputError(f"{artifact.folder}: {error}") from None
    except Exception as error:
        # Files that name the right classes can still hold anything.
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"{artifact.folder}: is not an ad model ({reason:.200})") from None
    return engine
