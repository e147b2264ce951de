# ---
# jupyter:
#   mlsd:
#     title: Shrink the student, and keep what it earns
#     sections:
#     - {name: A model that travels, minutes: 4}
#     - {name: Fewer bits, minutes: 12}
#     - {name: Bits where they count, minutes: 11, stop: true}
#     - {name: Softer labels, minutes: 6}
#     - {name: A choice that noise does not make, minutes: 9}
#     - {name: A decision, minutes: 7}
#     - {name: A student of ten thousand bytes, minutes: 11}
#     introduces: []
#     needs: [distillation, quantisation, normalized entropy, as-of counter, deployment]
# ---

# %% [markdown]
# # Shrink the student, and keep what it earns
#
# **60 minutes, 18 points**. It belongs to the chapter
# [60_serve](../../notebooks/01_ad_click_prediction/60_serve.ipynb).
#
# **You will be able to** pack a model into few bits and count what it really takes, spend bytes on the
# matrices that need them, learn from a teacher where labels are few, choose among candidates that
# noise makes look different, and say what a compressed model is worth. No check blocks you: each says
# what is wrong, and the text goes on with its own version.

# %%
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from mlsd.lab_support.ad_click.packed_student import (
    COLUMNS,
    RECIPE,
    Packed,
    PackedStudent,
    artifact_bytes,
    market,
    weights_of,
)
from mlsd.lab_support.ad_click.rounded_matrices import rounded, rounding_costs
from mlsd.models import StudentPerceptron
from mlsd.plots import COLOURS, course_style
from mlsd.serving import prune_by_magnitude

plt.rcParams.update(course_style())

# %% [markdown]
# ## A model that travels
#
# Your app ranks its ads on the phone, because the feed is also read where there is no network. Each night
# the phones download a fresh ranking model, 40 million of them and mostly over mobile data, so the product
# team grants **10,000 bytes per model**: that alone is 400 GB of traffic per night.
#
# A second limit comes from the privacy team. The nightly job that trains the large model, the *teacher*,
# may read the click log, which is deleted when it ends. Your job runs afterwards. It gets the teacher, all
# impressions of the last four days without their clicks, and an audit sample: one impression in 200 keeps
# its click.
#
# Here is one market, with a student distilled as in the chapter.

# %%
home = market(60)
student = StudentPerceptron(**COLUMNS, **RECIPE).distil(home.traffic, home.teacher)
weights = weights_of(student)
shapes = {name: value.shape for name, value in weights.items()}
pd.DataFrame({"shape": shapes, "bytes": {name: v.nbytes for name, v in weights.items()}})

# %% [markdown]
# Nearly half of the bytes belong to the table of embeddings, which has one row per id; the rest is the
# perceptron. A weight matrix has one row per *output unit*, so "row by row" means by id in the table and
# by unit in a layer. Altogether the student takes more than four times what we may send.
#
# ## Fewer bits
#
# The chapter's INT8 had one scale per matrix: the largest absolute weight becomes 127, and everything else
# a whole number in proportion. A single row with large weights then makes the steps coarse for all others.
#
# ### Exercise 1: a scale per row, and the bill
#
# With $b$ bits a code runs from $-(2^{b-1} - 1)$ to $2^{b-1} - 1$, so from $-127$ to 127 with eight. A row's
# scale is its largest absolute value divided by the largest code. A row of zeros has codes 0 and any
# positive scale.
#
# - **Goal**: codes, scales and the true number of bytes, as the phone stores them: codes lie bit by bit one
#   after the other, each row starts at a new byte, and a scale takes four bytes.
# - **Inputs**: `values`, float of shape (n, d); `bits`, from 2 to 8.
# - **Output**: codes, int8 of shape (n, d), rounded to the nearest; scale, float32 of shape (n,); bytes, a
#   whole number.
#
# A worked number: the row (1.4, −0.4) with 4 bits has scale 0.2, codes (7, −2) and takes 1 + 4 = 5 bytes,
# where float32 takes 8.


# %% tags=["exercise"] exercise="pack_rows"
def pack_rows(values, bits):
    """Return codes (n, d) as int8, scale (n,) as float32, and the bytes of both."""
    ### BEGIN SOLUTION
    top = 2 ** (bits - 1) - 1
    largest = np.abs(values).max(axis=1)
    scale = np.where(largest == 0, 1, largest) / top
    codes = np.round(values / scale[:, None]).astype(np.int8)
    row_bytes = int(np.ceil(values.shape[1] * bits / 8)) + 4
    return codes, scale.astype(np.float32), len(values) * row_bytes
    ### END SOLUTION


# %% tags=["check"] points=3
from mlsd.checks.ad_click.lab_60_student import check_pack_rows

check_pack_rows(pack_rows)

# %% [markdown]
# How few bits will do? We round all matrices with one scale each, and with your rows, and read the
# normalized entropy on the day after.


# %%
def one_scale(values, bits):
    """Round a matrix with a single scale, and return it as float32 again."""
    scale = np.abs(values).max() / (2 ** (bits - 1) - 1)
    return (np.round(values / scale) * scale).astype(np.float32)


def with_matrices(change):
    """Serve the student with every matrix changed; biases stay."""
    changed = {name: change(v) if v.ndim == 2 else v for name, v in weights.items()}
    return PackedStudent(student, changed)


# %%
bits = [8, 6, 5, 4, 3, 2]
curves = {"one scale": [with_matrices(lambda v, b=b: one_scale(v, b)) for b in bits]}
if check_pack_rows(pack_rows).status == "passed":
    curves["your rows"] = [
        with_matrices(lambda v, b=b: Packed(*pack_rows(v, b)[:2], b)) for b in bits
    ]

figure, axes = plt.subplots(figsize=(6, 3))
for (name, scorers), mark, colour in zip(curves.items(), "so", ("orange", "blue")):
    entropy = [home.entropy(scorer) for scorer in scorers]
    axes.plot(bits, entropy, f"{mark}-", color=COLOURS[colour], label=name)
axes.axhline(home.entropy(student), color=COLOURS["black"], lw=1, label="float32")
axes.set(xlabel="bits per weight", ylabel="normalized entropy on the day after")
axes.set_title("Three bits are enough, and at two the scales of rows matter")
axes.legend()
plt.show()

# %% [markdown]
# A dot is the student with its matrices rounded to so many bits, the black line the student in float32;
# lower is better. From eight bits down to three, either way of scaling moves the entropy by less than a
# hundredth, so these weights hold no outlier that would spoil a common scale. With two bits a row has only
# the codes −1, 0 and 1: the common scale then makes the student worse than predicting one rate for
# everybody (above 1), whereas scales by row hold most of it. They have a price that the figure does not
# show. On a row of eight codes of 4 bits, the scale takes as many bytes as the codes.
#
# ## Bits where they count
#
# So far all matrices had the same number of bits. Here is what each of them costs alone: the log loss above the
# float32 student's, in thousandths, when only this matrix is rounded row by row. Every second impression of the
# day after counts; the others stay aside, to judge the choice that we make from this table.

# %%
formats = [8, 4, 3, 2]
costs = rounding_costs(home, student, formats)
(1e3 * costs).round(2).rename_axis("bits per weight")

# %% [markdown]
# Two things stand out. The last layer has 32 weights only, and yet nothing costs more than storing it in two bits.
# And some costs are negative, although rounding teaches a model nothing.
#
# ### Exercise 2: which matrix gets how many bits?
#
# - **Goal**: the formats with which the matrices fit a budget together and lose as little as possible. Take the
#   losses as if they added up. Sampling noise must not buy anything: a negative cost is as good as none, and among
#   choices that cost the same, the one with the fewest bytes is sent.
# - **Inputs**: `shapes`, list of (rows, columns); `formats`, list of bits per weight; `costs`, array of shape
#   (matrices, formats); `budget`, bytes for all matrices, counted as in exercise 1, scales included.
# - **Output**: list with the bits of each matrix; an empty list where nothing fits.
#
# A worked number: shapes (100, 8) and (1, 32), formats 4 and 2, costs ((0.001, 0.002), (0, 0.015)), 700 bytes. With 4
# bits the first takes 800 bytes, with 2 it takes 600; the second takes 20 or 12. The answer is 2 and 4: 620 bytes.


# %% tags=["exercise"] exercise="spend_bytes"
def spend_bytes(shapes, formats, costs, budget):
    """Return the bits of each matrix that keep the budget (bytes) at the lowest total cost."""
    ### BEGIN SOLUTION
    kept = []
    for choice in product(range(len(formats)), repeat=len(shapes)):
        used = cost = 0
        for matrix, (rows, columns) in enumerate(shapes):
            row_bytes = int(np.ceil(columns * formats[choice[matrix]] / 8)) + 4
            used += rows * row_bytes
            cost += max(costs[matrix][choice[matrix]], 0)
        if used <= budget:
            kept.append((cost, used, choice))
    best = min(kept)[2] if kept else ()
    return [formats[place] for place in best]
    ### END SOLUTION


# %% tags=["check"] points=3
from mlsd.checks.ad_click.lab_60_student import check_spend_bytes

check_spend_bytes(spend_bytes)

# %% [markdown]
# Suppose that 7,000 bytes are all we get, of which the biases take 388. Equal bits fit only as two everywhere.
# On the impressions that were set aside, in thousandths of log loss above float32:

# %%
choices = {"2 bits everywhere": [2] * 4, "more for the last two": [2, 2, 3, 8]}
if check_spend_bytes(spend_bytes).status == "passed":
    shapes_of_matrices = [weights[name].shape for name in costs.index]
    yours = spend_bytes(shapes_of_matrices, formats, costs.to_numpy(), 7_000 - 388)
    choices[f"yours: {yours}"] = yours
judged = {}
for name, choice in choices.items():
    gap = home.losses(rounded(student, dict(zip(costs.index, choice)))) - home.losses(student)
    summed = sum(max(costs.loc[matrix, b], 0) for matrix, b in zip(costs.index, choice))
    judged[name] = {"costs added up": 1e3 * summed, "measured": 1e3 * gap[1::2].mean()}
pd.DataFrame(judged).T.round(2)

# %% [markdown]
# The best choice loses a quarter of what two bits everywhere lose, and its costs add up to about what was measured
# (0.6 against 0.4). For two bits everywhere the sum is far off: 21, where 1.6 are measured. Worse, from there, more
# bits for the two layers that need them most *raise* the loss, to 5.8. We suspect that matrices which are rounded so
# coarsely undo a part of each other's errors. A table of single changes makes a shortlist, but what is sent has to be
# measured as a whole.
#
# Four candidates, as this lab's runtime serves them: the student; the student with half of its layers' weights
# set to zero; its matrices rounded to 8 bits, with one scale each; and a student with a quarter of the units
# and half of the dimensions, distilled from scratch. Times are of the perceptron alone, on 100 rows, 30 runs.

# %%
small = StudentPerceptron(**COLUMNS, **RECIPE, embedding_dim=4, hidden=(16, 8))
small.distil(home.traffic, home.teacher)
candidates = {
    "student": PackedStudent(student, weights),
    "half zeros": PackedStudent(student, weights_of(prune_by_magnitude(student, 0.5))),
    "8 bits": with_matrices(lambda v: one_scale(v, 8)),
    "small": PackedStudent(small, weights_of(small)),
}
sizes = {name: artifact_bytes(scorer.weights) for name, scorer in candidates.items()}
# One byte per weight and a scale per matrix; the runtime has unpacked them: count what was stored.
sizes["8 bits"] = sum(v.size + 4 if v.ndim == 2 else v.nbytes for v in weights.values())
kilobytes = np.array(list(sizes.values())) / 1e3
losses = np.stack([home.losses(scorer) for scorer in candidates.values()])
milliseconds = np.stack([scorer.milliseconds() for scorer in candidates.values()])
measured = pd.DataFrame({"kB": kilobytes, "log loss": losses.mean(axis=1)}, list(candidates))
measured["median, ms"], measured["slowest, ms"] = np.median(milliseconds, 1), milliseconds.max(1)
measured.round(4)

# %% [markdown]
# Zeros save nothing, since a zero takes as much room and time as any other number, and they cost quality. Eight
# bits save room but no time, because this runtime unpacks them once, when it loads. Fewer units save both, at a
# higher loss here.
#
# ## Softer labels
#
# Where an impression has kept its click, the student can learn from click and teacher; everywhere else, from
# the teacher alone.
#
# ### Exercise 3: a loss for both kinds of rows
#
# - **Goal**: the mean log loss (cross entropy) of the student's scores against soft targets. A row's target is
#   the teacher's probability; where the click is known, the click has a share `weight` in it. Scores may be
#   as far from 0 as $\pm 900$, and the loss has to stay finite: work out the loss as a function of the *score* before
#   you type it, and look for numpy's function that adds exponentials safely.
# - **Inputs**: `scores`, before the sigmoid; `teacher_p`; `clicked`, 1, 0 or NaN where it is unknown; all of
#   shape (n,); `weight` from 0 to 1.
# - **Output**: one finite number.
#
# A worked number: score 0, teacher 0.2, click unknown: $\log 2 = 0.693$.


# %% tags=["exercise"] exercise="distillation_loss"
def distillation_loss(scores, teacher_p, clicked, weight):
    """Return the mean log loss against the teacher, mixed with the click where it is known."""
    ### BEGIN SOLUTION
    mixed = (1 - weight) * teacher_p + weight * clicked
    target = np.where(np.isnan(clicked), teacher_p, mixed)
    return float(np.mean(np.logaddexp(0, scores) - target * scores))
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.ad_click.lab_60_student import check_distillation_loss

check_distillation_loss(distillation_loss)

# %% [markdown]
# ## A choice that noise does not make
#
# A table like the one above tempts one to take the lowest loss. But candidates that answer almost alike differ
# by sampling error, and one pause of the computer makes any of them look slow.
#
# ### Exercise 4: the smallest that is as good as the best
#
# - **Goal**: decide which candidate to send. It *fits* if its size and its typical time keep the budgets, where
#   a single pause must not disqualify it. Among those that fit, the one with the lowest mean loss is the
#   reference. Send the smallest fitting candidate that the data cannot tell to be worse than the reference: its
#   excess loss is at most two standard errors, for an error that suits two models scored on the *same* rows.
# - **Inputs**: `kilobytes` (n,); `milliseconds` (n, runs); `losses` (n, rows), in the same order of rows;
#   `size_budget`, `time_budget`.
# - **Output**: the index of the candidate, the first among equally small ones; −1 where none fits.
#
# A worked number: 30 and 10 kB, both fit, losses (0.1, 0.3, 0.2) and (0.2, 0.2, 0.3). Index 0 is the reference
# with mean 0.2, against 0.233. The excess is 0.033 and two of its standard errors are 0.133, so the answer is 1.


# %% tags=["exercise"] exercise="choose_artifact"
def choose_artifact(kilobytes, milliseconds, losses, size_budget, time_budget):
    """Return the index of the smallest fitting candidate that is level with the best fitting."""
    ### BEGIN SOLUTION
    in_time = np.median(milliseconds, axis=1) <= time_budget
    fits = (kilobytes <= size_budget) & in_time
    if not fits.any():
        return -1
    best = np.argmin(np.where(fits, losses.mean(axis=1), np.inf))
    gap = losses - losses[best]
    error = gap.std(axis=1, ddof=1) / np.sqrt(losses.shape[1])
    level = fits & (gap.mean(axis=1) <= 2 * error)
    return int(np.argmin(np.where(level, kilobytes, np.inf)))
    ### END SOLUTION


# %% tags=["check"] points=3
from mlsd.checks.ad_click.lab_60_student import check_choose_artifact

check_choose_artifact(choose_artifact)

# %% [markdown]
# On the candidates measured above, with 50 kB and 5 ms to spend:

# %%
chosen = choose_artifact(kilobytes, milliseconds, losses, 50.0, 5.0)
chosen if chosen is ... else [*candidates, "none"][chosen]

# %% [markdown]
# Not told apart does not mean equal. A day of shown ads cannot distinguish the two, and as the rows of one user
# are not independent, the true interval is wider still. What the auction makes of it, only a deployment says.
#
# ## A decision

# %% [markdown] tags=["exercise"] exercise="decision" points=3
# ### Exercise 5: ship the colleague's student?
#
# A colleague has set nine tenths of the student's weights to zero and rounded the rest to 4 bits. The slide says:
# "1.6 kB as a zip file; 40 % faster, mean of 20 calls on my laptop; normalized entropy on yesterday's impressions
# only 0.002 worse."
#
# - **Goal**: a recommendation: what you ask and measure first, what you ship, and how.
# - **Inputs**: the slide, and what you saw above.
# - **Output**: about eight lines of prose.
#
# <!-- BEGIN SOLUTION -->
# **Rubric** (3 points): measures bytes and time as they are on the phone, and doubts zeros and the mean of 20
# calls (1); judges quality by a paired interval and by what the decisions earn, not by shown impressions alone
# (1); ships in steps with a way back, and repeats the comparison at each retraining (1).
#
# **Sample answer, full marks.** First, what does the phone store and hold in memory? Zeros shrink in a zip file and
# come back when it is opened, so I would count the bytes of the download and of the loaded model. Zeros are also
# multiplied like other numbers, so 40 % from 20 calls is most likely noise; I would measure a high percentile on a
# slow phone, both models by turns. For quality I ask for a paired interval of the 0.002, resampled by user, and
# for calibration, also among rare ids. Shown impressions are not candidates: the auction picks what the model
# overrates, so I deploy both in twin worlds, and then in an A/B test. I would ship four bits by row without the
# pruning, or fewer units, whichever cannot be told from the float32 student; to one percent of the phones first,
# encoders and weights as one version, with the old one kept on the phone for the way back. After every retraining
# the job compresses from scratch and compares with the float32 model before the release.
#
# **Sample answer, half marks.** The zip size is misleading because zeros come back, and 20 calls on a laptop say
# little, so I would measure bytes in memory and p99 on a phone. An entropy of 0.002 is small, so quality is fine.
# I would ship 4 bits without pruning to everybody tonight. *What it lacks: no interval for the 0.002 and no
# look at what the decisions earn; no steps, no way back, and nothing about the next retraining.*
# <!-- END SOLUTION -->

# %% [markdown]
# ## A student of ten thousand bytes
#
# Now for markets that you have not seen. The runtime on the phone takes a pair: a fitted student, for its encoders,
# and its weights by name, as `weights_of` gives them. Each is a plain array or `Packed(codes, scale, bits)`, whose
# third value is the number of bits per code. `artifact_bytes` counts: 45,796 for the student at the top, before
# anything is done.
#
# ### Exercise 6: keep three quarters of the worth
#
# - **Goal**: a model within the budget that keeps what the uncompressed student is worth. Worth is the revenue of
#   two days beyond that of the fallback, a smoothed rate by ad. The check asks for 75 % of it in three fresh markets
#   together. As forecasts are made from the probabilities too, a gate comes first: a model whose normalized
#   entropy is more than 0.01 above the uncompressed student's, on average over the three, is not sent.
# - **Inputs**: `teacher`, with `predict_proba`; `traffic`, rows without clicks; `labelled`, one in 200 of them with
#   the column `click`.
# - **Output**: the pair. `StudentPerceptron(**COLUMNS, **RECIPE)` is the student of this lab; you may change its
#   size. Bytes are counted as in exercise 1, and plain arrays by their type.
#
# A worked number: the fallback keeps 0 %, and so does a model that is not sent. The uncompressed student is at
# 100 %, which is no ceiling: one that learns longer may go beyond.


# %% tags=["exercise"] exercise="make_student"
def make_student(teacher, traffic, labelled):
    """Return a fitted student and its weights by name, 10,000 bytes at most."""
    ### BEGIN SOLUTION
    student = StudentPerceptron(**COLUMNS, **RECIPE).distil(traffic, teacher)
    packed = {}
    for name, value in weights_of(student).items():
        codes_and_scale = pack_rows(value, 4)[:2] if value.ndim == 2 else ()
        packed[name] = Packed(*codes_and_scale, 4) if codes_and_scale else value
    return student, packed
    ### END SOLUTION


# %% tags=["check"] points=4
from mlsd.checks.ad_click.lab_60_student import check_make_student

check_make_student(make_student)

# %% [markdown]
# Where did your bytes go? Two things to try:
#
# - **Change this and see**: a smaller student in float32 fits too, with `embedding_dim=2, hidden=(44,)`, say.
#   Does it pass the gate? Compare its entropy with that of four bits: which costs less, few bits or few units?
# - **Change this and see**: three bits leave room for a larger student, such as `hidden=(96, 48)`. Does it keep
#   more, and in how many seeds of five? And could you tell from a single one?
#
# To try yours in three other markets, import `deployed_value` from where `Packed` comes from, and call
# `deployed_value(60, make_student)` as often as you like. The check uses another seed, and an instructor uses yet
# another.
#
# Further reading: Raghuraman Krishnamoorthi 2018, *Quantizing deep convolutional networks for efficient
# inference: A whitepaper*, arXiv:1806.08342, on scales by channel; Hui Guan et al. 2019, *Post-Training 4-bit
# Quantization on Embedding Tables*, arXiv:1911.02079.
