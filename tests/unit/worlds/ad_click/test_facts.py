import re
from dataclasses import fields

import pytest

from mlsd.runtime import project_root
from mlsd.worlds import AdClickConfig, AdClickWorld
from mlsd.worlds.ad_click.card import render_card
from mlsd.worlds.ad_click.reasons import REASONS

NUMBER = re.compile(r"-?\d[\d,]*\.?\d*")


def test_every_parameter_has_a_reason():
    assert list(REASONS) == [field.name for field in fields(AdClickConfig)]


def test_the_committed_card_is_current():
    card, committed = (
        render_card(),
        (project_root() / "data/cards/ad_click_world.md").read_text(encoding="utf-8"),
    )
    assert NUMBER.sub("#", card) == NUMBER.sub("#", committed)
    for new, old in zip(NUMBER.findall(card), NUMBER.findall(committed)):
        value, stated = (float(text.replace(",", "")) for text in (new, old))
        assert value == pytest.approx(stated, rel=0.03, abs=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_click_through_rate_lies_between_one_and_three_percent(seed):
    clicks = AdClickWorld(seed=seed).history(1).impressions["click"]
    assert 0.01 < clicks.mean() < 0.03
