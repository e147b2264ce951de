import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional

from mlsd.models import SASRecRecommender, TwoTowerRecommender
from mlsd.models.recommenders.sasrec import NextItemSoftmax, SASRecNetwork
from mlsd.models.training import Examples
from mlsd.runtime import InputError

RING, STEPS, USERS = 12, 6, 400
QUICK = {"embedding_dim": 16, "history_length": 5, "blocks": 1, "dropout": 0.0}
QUICK |= {"learning_rate": 0.01, "epochs": 15, "batch_size": 64, "decay": "cosine"}


def walks(seed=0):
    """Users walk round a ring, half of them backwards: only the order tells which way."""
    rng = np.random.default_rng(seed)
    way, start = rng.choice([-1, 1], USERS), rng.integers(0, RING, USERS)
    items = (start[:, None] + way[:, None] * np.arange(STEPS)) % RING
    rows = {"user_id": np.repeat(np.arange(USERS), STEPS), "item_id": items.ravel() + 100}
    return (
        pd.DataFrame(rows)
        .assign(ts=np.tile(np.arange(STEPS), USERS))
        .sample(frac=1, random_state=1)
    )


FORWARD = np.array([[100, 101, 102], [105, 106, 107]])


@pytest.fixture(scope="module")
def log():
    return walks()


@pytest.fixture(scope="module")
def fitted(log):
    return SASRecRecommender(**QUICK).fit(log)


def best(model, histories):
    return model.recommend([0] * len(histories), 1, histories=histories, exclude_seen=False)[0][
        :, 0
    ]


def test_learns_what_only_the_order_tells(fitted):
    assert best(fitted, FORWARD).tolist() == [103, 108]
    assert best(fitted, FORWARD[:, ::-1]).tolist() == [111, 104]


def test_a_bag_of_items_cannot_tell_the_way(log):
    settings = {"user_id": False, "history_length": 5, "batch_size": 256, "epochs": 10}
    bag = TwoTowerRecommender(**settings, learning_rate=0.01).fit(log)
    np.testing.assert_array_equal(best(bag, FORWARD), best(bag, FORWARD[:, ::-1]))


def test_drawn_negatives_learn_it_too(log):
    assert best(SASRecRecommender(**QUICK, negatives=8).fit(log), FORWARD).tolist() == [103, 108]


def test_remembered_histories_equal_given_ones(fitted, log):
    users = np.array([3, 8])
    given = log.sort_values("ts").groupby("user_id")["item_id"].apply(list)
    histories = np.array([given[user] for user in users])
    np.testing.assert_array_equal(fitted.user_vectors(users), fitted.user_vectors(users, histories))


def test_a_later_item_changes_no_earlier_output():
    network = SASRecNetwork(9, SASRecRecommender(embedding_dim=8, history_length=6, heads=2)).eval()
    past = torch.tensor([[-1, -1, 3, 1, 4, 2]])
    before = network(past)
    for place in range(2, 6):
        other = past.clone()
        other[0, place] = 8
        after = network(other)
        assert torch.equal(after[:, :place], before[:, :place])
        assert (after[:, place:] != before[:, place:]).any(dim=2).all()


def test_pads_change_nothing():
    network = SASRecNetwork(9, SASRecRecommender(embedding_dim=8, history_length=6)).eval()
    short = network(torch.tensor([[-1, 3, 1]]))
    padded = network(torch.tensor([[-1, -1, -1, -1, 3, 1]]))
    torch.testing.assert_close(padded[:, -3:], short)


def test_the_start_of_a_sequence_is_seen():
    network = SASRecNetwork(9, SASRecRecommender(embedding_dim=8, history_length=6)).eval()
    begun, cut = network(torch.tensor([[-1, 3, 1]])), network(torch.tensor([[3, 1]]))
    assert (begun[:, -1] != cut[:, -1]).any()


def test_every_item_is_predicted_once_from_what_stands_before_it():
    rows = {"user_id": [1] * 5 + [2], "item_id": [0, 1, 2, 3, 4, 1]}
    model = SASRecRecommender(embedding_dim=4, history_length=3, epochs=1, blocks=1)
    model.fit(pd.DataFrame(rows))
    windows = model._windows(model._sequences, torch.arange(1.0, 7.0))
    assert windows.inputs[0].tolist() == [[1, 2, 3, 4], [-1, -1, 0, 1], [-1, -1, -1, 1]]
    assert windows.labels.tolist() == [[3, 4, 5], [0, 1, 2], [0, 0, 6]]


def test_the_loss_is_the_weighted_mean_over_places():
    torch.manual_seed(0)
    network = SASRecNetwork(6, SASRecRecommender(embedding_dim=8, history_length=3)).eval()
    windows = torch.tensor([[-1, -1, 2, 5], [3, 1, 4, 0]])
    weights = torch.tensor([[0.0, 2.0, 1.0], [1.0, 0.5, 0.0]])
    scores = network(windows[:, :-1]) @ network.vectors(torch.arange(6)).T
    losses = functional.cross_entropy(
        scores.transpose(1, 2), windows[:, 1:].clamp_min(0), reduction="none"
    )
    wanted = (losses * weights).sum() / weights.sum()
    loss = NextItemSoftmax(6)(network, Examples((windows,), weights))
    torch.testing.assert_close(loss, wanted)


def test_users_without_a_history_get_what_users_begin_with():
    rng = np.random.default_rng(0)
    first = np.where(rng.random(300) < 0.8, 7, 5)
    rows = {"user_id": np.repeat(np.arange(300), 2), "item_id": np.c_[first, first + 1].ravel()}
    model = SASRecRecommender(**QUICK).fit(pd.DataFrame(rows))
    assert model.recommend([999], 2)[0].tolist() == [[7, 5]]
    np.testing.assert_allclose(
        model.user_vectors([999]), model.user_vectors([0], np.array([[-1, -1]])), atol=1e-5
    )


def test_validation_only_stops(log):
    cut = log["ts"] < STEPS - 1
    early = SASRecRecommender(**QUICK | {"patience": 1, "epochs": 40, "decay": "none"}).fit(
        log[cut], valid=log[~cut]
    )
    assert early.history_.steps[-1] < 40 * np.ceil(USERS / 64)
    alone = SASRecRecommender(**QUICK | {"epochs": 3}).fit(log[cut])
    seen = SASRecRecommender(**QUICK | {"epochs": 3, "patience": 99}).fit(log[cut], valid=log[~cut])
    assert seen.history_.best_step == seen.history_.steps[-1]
    np.testing.assert_array_equal(alone.item_vectors_, seen.item_vectors_)
    assert seen.item_ids_.tolist() == alone.item_ids_.tolist()


def test_weights_tell_what_is_predicted():
    rows = pd.DataFrame({"user_id": np.arange(200), "item_id": np.arange(200) % 2})
    model = SASRecRecommender(**QUICK).fit(
        rows.assign(weight=np.where(rows["item_id"] == 1, 9.0, 1.0))
    )
    scores = model.score([999, 999], [0, 1])
    assert scores[1] - scores[0] == pytest.approx(np.log(9), abs=0.3)


def test_bad_input_is_one_clear_line(log):
    with pytest.raises(InputError, match="history_length is at least 1"):
        SASRecRecommender(history_length=0).fit(log)
    with pytest.raises(InputError, match="a divisor of the width"):
        SASRecRecommender(heads=5).fit(log)


def test_only_validation_rows_are_predicted_in_validation():
    log = pd.DataFrame({"user_id": [1, 1, 2], "item_id": [5, 6, 7], "ts": [0, 1, 2]})
    valid = pd.DataFrame({"user_id": [1], "item_id": [7], "ts": [9]})
    held = SASRecRecommender(history_length=4)._validation(log, valid, pd.Index([5, 6, 7]))
    assert held.labels.tolist() == [[0, 0, 1]]
