"""What the world keeps to itself about each impression, and how it is revealed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsd.runtime import InputError
from mlsd.worlds.ad_click.behaviour import Behaviour
from mlsd.worlds.ad_click.logs import AdClickLogs
from mlsd.worlds.ad_click.market import Step
from mlsd.worlds.ad_click.population import Users
from mlsd.worlds.ad_click.traffic import (
    BOT_BURST,
    BOT_DAY_SHARE,
    FRAUD_HOUR_SHARE,
    FRAUD_REQUEST_SHARE,
)


def expected_spam(users: Users) -> tuple[np.float32, np.float32]:
    """Return the expected share of spam at publishers that buy robots, and at all others.

    Parameters
    ----------
    users : Users
        Bots are active on a share of the days, and then in bursts.
    """
    bursts = BOT_DAY_SHARE * BOT_BURST
    expected = users.activity * np.where(users.is_bot, 1 - BOT_DAY_SHARE + bursts, 1)
    bots = bursts * users.activity[users.is_bot].sum() / expected.sum()
    bought = FRAUD_HOUR_SHARE * FRAUD_REQUEST_SHARE
    return np.float32(1 - (1 - bots) * (1 - bought)), np.float32(bots)


class Truth:
    """Hidden facts of every impression of a history, in the order of their ids.

    Parameters
    ----------
    behaviour : Behaviour
    """

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self._parts: list[tuple[np.ndarray, ...]] = []
        self._columns: tuple[np.ndarray, ...] = ()

    def add(self, step: Step) -> None:
        """Keep what a step knew."""
        shown = step.record.shown
        ids, ad = step.tables["impressions"]["impression_id"], shown.ad.astype(np.int32)
        user, is_spam = step.block.user[shown.row], step.block.is_spam[shown.row]
        buys_bots = self.behaviour.population.publishers.is_fraudulent
        fraudulent = buys_bots[step.block.publisher[shown.row]]
        self._parts.append((ids, ad, user, step.record.attraction, is_spam, fraudulent))

    def reveal(self, logs: AdClickLogs) -> pd.DataFrame:
        """Return the truth of each row of ``logs.impressions``.

        Returns
        -------
        DataFrame
            `click_probability` of the impression as it was shown, `knowable_probability` (the same
            for somebody who knows everything but which requests are robots'), `examination` of its
            slot, `attraction` (click probability given examination), `is_spam`,
            `conversion_probability` of a click.

        Raises
        ------
        InputError
            For logs of another world.
        """
        impressions, behaviour = logs.impressions, self.behaviour
        ad, user, attraction, is_spam, fraudulent = self._find(impressions)
        position = impressions["position"].to_numpy()
        click = behaviour.click_probability(attraction, position, is_spam)
        # Whether a publisher buys robots lasts and can be learned; which request is one cannot.
        spam = np.where(fraudulent, *expected_spam(behaviour.population.users))
        genuine = behaviour.examination[position] * attraction
        knowable = (1 - spam) * genuine + spam * np.float32(behaviour.config.spam_click_rate)
        converts = np.where(is_spam, 0, behaviour.conversion_probability(user, ad))
        return pd.DataFrame(
            {
                "click_probability": click,
                "knowable_probability": knowable,
                "examination": behaviour.examination[position],
                "attraction": attraction,
                "is_spam": is_spam,
                "conversion_probability": converts,
            }
        )

    def _find(self, impressions: pd.DataFrame) -> tuple[np.ndarray, ...]:
        if not self._columns:
            self._columns = tuple(np.concatenate(column) for column in zip(*self._parts))
            self._parts = []
        ids, ads = self._columns[:2]
        wanted = impressions["impression_id"].to_numpy()
        at = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
        own = (ids[at] == wanted) & (ads[at] == impressions["ad_id"].to_numpy())
        if not own.all():
            raise InputError("reveal: these logs are not of this world's history; use its own")
        return tuple(column[at] for column in self._columns[1:])
