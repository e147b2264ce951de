"""`mlsd serve` as a notebook starts it."""

import json
import os

import pytest

from mlsd.cases import find_service
from mlsd.runtime import InputError
from mlsd.serving import LocalService, poisson_arrivals

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals as on Linux and macOS")


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory):
    root = tmp_path_factory.mktemp("artifacts")
    version = find_service("ad_click").train(root, rung="global_rate", size="small").version
    return root, version


def test_it_answers_loads_and_stops(artifacts):
    root, version = artifacts
    service = LocalService("ad_click", root)
    try:
        service.wait_for_version(version)
        assert service.get("/readyz") == (200, '{"status":"ready"}')
        example = json.loads(service.get("/example")[1])
        status, answer, headers = service.post("/rank", example)
        assert (status, answer["version"]) == (200, version)
        assert "server-timing" in headers
        assert service.post("/rank", {"ad_ids": [1]})[0] == 400
        due = poisson_arrivals(20.0, 0.5, seed=0)
        report = service.load("/rank", [example] * len(due), due).result()
        assert report.share("failed") == 0
    finally:
        service.stop()
    with pytest.raises(OSError, match="refused"):
        service.get("/healthz")
    # It ended itself, after what it had admitted.
    assert service._process.returncode == 0


def test_a_folder_that_cannot_be_served_says_so(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match="did not come up"):
        LocalService("ad_click", tmp_path / "file")
