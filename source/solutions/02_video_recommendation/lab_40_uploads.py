# ---
# jupyter:
#   mlsd:
#     title: Find out who can serve an upload, and give uploads an audience
#     sections:
#     - {name: Who sees an upload, minutes: 12}
#     - {name: Who is cold, minutes: 8, stop: true}
#     - {name: When views beat text, minutes: 12}
#     - {name: A decision, minutes: 10}
#     - {name: A rule that gives uploads an audience, minutes: 18}
#     introduces: {}
#     needs: [two-tower model, item cold start, content embedding, EASE, implicit feedback, Recall@k]
# ---

# %% [markdown]
# # Find out who can serve an upload, and give uploads an audience
#
# **60 minutes, 14 points** · chapter [40_two_tower](../../notebooks/02_video_recommendation/40_two_tower.ipynb)
#
# Afterwards you can tell from its scores alone whether a recommender can serve a new video, say which
# videos are cold to which model, find out from how many views on a collaborative model knows better than
# the text, and blend two models so that uploads are watched far more at hardly any cost. Every
# check says what is wrong and none blocks you: the text goes on with its own version.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from mlsd.lab_support.video.cold_uploads import aged_feed, content_alone, deployed
from mlsd.lab_support.video.upload_tables import found_by_both, lettered_scores
from mlsd.plots import COLOURS, course_style

plt.rcParams.update(course_style())

# %% [markdown]
# ## Who sees an upload
#
# Four teams offer you their recommenders, fitted this morning, and each says that it "also scores new
# videos". You are given no code, only the scores of forty viewers for all live videos, among them those
# that were uploaded today.

# %%
scores, is_upload = lettered_scores(40)
pd.DataFrame(
    {
        name: {
            "mean score, known videos": table[:, ~is_upload].mean(),
            "mean score, uploads": table[:, is_upload].mean(),
            "deviation, uploads": table[:, is_upload].std(),
        }
        for name, table in scores.items()
    }
).T.round(3)

# %% [markdown]
# Three of the four give uploads scores that differ, so this table does not settle it.
#
# ### Exercise 1: can it tell uploads apart?
#
# - **Goal**: say from the scores what a recommender knows about uploads. It is `"blind"` if for every viewer
#   all uploads score the same; `"alike"` if it tells uploads apart, but all viewers have them in the same
#   order; and `"personal"` otherwise.
# - **Inputs**: `scores`, array of shape (viewers, videos); `is_upload`, boolean array of shape (videos,).
# - **Output**: `"blind"`, `"alike"` or `"personal"`.
#
# Differences below 1e-9 are rounding. Worked numbers: two viewers score one known video and two uploads with
# (3, 1, 1) and (0, 2, 2): blind, although the viewers differ. With (3, 1, 2) and (0, 4, 5) both prefer the second
# upload: alike.


# %% tags=["exercise"] exercise="upload_view"
def upload_view(scores, is_upload):
    """Return "blind", "alike" or "personal"."""
    ### BEGIN SOLUTION
    own = scores[:, is_upload]
    if np.ptp(own, axis=1).max() < 1e-9:
        return "blind"
    order = own.argsort(axis=1, kind="stable")
    return "alike" if (order == order[0]).all() else "personal"
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.video.lab_40_uploads import check_upload_view

check_upload_view(upload_view)

# %%
views = {name: upload_view(table, is_upload) for name, table in scores.items()}
{name: "not attempted" if view is ... else view for name, view in views.items()}

# %% [markdown]
# A is EASE, in which an upload has no column and gets 0. B is a tower on ids: every upload has the vector of
# the unknown id, so that its score says something about the viewer and nothing about the video. C is the success
# of a video's topic so far, with a constant per viewer; as a cold-start prior that is not nothing, but it is
# one list for everybody. Only D, the content tower, can do what was promised.
#
# ## Who is cold
#
# A dashboard reports the recall of *new videos* as those uploaded in the last 24 hours. For the model on the
# shelf that is the wrong slice.
#
# ### Exercise 2: cold to a model
#
# - **Goal**: mark the videos that are cold to a collaborative model, which means that it has not learned from a
#   single watch of them.
# - **Inputs**: `uploaded_at`, shape (videos,); `first_watched_at`, shape (videos,), NaN where a video has
#   never been watched; `trained_at`, a number. All times in days; the model learned from watches before
#   `trained_at`.
# - **Output**: boolean array of shape (videos,).
#
# Worked numbers: the model was trained on day 10. A video uploaded on day 1 and first watched on day 2 is not
# cold; one uploaded on day 2 and first watched on day 11 is.


# %% tags=["exercise"] exercise="is_cold"
def is_cold(uploaded_at, first_watched_at, trained_at):
    """Return which videos a collaborative model has learned nothing of, shape (videos,)."""
    ### BEGIN SOLUTION
    return ~(first_watched_at < trained_at)
    ### END SOLUTION


# %% tags=["check"] points=2
from mlsd.checks.video.lab_40_uploads import check_is_cold

check_is_cold(is_cold)

# %%
feed = aged_feed(40)
first = feed.watched.groupby("item_id")["ts"].min().reindex(feed.videos["item_id"]) / 86_400
uploaded = feed.videos["ts"].to_numpy() / 86_400
counts = {}
for trained_at in (14, 12, 10, 7):
    cold, live = is_cold(uploaded, first.to_numpy(), trained_at), np.mean(uploaded > trained_at)
    counts[14 - trained_at] = {
        "uploaded since, %": 100 * live,
        "cold, %": np.nan if cold is ... else 100 * np.mean(cold),
    }
pd.DataFrame(counts).T.rename_axis("age of the model, days").round(1)

# %% [markdown]
# The share of the catalogue that is cold grows with the age of the model, and it is larger than the share of
# uploads, because some older videos had found no viewer before the training either.
#
# ## When views beat text
#
# Content knows a video from its first minute but never learns whether people like it. A collaborative model
# starts from nothing and gets better with every watch. Somewhere one should hand over to the other. Both were
# fitted on the first twelve days, and for each watch of the last two days (of videos that were new to the
# viewer) `found` says whether the video was on the list of 20 that each had made for this viewer, and how
# often it had been watched before.

# %%
found = found_by_both(40)
bins = pd.cut(found["watches"], [-1, 0, 5, 20, 60, 1_000])
by_watches = found.groupby(bins, observed=True)[["content", "collaborative"]].mean()
error = np.sqrt(
    by_watches * (1 - by_watches) / found.groupby(bins, observed=True).size().to_numpy()[:, None]
)
figure, axes = plt.subplots(figsize=(6.5, 3.4))
for name, colour in (("content", "blue"), ("collaborative", "orange")):
    axes.errorbar(
        np.arange(len(by_watches)),
        100 * by_watches[name],
        yerr=196 * error[name],
        fmt="o-",
        color=COLOURS[colour],
        label=name,
    )
axes.set_xticks(np.arange(len(by_watches)), ["0", "1-5", "6-20", "21-60", "over 60"])
axes.set(xlabel="watches of the video in training", ylabel="found on the list of 20, %")
axes.set_title("Only content finds what has never been watched")
axes.legend()
plt.show()

# %% [markdown]
# A dot is a group of watches with its 95 % interval. Lists are short and hits are few for all but the popular
# videos, so single counts of watches are far too noisy to compare.
#
# ### Exercise 3: hand over
#
# - **Goal**: the number of watches from which on a video should be served by the collaborative model. Choose the
#   switch that would have found the most: videos with fewer watches are served by content, the others by the
#   collaborative model. Of equally good switches take the smallest.
# - **Inputs**: `watches`, `content` and `collaborative`, arrays of shape (n,): watches in training, and whether
#   each model found the video (0 or 1).
# - **Output**: a value of `watches`, or `np.inf` where content should serve all. 0 means that the collaborative
#   model serves all.
#
# Worked number: three watches of videos with 0, 5 and 20 watches in training. Content found the first two, the
# collaborative model the third: the switch is 20 and finds all three.


# %% tags=["exercise"] exercise="best_switch"
def best_switch(watches, content, collaborative):
    """Return from how many watches on the collaborative model should serve a video."""
    ### BEGIN SOLUTION
    switches = [0, *np.unique(watches), np.inf]
    hits = [np.where(watches < at, content, collaborative).sum() for at in switches]
    return switches[int(np.argmax(hits))]
    ### END SOLUTION


# %% tags=["check"] points=3
from mlsd.checks.video.lab_40_uploads import check_best_switch

check_best_switch(best_switch)

# %%
columns = [found[name].to_numpy() for name in ("watches", "content", "collaborative")]
switch = best_switch(*columns)
table = {}
for at in (0, 6, 21, 61, np.inf):
    served = np.where(columns[0] < at, columns[1], columns[2])
    table[f"collaborative from {at:g} watches"] = {"found, %": 100 * served.mean()}
print("not attempted" if switch is ... else f"your switch: {switch:g} watches")
pd.DataFrame(table).T.round(2)

# %% [markdown]
# The authors' switch is at 53 watches in this sample, and the table says how much that matters: EASE for
# every video finds 25.6 % of the watches, content for every video 26.3 %, and a hand-over at 61 watches
# 26.9 %. The curve is flat around its top, so the lesson is not the number. For the few popular videos views
# seem to know a little more than the text (the intervals overlap), for the many others they do not, and the
# number has to be found again for every model and every amount of data.

# %% [markdown]
# ## A decision

# %% [markdown] tags=["exercise"] exercise="decision" points=3
# ### Exercise 4: a quota or a weight?
#
# Creators complain that their first week passes without an audience. One proposal reserves the last of the six
# slots of each slate for uploads. The other leaves the slots alone and adds a bonus to the score of an upload
# that fades as it is watched. In about eight lines: which one do you launch, what decides which upload is shown
# to whom, what do you measure to know what it costs and what it brought, and when do you change your mind?
#
# <!-- BEGIN SOLUTION -->
# **Sample answer, full marks.** I launch the bonus on the content score, because it shows an upload where it
# is nearly as good as what it replaces, and shows none to a viewer for whom there is no fitting one; a quota
# pays the same price for everybody. Within either, the content tower chooses, since a quota that is filled by
# recency shows the same uploads to all. The bonus fades with impressions and not with hours, so that an upload
# at night gets the same chance. I measure the hours watched of uploads, all hours watched and refusals, in an
# A/B test by viewer, and besides hold back a tenth of the *uploads* from the bonus, because only a comparison
# of uploads says what an audience in the first week is worth later. I go over to a quota if creators need a
# promise ("500 impressions in the first week"), which a weight cannot give. I stop if hours fall by more than
# 2 % or if after four weeks the treated uploads are watched no more than the others.
#
# **Sample answer, half marks.** I would reserve the last slot, because it is simple and guarantees exposure, and
# watch the click rate of the slot. If it falls below half of the slot's former rate I would take it back.
# *Lacks*: who chooses the upload; the cost in hours watched, which the click rate of one slot does not show; a
# comparison of uploads that had the slot with uploads that had not.
#
# **Rubric**: says what each proposal promises and to whom it sends the bill (1); lets content and not recency
# choose, per viewer (1); measures cost over viewers and benefit over uploads, with a rule for stopping (1).
# <!-- END SOLUTION -->

# %% [markdown]
# ## A rule that gives uploads an audience
#
# Both models are fitted on two weeks and then stay as they are for a week. So far the feed is served by the
# content tower alone, which is better online than EASE alone. You may now blend the two by a rule of your own.
#
# ### Exercise 5: a larger audience at little loss
#
# - **Goal**: uploads, the videos that came after the training, have to be watched at least 1.25 times as long as
#   under content alone, and all hours watched have to stay at 95 % or more of what they were. Both are means over
#   three worlds that you have not seen. The authors' rule brings uploads about twice the hours.
# - **Inputs**: `content` and `collaborative`, arrays of shape (viewers, videos) with standardised scores (mean 0
#   and standard deviation 1 for each viewer); `age`, shape (videos,), days since the upload; `model_age`, days
#   since the training. The videos are those that are live.
# - **Output**: scores of shape (viewers, videos). A viewer's list is in their order.
#
# Worked number: on day 3 after the training, a video of age 2.5 is an upload and EASE has never seen it: it
# gave it 0 before standardising. A video of age 4 is not, although it is young.
#
# Two decisions matter. What are the collaborative scores worth, and for whom? How far up does an upload have to
# stand, and which one? Tune on worlds of your own with `deployed(seed, rule)`, on more than one seed, before you
# run the check.


# %% tags=["exercise"] exercise="blend_rule"
def blend_rule(content, collaborative, age, model_age):
    """Return scores of shape (viewers, videos)."""
    ### BEGIN SOLUTION
    # EASE says nothing about uploads, and something about all others that the text does not hold.
    known = 0.7 * content + 0.3 * collaborative
    return np.where(age < model_age, content + 0.45, known)
    ### END SOLUTION


# %% tags=["check"] points=4
from mlsd.checks.video.lab_40_uploads import check_blend_rule

check_blend_rule(blend_rule)

# %% [markdown]
# Here are four rules in a world that is known to you.


# %%
def half_and_half(content, collaborative, age, model_age):
    """Return the mean of both scores, whatever the age."""
    return 0.5 * content + 0.5 * collaborative


def uploads_first(content, collaborative, age, model_age):
    """Return content with every upload above all others."""
    return content + 100.0 * (age < model_age)


rules = {
    "content alone": content_alone,
    "half and half": half_and_half,
    "uploads first": uploads_first,
}
outcome = pd.DataFrame({name: deployed(40, rule) for name, rule in rules.items()}).T
outcome.columns = ["hours watched", "of uploads", "impressions of uploads, %"]
outcome.round(1)

# %% [markdown]
# Half and half looks like a compromise and is none for uploads, which fall from 6.6 to 1.2 % of the
# impressions: half of their score is a 0 that says nothing about them, whereas a known favourite gets both
# halves. Uploads first gives them three quarters of the impressions and five times the hours, at 28 % fewer
# hours in all. A good rule lets content alone speak for what EASE cannot know, uses both for the rest, and
# lifts an upload by a fraction of a standard deviation, so that only fitting uploads pass what is known.
#
# Further reading: Maksims Volkovs, Guangwei Yu, Tomi Poutanen 2017, *DropoutNet: Addressing Cold Start in
# Recommender Systems*, NIPS.
