# ---
# jupyter:
#   mlsd:
#     title: Make the baseline forget, and earn with it
#     sections:
#     - {name: Rates that forget, minutes: 20}
#     - {name: Calibration on new ads, minutes: 12, stop: true}
#     - {name: A decision, minutes: 8}
#     - {name: A policy that earns, minutes: 20}
#     introduces: {}
#     needs: [time split, Beta smoothing, prior strength, deployment]
# ---

# %% [markdown]
# # Make the baseline forget, and earn with it
#
# **60 minutes, 14 points**, three of them for an answer in prose.
#
# This lab belongs to [20_baseline](../../notebooks/01_ad_click_prediction/20_baseline.ipynb), and you need
# nothing else. Afterwards you can let counts age, choose a setting with its noise in mind, read calibration
# where an average hides it, and earn more than the chapter with a policy of your own.
#
# Every check says what is wrong with an answer and none of them blocks you, because the text goes on with
# its own version. The last check deploys your policy in a world that nobody has looked at.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from mlsd.lab_support.ad_click.first_deployment import (
    baseline_policy,
    daily_losses,
    deployed_revenue,
)
from mlsd.models import SmoothedRate
from mlsd.plots import COLOURS, course_style
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickWorld

plt.rcParams.update(course_style())

# %% [markdown]
# ## Rates that forget
#
# An ad that was clicked a lot last month may have worn out since. Instead of cutting old impressions off, we
# let each lose half of its weight every *half-life*: an impression that is one half-life old counts one
# half, after two it counts a quarter, and so on.

# %% [markdown]
# ### Exercise 1: a rate that forgets
#
# - **Goal**: the smoothed click rate of one ad whose impressions lose weight with age, in the views as well
#   as in the clicks. The prior is knowledge about ads in general and does not age.
# - **Inputs**: `clicks`, 0 or 1 for each impression, and `age_days`, both arrays of shape (n,), where n may
#   be 0; `average`; `strength` in impressions; `half_life` in days.
# - **Output**: one number.
#
# **Worked number**: a click today and a view without a click seven days ago, with average 0.02, strength 100
# and half-life 7, give $(1 + 2) / (1 + 0.5 + 100) = 0.0296$.


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
# Which half-life? Here is the log loss of each of the last nine days of a log, predicted by rates that were
# counted up to the evening before with four half-lives. `inf` never forgets.

# %%
losses = daily_losses(seed=21, half_lives=(1.0, 3.0, 10.0, np.inf))
losses.round(4)

# %% [markdown]
# Days differ far more than half-lives do, so the average over days of one column says little. The
# *difference* of two columns on the same day says more, because whatever made that day hard made it hard for
# both.

# %% [markdown]
# ### Exercise 2: choose a half-life with its noise in mind
#
# - **Goal**: the longest half-life that is not distinguishably worse than the best one. The best column has
#   the lowest mean loss. Another column is distinguishably worse when its mean difference from the best,
#   day by day, is more than two standard errors above zero. A long half-life is preferred because its counts
#   rest on more data per ad, and it survives a quiet week.
# - **Input**: `losses`, a DataFrame with one row per day and one column per half-life in ascending order.
# - **Output**: one of its column names.
#
# **Worked number**: for the columns 1.0: (5, 7, 9) and 3.0: (5, 8, 9) the differences are 0, 1 and 0, with
# mean 0.33 and standard error 0.33, so 3.0 is chosen. The standard error of a mean is the sample standard
# deviation, with $n - 1$, over $\sqrt{n}$.


# %% tags=["exercise"] exercise="choose_half_life"
def choose_half_life(losses):
    """Return the longest half-life that is not distinguishably worse than the best."""
    ### BEGIN SOLUTION
    best = losses[losses.mean().idxmin()]
    difference = losses.sub(best, axis=0)
    error = difference.std() / np.sqrt(len(losses))
    return losses.columns[difference.mean() <= 2 * error][-1]
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.ad_click.lab_20_baseline import check_choose_half_life

check_choose_half_life(choose_half_life)

# %% [markdown]
# On the table above the rule chooses `inf`. Half-lives of one and three days are worse by 13 and 6 standard
# errors, and ten days cannot be told from never. So in this market, and within two weeks, there is nothing
# to gain from forgetting: whatever wears out does so more slowly than the noise of thinner counts costs.
#
# Smoothing has a cost of its own: an ad that is really bad keeps the benefit of the doubt for a while.

# %% [markdown]
# ### Exercise 3: how long is a new ad given a chance?
#
# - **Goal**: the number of views without any click after which a new ad's smoothed rate has fallen to a
#   `share` of the average.
# - **Inputs**: `share`, between 0 and 1; `strength` in impressions.
# - **Output**: one number of views, not rounded.
#
# **Worked number**: with strength 100, half of the average is reached after 100 views. Solve it on paper
# first; the average itself cancels.


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
# So the prior strength is an exploration budget as well: it says how many views a new ad may use up before
# the auction turns it away.

# %% [markdown]
# ## Calibration on new ads
#
# Normalized entropy is one number for all ads. New ads are few, so it hardly notices them, whereas their
# advertisers do. The next exercise reads expected against real clicks by the age of the ad.

# %%
log = AdClickWorld(seed=21).history(days=14).labelled_log()
train, test = (log.frame.iloc[rows] for rows in (log.split.train, log.split.test))
model = SmoothedRate(levels=(("ad_id",),), strength=100.0).fit(train, train["click"])
predicted = model.predict_proba(test)[:, 1]

# %% [markdown]
# ### Exercise 4: calibration by the age of the ad
#
# - **Goal**: expected clicks (the sum of the predictions) over real clicks, for each group of ad ages.
# - **Inputs**: `clicked`, `predicted` and `age_days`, arrays of shape (n,); `edges`, ascending ages of shape
#   (g,). Group 0 is younger than the first edge, and an ad exactly at an edge belongs to the older group.
# - **Output**: an array of shape `(g + 1,)`, NaN for a group without clicks.
#
# **Worked number**: two predictions of 0.25 and one click give 0.5.


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
names = ["under 3", "3 to 7", "7 to 14", "14 and more"]
group = pd.cut(test["ad_age_days"], [-np.inf, 3, 7, 14, np.inf], right=False, labels=names)
sums = pd.DataFrame({"expected": predicted, "clicks": test["click"]})
sums = sums.groupby(group, observed=True).sum()
ratio, error = sums["expected"] / sums["clicks"], 1.96 / np.sqrt(sums["clicks"])
figure, axes = plt.subplots(figsize=(6, 3))
axes.bar(ratio.index, ratio, yerr=ratio * error, color=COLOURS["blue"], capsize=4)
axes.axhline(1, color=COLOURS["black"], linewidth=1)
axes.set(xlabel="age of the ad in days", ylabel="expected / real clicks")
axes.set_title("Here the oldest ads are promised too much, not the newest")
plt.show()

# %% [markdown]
# A bar above the line belongs to a group that was promised more clicks than came, and its whisker is a 95 %
# interval. Only the ads of two weeks and more can be told from 1: they were promised 7 % too much (2 to 12). We
# suspect that they are wearing out. New ads start at the average of all and are right *as a group*, from 0.9
# to 1.1; whether each advertiser's new ads are is another question, and the next one.

# %% [markdown]
# ## A decision

# %% [markdown] tags=["exercise"] exercise="decision" points=3
# ### Exercise 5: what should a new ad start from?
#
# - **Goal**: a recommendation in about six lines. Today a new ad starts at the average of all ads. A
#   colleague proposes its advertiser's average instead; another proposes a bonus on the rate of every new ad.
# - **Inputs**: the figure above, and what you know about smoothing and deployment.
# - **Output**: which one you take, what you measure before and after, and who could be harmed.
#
# <!-- BEGIN SOLUTION -->
# **Rubric**: prefers a prior that is itself smoothed, or says what happens to an advertiser with one ad (1);
# measures calibration on new ads *and* revenue online, not one of them (1); names who could be harmed: new
# advertisers who inherit nothing, or old ones whose past is held against a better ad (1).
#
# **Sample answer, full marks**: I take the advertiser's average, itself smoothed towards the average of all
# ads, because an advertiser with one ad and three clicks should not define its second ad. Before: expected
# over real clicks for ads under three days, by advertiser size. After: the same, and revenue in a twin or
# A/B test, since better calibration on two percent of the traffic may not be seen in revenue. A bonus is
# exploration, and I would pay it from a budget of its own, because inside the probability it makes every
# promise wrong. New advertisers have no past and gain nothing; an advertiser with one bad old campaign would
# be held back, which is why the shrinkage matters.
#
# **Sample answer, half marks**: I take the advertiser's average, since ads of one advertiser are alike, and
# check that the normalized entropy goes down. *It lacks the smoothing of a small advertiser's average and
# anybody who could be harmed, and it measures offline only.*
# <!-- END SOLUTION -->

# %% [markdown]
# ## A policy that earns
#
# The chapter's policy knows the ad and not who is looking. The log has more: `age_band`, `region`,
# `category`, `publisher_id`, `hour`, even `user_id`. `SmoothedRate` takes several levels, each shrunk to the
# estimate of the level before it, so a combination with few views does little harm. A level is a tuple of one
# column or more, as in `levels=(("ad_id",), ("region", "hour"))`, and need not hold the columns of the level
# before it. How far a key can move a rate depends on how many views it has:

# %%
keys = {"ad": ["ad_id"], "region, hour": ["region", "hour"], "user": ["user_id"]}
views = {name: train.groupby(key)["click"].size().median() for name, key in keys.items()}
pd.Series(views).to_frame("impressions of the median key")

# %% [markdown]
# ### Exercise 6: earn more than the chapter
#
# - **Goal**: a policy that earns clearly more than the chapter's smoothed rate per ad. Decide whose clicks say
#   something about whom, and how much to smooth: a key with ten views hardly moves a prior that weighs a
#   hundred.
# - **Input**: `log`, a DataFrame of a week's impressions with their `click`.
# - **Output**: a policy; `ScorerPolicy(model)` makes one from a fitted model.
#
# **Worked number**: the chapter's policy stands at 100 %, and the check asks for three percent more in a fresh
# world.


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
# To try out ideas, deploy them in a world of your choice as often as you like. The cell does it with the
# chapter's model at another strength; put `make_policy` in its place. The check uses another seed, and an
# instructor uses yet another.

# %%
f"{deployed_revenue(22, lambda log: baseline_policy(log, strength=1_000.0))} % of the baseline"
