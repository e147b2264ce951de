"""`mlsd lab` in the flesh: JupyterLab starts on the repository, at work/, without a browser."""

import re
import subprocess
import time
import urllib.request

from mlsd.course.workspace import copy_workspace, lab_command

SECONDS = 600


def started_url(process):
    """Return the first address that JupyterLab prints."""
    for line in process.stdout:
        found = re.search(r"http://\S+token=\w+", line)
        if found:
            return found.group(0)
    raise AssertionError("JupyterLab printed no address")


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
    process = subprocess.Popen(
        lab_command(project.root, browser=False, port=0),
        cwd=project.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        url = started_url(process)
        assert "/lab/tree/work?" in url
        base, token = re.match(r"(http://[^/]+)/.*(token=\w+)", url).groups()
        assert "JupyterLab" in read(url)
        listing = read(f"{base}/api/contents/work/01_ad_click_prediction?{token}")
        assert "20_measure.ipynb" in listing
        assert "lab_20_measure.ipynb" in listing
        assert process.poll() is None
    finally:
        # It has no kernels and nothing to save, and an orderly stop takes its time.
        process.kill()
        process.communicate()
