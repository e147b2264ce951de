"""The service times that chapter `60_serve` queues: CPU seconds of each of its 1,500 requests,
the least of nine.

The chapter's own cells set everything up, up to the one that times the requests. Run by hand on a
quiet machine; it writes data/samples/service_times.csv.
"""

import time
from timeit import timeit

import numpy as np
import pandas as pd

from mlsd.course.code import code_cells
from mlsd.course.layout import make_unit
from mlsd.course.source import read_source
from mlsd.runtime import atomic_path, project_root

PASSES = 9
TARGET = project_root() / "data" / "samples" / "service_times.csv"


def run_until(name):
    """Run the chapter's cells until one has set `name`, and return all names."""
    unit = make_unit(project_root(), "01_ad_click_prediction", "60_serve")
    names = {}
    for _, cell in code_cells(read_source(unit)):
        exec(cell.source, names)
        if name in names:
            return names
    raise LookupError(f"no cell of {unit.label} sets {name}")


def main():
    names = run_until("service")
    score, requests = names["service"].score, names["requests"]
    # CPU seconds, and the least of several passes: what other programs add is not the request's.
    clock = {"number": 1, "timer": time.process_time}
    passes = [
        [1e3 * timeit(lambda asked=asked: score(asked), **clock) for asked in requests]
        for _ in range(PASSES)
    ]
    table = pd.DataFrame({"milliseconds": np.min(passes, axis=0)}).round(3)
    with atomic_path(TARGET) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")
    print(table.describe().T)


if __name__ == "__main__":
    main()
