"""The winners' lab: pages with few and many candidates, and what the winners are promised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd

from mlsd.lab_support.deployed import market_seeds
from mlsd.models import SmoothedRate
from mlsd.monitoring import RecordedPolicy
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.runtime import InputError
from mlsd.worlds import AdClickConfig, AdClickWorld
from mlsd.worlds.ad_click import Actions
from mlsd.worlds.base import CandidateRequests, Policy
from mlsd.worlds.logs import Tables

# How many candidates compete for the slot of a page, by publisher.
RIVALS = np.array([2, 5, 12])
# Half of the history's requests are ordered at random, so that all candidates are seen alike.
CONFIG = AdClickConfig(
    users=8_000,
    requests_per_day=16_000,
    candidates=12,
    slots=1,
    budget_per_impression=1.0,
    exploration_share=0.5,
)
STRENGTH = 3.0
# Days of log behind the models that an answer is graded with, the strength of their prior, and the
# market's level of clicks in log-odds. A weak prior makes a large curse and a strong one a small,
# and levels differ as they do between countries, so that nothing remembered fits all three.
GRADED = ((1, 1.0, -4.2), (4, 0.5, -3.9), (16, 20.0, -4.7))
PROMISED_DAYS = 5
LEVELS = (("ad_id",), ("publisher_id", "category"), ("user_id", "category"))
Correction = Callable[[np.ndarray, np.ndarray], np.ndarray]
MakeCorrection = Callable[[pd.DataFrame], Correction]


def unchanged(winners: pd.DataFrame) -> Correction:
    """Return the baseline: predictions as the model gives them.

    Examples
    --------
    >>> unchanged(pd.DataFrame())(np.array([0.02]), np.array([6]))
    array([0.02])
    """
    return lambda predicted, rivals: predicted


def one_factor(winners: pd.DataFrame) -> Correction:
    """Return the baseline: one factor that makes the promises of all winners right in total.

    Examples
    --------
    >>> winners = pd.DataFrame({"predicted": [0.5, 0.5], "click": [0, 1], "rivals": [2, 6]})
    >>> one_factor(winners)(np.array([0.02]), np.array([6]))
    array([0.02])
    """
    factor = winners["click"].sum() / winners["predicted"].sum()
    return lambda predicted, rivals: np.minimum(factor * predicted, 0.999)


class RetrievalPolicy:
    """Ranks the candidates that retrieval found for a page by bid times corrected prediction.

    Parameters
    ----------
    promising, ranking : Policy
        What is promised is predicted by the first; who wins is decided by the second.
    correction : callable
        From predictions and numbers of candidates, both (n, k), to corrected predictions.
    """

    def __init__(self, promising: Policy, ranking: Policy, correction: Correction) -> None:
        self.promising, self.ranking, self.correction = promising, ranking, correction

    def act(self, requests: CandidateRequests) -> Actions:
        """Return promises, and scores below every other for candidates that were not found."""
        found = RIVALS[requests.context["publisher_id"] % len(RIVALS)][:, None]
        promised = self._corrected(self.promising.act(requests).predicted_ctr, found)
        ranked = promised
        if self.ranking is not self.promising:
            ranked = self._corrected(self.ranking.act(requests).predicted_ctr, found)
        competes = np.arange(promised.shape[1]) < found
        score = np.where(competes, requests.candidates["bid"] * ranked, -1.0)
        return Actions(promised, rank_score=score)

    def _corrected(self, predicted: np.ndarray, found: np.ndarray) -> np.ndarray:
        corrected = self.correction(predicted.copy(), np.broadcast_to(found, predicted.shape))
        corrected = np.asarray(corrected, dtype=float)
        if corrected.shape != predicted.shape or not ((corrected > 0) & (corrected < 1)).all():
            raise InputError("a correction gives probabilities between 0 and 1, one for each given")
        return corrected

    def observe(self, events: Tables) -> None:
        """Hand events to both policies."""
        self.promising.observe(events)
        self.ranking.observe(events)


@dataclass(frozen=True)
class WinnersMarket:
    """A market with a model that was fitted on randomly ordered impressions of its first days.

    Attributes
    ----------
    world : AdClickWorld
    days : int
        Days of log that the model was fitted on.
    everything : DataFrame
        The next days' randomly ordered impressions: `day`, `rivals`, `predicted` and `click`.
    policies : tuple of Policy
        Of three models: fitted on all rows, and on one half of them each.
    """

    world: AdClickWorld
    days: int
    everything: pd.DataFrame
    policies: tuple[Policy, ...]

    def winners(
        self,
        correction: Correction,
        *,
        promising: int = 0,
        ranking: int = 0,
        later: bool = False,
    ) -> pd.DataFrame:
        """Deploy a correction for five days and return what it showed.

        Parameters
        ----------
        correction : callable
        promising, ranking : int
            Which model promises and which one ranks: 0 was fitted on all rows, 1 and 2 on one half
            of them each.
        later : bool
            Deploy from the sixth day after the model's last one, else from the day after it.

        Returns
        -------
        DataFrame
            One row per impression: `day`, `rivals`, `predicted` (corrected) and `click`.
        """
        start = self.days + PROMISED_DAYS * later
        chosen = self.policies[promising], self.policies[ranking]
        recorded = RecordedPolicy(RetrievalPolicy(*chosen, correction))
        self.world.deploy(recorded, days=PROMISED_DAYS, history_days=start)
        return _promises(recorded.rows().query(f"ts >= {86_400 * start}"))


@lru_cache(maxsize=2 * len(GRADED))
def winners_market(
    seed: int, days: int, strength: float = STRENGTH, base_logit: float = CONFIG.base_logit
) -> WinnersMarket:
    """Return the market of a seed, whose model saw so many days and has such a prior."""
    world = AdClickWorld(seed=seed, config=replace(CONFIG, base_logit=base_logit))
    rows = world.history(days=days + PROMISED_DAYS).impressions.query("explored")
    known = rows[rows["ts"] < 86_400 * days]
    half = np.random.default_rng(seed).random(len(known)) < 0.5
    parts = known, known[half], known[~half]
    models = [_fitted(part, strength) for part in parts]
    later = rows[rows["ts"] >= 86_400 * days]
    later = later.assign(predicted_ctr=models[0].predict_proba(later)[:, 1])
    return WinnersMarket(world, days, _promises(later), tuple(ScorerPolicy(m) for m in models))


def _fitted(rows: pd.DataFrame, strength: float) -> SmoothedRate:
    return SmoothedRate(levels=LEVELS, strength=strength).fit(rows, rows["click"])


def _promises(rows: pd.DataFrame) -> pd.DataFrame:
    rivals = RIVALS[rows["publisher_id"].to_numpy() % len(RIVALS)]
    table = {
        "day": (rows["ts"] // 86_400).to_numpy().astype(int),
        "rivals": rivals,
        "predicted": rows["predicted_ctr"].to_numpy(),
        "click": rows["click"].to_numpy(),
    }
    return pd.DataFrame(table)


def accuracy(shown: pd.DataFrame) -> float:
    """Return how near promised and real clicks are, in percent, a mean over numbers of rivals.

    Examples
    --------
    >>> accuracy(pd.DataFrame({"predicted": [0.5, 0.5], "rivals": [2, 2], "click": [0, 1]}))
    100.0
    >>> accuracy(pd.DataFrame({"predicted": [0.9, 0.9], "rivals": [2, 6], "click": [1, 0]}))
    45.0
    """
    sums = shown.groupby("rivals")[["predicted", "click"]].sum()
    return float(100 * (sums.min(axis=1) / sums.max(axis=1)).mean())


@lru_cache(maxsize=32 * len(GRADED))
def _deployed(seed: int, model: tuple[int, float, float], make: MakeCorrection) -> float:
    market = winners_market(seed, *model)
    correction = make(market.winners(unchanged(pd.DataFrame())))
    return accuracy(market.winners(correction, later=True))


def deployed_accuracy(seed: int, make_correction: MakeCorrection) -> float:
    """Return how accurate promises are in three markets whose models promise too much or hardly so.

    In each, the uncorrected model runs for five days; an answer makes its correction from what
    they showed, and it is deployed for the next five.
    """
    markets = zip(market_seeds(seed, len(GRADED)), GRADED)
    return float(np.mean([_deployed(own, model, make_correction) for own, model in markets]))
