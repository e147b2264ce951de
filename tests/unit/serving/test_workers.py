"""Workers outlive a job that hangs, and nothing that was cancelled takes one."""

import threading
import time

import pytest

from mlsd.serving.workers import Workers


@pytest.fixture
def gate():
    gate = threading.Event()
    yield gate
    gate.set()


def wait_until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.002)


def test_results_and_errors_come_back():
    workers = Workers(2, stuck_seconds=60, max_stuck=1)
    assert [workers.submit(pow, 2, k).result(30) for k in range(5)] == [1, 2, 4, 8, 16]
    with pytest.raises(ZeroDivisionError):
        workers.submit(divmod, 1, 0).result(30)
    assert workers.submit(abs, -1).result(30) == 1
    workers.close()


def test_a_cancelled_job_never_takes_a_worker(gate):
    workers, done = Workers(1, stuck_seconds=60, max_stuck=1), []
    running = workers.submit(gate.wait)
    wait_until(running.running)
    cancelled = workers.submit(done.append, "cancelled")
    last = workers.submit(done.append, "last")
    assert cancelled.cancel()
    assert not running.cancel()
    gate.set()
    last.result(30)
    assert done == ["last"]


def test_a_job_that_hangs_is_replaced_until_the_bound_and_no_thread_leaks(gate):
    before = threading.active_count()
    workers = Workers(1, stuck_seconds=0.01, max_stuck=2)
    for given_up in (1, 2):
        hanging = workers.submit(gate.wait)
        wait_until(hanging.running)
        assert not workers.exhausted
        time.sleep(0.02)
        workers.replace_stuck()
        assert workers.stuck == given_up
        assert workers.submit(abs, -given_up).result(30) == given_up
    assert workers.exhausted
    last = workers.submit(gate.wait)
    wait_until(last.running)
    time.sleep(0.02)
    workers.replace_stuck()
    assert workers.stuck == 2
    assert threading.active_count() == before + 3
    gate.set()
    wait_until(lambda: workers.stuck == 0 and threading.active_count() == before + 1)
    assert not workers.exhausted
    assert workers.submit(abs, -9).result(30) == 9
    workers.close()
    wait_until(lambda: threading.active_count() == before)
