# ---
# jupyter:
#   mlsd:
#     title: Put one value on several predictions
#     builds: a value model over several heads, the front of what its weights can buy, and the guardrail rule that stops a launch
#     sections:
#     - {name: What decides success, minutes: 5}
#     - {name: Look at the data, minutes: 6}
#     - {name: Add up the heads, minutes: 16, stop: true}
#     - {name: Sweep the weight, minutes: 14, stop: true}
#     - {name: Find what predicts return, minutes: 10}
#     - {name: Size the test for its guardrail, minutes: 10, stop: true}
#     - {name: Write the rule, minutes: 12}
#     - {name: Launch, minutes: 5}
#     - {name: Results, minutes: 4}
#     - {name: What breaks in production, minutes: 3}
#     - {name: In the interview, minutes: 6}
#     - {name: Summary, minutes: 1}
#     - {name: Recall, minutes: 3}
#     - {name: Further reading, minutes: 1}
#     introduces:
#       value model: the formula that turns what several heads predict for an item into the one number that a feed ranks by
#       Pareto front: the choices of which no other is better in one goal without being worse in another
#       long-term metric: a metric that shows what a change does to users' habits, weeks after the change, and which a test of a week cannot read
#       launch guardrail: a rule, fixed before a test, by which a launch is stopped unless the test shows that a metric loses less than a margin
#     needs: [recommendation funnel, watch time, multi-task model, weighted logistic regression, position as a feature, seesaw effect, guardrail metric, twin-world comparison, clustered interval, deployment, statistical power, A/A test, delta method, metric validity]
#     discussion: A launch raises watch hours by nine percent, and its guardrail on likes shows minus three percent with an interval from minus nine to plus three. Do you ship it?
#     answer: "Not on this evidence. The interval contains losses that nobody would accept, so the guardrail is not passed; it is not failed either. First ask what margin was agreed on before the test and whether the test was sized for it; then run it on more viewers, not with a wider margin that is chosen after the result."
#     wrong_answers: ["Yes, the loss is not significant.", "No, the estimate is negative."]
# ---

# %% [markdown]
# # Put one value on several predictions
#
# **You will build** a value model over several heads, the front of what its weights can buy, and the
# guardrail rule that stops a launch.
#
# **You will learn** why the weights decide what the feed becomes, how scale and calibration change them
# unnoticed, which proxy metric predicts return after four weeks, and why "not significantly worse" is no
# guardrail.
#
# **You need** the recommendation funnel and watch time from [10_frame](10_frame.ipynb), and from
# [42_rank](42_rank.ipynb) multi-task models, weighted logistic regression, position as a feature and the
# seesaw effect. Of case 1, guardrail metrics and the twin-world comparison
# ([10_frame](../01_ad_click_prediction/10_frame.ipynb)), clustered intervals and deployments
# ([20_baseline](../01_ad_click_prediction/20_baseline.ipynb)), and statistical power, A/A tests, the delta
# method and metric validity ([52_experiment](../01_ad_click_prediction/52_experiment.ipynb)).
#
# **Minutes**: 96, with good places to stop after the heads, after the sweep and after the sample size.

# %% [markdown]
# ## What decides success
#
# [42_rank](42_rank.ipynb) ended with several heads, each of which predicts its own outcome and makes a different
# feed. Today's feed ranks by the head of watched videos. The team wants more hours per session, but the company
# depends on viewers who come back. So two things have to be built: a value to rank by, and a rule that decides
# whether a new value may be launched.
#
# ```mermaid
# flowchart LR
#   C[candidates] --> H1[seconds] & H2[likes] & H3[other heads]
#   H1 & H2 & H3 --> V["value: weights,<br/>scales"] --> P[page]
#   P --> T["A/B test"] --> G{"guardrail:<br/>loss below the margin?"}
#   G -- shown --> L[launch]
#   G -- not shown --> S[stop, or more viewers]
#   L -. weeks later .-> R[return after 28 days]
#   R -. validates the proxy .-> G
# ```
#
# | requirement | criterion |
# |---|---|
# | hours | watch hours per session rise by 3 % or more against today's feed: the 95 % interval lies above 3 % in each world that was not used for tuning |
# | habit | a loss of 0.2 % or more in return after 28 days is ruled out: the 95 % interval lies above −0.2 % in each of these worlds |
# | the rule protects | a launch that loses the margin or more, in the metric that the rule reads, passes in at most 7 % of the tests |
# | the habit behind it | a launch that costs more than 0.2 % of return passes in at most 7 % of the tests |
# | the rule lets work go on | a launch that changes nothing passes in at least 80 % of the tests |
#
# (The rule promises 5 %; we accept 7 % because we measure the rate on 500 repetitions.) The 0.2 % is a decision
# of the business: the loss of return that it would bear for one launch. At the end a naive system and ours are
# held against the five.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from mlsd.cases.video.ranking import ranking_stage
from mlsd.cases.video.value import HEADS, mean_predictions, tuned_heads
from mlsd.checks import check, holds
from mlsd.experiments import load_study, metric_validity, ratio_spread, users_per_arm
from mlsd.lab_support.video.taped_feeds import (
    RATIOS,
    deployed_sums,
    twin_changes,
)
from mlsd.metrics import auc
from mlsd.models import ValueRanker
from mlsd.notebook import compare, guess, track
from mlsd.plots import COLOURS, course_style, plot_changes
from mlsd.worlds import VideoWorld

plt.rcParams.update(course_style())

# %% [markdown]
# ## Look at the data
#
# We take fourteen days of a small world, split as in [42_rank](42_rank.ipynb): sources learn from eleven
# days, the heads from the day after, one day chooses settings and one is kept for a look. There are six
# heads, all logistic regressions on the same columns with four settings each. Every feed below asks these sources as
# they are, so that feeds differ in their value alone.

# %% tags=["nbval-check-output"]
stage = ranking_stage(VideoWorld(seed=121, size="small"))
heads = tuned_heads(stage)
print(len(stage.rows("train")), "impressions to learn from,", len(heads), "heads:", *HEADS)

# %% [markdown]
# A head that has learned the slot predicts what would come of a video *in the top slot*. So we compare the
# predictions with the impressions of the test day that stood there. The last column repeats the fit with a
# penalty that is a hundred times weaker than most heads have (`C` of 1 instead of 0.01).

# %%
rows = stage.rows("test")
top = rows[rows["position"] == 0]
weak = {
    name: stage.fit(rung.build(stage.columns, {"C": 1.0}), rung.outcome)
    for name, rung in HEADS.items()
}
per_impression = pd.DataFrame({"observed": top[list(heads)].mean()})
for name, fitted in {"predicted": heads, "weak penalty": weak}.items():
    per_impression[name] = {head: ranker.score(top).mean() for head, ranker in fitted.items()}
per_impression.round(4)

# %% [markdown]
# A row says, for instance, that 1.5 % of the videos in the top slot were liked, where the head predicts 0.8 %. The
# heads are not calibrated there, and each is off by a factor of its own. The penalty explains a part: with a weaker
# one the gap of clicks shrinks from 25 to 8 %, and that of likes from 46 to 21 %. Validation chose the strong penalty
# all the same, because it judges the order within a slate. Seconds are too high for another reason: weighted logistic
# regression estimates the mean over the share that was *not* clicked, $39 / (1 - 0.26) = 53$. For ranking by one head
# none of this matters. Once heads are added, it does.
#
# ## Add up the heads
#
# A *value model* turns the predictions for a candidate into the one number that the feed ranks by. The
# simplest is a weighted sum. With $p_k$ the prediction of head $k$, $m_k$ its mean over the validation day
# and $w_k$ its weight,
#
# $$V = \sum_k w_k \, \frac{p_k}{m_k}.$$
#
# With 60 seconds and a like rate of 0.02 as means, a video with 90 seconds and 0.03 likes is worth
# $0.6 \cdot 1.5 + 0.4 \cdot 1.5 = 1.5$ at weights 0.6 and 0.4. Zhao et al. (2019) combine engagement and
# satisfaction heads of YouTube's ranker by such weights, which they tune by hand.
#
# Why divide? Suppose that a colleague adds seconds and the probability of a like as they come, with equal
# weights. We compare which video of each logged slate comes first.

# %%
pair = {name: heads[name] for name in ("watch_seconds", "like")}
means = mean_predictions(stage, heads)
told = {name: head.score(rows) for name, head in pair.items()}
scores = {
    "seconds alone": told["watch_seconds"],
    "seconds + like": told["watch_seconds"] + told["like"],
    "each over its mean": sum(told[name] / means[name] for name in pair),
    "like alone": told["like"],
}
order = pd.DataFrame(scores).groupby(rows["request_id"].to_numpy()).idxmax()
same = 100 * order.eq(order["seconds alone"], axis=0).mean()
assert same["seconds + like"] > 99 > 90 > same["each over its mean"]
same.round(1).rename("same first video as by seconds, %").to_frame()

# %% [markdown]
# The plain sum puts the same video first as the seconds alone, in every slate, because a number around 40 hides one
# around 0.01. Each over its mean, it does so in two slates of three. The unit was a weight that nobody had
# written down.
#
# **Your turn**: write the value. It gets three dictionaries by head: predictions, shape (n,) each, their
# means, and weights. A head without a weight does not count, and a weight may be negative.


# %% tags=["your-turn"]
def value(predicted, means, weights):
    """Return one value per row, shape (n,)."""
    return ...


# %% [markdown]
# The check changes the unit of a head, leaves a head without a weight, and makes refusals cost.

# %% tags=["check"]
two = {"seconds": np.array([60.0, 90.0, 60.0]), "refusal": np.array([0.001, 0.001, 0.002])}
usual = {"seconds": 60.0, "refusal": 0.001}
minutes = {"seconds": two["seconds"] / 60, "refusal": two["refusal"]}
verdict = check(
    "value",
    value,
    holds(
        lambda f: np.allclose(
            f(two, usual, {"seconds": 1.0}), f(minutes, usual | {"seconds": 1.0}, {"seconds": 1.0})
        ),
        "minutes instead of seconds must not change the value",
    ),
    holds(
        lambda f: np.isclose(f(two, usual, {"seconds": 0.7, "refusal": 0.2})[0], 0.9),
        "a row at every mean is worth the sum of the weights",
    ),
    holds(
        lambda f: np.argmin(f(two, usual, {"seconds": 0.7, "refusal": -0.2})) == 2,
        "a negative weight makes a refusal cost",
    ),
)
verdict


# %%
value = verdict.answer_or(
    lambda predicted, means, weights: sum(
        weight * predicted[name] / means[name] for name, weight in weights.items()
    )
)


def feed(like, heads=heads, means=means, form=value):
    """Return the feed that ranks by seconds and likes, the latter with this weight."""
    weights = {"watch_seconds": 1 - like, "like": like}
    own = {name: heads[name] for name in weights}
    return stage.policy(ValueRanker(heads=own, value=lambda told: form(told, means, weights)))


# %% [markdown]
# Dividing by a mean repairs a scale that is constant. The subtler trap is a head whose scale changes *after*
# the weights were chosen. Somebody retrains the like head on a log that keeps all likes and one in ten of
# the other rows, since likes are rare. For ranking by likes alone this is a common and harmless step:

# %%
train = stage.rows("train")
kept = train[(train["like"] == 1) | (np.random.default_rng(0).random(len(train)) < 0.1)]
thinned = HEADS["like"].build(stage.columns, {"C": 0.01})
thinned.fit(kept, kept["like"].to_numpy(), kept["request_id"].to_numpy())
swapped = heads | {"like": thinned}
compared = {"all rows": heads["like"], "thinned rows": thinned}
pd.DataFrame(
    {
        name: {"AUC of likes": auc(rows["like"], head.score(rows)), "mean": head.score(rows).mean()}
        for name, head in compared.items()
    }
).T.round(3)

# %% [markdown]
# Thinning multiplies the odds by ten and hardly changes the order: the AUC is lower by less than 0.01, whereas
# the mean prediction is nine times as large.
#
# **Your guess**: the feed with a weight of 0.2 for likes gets the new head and nothing else is changed.
# What happens to its watch hours?

# %% tags=["guess"]
guess("video_value_thinned_hours", ..., choices=("rise", "stay within 3 %", "fall"))

# %% [markdown]
# We deploy three versions for five days, each in a twin of the same world: with the old head, with the thinned one
# and the old mean, and with the thinned one and its own mean.

# %%
DAYS = 5
own_mean = means | {"like": mean_predictions(stage, {"like": thinned})["like"]}
versions = {
    "old head": feed(0.2),
    "thinned head": feed(0.2, swapped),
    "thinned head, own mean": feed(0.2, swapped, own_mean),
}
world = stage.world
sums = {
    name: deployed_sums(world, policy, DAYS)
    for name, policy in track(versions.items(), "deploying")
}
drift = {
    name: twin_changes(sums["old head"], sums[name], "watch_hours", "likes", "session_slates")
    for name in list(versions)[1:]
}

# %%
moved = drift["thinned head"].loc["watch_hours", "estimate"]
compare(
    "video_value_thinned_hours",
    "stay within 3 %" if abs(moved) <= 3 else "rise" if moved > 0 else "fall",
)
pd.concat(drift).round(1)

# %% [markdown]
# With the old mean the feed loses 8 % of its hours and viewers see 13 % more slates, although no weight was
# touched and the AUC of the like head is nearly the same. The cause is the scale: a like that counts nine times
# turns weights of 0.8 and 0.2 into 0.8 and 1.8, which is a like weight of 0.7. Divided by its own mean, the
# new head brings the hours of the old one (+1.0 %, interval −1.4 to 3.5). So means, or a calibration layer, are
# released together with the heads, as one version.
#
# ## Sweep the weight
#
# A weight is a decision about the product, and no loss on a log can make it. What can be measured is what each
# weight buys. We deploy the sum with five weights of likes, and today's feed beside them, each in a twin world; a
# company would run an A/B/n test. The two goals are watch hours per session and return after 28 days, a *long-term
# metric*. A company would have to count visits a month after the test, whereas the world tells us at once with which
# probability a visitor comes back on the day four weeks later, given the visitor's habits in the evening.
#
# The hypothesis is an old one: ranking by seconds buys hours today at the price of habits.
#
# **Your guess**: what does the feed of seconds alone do to return after 28 days, against today's feed? And
# which share of its extra hours is left at a weight of 0.4 for likes?

# %% tags=["guess"]
guess("video_value_seconds_return", ..., choices=("falls", "no change that shows", "rises"))
guess("video_value_hours_left", ..., unit="%")

# %% [markdown]
# Beside the sums we deploy three products of the same two heads,
#
# $$V = \prod_k p_k^{w_k}.$$
#
# With weights 0.6 and 0.4, a video with 90 seconds and 0.03 likes is worth $90^{0.6} \cdot 0.03^{0.4} \approx 3.7$.
# A constant factor in a head multiplies all values alike, so that a product needs no means. On the other hand, a
# prediction near zero in one head rules a video out, whatever the other says.


# %%
def product(predicted, means, weights):
    """Return the product of the predictions, each to the power of its weight; no means are needed."""
    return np.prod([predicted[name] ** weight for name, weight in weights.items()], axis=0)


today = deployed_sums(world, stage.policy(heads["watched"]), DAYS)
feeds = {("sum", weight): feed(weight) for weight in (0.0, 0.2, 0.4, 0.6, 1.0)}
feeds |= {("product", weight): feed(weight, form=product) for weight in (0.2, 0.4, 0.6)}
front = pd.concat(
    {
        form: twin_changes(today, deployed_sums(world, policy, DAYS), "watch_hours", "return_28")
        for form, policy in track(feeds.items(), "deploying")
    }
)
hours, back = (front.xs(name, level=2) for name in ("watch_hours", "return_28"))

# %%
seconds = back.loc["sum", 0.0]
fell = "falls" if seconds["high"] < 0 else "rises" if seconds["low"] > 0 else None
compare("video_value_seconds_return", fell or "no change that shows")
left = hours["estimate"]["sum", 0.4] / hours["estimate"]["sum", 0.0]
compare("video_value_hours_left", 100 * left)
pd.concat({"hours, %": hours, "return, %": back}, axis=1).round(2)

# %% [markdown]
# As curves, from seconds alone (0) to likes alone (1):

# %%
figure, axes = plt.subplots()
for form, colour in {"sum": COLOURS["blue"], "product": COLOURS["orange"]}.items():
    x, y = hours.loc[form], back.loc[form]
    half = {"xerr": x["high"] - x["estimate"], "yerr": y["high"] - y["estimate"]}
    axes.errorbar(
        x["estimate"], y["estimate"], **half, fmt="o-", color=colour, ecolor="lightgrey", label=form
    )
    for weight in x.index:
        axes.annotate(f"{weight:g}", (x["estimate"][weight] + 0.6, y["estimate"][weight] + 0.04))
axes.plot(0, 0, "s", color=COLOURS["black"], label="today's feed")
axes.set(xlabel="watch hours per session, change in %", ylabel="return after 28 days, change in %")
axes.set_title("Likes buy return with hours, whether added or multiplied")
axes.legend()
plt.show()

# %% [markdown]
# A dot is a feed, its bars are the 95 % intervals, and better lies up and to the right. Seconds alone bring
# 17 % more hours and lose 0.45 % of return. At a weight of 0.4 a loss no longer shows (+0.17 %, interval −0.13 to
# 0.48), and 96 % of the extra hours are left, whereas the step from 0.6 to 1 costs 23 points of hours. The products
# lie within the intervals of the sums with the same weight, so that here the weight decides, and not the form.
#
# **Change this and see**: rank by the product with the thinned like head. How many of the 8 % are lost now, and why
# not exactly none?
#
# ### Choose on some worlds, report on others
#
# Picking the best of a few points in one world picks noise too. The study
# [50_sweep.py](../../tests/studies/video/50_sweep.py) repeats the sweep in three development worlds, in three
# fresh ones and in one of the default size, which has seven times the viewers. It adds the feed of clicks and one
# product, with equal powers. On the development worlds we look for the *Pareto front*: the feeds that no other feed
# equals in both goals and beats in one.


# %%
def on_front(points):
    """Tell of each row whether no other row is at least as good in every column and better in one."""
    better = [(points >= row).all(axis=1) & (points > row).any(axis=1) for row in points]
    return ~np.any(better, axis=1)


study = load_study("video/50_sweep")
names = study["family"] + study["weight"].map(" {:g}".format).replace(" nan", "")
late = "return_28_change"
goals = ["watch_hours_change", late]
mean = study.assign(feed=names).groupby(["part", "feed"], sort=False)[goals].mean()
development = mean.loc["development"]
development.assign(front=on_front(development.to_numpy())).round(2)

# %% [markdown]
# Between two feeds on the front the business has to choose; a feed that is off it need not be considered, up to
# the noise of three worlds. Today's is off it, having less of both goals than the sum with 0.4. The rule for the
# choice was fixed before: the most hours among the feeds whose return did not fall.

# %% tags=["nbval-check-output"]
allowed = development[development[late] >= 0]
chosen = allowed["watch_hours_change"].idxmax()
print(len(study), "deployments in", study["seed"].nunique(), "worlds; chosen:", chosen)

# %% [markdown]
# How does it do in the worlds where it was not chosen? World by world, beside seconds alone; the last two rows are
# the step from the chosen feed to seconds:

# %%
pairs = study.assign(feed=names).query("feed in ['sum 0', @chosen]")
by_world = pairs.pivot(index=["part", "seed"], columns="feed", values=goals)
by_world.columns = [f"{'hours' if 'hours' in goal else 'return'}, {f}" for goal, f in by_world]
for goal in ("hours", "return"):
    by_world[f"{goal}, step"] = by_world[f"{goal}, sum 0"] - by_world[f"{goal}, {chosen}"]
assert (by_world["return, step"] < 0).all()
by_world.round(2).T

# %% [markdown]
# In the four worlds that did not choose it, the chosen feed brings 12 to 36 % more hours and 0.2 to 0.5 % more return.
# What it costs in hours varies: it keeps 76 % or more of the extra hours of seconds in five worlds of seven, 62 % in
# the sixth, and in world 102 it loses hours against today's feed. The hypothesis fares worse. Seconds alone lose
# return against today's feed in five worlds of seven and gain a little in two, so that "watch time costs habit" is
# not true of every world. What repeats in all seven is the exchange between the two heads: taking the likes out again
# brings 0.4 to 8 points of hours and costs 0.2 to 1.2 points of return.
#
# ## Find what predicts return
#
# The company cannot wait a month for each launch, so it needs a *proxy metric* (a surrogate) that a test of a week
# can read. Deng and Shi (2016) ask two things of it: *directionality*, that it moves as the goal moves, and
# *sensitivity*, that a test sees it move. The sweep answers the first. In each world we rank the seven feeds by each
# proxy and by the return that they turned out to have. Likes, completions and refusals are counted per started
# video, stars are the mean answer of the survey, slates are pages per session, and `return_1` is return on the next
# day. For refusals fewer is better, so their change is negated.
#
# **Your guess**: which proxy orders the feeds most as return after 28 days does?

# %%
per_session = ["watch_hours", "session_slates", "clicks"]
per_video = ["likes", "completions", "refusals", "stars"]
proxies = [*per_session, *per_video, "return_1"]

# %% tags=["guess"]
guess("video_value_best_proxy", ..., choices=proxies)

# %% [markdown]
# The number is Spearman's rank correlation, 1 for the same order and 0 for none. In the figure a grey dot is a world
# and the blue one their mean, whose interval resamples worlds and feeds.

# %%
every = study.assign(feed=names, refusals_change=-study["refusals_change"])
tried = every[every["family"] != "watched"]
columns = [f"{name}_change" for name in proxies]
spans = metric_validity(tried, columns, late, model="feed", world="seed").set_axis(proxies)
compare("video_value_best_proxy", spans["estimate"].idxmax())
settings = {"model": "feed", "world": "seed", "rival": "return_1_change"}
lead = metric_validity(tried, ["likes_change"], late, **settings).round(2)
lead.set_axis(["lead of likes over return_1"])

# %%
agreement = pd.DataFrame(
    {
        seed: own[columns].corrwith(own[late], method="spearman")
        for seed, own in tried.groupby("seed")
    }
).set_axis(proxies)
best = spans.sort_values("estimate", ascending=False)
figure, axes = plt.subplots(figsize=(6.5, 3.2))
axes.plot(agreement.loc[best.index[::-1]], range(len(best)), "o", color=COLOURS["grey"], alpha=0.6)
xlabel = "rank correlation with return after 28 days, over seven feeds"
title = "Likes and tomorrow's return order the feeds most like later return"
plot_changes(best, xlabel=xlabel, title=title, axes=axes)
plt.show()
best.assign(large_world=agreement[131]).round(2)

# %% [markdown]
# Likes per started video lead with 0.87 and tomorrow's return follows with 0.82, a lead that does not differ from zero
# (0.05, interval −0.22 to 0.36). They are the only ones whose interval excludes zero. Hours rather point the wrong way (−0.55, interval
# −0.99 to 0.28), so whoever launches by hours needs a guardrail. Stars do worse in the small worlds, we suspect for
# want of answers, since in the large one (last column) they reach 0.96.
#
# Likes need a warning. Five of the seven feeds differ in nothing but the weight of likes, and a proxy that the value
# itself is built to raise is weaker evidence, because a feed may learn to collect likes (Goodhart's law).
#
# ## Size the test for its guardrail
#
# Sensitivity is arithmetic. A test that has to *show* that a metric loses less than a margin $\mu$ is a test
# of *non-inferiority*: the launch passes if the lower end of the one-sided 95 % interval lies above $-\mu$. If
# nothing changes, it passes with power $1 - \beta$ for
#
# $$n = \frac{2\,(z_{1-\alpha} + z_{1-\beta})^2\,s^2}{\mu^2}$$
#
# viewers per arm, with $s$ the spread of a viewer's contribution as a multiple of the metric and
# $\alpha = 0.05$ on one side. With $s = 1$, $\mu = 0.05$ and power 0.8 that is
# $2 \cdot 2.49^2 / 0.05^2 \approx 4{,}900$. The spread comes from the sums of today's viewers, by the delta
# method (`ratio_spread`).
#
# The margin follows from what the company would bear. On the development worlds seconds alone lost 0.65 % of
# return, of which 0.2 % is about a third. We translate it in proportion: the margin of each proxy is a third of what
# seconds alone cost in it. The first row asks what a test of return itself would take.

# %%
bold = study.query("part == 'development' and family == 'sum' and weight == 0")
sized = ["return_28", "return_1", "likes", "session_slates"]
plan = pd.DataFrame(index=sized)
plan["change by seconds alone, %"] = [bold[f"{name}_change"].mean() for name in sized]
plan["spread"] = [ratio_spread(*(today[part] for part in RATIOS[name])) for name in sized]
plan["margin, %"] = plan["change by seconds alone, %"].abs() / 3
plan["viewers per arm"] = [
    users_per_arm(spread, margin / 100, significance=0.1)
    for spread, margin in zip(plan["spread"], plan["margin, %"])
]
plan.round({"change by seconds alone, %": 2, "spread": 2, "margin, %": 2, "viewers per arm": -1})

# %% [markdown]
# (`significance=0.1` on two sides is 5 % on one.) Return itself would take 665,000 viewers per arm and a month, and
# tomorrow's return still 149,000, because a margin of 0.6 % has to be told from a noise of two thirds per viewer. Likes
# need 2,940 at a margin of 6 %. Slates would need fewer, but in the sweep they also fall in feeds that gain return,
# such as the chosen one. Likes are the only ones with direction *and* sensitivity. Five days bring some 670 viewers to
# a market like ours, so that two arms of 2,940 take about nine such markets. The company of the next section has ten.
#
# ## Write the rule
#
# The usual dashboard stops a launch if a guardrail metric is *significantly worse*. That puts the burden of proof
# on the wrong side, because a test that is too small proves nothing and therefore stops nothing. A *launch
# guardrail* turns it round: margin and number of viewers are fixed before the test, and the launch passes
# only if the test shows that the loss is smaller than the margin (Schultzberg, Ankargren and Frånberg 2024
# describe how Spotify combines such guardrails with the metrics that have to rise).
#
# **Your turn**: decide from the 90 % interval of a guardrail metric, in percent, and the margin. Its lower
# end is the one-sided 95 % limit. Say `"pass"` where a loss of the margin or more is ruled out, `"stop"` where it
# is not and a loss is shown, and `"undecided"` where more viewers are needed. Which of the three is an interval
# from −3 to −1 at a margin of 4?


# %% tags=["your-turn"]
def decide(low, high, margin):
    """Return "pass", "stop" or "undecided"."""
    return ...


# %% [markdown]
# The check has five intervals at a margin of 4 %.

# %% tags=["check"]
ruling = check(
    "decide",
    decide,
    holds(lambda f: f(-1.0, 2.0, 4.0) == "pass", "what may be lost is less than the margin"),
    holds(lambda f: f(-3.0, -1.0, 4.0) == "pass", "significantly worse, and by less than agreed"),
    holds(lambda f: f(-9.0, 7.0, 4.0) == "undecided", "not significant is not harmless"),
    holds(lambda f: f(-9.0, -1.0, 4.0) == "stop", "worse for sure, and perhaps by too much"),
    holds(lambda f: f(-4.0, 1.0, 4.0) == "undecided", "a loss of the margin is not ruled out"),
)
ruling


# %%
decide = ruling.answer_or(
    lambda low, high, margin: "pass" if low > -margin else "stop" if high < 0 else "undecided"
)

# %% [markdown]
# How do the two rules differ in practice? The study
# [50_guardrail.py](../../tests/studies/video/50_guardrail.py) takes ten small worlds as the markets of one company;
# three of them are the fresh worlds of the sweep. Twin deployments say what every viewer does under both feeds of a
# launch, so that a test can be repeated 500 times with other splits. Three launches are judged: *nothing* replaces
# today's feed by itself, *balanced* replaces it by the sum with a weight of 0.4 for likes, and *seconds* is the next
# step of a team that wants still more hours, and takes the likes out again. Over the ten markets, with all their
# viewers on both sides, the truth is:

# %%
rules = load_study("video/50_guardrail")
splits = rules[rules["kind"] == "split"]
everyone = splits[splits["share"] == 1].set_index(["metric", "launch"])
launches = ["balanced", "nothing", "seconds"]
truth = everyone["truth"].unstack()[[*launches, "seconds at once"]]
assert everyone["truth_high"]["return_28", "seconds"] < 0
truth.loc[["watch_hours", "likes", "return_1", "return_28"]].round(2)

# %% [markdown]
# The fourth column goes from today's feed to seconds in one step; we come back to it. The launch *seconds* brings
# 2.9 % more hours, loses a tenth of the likes and costs 0.43 % of return after 28 days, twice what the company
# would bear. It is the launch that ought to be stopped.
#
# **Your guess**: a tenth of the viewers take part in the test. How often does the rule "stop if likes are
# significantly worse" let the launch *seconds* pass?

# %% tags=["guess"]
guess("video_value_naive_passes", ..., unit="%")

# %% [markdown]
# The margin of the plan is 6 %. Beside the usual rule on likes stands the same rule on tomorrow's return. Each rule is
# tried with a tenth, a quarter, half and all of the viewers in the test:

# %%
MARGIN = 6
likes = splits[splits["metric"] == "likes"].set_index(["share", "launch"])
returned = splits[splits["metric"] == "return_1"].set_index(["share", "launch"])
panel_rules = {
    "stop if return is worse": 100 * (1 - returned["worse"]).unstack(),
    "stop if likes are worse": 100 * (1 - likes["worse"]).unstack(),
    f"show: likes lose < {MARGIN} %": 100 * likes[f"passes_{MARGIN}"].unstack(),
}
compare("video_value_naive_passes", panel_rules["stop if likes are worse"]["seconds"].iloc[0])

# %%
per_arm = likes["viewers"].unstack()["nothing"] / 2
figure, panels = plt.subplots(1, 3, figsize=(9, 3.2), sharey=True)
for axes, (name, passed) in zip(panels, panel_rules.items()):
    for launch, colour in zip(launches, ("blue", "grey", "orange")):
        axes.plot(per_arm, passed[launch], "o-", color=COLOURS[colour], label=launch)
    axes.set(xlabel="viewers per arm (log scale)", xscale="log", ylim=(-3, 103))
    axes.set_title(name, fontsize=9)
    axes.set_xticks(per_arm, [f"{n:.0f}" for n in per_arm])
    axes.minorticks_off()
panels[0].set_ylabel("tests that let the launch pass, %")
panels[1].legend(title="launch", fontsize=8)
figure.suptitle("Only the rule with a margin stops seconds at every size")
plt.show()

# %% [markdown]
# A line says how often a launch passes, and orange should be at the bottom. "Stop if return is significantly worse"
# lets *seconds* pass in 90 % of the tests with all viewers, hardly less often than a launch that changes nothing.
# On likes the same rule stops it if all viewers take part, but passes it in 71 % of the tests with a tenth of them,
# so that a team which wants to launch has a reason to run a small test. The rule with a margin turns the reason round.
# It lets *seconds* pass in hardly any test of any size, whereas a launch that changes nothing passes in 23 % of the
# tests with 340 viewers per arm and in 84 % of the large ones.
#
# Does the rule keep its promise? In an A/A test 5 % should be significant. A launch whose true loss is exactly the
# margin behaves about like an A/A test that is moved down by the margin, so it passes where an A/A test would pass a
# margin of 0. The last two columns say how often the rule passes no change, and *seconds at once*.

# %%
nothing = likes.xs("nothing", level="launch")
rates = pd.DataFrame(
    {
        "A/A alarms": nothing["worse"] + nothing["better"],
        "loss of 6 %": nothing["passes_0"],
        "no change": nothing[f"passes_{MARGIN}"],
        "at once": likes.xs("seconds at once", level="launch")[f"passes_{MARGIN}"],
    }
).set_index(per_arm.round(-1).astype(int).rename("viewers per arm"))
(100 * rates).round(1).rename_axis(columns="% of tests")

# %% [markdown]
# The A/A tests alarm in 4 to 6 % of the cases, and a loss of the margin passes in 4 to 5 %, as promised. No change
# passes in 84 % with 3,360 viewers per arm, where the plan had asked for 2,940 and 80 %.
#
# ### What the guardrail misses
#
# *Seconds at once* passes in 57 % of the large tests, although it costs 0.28 % of return, because likes hardly fall on
# that way (−1.5 %). There are three suspects. If likes are a bad proxy between feeds of different kinds, their rank
# correlation drops once today's feed is ranked with the others. If the level is wrong, a sum with as many likes as
# today's feed has another return; we read that off a line through the five sums of each world. If the denominator is
# to blame, because the sums start fewer videos, then likes per *session* repair it.

# %%
ratio = (1 + every["likes_change"] / 100) * (1 + every["clicks_change"] / 100)
every["session_likes_change"] = 100 * (ratio - 1)
counted = {"per started video": "likes_change", "per session": "session_likes_change"}
sums_only = every[every["family"] == "sum"].groupby("seed")
level = {
    name: {f"return, {seed}": np.polyfit(own[column], own[late], 1)[1] for seed, own in sums_only}
    for name, column in counted.items()
}
order = metric_validity(every, list(counted.values()), late, model="feed", world="seed")
pd.DataFrame(level).T.assign(rank_correlation=order["estimate"].to_numpy()).T.round(2)

# %% [markdown]
# The order is as good as before (0.88), so the first suspect is cleared and the level is at fault. In the development
# worlds (101 to 103), where the margin was set, a sum that keeps today's likes per started video changes return by
# −0.1 to +0.2 %. In the four others it loses 0.2 to 0.4 % before a single like is lost (in 112 and 113 by
# extrapolation, because there every sum gains 11 % of likes or more). The denominator alone is not the reason: per
# session the level errs to the other side in all seven worlds, and the order is worse. Why worlds differ in it we do
# not know.
#
# A rank correlation compares feeds with each other and is silent on where zero lies, whereas a margin needs zero. So
# a proxy has to be validated on launches of the kind that it will judge, and its verdict checked by a *holdback*: a
# share of the viewers keeps the old feed for a month, and return is read then.
#
# ## Launch
#
# Now the launches themselves, as A/B tests of five days in the ten markets. In the first, half of the viewers get the
# balanced feed. In the second the balanced feed is the control and *seconds* the treatment. Likes per arm are counted
# from the events that both feeds are handed, and the markets are analysed together. Hours and likes are both
# one-sided questions at 5 %, so they are read from the low end of the 90 % interval.

# %%
held = rules[rules["kind"] == "test"].set_index(["metric", "launch"]).sort_index()
read = held.loc[["watch_hours", "likes", "return_1"], ["estimate", "low", "high", "low_90"]]
read.round(1)

# %%
guard = held.loc["likes"]
high_90 = 2 * guard["estimate"] - guard["low_90"]
verdicts = [decide(low, high, MARGIN) for low, high in zip(guard["low_90"], high_90)]
pd.DataFrame({"low": guard["low_90"], "high": high_90, "guardrail": verdicts}).round(1)

# %% [markdown]
# *Balanced* raises hours by 20.5 % and its likes pass. *Seconds* raises hours once more, by 3.6 % (the two-sided 95 %
# interval, −0.2 to 7.5, only just contains zero), and is stopped: its likes fell by 8 %, with an interval from −12 to
# −4, so that there is a loss, and one of more than the margin is not ruled out. Tomorrow's return lies between −3.3
# and 3.6 % in the same test, so the dashboard's rule on it would have launched *seconds*.
#
# **Change this and see**: judge both launches by `"session_slates"` instead of likes, which needs fewer viewers. The
# study holds the column. Which launch does it stop that it should not?
#
# ## Results
#
# All feeds in the four worlds that were not used for tuning (three fresh ones and the large one), against today's feed,
# which is the rung *logistic, watched* of [42_rank](42_rank.ipynb). A mean is taken over the worlds, and `low` is the
# lowest end of a 95 % interval in any of them. The last column counts the worlds in which a feed meets both criteria.

# %%
unseen = every[every["part"] != "development"]
kept_both = (unseen["watch_hours_low"] > 3) & (unseen["return_28_low"] > -0.2)
table = (
    unseen.assign(met=kept_both)
    .groupby("feed", sort=False)
    .agg(
        hours=("watch_hours_change", "mean"),
        hours_low=("watch_hours_low", "min"),
        return_28=("return_28_change", "mean"),
        return_28_low=("return_28_low", "min"),
        worlds_met=("met", "sum"),
    )
)
assert table["hours"][table["worlds_met"] == 4].idxmax() == chosen
table.rename({"watched": "today", "sum 0": "seconds", chosen: "balanced"}).round(2)

# %% [markdown]
# Of the three feeds that meet both criteria in all four worlds, the one that the development worlds chose has the most
# hours. But its sources were three days old, whereas [42_rank](42_rank.ipynb) refits them before they serve. The study
# [50_refitted.py](../../tests/studies/video/50_refitted.py) does so in the fresh worlds and in our own (121), for
# seconds alone and for the chosen weight:

# %%
refitted = load_study("video/50_refitted").set_index(["weight", "seed"]).sort_index()
shown = [f"{name}_{end}" for name in ("watch_hours", "return_28") for end in ("change", "low")]
refitted[shown].round(2).T

# %% [markdown]
# The exchange is as before: seconds bring 2 to 7 points more hours than the chosen weight, and 0.2 to 1.1 points less
# return. The chosen feed meets both criteria in the fresh worlds, but not in ours, where a loss of return as large as
# 0.37 % is not ruled out. So the weight belongs to one version of sources and heads, and is chosen again with them.
#
# Now the requirements. The naive system ranks by seconds and stops what is significantly worse; *passes*
# refers to the ten markets.
#
# | requirement | criterion | naive | ours |
# |---|---|---|---|
# | hours | interval above 3 % in each of four worlds | lowest end 11.1 %: met | lowest end 7.7 %: met |
# | habit | interval of return above −0.2 % in each | lowest end −0.68 %, above in two of four: missed | lowest end −0.05 %: met |
# | the rule protects | *seconds* passes in at most 7 % | 90 % by return, 71 % by likes of a tenth of the viewers: missed | 0 %, and 4 % at the margin: met |
# | the habit behind it | *seconds at once* passes in at most 7 % | 92 % by return, 95 % by likes: missed | 57 %: missed |
# | the rule lets work go on | nothing passes in at least 80 % | 98 % by return, 97 % by likes: met | 84 % with 3,360 viewers per arm: met |
#
# Three of the four worlds are small, and in one development world the balanced feed lost 1.4 % of the hours. And the
# rule protects the proxy, not the habit behind it, for which the holdback has to stand in.

# %% [markdown]
# ## What breaks in production
#
# - **A head is retrained and the weights are not.** Sampling, calibration or a new label moves its scale, and the
#   product changes without a release note. Version sources, heads, means and weights together, and alarm on the mean
#   of each term of the value.
# - **The proxy is optimised.** Once likes decide launches, teams will find ways to collect them. Keep a holdback, and
#   measure how well the proxy predicted return on the launches of the last quarter.
# - **Ten guardrails.** A harmless launch has to pass all of them, so each needs more power than it would alone, but
#   no stricter level (Schultzberg, Ankargren and Frånberg 2024).
# - **The margin is negotiated after the result.** A margin that is widened until the launch passes is the naive
#   rule in other words. Write it down with the sample size.
# - **Small losses add up.** Ten launches that lose 2 % of likes each may pass a margin of 6 %, one by one.

# %% [markdown]
# ## In the interview
#
# **"How do you combine click, watch time and like predictions?"**
# *Mid*: a weighted sum with tuned weights. *Senior*: on one scale and calibrated, since a like head whose mean
# grew ninefold moved a weight of 0.2 to 0.7 and cost 8 % of the hours. *Staff*: treats the weight as a product
# decision and draws the front in A/B/n tests on several markets, since 0.4 of the weight kept 96 % of the extra hours
# in the large one and 62 % or less in two small ones; the business chooses the point.
#
# **"You care about retention in a month. What do you look at after a week?"**
# *Mid*: retention after a day. *Senior*: asks for direction and sensitivity; tomorrow's return had a rank
# correlation of 0.82 but needs 149,000 viewers per arm, likes 0.87 and 2,940. *Staff*: validates the level too, since
# a launch that cost hardly any likes lost 0.28 % of return; combines several proxies into a surrogate index, fitted on past
# launches; and reads return in a holdback after four weeks.
#
# **"The guardrail is not significant. Do we launch?"**
# *Mid*: yes, there is no evidence of harm. *Senior*: asks for the power; such a rule passed a harmful launch in 90 %
# of the tests. *Staff*: makes it a test of non-inferiority whose margin comes from the loss of return that the
# company would bear, and sizes the test by it before anything is launched.

# %% [markdown]
# ## Summary
#
# - A weight means something only on a known scale; dividing by the head's own mean keeps it.
# - Along the sweep hours and return are exchanged, and how cheap the first steps are differs between worlds.
# - Whether seconds cost habit against today's feed differed too; the direction of the exchange between heads did not.
# - Likes ordered feeds by return as well as tomorrow's return did, with a fiftieth of the viewers, but missed the level.
# - A guardrail has to show that the loss is small; "not significantly worse" passes what a test is too small to see.

# %% [markdown]
# ## Recall
#
# <details><summary>Why can a head with the same AUC change the feed?</summary>
#
# AUC reads the order of one head. In a sum its scale is part of the weight, so a head whose predictions are
# nine times as large counts nine times as much.
# </details>
#
# <details><summary>What makes a metric of a week fit to stand for one of a month?</summary>
#
# Direction: over many launches it moves as the later metric does, and stays where the later metric stays. Sensitivity:
# a test of affordable size sees it move. Tomorrow's return lacked the second, and likes a part of the first.
# </details>
#
# <details><summary>What does a launch guardrail ask of a test that "significantly worse" does not?</summary>
#
# Proof. It passes a launch only if the interval rules out a loss of the margin, so a test that is too small
# passes nothing, instead of everything.
# </details>

# %% [markdown]
# ## Further reading
#
# This chapter has no lab of its own. [lab_42_ranker](../../labs/02_video_recommendation/lab_42_ranker.ipynb) lets you
# build the ranker under it.
#
# - Zhe Zhao et al. 2019, *Recommending What Video to Watch Next: A Multitask Ranking System*, RecSys.
# - Smitha Milli, Emma Pierson and Nikhil Garg 2023, *Choosing the Right Weights: Balancing Value, Strategy, and
#   Noise in Recommender Systems*, arXiv 2305.17428, on weights that are faithful, hard to game and not noisy.
# - Alex Deng and Xiaolin Shi 2016, *Data-Driven Metric Development for Online Controlled Experiments: Seven Lessons
#   Learned*, KDD.
# - Susan Athey, Raj Chetty, Guido Imbens and Hyunseung Kang 2019, *The Surrogate Index: Combining Short-Term Proxies to
#   Estimate Long-Term Treatment Effects More Rapidly and Precisely*, NBER working paper 26463.
# - Henning Hohnhold, Deirdre O'Brien and Diane Tang 2015, *Focusing on the Long-term: It's Good for Users and
#   Business*, KDD.
# - Mårten Schultzberg, Sebastian Ankargren and Mattias Frånberg 2024, *Risk-aware Product Decisions in A/B Tests with
#   Multiple Metrics*, arXiv 2402.11609.
