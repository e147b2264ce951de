"""Wrong answers of the loop lab."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsd import metrics
from mlsd.checks import WrongAnswer
from mlsd.lab_support.video.own_log import HISTORY_DAYS, count_of_views, quota_then_count

SHARES = (1, 2, 5, 10, 20, 40)


def _shown(log, videos):
    return log["item_id"].value_counts().reindex(videos["item_id"], fill_value=0)


def _by_inequality(log, videos):
    unequal = metrics.gini(_shown(log, videos))
    return "random" if unequal < 0.5 else "runaway" if unequal > 0.8 else "merit"


def _by_agreement(log, videos):
    week = log["day"] < HISTORY_DAYS + 7
    older = videos[videos["uploaded"] < HISTORY_DAYS]
    first, second = (_shown(log[part], older) for part in (week, ~week))
    agreement = metrics.rank_correlation(first, second, repetitions=2).estimate
    return "random" if agreement < 0.5 else "runaway" if agreement > 0.9 else "merit"


def _by_the_top(log, videos):
    shown = _shown(log, videos).sort_values()
    top = shown.iloc[-len(shown) // 20 :].sum() / shown.sum()
    return "runaway" if top > 0.3 else "merit" if top > 0.15 else "random"


def _any_upload(log, videos):
    uploads = _shown(log, videos)[(videos["uploaded"] >= HISTORY_DAYS).to_numpy()].sum()
    return "runaway" if uploads == 0 else "random"


def _better(log, first, second, *, rows="holdout", clusters=True, level=1.0):
    """Compare two lists, with a mistake."""
    fair = log if rows == "all" else log[log[rows]]
    found = []
    for ids in (first, second):
        own = fair[fair["item_id"].isin(ids)]
        by = own["user_id"] if clusters else None
        found.append(metrics.mean_interval(own["watched"], clusters=by))
    gap = found[0].estimate - found[1].estimate
    if abs(gap) < level * np.hypot(*((each.high - each.low) / 2 for each in found)):
        return "undecided"
    return "first" if gap > 0 else "second"


def _more_views(log, first, second):
    views = [log.loc[log["item_id"].isin(ids), "watched"].sum() for ids in (first, second)]
    return "first" if views[0] > views[1] else "second"


def _share(log, ids, half_width, most_views, now=20, *, mistake):
    """Choose a share, with a mistake."""
    fair, other = log[log["holdout"]], log[~log["holdout"]]
    rows = fair if mistake == "all held-out rows" else fair[fair["item_id"].isin(ids)]
    found = metrics.mean_interval(rows["watched"], clusters=rows["user_id"])
    known = (found.high - found.low) / 2
    rate = 0 if mistake == "held-out views are free" else fair["watched"].mean()
    lost = len(log) * (other["watched"].mean() - rate)
    for share in SHARES:
        ratio = now / share if mistake == "in proportion" else np.sqrt(now / share)
        if known * ratio <= half_width:
            cheap = mistake == "any price" or lost * share / 100 <= most_views
            return share if cheap else None
    return None


def _every(aged, daily, price, *, mistake):
    """Choose the days between two lists, with a mistake."""
    groups = aged.groupby("age")["watched"]
    rate = (groups.sum() / len(aged) if mistake == "sums" else groups.mean()).to_numpy()
    days = np.arange(1, len(rate) + 1)
    gained = daily * (rate if mistake == "the oldest list" else np.cumsum(rate) / days)
    return int(days[np.argmax(gained - (price if mistake == "price per day" else price / days))])


def _a_tenth_more(log, videos, day):
    return 1.1 * quota_then_count(log, videos, day)


def _all_equal(log, videos, day):
    return pd.Series(0.0, videos["item_id"])


def _never_again(log, videos, day):
    return count_of_views(log[log["day"] < HISTORY_DAYS], videos, day)


def _at_random(log, videos, day):
    noise = np.random.default_rng(int(day)).random(len(videos))
    return pd.Series(noise, videos["item_id"])


def _newest(log, videos, day):
    return videos.set_index("item_id")["uploaded"]


def _recent_views(log, videos, day):
    weight = 0.5 ** (day - log["day"])
    return (weight * log["watched"]).groupby(log["item_id"]).sum()


def _explored_views(log, videos, day):
    return count_of_views(log[log["explored"]], videos, day)


def _weighted_views(log, videos, day):
    return (log["watched"] / log["propensity"]).groupby(log["item_id"]).sum()


def _raw_rate(log, videos, day):
    return log.groupby("item_id")["watched"].mean()


WRONG_ANSWERS = (
    WrongAnswer("who_made_it", "by inequality", _by_inequality),
    WrongAnswer("who_made_it", "by the agreement of two weeks", _by_agreement),
    WrongAnswer("who_made_it", "by the share of the top", _by_the_top),
    WrongAnswer("who_made_it", "asks whether there is any upload", _any_upload),
    WrongAnswer("who_made_it", "always a runaway", lambda log, videos: "runaway"),
    WrongAnswer("better_list", "more views", _more_views),
    WrongAnswer("better_list", "all rows", lambda *a: _better(*a, rows="all")),
    WrongAnswer("better_list", "slots of served viewers", lambda *a: _better(*a, rows="explored")),
    WrongAnswer("better_list", "rows as if independent", lambda *a: _better(*a, clusters=False)),
    WrongAnswer("better_list", "any difference", lambda *a: _better(*a, level=0.0)),
    *(
        WrongAnswer("choose_share", mistake, lambda *a, m=mistake: _share(*a, mistake=m))
        for mistake in (
            "all held-out rows",
            "in proportion",
            "held-out views are free",
            "any price",
        )
    ),
    WrongAnswer("choose_share", "always five percent", lambda *a: 5),
    *(
        WrongAnswer("choose_every", mistake, lambda *a, m=mistake: _every(*a, mistake=m))
        for mistake in ("the oldest list", "sums", "price per day")
    ),
    WrongAnswer("choose_every", "always daily", lambda *a: 1),
    WrongAnswer("score_videos", "the baseline times 1.1", _a_tenth_more),
    WrongAnswer("score_videos", "the count of views", count_of_views),
    WrongAnswer("score_videos", "all weights equal", _all_equal),
    WrongAnswer("score_videos", "never learns again", _never_again),
    WrongAnswer("score_videos", "at random", _at_random),
    WrongAnswer("score_videos", "the newest first", _newest),
    WrongAnswer("score_videos", "recent views", _recent_views),
    WrongAnswer("score_videos", "views that chance brought", _explored_views),
    WrongAnswer("score_videos", "views over propensity", _weighted_views),
    WrongAnswer("score_videos", "views per impression, whatever their number", _raw_rate),
)
