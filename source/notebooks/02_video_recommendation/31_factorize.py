# ---
# jupyter:
#   mlsd:
#     title: Factorise the matrix, and tune before you invent
#     builds: implicit ALS and BPR from scratch, a sweep that shows what tuning is worth, and vectors for viewers who came after the training
#     sections:
#     - {name: What decides success, minutes: 4}
#     - {name: Look at the log, minutes: 3}
#     - {name: Solve one side at a time, minutes: 16, stop: true}
#     - {name: Rank pairs instead, minutes: 9}
#     - {name: Sweep the settings, minutes: 10, stop: true}
#     - {name: Compare families with their spread, minutes: 7}
#     - {name: Stand beside a published table, minutes: 10, stop: true}
#     - {name: Fold in a new viewer, minutes: 8}
#     - {name: Filter and blend, minutes: 8}
#     - {name: Deploy, minutes: 6}
#     - {name: Results, minutes: 4}
#     - {name: What breaks in production, minutes: 3}
#     - {name: In the interview, minutes: 5}
#     - {name: Summary, minutes: 1}
#     - {name: Recall, minutes: 3}
#     - {name: Lab and further reading, minutes: 1}
#     introduces:
#       matrix factorisation: giving each user and each item a short vector so that their inner product predicts the interaction
#       implicit ALS: matrix factorisation of implicit feedback by alternating least squares, where every pair without an interaction is a weak zero
#       unobserved weight: how much a pair without an interaction counts in the loss, beside the 1 of an interaction
#       pairwise loss (BPR): a loss that asks a chosen item to score above one that was not chosen, for pairs drawn at random
#       fold-in: computing the vector of a new or changed user from their history while the item vectors stay fixed
#       low-pass graph filter: recommending by smoothing a user's interactions over the graph of users and items, keeping its leading singular vectors
#       blend: a weighted sum of the scores of several recommenders, each brought to one scale first
#       published benchmark: a public data set with a fixed split and metric on which results of papers can be compared
#     needs: [EASE, denoising autoencoder, interaction matrix, NDCG@k, full-corpus evaluation, decayed popularity, cold user, deployment, twin-world comparison]
#     labs: []
#     discussion: A colleague reports that a new graph network beats matrix factorisation by six per cent NDCG on your data. What do you ask before you celebrate?
#     answer: "How many settings each model was given, whether the baseline's penalty and unobserved weight were among them, on which rows they were chosen, what the interval of the difference is, and what a deployment says. Within one family the settings moved our metric by more than the families differ."
#     wrong_answers: ["Whether the network can be made deeper.", "Nothing; six per cent is a large gain."]
# ---

# %% [markdown]
# # Factorise the matrix, and tune before you invent
#
# **You will build** implicit ALS and BPR from scratch, a sweep that shows what tuning is worth, and
# vectors for viewers who came after the training.
#
# **You will learn** how to fit millions of unobserved pairs without touching them, why a baseline's
# settings can matter more than the model's name, how to stand honestly beside a published table, and
# how to serve viewers whom the training never saw.
#
# **You need** EASE and its denoising variant from [30_neighbours](30_neighbours.ipynb); from
# [20_baseline](20_baseline.ipynb) the interaction matrix, full-corpus evaluation, NDCG@k, decayed
# popularity and the cold user; from case 1 deployments
# ([20_baseline](../01_ad_click_prediction/20_baseline.ipynb)) and twin-world comparisons
# ([10_frame](../01_ad_click_prediction/10_frame.ipynb)).
#
# **Minutes**: 98, with good places to stop after the alternating solve, after the sweep and after the
# published table.

# %% [markdown]
# ## What decides success
#
# EASE needs memory for videos times videos, 400 TB of weights for 10 million of them. *Matrix
# factorisation* stores a vector of a few dozen numbers per viewer and per video instead, and predicts
# by their inner product. It has to earn its place beside EASE, and our hypothesis, which others have
# found elsewhere, is that **tuning matters more than novelty**.
#
# | requirement | criterion |
# |---|---|
# | size | item vectors for 10 million videos fit into 8 GB |
# | online | no fewer hours than EASE: the 95 % interval of the change lies above $-1$ % |
# | new viewers | their first videos count without a refit, and they watch longer than under lists made overnight; interval above zero |
# | published table | tuned classics reach the best figure of a published table, or we say by how much they miss |

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.special import expit

from mlsd import metrics
from mlsd.cases.video.ladder import LADDER
from mlsd.cases.video.worlds import WORLDS
from mlsd.checks import check, gives
from mlsd.experiments import load_ledger, load_study
from mlsd.lab_support.video.judged_users import judge_users
from mlsd.models import (
    BlendRecommender,
    BPRRecommender,
    EASERecommender,
    GraphFilterRecommender,
    ImplicitALSRecommender,
    PopularityRecommender,
)
from mlsd.models.corpus import Corpus
from mlsd.models.recommenders.bpr import gradients
from mlsd.models.recommenders.ials import spectral_start
from mlsd.notebook import compare, guess, track
from mlsd.plots import COLOURS, course_style, plot_changes
from mlsd.policies.video import RecommenderPolicy

plt.rcParams.update(course_style())

# %% [markdown]
# ## Look at the log
#
# The same two weeks of the default world as in the last chapter, with the same split by time.

# %% tags=["nbval-check-output"]
replicate = WORLDS.source().simulate(13)
world, feed = replicate.world, LADDER.protocol.prepare(replicate)
train, validation, test = (feed.interactions[part] for part in ("train", "validation", "test"))
corpus = Corpus(train)
matrix = corpus.matrix
{"viewers": matrix.shape[0], "videos": matrix.shape[1], "pairs": matrix.nnz}

# %% [markdown]
# A viewer has 20 videos on average, of 3,393. What about the other 3,373? A viewer who did not watch a
# video may dislike it, or may never have been shown it. So the missing pairs are weak evidence, and
# how weak is a setting.

# %% [markdown]
# ## Solve one side at a time
#
# *Implicit ALS* (Hu, Koren and Volinsky 2008, here in the form of Rendle et al. 2022) gives viewer $u$ a vector $p_u$ and video $i$ a vector
# $q_i$. A pair with an interaction should score 1 and every pair should score 0, the latter with
# a small *unobserved weight* $\alpha$. With $N(u)$ for the videos of a viewer and $\lambda_u$ for the
# penalty, the loss of one viewer is
#
# $$\sum_{i \in N(u)} (1 - p_u^\top q_i)^2 + \alpha \sum_{i} (p_u^\top q_i)^2 + \lambda_u \lVert p_u \rVert^2 .$$
#
# If the videos' vectors are fixed, this is a ridge regression for each viewer on their own. Setting the
# gradient to zero gives
#
# $$\Big( \sum_{i \in N(u)} q_i q_i^\top + \alpha \sum_{i} q_i q_i^\top + \lambda_u I \Big)\, p_u
# = \sum_{i \in N(u)} q_i .$$
#
# With vectors of length 1, one video with $q = 1$, watched, $\alpha = 0.5$ and $\lambda = 1$ this reads
# $(1 + 0.5 + 1)\, p = 1$, so $p = 0.4$: the score is pulled from 1 towards zero by both terms. Then
# the viewers' vectors are fixed and the videos are solved for in the same way, in turns; hence
# *alternating least squares*.
#
# Written down as it stands, the solve of one viewer loops over all videos:


# %%
def solve_one(fixed, chosen, unobserved, penalty):
    """Return the best vector of one user, from the vectors of all items, shape (items, dim)."""
    weight = np.full(len(fixed), unobserved)
    weight[chosen] += 1
    left = (fixed * weight[:, None]).T @ fixed + penalty * np.eye(fixed.shape[1])
    return np.linalg.solve(left, fixed[chosen].sum(axis=0))


solve_one(np.ones((1, 1)), [0], unobserved=0.5, penalty=1.0)

# %% [markdown]
# For each viewer the product in the third line multiplies 3,393 rows, although the viewer chose 20 of
# them.
#
# **Your guess**: by what factor could that product shrink for an average viewer, if we never computed the
# same thing twice?

# %% tags=["guess"]
guess("video_gram_trick", ..., unit="times")

# %% [markdown]
# **Your turn**: write the solve for all viewers of a side. `rows` has one array per viewer with the
# positions of their videos, and `penalties` one number per viewer. What in the normal equations is the
# same for everybody?


# %% tags=["your-turn"]
def solve_side(fixed, rows, unobserved, penalties):
    """Return the best vectors of one side, shape (rows, dim), computing what is shared once."""
    return ...


# %% tags=["check"]
two = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]])
rows = [np.array([0, 1]), np.array([2])]
expected = np.array([solve_one(two, own, 0.1, 0.5) for own in rows])
verdict = check("solve_side", solve_side, gives(two, rows, 0.1, [0.5, 0.5], expected=expected))
verdict

# %% [markdown]
# The sum over all videos, $\alpha \sum_i q_i q_i^\top$, is the Gram matrix of the vectors. It does not
# depend on the viewer, so it is computed once per turn, and each viewer adds only the products of
# their own videos. This is the *Gram trick*, without which a catalogue of millions would be hopeless.


# %%
def own_version(fixed, rows, unobserved, penalties):
    """Return the best vectors of one side, with one Gram matrix for all rows."""
    shared = unobserved * fixed.T @ fixed
    found = np.zeros((len(rows), fixed.shape[1]))
    for row, chosen in enumerate(rows):
        own = fixed[chosen]
        left = shared + own.T @ own + penalties[row] * np.eye(fixed.shape[1])
        found[row] = np.linalg.solve(left, own.sum(axis=0))
    return found


solve = verdict.answer_or(own_version)
compare("video_gram_trick", matrix.shape[1] / (matrix.nnz / matrix.shape[0]))

# %% [markdown]
# The whole model is now a loop. The penalty of a viewer grows with what stands in their part of the
# loss, $\lambda_u = \lambda\,(|N(u)| + \alpha \cdot \text{videos})$, and likewise for a video: the
# *frequency scaling* of Rendle et al. (2022), meant to let one $\lambda$ serve busy and rare users.


# %%
def factorise(matrix, dim, unobserved, l2, epochs=8):
    """Return vectors of users and items by alternating least squares."""
    of_users, of_items = (
        np.split(side.indices, side.indptr[1:-1]) for side in (matrix, matrix.T.tocsr())
    )
    penalty_of_users, penalty_of_items = (
        l2 * (np.array([len(row) for row in rows]) + unobserved * others)
        for rows, others in ((of_users, matrix.shape[1]), (of_items, matrix.shape[0]))
    )
    users = spectral_start(matrix, dim, np.random.default_rng(0)).astype(float)
    for _ in range(epochs):
        items = solve(users, of_items, unobserved, penalty_of_items)
        users = solve(items, of_users, unobserved, penalty_of_users)
    return users, items


# %% [markdown]
# `spectral_start` begins from the leading singular vectors, which saves some turns. The package's
# `ImplicitALSRecommender` starts from the same, solves in single precision, and must agree:

# %%
users, items = factorise(matrix, dim=16, unobserved=0.1, l2=0.01)
package = ImplicitALSRecommender(dim=16, unobserved=0.1, l2=0.01).fit(train)
theirs = package.user_vectors_ @ package.item_vectors_.T
difference = np.abs(users @ items.T - theirs).max()
assert difference < 0.02 * np.abs(theirs).max()
assert np.allclose(solve(np.ones((1, 1)), [np.array([0])], 0.5, [1.0]), 0.4)
f"largest difference of a score: {difference:.4f}, of scores up to {theirs.max():.2f}"

# %% [markdown]
# ## Rank pairs instead
#
# A list needs an order rather than a value of 1 or 0. The *pairwise loss (BPR)* of Rendle et al. (2009) draws
# an interaction $(u, i)$ and a video $j$ that the viewer never had, and asks for the first to score
# higher. With $s = p_u^\top q_i + b_i$ for a score, $b_i$ being a bias of the video, it lowers
#
# $$-\ln \sigma(s_{ui} - s_{uj}) + \tfrac{\lambda}{2} \left( \lVert p_u \rVert^2 + \lVert q_i \rVert^2 + \lVert q_j \rVert^2 + b_i^2 + b_j^2 \right)$$
#
# by stochastic gradient descent, where $\sigma(x) = 1 / (1 + e^{-x})$. If both score alike, the gradient
# pulls with $1 - \sigma(0) = 0.5$; at a lead of 3 it pulls with 0.05, so that pairs already in
# order are left alone. One batch of triples:


# %%
def bpr_gradients(users, items, biases, triples, l2):
    """Return the gradient of each table, summed over triples of user, chosen and other item."""
    user, chosen, other = triples
    gap = items[chosen] - items[other]
    lead = (users[user] * gap).sum(axis=1, keepdims=True) + biases[chosen] - biases[other]
    pull = expit(-lead)
    of_users, of_items, of_biases = (np.zeros_like(table) for table in (users, items, biases))
    np.add.at(of_users, user, -pull * gap + l2 * users[user])
    for item, sign in ((chosen, -1), (other, 1)):
        np.add.at(of_items, item, sign * pull * users[user] + l2 * items[item])
        np.add.at(of_biases, item, sign * pull + l2 * biases[item])
    return of_users, of_items, of_biases


# %% [markdown]
# The package computes the same for the rows that a batch touches, and hands it to Adagrad, which
# divides each step by the size of the earlier gradients:

# %% tags=["nbval-check-output"]
rng = np.random.default_rng(0)
tables = [rng.normal(0, 0.1, (each, dim)) for each, dim in ((50, 8), (40, 8), (40, 1))]
triples = np.stack([rng.integers(size, size=200) for size in (50, 40, 40)])
for own, (touched, theirs) in zip(
    bpr_gradients(*tables, triples, l2=0.01), gradients(*tables, triples, l2=0.01), strict=True
):
    assert np.allclose(own[touched], theirs)
f"{len(triples[0])} triples, three tables, equal"

# %% [markdown]
# The two differ in what they make of missing pairs. ALS counts all of them, with a weight; BPR
# samples a few per interaction. Which ranks better is a matter of measurement.

# %% [markdown]
# ## Sweep the settings
#
# Two settings of iALS interact: a small unobserved weight lets a few interactions speak loudly, and the penalty
# quiets them again. We sweep both, at two lengths of the vectors, 12 fits in all. The guides are those
# of the last chapter: NDCG@20 over all choices of the validation days, and over the choices from
# slots that trending did not fill (*elsewhere*), which agreed with deployments there.

# %%
elsewhere = validation[validation["source"] != 0]
grid, swept = {}, []
for dim in track((16, 64), "sweeping"):
    for unobserved in (0.1, 0.3):
        for l2 in (0.003, 0.01, 0.03):
            model = ImplicitALSRecommender(dim=dim, unobserved=unobserved, l2=l2).fit(train)
            both = [
                judge_users(model, feed, among=part)["ndcg"].mean() for part in (None, elsewhere)
            ]
            grid[dim, unobserved, l2] = model
            swept.append((dim, unobserved, l2, *both))
swept = pd.DataFrame(swept, columns=["dim", "unobserved", "l2", "all choices", "elsewhere"])
swept = swept.set_index(["dim", "unobserved", "l2"])
swept.unstack("l2").round(4)

# %% [markdown]
# The same as a figure, solid lines for 64 factors and dotted ones for 16:

# %%
figure, panels = plt.subplots(1, 2, figsize=(8.5, 3.2))
for axes, guide in zip(panels, ("all choices", "elsewhere")):
    for (dim, unobserved), own in swept[guide].groupby(["dim", "unobserved"]):
        style = {"linestyle": "-" if dim == 64 else ":", "label": f"{dim}, {unobserved}"}
        colour = {0.1: "blue", 0.3: "orange"}[unobserved]
        axes.plot([0.003, 0.01, 0.03], own, marker="o", color=COLOURS[colour], **style)
    axes.set(xscale="log", xlabel="l2", ylabel="validation NDCG@20", title=guide)
    axes.set_xticks([0.003, 0.01, 0.03], ["0.003", "0.01", "0.03"])
    axes.minorticks_off()
panels[0].legend(title="dim, unobserved", ncols=2, fontsize=8)
figure.suptitle("All choices want more penalty than the choices elsewhere do")
plt.show()

# %% [markdown]
# A dot is one fit. By all choices the settings range from 0.077 to 0.129, and the other guide ranges as
# widely, from 0.0060 to 0.0118, but at other settings: at a penalty of 0.003 all choices see the worst
# models of the sweep and the choices elsewhere the best. Both sixteen factors and sixty-four can be
# good or bad, so a verdict on "iALS" from one cell of this table would mean nothing.
#
# **Change this and see**: add an unobserved weight of 1.0 and, for its line, a colour. Which penalty
# does it want, and why would a larger unobserved weight need a smaller penalty?

# %% [markdown]
# ## Compare families with their spread
#
# How large is that beside the distance between model families? A script gave seven families five
# settings each in three other worlds and deployed every one
# ([30_families.py](../../tests/studies/video/30_families.py)): 105 deployments of three days.
#
# **Your guess**: which is larger, the range of hours among the five settings of iALS, or the range among the six
# personal families, each at its best setting by the choices elsewhere?

# %% tags=["guess"]
guess("video_tuning_spread", ..., choices=("settings of iALS", "families at their best"))

# %% [markdown]
# Ranges are the largest minus the smallest hours per 1,000 sessions, one row per world:

# %%
study = load_study("video/30_families")
personal = study[study["family"] != "popularity"]
best = personal.loc[personal.groupby(["seed", "family"])["ndcg elsewhere"].idxmax()]
ranges = pd.DataFrame(
    {
        "settings of iALS": study[study["family"] == "ials"]
        .groupby("seed")["watch_hours"]
        .agg(np.ptp),
        "families at their best": best.groupby("seed")["watch_hours"].agg(np.ptp),
    }
)
ranges.round(1)

# %%
compare("video_tuning_spread", ranges.mean().idxmax())

# %% [markdown]
# Every deployment as a dot, and the settings that the choices elsewhere picked as diamonds:

# %%
axes = plt.figure(figsize=(7, 3.6)).gca()
families = ["popularity", "item_cosine", "ease", "denoising_ease", "graph_filter", "ials", "bpr"]
centred = study.assign(
    hours=study["watch_hours"] - study.groupby("seed")["watch_hours"].transform("mean")
)
for place, family in enumerate(families[::-1]):
    own = centred[centred["family"] == family]
    (dots,) = axes.plot(own["hours"], [place] * len(own), "o", color=COLOURS["grey"], alpha=0.6)
    found = centred.loc[best.index.intersection(own.index), "hours"]
    (diamonds,) = axes.plot(found, [place] * len(found), "D", color=COLOURS["red"])
axes.legend([dots, diamonds], ["a setting", "picked elsewhere"], fontsize=8, loc="lower right")
axes.set_yticks(range(7), families[::-1])
axes.set_xlabel("hours per 1,000 sessions, minus the mean of all settings in that world")
axes.set_title("Settings move hours as much as the choice of a family does")
plt.show()

# %% [markdown]
# The five settings of iALS range over 43, 35 and 41 hours; the six personal families, each at the
# setting that the choices elsewhere picked, over 47, 16 and 36. On average, and in two worlds of
# three, the settings of one model spread wider than the families differ. The first world is the
# exception because our own guide picked the worst setting of iALS there (its leftmost diamond), which
# stretches the range of the families. EASE is forgiving: it was swept over a factor of 100 in its
# penalty, iALS over one of 10, and yet its ranges are 20 to 27 hours.

# %% [markdown]
# ## Stand beside a published table
#
# One world's law cannot settle what models are worth elsewhere, so we also ask a *published
# benchmark*: MovieLens 1M with the split of Yu and Qin (2020), on which UltraGCN and SimpleX (both 2021)
# report their results. A test film counts as found in the 20 best of all 3,043 films, without the
# user's training films. The best NDCG@20 of their tables is 0.2670 (SimpleX); LightGCN has 0.2427 there.
#
# The data may not be copied into this course, so what we show are means: the committed ledger of the
# ladder on this split, in which every rung but popularity chose among four settings on the validation part.
#
# **Your guess**: where does iALS, a model of 2008, end up?

# %% tags=["guess"]
guess("video_published_ials", ..., choices=("below LightGCN", "between the two", "above SimpleX"))

# %% [markdown]
# The ledger's rungs, with 95 % intervals by user, beside three published figures:

# %%
published = {"SimpleX": 0.2670, "UltraGCN": 0.2642, "LightGCN": 0.2427}
ledger = load_ledger("video", "movielens-1m-lcf").set_index("rung").sort_values("ndcg@20")
ledger[["recall@20", "ndcg@20", "ndcg@20_low", "ndcg@20_high", "fit_cpu_seconds"]].round(4)

# %%
ials = ledger.loc["ials", "ndcg@20"]
place = "between the two" if ials < published["SimpleX"] else "above SimpleX"
compare("video_published_ials", "below LightGCN" if ials < published["LightGCN"] else place)

# %% [markdown]
# How much of that is tuning? A script fitted three of the rungs at four settings each
# ([31_published.py](../../tests/studies/video/31_published.py)), among them the package's defaults. The
# last column is the ledger, whose settings differ in more: they weigh users by how active they are,
# EASE also divides scores by popularity, and iALS has 128 factors in place of 64:

# %%
trials = load_study("video/31_published")
best_four = trials.loc[trials.groupby("model")["validation ndcg"].idxmax()].set_index("model")
report = pd.DataFrame(
    {
        "worst of four": trials.groupby("model")["test ndcg"].min(),
        "default": trials[trials["is_default"]].set_index("model")["test ndcg"],
        "chosen of four": best_four["test ndcg"],
        "ledger": ledger.set_index("model")["ndcg@20"][best_four.index],
    }
)
report.round(4)

# %%
axes = plt.figure(figsize=(7, 3.6)).gca()
shown = ledger.drop("popularity")
ends = np.abs(shown[["ndcg@20_low", "ndcg@20_high"]].to_numpy().T - shown["ndcg@20"].to_numpy())
axes.errorbar(shown["ndcg@20"], shown.index, xerr=ends, fmt="o", color=COLOURS["blue"], capsize=3)
for name, value in published.items():
    axes.axvline(value, color=COLOURS["black"], linewidth=1, linestyle="--")
    axes.text(value, len(shown) - 0.4, name, rotation=45, fontsize=8)
axes.set_xlabel("test NDCG@20 on MovieLens 1M, published split (bar: 95 % interval)")
axes.set_title("Tuned classics reach the best published models, and blends pass them", pad=34)
plt.show()

# %% [markdown]
# The tuned iALS has 0.2693 (95 % interval 0.2647 to 0.2735) and EASE 0.2697; the 0.2670 of SimpleX
# lies inside both intervals, so we call it a tie. Denoising EASE is at 0.2741 (0.2693 to 0.2787), and
# blends of such classics reach 0.2752 and, with a kernel regression over users (`user_kernel`),
# 0.2778. BPR, at 0.2134, is far behind. Four sensible settings of iALS span 0.2396 to 0.2634, so that
# the worst is below LightGCN, and the ledger's setting adds another 0.006. The whole distance between
# LightGCN and SimpleX, 0.024, fits into the settings of one model of 2008.
#
# Three caveats: the published figures have no intervals, and we do not know how much effort went into
# each baseline. The split is random, so every model learned from ratings made after those that it
# predicts. And many people have looked at this test part before us, which flatters whoever comes last.

# %% [markdown]
# ## Fold in a new viewer
#
# Some viewers of the test days are not in training. EASE can score them from any
# history, because its weights belong to videos. So can iALS: with the item vectors fixed, the vector of
# a new viewer solves the same equation as that of an old one. This is *fold-in*. First the promise
# itself, on a viewer of the training: solving from their own row must give back their vector.

# %%
chosen = swept["elsewhere"].idxmax()
model = grid[chosen]
rows = np.split(matrix.indices, matrix.indptr[1:-1])
penalty = chosen[2] * (len(rows[7]) + chosen[1] * matrix.shape[1])
folded = solve(model.item_vectors_.astype(float), [rows[7]], chosen[1], [penalty])[0]
assert np.allclose(folded, model.user_vectors_[7], atol=2e-2 * np.abs(folded).max())
f"chosen: dim {chosen[0]}, unobserved weight {chosen[1]}, l2 {chosen[2]}"

# %% [markdown]
# Now viewers who appeared after the training ended and watched something in validation. Their first
# videos, a handful, are all that is known of them, and their choices in the test days are to be found.
#
# **Your guess**: what does fold-in do to their NDCG@20, compared with the list of a fresh popularity (half-life one day)?

# %% tags=["guess"]
guess("video_fold_in", ..., choices=("raises it", "lowers it", "no difference"))

# %% [markdown]
# `recommend` takes the histories, one row per viewer, newest last:

# %%
seen_before = validation[~validation["user_id"].isin(train["user_id"])]
past = seen_before.groupby("user_id")["item_id"].unique()
later = test.groupby("user_id")["item_id"].agg(set)
strangers = past.index.intersection(later.index)
histories = np.full((len(strangers), 50), -1)
for row, user in enumerate(strangers):
    own = past[user][-50:]
    histories[row, 50 - len(own) :] = own
relevant = [later[user] - set(past[user]) for user in strangers]
fresh = PopularityRecommender(half_life=86_400.0).fit(train)
found = {}
for name, by in {
    "most popular": PopularityRecommender().fit(train),
    "1 d": fresh,
    "folded in": model,
}.items():
    lists = by.recommend(strangers.to_numpy(), 20, histories=histories)[0]
    found[name] = metrics.ranking_by_user(lists, relevant, 20)["ndcg"]
kept = ~np.isnan(found["1 d"])
gain = metrics.mean_interval((found["folded in"] - found["1 d"])[kept])
{name: round(float(of[kept].mean()), 4) for name, of in found.items()} | {
    "viewers": int(kept.sum()),
    "gain": str(gain),
}

# %%
said = "no difference" if gain.low < 0 < gain.high else "raises it" if gain.low > 0 else "lowers it"
compare("video_fold_in", said)

# %% [markdown]
# Fold-in *lowers* their NDCG by 0.11 (95 % interval 0.03 to 0.20), on 34 viewers. We suspect the
# metric, which rewards the list that guesses what trending showed, and the vector, which is a poor
# estimate from a handful of videos. The deployment will say whether to use it.

# %% [markdown]
# ## Filter and blend
#
# Two further rungs complete the classical ladder. The *low-pass graph filter* (Shen et al. 2021) takes
# the view that made graph networks popular and leaves out the network. Divide the interaction matrix by
# the square roots of its row and column sums, and call it $R$. A viewer's row $x$ is smoothed by two steps
# over the graph, $x R^\top R$, plus its projection on the leading singular vectors of $R$, the
# smoothest signals. There is nothing to train. A *blend* scales the scores of several models to mean 0 and
# deviation 1 per viewer and adds them with weights that validation chooses.
#
# Both, and BPR and EASE, get five settings or one search, by the choices elsewhere. iALS had twelve, and
# its pick is a corner of that grid, so its lead may be partly one of effort.

# %%
tries = {"graph_filter": {}, "bpr": {}, "ease": {}}
for components, ideal in ((32, 0.3), (64, 0.3), (128, 0.3), (256, 0.3), (128, 0.0)):
    name = f"{components} components, ideal {ideal}"
    tries["graph_filter"][name] = GraphFilterRecommender(components=components, ideal=ideal)
for rate, l2 in ((0.05, 0.003), (0.05, 0.03), (0.2, 0.003), (0.2, 0.03), (0.2, 0.1)):
    tries["bpr"][f"rate {rate}, l2 {l2}"] = BPRRecommender(learning_rate=rate, l2=l2)
for l2 in (30.0, 100.0, 300.0, 1_000.0, 3_000.0):
    tries["ease"][f"l2 {l2:g}"] = EASERecommender(l2=l2)
rungs, settings = {"ials": model}, {"ials": str(chosen)}
for family, own in track(tries.items(), "fitting", total=len(tries)):
    quality = {
        n: judge_users(m.fit(train), feed, among=elsewhere)["ndcg"].mean() for n, m in own.items()
    }
    settings[family] = max(quality, key=quality.get)
    rungs[family] = own[settings[family]]
settings

# %%
members = {name: rungs[name] for name in ("ease", "graph_filter", "ials")}
rungs["blend"] = BlendRecommender(members=members).fit(train, valid=elsewhere)
rungs["popularity"] = fresh
{name: round(weight, 2) for name, weight in rungs["blend"].weights_.items()}

# %% [markdown]
# Validation gives iALS the whole weight, so the blend is iALS, and its rows below repeat it. On
# MovieLens the blend was ahead of each of its members; here one member is so far ahead by our guide
# that sharing would cost.

# %% [markdown]
# ## Deploy
#
# All rungs are deployed for three days against EASE, at the settings that were chosen on the validation days.
# One more is iALS *at the request*: the vector is folded in from the viewer's last 50 videos at
# each request, so that a list knows what was watched a minute ago.
#
# **Your guess**: does iALS, once tuned, get more hours than EASE?

# %% tags=["guess"]
guess("video_ials_online", ..., choices=("more", "fewer", "no difference"))

# %% [markdown]
# Changes against EASE in twin worlds:

# %%
policies = {name: RecommenderPolicy(fitted) for name, fitted in rungs.items()}
policies["ials at the request"] = RecommenderPolicy(rungs["ials"], at_request=True)
runs = {}
for name in track(("popularity", "bpr", "graph_filter", "ials", "ials at the request", "blend")):
    runs[name] = world.compare(policies["ease"], policies[name], days=3)
lifts = pd.concat({name: run.changes("watch_hours", "satisfaction") for name, run in runs.items()})
hours = lifts.xs("watch_hours", level=1)
lifts.round(1)

# %%
low, high = hours.loc["ials", ["low", "high"]]
compare("video_ials_online", "more" if low > 0 else "fewer" if high < 0 else "no difference")

# %% [markdown]
# And as a figure:

# %%
plot_changes(
    lifts,
    xlabel="change against EASE in the twin world, % (bar: 95 % interval)",
    title="Online, iALS is ahead of EASE, and BPR falls far behind",
)
plt.show()

# %% [markdown]
# The tuned iALS is watched 2.2 % longer than EASE (95 % interval 1.0 to 3.4) and satisfaction is 2.3 %
# higher. The graph filter is 2.2 % behind, popularity 4.0 %, and BPR 8.9 %. We suspect the guide:
# the setting of BPR that it picked, a rate of 0.2 with a penalty of 0.003, is among the two worst in
# each world of the study. Vectors at the request bring no more than vectors made overnight. What do they do
# for the viewers whom training never saw? The next cell has minutes watched in three days per such viewer.
#
# **Change this and see**: deploy `grid[64, 0.3, 0.01]`, the setting that all choices prefer.

# %%
watched = {name: run.treatment.by_unit["watch_seconds"] / 60 for name, run in runs.items()}
minutes = pd.DataFrame(watched).fillna(0.0)
minutes = minutes[~minutes.index.isin(corpus.user_ids)]
extra = {
    other: metrics.mean_interval((minutes["ials at the request"] - minutes[other]).to_numpy())
    for other in ("ials", "popularity")
}
pd.DataFrame({f"over {name}": vars(each) for name, each in extra.items()}).T.round(2)

# %% [markdown]
# Against the overnight lists, which for these viewers are plain popularity, the difference is 0.0 minutes
# ($-2.4$ to 2.8), and against the fresh popularity list it is 3.6 minutes *less* (0.8 to 6.2). So the
# fold-in of a few videos does not pay here, and we would serve new viewers a fresh popularity list
# until they have watched more. From how many videos on is a question that the log could answer.

# %% [markdown]
# ## Results
#
# All rungs on the same log. Offline figures are from the test days.

# %%
apart = test[test["source"] != 0]
table = pd.DataFrame(
    {
        name: {
            "NDCG@20": judge_users(fitted, feed, "test")["ndcg"].mean(),
            "elsewhere": judge_users(fitted, feed, "test", among=apart)["ndcg"].mean(),
        }
        for name, fitted in rungs.items()
    }
).T
told = {
    name: f"{row['estimate']:+.1f} ({row['low']:+.1f} to {row['high']:+.1f})"
    for name, row in hours.iterrows()
}
table["hours against EASE, %"] = pd.Series(told)
picks = study.loc[study.groupby(["seed", "family"])["ndcg elsewhere"].idxmax()]
earned = picks.pivot(index="family", columns="seed", values="watch_hours")
others = (100 * (earned / earned.loc["ease"] - 1)).map("{:+.1f}".format)
table["in other worlds"] = others.agg(", ".join, axis=1)
table.sort_values("elsewhere").round(4)

# %% [markdown]
# The hours are those of the deployment above, with their interval. The last column has the change
# against EASE in the three worlds of the study, each family at the setting picked elsewhere. There
# iALS is ahead once, level once, and 11.4 % behind in the world in which the guide picked its worst
# setting. So its lead depends on world and setting, whereas graph filter and BPR are behind in
# all four. Both offline columns have a flaw: all choices put popularity first, and the choices
# elsewhere put BPR above EASE. The requirements:

# %%
gigabytes = 4 * chosen[0] * 1e7 / 1e9
pd.DataFrame(
    [
        ("size", "at most 8 GB", f"{gigabytes:.1f} GB for 10 million videos"),
        ("online", "low end above -1 %", f"{low:+.1f} to {high:+.1f} %"),
        (
            "new viewers",
            "interval above 0",
            f"{extra['ials'].low:+.1f} to {extra['ials'].high:+.1f} min",
        ),
        (
            "published table",
            "at least 0.2670",
            f"iALS {ials:.4f}, blend {ledger.loc['blend', 'ndcg@20']:.4f}",
        ),
    ],
    columns=["requirement", "criterion", "measured"],
)

# %%
assert gigabytes <= 8
assert low > -1
assert hours.loc["popularity", "high"] < 0

# %% [markdown]
# Three of the four requirements are met. The one of new viewers is not: their interval contains zero.

# %% [markdown]
# ## What breaks in production
#
# **Two sides of different nights.** Vectors of viewers and videos only fit together if they come from
# the same fit, since a rotation of both changes no score. If one table is deployed and the other is
# late, every score is noise and nothing crashes. Give both one version and refuse to mix.
#
# **The penalty drifts with the data.** Loss and penalty scale with the number of interactions. After a
# campaign doubles traffic, last quarter's settings are no longer tuned; the frequency-scaled penalty
# softens this. Sweep again after such a change, not once a year.
#
# **Fold-in without the Gram matrix.** The request path needs the item vectors and their Gram matrix of
# the same version. A service that leaves out the unobserved term returns vectors of another
# objective, and the list still looks plausible.

# %% [markdown]
# ## In the interview
#
# **"Why factorise when EASE is about as good?"**
#
# - *Mid-level*: because matrix factorisation is the standard.
# - *Senior*: size. EASE takes 400 TB of weights for 10 million videos, vectors of 64 numbers 2.6 GB, and
#   vectors can be searched with an index.
# - *Staff*: adds that hours do not decide it: $+2.2$ % (1.0 to 3.4) here, but $-11.4$, $-0.4$ and
#   $+2.8$ % in three other worlds, the first with a badly picked setting. So the decision rests on
#   the catalogue, on what retrieval can search, and on who keeps the settings tuned.
#
# **"Your colleague's new model beats iALS by 3 %. What do you ask?"**
#
# - *Mid-level*: how the new model works.
# - *Senior*: how many settings iALS was given. Its five settings spread 35 to 43 hours per 1,000
#   sessions in three worlds, more in two of them than the families differ at their best.
# - *Staff*: asks for equal effort on the same validation rows with intervals, and for a metric that the
#   deployment agrees with. In one world our own guide picked the worst setting of iALS.
#
# **"How does a viewer get recommendations a minute after signing up?"**
#
# - *Mid-level*: retrain more often.
# - *Senior*: fold-in, one small system of equations per viewer from the item vectors and their Gram matrix.
# - *Staff*: measures it: here it brought 0.0 minutes ($-2.4$ to 2.8), and a fresh popularity list
#   was better. And keeps vectors and Gram matrix under one version.

# %% [markdown]
# ## Summary
#
# - Implicit ALS solves a ridge regression per viewer and per video; one Gram matrix serves all.
# - The settings of iALS moved hours by 35 to 43 per 1,000 sessions, on average more than the families differ.
# - On a published split, four settings of iALS and a fifth from the ledger span the distance from LightGCN to SimpleX.
# - Online, tuned iALS beat EASE by 2.2 % with vectors that fit a large catalogue, but in three other
#   worlds the change was $-11.4$, $-0.4$ and $+2.8$ %: EASE is the safer of the two.
# - Folding in new viewers works as algebra, and did not beat a fresh popularity list.

# %% [markdown]
# ## Recall
#
# 1. Why can implicit ALS use all unobserved pairs without touching them?
#
# <details><summary>Answer</summary>Their part of the normal equations is the unobserved weight times the
# Gram matrix of the item vectors, which is the same for every user. It is computed once per turn, and
# each user adds only the products of their own items.</details>
#
# 2. What does a fair comparison of two model families need, before anybody looks at the test part?
#
# <details><summary>Answer</summary>The same number of settings for each, chosen on the same validation
# rows, with the settings that matter among them: for iALS the unobserved weight and the penalty
# together. Then intervals, and the spread within each family beside the distance between them.</details>
#
# 3. What has to be at hand to score a viewer who signed up a minute ago?
#
# <details><summary>Answer</summary>The item vectors, their Gram matrix and the two settings of the same
# fit, and the viewer's first videos. The vector is the solution of one small system of equations.</details>

# %% [markdown]
# ## Lab and further reading
#
# There is no lab for this chapter; the two open tasks above take its place.
#
# - Yifan Hu, Yehuda Koren, Chris Volinsky 2008, *Collaborative Filtering for Implicit Feedback Datasets*,
#   ICDM.
# - Steffen Rendle, Christoph Freudenthaler, Zeno Gantner, Lars Schmidt-Thieme 2009, *BPR: Bayesian
#   Personalized Ranking from Implicit Feedback*, UAI.
# - Steffen Rendle, Walid Krichene, Li Zhang, Yehuda Koren 2022, *Revisiting the Performance of iALS on
#   Item Recommendation Benchmarks*, RecSys.
# - Yifei Shen et al. 2021, *How Powerful is Graph Convolution for Recommendation?*, CIKM.
# - Kelong Mao et al. 2021, *UltraGCN: Ultra Simplification of Graph Convolutional Networks for
#   Recommendation*, CIKM.
# - Kelong Mao et al. 2021, *SimpleX: A Simple and Strong Baseline for Collaborative Filtering*, CIKM.
# - Wenhui Yu, Zheng Qin 2020, *Graph Convolutional Network for Recommendation with Low-pass
#   Collaborative Filters*, ICML.
# - F. Maxwell Harper, Joseph A. Konstan 2015, *The MovieLens Datasets: History and Context*, ACM
#   Transactions on Interactive Intelligent Systems 5(4).
