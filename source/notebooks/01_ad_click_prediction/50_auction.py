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
#     labs: [lab_50_bidding]
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
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickConfig, AdClickWorld
from mlsd.worlds.ad_click import Actions

plt.rcParams.update(course_style())

# %% [markdown]
# ## Price one logged auction
#
# Every market of this chapter has the same people, ads and first bids. Only the rules differ. Budgets
# are too large to matter. The first market charges the rule that most search engines used for years.


# %% tags=["nbval-check-output"]
@cache
def market(**rules):
    """A world under these rules; asked for twice, it is the same one."""
    few = {"users": 8_000, "requests_per_day": 12_000}
    config = AdClickConfig(**few | {"budget_per_impression": 1.0} | rules)
    return AdClickWorld(seed=50, config=config)


world = market(price_rule="gsp")
logs = world.history(days=10)
phones, format_0 = (logs.requests["device"] == 0).mean(), (logs.ads["format"] == 0).mean()
print(f"{len(logs.requests):,} requests, on phones {phones:.0%}, ads of format 0 {format_0:.0%}")

# %% [markdown]
# Here is one request of its log, the best five of ten candidates for three slots; position −1 is not
# shown. The score is bid × predicted rate.

# %%
last = logs.impressions.query("not explored and position == 2")["request_id"].iloc[-1]
one = logs.candidates.query("request_id == @last")
one = one.assign(score=one["bid"] * one["predicted_ctr"]).sort_values("score", ascending=False)
paid = logs.impressions.query("request_id == @last").set_index("ad_id")["price"]
one = one.assign(price=one["ad_id"].map(paid)).head(5)
one[["position", "ad_id", "bid", "predicted_ctr", "score", "price"]].round(4)

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


# %% [markdown]
# The last line of the check multiplies the rates by ten and expects the prices as before.

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
# ## Is the truth a good bid?
#
# Four advertisers value a click at 10, 9, 6 and 2; the three slots are seen with probability 1, 0.6
# and 0.42, and all ads are equally good. The others bid their values. What should the first bid? We
# do not argue, we try every bid.
#
# For comparison we add the auction that does carry Vickrey's idea over to several slots, named after
# Vickrey, Clarke and Groves (VCG): each winner pays what its presence takes away from the others.

# %%
bids, rivals = np.arange(0, 12.01, 0.1), np.array([9.0, 6.0, 2.0])
slot = np.sum(bids[:, None] <= rivals, axis=1)
seen = np.array([1.0, 0.6, 0.42, 0.0])
taken = np.append(np.cumsum((-np.diff(seen) * rivals)[::-1])[::-1], 0.0)
kept = {
    "GSP, one slot": np.where(slot == 0, 10 - rivals[0], 0.0),
    "GSP, three slots": (seen * (10 - np.append(rivals, 0.0)))[slot],
    "VCG, three slots": (10 * seen - taken)[slot],
}

# %% [markdown]
# All amounts are per click in the top slot. The fourth place is not seen.

# %%
axes = pd.DataFrame(kept, index=bids).plot(drawstyle="steps-mid", figsize=(7, 3))
axes.axvline(10, color=COLOURS["black"], ls=":", label="the truth")
axes.set(xlabel="own bid (money a click)", ylabel="kept (money a top-slot click)")
axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# How to read it: a step is a slot won or lost. With one slot, every bid above 9 keeps the same, and
# no bid keeps more than the truth: the own bid only decides *whether* one buys. With three slots under
# GSP the truth keeps 1, and a bid of 3 keeps 3.36: fewer clicks, far cheaper. Above 9 the two GSP lines
# coincide, below 6 VCG covers GSP. Under VCG the truth is best again.
#
# So GSP equals the second-price auction with one slot. With several it is neither VCG nor truthful
# (Edelman, Ostrovsky and Schwarz 2007). Choosing a bid for its effect on the price instead of stating
# a value is *strategic bidding*, and from two slots on GSP invites it.

# %% tags=["nbval-check-output"]
truth = {name: curve[np.argmin(np.abs(bids - 10))] for name, curve in kept.items()}
assert all(truth[n] == kept[n].max() for n in ("GSP, one slot", "VCG, three slots"))
assert truth["GSP, three slots"] < kept["GSP, three slots"].max() / 3
{name: f"truth {truth[name]:.2f}, best {curve.max():.2f}" for name, curve in kept.items()}

# %% [markdown]
# ## Price rules side by side
#
# Now the world. Three models share the chapter; our policy uses the last, smoothed rates by ad, by
# publisher and category, and by user and category.

# %%
rules, run = ("first", "gsp", "second"), {"days": 3, "history_days": 10}
train = logs.impressions
levels = (("ad_id",), ("publisher_id", "category"), ("user_id", "category"))
models = {
    "one rate for all": GlobalRate(),
    "rate by ad": SmoothedRate(levels=levels[:1], strength=100.0),
    "ad, place, user": SmoothedRate(levels=levels, strength=30.0),
}
policies = {name: ScorerPolicy(m.fit(train, train["click"])) for name, m in models.items()}
policy = policies["ad, place, user"]

# %% [markdown]
# One policy, three rules: `first` charges the own bid, `gsp` the formula above, `second` charges every
# slot by the best score that found no slot. Clicks and revenue are per thousand requests.

# %%
shown = ["revenue", "advertiser_value", "user_cost", "clicks"]
fixed = {r: market(price_rule=r).deploy(policy, **run).measures for r in rules}
frozen = pd.DataFrame({r: {m: fixed[r][m].estimate for m in shown} for r in rules}).T
assert frozen["revenue"].is_monotonic_decreasing
assert np.ptp(frozen["clicks"]) < 0.5
frozen.round(1)

# %% [markdown]
# Clicks and user cost are equal: bids are frozen and all three rules rank alike, so the rule only
# moves money from one pocket to the other. Whoever presents this table as a reason for first price
# has measured nothing, as we shall see.
#
# First price is useful as an instrument, though. With frozen bids its revenue is the sum of the bids
# on the clicks that came: what those who bid say that the clicks are worth. We call it *bid value*.
# It judges what a model does for advertisers with less luck than conversions, which are few.
#
# Guess: from one rate for all to the rate by ad, what happens to bid value, and to GSP revenue?

# %%
better = {
    name: [market(price_rule=r).deploy(p, **run).measures["revenue"].estimate for r in rules[:2]]
    for name, p in policies.items()
}
better = pd.DataFrame(better, index=["bid value", "GSP revenue"]).T
assert better["bid value"].is_monotonic_increasing
assert better.loc["rate by ad", "GSP revenue"] < better.loc["one rate for all", "GSP revenue"]
better.round(1)

# %% [markdown]
# The better model delivers more value and earns *less*. A price is set by the runner-up. While all
# ads are thought equal, the runner-up is close behind; once the model tells them apart, the winner
# runs away from it, and the advertiser keeps the difference. Competition has become thinner, not the
# model worse. It is no luck of this seed: in eighteen others, 100 to 117, the rate by ad lowered GSP
# revenue in every one, by 9 % on average.
#
# ## What the scale of a prediction changes
#
# **The run to remember.** Three mistakes of a model, each deployed for five days against the honest
# one:
#
# 1. every prediction times ten;
# 2. predictions on phones, more than half of the requests, times two;
# 3. predictions for ads of format 0, two ads in five, times two.
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


# %% [markdown]
# Each mistake meets the honest policy in twin worlds, under both rules.

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
unmoved = changes.loc[["all × 10", "phones × 2"]]
assert (unmoved.abs() < 0.001).all(axis=None)
assert (changes.loc["format 0 × 2", "high"] < 0).all()

# %% [markdown]
# How to read it: a dot is a change, its bar the interval. The first two mistakes sit on the line with
# no bar at all: not one rank and not one price moved.
#
# The formula says why. Ranks compare products, and a price holds a *ratio* of two rates, so a factor
# that all candidates of a request share cancels: prices are homogeneous of degree zero in it. All
# candidates of a request share the phone, so the second mistake cancels too, though every
# calibration report would be red. The third does not: it favours some candidates over others. The
# wrong ads win, bid value falls, and the price of a favoured ad shrinks, since its own rate stands
# in the denominator.
#
# So ask of every miscalibration: *does it differ between candidates of one request?* Does that make
# the common factor harmless? Only until somebody compares a score with money.
#
# ## A reserve
#
# A reserve compares. It is an amount, and score = bid × rate is compared with it. We sweep it in two
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
        r: w.deploy(policy, **run).measures["revenue"].estimate for r, w in worlds.items()
    }
sweep = pd.DataFrame(sweep)
relative = 100 * sweep / sweep.iloc[0]

# %% [markdown]
# Each market is drawn against itself without a reserve.

# %%
axes = relative.set_axis(1_000 * relative.index).plot(style="o-", figsize=(6, 3))
axes.axhline(100, color=COLOURS["black"], linewidth=1)
axes.set(xlabel="reserve (money per thousand impressions)", ylabel="GSP revenue, % of no reserve")
axes.legend(title="candidates")
plt.show()

# %% [markdown]
# How to read it: each dot is a market with that reserve, 100 is the same market without. The thin
# market has a maximum inside: too low and a weak rival sets the price, too high and the slot
# stays empty. The crowded market has none worth the name; with seven losers the runner-up already
# does the reserve's work, and the curve only falls. (The best of seven dots is a little lucky: it was
# picked on the days that it is read from.)

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
wrong = {f: Scaled(policy, lambda r, f=f: f) for f in (0.1, 1.0, 10.0)}
scaled = {f: guarded.deploy(p, **run).measures for f, p in wrong.items()}
table = pd.DataFrame({f: {m: scaled[f][m].estimate for m in shown} for f in scaled}).T
assert table.loc[0.1, "revenue"] < table.loc[10.0, "revenue"] < table.loc[1.0, "revenue"]
table.rename_axis("factor").round(2)

# %% [markdown]
# Times ten, the reserve no longer bites: it asks for a tenth of what it was meant to. Divided by
# ten, it bites everybody and the slots stay empty. This is where calibration meets the bill.
#
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

# %% [markdown]
# Ten days of history under each rule, with the plain logging policy: what came in, and which bids won.

# %%
answering = {rule: market(price_rule=rule, response="best_reply") for rule in rules}
earned, winning = {}, {}
for rule, w in answering.items():
    past = w.history(days=10)
    requests = (past.requests["ts"] // 86_400).value_counts().sort_index()
    earned[rule] = 1_000 * past.budgets.groupby("day")["spent"].sum() / requests.to_numpy()
    winners = past.candidates.query("position >= 0")
    winning[rule] = winners.groupby(winners["ts"] // 86_400)["bid"].mean()

# %% [markdown]
# Bids are equal on day 0 and move from then on.

# %%
figure, panels = plt.subplots(1, 2, figsize=(7.4, 3))
labels = ("revenue (money per thousand requests)", "mean bid of the winners (money a click)")
for axes, lines, label in zip(panels, (earned, winning), labels):
    pd.DataFrame(lines).plot(ax=axes, style="o-", legend=False, xlabel="day", ylim=(0, None))
    axes.set_ylabel(label, fontsize=8)
panels[0].legend(title="price rule", ncols=3, loc="lower center", fontsize=8)
plt.show()
ends = {rule: line.iloc[-1] / line.iloc[0] for rule, line in winning.items()}
assert ends["first"] < 0.9 < 1.05 < ends["gsp"] < ends["second"]

# %% [markdown]
# How to read it: a line is one market. On the right, the bids that win come down under first price and
# go up under the other two, most under `second`, where the own bid sets no price. On the left, first
# price falls until it meets GSP. Our policy takes over after day nine.

# %%
after = {r: w.deploy(policy, **run).measures for r, w in answering.items()}
rows = {
    (bids, rule): {m: found[rule][m].estimate for m in shown}
    for bids, found in (("frozen", fixed), ("respond", after))
    for rule in rules
}
both = pd.DataFrame(rows).T
gap = both["revenue"].unstack()["first"] / both["revenue"].unstack()["gsp"] - 1
assert gap["frozen"] > 0.4
assert abs(gap["respond"]) < 0.15
print(
    f"first price over GSP: frozen {gap['frozen']:+.0%}, after the response {gap['respond']:+.0%}"
)
both.round(1)

# %% [markdown]
# The splendid gap was an artefact of frozen bids. The last rule stays behind here; theory gives no
# order for its many-slot form, and our bidders may not bid more than their value. One kind of bidder,
# one world: read the direction, not the decimals.
#
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

# %% [markdown]
# What each multiple keeps:

# %%
axes = (1_000 * kept.iloc[:-1]).plot(figsize=(6, 3))
axes.axvline(1, color=COLOURS["black"], ls=":", label="bid = value")
axes.axhline(0, color=COLOURS["black"], linewidth=1)
axes.set(xlabel="bid as a multiple of the value", ylabel="kept (money per thousand auctions)")
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
# The last problem is time. A budget that is full at midnight may be gone when the evening's users come.
# *Pacing* spreads it over the day: by taking part in a share of the auctions (throttling), or by
# multiplying all bids by a factor below one, which keeps the dearest purchases out. Either is a
# controller that compares spend with a plan. You write one in the lab, and see a day without it.

# %% [markdown]
# ## Results
#
# Above, two tables of this chapter's own: models by price rule, rules by response. Below, the course
# so far, from the committed ledger; revenue is money per thousand requests. It was measured under
# *first price with frozen bids*, so it is bid value and a fair judge of models. It would be a poor judge
# of price rules, and GSP revenue a poor judge of models, as we saw.

# %%
ledger = load_ledger("ad_click").set_index("rung")
shown = {"normalized_entropy": "normalized entropy", "auc": "AUC", "online_revenue": "revenue"}
ledger[list(shown)].rename(columns=shown).dropna().round(3)

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
# - GSP charges what would just have kept the slot: Vickrey's auction for one slot, not truthful for
#   several.
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
