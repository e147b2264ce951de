# ---
# jupyter:
#   mlsd:
#     title: Frame the problem before you model it
#     builds: a system drawing, a capacity sheet with units, and one auction under two billing rules
#     sections:
#     - {name: What decides success, minutes: 6}
#     - {name: Ask before you draw, minutes: 5}
#     - {name: Draw the system, minutes: 6}
#     - {name: Put numbers on it, minutes: 15, stop: true}
#     - {name: Frame the learning task, minutes: 7}
#     - {name: Look at what is logged, minutes: 13, stop: true}
#     - {name: Decide what to rank by, minutes: 12}
#     - {name: Results, minutes: 3}
#     - {name: What breaks in production, minutes: 3}
#     - {name: In the interview, minutes: 5}
#     - {name: Summary, minutes: 1}
#     - {name: Recall, minutes: 3}
#     - {name: Lab and further reading, minutes: 1}
#     introduces:
#       impression: one ad shown to one user, whether or not it is clicked
#       click-through rate: clicks per impression, CTR for short; its prediction is called pCTR
#       guardrail metric: a metric that a change need not improve but must not worsen beyond a stated limit
#       retrieval: the first stage of a ranking system, which picks a few hundred candidates out of all eligible items at little cost each; also called candidate generation
#       capacity sheet: back-of-the-envelope arithmetic for requests, cores, memory and storage, kept as code with units
#       expected value ranking: ordering candidates by what showing them is expected to earn, such as bid times pCTR (eCPM when counted per thousand impressions)
#       event time: when a fact happened
#       known-at time: when the system learned of a fact, its processing time; features may read only what was known
#       propensity: the probability with which the deployed policy chose the action that it logged
#       position bias: the part of the difference in clicks between slots that is caused by the slot and not by the item in it
#       label delay: the time between an example and the moment at which its label is known
#       twin-world comparison: deploying two policies in two copies of one simulated world that share all random numbers, so that nothing but the policy differs
#     needs: []
#     discussion: The product manager says that clicks are the goal. Which two questions do you ask before you accept that?
#     answer: "What the platform is paid for, since billed per impression a click is not what earns, and what a bad click costs users and advertisers, so that hides and conversions become guardrails. Then the objective is expected value, and clicks are one factor of it."
#     wrong_answers: ["None, clicks are easy to measure.", "Which model the team would like to use."]
# ---

# %% [markdown]
# # Frame the problem before you model it
#
# **You will build** a drawing of the system, a capacity sheet that computes with units, and one
# auction under two billing rules.
#
# **You will learn** to turn a vague prompt into requirements, a learning task, labels and metrics,
# and to tell a clarifying question that changes the design from one that only fills time.
#
# **You need** pandas and the idea of a probability; no other chapter.
#
# **Minutes**: 80, with good places to stop after the capacity sheet and after the look at the log.

# %% [markdown]
# ## What decides success
#
# The prompt is one sentence: *design the system that chooses the ads in a social feed.* Nobody can
# build that sentence, so the first step is to write down what would make the company keep the
# system. Two words are needed for it. An *impression* is one ad shown to one user, clicked or not.
# The *click-through rate* (CTR) is clicks per impression, and a model's prediction of it is called
# pCTR.
#
# - **Revenue** per thousand ad requests. This is the metric that a release has to improve.
# - **Guardrails.** A *guardrail metric* is one that a release need not improve but must not worsen
#   beyond a stated limit. There are two sides to protect here: the advertisers, whose conversions
#   have to be worth more than they pay, and the users, who hide the ads that annoy them. The limit is
#   zero for both: neither may be worse off than under the simplest rule, ranking by the bid alone.
# - **Latency.** The feed waits for its ads. It gives the whole ad system 100 ms, of which the model
#   may take 20 ms at the 99th percentile.
# - **Cost.** Finance has budgeted 20 microseconds of one core for each predicted probability.
#
# Revenue and the guardrails are *online* metrics: they can only be read once a policy runs. In this
# course it runs in a simulated world, so that you can read them too. While a model is developed we
# need an *offline* metric, computed from a log. The next chapter builds one from the log loss, and
# [52_experiment](52_experiment.ipynb) asks which offline metric actually predicted revenue.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pint

from mlsd.checks import check, holds
from mlsd.experiments import load_ledger
from mlsd.models import SmoothedRate
from mlsd.notebook import TextTable, compare, guess
from mlsd.plots import COLOURS, course_style, plot_changes
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickConfig, AdClickWorld

plt.rcParams.update(course_style())

# %% [markdown]
# ## Ask before you draw
#
# A clarifying question is worth asking if a different answer would lead to a different design. Here
# are seven, each with the part of the design that depends on it. If you were given one question
# only, which would you ask? Keep your choice in mind; the end of this chapter puts money on one of
# them.
#
# | question | what depends on the answer |
# |---|---|
# | Do advertisers pay per click or per impression? | the quantity by which candidates are ranked |
# | Is the inventory our own, or do we bid on an exchange? | who runs the auction, and what we see of lost ones |
# | How many ads does a request show? | the price rule, and how much the slot itself matters |
# | May we use a user's history, and across apps? | which features exist; consent, App Tracking Transparency, erasure |
# | What counts as a conversion, and how late may it come? | attribution window, view-through credit, when labels are complete |
# | Do budgets run out during the day? | pacing, which spreads a budget over the day, and how an experiment may be split |
# | What is the peak request rate? | how much compute one prediction may cost |
#
# For this case study the answers are: our own feed, so we run the auction ourselves; three ads per
# request; logged-in users who consented to the use of their history on this platform and nowhere
# else; conversions attributed to the last click within 30 days, with no credit for a view without a
# click; budgets that do run out; and the request rates of the section after next. Billing we leave
# open for now.

# %% [markdown]
# ## Draw the system
#
# Two questions are answered for each request, at very different cost. First, which of the many
# eligible ads deserve a closer look? This is *retrieval*, or candidate generation: targeting rules,
# budget checks and a cheap score bring about a thousand eligible ads down to 200. Second, in which
# order should those be shown, and at what price? This is *ranking*, where the expensive model
# predicts a click probability for each candidate, and the auction turns probabilities and bids into
# a slate. The split exists because of arithmetic that we do below: what the ranking model may cost
# per ad depends on how many ads reach it.
#
# ```mermaid
# flowchart LR
#   feed[Feed asks for 3 ads] --> retrieval["Retrieval: targeting, budgets, cheap score<br/>1,000 eligible to 200"]
#   retrieval --> features["Feature store:<br/>counters, histories"]
#   features --> ranking["Ranking: pCTR<br/>for 200 candidates"]
#   ranking --> auction["Auction: order,<br/>price, pacing"]
#   auction --> feed
#   auction --> log[("Impression log:<br/>candidates, propensity,<br/>two times")]
# ```
#
# The second half of the system learns from what the first half did. Clicks arrive minutes after the
# impression and conversions up to weeks after it, so a label is *joined* to its impression later,
# and the features have to be those of the moment of the impression. A new model is released in three
# stages: in the *shadow* of the old one, where it scores and decides nothing, then as a *canary* on a
# small share of the requests, then on a share that is ramped up.
#
# ```mermaid
# flowchart LR
#   log[("Impression log")] --> join["Label join:<br/>clicks, conversions"]
#   events[Clicks, conversions, hides] --> join
#   join --> features["Point-in-time features"]
#   features --> train[Training] --> evaluation["Evaluation:<br/>split by time"]
#   evaluation --> release["Shadow, canary, ramp"] --> ranking["Ranking service"]
#   events --> counters["Streaming counters"] --> store["Feature store"] --> ranking
# ```
#
# This case study is about ranking and everything after it. Its simulated world hands the policy ten
# retrieved candidates per request in place of 200, which keeps a million impressions within seconds;
# retrieval itself is built in the case study on video recommendation.

# %% [markdown]
# ## Put numbers on it
#
# An interviewer gives you round numbers, and you owe them arithmetic. These are ours, and you may
# change them:
#
# - 50,000 ad requests per second at the peak, which is three times the mean;
# - 200 candidates per request that reach the ranking model;
# - three ads shown per request, of which 1.5 % are clicked;
# - 300 bytes of log per impression.
#
# **Your guess**, on paper and before any arithmetic by machine: how many CPU cores does the ranking
# model alone keep busy at the peak, if one probability takes 20 microseconds? And how many terabytes
# of impression log does a month of 30 days bring? Replace the dots with a number, or with a range
# that you are 80 % sure of. An order of magnitude is what a whiteboard is for.

# %% tags=["guess"]
guess("frame_busy_cores", ..., unit="cores")
guess("frame_log_of_a_month", ..., unit="TB")

# %% [markdown]
# A *capacity sheet* is this arithmetic written as code, with a unit on every quantity. Adding seconds
# to bytes then raises an error instead of returning a number, and a forgotten factor of a thousand
# has nowhere to hide. Requests per second times scores per request gives scores per second, and the
# library does that cancellation for us.

# %% tags=["nbval-check-output"]
unit = pint.UnitRegistry()
unit.define("request = [request]")
unit.define("score = [score]")
peak_requests = 50_000 * unit.request / unit.second
scores_per_request = 200 * unit.score / unit.request
peak_scores = peak_requests * scores_per_request
f"{peak_scores.to('score / second').magnitude:,.0f} scores per second"

# %% [markdown]
# Multiplying by the 20 microseconds of one score gives the number of cores that are busy on average
# at the peak. No fleet can run with exactly that many, because waiting times grow without bound as
# the share of busy time $\rho$ approaches one: in the simplest queue the mean wait is
# $\rho / (1 - \rho)$ service times, which is 1.5 at $\rho = 0.6$ and 19 at $\rho = 0.95$. That is one
# core with a queue of its own. A pool that shares one queue waits far less at the same load, so for a
# fleet the reserve is mostly there for machines that fail, for deployments, and for peaks within the
# peak. We plan for 60 %.


# %%
def cores_for(time_per_score, candidates=200, load=0.6):
    """Return the cores that serve the peak when each is busy a share `load` of the time."""
    scores = peak_scores * candidates / 200
    busy = (scores * time_per_score / unit.score).to("dimensionless")
    return float(busy.magnitude) / load


busy_cores = cores_for(20 * unit.microsecond, load=1)
budgeted_cores = cores_for(20 * unit.microsecond)
compare("frame_busy_cores", busy_cores)
print(f"at 60 % load: {budgeted_cores:,.0f} cores")

# %% [markdown]
# The log is a product of the same kind: mean requests per second, three impressions each, 300 bytes
# per impression, 30 days.

# %%
impressions = peak_requests / 3 * (3 / unit.request)
log_of_a_month = (impressions * 300 * unit.byte * 30 * unit.day).to("terabyte").magnitude
clicks_of_a_month = (impressions * 0.015 * 30 * unit.day).to("dimensionless").magnitude
compare("frame_log_of_a_month", log_of_a_month)
print(f"{clicks_of_a_month / 1e9:.1f} billion clicks in a month")

# %% [markdown]
# Two billion clicks are more than any model of this course needs. The log is large, but it is a
# matter of disks, whereas the cores are rented by the hour. So the question that remains is whether
# 20 microseconds were realistic. The course's *ledger* answers it: one table per case study in which
# every model, called a *rung* because each is a step up the ladder from a rule to a deep network, was
# trained and measured under one protocol. Here are ten of them. Counters are features that count
# recent clicks and views; all the models are built in later chapters.

# %%
models = {
    "global_rate": "one rate for everybody",
    "smoothed_ad": "smoothed rate of each ad",
    "hashed_lr": "linear model, ids",
    "hashed_lr_counters": "linear model, ids and counters",
    "fm_counters": "factorization machine",
    "dcn_v2_counters": "deep network (DCN-v2)",
    "din": "network over click histories (DIN)",
    "student": "small network, distilled",
    "lightgbm_counters": "boosted trees (LightGBM)",
    "ensemble": "ensemble with trees and networks",
}
ledger = load_ledger("ad_click").set_index("rung").loc[list(models)]
milliseconds = ledger["predict_batch_ms"] / 500
cores = pd.Series(
    {name: cores_for(milliseconds[rung] * unit.millisecond) for rung, name in models.items()}
)

# %% [markdown]
# The ledger's times are those of one core in batches of 500 rows. **Your guess** before you look: the
# boosted trees and the deep network read the same columns. Which of the two needs more cores?

# %% tags=["guess"]
guess("frame_more_cores", ..., choices=("the trees", "the deep network"))

# %% [markdown]
# Here is the answer, and then one dot per model, with a dashed line where 20 microseconds per score
# would put it:

# %%
trees, network = cores["boosted trees (LightGBM)"], cores["deep network (DCN-v2)"]
compare("frame_more_cores", "the trees" if trees > network else "the deep network")

# %%
figure, axes = plt.subplots(figsize=(7, 3.6))
axes.plot(cores, cores.index, "o", color=COLOURS["blue"], label="as measured in the ledger")
axes.axvline(budgeted_cores, color=COLOURS["red"], ls="--", label="budgeted: 20 µs per score")
axes.set(xscale="log", xlabel="cores at the peak, 60 % busy (log scale)")
axes.set_title("The ensemble breaks the core budget, boosted trees fill it")
axes.invert_yaxis()
axes.legend(loc="lower left")
plt.show()

# %% [markdown]
# A dot is the fleet that one model would need; right of the dashed line it exceeds the budget. The
# picture is not the one that most people expect: the deep networks need about a fifth of the budget,
# whereas LightGBM fills it and the ensemble that contains it exceeds it. A tree is a chain of comparisons at
# addresses that depend on the last comparison, which a processor cannot batch, while a network is a
# few multiplications of matrices. That explanation we only suspect here, because these times include
# each library's Python interface; [60_serve](60_serve.ipynb) compiles the same trees and measures
# again.
#
# Retrieval is what makes any of this affordable. Without it all thousand eligible ads would reach the
# ranking model:

# %%
without_retrieval = {
    name: cores_for(milliseconds[rung] * unit.millisecond, candidates=1_000)
    for rung, name in models.items()
}
fleet = pd.DataFrame({"200 candidates": cores, "all 1,000": pd.Series(without_retrieval)})
fleet["within budget"] = (
    (fleet <= budgeted_cores).sum(axis=1).map({2: "both", 1: "with retrieval only", 0: "no"})
)
assert fleet.loc["ensemble with trees and networks", "within budget"] == "no"
fleet.round(0)

# %% [markdown]
# An `assert` in these notebooks states a claim of the text in code: the build fails if it stops being
# true. This one says that the ensemble, as its libraries serve it, fails the cost requirement even with
# retrieval. The trees alone leave nothing of the budget for features and network, so keep them in mind for
# [32_boost](32_boost.ipynb), where they compete on accuracy.
#
# Memory is the last number. A hashed linear model stores one weight per bucket, whereas an embedding
# table stores a whole vector per id:

# %%
hashed_weights = (2**28 * 4 * unit.byte).to("gigabyte").magnitude
embeddings = (1e9 * 16 * 4 * unit.byte).to("gigabyte").magnitude
f"hashed linear model {hashed_weights:.1f} GB, embeddings of a billion ids {embeddings:.0f} GB"

# %% [markdown]
# The first fits beside the web server on every machine; the second needs a machine of its own, or has
# to be sharded over several. So deep models cost memory before they cost cores.
#
# **Change this and see.** Let 1,000 candidates reach the ranking model, or let the load be 80 %. Which
# models would you still consider, and what would you have to know about the traffic before you accept
# 80 %?

# %% [markdown]
# ## Frame the learning task
#
# The business wants revenue, but a model needs an example, a label and a loss. There is more than one
# reasonable translation, and each fails in a way of its own.
#
# | framing | an example is | its label | how it goes wrong |
# |---|---|---|---|
# | p(click) | an impression | clicked or not | attracts clicks that lead to nothing |
# | p(conversion given click) | a click | bought or not | few labels, and they come late |
# | bid times p(click) | an impression | clicked or not | only as good as the probability |
# | incremental effect (uplift) | a user, shown or held out | difference in purchases | needs an experiment for every label |
#
# We take the third, *expected value ranking*. With $b_i$ the bid of ad $i$ and $\hat p_i$ its
# predicted click probability, the ads are ordered by
# $$v_i = b_i \, \hat p_i,$$
# which counted per thousand impressions is called eCPM. An ad that bids 2.00 with $\hat p = 0.01$ is
# worth 20 per thousand impressions and goes before one that bids 1.50 with $\hat p = 0.012$, worth 18.
#
# Because the probability is multiplied by money, its errors matter in another way than in a
# recommendation feed, and it pays to be exact about how. If every $\hat p_i$ is twice too high, the
# order does not change at all. If only the video ads are twice too high, they win auctions that they
# should lose. A common factor starts to cost money where the number itself is read: against a reserve
# price in eCPM (the least that a slot is sold for), in a price rule that divides by it, in the pacing of
# budgets, in a promise to an advertiser. So we want *calibrated* probabilities, meaning that of the impressions predicted at 2 %,
# two in a hundred are clicked, and [33_calibrate](33_calibrate.ipynb) measures what each kind of error
# is worth.
#
# For the offline metric this rules out using the area under the ROC curve (AUC) alone, which reads only the
# order. The log loss $-\log \hat p$ of a click and $-\log(1 - \hat p)$ of its absence punishes both a wrong
# order and probabilities that are too high or too low, so the course reports it first and AUC beside it.

# %% [markdown]
# ## Look at what is logged
#
# The world below stands for the company: it knows how its users behave, and we see only its log.
# `history` runs a plain logging policy, which ranks by the bid times yesterday's smoothed click rates
# and orders one request in twenty at random.

# %% tags=["nbval-check-output"]
world = AdClickWorld(seed=11)
logs = world.history(days=14)
sorted(logs.tables)

# %% [markdown]
# There is one table per kind of fact. The central one is `impressions`; here are nine of its columns.

# %%
columns = ["request_id", "user_id", "ad_id", "position", "bid", "price", "propensity", "explored"]
logs.impressions[[*columns, "ts"]].head(4).round(3)

# %% [markdown]
# Four things in this log are easy to forget and impossible to add later.
#
# - The *propensity* is the probability with which the policy showed this ad in this slot. With it, an
#   old log can judge a new policy.
# - `explored` marks the randomised requests, the only ones in which the slot does not depend on how
#   good the policy thought the ad was.
# - The table `candidates` records what was *not* shown.
# - Every row carries two times. `ts` is the *event time*, when the fact happened; `known_at` is the
#   *known-at time*, when it reached us (stream processors call it processing time). A feature that
#   ignores the second reads the future.
#
# The randomised requests answer a question that the rest of the log cannot. The top slot is clicked
# more than the lowest, for two reasons at once: fewer people look at lower slots, and the policy puts
# its weaker ads there. Only the first is *position bias*, the effect of the slot itself.
#
# **Your guess**: as logged by the ranking policy, the top slot is clicked 2.7 times as often as the
# lowest. How many times is it in the randomised requests?

# %% tags=["guess"]
guess("frame_position_ratio", ..., unit="times")

# %% [markdown]
# Click-through rates by slot, with 95 % intervals, for the requests that the policy ranked and for
# those that it ordered at random:

# %%
shown = logs.impressions.assign(
    order=logs.impressions["explored"].map({True: "random", False: "ranked"})
)
by_slot = shown.groupby(["order", "position"])["click"].agg(["mean", "size"])
by_slot["error"] = 1.96 * np.sqrt(by_slot["mean"] * (1 - by_slot["mean"]) / by_slot["size"])
ratio = by_slot["mean"].xs(0, level="position") / by_slot["mean"].xs(2, level="position")
compare("frame_position_ratio", ratio["random"])

# %%
figure, axes = plt.subplots(figsize=(6, 3))
for name, colour in (("ranked", "blue"), ("random", "orange")):
    rows = 100 * by_slot.loc[name]
    axes.errorbar(
        rows.index, rows["mean"], rows["error"], fmt="o-", color=COLOURS[colour], label=name
    )
axes.set(xlabel="position (0 is the top slot)", ylabel="click-through rate, %", xticks=[0, 1, 2])
axes.set(ylim=(0, None), title="Much of the gap between slots is the slot itself")
axes.legend(title="order of the ads")
plt.show()

# %% [markdown]
# A dot is the share of impressions in one slot that were clicked, and its bar the interval. Where the
# order was random, an ad in the top slot is as good as one in the lowest, so the remaining factor of
# about 1.9 is position bias. The rest of the 2.7 is the policy's doing. This is why a model reads the
# position in training, where it explains part of the labels, and is given one fixed position for all
# candidates when it serves. A model without it would learn that being shown low makes an ad bad.
#
# Factors multiply, so they are compared by their logarithms. One request in twenty is not much, and the
# interval of the random ratio says how little: relative errors of a quotient add up in squares.

# %%
share_of_position = np.log(ratio["random"]) / np.log(ratio["ranked"])
relative = (by_slot["error"] / by_slot["mean"]).loc["random"]
error = np.hypot(relative[0], relative[2])
low, high = ratio["random"] * np.exp([-error, error])
print(f"random ratio {ratio['random']:.2f}, 95 % interval {low:.2f} to {high:.2f}")
least, most = np.log([low, high]) / np.log(ratio["ranked"])
print(f"position bias is {share_of_position:.0%} of the log ratio, {least:.0%} to {most:.0%}")

# %% [markdown]
# So between half and three quarters of the logged gap, roughly, is the slot. Two weeks at this share of
# randomised requests do not tell more.

# %%
assert most < 1
assert 0.5 < share_of_position < 0.8

# %% [markdown]
# The second thing to look at is how late labels come. A click is known ten minutes after the
# impression here. A conversion, the purchase after a click, comes when the user gets round to it. The
# time between is the *label delay*. To be fair to slow conversions, take only clicks of the first
# week, so that each has had at least seven days to convert.
#
# **Your guess**: of the conversions known within seven days of the click, what share came within one
# hour?

# %% tags=["guess"]
guess("frame_within_an_hour", ..., unit="%")

# %% [markdown]
# The delays of those conversions, sorted, so that the share that has arrived by each of them is a
# running count:

# %%
conversions = logs.conversions.query("click_ts < 7 * 86_400")
waited = (conversions["known_at"] - conversions["click_ts"]) / 86_400
delay = np.sort(waited[waited <= 7])
arrived = np.arange(1, len(delay) + 1) / len(delay)
compare("frame_within_an_hour", 100 * np.mean(delay <= 1 / 24))

# %%
band = 1.96 * np.sqrt(arrived * (1 - arrived) / len(delay))
figure, axes = plt.subplots(figsize=(6, 3))
axes.plot(delay, 100 * arrived, color=COLOURS["blue"], label="arrived by then")
axes.fill_between(
    delay,
    100 * (arrived - band),
    100 * (arrived + band),
    color=COLOURS["blue"],
    alpha=0.2,
    label="95 % band",
)
axes.set(
    xscale="log", xlim=(1 / 1_440, 7), xlabel="time since the click (log scale)", ylim=(0, 102)
)
axes.set_xticks(
    [1 / 1_440, 1 / 96, 1 / 24, 0.25, 1, 7], ["1 min", "15 min", "1 h", "6 h", "1 day", "7 days"]
)
axes.set(ylabel="conversions known, %", title="One conversion in seven takes more than a day")
axes.legend()
plt.show()

# %% [markdown]
# The curve gives the share of these conversions that had arrived by a certain time after the click: at
# one day it stands at about 86 %. A conversion model that is trained at midnight therefore misses part
# of the last day's positives and learns that new ads do not sell. Even this curve flatters us, since
# conversions later than seven days are not in it; [42_convert](42_convert.ipynb) treats the rest.

# %%
within_a_day = np.mean(delay <= 1)
assert 0.8 < within_a_day < 0.95
f"{100 * within_a_day:.0f} % of {len(delay)} conversions within a day"

# %% [markdown]
# Clicks have no such problem, which is one more reason to start with them. Three more biases belong on
# the whiteboard: only ads that won an auction have labels at all (selection bias); some clicks come
# from robots; and a few users see far more ads than the rest.

# %% [markdown]
# ## Decide what to rank by
#
# Back to the first question, who pays for what. Two policies compete for the same requests, both with
# the same smoothed click rate of each ad, which the next chapter builds from scratch. One ranks
# candidates by expected value $b_i \hat p_i$, the other by the bid $b_i$ alone. The market is simple on
# purpose: the winner pays its own bid (a first-price auction), and budgets are too large to bind. Its
# owner may bill in one of two ways. Billed *per click*, a bid is paid when the ad is clicked; billed
# *per impression*, it is paid when the ad is shown, and bids are then quoted per thousand impressions.
#
# **Your turn.** Decide for each way of billing what *you* would rank by. The check only makes sure that
# your rule can be deployed; whether it is a good one, the market will say.


# %% tags=["your-turn"]
def ranking_rule(billing):
    """Return "expected_value" or "bid" for billing "click" or "impression"."""
    return ...


# %% tags=["check"]
verdict = check(
    "ranking_rule",
    ranking_rule,
    holds(
        lambda rule: {rule("click"), rule("impression")} <= {"expected_value", "bid"},
        'return "expected_value" or "bid" for both ways of billing',
    ),
)
verdict

# %% [markdown]
# **Your guess** goes with it: if one ranks by the bid alone instead of expected value, what happens to
# revenue under each way of billing?

# %% tags=["guess"]
guess("frame_bid_alone_per_click", ..., choices=("less", "more"))
guess("frame_bid_alone_per_impression", ..., choices=("less", "more"))

# %% [markdown]
# `world.compare` makes a *twin-world comparison*: each policy runs alone in a copy of the market, with
# the same users and the same random numbers, so that nothing but the policy can explain a difference.
# No company can run this experiment. Here it is the answer key.


# %%
def bid_alone_against_value(billing):
    """Return the change in percent when a market is ranked by the bid alone."""
    config = AdClickConfig(billing=billing, price_rule="first", budget_per_impression=1.0)
    market = AdClickWorld(seed=11, config=config)
    log = market.history(days=14).labelled_log()
    train = log.frame.iloc[log.split.train]
    rates = SmoothedRate(levels=(("ad_id",),), strength=500.0).fit(train, train["click"])
    by_value = ScorerPolicy(rates, rank_by="expected_value")
    by_bid = ScorerPolicy(rates, rank_by="bid")
    return market.compare(by_value, by_bid, days=3).changes()


# %% [markdown]
# Both markets, three days each, with four measures: revenue, clicks, what advertisers gain (the value
# of conversions minus what was paid), and the ads that users hide.

# %%
changes = pd.concat(
    {f"per {billing}": bid_alone_against_value(billing) for billing in ("click", "impression")},
    names=["billed", "measure"],
).drop("click_through_rate", level="measure")
revenue = changes["estimate"].xs("revenue", level="measure")
for billing in ("click", "impression"):
    answer = "less" if revenue[f"per {billing}"] < 0 else "more"
    compare(f"frame_bid_alone_per_{billing}", answer)

# %%
plot_changes(
    changes.rename(index={"advertiser_value": "advertiser value", "user_cost": "ads hidden"}),
    title="Ranking by the bid loses revenue only where clicks are billed",
    xlabel="change against ranking by expected value (%, bar: 95 % interval)",
)
plt.show()
assert revenue["per click"] < 0 < revenue["per impression"]
assert changes["high"].xs("clicks", level="measure").max() < 0

# %% [markdown]
# A dot is the change when candidates are ranked by the bid alone, and its bar the 95 % interval. Left of
# the black line means less, which is worse for all but the hidden ads. Billed per click it loses more than a tenth of the revenue,
# because it fills the slots with ads that promise much and are not clicked. Billed per impression the
# same rule earns more, because a click is not what is paid for. One question, asked in the first
# minute, decides the sign.
#
# The guardrails tell the other half. Under either way of billing the bid alone brings a fifth fewer
# clicks, advertisers gain less for their money, and users hide more ads. Billed per impression, the
# company does not feel that in this week's revenue. Its advertisers do, and they set next month's bids;
# this market keeps bids fixed, so it cannot show that part, which [50_auction](50_auction.ipynb) adds.

# %% [markdown]
# Your own rule, or ranking by expected value everywhere where you made none, against the better of the
# two rules for revenue:

# %%
rule = verdict.answer_or(lambda billing: "expected_value")
lost = {}
for billing in ("click", "impression"):
    earned = {"expected_value": 100.0, "bid": 100 + revenue[f"per {billing}"]}
    lost[f"per {billing}"] = 100 * (1 - earned[rule(billing)] / max(earned.values()))
pd.Series(lost, name="revenue given up, %").round(1).to_frame().T

# %% [markdown]
# **Change this and see.** Give the rates a `strength` of 5 instead of 500, so that an ad with two views
# and one click looks like a bargain. How much of the advantage of expected value is left? That is the
# price of a bad probability, and the subject of the next chapter.

# %% [markdown]
# ## Results
#
# Nothing has been learned yet, so there is no earlier rung to compare with. The table holds what later
# chapters have to respect: each requirement, how it is judged, and what was computed or measured.

# %%
within = cores.index[cores <= budgeted_cores]
batch_ms = 200 * milliseconds
bid_alone = {
    measure: f"bid alone {row['estimate']:+.1f} % [{row['low']:.1f}, {row['high']:.1f}]"
    for measure, row in changes.loc["per click"].iterrows()
}
requirements = [
    ("cost", f"at most {budgeted_cores:,.0f} cores", f"{len(within)} of {len(cores)} models"),
    ("latency", "20 ms, 99th percentile", f"typically {batch_ms.max():.1f} ms or less"),
    ("log", "disks for a month", f"{log_of_a_month:,.0f} TB"),
    ("revenue", "more than by the bid alone", bid_alone["revenue"]),
    ("guardrail: advertisers", "no less value than that", bid_alone["advertiser_value"]),
    ("guardrail: users", "no more ads hidden than that", bid_alone["user_cost"]),
]
TextTable(pd.DataFrame(requirements, columns=["requirement", "criterion", "measured"]))

# %% [markdown]
# The last three rows are for clicks that are billed, and their brackets hold 95 % intervals; the two of the
# guardrails exclude zero only just after three days. The row of the latency does not answer its requirement
# yet. It takes two fifths of the time of 500 rows, although a call costs something before its first row, and
# it is a typical time on an idle core, which says little about the slowest request in a hundred, because that
# one waits behind others. That takes a running service under load, and [60_serve](60_serve.ipynb) starts one.

# %% [markdown]
# ## What breaks in production
#
# Requirements drift. The classic case is a billing rule that sales changes for one large customer: half
# of the traffic is then ranked by the wrong objective, and no offline metric notices, because the model
# is as good as before. Log the billing rule with each auction, and report revenue by it.
#
# A capacity sheet that nobody updates is the second. Keep it in code next to the measured times, as
# above, so that a model which doubles its time per score also changes the number of machines on order.
#
# Third, the log loses what it cost nothing to keep. Somebody drops the losing candidates to save disk
# space, and half a year later nobody can say what another policy would have shown.

# %% [markdown]
# ## In the interview
#
# **"Should we rank by predicted clicks?"** A mid-level answer says yes and starts with the features. A
# senior answer asks what is billed, and ranks by bid times pCTR if it is clicks; here the bid alone lost
# 12 % of revenue per click and gained 5 % per impression. A staff answer adds the guardrails: under both
# rules the bid alone brought a fifth fewer clicks, so the gain per impression is borrowed from the
# advertisers' next bids.
#
# **"Can we afford a deep model at 50,000 requests per second?"** A mid-level answer says that deep models
# are slow. A senior answer multiplies: 200 candidates make ten million scores per second, and at 20
# microseconds that is 200 busy cores, or 333 at 60 % load. A staff answer brings measurements: the
# networks here need a fifth of that and the boosted trees all of it, and the first real limit of a network is
# memory, 64 GB for a billion ids.
#
# **"How would you remove position bias?"** A mid-level answer drops the position from the features. A
# senior answer trains with the position and serves with a fixed one. A staff answer asks for randomised
# requests to check it: as logged the top slot got 2.7 times the clicks of the lowest, with random order
# 1.9 times (1.6 to 2.2), so a model that took the first number for position bias would overcorrect.

# %% [markdown]
# ## Summary
#
# - Ask the question whose answer changes the design, and say what depends on it.
# - Split retrieval from ranking: the number of candidates decides what a score may cost.
# - Estimate first, compute second, measure third, and keep the units.
# - Rank by bid times pCTR where clicks are billed, and watch the guardrails.
# - Log propensities, losing candidates, randomised requests, and two times per fact.

# %% [markdown]
# ## Recall
#
# 1. Why does the position enter training but not scoring?
#
# <details><summary>Answer</summary>In training it explains part of the labels, so that a weak slot is not
# taken for a weak ad. When candidates are scored, their slots are not decided yet, so all get the same
# fixed position.</details>
#
# 2. What is a propensity, and why can it not be added later?
#
# <details><summary>Answer</summary>The probability of the logged action under the policy that took it. It
# depends on the state of that policy at that moment, which is gone afterwards.</details>
#
# 3. All predicted probabilities are twice too high. Name one place where that changes nothing and one
# where it costs money.
#
# <details><summary>Answer</summary>It does not change the order by bid times pCTR, because every candidate
# is multiplied by the same factor. It does cost where the number itself is read: a reserve in eCPM,
# pacing, or a promise to an advertiser.</details>

# %% [markdown]
# ## Lab and further reading
#
# This chapter has no lab of its own. The first one, [lab_20_baseline](../../labs/01_ad_click_prediction/lab_20_baseline.ipynb),
# belongs to the next chapter, [20_baseline](20_baseline.ipynb).
#
# - Xinran He et al. 2014, *Practical Lessons from Predicting Clicks on Ads at Facebook*, ADKDD.
# - H. Brendan McMahan et al. 2013, *Ad Click Prediction: a View from the Trenches*, KDD.
# - Benjamin Edelman, Michael Ostrovsky, Michael Schwarz 2007, *Internet Advertising and the
#   Generalized Second-Price Auction*, American Economic Review 97(1).
# - Olivier Chapelle 2014, *Modeling Delayed Feedback in Display Advertising*, KDD.
