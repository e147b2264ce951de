# ---
# jupyter:
#   mlsd:
#     title: Boost trees on a feature budget
#     builds: boosted trees from scratch, LightGBM on counters, and a set of features chosen by gain per stored key
#     sections:
#     - {name: What decides success, minutes: 4}
#     - {name: Look at the log, minutes: 5}
#     - {name: Boost by hand, minutes: 14, stop: true}
#     - {name: Stop early, minutes: 6}
#     - {name: Take the counters away, minutes: 12, stop: true}
#     - {name: Spend a feature budget, minutes: 14}
#     - {name: Deploy, minutes: 8}
#     - {name: Results, minutes: 4}
#     - {name: What breaks in production, minutes: 3}
#     - {name: Summary, minutes: 1}
#     - {name: Recall, minutes: 3}
#     - {name: Lab and further reading, minutes: 1}
#     introduces: [gradient boosting, early stopping, feature importance, feature budget]
#     needs: [time split, normalized entropy, clustered interval, as-of counter, hashed logistic regression, deployment]
#     labs: [lab_32_leaves]
#     discussion: A boosted-tree model with 400 features beats yours with 12 by two thousandths of normalized entropy. What do you ask before you call it better?
#     wrong_answers: ["Nothing; the better metric wins.", "Whether it was trained on more rows."]
# ---

# %% [markdown]
# # Boost trees on a feature budget
#
# **You will build** boosted trees from scratch, LightGBM on counters, and a set of features chosen
# by gain per stored key.
#
# **You will learn** what trees do that a linear model cannot, how little of that is left once good
# counters stand beside the ids, and why the price of a feature is paid at serving, every day.
#
# **You need** `30_count`: as-of counter, hashed logistic regression; and the evaluator of
# `20_baseline`.
#
# **Minutes**: 75, with good places to stop after the boosting by hand and after the counters are
# taken away.

# %% [markdown]
# ## What decides success
#
# A ranker scores a hundred candidates in some tens of milliseconds. Arithmetic is the small part of
# that. The large part is fetching: each feature that is a counter is a key in a store, and somebody
# keeps the store filled, watched and paid for.
#
# So two numbers decide here. The first is normalized entropy on later days, with a paired interval.
# The second is the number of keys that the features need. We accept a model if it is the best that
# fits our store: **100,000 keys**.

# %%
import lightgbm
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from mlsd import metrics
from mlsd.checks import check, gives
from mlsd.experiments import load_ledger
from mlsd.features import CounterFeatures
from mlsd.models import HashedLogisticRegression, LightGBMScorer
from mlsd.plots import COLOURS, course_style, plot_changes
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickWorld

plt.rcParams.update(course_style())

# %% [markdown]
# ## Look at the log
#
# A week of the default world, split by time as always: half a million impressions.

# %% tags=["nbval-check-output"]
world = AdClickWorld(seed=13)
log = world.history(days=7).labelled_log()
frame, click, split = log.frame, log.label, log.split
users = frame["user_id"].to_numpy()[split.validation]
{name: len(part) for name, part in log.parts().items()}

# %% [markdown]
# *Context* says what is going on: hour, device, position, category. It comes with the request and
# costs nothing. *Identifiers* say which ad, campaign or publisher it is. *Counters* say what this
# ad, user or pair did before, as of the moment, and each is a key in a store.
#
# The log's roles name six entities to count, from the ad to the pair of user and ad. For each we
# keep decayed impressions and the log-odds of the decayed, shrunk click rate, with a half-life of
# three days, refreshed at midnight. For the pair of user and ad there is also how often the user
# saw it.

# %% tags=["nbval-check-output"]
context = ("category", "format", "device", "hour", "weekday", "position", "age_band", "region")
identifiers = ("ad_id", "campaign_id", "advertiser_id", "publisher_id")
pair, half_life = ("user_id", "ad_id"), (3 * 86_400.0,)
counters, settings = {}, {"half_lives": half_life, "refresh": "nightly"}
for entity in log.roles.entities:
    views = [pair] if entity == pair else []
    columns = CounterFeatures([entity], views=views, **settings).compute(log)
    counters[" × ".join(entity)] = columns
table = pd.concat([frame, *counters.values()], axis=1)
all_counters = tuple(name for columns in counters.values() for name in columns)
f"{len(context)} context columns, {len(identifiers)} identifiers, {len(all_counters)} counters"

# %% [markdown]
# ## Boost by hand
#
# *Gradient boosting* adds up small trees. Each new tree is fitted to what the sum so far gets
# wrong: to the gradient g = p − y of the log loss, row by row. With the curvature h = p (1 − p),
# the best value of a leaf is one Newton step, shrunk by a penalty λ and a learning rate (Friedman
# 2001; Chen and Guestrin 2016):
#
# > value of a leaf = − rate · Σ g / (Σ h + λ)
#
# and the best split is the one with the largest sum of (Σ g)² / (Σ h + λ) over its two sides. That
# is all. Here it is for one column and trees with one split.


# %%
def boost(column, clicked, rounds, rate=0.3, penalty=1.0):
    """Score of each distinct value of a column, after some rounds of one-split trees."""
    values, code = np.unique(column, return_inverse=True)
    score = np.full(len(values), np.log(clicked.mean() / (1 - clicked.mean())))
    for _ in range(rounds):
        p = 1 / (1 + np.exp(-score[code]))
        g, h = (np.bincount(code, weight).cumsum() for weight in (p - clicked, p * (1 - p)))
        g = np.stack([g[:-1], g[-1] - g[:-1]])
        h = np.stack([h[:-1], h[-1] - h[:-1]]) + penalty
        cut = (g**2 / h).sum(axis=0).argmax()
        step = -rate * g[:, cut] / h[:, cut]
        score += np.where(np.arange(len(values)) <= cut, *step)
    return values, score


# %% [markdown]
# The column is the log-odds of the user's click rate in the ad's category, rounded to tenths. It is
# a useful one to look at, because we know what the answer should be: the score should rise with it.

# %%
train = table.iloc[split.train]
column = train["user_id_category_log_odds_3d"].round(1).to_numpy()
clicked = click[split.train]
fits = {rounds: boost(column, clicked, rounds) for rounds in (1, 5, 100)}
values, score = fits[100]
{rounds: len(np.unique(score.round(9))) for rounds, (_, score) in fits.items()}

# %% [markdown]
# One round gives two values; more rounds give more steps. LightGBM with the same settings should
# agree to the last digits.

# %%
free = {"min_data_in_leaf": 1, "min_sum_hessian_in_leaf": 0.0, "min_data_in_bin": 1, "verbose": -1}
options = free | {"objective": "binary", "num_leaves": 2, "learning_rate": 0.3, "lambda_l2": 1.0}
data = lightgbm.Dataset(column[:, None], clicked, params=options)
peer = lightgbm.train(options, data, 100).predict(values[:, None], raw_score=True)
assert np.allclose(peer, score, atol=1e-4)
f"largest difference of a score: {np.abs(peer - score).max():.1e}"

# %% [markdown]
# What did it learn? We put the observed click rates beside it.

# %%
rows = pd.Series(clicked).groupby(column).agg(["mean", "size"])
figure, axes = plt.subplots()
dots = {"s": rows["size"] / 400, "color": COLOURS["grey"]}
axes.scatter(rows.index, 100 * rows["mean"], **dots, label="observed (area: impressions)")
for (rounds, (values, score)), colour in zip(fits.items(), ("sky", "orange", "blue")):
    style = {"where": "mid", "color": COLOURS[colour], "label": f"trees: {rounds}"}
    axes.step(values, 100 / (1 + np.exp(-score)), **style)
axes.set(yscale="log", xlabel="log-odds of the user's shrunk click rate in the category")
axes.set_yticks([0.1, 1, 10], ["0.1", "1", "10"])
axes.set_ylabel("click-through rate, % (log scale)")
axes.legend()
plt.show()

# %% [markdown]
# How to read it: the dots are the click rates of impressions with that value, the lines what the
# trees say after so many rounds. One split makes two levels. A hundred rounds make a staircase that
# follows the dots, in whatever shape they lie. On the far left, where the dots are too small to
# see, it follows luck. So real trees ask for a least weight on both sides of a split, which is the
# lab's first exercise.
#
# Look at the middle, where the impressions are: a straight line on these axes would do nearly as
# well. That is no accident; somebody took the logarithm for us. Keep this in mind.

# %% [markdown]
# ## Stop early
#
# More trees fit the training days better and, from some point on, later days worse. *Early
# stopping* watches the loss on the validation days and keeps the number of trees at its lowest
# point. First without it, to see what it saves us from: 150 trees on context and all counters.

# %%
numbers = log.roles.numeric
x, rows = table[[*context, *numbers, *all_counters]], (split.train, split.validation)
options = {"objective": "binary", "num_leaves": 15, "learning_rate": 0.2, "verbose": -1}
data = [lightgbm.Dataset(x.iloc[r], click[r], categorical_feature=list(context)) for r in rows]
curve, names = {}, ["training days", "validation days"]
watch = {"valid_names": names, "callbacks": [lightgbm.record_evaluation(curve)]}
_ = lightgbm.train(options, data[0], 150, valid_sets=data, **watch)

# %% [markdown]
# Log loss after each tree, divided by the loss of the best constant of these days, which makes it
# normalized entropy. How to read the figure: to the right the model grows. The training line falls
# and falls. The validation line turns: behind the dashed mark the trees learn the luck of the
# training days.

# %%
figure, axes = plt.subplots()
for (name, losses), r, colour in zip(curve.items(), rows, ("sky", "blue")):
    constant = metrics.log_loss(click[r], np.full(len(r), click[r].mean()))
    losses = np.array(losses["binary_logloss"]) / constant
    axes.plot(np.arange(1, 151), losses, color=COLOURS[colour], label=name)
best = int(losses.argmin()) + 1
axes.axvline(best, color=COLOURS["orange"], ls="--", label=f"lowest on validation: {best} trees")
axes.set(xlabel="trees", ylabel="normalized entropy\n(lower is better)")
axes.legend()
plt.show()
assert best < 120

# %% [markdown]
# ## Take the counters away
#
# The package's `LightGBMScorer` stops at the mark by itself where `fit` is given `valid`. So to the
# question of this chapter. Trees can bend and can combine columns; logistic regression can do
# neither. Counters say what happened before. Which is worth more, the better model or the better
# columns?
#
# **Your guess first**: from linear without counters, how much normalized entropy does the model
# class save, and how much do the counters?

# %% tags=["guess"]
guess_model_class = ...
guess_counters = ...


# %% [markdown]
# One function fits and reads; it serves for the rest of the chapter.

# %%
validation, outcome = table.iloc[split.validation], click[split.validation]


def read(model):
    """Fit on the training days; return model, predictions and entropy of the validation days."""
    model.fit(train, clicked, valid=(validation, outcome))
    predictions = model.predict_proba(validation)[:, 1]
    return model, predictions, metrics.normalized_entropy(outcome, predictions)


# %% [markdown]
# Two models, each with and without the counters. The trees are stopped on the same days that we
# then read, so they have a small advantage here. The ledger at the end has days that chose nothing.

# %%
tree_options = {"num_leaves": 15, "learning_rate": 0.2, "patience": 20}
numeric = {"without counters": numbers, "with counters": numbers + all_counters}
both = context + identifiers
readings = {}
for kind, names in numeric.items():
    line = HashedLogisticRegression(categorical=both, numeric=names, C=0.1)
    trees = LightGBMScorer(categorical=both, numeric=names, **tree_options)
    readings |= {("linear", kind): read(line), ("trees", kind): read(trees)}
quality = pd.Series({key: entropy for key, (*_, entropy) in readings.items()})
quality.unstack().round(4)[list(numeric)]

# %% [markdown]
# Are these differences more than luck? Each move again, paired and clustered by user.

# %%
bare, rich = numeric
moves = {
    ("trees for linear", bare): (("linear", bare), ("trees", bare)),
    ("trees for linear", rich): (("linear", rich), ("trees", rich)),
    ("add the counters", "linear"): (("linear", bare), ("linear", rich)),
    ("add the counters", "trees"): (("trees", bare), ("trees", rich)),
}
paired, steps = {"clusters": users, "repetitions": 200, "seed": 0}, {}
for name, (before, after) in moves.items():
    p = readings[after][1], readings[before][1]
    steps[name] = vars(metrics.paired_interval(metrics.normalized_entropy, outcome, *p, **paired))

# %% [markdown]
# Every move is a row; a gain is negative.

# %%
changes = pd.DataFrame(steps).T[["estimate", "low", "high"]]
plot_changes(changes, xlabel="change in normalized entropy (left is better, bar: 95 % interval)")
plt.show()
changes.round(4)

# %% [markdown]
# How to read it: a dot is a change, left of the line is an improvement. The two lower rows, the
# counters, lie far out. The two upper rows, the model class, hug the line: both intervals hold
# zero. Without counters the trees are ahead by a hair that these few days cannot tell from luck.
# With counters even the hair is gone.

# %%
estimate = changes["estimate"]
leads, gains = estimate["trees for linear"], -estimate["add the counters"]
assert leads[rich] > leads[bare]
assert changes["high"]["add the counters"].max() < 0
assert gains.min() > 3 * leads.abs().max()

# %% [markdown]
# The folklore has it the other way round: give trees good counters, and they leave the linear model
# behind. Why do the trees not *use* them better than a line can? Because our counters arrive as
# log-odds of shrunk rates. Their effects add up on exactly the scale on which logistic regression
# adds. The bending was done by whoever designed the column. (In He et al. (2014), too, history
# features mattered most.)
#
# This world is mostly additive, by its makers' choice. The ledger of the feature-poor world, whose
# interests cross, has trees ahead, with and without counters. We look at it under *Results*.

# %% [markdown]
# ## Spend a feature budget
#
# A *feature budget* is what the serving side can afford. Ours is 100,000 keys. What does each
# entity cost?

# %%
keys = {name: frame.groupby(name.split(" × ")).ngroups for name in counters}
keys = pd.Series(keys, name="keys")
keys.to_frame()

# %% [markdown]
# A week of a small market. The two pairs with the user grow with users times interests; at a
# hundred million users they are the store.
#
# What does each earn? The usual answer is *feature importance*, of which there are two kinds that
# often disagree: the split gain that a fitted model reports, and the loss when the model is fitted
# without the column. We take a third, which suits a budget: the gain when the entity is added
# alone. Beside it stands the share of split gain in the model that has them all.

# %%
groups = {"nothing": [], **{name: [name] for name in counters}, "everything": list(counters)}
bought = {}
for label, group in groups.items():
    names = numbers + tuple(name for entity in group for name in counters[entity])
    bought[label] = read(LightGBMScorer(categorical=context, numeric=names, **tree_options))
entropy = pd.Series({label: reading[-1] for label, reading in bought.items()})
alone = entropy["nothing"] - entropy[list(counters)]
gain = bought["everything"][0].booster_.feature_importance("gain")[-len(all_counters) :]
split_gain = pd.Series(gain).groupby([g for g, names in counters.items() for _ in names]).sum()
columns = {"keys": keys, "gain alone": alone.round(4)}
columns["share of split gain, %"] = (100 * split_gain / split_gain.sum()).round(1)
pd.DataFrame(columns).sort_values("gain alone", ascending=False)

# %% [markdown]
# The two columns do not give the same order. Split gain counts what happened on the training rows,
# where a column with many values has many chances to be lucky.
#
# **Your turn**: choose entities greedily by gain per key, skip those that no longer fit or gain
# nothing, and return their names in the order chosen.


# %% tags=["your-turn"]
def within_budget(gain, cost, budget):
    """Names of the entities to keep; `gain` and `cost` are Series by name."""
    return ...


# %% [markdown]
# Five made-up entities test it. The third costs 95 keys: with a budget of 100 it no longer fits
# once anything else is bought.

# %% tags=["check"]
toy = {"a": (0.04, 10), "b": (0.05, 50), "c": (0.03, 95), "d": (-0.01, 1), "e": (0.001, 30)}
toy = [pd.Series({name: pair[i] for name, pair in toy.items()}) for i in range(2)]
right = {100: ["a", "b", "e"], 60: ["a", "b"], 5: []}
cases = [gives(*toy, budget, expected=names) for budget, names in right.items()]
check("within_budget", within_budget, *cases)

# %% [markdown]
# Here is the choice for our numbers, written out: sort by gain per key, walk down while it fits.
# Greedy is not optimal. Gains alone overlap: the second counter of a user says part of what the
# first said. A careful budget re-fits after every purchase, as the lab does.

# %%
chosen, spent = [], 0
for name in (alone / keys).sort_values(ascending=False).index:
    if alone[name] > 0 and spent + keys[name] <= 100_000:
        chosen, spent = [*chosen, name], spent + keys[name]
f"{', '.join(chosen)}: {spent:,} keys"

# %% [markdown]
# What the budget buys, between nothing and everything: a thirtieth of the keys, most of the gain.
# The pair of user and category, which earned most, did not fit. Would a hundred most active
# categories a user do, or a shorter memory?

# %%
numeric = numbers + tuple(name for group in chosen for name in counters[group])
bought["budget"] = read(LightGBMScorer(categorical=context, numeric=numeric, **tree_options))
labels = {"nothing": 0, "budget": spent, "everything": keys.sum()}
curve = pd.DataFrame({"keys": labels, "normalized entropy": {n: bought[n][-1] for n in labels}})
saved = curve.loc["nothing", "normalized entropy"] - curve["normalized entropy"]
curve["share of the gain, %"] = 100 * saved / saved["everything"]
assert 40 < curve.loc["budget", "share of the gain, %"] < 100
curve.round({"normalized entropy": 4, "share of the gain, %": 0})

# %% [markdown]
# ## Deploy
#
# Three models go into twin worlds for three days: trees on context alone, trees within the budget,
# and logistic regression on the same columns as the latter. Counters are looked up as of each
# request, and learn from the clicks that the policy itself brings about.
#
# **Your guess**, before you run it: how much revenue do some 21,000 keys bring, and how much do the
# trees?

# %%
keyed_by = [tuple(name.split(" × ")) for name in chosen]
served = CounterFeatures(keyed_by, **settings)
line = HashedLogisticRegression(categorical=context, numeric=numeric, C=0.1).fit(train, clicked)
keyless = ScorerPolicy(bought["nothing"][0])
keyed = ScorerPolicy(bought["budget"][0], counters=served.serving(log))
linear = ScorerPolicy(line, counters=served.serving(log))

# %% [markdown]
# The first comparison puts the keys in; the second keeps them and changes the model.


# %%
runs = {
    "keys, same trees": world.compare(keyless, keyed, days=3, history_days=7),
    "trees for linear": world.compare(linear, keyed, days=3, history_days=7),
}
pairs = [(name, measure) for name in runs for measure in ("revenue", "clicks")]
lifts = 100 * pd.DataFrame({(n, m): vars(runs[n].lifts[m].relative) for n, m in pairs}).T
plot_changes(lifts, xlabel="change in the twin world (%, bar: 95 % interval)")
plt.show()
keys_effect, class_effect = lifts["estimate"].xs("revenue", level=1)
assert keys_effect > 2 * abs(class_effect)
lifts.round(1)

# %% [markdown]
# How to read it: right of the line is more. The upper pair is what the keys bring with the same
# trees, the lower pair what the trees bring with the same keys. Clicks rise more than revenue, so a
# click is sold for less. The likely reason: a model that knows its users lets the rate decide more
# auctions, and the bid fewer.

# %% [markdown]
# ## Results
#
# All earlier rungs on the ledger's test days: three worlds that settled nothing.

# %%
ledger = load_ledger("ad_click").set_index("rung")
rungs = ["global_rate", "smoothed_ad", "hashed_lr", "ftrl", "lightgbm", "hashed_lr_counters"]
rungs += ["ftrl_counters", "lightgbm_counters", "tree_leaves_counters", "oracle"]
shown = {"normalized_entropy": "normalized entropy", "auc": "AUC", "fit_cpu_seconds": "fit, CPU s"}
ledger.loc[rungs, list(shown)].rename(columns=shown).round(4)

# %% [markdown]
# With user ids and all columns it is the same story at full size. The counters are worth several
# times the model class, they take away what lead the trees had, and the trees take several times as
# long to fit. `tree_leaves`, the trees' leaves in a linear model, is what the lab builds. And where
# interests cross?

# %%
poor = load_ledger("ad_click", source="ad_click_world-feature_poor").set_index("rung")
rungs = ["hashed_lr", "lightgbm", "hashed_lr_counters", "lightgbm_counters"]
poor.loc[rungs, list(shown)].rename(columns=shown).round(4)

# %% [markdown]
# There the trees win in both tables. So the rule is neither "trees" nor "linear". First get
# counters, then let validation days choose the class, then ask whether the winner is worth its
# cost.

# %%
ne, poor_ne = ledger["normalized_entropy"], poor["normalized_entropy"]
leads = [ne["lightgbm" + kind] - ne["hashed_lr" + kind] for kind in ("", "_counters")]
gains = [ne[model] - ne[model + "_counters"] for model in ("hashed_lr", "lightgbm")]
assert leads[0] < leads[1]
assert min(gains) > 3 * max(map(abs, leads))
assert ledger["fit_cpu_seconds"]["lightgbm"] > 3 * ledger["fit_cpu_seconds"]["hashed_lr"]
assert poor_ne["lightgbm"] < poor_ne["hashed_lr"]
assert poor_ne["lightgbm_counters"] < poor_ne["hashed_lr_counters"]

# %% [markdown]
# ## What breaks in production
#
# A model with a counter fails quietly when the counter stops. The store answers with its default,
# the value for an entity that nobody has seen, and the trees send every user down the path of
# strangers. Nothing crashes. Log the share of defaults per feature, and alarm on it.
#
# Trees do not extrapolate: a value beyond the last split gets the last leaf. Ad age grows every day
# after training, so the oldest ads all look alike until the next fit.

# %% [markdown]
# ## Summary
#
# - Boosting adds small trees, each a Newton step against the gradient of the loss.
# - Stop by later days, never by training loss.
# - Here the columns were worth several times the model class.
# - Trees find bends and crosses that nobody prepared; a prepared column leaves them less to find.
# - A feature is paid for in keys, every day. Buy by gain per key.

# %% [markdown]
# ## Recall
#
# 1. What is the value of a new leaf, and where does each part come from?
#
# <details><summary>Answer</summary>Minus the learning rate times the sum of gradients, divided by
# the sum of curvatures plus the penalty: one Newton step of the loss, shrunk.</details>
#
# 2. Why did the trees lose their lead when the counters came?
#
# <details><summary>Answer</summary>The counters are log-odds of shrunk rates, and their effects add
# up on the logit. Logistic regression adds on just that scale, so little is left to find.</details>
#
# 3. Two features gain the same. One belongs to the ad, one to the pair of user and ad. Which do you
# buy?
#
# <details><summary>Answer</summary>The ad's: a thousand keys instead of hundreds of thousands, and
# they stay in the memory of the server.</details>

# %% [markdown]
# ## Lab and further reading
#
# Lab: `lab_32_leaves`. You put the leaves of trees into a linear model, choose features under a
# tighter budget, and deploy what you chose.
#
# - Jerome H. Friedman 2001, *Greedy Function Approximation: A Gradient Boosting Machine*, Annals of
#   Statistics 29(5).
# - Tianqi Chen, Carlos Guestrin 2016, *XGBoost: A Scalable Tree Boosting System*, KDD.
# - Guolin Ke et al. 2017, *LightGBM: A Highly Efficient Gradient Boosting Decision Tree*, NIPS.
# - Xinran He et al. 2014, *Practical Lessons from Predicting Clicks on Ads at Facebook*, ADKDD.
