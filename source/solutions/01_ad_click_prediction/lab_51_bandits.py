# ---
# jupyter:
#   mlsd:
#     title: Use context, trust a log, and give new ads a chance
#     sections:
#     - {name: A bandit that reads the request, minutes: 16}
#     - {name: Judge a policy from the log, minutes: 16, stop: true}
#     - {name: A decision, minutes: 8}
#     - {name: A policy that gives new ads a chance, minutes: 15}
#     introduces: []
#     needs: [Thompson sampling, upper confidence bound, cold-start ad, exploration cost, propensity]
# ---

# %% [markdown]
# # Use context, trust a log, and give new ads a chance
#
# Four small functions, one decision and one policy. You need `51_explore` and a little linear
# algebra; each exercise says the rest. No check blocks you, and the last one deploys your policy in
# markets that nobody has looked at.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from mlsd.lab_support.ad_click.proven_ads import deployed_revenue, proven_ads_policy
from mlsd.lab_support.ad_click.randomised_slice import (
    replayed_slice,
    slice_report,
    slice_world,
)
from mlsd.plots import COLOURS, course_style
from mlsd.policies.ad_click import BetaPosteriors, ExploringRatePolicy

plt.rcParams.update(course_style())

# %% [markdown]
# ## A bandit that reads the request
#
# The chapter's policies know the ad and not who is looking. *LinUCB* (Li et al. 2010) gives each ad a
# ridge regression of clicks on features of the request. Its whole memory is a matrix A, the ridge plus
# the sum of x xᵀ over the ad's views, and a vector b, the sum of x over its clicks. The estimate is
# θ = A⁻¹ b, and the bound for a request x is xᵀθ + width · √(xᵀ A⁻¹ x). Tastes drift, so we want a
# memory that fades.

# %% [markdown]
# ### Exercise 1: one view, with a memory that fades
#
# **Goal**: A and b after one more view. Old evidence keeps a share `discount`; the news counts in
# full; and the ridge must not fade, or an ad that is not shown for long would have a matrix of
# zeros. **Inputs**: `matrix` (d, d), which holds ridge · I at the start; `vector` (d,); features `x`
# (d,); `reward`, 0 or 1; `discount` and `ridge`. **Output**: new matrix and vector; leave the old ones
# unchanged. **Worked number**: d = 1, matrix 2, vector 1, x = 1, reward 1, discount 0.5, ridge 1 give
# 2.5 and 1.5.


# %% tags=["exercise"] exercise="discounted_update"
def discounted_update(matrix, vector, x, reward, discount, ridge):
    """Return LinUCB's matrix and vector after one view, with old evidence discounted."""
    ### BEGIN SOLUTION
    kept = discount * matrix + (1 - discount) * ridge * np.eye(len(x))
    return kept + np.outer(x, x), discount * vector + reward * x
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.ad_click.lab_51_bandits import check_discounted_update

check_discounted_update(discounted_update)

# %% [markdown]
# ### Exercise 2: bounds for all candidates
#
# **Goal**: the upper confidence bounds of n requests for one ad, without a loop. **Inputs**: `matrix`
# (d, d), `vector` (d,), `features` (n, d), `width`. **Output**: shape (n,). **Worked number**: matrix
# 4, vector 2, feature 1 and width 2 give 2 / 4 + 2 · √(1 / 4) = 1.5.


# %% tags=["exercise"] exercise="linucb_scores"
def linucb_scores(matrix, vector, features, width):
    """Return the estimate plus `width` times its uncertainty, shape (n,)."""
    ### BEGIN SOLUTION
    inverse = np.linalg.inv(matrix)
    uncertainty = np.sqrt(np.einsum("ij,jk,ik->i", features, inverse, features))
    return features @ inverse @ vector + width * uncertainty
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.ad_click.lab_51_bandits import check_linucb_scores

check_linucb_scores(linucb_scores)

# %% [markdown]
# ## Judge a policy from the log
#
# A fading memory never stops exploring: with discount 0.99 no ad ever has more than 100 views behind
# it, so its bound cannot become narrow. What such a policy would earn is the next question.
#
# Half of the requests in the next market are ordered at random, so every candidate has a propensity
# above zero. A policy fitted on three days is replayed on the four days after. `agrees` says whether it
# would have shown the logged ad; then its *importance weight* is 1 / propensity, and 0 otherwise.
# `reward` is bid × click, in money per thousand requests.

# %%
table, _ = replayed_slice(slice_world(31, budgets=False))
table.groupby("agrees").agg(
    requests=("reward", "size"), smallest=("propensity", "min"), largest=("propensity", "max")
).round(3)

# %% [markdown]
# ### Exercise 3: IPS, SNIPS and how much they rest on
#
# **Goal**: three numbers. *IPS*, inverse propensity scoring, is the mean of weight × reward over all
# requests. *SNIPS* divides the same sum by the sum of the weights: slightly biased, consistent, and
# less jumpy. The *effective sample size* is (Σw)² / Σw². **Inputs**: `reward` and `weight`, shape (n,).
# **Output**: the three, in this order. **Worked number**: rewards (1, 1, 0, 1) with weights
# (4, 0, 2, 0) give 1, 0.667 and 1.8.


# %% tags=["exercise"] exercise="weighted_estimates"
def weighted_estimates(reward, weight):
    """Return IPS, SNIPS and the effective sample size."""
    ### BEGIN SOLUTION
    total = weight.sum()
    earned = (weight * reward).sum()
    return earned / len(reward), earned / total, total**2 / (weight**2).sum()
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.ad_click.lab_51_bandits import check_weighted_estimates

check_weighted_estimates(weighted_estimates)

# %% [markdown]
# ### Exercise 4: doubly robust
#
# **Goal**: let a model predict the reward of the policy's choice, and let the weights correct only what
# the model gets wrong on the logged ad. The estimate is right on average if the model is right, or if
# the propensities are. **Inputs**: `reward`, `weight`, `predicted_logged` (of the logged ad) and
# `predicted_new` (of the policy's choice), shape (n,). **Output**: one number. **Worked number**: one
# request with reward 1, weight 2, predictions 0.5 and 0.25 gives 0.25 + 2 · 0.5 = 1.25.


# %% tags=["exercise"] exercise="doubly_robust"
def doubly_robust(reward, weight, predicted_logged, predicted_new):
    """Return the doubly robust estimate of the mean reward."""
    ### BEGIN SOLUTION
    return np.mean(predicted_new + weight * (reward - predicted_logged))
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.ad_click.lab_51_bandits import check_doubly_robust

check_doubly_robust(doubly_robust)

# %% [markdown]
# Now the truth, with the package's estimates: the policy is deployed for a week after the log. Once
# in six markets without budgets, once in the same six with daily budgets that bind.

# %%
rows = {
    (name, seed): slice_report(seed, budgets=name == "budgets")
    for name in ("no budgets", "budgets")
    for seed in range(31, 37)
}
report = pd.DataFrame(rows).T.rename_axis(["market", "seed"])
report[["effective sample", "IPS", "SNIPS", "DR", "deployed"]].groupby("market").mean().round(1)

# %%
figure, axes = plt.subplots(figsize=(4.5, 3.6))
for name, colour in (("no budgets", "blue"), ("budgets", "orange")):
    part = report.loc[name]
    axes.scatter(part["deployed"], part["SNIPS"], color=COLOURS[colour], label=name)
ends = [0, 1.1 * report[["SNIPS", "deployed"]].to_numpy().max()]
axes.plot(ends, ends, color=COLOURS["grey"], lw=1)
axes.set(xlabel="earned when deployed (per 1,000 requests)", ylabel="SNIPS from the log")
axes.legend()
plt.show()

# %% [markdown]
# How to read it: each dot is a market; on the line the log foretold the truth. Without budgets the
# dots scatter around it. With budgets all of them lie above. Half of the logged requests were sold at
# the reserve price, so the budgets lasted longer than under the deployed policy. One request's
# action changes what the next can earn, and no weight on single requests knows that.

# %%
gap = (report["SNIPS"] / report["deployed"] - 1).groupby("market").mean()
assert abs(gap["no budgets"]) < 0.1 < gap["budgets"]
(100 * gap).round(0).rename("SNIPS above the truth, %").to_frame()

# %% [markdown] tags=["exercise"] exercise="decision" points=3
# ## A decision
#
# ### Exercise 5: how much to explore, and who pays for it?
#
# Advertisers complain that their new ads get no views. You may order a share of requests at random,
# deploy Thompson sampling, or let new ads start from a better prior. In about eight lines: what do
# you do first, how large is the budget and in which unit, who pays, and what would make you stop?
#
# <!-- BEGIN SOLUTION -->
# First measure what the auction leaves unseen, and repair the prior: it is free. Then Thompson
# sampling on ads below some number of views, with a budget in money a week (revenue of the mean's choice
# minus that of the draw's choice), not in percent of requests. Besides, keep one percent of requests in
# random order: it gives propensities, and judges every later policy. The platform pays, since it gains
# from better knowledge of all ads; an advertiser who is billed per click does not pay for
# being measured. Stop if new ads' later revenue, against held-out ads that were not explored, does not
# cover the cost within their lifetime.
#
# **Rubric**: separates a wrong belief from a lack of data (1); gives a budget in money with a way to
# measure it, and says who pays under the billing at hand (1); names a stopping rule that compares
# with ads or users that were not explored (1).
# <!-- END SOLUTION -->

# %% [markdown]
# ## A policy that gives new ads a chance
#
# A house rule: ads with fewer than 200 views wait behind all the others. Somebody introduced it after
# a bad launch, and it learns from every click, greedily. In this market 300 ads live about a week, and
# two slots are sold, of which the second is looked at six times in ten.

# %% [markdown]
# ### Exercise 6: beat the house rule
#
# **Goal**: earn clearly more, over ten days, than the house rule. **Input**: `log`, five days of
# impressions. **Output**: a policy. **Worked number**: the house rule stands at 100 %; the check asks
# for ten percent more, on average over five fresh markets. More chance is not always better: full
# Thompson draws come out near the bar, above or below. `ExploringRatePolicy` has the rules `greedy`,
# `thompson`, `ucb` (with `width`) and `epsilon`; `BetaPosteriors` takes `strength`, `examination` and
# `inherit`. Decide what a new ad should start from, and how much benefit of the doubt it gets.


# %% tags=["exercise"] exercise="make_policy"
def make_policy(log):
    """Return a policy that learns from five days of impressions and goes on learning."""
    ### BEGIN SOLUTION
    beliefs = BetaPosteriors(strength=30.0, examination=(1.0, 0.6), inherit=False)
    return ExploringRatePolicy("ucb", posteriors=beliefs.update(log), width=0.5)
    ### END SOLUTION


# %% tags=["check"] points=4
from mlsd.checks.ad_click.lab_51_bandits import check_make_policy

check_make_policy(make_policy)

# %% [markdown]
# Try policies on markets of your choice as often as you like; the check uses another seed. The house
# rule against itself:

# %%
f"{deployed_revenue(52, proven_ads_policy):.1f} % of the house rule's revenue"
