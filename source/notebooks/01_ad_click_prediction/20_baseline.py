# ---
# jupyter:
#   mlsd:
#     title: Build a baseline that is hard to beat
#     builds: a smoothed click rate, an evaluator with intervals, and your first deployment
#     sections:
#     - {name: What decides success, minutes: 3}
#     - {name: Split the log by time, minutes: 7}
#     - {name: Write the evaluator, minutes: 12, stop: true}
#     - {name: Count clicks by ad, minutes: 8}
#     - {name: Smooth the rate, minutes: 10}
#     - {name: Choose the strength on validation, minutes: 7, stop: true}
#     - {name: Deploy, minutes: 10}
#     - {name: Results, minutes: 4}
#     - {name: What breaks in production, minutes: 3}
#     - {name: Summary, minutes: 1}
#     - {name: Recall, minutes: 3}
#     - {name: Lab and further reading, minutes: 1}
#     introduces: [time split, normalized entropy, clustered interval, Beta smoothing, prior strength, deployment]
#     needs: [impression, click-through rate, expected value ranking, twin-world comparison]
#     labs: [lab_20_baseline]
#     discussion: Your model improves normalized entropy by a hundredth. Under which circumstances would you still not ship it?
#     wrong_answers: ["Never; a better offline metric is a better model.", "When its AUC is lower."]
# ---

# %% [markdown]
# # Build a baseline that is hard to beat
#
# **You will build** a smoothed click rate, an evaluator with intervals, and your first deployment.
#
# **You will learn** why a ratio of two counts is a dangerous prediction, how much a handful of
# imaginary impressions can earn, and how far an offline number can be trusted.
#
# **You need** `10_frame`: impression, click-through rate, expected value ranking, twin worlds.
#
# **Minutes**: 69, with good places to stop after the evaluator and after the choice of strength.

# %% [markdown]
# ## What decides success
#
# The requirement of the last chapter: honest probabilities, because the auction multiplies them by
# money. A baseline has to meet it without a model: no features, no training loop, nothing that
# needs a pager. We accept it if it beats *one rate for all ads* on later days, by more than luck,
# and if it earns more when it is deployed.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from mlsd import metrics
from mlsd.checks import check, gives
from mlsd.experiments import load_ledger
from mlsd.models import GlobalRate, SmoothedRate
from mlsd.plots import COLOURS, course_style, plot_changes
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickWorld

plt.rcParams.update(course_style())

# %% [markdown]
# ## Split the log by time
#
# Two weeks of the default world: about a million impressions, each with the click that it got or
# did not get.

# %%
world = AdClickWorld(seed=13)
log = world.history(days=14).labelled_log()
parts = {name: log.frame.iloc[rows] for name, rows in log.parts().items()}
pd.DataFrame(
    {
        "impressions": {name: len(part) for name, part in parts.items()},
        "from day": {name: part["ts"].min() / 86_400 for name, part in parts.items()},
        "CTR, %": {name: 100 * part["click"].mean() for name, part in parts.items()},
    }
).round(2)

# %% [markdown]
# This is a *time split*: the first 80 % train, the next 10 % choose settings, the last 10 % are
# touched once. A random split would put tomorrow's impressions of an ad into training and today's
# into the test. Every rate would look better than it can be on the day it is used.

# %% tags=["nbval-check-output"]
assert parts["train"]["ts"].max() <= parts["validation"]["ts"].min()
assert parts["validation"]["ts"].max() <= parts["test"]["ts"].min()
{name: bool(part["ts"].is_monotonic_increasing) for name, part in parts.items()}

# %% [markdown]
# New ads arrive every day. The later parts hold ads that training never saw, and a baseline must
# have an answer for them. Guess: what share of the validation impressions belongs to such ads?

# %% tags=["nbval-check-output"]
train, validation = parts["train"], parts["validation"]
seen = validation["ad_id"].isin(train["ad_id"])
f"{100 * (1 - seen.mean()):.0f} % of the validation impressions are of unseen ads"

# %% [markdown]
# ## Write the evaluator
#
# The log loss is the mean of −log p for clicks and −log(1 − p) for the rest. It punishes confident
# mistakes without limit, as it should where prices follow from p. Its size depends on the click
# rate, so alone it says little.


# %%
def log_loss(clicked, predicted):
    """Mean negative log likelihood of 0/1 outcomes, in nats."""
    return -np.mean(np.where(clicked == 1, np.log(predicted), np.log1p(-predicted)))


# %% [markdown]
# *Normalized entropy* divides it by the loss of the best constant: the click rate of the evaluated
# rows themselves (He et al. 2014). One means no better than that constant, lower is better. It does
# not compare across sets with different click rates.


# %%
def normalized_entropy(clicked, predicted):
    """Log loss relative to that of the evaluated rows' own click rate."""
    constant = np.full(len(clicked), np.mean(clicked))
    return log_loss(clicked, predicted) / log_loss(clicked, constant)


# %% [markdown]
# The first prediction is one rate for everybody, taken from training. Guess: is its normalized
# entropy on later days below one, one, or above?

# %%
clicked = validation["click"].to_numpy()
one_rate = np.full(len(validation), train["click"].mean())
ours, package = (f(clicked, one_rate) for f in (normalized_entropy, metrics.normalized_entropy))
assert ours >= 1
assert np.isclose(ours, package)
f"{ours:.6f} by hand, {package:.6f} by the package"

# %% [markdown]
# Slightly above one. Yesterday's rate cannot beat a constant that knows the evaluated days. So one
# is a bar that no honest constant clears, and whatever comes below it has learned something.

# %% [markdown]
# A number without an interval invites self-deception. Impressions of one user are alike, so we
# resample *users*, not rows; that gives a *clustered interval*. Here it is for the one rate.

# %%
users = validation["user_id"].to_numpy()
alone = metrics.bootstrap_interval(
    metrics.log_loss, clicked, one_rate, clusters=users, repetitions=200, seed=0
)
f"log loss {alone.estimate:.4f}, 95 % interval {alone.low:.4f} to {alone.high:.4f}"

# %% [markdown]
# The interval is wide: some four percent of the loss, up or down, is luck in who came. Two
# predictions for the same impressions share most of that luck. So later we compare in pairs, on the
# same resampled users, and look at the interval of the difference.

# %% [markdown]
# ## Count clicks by ad
#
# Surely some ads are better than others. The plainest estimate is clicks divided by impressions.
# Let us look at it on the morning after the first day, when the market is young.

# %%
first_day = world.history(days=1).labelled_log().frame
counts = first_day.groupby("ad_id")["click"].agg(views="size", clicks="sum")
counts["rate"] = counts["clicks"] / counts["views"]
top = counts.sort_values(["rate", "views"], ascending=[False, True]).head(5).reset_index()
assert (top.loc[0, ["views", "clicks"]] == 1).all()
top.round(3)

# %% [markdown]
# The best ad of the market, by this estimate, was shown once and clicked once: a click rate of
# 100 %. Would you give it the top slot of every request?
#
# Before you answer, look at a market in which all ads are equal. Each ad keeps its number of views,
# and its clicks are drawn by chance at the average rate.

# %%
luck, average = np.random.default_rng(0), first_day["click"].mean()
counts["equal"] = luck.binomial(counts["views"], average) / counts["views"]

figure, panels = plt.subplots(1, 2, figsize=(7.5, 3.2), sharey=True)
for axes, column, title in zip(panels, ("rate", "equal"), ("as clicked", "if all ads were equal")):
    axes.scatter(counts["views"], 100 * counts[column], s=6, color=COLOURS["blue"], label="one ad")
    axes.axhline(100 * average, color=COLOURS["orange"], ls="--", label="average of the day")
    axes.set(xscale="log", title=title, xlabel="impressions on the first day (log scale)")
panels[0].set_yscale("symlog", linthresh=2)
panels[0].set_ylim(-0.15, 130)
panels[0].set_yticks([0, 1, 2, 5, 10, 30, 100], ["0", "1", "2", "5", "10", "30", "100"])
panels[0].set_ylabel("raw CTR, %")
panels[1].legend()
plt.show()

# %% [markdown]
# How to read it: a dot is an ad, in the left panel as it was clicked, in the right one in the market
# of equals (the vertical axis is linear up to 2 % and logarithmic above). The panels are hard to
# tell apart: with a handful of views, equal ads too have rates from 0 to 100 %. Sorting by the raw
# rate brings the ads with few views to the top, and that end of the picture is chance.
#
# Take the ads above 10 % on that morning. Guess: at what rate were they clicked from then on?

# %%
few = counts[counts["views"] < 10]
assert few["rate"].std() < 1.3 * few["equal"].std()
lucky = counts[counts["rate"] > 0.1]
later = log.frame[log.frame["ts"] >= 86_400]
then = later[later["ad_id"].isin(lucky.index)]["click"].mean()
assert later["click"].mean() < then < 0.5 * lucky["clicks"].sum() / lucky["views"].sum()
f"{len(lucky)} ads: {lucky['clicks'].sum() / lucky['views'].sum():.1%}, later {then:.1%}"

# %% [markdown]
# ## Smooth the rate
#
# The lucky ads stayed above the average, and came nowhere near what they had promised. The count
# knew something, and said far too much. We need an estimate that believes a count as far as it goes.
#
# Before the first impression we are not ignorant: we know what ads do on average. So pretend that
# each ad has already had *s* impressions at the average rate *m*, and count on from there.
#
# > smoothed rate = (clicks + s · m) / (views + s)
#
# This is *Beta smoothing*. If true rates over all ads followed a Beta distribution with mean m, and
# s = α + β, this would be the exact posterior mean. The *prior strength* s is measured in
# impressions: it is the number of views at which data and prior weigh the same.
#
# **Your turn**: two lines. With m = 0.02 and s = 100, an ad with one click in one view should come
# out near 0.03, and an ad that nobody has seen at m.


# %% tags=["your-turn"]
def my_smoothed_rate(clicks, views, average, strength):
    """Posterior mean click rate."""
    return ...


# %% [markdown]
# The check tries those two, and an ad with a strength of zero, which is the raw rate.

# %% tags=["check"]
check(
    "smoothing",
    my_smoothed_rate,
    gives(1, 1, 0.02, 100, expected=3 / 101),
    gives(0, 0, 0.02, 100, expected=0.02),
    gives(5, 50, 0.02, 0, expected=0.1),
)

# %% [markdown]
# The package's version is `SmoothedRate`. Its `levels` are the keys to count by, each a tuple of
# columns: the first is shrunk to the average of all, a second would be shrunk to the estimate of the
# first. An unseen ad has no clicks and no views, so it gets the average: the answer for unseen ads
# comes for free. Here are the same five ads, smoothed: each falls to a rate that deserves a try and
# no more.

# %%
young = SmoothedRate(levels=(("ad_id",),), strength=100.0).fit(first_day, first_day["click"])
top["smoothed"] = young.predict_proba(top)[:, 1]
top.round(3)

# %% [markdown]
# ## Choose the strength on validation
#
# How many imaginary impressions? We do not guess; each candidate is fitted on the training days and
# read on the validation days. **Your guess first**: which is best, 1, 100 or 10,000?

# %% tags=["guess"]
guess_best_strength = ...

# %% [markdown]
# Nine strengths, nine fits; fitting is counting, so this is quick.

# %%
predicted = {}
for strength in (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000):
    model = SmoothedRate(levels=(("ad_id",),), strength=strength).fit(train, train["click"])
    predicted[strength] = model.predict_proba(validation)[:, 1]
curve = pd.Series({s: normalized_entropy(clicked, p) for s, p in predicted.items()})
best = curve.idxmin()
assert 10 < best < 3000
curve.round(4).to_frame("normalized entropy").T

# %% [markdown]
# Both ends are worse than the middle. The figure shows by how much.

# %%
figure, axes = plt.subplots()
axes.plot(curve.index, curve, "o-", color=COLOURS["blue"], label="by ad, smoothed")
axes.axhline(ours, color=COLOURS["orange"], ls="--", label="one rate for all")
axes.set(xscale="log", xlabel="prior strength (impressions, log scale)")
axes.set_ylabel("normalized entropy\non validation (lower is better)")
axes.legend()
plt.show()

# %% [markdown]
# How to read it: each dot is one strength, the dashed line the one rate for all. Too little
# smoothing trusts luck; too much forgets what was learned and climbs back to the dashed line. The
# bottom is broad: between 30 and 300 the choice costs a small part of the gain, which is what makes
# this baseline easy to run.

#
# Is the gain over one rate for all more than luck? The paired interval says so if it stays below
# zero.

# %%
ne = metrics.normalized_entropy
pair = (predicted[best], one_rate)
gain = metrics.paired_interval(ne, clicked, *pair, clusters=users, repetitions=200, seed=0)
assert gain.high < 0
f"{gain.estimate:.4f} in normalized entropy, 95 % interval {gain.low:.4f} to {gain.high:.4f}"

# %% [markdown]
# ## Deploy
#
# So far we predicted what somebody else's policy had shown. Now our predictions decide. Back to the
# morning after the first day: three policies rank by bid × their rate and run for three days, each
# alone in a twin world. In this market a winner pays its own bid per click.
#
# **Your guess**: against the smoothed rate, what does the raw rate do to clicks, and to revenue?

# %% tags=["guess"]
guess_clicks = ...
guess_revenue = ...

# %% [markdown]
# A raw rate is the limit of smoothing with no strength at all.

# %%
by_ad = (("ad_id",),)
models = {
    "raw rate": SmoothedRate(levels=by_ad, strength=1e-6),
    "one rate for all": GlobalRate(),
}
rivals = {
    name: ScorerPolicy(model.fit(first_day, first_day["click"])) for name, model in models.items()
}

# %% [markdown]
# Each rival now meets `young`, the smoothed rate from above.

# %%
lifts = {
    name: world.compare(ScorerPolicy(young), rival, days=3, history_days=1).lifts
    for name, rival in rivals.items()
}
rows = {(n, m): vars(lifts[n][m].relative) for n in rivals for m in ("revenue", "clicks")}
table = 100 * pd.DataFrame(rows).T
table.round(1).rename_axis(["policy", "change in %, against smoothed"])

# %% [markdown]
# As a figure, with a check that both rivals lose revenue by more than luck.

# %%
plot_changes(table, xlabel="change against the smoothed rate (%, bar: 95 % interval)")
plt.show()
assert table.loc[("raw rate", "revenue"), "high"] < 0
assert table.loc[("one rate for all", "revenue"), "high"] < 0

# %% [markdown]
# How to read it: a dot is the change against the smoothed rate, the bar its interval, and left of
# the line is worse. Both rivals lose money, and not in the same way.
#
# One rate for all ranks by the bid alone. It sells slots to ads that are clicked less.
#
# The raw rate gets *more* clicks and less money, so it must sell its clicks for less.

# %%
price_per_click = {
    name: (lift["revenue"].treatment.estimate / lift["clicks"].treatment.estimate)
    for name, lift in lifts.items()
}
base = lifts["raw rate"]
price_per_click["smoothed"] = base["revenue"].control.estimate / base["clicks"].control.estimate
assert price_per_click["raw rate"] < price_per_click["smoothed"]
pd.Series(price_per_click, name="revenue per click").round(3).to_frame()

# %% [markdown]
# An ad with a lucky first click has a rate so high that even a small bid wins; the clicks that
# follow are paid at that bid. Auctions pick the largest product, so they pick the largest *error*.
# This is the *winner's curse*.
#
# Would a metric have warned us? We score the next three days of the log by two. *AUC* is the chance
# that a clicked impression is ranked above one that was not clicked. It sees only the order.

# %%
next_days = later[later["ts"] < 4 * 86_400]
warned = pd.DataFrame()
for name, model in {"raw rate": models["raw rate"], "smoothed": young}.items():
    p = model.predict_proba(next_days)[:, 1].clip(1e-6, 1 - 1e-6)
    for metric in (metrics.auc, ne):
        warned.loc[name, metric.__name__] = metric(next_days["click"].to_numpy(), p)
assert warned.loc["smoothed", "auc"] - warned.loc["raw rate", "auc"] < 0.03
assert warned["normalized_entropy"]["raw rate"] > 1 > warned["normalized_entropy"]["smoothed"]
warned.round(3)

# %% [markdown]
# AUC calls the two nearly equal. Normalized entropy calls the raw rate worse than one rate for all.
# (Predictions of 0 and 1 were moved to a millionth and its complement; without that the loss of the
# raw rate would be without limit.) Where prices follow from a probability, judge the probability.

# %% [markdown]
# ## Results
#
# The rungs so far, from the committed ledger: three worlds whose seeds settled nothing, and test
# days that chose nothing. `smoothed_ad_segment` adds a second level, a finer key that won on
# validation. Revenue is per thousand requests, from a week's deployment in each world.

# %%
ledger = load_ledger("ad_click").set_index("rung")
rungs = ledger.loc[["global_rate", "smoothed_ad", "smoothed_ad_segment", "oracle"]]
assert rungs["normalized_entropy"].is_monotonic_decreasing
assert rungs["online_revenue"].idxmin() == "global_rate"
columns = {
    "normalized_entropy": "normalized entropy",
    "normalized_entropy_low": "low",
    "normalized_entropy_high": "high",
    "auc": "AUC",
    "online_revenue": "revenue",
}
rungs[list(columns)].rename(columns=columns).round(4)

# %% [markdown]
# Smoothing pays online too: one rate for all earns least. Compare the two smoothed rows yourself: is
# the step offline seen in revenue? The *oracle* is the world's own probability, which no policy can
# see. The distance to it is what all later chapters have to share: who is looking, where, at what
# hour, and what they clicked before.

# %% [markdown]
# ## What breaks in production
#
# The table of counts is only as good as its join. If clicks arrive late and views at once, the
# latest hours look clickless, and every new ad seems bad. Count a view only when its click could
# have arrived; the log's `known_at` says when that is.
#
# Counts never forget. An ad whose audience has tired of it keeps its old rate for weeks. The lab
# makes them forget.

# %% [markdown]
# ## Summary
#
# - Split by time; choose on validation; read the test once.
# - Normalized entropy is one for the best constant. Add a clustered, paired interval.
# - A raw rate is luck wherever views are few. Smooth it with s impressions at the average.
# - An auction selects errors: the raw rate got clicks and lost money, and AUC hardly noticed.
# - Offline gain is a reason to deploy. It is not yet revenue.

# %% [markdown]
# ## Recall
#
# 1. Why is the normalized entropy of a training rate never below one on other days?
#
# <details><summary>Answer</summary>It is a constant, and one belongs to the best constant for the
# evaluated rows: their own click rate.</details>
#
# 2. What does a prior strength of 100 mean?
#
# <details><summary>Answer</summary>The ad starts as if it had 100 impressions at the average rate;
# after 100 views of its own, data and prior weigh the same.</details>
#
# 3. Why did the raw rate lose revenue though it got more clicks?
#
# <details><summary>Answer</summary>Inflated rates let low bids win. The clicks that followed were
# paid at those low bids.</details>

# %% [markdown]
# ## Lab and further reading
#
# Lab: `lab_20_baseline`. You make the counts forget, read calibration on new ads, and deploy a
# policy of your own.
#
# - Xinran He et al. 2014, *Practical Lessons from Predicting Clicks on Ads at Facebook*, ADKDD.
# - Thore Graepel et al. 2010, *Web-Scale Bayesian Click-Through Rate Prediction for Sponsored
#   Search Advertising in Microsoft's Bing Search Engine*, ICML.
# - Bradley Efron, Carl Morris 1977, *Stein's Paradox in Statistics*, Scientific American 236(5).
