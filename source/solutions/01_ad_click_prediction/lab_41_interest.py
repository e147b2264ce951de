# ---
# jupyter:
#   mlsd:
#     title: Weigh what a user clicked by the ad at hand
#     sections:
#     - {name: Interest that turns, minutes: 14}
#     - {name: Weigh clicks by the candidate, minutes: 16, stop: true}
#     - {name: Race the network against a count, minutes: 10}
#     - {name: A decision, minutes: 6}
#     - {name: A policy that remembers, minutes: 14}
#     introduces: {}
#     needs: [embedding, known-at predicate, as-of counter, Beta smoothing, normalized entropy, clustered interval, hashed logistic regression, twin-world comparison]
# ---

# %% [markdown]
# # Weigh what a user clicked by the ad at hand
#
# **60 minutes, 17 points**, three of them for an answer in prose.
#
# This lab belongs to [41_cross](../../notebooks/01_ad_click_prediction/41_cross.ipynb) and needs
# the chapters up to it. A user's counter says how often she clicks; it does not say that she
# clicked three tents yesterday. The *deep interest network*, DIN (Zhou et al. 2018), reads the list
# of what a user clicked and weighs every item of it by the ad that is to be scored.
#
# Afterwards you can build user histories that know nothing of the future, pool them by attention and say what
# a mean would lose, decide between a network and a count on cost as well as on quality, and deploy a policy
# that remembers.

# %%
import time
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from mlsd import metrics
from mlsd.features import ClickHistories, CounterFeatures, click_histories
from mlsd.lab_support.ad_click.turning_interest import CONFIG, CONTEXT, InterestPolicy
from mlsd.models import DIN, HashedLogisticRegression
from mlsd.notebook import track
from mlsd.plots import COLOURS, course_style, plot_changes
from mlsd.worlds import AdClickConfig, AdClickWorld

plt.rcParams.update(course_style())

# %% [markdown]
# ## Interest that turns
#
# The market of this lab is built for its subject: users click more often than in the chapters, and each group
# of a few users has strong tastes of its own. It comes in two editions. In the *steady* one tastes turn by two
# degrees a day, as slowly as in the chapters. In the *turning* one they turn by twenty degrees a day, so that
# after four and a half days, at a right angle, nothing of them is left. Both have a thousand users here.

# %%
half = {"users": 1_000, "requests_per_day": 6_000}
drift = {"steady": AdClickConfig().drift_per_day, "turning": CONFIG.drift_per_day}
logs = {}
for name, radians in drift.items():
    config = replace(CONFIG, **half, drift_per_day=radians)
    logs[name] = AdClickWorld(seed=43, config=config).history(days=6).labelled_log()
{name: f"{log.label.sum() / 1_000:.1f} clicks per user" for name, log in logs.items()}

# %% [markdown]
# ### Exercise 1: what was clicked last, as of each row
#
# - **Goal**: for each row, the categories of the last `k` clicks of its user, newest first. A click counts if
#   its label was *known* strictly before the row (`known_at < ts`) and if it happened at most `memory` seconds
#   before the row. The order is that of the clicks themselves, their `ts`, and not that in which they became
#   known.
# - **Inputs**: `rows`, a DataFrame with the columns `user_id`, `category`, `ts`, `known_at` (both in seconds)
#   and `click` (0 or 1), in any order; `k`; `memory` in seconds.
# - **Output**: whole numbers of shape (n, k), in the order of the rows, and -1 where there is no such click.
#
# **Worked number**: a user clicks category 5 at 0 s, known at 10 s, and category 6 at 20 s, known at 30 s. Her
# row at 60 s has [6, 5]. Her row at 20 s has [5, -1], without its own click.


# %% tags=["exercise"] exercise="last_clicks"
def last_clicks(rows, k, memory):
    """Return the categories of each row's last clicks, shape (n, k), -1 where there is none."""
    ### BEGIN SOLUTION
    past = np.full((len(rows), k), -1)
    clicks = rows[rows["click"] == 1].sort_values("ts", ascending=False)
    for place, row in enumerate(rows.itertuples()):
        own = clicks[clicks["user_id"] == row.user_id]
        seen = own[(own["known_at"] < row.ts) & (own["ts"] >= row.ts - memory)]
        found = seen["category"].to_numpy()[:k]
        past[place, : len(found)] = found
    return past
    ### END SOLUTION


# %% tags=["check"] points=3
from mlsd.checks.ad_click.lab_41_interest import check_last_clicks

check_last_clicks(last_clicks)

# %% [markdown]
# The text goes on with the package's `click_histories`, which keeps the same clock and has no `memory`. It puts
# the click first that became known last; every label here takes equally long, so its order is yours. Does a
# past click say anything about the next one, and for how long? For each place of the history we compare two
# click rates: that of candidates of the category that stands there, and that of all other candidates.

# %%
figure, axes = plt.subplots(figsize=(6.0, 2.8))
for (name, log), colour in zip(logs.items(), ("blue", "orange")):
    past = click_histories(log.frame, ["category"], roles=log.roles, length=10)
    past, candidate = past["clicked_category"], log.frame["category"].to_numpy()[:, None]
    same, other = past == candidate, (past >= 0) & (past != candidate)
    lift = [log.label[same[:, i]].mean() / log.label[other[:, i]].mean() for i in range(10)]
    axes.plot(range(1, 11), lift, "o-", color=COLOURS[colour], label=f"{name} market")
axes.axhline(1, color=COLOURS["grey"], ls="--", label="no difference")
axes.set(xlabel="place in the history, 1 is the newest click", ylabel="click rate, same / other")
axes.set_ylim(0, None)
axes.set_title("Where tastes turn, older clicks tell less and less")
axes.legend()
plt.show()

# %% [markdown]
# A dot is the ratio of the two click rates at one place of the history. In the steady market an ad of a clicked
# category is clicked three and a half times as often as another, and the seventh click says almost as much as
# the first. In the turning market the advantage melts from place to place. So a history is worth reading, and
# in a market that turns its order and its freshness matter.
#
# ## Weigh clicks by the candidate
#
# DIN has a vector for each category. Let $a$ be the vector of the candidate's category and $e_1, e_2, \dots$
# those of the past clicks. The user's interest *in this candidate* is the weighted sum
# $$\sum_j w(e_j, a)\, e_j.$$
# In the paper a small network, the *activation unit*, computes the weight $w$. Here the dot product
# $\langle e_j, a \rangle$ does, because it needs no training. Weighing a list by the item at hand is called
# *attention*. Users differ in the number of their clicks, so the lists are filled up with pads, and a mask
# says which places are real.
#
# ### Exercise 2: pool a history
#
# - **Goal**: the interest vector of each row, with the dot products as weights or, where `normalise` is true,
#   with their *softmax* over the real places, $\exp(w_j) / \sum_i \exp(w_i)$, so that they sum to one. A pad
#   contributes nothing, whatever stands there, even NaN. Without any click the interest is zero. Decide where
#   the mask has to act; more than one place needs it.
# - **Inputs**: `past`, shape (n, k, d); `present`, booleans of shape (n, k), false at a pad; `candidate`, shape
#   (n, d); `normalise`.
# - **Output**: shape (n, d).
#
# **Worked number**: for candidate (1, 0) and clicks (1, 0), (1, 0) and (0, 2) the weights are 1, 1 and 0, and
# the interest is (2, 0). With softmax they are 0.42, 0.42 and 0.16, and the interest is (0.84, 0.31).


# %% tags=["exercise"] exercise="pool_history"
def pool_history(past, present, candidate, normalise):
    """Return the past vectors, each times its weight for the candidate, summed: shape (n, d)."""
    ### BEGIN SOLUTION
    past = np.where(present[:, :, None], past, 0.0)
    weight = np.einsum("nkd,nd->nk", past, candidate)
    if normalise:
        top = np.where(present, weight, -np.inf).max(axis=1, keepdims=True, initial=-1e30)
        weight = np.where(present, np.exp(np.minimum(weight - top, 0.0)), 0.0)
        weight = weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
    return np.einsum("nk,nkd->nd", weight, past)
    ### END SOLUTION


# %% tags=["check"] points=3
from mlsd.checks.ad_click.lab_41_interest import check_pool_history

check_pool_history(pool_history)

# %% [markdown]
# Note what the softmax takes away: two clicks of a kind and twenty give the same vector. The authors left it
# out for that reason, because they wanted to keep the *intensity* of an interest. The race below tries both.
#
# ### Exercise 3: what the mean cannot tell apart
#
# - **Goal**: a counterexample. Before DIN, histories were pooled by their mean, which gives one vector per user
#   whatever the candidate. Find the histories of two users, of *equal length*, that have the same mean, while
#   attention to a candidate of category 0 (dot products, no softmax) gives two different vectors.
# - **Inputs**: none; the categories have the vectors 0: (1, 0), 1: (-1, 0), 2: (0, 1) and 3: (0, -1).
# - **Output**: the pair of histories, each a list of categories.
#
# **Worked number**: ([0, 2], [2, 0]) has equal means and still fails, because attention does not see the order
# either.


# %% tags=["exercise"] exercise="two_histories"
def two_histories():
    """Return two histories, lists of categories, that only attention can tell apart."""
    ### BEGIN SOLUTION
    return [0, 1], [2, 3]
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.ad_click.lab_41_interest import check_two_histories

check_two_histories(two_histories)

# %% [markdown]
# A mean has only $d$ numbers for all candidates together. More dimensions make such collisions rarer; attention
# avoids them by asking again for every candidate, and pays for that with every score.
#
# ## Race the network against a count
#
# A network is not the only way to weigh by the candidate. The simplest is to *count* the clicks in the history
# that have the candidate's category, and to give a linear model that one number, or their *share* in the
# history. Count and share differ in the same way as plain weights and softmax do. A rival from
# [30_count](../../notebooks/01_ad_click_prediction/30_count.ipynb) joins: as-of counters of user and category
# with a half-life of a day, which know the views as well as the clicks.

# %%
log = logs["steady"]
frame, candidate = log.frame, log.frame["category"].to_numpy()[:, None]
past = click_histories(frame, ["category"], roles=log.roles, length=10)["clicked_category"]
matching, clicks = (past == candidate).sum(axis=1), (past >= 0).sum(axis=1)
table = {name: frame[name].to_numpy() for name in frame.columns} | {"clicked_category": past}
table |= {"count": np.log1p(matching), "share": matching / np.maximum(clicks, 1)}
counters = CounterFeatures([("user_id", "category")], half_lives=(86_400.0,))
store = counters.serving(log, warm=False)
store.update(frame)
table |= store.lookup(frame, frame["ts"].to_numpy())
learn, later = log.split.train, np.arange(log.split.train[-1] + 1, len(frame))

# %% [markdown]
# Every row looks back from its own moment, later rows too, as they would when served. The models are fitted on
# the first four fifths of the rows and read on the last fifth. DIN's settings were chosen in another world. It
# runs three times: with a softmax, without, and without but with vectors that start at 0.3 instead of 0.01,
# the start from which the chapter's planted product was found every time.

# %%
network = {"categorical": ("ad_id", "category", "publisher_id", "device", "format", "position")}
network |= {"embedding_dim": 8, "hidden": (32,), "attention_hidden": (32,), "dropout": 0.0}
network |= {"weight_decay": 0.01, "epochs": 4.0, "patience": 30}
network |= {"learning_rate": 3e-3, "embedding_learning_rate": 1.0}
attended = network | {"histories": (("clicked_category", "category"),)}
models = {"no history": HashedLogisticRegression(categorical=CONTEXT, C=0.3)}
for name in ("share", "count"):
    models[f"linear, {name}"] = HashedLogisticRegression(
        categorical=CONTEXT, numeric=(name,), C=0.3
    )
numeric = counters.names
models["linear, counter"] = HashedLogisticRegression(categorical=CONTEXT, numeric=numeric, C=0.3)
models |= {"network without history": DIN(**network)}
models |= {"DIN, softmax": DIN(**attended, normalise=True), "DIN": DIN(**attended)}
models |= {"DIN, larger start": DIN(**attended, embedding_scale=0.3)}

# %% [markdown]
# The reference is the linear model without a history. Where do you expect DIN to end up between it and the
# count?

# %%
predicted, seconds = {}, {}
for name, model in track(models.items(), "fitting"):
    began = time.process_time()
    model.fit({key: values[learn] for key, values in table.items()}, log.label[learn])
    seconds[name] = time.process_time() - began
    rows = {key: values[later] for key, values in table.items()}
    predicted[name] = model.predict_proba(rows)[:, 1]

base, users = predicted.pop("no history"), frame["user_id"].to_numpy()[later]
drawn = {"clusters": users, "repetitions": 200, "seed": 0}
entropy, outcome = metrics.normalized_entropy, log.label[later]
changes = [metrics.paired_interval(entropy, outcome, p, base, **drawn) for p in predicted.values()]
changes = pd.DataFrame(map(vars, changes), index=list(predicted))[["estimate", "low", "high"]]
plot_changes(
    changes,
    title="A count in a linear model gains more than the network",
    xlabel="change in normalized entropy from the linear model without history",
)
plt.show()
assert changes["estimate"][["linear, count", "DIN", "DIN, softmax"]].is_monotonic_increasing
changes.assign(fit_cpu_seconds=pd.Series(seconds)).round(3)

# %% [markdown]
# A dot left of zero gains over the model without history, and the bar is the 95 % interval over users. DIN gains
# clearly where the same network without a history gains nothing, so attention does find the interest. With a
# softmax nearly all of that is lost, as the authors feared. But the *count*, one number in a linear model, gains
# half as much again at a tenth of the cost, and so does the counter. **DIN does not beat the count here.**
#
# We suspect that this is due to the market: its categories have nothing to do with each other, so "the same
# category" is all that a history can say. The count is told so, whereas the network has to find it out from
# examples. One explanation can be struck off: the larger start gained no more than the small one, so DIN was
# not held up by a plateau. It may well win where past items resemble the candidate in ways that nobody has
# named.
#
# **Change this and see.** Take `embedding_learning_rate` out of `network`, which sets it back to the package's
# 0.05, and run the race again. How much of DIN's gain depends on that one number?
#
# The share has a fault that you can repair: one match in one click counts as much as ten in ten.
#
# ### Exercise 4: a share that knows how little it knows
#
# - **Goal**: the share of the history's clicks that match the candidate's category, smoothed towards the
#   category's `prior` as if `strength` further clicks had been spread like it; and of that the *logarithm of
#   its ratio to the prior*. So a user without a history gets 0 for every candidate.
# - **Inputs**: `past`, categories of shape (n, k), -1 where there is none; `candidate`, shape (n,); `prior`, a
#   share for each category, above zero; `strength`, in clicks.
# - **Output**: shape (n,).
#
# **Worked number**: past (3, 3, 1, -1), candidate 3, prior 0.2 and strength 2 give $(2 + 0.4) / (3 + 2) = 0.48$,
# and $\log(0.48 / 0.2) = 0.88$.


# %% tags=["exercise"] exercise="interest"
def interest(past, candidate, prior, strength):
    """Return the log of each row's smoothed share of matching clicks over the prior, shape (n,)."""
    ### BEGIN SOLUTION
    matches = (past == candidate[:, None]).sum(axis=1)
    clicks = (past >= 0).sum(axis=1)
    expected = prior[candidate]
    return np.log((matches + strength * expected) / (clicks + strength) / expected)
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.ad_click.lab_41_interest import check_interest

check_interest(interest)

# %% [markdown]
# ## A decision

# %% [markdown] tags=["exercise"] exercise="decision" points=3
# ### Exercise 5: is the network worth its histories?
#
# - **Goal**: a decision in about eight lines. Suppose that on your company's log DIN gains 0.002 of
#   normalized entropy over a linear model with match counts from the same histories, and the
#   interval excludes zero. A colleague offers to refresh the histories every night.
# - **Inputs**: the service scores 500 candidates per request, at 2,000 requests per second, for 200 million
#   users. A history holds the last 50 clicks (ad 8 bytes, category 2, time 4). Weighing one click for one
#   candidate takes DIN about a microsecond of one core.
# - **Output**: what it costs to store and to serve, what you measure before you decide, and what you answer on
#   the nightly refresh.
#
# <!-- BEGIN SOLUTION -->
# **Rubric**: bytes per user times users, one lookup per request, and the work that grows with candidates times
# history, each as a number (1); a measurement that decides, of latency and revenue, against the *count* and not
# against nothing (1); staleness measured by replay with histories as they would be served, and training and
# serving on the same clock (1).
#
# **Sample answer, full marks**: 50 clicks of 14 bytes are 700 bytes per user, 140 GB for all before replicas and
# index, so the store is sharded and every request waits for one lookup, for the user and not for each
# candidate. The count needs the same lookup, so storage is no argument against DIN; the activation unit is.
# It runs 50 times 500, or 25,000 times per request, which takes 25 ms of a core, and at 2,000 requests per
# second keeps 50 cores fully busy. I measure p99 at that load, and the gain again with 10 clicks (a fifth of
# the work) and on the candidates that survive a cheaper first score. Then an A/B test against the count, since
# 0.002 may earn nothing. I judge the nightly refresh by replay: training rows with histories as of the last
# midnight show what of the gain is left, and if interests turn within a day, most of it is gone. A model
# trained on fresh histories and served nightly ones has training-serving skew, so both sides must share one
# clock. I would ship the count with fresh clicks, and DIN when the A/B test pays for the activation unit.
#
# **Sample answer, half marks**: The histories take 140 GB, which fits into a few machines, and DIN needs 25 ms
# per request. It is significantly better offline, so I would run an A/B test of DIN against today's system. A
# nightly refresh is cheaper, and one day does not matter much. *It has the numbers of the first criterion. It
# tests against today's system instead of the count, so it cannot say what the network adds, and it asserts
# what the nightly refresh costs instead of replaying it.*
# <!-- END SOLUTION -->

# %% [markdown]
# ## A policy that remembers
#
# `InterestPolicy(scorer, histories, interest)` looks up the history of each request's user, calls
# `interest(past, candidate)`, hands the result to the scorer as the column `interest`, and remembers new clicks
# as they become known. Here `interest` is any function of yours from categories, `past` of shape (n, length)
# and `candidate` of shape (n,), to one number per row; that of exercise 4 needs its prior and strength filled
# in first. `ClickHistories(["category"], length=10).serving(log)` makes the `histories`. The scorer has to have
# learned from the same column, made in the same way, from what each training row could know.
#
# ### Exercise 6: earn with a memory
#
# - **Goal**: a policy that earns clearly more than the linear model that knows no history. Decide how many
#   clicks to remember, how to weigh them (the race says what to begin with, though its market was steady), and
#   from which moment a training row looks back.
# - **Input**: `log`, a labelled log of four days (`log.frame`, `log.label`, `log.roles`, `log.split`) from a
#   turning market of two thousand users. The columns of the baseline are `CONTEXT`.
# - **Output**: a policy; `InterestPolicy` will do, and so will one of your own with `act` and `observe`.
#
# **Worked number**: the baseline stands at 100 %, and the check asks for 109.9 % over the next four days, as the
# mean of six fresh markets. Before that comes a *placebo*: a policy is made from a log whose clicks were dealt out
# at random, so that a past click means nothing. If that policy still changes its predictions by more than a
# quarter for those who clicked, its weight does not come from what a row could know. To try a policy in six
# other markets, import `deployed_revenue` from `mlsd.lab_support.ad_click.turning_interest` and call
# `deployed_revenue(44, make_policy)`. It returns the mean with its interval over the markets.


# %% tags=["exercise"] exercise="make_policy"
def make_policy(log):
    """Return a policy that looks up what each user clicked last."""
    ### BEGIN SOLUTION
    length, rows = 20, log.split.train
    weights = 0.85 ** np.arange(length)

    def matches(past, candidate):
        return np.log1p(2 * ((past == candidate[:, None]) * weights).sum(axis=1))

    past = click_histories(log.frame, ["category"], roles=log.roles, length=length)
    column = matches(past["clicked_category"], log.frame["category"].to_numpy())
    line = HashedLogisticRegression(categorical=CONTEXT, numeric=("interest",), C=0.3)
    line.fit(log.frame.assign(interest=column).iloc[rows], log.label[rows])
    histories = ClickHistories(["category"], length=length).serving(log)
    return InterestPolicy(line, histories, matches)
    ### END SOLUTION


# %% tags=["check"] points=4
from mlsd.checks.ad_click.lab_41_interest import check_make_policy

check_make_policy(make_policy)

# %% [markdown]
# Two of the mistakes that the check catches are worth a deployment of your own. If the training rows read the
# history as of the log's end, the column has seen the answer, so its weight is too large and bids are ranked by
# probabilities that are too sure of themselves. With the solution's column more than half of the gain in revenue
# is lost; with one that forgets within a few clicks so little that revenue would not give the leak away. The
# placebo does: there a past click multiplies the prediction by seven. And if the histories stay as they were when the log ended, hardly anything is left
# of the gain in this market.
#
# Further reading: Guorui Zhou et al. 2018, *Deep Interest Network for Click-Through Rate Prediction*,
# KDD; Guorui Zhou et al. 2019, *Deep Interest Evolution Network for Click-Through Rate Prediction*,
# AAAI, on interests that turn.
