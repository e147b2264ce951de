"""The event world hour by hour: who asks, what is shown, who answers, invites, comes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mlsd.runtime.times import DAY, HOUR
from mlsd.worlds.base import Policy
from mlsd.worlds.event.config import HOURS, PUSH_HOUR
from mlsd.worlds.event.pushes import PushRound
from mlsd.worlds.event.records import (
    ANSWER_SECONDS,
    OBSERVED_TABLES,
    context_columns,
    event_columns,
    home_columns,
    impression_rows,
    rsvp_rows,
    with_answers,
)
from mlsd.worlds.event.requests import (
    EventRequests,
    Pushes,
    require_sendable,
    require_showable,
)
from mlsd.worlds.event.setup import Setup
from mlsd.worlds.event.state import FEED, WorldState, pair_keys
from mlsd.worlds.event.steps import HourStep, NightStep
from mlsd.worlds.event.traffic import MOST_VISITS, Traffic
from mlsd.worlds.event.visits import Visits
from mlsd.worlds.kit.records import Columns, day_end
from mlsd.worlds.kit.simulator import Assign
from mlsd.worlds.kit.slates import NO_ITEM, Slates
from mlsd.worlds.logs import LazyMapping


class EventFeed:
    """Runs policies against a world's people.

    Parameters
    ----------
    setup : Setup
    state : WorldState
        Continued and changed; pass a copy to keep it.

    Notes
    -----
    Policies are handed what became known at every full hour (`hours_between_events`), and act on
    all requests of the time until the next. Friends' answers and free seats are those of the full
    hour for whoever decides within it, but seats are given in order of time.
    """

    def __init__(self, setup: Setup, state: WorldState) -> None:
        self.setup = setup
        self.state = state
        self.traffic = Traffic(setup)
        self.visits = Visits(setup)
        self.pushes = PushRound(setup, self.visits)

    def run(
        self, policies: Sequence[Policy], days: range, assign: Assign | None = None
    ) -> Iterator[HourStep | NightStep]:
        """Run whole days, yielding what each stretch and each night left.

        Parameters
        ----------
        policies : sequence of Policy
            Copied by the caller; `act`, `observe` and, where there is one, `push` are called.
        days : range
        assign : callable or None
            From users and times to the index of the policy in charge of each request.
        """
        every = self.setup.config.hours_between_events
        for day in days:
            user, request_id, ts = self.traffic.day(day, self.state.habit)
            for hour in range(0, HOURS, every):
                now = float((day * HOURS + hour) * HOUR)
                self._deliver(policies, now)
                rows = slice(*np.searchsorted(ts, [now, now + every * HOUR]))
                asked = (user[rows], request_id[rows], ts[rows])
                pushing = hour <= PUSH_HOUR < hour + every
                yield self._run_hour(asked, now, policies, assign, pushing=pushing)
            yield self._close(day)
        if days:
            self._deliver(policies, day_end(days[-1]))

    def close_day(self, day: int) -> dict[str, Columns]:
        """Return what is recorded once a day: nothing, the night is a step of its own."""
        return {}

    def settle(self) -> Iterator[HourStep]:
        """Yield who comes to the events that are still ahead, as things stand now."""
        attendance, going = self.visits.attend(self.state, np.inf)
        if attendance:
            going["known_at"] = attendance["known_at"]
            yield HourStep({}, {}, going, self.setup.catalogue.events.price)

    def _deliver(self, policies: Sequence[Policy], ts: float) -> None:
        state, setup = self.state, self.setup
        events, homes = setup.catalogue.events, setup.people.homes
        known = int(np.searchsorted(events.published_at, ts, side="right"))
        new = np.arange(state.published, known)
        tables = {"events": event_columns(events, new)}
        if not state.published:
            first = np.arange(len(setup.people.users.activity))
            first = first[homes.ts[first] <= ts]
            tables["homes"] = home_columns(setup.people, first)
        # The members of a group are told of what is new; what was open on the first day is not.
        self.visits.announce(state, new[events.published_at[new] >= 0])
        state.published = known
        moved = state.moved + int(np.searchsorted(homes.ts[state.moved :], ts, side="right"))
        rows = np.arange(state.moved, moved)
        for name, values in (("city", homes.city), ("home_x", homes.x), ("home_y", homes.y)):
            getattr(state, name)[homes.user[rows]] = values[rows]
        state.moved = moved
        state.pending.add(tables)
        state.pending.add({"homes": home_columns(setup.people, rows)})
        state.pending.deliver(policies, ts)

    def _run_hour(
        self,
        asked: tuple[np.ndarray, np.ndarray, np.ndarray],
        now: float,
        policies: Sequence[Policy],
        assign: Assign | None,
        *,
        pushing: bool,
    ) -> HourStep:
        state, setup = self.state, self.setup
        tables: dict[str, Columns] = {}
        gone = gone_at = np.zeros(0, np.intp)
        if pushing:
            tables, gone, gone_at = self._push(now, policies, assign)
        truth: Columns = {}
        if len(asked[0]):
            shown, truth = self._show(asked, now, policies, assign)
            tables |= shown
        until = now + setup.config.hours_between_events * HOUR
        due, answers = self.visits.due(state, until), {}
        if due and len(due["ts"]):
            answers = self.visits.answer(state, due)
            tables["rsvps"] = rsvp_rows(answers)
            tables["invitations"] = self.visits.invite(state, answers)
        if "impressions" in tables:
            tables["impressions"] = with_answers(tables["impressions"], answers)
        attendance, going = self.visits.attend(state, until)
        if attendance:
            tables["attendance"] = attendance
            going["known_at"] = attendance["known_at"]
        state.pending.add({name: tables[name] for name in OBSERVED_TABLES if name in tables})
        price = setup.catalogue.events.price
        return HourStep(tables, answers, going, price, truth, gone, gone_at)

    def _show(
        self,
        asked: tuple[np.ndarray, np.ndarray, np.ndarray],
        now: float,
        policies: Sequence[Policy],
        assign: Assign | None,
    ) -> tuple[dict[str, Columns], Columns]:
        """Ask for pages, and let their readers click; a click looks at the event's page."""
        setup, state, (user, request_id, ts) = self.setup, self.state, asked
        context = context_columns(setup, state, user, ts)
        arms = None if assign is None else assign(user, ts)
        slates = _ask(policies, self._requests(context, request_id, ts, now), arms)
        requests = self._requests(context, request_id, ts, now)
        require_showable(slates, requests, setup.catalogue.events)
        clicked, truth = self._click(user, request_id, ts, slates)
        rows = {"request_id": request_id, "ts": ts, "known_at": ts, **context}
        impressions = impression_rows(context, (request_id, ts), slates, clicked)
        row, slot = np.nonzero(clicked)
        number = request_id[row] * setup.config.slots + slot
        wait = ANSWER_SECONDS * setup.luck_of("answer-wait", number)
        event = slates.items[row, slot]
        # What was asked just before a full hour is answered before it too.
        until = now + setup.config.hours_between_events * HOUR
        at = np.minimum(ts[row] + wait, until - 1e-3)
        self.visits.plan(state, FEED, ts=at, user=user[row], event=event, origin=number)
        row, slot = np.nonzero(slates.items != NO_ITEM)
        state.shown.add(pair_keys(user[row], slates.items[row, slot]))
        return {"requests": rows, "impressions": impressions}, truth

    def _requests(
        self, context: Columns, request_id: np.ndarray, ts: np.ndarray, now: float
    ) -> EventRequests:
        config = self.setup.config
        # An event that begins before the next full hour cannot be reached any more.
        until = now + config.hours_between_events * HOUR
        events = self.setup.catalogue.events
        is_open = events.open(now)
        is_open = is_open[events.starts_at[is_open] >= until]
        is_open.flags.writeable = False
        # Copies: what a policy does with them must not reach what is recorded and checked.
        makers = {name: lambda values=values: values.copy() for name, values in context.items()}
        return EventRequests(
            ts=ts.copy(),
            request_id=request_id.copy(),
            context=LazyMapping(makers),
            slots=config.slots,
            open=is_open,
            open_x=events.x[is_open],
            open_y=events.y[is_open],
            reach_km=config.reach_km,
        )

    def _click(
        self, user: np.ndarray, request_id: np.ndarray, ts: np.ndarray, slates: Slates
    ) -> tuple[np.ndarray, Columns]:
        setup, state = self.setup, self.state
        row, slot = np.nonzero(slates.items != NO_ITEM)
        event, who = slates.items[row, slot], user[row]
        km = setup.behaviour.distance(state.home_x[who], state.home_y[who], event)
        match = setup.behaviour.match(who, event, km)
        company = setup.company(state, who, event, ts[row])
        attraction = setup.behaviour.click(event, match, company)
        depth = setup.luck_of("depth", request_id)[row]
        looks = setup.behaviour.examination[slot]
        keys = pair_keys(request_id[row], event)
        clicks = (depth < looks) & (setup.luck_of("click", keys) < attraction)
        clicked = np.zeros(slates.items.shape, bool)
        clicked[row, slot] = clicks
        truth = {
            "impression_id": request_id[row] * setup.config.slots + slot,
            "event_id": event.astype(np.int32),
            "examination": looks,
            "attraction": attraction.astype(np.float32),
            "match": match.astype(np.float32),
        }
        return clicked, truth

    def _push(
        self, now: float, policies: Sequence[Policy], assign: Assign | None
    ) -> tuple[dict[str, Columns], np.ndarray, np.ndarray]:
        setup, state = self.setup, self.state
        day, users = int(now // DAY), len(state.habit)
        state.pushed[day % 7] = 0
        user = self.pushes.eligible(state, day)
        ts = np.full(len(user), float((day * HOURS + PUSH_HOUR) * HOUR))
        number = (day * users + user) * MOST_VISITS
        context = context_columns(setup, state, user, ts)
        requests = self._requests(context, number, ts, now)
        arms = None if assign is None else assign(user, ts)

        pushes = _ask_push(policies, self._requests(context, number, ts, now), arms)
        require_sendable(pushes, requests, setup.catalogue.events)
        return self.pushes.send(state, requests, pushes)

    def _close(self, day: int) -> NightStep:
        """End a day: habits fade, and pairs that are no longer needed are forgotten."""
        state, setup = self.state, self.setup
        state.habit *= np.float32(0.5 ** (1 / setup.config.habit_half_life))
        state.settle(setup.catalogue.events.starts_at > day_end(day))
        user = np.flatnonzero(setup.people.users.signup_day <= day)
        return NightStep({}, user, day_end(day))


def _ask(policies: Sequence[Policy], requests: EventRequests, arms: np.ndarray | None) -> Slates:
    if arms is None:
        return policies[0].act(requests).filled()
    items = np.full((len(requests), requests.slots), NO_ITEM, np.int32)
    propensity, source = np.ones(items.shape, np.float32), np.zeros(items.shape, np.int8)
    for arm, policy in enumerate(policies):
        rows = np.flatnonzero(arms == arm)
        if len(rows):
            answer = policy.act(requests.take(rows)).filled()
            items[rows], propensity[rows] = answer.items, answer.propensity
            source[rows] = answer.source
    return Slates(items, propensity, source)


def _ask_push(
    policies: Sequence[Policy], requests: EventRequests, arms: np.ndarray | None
) -> Pushes:
    arms = np.zeros(len(requests), np.intp) if arms is None else arms
    items = np.full(len(requests), NO_ITEM, np.int32)
    sent, propensity = np.zeros(len(items), bool), np.ones(len(items), np.float32)
    for arm, policy in enumerate(policies):
        rows = np.flatnonzero(arms == arm)
        push = getattr(policy, "push", None)
        if push is not None and len(rows):
            answer = push(requests.take(rows)).filled()
            items[rows], sent[rows] = answer.items, answer.sent
            propensity[rows] = answer.propensity
    return Pushes(items, sent, propensity)
