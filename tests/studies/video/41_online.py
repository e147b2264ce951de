"""What the freshest views, the network and the label are worth online, in small worlds.

Every model is fitted as a rung of the ladder is, with the best of four settings on the validation
part, and deployed for a week. *views*: the same model, asked at every request, reads what its
viewer started before the request, or before the session. *views, nobody tires*: the same in a feed
whose viewers are neither satiated by a topic nor put off by look-alikes on a slate, with models
fitted to its log. *model*: models against each other, each reading what was started before the
session. *label*: lists made once a day from the training, learned from other labels than
"watched"; settings are chosen by the watched videos of the validation part for all labels alike.
Changes are in percent of the control, with 95 % intervals over users. About three CPU minutes:

    OMP_NUM_THREADS=1 python tests/studies/video/41_online.py
"""

from mlsd.cases import find_case
from mlsd.experiments import run_study
from mlsd.experiments.sources import Replicate
from mlsd.lab_support.video.sequence_trials import best_of
from mlsd.models import (
    EASERecommender,
    ImplicitALSRecommender,
    PopularityRecommender,
    SASRecRecommender,
)
from mlsd.policies.video import RecommenderPolicy
from mlsd.runtime.times import DAY
from mlsd.worlds import VideoConfig, VideoWorld

SEEDS = (211, 212, 213)
SIZE = {"embedding_dim": 32, "blocks": 1, "history_length": 30}
RATES = tuple(
    {"dropout": dropout, "learning_rate": rate} for dropout in (0.2, 0.5) for rate in (1e-3, 3e-3)
)
WEIGHTS = ((0.1, 0.003), (0.1, 0.03), (0.3, 0.01), (0.3, 0.1))
FAMILIES = {
    "popularity": [PopularityRecommender(half_life=float(d * DAY)) for d in (1, 4, 16, 64)],
    "EASE": [EASERecommender(l2=l2) for l2 in (30.0, 100.0, 300.0, 1_000.0)],
    "iALS": [ImplicitALSRecommender(unobserved=w, l2=l2) for w, l2 in WEIGHTS],
    "SASRec": [SASRecRecommender(**SIZE, **rates) for rates in RATES],
}
NEVER_TIRED = VideoConfig(satiation=0.0, sameness=0.0)
LABELS = (("EASE", "click"), ("EASE", "completed"), ("EASE", "like"), ("SASRec", "like"))
DUELS = (("popularity", "SASRec"), ("iALS", "SASRec"), ("EASE", "SASRec"))
MEASURES = ("watch_hours", "session_slates", "clicks", "satisfaction", "return_1")


class Contest:
    """A small world, its log, and the best model of each family for it."""

    def __init__(self, seed, families, config=None):
        self.world = VideoWorld(seed=seed, size="small", config=config)
        self.log = self.world.history(days=14).labelled()
        self.prepared = find_case("video").ladder.protocol.prepare(Replicate(seed, self.log))
        self.models = {name: self.best_of(name, "watched") for name in families}

    def best_of(self, family, label):
        """Return the model whose lists suit the watched videos of validation best."""
        frame, split = self.log.frame, self.log.split
        learned, held = (frame.iloc[rows] for rows in (split.train, split.validation))
        learned, held = learned[learned[label] == 1], held[held[label] == 1]
        return best_of(FAMILIES[family], self.prepared, learned, held)

    def reading(self, name, until):
        """Return the policy of a model that reads the views until then."""
        return RecommenderPolicy(self.models[name], at_request=True, views_until=until)

    def changes(self, names, policies):
        """Return one row per measure: the second policy against the first."""
        changes = self.world.compare(*policies, days=7).changes(*MEASURES)
        named = dict(zip(("kind", "control", "treatment"), names))
        return [named | {"measure": name} | change.to_dict() for name, change in changes.iterrows()]

    def views(self, kind):
        """Return what the views of the session change, model by model."""
        return [
            row
            for name in ("SASRec", "EASE")
            for row in self.changes(
                (kind, f"{name}, session", f"{name}, request"),
                (self.reading(name, "session"), self.reading(name, "request")),
            )
        ]


def measure(seed):
    """Return the change of every measure in every pair of policies."""
    contest = Contest(seed, FAMILIES)
    rows = contest.views("views")
    rows += Contest(seed, ("EASE", "SASRec"), NEVER_TIRED).views("views, nobody tires")
    for pair in DUELS:
        policies = [contest.reading(name, "session") for name in pair]
        rows += contest.changes(("model", *pair), policies)
    for name, label in LABELS:
        models = contest.models[name], contest.best_of(name, label)
        names = ("label", f"{name}, watched", f"{name}, {label}")
        rows += contest.changes(names, [RecommenderPolicy(model) for model in models])
    return rows


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/41_online")
