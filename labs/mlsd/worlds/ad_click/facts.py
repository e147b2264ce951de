"""Stylised facts of the ad click world, measured, beside what has been published."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsd.metrics import gini
from mlsd.runtime.times import DAY, HOUR
from mlsd.worlds.ad_click.behaviour import ATTRIBUTION_WINDOW, conversion_delay
from mlsd.worlds.ad_click.logs import AdClickLogs
from mlsd.worlds.kit.facts import RANKS_FITTED, Fact, zipf_exponent


def _click_through_rate(logs: AdClickLogs, truth: pd.DataFrame) -> str:
    return f"{100 * logs.impressions['click'].mean():.2f} %"


def _by_position(logs: AdClickLogs, truth: pd.DataFrame) -> str:
    rates = logs.impressions.groupby("position")["click"].mean()
    return ", ".join(f"{rates[slot] / rates[0]:.2f}" for slot in (1, 2))


def _by_position_randomised(logs: AdClickLogs, truth: pd.DataFrame) -> str:
    impressions = logs.impressions
    randomised = impressions[impressions["explored"] & ~truth["is_spam"]]
    rates = randomised.groupby("position")["click"].mean()
    return ", ".join(f"{rates[slot] / rates[0]:.2f}" for slot in (1, 2))


def _ad_popularity(logs: AdClickLogs, truth: pd.DataFrame) -> str:
    return f"{zipf_exponent(logs.impressions['ad_id'].value_counts().to_numpy()):.2f}"


def _publisher_popularity(logs: AdClickLogs, truth: pd.DataFrame) -> str:
    return f"{zipf_exponent(logs.requests['publisher_id'].value_counts().to_numpy(), 100):.2f}"


def _user_activity(logs: AdClickLogs, truth: pd.DataFrame) -> str:
    counts = logs.requests["user_id"].value_counts().to_numpy()
    top = counts[: len(counts) // 10].sum() / counts.sum()
    return f"Gini {gini(counts):.2f}; the busiest tenth makes {100 * top:.0f} % of requests"


def _fatigue(logs: AdClickLogs, truth: pd.DataFrame) -> str:
    frame = logs.impressions[["user_id", "ad_id"]].assign(
        logit=np.log(truth["attraction"] / (1 - truth["attraction"])), spam=truth["is_spam"]
    )
    pair = frame.groupby(["user_id", "ad_id"])
    frame["view"] = pair.cumcount()
    first = pair["logit"].transform("first")
    fourth = (frame["view"] == 3) & ~frame["spam"]
    change = np.exp((frame["logit"] - first)[fourth].mean()) - 1
    return f"{100 * change:.0f} %"


def _conversion_delay(logs: AdClickLogs, truth: pd.DataFrame) -> str:
    delay = conversion_delay(0, "card", np.arange(200_000))
    within = [float((delay <= hours * HOUR).mean()) for hours in (0.5, 25, 12 * 24, 28 * 24)]
    return ", ".join(f"{100 * share:.0f} %" for share in within)


def _longest_delay(logs: AdClickLogs, truth: pd.DataFrame) -> str:
    return f"{ATTRIBUTION_WINDOW / DAY:.0f} days"


def _spam(logs: AdClickLogs, truth: pd.DataFrame) -> str:
    click = logs.impressions["click"].to_numpy()
    spam = truth["is_spam"].to_numpy()
    return f"{100 * click[spam].sum() / click.sum():.1f} % of clicks"


def _births(logs: AdClickLogs, truth: pd.DataFrame) -> str:
    born = (logs.ads["known_at"] > 0).sum()
    return f"{born / (logs.until / DAY - 1):.0f} a day"


def _hours(logs: AdClickLogs, truth: pd.DataFrame) -> str:
    by_hour = logs.requests["hour"].value_counts()
    busiest, quietest = by_hour.index[0], by_hour.index[-1]
    return f"{by_hour.iloc[0] / by_hour.iloc[-1]:.0f} times, {busiest}:00 to {quietest}:00"


def _budgets(logs: AdClickLogs, truth: pd.DataFrame) -> str:
    used_up = (logs.budgets["spent"] >= logs.budgets["daily_budget"]).mean()
    return f"{100 * used_up:.0f} %"


POSITIONS = (
    "AccuraCast, AdWords click-through rates on desktop (7.11, 3.01, 2.19 %); "
    "First Rate, CTR of top paid ad positions revealed (17 and 13 %)"
)
RKG = "RKG (Merkle), Paid Search: PPC DayParting and Time Lag Between Click And Order"
FACTS: tuple[Fact, ...] = (
    Fact(
        "Click-through rate",
        _click_through_rate,
        "0.9 % (Facebook link ads); 1 to 5 % (paid search)",
        "WordStream's benchmark of Facebook ads; Business Insider 2013 on paid search",
    ),
    Fact(
        "Rate in slots 2, 3 over slot 1, as logged",
        _by_position,
        "0.42, 0.31; elsewhere 0.76 for slot 2",
        POSITIONS,
    ),
    Fact(
        "The same, genuine clicks on randomised requests",
        _by_position_randomised,
        "qualitative: rank and merit mix in what is logged",
        "Craswell et al. 2008 perturb rankings to tell them apart",
    ),
    Fact(
        f"Zipf exponent of impressions by ad, first {RANKS_FITTED}",
        _ad_popularity,
        "0.986 (web documents)",
        "Cunha, Bestavros and Crovella 1995, Characteristics of WWW Client-based Traces",
    ),
    Fact(
        "Zipf exponent of requests by publisher, first 100",
        _publisher_popularity,
        "0.986 (web documents)",
        "the same",
    ),
    Fact(
        "Activity of users",
        _user_activity,
        "heavy-tailed, better described by mixtures than by one power law",
        "Ali and Scarr 2007, Robust Methodologies for Modeling Web Click Distributions",
    ),
    Fact(
        "Click odds of an examined ad, fourth view against first (memory halves in 5 days)",
        _fatigue,
        "-45 %: likelihood of a click goes as (N + 1) to the power -0.43",
        "Meta's research as reported by AdsUploader, Facebook ad fatigue (secondary source)",
    ),
    Fact(
        "Conversions within 0.5 h, 25 h, 12 days, 4 weeks of the click",
        _conversion_delay,
        "50 %, 75 %, 90 %, 95 %",
        RKG,
    ),
    Fact(
        "Longest conversion delay that is attributed",
        _longest_delay,
        "up to a month",
        "Chapelle 2014, Modeling Delayed Feedback in Display Advertising",
    ),
    Fact(
        "Click spam",
        _spam,
        "17 % of programmatic clicks invalid, before filtering",
        "Pixalate, Q2 2023 Global Click Fraud Benchmarks",
    ),
    Fact("Ads born", _births, "qualitative: every day", "none"),
    Fact("Busiest over quietest hour", _hours, "qualitative: evening peak, night trough", "none"),
    Fact("Campaign days that end without budget", _budgets, "qualitative", "none"),
)
