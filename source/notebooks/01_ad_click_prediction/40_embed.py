# ---
# jupyter:
#   mlsd:
#     title: Embed ids and multiply them
#     builds: a factorization machine from scratch, and learning curves of it and a linear model in two worlds
#     sections:
#     - {name: What decides success, minutes: 4}
#     - {name: Look at two logs, minutes: 5}
#     - {name: Multiply all pairs at once, minutes: 9}
#     - {name: Build a factorization machine, minutes: 12, stop: true}
#     - {name: Draw the learning curves, minutes: 12}
#     - {name: Meet the plain rival, minutes: 6, stop: true}
#     - {name: Hold rare ids back, minutes: 9}
#     - {name: Deploy, minutes: 7}
#     - {name: Results, minutes: 4}
#     - {name: What breaks in production, minutes: 3}
#     - {name: Summary, minutes: 1}
#     - {name: Recall, minutes: 3}
#     - {name: Further reading, minutes: 1}
#     introduces: [embedding, factorization machine, learning curve, embedding regularisation]
#     needs: [time split, normalized entropy, clustered interval, hashing trick, hashed logistic regression, deployment, twin-world comparison]
#     discussion: A team wants to replace its logistic regression by embeddings because a paper did. Which two measurements on your own log do you ask for first?
#     wrong_answers: ["The AUC of the paper's model on the paper's data.", "The largest table that fits into memory."]
# ---

# %% [markdown]
# # Embed ids and multiply them
#
# **You will build** a factorization machine from scratch, and learning curves of it and a linear
# model in two worlds.
#
# **You will learn** what a vector for each id can say that a weight for each id cannot, how many
# rows it takes to learn it, and why the same model is a loss in one market and a gain in another.
#
# **You need** `20_baseline` and `30_count`: normalized entropy, intervals, hashed logistic
# regression.
#
# **Minutes**: 76, with good places to stop after the factorization machine and after the plain
# rival.

# %% [markdown]
# ## What decides success
#
# Logistic regression gives each id one weight and adds them up. So it can say that an ad is good
# and that a user clicks readily. It cannot say that *this* ad is good for *this* user.
#
# A model that can has many more parameters, and parameters are paid for with rows. We accept it
# for a market if, on later days, its normalized entropy is lower by more than luck **at the number
# of rows that this market has**, and if it earns more when deployed.

# %%
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import nn

from mlsd import metrics
from mlsd.checks import check, gives
from mlsd.experiments import load_ledger
from mlsd.models import FactorizationMachine, HashedLogisticRegression
from mlsd.models.interactions import factor_products
from mlsd.plots import COLOURS, course_style, plot_changes
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickConfig, AdClickWorld

plt.rcParams.update(course_style())

# %% [markdown]
# ## Look at two logs
#
# The first is the default world: its log names the user. The second is *feature-poor*. Privacy
# rules leave one coarse interest code a user, ads carry one of many topics, and clicks depend on
# the pair. We take a small edition of it, with 400 codes on each side.

# %%
variant, days = AdClickConfig.variant("feature_poor"), {"default": 7, "feature-poor": 14}
small = {"users": 20_000, "requests_per_day": 12_000, "live_ads": 1_000}
poor = replace(variant, **small, interest_codes=400, topics=400)
worlds = {"default": AdClickWorld(seed=5), "feature-poor": AdClickWorld(seed=5, config=poor)}
logs = {name: world.history(days=days[name]).labelled_log() for name, world in worlds.items()}

# %% [markdown]
# Both logs have half a million impressions. The first four fifths train; the last fifth is read and
# chooses nothing in this chapter, so we do not cut it further.

# %% tags=["nbval-check-output"]
train = {name: log.frame.iloc[log.split.train] for name, log in logs.items()}
later = {name: log.frame.iloc[log.split.train[-1] + 1 :] for name, log in logs.items()}
outcome = {name: part["click"].to_numpy() for name, part in later.items()}
fields = {name: log.roles.identifiers for name, log in logs.items()}
sorted(set(fields["default"]) ^ set(fields["feature-poor"]))

# %% [markdown]
# The list is what one log has and the other has not. All other fields are common: ad, campaign,
# publisher, device, hour and the like. How often does a pair of code and topic come by? With two or
# three clicks in a hundred impressions, a pair needs hundreds of them before its rate means
# anything.

# %%
pair = ["interest", "topic"]
met = train["feature-poor"].groupby(pair).size()
share = len(met) / 400**2
assert share < 0.8
assert met.median() <= 4
f"{100 * share:.0f} % of the 160,000 pairs were met, half of these at most {met.median():.0f} times"

# %% [markdown]
# ## Multiply all pairs at once
#
# An *embedding* is a short vector of numbers that is learned for each id. We let two ids interact
# by the dot product of their vectors. The effect of a pair is then borrowed: the vector of a topic
# is learned from all codes that met it, the vector of a code from all topics. A pair that never
# met is scored all the same.
#
# A *factorization machine* (Rendle 2010) is logistic regression plus all these products:
#
# > score = b + Σ wᵢ + Σ over pairs i < j of ⟨vᵢ, vⱼ⟩
#
# where i and j run over the ids of the row. With 14 fields there are 91 pairs. Rendle's remark is
# that nobody needs to form them, because the square of a sum holds every pair twice, and each
# square once:
#
# > Σ ⟨vᵢ, vⱼ⟩ = ½ Σ over dimensions of ((Σ v)² − Σ v²)

# %% tags=["nbval-check-output"]
rng = np.random.default_rng(0)
vectors, pairs = rng.normal(size=(3, 5, 2)), [(i, j) for i in range(5) for j in range(i + 1, 5)]
explicit = sum((vectors[:, i] * vectors[:, j]).sum(axis=1) for i, j in pairs)
assert np.allclose(factor_products(torch.from_numpy(vectors)).numpy(), explicit)
explicit.shape

# %% [markdown]
# That is the double sum, for three rows with five fields and vectors of length two. The package has
# the identity as `factor_products`, and it agrees.
#
# **Your turn**: the same without a loop over pairs. For vectors 1, 2 and 4 of length one, the three
# products are 2, 4 and 8, and so the answer is 14.


# %% tags=["your-turn"]
def my_pair_products(fields):
    """Sum of the dot products of all pairs; from shape (rows, fields, dim) to (rows,)."""
    return ...


# %% [markdown]
# The check tries that row, the vectors from above, and a row of one field, which has no pair.

# %% tags=["check"]
hint = "square of the sum, minus sum of the squares, halved"
cases = [gives(np.array([[[1.0], [2.0], [4.0]]]), expected=np.array([14.0]))]
cases += [gives(vectors, expected=explicit, hint=hint), gives(vectors[:, :1], expected=np.zeros(3))]
check("pair products", my_pair_products, *cases)

# %% [markdown]
# ## Build a factorization machine
#
# Three parameters: a bias, a table of weights and a table of vectors. `nn.Embedding` is a table
# whose rows are looked up by number. The vectors start at small random values. At exactly zero,
# every product and its gradient would be zero, and no vector would ever move.


# %%
class TinyFactorizationMachine(nn.Module):
    """Scores rows of ids, shape (rows, fields); ids of all fields share one numbering."""

    def __init__(self, ids, dim):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(()))
        self.weight, self.vector = nn.Embedding(ids, 1), nn.Embedding(ids, dim)
        nn.init.zeros_(self.weight.weight)
        nn.init.normal_(self.vector.weight, std=0.1)

    def forward(self, ids):
        v = self.vector(ids)
        pairs = 0.5 * (v.sum(dim=1).square() - v.square().sum(dim=1)).sum(dim=1)
        return self.bias + self.weight(ids).sum(dim=(1, 2)) + pairs


# %% [markdown]
# We plant an interaction to test it on. Forty readers and forty ads, each secretly on one of two
# sides. On the same side an impression is clicked with probability 0.8, across with 0.2. No reader
# and no ad is better than another. And only about half of the 1,600 pairs ever meet in training.

# %%
side = rng.permuted(np.tile(np.repeat([-1, 1], 20), (2, 1)), axis=1)
reader, ad = np.divmod(np.arange(1600), 40)
same_side = side[0, reader] == side[1, ad]
shown = rng.random(1600) < 0.5
rows = rng.choice(np.flatnonzero(shown), 6000)
clicks = rng.random(6000) < np.where(same_side, 0.8, 0.2)[rows]

# %% [markdown]
# **Your guess**: for pairs that training never showed, how often is each model on the right side of
# one half? Coin tossing gives 50 %.

# %%
torch.manual_seed(0)
tiny, target = TinyFactorizationMachine(80, 4), torch.from_numpy(clicks).float()
ids = torch.from_numpy(np.stack([reader, 40 + ad], axis=1))
optimizer = torch.optim.Adam(tiny.parameters(), lr=0.02, weight_decay=1e-4)
for _ in range(150):
    optimizer.zero_grad()
    nn.functional.binary_cross_entropy_with_logits(tiny(ids[rows]), target).backward()
    optimizer.step()
machine = torch.sigmoid(tiny(ids)).detach().numpy()

# %% [markdown]
# Logistic regression gets the same rows.

# %%
both = pd.DataFrame({"reader": reader, "ad": ad})
line = HashedLogisticRegression(categorical=("reader", "ad")).fit(both.iloc[rows], clicks)
learned = {"logistic regression": line.predict_proba(both)[:, 1], "factorization machine": machine}
right = {name: ((p > 0.5) == same_side)[~shown].mean() for name, p in learned.items()}
assert right["logistic regression"] < 0.6 < 0.85 < right["factorization machine"]
pd.Series(right, name="right on pairs never shown").round(2).to_frame()

# %% [markdown]
# Here is what they say about each of these pairs.

# %%
figure, panels = plt.subplots(1, 2, sharex=True, sharey=True, figsize=(7.0, 2.8))
bins = np.linspace(0, 1, 26)
for axes, (name, p) in zip(panels, learned.items()):
    for kind, label, colour in ((same_side, "same side", "blue"), (~same_side, "across", "orange")):
        axes.hist(p[kind & ~shown], bins, color=COLOURS[colour], alpha=0.6, label=label)
        axes.axvline(0.8 if kind is same_side else 0.2, color=COLOURS[colour], ls="--", lw=1)
    axes.set(title=name, xlabel="predicted click probability")
panels[0].set_ylabel("pairs never shown")
panels[0].legend()
plt.show()

# %% [markdown]
# How to read it: a bar counts pairs that training never showed, the dashed lines are the truth.
# The linear model puts both colours on one heap; there is nothing in its parameters that could
# part them. It even falls below a coin. Where a reader happened to meet more of his own side, what
# he did *not* meet is more of the other. The factorization machine parts the colours and stands
# near the truth.

# %% [markdown]
# ## Draw the learning curves
#
# That was planted to suit the model. In a real log the question is how many rows it needs. A
# *learning curve* shows the error on later days against the number of training rows. We always
# take the latest rows of the training days, so that each point is what we would have had with a
# shorter memory. The function is the whole recipe; no ledger enters these curves.


# %%
def learning_curve(name, sizes=(20_000, 40_000, 80_000, 160_000, 320_000)):
    """Fitted models by (world, kind, rows)."""
    columns = {"categorical": fields[name], "numeric": logs[name].roles.numeric}
    models = {}
    for rows in sizes:
        last = train[name].iloc[-rows:]
        machine = FactorizationMachine(**columns, embedding_dim=8)
        models[name, "factorization machine", rows] = machine.fit(last, last["click"])
        line = HashedLogisticRegression(**columns, C=0.3)
        models[name, "logistic regression", rows] = line.fit(last, last["click"])
    return models


# %% [markdown]
# The linear model takes the penalty that the ledger chose in both worlds. The machine has vectors
# of length 8 and holds its last tenth of the rows back to know when to stop, which is part of its
# price.
#
# **Your guess**: who is ahead at 20,000 rows and at 320,000, in each world?

# %%
models = learning_curve("default")

# %% [markdown]
# The same for the feature-poor world, then predictions and normalized entropies of all twenty
# models.

# %%
models |= learning_curve("feature-poor")
predicted = {key: model.predict_proba(later[key[0]])[:, 1] for key, model in models.items()}
ne = metrics.normalized_entropy
curves = pd.Series({key: ne(outcome[key[0]], p) for key, p in predicted.items()}).unstack([0, 1])
curves.round(3)

# %% [markdown]
# The two curves of each world, side by side:

# %%
figure, panels = plt.subplots(1, 2, figsize=(7.0, 3.2))
colours = {"logistic regression": "orange", "factorization machine": "blue"}
for axes, name in zip(panels, worlds):
    for kind, colour in colours.items():
        axes.plot(curves[name, kind], "o-", color=COLOURS[colour], label=kind)
    axes.set(title=name, xscale="log", xlabel="training rows, thousands (log scale)")
    axes.set_xticks(curves.index, [f"{rows // 1000}" for rows in curves.index])
    axes.minorticks_off()
panels[0].set_ylabel("normalized entropy\non later days (lower is better)")
panels[1].legend()
plt.show()

# %% [markdown]
# How to read it: further down is better, further right is more data. On the left of both panels
# the machine is behind: its vectors hold noise, and noise times noise is added to every score. In
# the feature-poor world its curve falls faster, and the two cross near 80,000 rows. In the default
# world the machine stays behind at every size that we have.
#
# Are the ends more than luck? The difference, paired; resampled by user where the log names users,
# and by interest code where it does not.

# %%
cluster, ends = {"default": "user_id", "feature-poor": "interest"}, {}
for name, rows in ((name, rows) for name in worlds for rows in (20_000, 320_000)):
    line, machine = (predicted[name, kind, rows] for kind in colours)
    settings = {"clusters": later[name][cluster[name]].to_numpy(), "repetitions": 200, "seed": 0}
    ends[name, rows] = vars(metrics.paired_interval(ne, outcome[name], machine, line, **settings))
ends = pd.DataFrame(ends).T[["estimate", "low", "high"]].astype(float)
assert ends.loc["default", "estimate"].min() > 0
assert ends.loc[("feature-poor", 320_000), "high"] < 0 < ends.loc[("feature-poor", 20_000), "low"]
ends.round(4)

# %% [markdown]
# Negative is in the machine's favour. In the feature-poor world both ends are far from luck, with
# opposite signs. In the default world the deficit shrinks to the edge of luck. So "do embeddings
# help?" has no answer. It needs two more facts: how many rows, and how much of the click hangs on
# pairs.
#
# The default world has pairs too, users and categories. But half of its users have fewer than
# twenty impressions in the week, which is little to learn eight numbers from.

# %% [markdown]
# ## Meet the plain rival
#
# Before we praise the vectors: there is an older way to say "this code and this topic". Hash the
# *pair* to an id of its own, and give it a weight in the linear model.

# %%
name, part = "feature-poor", train["feature-poor"].iloc[-320_000:]
columns = {"categorical": fields[name], "numeric": logs[name].roles.numeric}
crossed = HashedLogisticRegression(**columns, C=0.3, crosses=(("interest", "topic"),))
crossed.fit(part, part["click"])
new = ~pd.MultiIndex.from_frame(later[name][pair]).isin(pd.MultiIndex.from_frame(part[pair]))
f"{100 * new.mean():.0f} % of the later impressions are of a pair that training never met"

# %% [markdown]
# How do the three compare there, and on the pairs that training did meet?

# %%
readings = {kind: predicted[name, kind, 320_000] for kind in colours}
readings["logistic regression with the pair"] = crossed.predict_proba(later[name])[:, 1]
groups, y = {"all": new | ~new, "pairs met": ~new, "pairs never met": new}, outcome[name]
rival = {g: {k: ne(y[w], p[w]) for k, p in readings.items()} for g, w in groups.items()}
rival = pd.DataFrame(rival)
gain = rival.loc["logistic regression"] - rival.loc["logistic regression with the pair"]
assert gain["all"] > 0.01 > abs(gain["pairs never met"])
rival.round(4)

# %% [markdown]
# Over all, one weight a pair keeps up with the machine: ahead here, and on four of the six seeds
# that we tried. It remembers what it met. On pairs never met it is the plain linear model again,
# and there the vectors are a shade ahead. Do not lean on that cell of the table: it rests on few
# clicks, and two of the six seeds had it the other way.
#
# The rival had help, though. We told it *which* two of the fourteen fields to cross. The machine
# had to find out among 91 pairs. If you know the pair and it comes by often, cross it: it is cheap
# and easy to explain. If you do not know it, or its ids are too many ever to meet, embed.

# %% [markdown]
# ## Hold rare ids back
#
# An id with three impressions has eight numbers of its own, and can fit these three by heart.
# *Embedding regularisation* adds a penalty λ/2 · |v|² to the loss. Every id pays the same, and
# only a frequent id earns enough in return to stay long. We fit 160,000 rows without it, with the
# package's value, and with ten times that.

# %%
last = train[name].iloc[-160_000:]
fits = {"λ = 1e-5 (default)": models[name, "factorization machine", 160_000]}
for label, penalty in {"no penalty": 0.0, "λ = 1e-4": 1e-4}.items():
    model = FactorizationMachine(**columns, embedding_dim=8, embedding_l2=penalty)
    fits[label] = model.fit(last, last["click"])
error = {label: ne(y, model.predict_proba(later[name])[:, 1]) for label, model in fits.items()}
default, none, strong = error.values()
assert default < strong
assert default < none + 0.002
pd.Series(error, name="normalized entropy").round(4).to_frame()

# %% [markdown]
# Too much forgets the pairs and costs most. None at all costs little here, on five seeds that we
# tried from nothing to a hundredth; early stopping is there to catch part of the luck. What did the
# penalty do to the vectors? We sort the ads by how often training showed them.

# %%
place, sizes = fields[name].index("ad_id"), fits["no penalty"].vocabulary_.sizes_
ads = slice(sum(sizes[:place]) + 1, sum(sizes[: place + 1]))  # without the unknown ad, code 0
codes = fits["no penalty"].vocabulary_.transform(last)[:, place]
impressions = np.bincount(codes, minlength=sizes[place])[1:]
tables = {label: model.network_.embedding.table[ads].numpy() for label, model in fits.items()}
{label: table.shape for label, table in tables.items()}

# %% [markdown]
# One table of vectors a fit. Their median length, against the impressions of the ad:

# %%
figure, axes = plt.subplots()
bins = np.geomspace(1, 3000, 9)
for (label, table), colour in zip(tables.items(), ("blue", "orange", "green")):
    length = pd.Series(np.linalg.norm(table, axis=1))
    middle = length.groupby(np.digitize(impressions, bins)).median()
    axes.plot(bins[middle.index - 1], middle, "o-", color=COLOURS[colour], label=label)
axes.set(xscale="log", yscale="log", xlabel="impressions of the ad in training (log scale)")
axes.set_ylabel("median length\nof its vector (log scale)")
axes.legend()
plt.show()

# %% [markdown]
# How to read it: each line is one penalty, each dot the ads with so many impressions. Without a
# penalty an ad with a handful of impressions has as long a vector as one with hundreds, or a
# longer one. With it the length grows with the evidence. You know the idea: it is the prior
# strength of the smoothed rate, for vectors.
#
# Now the limit, an id with no impression at all. The package gives it code 0, the field's *unknown*
# id. While training, a tenth of all ids is replaced by it, so that it learns what a row looks like
# when this field is silent. And a table has its price: a billion ids with vectors of length 16,
# four bytes a number, are 64 GB, more than one server likes to hold. Then rare ids share the
# unknown one (`min_count`), or the hashing trick makes them share rows.

# %% [markdown]
# ## Deploy
#
# The models of 320,000 rows go into twin worlds for three days, the machine against the linear
# model, in each of the two markets. Nothing is retrained.
#
# Guess again before you run it: what changes in revenue, and in which world?

# %%
lifts = {}
for name, world in worlds.items():
    pair = (ScorerPolicy(models[name, kind, 320_000]) for kind in colours)
    run = world.compare(*pair, days=3, history_days=days[name])
    lifts |= {(name, m): vars(run.lifts[m].relative) for m in ("revenue", "clicks")}
lifts = 100 * pd.DataFrame(lifts).T
plot_changes(lifts, xlabel="machine against linear model (%, bar: 95 % interval)")
plt.show()
assert lifts.loc["feature-poor", "low"].min() > 0
assert lifts["estimate"]["default", "clicks"] < lifts["estimate"]["feature-poor", "clicks"]
lifts.round(1)

# %% [markdown]
# How to read it: a dot is the change that the machine brings, the bar its interval, right of the
# line is more. In the feature-poor world it wins in both currencies, clicks ahead of revenue, so a
# click is sold for less. We ran six seeds: clicks rose by 2 to 14 %, each time by more than luck,
# and revenue by 1.5 to 8 %, once with an interval that held zero. So the sign is safe and the size
# is not.
#
# In the default world both intervals hold zero. On other seeds one or the other left it, to either
# side. The curves said that there is nothing to win.

# %% [markdown]
# ## Results
#
# The same two worlds at full size, from the committed ledgers: 800,000 training rows, three seeds
# that settled nothing. `mlsd ladder ad_click --deploy-days 7 --commit` made the first, and `mlsd
# ladder ad_click --variant feature_poor --commit` the second, on some of the rungs. Beside the
# machine, `fm`, stands `dcn_v2`, a deeper relative that the next chapter builds.

# %%
sources = {"default": None, "feature-poor": "ad_click_world-feature_poor"}
ledgers = {k: load_ledger("ad_click", source=s).set_index("rung") for k, s in sources.items()}
rungs = ["global_rate", "smoothed_ad", "hashed_lr", "lightgbm", "fm", "dcn_v2"]
rungs += [f"{name}_counters" for name in rungs[2:]] + ["oracle"]
shown = ["normalized_entropy", "fit_cpu_seconds"]
pd.concat({k: ledger.reindex(rungs)[shown] for k, ledger in ledgers.items()}, axis=1).round(3)

# %% [markdown]
# It is the small experiment again. Where the pair decides, the machine is ahead of the trees on ids;
# with counters they pass it, and `dcn_v2` leads in both. In the default world the machine is a little ahead of the linear model on ids, and behind
# it once both have counters, at several times the cost of fitting.

# %%
default, poor = (ledger["normalized_entropy"] for ledger in ledgers.values())
assert poor["dcn_v2"] < poor["fm"] < poor["lightgbm"] < poor["hashed_lr"]
assert poor["dcn_v2_counters"] < poor["lightgbm_counters"] < poor["fm_counters"]
assert 0 < default["hashed_lr"] - default["fm"] < 0.01
assert min(default["fm_counters"], default["dcn_v2_counters"]) > default["hashed_lr_counters"]
assert all(
    t["fit_cpu_seconds"]["dcn_v2"] > 3 * t["fit_cpu_seconds"]["hashed_lr"] for t in ledgers.values()
)

# %% [markdown]
# ## What breaks in production
#
# Vectors of two training runs cannot be mixed: any rotation of a run is as good as the run. If the
# table of users is refreshed nightly and the table of ads weekly, the dot products between them
# mean nothing, and no error is raised. Publish all tables of a run under one version.
#
# New ids pile up between two runs. All are the unknown id, and are scored alike. Watch the share of
# unknown ids per field; it is the first number to rise when a catalogue changes.

# %% [markdown]
# ## Summary
#
# - An embedding is a learned vector for an id; a dot product lets two ids interact.
# - A factorization machine sums all pairs in linear time, and scores pairs that never met.
# - Vectors need rows: the curves crossed in one world and did not in the other.
# - Where the pair is known and frequent, a hashed cross is as good and simpler.
# - Regularise the table, so that a vector's length follows its evidence.

# %% [markdown]
# ## Recall
#
# 1. Why can all pairwise products be summed without forming pairs?
#
# <details><summary>Answer</summary>The square of the sum of the vectors holds each pair twice and
# each square once. Take the squares away and halve.</details>
#
# 2. What can a factorization machine say about a pair that training never met, and a hashed cross
# not?
#
# <details><summary>Answer</summary>The product of two vectors that were learned with other
# partners. The cross has no weight for the pair, so only the two single weights are
# left.</details>
#
# 3. The machine is behind on 20,000 rows. What do you check before you drop it?
#
# <details><summary>Answer</summary>Its learning curve: is it falling faster than the linear one,
# and would the rows that you will have reach the crossing?</details>

# %% [markdown]
# ## Further reading
#
# This chapter has no lab of its own; the next one starts from this machine.
#
# - Steffen Rendle 2010, *Factorization Machines*, ICDM.
# - Yuchin Juan, Yong Zhuang, Wei-Sheng Chin, Chih-Jen Lin 2016, *Field-aware Factorization Machines
#   for CTR Prediction*, RecSys.
# - Yehuda Koren, Robert Bell, Chris Volinsky 2009, *Matrix Factorization Techniques for Recommender
#   Systems*, Computer 42(8).
