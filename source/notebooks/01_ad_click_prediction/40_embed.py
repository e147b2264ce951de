# ---
# jupyter:
#   mlsd:
#     title: Embed ids and multiply them
#     builds: a factorization machine from scratch, a fair learning curve of it and a linear model in two markets, and a smaller embedding table
#     sections:
#     - {name: What decides success, minutes: 5}
#     - {name: Look at two logs, minutes: 6}
#     - {name: Multiply all pairs at once, minutes: 10}
#     - {name: Build a factorization machine, minutes: 12, stop: true}
#     - {name: Read the log twice, minutes: 14, stop: true}
#     - {name: Count the rows it needs, minutes: 9}
#     - {name: Meet the simple rival, minutes: 6}
#     - {name: Fit the table into memory, minutes: 9, stop: true}
#     - {name: Deploy, minutes: 7}
#     - {name: Results, minutes: 4}
#     - {name: What breaks in production, minutes: 4}
#     - {name: In the interview, minutes: 6}
#     - {name: Summary, minutes: 1}
#     - {name: Recall, minutes: 3}
#     - {name: Lab and further reading, minutes: 1}
#     introduces:
#       embedding: a short vector of numbers that is learned for each id of a categorical column
#       factorization machine: logistic regression plus the dot products of the embeddings of all pairs of ids in a row
#       one-epoch overfitting: the rise of a click model's loss on later days when training begins its second pass over the log, seen with embeddings of fine-grained ids
#       embedding regularisation: a penalty on the squared length of embeddings, under which an id's vector grows only with the evidence for it
#       learning curve: the error on later data against the number of training rows
#     needs: [time split, normalized entropy, clustered interval, hashing trick, hashed logistic regression, early stopping, deployment, twin-world comparison]
#     discussion: A team wants to replace its logistic regression by embeddings because a paper did. Which two measurements on your own log do you ask for first?
#     answer: "How many of tomorrow's impressions carry an identifier that was seen often enough to learn a vector, and what counters by the same identifiers reach with the same tuning. A third would be the validation loss after one and after two passes."
#     wrong_answers: ["The AUC of the paper's model on the paper's data.", "The largest table that fits into memory."]
# ---

# %% [markdown]
# # Embed ids and multiply them
#
# **You will build** a factorization machine from scratch, a fair learning curve of it and a linear
# model in two markets, and a smaller embedding table.
#
# **You will learn** what a vector per id can say that a weight per id cannot, how to train such
# vectors without overfitting them, how to find out whether a market has enough rows for them, and
# what to do when the table does not fit into memory.
#
# **You need** [20_baseline](20_baseline.ipynb) for the time split, normalized entropy and clustered
# intervals, [30_count](30_count.ipynb) for hashed logistic regression, early stopping from
# [32_boost](32_boost.ipynb), and twin-world comparison from [10_frame](10_frame.ipynb).
#
# **Minutes**: 97, with good places to stop after the factorization machine, after the second
# reading of the log and after the memory.

# %% [markdown]
# ## What decides success
#
# Logistic regression gives each id one weight and adds the weights up. It can therefore say that an
# ad is good and that a user clicks readily, but it cannot say that *this* ad is good for *this*
# user. A model that can needs many more parameters, and parameters have to be paid for twice: with
# rows to learn them from, and with memory to serve them from.
#
# Suppose a team proposes to replace the linear model of a market by embeddings. We accept the
# proposal for that market if three requirements are met:
#
# | requirement | criterion |
# |---|---|
# | quality | lower normalized entropy than an equally tuned linear model on test days, with the 95 % interval of the difference below zero |
# | revenue | more than with the linear model when deployed, with the 95 % interval above zero |
# | memory | at most 16 GB for the vectors and weights of a billion ids, so that one server can hold them |
#
# The words *equally tuned* matter here, because a new model is usually tuned by the person who
# proposes it, and the old one by nobody.

# %%
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import nn

from mlsd import metrics
from mlsd.checks import check, holds
from mlsd.experiments import load_ledger, load_study
from mlsd.models import FactorizationMachine, HashedLogisticRegression
from mlsd.models.interactions import factor_products
from mlsd.notebook import compare, guess, track
from mlsd.plots import COLOURS, course_style, plot_changes
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickConfig, AdClickWorld

plt.rcParams.update(course_style())

# %% [markdown]
# ## Look at two logs
#
# Whether embeddings pay depends on the market, so we take two. The first is the default world of
# this course, whose log names the user of every request. The second is called *feature-poor*.
# Privacy rules leave only one coarse interest code per user there, every ad carries one of many
# topics, and how well a code and a topic go together decides much of what is clicked. We simulate a
# small edition of it, with 400 codes and 400 topics.

# %%
small = {"users": 20_000, "requests_per_day": 12_000, "live_ads": 1_000}
codes = {"interest_codes": 400, "topics": 400}
poor = replace(AdClickConfig.variant("feature_poor"), **small, **codes)
worlds = {"default": AdClickWorld(seed=5), "feature-poor": AdClickWorld(seed=5, config=poor)}
days = {"default": 7, "feature-poor": 14}
logs = {name: world.history(days=days[name]).labelled_log() for name, world in worlds.items()}

# %% [markdown]
# Both logs hold about half a million impressions. As always the split follows time: the first 80 %
# train, the next 10 % choose settings and end the training (validation), and the last 10 % are read
# once for the verdict (test). From the training days we use the latest 320,000 impressions.

# %% tags=["nbval-check-output"]
train, validation, test, fields = {}, {}, {}, {}
for name, log in logs.items():
    train[name] = log.frame.iloc[log.split.train].iloc[-320_000:]
    validation[name] = log.frame.iloc[log.split.validation]
    test[name] = log.frame.iloc[log.split.test]
    fields[name] = log.roles.identifiers
sorted(set(fields["default"]) ^ set(fields["feature-poor"]))

# %% [markdown]
# The list shows the columns that only one of the two logs has. All the others are common to both:
# ad, campaign, advertiser, publisher, device, hour and so on, 13 columns of ids in the default
# world and 14 in the feature-poor one. How much is there to learn from? Two counts tell: the number
# of training rows of a typical user, and the number of a typical pair of code and topic.

# %% tags=["nbval-check-output"]
per_user = train["default"].groupby("user_id").size()
per_pair = train["feature-poor"].groupby(["interest", "topic"]).size()
pd.DataFrame(
    {
        "number": [len(per_user), len(per_pair)],
        "median rows": [per_user.median(), per_pair.median()],
    },
    index=["users, default", "pairs met, feature-poor"],
).astype(int)

# %% [markdown]
# Both are thin. Of the 160,000 pairs of the feature-poor market more than a third never occurs in
# training, and half of those that do occur have one or two rows. With two or three clicks per
# hundred impressions, a pair would need hundreds of rows before its own click rate meant anything.
# Counting pairs is therefore hopeless here, and something has to be shared between them.

# %% [markdown]
# ## Multiply all pairs at once
#
# An *embedding* is a short vector of numbers that is learned for each id. Two ids interact through
# the dot product of their vectors, and this is how the effect of a pair is shared: the vector of a
# topic is learned from all codes that met it, and the vector of a code from all topics. A pair that
# never occurred has a dot product all the same.
#
# A *factorization machine* (Rendle 2010) is logistic regression plus all these products. With $b$
# the bias, and $w_i$ and $v_i$ the weight and the vector of the $i$-th id in the row, its score, in
# log-odds, is
#
# $$s = b + \sum_i w_i + \sum_{i < j} \langle v_i, v_j \rangle .$$
#
# A row with three ids whose vectors have length one, with values 1, 2 and 4, has the pair products
# $1 \cdot 2$, $1 \cdot 4$ and $2 \cdot 4$, which add up to 14. With 14 columns there are 91 pairs,
# and their number grows with the square of the number of columns. At serving time that would hurt,
# because the sum is taken for every candidate of every request.
#
# **Your turn.** Rendle's remark is that nobody has to form the pairs. Find a way to compute their
# sum whose cost grows with the number of ids and not with its square. A good start is to ask which
# products the square of a sum contains. Write it with operations of PyTorch, such as
# `fields.sum(dim=1)`, so that gradients can flow through it: the model below will be trained with
# *your* function.


# %% tags=["your-turn"]
def pair_products(fields):
    """Return the sum of the dot products of all pairs, from shape (rows, ids, length) to (rows,)."""
    return ...


# %% [markdown]
# The check compares it with the double sum on three rows of five random vectors, tries a row with a
# single id, which has no pair, and makes sure that gradients get through.

# %% tags=["check"]
three = torch.tensor([[[1.0], [2.0], [4.0]]])
several = torch.randn(3, 5, 2, generator=torch.Generator().manual_seed(0))
double_sum = sum((several[:, i] * several[:, j]).sum(dim=1) for j in range(5) for i in range(j))
verdict = check(
    "pair_products",
    pair_products,
    holds(lambda f: f(three).shape == (1,), "one number per row is wanted, shape (rows,)"),
    holds(lambda f: f(three).item() == 14, "for vectors 1, 2 and 4 the sum is 14"),
    holds(lambda f: torch.allclose(f(several), double_sum, atol=1e-5), "it is not the double sum"),
    holds(lambda f: f(several[:, :1]).abs().max() < 1e-6, "a single id has no pair: 0 is wanted"),
    holds(lambda f: f(three.requires_grad_()).requires_grad, "use torch, so that gradients flow"),
)
verdict

# %% [markdown]
# From here on `products_of_pairs` is your function if it passed, and that of the package otherwise.

# %%
products_of_pairs = verdict.answer_or(factor_products)
assert torch.allclose(products_of_pairs(several), double_sum, atol=1e-5)

# %% [markdown]
# An `assert` in these notebooks states a claim of the text, and the build fails if it stops being
# true.
#
# ## Build a factorization machine
#
# Three parameters suffice: a bias, a table of weights and a table of vectors. In PyTorch a table
# whose rows are looked up by number is called `nn.Embedding`. The weights may start at zero, but
# the vectors have to start at small random values. If all vectors were zero, then every product and
# also its gradient would be zero, so that no vector could ever move.


# %%
class TinyFactorizationMachine(nn.Module):
    """Scores rows of ids, shape (rows, columns); the ids of all columns share one numbering."""

    def __init__(self, ids, length):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(()))
        self.weight, self.vector = nn.Embedding(ids, 1), nn.Embedding(ids, length)
        nn.init.zeros_(self.weight.weight)
        nn.init.normal_(self.vector.weight, std=0.1)

    def forward(self, ids):
        pairs = products_of_pairs(self.vector(ids))
        return self.bias + self.weight(ids).sum(dim=(1, 2)) + pairs


# %% [markdown]
# Before it meets a real log, we test it on an interaction that we planted ourselves. There are
# forty readers and forty ads, and each of them secretly belongs to one of two sides. On the same
# side an impression is clicked with probability 0.8, across with 0.2, and no reader and no ad is
# better than another. Only about half of the 1,600 pairs ever occur in training.

# %%
rng = np.random.default_rng(0)
side = rng.permuted(np.tile(np.repeat([-1, 1], 20), (2, 1)), axis=1)
reader, ad = np.divmod(np.arange(1600), 40)
same_side = side[0, reader] == side[1, ad]
shown = rng.random(1600) < 0.5
drawn = rng.choice(np.flatnonzero(shown), 6000)
clicks = rng.random(6000) < np.where(same_side, 0.8, 0.2)[drawn]

# %% [markdown]
# **Your guess**: for what share of the pairs that training never showed does the machine predict
# the right side of one half? Tossing a coin would give 50 %.

# %% tags=["guess"]
guess("embed_right_on_new_pairs", ..., unit="%")

# %% [markdown]
# Training is plain gradient descent on the log loss (with Adam, which adapts the step of each
# parameter), over all 6,000 rows at a time.

# %%
torch.manual_seed(0)
tiny, target = TinyFactorizationMachine(80, 4), torch.from_numpy(clicks).float()
ids = torch.from_numpy(np.stack([reader, 40 + ad], axis=1))
optimizer = torch.optim.Adam(tiny.parameters(), lr=0.02, weight_decay=1e-4)
for _ in range(150):
    optimizer.zero_grad()
    nn.functional.binary_cross_entropy_with_logits(tiny(ids[drawn]), target).backward()
    optimizer.step()
of_machine = torch.sigmoid(tiny(ids)).detach().numpy()

# %% [markdown]
# The linear model reads the same rows.

# %%
both = pd.DataFrame({"reader": reader, "ad": ad})
planted = HashedLogisticRegression(categorical=("reader", "ad")).fit(both.iloc[drawn], clicks)
learned = {"linear model": planted.predict_proba(both)[:, 1], "factorization machine": of_machine}
right = {kind: 100 * ((p > 0.5) == same_side)[~shown].mean() for kind, p in learned.items()}
compare("embed_right_on_new_pairs", right["factorization machine"])
print(f"linear model: {right['linear model']:.0f} %")

# %% [markdown]
# Here is what the two models say about each of those pairs:

# %%
figure, panels = plt.subplots(1, 2, sharex=True, sharey=True, figsize=(7.0, 2.8))
bins = np.linspace(0, 1, 26)
for axes, (kind, p) in zip(panels, learned.items()):
    for chosen, label, colour in (
        (same_side, "same side", "blue"),
        (~same_side, "across", "orange"),
    ):
        axes.hist(p[chosen & ~shown], bins, color=COLOURS[colour], alpha=0.6, label=label)
        axes.axvline(0.8 if label == "same side" else 0.2, color=COLOURS[colour], ls="--", lw=1)
    axes.set(title=kind, xlabel="predicted click probability")
panels[0].set_ylabel("pairs never shown")
panels[1].legend(title="truth")
figure.suptitle("Only the vectors tell the two kinds of new pairs apart")
plt.show()

# %% [markdown]
# Each bar counts pairs that training never showed, by what the model predicts for them, and the
# dashed lines mark the true probabilities. The linear model puts both colours on one heap, because
# it has no parameter that could part them. The machine separates them and comes close to the truth,
# although it never saw any of these pairs.

# %%
assert right["linear model"] < 60 < 85 < right["factorization machine"]

# %% [markdown]
# **Change this and see.** Show a tenth of the pairs in training instead of half (`shown`), with the
# same 6,000 rows. At which share do the new pairs become a coin toss, and why does it matter how
# many partners each reader has met rather than how many rows?

# %% [markdown]
# ## Read the log twice
#
# The planted log suited the model. On a real log the first question is how long to train. One pass
# over all training rows, in shuffled mini-batches, is called an *epoch*. In most fields of machine
# learning a network reads its data many times. Teams that train click models often read their log
# only once, and people who see this for the first time think that it is done to save money.
#
# We use the package's `FactorizationMachine`, which is the model from above with mini-batches of
# 512 rows, numeric columns beside the ids, and a penalty on the vectors and weights of ids. That
# penalty is switched off for now. Vectors have length 8. Four times per pass we take the normalized
# entropy of rows that the training does not use: those of the validation days.


# %%
latest, held = train["default"], validation["default"]
columns = {"categorical": fields["default"], "numeric": logs["default"].roles.numeric}
two_passes = {"embedding_dim": 8, "embedding_l2": 0.0, "epochs": 2, "patience": 100}


def read_twice(measured=held, **settings):
    """Fit a machine on two passes; return it, and the entropy of some rows by quarter of a pass."""
    label = measured["click"].to_numpy()
    model = FactorizationMachine(**(columns | two_passes | settings))
    model.fit(latest, latest["click"].to_numpy(), valid=(measured, label))
    constant = metrics.log_loss(label, np.full(len(label), label.mean()))
    return model, pd.Series(model.history_.validation_loss, index=np.arange(1, 9) / 4) / constant


# %% [markdown]
# **Your guess**: what does the second pass do to the normalized entropy of the validation days?

# %% tags=["guess"]
guess("embed_second_pass", ..., choices=("it falls", "it stays within 0.002", "it rises"))

# %% [markdown]
# We train twice with the same random numbers, so that both runs are the same model, and measure it
# once on the validation days and once on every sixth of the training rows.

# %%
measured_on = {"validation days": held, "training rows": latest.iloc[::6]}
bare_curves = {}
for kind in track(measured_on, "fitting twice"):
    bare, bare_curves[kind] = read_twice(measured_on[kind])
bare_later, bare_training = bare_curves["validation days"], bare_curves["training rows"]

# %% [markdown]
# The same model on both sets of rows; the columns are passes over the log:

# %%
change = bare_later[2.0] - bare_later[1.0]
answer = "it falls" if change < 0 else "it rises"
compare("embed_second_pass", "it stays within 0.002" if abs(change) <= 0.002 else answer)
pd.DataFrame(bare_curves).round(3).T

# %% [markdown]
# During the first pass both rows of the table fall together, and right at the beginning of the
# second they part: the training rows keep getting easier, whereas the validation days get worse by
# about 0.008 within the first quarter. This is called *one-epoch overfitting*. Zhang et al. (2022)
# describe it for the deep click models of an advertising platform, and tie it to the structure of
# the model, to optimizers that converge fast, and to sparse ids. Our machine has no hidden layers
# and shows it all the same.
#
# The second pass differs from the first in one respect only: it meets rows that the model has seen.
# So something in the model seems to memorise individual rows. There are three suspects, and the
# simulator lets us remove each one alone: the user ids, by far the finest column; the vectors,
# without which the model is logistic regression under the same training; and the missing penalty.
#
# **Your guess**: which removal keeps the loss from rising in the second pass?

# %% tags=["guess"]
guess(
    "embed_what_cures_it",
    ...,
    choices=("only the user ids", "only the vectors", "only a penalty", "each of the three"),
)

# %% [markdown]
# The penalty on an id's weight and vector is $\frac{\lambda}{2} |v|^2$ beside the mean loss of a
# row. Scikit-learn's logistic regression counts the strength of its penalty in another unit, $C$.
# On $n$ rows the two are the same for
#
# $$\lambda = \frac{1}{C \, n},$$
#
# so $C = 0.2$ means $\lambda = 1 / (0.2 \cdot 320{,}000) \approx 1.6 \cdot 10^{-5}$ here. The unit
# will be useful below, where both models are tuned on one grid.

# %%
strength = 0.2
without_users = tuple(name for name in fields["default"] if name != "user_id")
curves = {"nothing removed": bare_later}
settings_of = {
    "without user ids": {"categorical": without_users},
    "without vectors": {"embedding_dim": 0},
    "with a penalty": {"embedding_l2": 1 / (strength * len(latest))},
}
for kind in track(settings_of, "fitting"):
    held_back, curves[kind] = read_twice(**settings_of[kind])

# %% [markdown]
# We say that a loss rises if it ends the second pass more than 0.002 above the end of the first.

# %%
rises = {kind: curve[2.0] - curve[1.0] > 0.002 for kind, curve in curves.items()}
cures = [kind for kind in curves if not rises[kind]]
answers = dict(zip(list(curves)[1:], ("only the user ids", "only the vectors", "only a penalty")))
compare("embed_what_cures_it", "each of the three" if len(cures) == 3 else answers[cures[0]])
pd.Series(rises, name="rises in the second pass").to_frame()

# %% [markdown]
# The four curves:

# %%
figure, axes = plt.subplots(figsize=(6.5, 3.4))
colours = ("red", "sky", "orange", "blue")
for (kind, curve), colour in zip(curves.items(), colours):
    axes.plot(curve.index, curve, "o-", color=COLOURS[colour], label=kind)
axes.axvline(1, color=COLOURS["grey"], ls=":", lw=1)
axes.set(xlabel="passes over the training rows", ylim=(0.942, 0.995))
axes.set_ylabel("normalized entropy\non validation days (lower is better)")
axes.set_title("The second pass hurts only vectors of user ids without a penalty")
axes.legend()
plt.show()

# %% [markdown]
# A dot is the state of one model after so many passes; the dotted line marks the end of the first.
# The red curve turns there. Each of the other three does not: without user ids the loss is level,
# without vectors it goes on falling, and with a penalty it falls again after a small bump. So it
# takes all three at once, vectors of ids that have few rows each and nothing to hold them back, and
# the choice among the cures is a matter of what they cost. Leaving the user out costs most, since
# its curve ends more than 0.01 above the other two cures. A single pass costs a little, because the
# model with a penalty finds something to learn in the second one.

# %%
assert rises == {kind: kind == "nothing removed" for kind in curves}
assert bare_training[2.0] < bare_training[1.0] - 0.05
assert curves["with a penalty"].min() < bare_later.min() < curves["without user ids"].min()

# %% [markdown]
# Does it hold elsewhere? A script repeats the experiment in two other worlds
# ([40_epochs.py](../../tests/studies/ad_click/40_epochs.py)), and adds two removals: users hashed
# into 500 groups, each with hundreds of rows, and a fifth of the learning rate of the ids.

# %%
epochs = load_study("ad_click/40_epochs").set_index(["removed", "seed"])
second = (epochs["two_passes"] - epochs["one_pass"]).unstack("seed")
second["mean after two passes"] = epochs["two_passes"].groupby("removed", sort=False).mean()
second.loc[epochs.index.unique("removed")].round(4)

# %% [markdown]
# Each number is the change of the normalized entropy during the second pass, so positive means
# worse; the last column is the entropy at its end. The rise comes back in both worlds when nothing
# is removed (0.016 and 0.012). User ids, vectors or the missing penalty, taken away alone, stop it
# there too (without user ids world 202 rises for a quarter of a pass and comes back), and with
# hundreds of rows per group of users next to nothing is left of it. A slow
# learning rate has not reached the rise within two passes, but it has not reached a good model
# either. One more thing deserves notice: after two passes the weights alone (0.9565) are as good as
# vectors with a penalty (0.9567). A cure for overfitting is not yet a reason for vectors.

# %% [markdown]
# What does the penalty do to the vectors? We sort the users by the number of their training rows
# and take the median length of their vectors, in the machine without a penalty (as it was when its
# validation loss was lowest) and in the one with it.

# %%
size = bare.vocabulary_.sizes_[0]
seen = np.bincount(bare.vocabulary_.transform(latest)[:, 0], minlength=size)[1:]
edges = np.array([1, 3, 10, 30, 100, 300])
figure, axes = plt.subplots(figsize=(6.0, 3.2))
for model, label, colour in (
    (bare, "no penalty", "red"),
    (held_back, f"penalty, $C$ = {strength}", "blue"),
):
    length = pd.Series(np.linalg.norm(model.network_.embedding.table[1:size].numpy(), axis=1))
    middle = length.groupby(np.digitize(seen, edges)).median()
    axes.plot(edges[middle.index - 1], middle, "o-", color=COLOURS[colour], label=label)
axes.set(xscale="log", yscale="log", xlabel="training rows of the user, at least (log scale)")
axes.set_ylabel("median length of the\nuser's vector (log scale)")
axes.set_title("Under a penalty, a vector grows with its evidence")
axes.legend()
plt.show()

# %% [markdown]
# Each dot stands for the users with at least so many rows and fewer than at the next dot. Without a
# penalty a user with three to nine rows gets a vector three quarters as long as one with a hundred,
# and from ten rows on the length hardly changes, so those few rows are fitted closely, noise
# included. With the penalty the length grows with the evidence. *Embedding regularisation* is thus
# an old acquaintance: it does for vectors what the prior strength of
# [20_baseline](20_baseline.ipynb) did for click rates.

# %% [markdown]
# ## Count the rows it needs
#
# Now that we can train the machine, the question of the requirement can be put: does this market
# have enough rows for it? A *learning curve* answers with the error on later days against the
# number of training rows. We take the latest 20,000, 80,000 and 320,000 impressions before the
# validation days, so that each point is what we would have had with a shorter memory.
#
# Both models are tuned at every point, on the same grid of three strengths $C$. The validation days
# choose the strength and also end the training of the machine (early stopping, at most ten passes);
# the test days are read once. The fits take minutes together, so a script made them
# ([40_curves.py](../../tests/studies/ad_click/40_curves.py)), and we read its table. First the
# sweep in our two worlds, whose seed is 5, on the validation days:

# %%
study = load_study("ad_click/40_curves")
ours = study[(study["seed"] == 5) & study["model"].isin(["linear", "machine"])]
sweep = ours.set_index(["market", "rows", "model", "C"])["validation"]
sweep.unstack(["model", "C"]).round(3)

# %% [markdown]
# The best strength differs between the models, the markets and the numbers of rows, and that is why
# a comparison at one setting can say anything. At 20,000 rows of the default market the linear
# model at $C = 0.8$ has 1.008 and loses to the machine at each of its three strengths (0.988 to
# 0.995); at $C = 0.05$ it has 0.976 and beats all of them. The same trap waits on the other side:
# the package's own default for the machine, $\lambda = 10^{-5}$, is meant for a large log. At
# 320,000 rows it is $C \approx 0.3$, but at 20,000 it is $C = 5$, far too weak. Some of the best
# values lie at the edge of the grid. Their neighbours are within 0.01, so a wider grid could still
# move a point by some thousandths, but not by the gaps that matter below. We go on with the chosen
# settings and read the test days.

# %%
chosen = ours[ours["chosen"]].set_index(["market", "model", "rows"])["test"].sort_index()
figure, panels = plt.subplots(1, 2, figsize=(7.4, 3.3))
colour_of = {"linear": "orange", "machine": "blue"}
for axes, name in zip(panels, worlds):
    for kind, colour in colour_of.items():
        curve = chosen[name, kind]
        axes.plot(curve.index, curve, "o-", color=COLOURS[colour], label=kind)
    axes.set(title=name, xscale="log", xlabel="training rows, thousands (log scale)")
    axes.set_xticks(curve.index, [f"{n // 1000}" for n in curve.index])
    axes.minorticks_off()
panels[0].set_ylabel("normalized entropy\non test days (lower is better)")
panels[1].legend()
figure.suptitle("The machine catches up with rows, early in one market and late in the other")
plt.show()

# %% [markdown]
# Each dot is one model, tuned and trained on so many rows; lower is better. On the left of both
# panels the machine is behind. In the feature-poor market it has overtaken the linear model by
# 80,000 rows and keeps pulling away, whereas in the default market it needs 320,000 rows to draw
# level. So "do embeddings help?" has no answer without two more facts: how many rows there are, and
# how much of the clicking depends on pairs. The default market has such pairs too, of users and
# categories, but the median user brings only a dozen rows from which to learn eight numbers.
#
# Are these gaps larger than sampling error? The script took paired intervals on the test days,
# resampling whole users, or interest codes where the log has no users. At 20,000 rows the machine
# is behind by 0.016 [0.009, 0.022] in the default market and by 0.011 [0.001, 0.021] in the
# feature-poor one. At 320,000 rows the difference is $-0.001$ [$-0.006$, 0.005] in the first, which
# is not distinguishable from zero, and $-0.056$ [$-0.065$, $-0.044$] in the second. A second world
# of each kind was measured at the largest size only:

# %%
machines = study[study["chosen"] & (study["model"] == "machine")]
difference = machines.set_index(["market", "rows", "seed"])["difference_estimate"].unstack("seed")
difference.round(4)

# %% [markdown]
# The columns are worlds, by seed, and a positive number means that the machine is worse. At the
# largest size the second world agrees with ours: the models are level in the default market, and
# the machine is far ahead in the feature-poor one (by 0.073 there). The curves also say when to
# look again. In the default market the machine gained 0.006 on the linear model from 80,000 to
# 320,000 rows, so another fourfold log might put it ahead; the ledger below has 800,000 rows.
#
# ## Meet the simple rival
#
# There is an older way to say "this code and this topic": hash the *pair* to an id of its own and
# give it a weight in the linear model. It needs no vectors, but somebody has to know the pair. Here
# we do, since the market was built around it; at work this is the pair that a domain expert names
# first.

# %%
name = "feature-poor"
poor_columns = {"categorical": fields[name], "numeric": logs[name].roles.numeric}
best = study.query("seed == 5 and chosen and rows == 320000").set_index(["market", "model"])["C"]
poor_rows, poor_click = train[name], train[name]["click"].to_numpy()
poor_valid = (validation[name], validation[name]["click"].to_numpy())
early = {"embedding_dim": 8, "epochs": 10, "validations_per_epoch": 2, "patience": 2}

# %% [markdown]
# The linear model and the machine keep the strengths that the script chose. For the model with the
# pair it chose $C = 0.8$, the largest of its grid and far ahead of $C = 0.2$ (0.703 against 0.737),
# so that grid ended too early, and we go on from there.

# %%
ne, pair = metrics.normalized_entropy, ("interest", "topic")
crossed, validated = {}, {}
for C in (0.8, 1.6, 3.2):
    crossed[C] = HashedLogisticRegression(**poor_columns, C=C, crosses=(pair,))
    crossed[C].fit(poor_rows, poor_click)
    validated[C] = ne(poor_valid[1], crossed[C].predict_proba(poor_valid[0])[:, 1])
pd.Series(validated, name="entropy on validation").rename_axis("C").round(3).to_frame()

# %% [markdown]
# The best strength now lies inside the grid, at $C = 1.6$, and the three models can be fitted.

# %%
rivals = {
    "linear": HashedLogisticRegression(**poor_columns, C=best[name, "linear"]),
    "linear with the pair": crossed[min(validated, key=validated.get)],
}
rivals["linear"].fit(poor_rows, poor_click)
penalty = 1 / (best[name, "machine"] * len(poor_rows))
machine = FactorizationMachine(**poor_columns, **early, embedding_l2=penalty)
rivals["machine"] = machine.fit(poor_rows, poor_click, valid=poor_valid)

# %% [markdown]
# We compare the three on all test rows, and separately on the pairs that training met and on those
# that it never met:

# %%
keys = list(pair)
met = pd.MultiIndex.from_frame(poor_rows[keys])
new = ~pd.MultiIndex.from_frame(test[name][keys]).isin(met)
label = test[name]["click"].to_numpy()
groups = {"all": new | ~new, "pairs met": ~new, "pairs never met": new}
scores = {kind: model.predict_proba(test[name])[:, 1] for kind, model in rivals.items()}
by_group = {g: {kind: ne(label[w], p[w]) for kind, p in scores.items()} for g, w in groups.items()}
print(f"{100 * new.mean():.0f} % of the test rows are of a pair that training never met")
pd.DataFrame(by_group).round(3)

# %% [markdown]
# Lower is better, and each column has a constant of its own, so compare within columns. One weight
# per pair more than closes the gap: 0.706 against 0.719 for the machine. In the second world of the
# script it is the other way round, 0.721 at $C = 0.8$ against 0.705, and the 0.007 that the wider
# grid was worth here would not make up for that, so neither is ahead in general. The weights
# remember what they met. On the 14 % of rows whose pair is new the crossed model has no weight and
# is behind the plain linear one (0.862 and 0.849), whereas the machine reaches 0.828. That number
# rests on few clicks, so take it as a hint of what vectors are for.
#
# The rival had help, though: we told it which two of the 14 columns to cross, and the machine had
# to find out among 91 pairs. If you know the pair and it occurs often, cross it, which is cheap and
# easy to explain. If you do not know it, or most of its values will be new, embed.
#
# ## Fit the table into memory
#
# A hashed linear model has a fixed size, whereas an embedding table grows with the number of ids.
# At a billion ids, with vectors of length 8 and one weight, each number taking four bytes, it takes

# %%
bytes_of_table = 1e9 * (8 + 1) * 4
f"{bytes_of_table / 1e9:.0f} GB, of which 16 GB are {16e9 / bytes_of_table:.0%}"

# %% [markdown]
# and fails the requirement. (Training needs more, since row-wise Adagrad keeps a running sum of
# squared gradients for each row, and Adam two numbers per parameter.) Four ninths of the table may
# stay, and there are three ways to get there: shorter vectors, of length 3; *hashing*, so that
# several users share a row; or rows for frequent users only, while all others share one row.
# Storing numbers in two bytes instead of four would halve the table on top of any of them.
#
# A script tries the three on users of the default world, who make up almost all of its table
# ([40_tables.py](../../tests/studies/ad_click/40_tables.py)).

# %%
tables = load_study("ad_click/40_tables")
smaller = tables[tables["table"] != "full table"].set_index(["table", "seed"])
cost = smaller[["all_change_estimate", "all_change_low", "all_change_high"]]
cost.set_axis(["change", "low", "high"], axis=1).sort_index(ascending=False).round(4)

# %% [markdown]
# Each row is the change of the normalized entropy on the test days against the full table, with its
# 95 % interval, so positive means worse. Shorter vectors cost nothing that two worlds can show.
# Hashing and dropping rare users cost 0.001 to 0.003, in both worlds with intervals that contain
# zero; in the first they are worse for the users that training had seen, by 0.003 and 0.004, with
# intervals above zero. So with 80,000 rows we shorten the vectors. A longer log calls for another
# measurement, since with more rows the five numbers that were cut might have paid.
#
# All ways share one weakness. About 15 % of the test rows come from users whom these 80,000
# training rows did not contain; these are called *cold* ids, and no table helps them.

# %% [markdown]
# ## Deploy
#
# The models of 320,000 rows now go into twin worlds for three days, the machine against the linear
# model, each at its chosen strength. Nothing is retrained, so that whatever we see comes from the
# models and not from their freshness. We run the feature-poor market here; the script did the same
# in the default market, and we read that from its table.
#
# **Your guess**: by how many percent does revenue change in the feature-poor market?

# %% tags=["guess"]
guess("embed_poor_revenue", ..., unit="%")

# %% [markdown]
# `compare` returns the report of both policies, and `changes` its relative differences in percent:

# %%
control, treatment = ScorerPolicy(rivals["linear"]), ScorerPolicy(rivals["machine"])
run = worlds[name].compare(control, treatment, days=3, history_days=days[name])
poor_changes = run.changes("revenue", "clicks")
compare("embed_poor_revenue", poor_changes.loc["revenue", "estimate"])

# %%
online = machines[machines["rows"] == 320_000].set_index(["market", "seed"])
parts = ["estimate", "low", "high"]
default_changes = pd.DataFrame(
    {
        measure: [online.loc[("default", 5), f"{measure}_{part}"] for part in parts]
        for measure in ("revenue", "clicks")
    },
    index=parts,
).T
lifts = pd.concat(
    {"default": default_changes, "feature-poor": poor_changes}, names=["market", "measure"]
)
lifts.round(1)

# %% [markdown]
# The same as a figure:

# %%
plot_changes(
    lifts,
    title="The machine earns more in both markets",
    xlabel="machine against linear model (%, bar: 95 % interval)",
)
plt.show()

# %% [markdown]
# A dot is the change that the machine brings over three days, and its bar the interval; right of
# the black line is more. In the feature-poor market the gain offline arrives online: revenue rises
# by 8.6 % [5.8, 10.9] and clicks by 20 %, so that the average click is sold for less. The default
# market is the surprise. Offline the two models were level, and yet the machine earns 3.7 % more
# [2.0, 5.5]. Is that an accident of one world? The script deployed the models of a second one of
# each kind:

# %%
online[[f"{measure}_{part}" for measure in ("revenue", "clicks") for part in parts]].round(1)

# %% [markdown]
# The second worlds agree. In the feature-poor one revenue rises by 7.5 % [5.1, 9.5], and the
# default one repeats the surprise: level offline, and online 1.9 % more revenue [0.2, 3.6] with 6.1
# % more clicks. How can a tie in entropy earn money? Entropy is measured on the impressions that
# the logging policy chose to show, and averages over all of them. A deployed policy compares the
# ten candidates of one request, and there a model that knows which ad suits which user may order
# them better without predicting the average impression any better. We suspect this rather than know
# it; [52_experiment](52_experiment.ipynb) asks which offline metric predicts revenue.
#
# **Change this and see.** Deploy the machine without a penalty (`bare`) against the linear model in
# the default market. How much of its worse entropy arrives in revenue, and what does that say about
# choosing the number of passes by the validation loss alone?

# %% [markdown]
# ## Results
#
# The ledgers hold the same two markets at full size: 800,000 training rows, three worlds, and every
# model with a choice of settings, made on the validation days of the first world. Beside the
# machine, `fm`, stands `dcn_v2`, a deeper relative that the [next chapter](41_cross.ipynb) builds.
# Models with `_counters` also read the counters of [30_count](30_count.ipynb).

# %%
sources = {"default": None, "feature-poor": "ad_click_world-feature_poor"}
rungs = ["smoothed_ad", "hashed_lr", "lightgbm", "fm", "dcn_v2"]
rungs += [f"{rung}_counters" for rung in rungs[1:]] + ["oracle"]
entropies = {}
for market, source in sources.items():
    ledger = load_ledger("ad_click", source=source).set_index("rung").loc[rungs]
    shown_columns = ["normalized_entropy", "normalized_entropy_low", "normalized_entropy_high"]
    entropies[market] = ledger[shown_columns].set_axis(["entropy", "low", "high"], axis=1)
pd.concat(entropies, axis=1).round(3)

# %% [markdown]
# With ids alone the machine beats both the linear model and the trees in the feature-poor market,
# and in the default market it is ahead of the linear model by 0.003 at these 800,000 rows, with
# intervals that overlap; the ledger holds no paired interval of these two. Once counters are added,
# the picture turns in the default market: the machine falls behind the linear model by 0.005. We
# suspect that a counter of user and category already says what a product of two vectors would have
# to learn. Mind the tuning when you read these rows: the ledger gave every model four settings and
# a machine at most four passes, at one strength of the penalty, and without counters the linear
# model won at the largest $C$ that was tried.

# %%
default, poor_market = (entropies[market]["entropy"] for market in sources)
assert poor_market["fm"] < poor_market["lightgbm"] < poor_market["hashed_lr"]
assert 0 < default["hashed_lr"] - default["fm"] < 0.01
assert default["fm_counters"] > default["hashed_lr_counters"]

# %% [markdown]
# And the requirements of the start, for the worlds of this chapter:

# %%
rows_of_table = []
for name in worlds:
    found = machines.query("seed == 5 and rows == 320000 and market == @name").iloc[0]
    quality = [found[f"difference_{part}"] for part in ("estimate", "low", "high")]
    revenue = lifts.loc[(name, "revenue")]
    rows_of_table += [
        (name, "quality", "below zero", "{:.4f} [{:.4f}, {:.4f}]".format(*quality), quality[2] < 0),
        (
            name,
            "revenue",
            "above zero",
            "{:.1f} % [{:.1f}, {:.1f}]".format(*revenue),
            revenue["low"] > 0,
        ),
    ]
rows_of_table += [
    ("both", "memory, full table", "at most 16 GB", f"{bytes_of_table / 1e9:.0f} GB", False),
    ("both", "memory, vectors of 3", "at most 16 GB", f"{1e9 * 4 * 4 / 1e9:.0f} GB", True),
]
requirements = pd.DataFrame(
    rows_of_table, columns=["market", "requirement", "criterion", "measured", "met"]
)
requirements

# %% [markdown]
# The feature-poor market meets quality and revenue, so the machine replaces the linear model there,
# with vectors of length 3 where the table would otherwise be too large; that they cost nothing was
# measured in the default market, so it has to be measured again. In the default market the
# requirements disagree: quality is a draw and revenue is up. Read literally, the rule rejects the
# machine; what it really tells us is that the offline criterion was not the right gate, and that
# the next step is an A/B test.

# %% [markdown]
# ## What breaks in production
#
# **Vectors of two training runs do not mix.** Any rotation of all vectors leaves every dot product
# as it is, so two runs of the same training end in unrelated coordinates. If the table of users is
# published nightly and the table of ads weekly, the products between them are noise, and nothing
# raises an error. Publish all tables of a run under one version, and let the service refuse a mix.
#
# **Cold ids pile up.** An id that came up since the last training has no row. The package gives it
# the *unknown* id of its column, and replaces a tenth of all ids by it during training, so that the
# unknown id learns what a row looks like when this column is silent. Watch the share of unknown ids
# per column; it is the first number to move when a catalogue changes or a client renames an id.
#
# **The extra epoch comes back unnoticed.** A retraining that is started from yesterday's model and
# reads a window of seven days sees each row seven times. The training loss looks better every
# night, so compare the loss on the newest day with that of a model trained in one pass.

# %% [markdown]
# ## In the interview
#
# **"Would you replace our logistic regression by embeddings?"** A mid-level answer says yes,
# because deep models win. A senior answer asks for the learning curve with both models tuned: at
# 20,000 rows the machine lost in both markets here, and at 320,000 it led by 0.056 in one and by
# nothing in the other. A staff answer tries the hashed cross of the one pair that matters first,
# since it came to 0.706 against the machine's 0.719 in one world and 0.721 against 0.705 in the
# other, and puts the rest to an A/B test, because entropy and revenue disagreed in the default
# market.
#
# **"Your click model gets worse in its second epoch. Why?"** A mid-level answer says overfitting
# and adds dropout. A senior answer names one-epoch overfitting and finds the cause by removal:
# without user ids, without vectors or with a penalty the rise was gone. A staff answer chooses
# among the cures by cost: one pass is free of tuning, the penalty also gained 0.004 in the second
# pass, and a warm-started nightly retraining brings the extra epochs back.
#
# **"The embedding table has 36 GB and the server 16. What now?"** A mid-level answer buys a larger
# server or shards the table. A senior answer compares shorter vectors, hashing and dropping rare
# ids at equal bytes: here length 3 cost nothing measurable and the other two 0.001 to 0.003. A
# staff answer asks first whether rare ids earn their memory, since the median user has a dozen of
# 320,000 training rows, and plans for the rows with a cold user, 15 % after 80,000 rows, whom no
# table serves.

# %% [markdown]
# ## Summary
#
# - An embedding is a learned vector per id, and a dot product lets two ids interact, even if they
#   never met.
# - Without a penalty, vectors of fine-grained ids overfit in the second pass over the log.
# - Tune both models before you compare them, and draw the learning curve: rows decide.
# - Where the pair is known and frequent, a hashed cross is simpler and hard to beat.
# - Choose how a table gets smaller by what each way costs in entropy.

# %% [markdown]
# ## Recall
#
# 1. Why can all pairwise products be summed without forming pairs?
#
# <details><summary>Answer</summary>The square of the sum of all vectors contains each pair twice
# and each square once. Subtract the squares, halve, and add over the dimensions.</details>
#
# 2. What can a factorization machine say about a pair that training never met, and a hashed cross
# cannot?
#
# <details><summary>Answer</summary>It has the product of two vectors, each learned with other
# partners. The cross has no weight for the pair, so only the weights of the single ids are
# left.</details>
#
# 3. A colleague's deep click model gets worse in its second epoch. Which three runs tell the cause?
#
# <details><summary>Answer</summary>One without the finest id column, one with a penalty on the
# embeddings, and one in which the ids have weights but no vectors. Here each of them alone stopped
# the rise.</details>

# %% [markdown]
# ## Lab and further reading
#
# This chapter has no lab of its own;
# [lab_41_interest](../../labs/01_ad_click_prediction/lab_41_interest.ipynb) of the next chapter
# starts from embeddings.
#
# - Steffen Rendle 2010, *Factorization Machines*, ICDM.
# - Yuchin Juan, Yong Zhuang, Wei-Sheng Chin, Chih-Jen Lin 2016, *Field-aware Factorization Machines
#   for CTR Prediction*, RecSys.
# - Zhao-Yu Zhang, Xiang-Rong Sheng, Yujing Zhang, Biye Jiang, Shuguang Han, Hongbo Deng, Bo Zheng
#   2022, *Towards Understanding the Overfitting Phenomenon of Deep Click-Through Rate Models*, CIKM.
# - Zhaocheng Liu, Zhongxiang Fan, Jian Liang, Dongying Kong, Han Li 2023, *Multi-Epoch Learning for
#   Deep Click-Through Rate Prediction Models*, arXiv:2305.19531: several passes, with the embeddings
#   started again in each.
# - Hao-Jun Michael Shi, Dheevatsa Mudigere, Maxim Naumov, Jiyan Yang 2020, *Compositional Embeddings
#   Using Complementary Partitions for Memory-Efficient Recommendation Systems*, KDD.
