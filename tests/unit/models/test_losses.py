"""Losses of batches, pairs and sequences, trained by the one loop on structure that is known."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from mlsd.models.layers import Perceptron, StackedEmbedding
from mlsd.models.options import TrainingOptions
from mlsd.models.training import (
    LOG_LOSS,
    Examples,
    Pointwise,
    evaluate,
    logistic_loss,
    predict_scores,
    seeded,
    train,
)

USERS, ITEMS, GROUPS = 40, 60, 4


class TwoTowers(nn.Module):
    """A vector per user and per item; the score of a pair is their dot product."""

    def __init__(self):
        super().__init__()
        self.users, self.items = StackedEmbedding([USERS], 8), StackedEmbedding([ITEMS], 8)
        with torch.no_grad():
            self.users.table.normal_(0, 0.3)
            self.items.table.normal_(0, 0.3)

    def forward(self, users, items):
        return (self.user_vectors(users) * self.item_vectors(items)).sum(1)

    def user_vectors(self, users):
        return self.users(users[:, None])[:, 0]

    def item_vectors(self, items):
        return self.items(items[:, None])[:, 0]

    @torch.no_grad()
    def all_scores(self):
        return (self.users.table @ self.items.table.T).numpy()


def interactions(rows, seed):
    """Users take items of their own group, each of them equally often."""
    generator = torch.Generator().manual_seed(seed)
    users = torch.randint(USERS, (rows,), generator=generator)
    places = torch.randint(ITEMS // GROUPS, (rows,), generator=generator)
    return Examples((users, places * GROUPS + users % GROUPS))


def in_batch_softmax(model, batch):
    users, items = batch.inputs
    scores = model.user_vectors(users) @ model.item_vectors(items).T
    return functional.cross_entropy(scores, torch.arange(len(batch)))


def bayesian_personalised_ranking(model, batch):
    users, items = batch.inputs
    negatives = torch.randint(ITEMS, items.shape)
    return -functional.logsigmoid(model(users, items) - model(users, negatives)).mean()


def two_towers(seed=0):
    with seeded(seed):
        return TwoTowers()


QUICK = {"learning_rate": 0.02, "row_optimizer": "adam", "embedding_l2": 1e-5}


def test_softmax_over_the_batch_finds_the_groups_and_stops_on_validation():
    batch_size = 256
    options = TrainingOptions(batch_size=batch_size, epochs=40, patience=3, **QUICK)
    model = two_towers()
    history = train(
        model,
        interactions(6_000, seed=0),
        options,
        validation=interactions(12_000, seed=1),
        loss=in_batch_softmax,
    )
    assert history.steps[-1] < 40 * math.ceil(6_000 / batch_size)
    own_group = np.arange(USERS)[:, None] % GROUPS == np.arange(ITEMS) % GROUPS
    ranked = np.argsort(-model.all_scores(), axis=1)[:, : ITEMS // GROUPS]
    assert np.take_along_axis(own_group, ranked, axis=1).all()
    # At best the positive is one of those in the batch that are of its own group.
    others = np.random.default_rng(0).binomial(batch_size - 1, 1 / GROUPS, 100_000)
    assert history.best_loss == pytest.approx(np.log1p(others).mean(), abs=0.05)


def test_pairwise_loss_with_drawn_negatives_ranks_the_own_group_first():
    options = TrainingOptions(batch_size=256, epochs=40, patience=3, **QUICK)
    model, later = two_towers(), interactions(12_000, seed=1)
    history = train(
        model,
        interactions(6_000, seed=0),
        options,
        validation=later,
        loss=bayesian_personalised_ranking,
    )
    own_group = np.arange(USERS)[:, None] % GROUPS == np.arange(ITEMS) % GROUPS
    scores = model.all_scores()
    lowest = np.where(own_group, scores, np.inf).min(1)
    assert (lowest > np.where(own_group, -np.inf, scores).max(1)).all()
    # Against a negative of its own group, one draw in GROUPS, nothing beats an even guess.
    assert history.best_loss == pytest.approx(math.log(2) / GROUPS, abs=0.05)


def test_what_a_loss_draws_on_validation_rows_is_the_same_each_time_and_disturbs_no_training():
    rows, options = interactions(500, seed=0), TrainingOptions(batch_size=50, epochs=3, **QUICK)
    watched, alone = two_towers(), two_towers()
    history = train(
        watched,
        rows,
        options,
        validation=interactions(300, seed=1),
        loss=bayesian_personalised_ranking,
    )
    assert history.best_step == history.steps[-1]
    train(alone, rows, options, loss=bayesian_personalised_ranking)
    assert torch.equal(watched.items.table, alone.items.table)

    def drawn(model, batch):
        return 0 * model(*batch.inputs).sum() + torch.rand(())

    patient = TrainingOptions(batch_size=50, epochs=2, patience=99)
    history = train(two_towers(), rows, patient, validation=rows, loss=drawn)
    assert len(set(history.validation_loss)) == 1


SYMBOLS, LENGTH, KEPT = 6, 9, 0.85


class NextSymbol(nn.Module):
    """Scores of the next symbol at each position, from the two symbols before it."""

    def __init__(self):
        super().__init__()
        self.embedding = StackedEmbedding([SYMBOLS + 1], 12)
        self.hidden = Perceptron(24, (64,))
        self.out = nn.Linear(64, SYMBOLS + 1)

    def forward(self, sequences):
        x = self.embedding(sequences)
        pairs = torch.cat([x[:, :-2], x[:, 1:-1]], dim=2)
        hidden = self.hidden(pairs.flatten(0, 1))
        return self.out(hidden).view(*pairs.shape[:2], -1)


def sequences(rows, seed):
    """Symbols 1 to 6, where one is mostly the sum of the two before it; 0 fills up the front."""
    rng = np.random.default_rng(seed)
    table = rng.integers(0, SYMBOLS, (rows, LENGTH))
    for place in range(2, LENGTH):
        follows = (table[:, place - 2] + table[:, place - 1]) % SYMBOLS
        table[:, place] = np.where(rng.random(rows) < KEPT, follows, table[:, place])
    table += 1
    table[np.arange(LENGTH) < rng.integers(0, LENGTH - 3, rows)[:, None]] = 0
    return Examples((torch.from_numpy(table),))


def next_symbol_loss(model, batch):
    """Mean over sequences of the mean over their positions, those that follow two symbols."""
    (table,) = batch.inputs
    losses = functional.cross_entropy(
        model(table).transpose(1, 2), table[:, 2:], ignore_index=0, reduction="none"
    )
    counts = (table[:, :-2] > 0).float()
    return ((losses * counts).sum(1) / counts.sum(1)).mean()


def test_sequence_loss_finds_the_rule_behind_the_next_symbol():
    options = TrainingOptions(batch_size=200, epochs=60, learning_rate=0.01, patience=4)
    with seeded(0):
        model = NextSymbol()
    history = train(
        model,
        sequences(3_000, seed=0),
        options,
        validation=sequences(3_000, seed=1),
        loss=next_symbol_loss,
    )
    pairs = torch.cartesian_prod(torch.arange(SYMBOLS), torch.arange(SYMBOLS))
    asked = torch.cat([pairs + 1, torch.ones(len(pairs), 1, dtype=torch.int64)], dim=1)
    found = predict_scores(model, (asked,))[:, 0].argmax(1)
    assert torch.equal(found, pairs.sum(1) % SYMBOLS + 1)
    right, wrong = KEPT + (1 - KEPT) / SYMBOLS, (1 - KEPT) / SYMBOLS
    entropy = -right * math.log(right) - (SYMBOLS - 1) * wrong * math.log(wrong)
    assert history.best_loss == pytest.approx(entropy, abs=0.05)
    assert len(history.steps) < 60 * options.validations_per_epoch


def test_a_loss_that_worsens_on_validation_stops_and_its_best_weights_return():
    """Later users want the items of the next group: what is learned makes it worse at once."""
    rows, model = interactions(2_000, seed=0), two_towers()
    users, items = interactions(2_000, seed=1).inputs
    turned = Examples((users, items // GROUPS * GROUPS + (users + 1) % GROUPS))
    options = TrainingOptions(batch_size=100, epochs=50, patience=2, **QUICK)
    history = train(model, rows, options, validation=turned, loss=in_batch_softmax)
    assert len(history.steps) == 3
    assert history.best_step == history.steps[0]
    assert history.validation_loss == sorted(history.validation_loss)
    found = evaluate(model, turned, loss=in_batch_softmax, batch_size=100)
    assert found == pytest.approx(history.best_loss)


def test_each_batch_counts_by_its_rows():
    class Given(nn.Module):
        def forward(self, values):
            return values

    def mean(model, batch):
        return model(*batch.inputs).mean()

    rows = Examples((torch.tensor([1.0, 2.0, 3.0, 4.0, 10.0]),))
    for batch_size in (1, 2, 3, 5, 100):
        assert evaluate(Given(), rows, loss=mean, batch_size=batch_size) == pytest.approx(4.0)


def test_rows_stand_together_in_batches_of_the_given_size():
    rows, model = interactions(300, seed=0), two_towers().eval()
    losses = [in_batch_softmax(model, part).item() for part in rows.split(128)]
    expected = np.average(losses, weights=[128, 128, 44])
    found = evaluate(model, rows, loss=in_batch_softmax, batch_size=128)
    assert found == pytest.approx(expected, rel=1e-6)


def test_a_pointwise_loss_is_taken_of_all_rows_at_once_and_is_the_same_in_training():
    users, items = interactions(10_000, seed=0).inputs
    rows = Examples((users, items), (users % 2).float(), torch.rand(10_000))
    model = two_towers().eval()
    whole = logistic_loss(predict_scores(model, rows.inputs), rows.labels, rows.weights)
    assert evaluate(model, rows) == evaluate(model, rows, batch_size=7) == float(whole)
    assert Pointwise(logistic_loss) == LOG_LOSS
    torch.testing.assert_close(LOG_LOSS(model, rows), whole)


def test_evaluation_leaves_the_mode_and_the_tables_alone_even_where_the_loss_fails():
    model, rows = two_towers().train(), interactions(100, seed=0)
    evaluate(model, rows, loss=in_batch_softmax)
    assert model.training
    assert model.users.touched == []
    with pytest.raises(ZeroDivisionError):
        evaluate(model, rows, loss=lambda model, batch: 1 / 0)
    assert model.training


def test_dropout_is_off_on_validation_rows_and_for_scores():
    model = nn.Sequential(nn.Dropout(0.5), nn.Flatten(0)).train()
    rows = Examples((torch.ones(50, 1),))
    assert evaluate(model, rows, loss=lambda model, batch: model(*batch.inputs).mean()) == 1.0
    assert torch.equal(predict_scores(model, rows.inputs), torch.ones(50))


def test_examples_without_outcomes_are_taken_and_cut():
    rows = Examples((torch.arange(5), torch.arange(10).view(5, 2)))
    taken = rows.take(torch.tensor([4, 0]))
    assert [each.tolist() for each in taken.inputs] == [[4, 0], [[8, 9], [0, 1]]]
    assert taken.labels is None
    weighted = Examples((torch.arange(5),), torch.ones(5), torch.arange(5.0))
    assert [part.weights.tolist() for part in weighted.split(3)] == [[0, 1, 2], [3, 4]]
