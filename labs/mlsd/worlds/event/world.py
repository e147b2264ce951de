"""The event world: history, deployment, test and truth behind one door each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from mlsd.runtime.times import DAY
from mlsd.worlds.event.catalogue import make_catalogue
from mlsd.worlds.event.config import HOURS, EventConfig
from mlsd.worlds.event.feed import EventFeed
from mlsd.worlds.event.logging_policy import LoggingPolicy
from mlsd.worlds.event.logs import EventLogs, entity_tables
from mlsd.worlds.event.measures import MEASURES
from mlsd.worlds.event.oracle import TasteOracle
from mlsd.worlds.event.population import make_population
from mlsd.worlds.event.records import LOGGED_TABLES, OBSERVED_TABLES
from mlsd.worlds.event.setup import Setup
from mlsd.worlds.event.state import WorldState
from mlsd.worlds.event.steps import HourStep
from mlsd.worlds.event.truth import Truth
from mlsd.worlds.kit.assignment import Assignment
from mlsd.worlds.kit.exposure import ExposureTally
from mlsd.worlds.kit.records import day_end
from mlsd.worlds.kit.simulated import SimulatedWorld
from mlsd.worlds.kit.simulator import Step
from mlsd.worlds.logs import LazyMapping, Tables


class EventWorld(SimulatedWorld[EventLogs]):
    """People with homes, friends and groups, and events with seats; the truth stays inside.

    Parameters
    ----------
    seed : int
        Non-negative; the world, its luck and its history depend on it alone.
    size : str
        ``"default"`` (1.5 million impressions in 28 days), ``"large"`` or ``"small"``.
    config : EventConfig or None
        None for the default parameters.

    Notes
    -----
    Every method is pure: the order of calls changes nothing. Policies are deep-copied before they
    are deployed, so the caller's objects stay as they were. Whoever comes to an event counts on the
    day of the yes; an A/B test counts what is known by its end, so that one of a week misses most
    of the attendance that it brought about.

    Besides ``act`` and ``observe``, a policy may have ``push(requests) -> Pushes``, which is asked
    once a day for all users who may be sent one.

    Examples
    --------
    >>> world = EventWorld(seed=7, size="small")
    >>> logs = world.history(days=2)
    >>> bool(0.01 < logs.impressions["click"].mean() < 0.3)
    True
    """

    measures = MEASURES
    tables = LOGGED_TABLES
    designs = ("user", "city", "switchback")
    history_days = 28

    def __init__(
        self, seed: int = 7, size: str = "default", config: EventConfig | None = None
    ) -> None:
        self.size = size
        self.config = (config or EventConfig()).scaled(size)
        super().__init__(seed, horizon_days=self.config.horizon_days)
        self._people = make_population(self.config, seed)
        self._catalogue = make_catalogue(self.config, seed, self._people)
        self._base = Setup(self.config, self._people, self._catalogue, self.seed)

    def oracle(self) -> TasteOracle:
        """Return the policy that knows what people like: how far any policy could get."""
        return TasteOracle(self.config, self._people, self._catalogue)

    def _start(self) -> EventFeed:
        state = WorldState.fresh(self.config, self._people, self._catalogue, OBSERVED_TABLES)
        return EventFeed(self._base, state)

    def _resume(self, state: WorldState, design: str | None) -> EventFeed:
        setup = self._base if design is None else self._base.of_test()
        return EventFeed(setup, state.continued())

    def _first_policy(self) -> LoggingPolicy:
        return LoggingPolicy(self.seed, push_share=self.config.push_share)

    def _count_users(self) -> int:
        return len(self._people.users.activity)

    def _assignment(self, design: str, span: range) -> Assignment:
        """Return the split of a test: by user, by city, or by city and day."""
        users = self._count_users()
        return Assignment(
            "cluster" if design == "city" else design,
            self.seed,
            users=users,
            first_day=span.start,
            cluster=self._people.homes.city[:users],
            window_hours=HOURS,
        )

    def _new_tally(self, units: int, span: range) -> ExposureTally:
        """Return an empty tally; hosts with an event that begins in the span could be reached."""
        events, hosts = self._catalogue.events, len(self._catalogue.hosts.city)
        begins = (events.starts_at < day_end(span[-1])) & (events.starts_at >= day_end(span[0] - 1))
        available = np.bincount(events.host, begins, minlength=hosts) > 0
        owner = np.arange(hosts)
        options = {"owner": owner, "available": available, "span": span, "often": 1}
        return ExposureTally(units, self.measures, **options)

    def _tally(
        self, step: Step, tallies: Sequence[ExposureTally], split: Assignment, until: float
    ) -> None:
        super()._tally(step, tallies, split, until)
        going = getattr(step, "going", None)
        if not going:
            return
        counts = going["came"] & (going["known_at"] <= until)
        counts &= going["ts"] >= tallies[0].first_day * DAY
        user, ts = going["user"][counts], going["ts"][counts]
        host = self._catalogue.events.host[going["event"][counts]]
        arms = np.zeros(len(user), int) if len(tallies) == 1 else split.arms(user, ts)
        for arm, tally in enumerate(tallies):
            tally.add_exposures(user[arms == arm], host[arms == arm])

    def _still_to_come(self, simulator: EventFeed) -> Iterable[HourStep]:
        """Return who comes, later on, to the events that were said yes to."""
        return simulator.settle()

    def _new_truth(self) -> Truth:
        return Truth()

    def _make_logs(self, events: Tables, until: float) -> EventLogs:
        entities = entity_tables(self._people, self._catalogue, until)
        makers = {name: lambda name=name: events[name] for name in events}
        return EventLogs(LazyMapping(entities | makers), until=until)
