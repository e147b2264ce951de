"""Wrong answers of the slate lab."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from mlsd.checks import WrongAnswer
from mlsd.lab_support.video.session_feeds import SLOTS
from mlsd.lab_support.video.session_slates import CROWDING_FEE, Candidates, Choose, top_slates
from mlsd.policies.reranking import capped, maximal_marginal_relevance


def _raw(log):
    level = log.groupby("alike")["minutes"].mean()
    return 1 - level[1] / level[0]


def _by_slot(log):
    looks = log.groupby("position")["minutes"].transform("mean")
    level = (log["minutes"] / looks).groupby(log["alike"]).mean()
    return 1 - level[1] / level[0]


def _by_viewer(log):
    looks = log.groupby("position")["minutes"].transform("mean")
    own = log.groupby("user_id")["minutes"].transform("mean")
    level = (log["minutes"] / looks / own.clip(lower=1e-9)).groupby(log["alike"]).mean()
    return 1 - level[1] / level[0]


def _without_slots(log):
    twice = log.groupby(["request_id", "topic"])["minutes"].transform("size") >= 2
    level = log["minutes"][twice].groupby(log["alike"]).mean()
    return 1 - level[1] / level[0]


def _filled(gain_of):
    """Return a fill of slates by a rule for what a candidate adds."""

    def fill(offered, looks, loss, fee):
        before = (offered.creator[:, None] == offered.seen_creator).sum(axis=1)
        places: list[int] = []
        for look in looks:
            alike = (offered.topic[:, None] == offered.topic[places]).sum(axis=1)
            here = (offered.creator[:, None] == offered.creator[places]).sum(axis=1)
            gain = gain_of(offered.minutes, look, (loss, fee), alike, (before, here))
            gain[places] = -np.inf
            places.append(int(np.argmax(gain)))
        return np.array(places)

    return fill


def _slate_alone(minutes, look, price, alike, shown):
    return look * minutes * (1 - price[0]) ** alike - price[1] * (shown[1] >= 2)


def _session_before(minutes, look, price, alike, shown):
    return look * minutes * (1 - price[0]) ** alike - price[1] * (shown[0] >= 2)


def _fee_by_look(minutes, look, price, alike, shown):
    return look * (minutes * (1 - price[0]) ** alike - price[1] * (sum(shown) >= 2))


def _once_alike(minutes, look, price, alike, shown):
    return look * minutes * (1 - price[0] * (alike > 0)) - price[1] * (sum(shown) >= 2)


def _only_best(offered, looks, loss, fee):
    return np.argsort(-offered.minutes, kind="stable")[: len(looks)]


def _kept(sweep, limit, errors):
    crowded = sweep.pivot(index="world", columns="fee", values="crowded")
    return crowded.columns[crowded.mean() + errors * crowded.sem() <= limit]


def _most_minutes(sweep, limit):
    kept = _kept(sweep, limit, 2)
    by_fee = sweep[sweep["fee"].isin(kept)].groupby("fee")["minutes"].mean()
    return float(by_fee.idxmax()) if len(by_fee) else None


def _smallest_fee(sweep, limit):
    kept = _kept(sweep, limit, 2)
    return float(kept.min()) if len(kept) else None


def _promise_of_the_mean(sweep, limit):
    kept = _kept(sweep, limit, 0)
    return float(kept.min()) if len(kept) else None


def _largest_fee(sweep, limit):
    return float(sweep["fee"].max())


def _costs(trial, errors):
    minutes = trial.pivot(index="world", columns="position", values="minutes")
    lost = 1 - minutes.drop(columns=-1).div(minutes[-1], axis=0)
    return (lost.mean() + errors * lost.sem()).clip(lower=1e-9)


def _by_the_mean(trial, budget):
    share = (budget / _costs(trial, 0)).clip(upper=1.0)
    views = trial.groupby("position")["views"].mean().drop(-1)
    position = (share * views).idxmax()
    return int(position), float(share[position])


def _cheapest(trial, budget):
    cost = _costs(trial, 2)
    return int(cost.idxmin()), float(min(1.0, budget / cost.min()))


def _last_slot(trial, budget):
    last = int(trial["position"].max())
    return last, float(min(1.0, budget / _costs(trial, 2)[last]))


def _most_views(trial, budget):
    first = int(trial.groupby("position")["views"].mean().idxmax())
    return first, float(min(1.0, budget / _costs(trial, 2)[first]))


def _more_than_all(trial, budget):
    views = trial.groupby("position")["views"].mean().drop(-1)
    share = budget / _costs(trial, 2)
    position = (share * views).idxmax()
    return int(position), float(share[position])


def _constant(log: pd.DataFrame) -> Choose:
    return lambda offered: np.arange(SLOTS) + 30


def _by_ten_percent_more(log: pd.DataFrame) -> Choose:
    return lambda offered: np.argsort(-1.1 * offered.minutes, kind="stable")[:SLOTS]


def _at_random(log: pd.DataFrame) -> Choose:
    rng = np.random.default_rng(0)
    return lambda offered: rng.permutation(len(offered.minutes))[:SLOTS]


def _topics_alone(log: pd.DataFrame) -> Choose:
    """Show different topics, whatever their minutes."""

    def choose(offered: Candidates) -> np.ndarray:
        backwards = np.arange(len(offered.topic))[::-1]
        _, first = np.unique(offered.topic[backwards], return_index=True)
        others = np.setdiff1d(np.arange(len(backwards)), first)
        return backwards[np.concatenate([first, others])][:SLOTS]

    return choose


def _copied(relevance: float):
    """Return the chapter's re-ranking at a fixed weight, with topics for vectors."""

    def make_slates(log: pd.DataFrame) -> Choose:
        def choose(offered: Candidates) -> np.ndarray:
            scores = offered.minutes / offered.minutes.max()
            alike = np.eye(int(offered.topic.max()) + 1)[offered.topic]
            options = {"relevance": relevance}
            return maximal_marginal_relevance(scores[None], alike[None], SLOTS, **options)[0]

        return choose

    return make_slates


def _capped_slates(log: pd.DataFrame) -> Choose:
    def choose(offered: Candidates) -> np.ndarray:
        order = np.arange(len(offered.minutes))[None]
        return capped(order, offered.creator[None], SLOTS, cap=1)[0]

    return choose


def _uploads_first(log: pd.DataFrame) -> Choose:
    return lambda offered: np.argsort(~offered.is_upload, kind="stable")[:SLOTS]


def _fees_alone(log: pd.DataFrame) -> Choose:
    fill, looks = _filled(_session_fee), np.ones(SLOTS)
    return lambda offered: fill(offered, looks, 0.0, CROWDING_FEE)


def _fixed_loss(loss: float):
    """Return slates of the right form whose price of a look-alike no log has any say in."""
    fill, looks = _filled(_priced), 0.8 ** np.arange(SLOTS)

    def make_slates(log: pd.DataFrame) -> Choose:
        def choose(offered: Candidates) -> np.ndarray:
            worth = replace(offered, minutes=offered.minutes * (1 + offered.is_upload))
            return fill(worth, looks, loss, CROWDING_FEE)

        return choose

    return make_slates


def _priced(minutes, look, price, alike, shown):
    return look * minutes * (1 - price[0]) ** alike - price[1] * (sum(shown) >= 2)


def _session_fee(minutes, look, price, alike, shown):
    return look * minutes - price[1] * (sum(shown) >= 2)


WRONG_ANSWERS = (
    WrongAnswer("look_alike_loss", "raw means", _raw),
    WrongAnswer("look_alike_loss", "slots alone", _by_slot),
    WrongAnswer("look_alike_loss", "viewers, whatever the topic", _by_viewer),
    WrongAnswer("look_alike_loss", "no slots", _without_slots),
    WrongAnswer("fill_slate", "forgets earlier slates", _filled(_slate_alone)),
    WrongAnswer("fill_slate", "forgets this slate", _filled(_session_before)),
    WrongAnswer("fill_slate", "a fee by what the slot brings", _filled(_fee_by_look)),
    WrongAnswer("fill_slate", "look-alikes count once", _filled(_once_alike)),
    WrongAnswer("fill_slate", "top by minutes", _only_best),
    WrongAnswer("choose_fee", "most minutes", _most_minutes),
    WrongAnswer("choose_fee", "the smallest that keeps it", _smallest_fee),
    WrongAnswer("choose_fee", "a promise of the mean", _promise_of_the_mean),
    WrongAnswer("choose_fee", "the largest fee", _largest_fee),
    WrongAnswer("place_upload", "means without errors", _by_the_mean),
    WrongAnswer("place_upload", "the cheapest slot", _cheapest),
    WrongAnswer("place_upload", "the last slot", _last_slot),
    WrongAnswer("place_upload", "the slot of most views", _most_views),
    WrongAnswer("place_upload", "more than all requests", _more_than_all),
    WrongAnswer("make_slates", "top by minutes", top_slates),
    WrongAnswer("make_slates", "minutes times 1.1", _by_ten_percent_more),
    WrongAnswer("make_slates", "a constant order", _constant),
    WrongAnswer("make_slates", "at random", _at_random),
    WrongAnswer("make_slates", "different topics, whatever their minutes", _topics_alone),
    WrongAnswer("make_slates", "MMR at 0.5", _copied(0.5)),
    WrongAnswer("make_slates", "one video per creator", _capped_slates),
    WrongAnswer("make_slates", "uploads first", _uploads_first),
    WrongAnswer("make_slates", "creators' fees alone", _fees_alone),
    WrongAnswer("make_slates", "a quarter per look-alike in all feeds", _fixed_loss(0.25)),
)
