"""DCN-v2 training against DeepCTR-Torch 0.3.0, in CPU-seconds of one thread.

Run by hand; the first part needs MovieLens 100K under ``$MLSD_DATA``:

    OMP_NUM_THREADS=1 python tests/benchmarks/ctr_training.py [--json] [--quick]

1. *Time to the peer's loss*, MovieLens-as-clicks. Peer: DCN with matrix cross layers, embeddings of
   16, two cross layers, hidden (128, 128), its default penalties, Adam at .001, batch 1,024, five
   epochs; its clock runs inside `fit` only and stops at the end of the epoch with the best
   validation loss. Ours: one fit with the settings in `OURS`; the clock includes the encoding of
   ids and every validation, and stops at the first validation at or below the peer's median best
   loss plus .001. Medians over five seeds on each side. The whole fit, early stopping included, is
   printed beside it. A seed that never gets there counts as infinite.
2. *A million ids*: ten fields of 100,000 ids, dimension 16, two cross layers, hidden (128, 128) on
   both sides (the peer adds its linear part), no validation. The peer has Adam; ours Adam on the
   dense part and its default, row-wise Adagrad, on the embeddings (lazy Adam is printed beside it).
   Ours runs over a million rows; the peer, whose every step costs the whole vocabulary, over fewer,
   and both are reported as rows per CPU-second.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import time

import numpy as np
import torch
from deepctr_torch.inputs import SparseFeat
from deepctr_torch.models import DCN

from mlsd.data import LabelledLog, load_dataset
from mlsd.features.encoders import VocabularyEncoder
from mlsd.metrics import log_loss
from mlsd.models import DCNv2
from mlsd.models.dcn import DCNv2Network
from mlsd.models.options import TrainingOptions
from mlsd.models.training import Examples, train

OURS = {
    "embedding_dim": 8,
    "hidden": (64, 32),
    "dropout": 0.0,
    "id_dropout": 0.0,
    "epochs": 2,
    "validations_per_epoch": 4,
    "patience": 2,
}
PEER_EPOCHS = 5
MARGIN = 0.001
FIELDS, IDS, DIM = 10, 100_000, 16


def peer_model(names: tuple[str, ...], sizes: list[int], seed: int) -> DCN:
    """Return the peer's DCN in matrix form, ready to fit."""
    columns = [SparseFeat(n, size, embedding_dim=DIM) for n, size in zip(names, sizes)]
    model = DCN(columns, columns, cross_num=2, cross_parameterization="matrix", seed=seed)
    model.compile(torch.optim.Adam(model.parameters(), 1e-3), "binary_crossentropy")
    return model


def peer_epoch(model: DCN, inputs: dict[str, np.ndarray], y: np.ndarray, batch_size: int) -> float:
    """Train the peer for one epoch; return its CPU-seconds."""
    start = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        model.fit(inputs, y.astype(np.float32), batch_size=batch_size, epochs=1, verbose=0)
    return time.process_time() - start


def peer_to_best(log: LabelledLog, seed: int) -> tuple[float, float]:
    """Return the peer's best validation loss, and its CPU-seconds of training up to there."""
    names, train_rows, held = log.roles.identifiers, log.split.train, log.split.validation
    encoder = VocabularyEncoder(names).fit(log.frame.iloc[train_rows])
    codes = dict(zip(names, encoder.transform(log.frame).T))
    inputs = [{n: values[rows] for n, values in codes.items()} for rows in (train_rows, held)]
    model = peer_model(names, list(encoder.sizes_), seed)
    losses, seconds = [], []
    for _ in range(PEER_EPOCHS):
        seconds.append(peer_epoch(model, inputs[0], log.label[train_rows], 1024))
        losses.append(log_loss(log.label[held], model.predict(inputs[1], 8192).ravel()))
    best = int(np.argmin(losses))
    return losses[best], float(np.sum(seconds[: best + 1]))


def our_fit(log: LabelledLog, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return validation losses, the CPU-seconds at each, and those of the whole fit."""
    parts = (log.split.train, log.split.validation)
    (x, y), valid = ((log.frame.iloc[rows], log.label[rows]) for rows in parts)
    start = time.process_time()
    model = DCNv2(categorical=log.roles.identifiers, random_state=seed, **OURS)
    model.fit(x, y, valid=valid)
    whole = time.process_time() - start
    history = model.history_
    before_training = whole - history.total_cpu_seconds
    return np.array(history.validation_loss), before_training + np.array(history.cpu_seconds), whole


def time_to_peer_loss(seeds: int) -> dict[str, float]:
    """Run both sides on MovieLens-as-clicks and compare medians."""
    log = load_dataset("movielens-100k-clicks")
    peer = np.array([peer_to_best(log, seed) for seed in range(seeds)])
    fits = [our_fit(log, seed) for seed in range(seeds)]
    target = float(np.median(peer[:, 0])) + MARGIN
    reached = [min(at[losses <= target], default=np.inf) for losses, at, _ in fits]
    peer_seconds = float(np.median(peer[:, 1]))
    return {
        "cpu_to_peer_loss_ratio": float(np.median(reached)) / peer_seconds,
        "whole_fit_ratio": float(np.median([whole for *_, whole in fits])) / peer_seconds,
        "peer_cpu_seconds": peer_seconds,
        "our_cpu_seconds": float(np.median(reached)),
        "peer_best_validation_loss": target - MARGIN,
        "our_best_validation_loss": float(np.median([losses.min() for losses, *_ in fits])),
    }


def our_rate(codes: np.ndarray, y: np.ndarray, batch_size: int, optimizer: str) -> float:
    """Return our training rows per CPU-second with a million ids, after one step to warm up."""
    network = DCNv2Network([IDS] * FIELDS, 0, embedding_dim=DIM, hidden=(128, 128))
    numbers = torch.empty((len(y), 0))
    examples = Examples((torch.from_numpy(codes), numbers), torch.from_numpy(y))
    options = TrainingOptions(batch_size=batch_size, epochs=1, row_optimizer=optimizer)
    train(network, examples.take(torch.arange(batch_size)), options)
    start = time.process_time()
    train(network, examples, options)
    return len(y) / (time.process_time() - start)


def peer_rate(codes: np.ndarray, y: np.ndarray, batch_size: int) -> float:
    """Return the peer's training rows per CPU-second, after one step to warm up."""
    names = tuple(f"field_{i}" for i in range(FIELDS))
    model = peer_model(names, [IDS] * FIELDS, 0)
    inputs = dict(zip(names, codes.T))
    peer_epoch(model, {n: v[:batch_size] for n, v in inputs.items()}, y[:batch_size], batch_size)
    return len(y) / peer_epoch(model, inputs, y, batch_size)


def million_ids(rows: int, peer_steps: int) -> dict[str, float]:
    """Compare rows per CPU-second at batches of 1,024 and 4,096."""
    rng = np.random.default_rng(7)
    codes = rng.integers(0, IDS, (rows, FIELDS))
    y = (rng.random(rows) < 0.05).astype(np.float32)
    result = {}
    for batch_size, suffix in ((1024, ""), (4096, "_batch_4096")):
        few = min(rows, peer_steps * batch_size)
        peer = peer_rate(codes[:few], y[:few], batch_size)
        ours = our_rate(codes, y, batch_size, "adagrad")
        result["million_id_throughput_ratio" + suffix] = ours / peer
        result["our_rows_per_cpu_second" + suffix] = ours
        result["peer_rows_per_cpu_second" + suffix] = peer
        lazy = our_rate(codes[: rows // 4], y[: rows // 4], batch_size, "adam")
        result["our_lazy_adam_rows_per_cpu_second" + suffix] = lazy
    return result


def main() -> None:
    """Print a table, or with ``--json`` one object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="a smoke test: one seed, few rows")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    result = time_to_peer_loss(1 if arguments.quick else 5)
    result |= million_ids(20_000, 3) if arguments.quick else million_ids(1_000_000, 40)
    if arguments.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:45}{value:>14,.4f}")
    print("wanted: cpu_to_peer_loss_ratio <= 0.333, million_id_throughput_ratio >= 10")


if __name__ == "__main__":
    main()
