"""The feed: sessions that began in the same hour go on in lock-step, slate after slate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from mlsd.runtime.times import DAY, HOUR
from mlsd.worlds.base import Policy
from mlsd.worlds.kit.draws import sigmoid
from mlsd.worlds.kit.records import Columns, day_end
from mlsd.worlds.kit.simulator import Assign, Part
from mlsd.worlds.logs import LazyMapping
from mlsd.worlds.video.behaviour import AUTOPLAY_SD, AUTOPLAY_SECONDS, Behaviour, Reaction
from mlsd.worlds.video.config import HOURS, MOST_STEPS
from mlsd.worlds.video.records import (
    OBSERVED_TABLES,
    UNWANTED_SATISFACTION,
    Recorder,
    StepRecord,
    context_columns,
    item_keys,
)
from mlsd.worlds.video.setup import Setup
from mlsd.worlds.video.slates import FeedRequests, Slates, require_showable
from mlsd.worlds.video.state import Batch, FeedState
from mlsd.worlds.video.traffic import DaySessions, Traffic

LEAST_GAP, MEAN_GAP = 2.0, 6.0


@dataclass(frozen=True)
class HourStep:
    """What the sessions that began in an hour left behind: records and event tables."""

    records: list[StepRecord]
    tables: dict[str, Columns]

    def parts(self) -> Iterator[Part]:
        """Yield what is measured: slates and what came of them."""
        for record in self.records:
            batch = record.batch
            seconds = record.seconds.sum(axis=1)
            happy = np.where(record.viewed, record.reaction.satisfaction, 0)
            happy = happy + UNWANTED_SATISFACTION * record.autoplay
            for name, amount in (
                ("slates", np.ones(len(batch), np.int64)),
                ("sessions", np.full(len(batch), batch.step == 0)),
                ("clicks", record.started.sum(axis=1)),
                ("watch_seconds", seconds),
                ("satisfaction", happy.sum(axis=1)),
                ("not_interested", record.hidden.sum(axis=1)),
            ):
                yield Part(name, batch.user, batch.began, amount)


@dataclass(frozen=True)
class NightStep:
    """What a day came to: who was here, and who will be again."""

    tables: dict[str, Columns]
    user: np.ndarray
    ts: np.ndarray
    returned: np.ndarray
    later: np.ndarray

    @property
    def records(self) -> list[StepRecord]:
        """No slates at night."""
        return []

    def parts(self) -> Iterator[Part]:
        """Yield who came, who comes the next day, and who is expected in 28 days."""
        tomorrow, month = self.ts + DAY, self.ts + 28 * DAY
        here = np.ones(len(self.user), np.int64)
        yield Part("visitor_days", self.user, self.ts, here, tomorrow)
        yield Part("returns", self.user, self.ts, self.returned, tomorrow)
        yield Part("settled_days", self.user, self.ts, here, month)
        yield Part("returns_28", self.user, self.ts, self.later, month)


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
        self.behaviour = Behaviour(setup.population, setup.config)
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
            record = self._meet(batch, slates, proof)
            records.append(record)
            self._learn(record)
            goes_on = ~record.ends
            arms = None if arms is None else arms[goes_on]
            batch = batch.keep(goes_on)
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

    def _meet(self, batch: Batch, slates: Slates, proof: np.ndarray | None) -> StepRecord:
        """Let the viewers of a batch look at their slates, and say what comes of it."""
        config, setup, items = self.setup.config, self.setup, slates.items
        reaction = self.behaviour.react(self.state, batch, items, proof)
        request = batch.request_id
        depth = setup.luck_of("depth", request)[:, None]
        examined = depth < self.behaviour.examination
        keys = item_keys(request[:, None], items)
        clicked = examined & (_of(setup, "click", keys) < reaction.attraction)
        autoplay = np.zeros_like(clicked)
        starts = setup.luck_of("autoplay", request) < config.autoplay_rate
        autoplay[:, 0] = examined[:, 0] & ~clicked[:, 0] & starts
        seconds, completed = self._watch(items, reaction.enjoyment, keys, clicked, autoplay)
        liking = sigmoid(np.float32(config.like_logit) + config.like_gain * reaction.enjoyment)
        liked = _where(clicked, lambda at: _of(setup, "like", keys[at]) < liking[at])
        ignored = examined & ~clicked & ~autoplay
        hiding = self.behaviour.hide_probability(reaction.click_logit)
        hidden = _where(ignored, lambda at: _of(setup, "hide", keys[at]) < hiding[at])
        spent = seconds.sum(axis=1)
        gap = LEAST_GAP - MEAN_GAP * np.log(setup.luck_of("gap", request))
        batch.mood += self._mood(reaction, clicked, autoplay)
        batch.seconds -= spent + gap.astype(np.float32)
        last = batch.step == MOST_STEPS - 1
        return StepRecord(
            batch=batch,
            slates=slates.filled(),
            reaction=reaction,
            examined=examined,
            clicked=clicked,
            autoplay=autoplay,
            seconds=seconds,
            completed=completed,
            liked=liked,
            hidden=hidden,
            done_at=batch.ts + spent + gap,
            ends=(batch.mood < 0) | (batch.seconds <= 0) | last,
        )

    def _watch(
        self,
        items: np.ndarray,
        enjoyment: np.ndarray,
        keys: np.ndarray,
        clicked: np.ndarray,
        autoplay: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return watch seconds and whether a video was watched to its end, shape (n, slots)."""
        seconds = np.zeros(items.shape, np.float32)
        completed = np.zeros(items.shape, bool)
        at = np.nonzero(clicked | autoplay)
        z = ndtri(_of(self.setup, "watch", keys[at])).astype(np.float32)
        wanted = self.behaviour.watch_seconds(items[at], enjoyment[at], z)
        unwanted = np.float32(AUTOPLAY_SECONDS) * np.exp(np.float32(AUTOPLAY_SD) * z)
        length = self.setup.population.videos.duration[items[at]]
        time = np.where(clicked[at], wanted, unwanted)
        seconds[at] = np.minimum(time, length)
        completed[at] = time >= length
        return seconds, completed

    def _mood(self, reaction: Reaction, clicked: np.ndarray, autoplay: np.ndarray) -> np.ndarray:
        """Return what a slate adds to the mood of its viewers, shape (n,)."""
        config = self.setup.config
        above = reaction.satisfaction - np.float32(config.satisfied_at)
        gained = np.where(clicked, above, 0).sum(axis=1)
        annoyed = (UNWANTED_SATISFACTION - np.float32(config.satisfied_at)) * autoplay.sum(axis=1)
        return np.float32(config.mood_gain) * (gained + annoyed) - np.float32(config.slate_cost)

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
        batch.ts = record.done_at

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


def _of(setup: Setup, event: str, keys: np.ndarray) -> np.ndarray:
    return setup.luck_of(event, keys.ravel()).reshape(keys.shape)


def _where(mask: np.ndarray, happens) -> np.ndarray:
    """Return a mask of what happens, asked only where it can."""
    result = np.zeros(mask.shape, bool)
    at = np.nonzero(mask)
    result[at] = happens(at)
    return result
