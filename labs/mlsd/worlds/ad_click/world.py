"""The ad click world: history, deployment, test and truth behind one door each."""

from __future__ import annotations

from dataclasses import replace

from mlsd.worlds.ad_click.behaviour import Behaviour
from mlsd.worlds.ad_click.config import AdClickConfig
from mlsd.worlds.ad_click.floor import MarketState
from mlsd.worlds.ad_click.logging_policy import LoggingPolicy
from mlsd.worlds.ad_click.logs import AdClickLogs, entity_tables
from mlsd.worlds.ad_click.market import Market
from mlsd.worlds.ad_click.measures import MEASURES
from mlsd.worlds.ad_click.population import make_population
from mlsd.worlds.ad_click.records import LOGGED_TABLES
from mlsd.worlds.ad_click.setup import Setup
from mlsd.worlds.ad_click.truth import Truth
from mlsd.worlds.kit.simulated import SimulatedWorld
from mlsd.worlds.logs import LazyMapping, Tables

DELIVERED_AT_ONCE = 100_000


class AdClickWorld(SimulatedWorld[AdClickLogs]):
    """Users, advertisers and a market for three ad slots; the truth stays inside.

    Parameters
    ----------
    seed : int
        Non-negative; the world, its luck and its history depend on it alone.
    size : str
        ``"default"`` (a million impressions in 14 days), ``"large"`` (50 million) or ``"small"``.
    config : AdClickConfig or None
        None for the default parameters.

    Notes
    -----
    Every method is pure: the order of calls changes nothing. Policies are deep-copied before they
    are deployed, so the caller's objects stay as they were.

    A deployment counts conversions whenever they come, within 30 days of the click; an A/B test
    only those known by its end. Its designs: ``"user"`` splits users while budgets are shared, so
    that the arms interfere; ``"budget"`` splits every budget with the users; ``"switchback"`` shows
    all users one policy at a time, by random windows of four hours.

    Examples
    --------
    >>> world = AdClickWorld(seed=7, size="small")
    >>> logs = world.history(days=1)
    >>> bool(0.005 < logs.impressions["click"].mean() < 0.05)
    True
    """

    measures = MEASURES
    tables = LOGGED_TABLES
    designs = ("user", "budget", "switchback")

    def __init__(
        self, seed: int = 7, size: str = "default", config: AdClickConfig | None = None
    ) -> None:
        self.size = size
        self.config = (config or AdClickConfig()).scaled(size)
        super().__init__(seed, horizon_days=self.config.horizon_days)
        self._population = make_population(self.config, seed)

    def _start(self) -> Market:
        # The logging policy looks at events at midnight only, so a big day is handed over by the
        # hour to spare memory, a small one at once to spare time.
        hours = 24 if self.config.requests_per_day <= DELIVERED_AT_ONCE else 1
        share = self.config.exploration_share
        setup = replace(self._setup(), exploration_share=share, hours_between_events=hours)
        return Market(setup, MarketState.fresh(setup))

    def _resume(self, state: MarketState, design: str | None) -> Market:
        setup = self._setup() if design is None else self._setup().of_test(design)
        return Market(setup, state.continued(setup))

    def _first_policy(self) -> LoggingPolicy:
        return LoggingPolicy()

    def _count_users(self) -> int:
        return len(self._population.users.cluster)

    def _new_truth(self) -> Truth:
        return Truth(Behaviour(self._population, self.config))

    def _make_logs(self, events: Tables, until: float) -> AdClickLogs:
        entities = entity_tables(self._population, self.config, until)
        makers = {name: lambda name=name: events[name] for name in events}
        return AdClickLogs(LazyMapping(entities | makers), until=until)

    def _setup(self) -> Setup:
        return Setup(self.config, self._population, self.seed)
