"""Once a day, policies may send some users a push: it brings people, and it annoys them."""

from __future__ import annotations

import numpy as np

from mlsd.runtime.times import DAY, HOUR
from mlsd.worlds.event.requests import EventRequests, Pushes
from mlsd.worlds.event.setup import Setup
from mlsd.worlds.event.state import PUSH, WorldState, pair_keys
from mlsd.worlds.event.visits import Visits
from mlsd.worlds.kit.luck import hashed_uniform
from mlsd.worlds.kit.records import Columns
from mlsd.worlds.kit.slates import NO_ITEM

OPEN_HOURS = 1.5
# Events of the next days only: a push about something far away is none.
MOST_DAYS_AHEAD = 10


def in_push_holdout(seed: int, share: float, user: np.ndarray) -> np.ndarray:
    """Return which users are never sent a push, whatever a policy says, shape (n,)."""
    return hashed_uniform(seed, "push-holdout", user) < share


class PushRound:
    """One day's pushes: who may get one, and what comes of those sent.

    Parameters
    ----------
    setup : Setup
    visits : Visits
    """

    def __init__(self, setup: Setup, visits: Visits) -> None:
        self.setup = setup
        self.visits = visits

    def eligible(self, state: WorldState, day: int) -> np.ndarray:
        """Return the users who may be sent a push, sorted."""
        users, config = self.setup.people.users, self.setup.config
        everybody = np.arange(len(users.activity))
        held_out = in_push_holdout(self.setup.seed, config.push_holdout, everybody)
        return np.flatnonzero((users.signup_day <= day) & ~state.opted_out & ~held_out)

    def send(
        self,
        state: WorldState,
        requests: EventRequests,
        pushes: Pushes,
    ) -> tuple[dict[str, Columns], np.ndarray, np.ndarray]:
        """Let the users react to what a policy sends them.

        Returns
        -------
        tables, opted_out, opted_out_at
            Rows of the tables of pushes and of switching them off; who did that, and when.
        """
        user = np.asarray(requests.context["user_id"], np.intp)
        rows = np.flatnonzero(pushes.items != NO_ITEM)
        user, event, ts = user[rows], pushes.items[rows], requests.ts[rows]
        sent = pushes.sent[rows]
        table = {
            "push_id": requests.request_id[rows],
            "user_id": user.astype(np.int32),
            "event_id": event.astype(np.int32),
            "ts": ts,
            "known_at": ts,
            "sent": sent.astype(np.int8),
            "propensity": pushes.propensity[rows].astype(np.float32),
            "pushes_7d": state.pushed[:, user].sum(axis=0, dtype=np.int8),
        }
        gone, gone_at = self._react(state, user[sent], event[sent], ts[sent])
        left = {"user_id": gone.astype(np.int32), "ts": gone_at, "known_at": gone_at}
        return {"pushes": table, "opt_outs": left}, gone, gone_at

    def _react(
        self, state: WorldState, user: np.ndarray, event: np.ndarray, ts: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        setup = self.setup
        behaviour, keys = setup.behaviour, pair_keys(user, event)
        pushes = state.pushed[:, user].sum(axis=0)
        km = behaviour.distance(state.home_x[user], state.home_y[user], event)
        match = behaviour.match(user, event, km)
        company = setup.company(state, user, event, ts)
        opened = setup.luck_of("push", keys) < behaviour.opens_push(event, match, company, pushes)
        wait = -np.log(setup.luck_of("push-wait", keys)) * OPEN_HOURS * HOUR
        looks = {"ts": (ts + wait)[opened], "user": user[opened], "event": event[opened]}
        self.visits.plan(state, PUSH, **looks)
        annoyed = setup.luck_of("opt-out", keys) < behaviour.opts_out(match, pushes)
        state.pushed[int(ts[0] // DAY) % 7 if len(ts) else 0, user] += 1
        gone = user[annoyed]
        state.opted_out[gone] = True
        state.habit[gone] -= np.float32(setup.config.opt_out_habit)
        return gone, (ts + wait)[annoyed]
