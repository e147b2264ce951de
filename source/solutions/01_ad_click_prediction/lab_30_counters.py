# ---
# jupyter:
#   mlsd:
#     title: Count under constraints, and earn with it
#     sections:
#     - {name: Counters as of a moment, minutes: 18}
#     - {name: Bits from a budget, minutes: 10, stop: true}
#     - {name: Find the leak, minutes: 10}
#     - {name: A decision, minutes: 7}
#     - {name: A policy that earns, minutes: 15}
#     introduces: []
#     needs: [as-of counter, known-at predicate, label leakage, hashing trick, hashed logistic regression, decayed counter]
# ---

# %% [markdown]
# # Count under constraints, and earn with it
#
# You write five functions and one decision, with nothing but what `30_count` said. Every check tells
# you what is wrong and none blocks you. The last check deploys your policy in a world that nobody
# has looked at.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from mlsd import metrics
from mlsd.features import CounterFeatures
from mlsd.lab_support.ad_click.counted_log import lab_world
from mlsd.models import HashedLogisticRegression
from mlsd.plots import COLOURS, course_style
from mlsd.policies.ad_click import ScorerPolicy

plt.rcParams.update(course_style())

# %% [markdown]
# ## Counters as of a moment
#
# In the chapter every label took ten minutes. In most systems each takes its own time, and a fixed
# delay is no longer enough.

# %% [markdown]
# ### Exercise 1: the rate of a key, as of each row
#
# **Goal**: for each row the smoothed click rate of its key, from the rows of the same key that were
# known strictly before it. **Inputs**: `key`, `ts`, `known_at` and `click`, arrays of shape (n,) with
# rows in any order and n small; `average`; `strength` in impressions. **Output**: shape (n,).
# **Worked number**: with average 0.1 and strength 1, a row whose key has one known view, clicked,
# gets (1 + 0.1) / (1 + 1) = 0.55. A table of n × n comparisons is fine.


# %% tags=["exercise"] exercise="as_of_rate"
def as_of_rate(key, ts, known_at, click, average, strength):
    """Return the smoothed click rate that was known to each row, shape (n,)."""
    ### BEGIN SOLUTION
    known = (key[None, :] == key[:, None]) & (known_at[None, :] < ts[:, None])
    return (known @ click + strength * average) / (known.sum(axis=1) + strength)
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.ad_click.lab_30_counters import check_as_of_rate

check_as_of_rate(as_of_rate)

# %% [markdown]
# ### Exercise 2: merge the counters of two servers
#
# Two servers count the clicks of one ad; each holds a decayed amount and the time, in days, at which
# it stood there. **Goal**: one state that answers every later lookup as if one server had counted
# all. **Inputs**: `one` and `other`, pairs (amount, day), either of them newer; `half_life` in days.
# **Output**: a pair (amount, day), as of the newer day. **Worked number**: (8, day 0) and (3, day
# 10) with a half-life of 10 days give (7, day 10).


# %% tags=["exercise"] exercise="merged_state"
def merged_state(one, other, half_life):
    """Return the state of both counters together, as of the newer of their days."""
    ### BEGIN SOLUTION
    day = max(one[1], other[1])
    return sum(amount * 0.5 ** ((day - then) / half_life) for amount, then in (one, other)), day
    ### END SOLUTION


# %% tags=["check"] points=1
from mlsd.checks.ad_click.lab_30_counters import check_merged_state

check_merged_state(merged_state)

# %% [markdown]
# So decayed counters can be split over machines and put together again, in any order, with one number
# and one time each. A trailing window needs more: every server has to keep its events, or counts by
# small steps of time, to know which of them have left.

# %% [markdown]
# ## Bits from a budget
#
# ### Exercise 3: how many bits?
#
# **Goal**: the fewest bits with which a word shares its bucket with probability `most_shared` at
# most; and if the table would not fit the budget, the most bits that do fit. **Inputs**: `words`, the
# number of different words; `budget` in bytes, 8 a weight, at least 16; `most_shared` between 0 and
# 1. **Output**: an integer of 1 or more. **Worked number**: 1,001 words and at most 1 % shared take
# 17 bits, since 1 − (1 − 2^−17)^1000 = 0.0076; with 100,000 bytes only 13 bits fit.


# %% tags=["exercise"] exercise="bits_for"
def bits_for(words, budget, most_shared):
    """Return the bits of a hash table within a budget of bytes."""
    ### BEGIN SOLUTION
    bits, largest = 1, int(np.log2(budget / 8))
    while bits < largest and 1 - (1 - 0.5**bits) ** (words - 1) > most_shared:
        bits += 1
    return bits
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.ad_click.lab_30_counters import check_bits_for

check_bits_for(bits_for)

# %% [markdown]
# What does sharing cost? The same model on the same ids, with fewer and fewer buckets.

# %%
log = lab_world(31).history(days=5).labelled_log(split=(0.8, 0.0, 0.2))
ids, train, test = log.roles.identifiers, log.frame.iloc[log.split.train], log.split.test
clicked = log.label[test]
cost = {}
for bits in (6, 9, 12, 15, 18):
    model = HashedLogisticRegression(categorical=ids, bits=bits).fit(train, train["click"])
    predicted = model.predict_proba(log.frame.iloc[test])[:, 1]
    cost[bits] = metrics.normalized_entropy(clicked, predicted)

# %%
figure, axes = plt.subplots(figsize=(6, 3))
axes.plot(list(cost), list(cost.values()), "o-", color=COLOURS["blue"], label="ids only")
axes.set(xlabel="bits of the hash table", ylabel="normalized entropy\n(lower is better)")
axes.legend()
plt.show()
f"{sum(train[name].nunique() for name in ids):,} words in training"

# %% [markdown]
# How to read it: each dot is one model, from 64 buckets on the left to 262,144 on the right. Read off
# where more memory stops to pay, and compare that with the number of words. Most words are rare
# users with little to say, so they are cheap to mix up.

# %% [markdown]
# ## Find the leak
#
# ### Exercise 4: a test that any feature can be put to
#
# A feature is a function from a log to one number a row. You cannot read its code; perhaps it is a
# thousand lines of SQL. **Goal**: say whether the feature of a row shown at `cut` or before depends
# on a click that was not yet known just before `cut`. Change those clicks, and see whether such a
# feature moves. **Inputs**: `feature(frame)`, giving shape (n,); `frame` with `ts`, `known_at` and
# `click`, not to be changed; `cut`, a time. **Output**: True or False. **Worked number**: a count of
# all clicks of the ad leaks; a count of its views does not, nor does a count of clicks with
# `known_at < ts`.


# %% tags=["exercise"] exercise="leaks"
def leaks(feature, frame, cut):
    """Tell whether features of rows until `cut` depend on clicks that were unknown then."""
    ### BEGIN SOLUTION
    unknown = frame["known_at"] >= cut
    flipped = frame.assign(click=frame["click"].where(~unknown, 1 - frame["click"]))
    rows = np.asarray(frame["ts"] <= cut)
    return bool(np.any(np.asarray(feature(frame))[rows] != np.asarray(feature(flipped))[rows]))
    ### END SOLUTION


# %% tags=["check"] points=3
from mlsd.checks.ad_click.lab_30_counters import check_leaks

check_leaks(leaks)

# %% [markdown]
# Unlike a suspiciously good metric, this test has no threshold, and it finds small leaks as well as
# large ones. Two changes may cancel in one sum, so use a few cuts. It belongs in the tests of every
# feature pipeline.

# %% [markdown]
# ## A decision
#
# Counters can be refreshed nightly by a batch job, or with every event by a stream. Both, on the same
# log:

# %%
freshness = {}
for refresh in ("nightly", "row"):
    features = CounterFeatures(log.roles.entities, half_lives=(259_200.0,), refresh=refresh)
    twin = features.serving(log, warm=False)
    twin.update(log.frame)
    table = log.frame.join(pd.DataFrame(twin.lookup(log.frame, log.frame["ts"].to_numpy())))
    model = HashedLogisticRegression(categorical=ids, numeric=features.names)
    model.fit(table.iloc[log.split.train], train["click"])
    freshness[refresh] = model.predict_proba(table.iloc[test])[:, 1]

pair = metrics.paired_interval(
    metrics.normalized_entropy, clicked, freshness["row"], freshness["nightly"], seed=0
)
f"streaming minus nightly: {pair.estimate:+.4f}, 95 % interval {pair.low:+.4f} to {pair.high:+.4f}"

# %% [markdown] tags=["exercise"] exercise="decision" points=3
# ### Exercise 5: nightly or streaming?
#
# The nightly job is one SQL statement and a table that servers load in the morning. The stream is a
# service with state, an on-call rota and a replay for training. In about six lines: which do you
# build first, for which keys would you change your mind, and what do you measure to know?
#
# <!-- BEGIN SOLUTION -->
# Nightly first: the measured gain of freshness is small beside that of having counters at all, and a
# batch table is easy to backfill, to test and to join without a leak. Streams pay where the state
# changes within hours: new ads and campaigns in their first day, how often a user has seen an ad
# today, budgets, attacks. So stream those few keys, and keep the rest nightly.
#
# **Rubric**: weighs the measured gain against the cost of running a stream, with the interval (1);
# names keys whose value ages within a day, and why (1); says how to keep training and serving the
# same, by logging features as served or by replaying events with `known_at`, and decides by a
# deployment or an A/B test, not by normalized entropy alone (1).
# <!-- END SOLUTION -->

# %% [markdown]
# ## A policy that earns
#
# ### Exercise 6: counters of your own
#
# **Goal**: a policy that earns clearly more than hashed ids alone. **Input**: `log`, a labelled log of
# six days with all its rows in `log.split.train`; `log.frame` has the rows, `log.roles` the names.
# **Output**: a policy; `ScorerPolicy(model, counters=features.serving(log))` makes one from a fitted
# model and its `CounterFeatures`. **Worked number**: ids alone stand at 100 %, and the check asks for
# three percent more in a fresh world. Choose keys, half-lives in seconds, and refresh, `"nightly"` or
# `"row"`. `features.compute(log)` is the table of the training columns, as of each row, and joins
# `log.frame`.


# %% tags=["exercise"] exercise="make_policy"
def make_policy(log):
    """Return a policy with counters, learned from six days of impressions."""
    ### BEGIN SOLUTION
    features = CounterFeatures(
        log.roles.entities, half_lives=(86_400.0, 604_800.0), views=[("user_id", "ad_id")]
    )
    table = log.frame.join(features.compute(log))
    model = HashedLogisticRegression(categorical=log.roles.identifiers, numeric=features.names)
    return ScorerPolicy(model.fit(table, table["click"]), counters=features.serving(log))
    ### END SOLUTION


# %% tags=["check"] points=4
from mlsd.checks.ad_click.lab_30_counters import check_make_policy

check_make_policy(make_policy)

# %% [markdown]
# `deployed_revenue(32, make_policy)`, from `mlsd.lab_support.ad_click.counted_log`, is what your policy
# earns in a world of your choice, in percent of ids alone. Try it there as often as you like; the check
# uses another seed, and an instructor uses yet another.
