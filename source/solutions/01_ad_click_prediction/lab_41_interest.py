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
#     introduces: []
#     needs: [embedding, known-at predicate, as-of counter, Beta smoothing, normalized entropy, clustered interval, hashed logistic regression, twin-world comparison]
# ---

# %% [markdown]
# # Weigh what a user clicked by the ad at hand
#
# A counter says how often a user clicks. It does not say that she clicked three tents yesterday. The
# *deep interest network*, DIN (Zhou et al. 2018), reads the list of what was clicked, and weighs
# every item of the list by the ad that is to be scored. You build its inputs and its core in numpy,
# see it race against a plain count, and deploy a policy that remembers. Nothing is needed but the
# chapters up to `41_cross`.

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
from mlsd.plots import COLOURS, course_style, plot_changes
from mlsd.worlds import AdClickConfig, AdClickWorld

plt.rcParams.update(course_style())

# %% [markdown]
# ## Interest that turns
#
# The market of this lab is made for its subject: users click more often than in the chapters, and each
# group of a few users has strong tastes of its own. It comes in two editions. In the *steady* one tastes
# turn as slowly as in the chapters, by two degrees a day. In the *turning* one it is twenty degrees a
# day, so that after four and a half days nothing of them is left. Both have a thousand users here.

# %%
half = {"users": 1_000, "requests_per_day": 6_000}
drift = {"steady": AdClickConfig().drift_per_day, "turning": CONFIG.drift_per_day}
logs = {}
for name, radians in drift.items():
    config = replace(CONFIG, **half, drift_per_day=radians)
    logs[name] = AdClickWorld(seed=43, config=config).history(days=6).labelled_log()
{name: f"{log.label.sum() / 1_000:.1f} clicks a user" for name, log in logs.items()}

# %% [markdown]
# ### Exercise 1: what was clicked last, as of each row
#
# **Goal**: for each row, the categories of the last `k` clicks of its user, newest first. A click
# counts if its label was *known* strictly before the row (`known_at < ts`), and if it happened at most
# `memory` seconds before the row. The order is that of the *clicks*, their `ts`, and not that in which
# they became known. **Inputs**: `rows`, a DataFrame with the columns `user_id`, `category`, `ts`,
# `known_at` and `click`, in any order; `k`; `memory`. **Output**: whole numbers of shape (n, k), −1
# where there is no such click. **Worked number**: a user clicks category 5 at 0 s, known at 10, and 6
# at 20 s, known at 30. Her row at 60 s has [6, 5]; her row at 20 s has [5, −1], without its own click.


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
# The text goes on with the package's `click_histories`: the same clock, without a `memory`. It puts the
# click first that became known last; every label here takes equally long, so the order is yours. Does a
# past click tell anything, and for how long? We compare candidates of the category that stands at a
# place of the history with all others.

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
axes.legend()
plt.show()

# %% [markdown]
# How to read it: each dot compares two click rates at one place of the history. In the steady market an
# ad of the clicked category is clicked three and a half times as often as another, and the seventh click
# tells almost as much as the first. In the turning market the advantage melts from place to place. A
# history is worth reading, and there worth reading fresh.
#
# ## Weigh clicks by the candidate
#
# DIN has a vector for each category. For a candidate with vector **a** and past clicks with vectors
# **e₁, e₂, …**, the user's interest *in this candidate* is
#
# > Σ w(eⱼ, a) eⱼ
#
# In the paper a small network, the *activation unit*, gives the weight w. Here the dot product
# ⟨eⱼ, a⟩ does, which needs no training. Such a weighing by the item at hand is called *attention*. Users
# differ in the number of their clicks, so the list is filled up with pads, and a mask says what is real.
#
# ### Exercise 2: pool a history
#
# **Goal**: the interest vector of each row, with the weights as they are, or, where `normalise` is true,
# passed through a *softmax* over the real places, exp(wⱼ) / Σ exp(wᵢ), so that they sum to one. A pad
# enters nothing, whatever stands there, even NaN. Without any click, the interest is zero. **Inputs**:
# `past`, shape (n, k, d); `present`, booleans of shape (n, k), false at a pad; `candidate`, shape
# (n, d); `normalise`. **Output**: shape (n, d). **Worked number**:
# candidate (1, 0), clicks (1, 0), (1, 0) and (0, 2): the weights are 1, 1 and 0, the interest is
# (2, 0). With softmax they are 0.42, 0.42 and 0.16, and the interest is (0.84, 0.31).


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
# Note what the softmax takes away: two clicks of a kind and twenty give the same vector. The authors
# left it out for that reason; they wanted the *intensity* of an interest. The race below tries both.
#
# ### Exercise 3: what the mean cannot tell apart
#
# **Goal**: an example. Before DIN, histories were pooled by their mean, one vector a user whatever the
# candidate. Take four categories with the vectors 0: (1, 0), 1: (−1, 0), 2: (0, 1), 3: (0, −1). Find
# the histories of two users, lists of categories of *equal length*, that have the same mean, while
# attention to a candidate of category 0 (dot-product weights, no softmax) gives two different vectors.
# **Output**: the pair of lists. **Worked number**: ([0, 2], [2, 0]) has equal means, but fails: the
# order does not matter to attention either.


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
# A mean has only d numbers for all candidates together. More dimensions make such collisions rarer; the
# attention avoids them by asking again for every candidate, and pays for that at every score.
#
# ## Race the network against a count
#
# Weighing by the candidate is not the privilege of a network. The crudest form is to *count* the clicks
# in the history that have the candidate's category, and to give the line that one number. Or their
# *share* in the history. Count and share differ as the plain weights and the softmax do. A rival from
# `30_count` joins: as-of counters of user and category, with a half-life of a day. They know the *views*
# too.

# %%
log = logs["steady"]
frame, candidate = log.frame, log.frame["category"].to_numpy()[:, None]
past = click_histories(frame, ["category"], roles=log.roles, length=10)["clicked_category"]
matching, clicks = (past == candidate).sum(axis=1), (past >= 0).sum(axis=1)
table = {name: frame[name].to_numpy() for name in frame.columns} | {"clicked_category": past}
table |= {"count": np.log1p(matching), "share": matching / np.maximum(clicks, 1)}
counters = CounterFeatures([("user_id", "category")], half_lives=(86_400.0,))
twin = counters.serving(log, warm=False)
twin.update(frame)
table |= twin.lookup(frame, frame["ts"].to_numpy())
learn, later = log.split.train, np.arange(log.split.train[-1] + 1, len(frame))

# %% [markdown]
# Every row looks back from its own moment, later rows too, as they would when served. The models are
# fitted on the first four fifths, and read on the last. DIN's settings were chosen in another world.

# %%
network = {"categorical": ("ad_id", "category", "publisher_id", "device", "format", "position")}
network |= {"embedding_dim": 8, "hidden": (32,), "attention_hidden": (32,), "dropout": 0.0}
network |= {"weight_decay": 0.01, "epochs": 4.0, "patience": 30}
network |= {"learning_rate": 3e-3, "embedding_learning_rate": 1.0}
attended = network | {"histories": (("clicked_category", "category"),)}
models = {"line": HashedLogisticRegression(categorical=CONTEXT, C=0.3)}
for name in ("share", "count"):
    models[f"line, {name}"] = HashedLogisticRegression(categorical=CONTEXT, numeric=(name,), C=0.3)
numeric = counters.names
models["line, counter"] = HashedLogisticRegression(categorical=CONTEXT, numeric=numeric, C=0.3)
models |= {"network without history": DIN(**network)}
models |= {"DIN, softmax": DIN(**attended, normalise=True), "DIN": DIN(**attended)}

# %% [markdown]
# By how much, do you think, does each change the normalized entropy of the line without history?

# %%
predicted, seconds = {}, {}
for name, model in models.items():
    began = time.process_time()
    model.fit({key: values[learn] for key, values in table.items()}, log.label[learn])
    seconds[name] = time.process_time() - began
    rows = {key: values[later] for key, values in table.items()}
    predicted[name] = model.predict_proba(rows)[:, 1]

base, users = predicted.pop("line"), frame["user_id"].to_numpy()[later]
drawn = {"clusters": users, "repetitions": 200, "seed": 0}
entropy, outcome = metrics.normalized_entropy, log.label[later]
changes = [metrics.paired_interval(entropy, outcome, p, base, **drawn) for p in predicted.values()]
changes = pd.DataFrame(map(vars, changes), index=list(predicted))[["estimate", "low", "high"]]
plot_changes(changes, xlabel="change in normalized entropy against the line (left is better)")
plt.show()
assert changes["estimate"][["line, count", "DIN", "DIN, softmax"]].is_monotonic_increasing
changes.assign(fit_cpu_seconds=pd.Series(seconds)).round(3)

# %% [markdown]
# How to read it: a dot left of the line gains over the model without history, the bar is the interval
# over users. DIN gains clearly where the same network without a history gains nothing: attention does
# find the interest. With a softmax nearly all of that is lost, as the authors feared. But the *count*,
# one number in a linear model, gains half as much again, at a tenth of the cost, and so does the counter
# of `30_count`. **DIN does not beat the count here**, and it did not in four other worlds either: DIN
# gained 0.060 to 0.067, the count 0.094 to 0.098.
#
# A likely reason: the categories of this market have nothing to do with each other, so "the same
# category" is all that a history says. The count is told so; the network has to find it out, from
# products of vectors that start near zero, and `41_cross` showed how slowly such products begin. A
# similar network at the package's default learning rates gained 0.007 in this market; here the rate of
# the embeddings is twenty times the default, the best of about twenty trials in another world, where
# the count had none. DIN may win where past items resemble the candidate in ways that nobody has named.
#
# The share has a fault that you can repair: one match in one click is as sure as ten in ten.
#
# ### Exercise 4: a share that knows how little it knows
#
# **Goal**: the share of the history's clicks that match the candidate's category, smoothed towards the
# category's `prior` as if `strength` further clicks had been spread like it; and of that the
# *logarithm of its ratio to the prior*. So a user without history gets 0 for every candidate.
# **Inputs**: `past`, categories of shape (n, k), −1 where there is none; `candidate`, shape (n,);
# `prior`, a share for each category, above zero; `strength`. **Output**: shape (n,). **Worked number**:
# past (3, 3, 1, −1), candidate 3, prior 0.2 and strength 2: (2 + 0.4) / (3 + 2) is 0.48, and
# log(0.48 / 0.2) is 0.88.


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
# Your service scores 500 candidates a request, 2,000 requests a second, for 200 million users. A history
# holds the last 50 clicks (ad 8 bytes, category 2, time 4). On your log DIN gains 0.002 of normalized
# entropy over a line with match counts from the same histories; the interval excludes zero. To weigh one
# click for one candidate takes DIN about a microsecond of one core. A colleague offers to refresh the
# histories every night. In about eight lines: what does it cost to serve, what do you measure before you
# decide, and what do you answer on the nightly refresh?
#
# <!-- BEGIN SOLUTION -->
# 50 × 14 bytes are 700 bytes a user, 140 GB for all before replicas and index: it has to be sharded,
# and every request waits for one lookup (one for the user, not one for each candidate). The count needs
# the same lookup, or a counter per user and category, so the store is no argument against DIN alone;
# the activation unit is: 50 × 500 = 25,000 evaluations a request, 25 ms of a core; at 2,000 requests a
# second 50 million evaluations, 50 cores at full load. Measure p99 at that load, and the gain again for
# shorter histories (10 clicks cost a fifth) and only on the candidates that survive a cheaper first
# score. Then an A/B test, since 0.002 may earn nothing. The nightly refresh must be judged by replay:
# build training rows with histories as of the last midnight and see what of the gain is left. If
# interests turn within a day, most of it is gone; and a model trained on fresh histories but served
# nightly ones is skewed, so both sides must share one clock. I would ship the count with fresh clicks,
# and DIN when the A/B test pays for the activation unit.
#
# **Rubric**: bytes per user times users, one lookup a request, and the work that grows with candidates
# × history, each as a number (1); a measurement that decides, latency and revenue, against the *count*
# and not against nothing (1); staleness measured by replay with the histories as they would be served,
# and training and serving on the same clock (1).
# <!-- END SOLUTION -->

# %% [markdown]
# ## A policy that remembers
#
# `InterestPolicy(scorer, histories, interest)` looks up the history of each request's user, calls
# `interest(past, candidate)`, hands the result to the scorer as the column `interest`, and remembers
# new clicks as they become known. The `interest` is any function of yours from categories, `past` of
# shape (n, length) and `candidate` of shape (n,), to one number a row; that of exercise 4 needs its prior
# and strength filled in first. `ClickHistories(["category"], length=10).serving(log)` makes the
# `histories`. The scorer has to have learned from the same column, made in the same way, from what each
# training row could know.
#
# ### Exercise 6: earn with a memory
#
# **Goal**: a policy that earns clearly more than the line that knows no history. **Input**: `log`, a
# labelled log of four days (`log.frame`, `log.label`, `log.roles`, `log.split`) from a turning market
# of two thousand users. **Output**: a policy; `InterestPolicy` will do, and so will one of your own
# with `act` and `observe`. **Worked number**: the baseline stands at 100 %, and the check asks for
# 110.5 % over the next four days, as the mean of five fresh markets. Decide how many clicks to
# remember, how to weigh them (the race says what to begin with, though its market was steady), and from
# which moment a training row looks back. The columns of the baseline are `CONTEXT`. To try a policy in
# five other markets, import `deployed_revenue` from where `InterestPolicy` comes from, and call
# `deployed_revenue(44, make_policy)`.


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
# Two of the mistakes that the check catches are worth a deployment of your own. Train on the history as
# of the log's end, and clicks rise as much as in the solution, while half of the gain in revenue and more
# is lost: the column has seen the answer, so its weight is too large, and bids are ranked by
# probabilities that are too sure of themselves. Leave the histories as they were when the log ended, and
# in this market hardly anything is left of the gain.
#
# Further reading: Guorui Zhou et al. 2018, *Deep Interest Network for Click-Through Rate Prediction*,
# KDD; Guorui Zhou et al. 2019, *Deep Interest Evolution Network for Click-Through Rate Prediction*,
# AAAI, on interests that turn.
