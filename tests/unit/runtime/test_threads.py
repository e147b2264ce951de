import os
import subprocess
import sys

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from mlsd.runtime import InputError
from mlsd.runtime.threads import THREAD_VARIABLES, limit_threads, physical_cores

PRINT_TORCH_THREADS = """
import torch
from mlsd.runtime.threads import limit_threads
torch.set_num_threads(2)
limit_threads(1)
print(torch.get_num_threads())
"""


@pytest.fixture(autouse=True)
def restored(monkeypatch):
    for name in THREAD_VARIABLES:
        monkeypatch.setenv(name, "1")
    with threadpool_limits(None):
        yield


def test_cores_are_those_that_the_process_may_use(monkeypatch):
    monkeypatch.setattr("mlsd.runtime.threads.psutil.cpu_count", lambda logical: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2}, raising=False)
    assert physical_cores() == 3


def test_cores_are_at_least_one_where_nothing_is_known(monkeypatch):
    monkeypatch.setattr("mlsd.runtime.threads.psutil.cpu_count", lambda logical: None)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert physical_cores() == 1


def test_a_limit_reaches_variables_and_loaded_libraries():
    assert limit_threads(2) == 2
    assert {os.environ[name] for name in THREAD_VARIABLES} == {"2"}
    limit_threads(1)
    assert {pool["num_threads"] for pool in threadpool_info()} == {1}


def test_the_default_is_the_physical_cores():
    assert limit_threads() == physical_cores()


def test_a_limit_reaches_torch_where_it_is_loaded():
    run = subprocess.run(
        [sys.executable, "-c", PRINT_TORCH_THREADS], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "1"


def test_no_thread_at_all_is_refused():
    with pytest.raises(InputError, match="count is 0"):
        limit_threads(0)
