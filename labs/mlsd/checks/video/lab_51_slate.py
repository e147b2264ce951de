"""Checks of the slate lab: what look-alikes cost, slates that remember, fees, uploads' slots."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pandas as pd

from mlsd.checks import CheckResult, attempted, beats, check, gives, holds
from mlsd.checks.outcome import grading_seed
from mlsd.checks.video.slate_mistakes import WRONG_ANSWERS
from mlsd.lab_support.deployed import market_seeds
from mlsd.lab_support.video.session_feeds import SAMENESS, SLOTS, session_feed
from mlsd.lab_support.video.session_slates import (
    CANDIDATES,
    Candidates,
    Choose,
    MakeSlates,
    require_places,
    top_slates,
    value_of_slates,
)

__all__ = [
    "WRONG_ANSWERS",
    "check_choose_fee",
    "check_fill_slate",
    "check_look_alike_loss",
    "check_make_slates",
    "check_place_upload",
]

# Percentage points of the baseline's value of a session, six feeds together.
MARGIN = 25.0
_FRESH_SEED = 51_001
_NEAR = 0.07
_AUTHORS = "about 133"
_HINT = (
    "does it price look-alikes by the log of the feed, uploads, and the creators of the session?"
)


def check_look_alike_loss(answer: Callable[[pd.DataFrame], float]) -> CheckResult:
    """Check the first exercise on logs whose loss is known."""
    return check(
        "look_alike_loss",
        answer,
        *(
            holds(
                lambda loss_of, loss=loss, seed=seed: _is_near(loss_of, loss, seed),
                f"on a log in which a look-alike costs {100 * loss:g} % the answer is off by more "
                f"than {100 * _NEAR:g} points; {hint}",
            )
            for loss, seed, hint in (
                (0.0, 1, "do viewers who like a topic see more of it?"),
                (0.3, 2, "how many look at a slot lower down?"),
                (0.0, 3, "compare videos of one viewer and one topic"),
                (0.5, 4, "does what you divide by contain the loss itself?"),
            )
        ),
        points=4,
    )


def _is_near(loss_of: Callable[[pd.DataFrame], float], loss: float, seed: int) -> bool:
    return abs(float(attempted(loss_of)(planted_log(loss, seed).copy())) - loss) <= _NEAR


@lru_cache(maxsize=8)
def planted_log(loss: float, seed: int) -> pd.DataFrame:
    """Return a log in which each look-alike above costs a share `loss` of the minutes.

    Each of 300 viewers has a favourite topic, which they like four times as much as others; it
    fills most slots of those with a narrow taste. On slates of six, each slot is looked at 0.8
    times as often as the one above.
    """
    rng = np.random.default_rng(seed)
    viewers, slates, topics = 300, 50, 12
    user = np.repeat(np.arange(viewers), slates)
    favourite, share = rng.integers(0, topics, viewers), rng.choice([0.05, 0.35], viewers)
    likes = rng.random((len(user), SLOTS)) < share[user][:, None]
    topic = np.where(likes, favourite[user][:, None], rng.integers(0, topics, (len(user), SLOTS)))
    same = (topic[:, :, None] == topic[:, None, :]) & np.tri(SLOTS, k=-1, dtype=bool)
    alike = same.sum(axis=2)
    level = np.where(topic == favourite[user][:, None], 4.0, 1.0) * (1 - loss) ** alike
    watched = rng.random(alike.shape) < 0.9 * 0.8 ** np.arange(SLOTS)
    minutes = watched * level * rng.uniform(0.5, 1.5, alike.shape)
    return pd.DataFrame(
        {
            "user_id": np.repeat(user, SLOTS),
            "request_id": np.repeat(np.arange(len(user)), SLOTS),
            "position": np.tile(np.arange(SLOTS), len(user)),
            "topic": topic.ravel(),
            "alike": alike.ravel(),
            "minutes": minutes.ravel(),
        }
    )


def check_fill_slate(answer: Callable[..., np.ndarray]) -> CheckResult:
    """Check the second exercise on a handful of candidates."""
    even, steep = np.ones(3), np.array([1.0, 0.5, 0.1])
    plain = _offered([5.0, 4.0, 3.0, 2.0], [1, 1, 1, 2], [1, 2, 3, 4])
    crowd = _offered([5.0, 4.0, 3.0, 2.0], [1, 2, 3, 4], [7, 7, 7, 8])
    known = _offered([5.0, 4.0, 3.0, 2.0], [1, 2, 3, 4], [7, 8, 7, 9], [7, 7, 8])
    return check(
        "fill_slate",
        answer,
        gives(plain, even, 0.0, 0.0, expected=np.array([0, 1, 2]), hint="nothing costs anything"),
        gives(plain, even, 0.3, 0.0, expected=np.array([0, 1, 3]), hint="3 x 0.7 x 0.7 is below 2"),
        gives(plain, even, 0.1, 0.0, expected=np.array([0, 1, 2]), hint="3 x 0.9 x 0.9 is above 2"),
        gives(
            crowd,
            even,
            0.0,
            1.5,
            expected=np.array([0, 1, 3]),
            hint="the slate itself belongs to the session: the third of creator 7 is crowded",
        ),
        gives(
            known,
            even,
            0.0,
            2.5,
            expected=np.array([1, 0, 3]),
            hint="creator 7 was shown twice before, and 5 - 2.5 is above 2 in the second slot",
        ),
        gives(
            known,
            steep,
            0.0,
            0.5,
            expected=np.array([0, 1, 3]),
            hint="a fee is paid in full in a slot that brings a tenth of the minutes",
        ),
        points=3,
    )


def _offered(
    minutes: list[float], topic: list[int], creator: list[int], seen: tuple | list = ()
) -> Candidates:
    return Candidates(
        minutes=np.array(minutes),
        topic=np.array(topic),
        creator=np.array(creator),
        is_upload=np.zeros(len(minutes), bool),
        seen_creator=np.array(seen, int),
    )


def check_choose_fee(answer: Callable[..., float | None]) -> CheckResult:
    """Check the third exercise on sweeps over four worlds."""
    crowded = {0.0: (9, 9, 10, 10), 0.1: (5, 5, 6, 6), 0.2: (3, 3, 4, 4), 0.4: (2, 2, 3, 3)}
    minutes = {0.0: (10, 30, 20, 40), 0.1: (10.2, 30.1, 20, 40.1), 0.2: (9.9, 30.2, 20.1, 40.3)}
    flat = _sweep(crowded, minutes | {0.4: (9, 29.1, 19, 39)})
    falls = _sweep(crowded, minutes | {0.2: (9.9, 29.8, 19.8, 39.9), 0.4: (9, 29.1, 19, 39)})
    return check(
        "choose_fee",
        answer,
        gives(flat, 6.5, expected=0.1, hint="0.2 has more minutes, within a standard error"),
        gives(flat, 4.5, expected=0.2, hint="0.1 breaks the promise, and 0.4 loses minutes"),
        gives(
            flat,
            5.7,
            expected=0.2,
            hint="a mean of 5.5 is not known well enough to promise 5.7",
        ),
        gives(
            falls,
            100.0,
            expected=0.1,
            hint="without a fee no world has more minutes",
        ),
        gives(
            flat.sample(frac=1.0, random_state=0), 4.5, expected=0.2, hint="rows are in no order"
        ),
        gives(flat, 3.2, expected=0.4, hint="only one fee keeps this promise, whatever it loses"),
        gives(flat, 1.0, expected=None, hint="no fee keeps this promise"),
        points=3,
    )


def _sweep(crowded: dict[float, tuple], minutes: dict[float, tuple]) -> pd.DataFrame:
    rows = [
        {"world": world, "fee": fee, "minutes": minutes[fee][world], "crowded": crowded[fee][world]}
        for fee in crowded
        for world in range(4)
    ]
    return pd.DataFrame(rows)


def check_place_upload(answer: Callable[..., tuple[int, float]]) -> CheckResult:
    """Check the fourth exercise on trials over four worlds."""
    exact = _trial({0: 0.2, 1: 0.1, 5: 0.04}, {0: 50, 1: 30, 5: 9}, noise=0.0)
    noisy = _trial({0: 0.2, 1: 0.1, 5: 0.04}, {0: 50, 1: 30, 5: 18}, noise=0.05)
    free = _trial({0: 0.2, 1: 0.05, 5: -0.03}, {0: 30, 1: 20, 5: 9}, noise=0.01)
    return check(
        "place_upload",
        answer,
        gives(exact, 0.01, expected=(1, 0.1), hint="0.1 x 30 is more than 0.05 x 50 or 0.25 x 9"),
        gives(exact, 0.15, expected=(0, 0.75), hint="more than all requests is not to be had"),
        gives(exact, 0.5, expected=(0, 1.0), hint="a share is at most 1"),
        gives(
            noisy,
            0.03,
            expected=(0, 0.03 / _dearest(0.2, 0.05)),
            hint="each slot at its upper end; the last one is cheap on average only",
        ),
        gives(free, 0.002, expected=(5, 1.0), hint="the last slot costs nothing, at its upper end"),
        points=3,
    )


_SIGNS = np.array([1.0, -1.0, 1.0, -1.0])


def _dearest(cost: float, noise: float) -> float:
    """Return the upper end of what a slot costs in four worlds that are `noise` off."""
    return cost + 2 * noise * float(np.std(_SIGNS, ddof=1)) / np.sqrt(len(_SIGNS))


def _trial(cost: dict[int, float], views: dict[int, float], noise: float) -> pd.DataFrame:
    rows = []
    for world, sign in enumerate(_SIGNS):
        level = 3.0 + world
        rows.append({"world": world, "position": -1, "minutes": level, "views": 0.0})
        for position, each in cost.items():
            minutes = level * (1 - each - noise * sign)
            row = {"position": position, "minutes": minutes, "views": float(views[position])}
            rows.append({"world": world, **row})
    return pd.DataFrame(rows).assign(requests=300)


def check_make_slates(answer: MakeSlates) -> CheckResult:
    """Check the last exercise by what sessions are worth in six feeds that nobody has seen."""
    return check(
        "make_slates",
        answer,
        _fills_slates(),
        beats(
            value_of_slates,
            top_slates,
            margin=MARGIN,
            seed=_FRESH_SEED,
            unit="value of a session, percent of the baseline:",
            authors=_AUTHORS,
            hint=_HINT,
        ),
        points=4,
    )


def _fills_slates() -> Callable[[MakeSlates], str]:
    """Return a test that slates are slates, and that those of a bored feed repeat a topic less."""

    def test(make_slates: MakeSlates) -> str:
        seeds = market_seeds(grading_seed(_FRESH_SEED), len(SAMENESS))
        # The feed of these in which a look-alike costs nothing.
        log = session_feed(min(seeds, key=lambda seed: SAMENESS[seed % len(SAMENESS)])).log
        bored = log.assign(minutes=log["minutes"] * 0.4 ** log["alike"])
        repeated = []
        for each in (log, bored):
            choose: Choose = attempted(make_slates)(each.copy())
            try:
                places = [require_places(attempted(choose)(offered)) for offered in _offers()]
            except ValueError as error:
                return str(error)
            repeated.append(int((places[1] < SLOTS).sum()))
        if repeated[1] < repeated[0]:
            return ""
        return (
            "a feed's log says what a look-alike costs there: with a log in which each takes off "
            "60 % more, your slates repeat a topic as often as before"
        )

    return test


def _offers() -> tuple[Candidates, Candidates]:
    """Return plain candidates, and some of which the best six have one topic."""
    codes = np.arange(CANDIDATES)
    plain = np.linspace(3, 1, CANDIDATES), codes % 7, codes % 11, codes % 13 == 5
    minutes = np.r_[np.linspace(3.0, 2.9, SLOTS), np.linspace(1.2, 1.0, CANDIDATES - SLOTS)]
    alike = minutes, np.where(codes < SLOTS, 0, 1 + codes % 6), codes, np.zeros(CANDIDATES, bool)
    return Candidates(*plain, np.arange(12) % 5), Candidates(*alike, np.zeros(0, int))
