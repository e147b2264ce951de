"""False verdicts of the exercises that are graded by outcome, over many seeds.

Run by hand; each lab takes 3 to 20 CPU seconds a seed:

    OMP_NUM_THREADS=1 python tests/benchmarks/lab_verdicts.py 50 51 --seeds 300 399 \
        --gains gains.jsonl [--case 02_video_recommendation] [--json] [--settle]

The solution of a lab (the imports and exercises of its source, nothing else) and the wrong answers
listed for its last exercise are deployed on every seed by the lab's own function, and their gains
over the baseline are held against the lab's `MARGIN`. A false verdict is a solution below the
margin, or a wrong answer at or above it; less than one in a hundred is wanted. Where a check has
other conditions too, an answer that breaks one does not pass, whatever it earns; they are asked on
every seed where they read it, and once elsewhere. On one seed all answers share the history, and
one deployment of the policy that `compare` is given first, which is the baseline in every lab, and
what is drawn instead of deployed.
Intervals, which no verdict reads, are made from two draws to save time.

The distance of an answer is that of its mean from the margin, in standard deviations over seeds and
positive on the right side; at least three are wanted where fewer than 300 seeds were measured.
Simpler right answers than the solution stand in `plain_answers.py` and are to pass as well. Where
a verdict is a mean over K independent markets, and any J of them in a row are of the same kinds,
`--markets J K` measures the first J of each seed and gives the standard deviation of a mean of K:
the same distances in a fraction of the time.

Where another condition of a check is an outcome too, `--beside hours_kept 95` also measures it, a
function of the lab's material, and holds it against its own limit: right answers are to lie above,
and those that this condition alone stops below.

Each gain is appended to the file as soon as it is known, and what the file holds is not measured
again: a run may be stopped and taken up. Start a new file when an exercise changes, other than in
its margin. With `--settle`, `outcome_margin` tells from the gains which margin would balance both
kinds of false verdict; do that on development seeds (500 and up), never on those reported.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

from one_json import one_json_object
from plain_answers import PLAIN
from verdict_table import SOLUTION, Gains, Stopped, settled_margin, show, summary

from mlsd.checks import CheckResult, value_of
from mlsd.checks.result import Remark
from mlsd.course.code import code_cells
from mlsd.course.document import check_functions, load_checks
from mlsd.course.layout import Unit, find_units
from mlsd.course.notebooks import cell_tags
from mlsd.course.source import read_source
from mlsd.lab_support.deployed import market_seeds
from mlsd.runtime import project_root
from mlsd.worlds.kit import exposure, tally
from mlsd.worlds.kit.simulated import SimulatedWorld
from mlsd.worlds.kit.tally import Tally, compare_tallies
from mlsd.worlds.logs import Logs

CASE = "01_ad_click_prediction"
# Of one seed at a time: lab 51 has five worlds per seed.
WORLDS_KEPT = 5
# What labs draw where nothing is deployed, at most so many of one seed; answers share them.
DRAWS, DRAWS_KEPT = ("fortnight", "simulate_experiment"), 3_000


class SharedWorld(SimulatedWorld):
    """A world that keeps its logs, and what it saw of the policy that is compared with others.

    `shared_world` puts it before the class of a case's world.
    """

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._logs: dict[int, Logs] = {}
        self._firsts: dict[tuple[int, int], Tally] = {}

    def history(self, days=14):
        """Return what the world's own method does, made once."""
        if days not in self._logs:
            self._logs[days] = super().history(days)
        return self._logs[days]

    def compare(self, a, b, days=7, *, history_days=14):
        """Return what the world's own method does, but deploy `a` only the first time."""
        span = days, history_days
        if span not in self._firsts:
            self._firsts[span] = self._online([a], *span)[0]
        (treatment,) = self._online([b], *span)
        pair = self._firsts[span], treatment
        return compare_tallies(*pair, design="twin", seed=self.seed, paired=True)


@lru_cache(maxsize=WORLDS_KEPT)
def shared_world(
    world: type[SimulatedWorld], seed: int, size: str = "default", config: Any = None
) -> SimulatedWorld:
    """Return the same object for the same world of a case."""
    return type("Shared" + world.__name__, (SharedWorld, world), {})(seed, size, config)


def share_worlds(module: ModuleType) -> None:
    """Let a module make shared worlds, whatever the case of the worlds that it names."""
    for name, named in list(vars(module).items()):
        if isinstance(named, type) and issubclass(named, SimulatedWorld):
            setattr(module, name, partial(shared_world, named))


@dataclass(frozen=True)
class OutcomeExercise:
    """The exercise of a lab that is graded by outcome.

    Attributes
    ----------
    name : str
    check : callable
        Its check, in which every outcome is good enough.
    by_seed : bool
        Whether the check's other conditions read the seed.
    deploy, baseline
        As `beats` is given them.
    """

    name: str
    check: Callable[[Any], CheckResult]
    by_seed: bool
    deploy: Callable
    baseline: Any

    def stops(self, seed: int, answer: Any) -> bool:
        """Return whether an answer breaks another condition of the check than the outcome."""
        return _breaks(self.check, answer, seed if self.by_seed else 0)


@lru_cache(maxsize=100)
def _breaks(check: Callable[[Any], CheckResult], answer: Any, seed: int) -> bool:
    with mock.patch.dict(os.environ, MLSD_GRADING_SEED=str(seed)):
        return check(answer).status != "passed"


def outcome_exercise(checks: ModuleType) -> OutcomeExercise:
    """Return the exercise of a lab that is graded by outcome."""
    given: list[tuple] = []

    def listen(deploy: Callable, baseline: Any, **_: Any) -> Callable[[Any], Remark]:
        given.append((deploy, baseline))
        return lambda answer: Remark("")

    checks.beats = listen
    for name, function in check_functions(checks).items():
        function(...)
        if given:
            return OutcomeExercise(name, function, hasattr(checks, "grading_seed"), *given[0])
    raise SystemExit(f"{checks.__name__}: no check calls beats")


def solutions(unit: Unit) -> dict[str, Any]:
    """Return the names that the imports and the exercises of a solution define."""
    names: dict[str, Any] = {}
    cells = [cell for _, cell in code_cells(read_source(unit))]
    for cell in cells[:1] + [cell for cell in cells if "exercise" in cell_tags(cell)]:
        exec(compile(cell.source, unit.name, "exec"), names)
    return names


def answers_of(unit: Unit, checks: ModuleType, exercise: str) -> dict[str, Any]:
    """Return the solution of an exercise, plain right answers, and the wrong ones listed for it."""
    listed = [wrong for wrong in checks.WRONG_ANSWERS if wrong.exercise == exercise]
    wrong_ones = {wrong.mistake: wrong.answer for wrong in listed}
    return {SOLUTION: solutions(unit)[exercise]} | PLAIN.get(unit.name, {}) | wrong_ones


def measure(
    unit: Unit,
    exercise: OutcomeExercise,
    answers: dict[str, Any],
    seeds: range,
    *,
    path: Path,
    only: list[str] | None,
    markets: int | None = None,
    beside: str | None = None,
) -> list[dict[str, Any]]:
    """Return a row for each answer and seed, with gain, CPU seconds and whether it is stopped.

    What is not in the file is measured and added to it, in the first `markets` of a seed or in all.
    """
    deploy, baseline = exercise.deploy, exercise.baseline
    rows = [row for row in _kept(path, unit, beside) if row["answer"] in answers]
    rows = [row for row in rows if row["seed"] in seeds]
    known = {(row["answer"], row["seed"]) for row in rows}
    asked = [name for name in answers if only is None or name in only]
    # Deployments stand with the material of a lab, not with its checks.
    material = sys.modules[deploy.__module__]
    share_worlds(material)
    for name in (name for name in DRAWS if hasattr(material, name)):
        setattr(material, name, lru_cache(maxsize=DRAWS_KEPT)(getattr(material, name)))
    if markets:
        for module in (material, sys.modules[market_seeds.__module__]):
            module.market_seeds = lambda seed, all_of_them: market_seeds(seed, markets)
    earned = lru_cache(maxsize=len(answers) + 1)(deploy)
    with path.open("a") as file:
        for seed in seeds:
            for name in (name for name in asked if (name, seed) not in known):
                began, answer = time.process_time(), answers[name]
                gain = value_of(earned(seed, answer)) - value_of(earned(seed, baseline))
                row = {"lab": unit.name, "seed": seed, "answer": name, "gain": gain}
                row["stopped"] = exercise.stops(seed, answer)
                row |= {beside: value_of(getattr(material, beside)(seed, answer))} if beside else {}
                row["cpu_seconds"] = round(time.process_time() - began, 2)
                print(json.dumps(row), file=file, flush=True)
                rows.append(row)
    return rows


def _kept(path: Path, unit: Unit, beside: str | None) -> list[dict[str, Any]]:
    """Return the rows of a lab in a file of gains that hold all that is asked for."""
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    asked = {"cpu_seconds", beside or "gain"}
    return [row for row in rows if row["lab"] == unit.name and asked <= row.keys()]


def by_answer(rows: list[dict[str, Any]], column: str) -> Gains:
    """Return a column of rows by answer and seed."""
    table: Gains = defaultdict(dict)
    for row in rows:
        table[row["answer"]][row["seed"]] = row[column]
    return table


def results_of(
    unit: Unit, rows: list[dict[str, Any]], margin: float, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Return the figures of a lab, and of what was measured beside its gains."""
    gains, seconds = by_answer(rows, "gain"), by_answer(rows, "cpu_seconds")
    stopped: Stopped = defaultdict(set)
    for row in (row for row in rows if row["stopped"]):
        stopped[row["answer"]].add(row["seed"])
    plain, (measured, of) = list(PLAIN.get(unit.name, {})), arguments.markets
    said = {"plain": plain, "share": measured / of if measured else 1.0}
    results = {unit.name: summary(gains, margin, stopped, seconds, **said)}
    if arguments.settle:
        settled = settled_margin(gains, stopped, [SOLUTION, *plain])
        results[unit.name]["settled"] = vars(settled)
    beside, least = arguments.beside
    if beside:
        given = by_answer(rows, beside), float(least), defaultdict(set), seconds
        results[f"{unit.name}, {beside}"] = summary(*given, **said)
    return results


def main() -> None:
    """Print a table, or with ``--json`` one object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("labs", nargs="+", type=int, help="numbers, as in 50 51")
    parser.add_argument("--case", default=CASE, help="folder of the labs")
    parser.add_argument("--seeds", nargs=2, type=int, default=(300, 399), metavar=("FROM", "TO"))
    parser.add_argument("--only", nargs="+", help="answers, as in solution 'raw rates'")
    parser.add_argument("--gains", type=Path, required=True, help="JSON lines, to be taken up")
    parser.add_argument("--markets", nargs=2, type=int, default=(None, None), metavar=("J", "K"))
    parser.add_argument("--beside", nargs=2, default=(None, None), metavar=("NAME", "LEAST"))
    parser.add_argument("--settle", action="store_true", help="also say which margin balances")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    print_object = one_json_object(arguments.json)
    # Exposure has the name from tally, and both have to draw alike.
    tally.REPETITIONS = exposure.REPETITIONS = 2
    wanted = ("lab", arguments.case)
    units = [unit for unit in find_units(project_root()) if (unit.kind, unit.case) == wanted]
    seeds, results = range(arguments.seeds[0], arguments.seeds[1] + 1), {}
    for unit in (unit for number in arguments.labs for unit in units if unit.step == number):
        checks = load_checks(unit)
        exercise = outcome_exercise(checks)
        answers = answers_of(unit, checks, exercise.name)
        asked = {"path": arguments.gains, "only": arguments.only}
        asked |= {"markets": arguments.markets[0], "beside": arguments.beside[0]}
        rows = measure(unit, exercise, answers, seeds, **asked)
        results |= results_of(unit, rows, checks.MARGIN, arguments)
    for name in () if arguments.json else results:
        show(name, results[name])
    if arguments.json:
        print_object(results)


if __name__ == "__main__":
    main()
