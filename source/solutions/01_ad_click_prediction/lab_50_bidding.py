# ---
# jupyter:
#   mlsd:
#     title: Bid, pace and set reserves that earn
#     sections:
#     - {name: "What would it take to win?", minutes: 18}
#     - {name: Spend the budget over the day, minutes: 12, stop: true}
#     - {name: The seller's side, minutes: 10}
#     - {name: A decision, minutes: 8}
#     - {name: Reserves that earn, minutes: 12}
#     introduces: []
#     needs: [second-price auction, generalized second price, reserve price, bid shading, pacing]
# ---

# %% [markdown]
# # Bid, pace and set reserves that earn
#
# You sit on both sides of the auction: first as a buyer who learns from won and lost auctions and
# must not spend the budget by noon, then as the seller. Every check tells you what is wrong and
# none blocks you. The last one deploys your reserves in a world that nobody has looked at.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from mlsd.lab_support.ad_click.thin_market import THIN, deployed_revenue, one_reserve, simulate_day
from mlsd.plots import COLOURS, course_style
from mlsd.worlds import AdClickConfig, AdClickWorld

plt.rcParams.update(course_style())

# %% [markdown]
# ## What would it take to win?
#
# A day of the world's log, where all budgets are ample: ten candidates a request. We look at the top
# slot alone, and take every candidate's score, in money per thousand impressions, as a bid for it.

# %%
rich = AdClickConfig(budget_per_impression=1.0)
day = AdClickWorld(seed=31, config=rich).history(days=3).candidates.query("ts >= 2 * 86_400")
score = (1_000 * day["bid"] * day["predicted_ctr"]).to_numpy().reshape(-1, 10)
order = -np.sort(-score, axis=1)
rival = np.where(score == order[:, :1], order[:, 1:2], order[:, :1])
bid, won = score.ravel(), (score > rival).ravel().astype(int)
f"{len(bid):,} bids, {won.mean():.0%} of them won"

# %% [markdown]
# ### Exercise 1: a win curve
#
# **Goal**: the share of bids that won, bin by bin. **Inputs**: `bid`, shape (n,); `won`, 0 or 1,
# shape (n,); `edges`, ascending, shape (g + 1,). A bid belongs to the bin [lower edge, upper edge);
# bids outside the edges belong to none. **Output**: shape (g,), NaN for a bin without a bid.
# **Worked number**: bids 1.0 (lost) and 1.5 (won) in the bin [1, 2) give 0.5.


# %% tags=["exercise"] exercise="win_curve"
def win_curve(bid, won, edges):
    """Return the share of won bids in each bin, shape (g,)."""
    ### BEGIN SOLUTION
    bins = np.digitize(bid, edges) - 1
    inside = (bins >= 0) & (bins < len(edges) - 1)
    bids = np.bincount(bins[inside], minlength=len(edges) - 1)
    wins = np.bincount(bins[inside], won[inside], minlength=len(edges) - 1)
    return np.divide(wins, bids, out=np.full(len(bids), np.nan), where=bids > 0)
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.ad_click.lab_50_bidding import check_win_curve

check_win_curve(win_curve)

# %%
edges = np.arange(0, 61, 3)
part = pd.cut(bid, edges, right=False, labels=edges[:-1] + 1.5)
curve = pd.Series(won).groupby(part, observed=True).mean()
figure, axes = plt.subplots(figsize=(6, 3))
axes.plot(curve.index.astype(float), curve, "o-", color=COLOURS["blue"])
axes.set(xlabel="bid (money per thousand impressions)", ylabel="share won", ylim=(0, 1.02))
plt.show()

# %% [markdown]
# How to read it: a dot is a bin of bids, its height how many of them won the top slot. It is a
# demand curve seen from the other side: how much more volume does a little more money buy?
#
# ### Exercise 2: shade
#
# **Goal**: under first price, the bid that keeps most for each value: (value − bid) × chance to win.
# **Inputs**: `value`, shape (n,); `bids`, ascending, and `win`, the chance to win with each of them,
# shape (g,). **Output**: shape (n,), each one of `bids`, or 0 where none of them keeps anything.
# **Worked number**: with bids 1, 2, 3 that win with 0.2, 0.5, 0.6, a value of 4 keeps 0.6, 1.0 or
# 0.6; so bid 2.


# %% tags=["exercise"] exercise="shaded_bid"
def shaded_bid(value, bids, win):
    """Return the bid that keeps most for each value, shape (n,)."""
    ### BEGIN SOLUTION
    kept = (np.asarray(value)[:, None] - bids) * win
    return np.where(kept.max(axis=1) > 0, bids[kept.argmax(axis=1)], 0.0)
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.ad_click.lab_50_bidding import check_shaded_bid

check_shaded_bid(shaded_bid)

# %% [markdown]
# ## Spend the budget over the day
#
# Now one buyer, the first candidate of each request, has two fifths of the money that a bid of the
# value would spend in a day. `simulate_day` bids `multiplier × value` under first price, hour after
# hour, and asks a controller for the next multiplier.

# %%
auctions = pd.DataFrame(
    {
        "hour": (day["ts"].to_numpy().reshape(-1, 10)[:, 0] // 3_600 % 24).astype(int),
        "value": score[:, 0],
        "rival": rival[:, 0],
    }
)
free = simulate_day(auctions, np.inf, lambda multiplier, spent, planned: 1.0)
budget = 0.4 * free["spent"].sum()
f"{len(auctions):,} auctions, budget {budget:,.0f}"

# %% [markdown]
# ### Exercise 3: a pacing controller
#
# **Goal**: the next hour's multiplier: the present one times planned over spent. One step changes
# it by no less than × 0.8 and no more than × 1.25, and it never exceeds 1. Nothing spent means the
# largest step up. **Inputs**: `multiplier`, `spent` and `planned` of the last hour, numbers; the plan
# spreads what is left of the budget over the traffic still to come. **Output**: one number. **Worked number**: multiplier 0.5, spent 12, planned 10: 0.4167.


# %% tags=["exercise"] exercise="next_multiplier"
def next_multiplier(multiplier, spent, planned):
    """Return the multiplier of the next hour."""
    ### BEGIN SOLUTION
    ratio = planned / spent if spent > 0 else 1.25
    return min(multiplier * min(max(ratio, 0.8), 1.25), 1.0)
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.ad_click.lab_50_bidding import check_next_multiplier

check_next_multiplier(next_multiplier)

# %%
controllers = {"no pacing": lambda multiplier, spent, planned: 1.0}
if next_multiplier(1.0, 1.0, 1.0) is not ...:
    controllers["your controller"] = next_multiplier
figure, axes = plt.subplots(figsize=(6, 3))
for (name, controller), colour in zip(controllers.items(), COLOURS.values()):
    hours = simulate_day(auctions, budget, controller)
    axes.plot(hours["hour"], 100 * hours["spent"].cumsum() / budget, color=colour, label=name)
    print(f"{name}: kept {hours['kept'].sum():,.0f} from a budget of {budget:,.0f}")
traffic = auctions["hour"].value_counts().sort_index().cumsum()
axes.plot(traffic / len(auctions) * 100, ls=":", color=COLOURS["black"], label="traffic so far")
axes.set(xlabel="hour of the day", ylabel="budget spent, %")
axes.legend()
plt.show()

# %% [markdown]
# How to read it: the dotted line is the share of the day's users that have come. A line above it
# spends too early. No pacing bids the value: it runs dry soon after noon, and under first price it
# keeps nothing of what it buys. A controller starts at the value too, takes some hours to come down,
# and lasts longer. Its multiplier shades at the same time, and that is where what it kept comes from.
#
# ## The seller's side
#
# A narrow audience: two candidates, one slot, second price. A reserve r sells a slot if the best
# score is r or more, at the larger of r and the second score.

# %%
thin = AdClickWorld(seed=31, config=THIN).history(days=5).candidates.query("ts > 86_400")
pair = (1_000 * thin["bid"] * thin["predicted_ctr"]).to_numpy().reshape(-1, 2)
f"second score over best score, median: {np.median(pair.min(axis=1) / pair.max(axis=1)):.2f}"

# %% [markdown]
# ### Exercise 4: a reserve for each segment
#
# **Goal**: for each segment, the reserve with the largest total revenue in a replay. **Inputs**:
# `best`, `second`, scores, shape (n,); `segment`, whole numbers 0 to g − 1, shape (n,);
# `reserves`, ascending candidates. **Output**: shape (g,); of equally good reserves the lowest.
# **Worked number**: best 10 and 8, second 1 and 2: a reserve of 8 earns 16, a reserve of 9 earns 9.


# %% tags=["exercise"] exercise="best_reserves"
def best_reserves(best, second, segment, reserves):
    """Return the reserve of each segment that earns most, shape (g,)."""
    ### BEGIN SOLUTION
    sold = best[:, None] >= reserves
    paid = np.where(sold, np.maximum(second[:, None], reserves), 0.0)
    totals = [paid[segment == g].sum(axis=0) for g in range(segment.max() + 1)]
    return np.array([reserves[np.argmax(total)] for total in totals])
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.ad_click.lab_50_bidding import check_best_reserves

check_best_reserves(best_reserves)

# %% [markdown]
# Does a reserve differ between segments worth having? The text cuts requests into four groups by the
# larger of the two predicted rates, and replays.

# %%
larger = thin["predicted_ctr"].to_numpy().reshape(-1, 2).max(axis=1)
group = pd.qcut(larger, 4, labels=["lowest rates", "lower", "higher", "highest rates"])
grid = np.arange(0, 30, 2)
earned = {
    r: pd.Series(np.where(pair.max(axis=1) >= r, np.maximum(pair.min(axis=1), r), 0))
    .groupby(group, observed=True)
    .mean()
    for r in grid
}
pd.DataFrame(earned).idxmax(axis=1).to_frame("best reserve, per thousand impressions")

# %% [markdown] tags=["exercise"] exercise="decision" points=3
# ## A decision
#
# ### Exercise 5: which price rule?
#
# Your marketplace sells three slots of a feed, billed per click, to 150 advertisers, most of them
# small firms that look at a report once a week. A quarter of the campaigns runs out of budget. The
# sales team saw the table of frozen bids and wants first price. In about eight lines: which rule do
# you take, why, what do you measure and for how long before you decide, and who could be harmed?
#
# <!-- BEGIN SOLUTION -->
# GSP (or second price), with a reserve where few candidates meet. Revenue after the response was
# about the same as under first price, so the gain that sales saw is an artefact of frozen bids; and
# first price makes every small firm pay for not shading, until it learns to or leaves. First price
# is defensible for its simplicity and where buyers are professional bidders. Measure revenue,
# advertiser value and user cost, by size of advertiser, after bids have stopped moving: weeks, in a
# test that splits advertisers or markets, since both arms of a user split share the bids.
#
# **Rubric**: says that frozen-bid revenue is no evidence, and what changes when bids respond (1);
# measures the three parties apart, long enough for bids to settle, in a design where bids do not leak
# between arms (1); names who could be harmed: slow advertisers under first price, advertisers with
# little competition under a reserve, users where empty or worse slots result (1).
# <!-- END SOLUTION -->

# %% [markdown]
# ## Reserves that earn
#
# The thin market again. The baseline replays a week's log and takes the single reserve that earns
# most. Your reserve may follow the request: it is computed from the predicted rates of its
# candidates, before anybody's bid is looked at.
#
# ### Exercise 6: earn more than one reserve for all
#
# **Goal**: reserves that earn clearly more than the best single one. **Input**: `candidates`, a
# week's log of the thin market, two rows a request, with `bid` and `predicted_ctr`. **Output**: a
# function from predicted rates, shape (n, 2), to reserves, shape (n,), in money an impression. It is
# asked again for every request of the deployment, with the rates of a better model than the log's.
# **Worked number**: the baseline stands at 100 %, and the check asks for five percent more, on average
# over three fresh worlds. A good reserve is low for a request that nobody is likely to click.


# %% tags=["exercise"] exercise="make_reserve"
def make_reserve(candidates):
    """Return a function that sets the reserve of each request."""
    ### BEGIN SOLUTION
    rate = candidates["predicted_ctr"].to_numpy().reshape(-1, 2)
    score, top = rate * candidates["bid"].to_numpy().reshape(-1, 2), rate.max(axis=1)
    best, second = score.max(axis=1), score.min(axis=1)
    grid = np.arange(0.05, 1.5, 0.05)
    paid = [np.where(best >= g * top, np.maximum(second, g * top), 0).sum() for g in grid]
    least_bid = grid[np.argmax(paid)]
    return lambda predicted: least_bid * predicted.max(axis=1)
    ### END SOLUTION


# %% tags=["check"] points=4
from mlsd.checks.ad_click.lab_50_bidding import check_make_reserve

check_make_reserve(make_reserve)

# %% [markdown]
# For comparison, the baseline in a world of your choice. Try yours there as often as you like; the
# check uses another seed, and an instructor uses yet another.

# %%
f"{deployed_revenue(32, one_reserve):.1f} % of the baseline's revenue"
