# ---
# jupyter:
#   mlsd:
#     title: Frame the problem before you model it
#     builds: a capacity sheet with units, and one auction under two billing rules
#     sections:
#     - {name: What decides success, minutes: 5}
#     - {name: Ask before you draw, minutes: 5}
#     - {name: Put numbers on it, minutes: 15, stop: true}
#     - {name: Frame the learning task, minutes: 5}
#     - {name: Look at what is logged, minutes: 10, stop: true}
#     - {name: What is billed decides what is best, minutes: 10}
#     - {name: Results, minutes: 3}
#     - {name: What breaks in production, minutes: 3}
#     - {name: Summary, minutes: 1}
#     - {name: Recall, minutes: 3}
#     - {name: Lab and further reading, minutes: 1}
#     introduces: [impression, click-through rate, expected value ranking, capacity sheet, label delay, propensity, twin-world comparison]
#     needs: []
#     discussion: The product manager says that clicks are the goal. Which two questions do you ask before you accept that?
#     wrong_answers: ["None, clicks are easy to measure.", "Which model the team would like to use."]
# ---

# %% [markdown]
# # Frame the problem before you model it
#
# **You will build** a capacity sheet that computes with units, and one auction under two billing
# rules.
#
# **You will learn** to turn a vague prompt into requirements, a learning task, labels and metrics,
# and to notice which clarifying question changes the design.
#
# **You need** pandas and the idea of a probability; no other chapter.
#
# **Minutes**: 61, with good places to stop after the capacity sheet and after the look at the data.

# %% [markdown]
# ## What decides success
#
# The prompt is one sentence: *design the system that chooses the ads on a social feed.* Nobody
# builds that sentence. First we write down what would make the company keep the system.
#
# - **Money.** Revenue per thousand requests, from advertisers who get their value and stay.
# - **Speed.** The whole bid answers within 100 ms; the model gets 20 to 50 ms of it.
# - **Honest probabilities.** Prices are computed from predicted click rates. A prediction that is
#   twice too high is not a ranking detail, it is a wrong bill.
#
# Two words we need at once. An *impression* is one ad shown to one user. The *click-through rate*,
# CTR for short, is clicks per impression. Online, the course watches revenue in a simulated world.
# Offline, it will need a metric that punishes wrong probabilities; the next chapter builds it.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pint

from mlsd.checks import check, holds
from mlsd.experiments import load_ledger
from mlsd.models import SmoothedRate
from mlsd.plots import COLOURS, course_style, plot_changes
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickConfig, AdClickWorld

plt.rcParams.update(course_style())

# %% [markdown]
# ## Ask before you draw
#
# A clarifying question is worth asking if its answer changes the design. Here are six, each with
# what hangs on it. Decide which one you would ask if you had a single question.

# %%
pd.DataFrame(
    [
        ("Billed per click or per impression?", "what candidates are ranked by"),
        ("How many ads does a request show?", "the price rule and position effects"),
        ("May we use the user's history?", "counters, consent, erasure"),
        ("How late do conversions arrive?", "whether yesterday's labels are complete"),
        ("Do budgets run out during the day?", "pacing, and how a test may be split"),
        ("How many requests at the peak?", "how dear a model may be"),
    ],
    columns=["question", "what hangs on the answer"],
)

# %% [markdown]
# ## Put numbers on it
#
# We come back to the first question with money on it. Start with the last one: its answer is a
# number, and numbers are where designs get caught.
#
# An interviewer gives you round numbers, and you owe them arithmetic. These are ours; change them
# as you like.
#
# - 50,000 ad requests a second at the peak, which is three times the mean;
# - 200 candidates scored in each request, after a targeting filter that costs little;
# - three ads shown, of which 1.5 % are clicked;
# - 300 bytes of log for each impression.
#
# **Your turn.** Before any arithmetic by machine: how many CPU cores does the model alone keep busy
# at the peak, if one score takes 20 microseconds? How many terabytes of log does a month of 30 days
# bring? Replace the dots. Orders of magnitude are enough; the check comes after the sheet.

# %% tags=["your-turn"]
my_busy_cores = ...
my_log_terabytes = ...

# %% [markdown]
# Now the machine. A *capacity sheet* is this arithmetic as code, with a unit on every quantity.
# Adding seconds to bytes is then an error and not a number, and a forgotten factor of a thousand
# has nowhere to hide. Requests a second times scores a request gives scores a second, and the units
# say so by themselves.

# %% tags=["nbval-check-output"]
unit = pint.UnitRegistry()
unit.define("request = [request]")
unit.define("score = [score]")
peak_requests = 50_000 * unit.request / unit.second
scores_per_request = 200 * unit.score / unit.request
peak_scores = peak_requests * scores_per_request
f"{peak_scores.to('score / second').magnitude:,.0f} scores a second"

# %% [markdown]
# Ten million scores a second, each 20 microseconds of one core: that is the number of cores kept
# busy. No fleet can run at that number, because queues grow without bound as cores approach full
# load. We plan for 60 %, and ask for more machines than the busy ones.


# %%
def cores_for(seconds_per_score, load=0.6):
    """Cores that serve the peak when each is busy a share `load` of the time."""
    busy = (peak_scores * seconds_per_score / unit.score).to("dimensionless")
    return float(busy.magnitude) / load


busy, needed = (cores_for(20 * unit.microsecond, load) for load in (1, 0.6))
f"{busy:,.0f} busy, {needed:,.0f} needed"

# %% [markdown]
# The log is a product of the same kind: mean requests, three impressions each, 300 bytes, 30 days.

# %%
impressions = peak_requests / 3 * (3 / unit.request)
log_a_month = (impressions * 300 * unit.byte * 30 * unit.day).to("terabyte")
clicks_a_month = (impressions * 0.015 * 30 * unit.day).to("dimensionless").magnitude
f"{log_a_month.magnitude:,.0f} TB of log and {clicks_a_month / 1e9:.1f} billion clicks a month"

# %% [markdown]
# Two billion clicks are more labels than any model here needs. The log is large, but it is a matter
# of disks; the cores are what a model costs. Now your two estimates against the sheet: a factor of
# three either way is what a whiteboard is for.

# %% tags=["check"]
pairs = {"cores": (my_busy_cores, busy), "log": (my_log_terabytes, log_a_month.magnitude)}
for name, (mine, sheet) in pairs.items():
    near = holds(lambda guess, sheet=sheet: 1 / 3 < guess / sheet < 3, f"the sheet: {sheet:.0f}")
    print(check(name, mine, near))

# %% [markdown]
# The 20 microseconds were somebody's assumption. We have something better: the course's own ledger,
# where each model of this case study was measured on one core, in batches of 500 rows. The sheet
# turns those milliseconds into machines.
#
# Guess first: how large is the factor in cores between the dearest and the cheapest model?

# %%
ledger = load_ledger("ad_click").set_index("rung")
batch_ms = ledger["predict_batch_ms"].dropna()
cores = batch_ms.map(lambda ms: cores_for(ms / 500 * unit.millisecond))

figure, axes = plt.subplots(figsize=(7, 3.6))
axes.plot(cores, cores.index, "o", color=COLOURS["blue"], label="measured")
axes.axvline(needed, color=COLOURS["red"], ls="--", label="assumed: 20 µs a score")
axes.set(xscale="log", xlabel="cores at the peak, 60 % busy (log scale)", ylabel="model")
axes.invert_yaxis()
axes.legend(loc="lower left")
plt.show()

# %% [markdown]
# How to read it: each dot is one model of the ladder, the dashed line is the assumption. A dot to
# the right of the line costs more machines than the requirement foresaw. The cheapest looks up no
# id at all: it answers one rate for everybody. The times are those of Python that looks up its ids
# afresh for each batch. A serving stack would be faster, though not by the same factor for every
# model; `60_serve` measures one.

# %%
assert cores.max() > 10 * cores.min()
f"the dearest model needs {cores.max() / cores.min():,.0f} times the cores of the cheapest"

# %% [markdown]
# The last number is memory. A linear model keeps a weight a hash bucket; an embedding table keeps a
# vector for each id. This is where *deep* becomes dear first.

# %%
hashed_weights = (2**28 * 4 * unit.byte).to("gigabyte")
embeddings = (1e9 * 16 * 4 * unit.byte).to("gigabyte")
f"hashed linear model {hashed_weights.magnitude:.1f} GB, embeddings {embeddings.magnitude:.0f} GB"

# %% [markdown]
# One fits beside the web server. The other needs a machine of its own, or sharding. We have not
# chosen a model, and already know what a choice will cost.

# %% [markdown]
# ## Frame the learning task
#
# The business wants money; a model needs an example, a label and a loss. There is more than one
# honest translation.
#
# | framing | an example is | its label | how it goes wrong |
# |---|---|---|---|
# | p(click) | an impression | clicked or not | pretty ads that sell nothing |
# | p(conversion given click) | a click | bought or not | few labels, and late |
# | bid × p(click) | an impression | clicked or not | only as good as its calibration |
# | uplift | a user, shown or held out | difference in purchases | an experiment for every label |
#
# We take the third, *expected value ranking*: estimate p(click), and let the auction multiply it by
# the bid. A price comes out of that product, so the level of the probability matters and not only
# the order. This is what separates ads from a recommendation feed.

# %% [markdown]
# ## Look at what is logged
#
# The world below stands for the company. It knows how its users behave; we see its log. `history`
# runs a plain logging policy: yesterday's smoothed click rates, with some exploration.

# %% tags=["nbval-check-output"]
world = AdClickWorld(seed=11, size="small")
logs = world.history(days=7)
sorted(logs.tables)

# %% [markdown]
# One table for each kind of fact. The central one is `impressions`; here are eight of its columns.

# %%
columns = ["request_id", "user_id", "ad_id", "position", "bid", "price", "propensity", "explored"]
logs.impressions[columns].head(4).round(3)

# %% [markdown]
# Three things here are easy to forget and impossible to add later. The *propensity* is the
# probability with which the policy showed this ad in this slot; it lets you judge another policy
# from old logs. `explored` marks the randomised share. And the table `candidates` says what was
# *not* shown.
#
# Now the labels. Guess: by how much is the lowest slot clicked less than the top one?

# %%
shown = logs.labelled_log().frame
by_position = 100 * shown.groupby("position")["click"].mean()

figure, axes = plt.subplots(figsize=(5, 3))
axes.bar(by_position.index, by_position, color=COLOURS["blue"])
axes.set(xlabel="position (0 is the top slot)", ylabel="CTR, %", xticks=by_position.index)
plt.show()
assert by_position[0] > 1.3 * by_position[2]

# %% [markdown]
# How to read it: one bar a slot, its height the share of impressions clicked. Two causes are mixed
# in it. Fewer people look at lower slots, and the policy puts its weaker ads there. So position is
# read in training and held at one value when candidates are scored; otherwise a model would learn
# that being shown low makes an ad bad.

# %% [markdown]
# A click is known within minutes. A conversion, the purchase after it, comes when the user gets
# round to it. The time between is the *label delay*. Guess: of the conversions that we know after
# three weeks, how many came within a day of their click?

# %%
conversions = world.history(days=21).conversions
delay_days = (conversions["known_at"] - conversions["click_ts"]) / 86_400
days = np.geomspace(1 / 96, 14, 200)
share = [100 * (delay_days <= limit).mean() for limit in days]

figure, axes = plt.subplots(figsize=(6, 3))
axes.plot(days, share, color=COLOURS["blue"])
axes.set(xscale="log", xlabel="days since the click (log scale)", ylim=(0, 102))
axes.set_xticks([1 / 24, 0.25, 1, 3, 7, 14], ["1 hour", "6 hours", "1", "3", "7", "14"])
axes.set_ylabel("known conversions, %")
plt.show()

# %% [markdown]
# How to read it: the curve is the share of the conversions known after three weeks that had arrived
# so long after their click. Most come on the first day, and the rest take their time. A model of
# conversions trained at midnight misses part of the last days and learns that new ads do not sell.
# The curve is even too kind: it holds only conversions that had come when the log was cut.
#
# Your guess against the count:

# %%
within_a_day = np.mean(delay_days <= 1)
assert within_a_day > 0.5
f"{100 * within_a_day:.0f} % of {len(delay_days)} conversions within a day"

# %% [markdown]
# Clicks have no such problem, which is one more reason to start with them. Other biases for the
# whiteboard: only winners of auctions have labels; some clicks are bots; a few users see far more
# ads than the rest.

# %% [markdown]
# ## What is billed decides what is best
#
# Back to the first question. Two policies compete for the same requests. Both use the same smoothed
# click rates, which the next chapter builds from scratch. One ranks candidates by expected value,
# bid × predicted CTR. The other ranks by the bid alone.


# %%
def two_policies(market):
    """Rank by expected value, and by the bid alone, with rates from the market's history."""
    log = market.history(days=14).labelled_log()
    train = log.frame.iloc[log.split.train]
    rates = SmoothedRate(levels=(("ad_id",),), strength=500.0).fit(train, train["click"])
    return [ScorerPolicy(rates, rank_by=rule) for rule in ("expected_value", "bid")]


# %% [markdown]
# The market is simple on purpose: a winner pays its own bid, and budgets are so large that they do
# not bind. In one world a bid is per click: no click, no money. In the other it is per thousand
# impressions: the money comes when the ad is shown.
#
# **Your guess**, for each world: does ranking by the bid alone earn more, or less?

# %% tags=["guess"]
guess_per_click = ...
guess_per_impression = ...

# %% [markdown]
# `compare` is a *twin-world comparison*: each policy runs alone, with the same users and the same
# luck. Nothing but the policy can explain a difference. No company can run this experiment; here it
# is the answer key.


# %%
def lift_of_bid_alone(billing):
    """Percent that ranking by the bid gains over expected value, by measure."""
    config = AdClickConfig(billing=billing, price_rule="first", budget_per_impression=1.0)
    market = AdClickWorld(seed=11, config=config)
    lifts = market.compare(*two_policies(market), days=3).lifts
    return {name: vars(lifts[name].relative) for name in ("revenue", "clicks")}


lifts = {billing: lift_of_bid_alone(billing) for billing in ("click", "impression")}
table = pd.DataFrame({(f"per {b}", m): row for b in lifts for m, row in lifts[b].items()}).T
(100 * table).round(1).rename_axis(["billed", "change in %"])

# %% [markdown]
# The same four changes as a figure, with a check that the sign of the revenue really flips, and that
# the clicks fall in both worlds.

# %%
plot_changes(
    100 * table, xlabel="ranking by the bid alone, against expected value (%, bar: 95 % interval)"
)
plt.show()
revenue = table["estimate"].xs("revenue", level=1)
assert revenue["per click"] < 0 < revenue["per impression"]
assert table["high"].xs("clicks", level=1).max() < 0

# %% [markdown]
# How to read it: a dot is the change when candidates are ranked by the bid alone, the bar its
# interval; left of the line the bid alone is worse. Billed per click, it loses money: it fills slots
# with ads that promise much and are not clicked. Billed per impression, the same rule earns more,
# because a click is not what is paid for.
#
# The orange dots are the second lesson. Users click less under the bid alone *in both worlds*. Billed
# per impression, the company does not feel that in this week's revenue. Its advertisers do, and they
# set next month's bids; our world keeps the bids fixed, so it cannot show that part.

# %% [markdown]
# ## Results
#
# Nothing has been modelled yet, and there is no earlier rung to compare with. The table holds what a
# later chapter must respect: the requirement, and what we measured or computed for it.

# %%
pd.DataFrame(
    {
        "requirement": ["50,000 requests/s", "20-50 ms a request", "log a month", "billing"],
        "what we know": [
            f"{cores.min():.1f} to {cores.max():,.0f} cores, by model",
            f"{0.4 * batch_ms.min():.2g} to {0.4 * batch_ms.max():.2g} ms for 200 candidates",
            f"{log_a_month.magnitude:,.0f} TB",
            "rank by expected value when clicks are billed",
        ],
    }
)

# %% [markdown]
# ## What breaks in production
#
# Requirements drift. The classic case is a billing rule that sales changes for one large customer:
# half of the traffic is then ranked by the wrong objective, and no offline metric notices, because
# the model is as good as before. Log the billing rule with each auction, and report revenue by it.
#
# The second is a capacity sheet that nobody updates. Keep it in code, beside the measured times.

# %% [markdown]
# ## Summary
#
# - Ask the question whose answer changes the design; say what hangs on it.
# - Estimate first, compute second, measure third, and keep the units.
# - We predict p(click) and rank by bid × p(click), so calibration matters.
# - Log propensities, losing candidates and two times for each fact.
# - What is billed decided which policy was best.

# %% [markdown]
# ## Recall
#
# 1. Why does position enter training, but not scoring?
#
# <details><summary>Answer</summary>It explains part of the labels, and it is unknown, and the same
# for all candidates, when they are scored.</details>
#
# 2. What is a propensity, and why can it not be added later?
#
# <details><summary>Answer</summary>The probability of the logged action under the policy that took
# it. Later the policy's state is gone.</details>
#
# 3. Which policy would you choose if impressions were billed, and what would you watch?
#
# <details><summary>Answer</summary>By the bid, for this week's money; the clicks and conversions of
# advertisers, whose bids follow what they get.</details>

# %% [markdown]
# ## Lab and further reading
#
# This chapter has no lab of its own. The first, `lab_20_baseline`, belongs to the next chapter.
#
# - Xinran He et al. 2014, *Practical Lessons from Predicting Clicks on Ads at Facebook*, ADKDD.
# - H. Brendan McMahan et al. 2013, *Ad Click Prediction: a View from the Trenches*, KDD.
# - Benjamin Edelman, Michael Ostrovsky, Michael Schwarz 2007, *Internet Advertising and the
#   Generalized Second-Price Auction*, American Economic Review 97(1).
# - Olivier Chapelle 2014, *Modeling Delayed Feedback in Display Advertising*, KDD.
