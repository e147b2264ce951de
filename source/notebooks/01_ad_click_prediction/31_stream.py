# ---
# jupyter:
#   mlsd:
#     title: Learn from the stream
#     builds: FTRL-Proximal row by row, progressive validation with late labels, and a policy that learns while it is deployed
#     sections:
#     - {name: What decides success, minutes: 4}
#     - {name: Look at the log of an odd day, minutes: 5}
#     - {name: Write one update, minutes: 12}
#     - {name: Read the learning rates, minutes: 6}
#     - {name: Let L1 keep the table small, minutes: 6, stop: true}
#     - {name: Validate while learning, minutes: 7}
#     - {name: Freeze it and check its calibration, minutes: 10, stop: true}
#     - {name: Live through the drift day, minutes: 12}
#     - {name: Ask how fresh is fresh enough, minutes: 10, stop: true}
#     - {name: Try an hourly batch job, minutes: 6}
#     - {name: Deploy, minutes: 8}
#     - {name: Results, minutes: 5}
#     - {name: What breaks in production, minutes: 3}
#     - {name: In the interview, minutes: 5}
#     - {name: Summary, minutes: 1}
#     - {name: Recall, minutes: 3}
#     - {name: Lab and further reading, minutes: 1}
#     introduces:
#       FTRL-Proximal: an online learner for sparse linear models that keeps two sums per coordinate and derives the weight, exactly zero below the L1 threshold, from them
#       per-coordinate learning rate: a step size of its own for every weight, which falls with the squared gradients that this weight has seen
#       progressive validation: predicting every example before learning it, so that the whole stream is test data; also called prequential evaluation
#       nightly retraining: fitting a model from scratch on the log at midnight and serving it unchanged until the next one
#       concept drift: a change of the label's distribution for the same features, so that yesterday's model is wrong today
#     needs: [impression, label delay, known-at time, twin-world comparison, time split, normalized entropy, deployment, hashing trick, hashed logistic regression]
#     labs: [lab_31_tracker]
#     discussion: Your click model is retrained every night. A sale begins on Friday morning and ends on Friday night. What do you expect of it, and of an online model, on Friday and on Saturday?
#     answer: "The nightly model is too low all Friday, and too high on Saturday, because it learned a sale that is over. The online model follows within hours on Friday and has to unlearn as long on Saturday, so it is better in total and not on every hour; how much depends on its learning rate and on how late clicks arrive."
#     wrong_answers: ["Nothing, because the features contain the category of every ad.", "The online model is better on both days, because it is fresher."]
# ---

# %% [markdown]
# # Learn from the stream
#
# **You will build** FTRL-Proximal row by row, progressive validation with late labels, and a policy
# that learns while it is deployed.
#
# **You will learn** what an online learner stores for each weight, how it is validated without a
# holdout, which mistakes come from learning in order of time, and how to find out what fresh labels
# are worth before anybody builds a stream for them.
#
# **You need** [30_count](30_count.ipynb) for hashed logistic regression and the hashing trick,
# [20_baseline](20_baseline.ipynb) for normalized entropy, the time split and deployments, and
# [10_frame](10_frame.ipynb) for known-at time and label delay.
#
# **Minutes**: 104, with good places to stop after the L1 penalty, after the frozen model and after the
# freshness curve.

# %% [markdown]
# ## What decides success
#
# Merchants run sales without telling the ad team, and on such a day people click on other things than
# the day before. A model that was trained at midnight cannot know. An *online* model can, because it
# takes in each impression as soon as it is known whether it was clicked; but it reads every row once,
# in order of time, and runs all day, which makes it harder to fit well and harder to operate. The
# product team states three requirements:
#
# | requirement | criterion |
# |---|---|
# | it adapts | on an unusual day, from noon on, at most a third of the clicks are expected in the wrong category |
# | it costs little otherwise | on an ordinary day its normalized entropy is at most 0.005 above nightly retraining's |
# | it does not cost money | over three days around the event, revenue is not more than 2 % below nightly retraining's |
#
# Freshness itself is not among them. The system to beat is the one that most companies run: the whole
# log, fitted to convergence, every night. And since most teams would run that job once an hour before they
# build a stream, an hourly batch job will be the second rival.

# %%
import copy
from collections import defaultdict
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import stats

from mlsd.checks import check, gives
from mlsd.experiments import load_ledger, load_study, rows_to_learn
from mlsd.features.encoders import hash_buckets
from mlsd.metrics import calibration_ratio, normalized_entropy, paired_interval
from mlsd.models import FTRLProximal, HashedLogisticRegression
from mlsd.notebook import compare, guess, track
from mlsd.plots import COLOURS, course_style
from mlsd.policies.ad_click import OnlineScorerPolicy
from mlsd.worlds import AdClickConfig, AdClickWorld

plt.rcParams.update(course_style())

# %% [markdown]
# ## Look at the log of an odd day
#
# In the default world, tastes turn slowly all the time. This world has an *event* as well: on one single
# day the odds of a click rise in some categories and fall in others, for every user, and the next day
# everything is as before. Its strength is our choice, and it is a strong one: in about half of the
# categories the odds at least double or halve.

# %% tags=["nbval-check-output"]
DRIFT_DAY = 12
config = AdClickConfig(event_days=(DRIFT_DAY, DRIFT_DAY + 1), event_sd=1.0)
world = AdClickWorld(seed=42, config=config)
log = world.history(days=14).labelled_log()
impressions = log.frame.assign(day=lambda rows: (rows["ts"] // 86_400).astype(int))
clicked = impressions["click"].to_numpy()
f"{len(impressions):,} impressions on {impressions['day'].nunique()} days"

# %% [markdown]
# Below are the click-through rates of three categories: the one with the largest rise, the one with the
# largest fall, and one that the event left alone.

# %%
daily_rates = 100 * impressions.pivot_table(index="day", columns="category", values="click")
change = np.log(daily_rates.loc[DRIFT_DAY] / daily_rates.drop(DRIFT_DAY).mean())
chosen = {"rises": change.idxmax(), "falls": change.idxmin(), "stays": change.abs().idxmin()}

figure, axes = plt.subplots(figsize=(6, 2.9))
for name, category in chosen.items():
    axes.plot(daily_rates[category], "o-", ms=3, label=f"category {category}: {name}")
axes.axvspan(DRIFT_DAY - 0.5, DRIFT_DAY + 0.5, color=COLOURS["grey"], alpha=0.3, label="drift day")
axes.set(xlabel="day", ylabel="click-through rate, %", ylim=0)
axes.set_title("For one day, the same ads are clicked at other rates")
axes.legend(ncols=2)
plt.show()

# %% [markdown]
# A dot is the click-through rate of one category on one day, and the grey band marks the drift day. This
# is *concept drift*: an impression with the same features has another probability of a click than it
# had yesterday, and no column announces it.

# %% [markdown]
# ## Write one update
#
# The model is the logistic regression of the last chapter on hashed ids, with one weight per bucket.
# Only the learning differs: one row, one step. The row predicts a probability $p$, the click is $y$
# (0 or 1), and the gradient of the log loss in every coordinate that the row contains is $g = p - y$.
#
# Plain gradient descent stores one number per coordinate, the weight. *FTRL-Proximal* (follow the
# regularised leader; McMahan et al. 2013) stores two sums, and the weight is neither of them:
#
# - $n$, the sum of the squared gradients, which says how much has been learned about this coordinate;
# - $z$, the sum of the gradients, each corrected for where the weight stood when it arrived.
#
# The weight is worked out when it is needed. With a learning rate $\alpha$, a constant $\beta$ and the
# two penalties $\lambda_1$ and $\lambda_2$ it is
# $$w = \begin{cases} 0 & \text{if } |z| \le \lambda_1, \\
# -\dfrac{z - \mathrm{sign}(z)\,\lambda_1}{(\beta + \sqrt{n}) / \alpha + \lambda_2} & \text{otherwise.}\end{cases}$$
# A row then moves both sums, where $w$ and $n$ are the values from before the row:
# $$\sigma = \frac{\sqrt{n + g^2} - \sqrt{n}}{\alpha}, \qquad z \leftarrow z + g - \sigma w, \qquad
# n \leftarrow n + g^2.$$
# With $\alpha = 0.3$, $\beta = 1$ and no penalties, $z = 1$ and $n = 4$ give $w = -1 / (3 / 0.3) = -0.1$. A
# row with $g = 0.5$ then makes $\sigma = 0.205$, $z = 1 + 0.5 + 0.205 \cdot 0.1 = 1.521$ and $n = 4.25$.
# The term with $\sigma$ is the proximal one, which holds the weight near its present place; without both
# penalties the whole is gradient descent whose rate falls as $n$ grows. In code each formula is two or
# three lines:


# %%
def weight_of(z, n, *, alpha=0.3, beta=1.0, l1=0.0, l2=1.0):
    """Return the weight of a coordinate: exactly 0 until |z| exceeds l1."""
    beyond = np.sign(z) * np.maximum(np.abs(z) - l1, 0.0)
    return -beyond / ((beta + np.sqrt(n)) / alpha + l2)


def update(z, n, weight, gradient, alpha=0.3):
    """Return z and n of one coordinate after one row."""
    sigma = (np.sqrt(n + gradient**2) - np.sqrt(n)) / alpha
    return z + gradient - sigma * weight, n + gradient**2


# %% [markdown]
# To see it move, take one coordinate on its own, an ad that is shown eight times and clicked at the
# third and the seventh view, with no other weight in the row:

# %%
z, n, steps = 0.0, 0.0, []
for label in (0, 0, 1, 0, 0, 0, 1, 0):
    w = weight_of(z, n)
    p = 1 / (1 + np.exp(-w))
    steps.append({"p before": p, "click": label, "rate": 0.3 / (1 + np.sqrt(n))})
    z, n = update(z, n, w, p - label)
    steps[-1] |= {"z": z, "n": n, "weight": weight_of(z, n)}
pd.DataFrame(steps).round(3)

# %% [markdown]
# Each view without a click pushes $z$ up and the weight down, and a click does the opposite. The column
# `rate` falls from row to row, so that the click at the seventh view moves the weight less than the one
# at the third.
#
# A learner is a dictionary of such states, read row by row. The intercept is one more coordinate, without
# a penalty. If our twelve lines are right, they must predict what the package's `FTRLProximal` predicts,
# row by row. With `batch_size=1` that is the algorithm as published; the default, up to 64 rows per
# step, is faster.


# %%
def by_hand(rows, labels):
    """Return the prediction of each row, made before the row was learned."""
    state, predicted = defaultdict(lambda: (0.0, 0.0)), []
    for row, label in zip(rows, labels):
        penalty = {"intercept": 0.0} | dict.fromkeys(row.items(), 1.0)
        weights = {key: weight_of(*state[key], l2=l2) for key, l2 in penalty.items()}
        predicted.append(1 / (1 + np.exp(-sum(weights.values()))))
        for key, weight in weights.items():
            state[key] = update(*state[key], weight, predicted[-1] - label)
    return np.array(predicted)


# %% tags=["nbval-check-output"]
two = impressions[["ad_id", "category"]].head(500)
package = FTRLProximal(categorical=("ad_id", "category"), alpha=0.3, batch_size=1)
theirs = package.progressive_fit(two, clicked[:500])
ours = by_hand(two.to_dict("records"), clicked[:500])
assert np.allclose(ours, theirs)
f"the largest difference on {len(two)} rows is below 1e-12: {np.abs(ours - theirs).max() < 1e-12}"

# %% [markdown]
# An `assert` states a claim of the text in code: the build fails if it stops being true.
#
# ## Read the learning rates
#
# Now the model reads all ids, and the ages of ad and account. We leave out `weekday`, for a reason
# that comes up further down. Its settings come from a sweep on days before the event (in
# `tests/studies/ad_click/31_settings.py`, whose table the next cell shows): on days 5 to 10 the learning
# rate 0.3 predicted best of four.

# %%
columns = tuple(name for name in log.roles.identifiers if name != "weekday")
make_model = partial(FTRLProximal, categorical=columns, numeric=log.roles.numeric, alpha=0.3)
settings = load_study("ad_click/31_settings")
settings.query("passes == 1")[["model", "setting", "progressive_entropy"]].round(4)

# %% [markdown]
# The *per-coordinate learning rate* is $\alpha / (\beta + \sqrt{n})$. A single global rate would have to
# serve the top slot of every page and a user seen twice, and no number can do both. The next figure shows the
# rate of every user, publisher and slot after two weeks.

# %%
model = make_model()
predicted = model.progressive_fit(impressions, clicked)
figure, axes = plt.subplots(figsize=(6, 3))
for name in ("user_id", "publisher_id", "position"):
    views = impressions[name].value_counts()
    bucket = hash_buckets({name: views.index.to_numpy()}, (name,), model.bits)[:, 0]
    rate = model.alpha / (model.beta + np.sqrt(model.n_[bucket]))
    axes.scatter(views, rate, s=3, label=name)
axes.set(xscale="log", yscale="log", xlabel="impressions of the id (log scale)")
axes.set_ylabel("learning rate (log scale)")
axes.set_title("The three slots learn about eighty times slower than a new user")
axes.legend(markerscale=4)
plt.show()

# %% [markdown]
# A dot is one id. The rare ones at the left still move at almost the full $\alpha = 0.3$, whereas the
# three slots at the right move seventy to a hundred times slower. The gap between the two bands of users is the
# first click: its gradient is close to $-1$, that of a view without a click about 0.02, so that $n$ is
# roughly the number of clicks seen.
#
# A few users lie far below the band. They share their bucket with a busy value of another column, which
# has slowed it down: a hash collision, as in [30_count](30_count.ipynb).
#
# The price of a falling rate is that $n$ only grows: a coordinate that was learned thoroughly moves
# slowly for ever, on the day when the world changes too.

# %% [markdown]
# ## Let L1 keep the table small
#
# So far $\lambda_1$ was zero, and every id ever seen has a weight. In production that is most of the
# memory of a linear model, because the ids seen once or twice are by far the most numerous. Here the
# $\lambda_1$ of the formula comes in: an id stays out of the table until its gradients add up to more
# than $\lambda_1$. At a predicted 2 %, fifty views without a click add up to one, and so does a single
# click. We try five values over the first eleven days and read the progressive entropy of days 5 to 10.

# %%
past = impressions[impressions["day"] < DRIFT_DAY - 1]
late = (past["day"] >= 5).to_numpy()
kept = {}
for l1 in track((0, 0.5, 1, 2, 5), "penalties"):
    sparse = make_model(l1=l1)
    before_learning = sparse.progressive_fit(past, past["click"])
    entropy = normalized_entropy(past["click"][late], before_learning[late])
    kept[l1] = {"weights": np.count_nonzero(sparse.coefficients()[0]), "entropy": entropy}
kept = pd.DataFrame(kept).T.rename_axis("l1")
kept["weights, %"] = 100 * kept["weights"] / kept["weights"].max()

# %%
figure, axes = plt.subplots(figsize=(6, 3))
axes.plot(kept["weights, %"], kept["entropy"], "o-", color=COLOURS["blue"])
for l1, row in kept.iterrows():
    axes.annotate(
        rf"$\lambda_1$ = {l1:g}",
        (row["weights, %"], row["entropy"]),
        (6, 4),
        textcoords="offset points",
    )
axes.set(
    xlabel="weights that are not zero, % of all seen",
    ylabel="normalized entropy\n(lower is better)",
)
axes.set(
    xlim=(0, 115), ylim=(0.942, 0.957), title="Two thirds of the weights are worth 0.004 of entropy"
)
plt.show()
kept.round(4)

# %% [markdown]
# A dot is one model. With $\lambda_1 = 1$ the table has less than a third of the weights, and the entropy is
# 0.0036 higher; each further halving costs more than the last. Whether that is a good trade depends on
# what the memory would otherwise hold. With 18,000 ids it is pointless, and we keep
# $\lambda_1 = 0$; with the billions of McMahan et al. it decides whether the model fits on a server.

# %%
assert kept["weights"].is_monotonic_decreasing
assert kept["entropy"].is_monotonic_increasing
assert kept.loc[1, "weights, %"] < 40

# %% [markdown]
# ## Validate while learning
#
# `progressive_fit` predicts each mini-batch and *then* learns it. Every row is predicted by a state that
# has not seen it, so all rows are test data as well as training data. This is *progressive validation*
# (Blum, Kalai and Langford 1999), also called *prequential evaluation*, and it is the natural metric of a
# model that learns while it serves.

# %%
edges = np.geomspace(1_000, len(clicked), 25).astype(int)
spans = list(zip(edges[:-1], edges[1:]))
entropy = [normalized_entropy(clicked[a:b], predicted[a:b]) for a, b in spans]

figure, axes = plt.subplots(figsize=(6, 3))
axes.plot(edges[1:], entropy, "o-", ms=3, label="FTRL-Proximal, progressive")
axes.axhline(1, color=COLOURS["orange"], ls="--", label="best constant for the same rows")
axes.set(xscale="log", xlabel="impressions seen (log scale)")
axes.set(ylabel="normalized entropy\n(lower is better)")
axes.set_title("It takes tens of thousands of rows to beat a constant")
axes.legend()
plt.show()

# %% [markdown]
# A dot is the normalized entropy of the impressions since the last dot. The model starts *above* one, and the
# reason is not that it predicts too many clicks: the weights are zero at the very first row and predict 0.5,
# but that is over long before the first dot.

# %%
starts = pd.DataFrame(
    {
        "mean prediction": [predicted[a:b].mean() for a, b in ((0, 64), (1_000, 5_000))],
        "click-through rate": [clicked[a:b].mean() for a, b in ((0, 64), (1_000, 5_000))],
    },
    index=["rows 0 to 63", "rows 1,000 to 4,999"],
)
assert entropy[0] > 1 > entropy[-1]
starts.round(3)

# %% [markdown]
# From row 1,000 on the mean prediction is close to the click-through rate. What is left, we suspect, is
# noise: new coordinates move at the full rate, so that one click moves a weight a long way. The first days of
# a stream are therefore left out of a report. Note also that a replayed log is kinder than production,
# because `progressive_fit` learns a click within 64 rows, about a minute, whereas the label settles ten
# minutes after the impression. Learning before `known_at` breaks the rule of [30_count](30_count.ipynb), and
# whether it matters we measure below, where labels come late on purpose.

# %% [markdown]
# ## Freeze it and check its calibration
#
# Often the learner runs in training and a frozen copy serves. The ledger of this course deploys
# FTRL-Proximal that way, with all columns, and finds more expected clicks than real ones. Divide the two,
# and you have the *calibration ratio*, where 1 is right.
#
# We train one pass through day 8 and judge days 9 to 11, all before the event, with `weekday` among the
# columns. **Your guess**: what is the calibration ratio of the frozen copy?

# %% tags=["guess"]
guess("stream_frozen_ratio", ..., unit="expected clicks per click")

# %% [markdown]
# The model is fitted with the weekday and without it, and each in three ways: one pass in order of time, one
# pass over shuffled rows, and two passes in order of time.

# %%
before = impressions[impressions["day"] <= 8]
after = impressions[impressions["day"].between(9, 11)]
shuffled = before.sample(frac=1, random_state=0)
ways = {"in order": (before, 1), "shuffled": (shuffled, 1), "in order, two passes": (before, 2)}
judged = []
for given in ((*columns, "weekday"), columns):
    named = "with weekday" if "weekday" in given else "without"
    for way, (rows, passes) in ways.items():
        learner = make_model(categorical=given, epochs=passes).fit(rows, rows["click"])
        judged.append((named, way, learner.predict_proba(after)[:, 1]))
        if way == "in order":
            learning = learner.progressive_fit(after, after["click"])
            judged.append((named, "in order, still learning", learning))

# %% [markdown]
# The last row is a model that does not learn from a stream at all: `HashedLogisticRegression`, the batch fit
# of the last chapter, which iterates over the same rows until it has converged.

# %%
batch = HashedLogisticRegression(
    categorical=(*columns, "weekday"), numeric=log.roles.numeric, C=0.3, tolerance=1e-6
)
converged = batch.fit(before, before["click"]).predict_proba(after)[:, 1]
judged.append(("with weekday", "batch, converged", converged))
levels = pd.DataFrame(judged, columns=["columns", "training", "predicted"])
levels = levels.set_index(["columns", "training"])
for measure in (calibration_ratio, normalized_entropy):
    levels[measure.__name__] = levels["predicted"].map(partial(measure, after["click"]))
compare("stream_frozen_ratio", levels.loc[("with weekday", "in order"), "calibration_ratio"])
levels.drop(columns="predicted").astype(float).round(3)

# %% [markdown]
# Nearly twice as many clicks are expected as happen. Two explanations are open: the column is harmful in
# itself, or the *order* is. Shuffling the rows changes nothing but the order, and it takes away about four
# fifths of the error (on a log scale). A likely mechanism: in order of time, Thursday's weight is learned
# on Thursdays only, beside other weights that have moved on for a week when Thursday comes round again, so
# that their sum is wrong. A second pass repairs part of it, and a batch fit, which moves all weights
# together until they agree, comes within 3 % of the clicks. So the weekday is a trap for a single pass in order of time, and
# we expect the same of other columns that change with time, such as the date or a model version.
#
# The remaining tenth without the weekday seems to be something else, since shuffling does not touch it
# here. A second pass reduces it a little. As long as the model keeps learning, neither error appears;
# presumably the rows of the morning correct it for the afternoon. Do five other worlds agree?

# %%
drift = load_study("ad_click/31_drift").set_index("seed")
ratios = drift.filter(like="ratio").rename(columns=lambda name: name.replace("ratio", "frozen"))
ratio = levels["calibration_ratio"]
assert ratio["with weekday", "in order"] > 1.3 > ratio["with weekday", "shuffled"]
assert abs(np.log(ratio["with weekday", "in order, still learning"])) < 0.1
ratios.rename(columns={"frozen": "frozen_without"}).round(2)

# %% [markdown]
# A cell is the calibration ratio of one frozen single-pass model, and a row is one world. On the weekday
# all five agree: in order 33 to 61 % too many clicks are expected, after shuffling at most 12 %. The
# remainder without the weekday is less steady. It is about 3 % or less in three worlds, and shuffling lowers the
# ratio in four of the five, which it did not do above; so we leave its cause open. A model that was learned
# online and is served frozen therefore needs a calibration step behind it, which
# [33_calibrate](33_calibrate.ipynb) builds.

# %% [markdown]
# ## Live through the drift day
#
# Three models go through days 11 to 13: an ordinary day, the drift day, and the day after it.
#
# - *Nightly* is the batch fit on the whole log of each midnight. Of four penalties, $C = 0.3$ did best on
#   days 9 and 10.
# - *Frozen* is the same fit as of day 11, never renewed.
# - *Online* is FTRL-Proximal that has passed over the log *twice* before it goes live, and then learns from
#   each impression. The table has the reason: on days 9 and 10 the second pass lowered the entropy by 0.005,
#   and two more passes did not lower it further.

# %%
shown = ["model", "setting", "passes", "normalized_entropy", "calibration_ratio"]
settings.loc[settings["model"].isin(["FTRL-Proximal", "batch"]), shown].round(4)

# %% [markdown]
# **Your guess**: on the day *after* the event, when everything is as before, which of the three has the worst
# entropy?

# %% tags=["guess"]
guess("stream_day_after_worst", ..., choices=("frozen", "nightly", "online"))

# %% [markdown]
# A fourth column, *one pass*, is the online model without its second pass.

# %%
names = {11: "ordinary", 12: "drift day", 13: "day after"}
batch = HashedLogisticRegression(
    categorical=columns, numeric=log.roles.numeric, C=0.3, tolerance=1e-6
)
frozen = copy.deepcopy(batch).fit(past, past["click"])
warm = make_model(epochs=2).fit(past, past["click"])
online, one_pass = copy.deepcopy(warm), make_model().fit(past, past["click"])
parts = []
for day in track(names, "retraining"):
    today, known = impressions[impressions["day"] == day], impressions[impressions["day"] < day]
    answers = {"frozen": frozen.predict_proba(today)[:, 1]}
    nightly = frozen if day == 11 else batch.fit(known, known["click"])
    answers["nightly"] = nightly.predict_proba(today)[:, 1]
    answers["online"] = online.progressive_fit(today, today["click"])
    answers["one pass"] = one_pass.progressive_fit(today, today["click"])
    parts.append(today[["day", "ts", "user_id", "category", "click"]].assign(**answers))
live = pd.concat(parts, ignore_index=True)

# %%
models = ["frozen", "nightly", "online", "one pass"]
daily = pd.DataFrame(
    {
        names[day]: {name: normalized_entropy(rows["click"], rows[name]) for name in models}
        for day, rows in live.groupby("day")
    }
)
compare("stream_day_after_worst", daily.loc[["frozen", "nightly", "online"], "day after"].idxmax())
daily.round(4)

# %% [markdown]
# On the drift day the online model is far ahead. On the ordinary day nightly retraining is slightly ahead,
# and on the day after clearly. Compare the last two rows as well: a single pass would cost almost 0.009 on the
# ordinary day, and four fifths of that are gone after a second one. So most of what online learning seemed to
# cost on an ordinary day was a fit that stopped too early.
#
# Why is it worst on the day after? The suspect is that it has learned the event all day, and has to
# unlearn it. To test that, let a copy keep still on the drift day:

# %%
paused = copy.deepcopy(warm)
for day in (11, 13):
    today = impressions[impressions["day"] == day]
    paused_answers = paused.progressive_fit(today, today["click"])
paused_entropy = normalized_entropy(today["click"], paused_answers)
assert daily.loc["nightly", "day after"] < paused_entropy < daily.loc["online", "day after"]
f"day after: online {daily.loc['online', 'day after']:.4f}, paused {paused_entropy:.4f}"

# %% [markdown]
# Without the event in its memory the same model loses only 0.0025 to nightly retraining, in place of
# nearly 0.01. Three quarters of the loss are therefore the price of having adapted. The nightly model has seen the event too,
# but as one day of thirteen that the fit weighs alike, whereas the online model took it in last.
#
# Hour by hour, the drift day looks like this. Single hours are noisy, so we add up each model's log loss
# minus that of nightly retraining:

# %%
three = live[["frozen", "nightly", "online"]]
loss = three.apply(lambda p: -np.where(live["click"] == 1, np.log(p), np.log1p(-p)))
extra = loss.sub(loss["nightly"], axis=0).groupby(live["ts"] // 3600).sum().cumsum()

figure, axes = plt.subplots(figsize=(6.5, 3))
for name, colour in (("nightly", "orange"), ("frozen", "black"), ("online", "blue")):
    axes.plot((extra.index + 1) / 24, extra[name], color=COLOURS[colour], label=name)
axes.axvspan(DRIFT_DAY, DRIFT_DAY + 1, color=COLOURS["grey"], alpha=0.2, label="drift day")
axes.set(xlabel="days since the origin (ticks at midnight)", xticks=range(11, 15))
axes.set_ylabel("log loss minus nightly's,\nadded up (nats; lower is better)")
axes.set_title("Online wins the drift day and gives a third of it back")
axes.legend()
plt.show()

# %% [markdown]
# A falling curve gains on nightly retraining. The online model pays a little on day 11, falls from the
# morning of day 12 on, once there are clicks to learn from, and rises again on day 13. Day by day, with
# intervals that resample users:

# %%
intervals = {}
for day, rows in live.groupby("day"):
    pair = (rows["click"], rows["online"], rows["nightly"])
    intervals[names[day]] = vars(
        paired_interval(normalized_entropy, *pair, clusters=rows["user_id"], repetitions=200)
    )
gain = pd.DataFrame(intervals).T[["estimate", "low", "high"]]
assert gain.loc["drift day", "high"] < -0.01
assert gain.loc["day after", "low"] > 0
gain.round(4)

# %% [markdown]
# An entry is online's normalized entropy minus nightly's, so negative numbers favour online. A third of what
# the drift day brings is given back on the day after, which leaves 0.0202. An ordinary day costs 0.0016, which is
# not distinguishable from zero. Taken at its estimate, online learning pays in entropy if such an event comes at
# least every other week ($0.0202 / 0.0016 \approx 13$ days). In five other worlds:

# %%
account = pd.DataFrame(
    {
        kind: drift[f"entropy_{kind}_nightly"] - drift[f"entropy_{kind}_online"]
        for kind in ("ordinary", "drift_day", "day_after")
    }
)
account.round(4)

# %% [markdown]
# Here positive numbers favour online. The signs are the same in all five. By the same calculation, online learning
# breaks even at one event in 4 days in the least favourable world, and at one in 25 in the most favourable.
#
# The first requirement is about categories. Take the hours from noon on, add up expected and real clicks per
# category, and count the clicks that are expected in the wrong place. Even a perfect model has about 11 %
# here, because a category has about fifty clicks in half a day.

# %%
afternoon = live[live["ts"] % 86_400 >= 43_200].assign(day=lambda rows: rows["day"].map(names))
sums = afternoon.groupby(["day", "category"])[[*models, "click"]].sum()
wrong = sums[models].sub(sums["click"], axis=0).abs().groupby("day").sum()
misplaced = 100 * wrong.div(sums["click"].groupby("day").sum(), axis=0)
misplaced.loc[list(names.values())].round(1)

# %% [markdown]
# On the drift day nightly retraining misplaces more than half of the clicks, and fails the requirement that
# the online model meets. In the other worlds the gap is 25 to 44 points, against 28 here, but two of the
# five online models miss the criterion by a few points:

# %%
elsewhere = drift[["misplaced_drift_day_nightly", "misplaced_drift_day_online"]]
assert misplaced.loc["drift day", "nightly"] > 100 / 3 > misplaced.loc["drift day", "online"]
elsewhere.round(1).T

# %% [markdown]
# **Change this and see.** Let the event last two days (`event_days=(12, 14)`). What does nightly retraining
# know on day 13, and who is worst on day 14?

# %% [markdown]
# ## Ask how fresh is fresh enough
#
# Learning from every row within a minute is an expensive promise: a stream processor joins clicks to
# impressions in *event time*, and somebody is on call for it. Learning once an hour from files is cheap. Before
# building either, replay the drift day with labels that settle later and later.
#
# **Your turn.** The learner wakes up every ten minutes, at time `now`. It holds all impressions so far,
# with `known_at`, the time at which their label settled or will settle, and `learned`, whether it has
# learned them. Which rows does it learn now? Mind that it wakes up many times, and that a label must
# never be used at the moment at which it settles, only after.


# %% tags=["your-turn"]
def my_rows(known_at, learned, now):
    """Return which rows to learn at `now`, an array of bool, shape (n,)."""
    return ...


# %% tags=["check"]
known_at, none = np.array([700.0, 600.0, 650.0]), np.zeros(3, bool)
verdict = check(
    "my_rows",
    my_rows,
    gives(known_at, none, 660.0, expected=[False, True, True], hint="labels settle in any order"),
    gives(known_at, none, 700.0, expected=[False, True, True], hint="at its own moment: not yet"),
    gives(
        known_at,
        np.array([False, True, True]),
        800.0,
        expected=[True, False, False],
        hint="each row is learned once",
    ),
)
verdict

# %% [markdown]
# The replay uses your function if it passed, and the package's otherwise. Predictions of ten minutes are made
# by the state at their beginning.


# %%
choose_rows = verdict.answer_or(rows_to_learn)


def replay(rows, delay, every=600):
    """Return the prediction of each row if labels settle `delay` seconds after the impression."""
    learner, learned = copy.deepcopy(warm), np.zeros(len(rows), bool)
    settles, predicted = rows["ts"].to_numpy() + delay, np.empty(len(rows))
    wakes = (rows["ts"] // every * every).to_numpy()
    for now in np.unique(wakes):
        ready, current = choose_rows(settles, learned, now), wakes == now
        if ready.any():
            learner.partial_fit(rows[ready], rows["click"].to_numpy()[ready])
            learned |= ready
        predicted[current] = learner.predict_proba(rows[current])[:, 1]
    return predicted


# %% [markdown]
# **Your guess**: labels a whole day late bring nothing on the drift day. Of what labels bring after ten
# minutes, which share is left if they come six hours late?

# %% tags=["guess"]
guess("stream_six_hours_late", ..., unit="% of the gain")

# %% [markdown]
# Six delays, from ten minutes to a day, over the ordinary day and the drift day:

# %%
two_days = impressions[impressions["day"].isin([11, 12])]
kinds = {"ordinary day": 11, "drift day": 12}
at_delay = {}
for hours in track((1 / 6, 1, 3, 6, 12, 24), "replaying"):
    delayed = pd.Series(replay(two_days, hours * 3600), index=two_days.index)
    at_delay[hours] = {
        kind: normalized_entropy(rows["click"], delayed[rows.index])
        for kind, rows in ((kind, two_days[two_days["day"] == day]) for kind, day in kinds.items())
    }
freshness = pd.DataFrame(at_delay).T
gained = freshness["drift day"].iloc[-1] - freshness["drift day"]
compare("stream_six_hours_late", 100 * gained[6] / gained.iloc[0])

# %%
figure, axes = plt.subplots(figsize=(6, 3))
for kind, colour in (("drift day", "red"), ("ordinary day", "blue")):
    axes.plot(freshness.index, freshness[kind], "o-", color=COLOURS[colour], label=kind)
axes.set(
    xscale="log", xlabel="label delay (log scale)", ylabel="normalized entropy\n(lower is better)"
)
axes.set_xticks([1 / 6, 1, 3, 6, 12, 24], ["10 min", "1 h", "3 h", "6 h", "12 h", "1 day"])
axes.set_title("An hour costs little, half a day costs four fifths")
axes.legend()
plt.show()
freshness["gain left, %"] = 100 * gained / gained.iloc[0]
freshness.rename_axis("delay, hours").round(4)

# %% [markdown]
# A dot is the entropy of one day if labels settle so long after the impression. On the drift day an hour's
# delay costs 6 % of the gain, six hours two fifths, and half a day about four fifths. On the ordinary day
# no delay matters. So hourly labels do nearly all that a stream does, and the ten minutes that
# `progressive_fit` ignores are harmless here, as the comparison with its own numbers shows:

# %%
immediate = daily.loc["online", ["ordinary", "drift day"]].to_numpy()
ten_minutes = freshness.iloc[0][["ordinary day", "drift day"]].to_numpy()
assert np.abs(immediate - ten_minutes).max() < 0.003
assert gained[1] > 0.8 * gained.iloc[0] > gained[12]
pd.DataFrame({"immediate": immediate, "ten minutes": ten_minutes}, index=list(kinds)).round(4)

# %% [markdown]
# ## Try an hourly batch job
#
# If an hour is fresh enough, a rival comes in that is no online learner. A batch job starts from last
# night's fit and adds a correction per hashed id. At each full hour the correction is fitted to convergence
# to those rows of the day whose labels have settled, under a penalty that pulls it to zero, so that last
# night's weights act as its prior. At midnight it is thrown away, because the new nightly fit has seen the
# day. (The class is `CorrectedModel` in `mlsd.lab_support.ad_click.hourly_job`.) Its one setting is $C$,
# the variance of the prior: how far a day may move a weight. It was swept in a world of its own, beside
# the learning rate of the online model:

# %%
load_study("ad_click/31_hourly").drop(columns="seed").round(4)

# %% [markdown]
# The looser a model, the fewer clicks it misplaces on the drift day. On the ordinary day this costs the hourly job
# entropy at every step. The online model has a middle: at a rate of 0.1 it is worse on both days than at 0.3, and at
# 1 the ordinary day costs 0.021. We take the loosest setting that keeps our second requirement, at most 0.005 above
# nightly retraining on the ordinary day. That is $C = 0.03$, and for the online model the rate 0.3 that we have
# already. Here are both in the
# chapter's world (seed 42) and in four of the five others:

# %%
rivals = load_study("ad_click/31_rivals").set_index("seed")
against_nightly = {}
for kind in ("ordinary", "drift_day", "day_after"):
    for model in ("online", "hourly"):
        change = rivals[f"entropy_{kind}_{model}"] - rivals[f"entropy_{kind}_nightly"]
        against_nightly[kind, model] = change.round(4)
for model in ("online", "hourly"):
    against_nightly["misplaced", model] = rivals[f"misplaced_drift_day_{model}"].round(0)
pd.DataFrame(against_nightly)

# %% [markdown]
# The first six columns are normalized entropy minus nightly's, and the last two the percentage of clicks
# expected in the wrong category on the drift day. In our world the hourly job gains 0.041 on the drift day,
# where the online model gained 0.030, and on the day after it loses 0.0016 instead of 0.0096, because
# midnight has thrown the event away. On the ordinary day the two cost about the same. The other worlds agree,
# so in all five the stream loses to a batch job whose labels come up to an hour later.
#
# Two questions are left. Does the online model win the drift day because it learns during the day, or because it
# carries a state over midnight? And why does the batch job beat it? The study takes it apart, with equal settings.
# `refit` is the same learner, fitted from scratch at each midnight on the whole log and served unchanged.
# `restarted` begins the day with that fit and learns every row. `seeded` learns every row at the same rates, but
# begins with the weights of the nightly batch fit:

# %%
apart = {}
for model in ("refit", "restarted", "online", "seeded", "hourly"):
    for kind in ("ordinary", "drift_day", "day_after"):
        change = rivals[f"entropy_{kind}_{model}"] - rivals[f"entropy_{kind}_nightly"]
        apart[model, kind] = change.mean()
pd.Series(apart).unstack(sort=False).round(4)

# %% [markdown]
# Entries are means over the five worlds of normalized entropy minus nightly's, so negative numbers are better. In
# every world the restarted model is within 0.001 of the online one, on each kind of day, so what online learning
# carries over midnight is worth nothing here. Served unchanged, the same fit is worse than nightly retraining on
# all three. It is therefore the learning during the day that wins the drift day. The seeded model answers the
# second question. A converged start closes a quarter to a half of the gap to the batch job on the drift day, and
# nothing is lost any more on the day after, where it beats the batch job too. For the rest of the gap we suspect
# that one step per row is too little, since the hourly correction is fitted until it settles. On ordinary days
# the seeded model is 0.0016 better than the batch job, so that in entropy it is ahead unless an event comes every
# few days ($(0.0057 - 0.0019) / 0.0016 \approx 2$). None of the three parts was deployed.

# %%
for kind in ("ordinary", "drift_day", "day_after"):
    of_state = rivals[f"entropy_{kind}_restarted"] - rivals[f"entropy_{kind}_online"]
    assert of_state.abs().max() < 0.0015
assert (rivals["entropy_drift_day_refit"] > rivals["entropy_drift_day_nightly"]).all()
assert (rivals["entropy_drift_day_seeded"] < rivals["entropy_drift_day_online"]).all()
assert (rivals["entropy_ordinary_seeded"] < rivals["entropy_ordinary_hourly"]).all()
assert rivals["entropy_day_after_seeded"].lt(rivals["entropy_day_after_online"] - 0.005).all()
changed = rivals[[f"entropy_drift_day_{model}" for model in ("hourly", "online", "nightly")]]
assert (changed.diff(axis=1).iloc[:, 1:] > 0).all(axis=None)
assert rivals["misplaced_drift_day_hourly"].max() < 100 / 3

# %% [markdown]
# ## Deploy
#
# A replay grades every model on the rows that the logging policy showed. In a deployment each model chooses
# what it will learn from. `OnlineScorerPolicy` learns a row only when its label is known, ten minutes after the
# impression; with `refit="nightly"` it fits the batch model on the whole log at each midnight.

# %%
history = past[[*columns, *log.roles.numeric, "known_at", "click"]]
nightly_policy = OnlineScorerPolicy(frozen, refit="nightly", history=history, window_days=30)
online_policy = OnlineScorerPolicy(warm)

# %% [markdown]
# Both begin on day 11, each alone in a twin world, for three days. **Your guess**: by how many percent does
# online learning change the revenue of the three days together?

# %% tags=["guess"]
guess("stream_revenue_change", ..., unit="%")

# %% [markdown]
# The change by day, and below it that of the three days with its interval:

# %%
report = world.compare(nightly_policy, online_policy, days=3, history_days=11)
changes = report.changes("revenue", "clicks")
ratio_by_day = report.treatment.by_day["revenue"] / report.control.by_day["revenue"]
by_day = pd.Series(100 * (ratio_by_day - 1), name="revenue, % of nightly")
by_day.index = list(names.values())
compare("stream_revenue_change", changes.loc["revenue", "estimate"], within=1.5)
by_day.round(1).to_frame().T

# %%
changes.rename_axis("three days, % of nightly").round(1)

# %% [markdown]
# Online learning earns several percent more on the drift
# day and gives some of it back around it, so that revenue over the three days is not distinguishable from
# nightly retraining's. Clicks do rise, by an interval above zero. We suspect that the difference lies in
# what a click is worth: the model learns which ads are clicked, and not which advertisers bid most.
#
# One world is one draw. In the five others, online learning was deployed against nightly retraining as well.
# Below is the change of revenue as the mean of the five, with a 95 % interval over worlds:

# %%
half_width = stats.t.ppf(0.975, len(drift) - 1)
spans = {"ordinary": "ordinary", "drift_day": "drift day", "day_after": "day after"}
spans["estimate"] = "three days"
money = {}
for column, span in spans.items():
    change = drift[f"revenue_{column}"]
    error = half_width * change.sem()
    money[span] = {"mean, %": change.mean(), "low": change.mean() - error}
    money[span] |= {"high": change.mean() + error, "lowest": change.min(), "highest": change.max()}
assert changes.loc["revenue", "low"] > -2
assert by_day["drift day"] > by_day["ordinary"]
pd.DataFrame(money).T.round(1)

# %% [markdown]
# On the drift day revenue rises in all five worlds, but so unevenly that the interval of the mean just reaches
# below zero. The day after costs 1 to 3 % in all of them. Over the three days the mean change is not
# distinguishable from zero. No world loses more than 0.3 %, and even the lowest end of their intervals, -1.8 %, keeps
# within the 2 % that the requirement allows. The
# hourly job was deployed in the five worlds of the last section. Its three days, beside those of the online
# model:

# %%
three_days = [
    f"{end}revenue_{name}" for end in ("", "hourly_") for name in ("estimate", "low", "high")
]
in_rivals = rivals[three_days].rename(columns=lambda name: name.replace("revenue_", ""))
gap = in_rivals["hourly_estimate"] - in_rivals["estimate"]
error = half_width * gap.sem()
print(
    f"hourly minus online: {gap.mean():+.1f} [{gap.mean() - error:+.1f}, {gap.mean() + error:+.1f}]"
)
in_rivals.rename(columns={"estimate": "online", "hourly_estimate": "hourly"}).round(1)

# %% [markdown]
# The hourly job earns 1 to 3 % more than nightly retraining, by an interval above zero in four of the five
# worlds, and online learning does so in two of them. World by world the batch job earns more than the stream,
# one percentage point on average (the line above the table, whose interval is over worlds). So try the
# batch job first.
#
# Two limits belong to the verdict. We set the strength of the event ourselves. And an ad that the model wrongly
# thinks poor gets no impressions, so that no online learning corrects it: freshness is not exploration, which
# [51_explore](51_explore.ipynb) pays for separately.
#
# **Change this and see.** What learns at once also learns nonsense at once. Let a robot click on every
# impression of one campaign for an hour: set those labels to 1 in a copy of the log, let `warm` learn the
# hour, and follow its mean prediction for the campaign over the next day, beside a copy that learned the
# true labels. How long is the hour felt, and what would you have to have stored to undo it?

# %% [markdown]
# ## Results
#
# First the rungs so far, offline, from the committed ledger: three worlds without an event, every model
# frozen and given the weekday.

# %%
ledger = load_ledger("ad_click").set_index("rung")
rungs = [
    "global_rate",
    "smoothed_ad",
    "smoothed_ad_segment",
    "kalman",
    "hashed_lr",
    "ftrl",
    "oracle",
]
offline = ["normalized_entropy", "normalized_entropy_low", "normalized_entropy_high"]
assert ledger.loc["hashed_lr", "normalized_entropy"] < ledger.loc["ftrl", "normalized_entropy"]
assert ledger.loc["ftrl", "calibration_ratio"] > 1.1
ledger.loc[rungs, [*offline, "calibration_ratio", "fit_cpu_seconds"]].round(3)

# %% [markdown]
# Frozen, `ftrl` loses to the batch fit `hashed_lr` of the same columns and expects a fifth too many clicks.
# `kalman` is a tracker: it keeps an estimate and a variance for every id and updates both in order of time,
# as the lab does for a few segments. It expects a fifth too few. Much of that is the weekday's doing too, as the
# same tracker with and without that column shows on days 9 and 10 of our world:

# %%
trackers = settings[settings["model"].str.startswith("tracker")]
trackers[["model", "normalized_entropy", "calibration_ratio"]].round(3)

# %% [markdown]
# And the requirements of this chapter, with what was measured:

# %%
here = rivals.loc[42]
revenue = {
    "nightly": "-",
    "one pass": "not deployed",
    "online": "{:+.1f} % [{:.1f}, {:.1f}]".format(*changes.loc["revenue"]),
    "hourly": "{:+.1f} % [{:.1f}, {:.1f}]".format(*in_rivals.filter(like="hourly").loc[42]),
}
ordinary = daily["ordinary"] - daily.loc["nightly", "ordinary"]
ordinary["hourly"] = here["entropy_ordinary_hourly"] - here["entropy_ordinary_nightly"]
off = misplaced.loc["drift day"].copy()
off["hourly"] = here["misplaced_drift_day_hourly"]
pd.DataFrame(
    {
        "adapts: at most 33 % misplaced": off.round(0),
        "ordinary day: at most +0.005": ordinary.round(4),
        "revenue: not 2 % below nightly": revenue,
    }
).loc[list(revenue)]

# %% [markdown]
# Nightly retraining fails the first requirement, a naive single pass the second, and the model with two
# passes meets all three in this world; in two of the five others it misses the first by three to six points.
# The sections above also show what no requirement mentions: it is worse on the day after. The hourly job
# meets all three with more room, and it loses little on the day after. It is also easier to operate: its
# labels come from files, and a poisoned hour is undone by leaving its rows out of the next fit. On these
# numbers we would keep nightly retraining, correct it every hour, and deploy the seeded stream next; the lab
# builds a small layer of the former kind, with one factor per category.

# %% [markdown]
# ## What breaks in production
#
# **The join comes late.** If clicks lag and impressions do not, an online model learns a world without clicks
# and lowers every prediction. Learn a row when its label has settled, in *event time*, and never enter a
# missing label as a zero.
#
# **An hour of click spam is learned.** What has gone into the sums $z$ and $n$ cannot be taken out again.
# Keep hourly snapshots with the position in the log, so that a bad stretch can be rolled back and the clean
# rows since replayed. They also tell which model answered at 14:05.
#
# **The loss creeps up and nobody looks.** An online model has no release at which somebody checks it. Its
# progressive loss is the check; the lab builds an alarm on it, and tries it on quiet days first.

# %% [markdown]
# ## In the interview
#
# **"Should we learn online or retrain nightly?"**
#
# - *Mid-level*: online, because fresh models are better.
# - *Senior*: compares with a nightly fit that has converged. Here online was 0.03 of entropy better on the
#   drift day, 0.0016 worse on an ordinary day and 0.01 worse on the day after.
# - *Staff*: asks for the cheaper rival first. A batch correction every hour gained 0.041 on the drift day,
#   lost 0.0016 on the day after and earned 2 % more than nightly over the three days, where online's 1 % is not
#   distinguishable from zero.
#
# **"How fresh do the labels have to be?"**
#
# - *Mid-level*: as fresh as possible, so a streaming pipeline.
# - *Senior*: replays a drift day with delayed labels; an hour cost 6 % of the gain and six hours 40 %.
# - *Staff*: builds an hourly batch job that starts from last night's fit, and spends the saved effort on
#   finding click spam, because what learns at once learns spam at once too.
#
# **"Your online model, frozen for serving, is 80 % over. Where do you look?"**
#
# - *Mid-level*: recalibrates it.
# - *Senior*: suspects the order of the rows, and trains on shuffled rows to check: 1.86 became 1.15.
# - *Staff*: removes the columns that are functions of time, compares with a batch fit on the same
#   rows, and adds a calibration step for what remains.

# %% [markdown]
# ## Summary
#
# - FTRL-Proximal stores $z$ and $n$ per coordinate; the weight is derived, and $\lambda_1$ keeps it at zero.
# - Progressive validation tests each row before learning it; late labels have to be late in it too.
# - One pass in order of time was miscalibrated once it read the weekday; shuffling showed that order is the cause.
# - Online won the drift day by learning during the day, not by its memory of older ones, and lost the day after.
# - An hour was fresh enough: an hourly batch correction of the nightly fit beat online learning in five worlds.

# %% [markdown]
# ## Recall
#
# 1. Which numbers does FTRL-Proximal store for a coordinate, and when is its weight exactly zero?
#
# <details><summary>Answer</summary>The sum of squared gradients n and the corrected sum of gradients z. The
# weight is zero as long as the absolute value of z is at most the L1 penalty.</details>
#
# 2. How was it shown that the order of the rows, and not the weekday column itself, spoils the frozen model?
#
# <details><summary>Answer</summary>By shuffling the rows and changing nothing else. The calibration ratio fell
# from nearly 1.9 to about 1.15, and a converged batch fit with the same column was right.</details>
#
# 3. Why can the model that adapts fastest be the worst one on the day after an event?
#
# <details><summary>Answer</summary>It has learned the event and applies it when it is over. A copy that did not
# learn on the drift day lost only a quarter as much.</details>

# %% [markdown]
# ## Lab and further reading
#
# In [lab_31_tracker](../../labs/01_ad_click_prediction/lab_31_tracker.ipynb) you track a click rate that
# moves, find out from one morning's log what has changed, set an alarm on quiet days, and put a small
# online layer on a frozen model.
#
# - H. Brendan McMahan et al. 2013, *Ad Click Prediction: a View from the Trenches*, KDD.
# - Avrim Blum, Adam Kalai, John Langford 1999, *Beating the Hold-Out: Bounds for K-fold and
#   Progressive Cross-Validation*, COLT.
# - João Gama et al. 2014, *A Survey on Concept Drift Adaptation*, ACM Computing Surveys 46(4).
# - Xinran He et al. 2014, *Practical Lessons from Predicting Clicks on Ads at Facebook*, ADKDD: section 3
#   on data freshness and on an online linear model behind trees.
