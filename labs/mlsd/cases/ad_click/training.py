"""What the service of the ad case is started from: a rung fitted on a world's history."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mlsd.cases.ad_click.ladder import LADDER, WORLDS
from mlsd.data.log import LabelledLog
from mlsd.experiments.ledger import ledger_settings
from mlsd.experiments.prepared import PreparedLog
from mlsd.experiments.rungs import select_rungs
from mlsd.experiments.runs import FittedRung
from mlsd.experiments.sources import Replicate
from mlsd.features import CounterFeatures
from mlsd.models import SmoothedRate
from mlsd.runtime import InputError
from mlsd.serving.ad_click.engine import ServedAds, save_ads
from mlsd.serving.ad_click.store import ad_features
from mlsd.serving.compiled.fitted import compile_scorer
from mlsd.worlds.logs import Logs

_FALLBACK_STRENGTH = 100.0


def fill_artifact(
    folder: Path,
    *,
    rung: str,
    size: str,
    seed: int,
    history_days: int,
    progress: Callable[[str], None] | None,
) -> dict[str, str]:
    """Fit a rung, write what serves it, and return what it was made of.

    Parameters
    ----------
    folder : Path
        Exists; empty.
    rung, size, seed, history_days, progress
        See `mlsd.cases.ad_click.service.train`.

    Raises
    ------
    InputError
        For an unknown rung or size, or a rung without a served form.
    """
    tell = progress or (lambda words: None)
    (chosen,) = select_rungs(LADDER.rungs, [rung])
    if chosen.is_oracle:
        raise InputError(f"rung {rung!r} is the world's own truth; choose one that learns")
    world = WORLDS.make(seed, size=size)
    tell(f"simulating {history_days} days of the {size} world")
    logs = world.history(days=history_days)
    log = logs.labelled_log()
    tables = {"conversions": logs.conversions}
    replicate = Replicate(seed, log, world=world, tables=tables, history_days=history_days)
    prepared = LADDER.protocol.prepare(replicate)
    settings = ledger_settings("ad_click", chosen, log.roles)
    tell(f"fitting {rung} with {dict(settings)} to {len(log.split.train):,} impressions")
    fitted = LADDER.protocol.fit(chosen, prepared, settings)
    tell("writing the model and what it looks up")
    save_ads(folder, served_ads(fitted, prepared, logs))
    made_of = {"rung": rung, "size": size, "seed": seed, "history_days": history_days}
    made_of |= {"settings": json.dumps(dict(settings)), "train_rows": len(log.split.train)}
    return {name: str(value) for name, value in made_of.items()}


def served_ads(fitted: FittedRung, prepared: PreparedLog, logs: Logs) -> ServedAds:
    """Return a fitted rung with all that it looks up, as of the end of the logs."""
    rung, log = fitted.rung, prepared.replicate.log
    counters = prepared.counters if rung.uses_counters else CounterFeatures(())
    histories = prepared.histories.serving(log) if rung.uses_histories else None
    features = ad_features(logs, log, counters.serving(log), histories)
    return ServedAds(features, compile_scorer(fitted.model), _rate_by_ad(log, len(logs.ads)), {})


def _rate_by_ad(log: LabelledLog, ads: int) -> np.ndarray:
    """Return the smoothed rate of each ad over the whole log, and of an unknown one, last."""
    rates = SmoothedRate(levels=(("ad_id",),), strength=_FALLBACK_STRENGTH)
    rates.fit(log.frame[["ad_id"]], log.label)
    return rates.predict_proba({"ad_id": np.append(np.arange(ads), -1)})[:, 1]
