"""What a second pass over the log does to a factorization machine, in two other worlds.

The machine reads the latest 320,000 training rows of the default world twice without a penalty, and
its loss on the validation part is taken four times per pass. Then one thing at a time is removed:
the user ids, their number (hashed into 500 groups), the vectors (length 0, which leaves logistic
regression under the same training), the speed (a fifth of the learning rate of the ids), or the
lack of a penalty. The worlds are other than the chapter's. About 60 CPU seconds:

    OMP_NUM_THREADS=1 python tests/studies/ad_click/40_epochs.py
"""

import numpy as np

from mlsd import metrics
from mlsd.experiments import run_study
from mlsd.models import FactorizationMachine
from mlsd.worlds import AdClickWorld

SEEDS = (201, 202)
ROWS, STRENGTH = 320_000, 0.2


def runs(identifiers, numeric):
    """Return the machines by what was removed."""
    others = tuple(name for name in identifiers if name != "user_id")
    fixed = {"numeric": numeric, "epochs": 2, "patience": 100}
    bare = fixed | {"categorical": identifiers, "embedding_dim": 8, "embedding_l2": 0.0}
    changes = {
        "nothing removed": {},
        "without user ids": {"categorical": others},
        "users in 500 groups": {"categorical": (*others, "user_group")},
        "without vectors": {"embedding_dim": 0},
        "a fifth of the learning rate": {"embedding_learning_rate": 0.01},
        "with a penalty": {"embedding_l2": 1 / (STRENGTH * ROWS)},
    }
    return {name: FactorizationMachine(**bare | change) for name, change in changes.items()}


def measure(seed):
    """Return one row per machine: validation entropy after one pass, a quarter more, and two."""
    log = AdClickWorld(seed=seed).history(days=7).labelled_log()
    frame = log.frame.assign(user_group=log.frame["user_id"] % 500)
    train = frame.iloc[log.split.train].iloc[-ROWS:]
    validation = frame.iloc[log.split.validation]
    label = validation["click"].to_numpy()
    constant = metrics.log_loss(label, np.full(len(label), label.mean()))
    rows = []
    for name, model in runs(log.roles.identifiers, log.roles.numeric).items():
        model.fit(train, train["click"].to_numpy(), valid=(validation, label))
        entropy = np.array(model.history_.validation_loss) / constant
        after = {"one_pass": entropy[3], "a_quarter_more": entropy[4], "two_passes": entropy[7]}
        rows.append({"removed": name, **after})
    return rows


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/40_epochs")
