# ---
# jupyter:
#   mlsd:
#     title: Track a rate that moves, and correct a frozen model with it
#     sections:
#     - {name: A rate that moves, minutes: 18}
#     - {name: An n that forgets, minutes: 8, stop: true}
#     - {name: An alarm, minutes: 8}
#     - {name: A decision, minutes: 8}
#     - {name: A tracker that earns, minutes: 16}
#     introduces: []
#     needs: [FTRL-Proximal, per-coordinate learning rate, progressive validation, nightly retraining, concept drift, Beta smoothing, time split]
# ---

# %% [markdown]
# # Track a rate that moves, and correct a frozen model with it
#
# You write four functions, one decision and one policy, with nothing but what `31_stream` said and
# the smoothing of `20_baseline`. Every check tells you what is wrong and none blocks you. The last
# one deploys your policy on a drift day in a world that nobody has looked at.

# %%
import matplotlib.pyplot as plt
import numpy as np

from mlsd.lab_support.ad_click.sudden_event import (
    CONFIG,
    SegmentPolicy,
    baseline_policy,
    deployed_revenue,
    frozen_model,
)
from mlsd.plots import COLOURS, course_style

plt.rcParams.update(course_style())

# %% [markdown]
# ## A rate that moves
#
# One ad, hour by hour. Its true click rate wanders a little, and jumps at hour 120. You see views
# and clicks.

# %%
luck = np.random.default_rng(31)
hours = np.arange(240)
logit = np.cumsum(luck.normal(0, 0.03, 240)) - 3.6 + 0.8 * (hours >= 120)
truth = 1 / (1 + np.exp(-logit))
views = luck.poisson(120, 240)
clicks = luck.binomial(views, truth)

figure, axes = plt.subplots(figsize=(6.5, 2.8))
axes.plot(hours, 100 * clicks / views, ".", ms=4, color=COLOURS["grey"], label="clicks / views")
axes.plot(hours, 100 * truth, color=COLOURS["blue"], label="true rate, which nobody sees")
axes.set(xlabel="hour", ylabel="CTR, %")
axes.legend()
plt.show()

# %% [markdown]
# How to read it: a dot is one hour's raw rate, the line what it scatters around. A tracker has to
# follow the line and not the dots.
#
# ### Exercise 1: predict, then update
#
# **Goal**: the rate forecast for each hour by a discounted Beta state. The state is a pair (a, b),
# imaginary clicks and misses, and starts at the prior. Each hour has three steps. *Predict*: what
# was learned beyond the prior keeps the share `discount`, so that a quiet ad drifts back to the
# prior. *Forecast*: the rate is a / (a + b). *Update*: add the hour's clicks and its misses.
# **Inputs**: `clicks`, `views`, whole numbers of shape (n,), where n may be 0; `prior`, a pair;
# `discount` from 0 to 1, per hour. **Output**: shape (n,); no forecast sees its own hour. **Worked
# number**: with prior (2, 98), discount 0.5 and 4 clicks in 50 views in the first hour, the
# forecasts are 0.02 and (2 + 2) / (4 + 121) = 0.032.


# %% tags=["exercise"] exercise="track_rate"
def track_rate(clicks, views, prior, discount):
    """Return the rate forecast for each hour, shape (n,)."""
    ### BEGIN SOLUTION
    prior = np.array(prior, float)
    learned, rates = np.zeros(2), []
    for hour_clicks, hour_views in zip(clicks, views):
        learned = discount * learned
        state = prior + learned
        rates.append(state[0] / state.sum())
        learned = learned + [hour_clicks, hour_views - hour_clicks]
    return np.array(rates)
    ### END SOLUTION


# %% tags=["check"] points=3
from mlsd.checks.ad_click.lab_31_tracker import check_track_rate

check_track_rate(track_rate)

# %% [markdown]
# However long the ad runs, the state holds at most 1 / (1 − discount) hours of evidence: 20 at
# 0.95.
#
# ### Exercise 2: choose the discount
#
# **Goal**: the discount whose forecasts have the lowest log loss per view over the hours from
# `start` on. The tracker runs from the first hour; the hours before `start` are its warm-up and are
# not judged. **Inputs**: as above, `discounts` a tuple, `start` an index. **Output**: one of the
# `discounts`. **Worked number**: two clicks in each of 48 hours of 100 views, prior (1, 99):
# nothing moves, so 1.0 wins. It is progressive validation of a model with one parameter.


# %% tags=["exercise"] exercise="choose_discount"
def choose_discount(clicks, views, prior, discounts, start):
    """Return the discount with the lowest progressive log loss."""

    ### BEGIN SOLUTION
    def loss(discount):
        rates = track_rate(clicks, views, prior, discount)[start:]
        hits, shown = clicks[start:], views[start:]
        return -np.sum(hits * np.log(rates) + (shown - hits) * np.log1p(-rates)) / shown.sum()

    return min(discounts, key=loss)
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.ad_click.lab_31_tracker import check_choose_discount

check_choose_discount(choose_discount)

# %% [markdown]
# Try it on the ad above: before the jump alone, and with it. Which stretch asks for a shorter
# memory?

# %%
grid = (0.5, 0.8, 0.9, 0.95, 0.98, 1.0)
[choose_discount(clicks[:end], views[:end], (2.7, 97.3), grid, 24) for end in (120, 240)]

# %% [markdown]
# ## An n that forgets
#
# FTRL's n only grows, so a coordinate that was learned well is slow for ever. Let n lose a share of
# itself every night, and the learning rate rises again.
#
# ### Exercise 3: forget how much, not what
#
# **Goal**: a new (z, n) with n multiplied by `keep`, such that the *weight stays exactly as it
# was*. It is derived from both, so z has to change with n. **Inputs**: `z`, `n`, numbers or arrays;
# `keep` from 0 to 1; `alpha`, `beta`, `l2` as in the chapter, and no L1. **Output**: the pair.
# **Worked number**: z = 3, n = 16, keep = 0.25, alpha = 0.3, beta = 1 and l2 = 1 give z = 1.868 and
# n = 4.


# %% tags=["exercise"] exercise="forget_n"
def forget_n(z, n, keep, *, alpha, beta, l2):
    """Return z and n of a coordinate that learns faster and weighs the same."""
    ### BEGIN SOLUTION
    before = (beta + np.sqrt(n)) / alpha + l2
    after = (beta + np.sqrt(keep * n)) / alpha + l2
    return z * after / before, keep * n
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.ad_click.lab_31_tracker import check_forget_n

check_forget_n(forget_n)

# %% [markdown]
# ## An alarm
#
# A progressive loss that rises for one hour is noise. One that is a little too high hour after hour
# is a fault. A *cumulative sum* (Page 1954) sees the second and forgives the first.
#
# ### Exercise 4: sound it
#
# **Goal**: the first hour at which the alarm is on. The sum starts at 0; each hour adds its excess
# minus the `slack`, and a sum below 0 is set to 0. The alarm is on when the sum is *above* `limit`.
# **Inputs**: `excess`, shape (n,), progressive loss minus what is usual at that hour; `slack`,
# `limit`. **Output**: the index of the hour, or −1. **Worked number**: excess 0, 0.3, 0.3, 0.3 with
# slack 0.1 and limit 0.5 sums to 0, 0.2, 0.4, 0.6: hour 3.


# %% tags=["exercise"] exercise="alarm_hour"
def alarm_hour(excess, slack, limit):
    """Return the first hour with the sum above the limit, or -1."""
    ### BEGIN SOLUTION
    total = 0.0
    for hour, value in enumerate(excess):
        total = max(0.0, total + value - slack)
        if total > limit:
            return hour
    return -1
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.ad_click.lab_31_tracker import check_alarm_hour

check_alarm_hour(alarm_hour)

# %% [markdown]
# ## A decision

# %% [markdown] tags=["exercise"] exercise="decision" points=3
# ### Exercise 5: online, nightly, or between?
#
# Your click model is retrained every night, and a colleague wants it online. Two facts: for a tenth
# of the traffic, clicks arrive up to six hours late; and click spam is found, if at all, a day
# later. In about eight lines: what do you build, what does a label wait for, and how do you get rid
# of a poisoned hour?
#
# <!-- BEGIN SOLUTION -->
# A nightly model on labels that have settled and been filtered, and a small fast layer over it: a
# tracker with few parameters, bounded factors and a short memory. The fast layer takes the nine
# tenths whose labels settle within minutes; the late tenth waits its six hours, and is never
# entered as "no click" meanwhile. Hourly snapshots with the log position; on an alarm, roll the
# fast layer back and replay without the bad rows. The nightly model never saw that hour unfiltered.
#
# **Rubric**: no row is learned before its label has settled, and the late tenth is not counted as
# clickless (1); a way back that works without unlearning: snapshots and a replay, or a layer that
# can be reset (1); says what freshness is worth, as a number to be measured against nightly, and
# what it costs to run (1).
# <!-- END SOLUTION -->

# %% [markdown]
# ## A tracker that earns
#
# The model below was trained for a week and is frozen. On the day of the deployment an event shifts
# what everybody likes, category by category, and strongly. You may not retrain: you are handed an
# object that predicts, and nothing else.

# %%
world, scorer = frozen_model(seed=33)
[name for name in dir(scorer) if not name.startswith("_")], CONFIG.event_days

# %% [markdown]
# `SegmentPolicy` does the bookkeeping. It multiplies the frozen prediction by the factor of the
# candidate's segment, and once an hour calls your `learn(state, clicks, expected)`: the real clicks
# of each segment in the rows that became known, and the clicks that the frozen model had expected
# of the same rows, each an array with one number a segment. `state[0] / state[1]` is the factor; both
# rows of the state begin at `strength`, counted in clicks. Here it is with a `learn` that learns
# nothing.

# %%
idle = SegmentPolicy(scorer, segment="device", learn=lambda state, c, e: state, strength=10.0)
idle.state[:, :3]

# %% [markdown]
# ### Exercise 6: earn on the drift day
#
# **Goal**: a policy that earns clearly more than the frozen model on the day of the event.
# **Input**: `scorer`, with `predict_proba` and nothing else. **Output**: a policy; `SegmentPolicy`
# will do, and so will a class of your own with `act` and `observe`. **Worked number**: the frozen
# model stands at 100 %, and the check asks for three percent more. Decide which column the world's
# change follows, how much evidence a factor needs before it is believed, and how long it is
# remembered.


# %% tags=["exercise"] exercise="make_policy"
def make_policy(scorer):
    """Return a policy that corrects a frozen scorer as clicks come in."""
    ### BEGIN SOLUTION
    strength, discount = 10.0, 0.99

    def learn(state, clicks, expected):
        kept = strength + discount * (state - strength)
        return kept + np.stack([clicks, expected])

    return SegmentPolicy(scorer, segment="category", learn=learn, strength=strength)
    ### END SOLUTION


# %% tags=["check"] points=4
from mlsd.checks.ad_click.lab_31_tracker import check_make_policy

check_make_policy(make_policy)

# %% [markdown]
# For comparison, the frozen model in a world of your choice. Try your policy there as often as you
# like; the check uses another seed, and an instructor uses yet another.

# %%
f"{deployed_revenue(33, baseline_policy):.1f} % of the frozen model's revenue"

# %% [markdown]
# Two dozen numbers over a frozen model can react within hours, because each sees all the evidence of
# its category at once. They also know nothing else. Further reading: Mike West
# and Jeff Harrison 1997, *Bayesian Forecasting and Dynamic Models*, on discount factors; E. S. Page
# 1954, *Continuous Inspection Schemes*, Biometrika 41.
