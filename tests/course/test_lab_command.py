"""`mlsd lab` in the flesh: JupyterLab starts on the repository, without a browser."""

import time
import urllib.request
from contextlib import suppress
from threading import Thread

import psutil

from mlsd.course.workspace import copy_workspace, plan_server, run_lab

SECONDS = 600


def read(url):
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            return urllib.request.urlopen(url, timeout=60).read().decode()
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"no answer from {url}")


def test_jupyterlab_serves_the_copies(project, tmp_path, monkeypatch):
    for name in ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    copy_workspace(project.root)
    server, told = plan_server(project.root, browser=False, port=0), []
    thread = Thread(target=run_lab, args=(server,), kwargs={"ready": lambda: told.append(1)})
    thread.start()
    try:
        assert "JupyterLab" in read(server.address)
        listing = read(
            f"http://127.0.0.1:{server.port}/api/contents/work/01_ad_click_prediction"
            f"?token={server.token}"
        )
        assert "20_measure.ipynb" in listing
        assert "lab_20_measure.ipynb" in listing
        assert told == [1]
    finally:
        # It has no kernels and nothing to save, and an orderly stop takes its time.
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if f"--ServerApp.port={server.port}" in child.cmdline():
                    child.kill()
        thread.join(SECONDS)
