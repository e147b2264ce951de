"""Encoders as plain arrays give, bit for bit, what the encoders of training give."""

import numpy as np
import pytest

from mlsd.features import NumericEncoder, VocabularyEncoder, hash_buckets
from mlsd.features.encoders import column_salt
from mlsd.runtime import InputError
from mlsd.serving.compiled import RequestColumns
from mlsd.serving.compiled.encoding import HashedIds
from mlsd.serving.compiled.parts import ServedParts
from mlsd.serving.compiled.scorers import PastItems


@pytest.fixture
def numbers():
    generator = np.random.default_rng(0)
    heavy = generator.pareto(0.8, 3000) * generator.choice([-1, 1], 3000)
    plain = generator.normal(3, 2, 3000).astype(np.float32)
    gaps = np.where(generator.random(3000) < 0.1, np.nan, plain)
    return {"heavy": heavy, "plain": plain, "gaps": gaps, "constant": np.full(3000, 7)}


def test_numbers_are_scaled_as_in_training(numbers):
    encoder = NumericEncoder(tuple(numbers)).fit(numbers)
    scale = ServedParts().scale(encoder)
    assert scale.heavy.tolist() == [True, False, False, False]
    assert scale.indicated.tolist() == [False, False, True, False]
    strange = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e300, -1e300, 1e-300])
    rows = {
        name: np.append(values[:500].astype(np.float64), strange)
        for name, values in numbers.items()
    }
    found = scale.of(RequestColumns(rows))
    assert (found.dtype, found.shape[1]) == (np.float32, scale.size)
    np.testing.assert_array_equal(found, encoder.transform(rows))


def test_ids_are_coded_as_in_training():
    generator = np.random.default_rng(1)
    seen = {"a": generator.integers(-50, 900, 4000), "b": generator.zipf(1.5, 4000) % 1000}
    encoder = VocabularyEncoder(("a", "b"), min_count=3).fit(seen)
    codes = ServedParts().codes(encoder)
    asked = generator.integers(-2000, 4000, 5000)
    asked = np.append(asked, [-(2**40), 2**40, np.iinfo(np.int64).max, np.iinfo(np.int64).min + 1])
    rows = {"a": asked, "b": asked[::-1]}
    np.testing.assert_array_equal(codes.of(RequestColumns(rows)), encoder.transform(rows))
    field = encoder.transform(rows)[:, 1].reshape(2, -1)
    np.testing.assert_array_equal(codes.of_field(rows["b"].reshape(2, -1), 1), field)


@pytest.mark.parametrize("bits", [1, 20, 62])
def test_ids_are_hashed_as_in_training(bits):
    names = ("ad_id", "hour")
    rows = {"ad_id": np.arange(-500, 500), "hour": (np.arange(1000) % 24).astype(np.int8)}
    salts = np.array([column_salt(name) for name in names])
    found = HashedIds(names, salts, bits).of(RequestColumns(rows))
    np.testing.assert_array_equal(found, hash_buckets(rows, names, bits))


def test_columns_of_other_names_are_read_under_their_own():
    parts = ServedParts()
    one, other = (VocabularyEncoder((name,)).fit({name: [5, 7]}) for name in ("ad_id", "user_id"))
    assert parts.codes(one).names == ("ad_id",)
    assert parts.codes(other).names == ("user_id",)


def test_a_place_of_a_history_is_empty_where_all_of_its_columns_are():
    encoder = VocabularyEncoder(("ad_id", "category")).fit({"ad_id": [5, 6], "category": [7, 8]})
    past = PastItems(("clicked_ad_id", "clicked_category"), (0, 1), -1)
    rows = {"clicked_ad_id": np.array([[6, -1, -1]]), "clicked_category": np.array([[7, 8, -1]])}
    found = past.of(RequestColumns(rows), ServedParts().codes(encoder))
    assert found.tolist() == [[[2, 1], [0, 2], [-1, -1]]]


def test_text_has_no_served_codes():
    encoder = VocabularyEncoder(("device",)).fit({"device": ["tv", "phone"]})
    with pytest.raises(InputError, match="column 'device' does not hold small whole numbers"):
        ServedParts().codes(encoder)


def test_quantile_scales_are_not_served(numbers):
    encoder = NumericEncoder(("plain",), method="quantile").fit(numbers)
    with pytest.raises(InputError, match="only 'standard' is served"):
        ServedParts().scale(encoder)


def test_what_two_scorers_read_is_made_once():
    made = []
    columns = RequestColumns({"a": np.arange(3)})
    for _ in range(2):
        columns.once("key", lambda: made.append(1) or np.zeros(3))
    assert made == [1]
    assert columns.ids(("a",)) is columns.ids(("a",))


def test_a_column_that_the_request_lacks_is_named():
    with pytest.raises(InputError, match="reads 'b', which the request lacks"):
        RequestColumns({"a": np.arange(3)}).numbers(("a", "b"))
