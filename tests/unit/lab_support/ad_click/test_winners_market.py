import numpy as np
import pytest

from mlsd.lab_support.ad_click.winners_market import RIVALS, RetrievalPolicy, unchanged
from mlsd.runtime import InputError
from mlsd.worlds.ad_click import Actions
from mlsd.worlds.base import CandidateRequests


class Rates:
    def __init__(self, rate):
        self.rate = rate

    def act(self, requests):
        return Actions(np.full(requests.candidates["bid"].shape, self.rate))

    def observe(self, events):
        pass


def requests(publishers):
    bid = np.tile(np.arange(1.0, 13.0), (len(publishers), 1))
    context = {"publisher_id": np.array(publishers)}
    count = len(publishers)
    return CandidateRequests(np.zeros(count), np.arange(count), context, {"bid": bid}, slots=1)


def test_only_the_candidates_that_a_page_finds_can_win():
    policy = RetrievalPolicy(Rates(0.1), Rates(0.1), unchanged(None))
    winner = policy.act(requests([0, 1, 2])).rank_score.argmax(axis=1)
    np.testing.assert_array_equal(winner + 1, RIVALS)


def test_one_model_promises_and_the_other_ranks():
    actions = RetrievalPolicy(Rates(0.1), Rates(0.2), unchanged(None)).act(requests([2]))
    np.testing.assert_allclose(actions.predicted_ctr, 0.1)
    np.testing.assert_allclose(actions.rank_score[0], 0.2 * np.arange(1, 13))


def test_a_correction_is_told_how_many_compete():
    def by_rivals(predicted, rivals):
        return predicted / rivals

    policy = RetrievalPolicy(Rates(0.6), Rates(0.6), by_rivals)
    promised = policy.act(requests([0, 1, 2])).predicted_ctr
    np.testing.assert_allclose(promised[:, 0], 0.6 / RIVALS)


@pytest.mark.parametrize("wrong", [0.0, 1.0, np.nan])
def test_what_is_no_probability_is_refused(wrong):
    policy = RetrievalPolicy(Rates(0.1), Rates(0.1), lambda p, rivals: np.full(p.shape, wrong))
    with pytest.raises(InputError, match="probabilities between 0 and 1"):
        policy.act(requests([0]))
