# ---
# jupyter:
#   mlsd:
#     title: Tell what is popular from what was shown
#     sections:
#     - {name: Three feeds without a name, minutes: 10}
#     - {name: A claim and a holdout, minutes: 11, stop: true}
#     - {name: How much chance can you afford, minutes: 10}
#     - {name: How often to count again, minutes: 7, stop: true}
#     - {name: A decision, minutes: 7}
#     - {name: A feed that learns from itself, minutes: 15}
#     introduces: []
#     needs: [feedback loop, popularity runaway, randomised holdout, propensity, clustered interval, retraining cadence, exploration cost]
# ---

# %% [markdown]
# # Tell what is popular from what was shown
#
# **60 minutes, 17 points**. It belongs to the chapter
# [61_loop](../../notebooks/02_video_recommendation/61_loop.ipynb).
#
# **You will be able to** recognise from a log whether a feed follows its viewers or itself, judge a claim on viewers
# whom the feed never served, choose the size of a holdout and the days between two trainings, and write the score of
# a feed that learns every night from its own log. No check blocks you: each says what is wrong, and the text goes on
# with its own version.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from mlsd import metrics
from mlsd.lab_support.video.feed_logs import aged_lists, lettered_logs, log_with_holdout
from mlsd.lab_support.video.own_log import count_of_views, outcome, quota_then_count, start
from mlsd.plots import COLOURS, course_style

plt.rcParams.update(course_style())
SEED = 62

# %% [markdown]
# ## Three feeds without a name
#
# Three feeds ran for two weeks, from day 3 to day 17, each after three days of the mixed feed that all chapters start from.
# You have what a fifth of the viewers saw of each. One feed ranks by the number of views in its own log, in a world
# where people click what many have watched: a *runaway*. One shows what a jury likes best, to viewers who do not
# know how often others have watched it: popularity by *merit*. One shows anything, at *random*.
#
# Two numbers come to mind: how unequally the impressions fall on the videos (Gini coefficient), and how well the order
# of the first week agrees with that of the second (rank correlation over the older videos).

# %%
logs = lettered_logs(SEED)


def shown_by_week(log, videos):
    """Return how often each video was shown in the first and in the second week."""
    week = np.where(log["day"] < 10, "week 1", "week 2")
    table = log.groupby(["item_id", week]).size().unstack(fill_value=0)
    return table.reindex(videos["item_id"], fill_value=0)


looks = {}
for letter, (log, videos) in logs.items():
    shown = shown_by_week(log, videos)
    older = shown[(videos["uploaded"] < 3).to_numpy()]
    weeks = metrics.rank_correlation(older["week 1"], older["week 2"], repetitions=50)
    looks[letter] = {"Gini": metrics.gini(shown.sum(axis=1)), "agreement": weeks.estimate}
pd.DataFrame(looks).T.round(2)

# %% [markdown]
# One feed stands out. The other two have almost the same inequality, and in both the order of one week is that of the
# next. So neither number can tell a loop from merit: a good shelf is unequal and stable, too.
#
# ### Exercise 1: who made this log?
#
# - **Goal**: tell the three kinds apart, whatever the number of viewers and the ids of the videos.
# - **Inputs**: `log` with `day`, `user_id`, `item_id`, `position` and `watched`, one row per impression of the two
#   weeks from day 3 on; `videos` with `item_id` and `uploaded`, in days, of all videos.
# - **Output**: `"runaway"`, `"merit"` or `"random"`.
#
# A worked number: about a fifth of the catalogue is uploaded within the two weeks, and is there for half of them on
# average. A feed that shows anything gives these videos about a tenth of its impressions. What would each of the other
# two give them?


# %% tags=["exercise"] exercise="who_made_it"
def who_made_it(log, videos):
    """Return "runaway", "merit" or "random"."""
    ### BEGIN SOLUTION
    shown = log["item_id"].value_counts().reindex(videos["item_id"], fill_value=0)
    if metrics.gini(shown) < 0.5:
        return "random"
    uploads = shown[(videos["uploaded"] >= 3).to_numpy()].sum() / shown.sum()
    return "runaway" if uploads < 0.02 else "merit"
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.video.lab_61_loop import check_who_made_it

check_who_made_it(who_made_it)

# %%
new = {
    letter: set(videos.loc[videos["uploaded"] >= 3, "item_id"])
    for letter, (_, videos) in logs.items()
}
{letter: f"{log['item_id'].isin(new[letter]).mean():.1%}" for letter, (log, _) in logs.items()}

# %% [markdown]
# These are the shares of the impressions that uploads had. A count only grows where something is shown, so what comes
# late cannot catch up. That is the signature of this loop: neither inequality nor stability, but that nothing new gets
# in.
#
# ## A claim and a holdout
#
# The team of the runaway feed has made a list of the forty videos with the most views in its first week. A colleague
# has another list: the forty with the largest share of *impressions* watched in the days before, when the mixed feed
# still showed a bit of everything. The team says: "Last week our forty had more of the views than yours."

# %%
log, videos = log_with_holdout(SEED)
served = log[~log["holdout"]]
week_1 = served[served["day"] < 10].groupby("item_id")["watched"].sum()
before = start(SEED).history.groupby("item_id")["watched"].agg(["mean", "size"])
theirs = week_1.nlargest(40).index.to_numpy()
colleague = before.loc[before["size"] >= 50, "mean"].nlargest(40).index.to_numpy()
week_2 = served[(served["day"] >= 10) & (served["watched"] == 1)]
print(f"{np.isin(theirs, colleague).sum()} videos are on both lists")
shares = {
    name: week_2["item_id"].isin(each).mean()
    for name, each in {"the team's": theirs, "the colleague's": colleague}.items()
}
pd.Series(shares).round(3)

# %% [markdown]
# The claim is true, and worth nothing, since the feed itself preferred the team's videos. Fortunately it holds out a fifth of the
# viewers, who are served at random and whose views enter no count (`holdout`). Apart from that, one slot in twenty of
# all others is left to chance (`explored` without `holdout`).
#
# ### Exercise 2: which list is better?
#
# - **Goal**: say which of two lists is better, by the share of its impressions that is watched when chance chose the
#   viewer and the video, and when the feed has not shown the list to this viewer before. A difference whose 95 %
#   interval contains 0 is no answer.
# - **Inputs**: `log`, with `user_id`, `item_id`, `explored`, `holdout` and `watched`; `first` and `second`, arrays of
#   ids. Rows of one viewer are not independent.
# - **Output**: `"first"`, `"second"` or `"undecided"`.
#
# `metrics.mean_interval(values, clusters=users)` returns an interval with `estimate`, `low` and `high`. Two means are
# about independent here, so their half-widths add up in squares: with $0.12 \pm 0.03$ and $0.17 \pm 0.03$ the
# difference is $0.05 \pm 0.042$, and the second list is better.


# %% tags=["exercise"] exercise="better_list"
def better_list(log, first, second):
    """Return "first", "second" or "undecided"."""
    ### BEGIN SOLUTION
    fair = log[log["holdout"]]
    found = []
    for ids in (first, second):
        rows = fair[fair["item_id"].isin(ids)]
        found.append(metrics.mean_interval(rows["watched"], clusters=rows["user_id"]))
    gap = found[0].estimate - found[1].estimate
    if abs(gap) < np.hypot(*((each.high - each.low) / 2 for each in found)):
        return "undecided"
    return "first" if gap > 0 else "second"
    ### END SOLUTION


# %% tags=["check"] points=3
from mlsd.checks.video.lab_61_loop import check_better_list

check_better_list(better_list)

# %%
verdict = better_list(log, theirs, colleague)
parts = {"holdout": log["holdout"], "chance, served": log["explored"] & ~log["holdout"]}
parts["chance, first time"] = parts["chance, served"] & ~log.duplicated(["user_id", "item_id"])
rates = {
    name: [
        log.loc[rows & log["item_id"].isin(each), "watched"].mean() for each in (theirs, colleague)
    ]
    for name, rows in parts.items()
}
print("not attempted" if verdict is ... else verdict)
pd.DataFrame(rates, index=["the team's", "the colleague's"]).round(3)

# %% [markdown]
# On held-out viewers the lists cannot be told apart; the team's lead in its own log was the work of the feed. The second
# column is a warning. These slots were left to chance as well, but their viewers had been served both lists for days,
# and few people watch a video twice: where the viewer met the video for the first time (third column), nearly all of
# the loss is gone. So chance in the *slot* is not enough to judge a list that the viewer has met; it takes chance in
# the *viewer*.
#
# ## How much chance can you afford
#
# A fifth of the viewers is a lot. They watch far less, and in a small feed that is a price.
#
# ### Exercise 3: the share to hold out
#
# - **Goal**: the smallest share of viewers to hold out so that in two weeks the value of a list is known to within a
#   given half-width of its 95 % interval; if that share costs too many views, none will do.
# - **Inputs**: `log`, two weeks in which `now` percent of the viewers were held out; `ids`, the list; `half_width`;
#   `most_views`, what the holdout may cost in two weeks.
# - **Output**: one of 1, 2, 5, 10, 20 or 40 (percent of the viewers), or `None`.
#
# The value of a list is that of exercise 2. A held-out impression costs what it is watched less often than a served
# one. Worked numbers: with 20 % held out, a list is known to within 0.016. With 5 % there are a quarter of the rows,
# so it would be 0.032. In a log of 200,000 impressions of which served viewers watch 0.12 and held-out ones 0.05, 5 %
# cost $200{,}000 \cdot 0.05 \cdot 0.07 = 700$ views.


# %% tags=["exercise"] exercise="choose_share"
def choose_share(log, ids, half_width, most_views, now=20):
    """Return the share of viewers to hold out, in percent, or None."""
    ### BEGIN SOLUTION
    fair, other = log[log["holdout"]], log[~log["holdout"]]
    rows = fair[fair["item_id"].isin(ids)]
    found = metrics.mean_interval(rows["watched"], clusters=rows["user_id"])
    known = (found.high - found.low) / 2
    lost = len(log) * (other["watched"].mean() - fair["watched"].mean())
    for share in (1, 2, 5, 10, 20, 40):
        if known * np.sqrt(now / share) <= half_width:
            return share if lost * share / 100 <= most_views else None
    return None
    ### END SOLUTION


# %% tags=["check"] points=3
from mlsd.checks.video.lab_61_loop import check_choose_share

check_choose_share(choose_share)

# %%
fair = log.loc[log["holdout"], "item_id"].isin(theirs)
print(f"{100 * fair.mean():.1f} % of the held-out impressions are of the list")
wanted = [(0.05, 800), (0.03, 800), (0.03, 2_000), (0.01, 8_000)]
chosen = {each: choose_share(log, theirs, *each) for each in wanted}
if ... in chosen.values():
    print("not attempted")
else:
    print({f"within {width}, at most {views:,} views": s for (width, views), s in chosen.items()})

# %% [markdown]
# Twice the precision costs four times the viewers, and most held-out impressions say nothing about a list of forty.
# In a feed of this size a holdout tells good lists from bad ones, and not good ones from slightly better ones. A large
# feed pays the same number of views out of far more.
#
# ## How often to count again
#
# A list ages: viewers have seen it, tastes turn, and uploads are missing. Counting again costs machines and people's
# attention. In an experiment (made up for this exercise), each slot was filled from a list of a random age.

# %%
aged = aged_lists(SEED)
by_age = aged.groupby("age")["watched"].agg(["mean", "size"])
figure, axes = plt.subplots(figsize=(6, 3))
axes.plot(by_age.index, by_age["mean"], "o-", color=COLOURS["blue"])
axes.set(xlabel="age of the list, days", ylabel="impressions watched, share", ylim=(0, None))
axes.set_title("A list loses about a third of its views in two weeks")
plt.show()

# %% [markdown]
# A dot is the share of impressions from lists of that age that was watched.
#
# ### Exercise 4: the days between two lists
#
# - **Goal**: the number of days between two lists that leaves most views per day, after what making a list costs.
# - **Inputs**: `aged`, with `age` (whole days) and `watched`, one row per impression; `daily`, impressions per day;
#   `price`, views that making a list costs.
# - **Output**: a whole number from 1 on, at most the number of ages in the log; the smallest of equally good ones.
#
# A worked number: lists of age 0, 1 and 2 are watched in 0.12, 0.10 and 0.02 of 1,000 impressions a day, and a list
# costs 30 views. A list a day leaves $120 - 30 = 90$; every second day, $(120 + 100) / 2 - 15 = 95$; every third day,
# $80 - 10 = 70$. The answer is 2.


# %% tags=["exercise"] exercise="choose_every"
def choose_every(aged, daily, price):
    """Return the number of days between two lists."""
    ### BEGIN SOLUTION
    rate = aged.groupby("age")["watched"].mean().to_numpy()
    days = np.arange(1, len(rate) + 1)
    left = daily * np.cumsum(rate) / days - price / days
    return int(days[np.argmax(left)])
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.video.lab_61_loop import check_choose_every

check_choose_every(choose_every)

# %%
every = {price: choose_every(aged, 14_000, price) for price in (200, 1_000, 5_000)}
every if ... not in every.values() else "not attempted"

# %% [markdown]
# A feed lives with the mean of all ages up to the next list, and not with the oldest one, which is why the best
# interval is longer than the loss at its end suggests.
#
# ## A decision

# %% [markdown] tags=["exercise"] exercise="decision" points=3
# ### Exercise 5: every metric rises
#
# A feed has retrained nightly on its own log for three months. The team reports: "Recall@20 on the next day's log has
# risen from 0.21 to 0.34, so the model understands our viewers better every week. The thousand most shown videos now
# get 80 % of the impressions; they used to get 55 %. We want to drop the random slots, which have become a waste."
#
# - **Goal**: what you believe, what you measure before you decide, and what you change in serving and in training.
# - **Inputs**: the report, and what you saw above.
# - **Output**: about eight lines of prose.
#
# <!-- BEGIN SOLUTION -->
# **Rubric** (3 points): says that recall on one's own log rises by itself when the log narrows, and does not follow
# from it that the feed got worse (1); measures on viewers or slots that chance served, with an interval, beside views
# or hours per session, return, and how uploads fare (1); keeps exploration and says what the training does with it,
# such as rates per impression or propensity weights, with a rule for stopping (1).
#
# **Sample answer, full marks.** The rise of recall proves nothing either way. The next day's log is what the feed
# showed, so a feed that shows fewer videos is easier to predict, whatever viewers think of it. Concentration may be
# earned or made: both feeds of exercise 1 were equally unequal. I would hold out one percent of the viewers, serve
# them at random, keep them out of training, and compare today's model with the one of three months ago on their
# views, with an interval by viewer. Beside that I want sessions per viewer and return, and what share of this month's
# uploads got fifty impressions. The random slots stay, since they are the only rows in which a video can prove the
# feed wrong, but at a price that we name, say two percent of the views. In training I would count views per
# impression instead of views, give an upload the benefit of the doubt until it has had an audience, and ship this as
# an A/B test. I would give the slots up if two months of them had not changed the order of any list.
#
# **Sample answer, half marks.** Recall is measured on biased data, so I would keep the random slots and evaluate on
# them only. If recall on the random slots has risen too, the model is better. *What it lacks: viewers who meet a
# random slot know the feed's own list; nothing about uploads or return, and nothing that changes the training.*
# <!-- END SOLUTION -->

# %% [markdown]
# ## A feed that learns from itself
#
# Now the feed is yours. Every night it asks `score_videos` what each video is worth and shows them in that order for a
# day, passing over what the viewer has been shown in this session or has watched lately. One slot in twenty is left to
# chance. The world has the feedback loop.
#
# So far the feed has a patched count. Every upload is shown first until it has had 50 impressions; everything else
# comes in the order of its views (`quota_then_count`).
#
# Success is counted in *points*: the videos watched in two weeks, in percent of those under the patched count in the
# same world, and 0.5 for each percent of the uploads that found an audience, which means that they were shown at
# least 50 times by the end (uploads of the last two days are left out). The product team set that rate of exchange,
# because creators whose videos nobody is shown do not come back. A worked number: 105 % of the views and an audience
# for 60 % of the uploads are $105 + 0.5 \cdot 60 = 135$ points.


# %%
def newest_first(log, videos, day):
    """Return the time of upload of each video."""
    return videos.set_index("item_id")["uploaded"]


rules = {"patched count": quota_then_count, "count": count_of_views, "newest first": newest_first}
pd.DataFrame({name: outcome(SEED, rule) for name, rule in rules.items()}).T.round(1)

# %% [markdown]
# The patch gives every upload its audience, but afterwards the count takes over again: it holds fifty impressions of the
# upload against thousands of its rivals. The pure count leaves uploads without an audience, and the newest first shows
# viewers what they do not want.
#
# ### Exercise 6: what is each video worth?
#
# - **Goal**: in four fresh worlds, at least 4 points more, on average, than the patched count.
#   The authors' score has about 20 more.
# - **Inputs**: `log`, all impressions so far, with `day`, `user_id`, `item_id`, `position` (0 is the top), `explored`,
#   `propensity` and `watched`; it begins with the three days of the mixed feed, days 0 to 3. `videos`, the catalogue,
#   with `item_id`, `creator_id`, `topic`, `duration` (seconds) and `uploaded` (days). `day`, the day that begins.
# - **Output**: a `pd.Series` of scores whose index is `item_id`. Videos that are left out are shown last.
#
# A worked number: three videos were watched in 30 of 200 impressions, in 60 of 600 and in 1 of 2. The count prefers the
# second, views per impression the third, of which hardly anything is known.
#
# Two decisions matter. What do views have to be held against? And what is a video worth that has hardly been shown, or
# not at all? Try your rule with `outcome(seed, score_videos)` on seeds of your own before you run the check.


# %% tags=["exercise"] exercise="score_videos"
def score_videos(log, videos, day):
    """Return what each video is worth, a Series by `item_id`."""
    ### BEGIN SOLUTION
    counts = log.groupby("item_id")["watched"].agg(["sum", "size"])
    counts = counts.reindex(videos["item_id"], fill_value=0)
    # What is on the list is better than most, so the mean of all impressions is a kind prior: it
    # lets an upload be shown until some thirty impressions speak against it.
    usual = log["watched"].mean()
    return (counts["sum"] + 30 * usual) / (counts["size"] + 30)
    ### END SOLUTION


# %% tags=["check"] points=4
from mlsd.checks.video.lab_61_loop import check_score_videos

check_score_videos(score_videos)

# %% [markdown]
# Two things to try:
#
# - **Change this and see**: use the mean *over videos* of their rates as the prior in place of the mean over
#   impressions. It is the more honest guess for an upload. How many uploads then find an audience?
# - **Change this and see**: learn from the explored rows alone, which no decision of the feed has touched. Does an
#   unbiased log of this size make a better feed than a large one with a bias that you can divide out?
#
# Further reading: Allison J. B. Chaney, Brandon M. Stewart and Barbara E. Engelhardt 2018, *How Algorithmic
# Confounding in Recommendation Systems Increases Homogeneity and Decreases Utility*, RecSys; Matthew J. Salganik,
# Peter Sheridan Dodds and Duncan J. Watts 2006, *Experimental Study of Inequality and Unpredictability in an
# Artificial Cultural Market*, Science.
