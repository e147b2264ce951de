# ---
# jupyter:
#   mlsd:
#     title: Predict conversions that have not come yet
#     builds: a completeness curve without a law, a delay model with features, bids from a target return, and ESMM
#     sections:
#     - {name: What decides success, minutes: 5}
#     - {name: Look at the end of the log, minutes: 8}
#     - {name: Wait, minutes: 4}
#     - {name: Learn the delay from old cohorts, minutes: 14, stop: true}
#     - {name: Let a law fill what the log lacks, minutes: 14, stop: true}
#     - {name: Bid with it, minutes: 14, stop: true}
#     - {name: Learn from impressions without a click, minutes: 13}
#     - {name: Results, minutes: 4}
#     - {name: What breaks in production, minutes: 4}
#     - {name: In the interview, minutes: 5}
#     - {name: Summary, minutes: 1}
#     - {name: Recall, minutes: 3}
#     - {name: Lab and further reading, minutes: 1}
#     introduces:
#       post-click conversion rate: the probability that a click is followed by a conversion within the attribution window; its prediction is called pCVR
#       delayed feedback: positive labels that arrive long after the event, so that a young example looks negative until they do
#       completeness curve: the share of the conversions that will be credited which has arrived by each age of the click
#       product-limit estimator: an estimate of a delay distribution from incomplete records that multiplies one factor per observed delay and needs no law
#       delay model: a model that predicts whether a conversion comes and how late, fitted jointly to clicks of all ages
#       target-return bidding: automatic bids per click, pCVR times the value of a conversion over the return that the advertiser asks for; with a target cost per conversion, pCVR times that target
#       sample selection of conversions: conversion labels exist for clicked impressions alone, while the prediction is used for all
#       ESMM: a model with one tower for clicks and one for conversions given a click, trained on all impressions through the click loss plus the loss of their product
#     needs: [impression, label delay, known-at predicate, Beta smoothing, prior strength, calibration ratio, expected value ranking, deployment, twin-world comparison]
#     labs: [lab_42_delay]
#     discussion: Your delay model fits the observed delays almost perfectly. Why may its conversion rate still be a tenth too low?
#     answer: "The likelihood sees only delays that have arrived, and says little of the share that will come late or never: a longer tail with a higher rate fits as well as a shorter one with a lower. Compare with a product-limit curve over a window that is long enough, and with old clicks whose label has settled."
#     wrong_answers: ["It cannot; a likelihood that good leaves no room.", "Because there are too few clicks; with ten times as many it would be right."]
# ---

# %% [markdown]
# # Predict conversions that have not come yet
#
# **You will build** a completeness curve that needs no law, a delay model with features, automatic
# bids from a target return, and ESMM.
#
# **You will learn** what unsettled labels do to a conversion rate, how a log of old clicks repairs
# it, what a parametric delay model can and cannot add, and where the error of a conversion rate
# turns into money.
#
# **You need** [10_frame](10_frame.ipynb): label delay; [20_baseline](20_baseline.ipynb): Beta smoothing; [30_count](30_count.ipynb): the
# known-at predicate; [33_calibrate](33_calibrate.ipynb): the calibration ratio.
#
# **Minutes**: 90, with good places to stop after the completeness curve, after the delay model and
# after the deployment.

# %% [markdown]
# ## What decides success
#
# Advertisers pay for clicks but want sales. Most large platforms therefore sell *target-return*
# or *target-cost* bidding (tROAS and tCPA; Meta and others call the optimised variants oCPM or
# oCPC): the advertiser states how much conversion value one unit of spend has to bring, and the
# platform computes the bid for each click. It needs the *post-click conversion rate*, whose
# prediction is called pCVR. With $v$ the value of a conversion and $R$ the target return,
# $$\text{bid per click} = \frac{\text{pCVR} \cdot v}{R}, \qquad
# \text{eCPM} = 1000 \cdot \text{pCTR} \cdot \text{bid}.$$
# With a pCVR of 0.2, conversions worth 4.5 and a target of 1.5, a click is bid
# $0.2 \cdot 4.5 / 1.5 = 0.60$.
#
# An error of pCVR goes straight into the bid, so our requirements are about its level:
#
# 1. For the clicks of the coming week, the realised return is within 5 % of the target.
# 2. No group of clicks by age is estimated more than 10 % off, because campaigns that started
#    yesterday have young clicks only.
# 3. Ranking by these automatic bids costs the market at most 2 % of the conversion value that it
#    has with the bids per click which the advertisers choose themselves (a non-inferiority bound:
#    the whole 95 % interval has to lie above $-2\,\%$).

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from scipy import stats
from torch import nn
from torch.nn import functional

from mlsd.checks import check, gives
from mlsd.data import conversion_known_at, conversions_at_risk
from mlsd.experiments import load_ledger, load_study
from mlsd.models import SmoothedRate
from mlsd.notebook import TextTable, compare, guess, track
from mlsd.plots import COLOURS, course_style, plot_changes
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickConfig, AdClickWorld
from mlsd.worlds.ad_click import Actions

plt.rcParams.update(course_style())

# %% [markdown]
# ## Look at the end of the log
#
# We stand at the end of day 44. A conversion is credited to a click for up to 30 days (the
# *attribution window*), so the clicks of the first fortnight are settled and all others are still
# open. The simulator also shows us the same clicks when every window has closed. That later view
# serves for judging only; no estimate may read it. The market sells things that a fifth of the people
# who click end up buying, app installs for example, so that a single world has enough conversions to
# judge.

# %% tags=["nbval-check-output"]
DAY, TODAY, WINDOW, RECENT = 86_400, 44, 30, 14
market = AdClickConfig(conversion_rate=0.2, conversion_value=4.8, horizon_days=90)
world = AdClickWorld(seed=13, config=market)
later = world.history(days=TODAY + 7 + WINDOW)
log = later.as_of(TODAY * DAY)
{"clicks": len(log.clicks), "conversions known today": len(log.conversions)}

# %% [markdown]
# One table holds what the chapter needs about each click: its age in days (`age`), whether its
# conversion is `known` today (the known-at predicate of chapter 30), whether one is `ever`
# credited, and the `delay` in days, which we may read only where `known` is true. Clicks of bots
# are in the table too; they never convert.


# %% tags=["nbval-check-output"]
clicks = later.clicks[["impression_id", "campaign_id", "ts"]].copy()
known_at = conversion_known_at(clicks, later.conversions)
clicks["age"] = TODAY - clicks["ts"] / DAY
clicks["delay"] = (known_at - clicks["ts"]) / DAY
clicks["known"], clicks["ever"] = known_at <= TODAY * DAY, np.isfinite(known_at)
next_week = clicks[clicks["age"].between(-7, 0)]
clicks = clicks[clicks["age"] > 0].copy()
clicks[["known", "ever"]].sum().to_dict()

# %% [markdown]
# A pipeline that labels a click 0 until a conversion arrives treats every conversion still on its
# way as a negative. The literature calls this *delayed feedback*. Half of all conversions arrive
# within half an hour of the click.
#
# **Your guess**: of the conversions that the clicks of the last day will be credited with, what
# percentage is missing today?

# %% tags=["guess"]
guess("convert_missing_last_day", ..., unit="%")

# %%
by_day = clicks.groupby((clicks["ts"] // DAY).astype(int))[["known", "ever"]].mean() * 100
missing = 100 * (1 - by_day["known"] / by_day["ever"])
compare("convert_missing_last_day", missing.iloc[-1])

# %% [markdown]
# More than a quarter. Day by day:

# %%
figure, axes = plt.subplots(figsize=(6, 3))
axes.plot(by_day["ever"], "o-", color=COLOURS["grey"], label="credited in the end")
axes.plot(by_day["known"], "o-", color=COLOURS["blue"], label="known on day 44")
axes.set(xlabel="day of the click", ylabel="clicks with a conversion, %", ylim=(0, None))
axes.set_title("The conversion rate seems to fall towards today")
axes.legend(loc="lower left")
plt.show()

# %% [markdown]
# Each dot is one day's clicks. The grey dot of day 43, the last one, says what share of them
# converts in the end; the blue dot below it says how much of that is known tonight. People did not
# stop buying, yet a model that is refitted every night reads such a fall into everything that is
# new: new ads, new campaigns, the placement that was launched this week.
#
# Here is the requirement, failed. `found` is the *calibration ratio* of the naive labels, what is
# known over what is credited, for the clicks of the last fortnight by age. Asserts like the one
# below guard the text: the build fails if the statement stops being true.

# %%
recent = clicks[clicks["age"] <= RECENT].copy()
ages = ["0 to 1", "1 to 3", "3 to 7", "7 to 14"]
recent["group"] = pd.cut(recent["age"], [0, 1, 3, 7, 14], labels=ages)
real = recent.groupby("group", observed=True)["ever"].mean()
found = {"naive": recent.groupby("group", observed=True)["known"].mean() / real}
naive_ratio = recent["known"].sum() / recent["ever"].sum()
assert naive_ratio < 0.93
assert found["naive"]["0 to 1"] < 0.85
pd.DataFrame(found).T.assign(all=naive_ratio).round(2)

# %% [markdown]
# ## Wait
#
# The plain remedy is to leave young clicks out. Its price is freshness: after a week of waiting,
# half of a fortnight's clicks and every ad younger than a week are gone from the training data,
# whereas some conversions are missing still.

# %%
waiting = {}
for wait in (0, 1, 3, 7):
    old = recent[recent["age"] >= wait]
    share = 100 * old["known"].sum() / old["ever"].sum()
    waiting[wait] = {"clicks kept, %": 100 * len(old) / len(recent), "conversions found, %": share}
pd.DataFrame(waiting).T.rename_axis("days waited").round(0)

# %% [markdown]
# Waiting trades bias for freshness, and no wait that keeps the fortnight usable meets the
# requirement. It is better to keep every click and to *know how complete it is*.

# %% [markdown]
# ## Learn the delay from old cohorts
#
# Suppose we knew the *completeness curve* $F(a)$: the share of the conversions credited in the end
# that have come when the click is $a$ days old. With ages $a_j$ of the clicks and $k$ conversions
# known, the conversion rate would follow at once, because each click counts only as far as it could
# have answered:
# $$\hat p = \frac{k}{\sum_j F(a_j)}.$$
# Of 100 clicks at $F = 0.7$ with 14 conversions known, $\hat p = 14 / 70 = 0.2$.
#
# The simplest curve looks at settled clicks alone, those of at least 30 days. It is right, but a
# month old. The *product-limit estimator* also uses the open ones. It has to correct for a
# selection: a click of two days can show a delay of at most two days, so short delays are
# over-represented among the conversions on record. (Statisticians call this *right truncation*;
# the estimator for it is Lynden-Bell's, and its relative for censored data is Kaplan and Meier's.)
#
# The idea is to compare like with like. Walk through the observed delays from the longest to the
# shortest. At each delay $d$, look only at conversions that came within $d$ *and* whose click is
# old enough that they would be on record had they taken as long as $d$. If there are $n(d)$ of
# these, one of them, the one that really took $d$, is a share $1/n(d)$; everything quicker is the
# rest. Multiplying the rests gives
# $$F(a) = \prod_{d_i > a} \Bigl(1 - \frac{1}{n(d_i)}\Bigr).$$
# Take three conversions with delays 1, 2 and 5 whose clicks are 3, 10 and 10 days old. At $d = 5$
# the first is out, since its click is too young to show a delay of 5, so $n = 2$ and
# $F(2) = 1/2$. At $d = 2$ the third is out, since it took longer: $n = 2$ again and
# $F(1) = 1/4$. A plain count would have said $1/3$.
#
# **Your turn**: $n(d)$ for one delay $d$, called `moment`.


# %% tags=["your-turn"]
def my_at_risk(delay, age, moment):
    """Return how many of the known conversions can be compared at this delay."""
    return ...


# %% tags=["check"]
three = np.array([1.0, 2.0, 5.0]), np.array([3.0, 10.0, 10.0])
verdict = check(
    "at_risk",
    my_at_risk,
    gives(*three, 5.0, expected=2, hint="a click of 3 days cannot show a delay of 5"),
    gives(*three, 2.0, expected=2, hint="what took longer is no longer there"),
    gives(*three, 1.0, expected=1),
)
verdict

# %% [markdown]
# The curve in a few lines, with your function if it passed. One conversion that stands alone
# ($n = 1$) would set everything before it to zero, so it counts as one of two.

# %%
at_risk = verdict.answer_or(conversions_at_risk)


def product_limit(known):
    """Return sorted delays and the share of conversions that have come by each."""
    delay, age = known["delay"].to_numpy(), known["age"].clip(upper=WINDOW).to_numpy()
    moments = np.sort(delay)
    compared = np.array([at_risk(delay, age, moment) for moment in moments])
    rest = np.cumprod((1 - 1 / np.maximum(compared, 2))[::-1])[::-1]
    return moments, np.append(rest[1:], 1.0)


# %% [markdown]
# Two logs: all 44 days, as any platform older than a month has them, and the last fortnight alone,
# as after a launch or a change of tracking. What comes of them is held against the truth.

# %%
curves, shares = {}, {"naive": np.ones(len(recent))}
for name, clicks_used in (("44 days of log", clicks), ("14 days of log", recent)):
    curves[name] = product_limit(clicks_used[clicks_used["known"]])
    shares[name] = np.interp(recent["age"], *curves[name])
ratio = pd.Series({name: recent["known"].sum() / share.sum() for name, share in shares.items()})
ratio = ratio / recent["ever"].mean()
ratio.round(3)

# %%
late = np.sort(clicks.loc[clicks["ever"], "delay"])
figure, axes = plt.subplots(figsize=(6.4, 3.4))
truth_share = 100 * np.arange(1, len(late) + 1) / len(late)
axes.plot(late, truth_share, color=COLOURS["black"], lw=4, alpha=0.3, label="credited in the end")
for (name, curve), colour in zip(curves.items(), ("blue", "orange")):
    axes.plot(curve[0], 100 * curve[1], color=COLOURS[colour], label=f"product limit, {name}")
axes.axvline(RECENT, color=COLOURS["grey"], ls=":", label="14 days")
ticks = {1 / 48: "30 min", 1 / 8: "3 h", 1: "1 d", 3: "3 d", 7: "7 d", 30: "30 d"}
axes.set(xscale="log", xlim=(0.002, 30), xlabel="time since the click (log scale)")
axes.set(ylabel="conversions that have come, %")
axes.set_title("A month of log shows the delays as they are")
axes.set_xticks(list(ticks), list(ticks.values()))
axes.minorticks_off()
axes.legend()
plt.show()

# %% [markdown]
# A point says what share of conversions has come by that time: about three quarters after a day.
# With 44 days of log the blue curve lies on the truth, and the rate of the fortnight is right
# within two percent. With 14 days the curve has to end at 14: conversions that take longer are not
# in this log at all, so the curve calls complete what is not, and the rate stays some percent short.
# No estimator that only reads the log can do better there. This is where one needs an assumption.

# %%
assert abs(ratio["44 days of log"] - 1) < 0.03
assert naive_ratio < ratio["14 days of log"] < 0.99

# %% [markdown]
# ## Let a law fill what the log lacks
#
# Chapelle (2014) assumes one. A click with features $x$ converts with probability $p(x)$, and then
# after a delay that is exponential with a mean of $s(x)$ days. Both are regressions:
# $p(x) = 1 / (1 + e^{-w \cdot x})$ and $s(x) = e^{u \cdot x}$. Two things can be on record, with
# these contributions to the likelihood:
# $$\text{converted after } d: \quad p(x)\, \frac{e^{-d / s(x)}}{s(x)}, \qquad
# \text{nothing after } a: \quad 1 - p(x) + p(x)\, e^{-a / s(x)}.$$
# The second is the whole idea of the *delay model*: no conversion so far means *never*, or *later*,
# and the younger the click, the more of it is *later*. With $p = 0.1$ and $s = 0.5$, a day of
# silence has the probability $0.9 + 0.1 \cdot e^{-2} = 0.914$.
#
# Our features are what a new campaign has on its first day: the logarithm of its order value $v$
# (from its conversions, two average ones added), and of its old bid per click over $v$, because an
# advertiser who bids much for a click of a given value probably sees many of them convert.

# %%
campaigns = log.campaigns[["campaign_id", "bid"]].set_index("campaign_id")
sold = log.conversions.groupby("campaign_id")["value"].agg(["sum", "count"])
sold = sold.reindex(campaigns.index, fill_value=0)
average = log.conversions["value"].mean()
campaigns["order"] = (sold["sum"] + 2 * average) / (sold["count"] + 2)
features = campaigns.assign(bid=campaigns["bid"] / campaigns["order"]).apply(np.log)
features = (features - features.mean()).assign(constant=1.0)

# %% [markdown]
# The likelihood, written once; `theta` holds $w$ and then $u$. Its minimum is found by L-BFGS, a
# quasi-Newton method, on the fortnight's clicks. `days` is the delay where the conversion is known,
# and the age of the click where none is.


# %%
def fit_delay_model(x, known, days):
    """Return the weights of p(x) and of s(x), shape (2, features), with the largest likelihood."""
    theta = torch.zeros(2, x.shape[1], dtype=x.dtype, requires_grad=True)
    optimizer = torch.optim.LBFGS([theta], max_iter=200, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        chance, mean_delay = torch.sigmoid(x @ theta[0]), torch.exp(x @ theta[1])
        still_out = torch.exp(-days / mean_delay)
        seen, not_seen = chance * still_out / mean_delay, 1 - chance + chance * still_out
        mean = -torch.log(torch.where(known, seen, not_seen)).mean()
        mean.backward()
        return mean

    optimizer.step(loss)
    return theta.detach()


# %%
x = torch.tensor(features.loc[recent["campaign_id"]].to_numpy())
known = torch.tensor(recent["known"].to_numpy())
days = torch.tensor(np.where(recent["known"], recent["delay"], recent["age"]))
theta = fit_delay_model(x, known, days)
names = ["converts (log-odds)", "mean delay (log days)"]
pd.DataFrame(theta.numpy(), names, features.columns).round(2)

# %% [markdown]
# The first row says that the bid tells much about *whether*: if the bid doubles at the same order
# value, the log-odds of a conversion rise by $\log 2 = 0.69$ times the weight, about a half. The
# second row says that these features tell little about *when* in this market.
#
# The model's $p(x)$ has no window, whereas a conversion after 30 days is credited to nobody. So its
# rate is $p(x)$ times the share of the delays that end `within` the window.
#
# **Your guess**: the naive rate falls short of the truth by some eleven percent. How much of this
# gap does the exponential delay model close, in percent of the gap?

# %% tags=["guess"]
guess("convert_exponential_closes", ..., unit="%")

# %%
mean_delay = torch.exp(x @ theta[1])
within = 1 - torch.exp(-WINDOW / mean_delay)
come = 1 - torch.exp(-torch.tensor(recent["age"].to_numpy()) / mean_delay)
shares["exponential"] = (come / within).numpy()
ratio["exponential"] = float((torch.sigmoid(x @ theta[0]) * within).mean())
ratio["exponential"] /= recent["ever"].mean()
closed = 100 * (ratio["exponential"] - ratio["naive"]) / (1 - ratio["naive"])
f"estimated over credited rate: {ratio['exponential']:.3f}"

# %% [markdown]
# Before, the ratio was 0.890, so that the gap was 0.110:

# %%
compare("convert_exponential_closes", closed)

# %% [markdown]
# Less than half, and the group means below say why the exponential is a poor law for these delays.
# It has a single knob and no memory: somebody who has not bought for a week would be as likely to
# buy in the next hour as somebody who has just clicked.

# %%
for name, share in shares.items():
    table = recent.assign(share=share).groupby("group", observed=True)[["known", "share"]].mean()
    found[name] = table["known"] / table["share"] / real
figure, axes = plt.subplots(figsize=(6.4, 3.4))
axes.axhspan(0.9, 1.1, color=COLOURS["grey"], alpha=0.25, label="required: within 10 %")
for (name, values), marker, colour in zip(
    found.items(), "osv^", ("black", "blue", "orange", "red")
):
    axes.plot(values.index, values, marker, ls=":", color=COLOURS[colour], label=name)
axes.set(xlabel="age of the click, days", ylabel="estimated / credited conversions")
axes.set_ylim(0.6, 1.1 * found["exponential"].max())
axes.set_title("The exponential law is wrong in both directions")
axes.legend(ncols=2)
plt.show()

# %% [markdown]
# A marker is the rate estimated from the clicks of one age group over the rate credited. The
# exponential believes that most of the last day's conversions are still to come and overshoots by
# more than half, whereas clicks of more than three days stay as short as with naive labels; a total
# hides two errors of opposite sign. The product limit with 44 days stays within the grey band
# everywhere.
#
# Would another law do better? In five worlds that were not used for anything else, each law without
# features and with either length of log (`tests/studies/ad_click/42_delay.py`):

# %%
study = load_study("ad_click/42_delay")
groups = study.groupby(["log_days", "estimate"])[["all", "worst_age"]]
spread = groups.agg(["min", "max"]).round(2)
spread

# %%
within = study[study["estimate"] == "product-limit"].set_index("log_days")
assert (within.loc[44, "all"] - 1).abs().max() < 0.05
assert (within.loc[44, "worst_age"] - 1).abs().max() < 0.1
by_exponential = study[study["estimate"] == "exponential"]
assert (by_exponential["worst_age"] - 1).abs().min() > 0.1
assert found["44 days of log"].between(0.9, 1.1).all()
assert closed < 50

# %% [markdown]
# `all` is the estimated over the credited rate of the fortnight, `worst_age` the same for the age
# group that is farthest off; each with its range over the five worlds. With a month and a half of
# log, the product limit has the rate within 5 % and every age group within 10 % in each of them.
# Neither single law has both with any log. On 44 days, the exponential is off by a factor of about
# three for the youngest clicks, although its *total* looks right; the log-normal, the usual reply
# to a heavy tail, is nearer, but its rate is 5 to 6 % short.
#
# The mixture of a log-normal and a Weibull law (an exponential whose readiness to buy may fade
# with time) comes off best with 14 days, and this needs an honest remark: it is the family that
# the simulator draws from. With the true family, a tail that nobody has seen can be extrapolated;
# at work nobody tells you the family, and with a longer log the mixture has no advantage over the
# curve that assumes nothing. And with 14 days, the curve is 4 to 6 % short for want of a tail,
# yet both single laws, which do assume one, are 7 to 9 % short. So take the curve first, whatever
# the length of the log. A law has to show on settled clicks, its youngest cohorts included, that
# its tail is better than none; its likelihood alone does not show it.
#
# *Change this and see*: give `product_limit` the clicks of the last 30 days. How far off is the
# rate now, and which part of the figure of curves tells you?

# %% [markdown]
# ## Bid with it
#
# Now the money. A campaign has about eight known conversions in the fortnight on average, so we smooth, as in
# [20_baseline](20_baseline.ipynb): a campaign's value per unit of its old bid, with 200 imagined
# clicks at the average return. The number of clicks is the *complete* one, $\sum F(a_j)$.
# Multiplied by the bid again, this is the expected conversion value of one click.

# %%
bid, campaign = campaigns["bid"].to_numpy(), recent["campaign_id"].to_numpy()
order_value = later.conversions.set_index("impression_id")["value"]
value = order_value.reindex(recent["impression_id"]).fillna(0).to_numpy() * recent["known"]
click_value = {}
for name in ("naive", "44 days of log", "exponential"):
    gained = np.bincount(campaign, value, len(bid))
    spent = bid * np.bincount(campaign, shares[name], len(bid))
    mean_return = gained.sum() / spent.sum()
    click_value[name] = bid * (gained + 200 * bid * mean_return) / (spent + 200 * bid)

# %% [markdown]
# The first requirement is judged on the clicks of the coming week, which no estimate has seen. Each
# click is billed its campaign's click value over the target of 1.5; a month later we add up what
# the clicks were credited with. The interval resamples campaigns, since the clicks of one campaign
# share the error of its estimate.

# %%
rng = np.random.default_rng(0)
sizes = rng.multinomial(len(bid), np.full(len(bid), 1 / len(bid)), 500)
credited = order_value.reindex(next_week["impression_id"]).fillna(0).to_numpy()
returned = np.bincount(next_week["campaign_id"], credited, len(bid))
volume, rows = np.bincount(next_week["campaign_id"], minlength=len(bid)), {}
for name, worth in click_value.items():
    billed = volume * worth / 1.5
    low, high = np.quantile((sizes @ returned) / (sizes @ billed), [0.025, 0.975])
    rows[name] = {"return": returned.sum() / billed.sum(), "low": low, "high": high}
realised = pd.DataFrame(rows).T
realised.round(2)

# %% [markdown]
# Advertisers asked for 1.5. With naive labels they get clearly more, which sounds harmless until
# one reads it from the other side: on average the platform bids and bills 12 % less than with the
# corrected rate ($1.54 / 1.75 = 0.88$). The bill is proportional to pCVR, so this is just the ratio
# of the two estimated rates, $0.890 / 1.011$. An estimate that is too high does the opposite, and
# the advertiser who misses the target may leave. The curve from 44 days brings the return back to the
# target.
#
# The bill is one half. The bids also *rank*. Suppose that only every other campaign has switched to
# target-return bidding, so that a common factor no longer cancels: in the auction, the eCPM of half
# of the candidates is eleven percent too low.
#
# **Your guess**: how does the revenue at unchanged prices per click change, in percent, when half of
# the candidates are ranked by a score that is too low by as much as our naive labels are?

# %% tags=["guess"]
guess("convert_mixed_revenue", ..., unit="%")

# %% [markdown]
# The policy that we deploy ranks by pCTR times a value per click that we give it:


# %%
class ValuePolicy(ScorerPolicy):
    """Ranks by pCTR times what a click of the campaign is worth."""

    def __init__(self, scorer, click_value):
        super().__init__(scorer)
        self.click_value = click_value

    def act(self, requests):
        predicted = super().act(requests).predicted_ctr
        worth = self.click_value[requests.candidates["campaign_id"]]
        return Actions(predicted, rank_score=predicted * worth)


# %% [markdown]
# Both policies share one click model, the smoothed rates of chapter 20, and run for a week in twin
# worlds. Under first price a click costs the campaign's own bid, whatever ranked it.

# %%
seen = log.impressions[log.impressions["ts"] > (TODAY - RECENT) * DAY]
levels = (("ad_id",), ("user_id", "category"))
click_model = SmoothedRate(levels=levels, strength=30.0).fit(seen, seen["click"])
by_bid = ScorerPolicy(click_model)
switched = np.arange(len(bid)) % 2 == 0
half_low = ValuePolicy(click_model, np.where(switched, naive_ratio, 1.0) * bid)
mixed = world.compare(by_bid, half_low, days=7, history_days=TODAY)
mixed.changes("revenue", "clicks", "user_cost").round(1)

# %%
compare("convert_mixed_revenue", mixed.changes("revenue").loc["revenue", "estimate"], within=1.0)

# %% [markdown]
# Hardly at all: the interval contains zero. The likely reason is that a score which is off by a tenth
# only swaps candidates whose scores lie within a tenth of each other, and between these it makes
# little difference which one is shown. If that is so, the loss should grow with the *square* of the
# error, whereas the bill grows with the error itself; the task at the end of this section lets
# you check it. So the level of pCVR matters most where it is multiplied with money, and much less
# where it only ranks.
#
# What, then, does pCVR in the ranking buy? Let all campaigns state a target, and rank by pCTR times
# click value. The world still books its old price per click, so we do not use its revenue; under
# target billing the platform is paid a fixed share, $1/R$, of the *conversion value*, which is
# therefore what we compare with today's ranking by bids per click. Beside two of the click values
# above stands a pCVR that knows no campaigns: the order value times one rate for all. Days are the
# unit of the interval, paired between the twin worlds.

# %%
click_value["one rate for all"] = campaigns["order"].to_numpy() * recent["known"].mean()
lifts = {}
for name in track(["one rate for all", "naive", "44 days of log"], "deploying"):
    policy = ValuePolicy(click_model, click_value[name])
    test = world.compare(by_bid, policy, days=10, history_days=TODAY)
    old, new = (side.by_day["conversion_value"] for side in (test.control, test.treatment))
    change = 100 * (new - old) / old.mean()
    margin = stats.t.ppf(0.975, len(change) - 1) * change.std() / np.sqrt(len(change))
    lifts[name] = (change.mean(), change.mean() - margin, change.mean() + margin)
gain = pd.DataFrame(lifts, ["estimate", "low", "high"]).T
plot_changes(
    gain,
    xlabel="change of conversion value against bids per click, %",
    title="A pCVR by campaign keeps the value of the market",
)
plt.show()
gain.round(1)

# %% [markdown]
# A dot is the change against today's ranking, the bar its interval. With pCVR by campaign the
# market keeps its conversion value: the change is 0.0 % with an interval from $-1.6$ to $+1.7$,
# inside the non-inferiority bound. One rate for all campaigns costs about 3 %, though its interval
# ($-6.7$ to $+0.8$) still contains zero. Naive labels keep about as much, probably because all
# campaigns have clicks of all ages and so nearly share the factor. So this is what the product
# earns: advertisers need not choose bids any more, the market loses nothing that we can measure,
# and the platform bills what was agreed, on condition that the level of pCVR is right. One market
# of ten days cannot show a small gain, and we claim none.
#
# *Change this and see*: put 0.8, 0.6 and 0.4 in the place of `naive_ratio` in `half_low`. Does the
# loss grow with the square of the error, and from which error on does the interval exclude zero?

# %% [markdown]
# ## Learn from impressions without a click
#
# Conversion labels have a second peculiarity: only clicked impressions have them, but the estimate
# is used for all candidates. If those who click differ from those who do not, in something that the
# model has hardly seen, it learns from the wrong crowd. This is *sample selection of conversions*.
#
# *ESMM* (Ma et al. 2018) does not train on clicks alone. One tower predicts the click, another the
# conversion given a click, on shared embeddings of the ids, and both are trained on *all*
# impressions, where two labels are known: clicked or not ($y$), and clicked and converted or not
# ($z$). Its loss is the sum
# $$\underbrace{\ell(y,\; \text{pCTR})}_{\text{click loss}} +
# \underbrace{\ell(z,\; \text{pCTR} \cdot \text{pCVR})}_{\text{product loss}},$$
# with $\ell$ the log loss. pCVR has no loss of its own; it is the factor that pCTR has to be
# multiplied by. Where an ad was shown often and never clicked, the click loss still trains its
# vector, and the conversion tower reads the same vector.
#
# Does our world select at all? `reveal` shows the true conversion probability of each impression.

# %%
week = later.as_of(7 * DAY)
hidden, clicked = world.reveal(week), week.impressions["click"] == 1
true = hidden[~hidden["is_spam"]].groupby(clicked)["conversion_probability"].mean()
true.rename({False: "not clicked", True: "clicked"}).round(4)

# %% [markdown]
# Hardly: here, what makes people click and what makes them buy are drawn apart, so there is next to
# nothing to correct. We therefore plant a funnel that selects. A thousand ads have an *appeal* that
# moves clicks and conversions alike, users come from eight segments that differ in the same way,
# and clicks are so rare that many ads have none. In a second funnel a person's *mood* moves both as
# well, and no column knows it.

# %%
rng = np.random.default_rng(5)
ad, segment = rng.integers(0, 1000, 40_000), rng.integers(0, 8, 40_000)
pull = 1.2 * rng.normal(size=1000)[ad] + 0.5 * rng.normal(size=8)[segment]
funnels = {}
for name, strength in (("appeal", 0.0), ("appeal and hidden mood", 1.0)):
    mood = strength * rng.normal(size=len(ad))
    chance = 1 / (1 + np.exp(1.5 - pull - mood))
    clicked = rng.random(len(ad)) < 1 / (1 + np.exp(3.3 - pull - mood))
    funnels[name] = clicked, clicked & (rng.random(len(ad)) < chance), chance
{name: f"{1000 - len(np.unique(ad[funnel[0]]))} ads unclicked" for name, funnel in funnels.items()}

# %% [markdown]
# One small network, three losses, so that nothing but the loss differs: conversions on clicked rows
# alone; the product loss alone; and both parts, which is ESMM. An impression is the sum of the
# vectors of its ad and its segment, and each tower is linear on it. `decay` is weight decay, tried
# at two settings for each.


# %%
def conversion_rates(clicked, bought, kind, decay):
    """Return pCVR of all impressions after training with the given kind of loss."""
    torch.manual_seed(0)
    ads, segments, towers = nn.Embedding(1000, 8), nn.Embedding(8, 8), nn.Linear(8, 2)
    nn.init.normal_(ads.weight, std=0.1)
    parts = nn.ModuleList([ads, segments, towers])
    optimizer = torch.optim.Adam(parts.parameters(), lr=0.05, weight_decay=decay)
    y, z = torch.tensor(clicked).float(), torch.tensor(bought).float()
    for _ in range(80):
        scores = towers(ads(torch.tensor(ad)) + segments(torch.tensor(segment)))
        click, given = torch.sigmoid(scores).unbind(1)
        losses = {"clicked rows": functional.binary_cross_entropy(given, z, weight=y / y.mean())}
        losses["product loss"] = functional.binary_cross_entropy(click * given, z)
        losses["ESMM"] = functional.binary_cross_entropy(click, y) + losses["product loss"]
        optimizer.zero_grad()
        losses[kind].backward()
        optimizer.step()
    return given.detach().numpy()


# %%
rows = []
for kind in track(["clicked rows", "product loss", "ESMM"], "training"):
    for decay in (1e-5, 1e-4):
        for name, (clicked, bought, chance) in funnels.items():
            rates = conversion_rates(clicked, bought, kind, decay)
            error = 100 * (rates[~clicked].mean() - chance[~clicked].mean())
            rows.append({"loss": kind, "decay": decay, "funnel": name, "error": error})
planted = pd.DataFrame(rows).pivot(index=["loss", "decay"], columns="funnel", values="error")
planted.round(1)

# %% [markdown]
# The table holds the mean error of pCVR where nobody clicked, in percentage points. One funnel is one
# draw, so here is the largest size of the error in five more (`tests/studies/ad_click/42_esmm.py`), and
# then each of them in a figure.

# %%
other = load_study("ad_click/42_esmm")
size = other.assign(error=other["error"].abs()).pivot(
    index=["funnel", "seed", "decay"], columns="loss", values="error"
)
assert (size["ESMM"] < size["clicked rows"]).all()
size.groupby(["funnel", "decay"]).max().round(1)

# %%
figure, axes = plt.subplots(figsize=(6.4, 3.4))
for (name, part), colour in zip(other.groupby("funnel"), ("blue", "orange")):
    rows = part["loss"] + ", decay " + part["decay"].map("{:.5f}".format)
    axes.plot(part["error"], rows, "o", color=COLOURS[colour], alpha=0.7, label=name)
axes.axvline(0, color=COLOURS["black"], lw=1)
axes.set(xlim=(-30, 28), xlabel="mean error of pCVR where nobody clicked, percentage points")
axes.set_title("ESMM errs less than training on clicked rows in every funnel", x=0.4)
axes.legend(loc="lower left")
plt.show()

# %% [markdown]
# A dot is one funnel, coloured by what moves clicks and conversions in it; right of the line pCVR is too
# high. Where the appeal alone is at work, training
# on clicked rows gives unclicked impressions a rate that is 3 to 6 points too high; the likely reason is
# that it has hardly met the ads that nobody wants. ESMM stays within 4 points, and is below or above
# depending on the weight decay. The product loss alone does as well at the weaker decay and is some ten
# points too low at the stronger: many pairs of pCTR and pCVR have the same product, so we suspect that it
# takes the click loss to tie one of them down.
#
# With the mood, a cause that no column holds, ESMM is better than clicked rows every time and still 8 to
# 20 points too high. (That the product loss lies nearer to zero there comes, we suspect, from two errors
# of opposite sign.) So there is a list of what ESMM does not cure:
#
# - *Delay*. Its labels are as of a day, like everybody's; the completeness curve is still needed.
# - *A hidden common cause*. It estimates from what the columns say, no more.
# - *A bias of its own*. Wang et al. (2022) argue that its conversion estimate is inherently too
#   high, and add a counterfactual correction.

# %% [markdown]
# ## Results
#
# The requirements of the beginning, with the naive system and ours. `naive` is the label that calls
# every silent click a negative, `ours` the product limit on 44 days of log.

# %%
ours = "44 days of log"
results = {
    "requirement": ["return of the coming week", "age group farthest off", "conversion value"],
    "criterion": ["1.425 to 1.575", "10 % at most", "interval above -2 %"],
}
for name in ("naive", ours):
    earned, kept = realised.loc[name].round(2), gain.loc[name].round(1)
    off = (found[name] - 1).abs().max()
    results[name] = [
        f"{earned['return']} ({earned['low']} to {earned['high']})",
        f"{100 * off:.0f} %",
        f"{kept['estimate']} % ({kept['low']} to {kept['high']})",
    ]
TextTable(pd.DataFrame(results))

# %%
assert 1.425 < realised.loc[ours, "return"] < 1.575 < realised.loc["naive", "return"]
assert (found[ours] - 1).abs().max() < 0.1 < (found["naive"] - 1).abs().max()
assert gain.loc[ours, "low"] > -2

# %% [markdown]
# The naive system fails the first two requirements; that its third interval ends at $-2.2$
# and not above $-2$ is no more than noise, as the overlap with ours says. Ours meets all three by their estimates, with one
# reservation: a week of one market leaves an interval of about nine percent around the realised
# return, so it takes some weeks of complete conversions before a dashboard can certify five percent.
# The study above does that for the rate itself, in five worlds.
#
# And the course so far, from the committed ledger: normalized entropy of clicks in the default
# market, with its interval. No conversion enters these rungs but the last, where ESMM's click tower
# is judged beside the others.

# %%
ledger = load_ledger("ad_click").set_index("rung")
rungs = ["smoothed_ad", "hashed_lr", "lightgbm", "dcn_v2", "hashed_lr_counters", "esmm"]
columns = ["normalized_entropy", "normalized_entropy_low", "normalized_entropy_high"]
ledger.loc[rungs, columns].round(3)

# %% [markdown]
# ## What breaks in production
#
# **The delay moves.** Before a holiday people decide faster, and an advertiser with a long sales
# cycle has a curve of its own. Estimate it on recent cohorts, by kind of campaign where there are
# enough conversions, and alarm when early shares change. The lab builds this alarm, and finds that the
# share within a day cannot see everybody taking twice as long, whereas that within half an hour can.
#
# **The window moves.** When somebody shortens the attribution window from 30 to 7 days, every rate
# falls on that day, and nothing is wrong with the model.
#
# **The test set is unripe.** An offline test on last week's clicks rewards the model that predicts
# too little. Judge on clicks whose window has closed, and report calibration by age of click.
#
# **The loop closes.** With automatic bids, a pCVR that is too low buys fewer clicks, so that the
# campaign collects fewer conversions from which to correct it. Guard the volume of young campaigns.

# %% [markdown]
# ## In the interview
#
# *"Conversions arrive up to 30 days late. How do you train?"*
#
# - **Mid-level**: waits a few days until most labels are in.
# - **Senior**: puts numbers on the trade: a week of waiting halves the data; a completeness curve
#   from old cohorts keeps all of it and brings the calibration ratio from 0.89 to about 1.
# - **Staff**: adds what the number is used for, a bid, and therefore specifies calibration by age of
#   click, a curve per kind of campaign with a fallback, and alarms on the shares of half an hour
#   and a day.
#
# *"Why not a parametric delay model?"*
#
# - **Mid-level**: names Chapelle's exponential model, because it is the published one.
# - **Senior**: checks the law by age group; here it was wrong by more than half for the youngest
#   clicks while its total looked plausible.
# - **Staff**: says when a law can help at all, namely when the log is shorter than the window, and
#   that two usual laws did worse there than the curve without one; replaces it once old cohorts
#   exist.
#
# *"Your pCVR is ten percent too low everywhere. What does it cost?"*
#
# - **Mid-level**: nothing, since the order of the ads stays the same.
# - **Senior**: ranking hardly changes even when only half of the campaigns are affected, but every
#   bid and bill is ten percent too low.
# - **Staff**: separates the two by a measurement, as above, and asks who notices: over-delivery
#   pleases advertisers and shows on no dashboard but one of realised against target return.

# %% [markdown]
# ## Summary
#
# - A young click without a conversion is not a negative yet; naive labels were eleven percent short.
# - The product-limit curve from a log longer than the window corrects this without a law.
# - A delay model fills a tail that the log lacks, and is only as right as its law; two usual ones
#   lost to the curve on a short log as well.
# - An error of pCVR goes into the bill in full, and hardly moved revenue through the ranking.
# - ESMM is click loss plus product loss; it helps against selection that its columns can see.

# %% [markdown]
# ## Recall
#
# 1. Why does an unconverted click contribute $1 - p + p\,e^{-a/s}$ and not $1 - p$?
#
# <details><summary>Answer</summary>It may convert later. The second part is the probability that it
# converts, but not within the a days that have passed; it fades as a grows.</details>
#
# 2. Why is the plain histogram of the delays on record biased towards short ones, and what does the
# product limit do about it?
#
# <details><summary>Answer</summary>Young clicks can only show short delays. At each delay it compares
# only conversions whose click is old enough to have shown that delay too.</details>
#
# 3. When can ESMM estimate the conversion rate of ads that nobody clicked?
#
# <details><summary>Answer</summary>When what keeps people from clicking also moves conversions, and
# the model can learn it from the impressions' own columns and shared vectors.</details>

# %% [markdown]
# ## Lab and further reading
#
# Lab: [lab_42_delay](../../labs/01_ad_click_prediction/lab_42_delay.ipynb). You tell a real fall
# from missing labels, choose a wait, notice that the delay has changed, and forecast each day's
# conversions.
#
# - Olivier Chapelle 2014, *Modeling Delayed Feedback in Display Advertising*, KDD.
# - Donald Lynden-Bell 1971, *A Method of Allowing for Known Observational Selection in Small Samples
#   Applied to 3CR Quasars*, Monthly Notices of the Royal Astronomical Society.
# - Xiao Ma et al. 2018, *Entire Space Multi-Task Model: An Effective Approach for Estimating
#   Post-Click Conversion Rate*, SIGIR.
# - Hao Wang et al. 2022, *ESCM²: Entire Space Counterfactual Multi-Task Model for Post-Click
#   Conversion Rate Estimation*, SIGIR.
# - Sofia Ira Ktena et al. 2019, *Addressing Delayed Feedback for Continuous Training with Neural
#   Networks in CTR Prediction*, RecSys: weights for a stream that labels every click 0 at first.
