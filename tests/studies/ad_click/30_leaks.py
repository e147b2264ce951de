"""What counters, honest and leaking, are worth offline and when deployed, in five markets.

Each market gives a week of log: the first four fifths train, the rest tests. `offline` is the
normalized entropy on the test rows with the columns as they were made for training, `served` with
those that a server would have held; `revenue` is the change in percent over three deployed days
against hashed ids, with its interval. The models:

- `ids`: hashed logistic regression on all ids, with the penalty of the chapter;
- `ids of the ad`: the same without the ids that are equal for all candidates of a request;
- `counters`: ids and nightly counters of the six keys, each row as of its midnight;
- `user counters`: ids and the counters of the user alone;
- `without pairs with category`: all counters but those of publisher or user and category;
- `campaign leaks`: the campaign's counters are those of the row's own day;
- `all leak`: all counters are those of the row's own day.

The first three are also fitted with a tenth of the penalty, offline only (`weaker_penalty`).
"""

import pandas as pd

from mlsd import metrics
from mlsd.experiments import run_study
from mlsd.features import CounterFeatures
from mlsd.models import HashedLogisticRegression
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickWorld

SEEDS = (17, 901, 902, 903, 904)
DAY = 86_400
HISTORY_DAYS, DEPLOYED_DAYS = 7, 3
# Of the chapter, which is the default of the model, and a tenth of it: C is the inverse strength.
PENALTIES = (0.1, 1.0)
TUNED = ("ids", "ids of the ad", "counters")
AD_SIDE = ("ad_id", "campaign_id", "advertiser_id", "category", "format")
CATEGORY_PAIRS = (("publisher_id", "category"), ("user_id", "category"))


def counter_table(features, log, events):
    """Return the events with their counters, as of each row's midnight."""
    counters = features.serving(log, warm=False)
    counters.update(events)
    return events.join(pd.DataFrame(counters.lookup(events, events["ts"].to_numpy())))


def entropy(log, model, columns):
    """Return the normalized entropy of a model on the test rows, reading these columns."""
    test = log.split.test
    predicted = model.predict_proba(columns.iloc[test])[:, 1]
    return metrics.normalized_entropy(log.label[test], predicted)


def measure(seed):
    """Return one row per model."""
    world = AdClickWorld(seed=seed)
    log = world.history(days=HISTORY_DAYS).labelled_log(split=(0.8, 0.0, 0.2))
    train, ids = log.split.train, log.roles.identifiers
    features = CounterFeatures(
        log.roles.entities, half_lives=(DAY, 7 * DAY), views=[("user_id", "ad_id")]
    )
    honest = counter_table(features, log, log.frame)
    midnight = log.frame["ts"] // DAY * DAY
    same_day = counter_table(features, log, log.frame.assign(known_at=midnight - 1))
    campaign = same_day[features.rate_names(("campaign_id",))]
    of_user = tuple(features.rate_names(("user_id",)))
    of_pairs = {name for pair in CATEGORY_PAIRS for name in features.rate_names(pair)}
    unpaired = tuple(name for name in features.names if name not in of_pairs)
    models = {
        "ids": (honest, ids, ()),
        "ids of the ad": (honest, AD_SIDE, ()),
        "user counters": (honest, ids, of_user),
        "without pairs with category": (honest, ids, unpaired),
        "counters": (honest, ids, features.names),
        "campaign leaks": (honest.assign(**campaign), ids, features.names),
        "all leak": (same_day, ids, features.names),
    }
    control = None
    for name, (table, categorical, numeric) in models.items():
        settings = {"categorical": categorical, "numeric": numeric}
        fitted = [
            HashedLogisticRegression(C=penalty, **settings).fit(table.iloc[train], log.label[train])
            for penalty in (PENALTIES if name in TUNED else PENALTIES[:1])
        ]
        entropies = [entropy(log, model, table) for model in fitted]
        policy = ScorerPolicy(fitted[0], counters=features.serving(log) if numeric else None)
        change = {"estimate": 0.0, "low": 0.0, "high": 0.0}
        if control is None:
            control = policy
        else:
            spans = {"days": DEPLOYED_DAYS, "history_days": HISTORY_DAYS}
            change = world.compare(control, policy, **spans).changes("revenue").iloc[0]
        yield {
            "model": name,
            "offline": entropies[0],
            "weaker_penalty": entropies[1] if name in TUNED else None,
            "served": entropy(log, fitted[0], honest),
            "revenue": change["estimate"],
            "revenue_low": change["low"],
            "revenue_high": change["high"],
        }


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/30_leaks")
