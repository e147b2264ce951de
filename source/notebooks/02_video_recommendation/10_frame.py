# ---
# jupyter:
#   mlsd:
#     title: Frame the feed before you rank it
#     builds: a drawing of the funnel, a capacity sheet for a hundred million daily users, and four feeds that differ in their objective alone
#     sections:
#     - {name: What decides success, minutes: 5}
#     - {name: Ask before you draw, minutes: 5}
#     - {name: Draw the funnel, minutes: 8}
#     - {name: Put numbers on it, minutes: 15, stop: true}
#     - {name: Frame the learning task, minutes: 8}
#     - {name: Look at what is logged, minutes: 17, stop: true}
#     - {name: Choose the objective, minutes: 15}
#     - {name: Results, minutes: 3}
#     - {name: What breaks in production, minutes: 3}
#     - {name: In the interview, minutes: 5}
#     - {name: Summary, minutes: 1}
#     - {name: Recall, minutes: 3}
#     - {name: Lab and further reading, minutes: 1}
#     introduces:
#       recommendation funnel: the stages that narrow a catalogue to one page, from cheap to expensive; retrieval, filtering, ranking and re-ranking
#       implicit feedback: what people did without being asked, such as clicks and watch time; plentiful and ambiguous
#       explicit feedback: what people said when they were asked or asked for it, such as stars, likes and refusals; clear, sparse and self-selected
#       watch time: seconds for which a started video was watched
#       censored watch time: watch time cut off by the end of the video, which says that the interest lasted at least that long
#       session: one visit to the feed, a run of requests by one user with short pauses between them
#       autoplay view: a view that started without a click, which many logs count as a click
#       clickbait: a video whose thumbnail or title promises more than it gives, so that it is clicked more than it is enjoyed
#       candidate source: the retrieval method that proposed an item, logged beside it; several usually feed one ranker
#       satiation: the loss of interest in a topic after several items of it in a row, which passes with time
#     needs: [impression, click-through rate, guardrail metric, retrieval, capacity sheet, event time, known-at time, propensity, position bias, twin-world comparison, Beta smoothing, prior strength]
#     discussion: A team reports that its new feed raised hours watched per session by 40 percent. What do you ask before you congratulate them?
#     answer: "Whether people come back more often, since a feed of long videos raises hours per session by itself. Then what happened to satisfaction in the survey and to refusals, whether the hours come from views that started by themselves, and how long the test ran, because habits change more slowly than sessions."
#     wrong_answers: ["Nothing, watch time measures what people enjoy.", "Whether the click-through rate rose as well."]
# ---

# %% [markdown]
# # Frame the feed before you rank it
#
# **You will build** a drawing of the funnel, a capacity sheet for a hundred million daily users,
# and four feeds that differ in their objective alone.
#
# **You will learn** to turn "recommend videos" into requirements, labels and an objective, and to
# tell what each label rewards once a system optimises it.
#
# **You need** impression, click-through rate, guardrail metric, retrieval, capacity sheet, event
# time and known-at time, propensity, position bias and twin-world comparison from
# [10_frame of ad click prediction](../01_ad_click_prediction/10_frame.ipynb), and Beta smoothing
# with its prior strength from [20_baseline](../01_ad_click_prediction/20_baseline.ipynb) there.
#
# **Minutes**: 89, with good places to stop after the capacity sheet and after the look at the log.

# %% [markdown]
# ## What decides success
#
# The prompt is one sentence: *design the home feed of a video platform.* A user opens the app, sees
# six thumbnails, watches some videos or none, and asks for the next six. One such visit, a run of
# requests with short pauses between them, is a *session*. What would make the company keep a new
# feed?
#
# - **Return.** Of the people who came on a day, the share who come again the next day. This is the
#   metric that has to improve, by at least 2 %, because a habit is what the platform lives on.
# - **Guardrail: hours watched** per session must not fall below today's feed, because advertising
#   is sold by the hour.
# - **Guardrail: refusals** ("not interested") per session must not rise by more than a tenth.
# - **Latency.** A page within 200 ms at the 99th percentile, of which ranking may take 70 ms.
# - **Cost.** A fleet of 600 cores for the ranking model.
#
# Return comes late, and a log of today's feed does not hold the return that another would bring. So
# a model is trained on something nearer to hand: a click, a second watched, a star. The choice is
# made before any model is. At the end of the chapter you deploy four feeds that differ in nothing
# else.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pint

from mlsd.checks import check, gives, holds
from mlsd.experiments import load_study
from mlsd.models import PopularityRecommender
from mlsd.notebook import TextTable, compare, guess, track
from mlsd.plots import COLOURS, course_style, plot_changes
from mlsd.policies.video import RecommenderPolicy
from mlsd.worlds import VideoWorld

plt.rcParams.update(course_style())

# %% [markdown]
# ## Ask before you draw
#
# A question is worth asking if another answer would lead to another design.
#
# | question | what depends on the answer |
# |---|---|
# | Home feed, watch-next or one video per swipe? | what a request knows, how many slots a page has, how fast feedback comes |
# | What does the company earn by: hours, subscriptions, purchases? | the objective, and which guardrail protects the rest |
# | How many videos are live, and how many arrive per day? | which retrieval, and how new videos get a chance |
# | How soon must an upload be recommendable? | streaming or nightly updates of index and features |
# | What do users tell us besides watching? | whether satisfaction can be learned or has to be guessed |
# | Do videos start by themselves? | what a logged view means |
# | Which videos must never be shown, and to whom? | the filter between retrieval and ranking: age, region, policy, removals |
#
# For this case study: a home feed of six slots; hours are sold to advertisers, so return is the
# goal and hours are the guardrail; ten million live videos; a survey that few answer; the video in
# the top slot sometimes starts by itself; and removed videos must not appear.

# %% [markdown]
# ## Draw the funnel
#
# No expensive model can score ten million videos while somebody waits. The system therefore narrows
# the catalogue in stages, each more expensive per video than the one before and looking at fewer.
# This is the *recommendation funnel*.
#
# ```mermaid
# flowchart LR
#   request[Request:<br/>user, device, hour] --> sources
#   subgraph sources["Retrieval: 10,000,000 to 500"]
#     trending[Trending in the segment]
#     similar[Similar to what was watched]
#     towers[Two-tower index]
#     fresh[New uploads]
#     chance[Random]
#   end
#   sources --> union[Union,<br/>duplicates removed] --> filter["Filter: removed, seen,<br/>not allowed"]
#   filter --> rank["Rank: expensive model,<br/>about 500"]
#   rank --> rerank["Re-rank: value, diversity,<br/>exploration slots"]
#   rerank --> page[Page of 6]
#   page --> log[("Log: candidates, sources,<br/>propensities, two times")]
# ```
#
# Each *candidate source* of retrieval answers another question, such as what is popular, what
# resembles the last video, or what is new, and the log keeps which one proposed a video. What no
# source proposes cannot be shown, however good the ranker is. Ranking scores candidates one by one,
# whereas re-ranking looks at the page as a whole: six excellent videos of one topic make a poor
# page.
#
# The second half of the system learns from what the first half showed.
#
# ```mermaid
# flowchart LR
#   log[("Impressions, candidates")] --> join["Label join: clicks, watch time,<br/>likes, surveys, returns"]
#   join --> retrieval["Train retrieval:<br/>who chose what"]
#   join --> ranker["Train ranker:<br/>what came of each impression"]
#   retrieval --> index["Item vectors, index<br/>(one version with the user model)"]
#   ranker --> gate["Evaluation by time,<br/>shadow, canary, ramp"]
#   index --> gate
#   gate --> serving[Serving]
#   uploads[New videos] --> content[Content vectors] --> index
# ```
#
# The two models do not share a label: retrieval learns from *positives*, since nobody was asked
# about the other ten million videos, and the ranker from *impressions*, both chosen and ignored.

# %% [markdown]
# ## Put numbers on it
#
# The interviewer gives round numbers, and you may change them:
#
# - 100 million daily users, each loading the feed 10 times a day; the peak is three times the mean;
# - 10 million live videos; 500 candidates per request reach the ranker;
# - 20 microseconds of one core per ranked candidate;
# - 20 impressions per load, as people scroll on past the first six, of 200 bytes of log each;
# - an item vector of 64 numbers of 4 bytes.
#
# **Your guess**: how many cores does the ranker keep busy at the peak? How many would it take
# without a funnel, if it scored all ten million videos? And how many terabytes of impressions does
# one day bring?

# %% tags=["guess"]
guess("video_frame_busy_cores", ..., unit="cores")
guess("video_frame_cores_without_funnel", ..., unit="million cores")
guess("video_frame_log_of_a_day", ..., unit="TB")

# %% [markdown]
# The *capacity sheet* is that arithmetic as code, with a unit on every quantity, so that a
# forgotten factor of a thousand shows.

# %% tags=["nbval-check-output"]
unit = pint.UnitRegistry()
for name in ("user", "load", "video", "impression"):
    unit.define(f"{name} = [{name}]")
daily_loads = 100e6 * unit.user / unit.day * (10 * unit.load / unit.user)
mean_rate = daily_loads.to("load / second")
peak_rate = 3 * mean_rate
f"{mean_rate.magnitude:,.0f} loads per second on average, {peak_rate.magnitude:,.0f} at the peak"

# %% [markdown]
# Rate times candidates times seconds per candidate has no unit left: it is the number of cores that
# are busy at any moment.


# %%
def busy_cores(per_load, seconds_per_video):
    """Return the cores busy at the peak when each load costs so much per video."""
    work = peak_rate * (per_load * unit.video / unit.load) * seconds_per_video
    return float(work.to("dimensionless").magnitude)


score = 20 * unit.microsecond / unit.video
ranker, no_funnel = busy_cores(500, score), busy_cores(10e6, score)
log_of_a_day = (daily_loads * 20 * unit.impression / unit.load) * (
    200 * unit.byte / unit.impression
)
compare("video_frame_busy_cores", ranker)
compare("video_frame_cores_without_funnel", no_funnel / 1e6)
compare("video_frame_log_of_a_day", log_of_a_day.to("terabyte / day").magnitude)

# %% [markdown]
# Without a funnel the ranker would need seven million cores, so retrieval has to look at ten
# million videos for a tiny fraction of that. A cheap score, the inner product of a user vector with
# every item vector, reads all vectors once per request, unless requests wait to be answered in
# batches. Suppose that a core reads 10 GB per second from memory. An index does the same
# approximately and reads one vector in a hundred.

# %%
vectors = 10e6 * unit.video * (64 * 4 * unit.byte / unit.video)
read_all = (vectors / (10 * unit.gigabyte / unit.second) / (10e6 * unit.video)).to("second / video")
cores = pd.Series(
    {
        "ranker on everything": no_funnel,
        "inner product with everything": busy_cores(10e6, read_all),
        "index that reads 1 % of the vectors": busy_cores(10e4, read_all),
        "ranker on 500 candidates": ranker,
    }
)
print(f"vectors of all live videos: {vectors.to('gigabyte').magnitude:.2f} GB")

# %%
figure, axes = plt.subplots(figsize=(7, 2.6))
bars = axes.barh(cores.index, cores, color=[COLOURS["grey"]] * 2 + [COLOURS["blue"]] * 2)
axes.bar_label(bars, [f"{value:,.0f}" for value in cores], padding=4)
axes.set(xscale="log", xlim=(10, 1e8), xlabel="cores busy at the peak (log scale)")
axes.set_title("Only the two stages of a funnel fit a budget of hundreds of cores")
axes.invert_yaxis()
plt.show()

# %% [markdown]
# The funnel's two stages are in blue. The vectors fit in memory easily, but reading all of them
# takes a core a quarter of a second, longer than the page may take. [32_index](32_index.ipynb)
# builds the index that avoids it and measures what it misses.
#
# **Your turn.** Given a fleet, how many candidates may a request rank? At the peak each core may be
# busy at most a share `load` of the time, and one request, scored by one core, has to be done
# within `deadline` seconds. Return the largest whole number of candidates that keeps both limits.


# %% tags=["your-turn"]
def most_candidates(cores, seconds_per_score, peak_requests, load, deadline):
    """Return how many candidates a request may rank, a whole number."""
    return ...


# %% tags=["check"]
verdict = check(
    "most_candidates",
    most_candidates,
    gives(600, 20e-6, 35_000, 0.6, 0.07, expected=514, hint="the fleet is what limits here"),
    gives(10_000, 200e-6, 5_000, 0.6, 0.05, expected=250, hint="what limits here is the deadline"),
    gives(100, 1e-3, 50, 0.5, 0.5, expected=500, hint="the smaller of two limits"),
)
verdict


# %% [markdown]
# Your function (or ours, where yours did not pass) for the budget of 600 cores at 60 % load, for
# models of several costs:

# %%
allowed = verdict.answer_or(
    lambda cores, seconds, peak, load, deadline: int(min(cores * load / peak, deadline) / seconds)
)
peak = peak_rate.magnitude
times = {"2 µs": 2e-6, "20 µs": 20e-6, "200 µs": 200e-6, "2 ms": 2e-3}
pd.DataFrame(
    {"candidates": {name: allowed(600, cost, peak, 0.6, 0.07) for name, cost in times.items()}}
).rename_axis("one score takes").T

# %% [markdown]
# With 20 microseconds the fleet allows 518 candidates, just over the 500 we planned. A model of 2
# ms could look at five, fewer than a page; it would have to come after another ranker. All of these
# costs are assumptions until [60_serve](60_serve.ipynb) measures a ranker and the whole service.
#
# **Change this and see.** Make it one video per swipe: 150 loads per user and day, one impression
# each, and a prefetch of five videos per request. Which of the numbers change, and which stage
# would you make smaller first?

# %% [markdown]
# ## Frame the learning task
#
# There are many reasonable translations of "a good feed" into a label.
#
# | framing | label | what a system that optimises it may learn to do |
# |---|---|---|
# | p(click) | started or not | promise more than the video gives |
# | expected watch time | seconds | prefer long videos |
# | p(completion) | watched to the end | prefer short videos |
# | p(like), predicted stars | what people say | serve those who speak up |
# | next item | which video came next | repeat what the old feed made likely |
# | several at once, combined | all of the above | whatever the weights say, so the weights are a decision |
# | value of the session or of the user | return days later | little, for lack of data; the label is late and noisy |
#
# Clicks and *watch time*, the seconds for which a started video was watched, are *implicit
# feedback*: what people did without being asked, plentiful and ambiguous. Stars, likes and refusals
# are *explicit feedback*: clear, sparse, and given by those who felt like it. Three biases are
# special to video.
#
# - An *autoplay view* starts without a click, and this platform logs it as a click.
# - Watch time is *censored* by the end of the video. Somebody who watched all of a 60-second video
#   was interested for at least 60 seconds, and nobody knows how much longer. *Censored watch time*
#   understates how much short videos are liked.
# - *Clickbait* is clicked for its thumbnail and not enjoyed.
#
# And one effect is special to sessions. *Satiation* is the loss of interest in a topic after
# several videos of it; it passes by the next visit. A value computed for each video alone cannot
# express it, which is one reason for re-ranking.
#
# Offline, retrieval is judged by whether the videos that people chose later are among the first
# twenty recommended; the next chapter builds that evaluator. Online, we read return, hours,
# satisfaction and refusals from a deployment.

# %% [markdown]
# ## Look at what is logged
#
# A simulated world stands for the company. We see its log of two weeks.

# %% tags=["nbval-check-output"]
world = VideoWorld(seed=22)
logs = world.history(days=14)
{name: list(table.columns[:6]) for name, table in logs.tables.items() if name != "users"}

# %% [markdown]
# `candidates` holds what was proposed, shown or not (`position` is −1 where not), `impressions`
# what was shown, `surveys` the stars of the few who answered, and `returns` whether a day's visitor
# came back. Beside the event time `ts`, the tables of feedback have a known-at time `known_at`: a
# return, for instance, is known a day later. Two columns of the impressions, `source` and
# `propensity`, say why a video was shown.

# %%
shown = logs.impressions
names = {0: "trending", 1: "related", 2: "fresh", 3: "random"}
shown["source"] = shown["source"].map(names)
by_source = shown.groupby("source").agg(
    impressions=("click", "size"),
    median_propensity=("propensity", "median"),
    click_rate=("click", "mean"),
)
by_source["share of impressions, %"] = 100 * by_source["impressions"] / len(shown)
by_source.round(5)

# %% [markdown]
# Each slot first drew its *source* and then a video from it. The propensity is the exact
# probability of that video in that slot, tiny for a random video of a large catalogue. A tenth of
# the impressions are random: evidence that does not depend on what the feed thought of a video.
#
# Does a click mean interest? The video in the top slot may have started by itself, and the log does
# not say so. It says for how long each started video ran.
#
# **Your guess**: of the "clicks" in the top slot, what share lasted less than ten seconds? In the
# other slots it is less than one percent.

# %% tags=["guess"]
guess("video_frame_short_top_clicks", ..., unit="%")

# %% [markdown]
# Watch time of started videos, in the top slot and in the others:

# %%
views = shown[shown["click"] == 1]
top_slot = views["position"] == 0
short = (views["watch_seconds"] < 10).groupby(top_slot).mean()
compare("video_frame_short_top_clicks", 100 * short[True])

# %%
figure, axes = plt.subplots(figsize=(7, 3))
bins = np.geomspace(1, 3_600, 50)
for is_top, colour in ((True, "orange"), (False, "blue")):
    seconds = views.loc[top_slot == is_top, "watch_seconds"].clip(lower=1)
    label = "top slot" if is_top else "slots 2 to 6"
    axes.hist(seconds, bins, color=COLOURS[colour], alpha=0.6, label=label)
axes.axvline(10, color=COLOURS["black"], ls="--", lw=1, label="10 seconds")
axes.set(xscale="log", xlabel="watch time of a started video, seconds (log scale)", ylabel="views")
axes.set_title("A second hump in the top slot: views that nobody chose")
axes.legend()
plt.show()

# %% [markdown]
# Slots 2 to 6 have one hump around three minutes, and the top slot has a second one at a few
# seconds, which can hardly be anything but videos that started by themselves and were stopped. Take
# all clicks as labels and almost two fifths of the top slot's are noise, which adds a bias of
# *meaning* to the position bias known from ads. From now on a view counts as *watched* if it lasted
# 30 seconds or to the end, which is what `logs.labelled()` calls it.
#
# The second look is at duration. Which videos are watched to the end, and which for long?

# %%
assert short[True] > 0.2 > 0.02 > short[False]
watched = logs.labelled().frame.query("watched == 1")
length = pd.qcut(watched["duration"], 10)
by_length = watched.groupby(length, observed=True).agg(
    minutes=("duration", "median"), seconds=("watch_seconds", "mean"), ended=("completed", "mean")
)
by_length["minutes"] /= 60

# %%
figure, panels = plt.subplots(1, 2, figsize=(7.5, 3))
panels[0].plot(by_length["minutes"], by_length["seconds"], "o-", color=COLOURS["blue"])
panels[0].set(ylabel="mean watch time, seconds", title="Longer: watched for longer")
panels[1].plot(by_length["minutes"], 100 * by_length["ended"], "o-", color=COLOURS["orange"])
panels[1].set(ylabel="watched to the end, %", title="Shorter: watched to the end", ylim=(0, 100))
for axes in panels:
    axes.set(xscale="log", xlabel="length of the video, minutes (log scale)")
    axes.set_xticks([1, 3, 10, 30], ["1", "3", "10", "30"])
figure.suptitle("Seconds and completions favour opposite lengths")
plt.show()

# %% [markdown]
# A dot is a tenth of the watched views, by the length of their videos. For the shortest, most watch
# times are censored by the end of the video. So seconds favour long videos, and completions short
# ones.

# %%
assert by_length["seconds"].is_monotonic_increasing
assert by_length["ended"].iloc[0] > 3 * by_length["ended"].iloc[-1]
counts = {
    "impressions": len(shown),
    "started": len(views),
    "watched": len(watched),
    "liked": shown["like"].sum(),
    "refused": shown["not_interested"].sum(),
    "survey answers": len(logs.surveys),
}
pd.Series(counts, name="rows").to_frame().assign(
    per_1_000=lambda table: (1_000 * table["rows"] / len(shown)).round(2)
)

# %% [markdown]
# Explicit feedback is scarce: one impression in a thousand has an answer to the survey, fewer than
# one per video. The stars cannot rank videos by themselves, but they can teach what the other
# signals of a view are worth.
#
# Last, satiation. Here is the click rate by how many videos of the same topic the viewer had
# already watched in the session:

# %%
ordered = shown.sort_values(["session_id", "step", "position"])
chosen = ordered["watch_seconds"] >= 10
per_step = chosen.groupby([ordered["session_id"], ordered["topic"], ordered["step"]]).sum()
before = per_step.groupby(level=[0, 1]).cumsum() - per_step
ordered = ordered.join(before.rename("watched_before"), on=["session_id", "topic", "step"])
by_count = ordered.groupby(ordered["watched_before"].clip(upper=3))["click"]
pd.DataFrame({"click rate, %": 100 * by_count.mean(), "impressions": by_count.size()}).round(1).T

# %% [markdown]
# It *rises*. Would you conclude that people want more of the same? Those who watched three videos
# of a topic are the ones who like it, and the table cannot tell their taste from the effect of
# watching. For the world's behaviour card (`data/cards/video_world.md`) the number of videos
# watched is set and the taste left alone, and it reports the opposite: three views of a topic take
# two thirds off the odds of a click. A causal question needs a design, not a group-by.

# %% [markdown]
# ## Choose the objective
#
# Back to the requirement. Three teams each rank by what they believe in. To compare objectives and
# nothing else, all use the same simple machinery: a mean per video, shrunk towards the mean of all
# rows with a prior strength of 50 rows and not corrected for the slot, and everybody is shown the
# same order.


# %%
def mean_by_video(rows, column, strength=50):
    """Return the mean of a column per video, shrunk towards the mean of all rows."""
    sums = rows.groupby("item_id")[column].agg(["sum", "size"])
    return (sums["sum"] + strength * rows[column].mean()) / (sums["size"] + strength)


def feed_by(value):
    """Return a feed that shows everybody the live videos with the highest value first."""
    table = pd.DataFrame({"user_id": -1, "item_id": value.index, "weight": value})
    return RecommenderPolicy(PopularityRecommender().fit(table))


# %% [markdown]
# Clicks and seconds are means over impressions. For satisfaction, a linear regression on the survey
# says how many stars a view deserves, given the share of the video that was watched, whether it was
# completed and whether it was liked. It then predicts stars for *all* views, of which there are a
# hundred times as many, and these are averaged per video. (Who answers is not random, so the level
# of the stars is biased, and their order may be; we use only the order.)

# %%
signals = ["share_watched", "completed", "like"]
shown["share_watched"] = (shown["watch_seconds"] / shown["duration"]).clip(upper=1)
answers = logs.surveys.merge(shown[["impression_id", *signals]], on="impression_id")
design = np.column_stack([np.ones(len(answers)), answers[signals]])
weights = np.linalg.lstsq(design, answers["stars"], rcond=None)[0]
shown["stars"] = weights[0] + shown[signals] @ weights[1:]
pd.Series(weights, ["constant", *signals]).round(2).to_frame("stars").T

# %% [markdown]
# Stars grow with the share that was watched and with a like. At a given share, completion takes
# some away, which we suspect corrects for short videos. How the three values of a video correlate:

# %%
values = pd.DataFrame(
    {
        "clicks": mean_by_video(shown, "click"),
        "watch time": mean_by_video(shown, "watch_seconds"),
        "satisfaction": mean_by_video(shown[shown["click"] == 1], "stars"),
    }
).dropna()
length_of = logs.videos.set_index("item_id")["duration"].reindex(values.index)
rank_correlations = values.assign(duration=length_of).corr("spearman")
rank_correlations.round(2)

# %% [markdown]
# The objectives are not three names for one thing: clicks and satisfaction have a rank correlation
# of 0.34, seconds and satisfaction none.
#
# **Your guess**: all three feeds are deployed for five days beside today's feed, in twin worlds.
# Which objective raises the share of visitors who come back the next day *most*? And what happens
# to that share when the feed is ranked by watch time?

# %% tags=["guess"]
guess("video_frame_return", ..., choices=("clicks", "watch time", "satisfaction", "none"))
guess(
    "video_frame_return_of_watch_time",
    ...,
    choices=("falls", "rises by less than 2 %", "rises by more"),
)

# %% [markdown]
# **Your turn.** You may enter a fourth feed. It gets, for each video, its rank by watch time and
# its rank by predicted stars, both from 0 (last) to 1 (first), and returns one positive value by
# which to order. The check only makes sure that your rule can be deployed.


# %% tags=["your-turn"]
def combined_value(time_rank, star_rank):
    """Return a positive value of each video, from two ranks between 0 and 1."""
    return ...


# %% tags=["check"]
ranks = values[["watch time", "satisfaction"]].rank(pct=True)
rule = check(
    "combined_value",
    combined_value,
    holds(lambda make: len(make(*ranks.T.to_numpy())) == len(ranks), "return a value per video"),
    holds(lambda make: np.min(make(*ranks.T.to_numpy())) > 0, "every value has to be positive"),
)
rule

# %% [markdown]
# Where you made no rule, the fourth feed adds the two ranks. Each feed runs in a copy of the world
# with the same viewers and random numbers, against today's feed, which made the log:

# %%
combine = rule.answer_or(lambda time_rank, star_rank: time_rank + star_rank)
values["time and stars"] = combine(*ranks.T.to_numpy())
today = world.logging_policy()
measures = ["return_1", "watch_hours", "clicks", "satisfaction", "session_slates", "not_interested"]
changes = {
    name: world.compare(today, feed_by(values[name]), days=5).changes(*measures)
    for name in track(list(values), "deploying")
}
changes = pd.concat(changes, names=["ranked by", "measure"])

# %%
returned, hours = (changes.xs(name, level="measure") for name in ("return_1", "watch_hours"))
three = returned.loc[["clicks", "watch time", "satisfaction"]]
best = three["estimate"].idxmax()
compare("video_frame_return", best if three.loc[best, "low"] > 0 else "none")
gain = three.loc["watch time", "estimate"]
change_is = "falls" if gain < 0 else "rises by less than 2 %" if gain < 2 else "rises by more"
compare("video_frame_return_of_watch_time", change_is)
names = {"return_1": "return next day", "watch_hours": "hours per session"}
figure, panels = plt.subplots(1, 2, figsize=(8, 2.4))
for axes, (measure, title) in zip(panels, names.items()):
    change = changes.xs(measure, level="measure")
    plot_changes(change, axes=axes, title=title, xlabel="change against today's feed (%)")
figure.suptitle("Stars bring people back, seconds bring hours")
plt.show()

# %% [markdown]
# A dot is the change against today's feed with its 95 % interval. Mind the two scales. The feed
# that is ranked by clicks loses on both counts. The one ranked by seconds gains half the hours
# again and only 1 % of return. Predicted stars bring people back, and alone they almost halve the
# hours. All measures:

# %%
assert returned.loc["clicks", "high"] < 0 < returned.loc["satisfaction", "low"]
assert returned["estimate"]["watch time"] < 0.5 * returned["estimate"]["satisfaction"]
assert hours.loc["satisfaction", "high"] < 0 < hours.loc["watch time", "low"]
all_changes = changes["estimate"].unstack("measure")[measures].loc[list(values)]
all_changes.round(1)

# %% [markdown]
# The feed by clicks starts twice as many videos per session as today's, each of them satisfies an
# eighth less, and fewer people return. Its offline metric, clicks per impression, would have looked
# superb: the objective was met, and it was the wrong one. The feed by satisfaction prefers short
# videos (its rank correlation with length was −0.54). People see two thirds more pages, watch fewer
# hours, and refuse more videos per session, though not more per page.
#
# A study repeats this in three other worlds, for a week each and with four prior strengths (`stars`
# is the feed by satisfaction, `both` the sum of two ranks). Changes in percent, lowest and highest
# of the twelve runs:

# %%
study = load_study("video/10_objectives")
span = study.groupby("objective")[["return_1", "watch_hours", "clicks"]].agg(["min", "max"])
assert span["return_1"].loc["clicks", "max"] < 0 < span["return_1"].loc["stars", "min"]
assert span["return_1"].loc["watch time", "max"] < 2
span.loc[["clicks", "watch time", "stars", "both"]].round(1)

# %% [markdown]
# Clicks always lose return, stars always gain it, and watch time moves it by about one percent at
# most. The sum of two ranks does not repeat its 17 % of hours: in the other worlds it brought
# between 9 % fewer and 4 % more, so that in some runs it would miss the guardrail. How much weight
# each goal should have has to be measured in a deployment, goal by goal.
# [50_value](50_value.ipynb) does so for feeds that are ranked for each viewer.
#
# **Change this and see.** Rank by completions, and by likes per view. Each is a third opinion on
# what a good video is. Which lengths does each prefer, and which brings more return?

# %% [markdown]
# ## Results
#
# This is the first chapter, so there is no earlier rung to compare with. The table holds the
# requirements and, by the estimates, which feed met them.

# %%
refused = changes.xs("not_interested", level="measure")["estimate"]
met = pd.DataFrame(
    {
        "return: up by 2 % or more": returned["estimate"] >= 2,
        "hours per session: not below": hours["estimate"] >= 0,
        "refusals: up by 10 % at most": refused <= 10,
    }
).loc[list(values)]
assert not met.loc[["clicks", "watch time", "satisfaction"]].all(axis=1).any()
met.map({True: "met", False: "missed"}.get)

# %% [markdown]
# No feed with a single objective meets all three. The online numbers with their intervals, and the
# two rows of the capacity sheet:

# %%
labels = {"return_1": "return, %", "watch_hours": "hours per session, %"}
rows = [
    (name, *(f"{row['estimate']:+.1f} [{row['low']:.1f}, {row['high']:.1f}]" for row in pair))
    for name in values
    for pair in [[changes.loc[(name, measure)] for measure in labels]]
]
rows.append(("cores of the ranker at 60 % load", f"{ranker / 0.6:,.0f}", "budget: 600"))
rows.append(("memory of the item vectors", f"{vectors.to('gigabyte').magnitude:.2f} GB", ""))
TextTable(pd.DataFrame(rows, columns=["ranked by, or stage", *labels.values()]))

# %% [markdown]
# Latency is not measured yet, and neither is what a real ranker costs.

# %% [markdown]
# ## What breaks in production
#
# The label changes its meaning. Somebody switches autoplay on for another surface, and every model
# that is trained on clicks learns from views that nobody chose. Log how each view started, or at
# least watch the share of views below ten seconds, which is 39 % in the top slot here and below 1 %
# elsewhere.
#
# The proxy drifts away from the goal. Creators learn what is rewarded: under seconds videos get
# longer, under clicks thumbnails get louder. This world's uploads follow a plan and cannot show it.
# Keep the survey running, because it tells when a proxy and satisfaction part.
#
# The survey stops. A redesign drops it, and months later the stars are predicted from a relation of
# last year. Alert on the number of answers per day.

# %% [markdown]
# ## In the interview
#
# **"What do you optimise?"** A mid-level candidate says click-through rate, because it is easy to
# measure. A senior candidate says watch time, and names its bias for long videos. A staff candidate
# starts from return and treats every label as a proxy: here clicks doubled and return fell by 1.8
# %, seconds brought 53 % more hours and 1 % of return, and stars that a model predicts brought 3.9
# % of return and cost half the hours.
#
# **"Why not score everything?"** A mid-level candidate says that it is slow. A senior candidate
# multiplies: ten million videos at 20 microseconds are 6.9 million cores at the peak, 500
# candidates are 347. A staff candidate adds that the funnel limits quality too, because what no
# source proposes cannot be ranked, so the recall of retrieval is measured by itself.
#
# **"You have a survey with one answer per thousand impressions. What is it good for?"** A mid-level
# candidate averages stars per video and finds most videos without any. A senior candidate fits
# stars on the signals that every view has, such as the share watched and likes. A staff candidate
# also asks who answers, checks that the relation holds next month, and keeps it out of the
# objective of at least one holdout, so that it stays a judge.

# %% [markdown]
# ## Summary
#
# - A funnel of cheap and expensive stages exists because of arithmetic: 347 cores against seven
#   million.
# - A click may be autoplay, seconds favour long videos, completions short ones, and stars are
#   rare.
# - Twice the clicks went with less return; half again the hours with hardly more.
# - Stars predicted from plentiful signals raised return, and cost hours until combined with them.
# - Log candidate sources, propensities, what was not shown, and two times per fact.

# %% [markdown]
# ## Recall
#
# 1. Why is watch time called censored, and whom does that hurt?
#
# <details><summary>Answer</summary>It ends with the video at the latest, so it says only that the interest lasted at
# least that long. Short videos are watched to the end often, and their seconds understate how much
# they are liked.</details>
#
# 2. The click rate rises with the number of videos of a topic already watched in the session. Why
#    is that no argument against satiation?
#
# <details><summary>Answer</summary>Those who have watched several are those who like the topic. Taste causes both, and
# the table does not hold it fixed.</details>
#
# 3. What is lost when a candidate source is switched off?
#
# <details><summary>Answer</summary>What it alone would have proposed can reach neither ranker nor page, and no log will
# show that it is missing; that is why some slots are given to chance.</details>

# %% [markdown]
# ## Lab and further reading
#
# This chapter has no lab of its own. The first one,
# [lab_20_evaluators](../../labs/02_video_recommendation/lab_20_evaluators.ipynb), belongs to the
# next chapter, [20_baseline](20_baseline.ipynb).
#
# - Paul Covington, Jay Adams, Emre Sargin 2016, *Deep Neural Networks for YouTube Recommendations*,
#   RecSys.
# - Ruohan Zhan et al. 2022, *Deconfounding Duration Bias in Watch-time Prediction for Video
#   Recommendation*, KDD.
# - Yifan Hu, Yehuda Koren, Chris Volinsky 2008, *Collaborative Filtering for Implicit Feedback
#   Datasets*, ICDM.
# - Komal Kapoor et al. 2015, *"Just in Time Recommendations": Modeling the Dynamics of Boredom in
#   Activity Streams*, WSDM.
