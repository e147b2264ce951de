"""Experiments that lie: what z is on a day, and when a test is stopped."""

import numpy as np
import pytest

from mlsd.checks.ad_click.shipping_mistakes import adjusted_z
from mlsd.lab_support.ad_click.lying_experiments import naive_z, simulate_experiment


def test_naive_z_is_the_difference_of_means_over_its_standard_error():
    experiment, _ = simulate_experiment(3, kind="novelty", users=300)
    so_far = experiment.revenue[:, :5].sum(axis=1)
    one, two = (so_far[experiment.of(arm)] for arm in ("control", "treatment"))
    error = np.sqrt(one.var(ddof=1) / len(one) + two.var(ddof=1) / len(two))
    assert naive_z(experiment)[4] == pytest.approx((two.mean() - one.mean()) / error)


@pytest.mark.parametrize("seed", range(3))
def test_a_test_is_stopped_on_the_first_day_on_which_it_looks_better(seed):
    experiment, effect = simulate_experiment(seed, kind="stopped early")
    assert effect < 0
    looks = range(2, experiment.days + 1)
    z = [adjusted_z(experiment, "control", "treatment", slice(days)) for days in looks]
    # The dashboard adjusts by the past of all users, those outside too: about the same z.
    assert z[-1] > 1.9
    assert all(each < 2.1 for each in z[:-1])
