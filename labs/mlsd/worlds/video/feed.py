"""The feed: sessions that began in the same hour go on in lock-step, slate after slate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.special import ndtri

from mlsd.runtime.times import DAY, HOUR
from mlsd.worlds.base import Policy
from mlsd.worlds.kit.records import Columns, day_end
from mlsd.worlds.kit.simulator import Assign
from mlsd.worlds.kit.slates import Slates
from mlsd.worlds.logs import LazyMapping
from mlsd.worlds.video.config import HOURS
from mlsd.worlds.video.records import (
    OBSERVED_TABLES,
    Recorder,
    StepRecord,
    context_columns,
)
from mlsd.worlds.video.setup import Setup
from mlsd.worlds.video.slates import FeedRequests, require_showable
from mlsd.worlds.video.state import Batch, FeedState
from mlsd.worlds.video.steps import HourStep, NightStep
from mlsd.worlds.video.traffic import DaySessions, Traffic
from mlsd.worlds.video.viewing import Viewing


class Feed:
    """Runs policies against a world's viewers.

    Parameters
    ----------
    setup : Setup
    state : FeedState
        Continued and changed; pass a copy to keep it.

    Notes
    -----
    Policies are handed events at every full hour (the small world: every four), and act on all
    sessions that begin before the next, one slate after the other. So a slate is made with what was
    known at the hour, apart from what its own viewer has been shown and has started since.
    """

    def __init__(self, setup: Setup, state: FeedState) -> None:
        self.setup = setup
        self.state = state
        self.viewing = Viewing(setup)
        self.traffic = Traffic(setup.population, setup.config, setup.seed, luck=setup.luck)
        self.recorder = Recorder(setup)

    def run(
        self, policies: Sequence[Policy], days: range, assign: Assign | None = None
    ) -> Iterator[HourStep | NightStep]:
        """Run whole days, yielding what each hour and each night left.

        Parameters
        ----------
        policies : sequence of Policy
            Copied by the caller; `act` and `observe` are called on them.
        days : range
        assign : callable or None
            From users and times to the index of the policy in charge of each session.
        """
        for day in days:
            sessions = self.traffic.day(day, self.state.habit)
            every = self.setup.config.hours_between_events
            for hour in range(0, HOURS, every):
                now = float((day * HOURS + hour) * HOUR)
                self._deliver(policies, now)
                began = sessions.between(hour, hour + every)
                if len(began.user):
                    yield self._run_together(began, now, policies, assign)
            yield self._close(day, sessions)
        if days:
            self._deliver(policies, day_end(days[-1]))

    def close_day(self, day: int) -> dict[str, Columns]:
        """Return what is recorded once a day: nothing, the night is a step of its own."""
        return {}

    def _deliver(self, policies: Sequence[Policy], ts: float) -> None:
        # Videos are in order of upload, and the first delivery brings the whole catalogue.
        uploaded_at = self.setup.population.videos.uploaded_at
        known = int(np.searchsorted(uploaded_at, ts, side="right"))
        new = np.arange(self.state.catalogued, known)
        self.state.pending.add({"videos": self.recorder.uploads(new)})
        self.state.catalogued = known
        self.state.pending.deliver(policies, ts)

    def _run_together(
        self, began: DaySessions, now: float, policies: Sequence[Policy], assign: Assign | None
    ) -> HourStep:
        batch = self._batch(began)
        live = self.setup.population.videos.live(now)
        live.flags.writeable = False
        is_live = np.zeros(len(self.state.views), bool)
        is_live[live] = True
        proof = self._proof(live)
        arms = None if assign is None else assign(batch.user, batch.began)
        records = []
        while len(batch):
            requests = self._requests(batch, live)
            slates = _ask(policies, requests, arms)
            require_showable(slates, requests, is_live)
            record = self.viewing.meet(self.state, batch, slates, proof)
            records.append(record)
            self._learn(record)
            goes_on = ~record.ends
            arms = None if arms is None else arms[goes_on]
            batch = batch.keep(goes_on)
            # Of the batch that goes on: the record's own keeps the time at which it was asked.
            batch.ts = record.done_at[goes_on]
        tables = self.recorder.tables(records)
        self.state.pending.add({name: tables[name] for name in OBSERVED_TABLES if name in tables})
        return HourStep(records, tables)

    def _batch(self, began: DaySessions) -> Batch:
        users, config = self.setup.population.users, self.setup.config
        time = ndtri(self.setup.luck_of("minutes", began.session_id)).astype(np.float32)
        minutes = users.minutes[began.user] * np.exp(np.float32(config.minutes_sd) * time)
        return Batch(
            user=began.user,
            session_id=began.session_id,
            began=began.ts,
            ts=began.ts.copy(),
            device=began.device,
            mood=users.patience[began.user].copy(),
            seconds=60 * minutes,
            satiation=np.zeros((len(began.user), config.topics), np.float32),
            shown=np.zeros((len(began.user), 0), np.int32),
        )

    def _requests(self, batch: Batch, live: np.ndarray) -> FeedRequests:
        columns = context_columns(self.setup.population, batch)
        requested = self.state.requested[batch.user]
        context = columns | {
            "session_id": batch.session_id.copy(),
            "step": np.full(len(batch), batch.step, np.int8),
            "requests_today": requested,
        }
        makers = {name: lambda values=values: values for name, values in context.items()}
        return FeedRequests(
            ts=batch.ts.copy(),
            request_id=batch.request_id,
            context=LazyMapping(makers),
            slots=self.setup.config.slots,
            live=live,
            shown=batch.shown.copy(),
            recent=lambda length: self.state.last_started(batch.user, length),
        )

    def _proof(self, live: np.ndarray) -> np.ndarray | None:
        """Return what the number of views adds to the click logit, shape (videos,)."""
        if not self.setup.config.social_proof:
            return None
        known = np.log1p(self.state.views)
        centred = (known - known[live].mean()) / max(known[live].std(), 1e-6)
        return (self.setup.config.social_proof * centred).astype(np.float32)

    def _learn(self, record: StepRecord) -> None:
        """Carry a slate into what viewers have seen, like and are full of."""
        state, batch, items = self.state, record.batch, record.slates.items
        row, slot = np.nonzero(record.started)
        user, item = batch.user[row], items[row, slot]
        state.remember(user, item)
        np.add.at(state.views, item, 1)
        state.requested[batch.user] += 1
        row, slot = np.nonzero(record.viewed)
        user, topic = batch.user[row], self.setup.population.videos.topic[items[row, slot]]
        satisfied = record.reaction.satisfaction[row, slot]
        users = len(state.habit)
        state.satisfied += np.bincount(user, satisfied, users).astype(np.float32)
        state.enjoyed += np.bincount(user, minlength=users).astype(np.float32)
        gain = np.float32(self.setup.config.taste_shift) * (2 * satisfied - 1)
        np.add.at(state.shift, (user, topic), gain)
        np.add.at(batch.satiation, (row, topic), np.float32(1))
        batch.shown = np.concatenate([batch.shown, items.astype(np.int32)], axis=1)

    def _close(self, day: int, sessions: DaySessions) -> NightStep:
        """End a day: habits change by what it was like, and tomorrow's visitors are known."""
        state, config = self.state, self.setup.config
        user = np.unique(sessions.user)
        mean = (state.satisfied[user] + PRIOR_SATISFACTION) / (state.enjoyed[user] + 1)
        state.habit *= np.float32(0.5 ** (1 / config.habit_half_life))
        state.habit[user] += config.habit_gain * (mean - np.float32(config.habit_reference))
        np.clip(state.habit, -LARGEST_HABIT, LARGEST_HABIT, out=state.habit)
        state.shift *= np.float32(0.5 ** (1 / config.shift_half_life))
        for counts in (state.satisfied, state.enjoyed, state.requested):
            counts[:] = 0
        returned = self.traffic.counts(day + 1, state.habit)[user] > 0
        faded = state.habit * np.float32(0.5 ** (28 / config.habit_half_life))
        later = 1 - np.exp(-self.traffic.expected(day + 28, faded)[user])
        end = day_end(day)
        table = {
            "user_id": user.astype(np.int32),
            "day": np.full(len(user), day, np.int16),
            "ts": np.full(len(user), end),
            "known_at": np.full(len(user), end + DAY),
            "returned": returned.astype(np.int8),
        }
        self.state.pending.add({"returns": table})
        within = np.full(len(user), end - 1)
        return NightStep({"returns": table}, user, within, returned, later)


# A day without a view counts as one of this satisfaction.
PRIOR_SATISFACTION = np.float32(0.3)
LARGEST_HABIT = 1.5


def _ask(policies: Sequence[Policy], requests: FeedRequests, arms: np.ndarray | None) -> Slates:
    if arms is None:
        return policies[0].act(requests)
    items = np.zeros((len(requests), requests.slots), np.int32)
    propensity, source = np.ones(items.shape, np.float32), np.zeros(items.shape, np.int8)
    for arm, policy in enumerate(policies):
        rows = np.flatnonzero(arms == arm)
        if len(rows):
            answer = policy.act(requests.take(rows)).filled()
            items[rows], propensity[rows] = answer.items, answer.propensity
            source[rows] = answer.source
    return Slates(items, propensity, source)
