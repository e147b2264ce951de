"""What the order of films that tie at a user's last moment changes on MovieLens 100K.

44 % of the users have several ratings at their last time stamp, and the order of the file says
which of these is the last. Here five seeds put them in an order by chance, and every rung that is
fitted without gradients is fitted anew, its settings chosen on the validation part of that order.
Run by hand with MLSD_DATA set.
"""

from mlsd.cases import find_case
from mlsd.data import load_dataset
from mlsd.experiments import run_ladder, run_study, summarise_ladder
from mlsd.experiments.sources import LogSource

SEEDS = (0, 1, 2, 3, 4)
RUNGS = (
    "popularity",
    "decayed_popularity",
    "item_cosine",
    "ease",
    "denoising_ease",
    "user_kernel",
    "ials",
)


def measure(seed):
    """Return NDCG@10 and Recall@10 of each rung where `seed` breaks the ties."""
    source = LogSource(load_dataset("movielens-100k", ties=seed))
    ladder = find_case("video").ladder
    summary = summarise_ladder(run_ladder(source, ladder, seeds=(0,), rungs=RUNGS))
    return [
        {"rung": row.rung.name, **{name: row.metrics[name] for name in ("ndcg@10", "recall@10")}}
        for row in summary.rungs
    ]


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/20_ties")
