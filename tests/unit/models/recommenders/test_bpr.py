"""Bayesian personalized ranking: one step by hand, and blocks that were planted."""

import numpy as np
import pandas as pd
import pytest
import torch

from mlsd.models import BPRRecommender
from mlsd.models.recommenders.bpr import gradients


def blocks(seed=0):
    rng = np.random.default_rng(seed)
    user, item = np.meshgrid(np.arange(60), np.arange(30), indexing="ij")
    inside = user % 3 == item % 3
    seen = inside & (rng.random(inside.shape) < 0.6)
    return pd.DataFrame({"user_id": user[seen], "item_id": item[seen]}), inside & ~seen


def test_it_finds_the_blocks():
    log, unseen = blocks()
    model = BPRRecommender(dim=8, epochs=150, batch_size=64).fit(log)
    items, _ = model.recommend(np.arange(60), 2)
    enough = unseen.sum(axis=1) >= 2
    hits = np.take_along_axis(unseen, items, axis=1)[enough]
    assert enough.sum() > 50
    assert hits.mean() > 0.95


def test_the_gradient_is_that_of_the_stated_loss():
    rng = np.random.default_rng(0)
    users, items, biases = tables = [
        torch.tensor(rng.normal(size=shape), requires_grad=True)
        for shape in ((3, 2), (4, 2), (4, 1))
    ]
    triples = torch.tensor([[0, 0, 2], [1, 3, 1], [2, 2, 0]])
    user, chosen, other = triples
    gap = (users[user] * (items[chosen] - items[other])).sum(1)
    margin = gap + (biases[chosen] - biases[other])[:, 0]
    parts = (users[user], items[chosen], items[other], biases[chosen], biases[other])
    loss = torch.nn.functional.softplus(-margin).sum() + 0.1 / 2 * sum(
        part.square().sum() for part in parts
    )
    loss.backward()
    found = gradients(*(t.detach().numpy() for t in tables), triples.numpy(), l2=0.1)
    for table, (rows, values) in zip(tables, found):
        expected = table.grad.numpy()
        np.testing.assert_allclose(values, expected[rows])
        assert not np.delete(expected, rows, axis=0).any()


def test_triples_hold_an_item_of_the_user_and_one_that_is_not():
    log, _ = blocks()
    model = BPRRecommender(dim=2, epochs=1, batch_size=500).fit(log)
    had = model._corpus.matrix.toarray() > 0
    for user, chosen, other in model._triples(np.random.default_rng(0), 5):
        assert had[user, chosen].all()
        assert not had[user, other].any()
        assert len(user) > 300


def test_weights_draw_more_often():
    log = pd.DataFrame({"user_id": [0, 0, 1], "item_id": [0, 1, 2], "weight": [6.0, 1.0, 1.0]})
    model = BPRRecommender(dim=2, epochs=1, batch_size=10_000).fit(log)
    (_, chosen, _), *_ = model._triples(np.random.default_rng(0), 1)
    # User 0 can only lose against item 2, user 1 against two of three.
    assert np.bincount(chosen)[0] / np.bincount(chosen)[1] == pytest.approx(6, rel=0.2)


def test_who_has_everything_teaches_nothing_and_breaks_nothing():
    log = pd.DataFrame({"user_id": [0, 0], "item_id": [0, 1]})
    model = BPRRecommender(dim=2, epochs=2).fit(log)
    assert np.isfinite(model.score([0, 0], [0, 1])).all()
