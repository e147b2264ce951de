import numpy as np

from mlsd.runtime import spawn_generators


def test_a_stream_depends_on_seed_and_name_alone():
    (alone,) = spawn_generators(7, "clicks")
    _, beside = spawn_generators(7, "bids", "clicks")
    assert alone.random(5).tolist() == beside.random(5).tolist()


def test_streams_of_other_names_and_seeds_are_unrelated():
    drawn = [g.standard_normal(20_000) for s in (7, 8) for g in spawn_generators(s, "a", "b")]
    correlations = np.corrcoef(drawn)[np.triu_indices(4, k=1)]
    assert np.abs(correlations).max() < 0.03
