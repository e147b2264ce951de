import numpy as np

from mlsd.runtime.hashing import GOLDEN, mix64


def test_is_the_finish_of_splitmix64():
    """The first numbers of the published generator from the seed 1234567."""
    states = np.uint64(1_234_567) + np.arange(1, 6, dtype=np.uint64) * GOLDEN
    assert mix64(states).tolist() == [
        6_457_827_717_110_365_317,
        3_203_168_211_198_807_973,
        9_817_491_932_198_370_423,
        4_593_380_528_125_082_431,
        16_408_922_859_458_223_821,
    ]


def test_one_input_bit_turns_half_of_the_output_bits():
    values = np.random.default_rng(0).integers(0, 2**63, 2_000).astype(np.uint64)
    for bit in (0, 31, 63):
        turned = mix64(values) ^ mix64(values ^ (np.uint64(1) << np.uint64(bit)))
        assert abs(np.bitwise_count(turned).mean() - 32) < 0.5
