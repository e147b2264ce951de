"""Hold the results of one checkout against another's: what a move must not change.

Every executed notebook is compared output by output, pictures included, and every committed ledger
(or the JSON of `mlsd ladder --out`) figure by figure. Times differ from run to run; so the outputs
that differ between two runs of the *same* code (``--noise``, a second checkout of the first) are
left out, by demonstration rather than by name. Columns of ledgers that are times are known.

    python tests/benchmarks/equal_results.py BEFORE AFTER --noise BEFORE_RUN_AGAIN
    python tests/benchmarks/equal_results.py before.json after.json
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from mlsd.course.notebooks import read_notebook

TIMES = re.compile(r"seconds|_ms$|per_second")
# A pickle holds the names of modules, which a move changes.
SIZES = {"memory_mb"}
ADDED = {"selected"}
# An object's address in a text output, and the module that a class is said to stand in.
_NOISE = re.compile(r"0x[0-9a-f]+|\bmlsd(\.\w+)+")

Place = tuple[str, int]


def outputs_of(root: Path) -> dict[Place, str]:
    """Return what each code cell of all executed notebooks put out, by notebook and place."""
    found = {}
    for path in sorted([*root.glob("notebooks/*/*.ipynb"), *root.glob("solutions/*/*.ipynb")]):
        name = f"{path.parent.parent.name}/{path.parent.name}/{path.stem}"
        cells = [cell for cell in read_notebook(path).cells if cell.cell_type == "code"]
        for place, cell in enumerate(cells, start=1):
            kept = [dict(output, execution_count=None) for output in cell.outputs]
            found[name, place] = _NOISE.sub("", json.dumps(kept, sort_keys=True))
    if not found:
        sys.exit(f"{root}: holds no executed notebook; give a checkout")
    return found


def compare_notebooks(before: Path, after: Path, noise: Path | None) -> Iterator[str]:
    """Yield a line for each output that is not what it was, and one that counts them all."""
    old, new = outputs_of(before), outputs_of(after)
    again = outputs_of(noise) if noise else old
    noisy = {place for place, text in old.items() if again.get(place) != text}
    for name, place in sorted(set(old) ^ set(new)):
        yield f"{name}: code cell {place} stands on one side only"
    differing = [p for p in sorted(set(old) & set(new)) if old[p] != new[p] and p not in noisy]
    for name, place in differing:
        yield f"{name}: code cell {place} puts out something else"
    print(f"notebooks: {len(old)} code cells, {len(noisy)} with times, {len(differing)} differ")


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """Return the leaves of a JSON value by their path; the rungs of a ladder by their names."""
    if isinstance(value, list) and all(isinstance(v, dict) and "rung" in v for v in value):
        value = {each["rung"]: each for each in value}
    if isinstance(value, list):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        parts = [_flat(each, f"{name}/{key}") for key, each in value.items()]
        return {path: leaf for part in parts for path, leaf in part.items()}
    return {name: value}


def read_ledger(path: Path) -> dict[str, Any]:
    """Return the figures of a ledger, CSV or JSON, by rung and name; times and sizes left out."""
    if path.suffix == ".json":
        table = _flat(json.loads(path.read_text(encoding="utf-8")))
    else:
        table = _flat(pd.read_csv(path).to_dict("records"))
    return {
        name: value
        for name, value in table.items()
        if not TIMES.search(leaf := name.rsplit("/", 1)[-1]) and leaf not in SIZES | ADDED
    }


def _same(a: Any, b: Any) -> bool:
    both = isinstance(a, float) and isinstance(b, float)
    return a == b or (both and math.isnan(a) and math.isnan(b))


def compare_ledgers(before: Path, after: Path) -> Iterator[str]:
    """Yield a line for each figure that is not what it was, and one that counts them all."""
    old, new = read_ledger(before), read_ledger(after)
    differing = [n for n in old if n not in new or not _same(old[n], new[n])]
    for name in differing:
        yield f"{before.name}{name}: {old[name]} -> {new.get(name, 'missing')}"
    print(f"{before.name}: {len(old)} figures without times, {len(differing)} differ")


def main() -> int:
    """Print what differs; exit with 1 if anything does."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path, help="checkout, or JSON of `mlsd ladder --out`")
    parser.add_argument("after", type=Path)
    parser.add_argument("--noise", type=Path, help="`before`, executed once more")
    chosen = parser.parse_args()
    if chosen.before.is_file():
        lines = list(compare_ledgers(chosen.before, chosen.after))
    else:
        lines = list(compare_notebooks(chosen.before, chosen.after, chosen.noise))
        for path in sorted((chosen.before / "data" / "ledgers").glob("*.csv")):
            lines += compare_ledgers(path, chosen.after / path.relative_to(chosen.before))
    print(*lines, sep="\n", end="\n" if lines else "")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
