# ---
# jupyter:
#   mlsd:
#     title: Set the price of a click
#     builds: auction prices with a reserve, a test of what the scale of a prediction changes, and bidders that answer back
#     sections:
#     - {name: What decides success, minutes: 4}
#     - {name: Price one logged auction, minutes: 10}
#     - {name: "Is the truth a good bid?", minutes: 10, stop: true}
#     - {name: Price rules side by side, minutes: 8}
#     - {name: What the scale of a prediction changes, minutes: 12, stop: true}
#     - {name: A reserve, minutes: 10}
#     - {name: Bidders respond, minutes: 12}
#     - {name: Shade and pace, minutes: 8}
#     - {name: Results, minutes: 3}
#     - {name: What breaks in production, minutes: 3}
#     - {name: Summary, minutes: 1}
#     - {name: Recall, minutes: 3}
#     - {name: Lab and further reading, minutes: 1}
#     introduces: [second-price auction, generalized second price, strategic bidding, reserve price, bid shading, pacing]
#     needs: [impression, click-through rate, expected value ranking, twin-world comparison, Beta smoothing, deployment]
#     lab: lab_50_bidding
#     discussion: Your new model raises clicks and lowers revenue under generalized second price. What do you look at before you call it a failure?
#     wrong_answers: ["Nothing; revenue is the goal, so roll it back.", "Multiply its predictions until revenue is back."]
# ---

# %% [markdown]
# # Set the price of a click
#
# **You will build** auction prices with a reserve, a test of what the scale of a prediction changes,
# and a market whose bidders answer back.
#
# **You will learn** where the level of a predicted click rate enters a price and where it cancels,
# why the truth is a good bid in one auction and a bad one in the next, and why price rules must not
# be compared with frozen bids.
#
# **You need** `10_frame` and `20_baseline`: expected value ranking, twin worlds, Beta smoothing.
#
# **Minutes**: 85, with good places to stop after the first bids and after the scale experiment.

# %% [markdown]
# ## What decides success
#
# A model predicts, an auction charges. Three parties look at the result, and we report them apart:
#
# - **revenue**, money per thousand requests, for the company;
# - **advertiser value**, what conversions were worth minus what was paid;
# - **user cost**, ads hidden per thousand impressions.
#
# A price rule succeeds if revenue holds up *after advertisers have adapted to it*, and nobody else
# pays for that.

# %%
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from mlsd.checks import check, gives
from mlsd.experiments import load_ledger
from mlsd.models import GlobalRate, SmoothedRate
from mlsd.plots import COLOURS, course_style, plot_changes
from mlsd.policies import ScorerPolicy
from mlsd.worlds import AdClickConfig, AdClickWorld
from mlsd.worlds.base import Actions

plt.rcParams.update(course_style())

# %% [markdown]
# ## Price one logged auction
#
# Every market of this chapter has the same people, ads and first bids. Only the rules differ. Budgets
# are too large to matter until we come to pacing.


# %%
@cache
def market(**rules):
    """A world under these rules; asked for twice, it is the same one."""
    few = {"users": 8_000, "requests_per_day": 12_000}
    config = AdClickConfig(**few | {"budget_per_impression": 1.0} | rules)
    return AdClickWorld(seed=50, config=config)


# %% [markdown]
# Here is one request of its log, the best five of ten candidates for three slots; position −1 is not
# shown. The score is bid × predicted rate.

# %%
world = market(price_rule="gsp")
logs = world.history(days=10)
last = logs.impressions.query("not explored and position == 2")["request_id"].iloc[-1]
one = logs.candidates.query("request_id == @last")
one = one.assign(score=one["bid"] * one["predicted_ctr"]).sort_values("score", ascending=False)
paid = logs.impressions.query("request_id == @last").set_index("ad_id")["price"]
one = one.assign(price=one["ad_id"].map(paid)).head(5)
one[["position", "ad_id", "bid", "predicted_ctr", "score", "price"]].round(4)

# %% tags=["nbval-check-output"]
{"requests": len(logs.requests), "candidates a request": len(logs.candidates) // len(logs.requests)}

# %% [markdown]
# No winner pays its bid. In a *second-price auction* with one slot, the winner pays what would just
# have been enough to win: the best losing bid (Vickrey 1961). With several slots, search engines
# took the same idea slot by slot: each winner pays what would just have kept its slot. That is the
# *generalized second price*, GSP for short. Scores are bid × rate, so what would just have been
# enough solves price × own rate = next score:
#
# > price of slot i = bid(i+1) · rate(i+1) / rate(i)
#
# A *reserve price* is the seller's own bid: nothing is sold below it. We state it as a score,
# expected money an impression. It stands in for the next score where that one is lower.
#
# **Your turn**: prices of ranked ads, all but the last, which has no slot. With bids 2, 3, 1, rates
# 0.05, 0.03, 0.04 and no reserve, the two slots cost 1.80 and 1.33 a click.


# %% tags=["your-turn"]
def my_prices(bid, rate, reserve):
    """GSP price a click of each slot; arrays are in rank order, one longer than the slots."""
    return ...


# %% tags=["check"]
ranked = np.array([2.0, 3.0, 1.0]), np.array([0.05, 0.03, 0.04])
check(
    "prices",
    my_prices,
    gives(*ranked, 0.0, expected=[1.8, 4 / 3]),
    gives(*ranked, 0.06, expected=[1.8, 2.0], hint="the reserve is a score"),
    gives(ranked[0], 10 * ranked[1], 0.0, expected=[1.8, 4 / 3]),
)

# %% [markdown]
# Look at the last line of the check before you go on: rates times ten, prices as before.

# %% [markdown]
# ## Is the truth a good bid?
#
# Four advertisers value a click at 10, 9, 6 and 2; the three slots are seen with probability 1, 0.6
# and 0.42, and all ads are equally good. The others bid their values. What should the first bid? We
# do not argue, we try every bid.


# %%
def payoff(own_bid, seen, values=(10.0, 9.0, 6.0, 2.0)):
    """What the first advertiser keeps, per click in the top slot, if the others bid their values."""
    rivals = np.sort(values[1:])[::-1]
    slot = np.sum(own_bid <= rivals)
    return seen[slot] * (values[0] - rivals[slot]) if slot < len(seen) else 0.0


# %%
bids = np.arange(0, 12.01, 0.1)
slots = {"one slot": [1.0], "three slots": [1.0, 0.6, 0.42]}
kept = {name: [payoff(bid, seen) for bid in bids] for name, seen in slots.items()}

figure, axes = plt.subplots(figsize=(6, 3))
for (name, curve), colour in zip(kept.items(), COLOURS.values()):
    axes.step(bids, curve, where="mid", color=colour, label=name)
axes.axvline(10, color=COLOURS["black"], ls=":", label="the truth")
axes.set(xlabel="own bid (money a click)", ylabel="kept, a top-slot click")
axes.legend()
plt.show()

# %% [markdown]
# How to read it: a step is a slot won or lost. With one slot, every bid above 9 keeps the same, and
# no bid keeps more than the truth. The price does not depend on the own bid, which only decides
# *whether* one buys, and at the truth one buys exactly what is worth its price. With three slots the
# truth keeps 1, and a bid of 3 keeps 3.36: fewer clicks, far cheaper. Above 9 the two lines coincide.

# %% tags=["nbval-check-output"]
truth = {name: payoff(10.0, seen) for name, seen in slots.items()}
assert truth["one slot"] == max(kept["one slot"])
assert truth["three slots"] < max(kept["three slots"]) / 3
{name: f"truth {truth[name]:.2f}, best {max(curve):.2f}" for name, curve in kept.items()}

# %% [markdown]
# So GSP looks like a second-price auction and is not truthful (Edelman, Ostrovsky and Schwarz 2007).
# Choosing a bid for its effect on the price instead of stating a value is *strategic bidding*, and
# from two slots on GSP invites it.

# %% [markdown]
# ## Price rules side by side
#
# Now the world. One policy, three rules: `first` charges the own bid, `gsp` the formula above,
# `second` charges every slot by the best score that found no slot. The policy uses smoothed rates by
# ad, by publisher and category, and by user and category.

# %%
train = logs.impressions
levels = (("ad_id",), ("publisher_id", "category"), ("user_id", "category"))
models = {
    "one rate for all": GlobalRate(),
    "rate by ad": SmoothedRate(levels=levels[:1], strength=100.0),
    "ad, place, user": SmoothedRate(levels=levels, strength=30.0),
}
policies = {name: ScorerPolicy(m.fit(train, train["click"])) for name, m in models.items()}
policy = policies["ad, place, user"]

# %%
rules = ("first", "gsp", "second")
shown = ["revenue", "advertiser_value", "user_cost", "clicks"]
fixed = {r: market(price_rule=r).deploy(policy, days=3, history_days=10).measures for r in rules}
pd.DataFrame({r: {m: fixed[r][m].estimate for m in shown} for r in rules}).T.round(1)

# %% [markdown]
# Clicks and user cost are equal: bids are frozen and all three rules rank alike, so the rule only
# moves money from one pocket to the other. Whoever presents this table as a reason for first price
# has measured nothing. We come back to it when bidders may answer.

# %%
assert fixed["first"]["revenue"].estimate > fixed["gsp"]["revenue"].estimate
assert fixed["gsp"]["revenue"].estimate > fixed["second"]["revenue"].estimate
assert np.ptp([fixed[r]["clicks"].estimate for r in rules]) < 0.5

# %% [markdown]
# First price is useful as an instrument, though. With frozen bids its revenue is the sum of the
# winners' bids: what the delivered clicks were worth to those who bid. We call it *bid value*. It
# says the same as advertiser value with much less luck, because conversions are few.
#
# Guess: from one rate for all to the rate by ad, what happens to bid value, and to GSP revenue?

# %%
better = {}
for rule, label in (("first", "bid value"), ("gsp", "GSP revenue")):
    for name, candidate in policies.items():
        report = market(price_rule=rule).deploy(candidate, days=3, history_days=10)
        better.setdefault(name, {})[label] = report.measures["revenue"].estimate
better = pd.DataFrame(better).T
better.round(1)

# %%
assert better["bid value"].is_monotonic_increasing
assert better.loc["rate by ad", "GSP revenue"] < better.loc["one rate for all", "GSP revenue"]

# %% [markdown]
# The better model delivers more value and earns *less*. A price is set by the runner-up. While all
# ads are thought equal, the runner-up is close behind; once the model tells them apart, the winner
# runs away from it, and the advertiser keeps the difference. Competition has become thinner, not the
# model worse. Of 18 worlds that we tried, the rate by ad lowered GSP revenue in all but one. In the
# end, advertisers who gain come back with higher bids.

# %% [markdown]
# ## What the scale of a prediction changes
#
# **The run to remember.** Three mistakes of a model, each deployed for five days against the honest
# one:
#
# 1. every prediction times ten;
# 2. predictions on phones (62 % of users) times two;
# 3. predictions for ads of format 0 (40 % of ads) times two.
#
# **Your guess first**: which of them change GSP revenue by more than one percent?

# %% tags=["guess"]
guess_changed = ...

# %% [markdown]
# A wrapper makes each mistake; whatever it wraps stays honest.


# %%
class Scaled:
    """A policy whose predictions are multiplied by a factor of each request and candidate."""

    def __init__(self, policy, factor):
        self.policy, self.factor = policy, factor

    def act(self, requests):
        predicted = self.policy.act(requests).predicted_ctr
        return Actions(predicted * self.factor(requests))

    def observe(self, events):
        self.policy.observe(events)


# %%
mistakes = {
    "all × 10": lambda r: 10.0,
    "phones × 2": lambda r: np.where(r.context["device"] == 0, 2.0, 1.0)[:, None],
    "format 0 × 2": lambda r: np.where(r.candidates["format"] == 0, 2.0, 1.0),
}
changes = {}
for name, factor in mistakes.items():
    wrong = Scaled(policy, factor)
    for rule, label in (("gsp", "GSP revenue"), ("first", "bid value")):
        twins = market(price_rule=rule).compare(policy, wrong, days=5, history_days=10)
        changes[name, label] = vars(twins.lifts["revenue"].relative)
changes = 100 * pd.DataFrame(changes).T
changes.astype(float).round(2) + 0.0

# %% [markdown]
# The same as a figure.

# %%
plot_changes(changes, xlabel="change against the honest policy (%, bar: 95 % interval)")
plt.show()

# %% [markdown]
# How to read it: a dot is a change, its bar the interval. The first two mistakes sit on the line with
# no bar at all: not one rank and not one price moved.

# %%
unmoved = changes.loc[["all × 10", "phones × 2"]]
assert (unmoved.abs() < 0.001).all(axis=None)
assert (changes.loc["format 0 × 2", "high"] < 0).all()

# %% [markdown]
# The formula says why. Ranks compare products, and a price holds a *ratio* of two rates, so a factor
# that all candidates of a request share cancels: prices are homogeneous of degree zero in it. All
# candidates of a request share the phone, so the second mistake cancels too, though every
# calibration report would be red. The third does not: it favours some candidates over others. The
# wrong ads win, bid value falls, and the price of a favoured ad shrinks, since its own rate stands
# in the denominator.
#
# So ask of every miscalibration: *does it differ between candidates of one request?* Does that make
# the common factor harmless? Only until somebody compares a score with money.

# %% [markdown]
# ## A reserve
#
# A reserve does. It is an amount, and score = bid × rate is compared with it. We sweep it in two
# markets: ours, with ten candidates for three slots, and a thin one, with two candidates for one
# slot, as for a narrow audience. `score_reserve` is the world's setting.
#
# Guess: in which of the two does a reserve earn more?

# %%
thin = {"price_rule": "gsp", "candidates": 2, "slots": 1}
reserves = [0.0, 0.004, 0.008, 0.012, 0.016, 0.02, 0.03]
sweep = {}
for name, rule in {"10 for 3 slots": {"price_rule": "gsp"}, "2 for 1 slot": thin}.items():
    worlds = {r: market(score_reserve=r, **rule) for r in reserves}
    sweep[name] = {
        r: w.deploy(policy, days=3, history_days=10).measures["revenue"].estimate
        for r, w in worlds.items()
    }
sweep = pd.DataFrame(sweep)
relative = 100 * sweep / sweep.iloc[0]

# %%
figure, axes = plt.subplots(figsize=(6, 3))
for name, colour in zip(relative, COLOURS.values()):
    axes.plot(1_000 * relative.index, relative[name], "o-", color=colour, label=name)
axes.axhline(100, color=COLOURS["black"], linewidth=1)
axes.set(xlabel="reserve (money per thousand impressions)", ylabel="GSP revenue, % of no reserve")
axes.legend(title="candidates")
plt.show()

# %% [markdown]
# How to read it: each dot is a market with that reserve, 100 is the same market without. The thin
# market has a maximum inside: too low and a weak rival sets the price, too high and the slot
# stays empty. The crowded market has none worth the name; with seven losers the runner-up already
# does the reserve's work, and the curve only falls.

# %%
peak = relative["2 for 1 slot"].idxmax()
assert 0 < peak < reserves[-1]
assert relative["2 for 1 slot"].max() > 105
assert relative["10 for 3 slots"].max() < 102
f"best in the thin market: {1_000 * peak:.0f}, revenue {relative['2 for 1 slot'].max():.0f} %"

# %% [markdown]
# Now the first mistake again, in the thin market with its best reserve: every prediction times ten,
# and every prediction divided by ten.

# %%
guarded = market(score_reserve=peak, **thin)
scaled = {
    factor: guarded.deploy(Scaled(policy, lambda r, f=factor: f), days=3, history_days=10).measures
    for factor in (0.1, 1.0, 10.0)
}
table = pd.DataFrame({f: {m: scaled[f][m].estimate for m in shown} for f in scaled}).T
assert table.loc[0.1, "revenue"] < table.loc[10.0, "revenue"] < table.loc[1.0, "revenue"]
table.rename_axis("factor").round(2)

# %% [markdown]
# Times ten, the reserve no longer bites: it protects a tenth of what it was meant to. Divided by
# ten, it bites everybody and the slots stay empty. This is where calibration meets the bill.

# %% [markdown]
# ## Bidders respond
#
# Frozen bids made first price look splendid. Let advertisers answer: with `response="best_reply"`,
# each campaign replays its day's auctions at night with other bids, as platforms' bid simulators
# let it, and moves halfway to the one that would have kept most. That is myopic, and a fair model of
# a team that looks at a report every morning.
#
# **Your guess**: ten days later, does first price still earn more than GSP?

# %% tags=["guess"]
guess_gap_percent = ...

# %%
answering = {rule: market(price_rule=rule, response="best_reply") for rule in rules}
figure, axes = plt.subplots(figsize=(6, 3))
for (rule, w), colour in zip(answering.items(), COLOURS.values()):
    past = w.history(days=10)
    requests = (past.requests["ts"] // 86_400).value_counts().sort_index()
    spent = past.budgets.groupby("day")["spent"].sum()
    axes.plot(spent.index, 1_000 * spent / requests.to_numpy(), "o-", color=colour, label=rule)
axes.set(xlabel="day", ylabel="revenue per thousand requests", ylim=(0, None))
axes.legend(title="price rule", ncols=3, loc="lower center")
plt.show()

# %% [markdown]
# How to read it: a line is one market over its first ten days under the plain logging policy; bids
# are equal on day 0 and move from then on. The other rules climb while first price falls to meet
# GSP. What did bids do? Our policy takes over after day nine.

# %%
after = {r: w.deploy(policy, days=3, history_days=10).measures for r, w in answering.items()}
rows = {
    (bids, rule): {m: found[rule][m].estimate for m in shown}
    for bids, found in (("frozen", fixed), ("respond", after))
    for rule in rules
}
both = pd.DataFrame(rows).T
both.round(1)

# %%
gap = both["revenue"].unstack()["first"] / both["revenue"].unstack()["gsp"] - 1
assert gap["frozen"] > 0.4
assert abs(gap["respond"]) < 0.15
f"first price over GSP: {gap['frozen']:+.0%} frozen, {gap['respond']:+.0%} after the response"

# %% [markdown]
# The splendid gap was an artefact. First-price bidders learn to bid below their value, second-price
# bidders to bid it. The last rule stays behind here; theory gives no order for its many-slot form,
# and our bidders may not bid more than their value. One kind of bidder, one world: read the
# direction, not the decimals.

# %% [markdown]
# ## Shade and pace
#
# What a first-price bidder learns is *bid shading*: how far below the value to bid. And here the
# scale of a prediction matters to the bidder too. Billed per impression, an advertiser bids value a
# click × predicted rate; a rate that is too high is money lost at once. We replay a day of our log,
# each candidate in turn against the best of the other nine for one slot, its logged score taken as
# its value.

# %%
score = (logs.candidates["bid"] * logs.candidates["predicted_ctr"]).to_numpy()
value = score.reshape(-1, 10)[-12_000:]
top = -np.sort(-value, axis=1)[:, :2]
rival = np.where(value == top[:, :1], top[:, 1:], top[:, :1])
factors = np.append(np.arange(0.1, 1.51, 0.05), 10)
won = {f: f * value > rival for f in factors}
kept = pd.DataFrame(
    {
        "first price": {f: (won[f] * (1 - f) * value).mean() for f in factors},
        "second price": {f: (won[f] * (value - rival)).mean() for f in factors},
    }
)

# %%
figure, axes = plt.subplots(figsize=(6, 3))
for name, colour in zip(kept, COLOURS.values()):
    axes.plot(factors[:-1], 1_000 * kept[name].iloc[:-1], color=colour, label=name)
axes.axvline(1, color=COLOURS["black"], ls=":", label="bid = value")
axes.axhline(0, color=COLOURS["black"], linewidth=1)
axes.set(xlabel="bid as a multiple of the value", ylabel="kept, per thousand auctions")
axes.legend()
plt.show()

# %% [markdown]
# How to read it: left of the dotted line the bidder shades. Under second price the best multiple is
# one. Under first price, bidding the value keeps nothing; the best multiple is well below one, and
# lies where losing one more auction costs what the cheaper wins save. Rates ten times too high are
# the multiple ten.

# %%
best = kept.idxmax()
assert best["first price"] < 0.8 < best["second price"] < 1.1
assert (kept.loc[10.0] < 0).all()
best.round(2).to_dict(), (1_000 * kept.loc[10.0]).round(0).to_dict()

# %% [markdown]
# The last problem is time. With the world's ordinary budgets, some campaigns run dry; a bid of zero
# marks them in the log.

# %%
poor = market(price_rule="first", budget_per_impression=0.03).history(days=3).candidates
dry = 100 * (poor["bid"] == 0).groupby((poor["ts"] // 3_600 % 24).astype(int)).mean()

figure, axes = plt.subplots(figsize=(6, 2.6))
axes.bar(dry.index, dry, color=COLOURS["blue"])
axes.set(xlabel="hour of the day", ylabel="candidates without\nbudget, %")
plt.show()
assert dry[23] > dry[8]

# %% [markdown]
# How to read it: a bar is the share of candidates that cannot pay in that hour. Budgets start full
# at midnight and are gone when the evening's users come. *Pacing* spreads the budget over the day:
# by taking part in a share of the auctions (throttling), or by multiplying all bids by a factor below
# one, which keeps the dearest purchases out. Either is a controller that compares spend with a plan.
# You write one in the lab.

# %% [markdown]
# ## Results
#
# Above, two tables of this chapter's own: models by price rule, rules by response. Below, the course
# so far, from the committed ledger. Its revenue was measured under *first price with frozen bids*.

# %%
ledger = load_ledger("ad_click").set_index("rung")
ledger[["normalized_entropy", "auc", "online_revenue"]].dropna().round(3)

# %% [markdown]
# Under that rule revenue is bid value, so the column is a fair judge of models. It would be a poor
# judge of price rules, and GSP revenue a poor judge of models, as we saw.

# %% [markdown]
# ## What breaks in production
#
# A reserve is tuned once and the model retrained nightly. One retraining with another negative
# sampling rate scales every prediction, ranks stay perfect, and the reserve silently stops working.
# Alarm on the share of slots sold *at* the reserve.
#
# Advertisers are tested like users. A one-week test of a price rule sees bids that have not moved
# yet; and both arms share the advertisers, so bids that move carry the effect into control.

# %% [markdown]
# ## Summary
#
# - GSP charges what would just have kept the slot. Truthful for one slot, not for several.
# - A factor shared by all candidates of a request cancels. One that differs costs value.
# - Reserves, and bidders billed per impression, compare predictions with money: there scale counts.
# - Better predictions may lower GSP revenue while value rises.
# - Compare price rules only after bidders have answered.

# %% [markdown]
# ## Recall
#
# 1. Predictions on one publisher are three times too high. What happens to GSP prices there?
#
# <details><summary>Answer</summary>Nothing: all candidates of a request share the publisher. With a
# score reserve it would bind less there than it should.</details>
#
# 2. Why does a reserve earn little in a crowded auction?
#
# <details><summary>Answer</summary>The runner-up's score already stands above any reserve that does
# not empty slots.</details>
#
# 3. First price earns more than GSP in your replay of last month's bids. Is that evidence?
#
# <details><summary>Answer</summary>No. The bids were made under another rule; under first price they
# would have been shaded.</details>

# %% [markdown]
# ## Lab and further reading
#
# Lab: `lab_50_bidding`. You estimate a win curve, shade, pace a budget, and set reserves that have
# to earn.
#
# - William Vickrey 1961, *Counterspeculation, Auctions, and Competitive Sealed Tenders*, Journal of
#   Finance 16(1).
# - Roger Myerson 1981, *Optimal Auction Design*, Mathematics of Operations Research 6(1).
# - Benjamin Edelman, Michael Ostrovsky, Michael Schwarz 2007, *Internet Advertising and the
#   Generalized Second-Price Auction*, American Economic Review 97(1).
# - Hal Varian 2007, *Position Auctions*, International Journal of Industrial Organization 25(6).
# - Matthew Cary et al. 2007, *Greedy Bidding Strategies for Keyword Auctions*, EC.
# - Deepak Agarwal et al. 2014, *Budget Pacing for Targeted Online Advertisements at LinkedIn*, KDD.
