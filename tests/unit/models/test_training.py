import numpy as np
import pytest
import torch
from torch import nn

from mlsd.models.dcn import DCNv2, DCNv2Network
from mlsd.models.layers import StackedEmbedding
from mlsd.models.options import TrainingOptions
from mlsd.models.training import (
    LOG_LOSS,
    Examples,
    TrainingHistory,
    evaluate,
    logistic_loss,
    predict_scores,
    seeded,
    train,
)
from mlsd.runtime import InputError


class OneField(nn.Module):
    """The smallest model: a score a category."""

    def __init__(self, size):
        super().__init__()
        self.embedding = StackedEmbedding([size], 1)

    def forward(self, codes):
        return self.embedding(codes).flatten()


def examples(rows, size=5, seed=0, rate=None):
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(1, size, (rows, 1), generator=generator)
    rates = torch.linspace(0.1, 0.9, size) if rate is None else torch.full((size,), rate)
    labels = torch.rand(rows, generator=generator) < rates[codes[:, 0]]
    return Examples((codes,), labels.float())


def network(seed=0):
    with seeded(seed):
        return OneField(5)


def test_learns_the_rate_of_each_category():
    data = examples(4_000)
    model = network()
    options = TrainingOptions(epochs=20, batch_size=500, learning_rate=0.05)
    train(model, data, options)
    for code in range(1, 5):
        rate = data.labels[data.inputs[0][:, 0] == code].mean().item()
        assert torch.sigmoid(model.embedding.table[code]).item() == pytest.approx(rate, abs=0.03)


def test_rows_update_equals_a_dense_optimizer_on_the_same_batches():
    data = examples(64)
    ours, dense = network(), nn.Embedding(5, 1, sparse=True)
    with torch.no_grad():
        dense.weight.copy_(ours.embedding.table)
    train(ours, data, TrainingOptions(epochs=3, batch_size=64, learning_rate=0.05))
    optimizer = torch.optim.SparseAdam(list(dense.parameters()), lr=0.05)
    for _ in range(3):
        optimizer.zero_grad()
        logistic_loss(dense(data.inputs[0]).flatten(), data.labels, None).backward()
        optimizer.step()
    torch.testing.assert_close(ours.embedding.table, dense.weight.detach(), atol=1e-6, rtol=1e-5)


def test_rows_that_no_batch_holds_stay_as_they_were():
    scorer = DCNv2(embedding_dim=4, hidden=(8,), id_dropout=0.0, dropout=0.0)
    model = DCNv2Network([1_000], 0, scorer)
    before = model.embedding.table.clone()
    data = examples(256, size=20)
    inputs = (data.inputs[0], torch.empty(256, 0))
    train(model, Examples(inputs, data.labels), TrainingOptions(batch_size=64, embedding_l2=0.1))
    assert torch.equal(model.embedding.table[20:], before[20:])
    assert (model.embedding.table[1:20] != before[1:20]).all()


def test_early_stopping_restores_the_best_weights():
    model = network()
    opposite = Examples(examples(1_000).inputs, 1 - examples(1_000).labels)
    half = Examples(opposite.inputs, torch.rand(1_000).round() * 0 + opposite.labels)
    options = TrainingOptions(
        epochs=50, batch_size=100, learning_rate=0.05, patience=2, validations_per_epoch=2
    )
    history = train(model, examples(1_000), options, validation=half)
    assert len(history.steps) == 3
    assert history.best_step == history.steps[0]
    assert evaluate(model, half) == pytest.approx(history.best_loss)
    assert history.validation_loss[-1] > history.best_loss


def test_best_weights_in_the_middle():
    few, later = examples(60, size=40), examples(2_000, size=40, seed=1)
    with seeded(0):
        model = OneField(40)
    options = TrainingOptions(epochs=400, batch_size=60, learning_rate=0.05, patience=5)
    history = train(model, few, options, validation=later)
    assert 0 < history.steps.index(history.best_step) < len(history.steps) - 1
    assert len(history.steps) - 1 - history.steps.index(history.best_step) == 5
    assert evaluate(model, later) == pytest.approx(history.best_loss)
    assert history.best_loss == min(history.validation_loss)


def test_validation_rows_teach_nothing():
    options = TrainingOptions(epochs=2, batch_size=50, patience=99)
    tables = []
    for labels in (torch.zeros(100), torch.ones(100)):
        model = network()
        held = Examples(examples(100).inputs, labels)
        history = train(model, examples(500), options, validation=held)
        tables.append((model.embedding.table, history))
    last = [t for t, h in tables if h.best_step == h.steps[-1]]
    without = network()
    train(without, examples(500), options)
    assert last
    assert all(torch.equal(table, without.embedding.table) for table in last)


def test_validation_is_taken_as_often_as_asked():
    options = TrainingOptions(epochs=2, batch_size=10, validations_per_epoch=3, patience=99)
    history = train(network(), examples(100), options, validation=examples(50))
    assert history.steps == [3, 7, 10, 13, 17, 20]
    assert len(history.cpu_seconds) == 6
    assert history.total_cpu_seconds >= history.cpu_seconds[-1]


@pytest.mark.parametrize(("epochs", "steps"), [(0.5, 5), (1, 10), (2.5, 25)])
def test_epochs_may_be_a_fraction(epochs, steps):
    options = TrainingOptions(epochs=epochs, batch_size=10, patience=99)
    history = train(network(), examples(100), options, validation=examples(50))
    assert history.steps[-1] == steps
    taken = []

    def counted(model, batch):
        taken.append(len(batch))
        return LOG_LOSS(model, batch)

    train(network(), examples(100), options, loss=counted)
    assert len(taken) == steps


def test_seed_decides_and_the_global_generator_is_left_alone():
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    tables = []
    for seed in (1, 1, 2):
        model = network()
        train(model, examples(300), TrainingOptions(epochs=2, batch_size=32), seed=seed)
        tables.append(model.embedding.table)
    assert torch.equal(tables[0], tables[1])
    assert not torch.equal(tables[0], tables[2])
    assert torch.equal(torch.random.get_rng_state(), state)


def test_weights_count():
    data = examples(2_000, rate=0.5)
    weighted = Examples(data.inputs, data.labels, 1 + 3 * data.labels)
    model = network()
    train(model, weighted, TrainingOptions(epochs=30, batch_size=500, learning_rate=0.1))
    np.testing.assert_allclose(torch.sigmoid(model.embedding.table[1:]), 0.8, atol=0.05)


def test_cosine_decay_ends_in_standstill():
    moved = {}
    for decay in ("none", "cosine"):
        options = TrainingOptions(epochs=4, batch_size=100, learning_rate=0.1, decay=decay)
        model, late = network(), []
        watch = model.embedding.register_forward_pre_hook(
            lambda module, _, late=late: late.append(module.table.clone())
        )
        train(model, examples(1_000), options)
        watch.remove()
        moved[decay] = (late[-1] - late[-2]).abs().max().item()
    assert moved["cosine"] < 0.05 * moved["none"]


def test_weight_decay_shrinks_matrices_but_not_biases():
    data = Examples((torch.zeros(100, 3),), torch.ones(100))
    layer = nn.Sequential(nn.Linear(3, 1), nn.Flatten(0))
    with torch.no_grad():
        layer[0].weight.fill_(1.0)
        layer[0].bias.fill_(1.0)
    train(layer, data, TrainingOptions(epochs=10, batch_size=100, weight_decay=10.0))
    assert layer[0].weight.max().item() == pytest.approx((1 - 0.01) ** 10, abs=1e-4)
    assert layer[0].bias.item() > 1.0


def test_progress_bar_only_where_asked_for(capsys):
    for progress in (False, True):
        train(network(), examples(100), TrainingOptions(epochs=1, progress=progress))
        assert bool(capsys.readouterr().err) == progress


def test_scores_in_batches_equal_scores_at_once_and_keep_the_mode():
    model, data = network().train(), examples(100)
    one = predict_scores(model, data.inputs, batch_size=7)
    assert torch.equal(one, predict_scores(model, data.inputs))
    assert model.training
    predict_scores(model.eval(), data.inputs)
    assert not model.training
    assert model.embedding.touched == []


def test_history_without_validation():
    assert TrainingHistory().best_step is None
    assert TrainingHistory().best_loss == float("inf")


@pytest.mark.parametrize(
    ("name", "value"),
    [("batch_size", 0), ("epochs", -1), ("learning_rate", 0.0), ("patience", 0), ("decay", "step")],
)
def test_options_are_checked(name, value):
    with pytest.raises(InputError, match=name):
        TrainingOptions(**{name: value})
