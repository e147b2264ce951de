# ---
# jupyter:
#   mlsd:
#     title: Correct row by row, and deploy from a thinned log
#     sections:
#     - {name: Corrections that differ by row, minutes: 8}
#     - {name: Calibration by hand, minutes: 9}
#     - {name: A share for a budget, minutes: 8, stop: true}
#     - {name: A frozen model and a trailing window, minutes: 12}
#     - {name: A decision, minutes: 8}
#     - {name: A policy from a thinned log, minutes: 12}
#     introduces: {}
#     needs: [negative downsampling, downsampling correction, calibration ratio, expected calibration error, FTRL-Proximal, deployment]
# ---

# %% [markdown]
# # Correct row by row, and deploy from a thinned log
#
# **57 minutes, 15 points**, three of them for an answer in prose.
#
# This lab belongs to [33_calibrate](../../notebooks/01_ad_click_prediction/33_calibrate.ipynb), and you need nothing
# else. Afterwards you can correct a log whose rows were kept with different shares, say who was promised too much,
# choose a share for a budget, keep a frozen model right from day to day, and earn with a log that looks spoilt.
#
# Every check says what is wrong with an answer and none of them blocks you, because the text goes on with its own
# version. The last check deploys your policy in a world that nobody has looked at.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from mlsd.lab_support.ad_click.thinned_log import (
    COLUMNS,
    deployed_revenue,
    lab_world,
    thinned_log,
    uncorrected_policy,
)
from mlsd.models import FTRLProximal, HashedLogisticRegression
from mlsd.plots import COLOURS, course_style
from mlsd.policies.ad_click import ScorerPolicy

plt.rcParams.update(course_style())

# %% [markdown]
# ## Corrections that differ by row
#
# The chapter kept every click and one share of the rest. Real logs are messier: privacy rules may
# delete a share of the clicks too, and every pipeline has shares of its own.

# %% [markdown]
# ### Exercise 1: both classes thinned, row by row
#
# - **Goal**: the probability before thinning.
# - **Inputs**: `p`, what a model trained on the thinned log predicts; `kept_clicks` and `kept_others`, the shares of
#   clicks and of other impressions that were kept. Each is a number or an array of shape `(n,)`, with shares above 0.
# - **Output**: an array of shape `(n,)`, or a number. Values of 0 and 1 stay what they are.
#
# **Worked number**: for $p = 0.5$, with half of the clicks and a tenth of the others kept, odds of 1 become odds of
# 0.2, and the probability becomes $1/6$.


# %% tags=["exercise"] exercise="corrected"
def corrected(p, kept_clicks, kept_others):
    """Return the probability of a click before either class was thinned."""
    ### BEGIN SOLUTION
    clicks_before = p / kept_clicks
    others_before = (1 - p) / kept_others
    return clicks_before / (clicks_before + others_before)
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.ad_click.lab_33_calibration import check_corrected

check_corrected(corrected)

# %% [markdown]
# ## Calibration by hand
#
# The expected calibration error counts a promise that was too small like one that was too large. Somebody who
# forecasts clicks for advertisers fears only one of the two, so the metric should count only that one.
#
# ### Exercise 2: clicks that were promised and did not come
#
# - **Goal**: sort the rows by prediction, cut them into bins of equal size, and add up by how much each bin's
#   expected clicks exceed its real ones, where they do; divide by all real clicks.
# - **Inputs**: `clicked` and `predicted`, arrays of shape `(n,)`; `bins`, which divides n. Rows of equal prediction
#   keep their order.
# - **Output**: one number.
#
# **Worked number**: predictions 0.6, 0.2, 0.2, 0.6 with clicks 0, 1, 0, 1 in two bins. The low bin expects 0.4 and
# gets 1, the high bin expects 1.2 and gets 1, so 0.2 of 2 clicks are missing: 0.1.


# %% tags=["exercise"] exercise="overpromised"
def overpromised(clicked, predicted, bins):
    """Return the missing clicks of the bins that promised too many, over all clicks."""
    ### BEGIN SOLUTION
    order = np.argsort(predicted, kind="stable")
    expected, real = (v[order].reshape(bins, -1).sum(axis=1) for v in (predicted, clicked))
    return np.maximum(expected - real, 0).sum() / real.sum()
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.ad_click.lab_33_calibration import check_overpromised

check_overpromised(overpromised)

# %% [markdown]
# ## A share for a budget
#
# A nightly fit has a slot on a machine and no more. Among the shares $w$ that fit into the slot, the most accurate need
# not be worth its price, because a cheaper one may be nearly as good.
#
# ### Exercise 3: which share to keep?
#
# - **Goal**: among the shares whose fit takes at most `budget` seconds, find the lowest normalized entropy; then
#   return the share with the fewest seconds among the affordable ones that are within `tolerance` of it.
# - **Inputs**: `share`, `seconds` and `entropy`, arrays of shape `(n,)` in any order; `budget` in seconds;
#   `tolerance` in normalized entropy.
# - **Output**: one share, NaN where none is affordable.
#
# **Worked number**: shares 0.5, 0.2 and 0.1 take 1.0, 0.5 and 0.4 seconds and reach 0.9422, 0.9429 and 0.9441. A budget
# of 0.6 and a tolerance of 0.0015 give 0.1.


# %% tags=["exercise"] exercise="share_to_keep"
def share_to_keep(share, seconds, entropy, budget, tolerance):
    """Return the cheapest affordable share that is about as good as the best affordable one."""
    ### BEGIN SOLUTION
    affordable = seconds <= budget
    if not affordable.any():
        return np.nan
    fine = affordable & (entropy <= entropy[affordable].min() + tolerance)
    return share[fine][np.argmin(seconds[fine])]
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.ad_click.lab_33_calibration import check_share_to_keep

check_share_to_keep(share_to_keep)

# %% [markdown]
# ## A frozen model and a trailing window
#
# An online learner was trained for six days, frozen, and then served for ten more. Hour and weekday are left out,
# because they come in blocks and the weights of such a learner chase the latest block. We read its calibration ratio
# day by day.


# %%
log = lab_world(41).history(days=16).labelled_log()
ids = tuple(name for name in log.roles.identifiers if name not in ("hour", "weekday"))
old = log.frame["ts"] < 6 * 86_400
frozen = FTRLProximal(categorical=ids, alpha=0.3).fit(log.frame[old], log.frame[old]["click"])
served = log.frame[~old]
promised = frozen.predict_proba(served)[:, 1]

# %% [markdown]
# ### Exercise 4: a factor from the last days
#
# - **Goal**: the factor that would have made the frozen model right over the rows that became known in the last
#   `window` seconds (both ends included), shrunk towards 1. It is the sum of clicks plus `strength` over the sum of
#   expected clicks plus `strength`, and 1 where both are 0.
# - **Inputs**: `clicked`, `predicted` and `known_at`, arrays of shape `(n,)`; `now` and `window` in seconds; `strength`
#   in clicks.
# - **Output**: one number.
#
# **Worked number**: 1 click where 1.5 were expected, with strength 10, gives $11 / 11.5 = 0.957$.


# %% tags=["exercise"] exercise="trailing_factor"
def trailing_factor(clicked, predicted, known_at, now, *, window, strength):
    """Return the shrunk ratio of real to expected clicks of the trailing window."""
    ### BEGIN SOLUTION
    rows = (known_at >= now - window) & (known_at <= now)
    clicks, expected = clicked[rows].sum() + strength, predicted[rows].sum() + strength
    return clicks / expected if expected > 0 else 1.0
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.ad_click.lab_33_calibration import check_trailing_factor

check_trailing_factor(trailing_factor)

# %% [markdown]
# What such a factor does, set at each midnight from the two days before.

# %%
served = served.assign(promised=promised, day=(served["ts"] // 86_400).astype(int))
known_day = served["known_at"] / 86_400
factors = {}
for today in range(8, 16):
    seen = served[(known_day <= today) & (known_day >= today - 2)]
    factors[today] = (seen["click"].sum() + 20) / (seen["promised"].sum() + 20)
daily = served[served["day"] >= 8].groupby("day")[["promised", "click"]].sum()
ratio = daily["promised"] / daily["click"]

figure, axes = plt.subplots(figsize=(6, 3))
axes.plot(ratio.index, ratio, "o-", color=COLOURS["orange"], label="frozen")
followed = ratio * pd.Series(factors)
axes.plot(followed.index, followed, "s-", color=COLOURS["blue"], label="times the trailing factor")
axes.axhline(1, color=COLOURS["black"], lw=1)
axes.set(xlabel="day", ylabel="expected / real clicks")
axes.set_title("A trailing factor keeps the expected clicks near the real ones")
axes.legend()
plt.show()

# %% [markdown]
# A dot is one day's calibration ratio, and on the line at 1 as many clicks came as were expected. The factor takes
# away most of the error of the frozen model and adds a little noise of its own.

# %% [markdown]
# ## A decision

# %% [markdown] tags=["exercise"] exercise="decision" points=3
# ### Exercise 5: globally, per segment, or not at all?
#
# - **Goal**: a recommendation in about eight lines. Sales wants to show each advertiser a forecast of its clicks for the
#   coming week. Do you calibrate globally, per segment (which one?), or not at all?
# - **Inputs**: candidates are ranked by bid times probability and pay per click; 24 categories, 150 advertisers, 200
#   publishers, and 1,500 clicks a day.
# - **Output**: what you calibrate, from how many days of clicks and with which calibrator, and what you watch afterwards.
#
# <!-- BEGIN SOLUTION -->
# **Rubric**: says for which use the size of the probability matters, and that a factor shared by all candidates of a
# request leaves this auction as it is (1); counts clicks per segment and shrinks, or merges segments, accordingly (1);
# fits on later clicks than the model's and measures on later ones still, by segment (1).
#
# **Sample answer, full marks**: For the auction alone a global factor and a factor by publisher change nothing, because
# all candidates of a request share them; the forecast reads the number itself. So I shift all logits by one constant
# each night, and on top use a factor by advertiser, shrunk strongly towards 1: 1,500 clicks over 150 advertisers are ten
# a day, and a ratio from ten clicks has a standard error of a third. Two weeks of trailing clicks give each about 140.
# No isotonic regression per advertiser, which needs a thousand clicks. I watch the calibration ratio by advertiser with
# its interval on the days after the fit, and revenue beside it.
#
# **Sample answer, half marks**: Calibrate per advertiser with isotonic regression on the last week, because sales needs
# it per advertiser, and check the ratio on the following week. *It measures on later days, but does not count the clicks
# that each advertiser has, and does not say what the auction needs.*
# <!-- END SOLUTION -->

# %% [markdown]
# ## A policy from a thinned log
#
# Two pipelines log impressions: for ads of formats 1 and 3, four tenths of those without a click are kept, for formats
# 0 and 2 one in fifty. Every click is kept. Somebody was kind enough to write the share into each row. (In these
# markets ads differ three times as much as in the chapters, so knowing them pays.)

# %%
sample = thinned_log(22)
sample.groupby("format").agg(
    rows=("click", "size"), click_rate=("click", "mean"), kept_share=("kept_share", "mean")
).round(3)

# %% [markdown]
# In the click rates of this log formats 0 and 2 look seven times as good as the others. On average a policy that
# believes them earns *less* than one that has never seen the log and ranks by the bid alone:

# %%
earned = deployed_revenue(22, uncorrected_policy)
f"{earned.estimate:.1f} % of what the bid alone earns ({earned.low:.1f} to {earned.high:.1f})"

# %% [markdown]
# The team has therefore thrown away the rows of formats 0 and 2 and trains on the rest (`well_kept_policy`). Those
# rows were all thinned alike, so the order that a model learns from them is right, but it knows nothing of six ads in
# ten.
#
# ### Exercise 6: earn with a log that looks spoilt
#
# - **Goal**: a policy from the thinned log that earns clearly more than the team's, which is `well_kept_policy`.
# - **Inputs**: `log`, a week of thinned impressions with `click` and `kept_share`. `uncorrected_policy` reads the columns in
#   `COLUMNS`, ids and context; you may read others. Candidates come with `format` and without `kept_share`.
# - **Output**: a policy; `ScorerPolicy(model)` makes one from anything with `predict_proba`, such as the chapter's
#   `Changed`.
#
# **Worked number**: the bid alone stands at 100 %. Where the team's policy earns 107 %, the check asks for 111.5 %, in
# the mean of four fresh markets.


# %% tags=["exercise"] exercise="make_policy"
def make_policy(log):
    """Return a policy learned from a thinned log."""
    ### BEGIN SOLUTION
    weight = np.where(log["click"] == 1, 1.0, 1 / log["kept_share"])
    model = HashedLogisticRegression(categorical=COLUMNS)
    return ScorerPolicy(model.fit(log, log["click"], sample_weight=weight))
    ### END SOLUTION


# %% tags=["check"] points=4
from mlsd.checks.ad_click.lab_33_calibration import check_make_policy

check_make_policy(make_policy)

# %% [markdown]
# The numbers in brackets are the worst and the best of four markets. Try ideas on a seed of your own as often as you
# like, with `deployed_revenue(22, make_policy)`; the check uses another seed, and an instructor uses yet another.
