"""How often the leak alarm of `mlsd data check` is false, and how many planted leaks it finds.

Thresholds were settled on the logs of the stage "development"; the rates that are quoted come from
the stage "report". Three kinds of columns are tried: those that logs have (public sets and the ad
world, with its counters), honest columns made to be strong because they know a user or a wave of
clicks, and leaks planted into the same logs. Run by hand with MLSD_DATA set; it writes
tests/studies/leak_alarm.csv, one row per log and kind of column.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from rich.progress import track

from mlsd.data import ColumnRoles, LabelledLog, data_root, load_dataset, time_split
from mlsd.data.understanding.leaks import best_forms
from mlsd.data.understanding.presence import column_presences
from mlsd.data.understanding.trial_rows import trial_rows
from mlsd.features import CounterFeatures
from mlsd.runtime import atomic_path
from mlsd.worlds.ad_click import AdClickWorld

TARGET = Path(__file__).with_suffix(".csv")
DEVELOPMENT_SEEDS, REPORT_SEEDS = range(1, 4), range(101, 111)
UNREAD = ("price", "bid", "predicted_ctr", "propensity")
MILLISECONDS = 1_000


def make_log(name, frame, numeric=(), split=None, **roles):
    """Return a frame as a log in time order; the columns without a role are categories."""
    if split is None:
        order, split = time_split(frame[roles["time"]].to_numpy())
        frame = frame.iloc[order].reset_index(drop=True)
    named = {"label", *numeric, *roles.values()}
    categorical = tuple(column for column in frame if column not in named)
    frame = frame.assign(**{column: frame[column].astype(float) for column in numeric})
    frame = frame.assign(**{column: frame[column].astype(str) for column in categorical})
    roles = ColumnRoles("label", numeric=tuple(numeric), categorical=categorical, **roles)
    return LabelledLog(name, frame, roles, split)


def world_log(seed):
    """Return a small ad world with its counters, and with what was known and no model reads."""
    log = AdClickWorld(seed=seed, size="small").history(days=14).labelled()
    counters = CounterFeatures.for_log(log).compute(log)
    running = {
        f"{key}_clicks_before": log.frame.groupby(key)["click"].cumsum() - log.frame["click"]
        for key in ("user_id", "ad_id", "campaign_id")
    }
    frame = pd.concat([log.frame, counters, pd.DataFrame(running)], axis=1)
    numeric = (*log.roles.numeric, *counters, *running, *UNREAD)
    return replace(
        log, name=f"ad world {seed}", frame=frame, roles=replace(log.roles, numeric=numeric)
    )


def meetup_log(place):
    """Return the answers to invitations of a place; yes is the label."""
    folder = data_root() / f"meetup-{place}"
    rsvps = pd.read_parquet(folder / "rsvps.parquet")
    numeric = ["guests", "since_first_answer"]
    if place == "montana":
        events = pd.read_parquet(folder / "events.parquet").drop(columns="utc_offset")
        events["ahead"] = events["time"] / MILLISECONDS
        rsvps = rsvps.merge(events, left_on="event_id", right_on="id").drop(columns=["id", "time"])
        numeric += ["ahead", "description_chars"]
    frame = rsvps.assign(
        label=(rsvps["response"] == "yes").astype(int),
        ts=rsvps["created"] / MILLISECONDS,
        since_first_answer=rsvps["mtime"] - rsvps["created"],
    ).drop(columns=["response", "created", "mtime"])
    if "ahead" in frame:
        frame["ahead"] -= frame["ts"]
    roles = {"time": "ts", "user": "member_id", "item": "event_id"}
    return make_log(f"meetup-{place}", frame, numeric, **roles)


def bandit_log(campaign):
    """Return impressions of both policies of the Open Bandit sample."""
    folder = data_root() / "open-bandit-small"
    parts = [
        pd.read_parquet(folder / f"{policy}_{campaign}.parquet") for policy in ("random", "bts")
    ]
    frame = pd.concat(parts, ignore_index=True).rename(columns={"click": "label"})
    frame["ts"] = (frame.pop("timestamp") - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    numeric = [name for name in frame if name.startswith("user-item")] + ["propensity_score"]
    return make_log(f"open-bandit-{campaign}", frame, numeric, time="ts", item="item_id")


def fraud_features_log():
    """Return the handbook's payments with its fourteen published features."""
    folder = data_root() / "fraud-handbook-simulated"
    features = pd.read_parquet(folder / "features_2018-06-11_2018-09-14.parquet")
    payments = pd.read_parquet(folder / "transactions.parquet")
    frame = payments.merge(features, on="TRANSACTION_ID").rename(columns={"TX_FRAUD": "label"})
    frame = frame.rename(columns={"TX_TIME_SECONDS": "ts"})
    dropped = ["TRANSACTION_ID", "TX_DATETIME", "TX_FRAUD_SCENARIO", "TX_TIME_DAYS"]
    numeric = [name for name in features if name != "TRANSACTION_ID"] + ["TX_AMOUNT"]
    roles = {"time": "ts", "user": "CUSTOMER_ID", "item": "TERMINAL_ID"}
    return make_log("fraud-handbook features", frame.drop(columns=dropped), numeric, **roles)


def leaky_payments_log():
    """Return the payments of which it is published that accountAgeDays gives the label away."""
    frame = pd.read_csv(data_root() / "payment-fraud-mlsec" / "payment_fraud.csv.gz")
    frame = frame.sample(frac=1, random_state=0).reset_index(drop=True)
    frame["ts"] = np.arange(len(frame)) * 60.0
    numeric = [name for name in frame if name not in ("label", "ts", "paymentMethod")]
    return make_log("payment-fraud-mlsec", frame, numeric, time="ts")


def habits_log(seed):
    """Return clicks of users of whom most nearly always or nearly never click."""
    generator = np.random.default_rng(seed)
    rows, users = 30_000, 400
    user = generator.integers(0, users, rows)
    rate = generator.choice([0.005, 0.02, 0.98], users, p=[0.4, 0.4, 0.2])[user]
    frame = pd.DataFrame({"ts": 60.0 * np.arange(rows), "user": user, "habit": rate})
    frame["label"] = (generator.random(rows) < rate).astype(int)
    frame["item"] = generator.integers(0, 50, rows)
    before = frame.groupby("user")["label"].cumsum() - frame["label"]
    frame["past_rate"] = (before + 0.2) / (frame.groupby("user").cumcount() + 1)
    frame["last"] = frame.groupby("user")["label"].shift(fill_value=0)
    frame["segment"] = frame["habit"] > 0.5
    roles = {"time": "ts", "user": "user", "item": "item"}
    return make_log(f"habits {seed}", frame, ["habit", "past_rate", "last"], **roles)


def waves_log(seed):
    """Return payments at terminals that are abused for a while, as in card fraud."""
    generator = np.random.default_rng(seed)
    rows, terminals, length = 60_000, 100, 30
    terminal = generator.integers(0, terminals, rows)
    frame = pd.DataFrame({"ts": 60.0 * np.arange(rows), "terminal": terminal})
    visit = frame.groupby("terminal").cumcount().to_numpy()
    abused = generator.random((terminals, rows // length)) < 0.06
    wave = abused[terminal, visit // length]
    frame["label"] = (generator.random(rows) < np.where(wave, 0.97, 0.001)).astype(int)
    frame["card"] = generator.integers(0, 2_000, rows)
    before = frame.groupby("terminal")["label"].shift(fill_value=0)
    frame["last"] = before
    frame["last_5"] = before.groupby(frame["terminal"]).transform(
        lambda past: past.rolling(5, 1).mean()
    )
    frame["decayed"] = before.groupby(frame["terminal"]).transform(lambda past: past.ewm(3).mean())
    roles = {"time": "ts", "user": "card", "item": "terminal"}
    return make_log(f"waves {seed}", frame, ["last", "last_5", "decayed"], **roles)


def logs():
    """Yield stage, kind of columns, and log."""
    for name in ("criteo-kaggle-8k", "movielens-100k-clicks"):
        yield "development", "as logged", load_dataset(name)
    for seed in DEVELOPMENT_SEEDS:
        yield "development", "as logged", world_log(seed)
        yield "development", "honest and strong", habits_log(seed)
        yield "development", "honest and strong", waves_log(seed)
    for name in ("ipinyou-2997-sample", "fraud-handbook-simulated"):
        yield "report", "as logged", load_dataset(name)
    makers = (fraud_features_log, lambda: meetup_log("la"), lambda: meetup_log("montana"))
    makers += (lambda: bandit_log("men"), lambda: bandit_log("women"), leaky_payments_log)
    for make in makers:
        yield "report", "as logged", make()
    for seed in REPORT_SEEDS:
        yield "report", "as logged", world_log(seed)
        yield "report", "honest and strong", habits_log(seed)
        yield "report", "honest and strong", waves_log(seed)


def flipped(label, share, generator):
    """Return the label with a share of either outcome turned over."""
    return np.where(generator.random(label.size) < share, 1 - label, label)


def planted(log, generator):
    """Yield kind and values of leaks; text is a category, all else a number."""
    label = log.label.astype(np.int64)
    rows = label.size
    delay = generator.gamma(2.0, 40.0, rows)
    yield "label", label
    for share in (0.01, 0.05, 0.1):
        yield f"label, {share:.0%} wrong", flipped(label, share, generator)
    yield "dwell, filled after a click", np.where(label == 1, delay, np.nan)
    often = generator.random(rows) < 0.3
    yield "dwell, filled after 30 % of clicks", np.where((label == 1) & often, delay, np.nan)
    yield "conversions after 30 % of clicks, else 0", label * often
    yield "dwell, else 0", label * delay
    pages = np.array([f"/p{page}" for page in generator.integers(0, 50, rows)], dtype=object)
    yield "landing page", np.where(label == 1, pages, "none")
    yield "click id", np.where(label == 1, [f"c{row}" for row in range(rows)], "none")
    if log.roles.time:
        yield "moment after the fact", log.frame[log.roles.time] + np.where(label == 1, delay, 0)
    for role in ("user", "item"):
        key = getattr(log.roles, role)
        if key:
            by_key = pd.Series(label).groupby(log.frame[key].to_numpy())
            yield f"clicks of the {role}, this one too", by_key.cumsum()
            counts = by_key.cumcount() + 1
            yield f"click rate of the {role}, this one too", (by_key.cumsum() + 0.2) / (counts + 1)
            yield f"mean label of the {role}, whole log", by_key.transform("mean")


def with_column(log, values):
    """Return the log with one feature, `planted`, and no other."""
    values = np.asarray(values)
    text = values.dtype.kind in "OU"
    column = values.astype(object) if text else values.astype(np.float64)
    names = {"categorical": ("planted",) if text else (), "numeric": () if text else ("planted",)}
    return replace(log, frame=log.frame.assign(planted=column), roles=replace(log.roles, **names))


def tried(log):
    """Return per column whether it alarms and its AUC in the form that knows most."""
    rows = trial_rows(log)
    if not rows.enough:
        raise ValueError(f"{log.name}: too few positives to try a column")
    present = {found.column for found in column_presences(log) if found.alarms}
    forms = best_forms(log, rows)
    return {name: (form.alarms or name in present, form.alone.auc) for name, form in forms.items()}


def summarised(stage, kind, log, found):
    """Return one row of the table."""
    quiet = [auc for alarms, auc in found.values() if not alarms]
    alarmed = [name for name, (alarms, _) in found.items() if alarms]
    return {
        "stage": stage,
        "log": log.name,
        "kind": kind,
        "columns": len(found),
        "strong": sum(auc >= 0.95 for _, auc in found.values()),
        "alarmed": len(alarmed),
        "highest_quiet_auc": round(max(quiet), 4) if quiet else np.nan,
        "which": " ".join(alarmed),
    }


def rows_of(stage, kind, log):
    """Yield the row of a log as it is, and one per leak planted into it."""
    yield summarised(stage, kind, log, tried(log))
    generator = np.random.default_rng(0)
    for leak, values in planted(log, generator):
        found = {"planted": tried(with_column(log, values))["planted"]}
        yield summarised(stage, f"planted: {leak}", log, found)


def main():
    entries = track(logs(), description="logs", total=43)
    table = pd.DataFrame([row for entry in entries for row in rows_of(*entry)])
    with atomic_path(TARGET) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")
    counted = table.groupby(["stage", "kind"])[["columns", "strong", "alarmed"]].sum()
    print(counted.to_string())


if __name__ == "__main__":
    main()
