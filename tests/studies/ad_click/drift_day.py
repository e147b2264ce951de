"""The market of a day on which tastes shift, which the studies of chapter 31 share."""

from mlsd.worlds import AdClickConfig

CONFIG = AdClickConfig(event_days=(12, 13), event_sd=1.0)
FIRST = 11
KINDS = {11: "ordinary", 12: "drift_day", 13: "day_after"}


def misplaced(today, predicted):
    """Return the clicks expected in the wrong category from noon on, in percent of all clicks."""
    rows = today.assign(expected=predicted)[today["ts"] % 86_400 >= 43_200]
    sums = rows.groupby("category")[["expected", "click"]].sum()
    off = (sums["expected"] - sums["click"]).abs().sum()
    return float(100 * off / sums["click"].sum())


def learning_columns(log):
    """Return the columns that every model of these studies learns from: all but the weekday."""
    categorical = tuple(name for name in log.roles.identifiers if name != "weekday")
    return {"categorical": categorical, "numeric": log.roles.numeric}


def money(report, prefix=""):
    """Return the changes of three days with their intervals, and those of revenue by day."""
    row = {}
    for name in ("revenue", "clicks"):
        for end, value in report.changes(name).loc[name].items():
            row[f"{prefix}{name}_{end}"] = value
    daily = report.treatment.by_day["revenue"] / report.control.by_day["revenue"]
    for kind, ratio in zip(KINDS.values(), daily):
        row[f"{prefix}revenue_{kind}"] = 100 * (ratio - 1)
    return row
