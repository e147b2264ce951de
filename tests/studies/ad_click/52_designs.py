"""How far three designs of an A/B test are from the twin worlds, with plenty and scarce budgets.

Per world, budget and design: the change of clicks in percent that the twin worlds give (`truth`),
that of an A/B test and of an A/A test with the same assignment, each with its interval. The A/A
test has no effect, so `estimate - aa - truth` is an error with less sampling error than
`estimate - truth`, and with the same expectation.

    python tests/studies/ad_click/52_designs.py
"""

from mlsd.experiments import run_study
from mlsd.models import SmoothedRate
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickConfig, AdClickWorld

SEEDS = tuple(range(231, 243))
BUDGETS = {"scarce": 0.002, "default": AdClickConfig().budget_per_impression}
DESIGNS = ("user", "budget", "switchback")
RUN = {"days": 4, "history_days": 4}


def measure(seed: int) -> list[dict]:
    """Return one row per budget and design."""
    rows = []
    for name, budget in BUDGETS.items():
        world = AdClickWorld(seed=seed, config=AdClickConfig(budget_per_impression=budget))
        control, treatment = policies(world.history(days=RUN["history_days"]).labelled_log())
        truth = world.compare(control, treatment, **RUN).changes("clicks").loc["clicks"]
        for design in DESIGNS:
            row = {"budgets": name, "design": design, "truth": truth["estimate"]}
            for test, other in (("", treatment), ("aa_", control)):
                lift = world.ab_test(control, other, design=design, **RUN).changes("clicks")
                row |= lift.add_prefix(test).loc["clicks"].to_dict()
            rows.append(row)
    return rows


def policies(log) -> list[ScorerPolicy]:
    """Return the chapter's control and treatment, fitted to a log."""
    by_ad = (("ad_id",),)
    by_user = (("ad_id",), ("publisher_id", "category"), ("user_id", "category"))
    fits = [SmoothedRate(levels=levels, strength=30.0) for levels in (by_ad, by_user)]
    return [ScorerPolicy(model.fit(log.frame, log.label)) for model in fits]


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/52_designs")
