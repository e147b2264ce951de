import numpy as np
import pytest

from mlsd.features.encoders import hash_buckets
from mlsd.metrics import log_loss
from mlsd.models import FTRLProximal
from mlsd.models.scorer import take_rows
from mlsd.runtime import InputError


def impressions(rows, seed=0):
    rng = np.random.default_rng(seed)
    columns = {"ad_id": (300 ** rng.random(rows)).astype(int), "slot": rng.integers(0, 4, rows)}
    score = rng.normal(0, 1, 301)[columns["ad_id"]] + rng.normal(0, 1, 4)[columns["slot"]] - 1
    return columns, (rng.random(rows) < 1 / (1 + np.exp(-score))).astype(int)


class Textbook:
    """FTRL-Proximal as Algorithm 1 of McMahan et al. (2013) has it, one coordinate at a time."""

    def __init__(self, alpha, beta, l1, l2):
        self.alpha, self.beta, self.l1, self.l2 = alpha, beta, l1, l2
        self.z, self.n = {}, {}

    def weight(self, i):
        z, n = self.z.get(i, 0.0), self.n.get(i, 0.0)
        l1, l2 = (0.0, 0.0) if i == "intercept" else (self.l1, self.l2)
        if abs(z) <= l1:
            return 0.0
        return -(z - np.sign(z) * l1) / ((self.beta + np.sqrt(n)) / self.alpha + l2)

    def learn(self, batch):
        """Rows of one batch share weights; every row adds its own gradient and its square."""
        weights = {i: self.weight(i) for x, _ in batch for i in x}
        scores = [sum(weights[i] * value for i, value in x.items()) for x, _ in batch]
        predicted = [1 / (1 + np.exp(-score)) for score in scores]
        for (x, y), p in zip(batch, predicted):
            for i, value in x.items():
                g, n = (p - y) * value, self.n.get(i, 0.0)
                sigma = (np.sqrt(n + g * g) - np.sqrt(n)) / self.alpha
                self.z[i] = self.z.get(i, 0.0) + g - sigma * weights[i]
                self.n[i] = n + g * g
        return predicted


def textbook_rows(columns, y, bits):
    rows = []
    for buckets, label in zip(hash_buckets(columns, tuple(columns), bits).tolist(), y):
        x = {"intercept": 1.0}
        for bucket in buckets:
            x[bucket] = x.get(bucket, 0.0) + 1.0
        rows.append((x, label))
    return rows


@pytest.mark.parametrize("batch_size", [1, 7, 64])
@pytest.mark.parametrize("bits", [2, 16])
@pytest.mark.parametrize("l1", [0.0, 0.4])
def test_equals_the_textbook(batch_size, bits, l1):
    columns, y = impressions(400)
    options = {"alpha": 0.2, "beta": 0.7, "l1": l1, "l2": 0.3}
    model = FTRLProximal(categorical=tuple(columns), bits=bits, batch_size=batch_size, **options)
    ours = model.progressive_fit(columns, y)
    reference = Textbook(**options)
    rows = textbook_rows(columns, y, bits)
    theirs = [
        p for at in range(0, 400, batch_size) for p in reference.learn(rows[at : at + batch_size])
    ]
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    for i, z in reference.z.items():
        learned = model.dense_z_[0] if i == "intercept" else model.z_[i]
        assert learned == pytest.approx(z, rel=1e-9, abs=1e-12)


def test_keeps_two_numbers_a_coordinate():
    columns, y = impressions(200)
    model = FTRLProximal(categorical=tuple(columns), bits=8).fit(columns, y)
    assert model.z_.shape == model.n_.shape == (2**8,)
    touched = np.unique(hash_buckets(columns, tuple(columns), 8))
    assert (np.flatnonzero(model.n_) == touched).all()


def test_l1_leaves_rare_ids_at_zero():
    columns, y = impressions(2_000)
    loose, strict = (
        FTRLProximal(categorical=("ad_id",), bits=12, l1=l1).fit(columns, y) for l1 in (0.0, 3.0)
    )
    heavy = [np.count_nonzero(np.abs(m.z_) > m.l1) for m in (loose, strict)]
    assert heavy[1] < 0.5 * heavy[0]


def test_pieces_in_sequence_equal_one_pass():
    columns, y = impressions(640)
    whole, pieces = (FTRLProximal(categorical=tuple(columns), bits=10) for _ in range(2))
    at_once = whole.progressive_fit(columns, y)
    parts = [slice(start, start + 128) for start in range(0, 640, 128)]
    in_turn = [pieces.progressive_fit(take_rows(columns, part), y[part]) for part in parts]
    np.testing.assert_array_equal(at_once, np.concatenate(in_turn))
    np.testing.assert_array_equal(whole.z_, pieces.z_)


def test_progressive_predictions_do_not_see_their_own_label():
    columns, y = impressions(256)
    flipped = y.copy()
    flipped[64:] = 1 - flipped[64:]
    one, two = (
        FTRLProximal(categorical=tuple(columns)).progressive_fit(columns, each)
        for each in (y, flipped)
    )
    np.testing.assert_array_equal(one[:128], two[:128])
    assert not np.array_equal(one[128:], two[128:])


def test_partial_fit_keeps_and_fit_forgets():
    columns, y = impressions(600)
    model = FTRLProximal(categorical=tuple(columns), bits=10)
    kept = model.partial_fit(columns, y).partial_fit(columns, y).n_.sum()
    assert model.fit(columns, y).n_.sum() < kept
    assert FTRLProximal(categorical=tuple(columns), bits=10, epochs=2).fit(
        columns, y
    ).n_.sum() == pytest.approx(kept)


def test_a_batch_of_one_class_may_arrive():
    columns, y = impressions(300)
    model = FTRLProximal(categorical=tuple(columns)).partial_fit(columns, np.zeros(300))
    assert model.predict_proba(columns)[:, 1].max() < 0.5


def test_numbers_are_learned_whatever_their_unit():
    rng = np.random.default_rng(1)
    age = rng.normal(40, 10, 5_000)
    y = (rng.random(5_000) < 1 / (1 + np.exp(-0.1 * (age - 40)))).astype(int)
    losses = [
        log_loss(
            y, FTRLProximal(numeric=("age",)).fit({"age": a}, y).predict_proba({"age": a})[:, 1]
        )
        for a in (age, age * 1e4)
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    optimum = log_loss(y, 1 / (1 + np.exp(-0.1 * (age - 40))))
    assert losses[0] < optimum + 0.005


def test_batches_cost_little_accuracy():
    columns, y = impressions(20_000)
    losses = [
        log_loss(
            y, FTRLProximal(categorical=tuple(columns), batch_size=b).progressive_fit(columns, y)
        )
        for b in (1, 64)
    ]
    assert losses[1] < losses[0] + 0.002


@pytest.mark.parametrize("batch_size", [0, 65])
def test_batch_size_is_bounded(batch_size):
    with pytest.raises(InputError, match="batch_size"):
        FTRLProximal(categorical=("ad_id",), batch_size=batch_size).fit(*impressions(50))
