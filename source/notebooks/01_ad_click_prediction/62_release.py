# ---
# jupyter:
#   mlsd:
#     title: Release without regret
#     builds: a retraining schedule with its price, a shadow, a canary that takes itself back, and a decision memo
#     sections:
#     - {name: What decides success, minutes: 4}
#     - {name: Look at a log that grows old, minutes: 6}
#     - {name: Choose a cadence, minutes: 12, stop: true}
#     - {name: Let it run in the shadow, minutes: 10}
#     - {name: Send a canary, minutes: 16, stop: true}
#     - {name: Write the memo, minutes: 8}
#     - {name: Draw the whiteboard, minutes: 6}
#     - {name: Results, minutes: 3}
#     - {name: What breaks in production, minutes: 3}
#     - {name: Summary, minutes: 1}
#     - {name: Recall, minutes: 3}
#     - {name: Lab and further reading, minutes: 1}
#     introduces: [retraining cadence, shadow deployment, canary release, rollback]
#     needs: [deployment, concept drift, normalized entropy, calibration ratio, sample size]
#     discussion: Your canary at 5 % of users has been silent for a day. What do you know now, and what not?
#     wrong_answers: ["That the release is good.", "Nothing; a day is always too short."]
# ---

# %% [markdown]
# # Release without regret
#
# **You will build** a retraining schedule with its price, a shadow, a canary that takes itself back, and a
# decision memo.
#
# **You will learn** what freshness is worth, which mistakes no offline check can find, and how small a
# release has to be to be harmless and how large to be noticed.
#
# **You need** `33_calibrate`: calibration ratio; `52_experiment`: sample size; `31_stream`: concept drift.
#
# **Minutes**: 73, with good places to stop after the cadence and after the canary.

# %% [markdown]
# ## What decides success
#
# A model is released many times: each retraining is a release. Two things are wanted, and they pull in
# opposite directions. Releases should be **frequent**, because the world moves. And a bad one should cost
# **less than one percent of three days' revenue** before it is gone, without anybody being awake.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from mlsd import metrics
from mlsd.checks import check, gives
from mlsd.experiments import load_ledger
from mlsd.models import HashedLogisticRegression, SmoothedRate
from mlsd.monitoring import RecordedPolicy
from mlsd.plots import COLOURS, course_style, plot_changes
from mlsd.policies import CanaryPolicy
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickWorld

plt.rcParams.update(course_style())

# %% [markdown]
# ## Look at a log that grows old
#
# Three weeks of the default world. The model is the hashed logistic regression on ids, without the user's,
# learned from a week at a time.

# %% tags=["nbval-check-output"]
world = AdClickWorld(seed=13)
log = world.history(days=21).labelled_log()
day = (log.frame["ts"] // 86_400).astype(int).to_numpy()
names = tuple(n for n in log.roles.identifiers if n not in ("user_id", "weekday"))
per_day = {d: np.flatnonzero(day == d) for d in range(21)}
f"{len(per_day)} days, {len(names)} identifiers"

# %% [markdown]
# What ages? The ads, first of all. Of the impressions on a later day, how many show an ad that the first
# week did not know?

# %%
known = set(log.frame["ad_id"].iloc[np.flatnonzero(day < 7)])
unseen = pd.Series(
    {d: 1 - log.frame["ad_id"].iloc[per_day[d]].isin(known).mean() for d in range(7, 21)}
)
assert unseen[20] > 2 * unseen[8]
(100 * unseen[[7, 10, 15, 20]]).round(0).rename("impressions of unknown ads, %").to_frame().T

# %% [markdown]
# After two weeks a good part of the market is new. The model still has its campaign and its category to
# say something about such an ad, which is why it does not collapse.
#
# ## Choose a cadence
#
# The *retraining cadence* is how often a new model replaces the old one. We replay the fortnight after the
# first week: a model learned from the seven days before its release, used until the next one.
#
# **Your guess**: from never to every second day, how much normalized entropy is there to gain? The step
# from trees to a linear model was a few thousandths.

# %% tags=["guess"]
guess_gain = ...

# %% [markdown]
# Eight models, two days apart; the last one ends with the log.

# %%
models = {}
for end in range(7, 22, 2):
    rows = np.concatenate([per_day[d] for d in range(end - 7, end)])
    model = HashedLogisticRegression(categorical=names, numeric=log.roles.numeric, C=0.1)
    models[end] = model.fit(log.frame.iloc[rows], log.label[rows])

# %% [markdown]
# Three schedules share these models; each day is predicted by the newest that the schedule allows.

# %%
cadences = {"every 2 days": 2, "every 4 days": 4, "never": 14}
predicted = {
    name: {
        d: models[7 + (d - 7) // every * every].predict_proba(log.frame.iloc[per_day[d]])[:, 1]
        for d in range(7, 21)
    }
    for name, every in cadences.items()
}

# %% [markdown]
# Normalized entropy by day, minus that of the model that is never replaced.

# %%
ne = metrics.normalized_entropy
daily = pd.DataFrame(
    {n: {d: ne(log.label[per_day[d]], p) for d, p in q.items()} for n, q in predicted.items()}
)

# %% [markdown]
# Two schedules against none:

# %%
colours = [COLOURS[name] for name in ("blue", "orange", "grey")]
axes = daily.sub(daily["never"], axis=0).plot(style="o-", color=colours, alpha=0.8)
axes.set(xlabel="day", ylabel="normalized entropy minus\nthat of the old model")
axes.legend(title="replaced")
plt.show()

# %% [markdown]
# How to read it: below the grey line a schedule is better than no schedule. The lines leave it with the
# first retraining and drift away. The two schedules coincide on the
# days on which their newest model is the same. Ageing is slow here, not a cliff.

# %%
later = np.concatenate([per_day[d] for d in range(7, 21)])
clicked, users = log.label[later], log.frame["user_id"].to_numpy()[later]
two, four, never = (np.concatenate(list(p.values())) for p in predicted.values())
paired = {"clusters": users, "repetitions": 100, "seed": 0}
gain = metrics.paired_interval(ne, clicked, two, never, **paired)
more = metrics.paired_interval(ne, clicked, two, four, **paired)
assert gain.high < 0
assert more.estimate > gain.estimate
pd.DataFrame({"2 days for never": vars(gain), "2 days for 4": vars(more)}).T.round(4)

# %% [markdown]
# The first few retrainings bring most of it. What is it worth? At the end of the third week, deploy the old
# model against one that learned from the last seven days.

# %%
stale, fresh = ScorerPolicy(models[7]), ScorerPolicy(models[21])
aged = world.compare(stale, fresh, days=3, history_days=21).lifts
worth = 100 * pd.DataFrame({m: vars(aged[m].relative) for m in ("revenue", "clicks")}).T
assert worth.loc["clicks", "low"] > 0
worth.round(1)

# %% [markdown]
# So two weeks of age cost some percent of the clicks, and of the revenue about two, with an interval that
# touches zero. Take the two, and take the loss as even: each day of age costs a fourteenth of it. A model
# that serves for T days is T / 2 old on average. Against that stands the price of a release: computing,
# and somebody who looks at the result. We do not know yours, so here are three, as shares of a day's
# revenue.

# %%
loss, every = worth.loc["revenue", "estimate"] / 14, np.arange(1, 22)
costs = {f"{price} %": loss * every / 2 + price / every for price in (0.1, 1, 10)}
costs = pd.DataFrame(costs, index=every)
axes = costs.plot(style="o-", ms=4)
axes.set(yscale="log", xticks=[1, 4, 7, 14, 21], xlabel="days from release to release")
axes.set_ylabel("age and releases, a day\n(% of a day's revenue, log scale)")
axes.legend(title="a release costs")
plt.show()
best = costs.idxmin()
assert costs.loc[2 * best["1 %"], "1 %"] < 1.35 * costs["1 %"].min()
best.rename("cheapest cadence, days").to_frame().T

# %% [markdown]
# How to read it: to the left one pays for releases, to the right for age, and the lowest dot is the best
# cadence. It goes with the square root of the price: a release ten times dearer comes three times as
# seldom. And around it the curve is flat: half as many releases as the best cost about a quarter more. So
# nobody needs the exact number, and the wide interval of the loss does little harm. Everybody needs
# releases that are cheap because they run by themselves.

# %% [markdown]
# ## Let it run in the shadow
#
# Today's system ranks by the smoothed rate of the ad. The new one adds what a user did in a category.
# Three artifacts arrive from the build: the right one; one whose category codes come from an old table; and
# one whose model is right, and whose configuration was left at `rank_by="bid"`.

# %% tags=["nbval-check-output"]
week = np.flatnonzero(day < 7)
start = log.frame.iloc[week], log.label[week]
by_user = (("ad_id",), ("publisher_id", "category"), ("user_id", "category"))
old = ScorerPolicy(SmoothedRate(levels=(("ad_id",),), strength=30.0).fit(*start))
good = SmoothedRate(levels=by_user, strength=30.0).fit(*start)
shifted = start[0].assign(category=(start[0]["category"] + 1) % 24)
codes = SmoothedRate(levels=by_user, strength=30.0).fit(shifted, start[1])
artifacts = {"right": ScorerPolicy(good), "old codes": ScorerPolicy(codes)}
artifacts["bid only"] = ScorerPolicy(good, rank_by="bid")
list(artifacts)

# %% [markdown]
# A *shadow deployment* shows the new model every request and serves none of its answers. A day of the old
# policy is recorded; each new model scores what was shown.

# %%
recorded = RecordedPolicy(old)
world.deploy(recorded, days=1, history_days=7)
seen = recorded.rows().query("ts >= 7 * 86_400")
outcome = seen["click"].to_numpy()
f"{len(seen):,} impressions, {outcome.mean():.2%} clicked"

# %% [markdown]
# Each artifact predicts them; the old policy had shown them.

# %%
shadow = {}
for name, policy in {"in service": old, **artifacts}.items():
    p = policy.scorer.predict_proba(seen)[:, 1]
    shadow[name] = {
        "normalized entropy": metrics.normalized_entropy(outcome, p),
        "AUC": metrics.auc(outcome, p),
        "calibration ratio": metrics.calibration_ratio(outcome, p),
    }
shadow = pd.DataFrame(shadow).T
assert shadow.loc["old codes", "AUC"] < shadow.loc["right", "AUC"]
assert (shadow.loc["bid only"] == shadow.loc["right"]).all()
shadow.round(3)

# %% [markdown]
# The shadow costs computing and no user. It finds the old codes: their model is worse than the one in
# service. And it calls the third artifact as good as the first, because its *predictions* are. What is done
# with them is not visible in the shadow.

# %% [markdown]
# ## Send a canary
#
# A *canary release* serves a small share of the users with the new system, for real. If they fare worse
# than the others by more than luck, everybody goes back to the old one: a *rollback*. It must need no
# decision and no build, so the old system stays warm beside the new.
#
# The package's `CanaryPolicy` does that: users are split by their id, clicks per view of both arms are
# compared whenever events come in, and 3.5 standard errors behind is the end. Why 3.5 and not 1.96? It
# looks many times, and every look is a chance for a false alarm.
#
# **Your guess**: with 5 % of the users, after how many hours will the configuration mistake be taken back?

# %% tags=["guess"]
guess_hours = ...

# %% [markdown]
# Each release goes to everybody in one twin world, and to a canary in two others.

# %%
DAY, run = 86_400, {"days": 3, "history_days": 7}
releases, rows = {"right": artifacts["right"], "bid only": artifacts["bid only"]}, {}
for name, new in releases.items():
    for share in (100, 5, 20):
        canary = CanaryPolicy(old, new, share=min(share, 99), start=7 * DAY)
        lifts = world.compare(old, new if share == 100 else canary, **run).lifts
        back = canary.rolled_back_at
        row = {"hours to rollback": np.nan if back is None else (back - 7 * DAY) / 3_600}
        rows[name, f"{share} %"] = row | {m: lifts[m].relative for m in ("revenue", "clicks")}

# %% [markdown]
# Revenue, and the interval of clicks, over three days against never having released, in percent.

# %%
table = pd.DataFrame({key: vars(row["revenue"]) for key, row in rows.items()}).T
table[["clicks low", "clicks high"]] = [(r["clicks"].low, r["clicks"].high) for r in rows.values()]
table *= 100
table.insert(0, "hours to rollback", [row["hours to rollback"] for row in rows.values()])
table.round(1).rename_axis(["release", "share of users"])

# %% [markdown]
# The revenue once more, to scale:

# %%
bad, right = table.loc["bid only"], table.loc["right"]
assert bad.loc["100 %", "high"] < 0 < right.loc["100 %", "low"]
assert bad.loc[["5 %", "20 %"], "low"].min() > -1
assert list(table["hours to rollback"].notna()) == 4 * [False] + 2 * [True]
plot_changes(table, xlabel="revenue against no release, three days (%, bar: 95 % interval)")
plt.show()

# %% [markdown]
# How to read it: left of the line is lost. Released to everybody, the forgotten setting costs several
# percent. As a canary it costs so little that the three days cannot tell it from nothing, less than the
# one percent that we allowed, and it is taken back by itself. The right release is never taken back, and
# pays roughly in proportion to its share.
#
# Luck decides the hour. In six other worlds, seeds 14 to 19, the canary of 20 % took the mistake back in
# all six, after 17 to 41 hours, and that of 5 % in two within the three days. The cost stayed below one
# percent in each of the twelve, and the right release was never taken back.
#
# The smaller share needed longer: it has fewer clicks to be wrong with. How long would it take to notice a
# smaller harm? The sample size of `52_experiment` answers, turned round. With a share s of the views and a
# click rate p, the standard error of the relative difference is √((1 − p) / (p · n · s · (1 − s))), and a
# harm shows when it is 3.5 of them.

# %%
rate, harm = 0.02, np.array([0.02, 0.05, 0.1, 0.2, 0.5])
views = {s: len(per_day[20]) * s / 100 * (1 - s / 100) for s in (1, 5, 20)}
days_needed = pd.DataFrame(
    {f"{s} % of users": 3.5**2 * (1 - rate) / rate / v / harm**2 for s, v in views.items()},
    index=100 * harm,
)

# %% [markdown]
# The click rate is about two percent.

# %%
axes = days_needed.plot(loglog=True, style="o-")
axes.axhline(1, color=COLOURS["grey"], ls="--", label="one day")
axes.set_xticks(days_needed.index, [f"{h:.0f}" for h in days_needed.index])
axes.set_xticks([], minor=True)
axes.set_xlabel("clicks lost by the new system (%, log scale)")
axes.set_ylabel("days until half of such\nreleases are taken back (log scale)")
axes.legend()
plt.show()
assert days_needed["5 % of users"].iloc[-1] < 1 < days_needed["5 % of users"].iloc[0]

# %% [markdown]
# How to read it: below the dashed line a harm is found within a day. Our mistake loses a sixth to a fifth
# of the clicks; the curves give one or two days with 20 % of the users and about five with 5 %, so our 37
# hours were lucky. In this market a canary finds
# catastrophes, and no canary finds two percent. That takes an A/B test, as long as `52_experiment`
# computed. A silent canary says "no catastrophe", and nothing more.

# %% [markdown]
# ## Write the memo
#
# The rule that decides has to be written before the numbers are known, or it will be written to fit them.
#
# **Your turn**: from the interval of the lift in revenue (percent) and the guardrail, the largest loss of
# clicks that is acceptable, return `"roll back"`, `"release"` or `"keep testing"`. Roll back when revenue
# is below zero for sure, or clicks are below the guardrail for sure. Release when revenue is above zero for
# sure, and clicks are above the guardrail for sure.


# %% tags=["your-turn"]
def decide(revenue_low, revenue_high, clicks_low, clicks_high, guardrail=-2.0):
    """Return the decision; all numbers in percent."""
    return ...


# %% [markdown]
# Five cases, the guardrail at two percent:

# %% tags=["check"]
check(
    "decide",
    decide,
    gives(1.0, 4.0, -1.0, 2.0, expected="release"),
    gives(-3.0, -1.0, 0.0, 2.0, expected="roll back"),
    gives(1.0, 4.0, -6.0, -3.0, expected="roll back", hint="the guardrail, whatever the money"),
    gives(-1.0, 4.0, 0.0, 2.0, expected="keep testing"),
    gives(1.0, 4.0, -3.0, 2.0, expected="keep testing", hint="clicks may be below the guardrail"),
)

# %% [markdown]
# A memo has one page: what is released, what was decided beforehand, what was measured, what is decided, how
# to go back, and who watches. This one, of the release that failed, is printed from the numbers above.

# %%
entropy, canary = shadow["normalized entropy"], bad.loc["20 %"]
print(f"""RELEASE  user and category in the smoothed rate
RULE     release if revenue is above zero for sure; back at once at 3.5 errors fewer clicks
SHADOW   entropy {entropy["bid only"]:.3f}, in service {entropy["in service"]:.3f}: no objection
CANARY   20 % of users, taken back after {canary["hours to rollback"]:.0f} hours
COST     revenue of three days {canary["low"]:+.1f} to {canary["high"]:+.1f} %
DECISION rolled back by the rule; cause: the configuration ranked by the bid alone
BACK     the old policy was warm; no build, nobody was called
WATCH    ranking rule in the release's own test; then the same model again""")

# %% [markdown]
# **Your memo.** The corrected release comes back: the row `right`. Write its eight lines in a cell of your
# own, in the same order, from the tables above. Apply your `decide` to the interval of the full release; a
# company would have an A/B test in its place.
#
# <details><summary>One answer</summary>RELEASE the same model, ranked by bid × rate. RULE as before, and no
# more than two percent fewer clicks. SHADOW entropy 0.950 against 0.974; calibration 0.97. CANARY 20 % of
# users for three days, silent, which excludes a catastrophe only. TEST revenue +8 to +13 %, clicks well
# above the guardrail. DECISION release. BACK the old policy stays warm for a week and goes on counting.
# WATCH calibration by category, share of fallbacks, share of slots sold at the reserve; by name, who.
# </details>

# %% [markdown]
# ## Draw the whiteboard
#
# The case in nine lines, each with a number that this course measured. In an interview they are the answer
# to "walk me through it".

# %%
ledger = load_ledger("ad_click").set_index("rung")
value, slowest = ledger["normalized_entropy"], ledger["predict_one_p99_ms"].max()
order = -value.drop("oracle").corr(ledger["online_revenue"], method="spearman")
by_bid, gone = bad.loc["100 %", "estimate"], 100 * unseen[20]
counters = value["hashed_lr_counters"] - value["hashed_lr"]
trees = value["lightgbm_counters"] - value["hashed_lr_counters"]
print(f"""requirements  50 ms at the 99th percentile, and probabilities that hold what they promise
framing       p(click) times bid; by the bid alone revenue changes by {by_bid:+.1f} %
data          labels after ten minutes; in two weeks {gone:.0f} % of impressions show new ads
features      as-of counters: {counters:+.3f} in normalized entropy
model         trees for linear, both with counters: {trees:+.3f}
evaluation    split by time; entropy orders the rungs as revenue does: {order:.2f}
decision      a factor on all predictions moves no GSP price, one on a format costs 2 % of value
serving       the slowest rung takes {slowest:.1f} ms for one prediction (99th percentile)
monitoring    calibration by group, replay; a canary of 20 % is back after {canary.iloc[0]:.0f} hours""")

# %% [markdown]
# ## Results
#
# The ladder, from one rate to the best rung, with the revenue of a week's deployment.

# %%
rungs = ["global_rate", "smoothed_ad", "hashed_lr", "lightgbm", "dcn_v2", "hashed_lr_counters"]
rungs += ["lightgbm_counters", "ensemble", "student"]
shown = {"normalized_entropy": "normalized entropy", "auc": "AUC", "online_revenue": "revenue"}
assert ledger.loc[value.drop("oracle").idxmin(), "features"] == "counters"
ledger.loc[[*rungs, "oracle"], list(shown)].rename(columns=shown).round(3)

# %% [markdown]
# ## What breaks in production
#
# The old system is not warm. Its counters stopped when it was replaced, its store was migrated, its secret
# expired. Practise the rollback on a quiet morning, every month.
#
# Two releases at once. A model and a configuration change together, and the canary cannot say which hurt.
# One change, one canary.
#
# Retraining that trains on its own decisions. A bad day's policy fills the log that the next model learns
# from. Keep the randomised share, and do not train on days that were rolled back.

# %% [markdown]
# ## Summary
#
# - Freshness has a price on both sides; near the best cadence the sum is flat.
# - A shadow checks predictions and no decisions.
# - A canary checks everything, on few users, and can only see large harm.
# - A rollback that needs a decision is too late.
# - Write the rule before the numbers.

# %% [markdown]
# ## Recall
#
# 1. Which of the three artifacts could the shadow not tell from the right one, and why?
#
# <details><summary>Answer</summary>The one with the wrong ranking rule: its predictions are right, and the
# shadow never acts on them.</details>
#
# 2. Why does the canary use 3.5 standard errors?
#
# <details><summary>Answer</summary>It looks whenever events come in. With many looks, a limit of 1.96
# would take back most harmless releases.</details>
#
# 3. A canary of 5 % was silent for a day. What do you conclude?
#
# <details><summary>Answer</summary>That nothing terrible happened. A loss of a few percent would not have
# been seen.</details>

# %% [markdown]
# ## Lab and further reading
#
# This chapter has no lab of its own; take any policy of an earlier lab, and write its memo.
#
# - Eric Breck et al. 2017, *The ML Test Score: A Rubric for ML Production Readiness and Technical Debt
#   Reduction*, IEEE Big Data.
# - D. Sculley et al. 2015, *Hidden Technical Debt in Machine Learning Systems*, NIPS.
# - Betsy Beyer et al. (eds.) 2016, *Site Reliability Engineering*, O'Reilly.
