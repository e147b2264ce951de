# ---
# jupyter:
#   mlsd:
#     title: Find the broken evaluators, then ship by one of your own
#     sections:
#     - {name: What chance scores, minutes: 8}
#     - {name: Probes with a known score, minutes: 17, stop: true}
#     - {name: Which of two is better, minutes: 10}
#     - {name: A decision, minutes: 8}
#     - {name: Ship one of six, minutes: 17}
#     introduces: {}
#     needs: [full-corpus evaluation, Recall@k, NDCG@k, sampled metric, interaction matrix, clustered interval, time split]
# ---

# %% [markdown]
# # Find the broken evaluators, then ship by one of your own
#
# **60 minutes, 15 points** · chapter [20_baseline](../../notebooks/02_video_recommendation/20_baseline.ipynb)
#
# Afterwards you can say what an evaluator has to answer before you ask it anything, find the fault of one that
# somebody else wrote, call a tie a tie, and choose among six recommenders of unknown make, some of which were
# made to look better than they are. Every check says what is wrong and none blocks you.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from mlsd import metrics
from mlsd.lab_support.video.ranking_evaluators import made_up_log, popularity, teams
from mlsd.lab_support.video.shipped_feeds import candidates_of, shipping_world
from mlsd.plots import COLOURS, course_style

plt.rcParams.update(course_style())

# %% [markdown]
# ## What chance scores
#
# Eight teams evaluated the same recommender, popularity, on the same held-out data, all by "NDCG@10". A
# recommender is here a function from what users had, a matrix of booleans of shape (users, items), to scores of
# that shape; `-inf` stands for an item that is not recommended.

# %%
evaluators = teams()
data = made_up_log(1)
reported = pd.Series({name: evaluate(popularity, data) for name, evaluate in evaluators.items()})
print(f"{data.train.shape[0]} users, {data.train.shape[1]} items, {data.held_out.sum()} held out")
reported.round(3).to_frame("NDCG@10 of popularity").T

# %% [markdown]
# They cannot all be right. Two are sound, and each of the other six has one fault. The outputs alone do not say which,
# since nobody knows what popularity *should* score. So we need recommenders whose score is known before anything is run.
#
# ### Exercise 1: what should a random list score?
#
# - **Goal**: the expected NDCG@k of a list in random order, for one user.
# - **Inputs**: `unseen`, the number of items that can be recommended to the user; `discoveries` of them are held
#   out; `k`, the length of the list, at most `unseen`.
# - **Output**: the expected value, a number.
#
# A hit at rank $i$ counts $1 / \log_2(i + 1)$, and the sum is divided by the value of the best list of length $k$.
# Worked number: of 4 items 1 is a discovery, and $k = 2$. Each rank is a hit with probability 1/4, so the
# expected sum is $(1 + 0.631) / 4 = 0.408$. The best list has its one hit on top and is worth 1.


# %% tags=["exercise"] exercise="random_ndcg"
def random_ndcg(unseen, discoveries, k):
    """Return the expected NDCG@k of a random list."""
    ### BEGIN SOLUTION
    gains = 1 / np.log2(np.arange(k) + 2)
    return discoveries / unseen * gains.sum() / gains[:discoveries].sum()
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.video.lab_20_evaluators import check_random_ndcg

check_random_ndcg(random_ndcg)

# %% [markdown]
# ## Probes with a known score
#
# A *probe* is a recommender made for the occasion, with the range in which a sound evaluator's answer has to lie. It
# may look at the answers, because it is not there to recommend. An example: whoever scores the held-out items 1 and
# all others 0 has to get exactly 1.
#
# ### Exercise 2: design probes that find every fault
#
# - **Goal**: probes that no broken evaluator survives, and that never accuse a sound one. Sound evaluators
#   differ in how they treat ties (random order, or the mean over the tied ranks), so leave room for that.
# - **Inputs**: `data`, with `train` and `held_out`, boolean matrices of shape (users, items).
# - **Output**: a list of tuples `(recommender, lowest, highest)`.
#
# Among the faults you have to expect: items that the user had stay in the ranking; what was held out competes with a sample only;
# ties go to the hits; the recommender is shown what it will be judged by; users count by their rows; the sum is divided by
# the wrong ideal; some users are left out; the rank plays no part. The check tries your probes on logs and on faults
# that this lab does not show. Worked example: the perfect probe above is
# `(lambda train: data.held_out.astype(float), 0.999, 1.001)`.


# %% tags=["exercise"] exercise="probes"
def probes(data):
    """Return probes as a list of (recommender, lowest, highest)."""
    ### BEGIN SOLUTION
    wanted, had = data.held_out.astype(float), data.train.astype(float)
    gains, count = 1 / np.log2(np.arange(10) + 2), data.held_out.sum(axis=1)
    unseen = (~data.train).sum(axis=1)
    chance = np.mean([random_ndcg(n, r, 10) for n, r in zip(unseen, count)])
    noise = np.random.default_rng(5).random(wanted.shape)
    busy = np.where((count > np.median(count))[:, None], wanted, -wanted)
    single = np.eye(wanted.shape[1])[wanted.argmax(axis=1)] * 3 - wanted
    best = np.array([gains[:r].sum() for r in count])
    return [
        (lambda train: wanted, 0.999, 1.001),
        (lambda train: wanted + 2 * had, 0.999, 1.001),
        (lambda train: noise, chance - 0.06, chance + 0.06),
        (lambda train: 0 * wanted, chance - 0.06, chance + 0.06),
        (lambda train: train * 1.0, chance - 0.06, chance + 0.06),
        (lambda train: busy, np.mean(busy.max(axis=1)) - 0.01, np.mean(busy.max(axis=1)) + 0.01),
        (lambda train: single, np.mean(1 / best) - 0.01, np.mean(1 / best) + 0.01),
    ]
    ### END SOLUTION


# %% tags=["check"] points=4
from mlsd.checks.video.lab_20_evaluators import check_probes

check_probes(probes)

# %% [markdown]
# Your probes (or the perfect one, where you have none yet) on the eight teams. A cross is a probe that calls the team's evaluator broken.

# %%
found = probes(data)
found = [(lambda train: data.held_out * 1.0, 0.999, 1.001)] if found is ... else found
outside = {
    name: [not low <= evaluate(recommender, data) <= high for recommender, low, high in found]
    for name, evaluate in evaluators.items()
}
outside = pd.DataFrame(outside).rename_axis("probe")
outside.map({True: "x", False: ""}.get)

# %% [markdown]
# Which of the columns have no cross? Look at what the report of popularity said of them: of the eight numbers above, the two
# sound ones differ in the third digit only. And look at the direction of the faults: do they flatter popularity or wrong it?

# %%
accused = outside.any().to_numpy()
figure, axes = plt.subplots(figsize=(6.5, 2.6))
colours = np.where(accused, COLOURS["orange"], COLOURS["blue"])
bars = axes.bar(reported.index, reported, color=colours)
axes.bar_label(bars, reported.round(2).astype(str), padding=2)
axes.set(xlabel="team (orange: called broken by a probe)", ylabel="NDCG@10 of popularity")
axes.set(ylim=(0, 1.15 * reported.max()), title="One recommender, eight reports")
plt.show()

# %% [markdown]
# ## Which of two is better
#
# An evaluator that passes all probes still gives a number with noise. Users are what we average over, and both recommenders
# meet the same users.
#
# ### Exercise 3: better, worse or a tie
#
# - **Goal**: say whether the first or the second recommender is better, or that the data do not say.
# - **Inputs**: `user`, shape (n,), with several rows per user, one for each day on which the user came; `first` and
#   `second`, shape (n,), the NDCG of two recommenders on that user and day.
# - **Output**: `"first"`, `"second"`, or `"tie"` where the 95 % interval of the mean difference over users contains 0.
#   Every user counts once.
#
# Worked number: three users with mean differences of 0.02, 0.03 and 0.04 have a mean of 0.03 and a standard error of
# $0.01 / \sqrt{3} = 0.006$, so the interval of about 0.018 to 0.041 does not contain 0: "first".


# %% tags=["exercise"] exercise="better"
def better(user, first, second):
    """Return "first", "second" or "tie"."""
    ### BEGIN SOLUTION
    difference = pd.Series(first - second).groupby(user).mean()
    if abs(difference.mean()) <= 1.96 * difference.sem():
        return "tie"
    return "first" if difference.mean() > 0 else "second"
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.video.lab_20_evaluators import check_better

check_better(better)

# %% [markdown]
# ## A decision

# %% [markdown] tags=["exercise"] exercise="decision" points=3
# ### Exercise 4: two dashboards
#
# Dashboard one ranks each held-out video among 100 sampled ones and says that the new model is 9 % better than trending, with a
# tight interval. Dashboard two ranks the whole catalogue and says that it is 6 % worse, also with a tight interval. The team wants to
# launch on the strength of the first. In about eight lines: what may be the reason for the contradiction, what do you
# look at, and what do you decide?
#
# <!-- BEGIN SOLUTION -->
# **Sample answer, full marks.** Both can be computed correctly, because they measure different things. Among 101 items rank 10 is the
# best tenth of the catalogue, so the first dashboard rewards a model that gets videos into the better tenth, while a page
# shows six of thousands. A model that is good in the middle and poor at the top wins the one and loses the other. First I run both
# dashboards on probes: random, perfect, constant scores, so that I know that neither has a fault (ties in favour of
# hits would also explain it). Then I look at Recall at 6, 20, 100 and 500 on the full corpus; the curves should cross. If they
# do, the model may be a good candidate source for a ranker that reads 500, and a poor feed by itself. I do not launch it as the feed. I offer it
# as a source beside trending, and test that online with return as the metric, since today's feed chose what could be watched at all and
# the full-corpus number is biased towards what resembles it.
#
# **Sample answer, half marks.** Sampled metrics are wrong, so I trust the second dashboard and reject the model. *Lacks*: a check of
# either evaluator on a known case; the use as a retrieval source, for which the middle ranks matter; and a doubt about the
# second dashboard, whose held-out data come from the old feed.
#
# **Rubric**: says that the sample turns the top of the list into the better part of the catalogue (1); checks both
# evaluators on known cases or looks at several cut-offs before deciding (1); decides, with the use of the model (feed or
# source) and an online test in it (1).
# <!-- END SOLUTION -->

# %% [markdown]
# ## Ship one of six
#
# Six teams hand over a recommender each, and you ship one. You see its methods `recommend(user_ids, k)` and
# `score(user_ids, item_ids)`, until when it has trained, and how many numbers its file holds, used or not. The log
# has ten days of what was watched.

# %%
world, log = shipping_world(5)
candidates = candidates_of(5)
facts = {
    name: {"trained until day": one.trained_until / 86_400, "numbers in the file": one.parameters}
    for name, one in candidates.items()
}
print(log.tail(3).round(0).to_string(index=False))
pd.DataFrame(facts).T.astype(int)

# %% [markdown]
# ### Exercise 5: choose what to ship
#
# - **Goal**: choose the recommender that brings many hours per session once it is deployed, in six worlds that you have not
#   seen. The letters are dealt again in every world.
# - **Inputs**: `candidates`, from letter to recommender; `log`, a DataFrame with `user_id`, `item_id` and `ts`.
# - **Output**: the letter.
#
# `recommend` returns items and scores of shape (users, k), with -1 where a list has ended. Nobody promises that a list leaves out what a
# user has watched already. On the scale of the check 100 is popularity over the whole log. Choosing a letter blindly brings
# about 60, and you need 45 points more than somebody gets who counts the hits of the last three days and asks no questions.
# Worked example: `candidates["A"].recommend(np.array([3, 7]), 2)[0]` are the first two items of users 3 and 7.


# %% tags=["exercise"] exercise="choose"
def choose(candidates, log):
    """Return the letter of the recommender to ship."""
    ### BEGIN SOLUTION
    start = max(one.trained_until for one in candidates.values())
    pairs = log.drop_duplicates(["user_id", "item_id"])
    later = pairs[pairs["ts"] >= start]
    wanted = later.groupby("user_id")["item_id"].agg(list)
    had = set(zip(*log.loc[log["ts"] < start, ["user_id", "item_id"]].to_numpy().T.tolist()))
    worth = {}
    for letter, one in candidates.items():
        lists = one.recommend(wanted.index.to_numpy(), 60)[0].tolist()
        new = [
            [i for i in row if i >= 0 and (user, i) not in had]
            for user, row in zip(wanted.index, lists)
        ]
        filled = np.array([(row + [-1] * 10)[:10] for row in new])
        worth[letter] = metrics.ndcg_at_k(filled, wanted, 10)
    return max(worth, key=worth.get)
    ### END SOLUTION


# %% tags=["check"] points=4
from mlsd.checks.video.lab_20_evaluators import check_choose

check_choose(choose)

# %% [markdown]
# **Change this and see.** Which part of your procedure could you leave out before it ships a bad feed? Take the parts out one at a time,
# with `shipped_hours(seed, choose)` of `mlsd.lab_support.video.shipped_feeds` on seeds of your own. What is left in the end is
# what you would write into the team's evaluation guide.
