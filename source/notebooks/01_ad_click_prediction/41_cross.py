# ---
# jupyter:
#   mlsd:
#     title: Cross features by the layer
#     builds: a cross network from scratch, a log with a planted interaction that tests a training recipe, and DCN-v2 in two markets
#     sections:
#     - {name: What decides success, minutes: 5}
#     - {name: Look at a planted log, minutes: 7}
#     - {name: Write the cross layer, minutes: 12}
#     - {name: Count the degree, minutes: 6, stop: true}
#     - {name: Find what was planted, minutes: 9}
#     - {name: Test a diagnosis, minutes: 12, stop: true}
#     - {name: Race in the default market, minutes: 10}
#     - {name: Race where interests cross, minutes: 12}
#     - {name: Results, minutes: 8}
#     - {name: What breaks in production, minutes: 4}
#     - {name: In the interview, minutes: 5}
#     - {name: Summary, minutes: 1}
#     - {name: Recall, minutes: 3}
#     - {name: Lab and further reading, minutes: 1}
#     introduces:
#       feature interaction: an effect on the label that depends on several columns together and shows in none of them alone
#       cross layer: a network layer that multiplies a learned mixture of its input with the original inputs, so that each layer adds one degree of interaction
#       DCN-v2: Deep & Cross Network, version 2, which puts cross layers beside or below a perceptron on the same embeddings
#       DeepFM: a factorization machine and a perceptron that share their embeddings and add their scores
#       planted log: a simulated log whose signal is known, used to test whether a training recipe can find it
#       loss plateau: a stretch of training in which the loss stays near its start before it falls; early stopping can mistake it for the end
#     needs: [embedding, factorization machine, early stopping, time split, normalized entropy, clustered interval, as-of counter, hashed logistic regression, gradient boosting, deployment, twin-world comparison]
#     labs: [lab_41_interest]
#     discussion: Your team's deep model beats the linear one by two thousandths of normalized entropy, at forty times the training cost. Which result would make you ship it, and which would make you stop?
#     answer: "Ship it if a deployment shows a gain whose interval excludes zero and is worth more than training, serving and the on-call hours. Stop if the gain is gone with both tuned equally, with fresh seeds, or within the latency budget."
#     wrong_answers: ["Ship it, deep models always win with more data.", "Stop, two thousandths is never worth anything."]
# ---

# %% [markdown]
# # Cross features by the layer
#
# **You will build** a cross network from scratch, a log with a planted interaction that tests a
# training recipe, and DCN-v2 in two markets.
#
# **You will learn** how many columns a model can multiply and how to read that off its layers, how to
# tell "there is no interaction" from "we failed to learn it", and when a deep cross model earns its
# place beside a linear one.
#
# **You need** the evaluator of [20_baseline](20_baseline.ipynb), embeddings and factorization machines from [40_embed](40_embed.ipynb), counters from
# [30_count](30_count.ipynb), and early stopping from [32_boost](32_boost.ipynb).
#
# **Minutes**: 95, with good places to stop after the degree is counted and after the diagnosis.

# %% [markdown]
# ## What decides success
#
# Somebody on the team has read a paper and wants the deep model of the year. Before any model is
# trained, two questions have to be asked. Is there something in our log that the present model cannot
# express? And if there is, does our training actually find it? A deep model that ties with a linear one
# answers neither, because "nothing to find" and "not found" look the same on a validation curve.
# We therefore accept a replacement for the linear model only if it passes four tests, and we apply them
# to each market separately.
#
# | requirement | criterion |
# |---|---|
# | the search would find an interaction | on the market's log with a planted product of three ids, normalized entropy below 0.8 |
# | better predictions on later days | paired 95 % interval of the change in normalized entropy below zero |
# | more revenue when deployed | 95 % interval of the change in revenue above zero |
# | affordable | at most the 20 microseconds of one core per prediction that finance allowed in [10_frame](10_frame.ipynb) |

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.special import expit

from mlsd import metrics
from mlsd.checks import check, holds
from mlsd.experiments import load_ledger, load_study
from mlsd.features import CounterFeatures
from mlsd.lab_support.ad_click.product_layer import product_layer as package_layer
from mlsd.models import DCNv2, FactorizationMachine, HashedLogisticRegression
from mlsd.notebook import compare, guess, track
from mlsd.plots import COLOURS, course_style, plot_changes
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickConfig, AdClickWorld

plt.rcParams.update(course_style())

# %% [markdown]
# ## Look at a planted log
#
# A *feature interaction* is an effect that no single column shows. Suppose that the evening raises the
# click rate of one ad and lowers that of another. Then neither the hour nor the ad alone says which way
# it goes, and a linear model, which adds the effects of columns, cannot express it. The *degree* of an
# interaction is the number of columns that have to be multiplied to write it down.
#
# A *planted log* is one that we simulate ourselves, so that we know what there is to find. Ours has eight
# yes/no facts, written as $+1$ and $-1$. The log-odds of a click are $-1 + 1.5\,f_0 f_1$ in one version
# and $-1 + 1.5\,f_0 f_1 f_2$ in the other; the remaining facts are noise. In the second version a row
# whose first three facts multiply to $+1$ is clicked with probability $1/(1 + e^{-0.5}) \approx 0.62$,
# and otherwise with $1/(1 + e^{2.5}) \approx 0.08$.

# %%
random = np.random.default_rng(0)
signs = random.choice([-1.0, 1.0], size=(20_000, 8))
facts = pd.DataFrame(signs, columns=[f"fact_{i}" for i in range(8)])
true_rate, planted = {}, {}
for degree in (2, 3):
    true_rate[degree] = expit(1.5 * signs[:, :degree].prod(axis=1) - 1)
    planted[degree] = (random.random(len(signs)) < true_rate[degree]).astype(int)

# %% [markdown]
# How would somebody notice the product of three while exploring the log? We group the rows by one of its
# facts, by two and by all three, and take the largest click rate of a group minus the smallest.

# %%
spread = {}
for k in (1, 2, 3):
    rates = pd.Series(planted[3]).groupby([facts[f"fact_{i}"] for i in range(k)]).mean()
    spread[k] = rates.max() - rates.min()
pd.Series(spread, name="spread of click rates").rename_axis("facts").round(3).to_frame()

# %% [markdown]
# One fact shows nothing and two show next to nothing, whereas all three together separate click
# rates of about 8 % and 62 %. A model that looks at columns one at a time, or at pairs of columns,
# has nothing to hold on to here. It has to multiply more of them. The next cell states this as an
# `assert`, as every chapter does with its claims: the build fails if one stops being true.

# %%
assert spread[2] < 0.06
assert spread[3] > 0.4

# %% [markdown]
# ## Write the cross layer
#
# DCN-v2 (Wang et al. 2021) multiplies columns with one small piece, the *cross layer*. Let $x_0$ be the
# vector of all inputs of a row, embeddings and numbers side by side, and $x$ the output of the layer
# before. Then the layer computes
# $$x' = x_0 \odot (W x + b) + x,$$
# where $W$ is a learned square matrix, $b$ a learned vector, and $\odot$ multiplies position by position.
# So $W x + b$ mixes the columns, the product with $x_0$ multiplies each mixture by one original input,
# and the last term keeps what was there before. If $x_0 = x = (2, 3)$, $b = 0$ and $W$ swaps the two
# positions, then $x' = (2 \cdot 3 + 2,\; 3 \cdot 2 + 3) = (8, 9)$: the product of the two columns is
# there, with each column added to it.
#
# A *cross network* is a stack of such layers, all of them fed with the same $x_0$, and a weighted sum at
# the end. In numpy, with one example per row:


# %%
def cross_layer(x0, x, weight, bias):
    """Apply one cross layer; x0 and x have shape (rows, width), weight (width, width)."""
    return x0 * (x @ weight.T + bias) + x


def cross_scores(x0, layers, last):
    """Return the score of each row, shape (rows,), for a list of (weight, bias)."""
    x = x0
    for weight, bias in layers:
        x = cross_layer(x0, x, weight, bias)
    return x @ last


# %% [markdown]
# Before anything is trained, let us see whether such a network can express the product of three *exactly*,
# with weights that we choose by hand. The plan is to let the first layer turn position 0 into $f_0 f_1$,
# and to let the second multiply that into position 2. What stands in the way is the "$+\,x$", because it
# leaves the old value in the sum, as the 8 and the 9 above have shown.
#
# **Your turn.** Find the weight and the bias of a layer that puts the product of two positions into one of
# them and leaves all other positions as they are. For the row $(2, 3, 5)$, `place` 0 and `other` 1, the
# output must be $(6, 3, 5)$.


# %% tags=["your-turn"]
def product_layer(width, place, other):
    """Return weight (width, width) and bias (width,) that turn x[place] into x0[place] * x[other].

    Position `place` of x may be taken to be what it was in x0.
    """
    return ...


# %% [markdown]
# The check applies your layer to that row, to another pair of positions, and to a row whose position 0 is
# already a product.

# %% tags=["check"]
row, later_row = np.array([[2.0, 3.0, 5.0]]), np.array([[6.0, 3.0, 5.0]])
remains = "the layer adds x to everything; something has to take it off at `place`"
verdict = check(
    "product_layer",
    product_layer,
    holds(lambda answer: np.shape(answer(3, 0, 1)[0]) == (3, 3), "the weight has shape (3, 3)"),
    holds(lambda f: np.allclose(cross_layer(row, row, *f(3, 0, 1)), [[6, 3, 5]]), remains),
    holds(
        lambda f: np.allclose(cross_layer(row, row, *f(3, 2, 1)), [[2, 3, 15]]),
        "place 2 and other 1 have to give (2, 3, 15)",
    ),
    holds(
        lambda f: np.allclose(cross_layer(row, later_row, *f(3, 2, 0)), [[6, 3, 30]]),
        "the second factor is taken from x, the output of the layer before",
    ),
)
verdict

# %% [markdown]
# Two such layers and a last weight of 1.5 on position 2 give a network with the planted log-odds. We use
# your function where it passed and the package's otherwise, and hold the predictions against the true
# click rates on the log with the product of three.

# %%
layer = verdict.answer_or(package_layer)
last = np.zeros(8)
last[2] = 1.5
by_hand = expit(cross_scores(signs, [layer(8, 0, 1), layer(8, 2, 0)], last) - 1)
entropies = {
    "two cross layers, weights by hand": metrics.normalized_entropy(planted[3], by_hand),
    "the true click rates": metrics.normalized_entropy(planted[3], true_rate[3]),
}
pd.Series(entropies, name="normalized entropy").round(4).to_frame()

# %% [markdown]
# They are the same number, since they are the same predictions. Two cross layers can therefore express a
# product of three, and no training was needed to know that. Keep this result: it will rule out one
# explanation when a trained network fails.

# %% [markdown]
# ## Count the degree
#
# What can a deeper stack express? The inputs have degree one, and each layer multiplies by $x_0$ once, so
# $L$ layers should hold products of up to $L + 1$ columns and no more. It can be measured. If every input
# of a row is scaled by $t$, the score becomes a polynomial in $t$, and the $k$-th differences of a
# polynomial of degree $k$ are constant while the next ones vanish. So we take differences until nothing
# is left and count how many it took, for networks with random weights.

# %% tags=["nbval-check-output"]
draw = np.random.default_rng(1)
scaled = np.arange(8.0)[:, None] * np.linspace(0.5, 1.5, 8)
degrees = {}
for depth in range(5):
    layers = [(draw.normal(0, 0.3, (8, 8)), draw.normal(0, 0.3, 8)) for _ in range(depth)]
    differences = cross_scores(scaled, layers, np.ones(8))
    order = 0
    while not np.allclose(differences, 0, atol=1e-6):
        differences, order = np.diff(differences), order + 1
    degrees[depth] = order - 1
pd.Series(degrees, name="degree").rename_axis("cross layers").to_frame().T

# %% [markdown]
# Each layer adds one degree. Without any it is a linear model; with one it holds products of pairs, as a
# factorization machine does; with two it reaches the product of three. This is what the authors mean by
# *bounded degree*, and it is a choice that we make by choosing a depth. A layer costs $d^2 + d$ parameters
# for $d$ inputs, so 72 here and a quarter of a million at 500. That is why the paper also offers a
# low-rank form, in which $W$ is the product of two thin matrices.

# %%
assert all(degree == depth + 1 for depth, degree in degrees.items())

# %% [markdown]
# ## Find what was planted
#
# Now we train. Five models get the facts as numbers: logistic regression; a factorization machine, whose
# score contains all products of pairs; cross layers alone, one and two of them, which is the package's
# `DCNv2` without a perceptron (`hidden=()`); and a plain *perceptron*, which is two layers of 32 ReLU
# units that contain no product at all.
#
# **Your guess**: how many of the five find the product of three?

# %% tags=["guess"]
guess("cross_models_that_find_three", ..., unit="of 5")

# %% [markdown]
# No model may lose because its settings suit another one. Each gets three of them, strengths of the
# penalty for logistic regression and learning rates for the others, and all that learn by steps take
# the same 354 of them, without early stopping.

# %%
rates = (1e-3, 3e-3, 1e-2)
recipe = {"batch_size": 128, "id_dropout": 0.0, "weight_decay": 0.0}
deep = recipe | {"dropout": 0.0}
equal = {"numeric": tuple(facts), "epochs": 3, "patience": 1_000}
designs = {
    "1 cross layer": {"hidden": (), "cross_layers": 1},
    "2 cross layers": {"hidden": (), "cross_layers": 2},
    "perceptron": {"hidden": (32, 32), "cross_layers": 0},
}
contestants = {
    "logistic regression": [
        HashedLogisticRegression(numeric=tuple(facts), C=strength) for strength in (0.01, 0.1, 1)
    ],
    "factorization machine": [
        FactorizationMachine(**equal, **recipe, learning_rate=rate) for rate in rates
    ],
}
for name, design in designs.items():
    contestants[name] = [DCNv2(**equal, **deep, **design, learning_rate=rate) for rate in rates]

# %% [markdown]
# The first 15,000 rows train, and the next 2,500 decide which setting counts. On the last 2,500 we read
# normalized entropy, for the true rates too, because nobody can do much better than those.


# %%
def found(settings, degree):
    """Return the normalized entropy on the last rows of the model that held-out rows prefer."""
    clicks, entropy = planted[degree], metrics.normalized_entropy
    train, held, read = np.split(np.arange(len(clicks)), [15_000, 17_500])
    tried = {}
    for model in settings:
        model.fit(facts.iloc[train], clicks[train], valid=(facts.iloc[held], clicks[held]))
        tried[model] = entropy(clicks[held], model.predict_proba(facts.iloc[held])[:, 1])
    best = min(tried, key=tried.get)
    return entropy(clicks[read], best.predict_proba(facts.iloc[read])[:, 1])


quality = pd.DataFrame({d: {n: found(m, d) for n, m in contestants.items()} for d in planted})
compare("cross_models_that_find_three", (quality[3] < 0.8).sum(), within=0.5)
last_rows = {d: (planted[d][17_500:], true_rate[d][17_500:]) for d in planted}
quality.loc["the true rates"] = {d: metrics.normalized_entropy(*p) for d, p in last_rows.items()}

# %%
saved = (1 - quality).rename(columns={2: "product of two", 3: "product of three"})
axes = saved.plot.barh(color=[COLOURS["sky"], COLOURS["blue"]], figsize=(6.8, 3.6))
axes.invert_yaxis()
axes.set_xlabel("1 − normalized entropy (share of a constant's log loss that is saved)")
axes.set_title("Pairs of columns are not enough for a product of three")
axes.legend(loc="upper right")
plt.show()

# %% [markdown]
# A long bar means that the model found the product; a bar at zero means that it did no better than a
# constant. The factorization machine and a single cross layer find the product of two and are blind to the
# product of three, while two cross layers find both, as the degrees said. So does the perceptron. It
# multiplies nothing, but with enough bends it can imitate a product of yes/no facts.
#
# The models of the papers combine these pieces. *DCN-v2* is cross layers and a perceptron on the same
# inputs, beside each other or one on top of the other. *DeepFM* (Guo et al. 2017) is a factorization
# machine and a perceptron on the same embeddings. DLRM (Naumov et al. 2019) takes dot products of pairs of
# embeddings and hands them to a perceptron.

# %%
assert quality.loc["logistic regression"].min() > 0.98
assert quality.loc[["factorization machine", "1 cross layer"], 2].max() < 0.8
assert quality.loc[["factorization machine", "1 cross layer"], 3].min() > 0.98
assert quality.loc[["2 cross layers", "perceptron"]].max(axis=None) < 0.8

# %% [markdown]
# ## Test a diagnosis
#
# So far the facts came as numbers. Real columns are mostly ids, and an id enters the network as an
# embedding that is drawn at random and close to zero. Here are the same logs, the same two cross layers
# and the same three rates, with the facts given as ids. Training may take up to six epochs now, and the
# package's usual early stopping ends it.

# %%
ids = deep | {"categorical": tuple(facts), "embedding_dim": 4, "hidden": (), "cross_layers": 2}
as_ids = {d: [DCNv2(**ids, epochs=6, learning_rate=rate) for rate in rates] for d in planted}
with_ids = pd.Series({degree: found(models, degree) for degree, models in as_ids.items()})
pd.DataFrame({"facts as ids": with_ids, "facts as numbers": quality.loc["2 cross layers"]}).round(3)

# %% [markdown]
# The product of two is found, and of the product of three there is no trace at any rate. Three explanations are on the
# table.
#
# - **It cannot represent it.** Something about embeddings makes the product inexpressible.
# - **It cannot find it.** The gradient of a product is the product of the *other* factors. Embeddings start
#   with a standard deviation of 0.01, so two other factors leave a slope of the order of
#   $0.01 \cdot 0.01 = 10^{-4}$, which could drown in the noise of a batch, and nothing of lower degree
#   points the way.
# - **It was stopped too early.** Early stopping takes the validation loss four times per epoch and stops after
#   four looks without a new best. Perhaps there was more to come.
#
# **Your guess**: which of the three is it?

# %% tags=["guess"]
diagnoses = ("cannot represent it", "cannot find it", "stopped too early")
guess("cross_diagnosis_of_the_ids", ..., choices=diagnoses)

# %% [markdown]
# The first is ruled out already: an embedding whose first number is $+1$ for one id and $-1$ for the other
# *is* the fact, and our two layers by hand do the rest. The second has a mechanism behind it, which makes
# it tempting, and many post-mortems would end there. But an explanation is a hypothesis, and these two
# predict different things. If the signal drowns, more of the same training will not help. If training was
# stopped too early, it will. So we fit the same network from the same start, at the fastest of the rates,
# without early stopping (a `patience` of 1,000 looks) for 16 epochs.

# %%
fastest = ids | {"learning_rate": 1e-2}
patient = DCNv2(**fastest, patience=1_000, epochs=16)
patient_entropy = found([patient], 3)
stopped = as_ids[3][-1].history_.steps[-1]
too_early = with_ids[3] > 0.98 and patient_entropy < 0.8
compare("cross_diagnosis_of_the_ids", diagnoses[2] if too_early else diagnoses[1])
print(f"at rate 0.01 stopped at step {stopped}, best of three rates: entropy {with_ids[3]:.3f}")
print(f"trained to step {patient.history_.steps[-1]}: entropy {patient_entropy:.3f}")

# %% [markdown]
# It was stopped too early. The curve shows how, and we add a third fit that tests what is left of the
# second explanation. If the small start makes the signal weak, a larger one should find it sooner, so we
# let the embeddings begin with a standard deviation of 0.3 (`embedding_scale`) and keep early stopping.

# %%
wide = DCNv2(**fastest, epochs=6, embedding_scale=0.3)
wide_entropy = found([wide], 3)
print(f"from 0.3, stopped at step {wide.history_.steps[-1]}: entropy {wide_entropy:.3f}")

# %%
figure, axes = plt.subplots(figsize=(6.8, 3.4))
fits = {"scale 0.01, no early stopping": (patient, "blue"), "scale 0.3": (wide, "orange")}
for name, (model, colour) in fits.items():
    history = model.history_
    axes.plot(history.steps, history.validation_loss, color=COLOURS[colour], label=name)
axes.axvline(stopped, color=COLOURS["red"], ls="--", label="early stopping gave up here")
axes.set(xlabel="training steps (118 per epoch)", ylabel="validation log loss (nats)")
axes.set_title("What looked like the end of training was a plateau")
axes.legend()
plt.show()

# %% [markdown]
# Each line is the validation loss of one fit. From the small start the loss stays at its first value for
# about thirteen epochs, wobbling by a thousandth, and then falls within half an epoch to where the true
# rates are. This is a *loss plateau*. Early stopping asks for a new best among four looks, and on a plateau
# the next best is a matter of chance, so it ended the fit in the second epoch. From the larger start the
# plateau is gone.
#
# So two of the explanations were partly right, and only the tests could tell how far. The small start makes
# the beginning slow, as the argument about gradients says, but it does not make learning impossible, as we
# might have concluded. Is this one log typical? The study `41_plateau` repeats it on five other planted logs, each
# with its own start, and counts how often the product was found.

# %%
plateau = load_study("ad_click/41_plateau")
plateau["found"] = plateau["entropy"] < 0.8
by_setting = plateau.groupby("setting", sort=False)
by_setting.agg(
    found=("found", "sum"), logs=("found", "size"), median_step_of_find=("plateau", "median")
)

# %% [markdown]
# With the small start nothing is found in 6 epochs, with or without early stopping; in 20 epochs it
# is found on four of the five logs, at a median of some 1,800 steps. A start at 0.1 makes the
# plateau four to nine times shorter where both find it, but early stopping still cuts it off four times out of five,
# three of them on logs where six full epochs find the product. A start at 0.3 is found every time.
# On the fifth log the small start needs more than 20 epochs, and nobody can say from such a curve
# whether waiting would pay.
#
# That is the use of a planted log: it is a unit test for a training recipe. It costs seconds, and it turns
# "the deep model found nothing" into a statement about the log or about the recipe. Our log is a
# hard case, since by construction pairs show nothing; real interactions of degree three usually leave
# traces in their pairs.
#
# **Change this and see.** Plant $1.0\,f_0 f_1 + 1.5\,f_0 f_1 f_2$ and train from the small start with early
# stopping. Look at where the loss falls: does the pair, which is found early, shorten the plateau of the
# triple?

# %%
found_by = by_setting["found"].sum()
assert with_ids[2] < 0.8
assert with_ids[3] > 0.98
assert max(patient_entropy, wide_entropy) < 0.8
assert found_by["early stopping, scale 0.01"] == 0
assert found_by["early stopping, scale 0.3"] == 5

# %% [markdown]
# ## Race in the default market
#
# Now to the world: four days of log, split by time, with context, identifiers and the counters of
# [30_count](30_count.ipynb). User ids stay out to save time; the counters
# know the user, by herself and with each category and each ad.

# %%
world = AdClickWorld(seed=13)
log = world.history(days=4).labelled_log()
counters = CounterFeatures(log.roles.entities, half_lives=(3 * 86_400.0,), refresh="nightly")
counted = counters.compute(log)
table = pd.concat([log.frame, counted], axis=1)
categorical = tuple(name for name in log.roles.identifiers if name != "user_id")
shared = {"categorical": categorical, "numeric": (*log.roles.numeric, *counted)}

# %% tags=["nbval-check-output"]
{"rows": len(table), **{name: len(names) for name, names in shared.items()}}

# %% [markdown]
# The incumbent is hashed logistic regression and the challenger DCN-v2, two cross layers beside a
# perceptron with 64 and 32 units. The validation rows choose between four strengths of the penalty for the
# linear model, and for the network between three learning rates from each of the two starts. The rates are
# those of the dense layers; the embeddings keep their own step, which is not tuned here.
#
# This network, with its perceptron, large batches and penalties, is not the one that failed above. Would its
# search find a product if there were one? The study `41_search` plants one in such a market's own log. It
# splits the ids of publisher, category and hour into halves at random, writes them as $+1$ and $-1$, and
# replaces the clicks by ones drawn with log-odds $-1 + 1.5$ times the product of the three. Rows, columns,
# settings, steps and early stopping stay as they are in the race, for the linear model too.

# %%
search = load_study("ad_click/41_search")
chosen_rows = search.groupby(["market", "model", "seed"])["validation"].idxmin()
searched = search.loc[chosen_rows].set_index(["market", "model", "seed"])
searched.loc["default", ["setting", "entropy", "truth"]].round(3)

# %% [markdown]
# The linear model reads 1.00, as it must. The search of the network finds the product in both worlds and
# ends within 0.007 of the planted rates, so if it ties with the linear model on the real clicks, that is
# not for want of looking. Single settings are less reliable: at the slowest rate neither start finds the product,
# and another setting misses it in the first world.

# %%
network = {"embedding_dim": 8, "batch_size": 1024, "epochs": 4, "hidden": (64, 32)}
strengths, rates = (0.001, 0.003, 0.01, 0.03), (1e-4, 3e-4, 1e-3)
trials = {("hashed LR", f"C = {C}"): HashedLogisticRegression(**shared, C=C) for C in strengths}
for start in (0.01, 0.3):
    for rate in rates:
        model = DCNv2(**shared, **network, embedding_scale=start, learning_rate=rate)
        trials["DCN-v2", f"start {start}, rate {rate}"] = model

# %%
split = log.split
train = table.iloc[split.train], log.label[split.train]
held = table.iloc[split.validation], log.label[split.validation]
test = table.iloc[split.test], log.label[split.test]
entropy = metrics.normalized_entropy
sweep = {}
for name, model in track(trials.items(), "fitting"):
    model.fit(*train, valid=held)
    sweep[name] = entropy(held[1], model.predict_proba(held[0])[:, 1])
sweep = pd.Series(sweep, name="normalized entropy on validation")
sweep.rename_axis(["model", "setting"]).round(4).to_frame()

# %% [markdown]
# The two starts differ by at most 0.0013 at the same rate, whereas a rate of 0.0003 in place of 0.001 is worth
# 0.002 to 0.003 to the network. The best value of each model lies inside its grid, and the network is behind at
# all of its settings. On the test rows we compare the best of each, with a paired interval that resamples users.

# %%
best = sweep.groupby(level=0).idxmin()
linear, deep_model = trials[best["hashed LR"]], trials[best["DCN-v2"]]
predicted = {model: model.predict_proba(test[0])[:, 1] for model in (linear, deep_model)}
drawn = {"clusters": test[0]["user_id"].to_numpy(), "repetitions": 200, "seed": 0}
offline = metrics.paired_interval(
    entropy, test[1], predicted[deep_model], predicted[linear], **drawn
)
f"DCN-v2 minus hashed LR: {offline.estimate:.4f} [{offline.low:.4f}, {offline.high:.4f}]"

# %% [markdown]
# The second requirement is not met, and that alone would end the race. Still, a model that predicts worse on
# what another policy showed may choose better ads itself, so we let both run for two days in twin worlds with
# live counters.
#
# **Your guess**: by how many percent does DCN-v2 change revenue?

# %% tags=["guess"]
guess("cross_default_revenue", ..., unit="%")

# %%
served = [ScorerPolicy(model, counters=counters.serving(log)) for model in (linear, deep_model)]
measures = ("revenue", "clicks")
online = {("default", "DCN-v2"): world.compare(*served, days=2, history_days=4).changes(*measures)}
compare("cross_default_revenue", online["default", "DCN-v2"].loc["revenue", "estimate"], within=1)
online["default", "DCN-v2"].round(1)

# %% [markdown]
# It loses revenue, with an interval that excludes zero. Its search would have found a strong product, so we
# suspect that in this market, with counters for users, ads and their pairs, little is left for cross layers to
# gain. A weak product it may still have missed, and the ledger below has more rows.

# %%
assert searched["entropy"].xs("hashed LR", level="model").min() > 0.98
assert searched["entropy"]["default", "DCN-v2"].max() < 0.8
assert offline.low > 0
assert online["default", "DCN-v2"].loc["revenue", "high"] < 0

# %% [markdown]
# ## Race where interests cross
#
# The second market is the *feature-poor* variant of our world. Privacy rules have taken away the user ids
# and left one coarse *interest code* per user, and each ad carries one *topic*. Whether somebody clicks
# depends on how well the two go together, so there is an interaction of degree two by design.

# %% tags=["nbval-check-output"]
poor_config = AdClickConfig.variant("feature_poor")
pairs = poor_config.interest_codes * poor_config.topics
{"codes": poor_config.interest_codes, "topics": poor_config.topics, "pairs": pairs}

# %% [markdown]
# A quarter of a million pairs is about as many as four days have rows, so most pairs are seen once or not
# at all. There are three ways to use them all the same. One can *cross by hand*, which gives a linear model
# one hashed weight per pair. One can *count by hand*: a single column holds the smoothed click rate of the
# pair so far, so all pairs share one weight. Or one can *learn it*, with embeddings of code and topic that
# are multiplied by a factorization machine, by cross layers, or approximately by trees and perceptrons. In
# all cases the other columns are the same ids.
#
# **Your guess**: which way gives the lowest normalized entropy after four days?

# %% tags=["guess"]
ways = ("crossed by hand", "counted by hand", "learned")
guess("cross_best_way_with_pairs", ..., choices=ways)

# %% [markdown]
# The study `41_race` fits seven models with four settings each in two worlds. In each world the
# validation rows choose a setting per model, and on the test rows its change from the linear model that has
# no pair is measured, with a 95 % interval that resamples whole interest codes because users are not logged.

# %%
race = load_study("ad_click/41_race")
chosen = race[race["chosen"]].set_index(["model", "seed"])
mean_entropy = chosen["test"].groupby("model").mean()
way = {"linear, pair crossed": ways[0], "linear, pair counted": ways[1]}
compare("cross_best_way_with_pairs", way.get(mean_entropy.idxmin(), ways[2]))
shown = {"setting": "setting", "from_linear_estimate": "change"}
shown |= {"from_linear_low": "low", "from_linear_high": "high"}
chosen[list(shown)].rename(columns=shown).drop(index="linear", level="model").round(4)

# %% [markdown]
# Below zero is better than the linear model without the pair. The counted pair gains 0.024 in each
# world, the hashed cross 0.013 and 0.015, and DCN-v2 0.018 in the second; its 0.007 in the first is
# not distinguishable from zero. All three linear models chose a
# strength inside their grid. DeepFM took the slowest of its rates, so a slower one might help it. In
# world 201 DCN-v2 took the fastest of its own, but its settings differ by only 0.005 on the
# validation rows. In world 202 all
# changes look too good: the validation rows preferred $C = 1$ for the reference by 0.0003, and on the
# test rows that is 0.009 worse than $C = 0.3$. Besides, two changes from a common reference do not
# tell whether the count beats a rival. So we pair each model with the count itself, on the same test
# rows.

# %%
rivals = chosen.drop(index="linear, pair counted", level="model")
order = rivals["from_counted_estimate"].groupby("model").mean().sort_values().index
figure, axes = plt.subplots(figsize=(6.8, 3.4))
for place, name in enumerate(order):
    worlds = rivals.loc[name]
    heights = -place + np.array([0.15, -0.15])
    ends = worlds["from_counted_low"], worlds["from_counted_high"]
    axes.hlines(heights, *ends, color=COLOURS["blue"], lw=2)
    axes.plot(worlds["from_counted_estimate"], heights, "o", ms=4, color=COLOURS["blue"])
axes.axvline(0, color=COLOURS["black"], lw=1)
axes.set_yticks(-np.arange(len(order)), order)
axes.set_xlabel("normalized entropy minus that of the counted pair (95 % interval)")
axes.set_title("Every rival trails the counted pair; one interval reaches zero")
plt.show()

# %% [markdown]
# A dot is one model in one world, a bar its 95 % interval, and right of the black line is worse than the
# counted pair. Eleven of the twelve intervals lie right of zero. The exception is DCN-v2 in the second
# world, where the difference of 0.006 (−0.003 to 0.018) is not distinguishable from zero.
#
# Why would one number in a linear model beat networks that were built for products? First the question of this
# chapter: would the search find a product here? `41_search` also planted one of interest, topic and hour.

# %%
searched.loc["feature_poor", ["setting", "entropy", "truth"]].round(3)

# %% [markdown]
# It does not, at any of six settings. Training stops after at most half of its 900 steps, so this may be a
# plateau again, or the rows may be too few for columns of 500 ids; the study does not tell which. Either way,
# what this network fails to gain here may be there all the same.
#
# The rows are what we suspect in the race, too. The count shares one weight among all pairs and shrinks a pair without data to the
# average, so it has almost nothing to learn. A network has to place 500 codes and 500 topics in a
# space of eight dimensions from some five thousand clicks. If that is the reason, a longer log should
# turn the order around, and the ledger in the results has one.

# %% [markdown]
# What is it worth online? In a third world we fit the linear model, the one with the counted pair
# and DCN-v2, and deploy them. The linear models keep the strength of $C = 0.3$, and the network a learning
# rate of 0.003, which from the small start was within 0.001 of its best on validation in both worlds
# of the study. As in the first race it begins from both starts, and the validation rows choose between them.

# %%
poor_world = AdClickWorld(seed=13, config=poor_config)
poor_log = poor_world.history(days=4).labelled_log()
pair_counter = CounterFeatures(
    [("interest", "topic")], half_lives=(3 * 86_400.0,), refresh="nightly"
)
pair_columns = pair_counter.compute(poor_log)
poor_table = pd.concat([poor_log.frame, pair_columns], axis=1)
only_ids = {"categorical": poor_log.roles.identifiers, "numeric": poor_log.roles.numeric}
with_count = only_ids | {"numeric": (*poor_log.roles.numeric, *pair_columns)}
candidates = {
    "linear": HashedLogisticRegression(**only_ids, C=0.3),
    "linear, pair counted": HashedLogisticRegression(**with_count, C=0.3),
    "DCN-v2": DCNv2(**only_ids, **network, learning_rate=3e-3, embedding_scale=0.3),
    "DCN-v2, start 0.01": DCNv2(**only_ids, **network, learning_rate=3e-3),
}

# %% [markdown]
# All are fitted on the same rows, and the changes in entropy on the test rows come with paired intervals.

# %%
parts = poor_log.split
fit_on = poor_table.iloc[parts.train], poor_log.label[parts.train]
stop_on = poor_table.iloc[parts.validation], poor_log.label[parts.validation]
read_on = poor_table.iloc[parts.test], poor_log.label[parts.test]
poor_read = {}
for name, model in track(candidates.items(), "fitting"):
    model.fit(*fit_on, valid=stop_on)
    poor_read[name] = model.predict_proba(read_on[0])[:, 1]
starts = ("DCN-v2", "DCN-v2, start 0.01")
for name in starts:
    validated = entropy(stop_on[1], candidates[name].predict_proba(stop_on[0])[:, 1])
    print(f"{name}: {validated:.3f} on the validation rows")

# %%
drawn = {"clusters": read_on[0]["interest"].to_numpy(), "repetitions": 200, "seed": 0}
duels = {
    "counted − linear": ("linear, pair counted", "linear"),
    "DCN-v2 − linear": ("DCN-v2", "linear"),
    "DCN-v2 − counted": ("DCN-v2", "linear, pair counted"),
    "start 0.01 − start 0.3": ("DCN-v2, start 0.01", "DCN-v2"),
    "start 0.01 − counted": ("DCN-v2, start 0.01", "linear, pair counted"),
}
paired_changes = {}
for title, (new, old) in duels.items():
    change = metrics.paired_interval(entropy, read_on[1], poor_read[new], poor_read[old], **drawn)
    paired_changes[title] = vars(change)
steps = pd.DataFrame(paired_changes).T
steps.round(4)

# %% [markdown]
# The validation rows choose the start at 0.3. Paired with each other on the test rows, the count leads DCN-v2 by 0.022 (0.008 to 0.036). The small start is ahead of the
# larger one by 0.006, with an interval that contains zero, and still behind the count by 0.017 (0.004 to
# 0.028), so the count wins from either start. Now each challenger meets the linear model in a
# pair of twin worlds, and the network also meets the count.

# %%
policies = {
    name: ScorerPolicy(model, counters=pair_counter.serving(poor_log) if "count" in name else None)
    for name, model in candidates.items()
}
challengers = ("linear, pair counted", "DCN-v2")
for name in (*challengers, "DCN-v2, start 0.01"):
    duel = poor_world.compare(policies["linear"], policies[name], days=2, history_days=4)
    online["feature-poor", name] = duel.changes(*measures)
duel = poor_world.compare(*(policies[name] for name in challengers), days=2, history_days=4)
online["feature-poor", "DCN-v2 against the count"] = duel.changes(*measures)

# %%
changes = pd.concat({" · ".join(name): change for name, change in online.items()})
earned = changes.xs("revenue", level=1)
plot_changes(
    earned,
    title="DCN-v2 gains where interests cross, the count gains more",
    xlabel="change in revenue (%, bar: 95 % interval)",
)
plt.show()
changes.round(1)

# %% [markdown]
# A dot is the change in revenue against the linear model of the same market, and in the last row against
# the counted pair. The architecture that lost 2 % in the default market gains 2.3 % (1.0 to 3.9) in
# the feature-poor one, or 3.3 % (2.0 to 4.6) from the small start. The counted pair gains 5.3 % (4.0 to
# 6.6), and in the direct duel DCN-v2 earns 2.8 % less than it (1.2 to 4.3), with about as many clicks.

# %%
assert min(earned.loc[f"feature-poor · {name}", "low"] for name in challengers) > 0
assert earned.loc["feature-poor · DCN-v2 against the count", "high"] < 0
assert mean_entropy.idxmin() == "linear, pair counted"
assert (rivals["from_counted_low"] > 0).sum() == 11
assert search.loc[search["market"] == "feature_poor", "entropy"].min() > 0.98

# %% [markdown]
# ## Results
#
# The ledger repeats the race on fourteen days in three worlds, with four settings per model, chosen
# on the validation days of the first world and kept in the others, and all figures from later test
# days. Two of its rows belong to later parts: `din` also reads the list of the user's last clicks,
# and the lab of this chapter builds it; `ensemble` averages the linear model, trees and DCN-v2. The
# *oracle* knows what the world knows.

# %%
ne = "normalized_entropy"
ledger = load_ledger("ad_click").set_index("rung").drop(["esmm", "student"])
shown = {ne: "normalized entropy", f"{ne}_low": "low", f"{ne}_high": "high"}
shown |= {"auc": "AUC", "fit_cpu_seconds": "fit, CPU s", "settings_tried": "settings"}
ledger[list(shown)].rename(columns=shown).round(4)

# %% [markdown]
# Here too counters are worth far more than products: the linear model gains 0.029 from them, and
# among single models with counters it has the lowest entropy, at a quarter of DCN-v2's training cost.
# One caution: the ledger tried no rate below 0.001, and a slower one was worth 0.003 to the network
# in our sweep, which is much of its distance here. The deep models lie close together. Are DCN-v2 and
# DeepFM tied, as their overlapping intervals suggest? Both are read on the same users, so the ledger
# can pair them, and it keeps the paired change of each row from the one before.

# %%
paired = {f"{ne}_vs_previous{end}": end.strip("_") or "change" for end in ("", "_low", "_high")}
ledger.loc[["dcn_v2_counters"], list(paired)].rename(columns=paired).round(4)

# %% [markdown]
# The paired interval excludes zero: DCN-v2 is ahead of DeepFM by two thousandths, for more than twice the
# CPU seconds. Overlapping intervals of two models are not a test of their difference.
#
# The feature-poor market has a ledger of its own, in which `_counters` includes the count of the pair.

# %%
poor = load_ledger("ad_click", source="ad_click_world-feature_poor").set_index("rung")
to_best = {f"{ne}_vs_best{end}": f"vs best{end.replace('_', ' ')}" for end in ("", "_low", "_high")}
poor[[*shown, *to_best]].rename(columns=shown | to_best).round(4)

# %% [markdown]
# A linear model on ids goes from 1.00 to 0.77 where the oracle stands at 0.58, so more than half of
# what there is to know is in single columns after all. On ids alone the products then pay: the
# factorization machine, which adds nothing but products of pairs to a linear model, gains 0.054, and
# DCN-v2 another 0.010.
#
# And the order of the last section has turned around. With fourteen days in place of four, DCN-v2
# on ids alone (0.709) is ahead of the linear model that has the count of the pair and of all other
# keys (0.715), as the suspicion about rows predicted. The two are neighbours in the ledger, which
# therefore keeps their paired difference: 0.006, with an interval from 0.003 to 0.011. That supports
# the suspicion without proving it, because the ledger's networks are larger too.
#
# The best row has both, DeepFM *with* the counters at 0.675. The columns "vs best" say that the
# linear model with counters is 0.040 behind it, with an interval from 0.037 to 0.044. Again a
# caution: the linear models of this ledger won at $C = 0.3$, the largest that was tried. In the study, where the grid went on to 3, the count stayed at 0.3; on a longer log it
# may not.
#
# **Change this and see.** Set `days=10` in the feature-poor world and refit its candidates. The number
# to watch is the distance between DCN-v2 and the counted pair on the test rows. Then let the study
# `41_search` plant the product of `interest` and `topic` alone in the feature-poor log. Is a product of two
# found, and how close does early stopping come to missing it?

# %%
share = (1 - poor.loc["hashed_lr", ne]) / (1 - poor.loc["oracle", ne])
assert 0.4 < share < 0.6
assert ledger[ne].drop(["oracle", "ensemble"]).idxmin() == "hashed_lr_counters"
assert ledger.loc["dcn_v2_counters", f"{ne}_vs_previous_high"] < 0
assert poor[ne].drop("oracle").idxmin() == "deepfm_counters"

# %% [markdown]
# Does this hold outside our worlds? The open benchmark BARS (Zhu et al. 2021) tuned many models alike on
# the Avazu data set. Its AUCs, on a *random* split, so that they say nothing about later days:
#
# | model | AUC |
# |---|---|
# | logistic regression | 0.7775 |
# | factorization machine | 0.7887 |
# | plain perceptron on embeddings (DNN) | 0.7928 |
# | DeepFM | 0.7930 |
# | DCN, first version | 0.7931 |
#
# The first products bring 0.0112, and a perceptron on embeddings another 0.0041, in a field whose papers
# report a thousandth as progress. What the products of DeepFM and DCN add to that perceptron is 0.0002
# to 0.0003, so embeddings and depth explain most of their gain. It is not the last word on products:
# in the same table a network on the products of pairs (PNN) has 0.7944, and one with an
# embedding per pair of columns (ONN) 0.7992.
#
# Last, the requirements. The first column is the worse of the two worlds of `41_search`; the counted pair
# is told where to look, so it has nothing to search for. Each row is a candidate against the linear model of its market, with 95 %
# intervals in brackets; the cost is the ledger's time for a batch of 500 rows.

# %%
found_by_search = searched["entropy"].groupby(["market", "model"]).max().xs("DCN-v2", level=1)
measured = {
    ("default", "DCN-v2"): (found_by_search["default"], vars(offline)),
    ("feature-poor", "linear, pair counted"): (0.0, steps.loc["counted − linear"]),
    ("feature-poor", "DCN-v2"): (found_by_search["feature_poor"], steps.loc["DCN-v2 − linear"]),
}
rungs = [ledger.loc["dcn_v2_counters"], poor.loc["hashed_lr_counters"], poor.loc["dcn_v2"]]
rows = {}
for (candidate, (planted_entropy, step)), rung in zip(measured.items(), rungs):
    revenue = online[candidate].loc["revenue"]
    cost = 1_000 * rung["predict_batch_ms"] / 500
    met = planted_entropy < 0.8 and step["high"] < 0 and revenue["low"] > 0 and cost <= 20
    rows[candidate] = {
        "search: below 0.8": f"{planted_entropy:.3f}" if planted_entropy else "is told",
        "entropy: below 0": "{estimate:.3f} [{low:.3f}, {high:.3f}]".format(**step),
        "revenue, %: above 0": "{estimate:.1f} [{low:.1f}, {high:.1f}]".format(**revenue),
        "µs: at most 20": f"{cost:.1f}",
        "accepted": met,
    }
closing = pd.DataFrame(rows).T.rename_axis(["market", "candidate"])
closing

# %% [markdown]
# So the default market keeps its linear model, although its search would have found a product. In the
# feature-poor market the counted pair is accepted. DCN-v2 predicts better than the linear model there, earns
# more and is affordable, but its search missed the planted product, so nobody can say what else it misses. It
# has lost the duel with the count besides. DeepFM with that count is the next candidate once the log is long.
# The cost limit stops none of these three; in both ledgers it would stop boosted trees on ids, at 24 and 60
# microseconds.

# %%
assert not closing.loc[("default", "DCN-v2"), "accepted"]
assert closing.loc[("feature-poor", "linear, pair counted"), "accepted"]
assert not closing.loc[("feature-poor", "DCN-v2"), "accepted"]

# %% [markdown]
# ## What breaks in production
#
# A network reads numbers that were standardised in training. A counter whose scale moves, after a
# logging bug or on a holiday, is multiplied layer after layer, by other inputs and by itself: two
# cross layers contain its cube, so an input ten times too large can put in a term a thousand times
# too large. Clip numbers at serving to the range of the training data, and raise an alarm when the
# clipping acts on more rows than usual.
#
# The recipe breaks silently. Somebody changes the batch size, the optimizer or the patience, the plateau
# gets longer than the patience, and the network still trains, still predicts, and has lost one of its
# interactions. No dashboard shows it, because the rest of the model works. Keep the planted log in
# continuous integration, and train on it whenever the recipe changes.

# %% [markdown]
# ## In the interview
#
# **"Your deep model only ties with the linear one. What do you conclude?"** A mid-level candidate says that
# the data have no interactions. A senior candidate says that the model may not have learned them, and looks
# at the training curve: ours was stopped at step 236 on a plateau that ended after 1,500. A staff candidate
# plants an interaction in the market's own log and runs the same search on it. Ours found it in the default
# market, so that its loss there is not a failure to look, and missed it in the feature-poor one.
#
# **"Why cross layers, if a perceptron approximates everything?"** A mid-level candidate quotes the
# paper. A senior candidate says that $L$ layers give degree $L + 1$ for $d^2 + d$ parameters each,
# and that on Avazu those of the first DCN add 0.0003 AUC to a plain perceptron. A staff candidate
# asks which pairs matter and counts them: on four days of log a linear model with the counted pair
# earned 5 % more, and DCN-v2 between 2 and 3 %, depending on its start.
#
# **"The new model is 0.002 better at several times the cost. Ship it?"** A mid-level candidate
# ships what is better. A senior candidate wants the paired interval, since DCN-v2 and DeepFM
# overlapped and still differed by 0.0024, and then a deployment. A staff candidate writes the four
# requirements down before the race and lets each market decide: the same architecture lost 2 % of
# revenue in one and gained 2 % in the other.

# %% [markdown]
# ## Summary
#
# - A cross layer multiplies by the inputs once, so $L$ layers hold products of up to $L + 1$ columns.
# - To represent a product is not to learn it: let your search find a planted one before you believe a tie.
# - Early stopping on a plateau looks exactly like "no interaction"; remove each suspected cause in turn.
# - Where one pair matters and rows are few, no network beat a smoothed count of it in a linear model.
# - Ask for the paired interval, the revenue and the cost together, per market.

# %% [markdown]
# ## Recall
#
# 1. How many cross layers hold the product of four columns, and why?
#
# <details><summary>Answer</summary>Three. The inputs have degree one, and each layer multiplies by the
# inputs once more.</details>
#
# 2. A network of two cross layers did not find a product of three ids. Its loss was flat from the first
# step to the last. Name two explanations and an experiment that separates them.
#
# <details><summary>Answer</summary>The signal may be too weak to be found at all, or training may have been
# stopped on a plateau. Train the same network from the same start without early stopping: if the loss
# falls later, it was stopped. A larger start of the embeddings tests whether the small one makes the
# plateau long.</details>
#
# 3. Two models have overlapping intervals. Have they tied?
#
# <details><summary>Answer</summary>That has not been shown. Look at the paired interval of the difference
# on the same users: the ledger's DCN-v2 and DeepFM overlap, and their paired interval excludes
# zero.</details>

# %% [markdown]
# ## Lab and further reading
#
# In [lab_41_interest](../../labs/01_ad_click_prediction/lab_41_interest.ipynb) you build the histories and
# the pooling of the deep interest network, see it race against a count, and deploy a policy that remembers
# what each user clicked. The next chapter is [42_convert](42_convert.ipynb).
#
# - Ruoxi Wang et al. 2021, *DCN V2: Improved Deep & Cross Network and Practical Lessons for Web-scale
#   Learning to Rank Systems*, WWW.
# - Huifeng Guo et al. 2017, *DeepFM: A Factorization-Machine based Neural Network for CTR Prediction*,
#   IJCAI.
# - Maxim Naumov et al. 2019, *Deep Learning Recommendation Model for Personalization and Recommendation
#   Systems*, arXiv:1906.00091.
# - Jieming Zhu et al. 2021, *Open Benchmarking for Click-Through Rate Prediction*, CIKM; the figures stand
#   in the repository `reczoo/BARS`.
