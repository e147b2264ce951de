"""Stylised facts of the video world, measured, beside what has been published."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsd.metrics import gini
from mlsd.runtime.times import DAY, HOUR
from mlsd.worlds.kit.facts import Fact
from mlsd.worlds.video.config import VideoConfig
from mlsd.worlds.video.logging_policy import RANDOM
from mlsd.worlds.video.logs import VideoLogs
from mlsd.worlds.video.world import VideoWorld

INACTIVE = HOUR
LENGTHS = (0, 60, 120, 600, 1_200, np.inf)
SOCIAL_DAYS = 14


def _percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f} %"


def _top_share(amounts: np.ndarray, part: float) -> str:
    """Return which share of amounts the largest have, so many of them that they are a part."""
    ordered = np.sort(amounts)[::-1]
    return _percent(ordered[: round(part * len(ordered))].sum() / ordered.sum())


def _views_of(logs: VideoLogs) -> pd.Series:
    """Return the views of every video of the catalogue, zero where there was none."""
    views = logs.impressions.groupby("item_id")["click"].sum()
    return views.reindex(logs.videos["item_id"], fill_value=0)


def _chosen(logs: VideoLogs, truth: pd.DataFrame) -> pd.Series:
    """Return which impressions were chosen: what started by itself is left out."""
    return (logs.impressions["click"] == 1) & ~truth["is_autoplay"].to_numpy(bool)


def _click_through_rate(logs: VideoLogs, truth: pd.DataFrame) -> str:
    rates = logs.impressions.groupby("item_id")["click"].agg(["mean", "size"])
    low, high = np.quantile(rates.loc[rates["size"] >= 100, "mean"], [0.25, 0.75])
    mean = _percent(logs.impressions["click"].mean(), 1)
    return f"{mean}; half of the videos {100 * low:.1f} to {100 * high:.1f} %"


def _autoplay(logs: VideoLogs, truth: pd.DataFrame) -> str:
    return _percent(truth["is_autoplay"].sum() / logs.impressions["click"].sum())


def _by_position(logs: VideoLogs, truth: pd.DataFrame) -> str:
    rates = logs.impressions.groupby("position")["click"].mean()
    return ", ".join(f"{rate / rates[0]:.2f}" for rate in rates[1:])


def _top_slot_at_random(logs: VideoLogs, truth: pd.DataFrame) -> str:
    drawn = logs.impressions["source"] == RANDOM
    rates = _chosen(logs, truth)[drawn].groupby(logs.impressions["position"]).mean()
    return f"{rates[0] / rates.mean() - 1:+.0%}".replace("%", " %")


def _popularity(logs: VideoLogs, truth: pd.DataFrame) -> str:
    views = _views_of(logs).to_numpy()
    return f"{_top_share(views, 0.1)}, {_top_share(views, 0.2)}"


def _creators(logs: VideoLogs, truth: pd.DataFrame) -> str:
    views = _views_of(logs).to_numpy()
    by_creator = np.bincount(logs.videos["creator_id"], views)
    return f"{_top_share(by_creator, 0.03)}; Gini {gini(by_creator):.2f}"


def _social_influence(logs: VideoLogs, truth: pd.DataFrame) -> str:
    found = []
    for config in (None, VideoConfig.variant("feedback")):
        world = VideoWorld(seed=0, size="small", config=config)
        found.append(gini(_views_of(world.history(SOCIAL_DAYS)).to_numpy()))
    return "Gini {:.2f} without, {:.2f} with".format(*found)


def _activity(logs: VideoLogs, truth: pd.DataFrame) -> str:
    counts = logs.requests["user_id"].value_counts().to_numpy()
    return f"{_top_share(counts, 0.2)}; Gini {gini(counts):.2f}"


def _durations(logs: VideoLogs, truth: pd.DataFrame) -> str:
    seconds = logs.videos["duration"]
    return f"median {seconds.median():.0f} s; {_percent((seconds <= 600).mean())} up to 600 s"


def _completion(logs: VideoLogs, truth: pd.DataFrame) -> str:
    chosen = logs.impressions[_chosen(logs, truth)]
    rates = chosen.groupby(pd.cut(chosen["duration"], LENGTHS), observed=True)["completed"].mean()
    return ", ".join(f"{100 * rate:.0f}" for rate in rates) + " %"


def _watch_time(logs: VideoLogs, truth: pd.DataFrame) -> str:
    chosen = logs.impressions[_chosen(logs, truth)]
    fifth = pd.qcut(chosen["duration"], 5, labels=False)
    seconds = chosen.groupby(fifth)["watch_seconds"].mean()
    return ", ".join(f"{mean:.0f}" for mean in seconds) + " s"


def _gaps(logs: VideoLogs, truth: pd.DataFrame) -> str:
    requests = logs.requests.sort_values(["user_id", "ts"])
    own = requests["user_id"].to_numpy()[1:] == requests["user_id"].to_numpy()[:-1]
    same = requests["session_id"].to_numpy()[1:] == requests["session_id"].to_numpy()[:-1]
    gaps = np.diff(requests["ts"])
    within, between = gaps[own & same], gaps[own & ~same]
    medians = f"{np.median(within):.0f} s and {np.median(between) / HOUR:.0f} h"
    short, long = _percent((within < INACTIVE).mean(), 1), _percent((between > INACTIVE).mean(), 1)
    return f"median {medians}; {short} and {long} on their side of an hour"


def _session_length(logs: VideoLogs, truth: pd.DataFrame) -> str:
    sessions = logs.sessions
    minutes = (sessions["known_at"] - sessions["ts"]).mean() / 60
    return f"{minutes:.0f} min, {sessions['slates'].mean():.1f} slates"


def _satiation(logs: VideoLogs, truth: pd.DataFrame) -> str:
    frame = logs.impressions[["session_id", "topic", "step"]].assign(
        logit=np.log(truth["attraction"] / (1 - truth["attraction"])).to_numpy(),
        chosen=_chosen(logs, truth),
    )
    # Satiation counts views of earlier slates.
    slate = frame.groupby(["session_id", "topic", "step"])["chosen"].sum()
    before = (slate.groupby(level=[0, 1]).cumsum() - slate).rename("before").reset_index()
    frame = frame.merge(before, on=["session_id", "topic", "step"])
    means = frame.groupby(["session_id", "topic", "before"])["logit"].mean().unstack()
    change = (means[3] - means[0]).mean()
    return f"{100 * (np.exp(change) - 1):.0f} %"


def _freshness(logs: VideoLogs, truth: pd.DataFrame) -> str:
    drawn = (logs.impressions["source"] == RANDOM).to_numpy()
    attraction = truth["attraction"].to_numpy()[drawn]
    age = logs.impressions["video_age_days"].to_numpy()[drawn]
    odds = [attraction[rows].mean() for rows in (age < 3, age > 30)]
    return f"{odds[0] / odds[1] - 1:+.0%}".replace("%", " %")


def _likes(logs: VideoLogs, truth: pd.DataFrame) -> str:
    return f"{logs.impressions['click'].sum() / logs.impressions['like'].sum():.0f} views per like"


def _not_interested(logs: VideoLogs, truth: pd.DataFrame) -> str:
    return f"{1e6 * logs.impressions['not_interested'].mean():,.0f} per million impressions"


def _surveys(logs: VideoLogs, truth: pd.DataFrame) -> str:
    stars = logs.surveys["stars"]
    answered = _percent(len(stars) / logs.impressions["click"].sum(), 1)
    middle = _percent((stars == 3).mean())
    return f"{answered} of views answered; {middle} of answers are 3 stars"


def _return(logs: VideoLogs, truth: pd.DataFrame) -> str:
    daily = logs.requests.groupby(logs.requests["ts"] // DAY)["user_id"].nunique().mean()
    share = _percent(daily / logs.requests["user_id"].nunique())
    return f"{share}; {_percent(logs.returns['returned'].mean())} of visitors return next day"


def _hours(logs: VideoLogs, truth: pd.DataFrame) -> str:
    by_hour = logs.requests["hour"].value_counts()
    busiest, quietest = by_hour.index[0], by_hour.index[-1]
    return f"{by_hour.iloc[0] / by_hour.iloc[-1]:.0f} times, {busiest}:00 to {quietest}:00"


def _births(logs: VideoLogs, truth: pd.DataFrame) -> str:
    days = logs.until / DAY
    uploads, signups = ((table["ts"] > 0).sum() for table in (logs.videos, logs.users))
    return f"{uploads / days:.0f} videos, {signups / days:.0f} users a day"


YOUTUBE_HELP = "YouTube Help, answer 7628154 on impressions and click-through rate"
COLLINS = "Collins et al. 2018, A Study of Position Bias in Digital Library Recommender Systems"
PEW = "Pew Research Center 2019, A Week in the Life of Popular YouTube Channels"
CELLULAR = (
    "Ben Abdesslem and Lindgren 2014, Large Scale Characterisation of YouTube Requests in a "
    "Cellular Network"
)
VIDYARD = "Vidyard's 2022 data of 1.8 million business videos, as reported by MarketingProfs"
LIKES = (
    "Chatzopoulou, Sheng and Faloutsos 2010, A First Step Towards Understanding Popularity in "
    "YouTube; Creator Hero, What is a good like to view ratio"
)
LENGTH = (
    "McGrady, Zuckerman et al., Dialing for Videos, as reported by User Magazine 2025; Cheng, Dale "
    "and Liu, Statistics and Social Network of YouTube Videos (97.9 %)"
)
FACTS: tuple[Fact, ...] = (
    Fact(
        "Impressions that become views",
        _click_through_rate,
        "half of all channels and videos 2 to 10 %",
        YOUTUBE_HELP,
    ),
    Fact("Views that started by themselves", _autoplay, "qualitative", "none"),
    Fact(
        "View rate in slots 2 to 6 over slot 1, as logged",
        _by_position,
        "qualitative: falls with position, partly by merit",
        "Craswell et al. 2008 perturb rankings to tell them apart",
    ),
    Fact(
        "Top slot over the mean of all slots, chosen views of videos drawn at random",
        _top_slot_at_random,
        "+53 and +87 %, shuffled recommendations",
        COLLINS,
    ),
    Fact(
        "Views that go to the top 10, 20 % of videos",
        _popularity,
        "79 % to the top 10 % (new videos of popular channels); over 80 % to 20 % of those seen",
        f"{PEW}; {CELLULAR}",
    ),
    Fact(
        "Views that go to the top 3 % of creators",
        _creators,
        "85 %",
        "Bärtl 2018, YouTube Channels, Uploads and Views",
    ),
    Fact(
        f"Inequality of views over videos, small size, {SOCIAL_DAYS} days, variant feedback",
        _social_influence,
        "qualitative: the stronger social influence, the more unequal success",
        "Salganik, Dodds and Watts 2006, Experimental Study of Inequality and Unpredictability in "
        "an Artificial Cultural Market",
    ),
    Fact("Requests by the busiest 20 % of viewers", _activity, "78 %", CELLULAR),
    Fact(
        "Length of videos",
        _durations,
        "median 64 s of all; mean 12 min of popular channels; 98 % up to 600 s under a limit of "
        "10 minutes",
        f"{LENGTH}; {PEW}",
    ),
    Fact(
        "Chosen views watched to the end, up to 1, 2, 10, 20 minutes, and longer",
        _completion,
        "66, 56, 50, 39, 22 %",
        VIDYARD,
    ),
    Fact(
        "Mean watch time of chosen views, by fifth of length",
        _watch_time,
        "qualitative: grows with length, so that watch time favours long videos",
        "Zhan et al. 2022, Deconfounding Duration Bias in Watch-time Prediction (D2Q)",
    ),
    Fact(
        "Time between requests of a viewer, within and between sessions",
        _gaps,
        "an hour of inactivity tells sessions apart",
        "Halfaker et al. 2015, User Session Identification Based on Strong Regularities in "
        "Inter-activity Time",
    ),
    Fact(
        "Mean session",
        _session_length,
        "over 40 min (YouTube on mobile devices)",
        "Google's earnings call for the second quarter of 2015, as reported by Reseller News",
    ),
    Fact(
        "Click odds of an examined video after three views of its topic in the session",
        _satiation,
        "qualitative: people move on when bored and return when interest is restored",
        "Kapoor et al. 2015, Just in Time Recommendations",
    ),
    Fact(
        "Attraction of videos up to 3 days old over those past 30, drawn at random",
        _freshness,
        "qualitative: users prefer fresh content, though not at the expense of relevance",
        "Covington, Adams and Sargin 2016, Deep Neural Networks for YouTube Recommendations",
    ),
    Fact("Likes", _likes, "400 views per rating (2010); about 25 per like (lately)", LIKES),
    Fact(
        "Refusals (not interested)",
        _not_interested,
        "53 per million recommendations (volunteers)",
        "Mozilla Foundation 2022, YouTube User Control Study (30,314 of 567,880,195)",
    ),
    Fact(
        "Surveys",
        _surveys,
        "qualitative: sparse, and moderate opinions are under-reported",
        "Hu, Pavlou and Zhang 2009, Overcoming the J-shaped Distribution of Product Reviews",
    ),
    Fact(
        "Visitors of a day over those of the whole log",
        _return,
        "daily over monthly users: media 12 to 26 %, consumer products 30 to 50 %",
        "June's stickiness benchmark",
    ),
    Fact("Busiest over quietest hour", _hours, "qualitative: evening peak, night trough", "none"),
    Fact("Born", _births, "qualitative: every day", "none"),
)
