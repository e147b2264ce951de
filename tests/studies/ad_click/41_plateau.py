"""When a cross network learns a product of three ids: with and without early stopping, by scale.

Each seed draws a planted log of 20,000 rows with eight yes/no facts, whose clicks depend on the
product of the first three, and starts a network of two cross layers on the facts as ids. `steps` is
where training ended, `plateau` the first validation that beat the starting loss by 0.02 (its step;
missing where none did), and `entropy` the normalized entropy on the last 2,500 rows.
"""

import numpy as np
import pandas as pd

from mlsd import metrics
from mlsd.experiments import run_study
from mlsd.models import DCNv2

SEEDS = (201, 202, 203, 204, 205)
TRAINING = {"batch_size": 128, "learning_rate": 1e-2, "id_dropout": 0.0, "weight_decay": 0.0}
NETWORK = {"embedding_dim": 4, "hidden": (), "cross_layers": 2, "dropout": 0.0}
NEVER_STOP = {"patience": 1_000}
SETTINGS = {
    "early stopping, scale 0.01": {"epochs": 6},
    "6 epochs, scale 0.01": {"epochs": 6, **NEVER_STOP},
    "20 epochs, scale 0.01": {"epochs": 20, **NEVER_STOP},
    "early stopping, scale 0.1": {"epochs": 6, "embedding_scale": 0.1},
    "6 epochs, scale 0.1": {"epochs": 6, "embedding_scale": 0.1, **NEVER_STOP},
    "early stopping, scale 0.3": {"epochs": 6, "embedding_scale": 0.3},
}


def measure(seed):
    """Return one row per setting."""
    random = np.random.default_rng(seed)
    signs = random.choice([-1.0, 1.0], size=(20_000, 8))
    facts = pd.DataFrame(signs, columns=[f"fact_{i}" for i in range(8)])
    rate = 1 / (1 + np.exp(1 - 1.5 * signs[:, :3].prod(axis=1)))
    clicks = (random.random(len(signs)) < rate).astype(int)
    train, held, read = np.split(np.arange(len(clicks)), [15_000, 17_500])
    rows = []
    for name, setting in SETTINGS.items():
        options = NETWORK | TRAINING | setting
        model = DCNv2(categorical=tuple(facts), random_state=seed, **options)
        model.fit(facts.iloc[train], clicks[train], valid=(facts.iloc[held], clicks[held]))
        predicted = model.predict_proba(facts.iloc[read])[:, 1]
        steps, loss = model.history_.steps, np.array(model.history_.validation_loss)
        found = np.flatnonzero(loss < loss[0] - 0.02)
        rows.append(
            {
                "setting": name,
                "steps": steps[-1],
                "plateau": steps[found[0]] if len(found) else None,
                "entropy": metrics.normalized_entropy(clicks[read], predicted),
                "truth": metrics.normalized_entropy(clicks[read], rate[read]),
            }
        )
    return rows


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/41_plateau")
