# ---
# jupyter:
#   mlsd:
#     title: Put leaves into a linear model, and earn within a budget
#     sections:
#     - {name: Splits that need enough clicks, minutes: 12}
#     - {name: Leaves as columns, minutes: 16, stop: true}
#     - {name: Buy step by step, minutes: 12}
#     - {name: A decision, minutes: 8}
#     - {name: A policy within its keys, minutes: 12}
#     introduces: {}
#     needs: [gradient boosting, feature budget, tree leaves as features, as-of counter, hashed logistic regression]
# ---

# %% [markdown]
# # Put leaves into a linear model, and earn within a budget
#
# **60 minutes, 13 points.** This lab belongs to the chapter
# [32_boost](../../notebooks/01_ad_click_prediction/32_boost.ipynb), and nothing else is needed.
#
# After it you can choose how much a split has to rest on, turn the leaves of boosted trees into inputs of a
# linear model (He et al. 2014) and judge whether that is worth shipping, buy features one after
# another under a budget, and deploy a policy whose counters fit a store that is too small for the
# chapter's choice.

# %%
import numpy as np
import pandas as pd

from mlsd import metrics
from mlsd.features import CounterFeatures
from mlsd.lab_support.ad_click.guarded_split import best_cut
from mlsd.lab_support.ad_click.key_budget import KEY_BUDGET, log_keys
from mlsd.models import HashedLogisticRegression, LightGBMScorer
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickWorld

# %% [markdown]
# ## Splits that need enough clicks
#
# The chapter's `boost` takes any split that helps on the training rows, even one that puts three
# rows on one side. Libraries demand a minimum of *curvature* on both sides, the sum of $p(1 - p)$
# over the rows. For rare clicks this sum is close to the number of clicks that the model expects
# there, and the value of a leaf is only as reliable as that number is large: with an expected count
# of 1, chance alone often doubles the observed rate or turns it into 0.

# %% [markdown]
# ### Exercise 1: how much must a side hold?
#
# `best_cut(gradient, curvature, penalty, least)` from the package finds the chapter's best split of a sorted
# column among those whose sides both have a curvature of at least `least`. It returns the number of values
# on the left side, or 0 where no split is allowed. How large should `least` be? On the training days the
# best answer is always the smallest, because a guard only forbids. So ask later days.
#
# - **Goal**: choose the guard whose leaves do best on later days. The training days settle the cut and, for
#   each side of it, the leaf value $v = -\sum g / (\sum h + \text{penalty})$. Where no split is allowed, all
#   values form one leaf, with a value of the same form. On later days a side with leaf value $v$ changes
#   the loss by about $v \sum g + v^2 \sum h / 2$, where the sums are those of the later days. Where several
#   guards do equally well, take the largest.
# - **Inputs**: `train` and `later`, pairs (gradient, curvature) of the sums for each distinct value in
#   ascending order, each of shape (k,) and in units of clicks; `penalty` above 0; `choices`, a tuple of guards.
# - **Output**: one of the `choices`.
#
# **Worked number**: with training gradients (-3, 1, 2), all curvatures 1 and penalty 1, a guard of 1 cuts
# after the first value, and the leaf values are 1.5 and -1. If the gradients of later days are (1, 0, 0), the
# loss rises by $1.5 + 1.125$ on the left and by 1 on the right. A guard of 2 forbids every split and changes
# nothing, so of (1, 2) the answer is 2.


# %% tags=["exercise"] exercise="choose_guard"
def choose_guard(train, later, penalty, choices):
    """Return the least curvature whose leaves do best on later days."""

    ### BEGIN SOLUTION
    def change_of_loss(least):
        cut, change = best_cut(*train, penalty, least), 0.0
        for side in (slice(0, cut), slice(cut, None)):
            value = -train[0][side].sum() / (train[1][side].sum() + penalty)
            change += value * later[0][side].sum() + value**2 * later[1][side].sum() / 2
        return change

    return min(sorted(choices, reverse=True), key=change_of_loss)
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.ad_click.lab_32_leaves import check_choose_guard

check_choose_guard(choose_guard)

# %% [markdown]
# ## Leaves as columns
#
# We take a week of a fresh world with two counters, the user's click rate and that of a category on a
# publisher. The trees are small and few, because all that we want from them is crosses of columns.

# %%
log = AdClickWorld(seed=22).history(days=7).labelled_log()
counters = CounterFeatures(
    [("user_id",), ("publisher_id", "category")], half_lives=(3 * 86_400.0,), refresh="nightly"
)
table = log.frame.join(counters.compute(log))
train, validation = (table.iloc[rows] for rows in (log.split.train, log.split.validation))
numeric = log.roles.numeric + counters.names
context = ("category", "format", "device", "hour", "weekday", "age_band", "region", "position")

# %%
half = len(train) // 2
first, second = train.iloc[:half], train.iloc[half:]
trees = LightGBMScorer(
    categorical=context, numeric=numeric, num_leaves=8, n_estimators=20, learning_rate=0.3
)
trees.fit(first, first["click"])
leaves = trees.leaf_indices(second)
leaves[:2, :8]

# %% [markdown]
# There is one row per impression and one column per tree, and each entry is the number of the leaf
# that the row reaches in that tree. The trees saw only the first half of the training days. On the
# rows that grew them, leaves look better than they are, so a linear model that was fitted there
# would trust them too much. We fit it on the second half.

# %% [markdown]
# ### Exercise 2: leaf columns
#
# - **Goal**: give the leaves names under which a hashed linear model can read them, and merge the rare
#   ones, whose weights would be noise. A leaf that fewer than `least` rows reach becomes -1. Remember
#   what a leaf number means outside its tree.
# - **Inputs**: `leaves`, integers of shape (n, trees); `least`, a number of rows.
# - **Output**: a dictionary with one entry per tree, `"tree_0"`, `"tree_1"` and so on, each an integer
#   array of shape (n,).
#
# **Worked number**: leaves [[3, 5], [3, 3], [5, 5]] with `least` 2 give {"tree_0": [3, 3, -1],
# "tree_1": [5, -1, 5]}.


# %% tags=["exercise"] exercise="leaf_columns"
def leaf_columns(leaves, least):
    """Return one column per tree, rare leaves replaced by -1."""
    ### BEGIN SOLUTION
    columns = {}
    for tree, column in enumerate(np.asarray(leaves).T):
        values, inverse, rows = np.unique(column, return_inverse=True, return_counts=True)
        columns[f"tree_{tree}"] = np.where(rows >= least, values, -1)[inverse]
    return columns
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.ad_click.lab_32_leaves import check_leaf_columns

check_leaf_columns(leaf_columns)

# %% [markdown]
# `with_leaves` below does not need your function: it keeps rare leaves as they are. We fit three linear
# models on the second half of the training days: on the columns, on the leaves, and on both. Each
# gets two strengths of the penalty, so that no input suffers from a setting that suits another. The
# table shows their normalized entropy on the validation days. Its last line is that of the trees
# themselves, which saw only the first half.


# %%
def with_leaves(part):
    """Add one column per tree to some rows."""
    found = trees.leaf_indices(part)
    names = [f"tree_{tree}" for tree in range(found.shape[1])]
    return pd.concat([part, pd.DataFrame(found, part.index, names)], axis=1), tuple(names)


(fit_rows, names), (read_rows, _) = with_leaves(second), with_leaves(validation)
choices = {
    "columns": (context, numeric),
    "leaves": (names, ()),
    "columns and leaves": (context + names, numeric),
}

# %%
clicks = read_rows["click"].to_numpy()
entropy = pd.DataFrame(
    index=[*choices, "trees alone"], columns=["C = 0.01", "C = 0.1"], dtype=float
)
for name, (categorical, numbers) in choices.items():
    for setting, C in {"C = 0.01": 0.01, "C = 0.1": 0.1}.items():
        linear = HashedLogisticRegression(categorical=categorical, numeric=numbers, C=C)
        linear.fit(fit_rows, fit_rows["click"])
        p = linear.predict_proba(read_rows)[:, 1]
        entropy.loc[name, setting] = metrics.normalized_entropy(clicks, p)
entropy.loc["trees alone"] = metrics.normalized_entropy(
    clicks, trees.predict_proba(validation)[:, 1]
)
entropy.round(4)

# %% [markdown]
# A lower number is better. Leaves alone lose what the numbers said between two thresholds, because
# all rows of a leaf are the same to the linear model. Leaves beside the columns can only add what
# no column holds yet, crosses and bends; how much that is here, you can read from the first and the
# third line, each at its better setting.

# %% [markdown]
# ## Buy step by step
#
# The chapter chose counters by their gain *alone*. But gains overlap: once the user's rate is known,
# the rate of user and category is worth less. A careful buyer fits again after every purchase, with
# everything bought so far, and only then decides about the next one.

# %% [markdown]
# ### Exercise 3: the next purchase
#
# - **Goal**: take one step of this. Among the candidates that fit and that improve, choose the one with
#   the largest improvement *per key*.
# - **Inputs**: `entropy`, a dictionary from candidate to the normalized entropy reached *with* it;
#   `now`, the normalized entropy without any of them; `keys`, a dictionary of costs; `left`, the number
#   of keys that may still be bought.
# - **Output**: the name of a candidate, or `None`.
#
# **Worked number**: from 0.97, a candidate that reaches 0.96 with 1,000 keys saves $10^{-5}$ per key. It
# goes before one that reaches 0.94 with 6,000 keys, which saves $5 \cdot 10^{-6}$ per key.


# %% tags=["exercise"] exercise="next_purchase"
def next_purchase(entropy, now, keys, left):
    """Return the name of the next counter to buy, or None."""
    ### BEGIN SOLUTION
    gain = {name: (now - value) / keys[name] for name, value in entropy.items()}
    worth = [name for name in gain if gain[name] > 0 and keys[name] <= left]
    return max(worth, key=gain.get, default=None)
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.ad_click.lab_32_leaves import check_next_purchase

check_next_purchase(next_purchase)

# %% [markdown]
# ## A decision

# %% [markdown] tags=["exercise"] exercise="decision" points=3
# ### Exercise 4: which model goes to production?
#
# Suppose that on your company's log, leaves beside the columns gain 0.001 of normalized entropy
# over the linear model alone, with an interval that excludes zero. The linear model is retrained
# every ten minutes, the trees once a week.
#
# - **Goal**: decide, in about six lines, whether you ship the leaves.
# - **Inputs**: the figures above, and what the chapter says about cost.
# - **Output**: your decision, what you would measure first, and the new way to fail that comes with
#   two models in a row.
#
# <!-- BEGIN SOLUTION -->
# **Rubric** (3 points): weighs the gain against latency, memory or upkeep by a measurement rather
# than by taste (1); sees that the trees age while the linear model stays fresh, and measures the gain
# late in the week (1); names the version skew between trees and linear model, or the training of the
# linear model on rows that the trees saw (1).
#
# **Sample answer, full marks**: I would not ship it for 0.001 alone. First I measure what it earns in
# an A/B test, and what it costs: every candidate now goes through the trees before the linear model, so
# I would compare p99 latency and memory with and without them. Then I look at freshness. The crosses in
# the trees age over the week while the weights do not, so I measure the gain on the seventh day after a
# tree fit, not on the first. The new way to fail is that two models must be released as one. When new
# trees arrive, every leaf number changes its meaning, and a linear model trained on the old numbers
# gives nonsense without any error. I would give both one version and refuse to load a mixed pair.
#
# **Sample answer, half marks**: The gain is significant, so I would ship it if latency allows, which
# I would check with a load test. Since the trees are retrained only weekly, I would retrain them
# daily to keep them fresh. (1.5 points: it measures the cost, but asks for daily trees without
# measuring what age costs, and does not see that leaf numbers and weights must change together.)
# <!-- END SOLUTION -->

# %% [markdown]
# ## A policy within its keys
#
# Four of the chapter's counters, those of ad, campaign, user, and publisher by category, need more than
# 21,000 keys in this small market. Now there is room for 18,000, so at least one has to go. `log_keys`
# counts what a set of entities needs on a log; the pair of counters below does not fit.

# %%
f"{log_keys(log, [('user_id',), ('publisher_id', 'category')]):,} of {KEY_BUDGET:,} keys"

# %% [markdown]
# ### Exercise 5: earn more within 18,000 keys
#
# - **Goal**: a policy that earns at least 105 % of what trees on context alone earn, on average over
#   three fresh markets.
# - **Inputs**: `log`, a labelled log of a week, with `log.frame`, `log.label` (clicks), `log.roles` and
#   `log.split`.
# - **Output**: a `ScorerPolicy`. If it looks up counters, they come from one `CounterFeatures`. The entities of
#   its counters and the `crosses` of its model, which keep a weight for each combination, need at most 18,000
#   keys together on that log; a policy beyond the budget is not deployed and earns nothing.
#
# **Worked number**: the baseline stands at 100 %. The names of the counter columns are
# `counters.names`, and `counters.serving(log)` makes what the policy looks up. To try a policy in three
# other markets, import `deployed_revenue` from where `log_keys` comes from and call
# `deployed_revenue(23, make_policy)`: it gives the mean of the markets, and the lowest and highest of
# them. Think about what a counter has to tell apart if it is to change which ad wins.


# %% tags=["exercise"] exercise="make_policy"
def make_policy(log):
    """Return a policy learned from a week of history, within the key budget."""
    ### BEGIN SOLUTION
    entities = [("ad_id",), ("campaign_id",), ("publisher_id", "category")]
    counters = CounterFeatures(entities, half_lives=(3 * 86_400.0,), refresh="nightly")
    table = pd.concat([log.frame, counters.compute(log)], axis=1)
    names = ("category", "format", "device", "hour", "position", "age_band", "region")
    names += ("ad_id", "publisher_id")
    numeric = (*log.roles.numeric, *counters.names)
    model = HashedLogisticRegression(categorical=names, numeric=numeric, C=0.1)
    rows = log.split.train
    model.fit(table.iloc[rows], log.label[rows])
    return ScorerPolicy(model, counters=counters.serving(log))
    ### END SOLUTION


# %% tags=["check"] points=4
from mlsd.checks.ad_click.lab_32_leaves import check_make_policy

check_make_policy(make_policy)
