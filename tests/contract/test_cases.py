"""What every case that is built promises to the commands, the README and the ledger."""

import pytest

from mlsd.cases import built_cases, find_case, find_service, registry, require_case
from mlsd.data.log import ColumnRoles
from mlsd.experiments import ledger_path, load_ledger
from mlsd.experiments.display import at_rank
from mlsd.runtime import CASE_IDS, InputError


@pytest.fixture(params=built_cases())
def case(request):
    return find_case(request.param)


def test_no_two_rungs_of_a_case_have_one_name(case):
    names = [rung.name for rung in case.ladder.rungs]
    assert len(set(names)) == len(names)


def test_a_rung_that_a_log_may_skip_says_what_the_log_lacks(case):
    for rung in case.ladder.rungs:
        if rung.is_oracle or rung.tables or not rung.settings(ColumnRoles(None)):
            assert rung.needs, rung.name


def test_it_is_registered_under_its_own_name(case):
    assert find_case(case.id) is case
    assert case.id in CASE_IDS


def test_a_case_that_is_not_there_is_one_clear_line(monkeypatch):
    with pytest.raises(InputError, match="case 'nope' is unknown; choose among ad_click"):
        require_case("nope")
    monkeypatch.delitem(registry._LOADERS, CASE_IDS[-1], raising=False)
    with pytest.raises(InputError, match=f"case {CASE_IDS[-1]!r} is not built yet; choose among"):
        require_case(CASE_IDS[-1])


def test_everything_shown_is_in_the_committed_ledger(case):
    if not ledger_path(case.id, case.world_name).is_file():
        pytest.skip("no ledger is committed yet")
    ledger = load_ledger(case.id)
    for column in (*case.listed, *at_rank(case.printed, ledger)):
        assert column.key in ledger, column.title
    assert f"online_{case.headline.name}" in ledger
    assert set(ledger["features"]) <= set(case.figure.kinds)
    if case.highlights is not None:
        assert set(case.highlights.rungs) <= set(ledger["rung"])


def test_every_size_and_variant_is_a_world_with_a_name_of_its_own(case):
    assert {"small", "default"} <= set(case.sizes)
    for variant in (None, *case.variants):
        log = case.world(1, size="small", variant=variant).history(1).labelled()
        assert len(log.frame) > 0
        name = "-".join(part for part in (case.world_name, variant, "small") if part)
        assert case.source(size="small", variant=variant).name == name
    assert case.source().name == case.world_name


def test_unknown_sizes_variants_and_designs_are_named(case):
    with pytest.raises(InputError, match="unknown size"):
        case.world(1, size="nope")
    with pytest.raises(InputError, match="unknown variant"):
        case.world(1, variant="nope")
    world = case.world(1, size="small")
    assert set(case.ladder.designs) <= set(world.designs)
    with pytest.raises(InputError, match="unknown design"):
        world.ab_test(None, None, design="coin")


def test_its_headline_is_a_measure_of_the_world(case):
    world = case.world(1, size="small")
    report = world.deploy(world.logging_policy(1), 1, history_days=1)
    assert case.headline.name in report.measures


def test_a_case_is_served_by_the_best_deployed_rung_of_its_ledger(case):
    if case.service is None:
        with pytest.raises(InputError, match=f"case {case.id!r} has no service"):
            find_service(case.id)
        return
    assert find_service(case.id) is case.service
    assert case.service.route.startswith("/")
    ledger = load_ledger(case.id).query("not is_oracle").set_index("rung")
    assert case.service.default_rung == ledger[f"online_{case.headline.name}"].idxmax()
