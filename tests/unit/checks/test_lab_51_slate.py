"""The last check of the slate lab: a price that the log has no say in does not pass."""

from types import SimpleNamespace

import numpy as np
import pytest

from mlsd.checks.video import lab_51_slate as lab
from mlsd.checks.video import slate_mistakes
from mlsd.lab_support.video.session_slates import top_slates


def by_the_log(log):
    """Price look-alikes by raw means, which is not right, but follows the log."""
    level = log.groupby("alike")["minutes"].mean()
    loss = float(np.clip(1 - level[1] / level[0], 0, 1))
    return slate_mistakes._fixed_loss(loss)(log)


@pytest.fixture
def verdict(monkeypatch):
    feed = SimpleNamespace(log=lab.planted_log(0.0, 1))
    monkeypatch.setattr(lab, "session_feed", lambda seed: feed)
    return lab._fills_slates()


def test_a_price_from_the_log_goes_on_to_the_deployment(verdict):
    assert verdict(by_the_log) == ""


@pytest.mark.parametrize("loss", [0.0, 0.1, 0.25, 0.4, 0.6])
def test_a_fixed_price_is_stopped(verdict, loss):
    assert "a feed's log says" in verdict(slate_mistakes._fixed_loss(loss))


def test_slates_that_are_none_are_told_first(verdict):
    assert "a feed's log says" in verdict(top_slates)
    assert "a slate is 6" in verdict(lambda log: lambda offered: [1, 2])
