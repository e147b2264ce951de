import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mlsd.models.minibatches import MiniBatches


@given(
    rows=st.integers(0, 40),
    fields=st.integers(0, 4),
    batch_size=st.integers(1, 64),
    buckets=st.integers(1, 6),
    seed=st.integers(0, 99),
)
def test_entries_are_the_counts_of_each_batch(rows, fields, batch_size, buckets, seed):
    table = np.random.default_rng(seed).integers(0, buckets, (rows, fields))
    covered = 0
    for part, entries in MiniBatches(table, batch_size):
        batch = table[part]
        covered += len(batch)
        dense = np.zeros((len(batch), buckets))
        np.add.at(dense, (np.arange(len(batch))[:, None], batch), 1)
        rebuilt = np.zeros_like(dense)
        rebuilt[entries.row, entries.bucket[entries.group]] = entries.value
        np.testing.assert_array_equal(rebuilt, dense)
        assert len(np.unique(entries.bucket)) == len(entries.bucket)
        assert (entries.group[entries.start] == np.arange(len(entries.bucket))).all()
        assert (np.diff(entries.group) >= 0).all()
    assert covered == rows
