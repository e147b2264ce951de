"""MovieLens 1M in the published split: four settings of three recommenders, chosen on validation.

Among the four stand the package's own defaults. Recall@20 and NDCG@20 are those of the published
table: all films but a user's training films are ranked, and validation films stay in the lists.
Nothing of the data is kept but these means. Run by hand with MLSD_DATA set, one CPU minute:

    MLSD_DATA=... OMP_NUM_THREADS=1 python tests/studies/video/31_published.py
"""

from itertools import product

from mlsd import models
from mlsd.cases.video.ladder import LADDER
from mlsd.data import load_dataset
from mlsd.experiments import Replicate, run_study
from mlsd.lab_support.video.judged_users import judge_users

SEEDS = (0,)


def grid(**values):
    """Return all combinations as keyword arguments."""
    return [dict(zip(values, each)) for each in product(*values.values())]


# The defaults are: l2 500; dropout 0.3 and l2 200; unobserved 0.3 and l2 0.01.
SETTINGS = {
    models.EASERecommender: grid(l2=(100.0, 300.0, 500.0, 1_000.0)),
    models.DenoisingEASERecommender: grid(dropout=(0.3, 0.5), l2=(200.0, 400.0)),
    models.ImplicitALSRecommender: grid(unobserved=(0.1, 0.3), l2=(0.003, 0.01)),
}


def fitted_row(name, settings, model, feed):
    """Return what a model's lists find in validation and test, for one row of the table."""
    model.fit(feed.interactions["train"], valid=feed.interactions["validation"])
    row = {"model": name, "settings": "; ".join(f"{key}={of}" for key, of in settings.items())}
    for part in ("validation", "test"):
        found = judge_users(model, feed, part)
        row |= {f"{part} recall": found["recall"].mean(), f"{part} ndcg": found["ndcg"].mean()}
    print(row, flush=True)
    return row


def measure(seed):
    """Return one row per setting."""
    log = load_dataset("movielens-1m-lcf")
    feed = LADDER.protocol.for_log(log).prepare(Replicate(seed, log))
    rows = []
    for kind, tried in SETTINGS.items():
        default = kind()
        for settings in tried:
            row = fitted_row(kind.__name__, settings, kind(**settings), feed)
            is_default = all(getattr(default, key) == of for key, of in settings.items())
            rows.append(row | {"is_default": is_default})
    return rows


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/31_published")
