"""Logs of a thin market whose requests can be cut in several ways, for the bidding lab's seller."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlsd.runtime.times import DAY
from mlsd.worlds import AdClickConfig, AdClickWorld


@dataclass(frozen=True)
class CutLog:
    """Requests, each with its two scores and, under every cut, the number of its segment."""

    best: np.ndarray
    second: np.ndarray
    cuts: dict[str, np.ndarray]


def segment_reserves(
    best: np.ndarray, second: np.ndarray, segment: np.ndarray, segments: int
) -> np.ndarray:
    """Return the reserve of each segment that earns most in a replay of these requests.

    Parameters
    ----------
    best, second : ndarray, shape (n,)
        The two scores of each request.
    segment : ndarray, shape (n,)
        Whole numbers from 0, below `segments`. A segment without a request gets the reserve of all
        requests together.

    Examples
    --------
    >>> best, second = np.array([10.0, 8.0, 3.0]), np.array([1.0, 2.0, 2.5])
    >>> segment_reserves(best, second, np.array([0, 0, 1]), segments=3).tolist()
    [8.0, 3.0, 8.0]
    """
    order = np.argsort(segment, kind="stable")
    bounds = np.searchsorted(segment[order], np.arange(segments + 1))
    found = np.full(segments, _best_reserve(best, second))
    for number, (first, last) in enumerate(zip(bounds, bounds[1:])):
        if last > first:
            rows = order[first:last]
            found[number] = _best_reserve(best[rows], second[rows])
    return found


def replay(
    best: np.ndarray, second: np.ndarray, segment: np.ndarray, reserves: np.ndarray
) -> np.ndarray:
    """Return the revenue of each request with one reserve per segment, shape (n,).

    A slot is sold if the best score is at least the reserve, at the larger of the reserve and the
    second score.

    Examples
    --------
    >>> best, second = np.array([10.0, 8.0]), np.array([1.0, 7.0])
    >>> replay(best, second, np.array([0, 0]), np.array([9.0])).tolist()
    [9.0, 0.0]
    """
    reserve = reserves[segment]
    return np.where(best >= reserve, np.maximum(second, reserve), 0.0)


def _best_reserve(best: np.ndarray, second: np.ndarray) -> float:
    grid = np.unique(best)
    if len(grid) > 40:
        grid = np.quantile(best, np.linspace(0.0, 0.95, 40))
    paid = np.where(best[:, None] >= grid, np.maximum(second[:, None], grid), 0.0).sum(axis=0)
    return float(grid[np.argmax(paid)])


def market_log(seed: int, config: AdClickConfig, days: int) -> tuple[CutLog, pd.DataFrame]:
    """Return a thin market's log after its first day, cut in five ways, and its requests.

    The cuts are no cut, hour, publisher, user, and twelve groups by the larger of the request's two
    predicted rates. The table of the requests holds `day`, `user_id` and that rate, `top_rate`.
    """
    logs = AdClickWorld(seed=seed, config=config).history(days=days)
    candidates = logs.candidates.query("ts > @DAY")
    rate = candidates["predicted_ctr"].to_numpy().reshape(-1, 2)
    pair, top_rate = rate * candidates["bid"].to_numpy().reshape(-1, 2), rate.max(axis=1)
    found = logs.requests.set_index("request_id").loc[candidates["request_id"].iloc[::2]]
    cuts = {"none": np.zeros(len(pair), int), "larger rate": pd.qcut(top_rate, 12, labels=False)}
    for name, column in (("hour", "hour"), ("publisher", "publisher_id"), ("user", "user_id")):
        cuts[name] = pd.factorize(found[column])[0]
    requests = found[["user_id"]].assign(day=(found["ts"] // DAY).astype(int), top_rate=top_rate)
    return CutLog(pair.max(axis=1), pair.min(axis=1), cuts), requests.reset_index(drop=True)


def on_the_last_day(log: CutLog, requests: pd.DataFrame) -> pd.DataFrame:
    """Return what the reserves of the days before earn in their own replay and on the last day.

    Parameters
    ----------
    log : CutLog
        With a cut `"none"`.
    requests : DataFrame
        Its `day` and `user_id`, row by row.

    Returns
    -------
    DataFrame
        One line per cut: its segments, the revenue per thousand requests of either period, and the
        last day's gain over no cut with its 95 % interval, clustered by user.
    """
    last = (requests["day"] == requests["day"].max()).to_numpy()
    own, later, segments = {}, {}, {}
    for name, segment in log.cuts.items():
        segments[name] = segment.max() + 1
        known = log.best[~last], log.second[~last], segment[~last]
        reserves = segment_reserves(*known, segments[name])
        own[name] = 1_000 * replay(*known, reserves).mean()
        later[name] = 1_000 * replay(log.best[last], log.second[last], segment[last], reserves)
    gain = pd.DataFrame(later).sub(later["none"], axis=0)
    per_user = gain.groupby(requests["user_id"].to_numpy()[last]).sum()
    margin = 1.96 * per_user.std() * len(per_user) ** 0.5 / len(gain)
    table = pd.DataFrame({"segments": segments, "own replay": own})
    table["next day"], table["gain"] = pd.DataFrame(later).mean(), gain.mean()
    return table.assign(low=table["gain"] - margin, high=table["gain"] + margin)


def cut_log(seed: int, scales: dict[str, np.ndarray], requests: int) -> CutLog:
    """Return a log whose scores are multiplied by the scale of each request's segment.

    Parameters
    ----------
    scales : dict
        By cut, the scale of each of its segments; ones for a cut that does not matter.

    Examples
    --------
    >>> log = cut_log(0, {"none": np.ones(1), "format": np.array([1.0, 3.0])}, requests=1_000)
    >>> top = [log.best[log.cuts["format"] == kind].mean() for kind in (0, 1)]
    >>> 2.5 < float(top[1] / top[0]) < 3.5
    True
    """
    rng = np.random.default_rng(seed)
    score, cuts = rng.lognormal(2.0, 0.5, (requests, 2)), {}
    for name, scale in scales.items():
        cuts[name] = rng.integers(len(scale), size=requests)
        score *= scale[cuts[name]][:, None]
    return CutLog(score.max(axis=1), score.min(axis=1), cuts)
