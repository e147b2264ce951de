# ---
# jupyter:
#   mlsd:
#     title: Bid, pace and set reserves that earn
#     sections:
#     - {name: "What would it take to win?", minutes: 16}
#     - {name: Spend the budget over the day, minutes: 12, stop: true}
#     - {name: The seller's side, minutes: 10}
#     - {name: A decision, minutes: 8}
#     - {name: Reserves that earn, minutes: 14}
#     introduces: {}
#     needs: [second-price auction, generalized second price, reserve price, bid shading, pacing]
# ---

# %% [markdown]
# # Bid, pace and set reserves that earn
#
# **60 minutes, 15 points**, three of them for an answer in prose.
#
# This lab belongs to [50_auction](../../notebooks/01_ad_click_prediction/50_auction.ipynb). You sit on both
# sides of the auction: first as a buyer who learns from won and lost auctions and must not spend the budget
# by noon, then as the seller. Afterwards you can read a win curve, shade a bid, design a pacing controller,
# and set reserves that earn in a market whose currency you do not know.
#
# Every check says what is wrong with an answer and none of them blocks you. The last one deploys your
# reserves in markets that nobody has looked at.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from mlsd.lab_support.ad_click.thin_market import THIN, deployed_revenue, simulate_day
from mlsd.plots import COLOURS, course_style
from mlsd.policies.ad_click import per_click
from mlsd.worlds import AdClickConfig, AdClickWorld

plt.rcParams.update(course_style())

# %% [markdown]
# ## What would it take to win?
#
# We take one day of the world's log, with ample budgets and ten candidates per request. Only the top slot is
# looked at, and every candidate's score, bid times predicted rate in money per thousand impressions, counts
# as a bid for it. A bid wins when it is above the best score of the other nine.

# %%
rich = AdClickConfig(budget_per_impression=1.0)
day = AdClickWorld(seed=31, config=rich).history(days=3).candidates.query("ts >= 2 * 86_400")
score = (1_000 * day["bid"] * day["predicted_ctr"]).to_numpy().reshape(-1, 10)
best_two = -np.sort(-score, axis=1)[:, :2]
rival = np.where(score == best_two[:, :1], best_two[:, 1:], best_two[:, :1])
bid, won = score.ravel(), (score > rival).ravel().astype(int)
f"{len(bid):,} bids, {won.mean():.0%} of them won"

# %% [markdown]
# ### Exercise 1: a win curve
#
# - **Goal**: the share of bids that won, bin by bin. A bid belongs to a bin if it is at least the lower edge
#   and below the upper one; bids outside all edges belong to none.
# - **Inputs**: `bid`, shape `(n,)`; `won`, 0 or 1, shape `(n,)`; `edges`, ascending, shape `(g + 1,)`.
# - **Output**: an array of shape `(g,)`, NaN for a bin without a bid.
#
# **Worked number**: bids 1.0 (lost) and 1.5 (won) in the bin from 1 to 2 give 0.5.


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
axes.set_title("Volume comes between 20 and 40, and little beyond")
plt.show()

# %% [markdown]
# A dot is a bin of bids, and its height is the share of them that won the top slot. It is a demand curve
# seen from the other side: how much more volume does a little more money buy? Hardly any below 10, most
# between 20 and 40, and less and less above that.
#
# ### Exercise 2: shade
#
# - **Goal**: under first price, the bid that keeps most for each value, where a bid $b$ with a chance $w(b)$
#   to win keeps $(v - b)\,w(b)$.
# - **Inputs**: `value`, shape `(n,)`; `bids`, ascending, and `win`, the chance to win with each of them, both
#   of shape `(g,)`.
# - **Output**: an array of shape `(n,)`, each entry one of `bids`, or 0 where none of them keeps anything.
#
# **Worked number**: with bids 1, 2 and 3 that win with 0.2, 0.5 and 0.6, a value of 4 keeps 0.6, 1.0 or 0.6,
# so the bid is 2.


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
# Now one buyer, the first candidate of each request, has two fifths of the money that bidding its value would
# spend in a day. `simulate_day` bids multiplier times value under first price, hour after hour, and asks a
# controller for the multiplier of the next hour. It starts at 1.

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
# ### Exercise 3: design a pacing controller
#
# - **Goal**: a rule for the next hour's multiplier. The law is your choice. The check tries it on three days
#   that differ in traffic and competition, and asks three things: never bid above the value; spend at least
#   95 % of the budget; and never be more than 20 percentage points of the budget ahead of or behind the
#   traffic that has come. An hour may pass in which nothing is spent.
# - **Inputs**: `multiplier`, `spent` and `planned` of the last hour, three numbers. The plan spreads what is
#   left of the budget over the traffic that is still to come.
# - **Output**: one number.
#
# **Worked number**: if the last hour bid half of the value and spent 12 where 10 were planned, the next
# multiplier has to be below 0.5. How far below is a question of how nervous you want it to be.


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
axes.set(xlabel="hour of the day", ylabel="budget spent (%)")
axes.set_title("Without pacing the budget is gone soon after noon")
axes.legend()
plt.show()

# %% [markdown]
# The dotted curve is the share of the day's users that have come, and a curve above it spends too early. No
# pacing bids the value, so it runs dry, and under first price it keeps nothing of what it buys. A controller
# starts at the value too and takes some hours to come down, but then it lasts until the evening. Its
# multiplier shades the bid at the same time, and that is where its gain comes from.

# %% [markdown]
# ## The seller's side
#
# A narrow audience: two candidates, one slot, second price. With a reserve $\rho$ a slot is sold if the best
# score is at least $\rho$, at the larger of $\rho$ and the second score. From here on, scores and reserves
# are money per *single* impression, as a policy states them.

# %%
thin = AdClickWorld(seed=31, config=THIN).history(days=5).candidates.query("ts > 86_400")
pair = (thin["bid"] * thin["predicted_ctr"]).to_numpy().reshape(-1, 2)
top_rate = thin["predicted_ctr"].to_numpy().reshape(-1, 2).max(axis=1)
f"second score over best score, median: {np.median(pair.min(axis=1) / pair.max(axis=1)):.2f}"

# %% [markdown]
# ### Exercise 4: a reserve for each segment
#
# - **Goal**: for each segment of requests, the reserve with the largest total revenue in a replay; of equally
#   good reserves, the lowest.
# - **Inputs**: `best` and `second`, scores of shape `(n,)`; `segment`, whole numbers from 0, shape `(n,)`;
#   `reserves`, ascending candidates.
# - **Output**: one reserve per segment.
#
# **Worked number**: with best scores 10 and 8 and second scores 1 and 2, a reserve of 8 earns 16 and a
# reserve of 9 earns 9.


# %% tags=["exercise"] exercise="best_reserves"
def best_reserves(best, second, segment, reserves):
    """Return the reserve of each segment that earns most."""
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
# What should a good reserve depend on? The text cuts the requests into four groups by the larger of their two
# predicted rates and replays each group. Look at both columns of numbers before you go on.

# %%
names = ["lowest rates", "lower", "higher", "highest rates"]
group = pd.qcut(top_rate, 4, labels=names)
earned = {}
for reserve in np.arange(0.001, 0.041, 0.001):
    paid = np.where(pair.max(axis=1) >= reserve, np.maximum(pair.min(axis=1), reserve), 0)
    earned[reserve] = pd.Series(paid).groupby(group, observed=True).mean()
table = pd.DataFrame({"best reserve": pd.DataFrame(earned).idxmax(axis=1)})
table["mean of the larger rate"] = pd.Series(top_rate).groupby(group, observed=True).mean()
table.round(4)

# %% [markdown]
# ## A decision

# %% [markdown] tags=["exercise"] exercise="decision" points=3
# ### Exercise 5: which price rule?
#
# - **Goal**: a recommendation in about eight lines. Your marketplace sells three slots of a feed, billed per
#   click, to 150 advertisers, most of them small firms that look at a report once a week. A quarter of the
#   campaigns runs out of budget. The sales team saw a replay of last month's bids and wants first price.
# - **Inputs**: what the chapter measured about frozen and answering bids.
# - **Output**: which rule you take and why, what you measure and for how long before you decide, and who
#   could be harmed.
#
# <!-- BEGIN SOLUTION -->
# **Rubric**: says that revenue with frozen bids is no evidence, and what changes when bids respond (1);
# measures the three parties apart, long enough for bids to settle, in a design where bids do not leak
# between arms (1); names who could be harmed: slow advertisers under first price, advertisers with little
# competition under a reserve, users where empty or worse slots result (1).
#
# **Sample answer, full marks**: I stay with GSP and add a reserve per click where few candidates meet. The
# replay shows a lead of first price because its bids were made under another rule; once bidders answered,
# the lead of 60 % shrank to about 3 %. First price would also make every small firm pay for not shading until
# it learns to, and firms that look once a week learn in months. If we try it, I would split by advertiser or
# by market, since both arms of a user split share the bids, run until bids have stopped moving, six weeks at
# least, and report revenue, advertiser value by size of advertiser, and hidden ads. Slow advertisers could be
# harmed by first price, and lonely advertisers by a reserve, so I would watch both groups by name.
#
# **Sample answer, half marks**: First price earned more only because bids were frozen, so I keep GSP and would
# run an A/B test of two weeks over users to be sure. *It lacks anybody who could be harmed, two weeks are
# shorter than the advertisers' habits, and a user split shares the bids between its arms.*
# <!-- END SOLUTION -->

# %% [markdown]
# ## Reserves that earn
#
# The thin market again, in six fresh worlds, each with a *currency* of its own: what costs 1 in the first
# costs 2 in the second, and so on up to 32. The baseline replays a week's log and takes the single reserve that
# earns most. Your reserve may follow the request: it is computed from the predicted rates of its candidates,
# before anybody's bid is looked at.
#
# ### Exercise 6: earn more than one reserve for all
#
# - **Goal**: reserves that earn clearly more than the best single one, in any currency. A reserve for each
#   group of rates is a beginning and does not suffice; the table above hints at a better idea.
# - **Input**: `candidates`, a week's log of the market, two rows per request, with `bid` (money per click) and
#   `predicted_ctr`.
# - **Output**: a function from predicted rates, shape `(n, 2)`, to reserves, shape `(n,)`, in money per single
#   impression. It is asked again for every request of the deployment, with the rates of a better model than
#   the log's.
#
# **Worked number**: the baseline stands at 100 %, and the check asks for 111 % on average over the six
# markets.


# %% tags=["exercise"] exercise="make_reserve"
def make_reserve(candidates):
    """Return a function that sets the reserve of each request."""
    ### BEGIN SOLUTION
    rate = candidates["predicted_ctr"].to_numpy().reshape(-1, 2)
    score, top = rate * candidates["bid"].to_numpy().reshape(-1, 2), rate.max(axis=1)
    best, second = score.max(axis=1), score.min(axis=1)
    grid = np.quantile(candidates["bid"], np.linspace(0.02, 0.98, 49))
    paid = [np.where(best >= b * top, np.maximum(second, b * top), 0).sum() for b in grid]
    least_bid = grid[np.argmax(paid)]
    return lambda predicted: least_bid * predicted.max(axis=1)
    ### END SOLUTION


# %% tags=["check"] points=4
from mlsd.checks.ad_click.lab_50_bidding import check_make_reserve

check_make_reserve(make_reserve)

# %% [markdown]
# To try out ideas, deploy them on a seed of your choice as often as you like. The cell does it with a price
# per click that somebody read off the lab's own market, which is of no use in another currency; put
# `make_reserve` in its place. The check uses another seed, and an instructor uses yet another.

# %%
print(deployed_revenue(32, lambda candidates: per_click(0.4)), "% of the baseline's revenue")
