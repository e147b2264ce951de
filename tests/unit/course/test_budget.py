import pytest

from mlsd.course.budget import PLANNED, TimeBudget


def test_the_projection_takes_each_kind_at_its_average():
    seconds = {"notebooks/a/10.ipynb": 40.0, "notebooks/a/20.ipynb": 20.0, "labs/a/l.ipynb": 6.0}
    budget = TimeBudget(seconds, workers=2, minutes=50)
    assert budget.spent_minutes == pytest.approx(66 / 120)
    assert budget.projected_minutes == pytest.approx((30 * 60 + 6 * 40) / 120)
    assert budget.complaints() == []


def test_a_workbook_beyond_its_plan_is_taken_whole():
    count = PLANNED["notebooks"] + 40
    seconds = {f"notebooks/a/{i}.ipynb": 6.0 for i in range(count)}
    assert TimeBudget(seconds, 1, 50).projected_minutes == pytest.approx(count * 6 / 60)


def test_both_the_sum_and_the_projection_are_held():
    slow = TimeBudget({"notebooks/a/10.ipynb": 101.0}, workers=2, minutes=50)
    assert slow.complaints(project=False) == []
    (projection,) = slow.complaints()
    assert projection == "the complete workbook would take 50.5 min on 2 workers; allowed are 50"
    long = TimeBudget({"solutions/a/l.ipynb": 6001.0}, workers=2, minutes=50)
    assert len(long.complaints()) == 2


def test_nothing_run_spends_nothing():
    assert TimeBudget({}, 2, 50).complaints() == []
