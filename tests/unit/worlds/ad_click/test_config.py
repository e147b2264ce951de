import pytest

from mlsd.runtime import InputError
from mlsd.worlds import AdClickConfig, AdClickWorld


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"price_rule": "third"}, "price_rule"),
        ({"billing": "view"}, "billing"),
        ({"slots": 11}, "slots <= candidates"),
        ({"exploration_share": 1.5}, "exploration_share"),
        ({"event_days": (3, 2)}, "event_days"),
        ({"topics": 5}, "both zero or both positive"),
        ({"campaigns": 2_000}, "campaigns <= live_ads"),
    ],
)
def test_wrong_parameters_are_named(wrong, message):
    with pytest.raises(InputError, match=message):
        AdClickConfig(**wrong)


def test_unknown_variant_and_size_are_named():
    with pytest.raises(InputError, match="unknown variant 'rich'"):
        AdClickConfig.variant("rich")
    with pytest.raises(InputError, match="unknown size 'huge'"):
        AdClickWorld(size="huge")


def test_a_negative_seed_is_refused():
    with pytest.raises(InputError, match="negative"):
        AdClickWorld(seed=-1)


@pytest.mark.parametrize("days", [0, 61])
def test_history_stays_within_the_horizon(days):
    with pytest.raises(InputError, match="horizon_days"):
        AdClickWorld(size="small").history(days)
