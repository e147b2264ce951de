"""For every test: no network beyond this machine, figures without a screen, repeatable examples."""

import os
import socket

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("MPLBACKEND", "agg")
# No test fails because a machine is busy, and every run draws the same examples.
settings.register_profile(
    "course",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("course")

LOCAL_HOSTS = ("127.0.0.1", "::1", "localhost")


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Refuse connections to other machines; nothing in the course may need one."""
    connect = socket.socket.connect

    def connect_locally(self, address):
        if self.family != getattr(socket, "AF_UNIX", None) and address[0] not in LOCAL_HOSTS:
            raise AssertionError(f"a test tried to reach {address[0]}; tests need no network")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_locally)


@pytest.fixture(scope="session")
def ad_artifact(tmp_path_factory):
    """Return a served version of the ad case, from two days of the small world; do not change it.

    A test that needs another, or a damaged one, copies the folder.
    """
    from mlsd.cases import find_service

    root = tmp_path_factory.mktemp("artifacts")
    service = find_service("ad_click")
    return service.train(root, rung=service.default_rung, size="small", seed=3, history_days=2)


@pytest.fixture(scope="session")
def video_artifact(tmp_path_factory):
    """Return a served version of the video case, from the small world; as above."""
    from mlsd.cases import find_service

    root = tmp_path_factory.mktemp("feeds")
    return find_service("video").train(root, rung="ease", size="small", seed=3)
