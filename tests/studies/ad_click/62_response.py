"""What a release gains at first and later, in a market that answers and in one that does not.

The service ranks by the smoothed rate of an ad, the release by that of user and category. Where
advertisers answer, each moves its bid every night towards its best reply. Written is the change of
revenue in percent, three days each, under a full release. About 15 CPU seconds per seed.
"""

from mlsd.experiments import run_study
from mlsd.models import SmoothedRate
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickConfig, AdClickWorld

SEEDS = (270, 271, 272, 273, 274, 275)
HISTORY, DAYS, SPAN = 7, 12, 3
BY_USER = (("ad_id",), ("publisher_id", "category"), ("user_id", "category"))


def measure(seed):
    """Return one row per kind of market."""
    for response in ("none", "best_reply"):
        world = AdClickWorld(seed=seed, config=AdClickConfig(response=response))
        log = world.history(days=HISTORY).labelled_log().frame
        levels = {"service": BY_USER[:1], "release": BY_USER}
        policies = [
            ScorerPolicy(SmoothedRate(levels=level, strength=30.0).fit(log, log["click"]))
            for level in levels.values()
        ]
        result = world.compare(*policies, days=DAYS, history_days=HISTORY)
        old, new = (side.by_day["revenue"] for side in (result.control, result.treatment))
        yield {
            "advertisers": "answer" if response == "best_reply" else "do not answer",
            "first_days": 100 * (new[:SPAN].sum() / old[:SPAN].sum() - 1),
            "last_days": 100 * (new[-SPAN:].sum() / old[-SPAN:].sum() - 1),
        }


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/62_response")
