"""Learning curves of a tuned linear model and a tuned factorization machine in two markets.

For each market and number of rows, the latest rows of the training days are fitted at three
strengths ``C`` of the penalty, the same three for both models: a loss per row plus
``|w|**2 / (2 C rows)``. The validation part chooses (and ends the machine's training), the test
part is read once. In the feature-poor market the linear model is also given the pair of interest
and topic, at the largest size. The two chosen models of that size are then deployed for three days
in twin worlds. Seed 5 is the world of the chapter and has the whole curve; the other has the
largest size only. About five CPU minutes:

    OMP_NUM_THREADS=1 python tests/studies/ad_click/40_curves.py
"""

from dataclasses import replace

from mlsd import metrics
from mlsd.experiments import run_study
from mlsd.models import FactorizationMachine, HashedLogisticRegression
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickConfig, AdClickWorld

SEEDS = (5, 201)
SIZES, STRENGTHS = (20_000, 80_000, 320_000), (0.05, 0.2, 0.8)
DAYS = {"default": 7, "feature-poor": 14}
CLUSTER = {"default": "user_id", "feature-poor": "interest"}
PAIR = ("interest", "topic")


def market(name, seed):
    """Return a market: the default one, or a small edition of the feature-poor one."""
    if name == "default":
        return AdClickWorld(seed=seed)
    small = {"users": 20_000, "requests_per_day": 12_000, "live_ads": 1_000}
    poor = replace(AdClickConfig.variant("feature_poor"), **small, interest_codes=400, topics=400)
    return AdClickWorld(seed=seed, config=poor)


def candidates(kind, rows, columns):
    """Return by strength the models of one kind, not fitted."""
    if kind == "machine":
        early = {"epochs": 10, "validations_per_epoch": 2, "patience": 2, "embedding_dim": 8}
        return {
            C: FactorizationMachine(**columns, **early, embedding_l2=1 / (C * rows))
            for C in STRENGTHS
        }
    crosses = (PAIR,) if kind == "linear with the pair" else ()
    return {C: HashedLogisticRegression(**columns, C=C, crosses=crosses) for C in STRENGTHS}


def measure(seed):
    """Return one row per market, model, number of rows and strength."""
    return [row for name in DAYS for row in measure_market(name, seed)]


def measure_market(name, seed):
    """Fit, choose and deploy in one market."""
    world = market(name, seed)
    log = world.history(days=DAYS[name]).labelled_log()
    part = {key: log.frame.iloc[rows] for key, rows in log.parts().items()}
    label = {key: rows["click"].to_numpy() for key, rows in part.items()}
    columns = {"categorical": log.roles.identifiers, "numeric": log.roles.numeric}
    paired = {"clusters": part["test"][CLUSTER[name]].to_numpy(), "repetitions": 200, "seed": 0}
    table = []
    for rows in SIZES if seed == 5 else SIZES[-1:]:
        best = {}
        kinds = ["linear", "machine"]
        kinds += ["linear with the pair"] * (name == "feature-poor" and rows == SIZES[-1])
        for kind in kinds:
            for C, model in candidates(kind, rows, columns).items():
                latest = part["train"].iloc[-rows:]
                valid = (part["validation"], label["validation"])
                model.fit(latest, latest["click"].to_numpy(), valid=valid)
                row = {"market": name, "model": kind, "rows": rows, "C": C, "chosen": False}
                for key in ("validation", "test"):
                    probability = model.predict_proba(part[key])[:, 1]
                    row[key] = metrics.normalized_entropy(label[key], probability)
                table.append(row)
                if kind not in best or row["validation"] < best[kind][0]["validation"]:
                    best[kind] = (row, model, probability)
        base = best["linear"]
        for kind, (row, model, probability) in best.items():
            row["chosen"] = True
            if kind == "linear":
                continue
            interval = metrics.paired_interval(
                metrics.normalized_entropy, label["test"], probability, base[2], **paired
            )
            row |= {f"difference_{key}": value for key, value in vars(interval).items()}
            if kind == "machine" and rows == SIZES[-1]:
                pair = (ScorerPolicy(scorer) for scorer in (base[1], model))
                run = world.compare(*pair, days=3, history_days=DAYS[name])
                for measure_name, change in run.changes("revenue", "clicks").iterrows():
                    row |= {f"{measure_name}_{key}": value for key, value in change.items()}
    return table


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/40_curves")
