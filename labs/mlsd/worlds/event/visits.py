"""Looks at the page of an event, the answers that come of them, and who comes in the end."""

from __future__ import annotations

import numpy as np

from mlsd.runtime.times import DAY, HOUR
from mlsd.worlds.event.setup import Setup
from mlsd.worlds.event.state import (
    GROUP,
    INVITATION,
    MAYBE,
    NO,
    WAITING,
    YES,
    WorldState,
    pair_keys,
)
from mlsd.worlds.kit.draws import sigmoid
from mlsd.worlds.kit.records import Columns, joined

# Two yeses whose events begin in the same stretch of this many hours clash.
CLASH_HOURS = 4
STRETCHES = 1 << 10
GROUP_DELAY_HOURS, INVITATION_DELAY_HOURS = 14.0, 6.0
KNOWN_AFTER = 12 * HOUR
MAYBE_COMES = -1.6
VISIT_COLUMNS = ("ts", "user", "event", "source", "origin")
NOBODY = -1


class Visits:
    """Lets people look at pages of events, answer, invite and come.

    Parameters
    ----------
    setup : Setup
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    def announce(self, state: WorldState, event: np.ndarray) -> None:
        """Tell the members of a group of its new events: some will look, within days."""
        events, config = self.setup.catalogue.events, self.setup.config
        event = event[events.group[event] >= 0]
        place, user = self._members_of(events.group[event], events.published_at[event])
        key = pair_keys(user, event[place])
        looks = self.setup.luck_of("mail", key) < config.group_reach
        user, at, key = user[looks], event[place[looks]], key[looks]
        wait = -np.log(self.setup.luck_of("mail-wait", key)) * GROUP_DELAY_HOURS * HOUR
        self.plan(state, GROUP, ts=events.published_at[at] + wait, user=user, event=at)

    def plan(
        self,
        state: WorldState,
        source: int,
        *,
        ts: np.ndarray,
        user: np.ndarray,
        event: np.ndarray,
        origin: np.ndarray | None = None,
    ) -> None:
        """Let people look at pages at times to come; `origin` is the request or the inviter."""
        origin = np.full(len(ts), NOBODY) if origin is None else origin
        values = (ts, user, event, np.full(len(ts), source, np.int8), origin)
        state.visits.append(dict(zip(VISIT_COLUMNS, values, strict=True)))

    def due(self, state: WorldState, until: float) -> Columns:
        """Take out the looks that happen before a time, in order, one per user and event."""
        if not state.visits:
            return {}
        visits = joined(state.visits)
        now = visits["ts"] < until
        state.visits = [{name: values[~now] for name, values in visits.items()}]
        visits = {name: values[now] for name, values in visits.items()}
        order = np.argsort(visits["ts"], kind="stable")
        visits = {name: values[order] for name, values in visits.items()}
        keys = pair_keys(visits["user"], visits["event"])
        first = np.zeros(len(keys), bool)
        first[np.unique(keys, return_index=True)[1]] = True
        answered = state.answered.get(keys) > 0
        late = visits["ts"] >= self.setup.catalogue.events.starts_at[visits["event"]]
        kept = first & ~answered & ~late
        return {name: values[kept] for name, values in visits.items()}

    def answer(self, state: WorldState, visits: Columns) -> Columns:
        """Let those who look answer, and return their answers; seats go in order of time."""
        setup, config = self.setup, self.setup.config
        user, event, ts = visits["user"], visits["event"], visits["ts"]
        behaviour, keys = setup.behaviour, pair_keys(user, event)
        km = behaviour.distance(state.home_x[user], state.home_y[user], event)
        match = behaviour.match(user, event, km)
        company = setup.company(state, user, event, ts)
        invited = visits["source"] == INVITATION
        clash = state.busy.get(self._stretch(user, event)) > 0
        yes = behaviour.yes(event, match, company, invited, clash)
        maybe = (1 - yes) * sigmoid(np.float32(config.maybe_logit) + match / 2)
        no = (1 - yes - maybe) * sigmoid(np.float32(config.no_logit) + invited)
        draw = setup.luck_of("answer", keys)
        status = np.select(
            [draw < yes, draw < yes + maybe, draw < yes + maybe + no], [YES, MAYBE, NO], 0
        )
        status, refused = self._seat(state, event, status, keys)
        self._keep(state, visits, status, match)
        return {**visits, "status": status, "refused": refused, "friends": company.friends}

    def _seat(
        self, state: WorldState, event: np.ndarray, status: np.ndarray, keys: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Give seats to those who said yes, as long as there are some."""
        rows = np.flatnonzero(status == YES)
        order = rows[np.argsort(event[rows], kind="stable")]
        sorted_event = event[order]
        place = np.arange(len(order)) - np.searchsorted(sorted_event, sorted_event)
        left = self.setup.catalogue.events.capacity[sorted_event] - state.yes[sorted_event]
        refused = np.zeros(len(event), bool)
        refused[order[place >= left]] = True
        waits = self.setup.luck_of("waits", keys) < self.setup.config.waitlist_share
        status = np.where(refused, np.where(waits, WAITING, 0), status).astype(np.int8)
        np.add.at(state.yes, event[status == YES], 1)
        return status, refused

    def _keep(
        self, state: WorldState, visits: Columns, status: np.ndarray, match: np.ndarray
    ) -> None:
        """Remember answers, who is busy, whose friends go, and whom to invite."""
        user, event, ts = visits["user"], visits["event"], visits["ts"]
        answered, said_yes = status > 0, status == YES
        state.answered.add(pair_keys(user[answered], event[answered]), status[answered])
        user_yes, event_yes = user[said_yes], event[said_yes]
        state.busy.add(self._stretch(user_yes, event_yes))
        place, friend = self.setup.people.friends.of_users(user_yes, ts[said_yes])
        state.friends_yes.add(pair_keys(friend, event_yes[place]))
        coming = said_yes | (status == MAYBE)
        going = {name: visits[name][coming] for name in ("ts", "user", "event")}
        state.going.append(going | {"status": status[coming], "match": match[coming]})
        state.habit[user[status == WAITING]] -= np.float32(self.setup.config.refused_loss)

    def invite(self, state: WorldState, answers: Columns) -> Columns:
        """Let those who said yes invite friends of the same city, and return the invitations."""
        said_yes = answers["status"] == YES
        user, event, ts = (answers[name][said_yes] for name in ("user", "event", "ts"))
        place, friend = self.setup.people.friends.of_users(user, ts)
        key = pair_keys(user[place], event[place]) * 31 + friend
        chosen = self.setup.luck_of("invites", key) < self.setup.config.invite_rate
        chosen &= state.city[friend] == self.setup.catalogue.events.city[event[place]]
        chosen &= state.answered.get(pair_keys(friend, event[place])) == 0
        place, friend, key = place[chosen], friend[chosen], key[chosen]
        wait = -np.log(self.setup.luck_of("invite-wait", key)) * INVITATION_DELAY_HOURS * HOUR
        planned = {"ts": ts[place] + wait, "user": friend, "event": event[place]}
        self.plan(state, INVITATION, **planned, origin=user[place])
        return {
            "ts": ts[place],
            "known_at": ts[place],
            "user_id": user[place].astype(np.int32),
            "friend_id": friend.astype(np.int32),
            "event_id": event[place].astype(np.int32),
        }

    def attend(self, state: WorldState, until: float) -> tuple[Columns, Columns]:
        """Let the events that begin before a time take place.

        Returns
        -------
        table, going : dict of str to ndarray
            Rows of the table of attendance, and the yeses and maybes behind them.
        """
        setup, events = self.setup, self.setup.catalogue.events
        if not state.going:
            return {}, {}
        going = joined(state.going)
        now = events.starts_at[going["event"]] < until
        state.going = [{name: values[~now] for name, values in going.items()}]
        going = {name: values[now] for name, values in going.items()}
        user, event = going["user"], going["event"]
        km = setup.behaviour.distance(state.home_x[user], state.home_y[user], event)
        keys = pair_keys(user, event)
        lead = (events.starts_at[event] - going["ts"]) / DAY
        comes = setup.behaviour.comes(event, going["match"], km, state.friends_yes.get(keys), lead)
        comes = np.where(going["status"] == MAYBE, comes * sigmoid(np.float32(MAYBE_COMES)), comes)
        came = setup.luck_of("comes", keys) < comes
        enjoyed = setup.behaviour.enjoyment(event, going["match"]) * came
        np.add.at(state.habit, user, np.float32(setup.config.habit_gain) * (2 * enjoyed - came))
        going |= {"came": came, "enjoyed": enjoyed, "comes": comes}
        table = {
            "event_id": event.astype(np.int32),
            "user_id": user.astype(np.int32),
            "ts": events.starts_at[event],
            "known_at": events.ends_at[event] + KNOWN_AFTER,
            "attended": came.astype(np.int8),
        }
        return table, going

    def _stretch(self, user: np.ndarray, event: np.ndarray) -> np.ndarray:
        """Return the number of users with the stretch of time in which events begin."""
        stretch = self.setup.catalogue.events.starts_at[event] // (CLASH_HOURS * HOUR)
        return user * STRETCHES + stretch.astype(np.int64)

    def _members_of(self, group: np.ndarray, ts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return place in `group` and user of each membership that exists at times."""
        return self.setup.people.members_by_group.of_users(group, ts)
