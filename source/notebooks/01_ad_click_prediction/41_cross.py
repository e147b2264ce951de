# ---
# jupyter:
#   mlsd:
#     title: Cross features by the layer
#     builds: a cross network from scratch, a log with a planted interaction that it finds, and DCN-v2 in the world
#     sections:
#     - {name: What decides success, minutes: 4}
#     - {name: Look at a planted log, minutes: 8}
#     - {name: Write the cross layer, minutes: 12}
#     - {name: Count the degree, minutes: 8, stop: true}
#     - {name: Find what was planted, minutes: 10}
#     - {name: Represent is not learn, minutes: 6, stop: true}
#     - {name: Race on the same columns, minutes: 13}
#     - {name: Deploy, minutes: 8}
#     - {name: Results, minutes: 7}
#     - {name: What breaks in production, minutes: 3}
#     - {name: Summary, minutes: 1}
#     - {name: Recall, minutes: 3}
#     - {name: Lab and further reading, minutes: 1}
#     introduces: [feature interaction, cross layer, DCN-v2, DeepFM]
#     needs: [embedding, factorization machine, time split, normalized entropy, clustered interval, as-of counter, hashed logistic regression, gradient boosting, deployment, twin-world comparison]
#     labs: [lab_41_interest]
#     discussion: Your team's deep model beats the linear one by two thousandths of normalized entropy, at forty times the training cost. Which result would make you ship it, and which would make you stop?
#     wrong_answers: ["Ship it, deep models always win with more data.", "Stop, two thousandths is never worth anything."]
# ---

# %% [markdown]
# # Cross features by the layer
#
# **You will build** a cross network from scratch, a log with a planted interaction that it finds, and
# DCN-v2 in the world.
#
# **You will learn** how many columns a model can multiply and how to read that off its layers, why a
# model may be able to represent a product and still not learn it, and how to tell a tie from a win.
#
# **You need** `40_embed`: embedding, factorization machine; counters from `30_count`, boosting from
# `32_boost`.
#
# **Minutes**: 84, with good places to stop after the degree is counted and before the race.

# %% [markdown]
# ## What decides success
#
# Someone has read a paper and wants the deep model of the year. Two questions come before the model.
# Is there anything in our log that the present model cannot say? And does the new one say it, on
# later days, by more than luck, for a cost that we accept?
#
# So first *we plant the answer*: a log whose clicks depend on a product of columns, so that we know what
# there is to find. Then we go to the world, give five models the same columns, and read normalized
# entropy with paired intervals, revenue, and CPU seconds. We accept DCN-v2 if it earns more than hashed
# logistic regression.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from mlsd import metrics
from mlsd.checks import check, gives
from mlsd.experiments import load_ledger
from mlsd.features import CounterFeatures
from mlsd.models import (
    DLRM,
    DCNv2,
    DeepFM,
    FactorizationMachine,
    HashedLogisticRegression,
    LightGBMScorer,
)
from mlsd.plots import COLOURS, course_style, plot_changes
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickConfig, AdClickWorld

plt.rcParams.update(course_style())

# %% [markdown]
# ## Look at a planted log
#
# A *feature interaction* is an effect that no single column shows. Evening raises the click rate of
# one ad and lowers that of another: neither the hour nor the ad alone says which. A linear model adds
# effects, so it cannot hold it. Its *degree* is the number of columns that have to be multiplied.
#
# Our log has eight yes/no facts, written +1 and −1. The logit of a click is −1 plus 1.5 times the
# product of the first two facts, or of the first three. The other facts are nuisance.

# %%
random = np.random.default_rng(0)
signs = random.choice([-1.0, 1.0], size=(20_000, 8))
facts = pd.DataFrame(signs, columns=[f"fact_{i}" for i in range(8)])
true_rate, planted = {}, {}
for degree in (2, 3):
    true_rate[degree] = 1 / (1 + np.exp(1 - 1.5 * signs[:, :degree].prod(axis=1)))
    planted[degree] = (random.random(len(signs)) < true_rate[degree]).astype(int)

# %% [markdown]
# One look at the product of three. We group the rows by one of its facts, by two, and by all three,
# and take the largest click rate of a group minus the smallest.

# %%
spread = {}
for k in (1, 2, 3):
    rates = pd.Series(planted[3]).groupby([facts[f"fact_{i}"] for i in range(k)]).mean()
    spread[k] = rates.max() - rates.min()
assert spread[2] < 0.06 < 0.4 < spread[3]
pd.Series(spread, name="spread of click rates").rename_axis("facts").round(3).to_frame()

# %% [markdown]
# ## Write the cross layer
#
# One fact tells nothing, two tell next to nothing, all three tell nearly everything. A model that looks
# at columns, or at pairs of columns, has nothing to hold on to. It has to multiply more of them.
#
# DCN-v2 (Wang et al. 2021) does so with one small piece, the *cross layer*. Let x₀ be all inputs side by
# side, embeddings and numbers, and x the output of the layer before:
#
# > next x = x₀ ⊙ (W x + b) + x
#
# W x + b mixes the columns, ⊙ multiplies each mixture by an original input, and + x keeps what was
# there. W and b are learned.
#
# **Your turn**: one line. Rows are examples, so W x is `x @ weight.T`.


# %% tags=["your-turn"]
def my_cross_layer(x0, x, weight, bias):
    """One cross layer; x0 and x have shape (rows, width), weight (width, width)."""
    return ...


# %% [markdown]
# In the first test W swaps the two inputs: 2 · 3 + 2 = 8 and 3 · 2 + 3 = 9. The product of the two
# columns is there, beside the columns themselves.

# %% tags=["check"]
swap, zero = np.array([[0.0, 1.0], [1.0, 0.0]]), np.zeros(2)
row, ones = np.array([[2.0, 3.0]]), np.ones((1, 2))
each_row = "each row of the weight makes one output"
check(
    "cross_layer",
    my_cross_layer,
    gives(row, row, swap, zero, expected=[[8.0, 9.0]]),
    gives(row, ones, swap, zero, expected=[[3.0, 4.0]]),
    gives(ones, ones, 0 * swap, zero + 0.5, expected=[[1.5, 1.5]]),
    gives(ones, row, np.triu(swap), zero, expected=[[5.0, 3.0]], hint=each_row),
)

# %% [markdown]
# The whole network is layers one after the other, all of them fed with the same x₀, and a weighted sum
# at the end. This is it, from scratch. The last line counts the parameters for eight inputs.


# %% tags=["nbval-check-output"]
class CrossScores(torch.nn.Module):
    """Cross layers and a weighted sum: scores before the sigmoid."""

    def __init__(self, width, layers):
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Linear(width, width) for _ in range(layers))
        self.last = torch.nn.Linear(width, 1)

    def forward(self, x0):
        x = x0
        for layer in self.layers:
            x = x0 * layer(x) + x
        return self.last(x).squeeze(1)


{layers: sum(p.numel() for p in CrossScores(8, layers).parameters()) for layers in (0, 1, 2, 3)}

# %% [markdown]
# Seventy-two more for each layer: 8 × 8 weights and 8 biases. With hundreds of inputs W is written as
# the product of two thin matrices, which the paper recommends where serving is dear.

# %% [markdown]
# ## Count the degree
#
# The input has degree one. A layer multiplies what it gets by x₀ once. So L layers should hold
# products of up to L + 1 columns, and of no more.
#
# Along a line t · x the score is then a polynomial in t, and finite differences tell its degree: the
# k-th differences of a polynomial of degree k are constant, and the next ones vanish. So we take
# differences until nothing is left, and count.

# %% tags=["nbval-check-output"]
torch.manual_seed(0)
x = torch.linspace(0.5, 1.5, 8, dtype=torch.float64)
t = torch.arange(8, dtype=torch.float64)[:, None]
degrees = {}
for layers in range(5):
    differences = CrossScores(8, layers).double()(t * x).detach().numpy()
    degrees[layers] = -1
    while not np.allclose(differences, 0, atol=1e-7):
        degrees[layers], differences = degrees[layers] + 1, np.diff(differences)
assert all(degree == layers + 1 for layers, degree in degrees.items())
degrees

# %% [markdown]
# One degree a layer. Without a layer it is a linear model. With one it can hold the products of pairs,
# as a factorization machine does, and with two the product of three. This is what *bounded degree*
# means: we choose it, by choosing a number of layers.

# %% [markdown]
# ## Find what was planted
#
# Now the race for which we know the answer. Contestants: logistic regression; the factorization
# machine, which multiplies pairs; cross layers alone, one and two of them; and a plain perceptron.
# The package's `DCNv2` with `hidden=()` is our cross network.
#
# **Your guess**: which of them finds the product of two, and which the product of three?

# %% tags=["guess"]
guess_finds_two = ...
guess_finds_three = ...

# %% [markdown]
# All get the facts as numbers; the networks and the factorization machine train alike.

# %%
plain = {"epochs": 6, "batch_size": 128, "id_dropout": 0.0, "weight_decay": 0.0}
plain["learning_rate"] = 1e-2
deep = plain | {"dropout": 0.0}
numbers = {"numeric": tuple(facts)}
contestants = {
    "logistic regression": HashedLogisticRegression(**numbers),
    "factorization machine": FactorizationMachine(**numbers, **plain),
    "1 cross layer": DCNv2(**numbers, hidden=(), cross_layers=1, **deep),
    "2 cross layers": DCNv2(**numbers, hidden=(), cross_layers=2, **deep),
    "perceptron": DCNv2(**numbers, hidden=(32, 32), cross_layers=0, **deep),
}

# %% [markdown]
# 15,000 rows train, 2,500 stop the training, and on the last 2,500 we read normalized entropy. The
# true rates are read on the same rows: nobody can do much better.


# %%
def found(model, degree):
    """Normalized entropy on the last rows of a planted log."""
    clicks = planted[degree]
    train, held, read = np.split(np.arange(len(clicks)), [15_000, 17_500])
    model.fit(facts.iloc[train], clicks[train], valid=(facts.iloc[held], clicks[held]))
    predicted = model.predict_proba(facts.iloc[read])[:, 1]
    return metrics.normalized_entropy(clicks[read], predicted)


quality = pd.DataFrame({d: {n: found(m, d) for n, m in contestants.items()} for d in planted})
last = {d: (planted[d][17_500:], true_rate[d][17_500:]) for d in planted}
quality.loc["the truth"] = {d: metrics.normalized_entropy(*pair) for d, pair in last.items()}

# %% [markdown]
# The figure shows what is saved of the loss of a constant: one minus normalized entropy.

# %%
saved = (1 - quality).rename(columns={2: "product of two", 3: "product of three"})
axes = saved.plot.barh(color=[COLOURS["sky"], COLOURS["blue"]])
axes.invert_yaxis()
axes.set_xlabel("1 − normalized entropy (share of the constant's loss that is saved)")
plt.show()
pairs_only = quality.loc[["factorization machine", "1 cross layer"]]
assert quality.loc["logistic regression"].min() > 0.98
assert pairs_only[2].max() < 0.8
assert pairs_only[3].min() > 0.98
assert quality.loc[["2 cross layers", "perceptron"]].max(axis=None) < 0.8

# %% [markdown]
# How to read it: a model with a long bar has found the product, one with a bar at zero has not. The
# factorization machine and one cross layer find the product of two and are blind to that of three. Two
# layers find both. The perceptron finds both as well: it has no products, but enough bends to imitate
# one.
#
# *DCN-v2* is cross layers and a perceptron on the same inputs, in parallel or one on top of the other.
# *DeepFM* (Guo et al. 2017) is a factorization machine and a perceptron on the same embeddings. DLRM
# takes dot products of pairs of embeddings and gives them to a perceptron. All share one idea: build
# some products in, and let the perceptron find the rest.

# %% [markdown]
# ## Represent is not learn
#
# So far the facts came as numbers. Real columns are mostly ids, and each id is an embedding that
# starts near zero. Same logs, same two layers, same training, the facts given as ids. **Your guess**:
# the same result?

# %% tags=["guess"]
guess_with_ids = ...

# %% [markdown]
# One fit for each product, beside the one with numbers.

# %%
ids = {"categorical": tuple(facts), "embedding_dim": 4, "hidden": (), "cross_layers": 2}
as_ids = {degree: found(DCNv2(**ids, **deep), degree) for degree in planted}
assert as_ids[2] < 0.8
assert as_ids[3] > 0.98
pd.DataFrame({"ids": as_ids, "numbers": quality.loc["2 cross layers"]}).round(3)

# %% [markdown]
# The product of two is found, that of three is not. The network still *can* hold it: degree three is
# degree three. But the gradient of a product is the product of the other factors. Embeddings start at
# about 0.01, so the two other factors give a slope of one in ten thousand, which drowns in the noise
# of a batch. Nothing of lower degree shows the way, and training never leaves the start.
#
# Our log is the cruellest case, since by construction pairs tell nothing. But keep the lesson: when a
# deep model ties with a linear one, "there are no interactions" and "it did not learn them" look the
# same. A planted log tells them apart.

# %% [markdown]
# ## Race on the same columns
#
# Now the world: five days, split by time, context, identifiers and counters as in `32_boost`. User ids
# stay out, for speed; the counters know the user.

# %%
world = AdClickWorld(seed=13)
log = world.history(days=5).labelled_log()
click, split = log.label, log.split
counters = CounterFeatures(log.roles.entities, half_lives=(3 * 86_400.0,), refresh="nightly")
counted = counters.compute(log)
table = pd.concat([log.frame, counted], axis=1)

# %% [markdown]
# These are the columns that every model gets.

# %% tags=["nbval-check-output"]
categorical = ("category", "format", "device", "hour", "weekday", "position", "age_band", "region")
categorical += ("ad_id", "campaign_id", "advertiser_id", "publisher_id")
shared = {"categorical": categorical, "numeric": (*log.roles.numeric, *counted)}
{name: len(names) for name, names in shared.items()}

# %% [markdown]
# Five models; the deep ones may pass twice over the rows. Trees and deep ones stop on the validation
# days, and all are read on the test days. **Your guess**: who wins, and by how much?

# %% tags=["guess"]
guess_winner = ...
guess_margin = ...

# %% [markdown]
# Same rows, same columns, one fit each.

# %%
embedded = {"embedding_dim": 8, "batch_size": 1024, "epochs": 2, "hidden": (64, 32)}
models = {
    "hashed LR": HashedLogisticRegression(**shared, C=0.1),
    "LightGBM": LightGBMScorer(**shared, num_leaves=15, learning_rate=0.1),
    "DCN-v2": DCNv2(**shared, **embedded),
    "DeepFM": DeepFM(**shared, **embedded),
    "DLRM": DLRM(**shared, **embedded),
}
train, held, test = ((table.iloc[r], click[r]) for r in (split.train, split.validation, split.test))
for model in models.values():
    model.fit(*train, valid=held)
predictions = {name: model.predict_proba(test[0])[:, 1] for name, model in models.items()}

# %% [markdown]
# On the test days we take each model against hashed logistic regression, and DeepFM against DCN-v2. The
# intervals are *paired*: both models are read on the same resampled users, so what moves both alike
# cancels, and a difference can stand out where the two intervals of their own overlap.

# %%
users = log.frame["user_id"].to_numpy()[split.test]
drawn = {"clusters": users, "repetitions": 200, "seed": 0}
pairs = [(name, "hashed LR") for name in models if name != "hashed LR"] + [("DeepFM", "DCN-v2")]
changes = {}
for a, b in pairs:
    both = predictions[a], predictions[b]
    step = metrics.paired_interval(metrics.normalized_entropy, test[1], *both, **drawn)
    changes[f"{a} for {b}"] = vars(step)
changes = 1000 * pd.DataFrame(changes).T[["estimate", "low", "high"]]
plot_changes(changes, xlabel="change in normalized entropy, thousandths (bar: 95 % interval)")
plt.show()
assert changes["estimate"].abs().max() < 20

# %% [markdown]
# How to read it: left is better; a dot is the change, the bar its interval. All four intervals against
# the linear model lie right of the line, LightGBM's and DeepFM's by a hair: nobody beats it. DeepFM
# against DCN-v2 is a tie: that interval holds zero. On these days, pick one of the two by taste.
#
# Is the lost race our failure to tune? The ledger below tunes every rung, on more days, and with
# counters the linear model leads the deep ones there, too.

# %% [markdown]
# ## Deploy
#
# Offline DCN-v2 is behind. Online it decides which ads are shown, and may still earn more. Both models
# enter the auction with live counters, each alone in its twin world, for three days.
#
# **Your guess**: what does DCN-v2 do to clicks, and to revenue?

# %% tags=["guess"]
guess_clicks = ...
guess_revenue = ...

# %% [markdown]
# The change is DCN-v2 minus hashed logistic regression, in percent of the latter.

# %%
served = ("hashed LR", "DCN-v2")
policies = [ScorerPolicy(models[name], counters=counters.serving(log)) for name in served]
truth = world.compare(*policies, days=3, history_days=5)
lifts = {name: vars(truth.lifts[name].relative) for name in ("revenue", "clicks")}
lifts = 100 * pd.DataFrame(lifts).T[["estimate", "low", "high"]]
plot_changes(lifts, xlabel="DCN-v2 instead of hashed LR (change in %, bar: 95 % interval)")
plt.show()
assert lifts["estimate"].abs().max() < 6
assert lifts.loc["revenue", "low"] < 1

# %% [markdown]
# How to read it: right of the line DCN-v2 has more. Revenue is a tie: its interval holds zero, and its
# centre lies on the wrong side. The interval of clicks lies right of zero, on this seed: one market is
# no story. By our requirement, more revenue, DCN-v2 is **not accepted** here.

# %% [markdown]
# ## Results
#
# The rungs so far, on the ledger's test days in three worlds that settled nothing. `low` and `high` are
# the interval of each rung on its own.

# %%
ne = "normalized_entropy"
ledger = load_ledger("ad_click").set_index("rung").drop(["esmm", "ensemble", "student"])
shown = {ne: "normalized entropy", f"{ne}_low": "low", f"{ne}_high": "high"}
shown |= {"auc": "AUC", "fit_cpu_seconds": "fit, CPU s"}
assert ledger[ne].drop("oracle").idxmin() == "hashed_lr_counters"
ledger[list(shown)].rename(columns=shown).round(4)

# %% [markdown]
# The same story at full size: counters bring the linear model 0.029, and no two rungs with them lie
# further apart than 0.011. The linear one has the lowest figure, at an eighth of DCN-v2's CPU seconds.
# (`din` reads the user's last clicks as well; the lab builds it.) Only the tie needs a second look. The
# ledger keeps the paired change of DCN-v2 from the rung before it, DeepFM.

# %%
paired = {f"{ne}_vs_previous{end}": end.strip("_") or "change" for end in ("", "_low", "_high")}
step = ledger.loc[["dcn_v2_counters"], list(paired)].rename(columns=paired)
assert step.loc["dcn_v2_counters", "high"] < 0
step.round(4)

# %% [markdown]
# In the table above the intervals of the two overlap over most of their length. The paired one is a
# third as wide and leaves zero out: on more rows, and tuned, DCN-v2 is ahead by two thousandths, for more
# than twice the CPU seconds. So a tie speaks of the number of rows, too.
#
# This world is mostly additive. Now the *feature-poor* world: no user ids, only one coarse interest
# code for the user and one topic for the ad.

# %% tags=["nbval-check-output"]
config = AdClickConfig.variant("feature_poor")
{"interest codes": config.interest_codes, "topics": config.topics}

# %% [markdown]
# Clicks depend on that pair, and nothing else tells much. Its own ledger:

# %%
poor = load_ledger("ad_click", source="ad_click_world-feature_poor").set_index("rung")
for end in ("", "_counters"):
    linear, trees, cross = poor.loc[[f"{m}{end}" for m in ("hashed_lr", "lightgbm", "dcn_v2")], ne]
    assert cross < trees < linear
assert poor.loc["deepfm_counters", ne] < poor.loc["dcn_v2_counters", ne]
poor[list(shown)].rename(columns=shown).round(4)

# %% [markdown]
# There DCN-v2 is ahead of trees and line by a hundredth and more, and DeepFM, with counters, ahead of
# DCN-v2 by almost as much: the lead changes with the world. Interests *cross*:
# 500 codes times 500 topics are a quarter of a million pairs, too many to learn one by one, but of low
# rank, so a few numbers for each code and topic describe them all. Embeddings and one product are made
# for that. And no user history is there to tell the same thing more simply.
#
# Outside our worlds, the open benchmark BARS tuned many models alike on Avazu (its Avazu_x4 table, AUC;
# a *random* split, so it says nothing of later days): logistic regression 0.7775, factorization
# machine 0.7887, DeepFM 0.7930, DCN (the first version) 0.7931. A step to the first products, then a
# near-tie. Its authors say that, well tuned, many deep models differ less than expected.

# %% [markdown]
# ## What breaks in production
#
# The network reads numbers that were standardised at training. A counter whose scale moves, after a
# logging bug or a festival, is multiplied by others, layer after layer: an input ten times too large
# can be a thousand times too large in a product of three. Clip numbers at serving, and alarm on it.
#
# And cost grows with traffic, not with benefit. W has the square of the width: another id makes every
# layer dearer for every candidate. Low rank is the first lever, fewer columns the better.

# %% [markdown]
# ## Summary
#
# - A cross layer multiplies by the input once: L layers, products of up to L + 1 columns.
# - To hold a product is not to learn it; a planted log shows which of the two fails.
# - On the same columns, DCN-v2 and DeepFM tie in our race, and the linear model is not beaten.
# - Products pay where interests cross and nothing else tells: the feature-poor world.
# - Ask for the paired interval, the CPU seconds and the revenue, in one table.

# %% [markdown]
# ## Recall
#
# 1. How many cross layers hold the product of four columns, and why?
#
# <details><summary>Answer</summary>Three. The input has degree one, and each layer multiplies by x₀
# once.</details>
#
# 2. Two cross layers did not find a product of three ids. Name the cause and a remedy.
#
# <details><summary>Answer</summary>Embeddings start near zero, so the gradient of the triple product
# almost vanishes, and no lower degree shows the way. Give the facts as numbers, or build
# the crossed column by hand.</details>
#
# 3. Two models have overlapping intervals of their own. Have they tied?
#
# <details><summary>Answer</summary>Not shown. Look at the paired interval of the difference, on the
# same users: the ledger's DCN-v2 and DeepFM overlap, and their paired interval leaves zero
# out.</details>

# %% [markdown]
# ## Lab and further reading
#
# Lab: `lab_41_interest`. You build the histories and the pooling of the deep interest network, see it
# race against a count, and deploy a policy that remembers what each user clicked. Or plant a product of
# two facts *plus* one of three, and see which model finds which part.
#
# - Ruoxi Wang et al. 2021, *DCN V2: Improved Deep & Cross Network and Practical Lessons for Web-scale
#   Learning to Rank Systems*, WWW.
# - Huifeng Guo et al. 2017, *DeepFM: A Factorization-Machine based Neural Network for CTR Prediction*,
#   IJCAI.
# - Maxim Naumov et al. 2019, *Deep Learning Recommendation Model for Personalization and Recommendation
#   Systems*, arXiv:1906.00091.
# - Jieming Zhu et al. 2021, *Open Benchmarking for Click-Through Rate Prediction*, CIKM; figures in the
#   repository `reczoo/BARS`.
