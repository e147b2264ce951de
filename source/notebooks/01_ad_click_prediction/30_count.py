# ---
# jupyter:
#   mlsd:
#     title: Count only what was known
#     builds: as-of counters, a hashed logistic regression, and one leak on purpose
#     sections:
#     - {name: What decides success, minutes: 3}
#     - {name: Read the log's two clocks, minutes: 5}
#     - {name: Count what was known, minutes: 12}
#     - {name: Say the same in SQL, minutes: 6, stop: true}
#     - {name: Let counts decay, minutes: 12}
#     - {name: Hash the ids, minutes: 10}
#     - {name: Add the counters, minutes: 8, stop: true}
#     - {name: Leak on purpose, minutes: 10}
#     - {name: Deploy, minutes: 9}
#     - {name: Results, minutes: 3}
#     - {name: What breaks in production, minutes: 3}
#     - {name: Summary, minutes: 1}
#     - {name: Recall, minutes: 3}
#     - {name: Lab and further reading, minutes: 1}
#     introduces: [as-of counter, known-at predicate, label leakage, hashing trick, hashed logistic regression, decayed counter]
#     needs: [impression, click-through rate, label delay, twin-world comparison, time split, normalized entropy, clustered interval, Beta smoothing, prior strength, deployment]
#     labs: [lab_30_counters]
#     discussion: A colleague's new feature halves the normalized entropy. What do you ask for before you congratulate?
#     wrong_answers: ["A larger test set, to be sure that it is no luck.", "Cross-validation with random folds."]
# ---

# %% [markdown]
# # Count only what was known
#
# **You will build** as-of counters, a hashed logistic regression, and one leak on purpose.
#
# **You will learn** what a feature may know at its own moment, why a count of clicks is worth more
# than an id, and how a model with the best offline score of the course comes in last when deployed.
#
# **You need** `10_frame` and `20_baseline`: label delay, normalized entropy, Beta smoothing, the
# paired interval, twin worlds.
#
# **Minutes**: 86, with good places to stop after the SQL and after the counters.

# %% [markdown]
# ## What decides success
#
# The baseline knew the ad. It did not know who was looking, where, and what that user had done
# before. This chapter puts those into a model, twice: as ids, and as counts of the past.
#
# We accept the counts if they beat the same model on ids alone on later days, by a paired interval
# of normalized entropy that stays below zero, *and* earn more revenue when deployed. The second half
# is no formality.

# %%
from collections import deque

import duckdb
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.special import expit

from mlsd import metrics
from mlsd.checks import check, gives
from mlsd.experiments import load_ledger
from mlsd.features import CounterFeatures, DecayedCounter, TrailingWindow, compute_windows
from mlsd.features.encoders import hash_buckets
from mlsd.features.sql import render_sql
from mlsd.models import HashedLogisticRegression
from mlsd.plots import COLOURS, course_style, plot_changes
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickWorld

plt.rcParams.update(course_style())

# %% [markdown]
# ## Read the log's two clocks
#
# One week of the default world. The first four fifths train, the last fifth tests. Nothing is
# chosen here, so no validation part is needed; the ledger at the end tunes every rung.

# %%
MINUTE, DAY = 60, 86_400
world = AdClickWorld(seed=17)
logs = world.history(days=7)
log = logs.labelled_log(split=(0.8, 0.0, 0.2))
frame, train, test = log.frame, log.split.train, log.split.test
frame[["ts", "known_at", "user_id", "ad_id", "category", "publisher_id", "click"]].head(3).round(1)

# %% [markdown]
# `ts` says when the ad was shown, `known_at` when its label settled. Guess: how long is the label
# delay of a click here?

# %% tags=["nbval-check-output"]
delay = (frame["known_at"] - frame["ts"]).round(3)
f"{len(frame):,} impressions; label delay {delay.min():.0f} to {delay.max():.0f} seconds"

# %% [markdown]
# ## Count what was known
#
# Ten minutes for every row, clicked or not. A click may come sooner, but "not clicked" is a fact
# only when the window has closed, and a row must not enter a count with half of its label.
#
# Take one impression, shown at moment *now*. Which of the older impressions may a feature of it
# use? Those whose label a server could have held in its hands: `known_at < now`. That is the
# *known-at predicate*, and an *as-of counter* is a count that obeys it. `ts < now` is not enough. It
# counts clicks that nobody knew yet.
#
# **Your turn**: one or two lines. Return the views and the clicks known before `now`. An impression
# whose label settles at `now` itself is not counted, and with the click its view waits too.


# %% tags=["your-turn"]
def known_counts(clicks, known_at, now):
    """Views and clicks that a server knows just before `now`."""
    return ...


# %% [markdown]
# The check asks at three moments, two of them exactly when a label settles.

# %% tags=["check"]
label = (np.array([1, 0, 1]), np.array([5.0, 7.0, 9.0]))
answers = {8.0: (2, 1), 9.0: (2, 1), 5.0: (0, 0)}
cases = [gives(*label, t, expected=known, hint="known_at < now") for t, known in answers.items()]
check("known-at predicate", known_counts, *cases)

# %% [markdown]
# The package says the same as a definition: a trailing window that ends ten minutes before the row.
# Here it counts the clicks of one user on one category of ads, over the last week.
#
# Guess before you look at the figure: a user has clicked twice on sports. How much more likely is a
# click on the next sports ad?

# %%
taste = TrailingWindow(
    ("user_id", "category"), "sum", 7 * DAY, column="click", delay=10 * MINUTE, name="taste"
)
clicks_before = compute_windows(frame, [taste])["taste"]
by_taste = frame.groupby(np.minimum(clicks_before, 4))["click"].agg(["size", "mean"])
assert by_taste["mean"][1] > 2 * by_taste["mean"][0]

figure, axes = plt.subplots(figsize=(6, 3))
names = [f"{n}\n{rows:,} rows" for n, rows in zip(["0", "1", "2", "3", "4+"], by_taste["size"])]
axes.bar(names, 100 * by_taste["mean"], color=COLOURS["blue"])
axes.axhline(100 * frame["click"].mean(), color=COLOURS["orange"], ls="--", label="all rows")
axes.set(xlabel="known clicks of this user in this category, last 7 days", ylabel="CTR, %")
axes.legend()
plt.show()

# %% [markdown]
# How to read it: each bar is the click-through rate of the rows with so many earlier clicks, the
# dashed line that of all rows. One click on a category more than doubles the rate. No id in the log
# carries this; it is a fact about a pair, and there are more pairs than a week of data can give
# weights to.

# %% [markdown]
# ## Say the same in SQL
#
# Features are often made in a warehouse, in another language. Two definitions written by hand
# differ, so the package renders one as SQL.

# %%
text = render_sql([taste], table="impressions", time="ts")
print(text[text.index("SELECT") :])

# %% [markdown]
# There are two windows because a range in SQL takes in both ends: the second holds the one moment to
# leave out. The end, 600 seconds before the row, is our predicate. Does a database agree with the
# arrays, row by row?

# %% tags=["nbval-check-output"]
impressions = frame[["impression_id", "user_id", "category", "ts", "click"]].head(100_000)
counted = duckdb.sql(text).df().sort_values("impression_id")
rows_that_differ = np.sum(counted["taste"].to_numpy() != clicks_before[: len(counted)])
f"{rows_that_differ} of {len(counted):,} rows differ"

# %% [markdown]
# ## Let counts decay
#
# A window forgets all at once. A *decayed counter* forgets smoothly: a click of age *a* counts
# 0.5^(a / half-life). It has a second charm: its state is one number and one time per key, however
# many events went in. That is what a server can hold in memory. Here it is, whole.


# %%
class DecayedClicks:
    """Clicks by key, each losing half of its weight every half-life."""

    def __init__(self, half_life):
        self.half_life, self.states = half_life, {}

    def lookup(self, key, now):
        amount, then = self.states.get(key, (0.0, now))
        return amount * 0.5 ** ((now - then) / self.half_life)

    def update(self, key, known_at, click):
        self.states[key] = (self.lookup(key, known_at) + click, known_at)


# %% [markdown]
# Now replay the first day as a server lives through it. An impression asks for its feature when it
# is shown. Its own click waits in a queue, and is counted when it has become known.

# %%
first_day = frame[frame["ts"] < DAY]
events = first_day[["user_id", "category", "ts", "known_at", "click"]].itertuples(index=False)
counter, waiting, replayed = DecayedClicks(half_life=DAY), deque(), []
for event in events:
    while waiting and waiting[0].known_at < event.ts:
        known = waiting.popleft()
        counter.update(known[:2], known.known_at, known.click)
    replayed.append(counter.lookup(event[:2], event.ts))
    waiting.append(event)

# %% [markdown]
# The package computes all rows at once, by sorting and running sums, and should agree.

# %% tags=["nbval-check-output"]
decayed = DecayedCounter(
    ("user_id", "category"), DAY, column="click", delay=10 * MINUTE, name="decayed"
)
at_once = compute_windows(first_day, [decayed])["decayed"]
assert np.allclose(replayed, at_once)
f"{len(replayed):,} rows agree; {np.count_nonzero(replayed):,} of them know a click"

# %% [markdown]
# ## Hash the ids
#
# The log's ids are words: user 812, ad 40, publisher 7. A linear model wants one weight for each. A
# dictionary from words to weights grows every day, must be shipped to every server, and has no entry
# for tomorrow's ad. The *hashing trick* (Weinberger et al. 2009) drops the dictionary: the weight of
# a word stands in bucket hash(column, value) of a table with 2^bits places.

# %%
words = pd.DataFrame({"user_id": [812, 812, 813], "ad_id": [40, 812, 40]})
words[["user bucket", "ad bucket"]] = hash_buckets(words, ("user_id", "ad_id"), bits=20)
words

# %% [markdown]
# User 812 has one bucket in both of its rows, and ad 812 has another: the column's name salts the
# hash. Two words may still meet in one bucket. With n words in m buckets a word shares its bucket
# with probability 1 − (1 − 1/m)^(n − 1). Guess: what share of our words does, at 20 bits?

# %%
ids = log.roles.identifiers
buckets = [hash_buckets({name: frame[name].unique()}, (name,), 20)[:, 0] for name in ids]
places, load = np.unique(np.concatenate(buckets), return_counts=True)
n, m = load.sum(), 2**20
expected, found = 1 - (1 - 1 / m) ** (n - 1), load[load > 1].sum() / n
f"{n:,} words; expected to share {100 * expected:.1f} %, found {100 * found:.1f} %"

# %% [markdown]
# Under two percent, so collisions cost next to nothing here. The table costs 2^20 weights of 8
# bytes, 8 MB, and never grows. The lab takes bits away until it hurts.
#
# *Hashed logistic regression* adds up the weights of a row's buckets and squashes the sum to a
# probability. Fitting is the plain penalised maximum likelihood of any textbook. A word that
# training never saw has no weight and adds nothing (unless it shares a bucket), so a new ad rests on
# its campaign, its category and the page it is shown on. Here is a fit, and one prediction by hand:
# look up each bucket, add, squash.

# %%
learned = frame["click"].iloc[train]
model = HashedLogisticRegression(categorical=ids).fit(frame.iloc[train], learned)
models, row = {"ids only": model}, frame.iloc[test[:1]]
weights = pd.Series(model.coef_, index=model.used_)
score = model.intercept_ + weights.reindex(hash_buckets(row, ids, 20)[0]).fillna(0).sum()
assert np.isclose(expit(score), model.predict_proba(row)[0, 1])
f"{len(weights):,} weights learned, {len(ids)} of them used by one row"

# %% [markdown]
# ## Add the counters
#
# Which keys? The log's roles name six, from the ad to the pair of user and ad. For each, at a
# half-life of a day and at one of a week: how often shown, and the click rate, smoothed as in the
# baseline, here towards the rates of the key's parts. The counters are *nightly*: a row sees the
# state of the midnight before it, as a batch job would leave it. One more column counts how often
# the user saw the ad; it needs no label, so it is fresh.

# %% tags=["nbval-check-output"]
keys = log.roles.entities
features = CounterFeatures(
    keys, half_lives=(DAY, 7 * DAY), refresh="nightly", views=[("user_id", "ad_id")]
)
f"{len(keys)} keys, {len(features.names)} columns, such as {features.names[9]}"

# %% [markdown]
# `serving` makes the streaming twin of the counters, the object that a deployment asks. We make the
# training table with it as well: tell it all events and when each became known, then look up every
# row as of its own time. One program for both sides is the cheapest guard.


# %%
def feature_table(known_at):
    """The log with the counter columns of each row, if labels became known at `known_at`."""
    twin = features.serving(log, warm=False)
    twin.update(frame.assign(known_at=known_at))
    columns = twin.lookup(frame, frame["ts"].to_numpy())
    return frame.join(pd.DataFrame(columns))


honest = feature_table(frame["known_at"])
model = HashedLogisticRegression(categorical=ids, numeric=features.names)
models["ids and counters"] = model.fit(honest.iloc[train], learned)

# %% [markdown]
# Same model, same rows, same penalty. Guess: how large is the gain, if smoothing gained about 0.03 in
# normalized entropy over one rate for all, on the validation days of `20_baseline`?

# %%
clicked, users = (frame[name].to_numpy()[test] for name in ("click", "user_id"))
predicted = {name: m.predict_proba(honest.iloc[test])[:, 1] for name, m in models.items()}
ne, pair = metrics.normalized_entropy, (predicted["ids and counters"], predicted["ids only"])
gain = metrics.paired_interval(ne, clicked, *pair, clusters=users, repetitions=200, seed=0)
assert gain.high < 0
f"{gain.estimate:.3f} in normalized entropy, 95 % interval {gain.low:.3f} to {gain.high:.3f}"

# %% [markdown]
# ## Leak on purpose
#
# The counters pass the first half of our requirement. Facebook's engineers found the same: features
# of the past dominate those of the context (He et al. 2014).
#
# Now the commonest mistake in this trade. The nightly job writes a table with one row per key and
# *day*: views and clicks. Training joins it to the log. Yesterday's row is the right one. But every
# impression has a date, every row of the table has a date, and the join on equal dates runs without
# complaint. Each impression then sees the counts of its whole day, its own click among them.
#
# **Your guess** first: the honest counters stand near 0.9 in normalized entropy, and the world's own
# probability, the best that any honest model can reach, near 0.76. Where does the leaked model land
# offline?

# %% tags=["guess"]
guess_normalized_entropy = ...

# %% [markdown]
# In our program the mistake is one argument: pretend that every label was known at the midnight
# *before* its impression.

# %%
midnight = frame["ts"] // DAY * DAY
leaked = feature_table(midnight - 1)
model = HashedLogisticRegression(categorical=ids, numeric=features.names)
models["leaked counters"] = model.fit(leaked.iloc[train], learned)
predicted["leaked counters"] = models["leaked counters"].predict_proba(leaked.iloc[test])[:, 1]
offline = pd.Series({name: ne(clicked, p) for name, p in predicted.items()})
truth = world.reveal(logs)["click_probability"].to_numpy()[test]
offline["oracle"] = ne(clicked, truth)
assert offline["leaked counters"] < offline["oracle"]
offline.round(3).to_frame("normalized entropy, test days")

# %% [markdown]
# Far below the oracle. No model can know more of a click than the probability that made it, so this
# one has read the answer: *label leakage*. In a company there is no oracle row. There is a slide
# that says "normalized entropy down by more than three quarters".
#
# A time split did not help. The leak is in the columns, and test rows have the same columns. Score
# each rate column alone, by AUC, and count the rows a day under its key.

# %%
alone = {}
for key in keys:
    rows = frame.groupby([*key, midnight])["click"].transform("size").median()
    column = "_".join(key) + "_log_odds_1d"
    name = " × ".join(part.removesuffix("_id") for part in key)
    alone[f"{name}: {rows:.0f} a day"] = {
        "honest": metrics.auc(clicked, expit(honest[column].to_numpy()[test])),
        "leaked": metrics.auc(clicked, expit(leaked[column].to_numpy()[test])),
    }
alone = pd.DataFrame(alone).T
assert features.priors(log).strengths["user_id", "ad_id"] > 1000

# %% [markdown]
# Guess before you look: which keys leak most, those with many rows a day or those with few?

# %%
figure, axes = plt.subplots(figsize=(6, 3))
for column, colour in (("honest", COLOURS["blue"]), ("leaked", COLOURS["red"])):
    axes.plot(alone[column], alone.index, "o", color=colour, label=column)
axes.hlines(alone.index, alone["honest"], alone["leaked"], color=COLOURS["grey"], lw=1)
axes.set(xlabel="AUC of the rate column alone (0.5 = no order)", xlim=(0.5, 1))
axes.invert_yaxis()
axes.legend()
plt.show()
gap, of_users = alone["leaked"] - alone["honest"], alone.index.str.startswith("user")
assert gap[of_users].min() > gap[~of_users].max()

# %% [markdown]
# How to read it: one line a key, the blue dot the honest column, the red dot the leaked one. Where
# a key has a hundred rows a day, one row's own click hardly moves the rate. Where it has a handful,
# the rate says whether *this* row was clicked. The pair of user and ad is finer still, yet its prior
# strength came out so large that its rate follows those of the user and of the ad.

# %% [markdown]
# ## Deploy
#
# All three go live for three days. At serving time there is no whole day to join: a model with
# counters gets those that a server can really hold.
#
# **Your guess**: against ids only, what do the two models with counters earn?

# %% tags=["guess"]
guess_honest_revenue = ...
guess_leaked_revenue = ...

# %% [markdown]
# Both ask the same honest twin, with the whole history in it. The leaked model finds the column names
# and formulas of its training, so nothing fails.

# %%
control = ScorerPolicy(models["ids only"])
lifts = {}
for name in ("ids and counters", "leaked counters"):
    policy = ScorerPolicy(models[name], counters=features.serving(log))
    lifts[name] = world.compare(control, policy, days=3, history_days=7).lifts
changes = {(n, k): vars(lifts[n][k].relative) for n in lifts for k in ("revenue", "clicks")}
changes = 100 * pd.DataFrame(changes).T
plot_changes(changes, xlabel="change against ids only (%, bar: 95 % interval)")
plt.show()
revenue = changes.xs("revenue", level=1)
assert revenue["low"]["ids and counters"] > max(0, revenue["high"]["leaked counters"])
assert revenue["estimate"]["leaked counters"] < 0
changes.round(1).rename_axis(["policy", "change in %, against ids only"])

# %% [markdown]
# How to read it: a dot is the change against the model on ids alone, the bar its interval. The
# honest counters get more clicks and more money. The leaked ones earn *less than no counters at
# all*. The best offline score has come in last.
#
# Is that this seed? In four more worlds (seeds 901 to 904) the leaked model earned 9 to 20 points
# less than the honest counters. It fell below ids only in all four, by more than luck in two.
#
# Why so bad? Score the test rows once more, now with the columns a server would have had, and
# compare what the models promise for their favourite hundredth of the rows with what happened.

# %%
served = {n: models[n].predict_proba(honest.iloc[test])[:, 1] for n in models}
favourites = {n: p >= np.quantile(p, 0.99) for n, p in served.items()}
assert ne(clicked, served["leaked counters"]) > 1
pd.DataFrame(
    {
        "promised CTR, %": {n: 100 * served[n][f].mean() for n, f in favourites.items()},
        "real CTR, %": {n: 100 * clicked[f].mean() for n, f in favourites.items()},
        "normalized entropy": {n: ne(clicked, p) for n, p in served.items()},
    }
).round(2)

# %% [markdown]
# In training, a click in the day's count mostly *was* the label, so the leaked model learned to bet
# almost everything on it. Live, a click of yesterday is a mild sign of taste. The model does not get
# fewer clicks than ids only; it sells them for less. A promise that is many times too high lets a
# small bid win: the winner's curse of `20_baseline`, with a machine behind it.
#
# The last column is the way out. Scored on columns *as served*, the leaked model is worse than a
# constant, before any user sees it. Log the features at serving time, and judge every model on those.

# %% [markdown]
# ## Results
#
# The rungs so far, from the committed ledger: three worlds whose seeds settled nothing, 14 days,
# each rung tuned with equal effort. Its counters stand still during the test days, online they are
# refreshed nightly. Revenue is per thousand requests.

# %%
ledger = load_ledger("ad_click").set_index("rung")
names = ["global_rate", "smoothed_ad", "smoothed_ad_segment", "hashed_lr", "hashed_lr_counters"]
rungs = ledger.loc[[*names, "oracle"]]
columns = {
    "normalized_entropy": "normalized entropy",
    "normalized_entropy_low": "low",
    "normalized_entropy_high": "high",
    "auc": "AUC",
    "online_revenue": "revenue",
}
rungs[list(columns)].rename(columns=columns).round(3)

# %% [markdown]
# The largest step offline came with the ids, the largest step in revenue with the counters. Later
# chapters change the model. On the same columns, all models of the ledger lie closer together in
# revenue than that one step is long.

# %%
steps = rungs.loc[names, ["normalized_entropy", "online_revenue"]].diff()
assert steps["normalized_entropy"].idxmin() == "hashed_lr"
assert steps["online_revenue"].idxmax() == "hashed_lr_counters"
by_columns = ledger.groupby("features")["online_revenue"]
assert (by_columns.max() - by_columns.min()).max() < steps["online_revenue"].max()

# %% [markdown]
# ## What breaks in production
#
# Leaks come back by side doors. A late table is *backfilled*: the job runs on Wednesday for Monday,
# with Wednesday's knowledge, under Monday's date. A date means UTC in the job and local time in the
# log. A column is overwritten in place. The cure is the same each time: keep when a fact became
# known, and join on that.
#
# The opposite failure is a counter that is older when served than in training, because the job was
# late. Nothing leaks, yet the model reads columns it was not trained on. `61_monitor` watches for it.

# %% [markdown]
# ## Summary
#
# - A feature may use what was known strictly before its row: `known_at < now`.
# - Decayed counts of the past gained more than any id; their state is one number a key.
# - The hashing trick gives ids a fixed table, and unseen ids a weight of zero.
# - Same-date joins leak. The fewer rows a key has, the larger the lie.
# - Better than the oracle offline, worse than no counters online. Judge on features as served.

# %% [markdown]
# ## Recall
#
# 1. Why is `ts < now` not enough in the predicate?
#
# <details><summary>Answer</summary>A row that was shown before now may have a label that is known
# only later. Its click would be counted before anybody knew it.</details>
#
# 2. A time split was used. Why did it not reveal the leak?
#
# <details><summary>Answer</summary>The split separates rows. The leak sits in the columns of every
# row, test rows included, so the test is as wrong as the training.</details>
#
# 3. Why does a counter by user leak more than one by ad?
#
# <details><summary>Answer</summary>A user has a dozen rows a day, so the row's own click is most of
# the day's clicks. Among an ad's hundred and more it is one of several.</details>

# %% [markdown]
# ## Lab and further reading
#
# Lab: `lab_30_counters`. You write a leak detector, choose the bits of a hash table from a memory
# budget, decide between nightly and streaming, and deploy counters of your own.
#
# - Kilian Weinberger et al. 2009, *Feature Hashing for Large Scale Multitask Learning*, ICML.
# - Xinran He et al. 2014, *Practical Lessons from Predicting Clicks on Ads at Facebook*, ADKDD.
# - Graham Cormode et al. 2009, *Forward Decay: A Practical Time Decay Model for Streaming Systems*,
#   ICDE.
# - Shachar Kaufman, Saharon Rosset, Claudia Perlich 2011, *Leakage in Data Mining: Formulation,
#   Detection, and Avoidance*, KDD.
