"""How users really behave: the hidden truth of the ad click world.

Given that a slot is examined, an ad is clicked with probability sigmoid of: base + ad + user +
taste of the user's cluster and of the user for the category (turning slowly, and other in the
evening than in the morning; shifted for everybody on the days of an event, where there is one)
+ publisher by category + device by format + affinity of interest
and topic - fatigue. The click probability is that times the probability of examining the slot (the
examination hypothesis: Craswell et al. 2008 discuss it with its rivals).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from mlsd.runtime.times import DAY
from mlsd.worlds.ad_click.config import DAYPARTS, HOURS, AdClickConfig
from mlsd.worlds.ad_click.population import Population
from mlsd.worlds.ad_click.traffic import Block
from mlsd.worlds.kit.draws import sigmoid
from mlsd.worlds.kit.luck import hashed_uniform

# A view counts VIEW_UNIT, so that a night's forgetting works on whole numbers.
VIEW_UNIT = 16
MOST_VIEWS = 15 * VIEW_UNIT

# Conversion delays: a quick kind and a slow kind with a tail of weeks; see the behaviour card.
QUICK_SHARE, QUICK_MEDIAN, QUICK_SD = 0.60, 600.0, 1.3
SLOW_SCALE, SLOW_SHAPE = 6.4 * DAY, 0.478
ATTRIBUTION_WINDOW = 30 * DAY


@dataclass(frozen=True)
class Shown:
    """Filled slots, flattened; shape (m,) each."""

    row: np.ndarray
    column: np.ndarray
    position: np.ndarray
    ad: np.ndarray


def examination(config: AdClickConfig) -> np.ndarray:
    """Return the probability that each slot is looked at, shape (slots,), continued by its ratio.

    Examples
    --------
    >>> examination(AdClickConfig(slots=2, examination=(1.0, 0.5)))
    array([1. , 0.5], dtype=float32)
    """
    curve = list(config.examination)
    while len(curve) < config.slots:
        curve.append(curve[-1] * (curve[-1] / curve[-2] if len(curve) > 1 else 1.0))
    return np.array(curve[: config.slots], np.float32)


class Behaviour:
    """The true probabilities of one world.

    Parameters
    ----------
    population : Population
    config : AdClickConfig
    """

    def __init__(self, population: Population, config: AdClickConfig) -> None:
        self.population = population
        self.config = config
        self.examination = examination(config)
        # log1p of remembered views for every value a counter can have.
        remembered = np.arange(256, dtype=np.float32) / VIEW_UNIT
        self.fatigue = np.float32(config.fatigue) * np.log1p(remembered)
        self._today: tuple[int, np.ndarray] = (-1, np.zeros(0, np.float32))

    def taste_of_day(self, day: int) -> np.ndarray:
        """Return the tastes of clusters, flattened from (clusters, dayparts, categories)."""
        if self._today[0] != day:
            tastes, angle = self.population.tastes, self.config.drift_per_day * day
            turned = np.cos(angle) * tastes.cluster + np.sin(angle) * tastes.cluster_later
            first, after = self.config.event_days
            if first <= day < after:
                turned = turned + tastes.event
            self._today = (day, (turned + tastes.cluster_daypart).astype(np.float32).ravel())
        return self._today[1]

    def attraction(self, block: Block, shown: Shown, views: np.ndarray) -> np.ndarray:
        """Return the probability of a click given examination, shape (m,).

        Parameters
        ----------
        block : Block
        shown : Shown
        views : ndarray of uint8, shape (m,)
            Remembered views, in sixteenths.
        """
        users, ads, row = self.population.users, self.population.ads, shown.row
        user, publisher = block.user[row], block.publisher[row]
        category, width = ads.category[shown.ad], self.config.categories
        slot = users.cluster[user] * DAYPARTS + block.hour[row] // (HOURS // DAYPARTS)
        logit = ads.quality[shown.ad] + users.bias[user]
        logit += np.take(self.taste_of_day(block.day), slot * width + category)
        logit += np.take(users.taste, user * width + category)
        logit += np.take(self.population.publishers.category_effect, publisher * width + category)
        logit += self.population.tastes.device_format[block.device[row], ads.format[shown.ad]]
        if self.config.interest_codes:
            logit += self._affinity(users.interest[user], ads.topic[shown.ad])
        return sigmoid(logit + np.float32(self.config.base_logit) - self.fatigue[views])

    def _affinity(self, interest: np.ndarray, topic: np.ndarray) -> np.ndarray:
        tastes = self.population.tastes
        return np.einsum("ij,ij->i", tastes.interest[interest], tastes.topic[topic])

    def click_probability(
        self, attraction: np.ndarray, position: np.ndarray, is_spam: np.ndarray
    ) -> np.ndarray:
        """Return the probability that a logged impression is clicked, shape (m,)."""
        genuine = self.examination[position] * attraction
        return np.where(is_spam, np.float32(self.config.spam_click_rate), genuine)

    def hide_probability(self, attraction: np.ndarray, position: np.ndarray) -> np.ndarray:
        """Return the probability that the user hides the ad: the less it appeals, the likelier."""
        looked = self.examination[position] * np.float32(self.config.hide_rate)
        return looked / (1 + (attraction * np.float32(50)) ** 2)

    def conversion_probability(self, user: np.ndarray, ad: np.ndarray) -> np.ndarray:
        """Return the probability that a genuine click converts, ever, shape (m,)."""
        campaign = self.population.ads.campaign[ad]
        logit = self.population.campaigns.conversion_logit[campaign]
        return sigmoid(logit + self.population.users.conversion_bias[user])


def conversion_delay(seed: int, luck: str, key: np.ndarray) -> np.ndarray:
    """Return seconds from click to conversion, heavy-tailed, shape (m,).

    A quick log-normal kind and a slow Weibull kind; beyond the attribution window (30 days) a
    conversion is never seen, and the delay is infinite.

    Examples
    --------
    >>> delay = conversion_delay(0, "luck", np.arange(10_000))
    >>> bool(0.48 < (delay < 1800).mean() < 0.52)
    True
    """
    kind, place = (hashed_uniform(seed, f"{luck}-delay-{name}", key) for name in ("kind", "place"))
    quick = QUICK_MEDIAN * np.exp(QUICK_SD * ndtri(place))
    slow = SLOW_SCALE * (-np.log(place)) ** (1 / SLOW_SHAPE)
    delay = np.where(kind < QUICK_SHARE, quick, slow)
    return np.where(delay <= ATTRIBUTION_WINDOW, delay, np.inf)
