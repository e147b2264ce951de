import pandas as pd
import pytest

from mlsd.lab_support.ad_click.randomised_slice import estimates, three_logs

TABLE = pd.DataFrame(
    {
        "reward": [10.0, 0.0, 6.0, 8.0],
        "propensity": [0.5, 0.25, 0.5, 0.1],
        "agrees": [True, True, False, True],
        "predicted_logged": [4.0, 1.0, 2.0, 5.0],
        "predicted_new": [5.0, 1.0, 3.0, 5.0],
    }
)


def test_estimates_by_hand():
    # Weights 2, 4, 0 and 10; residuals times weights 12, -4, 0 and 30.
    found = estimates(TABLE)
    assert found["IPS"] == pytest.approx((20 + 0 + 0 + 80) / 4)
    assert found["SNIPS"] == pytest.approx(100 / 16)
    assert found["DR"] == pytest.approx(14 / 4 + 38 / 4)
    assert found["effective sample"] == pytest.approx(16**2 / (4 + 16 + 100))


def test_a_policy_that_shows_what_was_logged_for_certain_earns_the_mean():
    found = estimates(TABLE.assign(agrees=True, propensity=1.0, predicted_new=0.0))
    assert found["IPS"] == found["SNIPS"] == TABLE["reward"].mean()
    assert found["effective sample"] == len(TABLE)


def test_a_right_prediction_leaves_the_doubly_robust_estimate_no_noise():
    certain = TABLE.assign(predicted_logged=TABLE["reward"])
    assert estimates(certain)["DR"] == TABLE["predicted_new"].mean()


def test_one_of_three_logs_can_judge():
    logs = three_logs(31)
    means = {name: log["weight"].mean() for name, log in logs.items()}
    sizes = {name: estimates(log)["effective sample"] for name, log in logs.items()}
    assert means["A"] == pytest.approx(1, abs=0.05)
    assert means["C"] == pytest.approx(2 * means["A"])
    assert sizes["B"] < 500 < sizes["A"] == pytest.approx(sizes["C"])
