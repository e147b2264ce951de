"""CPU time of each stage of the served funnel, request by request, at the default size.

For 200 requests of the service's own examples, each with 500 candidates: milliseconds of a core by
stage, the least of five passes, so that what other programs did to a pass falls out. `http` is what
a request costs around the engine: reading its JSON and writing the answer's. Run by hand.
"""

import json
import tempfile
import time

import numpy as np

from mlsd.cases import find_service
from mlsd.experiments import run_study
from mlsd.serving.artifact import read_artifact
from mlsd.serving.engine import StageClock

SEEDS = (101,)
REQUESTS, PASSES = 200, 5


class CPUClock(StageClock):
    """Counts the CPU time of this process instead of the wall's."""

    def stage(self, name):
        """Return what times a block."""
        return _Block(self.seconds, name)


class _Block:
    def __init__(self, seconds, name):
        self.seconds, self.name = seconds, name

    def __enter__(self):
        self.start = time.process_time()

    def __exit__(self, *error):
        self.seconds[self.name] = time.process_time() - self.start


def measure(seed):
    """Return one row per request."""
    service = find_service("video")
    with tempfile.TemporaryDirectory() as root:
        artifact = service.train(root, seed=seed)
        engine = service.load(read_artifact(artifact.folder, case="video"))
    generator = np.random.default_rng(seed)
    bodies = [json.dumps(engine.example(generator)).encode() for _ in range(REQUESTS)]
    passes = [[ask(engine, body) for body in bodies] for _ in range(PASSES)]
    for times in zip(*passes):
        yield {name: min(each[name] for each in times) for name in times[0]}


def ask(engine, body):
    """Return milliseconds by stage, and the number of candidates."""
    clock, start = CPUClock(), time.process_time()
    answer = engine.answer(engine.parse(body), clock)
    json.dumps(answer)
    clock.seconds["http"] = time.process_time() - start - sum(clock.seconds.values())
    return {name: 1e3 * spent for name, spent in clock.seconds.items()} | {
        "candidates": answer["candidates"]
    }


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/60_stage_times")
