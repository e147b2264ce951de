"""The ladder's best rung against LightGBM and DeepCTR-Torch on public logs, by paired intervals.

Run by hand; needs the data set under ``$MLSD_DATA`` and the extra `bench`:

    OMP_NUM_THREADS=1 python tests/benchmarks/ctr_peers.py [--dataset NAME] [--keep FOLDER] [--json]

Ours is the rung with the lowest log loss on the *validation* part, mean over five seeds, among all
rungs that the log allows. Peers see the same rows and columns: LightGBM with
its own defaults, ids as categories, 31 leaves, stopped on the validation part within 500 trees;
DeepCTR-Torch 0.3.0's DeepFM and DCN, embeddings of 16 or of 4, numbers standardised after a signed
logarithm, Adam at .001, batch 1,024 (256 below 10,000 rows), at most ten epochs, kept at the epoch
with the best validation loss; of the two lengths the one with the better validation loss. Test
losses are means over five seeds; a difference is paired row by row, its 95 % interval resampled by
user where the log has users, by row elsewhere.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import sys
from collections.abc import Iterator

import lightgbm
import numpy as np
import torch
from one_json import one_json_object

from mlsd import experiments, metrics
from mlsd.cases import find_case
from mlsd.data import LabelledLog, load_dataset
from mlsd.features.encoders import VocabularyEncoder

print_object = one_json_object("--json" in sys.argv)

from deepctr_torch.inputs import DenseFeat, SparseFeat  # noqa: E402
from deepctr_torch.models import DCN, DeepFM  # noqa: E402

SEEDS, EPOCHS, DATASETS = 5, 10, ("movielens-100k-clicks", "criteo-kaggle-8k")


def ours(log: LabelledLog, store: experiments.RunStore | None) -> tuple[str, np.ndarray]:
    """Return the best rung on the validation part, and its test predictions, (seeds, rows)."""
    source, seeds = experiments.LogSource(log), tuple(range(SEEDS))
    ladder = find_case("ad_click").ladder
    runs = experiments.run_ladder(source, ladder, seeds=seeds, store=store).replicates
    column = ladder.protocol.validation_column

    def validation_loss(rung: str) -> float:
        return float(np.mean([each.runs[rung].validation[column] for each in runs]))

    best = min(runs[0].runs, key=validation_loss)
    return best, np.stack([each.runs[best].predictions["probability"] for each in runs])


def peer_columns(log: LabelledLog) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], list]:
    """Return codes of ids and standardised numbers by name, and the number of codes of each id."""
    names, train = log.roles.identifiers, log.split.train
    encoder = VocabularyEncoder(names).fit(log.frame.iloc[train])
    codes = dict(zip(names, encoder.transform(log.frame).T))
    numbers = {}
    for name in log.roles.numeric:
        values = log.frame[name].to_numpy(np.float64)
        values = np.sign(values) * np.log1p(np.abs(values))
        mean, spread = np.nanmean(values[train]), np.nanstd(values[train]) or 1.0
        numbers[name] = np.nan_to_num((values - mean) / spread).astype(np.float32)
    return codes, numbers, list(encoder.sizes_)


def lightgbm_predictions(log: LabelledLog, seed: int) -> np.ndarray:
    """Return LightGBM's test predictions."""
    codes, _, _ = peer_columns(log)
    numbers = [log.frame[name].to_numpy(np.float64) for name in log.roles.numeric]
    matrix = np.column_stack([*codes.values(), *numbers])
    train, held, test = (matrix[rows] for rows in log.parts().values())
    data = lightgbm.Dataset(
        train, log.label[log.split.train], categorical_feature=list(range(len(codes)))
    )
    valid = data.create_valid(held, log.label[log.split.validation])
    options = {"objective": "binary", "verbose": -1, "seed": seed, "deterministic": True}
    stop = lightgbm.early_stopping(50, verbose=False)
    booster = lightgbm.train(options, data, 500, valid_sets=[valid], callbacks=[stop])
    return booster.predict(test)


def deep_predictions(log: LabelledLog, kind: type, seed: int) -> np.ndarray:
    """Return a deep peer's test predictions at its better length of embeddings."""
    fits = [_fit_deep(log, kind, seed, dim) for dim in (16, 4)]
    return min(fits, key=lambda fit: fit[0])[1]


def _fit_deep(log: LabelledLog, kind: type, seed: int, dim: int) -> tuple[float, np.ndarray]:
    codes, numbers, sizes = peer_columns(log)
    columns = [SparseFeat(n, size, embedding_dim=dim) for n, size in zip(codes, sizes)]
    columns += [DenseFeat(name) for name in numbers]
    parts = log.parts()
    inputs = {p: {n: v[rows] for n, v in (codes | numbers).items()} for p, rows in parts.items()}
    model = kind(columns, columns, seed=seed)
    model.compile(torch.optim.Adam(model.parameters(), 1e-3), "binary_crossentropy")
    y, held = log.label[parts["train"]].astype(np.float32), log.label[parts["validation"]]
    batch, best = (1024 if len(y) > 10_000 else 256), (np.inf, None)
    for _ in range(EPOCHS):
        with contextlib.redirect_stdout(io.StringIO()):
            model.fit(inputs["train"], y, batch_size=batch, epochs=1, verbose=0)
        loss = metrics.log_loss(held, model.predict(inputs["validation"], 8192).ravel())
        if loss < best[0]:
            best = loss, copy.deepcopy(model.state_dict())
    model.load_state_dict(best[1])
    return best[0], model.predict(inputs["test"], 8192).ravel().astype(np.float64)


def peers(log: LabelledLog) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each peer's name and test predictions, shape (seeds, rows)."""
    yield "LightGBM", np.stack([lightgbm_predictions(log, seed) for seed in range(SEEDS)])
    for kind in (DeepFM, DCN):
        fits = [deep_predictions(log, kind, seed) for seed in range(SEEDS)]
        yield f"DeepCTR-Torch {kind.__name__}", np.stack(fits)


def row_losses(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return the log loss of each row, mean over the seeds, shape (rows,)."""
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return -np.mean(np.where(y == 1, np.log(p), np.log1p(-p)), axis=0)


def compare(name: str, store: experiments.RunStore | None) -> dict[str, object]:
    """Return losses and paired differences on one data set."""
    log = load_dataset(name)
    y, test = log.label[log.split.test], log.split.test
    users = None if log.users is None else log.users[test]
    rung, p = ours(log, store)
    mine = row_losses(y, p)
    result: dict[str, object] = {"rung": rung, "log_loss": mine.mean(), "auc": _auc(y, p)}
    for peer, q in peers(log):
        theirs = row_losses(y, q)
        gap = metrics.mean_interval(mine - theirs, clusters=users)
        result[peer] = {
            "log_loss": theirs.mean(),
            "auc": _auc(y, q),
            "ours_minus_peer": [gap.estimate, gap.low, gap.high],
        }
    return result


def _auc(y: np.ndarray, p: np.ndarray) -> float:
    return float(np.mean([metrics.auc(y, each) for each in p]))


def main() -> None:
    """Print a table, or with ``--json`` one object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", choices=DATASETS, action="append")
    parser.add_argument("--keep", help="folder of kept runs, as for `mlsd ladder --keep`")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    store = experiments.RunStore(arguments.keep) if arguments.keep else None
    found = {name: compare(name, store) for name in arguments.dataset or DATASETS}
    if arguments.json:
        print_object(found)
        return
    for name, result in found.items():
        mine = [result.pop(key) for key in ("rung", "log_loss", "auc")]
        print(f"{name}: {mine[0]}, log loss {mine[1]:.5f}, AUC {mine[2]:.4f}")
        for peer, row in result.items():
            estimate, low, high = row["ours_minus_peer"]
            print(
                f"  {peer:22}{row['log_loss']:.5f}  {row['auc']:.4f}"
                f"  ours minus peer {estimate:+.5f} [{low:+.5f}, {high:+.5f}]"
            )
    print("wanted: no interval wholly above 0")


if __name__ == "__main__":
    main()
