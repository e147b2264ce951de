"""Slates chosen as a whole: rules, caps, and their place behind a ranker."""

import numpy as np
import pytest

from mlsd.policies.video import SlateArranger, item_vectors
from mlsd.runtime import InputError
from mlsd.worlds.video import FeedRequests

# Six videos of two topics by three creators, and the scores of one request.
TOPIC = item_vectors(np.arange(6), np.eye(2)[[0, 0, 0, 1, 1, 1]])
CREATOR = np.array([7, 7, 7, 7, 8, 9])
ITEMS, SCORES = np.arange(6)[None], np.array([[6.0, 5.0, 4.0, 3.0, 2.0, 1.0]])


def requests(slots):
    return FeedRequests(
        ts=np.zeros(1),
        request_id=np.arange(1),
        context={"user_id": np.arange(1)},
        slots=slots,
        live=np.arange(6),
        shown=np.zeros((1, 0), np.int32),
        recent=lambda length: np.full((1, length), -1),
    )


@pytest.mark.parametrize(
    ("arrange", "slate"),
    [
        (SlateArranger(), [0, 1, 2]),
        (SlateArranger("mmr", 1.0, TOPIC), [0, 1, 2]),
        (SlateArranger("mmr", 0.1, TOPIC, log=True), [0, 3, 1]),
        (SlateArranger("dpp", 1.0, TOPIC), [0, 3, 1]),
        (SlateArranger(creators=CREATOR, cap=1), [0, 4, 5]),
        (SlateArranger("dpp", 1.0, TOPIC, creators=CREATOR, cap=1), [0, 4, 5]),
    ],
)
def test_slates_of_each_rule(arrange, slate):
    assert arrange(requests(3), ITEMS, SCORES)[0].tolist() == slate


def test_what_cannot_be_shown_comes_last_and_unknown_items_are_like_no_other():
    scores = np.array([[-np.inf, 5.0, 4.0, -np.inf, 2.0, 1.0]])
    for arrange in (SlateArranger("mmr", 0.5, TOPIC), SlateArranger("dpp", 1.0, TOPIC)):
        assert set(arrange(requests(4), ITEMS, scores)[0].tolist()) == {1, 2, 4, 5}
    unknown = np.array([[0, 1, 99]])
    slate = SlateArranger("mmr", 0.1, TOPIC)(requests(2), unknown, np.array([[3.0, 2.9, 1.0]]))
    assert slate[0].tolist() == [0, 2]


def test_a_rule_names_what_it_lacks():
    for settings in ({"rule": "best"}, {"rule": "mmr"}, {"cap": 2}):
        with pytest.raises(InputError):
            SlateArranger(**settings)
