import numpy as np
import pytest

from mlsd.policies.ad_click.reserves import FLOOR, ReservePolicy, per_click, per_impression
from mlsd.runtime import InputError
from mlsd.worlds import AdClickConfig, AdClickWorld
from mlsd.worlds.ad_click import Actions


class OneRate:
    def act(self, requests):
        return Actions(np.full(requests.candidates["ad_id"].shape, 0.02))

    def observe(self, events):
        pass


def revenue(score_reserve, policy):
    config = AdClickConfig(
        price_rule="gsp",
        candidates=2,
        slots=1,
        budget_per_impression=1.0,
        score_reserve=score_reserve,
    )
    report = AdClickWorld(seed=2, size="small", config=config).deploy(policy, 1, history_days=1)
    return report.by_day.loc[0, ["impressions", "revenue"]].to_numpy(float)


def everywhere(reserve):
    return ReservePolicy(OneRate(), lambda predicted: np.full(len(predicted), reserve))


def test_a_reserve_that_never_binds_changes_nothing():
    np.testing.assert_allclose(revenue(FLOOR, everywhere(1e-6)), revenue(FLOOR, OneRate()))


def test_a_higher_reserve_sells_less():
    sold = [revenue(FLOOR, everywhere(reserve))[0] for reserve in (1e-6, 0.01, 0.03, 10.0)]
    assert sold[0] > sold[1] > sold[2] > sold[3] == 0


def test_only_requests_above_their_own_reserve_are_sold():
    # Every other request has a prohibitive reserve: about half of the impressions are left.
    def alternating(predicted):
        return np.where(np.arange(len(predicted)) % 2 == 0, 1e-6, 1e3)

    half = revenue(FLOOR, ReservePolicy(OneRate(), alternating))[0]
    assert half == pytest.approx(revenue(FLOOR, OneRate())[0] / 2, rel=0.02)


@pytest.mark.parametrize("wrong", [0.02, np.zeros(3), np.full((2, 2), 0.02), np.array([np.nan])])
def test_wrong_reserves_are_refused(wrong):
    with pytest.raises(InputError, match="positive reserves, one for each request"):
        revenue(FLOOR, ReservePolicy(OneRate(), lambda predicted: wrong))


def test_a_reserve_per_click_does_not_depend_on_the_scale_of_predictions():
    class TenTimes(OneRate):
        def act(self, requests):
            return Actions(10 * super().act(requests).predicted_ctr)

    def sold(policy, reserve):
        return revenue(FLOOR, ReservePolicy(policy, reserve))

    np.testing.assert_allclose(sold(TenTimes(), per_click(0.5)), sold(OneRate(), per_click(0.5)))
    assert sold(TenTimes(), per_impression(0.01))[0] > sold(OneRate(), per_impression(0.01))[0]
