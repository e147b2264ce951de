"""A second world, small enough to be read at a glance: card payments, of which a tenth is fraud.

Nothing in it is about ads: requests have no candidates, actions decline payments, and a payment is
known to be fraud a day later. What holds for every world and every policy is tested on it too.
"""

import copy
import sys
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from mlsd.data.log import ColumnRoles, LabelledLog, Split
from mlsd.runtime import InputError
from mlsd.runtime.times import DAY, HOUR
from mlsd.worlds.base import Requests
from mlsd.worlds.kit.luck import hashed_uniform
from mlsd.worlds.kit.pending import PendingEvents
from mlsd.worlds.kit.records import day_end, joined
from mlsd.worlds.kit.simulated import SimulatedWorld
from mlsd.worlds.kit.simulator import Part
from mlsd.worlds.kit.tally import Measures
from mlsd.worlds.logs import Logs

CARDS, PER_TICK, FRAUD_RATE, MEAN_AMOUNT = 40, 50, 0.1, 100.0
TICK_HOURS = 6
MEASURES = Measures(
    parts=("requests", "fraud", "loss"),
    units={"fraud_rate": "frauds per payment", "loss": "money lost per payment"},
    values=lambda sums: sums[..., 1:] / np.maximum(sums[..., :1], 1),
)


@dataclass(frozen=True)
class Decision:
    decline: np.ndarray

    def where(self, mask, other):
        return Decision(np.where(mask, self.decline, other.decline))


class DeclineAbove:
    def __init__(self, limit=np.inf):
        self.limit = limit

    def act(self, requests):
        return Decision(requests.context["amount"] > self.limit)

    def observe(self, events):
        pass


@dataclass(frozen=True)
class Tick:
    tables: dict

    def parts(self):
        rows = self.tables["payments"]
        where, known_at = (rows["card_id"], rows["ts"]), rows["known_at"]
        yield Part("requests", *where, np.ones(len(known_at)))
        yield Part("fraud", *where, rows["fraud"], known_at)
        yield Part("loss", *where, rows["fraud"] * rows["amount"] * ~rows["declined"], known_at)


class Payments:
    def __init__(self, seed, luck, state):
        self.seed, self.luck, self.state = seed, luck, state

    def run(self, policies, days, assign=None):
        for day in days:
            for start in range(day * DAY, (day + 1) * DAY, TICK_HOURS * HOUR):
                self.state.deliver(policies, start)
                yield self._tick(start, policies, assign)
        if days:
            self.state.deliver(policies, day_end(days[-1]))

    def close_day(self, day):
        return {}

    def _tick(self, start, policies, assign):
        span = TICK_HOURS * HOUR
        ids = start // span * PER_TICK + np.arange(PER_TICK)
        ts = start + np.sort(self._uniform("ts", ids)) * span
        card = (self._uniform("card", ids) * CARDS).astype(int)
        amount = -MEAN_AMOUNT * np.log(self._uniform("amount", ids))
        arms = np.zeros(PER_TICK, int) if assign is None else assign(card, ts)
        declined = np.zeros(PER_TICK, bool)
        for arm, policy in enumerate(policies):
            own = np.flatnonzero(arms == arm)
            if len(own):
                context = {"card_id": card[own], "amount": amount[own]}
                declined[own] = policy.act(Requests(ts[own], ids[own], context)).decline
        fraud = (self._uniform("fraud", ids) < FRAUD_RATE).astype(np.int8)
        columns = {"payment_id": ids, "ts": ts, "known_at": ts + DAY, "card_id": card}
        tables = {"payments": columns | {"amount": amount, "declined": declined, "fraud": fraud}}
        self.state.add(tables)
        return Tick(tables)

    def _uniform(self, stream, ids):
        return hashed_uniform(self.seed, f"{self.luck}-{stream}", ids)


class PaymentTruth:
    def __init__(self):
        self.parts = []

    def add(self, tick):
        self.parts.append(tick.tables["payments"])

    def reveal(self, logs):
        rows, wanted = joined(self.parts), logs.payments
        at = np.searchsorted(rows["payment_id"], wanted["payment_id"])
        if not np.array_equal(rows["amount"][at], wanted["amount"]):
            raise InputError("reveal: these logs are not of this world's history; use its own")
        return pd.DataFrame({"fraud_probability": np.full(len(wanted), FRAUD_RATE)})


class PaymentLogs(Logs):
    def labelled(self):
        rows = np.arange(len(self.payments))
        roles = ColumnRoles("fraud", time="ts", known_at="known_at", user="card_id")
        return LabelledLog("payments", self.payments, roles, Split(rows, rows[:0], rows[:0]))


class PaymentWorld(SimulatedWorld[PaymentLogs]):
    measures, tables = MEASURES, ("payments",)

    def __init__(self, seed=0):
        super().__init__(seed, horizon_days=30)

    def _start(self):
        return Payments(self.seed, "nature", PendingEvents())

    def _resume(self, state, design):
        return Payments(self.seed, "test" if design else "nature", copy.deepcopy(state))

    def _first_policy(self):
        return DeclineAbove()

    def _count_users(self):
        return CARDS

    def _new_truth(self):
        return PaymentTruth()

    def _make_logs(self, events, until):
        return PaymentLogs(events, until=until)


@pytest.fixture(scope="session")
def payments():
    """This module: the payment world and what belongs to it."""
    return sys.modules[__name__]
