from dataclasses import dataclass

import pytest

from mlsd.runtime import InputError
from mlsd.worlds.kit.config import WorldConfig


@dataclass(frozen=True)
class ShopConfig(WorldConfig):
    sizes = {"small": {"users": 10}, "default": {}}
    variants = {"quiet": {"visits": 1}}

    users: int = 1_000
    visits: int = 50

    def __post_init__(self):
        self._require(self.visits > 0, "visits must be positive")


def test_a_size_and_a_variant_change_what_they_name_and_nothing_else():
    assert ShopConfig.variant("quiet") == ShopConfig(visits=1)
    assert ShopConfig(visits=7).scaled("small") == ShopConfig(users=10, visits=7)
    assert ShopConfig().scaled("default") == ShopConfig()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ShopConfig(visits=0), "ShopConfig: visits must be positive"),
        (lambda: ShopConfig.variant("loud"), "ShopConfig: unknown variant 'loud'; choose among"),
        (lambda: ShopConfig().scaled("huge"), "ShopConfig: unknown size 'huge'; choose among"),
    ],
)
def test_what_is_wrong_is_named(make, message):
    with pytest.raises(InputError, match=message):
        make()
