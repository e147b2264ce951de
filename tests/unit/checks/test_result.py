import signal
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mlsd.checks import attempted, beats, check, gives, holds, outcome_margin, raises
from mlsd.checks.result import CheckFailed, grading_seconds
from mlsd.metrics import Interval
from mlsd.runtime import InputError


@pytest.fixture
def graded(monkeypatch):
    monkeypatch.setenv("MLSD_GRADING", "1")


def stub(x):
    return ...


def test_a_stub_is_not_attempted_wherever_it_is_called():
    assert repr(check("a", ..., gives(1, expected=1))) == "not attempted"
    assert repr(check("a", stub, gives(1, expected=1))) == "not attempted"
    assert repr(check("a", stub, beats(lambda seed, f: f(seed), lambda s: 0, margin=1, seed=1)))
    deep = beats(lambda seed, f: float(f(seed)), lambda seed: 0.0, margin=1, seed=1)
    assert check("a", stub, deep).status == "not attempted"


def test_a_method_of_a_class_is_watched_where_a_test_takes_it():
    class Policy:
        def act(self, x):
            return ...

    chooses = holds(lambda kind: attempted(kind().act)(1) == 1, "choose")
    assert check("policy", Policy, chooses).status == "not attempted"


@pytest.mark.parametrize(
    ("answer", "status", "used"),
    [
        (lambda x: 2 * x, "passed", 6),
        (lambda x: x + 2, "wrong", -3),
        (stub, "not attempted", -3),
        (..., "not attempted", -3),
        (lambda x: 1 / 0, "wrong", -3),
    ],
)
def test_a_chapter_goes_on_with_the_readers_answer_where_it_passed(answer, status, used):
    verdict = check("twice", answer, gives(3, expected=6))
    assert verdict.status == status
    assert verdict.answer_or(lambda x: -x)(3) == used


def test_an_answer_that_is_a_class_stays_one():
    class Policy:
        pass

    same = holds(lambda kind: isinstance(kind(), kind), "be a class")
    assert check("policy", Policy, same).status == "passed"


def test_nothing_is_raised_while_learning():
    result = check("a", lambda x: 1 / x, gives(0, expected=1))
    assert repr(result) == "wrong: raised ZeroDivisionError: division by zero"
    assert repr(check("a", 5, gives(0, expected=1))).startswith("wrong: raised TypeError")
    assert repr(check("a", lambda: 1, gives(0, expected=1))).startswith("wrong: raised TypeError")


@pytest.mark.parametrize("answer", [..., lambda x: x + 2, lambda x: ...])
def test_where_checks_are_strict_only_a_right_answer_returns(monkeypatch, answer):
    monkeypatch.setenv("MLSD_CHECKS", "strict")
    assert check("twice", lambda x: 2 * x, gives(3, expected=6)).status == "passed"
    with pytest.raises(CheckFailed, match=r"check 'twice' says (not attempted|wrong)"):
        check("twice", answer, gives(3, expected=6))


def test_the_first_failing_test_speaks():
    tests = [gives(1, expected=2), gives(2, expected=9, hint="double it")]
    result = check("a", lambda x: x + 1, *tests)
    assert repr(result) == "wrong: for (2): expected 9, got 3; double it"


def test_points_are_told_while_learning_and_are_the_value_when_graded(graded, monkeypatch):
    right = check("a", abs, gives(-1, expected=1), points=2)
    wrong = check("a", abs, gives(-1, expected=2), points=2)
    assert [repr(result) for result in (right, wrong, check("a", ..., points=2))] == ["2", "0", "0"]
    assert wrong._repr_html_() == "<p>0 of 2 · wrong: for (-1): expected 2, got 1</p>"
    angle = check("a", lambda x: "<b>", gives(1, expected="a"))
    assert "&lt;b&gt;" in angle._repr_html_()
    monkeypatch.delenv("MLSD_GRADING")
    assert right._repr_html_() is None
    assert repr(right) == "passed (2 points)"
    assert repr(check("a", abs, gives(-1, expected=1))) == "passed (1 point)"


@pytest.mark.parametrize("run", ["autograde", "validate"])
def test_points_are_the_value_wherever_nbgrader_runs_the_notebook(monkeypatch, run):
    monkeypatch.setenv("NBGRADER_EXECUTION", run)
    assert repr(check("a", abs, gives(-1, expected=2))) == "0"


def noisy(x):
    warnings.warn("careful", stacklevel=2)
    sys.stderr.write("noise")
    np.divide(1.0, np.zeros(1))
    return x


def test_nothing_goes_to_stderr_when_graded(graded, capsys):
    assert check("a", noisy, gives(1, expected=1)).status == "passed"
    assert capsys.readouterr().err == ""


def test_a_changed_input_is_wrong_and_does_not_spoil_later_calls():
    values = np.array([3.0, 1.0])

    def sort_in_place(x):
        x.sort()
        return x.copy()

    result = check("sort", sort_in_place, gives(values, expected=[1.0, 3.0]))
    assert "changed its input" in result.message
    assert values.tolist() == [3.0, 1.0]


def test_refusals_can_be_asked_for():
    assert check("a", int, raises(ValueError, "x")).status == "passed"
    assert check("a", lambda x: 0, raises(ValueError, "x")).message == (
        "for ('x'): expected ValueError, got 0"
    )
    assert "TypeError" in check("a", int, raises(ValueError, None)).message


def deploy(seed, policy):
    return policy(seed) + np.random.default_rng(seed).normal()


def test_an_answer_is_graded_by_what_it_earns_on_the_same_luck(monkeypatch):
    test = beats(deploy, lambda seed: 1.0, margin=0.5, seed=3)
    passed = check("policy", lambda seed: 1.6, test)
    assert passed.status == "passed"
    assert passed.message.startswith("revenue ")
    assert check("policy", lambda seed: 1.4, test).status == "wrong"
    assert "nan" in check("policy", lambda seed: float("nan"), test).message
    monkeypatch.setenv("MLSD_GRADING_SEED", "4711")
    elsewhere = beats(deploy, lambda seed: 1.0, margin=0.5, seed=3)
    only_here = check("policy", lambda seed: 9.0 if seed == 4711 else 0.0, elsewhere)
    assert only_here.status == "passed"


def test_what_it_earned_is_said_with_its_interval_the_authors_result_and_a_hint():
    def earned(seed, policy):
        return Interval(policy, policy - 2, policy + 2)

    test = beats(earned, 100, margin=3, seed=1, authors="107 to 112", hint="Look at users.")
    assert check("policy", 105, test).message == (
        "revenue 105 [103, 107] against 100 of the baseline; the authors' solution: 107 to 112"
    )
    assert check("policy", 101, test).message == (
        "revenue 101 [99, 103] against 100 of the baseline, on seed 1; it takes 103 to pass; "
        "the authors' solution: 107 to 112. Look at users."
    )


def test_what_it_takes_to_pass_passes():
    test = beats(lambda seed, policy: policy, 100.0, margin=3.0, seed=1)
    assert "it takes 103 to pass" in check("policy", 102.0, test).message
    assert check("policy", 103.0, test).status == "passed"


def test_the_baseline_shares_the_seed_that_an_instructor_set(monkeypatch):
    monkeypatch.setenv("MLSD_GRADING_SEED", "4711")
    grown = beats(lambda seed, policy: policy * seed, 1.0, margin=1e-6, seed=3)
    assert check("policy", 1.0, grown).status == "wrong"
    assert check("policy", 1.1, grown).status == "passed"


def test_the_seed_of_an_instructor_is_told_to_nobody(monkeypatch):
    monkeypatch.setenv("MLSD_GRADING_SEED", "4711")
    for earned in (0.5, float("nan")):
        test = beats(lambda seed, policy: policy, 1.0, margin=1.0, seed=3)
        message = check("policy", earned, test).message
        assert "on your instructor's seed" in message
        assert "4711" not in message


def test_a_wrong_grading_seed_is_an_error_and_not_a_wrong_answer(monkeypatch):
    monkeypatch.setenv("MLSD_GRADING_SEED", "4711x")
    with pytest.raises(InputError, match="MLSD_GRADING_SEED is '4711x'"):
        check("policy", lambda seed: 1.0, beats(deploy, lambda s: 1.0, margin=0, seed=1))


@pytest.mark.parametrize("seconds", ["0", "-1", "2.5", "soon"])
def test_a_wrong_time_limit_is_an_error(monkeypatch, seconds):
    monkeypatch.setenv("MLSD_GRADING_SECONDS", seconds)
    with pytest.raises(InputError, match="MLSD_GRADING_SECONDS is"):
        grading_seconds()


def loop(x):
    while True:
        try:
            while True:
                x += 1
        except Exception:
            continue


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timers on this system")
def test_an_answer_that_does_not_end_costs_its_exercise_when_graded(graded, monkeypatch):
    monkeypatch.setenv("MLSD_GRADING_SECONDS", "1")
    before = signal.getsignal(signal.SIGPROF)
    result = check("a", loop, gives(1, expected=2))
    assert (result.status, result.message) == ("wrong", "took over 1 CPU seconds")
    assert check("a", abs, gives(-1, expected=1)).status == "passed"
    assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)
    assert signal.getsignal(signal.SIGPROF) is before


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timers on this system")
def test_an_answer_that_swallows_the_first_interruption_meets_the_next(graded, monkeypatch):
    monkeypatch.setenv("MLSD_GRADING_SECONDS", "1")

    def stubborn(x):
        try:
            loop(x)
        except BaseException:
            end = time.process_time() + 5
            while time.process_time() < end:
                pass
        return 2

    assert check("a", stubborn, gives(1, expected=2)).message == "took over 1 CPU seconds"


def test_a_check_in_another_thread_is_graded_too(graded):
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(check, "a", abs, gives(-1, expected=1)).result()
    assert result.status == "passed"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timers on this system")
def test_nobody_is_timed_while_learning():
    untimed = gives(expected=(0.0, 0.0))
    assert check("a", lambda: signal.getitimer(signal.ITIMER_PROF), untimed).status == "passed"


def test_the_margin_balances_both_false_verdicts():
    def earn(seed, policy):
        return policy + np.random.default_rng([seed, int(policy * 10)]).normal(0, 0.5)

    found = outcome_margin(earn, 0.0, right=8.0, wrong=[1.0, 2.0], seeds=range(60))
    assert 2.0 < found.margin < 8.0
    assert found.right_fails == pytest.approx(found.wrong_passes)
    assert found.right_fails < 0.01
    fresh = range(1000, 1400)
    verdicts = [
        (earn(s, 8.0) - earn(s, 0.0) >= found.margin, earn(s, 2.0) - earn(s, 0.0) < found.margin)
        for s in fresh
    ]
    assert np.mean(verdicts) > 0.99


def test_the_margin_stands_off_the_strongest_wrong_policy_wherever_it_is_listed():
    def earn(seed, policy):
        return policy + np.random.default_rng([seed, int(policy * 10)]).normal(0, 0.5)

    first, last = (
        outcome_margin(earn, 0.0, right=8.0, wrong=wrong, seeds=range(20))
        for wrong in ([5.0, 1.0], [1.0, 5.0])
    )
    assert first == last
    assert first.wrong_gain == pytest.approx(5.0, abs=0.5)


def test_gains_are_taken_on_the_luck_that_both_share():
    """What a seed brings is large beside what a policy earns, and is the same for every policy."""
    found = outcome_margin(
        lambda seed, policy: policy + 100 * seed, 0.0, right=2.0, wrong=[1.0], seeds=range(5)
    )
    assert (found.right_gain, found.wrong_gain, found.margin) == (2.0, 1.0, 1.5)
    assert (found.right_fails, found.wrong_passes) == (0.0, 0.0)


def test_a_margin_that_cannot_be_is_refused():
    with pytest.raises(InputError, match="earns no more"):
        outcome_margin(
            deploy, lambda s: 0.0, right=lambda s: 1.0, wrong=[lambda s: 2.0], seeds=[1, 2, 3]
        )
    with pytest.raises(InputError, match="at least three seeds"):
        outcome_margin(deploy, lambda s: 0.0, right=lambda s: 1.0, wrong=[lambda s: 0.0], seeds=[1])


def if_on_an_array(x):
    return 1 if x > 0 else 0


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (if_on_an_array, "on a whole array; use `np.where`"),
        (0.5, "a function was expected"),
        (lambda x: None + x, "is a value missing"),
    ],
)
def test_a_badly_worded_error_is_explained(answer, meaning):
    said = repr(check("a", answer, gives(np.array([1.0, -1.0]), expected=1)))
    assert said.startswith("wrong: raised ")
    assert meaning in said
