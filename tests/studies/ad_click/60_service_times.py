"""CPU milliseconds of one request of 200 candidates, stage by stage and model by model.

Chapter `60_serve` queues these times instead of those of the reader's machine, where other
programs run. The ensemble of the ladder is fitted as for the ledger; it, its members and a student
are then asked for the same requests, as they were trained and compiled, and the least of five
passes counts. The student learns from a smoothed rate here, since its time does not depend on what
it has learned. The stage `http` is the CPU time of a served process per request, with a model that
is one constant: sockets, JSON, the hand-over to a thread, look-up; one value per window of two
seconds.

Run by hand on a quiet machine (three CPU minutes); it writes data/samples/service_times.csv.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from mlsd.cases.ad_click.ladder import LADDER, WORLDS
from mlsd.experiments.ledger import ledger_settings
from mlsd.experiments.rungs import select_rungs
from mlsd.experiments.sources import Replicate
from mlsd.models import SmoothedRate, StudentPerceptron
from mlsd.runtime import atomic_path, project_root
from mlsd.serving import CompressedStudent, poisson_arrivals
from mlsd.serving.ad_click.store import ad_features
from mlsd.serving.compiled import RequestColumns
from mlsd.serving.compiled.fitted import compile_scorer
from mlsd.serving.load import as_post, drive

SEED, HISTORY_DAYS = 101, 14
CANDIDATES, REQUESTS, PASSES = 200, 300, 5
RATE, WINDOW_SECONDS, WINDOWS = 100.0, 2.0, 15
TARGET = project_root() / "data" / "samples" / "service_times.csv"
COMMAND = "from mlsd.cli import main; main()"


def fitted_models():
    """Return fitted models by name, and the features that a service looks up for them."""
    world = WORLDS.make(SEED, size="default")
    logs = world.history(days=HISTORY_DAYS)
    log = logs.labelled_log()
    replicate = Replicate(
        SEED,
        log,
        world=world,
        tables={"conversions": logs.conversions},
        history_days=HISTORY_DAYS,
    )
    prepared = LADDER.protocol.prepare(replicate)
    (rung,) = select_rungs(LADDER.rungs, ["ensemble"])
    settings = ledger_settings("ad_click", rung, log.roles)
    ensemble = LADDER.protocol.fit(rung, prepared, settings).model
    members = {name: fits[0] for name, fits in ensemble.fitted_.items()}
    names = {name: getattr(members["cross"], name) for name in ("categorical", "numeric")}
    teacher = SmoothedRate(levels=(("ad_id",),), strength=100.0)
    student = CompressedStudent(
        teacher=teacher, student=StudentPerceptron(**names, epochs=0.2, random_state=0)
    )
    columns = prepared.counters.compute(log)
    train = log.frame.join(columns).iloc[log.split.train[-100_000:]]
    student.fit(train, train["click"])
    features = ad_features(logs, log, prepared.counters.serving(log), None)
    return {"ensemble": ensemble, **members, "student": student}, features


def made_requests(features):
    """Return contexts and ids of 200 live ads each."""
    generator = np.random.default_rng(0)
    for _ in range(REQUESTS):
        context = {name: int(generator.integers(size)) for name, size in features.sizes.items()}
        context["user_id"] = int(generator.choice(features.users_by_activity[:5_000]))
        yield context, generator.choice(features.live_ads, CANDIDATES, replace=False)


def least_times(ask, requests):
    """Return the CPU milliseconds of each request, the least of some passes."""
    best = np.full(len(requests), np.inf)
    for _ in range(PASSES):
        for i, request in enumerate(requests):
            start = time.process_time()
            ask(request)
            best[i] = min(best[i], 1e3 * (time.process_time() - start))
    return best


def model_times():
    """Yield stage and times of look-up and every form of every model."""
    models, features = fitted_models()
    lookup = features.lookup()
    asked = list(made_requests(features))
    yield "look-up", least_times(lambda each: lookup.columns(*each), asked)
    rows = [lookup.columns(*each) for each in asked]
    for name, model in models.items():
        yield f"{name}, as trained", least_times(model.predict_proba, rows)
        served = compile_scorer(model)
        yield f"{name}, compiled", least_times(lambda r, s=served: s.score(RequestColumns(r)), rows)


def http_times():
    """Return CPU milliseconds per request of a served process whose model is one constant."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["serve", "ad_click", "--artifacts", folder, "--rung", "global_rate"]
        words += ["--size", "small"]
        subprocess.run([sys.executable, "-c", COMMAND, *words, "--train-only"], check=True)
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, *words, "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            port = int(re.search(r":(\d+)/", process.stdout.readline())[1])
            return [_one_window(port, process.pid, seed) for seed in range(WINDOWS)]
        finally:
            process.terminate()
            process.wait(20)


def _one_window(port, pid, seed):
    due = poisson_arrivals(RATE, WINDOW_SECONDS, seed)
    example = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/example"))
    generator = np.random.default_rng(seed)
    posts = []
    for _ in due:
        ids = generator.choice(example["ad_ids"], CANDIDATES).tolist()
        bids = generator.uniform(0.2, 2.0, CANDIDATES).round(3).tolist()
        body = {"context": example["context"], "ad_ids": ids, "bids": bids}
        posts.append(as_post("/rank", json.dumps(body).encode()))
    before = psutil.Process(pid).cpu_times()
    asyncio.run(drive(port, posts, due))
    after = psutil.Process(pid).cpu_times()
    return 1e3 * (after.user + after.system - before.user - before.system) / len(due)


def main():
    """Measure, print and write."""
    stages = {"http": http_times(), **dict(model_times())}
    table = pd.DataFrame(
        [(stage, value) for stage, values in stages.items() for value in values],
        columns=["stage", "milliseconds"],
    ).round(3)
    with atomic_path(Path(TARGET)) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")
    print(table.groupby("stage")["milliseconds"].describe().round(3))


if __name__ == "__main__":
    main()
