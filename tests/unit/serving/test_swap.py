"""The watcher: newer versions take over, damaged ones do not, and nobody is cut off."""

import asyncio
import gc
import json
import logging
import threading
import weakref

import pytest
from fake_service import FakeEngine, load, versions, write_version

from mlsd.runtime import InputError
from mlsd.serving import Service, ServiceLimits, Watcher, warm_up

REQUEST = b'{"context": {}, "ad_ids": [1, 2]}'


@pytest.fixture
def service():
    service = Service(limits=ServiceLimits(timeout_seconds=60))
    yield service
    service.close()


@pytest.fixture
def watcher(service, tmp_path):
    return Watcher(service, lambda: versions(tmp_path), load)


def look(watcher):
    return asyncio.run(watcher.look())


def test_the_newest_version_answers_and_is_loaded_once(service, watcher, tmp_path):
    write_version(tmp_path, "1")
    write_version(tmp_path, "2")
    assert service.why_not_ready() == "no artifact is loaded yet"
    assert [look(watcher), look(watcher)] == [True, False]
    assert service.why_not_ready() is None
    assert (service.engine.version, service.metrics.artifact) == ("2", {"version": "2"})
    old = service.engine
    write_version(tmp_path, "3")
    assert [look(watcher), look(watcher)] == [True, False]
    assert (service.engine.version, old.closed) == ("3", True)
    assert service.metrics.value("mlsd_swaps_total") == 1


@pytest.mark.parametrize("damaged", ["", "{", '{"version": "2", "other": 1}', "[]"])
def test_a_damaged_version_is_refused_once_and_the_old_one_stays(
    service, watcher, tmp_path, damaged, caplog
):
    write_version(tmp_path, "1")
    look(watcher)
    if damaged:
        write_version(tmp_path, "2", damaged=damaged)
    else:
        (tmp_path / "2").mkdir()  # half written: the folder is there, its files are not
    with caplog.at_level(logging.INFO, "mlsd.serving"):
        assert [look(watcher) for _ in range(3)] == [False] * 3
    assert service.engine.version == "1"
    assert service.metrics.value("mlsd_failed_loads_total") == 1
    (line,) = caplog.records
    assert line.fields["version"] == "2"
    assert line.exc_info is None
    assert "\n" not in line.fields["error"]

    write_version(tmp_path, "2")  # repaired
    assert look(watcher)
    assert service.engine.version == "2"


def test_a_first_load_says_why_nothing_can_be_served(service, watcher, tmp_path):
    with pytest.raises(InputError, match=r"served: no version is there; .* --retrain$"):
        asyncio.run(watcher.load_first())
    write_version(tmp_path, "1", damaged="[")
    write_version(tmp_path, "2", damaged="{")
    with pytest.raises(InputError, match=r"served: 2: .* --retrain$"):
        asyncio.run(watcher.load_first())
    write_version(tmp_path, "0")
    asyncio.run(watcher.load_first())
    assert service.engine.version == "0"


def test_a_version_that_is_exchanged_while_it_loads_is_not_served(service, tmp_path):
    exchanged = []

    def load_and_exchange(folder):
        engine = load(folder)
        if not exchanged:
            exchanged.append(write_version(tmp_path, "1", sleep_ms=0.1))
        return engine

    write_version(tmp_path, "1")
    watcher = Watcher(service, lambda: versions(tmp_path), load_and_exchange)
    assert (look(watcher), service.engine) == (False, None)
    assert service.metrics.value("mlsd_failed_loads_total") == 1
    assert (look(watcher), service.engine.sleep_ms) == (True, 0.1)


def test_a_repair_that_leaves_the_size_as_it_was_is_seen(service, watcher, tmp_path):
    write_version(tmp_path, "1", damaged='{"version": "1"]')
    assert not look(watcher)
    repaired = write_version(tmp_path, "1") / "engine.json"
    assert len(repaired.read_text()) == len('{"version": "1"]')
    assert look(watcher)


def test_an_older_good_version_is_taken_where_the_newest_is_damaged(service, watcher, tmp_path):
    write_version(tmp_path, "1")
    write_version(tmp_path, "2", damaged="{")
    assert look(watcher)
    assert service.engine.version == "1"


def test_a_version_with_a_link_to_nowhere_does_not_hide_the_others(service, watcher, tmp_path):
    write_version(tmp_path, "1")
    (tmp_path / "2").mkdir()
    (tmp_path / "2" / "engine.json").symlink_to(tmp_path / "nowhere")
    assert look(watcher)
    assert service.engine.version == "1"


def test_an_engine_that_cannot_answer_its_own_examples_is_refused(service, tmp_path):
    class Broken(FakeEngine):
        def answer(self, request, clock):
            raise ConnectionError("no store")

    write_version(tmp_path, "1")
    watcher = Watcher(service, lambda: versions(tmp_path), lambda folder: Broken())
    assert not look(watcher)
    assert service.why_not_ready() == "no artifact is loaded yet"
    assert service.metrics.value("mlsd_failed_loads_total") == 1


def test_an_engine_whose_answer_is_not_json_is_refused():
    class Broken(FakeEngine):
        def answer(self, request, clock):
            return {"click_probability": [float("nan")]}

    with pytest.raises(ValueError, match="JSON"):
        warm_up(Broken())


def test_an_engine_whose_fallback_fails_is_refused():
    class Broken(FakeEngine):
        def fallback(self, request):
            raise ConnectionError("no rates")

    with pytest.raises(ConnectionError, match="no rates"):
        warm_up(Broken())


def test_the_watch_goes_on_where_the_folder_cannot_be_read(service, tmp_path):
    write_version(tmp_path, "1")
    asked = []

    def unreadable():
        asked.append(1)
        if len(asked) < 3:
            raise PermissionError(13, "Permission denied")
        return versions(tmp_path)

    async def watch():
        task = asyncio.create_task(Watcher(service, unreadable, load, seconds=0.01).run())
        while service.engine is None:
            await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(asyncio.wait_for(watch(), 60))
    assert service.engine.version == "1"


def test_the_old_engine_is_closed_after_its_last_request_and_answers_it(service):
    gate = threading.Event()

    class Gated(FakeEngine):
        def answer(self, request, clock):
            gate.wait(60)
            return super().answer(request, clock)

    old, new = Gated("old"), FakeEngine("new")
    service.swap(old)

    async def swap_meanwhile():
        first = asyncio.create_task(service.answer(REQUEST))
        await asyncio.sleep(0.05)
        service.swap(new)
        closed_early = old.closed
        gate.set()
        return await first, await service.answer(REQUEST), closed_early

    first, second, closed_early = asyncio.run(swap_meanwhile())
    assert (first.version, first.body["made_by"]) == ("old", "old")
    assert (second.version, second.body["made_by"]) == ("new", "new")
    assert (closed_early, old.closed, new.closed) == (False, True, False)


def test_an_engine_that_still_computes_a_late_answer_is_not_closed_under_it():
    gate, closed_inside = threading.Event(), []

    class Gated(FakeEngine):
        def answer(self, request, clock):
            gate.wait(60)
            closed_inside.append(self.closed)
            return {}

    old = Gated("old")
    service = Service(old, ServiceLimits(timeout_seconds=0.02))
    late = asyncio.run(service.answer(REQUEST))
    assert (late.source, late.body["made_by"]) == ("timeout", "old")
    service.swap(FakeEngine("new"))
    assert not old.closed
    gate.set()
    while not old.closed:
        threading.Event().wait(0.01)
    assert closed_inside == [False]
    service.close()


def test_an_engine_that_refers_to_itself_is_gone_at_the_next_look(service, watcher, tmp_path):
    class Knotted(FakeEngine):
        def __init__(self, version):
            super().__init__(version)
            self.itself = self

    watcher.load = lambda folder: Knotted(folder.name)
    gc.disable()  # as long as nothing else makes it come
    try:
        write_version(tmp_path, "1")
        look(watcher)
        old = weakref.ref(service.engine)
        write_version(tmp_path, "2")
        look(watcher)
        assert old() is not None
        look(watcher)
        assert old() is None
    finally:
        gc.enable()


def test_cache_counters_do_not_fall_when_engines_are_swapped(service):
    for version in "123":
        engine = FakeEngine(version)
        engine.cache_hits = 5
        service.swap(engine)
    assert service.metrics.value("mlsd_cache_hits_total") == 15
    assert json.dumps(service.metrics.outcomes())
