# ---
# jupyter:
#   mlsd:
#     title: Rank what retrieval found
#     builds: a candidate union, rankers from logistic regression to a mixture of experts on the same features, and a ranking stage that is deployed
#     sections:
#     - {name: What decides success, minutes: 4}
#     - {name: Look at the data, minutes: 5}
#     - {name: Merge the sources, minutes: 8}
#     - {name: Measure the retrieval ceiling, minutes: 10, stop: true}
#     - {name: Keep the scores honest, minutes: 7}
#     - {name: Learn an order, minutes: 12, stop: true}
#     - {name: Take the slot out, minutes: 10}
#     - {name: Weigh clicks by watch time, minutes: 12, stop: true}
#     - {name: Share a network between tasks, minutes: 14}
#     - {name: Results, minutes: 5}
#     - {name: What breaks in production, minutes: 3}
#     - {name: In the interview, minutes: 6}
#     - {name: Summary, minutes: 1}
#     - {name: Recall, minutes: 3}
#     - {name: Lab and further reading, minutes: 1}
#     introduces:
#       candidate union: the items that several sources propose for a request, each once, with the sources that found it and the rank that each gave it
#       retrieval ceiling: the share of what a user will choose that is among the candidates at all, and which no ranker can raise
#       learning to rank: training a model by the order of the items in a group, such as the slate of a request
#       LambdaMART: boosted trees whose gradients come from pairs of a group, each weighted by how much swapping the two would change the NDCG
#       weighted logistic regression: logistic regression in which a clicked row weighs its watch time, so that the odds estimate the expected watch time
#       position as a feature: training with the slot that a row was shown in, and scoring every candidate as if it stood in the same one
#       multi-task model: one model with an output for each of several outcomes, which share some of its layers
#       shared-bottom: a multi-task model in which all outputs stand on the same layers
#       mixture of experts (MMoE): a multi-task model in which each task mixes the outputs of shared expert networks by a gate of its own
#       seesaw effect: a multi-task model that gains on one task and loses on another, compared with a model for each
#     needs: [candidate source, recommendation funnel, watch time, autoplay view, clickbait, Recall@k, NDCG@k, decayed popularity, EASE, implicit ALS, retrieval, position bias, guardrail metric, twin-world comparison, time split, clustered interval, deployment, as-of counter, label leakage, hashed logistic regression, gradient boosting, DCN-v2]
#     labs: [lab_42_ranker]
#     discussion: Your new ranker raises the NDCG of clicks by three per cent, and the A/B test shows no change in watch time. Where do you look?
#     answer: "At what the metric counts, first: a click is not watch time, and a ranker of clicks finds short videos and strong thumbnails. Then whether the slates that the metric is computed on were drawn by another policy, whether features at serving are those of the log, and whether retrieval already decided the outcome, because the ranker sees only what the sources propose."
#     wrong_answers: ["The ranker is not deep enough.", "The test was too short; offline gains always arrive in the end."]
# ---

# %% [markdown]
# # Rank what retrieval found
#
# **You will build** a candidate union, rankers from logistic regression to a mixture of experts on the
# same features, and a ranking stage that is deployed.
#
# **You will learn** what a ranker can repair and what retrieval has already lost, how to train on the
# scores of other models without leaking labels, what position as a feature buys, and why the objective
# moves a feed further than the model class.
#
# **You need** the recommendation funnel, candidate sources, watch time, autoplay views and clickbait from
# [10_frame](10_frame.ipynb), Recall@k, NDCG@k and decayed popularity from
# [20_baseline](20_baseline.ipynb), EASE from [30_neighbours](30_neighbours.ipynb) and implicit ALS from
# [31_factorize](31_factorize.ipynb). Of case 1, retrieval, position bias, guardrail metrics and twin-world
# comparisons ([10_frame](../01_ad_click_prediction/10_frame.ipynb)), time splits, clustered intervals and
# deployments ([20_baseline](../01_ad_click_prediction/20_baseline.ipynb)), as-of counters, label leakage
# and hashed logistic regression ([30_count](../01_ad_click_prediction/30_count.ipynb)), gradient boosting
# ([32_boost](../01_ad_click_prediction/32_boost.ipynb)) and DCN-v2
# ([41_cross](../01_ad_click_prediction/41_cross.ipynb)).
#
# **Minutes**: 101, with good places to stop after the ceiling, after the order and after the watch time.

# %% [markdown]
# ## What decides success
#
# Retrieval proposes a few hundred of three thousand videos; the ranker reads everything that is known
# about each of them and decides the six that are shown. The product team wants watch time, and has learned
# in [10_frame](10_frame.ipynb) not to buy it with satisfaction. So the stage has to meet:
#
# | requirement | criterion, against the best single source that fills the slates alone |
# |---|---|
# | watch time | at least 5 % more hours per thousand sessions; the 95 % interval lies above zero |
# | satisfaction (guardrail) | not lower; the interval does not lie below zero |
# | cost | at most 40 candidates ranked per request |
#
# The criterion compares with a source on its own because that is what we would go back to if the ranker
# failed: a list from [30_neighbours](30_neighbours.ipynb), made overnight and cheap to serve.

# %%
import copy

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from mlsd import metrics
from mlsd.cases.video.ranking import ranking_stage
from mlsd.cases.video.ranking_rungs import RANKER_RUNGS, offline_interval, tune
from mlsd.checks import check, holds
from mlsd.experiments import load_study
from mlsd.models import (
    EASERecommender,
    FixedAtServing,
    HashedLogisticRegression,
    MMoE,
    PointwiseRanker,
    WatchTimeRanker,
)
from mlsd.notebook import compare, guess
from mlsd.plots import COLOURS, course_style, plot_changes
from mlsd.policies.video import RecommenderPolicy
from mlsd.retrieval import CandidateUnion, union_recall
from mlsd.runtime.times import DAY
from mlsd.worlds import VideoWorld

plt.rcParams.update(course_style())

# %% [markdown]
# ## Look at the data
#
# We take fourteen days of the default world and cut them at midnights. Three sources learn from what was
# watched on the first eleven days: decayed popularity, implicit ALS and EASE. The ranker learns from the
# impressions of the day after, with the sources' scores among its features. One day chooses settings, and
# the last one is read for the verdict. "Watched" means to the end or for at least 30 seconds, which leaves
# out most of what started by itself.

# %% tags=["nbval-check-output"]
stage = ranking_stage(VideoWorld(seed=13))
{part: len(stage.rows(part)) for part in ("train", "validation", "test")}

# %% [markdown]
# A row is one impression, and its columns are what a feed can know when the request arrives. Here are the
# kinds, with the number of columns of each:

# %% tags=["nbval-check-output"]
numeric = stage.columns["numeric"]
kinds = {
    "context and video, as categories": len(stage.columns["categorical"]),
    "context and video, as numbers": 3,
    "as-of counters": sum(name.endswith("_7d") for name in numeric),
    "what this viewer did before": sum(
        n.startswith(("recent", "session", "started")) for n in numeric
    ),
    "scores of the sources": sum(name.startswith("score_") for name in numeric),
}
kinds

# %% [markdown]
# Categories are device, hour, age band, country, topic, creator and the slot. The counters say, as of the
# last midnight, how often a video, a creator, a viewer, a viewer's topic and a viewer's creator were
# watched per impression, decayed with a half-life of a week and shrunk. The viewer's past comes from the
# last twenty starts and from what the session has been shown, so that a ranker can notice that three videos
# of a topic in a row are enough. One definition gives these columns for the log and for the feed: a test in
# the project deploys a policy, logs it, and holds the two equal.

# %% [markdown]
# Which source is the one to beat? We let each fill the slates alone for two days, from the top of a list
# that is made overnight.

# %%
lists = {name: RecommenderPolicy(source) for name, source in stage.features.sources.items()}
by_source = {name: stage.world.deploy(policy, days=2).measures for name, policy in lists.items()}
pd.DataFrame(
    {
        name: {each: found[each].estimate for each in ("watch_hours", "clicks", "satisfaction")}
        for name, found in by_source.items()
    }
).T.rename(columns=lambda name: name.replace("_", " ")).round(2)

# %% [markdown]
# EASE leads in all three measures, so it is the baseline of this chapter: 373 hours per thousand sessions. It
# stands here with an `l2` of 300, one of the settings that [30_neighbours](30_neighbours.ipynb) sweeps.

# %% [markdown]
# ## Merge the sources
#
# Each source hands over a list. A *candidate union* holds every item of these lists once, and remembers who
# found it and at which rank, because the ranker, the log and whoever debugs a bad slate will all ask.
#
# **Your turn**: merge the lists of one request. The result maps each item to its sources with their ranks
# (from 0 on), and its order is that of the best rank that any source gave; where two items tie, the one of
# the source that comes first stands first.


# %% tags=["your-turn"]
def merge(lists):
    """Return {item: {source: rank}} in order, from {source: [items, best first]}."""
    return ...


# %% [markdown]
# The check merges two short lists, of which the items 1 and 3 are on both.

# %% tags=["check"]
two = {"popular": [1, 2, 3], "similar": [3, 1, 4]}
verdict = check(
    "merge",
    merge,
    holds(
        lambda f: f(two)[1] == {"popular": 0, "similar": 1}, "item 1 is first here, second there"
    ),
    holds(lambda f: f(two)[4] == {"similar": 2}, "an item keeps only the sources that found it"),
    holds(lambda f: list(f(two)) == [1, 3, 2, 4], "order by the best rank; ties by the source"),
    holds(lambda f: f({"popular": []}) == {}, "a source may find nothing"),
)
verdict


# %%
def merge_by_best_rank(lists):
    """Merge the lists of one request; dictionaries keep the order in which sources come."""
    found = {}
    for source, items in lists.items():
        for rank, item in enumerate(items):
            found.setdefault(item, {})[source] = rank
    return dict(sorted(found.items(), key=lambda pair: min(pair[1].values())))


merge = verdict.answer_or(merge_by_best_rank)
merge(two)

# %% [markdown]
# `CandidateUnion` does the same for all users at once. We ask each source for 200 videos for everybody who
# watched something on the test day, and look at the first viewer's candidates.

# %% tags=["nbval-check-output"]
test = stage.rows("test")
chosen = test[test["watched"] == 1].groupby("user_id")["item_id"].unique()
union = CandidateUnion(stage.features.sources, per_source=200)
found = union.collect(chosen.index.to_numpy())
f"{len(found)} viewers, {', '.join(found.sources)}"

# %%
first = pd.DataFrame(found.ranks[0, :6], columns=[f"rank, {name}" for name in found.sources])
first.insert(0, "video", found.items[0, :6])
first.replace(-1, "not found")

# %% [markdown]
# ## Measure the retrieval ceiling
#
# A ranker orders what it is given. What no source proposed, it cannot show, however good it is, so the
# share of a viewer's later choices that are among the candidates is a ceiling for everything that follows:
# the *retrieval ceiling*. It is Recall@k of the union, and we can compute it for each source and for all of
# them together.
#
# **Your guess**: the three sources propose 100 videos each, a tenth of the catalogue together at most. What
# share of the videos watched on the test day is among them?

# %% tags=["guess"]
guess("video_union_recall", ..., unit="%")

# %% [markdown]
# For each length we keep what the sources would have found had they been asked for so many.

# %%
lengths = (10, 25, 50, 100, 200)
asked = {name: (name,) for name in found.sources} | {"union": found.sources}
recall = pd.DataFrame(
    {
        name: [np.nanmean(union_recall(found.up_to(k, own), list(chosen))) for k in lengths]
        for name, own in asked.items()
    },
    index=lengths,
)

# %%
compare("video_union_recall", 100 * recall.loc[100, "union"])

# %% [markdown]
# The same for every source and every length:

# %%
figure, axes = plt.subplots()
for name, colour in zip(recall, ("grey", "sky", "orange", "blue")):
    axes.plot(lengths, 100 * recall[name], "o-", color=COLOURS[colour], label=name)
axes.set(title="With 100 videos per source, half of what was watched is out of reach", xscale="log")
axes.set_xticks(lengths, [str(k) for k in lengths])
axes.minorticks_off()
axes.set(xlabel="videos asked of each source (log scale)", ylabel="recall on the test day, %")
axes.legend()
plt.show()

# %% [markdown]
# A point says what share of a viewer's watched videos, on average over viewers, is among the candidates. With
# 100 videos per source the union reaches 50 %, three points more than its best source, because the sources
# mostly agree; with 200 it reaches 59 %. Popularity does best of the three, which says as much about the log
# as about viewers: nearly half of the logged slots were drawn from what trends, so that is what could be
# watched. And some of what is missing cannot be found by any source of this kind:

# %%
uploaded = stage.logs.videos.set_index("item_id")["ts"]
watched = test[test["watched"] == 1]
new = (watched["item_id"].map(uploaded) >= 11 * DAY).to_numpy()
f"watched on the test day, but uploaded after the sources were fitted: {new.mean():.1%}"

# %% [markdown]
# One watched video in thirteen was uploaded after the sources were fitted. Our three sources learn from
# interactions and will never propose it; a content tower ([40_two_tower](40_two_tower.ipynb)) would.
#
# The log's recall is not the whole truth, because a tenth of its slates was drawn at random and nobody
# would have looked for what they hold. So we ask the world. The table comes from a script that deployed the
# best ranker of this chapter for two days with fewer and more candidates
# ([42_rankers.py](../../tests/studies/video/42_rankers.py)).
#
# **Your guess**: with six candidates the ranker only reorders a slate that the union has filled. What share
# of the extra watch hours that it earns with 80 candidates is left?

# %% tags=["guess"]
guess("video_hours_left_with_six", ..., unit="%")

# %% [markdown]
# The table holds the change of watch hours against EASE alone, whose own lists fill the other twin's
# slates.

# %%
study = load_study("video/42_rankers").query("seed == 13")
by_count = study[study["kind"] == "candidates"].set_index("name")
by_count.index = by_count.index.astype(int)
hours = by_count["watch_hours_change"]

# %%
compare("video_hours_left_with_six", 100 * hours[6] / hours[80])

# %% [markdown]
# All five deployments, with their intervals:

# %%
figure, axes = plt.subplots()
low, high = hours - by_count["watch_hours_low"], by_count["watch_hours_high"] - hours
axes.errorbar(hours.index, hours, yerr=[low, high], fmt="o-", color=COLOURS["blue"], capsize=3)
axes.axhline(0, color=COLOURS["black"], lw=1)
axes.set(
    title="The same ranker earns three times as much with 40 candidates as with six",
    xscale="log",
    xlabel="candidates ranked per request (log scale)",
)
axes.set_xticks(hours.index, [str(k) for k in hours.index])
axes.minorticks_off()
axes.set_ylabel("watch hours, change in %")
plt.show()

# %% [markdown]
# The answer of the world agrees with the shape of the curve, though not with its level. A point is a
# deployment with so many candidates, and its bar the 95 % interval over viewers. With six candidates the
# ranker earns 4.5 % more hours, with 40 it earns 14.0 % and with 80 it earns 16.3 %, and the intervals of 6
# and 20, and of 20 and 80, do not overlap. So reordering a slate that retrieval has filled is worth less than
# a third of what the same model earns when it may choose. What retrieval lost, ranking cannot find.
#
# **Change this and see**: take `"popular"` out of `asked` for the union, or add `segment_popularity` to the
# sources. Which source adds recall that no other brings, and which only agrees with the rest?

# %% [markdown]
# ## Keep the scores honest
#
# The scores of the sources are features, and that is where a two-stage system leaks most easily. If a
# source has been fitted on the very day that the ranker learns from, its score has seen the label beside
# which it stands. We try it on EASE: one copy knows eleven days, the other also the ranker's day.
#
# **Your guess**: on the ranker's training day, the score of the honest copy orders watched before unwatched
# impressions with an AUC of about 0.6. What is the AUC of the copy that has seen this day?

# %% tags=["guess"]
guess("video_leaky_score_auc", ...)

# %% [markdown]
# The honest score stands in the table already. The other copy is fitted here and scores the same rows.

# %%
frame = stage.log.frame
known = frame[(frame["ts"] < 12 * DAY) & (frame["watched"] == 1)]
leaky = EASERecommender(l2=300.0).fit(known[["user_id", "item_id"]])
aucs = {}
for part in ("train", "validation"):
    rows = stage.rows(part).dropna(subset="score_ease")
    seen = leaky.score(rows["user_id"].to_numpy(), rows["item_id"].to_numpy())
    scores = {"honest": rows["score_ease"], "has seen the ranker's day": seen}
    aucs[part] = {name: metrics.auc(rows["watched"], each) for name, each in scores.items()}

# %%
compare("video_leaky_score_auc", aucs["train"]["has seen the ranker's day"])

# %% [markdown]
# And on the validation day, which neither copy has seen:

# %%
assert aucs["train"]["has seen the ranker's day"] > aucs["train"]["honest"] + 0.05
pd.DataFrame(aucs).round(3)

# %% [markdown]
# Both copies order the validation day equally well (0.59). On the training day the second one seems to have
# become a far better feature, 0.77 instead of 0.59. A ranker that learns from such rows trusts the score as
# far as it deserved *there*, and meets a score of 0.59 when it is deployed. This is label leakage through a
# feature, and it happens whenever sources and ranker are retrained on the same window. `ranking_stage` keeps
# the days apart; the price is a source that is some days older than it might be.

# %% [markdown]
# ## Learn an order
#
# Logistic regression predicts each row by itself. *Learning to rank* asks for less: only the order within a
# slate counts. *LambdaMART* trains boosted trees on pairs of a slate. If item $i$ was watched and $j$ was
# not, with scores $s_i$ and $s_j$, the pair pushes $s_i$ up and $s_j$ down by
#
# $$\lambda_{ij} = \frac{\sigma}{1 + e^{\sigma (s_i - s_j)}} \, |\Delta \mathrm{NDCG}_{ij}|,$$
#
# where $\sigma$ sets the steepness and $\Delta \mathrm{NDCG}_{ij}$ is what swapping the two would change
# (Burges 2010). So a pair that already stands far apart in the right order hardly counts, and a mistake at
# the top counts more than one at the bottom. With $\sigma = 1$ and equal scores the fraction is 0.5. If the
# only watched item stands third, its NDCG is $1 / \log_2 4 = 0.5$; the pair with the first place is worth
# $0.5 \cdot 0.5 = 0.25$, the pair with the fourth $0.5 \cdot (0.5 - 1 / \log_2 5) = 0.035$.
#
# We hold the label and the columns fixed and change the model: logistic regression, LambdaMART, DCN-v2 and
# the two multi-task networks of a later section, all for "watched". Each had four settings, and the
# validation day chose. Tuning one of them takes seconds:

# %%
rungs = {rung.name: rung for rung in RANKER_RUNGS}
watched_linear = tune(rungs["logistic, watched"], stage)
settings = [f"C={each['C']:g}" for each in rungs["logistic, watched"].settings]
pd.Series(watched_linear.validation, settings).rename("validation NDCG").round(4)

# %% [markdown]
# The numbers are NDCG@6 over the slates of the validation day in which something was watched. The rest of
# the tuning stands in the study, and so do the deployments.
#
# **Your guess**: which of the five models has the highest NDCG on the test day?

# %% tags=["guess"]
guess(
    "video_best_ranker",
    ...,
    choices=("logistic", "LambdaMART", "DCN-v2", "shared bottom", "MMoE"),
)

# %% [markdown]
# The study holds one row per rung, with its NDCG on the test day and what it changed when it was
# deployed.

# %%
ladder = study[study["kind"] == "rung"].set_index("name")
classes = ["logistic", "LambdaMART", "DCN-v2", "shared bottom", "MMoE"]
by_class = ladder.loc[[f"{name}, watched" for name in classes]].set_axis(classes)

# %%
compare("video_best_ranker", by_class["ndcg_watched"].idxmax())

# %% [markdown]
# All five with their intervals, the changes in % against EASE alone, and the CPU seconds of one fit:

# %%
shown = ["ndcg_watched", "ndcg_watched_low", "ndcg_watched_high", "clicks_change"]
shown += ["watch_hours_change", "watch_hours_low", "watch_hours_high", "fit_cpu_seconds"]
by_class[shown].rename(columns=lambda name: name.replace("_", " ")).round(4)

# %% [markdown]
# DCN-v2 is ahead of logistic regression by 0.006, the two multi-task networks lie between, and LambdaMART,
# whose gradients follow the metric, comes last. It chose the smallest of its four settings, 15
# leaves at the low rate, so we suspect that one day of slates, most of them with one watched video, is too
# little for it. Nothing here says that trees cannot rank; it says that on this day's data, with four settings
# each, the model class is worth about 0.01 of NDCG from the worst to the best. What is that worth in the feed?

# %%
pairs = {"estimate": "watch_hours_change", "low": "watch_hours_low", "high": "watch_hours_high"}
plot_changes(
    by_class[list(pairs.values())].set_axis(list(pairs), axis=1),
    xlabel="watch hours against EASE alone, change in %",
    title="No model of watched videos adds watch hours to EASE's lists",
)
plt.show()

# %% [markdown]
# A dot is the change of hours per thousand sessions against EASE alone, and right of the line is better. The
# order is not that of the NDCG. DCN-v2, which ordered the log best, loses 2.8 % of the hours and LambdaMART
# 4.9 %; logistic regression and the mixture are level with EASE. All five raise the number of started videos
# by 21 to 28 % (the column `clicks change`). So the offline metric predicted neither the order of the models
# nor what matters to the product team: the models learned to find videos that are watched for 30 seconds or
# to the end, and a short video is watched to its end more easily.

# %% [markdown]
# ## Take the slot out
#
# People look at the top of a slate first, so a click also says where a video stood (position bias). With
# *position as a feature* the model gets the slot in training, so that it can put the slot's share of the
# clicks there, and at serving every candidate is scored as if it stood at the top. That raises three
# questions: does the slot matter for prediction, does fixing it cost anything, and does the feed get
# better? We fit logistic regression without the slot and with it, and score the test day in two ways.

# %%
columns = stage.columns
bare = tuple(name for name in columns["categorical"] if name != "position")
settings = {"numeric": columns["numeric"], "C": watched_linear.settings["C"]}
without = HashedLogisticRegression(categorical=bare, **settings)
with_slot = HashedLogisticRegression(categorical=columns["categorical"], **settings)
plain, slotted = (
    stage.fit(PointwiseRanker(scorer=scorer), "watched") for scorer in (without, with_slot)
)
ways = {
    "without the slot": plain,
    "slot as it was": slotted,
    "slot fixed at the top": FixedAtServing(ranker=slotted),
}
pd.Series({name: str(offline_interval(stage, way, "watched")) for name, way in ways.items()})

# %% [markdown]
# The slot is worth a lot for prediction: scored with the slots as they were, the same model gains 0.05 of NDCG.
# None of that can be served, because the slot of a candidate is only decided by the scores, and a log whose
# slots are read in the evaluation flatters every model that reads them. With the slot fixed, the model is
# level with the one that never saw it.
#
# **Your guess**: both were deployed for two days. How do the clicks with the slot fixed compare with those
# without the slot?

# %% tags=["guess"]
guess("video_slot_fixed_clicks", ..., choices=("more", "level", "fewer"))

# %% [markdown]
# The study deployed both, each against EASE alone.

# %%
names = {"logistic, watched": "slot fixed", "logistic, watched, no slot": "without the slot"}
slots = ladder.loc[list(names), ["clicks_change", "clicks_low", "clicks_high"]].set_axis(
    list(names.values())
)
gap = slots["clicks_change"].iloc[0] - slots["clicks_change"].iloc[1]
width = (slots["clicks_high"] - slots["clicks_low"]).mean() / 2

# %%
compare("video_slot_fixed_clicks", "level" if abs(gap) < width else "more" if gap > 0 else "fewer")

# %% [markdown]
# Both with their intervals:

# %%
slots.round(1)

# %% [markdown]
# Level: 28.0 and 27.6 % more clicks than EASE alone, with intervals of two points on either side. We had
# expected a gain, so why is there none? Position as a feature corrects for slots that follow merit: if good
# videos always stand at the top, a model without the slot cannot tell whether the video or the slot was
# clicked. Let us look whether slots follow merit in this log.

# %%
merit = stage.rows("train")
by_slot = merit.groupby("position")[["item_id_log_odds_7d", "score_ease", "watched"]].mean()
by_slot.rename_axis("slot").round(3)

# %% [markdown]
# They do not. From the first slot to the last, watches fall to a quarter, while the videos' watched rate and
# EASE's score stay the same, since the logging policy had filled its slots by chance. So there was nothing to
# correct. If this is the reason, the feature should matter in a log that a ranker has written. We make one by
# keeping only the training rows whose slot agrees, to within one, with their rank by the model without the
# slot, and fit both models again. They are judged on the untouched test day.

# %%
ranked = stage.rows("train").assign(score=lambda rows: plain.score(rows))
rank = ranked.groupby("request_id")["score"].rank(ascending=False, method="first") - 1
written = ranked[(ranked["position"] - rank).abs() <= 1]
target, groups = written["watched"].to_numpy(), written["request_id"].to_numpy()
judged = {}
for name in ("without the slot", "slot fixed at the top"):
    refitted = copy.deepcopy(ways[name]).fit(written, target, groups)
    judged[name] = str(offline_interval(stage, refitted, "watched"))
f"{len(written) / len(ranked):.0%} of the rows; NDCG {judged}"

# %% [markdown]
# Still level, on the 44 % of the rows that are left: 0.7004 without the slot and 0.7006 with it. So our
# explanation is refuted, at least as the whole of it. A second suspect is the model. If slots follow merit, a
# model without the slot gives merit too much weight; but a larger weight on the same columns changes the
# predicted probability and not the order, and only the order is served. We have not tested this. What the
# section does show is that the feature costs nothing, and that it has to be fixed before anything is compared.
#
# **Change this and see**: set `C=1.0` for both models, or give LambdaMART the column or not. Does a model
# that can bend gain from the slot?

# %% [markdown]
# ## Weigh clicks by watch time
#
# A ranker of clicks or of "watched" cannot tell a video that holds a viewer for a minute from one that
# holds them for half an hour. *Weighted logistic regression* (Covington et al. 2016) changes nothing but
# the weights: a clicked row is a positive example that weighs its watch time, any other a negative one of
# weight 1. With $N$ rows, $k$ of them clicked and watched for $T_i$ seconds, the odds that it learns are
#
# $$\frac{\sum_i T_i}{N - k} = \frac{E[T]}{1 - P}, \qquad E[T] = \frac{\sum_i T_i}{N}, \quad P = \frac{k}{N}.$$
#
# With 1,000 rows, 100 clicks and 60 seconds each, the odds are $6{,}000 / 900 = 6.7$, against an expected
# watch time of 6 seconds per impression. The factor $1 / (1 - P)$ is near 1 where clicks are rare, so the
# odds serve as a score and no division is needed.
#
# **Your turn**: decide label and weight of each row. The unit of the weights is yours to choose, but the
# odds times this unit have to come out as above. What is a row that was clicked and left at once?


# %% tags=["your-turn"]
def as_examples(clicked, seconds, unit):
    """Return labels and weights, shape (n,) each, of rows that were clicked and watched."""
    return ...


# %% [markdown]
# The check looks at four rows: two minutes, half a minute, no click, and a click that was left at once.

# %% tags=["check"]
clicks, times = np.array([1, 1, 0, 1]), np.array([120.0, 30.0, 0.0, 0.0])
verdict = check(
    "as_examples",
    as_examples,
    holds(lambda f: np.array_equal(f(clicks, times, 60.0)[0][:3], [1, 1, 0]), "label: the click"),
    holds(lambda f: np.allclose(f(clicks, times, 60.0)[1][:3], [2, 0.5, 1]), "two minutes weigh 2"),
    holds(
        lambda f: np.isclose(np.dot(*f(clicks, times, 1.0)), 150.0),
        "positive weights have to add up to the seconds watched",
    ),
    holds(
        lambda f: np.sum(np.where(f(clicks, times, 1.0)[0] == 0, f(clicks, times, 1.0)[1], 0)) >= 1,
        "a row that was not watched weighs 1 as a negative one",
    ),
)
verdict


# %%
def watched_or_not(clicked, seconds, unit):
    """A click without watch time teaches nothing as a positive row, so it is a negative one."""
    positive = (clicked == 1) & (seconds > 0)
    return positive.astype(int), np.where(positive, seconds / unit, 1.0)


as_examples = verdict.answer_or(watched_or_not)
train = stage.rows("train")
label, weight = as_examples(train["click"].to_numpy(), train["watch_seconds"].to_numpy(), 60.0)
odds = weight[label == 1].sum() / weight[label == 0].sum()
f"odds times the unit {60 * odds:.1f} s, mean watch time {train['watch_seconds'].mean():.1f} s"

# %% [markdown]
# The training day confirms the formula. The odds are 13 % above the mean watch time, which is the factor
# $1 / (1 - P)$ at a click rate of 12 %. A click that was left at once teaches nothing as a positive row of
# weight 0, so it is better used as a negative one.
#
# Is it safe to call a started video a click? In this log, as in most, a video that started by itself counts
# as one. The log does not say which ones these are, but they begin in the top slot and end within seconds.

# %%
started = train[train["click"] == 1].assign(top=lambda rows: rows["position"] == 0)
short = started[started["watch_seconds"] < 10]
by_top = started.groupby("top")
pd.DataFrame(
    {
        "starts under 10 s, %": 100 * short.groupby("top").size() / by_top.size(),
        "their share of the watch time, %": 100
        * short.groupby("top")["watch_seconds"].sum()
        / by_top["watch_seconds"].sum(),
    }
).rename(index={False: "other slots", True: "top slot"}).round(2)

# %% [markdown]
# More than a third of the starts in the top slot end within ten seconds, against 0.6 % in the others. To a
# ranker of clicks each of them counts as much as a film that was watched to its end. By weight they have
# 0.8 % of the top slot's watch time, so weighting by time takes them out without anybody having to find them.
# It does not help against a video that plays unwatched in an empty room.

# %%
time_rung = rungs["logistic, watch time"]
timed = tune(time_rung, stage)
assert isinstance(timed.ranker.ranker, WatchTimeRanker)
offline = {
    name: {o: offline_interval(stage, ranker, o).estimate for o in ("watched", "watch_seconds")}
    for name, ranker in {"watched": watched_linear.ranker, "watch time": timed.ranker}.items()
}
pd.DataFrame(offline).T.rename_axis("trained on").round(3)

# %% [markdown]
# Offline, each ranker is best at its own outcome. The second column takes the seconds watched as gains, and
# weighs each request by them, so that a request with an hour of watching counts for more than one with a
# minute. Validation chose the weakest penalty that was tried for the ranker of watch time ($C = 1$), so a
# wider sweep might find a little more.
#
# **Your guess**: same features, same model, another weight per row. By how much does it change the watch
# hours of the feed, against EASE alone?

# %% tags=["guess"]
guess("video_watch_time_hours", ..., unit="%")

# %% [markdown]
# We deploy the ranker of watch time in the twin of the world that EASE serves alone, for two days.

# %%
alone = RecommenderPolicy(stage.features.sources["ease"])
twins = stage.world.compare(alone, stage.policy(timed.ranker), days=2)
deployed = twins.changes("watch_hours", "clicks", "satisfaction", "session_slates")

# %%
compare("video_watch_time_hours", deployed.loc["watch_hours", "estimate"])

# %% [markdown]
# Beside it the rankers of clicks and of watched videos, from the study. All three have the same columns
# and the same model.

# %%
objectives = ["logistic, click", "logistic, watched", "logistic, watch time"]
measures = ["watch_hours", "clicks", "satisfaction"]
rows = {
    (name.split(", ")[1], measure.replace("_", " ")): ladder.loc[
        name, [f"{measure}_change", f"{measure}_low", f"{measure}_high"]
    ].to_numpy()
    for name in objectives
    for measure in measures
}
plot_changes(
    pd.DataFrame(rows, index=["estimate", "low", "high"]).T,
    xlabel="change against EASE alone, %",
    title="The objective decides what the feed becomes",
)
plt.show()

# %% [markdown]
# Read the figure by colour. Ranked by clicks, the feed starts 30 % more videos and viewers spend no more time
# with them (−1.2 %, interval −2.9 to 0.4). Ranked by watch time, it starts as many videos as EASE alone and
# they are watched for 14 % more hours, at a satisfaction that is 2.1 % *higher*. The model and its columns
# are the same in all three; only label and weight differ. Between the model classes of the last section lay
# five points of watch hours, between these objectives lie fifteen.
#
# We had expected the opposite for satisfaction, because long videos gain from a weight by time whether or not
# they are liked. In this world enjoyment lengthens a view, so that the weight carries some of it. Whether yours
# does is a question for surveys, and one reason for the value model of the next chapter. Sessions did get
# shorter (−3.1 % slates), we suspect because a viewer's evening has only so many minutes.

# %%
assert deployed.loc["watch_hours", "low"] > 5
assert ladder.loc["logistic, click", "watch_hours_low"] < 0
deployed.round(1)

# %% [markdown]
# ## Share a network between tasks
#
# Clicks, watches and likes are three views of the same videos, and a like is a tenth as frequent as a
# click. A *multi-task model* learns them together: in a *shared-bottom* all outputs stand on the same
# layers, so that likes can use what clicks have taught them. The danger is that the tasks want different
# layers. A *mixture of experts (MMoE)* (Ma et al. 2018) has several bottoms, the experts, and each task
# mixes them by a gate of its own:


# %%
def mix(told, gate):
    """What a task's tower reads: experts (n, experts, width) mixed by a gate (n, experts)."""
    shares = np.exp(gate - gate.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return (shares[:, :, None] * told).sum(axis=1)


# %% [markdown]
# The gate is a linear function of the input, so the mixture may differ from row to row and from task to
# task. To see that these lines are all there is to it, we train the package's network on the three outcomes
# and compute the input of its like tower by hand.

# %%
tasks = ["click", "watched", "like"]
trained = {"epochs": 2.0, "batch_size": 1024, "hidden": (64,), "learning_rate": 3e-3}
mixture = MMoE(**stage.columns, **trained, tasks=tuple(tasks)).fit(train, train[tasks].to_numpy())
network, some = mixture.network_, stage.rows("test").iloc[:500]
with torch.no_grad():
    codes, numbers = mixture._tensors(mixture._take(some), len(some))
    x = network.side_by_side(codes, numbers)
    told = torch.stack([expert(x) for expert in network.experts], dim=1).numpy()
    by_hand = mix(told, network.gates[2](x).numpy())
    tower, output = network.towers.towers[2], network.towers.outputs[2]
    like = torch.sigmoid(output(tower(torch.from_numpy(by_hand)))).numpy()[:, 0]
    shares = network.shares(codes, numbers).numpy()
assert np.allclose(like, mixture.predict_proba(some)[:, 2], atol=1e-5)
pd.DataFrame(shares.mean(axis=0), tasks, [f"expert {i + 1}" for i in range(4)]).round(2)

# %% [markdown]
# A row of the table says how much a task takes of each expert, on average over 500 impressions. The gates of
# click and watched resemble each other, and both lean on the third expert; the like gate takes most from the
# second, of which the other two use little. The outcomes were allowed to part ways, and they did.
#
# Does sharing help? The study [42_tasks.py](../../tests/studies/video/42_tasks.py) trained one network for
# each outcome alone, a shared bottom and a mixture, each with four settings. The table shows paired
# differences of NDCG on the test day from the network that learned this outcome alone, in thousandths.

# %%
shared = load_study("video/42_tasks").query("seed == 13 and model != 'alone'")
parts = {"vs_alone": "estimate", "vs_alone_low": "low", "vs_alone_high": "high"}
gains = 1_000 * shared.set_index(["outcome", "model"])[list(parts)].rename(columns=parts)
plot_changes(
    gains,
    xlabel="NDCG against a network of its own, difference in thousandths",
    title="What sharing moves is hardly more than noise",
)
plt.show()
gains.round(1)

# %% [markdown]
# A dot right of the line is a head that orders its outcome better than a network that learned nothing else.
# Both multi-task models lean towards a *seesaw effect*: clicks gain one or two thousandths, likes lose six or
# seven. But of the six intervals only one excludes zero, the mixture's gain on watched videos (0.1 to 3.3); a day
# holds too few likes to tell. The hope that likes would profit from clicks is not fulfilled here, and the
# mixture is not clearly better than the shared bottom. What sharing does buy is cost: one network and one pass
# over the features for three predictions.
#
# The seesaw that matters is online. One mixture has three heads, and each of them can rank the feed:

# %%
heads = study[study["kind"] == "head"].set_index("name")
heads.loc["watched"] = ladder.loc["MMoE, watched"]
changes = [f"{name}_change" for name in ("watch_hours", "clicks", "satisfaction", "session_slates")]
heads.loc[tasks, changes].rename(columns=lambda name: name.replace("_", " ")).astype(float).round(1)

# %% [markdown]
# The columns are changes against EASE alone, in %. The like head is the rarest outcome and the best servant of
# satisfaction (+4.2 %) and of the number of slates per session (+14 %), with hours that are level; the click
# and the watched head start most videos. None of the three brings the hours of the ranker of watch time. This
# is the seesaw in the form that a product team meets it: every head is right about its own outcome, and which
# of them ranks the feed is not a question that a loss can answer. Combining them is the subject of the next
# chapter, where a value model weighs the heads.

# %% [markdown]
# ## Results
#
# All rungs against EASE alone, the best of the sources, each deployed for two days in the twin of its
# world. Intervals resample users.


# %%
text = {
    f"{name.replace('_', ' ')}, %": [
        f"{value:+.1f} [{low:+.1f}, {high:+.1f}]"
        for value, low, high in ladder[[f"{name}_change", f"{name}_low", f"{name}_high"]].to_numpy()
    ]
    for name in measures
}
table = pd.DataFrame(
    {
        "NDCG, watched": ladder["ndcg_watched"].round(3),
        "NDCG, watch time": ladder["ndcg_watch_seconds"].round(3),
        **text,
    }
)
table

# %% [markdown]
# The two NDCG columns are computed on the same slates. NDCG of watched videos puts DCN-v2 first, and it
# loses hours. NDCG with seconds as gains, each request weighted by what was watched in it, puts the ranker of
# watch time first by a wide margin, and it is the only one that earns hours. An offline metric predicts a
# deployment as far as it counts what the deployment is judged by.
#
# All of this is one world. The study repeated the three objectives in a second one (seed 29): ranked by watch
# time, hours rose by 9.4 % (7.9 to 11.0), again most of the three, and satisfaction was level (+0.2 %, −0.2 to
# 0.6). Ranked by clicks they rose by 2.5 % (1.2 to 3.9), with satisfaction up by 2.2 %. So the order of the
# objectives in hours held, whereas the gain in satisfaction did not repeat, and return after 28 days fell by
# 0.2 % there with watch time. The models were compared in the first world only.
#
# | requirement | naive: rank by clicks | ranked by watch time |
# |---|---|---|
# | at least 5 % more hours, interval above zero | −1.2 % [−2.9, 0.4]: missed | +14.0 % [12.1, 16.0]: met |
# | satisfaction not lower | +0.2 % [−0.2, 0.7]: met | +2.1 % [1.6, 2.6]: met |
# | at most 40 candidates per request | 40: met | 40: met |

# %% [markdown]
# ## What breaks in production
#
# - **The source is refitted and the ranker is not.** Its scores change their scale overnight, and the ranker
#   reads them with yesterday's weights. Version the two together, and refit the ranker after the sources.
# - **A source has seen the ranker's labels.** Offline everything improves; online the ranker trusts a score
#   that no longer knows the answer. Fit sources on days before the ranker's, always.
# - **The slot at serving is not the one that was fixed.** Somebody passes the slot of the previous page, or a
#   missing value. Test the feature vector of a request, not only the model.
# - **A source dies silently.** The union gets smaller, the ranker still fills the slates, and no error is
#   raised. Count candidates per source and request, and alarm on their share.
# - **The watch time of a video that plays by itself.** A change of the player's autoplay changes the labels,
#   and a ranker of clicks learns it as a change of taste.

# %% [markdown]
# ## In the interview
#
# **"Your retrieval has three sources. How do you combine them?"**
# *Mid*: weigh their scores and sort. *Senior*: merge them into a union and let a ranker order it, because the
# scores are on different scales; keep who found what. *Staff*: adds what it is worth and how you know: the
# same ranker earned 4.5 % more hours with six candidates and 16.3 % with 80, so the number of candidates is a
# budget to be bought with latency, and a source is kept for the recall that no other brings.
#
# **"Would you use LambdaMART or a neural ranker?"**
# *Mid*: the neural one, it reads interactions. *Senior*: both with equal tuning on my data; here DCN-v2 led by
# 0.011 of NDCG over LambdaMART and by 0.006 over logistic regression. *Staff*: asks what is being ranked for
# first. The models lay within five points of watch hours, the objectives fifteen apart, and the model with the
# best NDCG lost 2.8 % of the hours.
#
# **"How do you handle position bias in training?"**
# *Mid*: add the position as a feature. *Senior*: and fix it at serving, because the slot of a candidate is not
# known; scoring the log with its real slots makes the offline metric look better than anything you can serve.
# *Staff*: asks how the log was made, and measures. Here the slots had been filled by chance, and the feature
# changed nothing online (28.0 against 27.6 % more clicks); it changed nothing either in a log thinned so that
# slots follow merit. It is cheap insurance for calibrated predictions, and no reason to expect a better feed.

# %% [markdown]
# ## Summary
#
# - A union keeps each candidate once, with its sources; its recall is a ceiling that no ranker lifts.
# - A source's score is a feature only if the source has not seen the ranker's rows.
# - With one label, five model classes lay within five points of watch hours, and NDCG did not order them.
# - Weighting clicks by watch time turned one model from −1 to +14 % hours (+2.5 to +9.4 in a second world).
# - Several heads are several feeds; which one to serve is a decision about value.

# %% [markdown]
# ## Recall
#
# <details><summary>Why must the sources be fitted on earlier days than the ranker?</summary>
#
# Because their scores are features. A source that was fitted on the ranker's rows has seen their labels, so
# its score looks far better in training than it will be at serving, and the ranker learns to trust it.
# </details>
#
# <details><summary>What do the odds of weighted logistic regression estimate?</summary>
#
# The seconds watched over the rows that were not clicked, which is E[T] / (1 − P): the expected watch time
# per impression, over by a factor that is near 1 where clicks are rare.
# </details>
#
# <details><summary>Why is every candidate scored in the same slot?</summary>
#
# Because its slot is only decided by the scores. The slot helps in training, where it explains part of the
# clicks; given different values at serving it would rank candidates by where somebody put them.
# </details>

# %% [markdown]
# ## Lab and further reading
#
# [lab_42_ranker](../../labs/02_video_recommendation/lab_42_ranker.ipynb) asks for a ranker under a latency
# budget: what a request costs, how many candidates it can afford, and which model is worth it.
#
# - Paul Covington, Jay Adams and Emre Sargin 2016, *Deep Neural Networks for YouTube Recommendations*, RecSys,
#   section 4.2 for weighted logistic regression.
# - Christopher J. C. Burges 2010, *From RankNet to LambdaRank to LambdaMART: An Overview*, Microsoft Research,
#   MSR-TR-2010-82.
# - Jiaqi Ma, Zhe Zhao, Xinyang Yi, Jilin Chen, Lichan Hong and Ed H. Chi 2018, *Modeling Task Relationships in
#   Multi-task Learning with Multi-gate Mixture-of-Experts*, KDD.
# - Hongyan Tang, Junning Liu, Ming Zhao and Xudong Gong 2020, *Progressive Layered Extraction (PLE): A Novel
#   Multi-Task Learning (MTL) Model for Personalized Recommendations*, RecSys, on the seesaw.
# - Zhe Zhao et al. 2019, *Recommending What Video to Watch Next: A Multitask Ranking System*, RecSys, for a
#   mixture of experts and a tower for the position in one system.
