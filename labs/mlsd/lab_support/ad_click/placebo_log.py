"""A log in which no click follows from anything, and what a policy still reads out of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from mlsd.data.log import LabelledLog
from mlsd.worlds.base import CandidateRequests, Policy

_OF_THE_AD = ("ad_id", "campaign_id", "advertiser_id", "category", "format", "bid")
_NOT_KNOWN_BEFORE = ("position", "ts", "known_at", "click")


def placebo_log(log: LabelledLog, *, seed: int = 0) -> LabelledLog:
    """Return the log with its clicks dealt out again among all rows, at random.

    Examples
    --------
    >>> from mlsd.lab_support.ad_click.small_log import small_log
    >>> log = small_log(days=1)
    >>> dealt = placebo_log(log)
    >>> bool(dealt.label.sum() == log.label.sum()), bool((dealt.label == log.label).all())
    (True, False)
    """
    label = np.random.default_rng(seed).permutation(log.label)
    return replace(log, frame=log.frame.assign(click=label))


def asked_again(rows: pd.DataFrame, user_id: np.ndarray, ts: float) -> CandidateRequests:
    """Return one request per row at `ts`, with the row's ad as its only candidate.

    Examples
    --------
    >>> rows = pd.DataFrame({"user_id": [1, 2], "ad_id": [7, 8], "ts": [0.0, 5.0]})
    >>> requests = asked_again(rows, np.array([3, 4]), 60.0)
    >>> requests.context["user_id"], requests.candidates["ad_id"].ravel()
    (array([3, 4]), array([7, 8]))
    """
    context = rows.columns.difference([*_OF_THE_AD, *_NOT_KNOWN_BEFORE])
    candidates = rows.columns.intersection(_OF_THE_AD)
    return CandidateRequests(
        ts=np.full(len(rows), ts),
        request_id=np.arange(len(rows)),
        context={name: rows[name].to_numpy() for name in context} | {"user_id": user_id},
        candidates={name: rows[name].to_numpy()[:, None] for name in candidates},
        slots=1,
    )


def placebo_lift(make_policy: Callable[[LabelledLog], Policy], log: LabelledLog) -> float:
    """Return by how much a click raises what a policy predicts, where clicks mean nothing.

    The policy is made from the placebo log. For each click of its test rows it is then asked about
    the same ad twice, for the user who has clicked and for one that it does not know. Training
    columns that look back give about 0. One that has seen its row's own click, or a later one, does
    not, and neither does a bonus that was not learned.

    Parameters
    ----------
    make_policy : callable
    log : LabelledLog
        Of the ads world, with users.

    Returns
    -------
    float
        Mean of the log of the ratio of the two predictions.

    Examples
    --------
    >>> from mlsd.lab_support.ad_click.small_log import small_log
    >>> from mlsd.models import GlobalRate
    >>> from mlsd.policies.ad_click import ScorerPolicy
    >>> placebo_lift(lambda log: ScorerPolicy(GlobalRate().fit(log.frame, log.label)), small_log(1))
    0.0
    """
    placebo = placebo_log(log)
    policy, frame = make_policy(placebo), placebo.frame
    rows = frame.iloc[placebo.split.test]
    rows = rows[rows["click"] == 1]
    strangers = frame["user_id"].max() + 1 + np.arange(len(rows))
    after = frame["known_at"].max() + 1.0
    own, others = (
        policy.act(asked_again(rows, users, after)).predicted_ctr
        for users in (rows["user_id"].to_numpy(), strangers)
    )
    return float(np.log(own / others).mean())
