"""The case of ad click prediction: what it names is there."""

import pytest

from mlsd.cases import built_cases, find_case, require_case
from mlsd.runtime import InputError

CASE = find_case("ad_click")


def test_a_case_is_one_of_those_that_are_built():
    assert "ad_click" in built_cases()
    with pytest.raises(InputError, match="case 'nope' is unknown; choose among ad_click"):
        require_case("nope")


def test_everything_shown_is_in_the_committed_ledger():
    from mlsd.experiments import load_ledger

    ledger = load_ledger("ad_click")
    for column in (*CASE.listed, *CASE.printed):
        assert column.key in ledger, column.title
    assert f"online_{CASE.headline.name}" in ledger
    assert set(ledger["features"]) == set(CASE.figure.kinds)


def test_the_designs_are_those_of_the_world():
    world = CASE.world(1, size="small")
    assert set(CASE.ladder.designs) == {"user", "budget", "switchback"}
    with pytest.raises(InputError, match="unknown design"):
        world.ab_test(None, None, design="coin")
