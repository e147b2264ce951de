# ---
# jupyter:
#   mlsd:
#     title: Calibrate what you downsample
#     builds: negative downsampling and its one-line correction, a reliability diagram, and a calibrator on later clicks
#     sections:
#     - {name: What decides success, minutes: 3}
#     - {name: Throw most of the log away, minutes: 9}
#     - {name: Mend it in one line, minutes: 10, stop: true}
#     - {name: How much may be thrown away, minutes: 8}
#     - {name: Do not compare across base rates, minutes: 4}
#     - {name: Learn the correction from later clicks, minutes: 10, stop: true}
#     - {name: "Right in total, wrong in every part", minutes: 7}
#     - {name: Deploy, minutes: 12}
#     - {name: Results, minutes: 3}
#     - {name: What breaks in production, minutes: 3}
#     - {name: Summary, minutes: 1}
#     - {name: Recall, minutes: 3}
#     - {name: Lab and further reading, minutes: 1}
#     introduces: [negative downsampling, downsampling correction, calibration ratio, reliability diagram, expected calibration error, Platt scaling, isotonic regression]
#     needs: [time split, normalized entropy, clustered interval, hashed logistic regression, FTRL-Proximal, expected value ranking, deployment]
#     lab: lab_33_calibration
#     discussion: A colleague reports that keeping a twentieth of the negatives improved normalized entropy from 0.94 to 0.90. What do you ask?
#     wrong_answers: ["How much CPU time it saved, and whether a fortieth is better still.", "Whether the AUC improved as well."]
# ---

# %% [markdown]
# # Calibrate what you downsample
#
# **You will build** negative downsampling and its one-line correction, a reliability diagram, and a
# calibrator on later clicks.
#
# **You will learn** which mistakes in the level of a probability an auction forgives, which it
# punishes, and why a total that is right proves little.
#
# **You need** `30_count`: hashed logistic regression; `31_stream`: FTRL-Proximal; and the evaluator
# of `20_baseline`.
#
# **Minutes**: 74, with good places to stop after the correction and after the calibrators.

# %% [markdown]
# ## What decides success
#
# Ninety-eight of a hundred impressions get no click. Most of a training run is spent on rows that
# all say the same. We want to train on a twentieth of them, and accept the result if
#
# - a fit takes less than a fifth of the CPU time,
# - normalized entropy on later days suffers by less than 0.01,
# - expected clicks are within 15 % of the clicks that come.
#
# Guess which one fails first.

# %%
import copy
import time
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from mlsd import metrics
from mlsd.checks import check, gives
from mlsd.experiments import load_ledger
from mlsd.models import FTRLProximal, HashedLogisticRegression
from mlsd.plots import COLOURS, course_style, plot_changes, plot_reliability
from mlsd.policies import ScorerPolicy
from mlsd.worlds import AdClickConfig, AdClickWorld

plt.rcParams.update(course_style())

# %% [markdown]
# ## Throw most of the log away
#
# Two weeks of a world three quarters of the default size, split by time. The validation part will
# be our later clicks.

# %% tags=["nbval-check-output"]
config = AdClickConfig(users=12_000, requests_per_day=18_000)
world = AdClickWorld(seed=36, config=config)
log = world.history(days=14).labelled_log()
train, later, test = (log.frame.iloc[rows] for rows in log.parts().values())
{name: len(rows) for name, rows in log.parts().items()}

# %% [markdown]
# *Negative downsampling* keeps every click and a share w of the rest, chosen at random. A row that
# stays keeps all of its columns; only the mixture changes.

# %% tags=["nbval-check-output"]
w = 0.05
clicked = train["click"].to_numpy() == 1
draw = np.random.default_rng(0).random(len(train))
kept = train[clicked | (draw < w)]
f"{len(kept):,} of {len(train):,} rows"

# %% [markdown]
# The model is the hashed logistic regression of `30_count` on ids and context, once on all rows and
# once on the rows kept.


# %%
def fit(rows):
    """Fit the hashed logistic regression to impressions, and note the CPU seconds it took."""
    columns = {"categorical": log.roles.identifiers, "numeric": log.roles.numeric}
    start = time.process_time()
    model = HashedLogisticRegression(**columns).fit(rows, rows["click"])
    model.cpu_seconds_ = time.process_time() - start
    return model


full, sampled = fit(train), fit(kept)

# %% [markdown]
# Two numbers on the test days. The AUC judges the order. The *calibration ratio* judges the level:
# expected clicks, the sum of p, over the clicks that came. One is right, above one is too high.
#
# **Your guess**: the ratio of the model that saw a twentieth of the negatives?

# %% tags=["guess"]
guess_calibration_ratio = ...

# %%
y = test["click"].to_numpy()
predicted = {
    "all rows": full.predict_proba(test)[:, 1],
    "a twentieth": sampled.predict_proba(test)[:, 1],
}
judges = {"AUC": metrics.auc, "calibration ratio": metrics.calibration_ratio}
judged = pd.DataFrame({n: {j: f(y, p) for j, f in judges.items()} for n, p in predicted.items()})
assert judged.loc["AUC", "all rows"] - judged.loc["AUC", "a twentieth"] < 0.015
assert judged.loc["calibration ratio", "a twentieth"] > 8
judged.round(3)

# %% [markdown]
# The order is nearly as good; the promised clicks are many times too many. The model is not to
# blame. It describes the mixture it was shown, in which every third or fourth row is a click.

# %% [markdown]
# ## Mend it in one line
#
# Odds are clicks over non-clicks. We kept the clicks and a share w of the others, so the model's
# odds are too high by 1/w, whatever the row looks like. Take the probability apart into its two
# shares, p and 1 − p, give the second its missing rows back, and divide (He et al. 2014):
#
# > corrected = p / (p + (1 − p) / w)
#
# This is the *downsampling correction*. Odds times w is a logit plus ln w: the same line, and for a
# logistic regression a change of the intercept alone.
#
# **Your turn**: with w = 0.1, a prediction of one half becomes 1 in 11.


# %% tags=["your-turn"]
def my_corrected(p, w):
    """Undo what keeping a share w of the negatives did to the probability p."""
    return ...


# %% tags=["check"]
check(
    "correction",
    my_corrected,
    gives(0.5, 0.1, expected=1 / 11),
    gives(0.2, 1.0, expected=0.2),
    gives(np.array([0.0, 0.8, 1.0]), 0.25, expected=[0.0, 0.5, 1.0]),
)

# %% [markdown]
# We mend the model itself, at its intercept, and look whether the two forms agree.

# %%
mended = copy.copy(sampled)
mended.intercept_ += np.log(w)
p = predicted["a twentieth"]
predicted["a twentieth, corrected"] = mended.predict_proba(test)[:, 1]
assert np.allclose(predicted["a twentieth, corrected"], p / (p + (1 - p) / w))
round(metrics.calibration_ratio(y, predicted["a twentieth, corrected"]), 3)

# %% [markdown]
# One number for all rows can hide much. A *reliability diagram* sorts the rows by prediction, cuts
# them into bins of equal size, and compares in each bin the mean prediction with the observed rate.

# %%
labels = {"a twentieth": "as trained", "a twentieth, corrected": "corrected"}
plot_reliability(
    {label: metrics.reliability_table(y, predicted[n], bins=12) for n, label in labels.items()}
)
plt.show()

# %% [markdown]
# How to read it: a dot is a twelfth of the test rows, the bar the 95 % interval of its observed
# rate. On the line, the promise was kept; below it, too much was promised. Both axes are
# logarithmic, so that rates of 1 and 3 % are told apart. The correction moves every dot left and
# none up or down, because the order, and so the bins, stay the same. Blue dots are further from the
# line at low rates than at high ones: odds grew by one factor, probabilities did not. Remember
# that.
#
# As one number, the *expected calibration error* is the mean distance from the line over bins of
# equal size. Noise keeps it above zero, so compare it on the same rows only.

# %%
errors = {n: metrics.expected_calibration_error(y, p, bins=12) for n, p in predicted.items()}
assert errors["a twentieth, corrected"] < errors["a twentieth"] / 20
(100 * pd.Series(errors, name="calibration error, % points")).round(2).to_frame()

# %% [markdown]
# ## How much may be thrown away
#
# The correction repairs the level. It cannot give back what the missing rows would have taught.
# Six shares, from all rows to one in a hundred; each fit was timed and is corrected.

# %%
curve, fitted = {}, {1: full, 0.05: sampled}
for share in (1, 0.5, 0.2, 0.1, 0.05, 0.01):
    model = fitted.get(share) or fit(train[clicked | (draw < share)])
    q = expit(logit(model.predict_proba(test)[:, 1]) + np.log(share))
    scores = metrics.normalized_entropy(y, q), metrics.auc(y, q), metrics.calibration_ratio(y, q)
    curve[share] = (model.cpu_seconds_, *scores)
curve = pd.DataFrame(curve, index=["CPU s", "normalized entropy", "AUC", "calibration ratio"]).T
curve.rename_axis("w").round(4)

# %% [markdown]
# The same as a picture, of what is paid against what is saved.

# %%
figure, axes = plt.subplots(figsize=(5.6, 3))
axes.plot(curve["CPU s"], curve["normalized entropy"], "o-", color=COLOURS["blue"])
for share, row in curve.iterrows():
    place = (row["CPU s"], row["normalized entropy"])
    axes.annotate(f"w = {share:g}", place, (6, 5), textcoords="offset points")
axes.set(xscale="log", xlabel="CPU seconds of one fit (log scale)")
axes.set_xticks([0.1, 0.2, 0.5, 1, 2, 5], ["0.1", "0.2", "0.5", "1", "2", "5"])
axes.set_xticks([], minor=True)
axes.set_ylabel("normalized entropy on test\n(lower is better)")
axes.margins(0.15)
plt.show()

# %% [markdown]
# How to read it: each dot is a share w; left is cheaper, down is better. The first half of the
# negatives is nearly free to drop, the last few percent are not. He et al. (2014) found a small
# share best on their data. Here fewer rows
# were never better; a curve like this is worth an hour on your own log.
#
# Is the price of a twentieth more than luck? Paired, and resampled by user:

# %%
users = test["user_id"].to_numpy()
pair = predicted["a twentieth, corrected"], predicted["all rows"]
ne = metrics.normalized_entropy
price = metrics.paired_interval(ne, y, *pair, clusters=users, repetitions=200, seed=0)
assert 0 < price.estimate < 0.01
assert curve.loc[1, "CPU s"] > curve.loc[0.05, "CPU s"]
f"{price.estimate:.4f} worse, 95 % interval {price.low:.4f} to {price.high:.4f}"

# %% [markdown]
# All three requirements are met. Another way to repair is a weight of 1/w on every negative that
# was kept. The probabilities then come out right and need no correction; McMahan et al. (2013)
# train so. The correction has the advantage that it can be forgotten in one place only.

# %% [markdown]
# ## Do not compare across base rates
#
# Somebody forgets that the *evaluation* rows were thinned too. Same model, same rows minus most
# negatives, and no correction, since on those rows none is due.

# %%
thin = (y == 1) | (np.random.default_rng(1).random(len(y)) < w)
rows = {
    "all test rows, corrected": (y, predicted["a twentieth, corrected"]),
    "thinned test rows, as trained": (y[thin], predicted["a twentieth"][thin]),
}
rows = {n: (p[0].mean(), metrics.log_loss(*p), ne(*p), metrics.auc(*p)) for n, p in rows.items()}
names = ["click rate", "log loss", "normalized entropy", "AUC"]
assert rows["thinned test rows, as trained"][2] < rows["all test rows, corrected"][2] - 0.01
pd.DataFrame(rows, index=names).T.round(3)

# %% [markdown]
# The log loss is several times higher and the normalized entropy clearly lower, for one model.
# Normalized entropy divides by the entropy of the evaluated rows' own click rate. At thirty
# percent, a prediction can explain a larger part of the uncertainty than at two. Neither number is
# wrong; they just do not compare. AUC, which sees the order of pairs alone, stays about where it
# was.

# %% [markdown]
# ## Learn the correction from later clicks
#
# Suppose the logging team did not write w down. Then the level must be learned, from clicks that
# came after training. *Platt scaling* fits a logistic regression on the logit: a slope and an
# intercept. *Isotonic regression* fits any curve that never falls, a staircase. The first can be
# wrong in shape; the second has as many steps as it finds excuses for.

# %%
y_later, raw_later = later["click"].to_numpy(), sampled.predict_proba(later)[:, 1]
raw, known = predicted["a twentieth"], ne(y, predicted["a twentieth, corrected"])
platt = LogisticRegression(C=np.inf).fit(logit(raw_later)[:, None], y_later)
stairs = IsotonicRegression(y_min=1e-4, y_max=1 - 1e-4, out_of_bounds="clip")
stairs.fit(raw_later, y_later)
predicted["a twentieth, Platt"] = platt.predict_proba(logit(raw)[:, None])[:, 1]
predicted["a twentieth, isotonic"] = stairs.predict(raw)
f"slope {platt.coef_[0, 0]:.2f}, intercept {platt.intercept_[0]:.2f}; ln w is {np.log(w):.2f}"

# %% [markdown]
# From the later clicks Platt scaling finds about the slope of one and the intercept that arithmetic
# gave us for nothing. How few clicks are enough? We draw slices of the later rows that hold about
# 10 to 1,000 clicks, seven of each size, and read the same test rows. Guess: how many clicks does a
# staircase need?

# %%
sizes, trials = (10, 30, 100, 300, 1000), []
for size in np.repeat(sizes, 7):
    rng = np.random.default_rng(len(trials))
    part = rng.choice(len(later), int(size / y_later.mean()), replace=False)
    platt.fit(logit(raw_later[part])[:, None], y_later[part])
    stairs.fit(raw_later[part], y_later[part])
    scaled = platt.predict_proba(logit(raw)[:, None])[:, 1]
    trials.append((size, ne(y, scaled), ne(y, stairs.predict(raw))))
trials = pd.DataFrame(trials, columns=["clicks", "Platt scaling", "isotonic regression"])
medians = trials.groupby("clicks").median()
medians.round(4)

# %% [markdown]
# The medians, drawn with the spread of the slices.

# %%
figure, axes = plt.subplots(figsize=(5.6, 3))
for name, colour in {"Platt scaling": "blue", "isotonic regression": "orange"}.items():
    spread = trials.groupby("clicks")[name].quantile([0, 0.5, 1]).unstack()
    axes.fill_between(spread.index, spread[0], spread[1], color=COLOURS[colour], alpha=0.2)
    axes.plot(spread.index, spread[0.5], "o-", color=COLOURS[colour], label=name)
axes.axhline(known, color=COLOURS["black"], ls="--", label="corrected with the known w")
axes.set(xscale="log", xlabel="clicks in the slice that it was fitted on (log scale)")
axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
axes.set_ylabel("normalized entropy on test\n(lower is better)")
axes.legend()
plt.show()
assert (medians["isotonic regression"] > medians["Platt scaling"]).all()
assert abs(medians.loc[1000, "Platt scaling"] - known) < 0.005
assert medians.loc[10, "isotonic regression"] > known + 0.02

# %% [markdown]
# How to read it: a dot is the median of seven slices, the band their range, the dashed line the
# arithmetic. Above 1, a forecast is worse than the plain click rate. Platt scaling has two numbers
# to learn and needs a few hundred clicks to be safe. Isotonic regression takes luck for shape; with
# a thousand clicks it still pays for that, as there is no odd shape here to find. It earns its keep
# on much data, or on a model whose diagram bends.
#
# So a calibrator is for what arithmetic does not know. In the ledger the FTRL-Proximal rungs,
# learned row by row and then frozen for days, promise some 20 % too many clicks. Ours, too. One
# cause is easy to suspect: hours and weekdays come in blocks, so their weights chase the level of
# the latest block. The second model does without them.

# %%
calm_ids = tuple(name for name in log.roles.identifiers if name not in ("hour", "weekday"))
stream = {}
for name, ids in {"FTRL": log.roles.identifiers, "FTRL, no hour, no weekday": calm_ids}.items():
    online = FTRLProximal(categorical=ids, numeric=log.roles.numeric, alpha=0.3)
    online.fit(train, train["click"])
    q, q_later = (online.predict_proba(rows)[:, 1] for rows in (test, later))
    ratios = metrics.calibration_ratio(y_later, q_later), metrics.calibration_ratio(y, q)
    predicted[name], stream[name] = q, (*ratios, ne(y, q))
columns = ["ratio, later rows", "ratio, test rows", "normalized entropy, test"]
assert stream["FTRL"][1] > 1.1
assert stream["FTRL, no hour, no weekday"][2] < stream["FTRL"][2]
pd.DataFrame(stream, index=columns).T.round(3)

# %% [markdown]
# Fewer columns, a better forecast: repair the cause where you find one. Then compare the two ratios
# of a row. A calibrator fitted on the later rows divides by the first, while the test rows would
# need the second. It is right about the days it saw. The lab refits one every night.

# %% [markdown]
# ## Right in total, wrong in every part
#
# Two logging pipelines: formats 0 and 1 come from the old one, which keeps a tenth of the
# negatives;
# 2 and 3 from the new one, which keeps a fortieth. Nobody tells the modeller. She corrects
# with the overall share, then scales by one factor so that the total of the later rows is right.

# %%
shares = np.array([0.1, 0.1, 0.025, 0.025])[train["format"]]
mixed = fit(train[clicked | (draw < shares)])
mixed.intercept_ += np.log(shares[~clicked].mean())
total = later["click"].sum() / mixed.predict_proba(later)[:, 1].sum()
predicted["mixed pipelines"] = total * mixed.predict_proba(test)[:, 1]
round(metrics.calibration_ratio(y, predicted["mixed pipelines"]), 2)

# %% [markdown]
# The one number that most dashboards show is within the requirement. Now the same number by format.

# %%
names = ["mixed pipelines", "a twentieth, corrected"]
sums = pd.DataFrame({n: predicted[n] for n in names} | {"clicks": y})
sums = sums.groupby(test["format"].to_numpy()).sum()
by_format = sums[names].div(sums["clicks"], axis=0)
low, high = by_format["mixed pipelines"].loc[:1], by_format["mixed pipelines"].loc[2:]
assert low.max() < 1 < high.min()
assert high.min() > 2 * low.max()

figure, axes = plt.subplots(figsize=(5.5, 2.8))
for name, colour in zip(names, ("red", "blue")):
    axes.plot(by_format.index, by_format[name], "o", color=COLOURS[colour], label=name)
axes.axhline(1, color=COLOURS["black"], lw=1)
axes.set(yscale="log", xticks=range(4), xlabel="ad format", ylabel="expected / real clicks")
axes.set_yticks([0.5, 1, 2], ["0.5", "1", "2"])
axes.set_yticks([], minor=True)
axes.set_ylim(0.4, 3.5)
axes.legend(loc="upper left")
plt.show()

# %% [markdown]
# How to read it: a dot on the line is a format whose promise was kept. The red ones average out,
# and not one of them is right. Calibration of the total is one equation; segments are many. Watch
# the segments that somebody pays for, or that differ in how they were logged.

# %% [markdown]
# ## Deploy
#
# Which of these mistakes costs money? In the default market a winner pays its own bid per click.
# Against the corrected model we deploy four mistaken ones for three days each:
#
# 1. **uncorrected**, odds twenty times too high;
# 2. **a fifth**: every corrected probability times 0.2, a global factor;
# 3. **by device**: times 1, 0.6 or 0.3, by the device that asks;
# 4. **mixed pipelines**, right in total and wrong by ad format.
#
# **Your guess**: which of the four lose revenue, and which is the worst?

# %% tags=["guess"]
guess_losing_policies = ...
guess_worst = ...


# %%
class Scaled:
    """A scorer whose probabilities are multiplied by a factor of the row."""

    def __init__(self, scorer, factor):
        self.scorer, self.factor = scorer, factor

    def predict_proba(self, X):
        """Return the probabilities of 0 and of 1, shape (n, 2)."""
        p = self.scorer.predict_proba(X)[:, 1] * self.factor(X)
        return np.column_stack([1 - p, p])


# %% [markdown]
# Each rival is compared with the corrected model in twin worlds.

# %%
by_device = np.array([1, 0.6, 0.3])
rivals = {
    "uncorrected": sampled,
    "a fifth": Scaled(mended, lambda X: 0.2),
    "by device": Scaled(mended, lambda X: by_device[X["device"]]),
    "mixed pipelines": Scaled(mixed, lambda X: total),
}
control = ScorerPolicy(mended)
first = {n: world.compare(control, ScorerPolicy(r), days=3).lifts for n, r in rivals.items()}
measures = ["revenue", "clicks", "advertiser_value", "user_cost"]
changes = {(n, m): vars(lifts[m].relative) for n, lifts in first.items() for m in measures}
changes = 100 * pd.DataFrame(changes).T
assert changes.loc[["a fifth", "by device"]].abs().max(axis=None) < 0.05
changes["estimate"].unstack()[measures].loc[list(rivals)].round(1)

# %% [markdown]
# In percent, against the corrected model. Two of the four change nothing at all. Bids times
# probabilities are compared *within* one request. A global factor cancels there, and so does a
# factor of the device, which all candidates of a request share. What is left are mistakes that
# differ from candidate to candidate.

# %% [markdown]
# Then the uncorrected model should be harmless too, as its order of rows is the same? But
# the auction does not order by p, it orders by bid × p. Twenty times the odds turn 1 % into 17 %,
# and 10 % into 69 %: the difference between the two candidates shrinks from ten to four. Bids get
# more say.
#
# How do revenue and clicks then depend on the price rule? The same mistakes, in a market that
# charges the least bid which would have kept the rank (`gsp`; chapter `50_auction` explains it). A
# common factor cancels there as well, since that price is the next score over the own probability;
# so we deploy the other two.

# %%
market = AdClickWorld(seed=36, config=replace(config, price_rule="gsp"))
second = {
    n: market.compare(control, ScorerPolicy(rivals[n]), days=3).lifts
    for n in ("uncorrected", "mixed pipelines")
}
both = {"own bid": first, "gsp": second}
lines = {
    (f"{n}, {rule}", m): vars(lifts[n][m].relative)
    for n in ("uncorrected", "mixed pipelines")
    for rule, lifts in both.items()
    for m in ("revenue", "clicks")
}
changes_by_rule = 100 * pd.DataFrame(lines).T
axes = plot_changes(
    changes_by_rule, xlabel="change against the corrected model (%, bar: 95 % interval)"
)
axes.locator_params(axis="x", nbins=6)
plt.show()

# %% [markdown]
# How to read it: a dot is the change, the bar its interval; blue is revenue, orange clicks. Mixed
# pipelines lose revenue under both rules: slots go to formats that were merely promised more.
#
# The uncorrected model loses clicks under both, by far more than luck. Its revenue does not follow:
# the clicks that remain are dearer. Higher bids win, and under `gsp` flattened probabilities also
# push the price towards the own bid. In ten other worlds clicks fell each time, while the sign
# of the revenue changed from world to world.

# %%
estimate = changes_by_rule["estimate"].unstack()
per_click = (1 + estimate["revenue"] / 100) / (1 + estimate["clicks"] / 100)
assert (per_click.filter(like="uncorrected") > 1).all()
high = changes_by_rule["high"].unstack()
assert (high.filter(like="uncorrected", axis=0)["clicks"] < 0).all()
assert (high.filter(like="mixed", axis=0)["revenue"] < 0).all()
(100 * (per_click - 1)).round(1).rename("change of revenue per click, %").to_frame()

# %% [markdown]
# So this week's revenue would not have shown a model that promises thirteen times the clicks. Who
# pays? The advertisers, a higher price for each click. The world measures them too, with wide
# intervals, which tell how far the estimates can be trusted.

# %%
changes.loc[["uncorrected", "mixed pipelines"]].drop(["revenue", "clicks"], level=1).round(1)

# %% [markdown]
# ## Results
#
# The rungs so far in the committed ledger: three worlds, all rows, no recalibration.

# %%
ledger = load_ledger("ad_click").set_index("rung")
columns = ["normalized_entropy", "auc", "calibration_ratio", "calibration_ratio_low"]
columns += ["calibration_ratio_high", "fit_cpu_seconds"]
rungs = ledger.loc[:"lightgbm_counters", columns].drop("dcn_v2")
assert rungs["calibration_ratio"].idxmax().startswith("ftrl")
rungs.round(3)

# %% [markdown]
# What this chapter adds to it, on its own world:

# %%
judges |= {"normalized entropy": ne}
rows = {n: {j: f(y, p) for j, f in judges.items()} for n, p in predicted.items()}
pd.DataFrame(rows).T.round(3)

# %% [markdown]
# ## What breaks in production
#
# The share changes and the correction does not: somebody tunes w in the logging job. Write the
# share into each kept row and read it from there.
#
# The correction is applied twice, in training by weights and in serving by formula. The calibration
# ratio then drops to about w. And wherever p meets a number that is not another p, the auction no
# longer forgives a factor: a reserve per impression, a bid into somebody else's exchange, a
# forecast of spend. Our world's reserve is per click, so it could not show this.

# %% [markdown]
# ## Summary
#
# - Keep all clicks and a share w of the rest; add ln w to the logit.
# - AUC cannot see the level. Look at the calibration ratio, the diagram, and the segments.
# - Normalized entropy compares only where the click rate is the same.
# - Platt scaling needs hundreds of clicks, isotonic regression many more, and both later ones.
# - An auction forgives what all candidates share, and nothing else.

# %% [markdown]
# ## Recall
#
# 1. Why is the uncorrected model not just too high by a factor?
#
# <details><summary>Answer</summary>Its odds are. Small probabilities grow by about 1/w, large ones
# by less, so products with bids change their order.</details>
#
# 2. A ratio by device is 0.5 on phones. Does the auction care?
#
# <details><summary>Answer</summary>Not when candidates of one request are ranked by bid × p and pay
# per click: all share the device. A reserve per impression or a forecast would.</details>
#
# 3. You have forty clicks since training. Which calibrator?
#
# <details><summary>Answer</summary>Platt scaling at most, or only a shift of the intercept; a
# staircase would learn the luck of those clicks.</details>

# %% [markdown]
# ## Lab and further reading
#
# Lab: `lab_33_calibration`. You correct row by row, choose w on a budget, follow a frozen model
# with a trailing window, and deploy from a log that was thinned unevenly.
#
# - Xinran He et al. 2014, *Practical Lessons from Predicting Clicks on Ads at Facebook*, ADKDD.
# - H. Brendan McMahan et al. 2013, *Ad Click Prediction: a View from the Trenches*, KDD.
# - John Platt 1999, *Probabilistic Outputs for Support Vector Machines and Comparisons to
#   Regularized Likelihood Methods*, Advances in Large Margin Classifiers, MIT Press.
# - Bianca Zadrozny, Charles Elkan 2002, *Transforming Classifier Scores into Accurate Multiclass
#   Probability Estimates*, KDD.
# - Sébastien Lahaie, David Pennock 2007, *Revenue Analysis of a Family of Ranking Rules for Keyword
#   Auctions*, EC. What happens when probabilities are flattened on purpose.
