import numpy as np
import pandas as pd
import pytest
import torch

from mlsd.models import TwoTowerRecommender
from mlsd.models.recommenders.in_batch_loss import InBatchLoss
from mlsd.models.recommenders.sampled_softmax import in_batch_softmax
from mlsd.models.recommenders.towers import TowerColumns, TwoTowerNetwork
from mlsd.models.training import Examples
from mlsd.runtime import InputError

TOPICS, OLD, NEW = 4, 24, 8
QUICK = {"dim": 8, "embedding_dim": 8, "hidden": (16,), "dropout": 0.0, "batch_size": 256}
QUICK |= {"learning_rate": 0.01, "epochs": 8, "history_length": 5}
CONTENT = {"item_id": False, "item_categorical": ("topic",), "item_numeric": ("length",)}


def table(first, count):
    ids = np.arange(first, first + count)
    return pd.DataFrame(
        {"item_id": ids, "topic": ids % TOPICS, "length": (ids // 4 % 2).astype(float)}
    )


def liked(users=400, per_user=6, seed=0):
    """Each user watches one topic; items are drawn among the old ones of it."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(users), per_user)
    item = user % TOPICS + TOPICS * rng.integers(0, OLD // TOPICS, len(user))
    return pd.DataFrame({"user_id": user, "item_id": item, "ts": np.arange(len(user))})


@pytest.fixture(scope="module")
def log():
    return liked()


@pytest.fixture(scope="module")
def content(log):
    return TwoTowerRecommender(**QUICK, **CONTENT).fit(log, items=table(0, OLD + NEW))


def small_loss(**changes):
    """Three users of whom the first had items 0, 1, 2, the second item 3, the third item 1."""
    torch.manual_seed(0)
    users = TowerColumns("user_id", use_id=True, categorical=(), numeric=())
    items = TowerColumns("item_id", use_id=True, categorical=(), numeric=())
    users.fit(np.arange(3), None), items.fit(np.arange(4), None)
    network = TwoTowerNetwork(users, items, TwoTowerRecommender(**QUICK)).eval()
    loss = InBatchLoss(
        users=users.transform(np.arange(3), None),
        items=items.transform(np.arange(4), None),
        sequence=torch.tensor([0, 1, 2, 3, 1]),
        history_length=5,
        **{"shares": torch.tensor([0.2, 0.4, 0.2, 0.2]), "temperature": 0.5} | changes,
    )
    return network, loss


ROWS = Examples(tuple(torch.tensor(each) for each in ([0, 1, 0], [2, 3, 1], [2, 3, 1], [0, 3, 0])))


@pytest.mark.parametrize("correction", ["none", "logq", "wrong_sign"])
def test_the_loss_put_together_by_hand(correction):
    network, loss = small_loss(correction=correction)
    vectors = network.items(loss.items)
    # User 0 before item 2 had 0 and 1; user 1 had nothing; user 0 before item 1 had 0.
    past = torch.tensor([[-1, -1, -1, 0, 1], [-1] * 5, [-1, -1, -1, -1, 0]])
    users = network.users([each[[0, 1, 0]] for each in loss.users], vectors, past)
    scores = users @ vectors[[2, 3, 1]].T / 0.5
    log_q = torch.tensor([0.2, 0.2, 0.4]).log()
    wanted = in_batch_softmax(scores, log_q, correction=correction).mean()
    torch.testing.assert_close(loss(network, ROWS), wanted)


def test_weights_multiply_the_rows():
    network, loss = small_loss()
    alone = loss(network, ROWS)
    twice = Examples(ROWS.inputs, None, torch.full((3,), 2.0))
    torch.testing.assert_close(loss(network, twice), 2 * alone)


def test_a_row_sees_nothing_of_itself_or_later():
    network, loss = small_loss()
    row = Examples(tuple(each[2:] for each in ROWS.inputs))
    grads = []
    for sequence in ([0, 1, 2, 3, 1], [0, 3, 3, 3, 1]):
        changed = InBatchLoss(
            **vars(loss) | {"sequence": torch.tensor(sequence), "uniform_negatives": 0}
        )
        users = torch.cat([row.inputs[0], torch.tensor([1])])
        batch = Examples((users, torch.tensor([1, 3]), torch.tensor([1, 3]), torch.tensor([0, 3])))
        grads.append(changed(network, batch))
    torch.testing.assert_close(*grads)


def test_q_is_the_mixture_and_untrained_items_count_as_rare():
    _, loss = small_loss(uniform_negatives=6)
    q = loss.log_probability(3).exp()
    np.testing.assert_allclose(q, (3 * np.array([0.2, 0.4, 0.2, 0.2]) + 6 / 4) / 9, rtol=1e-6)
    shares = torch.tensor([0.5, 0.5, 0.0, 0.0])
    cold = InBatchLoss(**vars(loss) | {"shares": shares}).log_probability(3).exp()
    np.testing.assert_allclose(cold, np.full(4, (3 * 0.5 + 6 / 2) / 9), rtol=1e-6)
    assert set(InBatchLoss(**vars(loss) | {"shares": shares})._drawn().tolist()) <= {0, 1}


def test_content_finds_items_nobody_has_watched(content):
    assert content.item_ids_.tolist() == list(range(OLD + NEW))
    uploads = np.arange(OLD, OLD + NEW)
    items, _ = content.recommend(np.arange(40), 2, candidates=uploads)
    assert (items % TOPICS == np.arange(40)[:, None] % TOPICS).all()


def test_a_tower_of_ids_cannot(log):
    model = TwoTowerRecommender(**QUICK).fit(log, items=table(0, OLD + NEW))
    assert model.item_ids_.tolist() == list(range(OLD))
    scores = model.score(np.zeros(NEW, int), np.arange(OLD, OLD + NEW))
    np.testing.assert_allclose(scores, scores[0])
    known, _ = model.recommend(np.arange(40), 3, exclude_seen=False)
    assert (known % TOPICS == np.arange(40)[:, None] % TOPICS).mean() > 0.95
    with pytest.raises(InputError, match="name item columns"):
        model.add_items(table(90, 2))


def test_items_that_come_later_are_added(log, content):
    model = TwoTowerRecommender(**QUICK, **CONTENT).fit(
        log, items=table(8, OLD - 8).pipe(with_ids, log)
    )
    before = dict(zip(model.item_ids_.tolist(), model.item_vectors_))
    users = model.user_vectors(np.arange(5))
    uploads = table(-4, 4)
    model.add_items(uploads)
    assert model.item_ids_.tolist() == sorted([*before, *uploads["item_id"]])
    after = dict(zip(model.item_ids_.tolist(), model.item_vectors_))
    assert all((after[item] == vector).all() for item, vector in before.items())
    np.testing.assert_array_equal(model.user_vectors(np.arange(5)), users)
    items, _ = model.recommend(np.arange(20), 1, candidates=uploads["item_id"].to_numpy())
    assert (items[:, 0] % TOPICS == np.arange(20) % TOPICS).all()


def with_ids(items, log):
    known = table(0, OLD)
    rest = np.setdiff1d(log["item_id"], items["item_id"])
    return pd.concat([items, known[known["item_id"].isin(rest)]])


def test_new_users_are_told_by_their_history(content):
    histories = np.arange(TOPICS)[:, None] + np.array([0, 4, 8])
    items, _ = content.recommend(np.full(TOPICS, 10**6), 3, histories=histories)
    assert (items % TOPICS == np.arange(TOPICS)[:, None]).all()


def test_attributes_tell_new_users_apart(log):
    users = pd.DataFrame({"user_id": np.arange(500), "club": np.arange(500) % TOPICS})
    settings = QUICK | {"history_length": 0, "user_id": False, "user_categorical": ("club",)}
    model = TwoTowerRecommender(**settings).fit(log, users=users)
    items, _ = model.recommend(np.arange(450, 470), 3)
    assert (items % TOPICS == np.arange(450, 470)[:, None] % TOPICS).mean() > 0.95


def popular(users=600, seed=0):
    """Everyone draws from one popularity that falls by a factor of thirty."""
    rng = np.random.default_rng(seed)
    share = np.exp(-3.4 * np.linspace(0, 1, 20))
    item = rng.choice(20, users * 5, p=share / share.sum())
    return pd.DataFrame({"user_id": np.repeat(np.arange(users), 5), "item_id": item})


def test_the_sign_of_the_correction_decides_what_is_recommended():
    log = popular()
    order = {}
    for correction in ("logq", "none", "wrong_sign"):
        model = TwoTowerRecommender(**QUICK | {"user_id": False}, correction=correction).fit(log)
        scores = model.score(np.full(20, 10**6), np.arange(20))
        order[correction] = np.corrcoef(scores, np.arange(20))[0, 1]
    assert order["logq"] < -0.8
    assert abs(order["none"]) < abs(order["logq"]) - 0.2
    assert order["wrong_sign"] > 0.8


def test_normalised_vectors_have_length_one(log):
    model = TwoTowerRecommender(**QUICK | {"epochs": 1}, normalise=True, temperature=0.1).fit(log)
    np.testing.assert_allclose(np.linalg.norm(model.item_vectors_, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(model.user_vectors([1, 999]), axis=1), 1, rtol=1e-5)


def test_validation_only_stops(log):
    cut = np.arange(len(log)) % 6 < 5
    later = log[~cut].assign(user_id=lambda rows: rows["user_id"] + 5)
    alone = TwoTowerRecommender(**QUICK | {"epochs": 2}).fit(log[cut])
    seen = TwoTowerRecommender(**QUICK | {"epochs": 2, "patience": 99}).fit(log[cut], valid=later)
    assert seen.history_.best_step == seen.history_.steps[-1]
    np.testing.assert_array_equal(alone.item_vectors_, seen.item_vectors_)
    cold = later.assign(item_id=OLD)
    unknown = TwoTowerRecommender(**QUICK | {"epochs": 1}).fit(log[cut], valid=cold)
    assert unknown.history_.steps == []
    told = TwoTowerRecommender(**QUICK | {"epochs": 1}, **CONTENT)
    assert told.fit(log[cut], valid=cold, items=table(0, OLD + 1)).history_.steps


def test_columns_of_who_is_not_in_the_table_are_missing():
    items = pd.DataFrame({"item_id": ["a", "b"], "topic": ["x", "y"], "length": [1.0, 3.0]})
    columns = TowerColumns("item_id", use_id=True, categorical=("topic",), numeric=("length",))
    codes, numbers = columns.fit(np.array(["a", "b"], dtype=object), items).transform(
        np.array(["b", "c"], dtype=object), items
    )
    assert codes.tolist() == [[2, 2], [0, 0]]
    assert numbers.tolist() == [[1.0], [0.0]]


def test_bad_input_is_one_clear_line(log):
    with pytest.raises(InputError, match="choose from"):
        TwoTowerRecommender(correction="log").fit(log)
    with pytest.raises(InputError, match="above 0"):
        TwoTowerRecommender(temperature=0).fit(log)
    with pytest.raises(InputError, match="the item tower reads nothing"):
        TwoTowerRecommender(item_id=False).fit(log)
    with pytest.raises(InputError, match="items: column 'topic' is missing"):
        TwoTowerRecommender(**CONTENT).fit(log, items=table(0, OLD).drop(columns="topic"))
    with pytest.raises(InputError, match="items: column 'item_id' is missing; give a table"):
        TwoTowerRecommender(**CONTENT).fit(log)
    with pytest.raises(InputError, match="an id stands twice"):
        TwoTowerRecommender(**CONTENT).fit(log, items=pd.concat([table(0, OLD)] * 2))


def test_an_untrained_item_counts_as_the_rarest_of_unequal_ones():
    _, loss = small_loss(shares=torch.tensor([0.6, 0.1, 0.3, 0.0]))
    np.testing.assert_allclose(loss.log_probability(1).exp(), [0.6, 0.1, 0.3, 0.1], rtol=1e-6)
