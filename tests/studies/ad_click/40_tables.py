"""A table of user vectors cut to four ninths of its bytes, in three ways.

The full table has vectors of length 8 and a weight for each id, nine numbers. Four ninths of it is
left if vectors have length 3, if users are hashed into four ninths as many buckets, or if only the
most frequent users keep a row and the others share that of the unknown user. The machine reads the
latest 80,000 training rows of the default world; the validation part ends the training. Beside the
test part as a whole stand its rows of users that training saw and of users that it never saw. About
30 CPU seconds:

    OMP_NUM_THREADS=1 python tests/studies/ad_click/40_tables.py
"""

from mlsd import metrics
from mlsd.experiments import run_study
from mlsd.models import FactorizationMachine
from mlsd.worlds import AdClickWorld

SEEDS = (201, 202)
ROWS, STRENGTH, LEFT = 80_000, 0.2, 4 / 9


def cut(frame, train):
    """Return the frame with the user columns of the smaller tables, by name of the table."""
    views = train["user_id"].value_counts()
    buckets = round(LEFT * len(views))
    known = frame["user_id"].isin(views.index[:buckets])
    hashed = frame["user_id"].astype("int64") * 2_654_435_761 % 2**32 % buckets
    return frame.assign(hashed=hashed, frequent=frame["user_id"].where(known, -1))


def machines(log):
    """Return the machines by name of their table."""
    others = tuple(name for name in log.roles.identifiers if name != "user_id")
    fixed = {"epochs": 10, "validations_per_epoch": 2, "patience": 2, "numeric": log.roles.numeric}
    fixed |= {"embedding_l2": 1 / (STRENGTH * ROWS), "categorical": log.roles.identifiers}
    fixed |= {"embedding_dim": 8}
    changes = {
        "full table": {},
        "vectors of length 3": {"embedding_dim": 3},
        "hashed users": {"categorical": (*others, "hashed")},
        "frequent users only": {"categorical": (*others, "frequent")},
    }
    return {name: FactorizationMachine(**fixed | change) for name, change in changes.items()}


def measure(seed):
    """Return one row per table: test entropy over all, of users seen in training, and of others."""
    log = AdClickWorld(seed=seed).history(days=7).labelled_log()
    train = log.frame.iloc[log.split.train].iloc[-ROWS:]
    frame = cut(log.frame, train)
    train = frame.loc[train.index]
    validation, test = (frame.iloc[rows] for rows in (log.split.validation, log.split.test))
    click = test["click"].to_numpy()
    users = test["user_id"].to_numpy()
    seen = test["user_id"].isin(train["user_id"]).to_numpy()
    rows, full = [], None
    for name, model in machines(log).items():
        valid = (validation, validation["click"].to_numpy())
        model.fit(train, train["click"].to_numpy(), valid=valid)
        probability = model.predict_proba(test)[:, 1]
        full = probability if full is None else full
        row = {"table": name, "cold_share": 1 - seen.mean()}
        for part, chosen in {"all": seen | ~seen, "seen": seen, "cold": ~seen}.items():
            score = metrics.normalized_entropy
            change = metrics.paired_interval(
                score, click[chosen], probability[chosen], full[chosen],
                clusters=users[chosen], repetitions=200, seed=0,
            )  # fmt: skip
            row |= {part: score(click[chosen], probability[chosen])}
            row |= {f"{part}_change_{key}": value for key, value in vars(change).items()}
        rows.append(row)
    return rows


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/40_tables")
