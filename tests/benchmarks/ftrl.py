"""FTRL-Proximal against river: rows per CPU-second at equal or better progressive log loss.

Run by hand, one thread:

    OMP_NUM_THREADS=1 python tests/benchmarks/ftrl.py [--json] [--quick]

Both sides see the same rows in the same order, hash the same ten fields to 2**20 coordinates inside
the measured time, predict every row before learning from it, and may use the same three learning
rates, chosen by progressive log loss on the first tenth. The peer is river's `LogisticRegression`
with `optim.FTRLProximal` (beta 1, l1 0, l2 1, its own intercept), fed with a dictionary of Python's
built-in hashes, which is quicker than river's own `FeatureHasher`. Ours learns by mini-batches of
64 rows at most.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
from one_json import one_json_object

from mlsd.metrics import log_loss
from mlsd.models import FTRLProximal

print_object = one_json_object("--json" in sys.argv)

from river import linear_model, optim  # noqa: E402

BITS = 20
ALPHAS = (0.1, 0.3, 1.0)
FIELD_SIZES = (50_000, 20_000, 5_000, 2_000, 500, 200, 50, 24, 7, 3)


def simulate_impressions(rows: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return ids with Zipf-like popularity, and clicks of a logistic model at about 5 %."""
    rng = np.random.default_rng(seed)
    columns, score = {}, np.full(rows, -3.3)
    for i, size in enumerate(FIELD_SIZES):
        ids = (size ** rng.random(rows)).astype(np.int64) - 1
        columns[f"field_{i}"] = ids
        score += rng.normal(0.0, 0.35, size)[ids]
    return columns, (rng.random(rows) < 1 / (1 + np.exp(-score))).astype(np.int8)


def run_ours(columns: dict[str, np.ndarray], y: np.ndarray, alpha: float) -> np.ndarray:
    """Return progressive predictions of our scorer."""
    scorer = FTRLProximal(categorical=tuple(columns), alpha=alpha, bits=BITS)
    return scorer.progressive_fit(columns, y)


def run_peer(columns: dict[str, np.ndarray], y: np.ndarray, alpha: float) -> np.ndarray:
    """Return progressive predictions of river's."""
    rule = optim.FTRLProximal(alpha=alpha, beta=1.0, l1=0.0, l2=1.0)
    model = linear_model.LogisticRegression(optimizer=rule)
    names, mask = list(columns), 2**BITS - 1
    predicted = np.empty(len(y))
    rows = zip(zip(*(columns[name].tolist() for name in names)), y.tolist())
    for i, (values, label) in enumerate(rows):
        x = {hash(pair) & mask: 1.0 for pair in zip(names, values)}
        predicted[i] = model.predict_proba_one(x)[True]
        model.learn_one(x, bool(label))
    return predicted


def measure(run, columns: dict[str, np.ndarray], y: np.ndarray) -> dict[str, float]:
    """Choose the learning rate on the first tenth, then measure one pass over all rows."""
    head = len(y) // 10
    few = {name: values[:head] for name, values in columns.items()}
    alpha = min(ALPHAS, key=lambda a: log_loss(y[:head], run(few, y[:head], a)))
    start = time.process_time()
    predicted = run(columns, y, alpha)
    seconds = time.process_time() - start
    loss = log_loss(y, np.clip(predicted, 1e-12, 1 - 1e-12))
    return {"alpha": alpha, "rows_per_cpu_second": len(y) / seconds, "log_loss": float(loss)}


def main() -> None:
    """Print a table, or with ``--json`` one object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="a smoke test on 5,000 rows")
    arguments = parser.parse_args()
    columns, y = simulate_impressions(5_000 if arguments.quick else 200_000, seed=7)
    result = {"ours": measure(run_ours, columns, y), "peer": measure(run_peer, columns, y)}
    speeds = [result[side]["rows_per_cpu_second"] for side in ("ours", "peer")]
    result["throughput_ratio"] = speeds[0] / speeds[1]
    result["log_loss_difference"] = result["ours"]["log_loss"] - result["peer"]["log_loss"]
    if arguments.json:
        print_object(result)
        return
    print(f"{'':12}{'alpha':>8}{'rows / CPU-second':>20}{'progressive log loss':>23}")
    for side, name in (("ours", "mlsd"), ("peer", "river")):
        row = result[side]
        figures = f"{row['alpha']:>8}{row['rows_per_cpu_second']:>20,.0f}{row['log_loss']:>23.5f}"
        print(f"{name:12}{figures}")
    print(f"throughput ratio {result['throughput_ratio']:.1f} (at least 10 is wanted)")


if __name__ == "__main__":
    main()
