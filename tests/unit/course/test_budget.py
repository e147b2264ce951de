"""Costs are counted in units of a calibration loop, added up by case, and nothing is left out."""

from types import SimpleNamespace

import pytest

from mlsd.course import budget
from mlsd.course.budget import Cost, case_costs, read_costs, record_costs, recorded_costs
from mlsd.runtime import InputError, case_name

CHAPTER = "notebooks/01_ad_click_prediction/10_frame.ipynb"
TESTS = "tests/unit/policies/ad_click/test_bids.py"


@pytest.fixture
def root(tmp_path):
    for name in (CHAPTER, TESTS, "tests/unit/metrics/test_auc.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    record_costs(tmp_path, tmp_path / budget.NOTEBOOK_COSTS, {CHAPTER: Cost(9.0, 8.0, 40.0)})
    record_costs(tmp_path, tmp_path / budget.TEST_COSTS, {TESTS: Cost(3.0, 2.0, 10.0)})
    return tmp_path


def test_costs_of_a_case_are_added_up_by_kind():
    costs = {
        CHAPTER: Cost(calibrations=1.0),
        "labs/01_ad_click_prediction/lab_20_baseline.ipynb": Cost(calibrations=2.0),
        "solutions/01_ad_click_prediction/lab_20_baseline.ipynb": Cost(calibrations=4.0),
        "labs/mlsd/checks/ad_click/lab_20_baseline.py": Cost(calibrations=8.0),
        TESTS: Cost(calibrations=16.0),
        "tests/unit/metrics/test_auc.py": Cost(calibrations=32.0),
        "tests/unit/features/test_handbook.py": Cost(calibrations=64.0),
        "tests/contract/test_worlds_ad_click.py": Cost(calibrations=128.0),
    }
    (kinds,) = case_costs(costs).values()
    found = {kind: cost.calibrations for kind, cost in kinds.items()}
    assert found == {"notebooks": 1.0, "solutions": 4.0, "labs": 2.0, "tests": 152.0}


def test_a_slow_machine_comes_to_the_same_minutes():
    quick, slow = (Cost(cpu_seconds=s, calibrations=s / c) for s, c in [(60.0, 0.1), (240.0, 0.4)])
    assert quick.reference_minutes == pytest.approx(slow.reference_minutes)
    at_reference = Cost(cpu_seconds=60.0, calibrations=60.0 / budget.REFERENCE_SECONDS)
    assert at_reference.reference_minutes == pytest.approx(1.0)


def test_the_calibration_is_the_median_of_three(monkeypatch):
    marks = iter([0.0, 1.0, 3.0, 103.0])
    monkeypatch.setattr(budget, "time", SimpleNamespace(process_time=lambda: next(marks)))
    assert budget.calibration_seconds() == 2.0


def test_a_record_keeps_what_a_later_run_leaves_out_and_forgets_deleted_files(root):
    path = root / budget.NOTEBOOK_COSTS
    other = CHAPTER.replace("10_frame", "20_baseline")
    (root / other).write_text("")
    record_costs(root, path, {other: Cost(1.0, 1.0, 5.0)})
    assert read_costs(path) == {CHAPTER: Cost(9.0, 8.0, 40.0), other: Cost(1.0, 1.0, 5.0)}
    (root / CHAPTER).unlink()
    record_costs(root, path, {})
    assert list(read_costs(path)) == [other]


def test_a_later_run_replaces_the_record_of_its_files(root):
    path = root / budget.NOTEBOOK_COSTS
    record_costs(root, path, {CHAPTER: Cost(2.0, 1.0, 5.0)})
    assert read_costs(path) == {CHAPTER: Cost(2.0, 1.0, 5.0)}


def test_the_sum_is_refused_while_something_has_no_record(root):
    assert case_costs(recorded_costs(root))[case_name("ad_click")]["tests"].calibrations == 10.0
    (root / TESTS.replace("bids", "prices")).write_text("")
    with pytest.raises(InputError, match=r"test_prices.py: no record of 1 of 2 files; run `make"):
        recorded_costs(root)
    lab = root / "solutions/01_ad_click_prediction/lab_20_baseline.ipynb"
    lab.parent.mkdir(parents=True)
    lab.write_text("")
    with pytest.raises(InputError, match=r"lab_20_baseline.ipynb: no record .* `mlsd course test`"):
        recorded_costs(root)


def test_a_broken_record_is_one_line(root):
    (root / budget.TEST_COSTS).write_text('{"a": 3}')
    with pytest.raises(InputError, match=r"tests.json: is not a record of costs"):
        recorded_costs(root)
