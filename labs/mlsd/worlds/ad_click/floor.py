"""The auction floor: one hour's requests are ranked, priced, shown, clicked and charged."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mlsd.runtime import InputError
from mlsd.worlds.ad_click.actions import Actions
from mlsd.worlds.ad_click.auction import Outcome, explore, run_auction
from mlsd.worlds.ad_click.behaviour import MOST_VIEWS, VIEW_UNIT, Behaviour, Shown
from mlsd.worlds.ad_click.records import Makers, TickRecord, ad_columns, context_columns
from mlsd.worlds.ad_click.response import SHARES, AuctionRules, Replay
from mlsd.worlds.ad_click.setup import Setup
from mlsd.worlds.ad_click.traffic import Block
from mlsd.worlds.base import CandidateRequests, Policy
from mlsd.worlds.kit.luck import generator
from mlsd.worlds.kit.pending import PendingEvents
from mlsd.worlds.kit.simulator import Assign
from mlsd.worlds.logs import LazyMapping

# Bids per click become bids per thousand impressions at this click-through rate.
TYPICAL_RATE = 0.02


@dataclass
class MarketState:
    """What a market carries from one hour to the next.

    Attributes
    ----------
    views : ndarray of uint8, shape (places, users)
        How often each user remembers the ad now live in each place, in sixteenths.
    spent : ndarray, shape (budget shares, campaigns)
        Spend of the day.
    bids : ndarray, shape (campaigns,)
        What a click is bid.
    surplus : ndarray, shape (campaigns, shares)
        What other bids would have earned today; see `response`.
    pending : PendingEvents
        Events that are not known yet.
    """

    views: np.ndarray
    spent: np.ndarray
    bids: np.ndarray
    surplus: np.ndarray
    pending: PendingEvents = field(default_factory=PendingEvents)

    @classmethod
    def fresh(cls, setup: Setup) -> MarketState:
        """Return the state before the first day."""
        users, places = len(setup.population.users.cluster), setup.config.live_ads
        shape = (len(setup.budget_shares), setup.config.campaigns)
        surplus = np.zeros((setup.config.campaigns, len(SHARES)))
        bids = setup.population.campaigns.bid.copy()
        return cls(np.zeros((places, users), np.uint8), np.zeros(shape), bids, surplus)

    def continued(self, setup: Setup) -> MarketState:
        """Return a copy to go on from under another set-up; the day's spend starts at zero."""
        shape = (len(setup.budget_shares), setup.config.campaigns)
        kept = self.bids.copy(), self.surplus.copy(), copy.deepcopy(self.pending)
        return MarketState(self.views.copy(), np.zeros(shape), *kept)


@dataclass(frozen=True)
class Tick:
    """The requests of one hour: rows of a block, and who is in charge of each (None: the first)."""

    block: Block
    rows: slice
    hour: int
    assign: Assign | None = None

    def arms(self) -> np.ndarray:
        """Return the index of the policy in charge of each request, shape (n,)."""
        if self.assign is None:
            return np.zeros(self.rows.stop - self.rows.start, np.intp)
        return self.assign(self.block.user[self.rows], self.block.ts[self.rows])


def requests_of(
    tick: Tick, rows: slice | np.ndarray, bid: np.ndarray, setup: Setup
) -> CandidateRequests:
    """Return the requests `rows` of a block as a policy sees them: copies, which it may change."""
    block = tick.block
    prices = {"bid": lambda: bid, "in_budget": lambda: bid > 0}
    return CandidateRequests(
        ts=block.ts[rows].copy(),
        request_id=block.request_id[rows].copy(),
        context=_copies(context_columns(block, rows, setup)),
        candidates=_copies(ad_columns(block.ad[rows], block.day, setup) | prices),
        slots=setup.config.slots,
    )


def _copies(makers: Makers) -> LazyMapping[np.ndarray]:
    return LazyMapping({name: lambda make=make: make().copy() for name, make in makers.items()})


def check_actions(actions: Actions, shape: tuple[int, int], policy: Policy) -> None:
    """Raise InputError where predictions or scores have a wrong shape or are not numbers."""
    for name in ("predicted_ctr", "rank_score"):
        values = getattr(actions, name)
        if values is None:
            continue
        where = f"{type(policy).__name__}.act: {name}"
        if np.shape(values) != shape:
            raise InputError(f"{where} has shape {np.shape(values)}; return one of shape {shape}")
        if not np.isfinite(values).all():
            raise InputError(f"{where} holds values that are not finite; return numbers")


class AuctionFloor:
    """Runs the auction of one hour after the other.

    Parameters
    ----------
    setup : Setup
    state : MarketState
        Changed by every hour.
    behaviour : Behaviour
    """

    def __init__(self, setup: Setup, state: MarketState, behaviour: Behaviour) -> None:
        self.setup = setup
        self.state = state
        self.behaviour = behaviour
        self.config = setup.config
        campaigns = setup.population.campaigns
        self.scale = 1_000 * TYPICAL_RATE if self.config.billing == "impression" else 1.0
        self.reserve = self.config.reserve_price * self.scale
        self.replay = self._replay() if self.config.response == "best_reply" else None
        self.budgets = np.array(setup.budget_shares)[:, None] * campaigns.daily_budget

    def run(self, tick: Tick, policies: Sequence[Policy]) -> TickRecord:
        """Let policies rank an hour's requests, and users react."""
        arms = tick.arms()
        account = np.minimum(arms, len(self.budgets) - 1) * self.config.campaigns
        bid = self._bids(tick, account)
        predicted, score = self._ask(tick, bid, policies, arms)
        outcome = run_auction(
            score,
            bid,
            slots=self.config.slots,
            rule=self.config.price_rule,
            reserve=self.reserve,
            score_reserve=self.config.score_reserve,
        )
        if self.replay is not None:
            campaign = self.setup.population.ads.campaign[tick.block.ad[tick.rows]]
            self.state.surplus += self.replay.surplus(score, bid, predicted, campaign)
        if self.setup.exploration_share > 0:
            outcome = self._explore(tick, outcome, bid)
        record = self._react(tick, outcome, predicted, bid)
        self._charge(record, account[record.shown.row - tick.rows.start])
        self._remember(tick.block.user[record.shown.row], record.shown.ad)
        return record

    def start_day(self) -> None:
        """Empty the accounts, and let campaigns respond to the day before."""
        self.state.spent[:] = 0
        if self.replay is not None and self.state.surplus.any():
            self.state.bids = self.replay.next_bids(self.state.bids, self.state.surplus)
            self.state.surplus[:] = 0

    def _replay(self) -> Replay:
        config = self.config
        rules = AuctionRules(
            config.price_rule,
            config.reserve_price,
            config.score_reserve,
            self.behaviour.examination,
        )
        return Replay(self.setup.population.campaigns.click_value, rules)

    def _bids(self, tick: Tick, account: np.ndarray) -> np.ndarray:
        """Return bids, shape (n, k): zero where the campaign's budget is used up."""
        bids = self.state.bids * np.float32(self.scale)
        solvent = np.where(self.state.spent < self.budgets, bids, np.float32(0)).ravel()
        campaign = np.take(self.setup.population.ads.campaign, tick.block.ad[tick.rows])
        return np.take(solvent, campaign + account[:, None])

    def _ask(
        self, tick: Tick, bid: np.ndarray, policies: Sequence[Policy], arms: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return predicted click-through rates and scores, float32 of shape (n, k)."""
        predicted, score = np.empty_like(bid), np.empty_like(bid)
        start = tick.rows.start
        for index, policy in enumerate(policies):
            own = slice(None) if len(policies) == 1 else np.flatnonzero(arms == index)
            rows = tick.rows if len(policies) == 1 else own + start
            if not len(bid[own]):
                continue
            actions = policy.act(requests_of(tick, rows, bid[own], self.setup))
            check_actions(actions, bid[own].shape, policy)
            predicted[own] = actions.predicted_ctr
            score[own] = actions.scores(self._by_rule(actions, bid[own]))
        return predicted, score

    def _by_rule(self, actions: Actions, bid: np.ndarray) -> np.ndarray:
        return bid if self.config.billing == "impression" else bid * actions.predicted_ctr

    def _explore(self, tick: Tick, outcome: Outcome, bid: np.ndarray) -> Outcome:
        share = self.setup.exploration_share
        rng = generator(self.setup.seed, f"{self.setup.luck}-explore", tick.block.day, tick.hour)
        explored = tick.block.explore_uniform[tick.rows] < share
        return explore(outcome, bid, explored, share=share, reserve=self.reserve, rng=rng)

    def _react(
        self, tick: Tick, outcome: Outcome, predicted: np.ndarray, bid: np.ndarray
    ) -> TickRecord:
        """Draw what users do with what they were shown."""
        block, start = tick.block, tick.rows.start
        local, position = np.nonzero(outcome.filled)
        column = outcome.candidate[local, position]
        row = local + start
        cell = row * self.config.candidates + column
        shown = Shown(row, column, position.astype(np.int8), np.take(block.ad, cell))
        views = np.take(self.state.views, self._memory(shown.ad, block.user[row]))
        attraction = self.behaviour.attraction(block, shown, views)
        is_spam = block.is_spam[row]
        luck = np.take(block.click_uniform, cell)
        click = self.behaviour.click_probability(attraction, shown.position, is_spam)
        hide = self.behaviour.hide_probability(attraction, shown.position)
        clicked = luck < click
        return TickRecord(
            shown=shown,
            predicted=predicted[local, column],
            bid=bid[local, column],
            price=outcome.price[local, position],
            propensity=outcome.propensity[local, position],
            explored=block.explore_uniform[row] < self.setup.exploration_share,
            clicked=clicked,
            due=self._due(outcome.price[local, position], clicked),
            hidden=(luck > 1 - hide) & ~is_spam,
            attraction=attraction,
            candidate_prediction=predicted,
            candidate_bid=bid,
        )

    def _due(self, price: np.ndarray, clicked: np.ndarray) -> np.ndarray:
        if self.config.billing == "click":
            return np.where(clicked, price, 0)
        return price / 1_000

    def _charge(self, record: TickRecord, account: np.ndarray) -> None:
        campaign = self.setup.population.ads.campaign[record.shown.ad]
        spent = np.bincount(account + campaign, record.due, minlength=self.state.spent.size)
        self.state.spent += spent.reshape(self.state.spent.shape)

    def _memory(self, ad: np.ndarray, user: np.ndarray) -> np.ndarray:
        """Return where the flattened views of each ad by each user stand."""
        return self.setup.population.ads.place[ad] * self.state.views.shape[1] + user

    def _remember(self, user: np.ndarray, ad: np.ndarray) -> None:
        # The same ad shown twice to a user within the hour counts once.
        views, at = self.state.views.reshape(-1), self._memory(ad, user)
        views[at] = np.minimum(views[at], MOST_VIEWS - VIEW_UNIT) + np.uint8(VIEW_UNIT)
