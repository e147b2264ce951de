# ---
# jupyter:
#   mlsd:
#     title: Make the baseline forget, and earn with it
#     sections:
#     - {name: Rates that forget, minutes: 15}
#     - {name: Calibration on new ads, minutes: 15, stop: true}
#     - {name: A decision, minutes: 8}
#     - {name: A policy that earns, minutes: 20}
#     introduces: []
#     needs: [time split, Beta smoothing, prior strength, deployment]
# ---

# %% [markdown]
# # Make the baseline forget, and earn with it
#
# You write three functions, one decision and one policy, with nothing but what `20_baseline` said.
# Every check tells you what is wrong and none blocks you: the text goes on with its own version. The
# last check deploys your policy in a world that nobody has looked at.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from mlsd.lab_support.ad_click.first_deployment import baseline_policy, deployed_revenue
from mlsd.models import SmoothedRate
from mlsd.plots import COLOURS, course_style
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickWorld

plt.rcParams.update(course_style())

# %% [markdown]
# ## Rates that forget
#
# An ad that was clicked a lot last month may be worn out today. Instead of cutting old impressions
# off, let each lose half of its weight every *half-life*.

# %% [markdown]
# ### Exercise 1: a rate that forgets
#
# **Goal**: the smoothed click rate of one ad, in which an impression of age *a* counts
# 0.5^(a / half-life), in the views as in the clicks. The prior does not age. **Inputs**: `clicks`,
# 0 or 1 for each impression, and `age_days`, both arrays of shape (n,), where n may be 0; `average`;
# `strength` in impressions; `half_life` in days. **Output**: one number. **Worked number**: a click
# today and a view without click seven days ago, with average 0.02, strength 100 and half-life 7,
# give (1 + 2) / (1 + 0.5 + 100) = 0.0296.


# %% tags=["exercise"] exercise="forgetting_rate"
def forgetting_rate(clicks, age_days, average, strength, half_life):
    """Return the smoothed click rate of one ad with decaying weights."""
    ### BEGIN SOLUTION
    weight = 0.5 ** (np.asarray(age_days) / half_life)
    clicks_kept, views_kept = np.sum(weight * clicks), np.sum(weight)
    return (clicks_kept + strength * average) / (views_kept + strength)
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.ad_click.lab_20_baseline import check_forgetting_rate

check_forgetting_rate(forgetting_rate)

# %% [markdown]
# Forgetting also bounds what can be known: with 100 views a day and a half-life of a week, an ad
# never has more than about 1,000 views behind it, however long it runs.

# %%
daily_views, half_life = 100, 7
weights = 0.5 ** (np.arange(365) / half_life)
f"{daily_views * weights.sum():,.0f} views after a year"

# %% [markdown]
# ### Exercise 2: how long is a new ad given a chance?
#
# **Goal**: the number of views without any click after which a new ad's smoothed rate has fallen to
# a `share` of the average. **Inputs**: `share` between 0 and 1; `strength` in impressions.
# **Output**: one number of views, not rounded. **Worked number**: with strength 100, half of the
# average is reached after 100 views. Solve it on paper first.


# %% tags=["exercise"] exercise="views_until"
def views_until(share, strength):
    """Return the clickless views that bring a new ad down to `share` of the average."""
    ### BEGIN SOLUTION
    return strength * (1 / share - 1)
    ### END SOLUTION


# %% tags=["check"] points=1
from mlsd.checks.ad_click.lab_20_baseline import check_views_until

check_views_until(views_until)

# %% [markdown]
# So the prior strength is also an exploration budget: it says how many views a new ad may use up
# before the auction turns it away.

# %% [markdown]
# ## Calibration on new ads
#
# Normalized entropy is one number for all ads. New ads are few, so it hardly notices them; their
# advertisers do.

# %%
log = AdClickWorld(seed=21).history(days=14).labelled_log()
train, test = (log.frame.iloc[rows] for rows in (log.split.train, log.split.test))
model = SmoothedRate(levels=(("ad_id",),), strength=100.0).fit(train, train["click"])
predicted = model.predict_proba(test)[:, 1]

# %% [markdown]
# ### Exercise 3: calibration by the age of the ad
#
# **Goal**: expected clicks over real clicks, for each group of ad ages. **Inputs**: `clicked`,
# `predicted` and `age_days`, arrays of shape (n,); `edges`, ascending ages of shape (g,). Group 0 is
# younger than the first edge, and an ad exactly at an edge belongs to the older group. **Output**:
# shape (g + 1,), NaN for a group without clicks. **Worked number**: predictions 0.25 and 0.25 with
# one click give 0.5.


# %% tags=["exercise"] exercise="calibration_by_age"
def calibration_by_age(clicked, predicted, age_days, edges):
    """Return expected over real clicks of each age group, shape (g + 1,)."""
    ### BEGIN SOLUTION
    group = np.digitize(age_days, edges)
    expected = np.bincount(group, predicted, minlength=len(edges) + 1)
    real = np.bincount(group, clicked, minlength=len(edges) + 1)
    return np.divide(expected, real, out=np.full(len(real), np.nan), where=real > 0)
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.ad_click.lab_20_baseline import check_calibration_by_age

check_calibration_by_age(calibration_by_age)

# %%
groups = pd.cut(test["ad_age_days"], [-np.inf, 3, 7, 14, np.inf], right=False)
sums = (
    pd.DataFrame({"expected": predicted, "clicks": test["click"]})
    .groupby(groups, observed=True)
    .sum()
)
figure, axes = plt.subplots(figsize=(6, 3))
axes.bar(
    ["under 3", "3 to 7", "7 to 14", "14 and more"],
    sums["expected"] / sums["clicks"],
    color=COLOURS["blue"],
)
axes.axhline(1, color=COLOURS["black"], linewidth=1)
axes.set(xlabel="age of the ad in days", ylabel="expected / real clicks")
plt.show()

# %% [markdown]
# How to read it: a bar above the line promises more clicks than came. The groups need not agree
# with the average over all ads, and each has its own advertisers, who pay for the difference.

# %% [markdown]
# ## A decision

# %% [markdown] tags=["exercise"] exercise="decision" points=3
# ### Exercise 4: what should a new ad start from?
#
# Today a new ad starts at the average of all ads. A colleague proposes its advertiser's average
# instead; another proposes a bonus for every new ad. In about six lines: which do you take, what do
# you measure before and after, and who could be harmed?
#
# <!-- BEGIN SOLUTION -->
# The advertiser's (or campaign's) average, itself smoothed towards the average of all: it carries
# real information, and costs nothing to compute. A bonus is exploration and belongs to a budget of
# its own, where its price can be read; inside the probability it makes bills wrong.
#
# **Rubric**: prefers a prior that is itself smoothed, or says what happens to an advertiser with
# one ad (1); measures calibration on new ads *and* revenue online, not one of them (1); names who
# could be harmed: new advertisers who inherit nothing, or old ones whose past is held against a
# better ad (1).
# <!-- END SOLUTION -->

# %% [markdown]
# ## A policy that earns
#
# The chapter's policy knows the ad and not who is looking. The log has more: `age_band`, `region`,
# `category`, `publisher_id`, `hour`, even `user_id`. `SmoothedRate` takes several levels; each is
# shrunk to the estimate of the level before it, so a combination with few views costs little. A
# level is a tuple of one column or more, as in `levels=(("ad_id",), ("region", "hour"))`, and need
# not hold the columns of the level before it. How far a key can move a rate depends on its views:

# %%
keys = {"ad": ["ad_id"], "region, hour": ["region", "hour"], "user": ["user_id"]}
views = {name: train.groupby(key)["click"].size().median() for name, key in keys.items()}
pd.Series(views).to_frame("impressions of the median key")

# %% [markdown]
# ### Exercise 5: earn more than the chapter
#
# **Goal**: a policy that earns clearly more than the chapter's smoothed rate by ad. **Input**: `log`,
# a table of a week's impressions with their `click`. **Output**: a policy; `ScorerPolicy(model)`
# makes one from a fitted model. **Worked number**: the chapter's policy stands at 100 %, and the
# check asks for three percent more in a fresh world. Decide whose clicks tell something about whom,
# and how much to smooth: a key with ten views hardly moves a prior that weighs a hundred.


# %% tags=["exercise"] exercise="make_policy"
def make_policy(log):
    """Return a policy learned from a week of impressions."""
    ### BEGIN SOLUTION
    levels = (("ad_id",), ("publisher_id", "category"), ("user_id", "category"))
    model = SmoothedRate(levels=levels, strength=30.0)
    return ScorerPolicy(model.fit(log, log["click"]))
    ### END SOLUTION


# %% tags=["check"] points=4
from mlsd.checks.ad_click.lab_20_baseline import check_make_policy

check_make_policy(make_policy)

# %% [markdown]
# For comparison, the chapter's own policy in a world of your choice. Put `make_policy` in the place
# of `baseline_policy` to try yours, as often as you like; the check uses another seed, and an
# instructor uses yet another.

# %%
f"{deployed_revenue(22, baseline_policy):.1f} % of the baseline's revenue"
