# ---
# jupyter:
#   mlsd:
#     title: Monitor what can hurt you
#     builds: three alarms on one deployed model, and the knowledge of which to trust
#     sections:
#     - {name: What decides success, minutes: 5}
#     - {name: Watch a deployed world, minutes: 8}
#     - {name: Measure drift of a column, minutes: 12, stop: true}
#     - {name: Test it, minutes: 8}
#     - {name: Ask the clicks, minutes: 12, stop: true}
#     - {name: Find the skew, minutes: 10}
#     - {name: Results, minutes: 4}
#     - {name: What breaks in production, minutes: 3}
#     - {name: Summary, minutes: 1}
#     - {name: Recall, minutes: 3}
#     - {name: Lab and further reading, minutes: 1}
#     introduces: [population stability index, Kolmogorov-Smirnov alarm, calibration alarm, training-serving skew]
#     needs: [time split, normalized entropy, hashed logistic regression, calibration ratio, concept drift, deployment]
#     discussion: Your drift dashboard has been red for a month and nobody has lost a cent. What do you change, the dashboard or the model?
#     wrong_answers: ["The model; red is red.", "Nothing; better too many alarms than too few."]
# ---

# %% [markdown]
# # Monitor what can hurt you
#
# **You will build** three alarms on one deployed model, and the knowledge of which to trust.
#
# **You will learn** why a test of significance pages every morning, why an index of stability may sleep
# through the one change that matters, and what to watch instead.
#
# **You need** `30_count`: hashed logistic regression; `31_stream`: concept drift; `33_calibrate`:
# calibration ratio.
#
# **Minutes**: 67, with good places to stop after the index and after the clicks.

# %% [markdown]
# ## What decides success
#
# Somebody is woken by an alarm. So an alarm has two prices: the hours for which a real problem goes
# unnoticed, and the nights that nobody should have lost. We ask for both in numbers. A change that
# costs quality has to be **seen within a day**. Where nothing is wrong, there may be **one false page
# a month**.
#
# Two kinds of change have to be kept apart. In *data drift* the inputs change: other users, other
# hours, older ads. In concept drift the answer changes: the same input is clicked more, or less, than
# before. The first may be harmless. The second never is.

# %%
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from mlsd import metrics
from mlsd.checks import check, gives
from mlsd.experiments import load_ledger
from mlsd.models import HashedLogisticRegression
from mlsd.monitoring import (
    RecordedPolicy,
    alarm_threshold,
    calibration_score,
    calibration_scores,
    drift_table,
)
from mlsd.plots import COLOURS, course_style, plot_changes
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickConfig, AdClickWorld

plt.rcParams.update(course_style())

# %% [markdown]
# ## Watch a deployed world
#
# We ask for a world with an event: on days 12 and 13 everybody's tastes shift at once, as at the start
# of a big sale. Some categories gain, some lose. Before and after it, the world is the default one.

# %%
EVENT, FIRST_DAY, DAYS = (12, 14), 7, 10
world = AdClickWorld(seed=13, config=AdClickConfig(event_days=EVENT, event_sd=0.7))
log = world.history(days=FIRST_DAY).labelled_log()
names = [n for n in log.roles.identifiers if n not in ("user_id", "weekday")]
model = HashedLogisticRegression(categorical=tuple(names), numeric=log.roles.numeric, C=0.1)
policy = ScorerPolicy(model.fit(log.frame, log.label))

# %% [markdown]
# The model learned from a week. It goes online for ten days, and a recorder keeps what it saw: each
# impression with what the request said, the prediction that was served, and the click.

# %% tags=["nbval-check-output"]
recorded = RecordedPolicy(policy)
report = world.deploy(recorded, days=DAYS, history_days=FIRST_DAY)
served = recorded.rows().query("ts >= 86_400 * @FIRST_DAY")
served = served.assign(
    day=(served["ts"] // 86_400).astype(int), expected=model.predict_proba(served)[:, 1]
)
days = dict(tuple(served.groupby("day")))
event_days = list(range(*EVENT))
quiet_days = [day for day in days if day not in (FIRST_DAY, *event_days)]
list(days)

# %% [markdown]
# What would the business see? Clicks and revenue per day, from the report.

# %%
figure, axes = plt.subplots()
for measure, colour in (("revenue", "blue"), ("clicks", "orange")):
    daily = report.by_day.set_index("day")[measure]
    axes.plot(daily.index, daily / daily.loc[FIRST_DAY], "o-", color=COLOURS[colour], label=measure)
axes.axvspan(EVENT[0] - 0.5, EVENT[1] - 0.5, color=COLOURS["grey"], alpha=0.3, label="event")
axes.set(xlabel="day", ylabel="relative to the first deployed day", ylim=(0.8, 1.2))
axes.legend(loc="lower left")
plt.show()

# %% [markdown]
# How to read it: one dot a day, the event shaded. Nobody would open a ticket. Tastes moved, and the sum
# of clicks did not: what some categories lost, others won. Yet from the first hour of the event on,
# the model sends the wrong ads. Which alarm sees it?

# %% [markdown]
# ## Measure drift of a column
#
# The *population stability index* compares the histogram of a column with that of a reference, bin by
# bin. With the share r in the reference and c now,
#
# > index = Σ (c − r) · ln(c / r)
#
# which is zero for equal shares and grows with every share that moved. Habit calls it a small change
# under 0.1 and a large one above 0.25.
#
# **Your turn**: the formula, for two arrays of counts in the same bins. Turn them into shares first.


# %% tags=["your-turn"]
def my_stability_index(reference_counts, current_counts):
    """Population stability index of two histograms over the same bins."""
    return ...


# %% [markdown]
# The last case multiplies all counts by a tenth.

# %% tags=["check"]
check(
    "population stability index",
    my_stability_index,
    gives(np.array([50, 50]), np.array([50, 50]), expected=0.0),
    gives(np.array([50, 50]), np.array([160, 40]), expected=0.3 * np.log(1.6) - 0.3 * np.log(0.4)),
    gives(np.array([10, 20, 70]), np.array([1, 2, 7]), expected=0.0, hint="shares, not counts"),
)

# %% [markdown]
# The package's version cuts the bins at quantiles of the reference, and adds half a row to each, so that
# an empty bin costs much but a finite amount. Our reference is the first deployed day. We watch what
# every team watches: some inputs, and the model's own output.

# %%
watched = ["hour", "device", "region", "publisher_id", "category"]
watched += ["account_age_days", "ad_age_days", "expected"]
drift = {day: drift_table(days[FIRST_DAY], rows, watched) for day, rows in days.items()}
index = pd.DataFrame({day: table["psi"] for day, table in drift.items()})
index.round(3)

# %% [markdown]
# Before reading on: in which columns would you look for the event? **Your guess first**: how many of
# these eight indices cross 0.1 on the days of the event, 12 and 13, and not on other days?

# %% tags=["guess"]
guess_crossings = ...

# %% [markdown]
# Count them:

# %%
only_event = (index[event_days] > 0.1).any(axis=1) & ~(index[quiet_days] > 0.1).any(axis=1)
assert only_event.sum() == 0
assert (index.loc["ad_age_days", quiet_days] > 0.1).any()
assert (index.drop("ad_age_days")[event_days] < 0.1).all(axis=None)
{"columns that cross 0.1 in the event alone": int(only_event.sum())}

# %% [markdown]
# None. The index crossed 0.1 in one column, the age of the ads, on ordinary days: ads are born and grow
# older. And the inputs did not change in the event. The same people asked at the same hours. What
# changed is what they would click, and that is no column.

# %% [markdown]
# ## Test it
#
# Perhaps the thresholds are too crude, and a test would be sharper. The Kolmogorov-Smirnov test takes
# the largest distance between two distribution functions, and says how probable so large a distance
# is by chance. As a *Kolmogorov-Smirnov alarm* it pages below some p-value. We watch eight columns and
# allow one false page a month, so each test gets p < 1 / (30 · 8).

# %%
level = 1 / (30 * len(watched))
p_values = pd.DataFrame({day: table["p_value"] for day, table in drift.items()})
pages = (p_values < level).drop(columns=FIRST_DAY)
pages.astype(int)

# %% [markdown]
# A one is a page. Read along the rows. How many columns page on each day?

# %%
per_day = pages.sum()
assert (per_day > 0).all()
assert per_day[event_days].max() <= per_day[quiet_days].max() + 1
figure, axes = plt.subplots()
for label, part, colour in (("ordinary day", quiet_days, "blue"), ("event", event_days, "orange")):
    axes.bar(part, per_day[part], color=COLOURS[colour], label=label)
axes.set(xlabel="day", ylabel="columns that page", ylim=(0, len(watched)))
axes.legend()
plt.show()

# %% [markdown]
# How to read it: a bar is a day, its height the number of columns that would page somebody. The alarm
# rings on every single day, in the event no louder than after it. With seventy thousand rows a day the
# test sees differences of one percent, and differences of one percent are always there: new accounts
# grow old, ads come and go. *Significant* is a statement about the sample size. *Harmful* is not.

# %% [markdown]
# ## Ask the clicks
#
# The inputs cannot tell. The outcome can. Under a right model the clicks of a group of impressions have
# mean Σ p and variance Σ p (1 − p). So
#
# > score = (Σ y − Σ p) / √(Σ p (1 − p))
#
# is a draw from a standard normal, whatever the group. A *calibration alarm* pages when it is too large.
# First one score a day for all impressions together.

# %%
overall = pd.Series({d: calibration_score(g["click"], g["expected"]) for d, g in days.items()})
overall.round(1).to_frame("all impressions").T

# %% [markdown]
# No day stands out as the event. Here the shift cancels in the sum, for the calibration as for the
# revenue; with other winners and losers, part of it might have shown. We do not want to depend on that,
# so we split by what we believe may move together: the category.

# %% tags=["nbval-check-output"]
by_category = pd.DataFrame(
    {d: calibration_scores(g["click"], g["expected"], g["category"]) for d, g in days.items()}
)
threshold = alarm_threshold(len(by_category), false_alarms=1 / 30)
f"{len(by_category)} categories, page beyond {threshold:.2f} standard deviations"

# %% [markdown]
# The line shares one false page a month among 24 tests a day.

# %%
largest = by_category.abs().max()
assert largest[event_days].min() > 2 * largest[[d for d in days if d < EVENT[0]]].max()
assert abs(overall[event_days]).max() < largest[event_days].min() / 2
figure, axes = plt.subplots()
axes.plot(by_category.columns, by_category.T, color=COLOURS["grey"], alpha=0.5, lw=0.8)
axes.plot(largest.index, largest, "o-", color=COLOURS["blue"], label="largest score, sign dropped")
axes.axhline(threshold, color=COLOURS["red"], ls="--", label="page beyond this line")
axes.axvspan(EVENT[0] - 0.5, EVENT[1] - 0.5, color=COLOURS["orange"], alpha=0.2, label="event")
axes.set(xlabel="day", ylabel="calibration score\n(standard deviations)")
axes.legend(loc="upper left")
plt.show()

# %% [markdown]
# How to read it: a thin line is a category, the thick one the largest of the day. In the event it leaves
# everything behind, on the first day. But it is close to its line before, and across it after: the model
# was learned in one week and has its own small errors in each category, and they last.
#
# An alarm that should not ring for old errors looks at the *change*. The first three deployed days say
# how far off the model usually is in each category; later days are scored against that. A reference
# of three days has luck of its own, a third of a day's variance.

# %%
usual = pd.concat([days[day] for day in range(FIRST_DAY, FIRST_DAY + 3)])
sums = usual.groupby("category")[["click", "expected"]].sum()
ratio = sums["click"] / sums["expected"]
change = pd.DataFrame(
    {
        d: calibration_scores(g["click"], g["expected"] * g["category"].map(ratio), g["category"])
        for d, g in days.items()
        if d >= FIRST_DAY + 3
    }
) / np.sqrt(1 + 1 / 3)
assert change[[d for d in change if d < EVENT[0]]].abs().max(axis=None) < threshold + 0.5
assert change[event_days].abs().max().min() > 1.5 * threshold
change.abs().max().round(1).to_frame("largest change").T

# %% [markdown]
# Before the event this alarm is silent, and in the event it is loud. Afterwards one category stays just
# across the line. That may be luck, or the slow drift of tastes that this world has on every day; the
# reference is a week old by then, and should be moved along.
#
# How much did it matter? We let the alarm do something: after the first day of the event, shift each
# category's logit by what that day taught, and read the second day. Twenty imagined views at a rate of
# two percent keep small categories from extremes.

# %%
first, second = (days[day] for day in event_days)
logit = np.log(second["expected"] / (1 - second["expected"]))
odds = first.groupby("category")[["click", "expected"]].sum().add(20 * 0.02)
shift = np.log(odds["click"] / odds["expected"])
mended = 1 / (1 + np.exp(-(logit + second["category"].map(shift).fillna(0.0))))
pair = mended.to_numpy(), second["expected"].to_numpy()

# %% [markdown]
# Both predictions meet the clicks of the same rows; the interval resamples users.

# %%
users = second["user_id"].to_numpy()
ne, clicked = metrics.normalized_entropy, second["click"].to_numpy()
gain = metrics.paired_interval(ne, clicked, *pair, clusters=users, repetitions=200, seed=0)
assert gain.high < 0
f"normalized entropy {gain.estimate:.4f}, 95 % interval {gain.low:.4f} to {gain.high:.4f}"

# %% [markdown]
# Twenty-four numbers, learned in a day, bring about as much as the as-of counters brought over the ids
# (the table under Results has both). Without an alarm the repair would have waited for the weekly fit.
#
# ## Find the skew
#
# There is a change that no user makes. *Training-serving skew* is a feature that is computed in one way
# for training and in another for serving. We deploy the same model with two such bugs. In the first, the
# service runs in another time zone, so the hour is six hours off. In the second, serving still has an
# old table of category codes, and every code is one too high.


# %%
class SkewedPolicy(ScorerPolicy):
    """Serves a model with one column wrong."""

    column, off, modulus = "hour", 6, 24

    def act(self, requests):
        """Score the candidates with the column shifted."""
        parts = {"context": dict(requests.context), "candidates": dict(requests.candidates)}
        for columns in parts.values():
            if self.column in columns:
                columns[self.column] = (columns[self.column] + self.off) % self.modulus
        return super().act(replace(requests, **parts))


# %% [markdown]
# **Your guess**: which costs more revenue, the clock or the codes, and how much?

# %% tags=["guess"]
guess_costlier_bug = ...

# %% [markdown]
# Each bug meets the sound service in twin worlds.

# %%
clock, codes = RecordedPolicy(SkewedPolicy(model)), RecordedPolicy(SkewedPolicy(model))
codes.policy.column, codes.policy.off = "category", 1
cost = {}
for bug, broken in {"wrong clock": clock, "old codes": codes}.items():
    lifts = world.compare(policy, broken, days=3, history_days=FIRST_DAY).lifts
    cost |= {(bug, measure): vars(lifts[measure].relative) for measure in ("revenue", "clicks")}
cost = 100 * pd.DataFrame(cost).T
assert cost.loc[("old codes", "revenue"), "high"] < 0
assert cost.loc[("old codes", "revenue"), "estimate"] < cost.loc[("wrong clock", "revenue"), "low"]
plot_changes(cost, xlabel="change by the bug in the twin world (%, bar: 95 % interval)")
plt.show()

# %% [markdown]
# How to read it: left of the line is lost. The clock costs next to nothing, since the hour says next to
# nothing in this model. The codes cost real money. No exception was raised in either.
#
# There is a test that finds every such bug that moves a prediction, whatever the column: *replay*. The
# log holds the request as it came in, and the prediction that was served. Compute features and
# prediction once more with the training code, and compare. It has to start from the raw request: a log
# of the features *as the service computed them* would repeat the bug and find nothing. (`position=0`,
# because a service predicts before a slot is known.)

# %%
replayed = {}
for name, record in {"sound": recorded, "wrong clock": clock, "old codes": codes}.items():
    rows = record.rows().query("ts >= 86_400 * @FIRST_DAY").head(20_000)
    again = model.predict_proba(rows.assign(position=0))[:, 1]
    replayed[name] = (np.abs(again / rows["predicted_ctr"] - 1) > 0.001).mean()
assert replayed["sound"] == 0
assert min(replayed["wrong clock"], replayed["old codes"]) > 0.5
pd.Series(replayed, name="share of predictions that differ").round(3).to_frame()

# %% [markdown]
# The replay needs no clicks, so it answers in minutes, and it is exact: the sound model differs nowhere.
# Run it on a sample of every hour, and before every release.

# %% [markdown]
# ## Results
#
# What each alarm said about the same ten days, and what it needs.

# %%
fired = {
    "stability index > 0.1": index.gt(0.1).any(),
    "Kolmogorov-Smirnov": pages.any(),
    "calibration, all": overall.abs() > 3,
    "calibration change, by category": change.abs().max() > threshold,
}
fired = pd.DataFrame(fired).T
verdicts = {f"pages, {len(quiet_days)} other days": fired[quiet_days].sum(axis=1)}
verdicts[f"pages, {len(event_days)} days of event"] = fired[event_days].sum(axis=1)
pd.DataFrame(verdicts).astype(int)

# %% [markdown]
# The last row has five other days, since three made its reference. Only this alarm tells the event from
# the other days, and it does so on the first day, as we asked. One false page a month it has not shown:
# its two other pages follow the event, and ten days of one world cannot settle a monthly rate.
#
# On the ladder so far nothing has changed: monitoring makes no model better, it says when the one you
# have has become worse. The rung that we watched, and its neighbours:

# %%
ledger = load_ledger("ad_click").set_index("rung")
rungs = ["global_rate", "smoothed_ad", "hashed_lr", "hashed_lr_counters", "oracle"]
shown = {"normalized_entropy": "normalized entropy", "calibration_ratio": "calibration ratio"}
ledger.loc[rungs, list(shown)].rename(columns=shown).round(4)

# %% [markdown]
# ## What breaks in production
#
# Alarms that always ring are switched off, in the head first and in the system later. Delete an alarm that
# was never followed by an action.
#
# A calibration alarm needs labels. Clicks come in minutes; conversions come in days, and until then the
# alarm sees a shortage that is only a delay. Compare with the same age of last week's impressions.
#
# A policy that learns online repairs what the alarm should see. Watch its weights, or score the clicks
# with yesterday's snapshot.

# %% [markdown]
# ## Summary
#
# - Data drift is a change of inputs; concept drift a change of answers. Only clicks see the second.
# - The stability index measures the size of a change, not its harm.
# - With many rows, a significance test pages on every ordinary day.
# - Score clicks against promises, by group, and page on a change.
# - Replay served predictions; it finds every skew without a label.

# %% [markdown]
# ## Recall
#
# 1. Why did no input column show the event?
#
# <details><summary>Answer</summary>The same people asked at the same hours. What changed was how they
# answer, which is not an input.</details>
#
# 2. Why did the calibration of all impressions together not show it either?
#
# <details><summary>Answer</summary>Some categories gained what others lost, so the sum stayed.</details>
#
# 3. Your Kolmogorov-Smirnov alarm has p = 10⁻²⁰ on the age of accounts. What do you do?
#
# <details><summary>Answer</summary>Look at the size of the change, and at the clicks of the affected
# group. Accounts grow older every day; that is no reason to wake anybody.</details>

# %% [markdown]
# ## Lab and further reading
#
# This chapter has no lab of its own; `lab_33_calibration` and `lab_31_tracker` hold the tools that you
# would use after the alarm.
#
# - Bilal Yurdakul, Joshua Naranjo 2020, *Statistical properties of the population stability index*,
#   Journal of Risk Model Validation 14(4).
# - Eric Breck et al. 2017, *The ML Test Score: A Rubric for ML Production Readiness and Technical Debt
#   Reduction*, IEEE Big Data.
# - D. Sculley et al. 2015, *Hidden Technical Debt in Machine Learning Systems*, NIPS.
