# ---
# jupyter:
#   mlsd:
#     title: Experiment, and know what the test can see
#     builds: the sample size of an A/B test, three test designs against the truth, and a ranking of offline metrics
#     sections:
#     - {name: What decides success, minutes: 4}
#     - {name: Look at the log by user, minutes: 8}
#     - {name: Compute the sample size, minutes: 14, stop: true}
#     - {name: Run the test, minutes: 8}
#     - {name: Share a budget, minutes: 14, stop: true}
#     - {name: Choose the offline metric, minutes: 14}
#     - {name: Results, minutes: 3}
#     - {name: What breaks in production, minutes: 3}
#     - {name: Summary, minutes: 1}
#     - {name: Recall, minutes: 3}
#     - {name: Lab and further reading, minutes: 1}
#     introduces: [statistical power, sample size, interference, budget-split test, metric validity]
#     needs: [clustered interval, twin-world comparison, deployment, normalized entropy, expected calibration error]
#     discussion: A user-split test shows six percent more clicks, a budget-split test two. Which do you report to the advertisers, and what do you say of the other?
#     wrong_answers: ["The six; its interval is narrower.", "The mean of both."]
# ---

# %% [markdown]
# # Experiment, and know what the test can see
#
# **You will build** the sample size of an A/B test, three test designs against the truth, and a ranking
# of offline metrics.
#
# **You will learn** how many users a two-percent lift needs, how a fair coin can give a biased answer
# where money is shared, and which offline number was worth believing.
#
# **You need** `20_baseline`: clustered interval, deployment; `33_calibrate`: expected calibration error.
#
# **Minutes**: 73, with good places to stop after the sample size and after the budgets.

# %% [markdown]
# ## What decides success
#
# Every chapter so far compared two policies in twin worlds: each alone, with the same luck. No company
# has a twin. It has one market, splits its users, and waits. A test is good if its answer is the one
# that the twin worlds give: **right in sign, and close enough in size to decide about money**.

# %%
from statistics import NormalDist

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from mlsd import metrics
from mlsd.checks import check, gives
from mlsd.experiments import load_ledger
from mlsd.models import GlobalRate, HashedLogisticRegression, LightGBMScorer, SmoothedRate
from mlsd.plots import COLOURS, course_style
from mlsd.policies import ScorerPolicy
from mlsd.worlds import AdClickConfig, AdClickWorld

plt.rcParams.update(course_style())

# %% [markdown]
# ## Look at the log by user
#
# We randomise users, so the user is the unit whose spread counts. What did each bring in a week?

# %%
world = AdClickWorld(seed=13)
log = world.history(days=7).labelled_log()
frame = log.frame
paid = frame.assign(revenue=frame["click"] * frame["price"]).groupby("user_id")["revenue"].sum()
by_user = paid.reindex(range(16_000), fill_value=0.0)
f"mean {by_user.mean():.2f}, standard deviation {by_user.std():.2f}"

# %%
figure, axes = plt.subplots()
ordered = np.sort(by_user)[::-1].cumsum() / by_user.sum()
axes.plot(
    100 * np.arange(1, len(ordered) + 1) / len(ordered),
    100 * ordered,
    color=COLOURS["blue"],
    label="measured",
)
axes.plot([0, 100], [0, 100], color=COLOURS["grey"], ls="--", label="if all users brought the same")
axes.set(xlabel="users, the most valuable first (%)", ylabel="share of the revenue (%)")
axes.legend()
plt.show()
top_tenth = ordered[len(ordered) // 10]

# %% [markdown]
# How to read it: each point says which share of the revenue the most valuable users bring. A tenth of
# the users brings well over half, and most bring nothing in a week. Whether such a user falls into one
# arm or the other is luck, and it is large luck.

# %%
assert top_tenth > 0.5
assert by_user.median() == 0

# %% [markdown]
# ## Compute the sample size
#
# Two arms of n users each. The difference of their means has variance 2 σ² / n. We reject "no
# difference" when it is beyond z(1 − α/2) standard errors. *Statistical power* is the probability of
# that when the true difference is δ. Ask for power 1 − β, and solve for n:
#
# > n = 2 · (z(1 − α/2) + z(1 − β))² · σ² / δ²
#
# That is the *sample size* of one arm. With α = 0.05 and power 0.8 the first part is about 16.
#
# **Your turn**: the formula for a relative lift. σ is given as a multiple of the mean, `spread`, and δ
# as a share of it, `lift`. `NormalDist().inv_cdf` is z.


# %% tags=["your-turn"]
def users_per_arm(spread, lift, significance=0.05, power=0.8):
    """Users that each arm needs to see a relative lift."""
    return ...


# %% tags=["check"]
check(
    "users_per_arm",
    users_per_arm,
    gives(1.0, 1.0, expected=15.7, atol=0.05),
    gives(2.0, 0.1, expected=6279.1, atol=0.5),
    gives(1.0, 0.1, significance=0.01, power=0.9, expected=2975.8, atol=0.5),
)

# %% [markdown]
# Before the answer for our market. **Your guess**: how many users must each arm have to see a lift of
# two percent in a week's revenue?

# %% tags=["guess"]
guess_users = ...

# %%
spread = by_user.std() / by_user.mean()
quantiles = NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(0.8)
lifts = np.array([0.01, 0.02, 0.05, 0.1, 0.2])
needed = pd.Series(2 * (quantiles * spread / lifts) ** 2, index=[f"{lift:.0%}" for lift in lifts])
needed.round(-2).astype(int).rename("users per arm").rename_axis("lift").to_frame()

# %% [markdown]
# Our market has 16,000 users, 8,000 an arm. A lift of two percent, which would pay a team's wages in a
# large market, is far out of reach; of ten percent we would just miss some. Halving the lift costs four
# times the users. A longer test helps less than one hopes: it is the same users again.

# %%
figure, axes = plt.subplots()
sizes = np.geomspace(1_000, 10_000_000, 100)
axes.plot(
    sizes,
    100 * quantiles * spread * np.sqrt(2 / sizes),
    color=COLOURS["blue"],
    label="smallest lift seen with power 0.8",
)
smallest = quantiles * spread * np.sqrt(2 / 8_000)
axes.plot(
    8_000,
    100 * smallest,
    "o",
    color=COLOURS["orange"],
    label=f"this market: {100 * smallest:.0f} %",
)
axes.set(
    xscale="log",
    yscale="log",
    xlabel="users per arm (log scale)",
    ylabel="lift in revenue (%, log scale)",
)
axes.legend()
plt.show()
assert smallest > 0.05

# %% [markdown]
# How to read it: a test sees what lies above the line. Our point lies far to the left. Much of applied
# experimentation is moving it: more users, a metric with less spread, or subtracting what is known of a
# user from before the test.

# %% [markdown]
# ## Run the test
#
# Control is the smoothed rate by ad. Treatment adds what a user did in a category. First the test that
# should find nothing: control against control, an A/A test. It checks the machinery before it is
# trusted.


# %%
def policies(history):
    """Control and treatment, learned from a labelled log."""
    by_ad, by_user = (
        (("ad_id",),),
        (("ad_id",), ("publisher_id", "category"), ("user_id", "category")),
    )
    fits = [SmoothedRate(levels=levels, strength=30.0) for levels in (by_ad, by_user)]
    return [ScorerPolicy(model.fit(history.frame, history.label)) for model in fits]


# %% [markdown]
# Five days each, and the twin worlds beside them.

# %% tags=["nbval-check-output"]
control, treatment = policies(log)
tests = {
    "A/A, users split": world.ab_test(control, control, days=5, history_days=7),
    "A/B, users split": world.ab_test(control, treatment, days=5, history_days=7),
    "truth, twin worlds": world.compare(control, treatment, days=5, history_days=7),
}
list(tests)

# %%
shown = {
    (name, measure): vars(test.lifts[measure].relative)
    for name, test in tests.items()
    for measure in ("revenue", "clicks")
}
table = 100 * pd.DataFrame(shown).T
table.round(1).rename_axis(["design", "lift, %"])

# %% [markdown]
# Look at revenue. The A/A test should give zero, and its interval covers it, as nineteen in twenty do.
# But the estimate is far to the left. The A/B test split the *same* users in the same way; its revenue is
# low too, and its interval misses the truth. Was it the same bad luck? Subtract one from the other.

# %%
estimate = table["estimate"]
corrected = estimate["A/B, users split"] - estimate["A/A, users split"]
truth = estimate["truth, twin worlds"]
error = pd.DataFrame(
    {"A/B": estimate["A/B, users split"] - truth, "A/B less A/A": corrected - truth}
)
error.round(1).rename_axis("error of the lift, percentage points")

# %% [markdown]
# Here it was, for the most part. In real life the A/A part is the weeks *before* the test, in which both
# arms had the old policy. Subtracting it in full is not always a gain, since the A/A test has noise of
# its own: in three of five other worlds it made things worse. CUPED (Deng et al. 2013) finds the best
# multiple to subtract, from how far the two weeks of a user agree.

# %%
assert (error["A/B less A/A"].abs() < error["A/B"].abs()).all()
width = table["high"] - table["low"]
assert width["A/B, users split", "revenue"] > 2 * width["truth, twin worlds", "revenue"]

# %% [markdown]
# ## Share a budget
#
# A split of users assumes that what happens in one arm leaves the other alone. In an ad market it does
# not: both arms spend the same advertisers' budgets. This is *interference*. Suppose the treatment finds
# clicks earlier in the day. It empties budgets, and the control is left with the ads that remain. The
# treatment looks better by what it took away.
#
# A *budget-split test* gives each arm its own half of every budget, so that nothing is taken. We try both
# in six small worlds with scarce budgets, a fifteenth of the default, and correct each by its A/A test.
#
# **Your guess**: by how much will the user split overstate the lift in clicks?

# %% tags=["guess"]
guess_overstatement = ...

# %%
scarce = AdClickConfig(budget_per_impression=0.002)
run = {"days": 4, "history_days": 4}
rows = {}
for seed in range(31, 37):
    market = AdClickWorld(seed=seed, config=scarce)
    a, b = policies(market.history(days=4).labelled_log())
    rows[seed, "truth"] = market.compare(a, b, **run).lifts["clicks"].relative.estimate
    for design in ("user", "budget"):
        pair = (market.ab_test(a, other, design=design, **run) for other in (b, a))
        ab, aa = (test.lifts["clicks"].relative.estimate for test in pair)
        rows[seed, f"{design} split"] = ab - aa
designs = 100 * pd.Series(rows).unstack()[["truth", "user split", "budget split"]]

# %% [markdown]
# Six worlds, three columns: what is true, and what each design said.

# %%
figure, axes = plt.subplots()
for place, (name, colour) in enumerate(zip(designs, ("black", "orange", "blue"))):
    axes.plot(
        np.full(6, place),
        designs[name],
        "o",
        color=COLOURS[colour],
        alpha=0.5,
        label=f"{name}, one world",
    )
    axes.plot(place, designs[name].mean(), "_", color=COLOURS[colour], ms=40, mew=3)
axes.plot([], [], "_", color=COLOURS["grey"], ms=20, mew=3, label="mean of six worlds")
axes.set(xticks=range(3), xticklabels=designs.columns, ylabel="lift in clicks (%)")
axes.set(xlim=(-0.5, 3.6), xlabel="how it was measured")
axes.legend(loc="upper right")
plt.show()

# %% [markdown]
# How to read it: a dot is a world, a bar the mean of its column. The truth is on the left. The budget
# split stays near it. The user split sits above. Each column has the noise of its tests, so we look at
# the error world by world.

# %%
bias = designs.sub(designs["truth"], axis=0).drop(columns="truth")
bias_table = pd.DataFrame({"mean error": bias.mean(), "standard error": bias.sem()})
assert bias["user split"].mean() > 2 * bias["user split"].sem()
assert abs(bias["budget split"].mean()) < bias["user split"].mean()
bias_table.round(1).rename_axis("percentage points of clicks")

# %% [markdown]
# The user split overstates the lift by about three points of eight or nine. In twelve other worlds it was
# two points and one, so trust the sign more than the size. More users would not mend it: it is bias, not
# luck. With the default budgets, which rarely run dry, we saw none. So before you trust a user split, count
# the budgets that ran out during the test.
#
# Basse, Soufiani and Lambert (2016) find the same where the arms differ in who runs out of money, and that
# separate budgets reduce the bias much.

# %% [markdown]
# ## Choose the offline metric
#
# Tests are slow and few. Most decisions are made offline, by a metric. *Metric validity* is how well it
# foretells what the deployment brings. We can measure it: take many models, read each offline metric on
# held-out days, deploy every model, and compare the orders.
#
# Ten models. Some are rungs of the ladder, some are mistakes that happen: raw rates, a model that is
# wrong in some categories, one that is too sure of itself.

# %%
train, held = (frame.iloc[rows] for rows in (log.split.train, log.split.test))
y_train, y_held = log.label[log.split.train], log.label[log.split.test]
context = ("category", "format", "device", "hour", "position", "age_band", "region")
wide = (*context, "ad_id", "campaign_id", "publisher_id")
by_ad, by_user = (("ad_id",),), (("ad_id",), ("publisher_id", "category"), ("user_id", "category"))


class Bent:
    """A scorer whose logit is bent, by a function of logit and category."""

    def __init__(self, scorer, bend):
        self.scorer, self.bend = scorer, bend

    def predict_proba(self, columns):
        """Return bent probabilities, shape (n, 2)."""
        p = self.scorer.predict_proba(columns)
        logit = self.bend(np.log(p[:, 1] / p[:, 0]), np.asarray(columns["category"]))
        return np.column_stack([1 / (1 + np.exp(logit)), 1 / (1 + np.exp(-logit))])


# %% [markdown]
# Eight of them are fitted on the training days.

# %%
models = {
    "one rate": GlobalRate(),
    "ad, raw": SmoothedRate(levels=by_ad, strength=1e-3),
    "ad, smoothed": SmoothedRate(levels=by_ad, strength=100.0),
    "user, barely smoothed": SmoothedRate(levels=by_user, strength=2.0),
    "user, smoothed": SmoothedRate(levels=by_user, strength=30.0),
    "linear, context": HashedLogisticRegression(categorical=context, C=0.1),
    "linear, ids": HashedLogisticRegression(categorical=(*wide, "user_id"), C=0.1),
    "trees, context": LightGBMScorer(categorical=context, num_leaves=15, n_estimators=60),
}
for model in models.values():
    model.fit(train, y_train)

# %% [markdown]
# The other two bend a good one: odds doubled in every third category, and differences of logits from
# the average stretched by six tenths.

# %% tags=["nbval-check-output"]
good, average = models["user, smoothed"], np.log(y_train.mean() / (1 - y_train.mean()))
models["user, wrong by segment"] = Bent(good, lambda logit, c: logit + np.log(2) * (c % 3 == 0))
models["user, too sure"] = Bent(good, lambda logit, c: average + 1.6 * (logit - average))
list(models)

# %% [markdown]
# Four offline metrics on the held-out days, and the revenue of three deployed days against the smoothed
# rate by ad.

# %%
reference = ScorerPolicy(models["ad, smoothed"])
found = {}
for name, model in models.items():
    p = np.clip(model.predict_proba(held)[:, 1], 1e-6, 1 - 1e-6)
    lift = world.compare(reference, ScorerPolicy(model), days=3, history_days=7).lifts["revenue"]
    found[name] = {
        "normalized entropy": metrics.normalized_entropy(y_held, p),
        "AUC": metrics.auc(y_held, p),
        "AUC within users": metrics.grouped_auc(y_held, p, held["user_id"].to_numpy()),
        "calibration error": metrics.expected_calibration_error(y_held, p),
        "revenue, %": 100 * lift.relative.estimate,
    }
board = pd.DataFrame(found).T.sort_values("revenue, %", ascending=False)
board.round(3)

# %% [markdown]
# **Your guess**: which of the four orders the models most like the revenue does?

# %% tags=["guess"]
guess_best_metric = ...

# %% [markdown]
# The agreement of two orders is their rank correlation: 1 for the same order, 0 for none in common. The
# interval resamples the models.

# %%
signs = {"normalized entropy": -1, "AUC": 1, "AUC within users": 1, "calibration error": -1}
rng = np.random.default_rng(0)
draws = [board.iloc[rng.integers(0, len(board), len(board))] for _ in range(500)]
validity = {
    name: [
        sign * draw[name].corr(draw["revenue, %"], method="spearman") for draw in [board, *draws]
    ]
    for name, sign in signs.items()
}
agreement = pd.DataFrame(
    {n: [v[0], *np.nanquantile(v[1:], [0.025, 0.975])] for n, v in validity.items()}
)
agreement = agreement.T.set_axis(["rank correlation", "low", "high"], axis=1)
agreement.round(2)

# %%
figure, panels = plt.subplots(1, 2, figsize=(7.0, 3.4), sharey=True)
for axes, name, colour in zip(
    panels, ("normalized entropy", "AUC within users"), ("blue", "green")
):
    axes.plot(board[name], board["revenue, %"], "o", color=COLOURS[colour], label="one model")
    axes.plot(*board.loc["linear, ids", [name, "revenue, %"]], "s", color=COLOURS["orange"])
    axes.plot([], [], "s", color=COLOURS["orange"], label="linear, ids")
    axes.set(xlabel=name, ylabel="revenue against ad, smoothed (%)")
    axes.legend(fontsize=8)
panels[0].invert_xaxis()
plt.show()

# %% [markdown]
# How to read it: to the right a model is better offline, upwards it earns more; the entropy axis is
# turned round for that. On the left the dots make a cloud, and the best model by entropy, the square, is
# in the middle of the field by revenue. On the right they climb.

# %%
best = agreement["rank correlation"].idxmax()
assert best == "AUC within users"
assert agreement.loc["normalized entropy", "low"] < 0.3
f"{best}: {agreement.loc[best, 'rank correlation']:.2f}"

# %% [markdown]
# Why is that? An auction compares candidates of *one* request. To know that a user clicks a lot moves
# all her candidates up together and changes no order, but it pays handsomely in normalized entropy: the
# linear model with user ids is best by entropy and far from best in the market. The order within a user
# is nearer to what is deployed.
#
# And calibration? The worst model of all, one rate, is perfectly calibrated. Among models that are wrong
# in other ways, calibration says little about the order, and this list has several. Do not read it as
# "calibration is bad": where prices follow from probabilities, a model has to have both.
#
# Ten models in one world is a small sample, and we chose them; the intervals resample the models. A
# metric is valid for a market and a family of models, so measure it for yours.

# %% [markdown]
# ## Results
#
# The same question to the ledger: do the rungs' normalized entropy and AUC foretell their deployed
# revenue over three worlds?

# %%
ledger = load_ledger("ad_click").set_index("rung").drop(index="oracle")
ranks = ledger[["normalized_entropy", "auc", "online_revenue"]].rank()
agree = {name: ranks[name].corr(ranks["online_revenue"]) for name in ("normalized_entropy", "auc")}
assert -agree["normalized_entropy"] > 0.3
shown = {"normalized_entropy": "normalized entropy", "auc": "AUC", "online_revenue": "revenue"}
print({name: round(value, 2) for name, value in agree.items()})
ledger[list(shown)].rename(columns=shown).sort_values("revenue", ascending=False).round(3)

# %% [markdown]
# ## What breaks in production
#
# The split itself. Bots, cleared cookies and a redirect that loses users make the arms unequal in number.
# Test the counts against the planned shares before anything else; a sample ratio mismatch voids the test.
#
# Looking every day and stopping at the first significant one. Twenty looks turn five percent of false
# alarms into several times as many. Fix the length from the sample size, or use a sequential test.

# %% [markdown]
# ## Summary
#
# - Users per arm grow with the square of spread over lift: halve the lift, and you need four times as many.
# - An A/A test shows the luck of the split before it is mistaken for an effect.
# - Arms that share budgets interfere, and no number of users mends it. Split the budgets.
# - An offline metric is valid if it orders models as the deployment does. Measure that.
# - Here the order within users foretold the revenue; entropy over all rows did not.

# %% [markdown]
# ## Recall
#
# 1. Why does a longer test help less than more users?
#
# <details><summary>Answer</summary>The same users come back. Their spread is between users, and a second
# week of the same ones is no new draw.</details>
#
# 2. Which way does interference through budgets bend the result of a user split?
#
# <details><summary>Answer</summary>Towards the arm that spends faster: it takes from the other arm what the
# other would have had alone.</details>
#
# 3. Why can a model be best by normalized entropy and not by revenue?
#
# <details><summary>Answer</summary>Entropy rewards knowing which users click. The auction only uses the
# order of the candidates within a request.</details>

# %% [markdown]
# ## Lab and further reading
#
# This chapter has no lab of its own; `lab_51_bandits` compares estimates without a deployment with the
# deployment.
#
# - Alex Deng, Ya Xu, Ron Kohavi, Toby Walker 2013, *Improving the Sensitivity of Online Controlled
#   Experiments by Utilizing Pre-Experiment Data*, WSDM.
# - Guillaume Basse, Hossein Azari Soufiani, Diane Lambert 2016, *Randomization and The Pernicious Effects of
#   Limited Budgets on Auction Experiments*, AISTATS.
# - Ron Kohavi, Diane Tang, Ya Xu 2020, *Trustworthy Online Controlled Experiments*, Cambridge University
#   Press.
