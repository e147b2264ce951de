"""Actions of an ad market: mixed by request, with the market's own rule where a policy has none."""

import numpy as np

from mlsd.worlds import AdClickConfig, AdClickWorld
from mlsd.worlds.ad_click import Actions

MASK = np.array([True, False])
RULE = np.array([[0.5, 0.6], [0.7, 0.8]])


def actions(rate, score=None):
    return Actions(np.full((2, 2), rate), None if score is None else np.full((2, 2), score))


def test_predictions_are_mixed_by_request():
    mixed = actions(0.1).where(MASK, actions(0.2))
    assert mixed.predicted_ctr.tolist() == [[0.1, 0.1], [0.2, 0.2]]
    assert mixed.rank_score is None
    np.testing.assert_array_equal(mixed.scores(RULE), RULE)


def test_the_market_ranks_the_requests_of_a_policy_without_scores():
    for one, two, ranked in (
        (actions(0.1, 7.0), actions(0.2), [[7.0, 7.0], [0.7, 0.8]]),
        (actions(0.1), actions(0.2, 7.0), [[0.5, 0.6], [7.0, 7.0]]),
        (actions(0.1, 7.0), actions(0.2, 9.0), [[7.0, 7.0], [9.0, 9.0]]),
    ):
        assert one.where(MASK, two).scores(RULE).tolist() == ranked


def test_a_mixture_can_be_mixed_again():
    half = actions(0.1, 7.0).where(MASK, actions(0.2))
    assert half.where(MASK, actions(0.3)).scores(RULE).tolist() == [[7.0, 7.0], [0.7, 0.8]]
    assert half.where(~MASK, actions(0.3, 9.0)).scores(RULE).tolist() == [[9.0, 9.0], [0.7, 0.8]]


class Halves:
    """Leaves every other request to the market and ranks the others as the market would."""

    def __init__(self, rank):
        self.rank = rank

    def act(self, requests):
        predicted = np.full(requests.shape, 0.02, np.float32)
        scored = Actions(predicted, self.rank(requests, predicted))
        return scored.where(np.arange(len(requests)) % 2 == 0, Actions(predicted))

    def observe(self, events):
        pass


def test_in_either_market_a_mixture_of_equals_changes_nothing():
    rules = {
        "click": lambda requests, predicted: requests.candidates["bid"] * predicted,
        "impression": lambda requests, predicted: requests.candidates["bid"],
    }
    for billing, rule in rules.items():
        world = AdClickWorld(seed=2, size="small", config=AdClickConfig(billing=billing))
        mixed = world.deploy(Halves(rule), 1, history_days=1)
        alone = world.deploy(Halves(lambda requests, predicted: None), 1, history_days=1)
        assert mixed.measures == alone.measures, billing
