"""Small worlds that many tests read and none changes."""

import pytest

from mlsd.worlds import AdClickWorld

DAYS = 4


@pytest.fixture(scope="session")
def small_world():
    return AdClickWorld(seed=3, size="small")


@pytest.fixture(scope="session")
def small_logs(small_world):
    return small_world.history(DAYS)
