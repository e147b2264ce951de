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
#     - {name: Look inside the vectors, minutes: 9}
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
# **Minutes**: 85, with good places to stop after the factorization machine and after the plain
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
from mlsd.policies import ScorerPolicy
from mlsd.worlds import AdClickConfig, AdClickWorld

plt.rcParams.update(course_style())

# %% [markdown]
# ## Look at two logs
#
# The first is the default world: its log names the user. The second is *feature-poor*. Privacy
# rules leave one coarse interest code a user, ads carry one of many topics, and clicks depend on
# the pair. We take a small edition of it, with 400 codes on each side.

# %%
variant = AdClickConfig.variant("feature_poor")
small = {"users": 20_000, "requests_per_day": 12_000, "live_ads": 1_000}
poor = replace(variant, **small, interest_codes=400, topics=400)
worlds = {"default": AdClickWorld(seed=5), "feature-poor": AdClickWorld(seed=5, config=poor)}
days = {"default": 7, "feature-poor": 14}
logs = {name: world.history(days=days[name]) for name, world in worlds.items()}
labelled = {name: each.labelled_log() for name, each in logs.items()}

# %% [markdown]
# Both logs have half a million impressions. The first four fifths train; the last fifth is read and
# chooses nothing in this chapter, so we do not cut it further.

# %% tags=["nbval-check-output"]
train = {name: log.frame.iloc[log.split.train] for name, log in labelled.items()}
later = {name: log.frame.iloc[log.split.train[-1] + 1 :] for name, log in labelled.items()}
outcome = {name: part["click"].to_numpy() for name, part in later.items()}
fields = {name: log.roles.identifiers for name, log in labelled.items()}
sorted(set(fields["default"]) ^ set(fields["feature-poor"]))

# %% [markdown]
# The list is what one log has and the other has not. All other fields are common: ad, campaign,
# publisher, device, hour and the like. How often does a pair of code and topic come by?

# %%
pair = ["interest", "topic"]
met = train["feature-poor"].groupby(pair).size()
share = len(met) / 400**2
assert share < 0.8
assert met.median() <= 4
f"{100 * share:.0f} % of the 160,000 pairs were met, half of these at most {met.median():.0f} times"

# %% [markdown]
# With two or three clicks in a hundred impressions, nobody can estimate a rate for a pair that
# came by three times.

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

# %%
rng = np.random.default_rng(0)
vectors = rng.normal(size=(3, 5, 2))
explicit = sum(
    (vectors[:, i] * vectors[:, j]).sum(axis=1) for i in range(5) for j in range(i + 1, 5)
)
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


# %% tags=["check"]
check(
    "pair products",
    my_pair_products,
    gives(np.array([[[1.0], [2.0], [4.0]]]), expected=np.array([14.0])),
    gives(vectors, expected=explicit, hint="square of the sum, minus sum of the squares, halved"),
    gives(vectors[:, :1], expected=np.zeros(3), hint="one field has no pair"),
)

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

# %% tags=["guess"]
guess_linear = ...
guess_factorization_machine = ...

# %%
torch.manual_seed(0)
tiny = TinyFactorizationMachine(80, 4)
ids, target = (
    torch.from_numpy(np.stack([reader, 40 + ad], axis=1)),
    torch.from_numpy(clicks).float(),
)
optimizer = torch.optim.Adam(tiny.parameters(), lr=0.02, weight_decay=1e-4)
for _ in range(150):
    optimizer.zero_grad()
    nn.functional.binary_cross_entropy_with_logits(tiny(ids[rows]), target).backward()
    optimizer.step()

# %% [markdown]
# Logistic regression gets the same rows.

# %%
pairs = pd.DataFrame({"reader": reader, "ad": ad})
line = HashedLogisticRegression(categorical=("reader", "ad")).fit(pairs.iloc[rows], clicks)
learned = {
    "logistic regression": line.predict_proba(pairs)[:, 1],
    "factorization machine": torch.sigmoid(tiny(ids)).detach().numpy(),
}
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
# shorter memory.


# %%
def learning_curve(name, sizes=(20_000, 40_000, 80_000, 160_000, 320_000)):
    """Fitted models by (kind, rows), for one world."""
    columns = {"categorical": fields[name], "numeric": labelled[name].roles.numeric}
    models = {}
    for rows in sizes:
        last = train[name].iloc[-rows:]
        machine = FactorizationMachine(**columns, embedding_dim=8)
        models["factorization machine", rows] = machine.fit(last, last["click"])
        line = HashedLogisticRegression(**columns, C=0.3)
        models["logistic regression", rows] = line.fit(last, last["click"])
    return models


# %% [markdown]
# The linear model takes the penalty that the ledger chose in both worlds. The machine has vectors
# of length 8 and holds its last tenth of the rows back to know when to stop, which is part of its
# price.
#
# **Your guess**: who is ahead at 20,000 rows and at 320,000, in each world?

# %% tags=["guess"]
guess_default = ...
guess_feature_poor = ...

# %%
models = {"default": learning_curve("default")}

# %% [markdown]
# The same for the feature-poor world, then predictions and normalized entropies of all twenty
# models.

# %%
models["feature-poor"] = learning_curve("feature-poor")
predicted = {
    (name, *key): model.predict_proba(later[name])[:, 1]
    for name in models
    for key, model in models[name].items()
}
entropy = pd.Series(
    {key: metrics.normalized_entropy(outcome[key[0]], p) for key, p in predicted.items()}
)
curves = entropy.unstack([0, 1])
curves.round(3)

# %%
figure, panels = plt.subplots(1, 2, figsize=(7.0, 3.2))
colours = {"logistic regression": "orange", "factorization machine": "blue"}
for axes, name in zip(panels, models):
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
cluster = {"default": "user_id", "feature-poor": "interest"}
ends = {}
for name in models:
    clusters = later[name][cluster[name]].to_numpy()
    for rows in (20_000, 320_000):
        machine, line = (predicted[name, kind, rows] for kind in list(colours)[::-1])
        ends[name, rows] = metrics.paired_interval(
            metrics.normalized_entropy,
            outcome[name],
            machine,
            line,
            clusters=clusters,
            repetitions=200,
            seed=0,
        )

# %%
assert ends["default", 20_000].estimate > 0 < ends["default", 320_000].estimate
assert ends["feature-poor", 320_000].high < 0 < ends["feature-poor", 20_000].low
pd.DataFrame({key: vars(end) for key, end in ends.items()}).T[["estimate", "low", "high"]].astype(
    float
).round(4)

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
part, name = train["feature-poor"].iloc[-320_000:], "feature-poor"
columns = {"categorical": fields[name], "numeric": labelled[name].roles.numeric}
crossed = HashedLogisticRegression(**columns, C=0.3, crosses=(("interest", "topic"),))
crossed.fit(part, part["click"])
known = pd.MultiIndex.from_frame(part[pair])
new = ~pd.MultiIndex.from_frame(later[name][pair]).isin(known)
f"{100 * new.mean():.0f} % of the later impressions are of a pair that training never met"

# %%
readings = {kind: predicted[name, kind, 320_000] for kind in colours}
readings["logistic regression with the pair"] = crossed.predict_proba(later[name])[:, 1]
groups = {"all": np.full(len(new), True), "pairs met": ~new, "pairs never met": new}
rival = pd.DataFrame(
    {
        group: {k: metrics.normalized_entropy(outcome[name][w], p[w]) for k, p in readings.items()}
        for group, w in groups.items()
    }
)
line, crossed_line = (
    rival.loc["logistic regression"],
    rival.loc["logistic regression with the pair"],
)
assert crossed_line["all"] < line["all"] - 0.01
assert abs(crossed_line["pairs never met"] - line["pairs never met"]) < 0.01
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
# ## Look inside the vectors
#
# What is in a topic's vector? The world can be asked: `reveal` gives the true attraction of every
# impression, for study only. We average its log-odds by code and topic, take away what belongs to
# the code or the topic alone, and ask how many directions the rest has.

# %%
truth, seen = worlds[name].reveal(logs[name]), logs[name].impressions
attraction = truth["attraction"].clip(1e-9, 1 - 1e-9)
hidden = seen[pair].assign(logit=np.log(attraction / (1 - attraction)))[
    ~truth["is_spam"].to_numpy()
]
hidden = hidden.pivot_table(index="topic", columns="interest", values="logit")
hidden = hidden.sub(hidden.mean(axis=1), axis=0)
hidden = hidden.sub(hidden.mean(axis=0), axis=1).fillna(0.0)
np.linalg.svd(hidden.to_numpy(), compute_uv=False)[:6].round(0)

# %% [markdown]
# Three large singular values, then a drop: the world hides three factors a topic. The machine has
# seen clicks only. Its vectors need not lie in the same directions, since a rotation of all
# vectors changes no dot product. So we ask for less: is each hidden factor a *linear function* of
# the eight learned numbers? We take the topics with at least 300 impressions.


# %%
def vectors_by_code(model, field):
    """Vectors of a field's codes, the unknown code 0 first."""
    place, sizes = model.categorical.index(field), model.vocabulary_.sizes_
    start = sum(sizes[:place])
    return model.network_.embedding.table[start : start + sizes[place]].numpy()


machine = models[name]["factorization machine", 320_000]
first = part.drop_duplicates("topic").set_index("topic", drop=False)
code = machine.vocabulary_.transform(first)[:, machine.categorical.index("topic")]
often = part["topic"].value_counts().reindex(first.index).to_numpy() >= 300
topics = first.index[often & (code > 0)]
inputs = vectors_by_code(machine, "topic")[code[often & (code > 0)]]
inputs = np.column_stack([np.ones(len(inputs)), inputs])

# %% [markdown]
# One least-squares fit a factor. The share explained has to be read beside what luck would give.

# %%
factors = np.linalg.svd(hidden.loc[topics].to_numpy(), full_matrices=False)[0][:, :3]
read_out = inputs @ np.linalg.lstsq(inputs, factors, rcond=None)[0]
explained = np.corrcoef(factors.T, read_out.T)[:3, 3:].diagonal() ** 2
luck = inputs.shape[1] / len(topics)
f"explained: {', '.join(f'{x:.0%}' for x in explained)}; luck alone would explain about {luck:.0%}"

# %%
figure, panels = plt.subplots(1, 2, sharey=True, figsize=(7.0, 3.0))
for number, axes in enumerate(panels):
    axes.scatter(
        factors[:, number], read_out[:, number], s=10, color=COLOURS["blue"], label="a topic"
    )
    axes.axline((0, 0), slope=1, color=COLOURS["grey"], ls="--", label="equal")
    axes.set_xlabel(f"hidden factor {number + 1} of the world")
panels[0].set_ylabel("read from the\nlearned vector")
panels[0].legend()
plt.show()
assert explained.mean() > 3 * luck

# %% [markdown]
# How to read it: a dot is a topic; to the right the world's hidden factor, upwards what a linear
# function of the learned vector says about it. A flat cloud would mean that the vectors know
# nothing. The clouds rise. Nobody told the machine that there are factors; it found a shadow of
# them because they predict clicks. A shadow only: the topic shares its work with the vectors of
# the ad and the campaign, and two or three clicks a hundred impressions say little.

# %% [markdown]
# ## Hold rare ids back
#
# An id with three impressions has eight numbers of its own, and can fit these three by heart.
# *Embedding regularisation* adds a penalty λ/2 · |v|² to the loss. Every id pays the same, and
# only a frequent id earns enough in return to stay long. We fit 160,000 rows without it, with the
# package's value, and with ten times that.

# %%
last = train[name].iloc[-160_000:]
penalties = {0.0: "no penalty", 1e-5: "λ = 1e-5 (default)", 1e-4: "λ = 1e-4"}
fits = {1e-5: models[name]["factorization machine", 160_000]}
for penalty in (0.0, 1e-4):
    model = FactorizationMachine(**columns, embedding_dim=8, embedding_l2=penalty)
    fits[penalty] = model.fit(last, last["click"])

# %%
figure, axes = plt.subplots()
codes = fits[0.0].vocabulary_.transform(last)[:, fields[name].index("ad_id")]
impressions = np.bincount(
    codes, minlength=fits[0.0].vocabulary_.sizes_[fields[name].index("ad_id")]
)
bins = np.geomspace(1, 3000, 9)
middle = {}
for (penalty, label), colour in zip(penalties.items(), ("orange", "blue", "green")):
    norm = np.linalg.norm(vectors_by_code(fits[penalty], "ad_id"), axis=1)[1:]
    middle[penalty] = pd.Series(norm).groupby(np.digitize(impressions[1:], bins)).median()
    axes.plot(
        bins[middle[penalty].index - 1], middle[penalty], "o-", color=COLOURS[colour], label=label
    )
axes.set(xscale="log", yscale="log", xlabel="impressions of the ad in training (log scale)")
axes.set_ylabel("median length\nof its vector (log scale)")
axes.legend()
plt.show()
assert middle[1e-5].iloc[-1] > 3 * middle[1e-5].iloc[0]

# %% [markdown]
# How to read it: each line is one penalty, each dot the ads with so many impressions. Without a
# penalty an ad with a handful of impressions has as long a vector as one with hundreds, or a
# longer one. With it the length grows with the evidence. You know the idea: it is the prior
# strength of the smoothed rate, for vectors. What does it do to the error?

# %%
p = {label: fits[key].predict_proba(later[name])[:, 1] for key, label in penalties.items()}
error = {label: metrics.normalized_entropy(outcome[name], p[label]) for label in p}
none, default, strong = error.values()
assert default < strong
assert default < none + 0.002
pd.Series(error, name="normalized entropy").round(4).to_frame()

# %% [markdown]
# Too much forgets the pairs and costs most. None at all costs little here, on five seeds that we
# tried from nothing to a hundredth; early stopping is there to catch part of the luck. It is one
# more number for validation days to choose.
#
# Now the limit, an id with no impression at all. The package gives it code 0, the field's
# *unknown* id. While training, a tenth of all ids is replaced by it, so that it learns what a row
# looks like when this field is silent. And what does a table cost?

# %% tags=["nbval-check-output"]
ids_known = sum(fits[0.0].vocabulary_.sizes_)
f"{ids_known:,} rows x 8 numbers x 4 bytes = {ids_known * 8 * 4:,} bytes"

# %% [markdown]
# Small here. With a billion ids and vectors of length 16 it is 64 GB, more than one server likes
# to hold. Then rare ids share the unknown one (`min_count`), or the hashing trick makes them share
# rows.

# %% [markdown]
# ## Deploy
#
# The models of 320,000 rows go into twin worlds for three days, the machine against the linear
# model, in each of the two markets. Nothing is retrained.
#
# Guess again before you run it: what changes in revenue, and in which world?

# %%
lifts = {}
for world_name, world in worlds.items():
    line, machine = (ScorerPolicy(models[world_name][kind, 320_000]) for kind in colours)
    run = world.compare(line, machine, days=3, history_days=days[world_name])
    lifts |= {(world_name, m): vars(run.lifts[m].relative) for m in ("revenue", "clicks")}
lifts = 100 * pd.DataFrame(lifts).T
lifts.round(1)

# %%
plot_changes(lifts, xlabel="machine against linear model (%, bar: 95 % interval)")
plt.show()
assert lifts.loc[("feature-poor", "clicks"), "low"] > 0
assert lifts.loc[("feature-poor", "revenue"), "low"] > 0
gains = lifts["estimate"].xs("clicks", level=1)
assert gains["default"] < gains["feature-poor"]

# %% [markdown]
# How to read it: a dot is the change that the machine brings, the bar its interval, right of the
# line is more. In the feature-poor world it wins in both currencies, clicks ahead of revenue: a
# model that knows the pair lets the rate decide more auctions, and a click is then sold at a lower
# bid. We ran six seeds: clicks rose by 2 to 14 %, each time by more than luck, and revenue by 1.5
# to 8 %, once with an interval that held zero. So the sign is safe and the size is not.
#
# In the default world both intervals hold zero. On other seeds one or the other left it, to either
# side. The curves said that there is nothing to win. They also said that the machine's
# probabilities are a little worse, and three days of auctions cannot show so little.

# %% [markdown]
# ## Results
#
# The same two worlds at full size, from the committed ledgers: 800,000 training rows, three seeds
# that settled nothing. `mlsd ladder ad_click --commit` made the first table, and `mlsd ladder
# ad_click --variant feature_poor --commit` the second. The ladder has no factorization machine.
# Its embedding rung is `dcn_v2`, a deeper relative that the next chapter builds.

# %%
ledgers = {
    "default": load_ledger("ad_click").set_index("rung"),
    "feature-poor": load_ledger("ad_click", source="ad_click_world-feature_poor").set_index("rung"),
}
rungs = ["global_rate", "smoothed_ad", "hashed_lr", "lightgbm", "dcn_v2"]
rungs += ["hashed_lr_counters", "lightgbm_counters", "dcn_v2_counters", "oracle"]
shown = {"normalized_entropy": "normalized entropy", "fit_cpu_seconds": "fit, CPU s"}
tables = {k: v.loc[rungs, list(shown)].rename(columns=shown) for k, v in ledgers.items()}
ne = {name: table["normalized_entropy"] for name, table in ledgers.items()}
assert (
    ne["feature-poor"]["dcn_v2"] < ne["feature-poor"]["lightgbm"] < ne["feature-poor"]["hashed_lr"]
)
assert ne["feature-poor"]["dcn_v2_counters"] < ne["feature-poor"]["hashed_lr_counters"]
assert ne["default"]["dcn_v2_counters"] > ne["default"]["hashed_lr_counters"]
pd.concat(tables, axis=1).round(3)

# %% [markdown]
# It is the small experiment again. Where the pair decides, embeddings lead, with and without
# counters. In the default world they come out level with the linear model on ids and behind it
# once both have counters, at many times the cost of fitting.

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
