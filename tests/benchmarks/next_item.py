"""The next film on MovieLens 100K: SASRec and two towers, and RecBole 1.2.1's SASRec beside them.

Run by hand; the data are found under ``$MLSD_DATA``:

    OMP_NUM_THREADS=1 python tests/benchmarks/next_item.py [--part NAME] [--json]

The last film of each of the 943 users is the test, the one before it the validation, films of one
second in the order of the file. Lists are drawn from all films but those that stand before. A
model learns from the rest, and validation stops it; for the test, histories end with the validation
film. NDCG@10 and recall@10 are means over users.

1. *ours*: both models with their defaults, CPU-seconds of `fit` beside them.
2. *peer*: RecBole's SASRec with its own settings and its own early stopping, judged by the same
   lists, until `--peer-epochs` (hours on one thread: an epoch costs some six minutes). With 0
   epochs, as it is unless asked for, a few batches tell what an epoch costs. It needs
   ``pip install --no-deps recbole==1.2.1 colorlog colorama texttable tabulate thop``; what it
   imports for tuning and logging alone (ray, tensorboard) is replaced by nothing, and the names
   that numpy has dropped are given back.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pandas as pd
import torch
from one_json import one_json_object

from mlsd.data import data_root
from mlsd.metrics import ranking_by_user
from mlsd.models import SASRecRecommender, TwoTowerRecommender

print_object = one_json_object("--json" in sys.argv)

K, TIMED_BATCHES, PATIENCE = 10, 4, 10
NOT_NEEDED = ("ray", "ray.tune", "ray.tune.schedulers", "torch.utils.tensorboard", "hyperopt")
OLD_NUMPY = {"float_": np.float64, "complex_": np.complex128, "unicode_": np.str_}
MODELS = {
    "sasrec": SASRecRecommender,
    "two_tower": lambda: TwoTowerRecommender(uniform_negatives=256),
}


def load(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the ratings of each part in the order of time, ties as in the file."""
    names = ["user_id", "item_id", "rating", "ts"]
    log = pd.read_csv(folder / "u.data.gz", sep="\t", names=names)
    log = log.sort_values("ts", kind="stable")
    left = log.groupby("user_id").cumcount(ascending=False)
    return {"train": log[left >= 2], "validation": log[left == 1], "test": log[left == 0]}


def histories(users: np.ndarray, *parts: pd.DataFrame) -> np.ndarray:
    """Return all films of each user in the parts, newest last, padded with -1."""
    films = pd.concat(parts).groupby("user_id")["item_id"].agg(list)[users]
    padded = np.full((len(users), films.str.len().max()), -1)
    for row, user_films in zip(padded, films):
        row[-len(user_films) :] = user_films
    return padded


def quality(items: np.ndarray, part: pd.DataFrame, users: np.ndarray) -> dict[str, float]:
    """Return NDCG and recall, mean over users."""
    wanted = part.set_index("user_id")["item_id"][users]
    found = ranking_by_user(items, [{item} for item in wanted], K)
    return {f"{name}@{K}": float(found[name].mean()) for name in ("ndcg", "recall")}


def measure_ours(parts: dict[str, pd.DataFrame]) -> dict[str, dict]:
    """Fit each model; the test part is scored once."""
    users, found = parts["test"]["user_id"].to_numpy(), {}
    for name, build in MODELS.items():
        start = time.process_time()
        model = build().fit(parts["train"], valid=parts["validation"])
        found[name] = {"fit_cpu_seconds": time.process_time() - start}
        for part, before in (("validation", ["train"]), ("test", ["train", "validation"])):
            past = histories(users, *(parts[each] for each in before))
            items, _ = model.recommend(users, K, histories=past)
            found[name][part] = quality(items, parts[part], users)
        print(name, found[name], file=sys.stderr, flush=True)
    return found


def peer_parts(folder: str, parts: dict[str, pd.DataFrame]) -> tuple:
    """Return RecBole's configuration, data, model and trainer."""
    for name in NOT_NEEDED:
        sys.modules.setdefault(name, MagicMock())
    for name, kind in OLD_NUMPY.items():
        setattr(np, name, kind)
    # By name: its own requirements contradict ours, so that no extra can declare it.
    config_of, data, utils = (
        import_module(f"recbole.{part}") for part in ("config", "data", "utils")
    )

    (Path(folder) / "films").mkdir()
    log = pd.concat(parts.values())[["user_id", "item_id", "ts"]].sort_values("ts", kind="stable")
    log.columns = ["user_id:token", "item_id:token", "timestamp:float"]
    log.to_csv(Path(folder) / "films" / "films.inter", sep="\t", index=False)
    settings = {
        "data_path": folder,
        "checkpoint_dir": folder,
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "full"},
        "train_neg_sample_args": None,
        "use_gpu": False,
        "state": "ERROR",
    }
    config = config_of.Config(model="SASRec", dataset="films", config_dict=settings)
    utils.init_seed(config["seed"], True)
    dataset = data.create_dataset(config)
    train, valid, _ = data.data_preparation(config, dataset)
    model = utils.get_model("SASRec")(config, train._dataset)
    trainer = utils.get_trainer(config["MODEL_TYPE"], "SASRec")(config, model)
    return dataset, train, valid, model, trainer


@torch.no_grad()
def peer_lists(dataset, valid, model, past: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return the peer's lists without the films before, and their users."""
    model.eval()
    items, users = [], []
    for interaction, *_ in valid:
        scores = model.full_sort_predict(interaction).view(len(interaction), -1).numpy()
        tokens = dataset.id2token("user_id", interaction["user_id"].numpy()).astype(int)
        for row, user in zip(scores, tokens):
            row[0] = -np.inf
            row[dataset.token2id("item_id", np.array(past[user], dtype=str))] = -np.inf
        best = np.argsort(-scores, axis=1)[:, :K]
        items.append(dataset.id2token("item_id", best).astype(int))
        users.append(tokens)
    return np.concatenate(items), np.concatenate(users)


def time_batches(train, model, trainer) -> float:
    """Return CPU-seconds of one batch."""
    batches, start = iter(train), time.process_time()
    for _ in range(TIMED_BATCHES):
        trainer.optimizer.zero_grad()
        model.calculate_loss(next(batches)).backward()
        trainer.optimizer.step()
    return (time.process_time() - start) / TIMED_BATCHES


def measure_peer(parts: dict[str, pd.DataFrame], epochs: int) -> dict[str, float]:
    """Return what an epoch costs, or the best validation NDCG and the CPU-seconds to it."""
    with tempfile.TemporaryDirectory() as folder:
        dataset, train, valid, model, trainer = peer_parts(folder, parts)
        if not epochs:
            return {"epoch_cpu_seconds": time_batches(train, model, trainer) * len(train)}
        past = {
            user: part["item_id"].to_numpy() for user, part in parts["train"].groupby("user_id")
        }
        seconds, best = 0.0, {f"ndcg@{K}": 0.0, "epoch": 0}
        for epoch in range(1, epochs + 1):
            start = time.process_time()
            trainer._train_epoch(train, epoch, show_progress=False)
            seconds += time.process_time() - start
            items, users = peer_lists(dataset, valid, model, past)
            found = quality(items, parts["validation"], users)
            print("peer", epoch, found, f"{seconds:.0f} s", file=sys.stderr, flush=True)
            if found[f"ndcg@{K}"] > best[f"ndcg@{K}"]:
                best = found | {"cpu_seconds": seconds, "epoch": epoch}
            if epoch - best["epoch"] >= PATIENCE:
                break
        return best | {"epochs": epoch}


def main() -> None:
    """Print a line for each model, or with ``--json`` one object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=("ours", "peer"), action="append")
    parser.add_argument("--peer-epochs", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    parts = load(data_root() / "movielens-100k")
    wanted = arguments.part or ("ours", "peer")
    result = measure_ours(parts) if "ours" in wanted else {}
    if "peer" in wanted:
        result["peer"] = measure_peer(parts, arguments.peer_epochs)
    if arguments.json:
        print_object(result)
        return
    for name, row in result.items():
        print(name, row)


if __name__ == "__main__":
    main()
