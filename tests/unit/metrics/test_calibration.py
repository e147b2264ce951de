import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from mlsd.metrics import calibration_ratio, expected_calibration_error, reliability_table
from mlsd.runtime import InputError


@pytest.fixture
def sample():
    random = np.random.default_rng(5)
    p = random.beta(2, 20, 20_000)
    return (random.random(20_000) < p).astype(int), p


def test_hand_computed_values():
    y, p = [0, 1, 0, 1], [0.1, 0.3, 0.6, 0.9]
    assert calibration_ratio(y, p) == pytest.approx(1.9 / 2)
    assert expected_calibration_error(y, p, bins=2) == pytest.approx((0.3 + 0.25) / 2)
    assert expected_calibration_error(y, p, bins=1) == pytest.approx(0.025)


def test_ratio_scales_with_the_prediction(sample):
    y, p = sample
    assert calibration_ratio(y, p / 2) == pytest.approx(calibration_ratio(y, p) / 2)
    assert calibration_ratio(y, p) == pytest.approx(1, abs=0.05)


def test_error_finds_a_planted_miscalibration(sample):
    y, p = sample
    assert expected_calibration_error(y, p) < 0.01
    assert expected_calibration_error(y, p + 0.05) == pytest.approx(0.05, abs=0.005)


def test_error_equals_that_of_scikit_learns_curve(sample):
    y, p = sample
    observed, predicted = calibration_curve(y, p, n_bins=20, strategy="quantile")
    expected = np.abs(observed - predicted).mean()
    assert expected_calibration_error(y, p, bins=20) == pytest.approx(expected, rel=1e-9)


def test_limits():
    y = np.array([0, 1, 1, 0])
    assert expected_calibration_error(y, y, bins=2) == 0
    assert expected_calibration_error(y, 1 - y, bins=2) == 1
    assert expected_calibration_error(y, np.full(4, 0.5)) == 0


def test_tied_rows_share_a_bin_whatever_their_order():
    y = np.array([1] * 30 + [0] * 70)
    p = np.repeat([0.2, 0.4], 50)
    values = {
        round(expected_calibration_error(y[o], p[o], bins=7), 12)
        for o in map(np.random.default_rng(1).permutation, [100] * 5)
    }
    assert values == {round((0.5 * 0.4) + (0.5 * 0.4), 12)}


def test_table_partitions_the_rows_and_adds_up_to_the_error(sample):
    y, p = sample
    table = reliability_table(y, p, bins=20)
    gaps = (table["predicted"] - table["observed"]).abs()
    assert table["rows"].tolist() == [1_000] * 20
    assert (gaps * table["rows"]).sum() / len(y) == pytest.approx(expected_calibration_error(y, p))
    assert table["predicted"].is_monotonic_increasing


def test_table_has_wilson_intervals():
    table = reliability_table([1] + [0] * 9, [0.1] * 10, bins=3)
    assert len(table) == 1
    assert table.loc[0, ["low", "high"]].tolist() == pytest.approx([0.0179, 0.4042], abs=1e-4)


@pytest.mark.parametrize("metric", [calibration_ratio, expected_calibration_error])
@pytest.mark.parametrize(
    ("y", "p", "message"),
    [
        ([], [], "empty"),
        ([1, 0], [0.5], "equal length"),
        ([1, 0], [0.5, np.nan], "finite"),
        ([1, 0], [0.5, 1.5], "between 0 and 1"),
    ],
)
def test_bad_input_is_named(metric, y, p, message):
    with pytest.raises(InputError, match=message):
        metric(y, p)


def test_ratio_needs_a_one_and_error_needs_a_bin():
    with pytest.raises(InputError, match="no label is 1"):
        calibration_ratio([0, 0], [0.1, 0.1])
    with pytest.raises(InputError, match="bins is 0"):
        expected_calibration_error([0, 1], [0.1, 0.1], bins=0)
