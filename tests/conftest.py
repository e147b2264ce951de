"""For every test: no network beyond this machine, figures without a screen, repeatable examples."""

import os
import socket

import pytest
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "agg")
settings.register_profile("course", deadline=None, derandomize=True)
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
