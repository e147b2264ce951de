"""Policies that pay for knowledge: click rates by ad with what is not known about them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mlsd.runtime import InputError
from mlsd.worlds.ad_click import Actions
from mlsd.worlds.base import CandidateRequests
from mlsd.worlds.kit.luck import generator

RULES = ("greedy", "thompson", "ucb", "epsilon")
# Keeps a Beta distribution proper where discounted views fall below the clicks.
_LEAST = 1e-3


class BetaPosteriors:
    """Beta posteriors of the click rates of ads, each around its campaign's own rate.

    An ad with c clicks in n views and a campaign rate m has the posterior
    ``Beta(strength * m + c, strength * (1 - m) + n - c)``. The campaign's rate is the mean of a
    posterior of the same kind around the rate of all ads, so an ad that was never shown starts
    from what its siblings did, and one without siblings from the average.

    Parameters
    ----------
    strength : float
        Weight of the prior, in views; above 0.
    examination : tuple of float
        What a view in each slot counts, top slot first: the share of users who look at it. The
        last value holds for all lower slots. ``(1.0,)`` counts every view as one.
    initial_rate : float
        Rate of all ads before anything was seen.
    inherit : bool
        False lets every ad start from the rate of all ads, whatever its campaign did before.
    prior_rate : float or None
        The rate from which every ad starts, whatever was seen; None learns it as said above.

    Raises
    ------
    InputError
        For a strength or an examination that is not above 0, or a rate outside (0, 1).

    Examples
    --------
    >>> posteriors = BetaPosteriors(strength=100.0, initial_rate=0.02)
    >>> alpha, beta = posteriors.parameters(np.array([0]), np.array([0]))
    >>> float(alpha[0]), float(beta[0])
    (2.0, 98.0)
    """

    def __init__(
        self,
        *,
        strength: float = 100.0,
        examination: tuple[float, ...] = (1.0,),
        initial_rate: float = 0.02,
        inherit: bool = True,
        prior_rate: float | None = None,
    ) -> None:
        if not strength > 0:
            raise InputError(f"strength is {strength!r}; give a number of views above 0")
        if not examination or min(examination) <= 0:
            raise InputError(f"examination is {examination!r}; give shares above 0, top slot first")
        if not 0 < initial_rate < 1:
            raise InputError(f"initial_rate is {initial_rate!r}; give a rate between 0 and 1")
        if prior_rate is not None and not 0 < prior_rate < 1:
            raise InputError(f"prior_rate is {prior_rate!r}; give a rate between 0 and 1, or None")
        self.strength = strength
        self.examination = np.asarray(examination, float)
        self.initial_rate = initial_rate
        self.inherit = inherit
        self.prior_rate = prior_rate
        self._ads, self._campaigns = np.zeros((2, 0)), np.zeros((2, 0))

    def update(self, impressions: pd.DataFrame) -> BetaPosteriors:
        """Count impressions whose clicks are known, and return the posteriors themselves.

        Parameters
        ----------
        impressions : DataFrame
            Columns `ad_id`, `campaign_id`, `position` and `click`.
        """
        slot = np.minimum(impressions["position"].to_numpy(), len(self.examination) - 1)
        amounts = impressions["click"].to_numpy(float), self.examination[slot]
        self._ads = _counted(self._ads, impressions["ad_id"].to_numpy(), amounts)
        campaign = impressions["campaign_id"].to_numpy()
        self._campaigns = _counted(self._campaigns, campaign, amounts)
        return self

    def parameters(self, ad: np.ndarray, campaign: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return alpha and beta of each ad's posterior, both of the shape of `ad`.

        Parameters
        ----------
        ad, campaign : ndarray of int
            Ids from 0 up, of the same shape.

        Notes
        -----
        With discounted views an ad can have more clicks than views; such clicks raise alpha and
        leave beta at its prior. Parameters are kept above zero, so that the posterior exists.
        """
        prior = np.take(self._campaign_rates(int(campaign.max(initial=-1)) + 1), campaign)
        clicks, views = np.take(_grown(self._ads, int(ad.max(initial=-1)) + 1), ad, axis=1)
        alpha = self.strength * prior + clicks
        beta = self.strength * (1 - prior) + np.maximum(views - clicks, 0)
        return np.maximum(alpha, _LEAST), np.maximum(beta, _LEAST)

    def _campaign_rates(self, length: int) -> np.ndarray:
        clicks, views = _grown(self._campaigns, length)
        if self.prior_rate is not None:
            return np.full(clicks.shape, self.prior_rate)
        seen = self._campaigns[1].sum() > 0
        overall = self._campaigns[0].sum() / self._campaigns[1].sum() if seen else self.initial_rate
        if not self.inherit:
            return np.full(clicks.shape, overall)
        return np.minimum((clicks + self.strength * overall) / (views + self.strength), 1)


def _grown(counts: np.ndarray, length: int) -> np.ndarray:
    missing = length - counts.shape[1]
    return np.pad(counts, ((0, 0), (0, missing))) if missing > 0 else counts


def _counted(
    counts: np.ndarray, key: np.ndarray, amounts: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    counts = _grown(counts, int(key.max(initial=-1)) + 1)
    more = [np.bincount(key, amount, minlength=counts.shape[1]) for amount in amounts]
    return counts + np.array(more)


def win_probabilities(
    alpha: np.ndarray,
    beta: np.ndarray,
    bid: np.ndarray,
    rng: np.random.Generator,
    draws: int = 100,
) -> np.ndarray:
    """Return how probably Thompson sampling ranks each candidate first, shape (n, k).

    Parameters
    ----------
    alpha, beta : ndarray, shape (n, k)
        Of the candidates' posteriors, all of them above 0.
    bid : ndarray, shape (n, k)
    rng : Generator
    draws : int
        How often each request is decided; the probability is the share of decisions that a
        candidate wins, with a standard error of at most ``0.5 / sqrt(draws)``.

    Examples
    --------
    >>> certain, doubtful = [[300.0, 100.0]], [[700.0, 900.0]]
    >>> rng = np.random.default_rng(0)
    >>> win_probabilities(*np.array([certain, doubtful, [[1.0, 1.0]]]), rng)
    array([[1., 0.]])
    """
    won, requests = np.zeros(alpha.shape), np.arange(len(alpha))
    for _ in range(draws):
        won[requests, (bid * rng.beta(alpha, beta)).argmax(axis=1)] += 1
    return won / draws


class ExploringRatePolicy:
    """Ranks by bid times a click rate that may be more, or less, than the best guess.

    Parameters
    ----------
    rule : str
        ``"greedy"``: the posterior mean. ``"thompson"``: one draw from the posterior for each
        candidate of each request (Thompson 1933; Chapelle and Li 2011). ``"ucb"``: the mean plus
        `width` posterior standard deviations, an upper confidence bound. ``"epsilon"``: the mean,
        but a share `epsilon` of the requests ranks its candidates at random.
    posteriors : BetaPosteriors or None
        What is known before the deployment; None for nothing. Deploying copies it.
    width : float
        In standard deviations, for ``"ucb"``.
    epsilon : float
        Share of requests, for ``"epsilon"``.
    seed : int
        Of the draws. They depend on it and on the batch's first request alone, so twin worlds and
        repeated deployments see the same ones.

    Raises
    ------
    InputError
        For an unknown rule, an epsilon outside [0, 1], or a negative width.

    Notes
    -----
    Whatever the rule ranks by, `predicted_ctr` is the posterior mean: a log of optimistic numbers
    would look like a model that is badly calibrated.

    Examples
    --------
    >>> one = np.zeros((1, 2), int)
    >>> ads = {"ad_id": np.array([[0, 1]]), "campaign_id": one, "bid": one + 1.0}
    >>> requests = CandidateRequests(np.zeros(1), np.zeros(1, int), {}, ads, slots=1)
    >>> ExploringRatePolicy("greedy").act(requests).rank_score
    array([[0.02, 0.02]])
    """

    def __init__(
        self,
        rule: str = "thompson",
        *,
        posteriors: BetaPosteriors | None = None,
        width: float = 1.0,
        epsilon: float = 0.05,
        seed: int = 0,
    ) -> None:
        if rule not in RULES:
            raise InputError(f"rule is {rule!r}; choose among {RULES}")
        if not 0 <= epsilon <= 1:
            raise InputError(f"epsilon is {epsilon!r}; give a share from 0 to 1")
        if not width >= 0:
            raise InputError(f"width is {width!r}; give a number of standard deviations, 0 or more")
        self.rule = rule
        self.posteriors = BetaPosteriors() if posteriors is None else posteriors
        self.width = width
        self.epsilon = epsilon
        self.seed = seed

    def act(self, requests: CandidateRequests) -> Actions:
        """Return posterior means, and the scores to rank by, shape (n, k) each."""
        candidates = requests.candidates
        alpha, beta = self.posteriors.parameters(candidates["ad_id"], candidates["campaign_id"])
        mean = alpha / (alpha + beta)
        rate = self._rate(mean, alpha, beta, int(requests.request_id[0]))
        return Actions(predicted_ctr=mean, rank_score=candidates["bid"] * rate)

    def observe(self, events: Mapping[str, pd.DataFrame]) -> None:
        """Count newly known impressions and clicks."""
        if len(events["impressions"]):
            self.posteriors.update(events["impressions"])

    def _rate(
        self, mean: np.ndarray, alpha: np.ndarray, beta: np.ndarray, first_request: int
    ) -> np.ndarray:
        if self.rule == "greedy":
            return mean
        if self.rule == "ucb":
            return mean + self.width * np.sqrt(mean * (1 - mean) / (alpha + beta + 1))
        rng = generator(self.seed, "explore", first_request)
        if self.rule == "thompson":
            return rng.beta(alpha, beta)
        at_random = rng.random(len(mean)) < self.epsilon
        return np.where(at_random[:, None], rng.random(mean.shape), mean)
