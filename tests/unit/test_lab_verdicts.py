"""Verdicts over seeds are those of the check: its other conditions count too."""

import sys
from collections import defaultdict
from types import ModuleType, SimpleNamespace

import pytest

from mlsd.checks import beats, check, holds
from mlsd.checks.outcome import grading_seed
from mlsd.lab_support import deployed
from mlsd.runtime import project_root
from mlsd.worlds import AdClickWorld, VideoWorld


@pytest.fixture
def verdicts(monkeypatch):
    """Return the benchmark as a module."""
    monkeypatch.syspath_prepend(str(project_root() / "tests" / "benchmarks"))
    monkeypatch.delitem(sys.modules, "lab_verdicts", raising=False)
    import lab_verdicts

    return lab_verdicts


@pytest.fixture
def checks():
    """Return the checks of a lab whose outcome exercise asks for an even number too."""
    # Of the name that its functions say they come from.
    module = ModuleType(__name__)

    def check_first(answer):
        return check("first", answer, holds(lambda n: n > 0, "has to be positive"))

    def check_price(answer):
        even = holds(lambda n: n % 2 == 0, "has to be even")
        return check("price", answer, even, module.beats(_deploy, 1, margin=5, seed=1))

    module.beats, module.check_first, module.check_price = beats, check_first, check_price
    return module


def _deploy(seed, price):
    return float(price)


def _in_its_markets(seed, price):
    return deployed.mean_over_markets(seed, 3, lambda market: float(market % 1_000))


def test_other_conditions_are_asked_without_the_outcome(verdicts, checks):
    exercise = verdicts.outcome_exercise(checks)
    assert (exercise.name, exercise.deploy, exercise.baseline) == ("price", _deploy, 1)
    assert not exercise.stops(3, 2)
    assert exercise.stops(3, 9)


def test_conditions_that_read_the_seed_are_asked_on_each(verdicts, checks):
    def check_price(answer):
        below = holds(lambda n: n < checks.grading_seed(1), "has to be below the seed")
        return check("price", answer, below, checks.beats(_deploy, 1, margin=5, seed=1))

    checks.check_price, checks.grading_seed = check_price, grading_seed
    exercise = verdicts.outcome_exercise(checks)
    assert [exercise.stops(seed, 7) for seed in (7, 8)] == [True, False]


def test_an_answer_that_breaks_a_condition_does_not_pass(verdicts):
    gains = {verdicts.SOLUTION: {1: 9.0}, "odd": {1: 8.0, 2: 9.0}, "small": {1: 1.0, 2: 6.0}}
    stopped, seconds = defaultdict(set, odd={1, 2}), defaultdict(dict)
    answers = verdicts.summary(gains, 5.0, stopped, seconds)["answers"]
    assert [answers[name]["false"] for name in gains] == [0, 0, 1]
    assert [answers[name]["stopped"] for name in gains] == [0, 2, 0]
    stopped[verdicts.SOLUTION] = {1}
    assert verdicts.summary(gains, 5.0, stopped, seconds)["answers"]["solution"]["false"] == 1


def test_worlds_of_any_case_are_shared(verdicts):
    material = ModuleType("material")
    material.VideoWorld, material.AdClickWorld, material.seed = VideoWorld, AdClickWorld, 3
    verdicts.share_worlds(material)
    world = material.VideoWorld(seed=3, size="small")
    assert material.VideoWorld(seed=3, size="small") is world
    assert isinstance(world, VideoWorld)
    assert isinstance(material.AdClickWorld(seed=3, size="small"), AdClickWorld)
    logs = world.history(days=1)
    assert world.history(days=1) is logs
    assert logs.impressions.equals(VideoWorld(seed=3, size="small").history(days=1).impressions)
    assert material.seed == 3


def test_distances_are_from_the_margin_on_the_side_where_an_answer_belongs(verdicts):
    gains = {"solution": {1: 8.0, 2: 12.0}, "simple": {1: 6.0, 2: 10.0}, "poor": {1: 0.0, 2: 2.0}}
    given = gains, 5.0, defaultdict(set), {name: {1: 2.0, 2: 4.0} for name in gains}
    answers = verdicts.summary(*given, plain=["simple"])["answers"]
    # Of two gains, the standard deviation is their difference over the root of two.
    distances = {"solution": 5 / 8**0.5, "simple": 3 / 8**0.5, "poor": 4 / 2**0.5}
    assert {n: row["distance"] for n, row in answers.items()} == pytest.approx(distances)
    assert [row["cpu_seconds"] for row in answers.values()] == [3.0] * 3
    halved = verdicts.summary(*given, plain=["simple"], share=0.25)["answers"]["poor"]
    assert halved["distance"] == pytest.approx(2 * distances["poor"])


def test_what_is_measured_beside_gains_is_kept_with_them(verdicts, checks, tmp_path, monkeypatch):
    monkeypatch.setattr(deployed, "market_seeds", deployed.market_seeds)
    monkeypatch.setattr(sys.modules[__name__], "market_seeds", None, raising=False)
    lab, path = SimpleNamespace(name="lab_price"), tmp_path / "gains.jsonl"
    given = lab, verdicts.outcome_exercise(checks), {"solution": 8, "odd": 9}, range(1, 3)
    alone = verdicts.measure(*given, path=path, only=["odd"])
    assert verdicts.by_answer(alone, "gain") == {"odd": {1: 8.0, 2: 8.0}}
    beside = {"path": path, "only": None, "beside": "_in_its_markets"}
    rows = verdicts.measure(*given, **beside)
    markets = dict.fromkeys(["solution", "odd"], {1: 1.0, 2: 1.0})
    assert verdicts.by_answer(rows, "_in_its_markets") == markets
    assert verdicts.measure(*given, **beside) == rows
    assert len(path.read_text().splitlines()) == 6
    first = verdicts.measure(*given, **beside | {"path": tmp_path / "first", "markets": 1})
    assert verdicts.by_answer(first, "_in_its_markets")["odd"] == {1: 0.0, 2: 0.0}
