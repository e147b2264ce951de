"""``mlsd serve`` from the outside: what it trains, what it serves, and how it is told to stop."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import httpx
import pytest
from fake_service import FakeEngine

from mlsd import cli, serving
from mlsd.cases import registry
from mlsd.cases.services import CaseService
from mlsd.runtime import InputError
from mlsd.serving.artifact import read_artifact, versions, write_artifact


class FakeCase:
    """Trains in no time, and notes what it was asked for."""

    def __init__(self):
        self.trained, self.unloadable = [], set()

    def train(self, root, *, rung, size="default", seed=101, progress=None):
        if rung not in ("best", "other"):
            raise InputError(f"rung {rung!r} is unknown; choose among best, other")
        progress(f"fitting [{rung}]")
        self.trained.append((rung, size))

        def fill(folder):
            (folder / "model.json").write_text("{}")
            return {"rung": rung, "size": size}

        return write_artifact(root, "ad_click", fill)

    def load(self, artifact):
        if artifact.version in self.unloadable:
            raise InputError(f"{artifact.folder}: is not a model")
        return FakeEngine(artifact.version)


@pytest.fixture
def case(monkeypatch):
    fake = FakeCase()
    service = CaseService("/rank", "best", fake.train, fake.load)
    monkeypatch.setattr(registry, "_SERVICE_LOADERS", {"ad_click": lambda: service})
    return fake


class Noted(list):
    """Versions that would be served, and what the page says of the last."""

    status = None


@pytest.fixture
def served(monkeypatch):
    """Note what would be served, instead of serving it."""
    noted = Noted()

    def note(app, service, listener, tasks):
        async def first():
            (task,) = map(asyncio.create_task, [each() for each in tasks])
            while service.engine is None and not task.done():
                await asyncio.sleep(0.01)
            if task.done():
                task.result()
            noted.append(service.engine.version)
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
                noted.status = (await client.get("/status")).json()
            task.cancel()

        listener.listen()
        try:
            asyncio.run(first())
        finally:
            listener.close()

    monkeypatch.setattr(serving, "run_server", note)
    return noted


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    def run(*arguments):
        words = ["mlsd", "serve", "ad_click", "--artifacts", tmp_path / "art"]
        if not {"--train-only", "--port"} & set(arguments):
            words += ["--port", 0]
        monkeypatch.setattr(sys, "argv", [*map(str, words), *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        return stop.value.code or 0, capsys.readouterr()

    return run


def newest(tmp_path):
    return versions(tmp_path / "art", "ad_click")[0]


def test_it_trains_where_there_is_nothing_and_then_no_more(run, case, served, tmp_path):
    code, printed = run()
    assert code == 0
    assert case.trained == [("best", "default")]
    assert re.fullmatch(
        r"http://127\.0\.0\.1:\d+/ answers: ad_click, rung best, size default, version \S+; "
        r"Ctrl-C stops it\n",
        printed.out,
    )
    assert re.fullmatch(
        r" +\d s  fitting \[best\]\nhttp://127\.0\.0\.1:\d+/ is open, and .* loaded\n", printed.err
    )
    run()
    assert len(case.trained) == 1
    assert served == [newest(tmp_path).name] * 2


@pytest.mark.parametrize(
    ("options", "trained"),
    [
        ((), []),
        (("--rung", "best"), []),
        (("--size", "default"), []),
        (("--rung", "other"), [("other", "default")]),
        (("--size", "small"), [("best", "small")]),
        (("--retrain",), [("best", "default")]),
    ],
)
def test_it_trains_again_where_something_else_is_asked_for(
    run, case, served, tmp_path, options, trained
):
    run("--train-only")
    case.trained.clear()
    assert run(*options)[0] == 0
    assert case.trained == trained
    assert served == [newest(tmp_path).name]


def test_the_page_tells_what_the_version_that_answers_was_made_of(run, case, served):
    run()
    assert (served.status["rung"], served.status["size"]) == ("best", "default")
    run("--rung", "other", "--size", "small")
    assert (served.status["rung"], served.status["size"]) == ("other", "small")


def test_train_only_serves_nothing_and_takes_no_port(run, case, served, tmp_path):
    code, printed = run("--train-only", "--port", 0)
    assert (code, case.trained) == (2, [])
    assert printed.err.startswith("mlsd: --port: with --train-only nothing is served")
    _, printed = run("--train-only", "--timeout-ms", 5)
    assert printed.err.startswith("mlsd: --timeout-ms: with --train-only nothing is served")
    code, printed = run("--train-only")
    assert (code, served) == (0, [])
    assert printed.out.startswith(f"version {newest(tmp_path).name} of rung best in ")


def test_a_damaged_newest_version_is_passed_over_in_one_line(run, case, served, tmp_path):
    run("--train-only")
    good = newest(tmp_path)
    run("--train-only", "--retrain")
    damaged = newest(tmp_path)
    (damaged / "model.json").write_text("{ }")
    code, printed = run()
    assert code == 0
    assert served == [good.name] != [damaged.name]
    line, _ = printed.err.splitlines()
    assert line.startswith("not served: ")
    assert damaged.name in line


def test_without_a_whole_version_it_trains(run, case, served, tmp_path):
    run("--train-only")
    (newest(tmp_path) / "model.json").write_text("{ }")
    case.trained.clear()
    run()
    assert case.trained == [("best", "default")]
    assert served == [newest(tmp_path).name]


def test_a_whole_version_that_does_not_load_is_one_line_and_exit_code_2(
    run, case, served, tmp_path
):
    run("--train-only")
    case.unloadable.add(newest(tmp_path).name)
    case.trained.clear()
    code, printed = run()
    assert (code, printed.out, case.trained, served) == (2, "", [], [])
    (line,) = [each for each in printed.err.splitlines() if each.startswith("mlsd: ")]
    assert line.startswith("mlsd: nothing can be served: ")
    assert line.endswith("is not a model; make another version with --retrain")


def test_only_versions_of_what_was_asked_for_are_served(run, case, served, tmp_path):
    run("--train-only")
    wanted = newest(tmp_path).name
    run("--train-only", "--rung", "other")
    case.trained.clear()
    run("--rung", "best")
    assert (served, case.trained) == ([wanted], [])
    run()
    assert served[1:] == [newest(tmp_path).name] != [wanted]


def test_the_version_of_another_case_is_passed_over(run, case, served, tmp_path):
    run()
    answering = newest(tmp_path)
    other = write_artifact(tmp_path, "fraud", lambda folder: {})
    other.folder.rename(answering.parent / other.version)
    assert newest(tmp_path) != answering
    run()
    assert served == [answering.name] * 2
    assert len(case.trained) == 1


def test_bad_input_is_one_line_and_exit_code_2(run, case, served, tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        wrong = {
            ("--rung", "nonsense"): "rung 'nonsense' is unknown",
            ("--artifacts", file): "is not a folder",
            ("--port", port): f"port {port}: Address already in use; choose another with --port",
        }
        for options, message in wrong.items():
            code, printed = run(*options)
            assert (code, printed.out) == (2, "")
            (line,) = [each for each in printed.err.splitlines() if each.startswith("mlsd: ")]
            assert message in line
    assert case.trained == []
    monkeypatch.setattr(registry, "_SERVICE_LOADERS", {})
    code, printed = run()
    assert code == 2
    assert "has no service" in printed.err


@pytest.mark.skipif(os.name == "nt", reason="signals as on Linux and macOS")
def test_sigterm_while_it_trains_leaves_nothing_half_written(run, case, tmp_path, monkeypatch):
    def fill(folder):
        (folder / "half").write_text("half")
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)

    monkeypatch.setattr(
        case, "train", lambda root, **made_of: write_artifact(root, "ad_click", fill)
    )
    service = CaseService("/rank", "best", case.train, case.load)
    monkeypatch.setattr(registry, "_SERVICE_LOADERS", {"ad_click": lambda: service})
    assert run("--train-only")[0] == 128 + signal.SIGTERM
    assert list((tmp_path / "art" / "ad_click").iterdir()) == []


@contextmanager
def mlsd_serve(folder, log):
    """Run the real command on the small world, and yield its process and its address."""
    options = ["--artifacts", folder, "--size", "small", "--rung", "smoothed_ad", "--port", "0"]
    command = [sys.executable, "-c", "from mlsd.cli import main; main()", "serve", "ad_click"]
    with (
        log.open("a") as stderr,
        subprocess.Popen(
            [*command, *map(str, options)], stdout=subprocess.PIPE, stderr=stderr, text=True
        ) as process,
    ):
        try:
            line = process.stdout.readline()
            assert line.startswith("http://"), log.read_text()
            yield process, line.split()[0]
        finally:
            process.kill()


def get(url, body=None):
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.skipif(os.name == "nt", reason="signals as on Linux and macOS")
def test_the_real_service_answers_is_killed_starts_again_and_drains(tmp_path):
    folder, log = tmp_path / "art", tmp_path / "log"
    with mlsd_serve(folder, log) as (process, url):
        body = get(f"{url}example")
        answer = json.loads(get(f"{url}rank", body))
        version = newest(tmp_path).name
        assert (answer["source"], answer["version"]) == ("model", version)
        status = json.loads(get(f"{url}status"))
        assert (status["rung"], status["version"]) == ("smoothed_ad", version)
        asked = json.loads(body)["ad_ids"]
        assert set(answer["ad_ids"]) < set(asked)
        assert len(answer["ad_ids"]) == 10 < len(asked)
        before = content(folder)
        process.kill()
        process.wait(20)
    assert content(folder) == before
    assert read_artifact(newest(tmp_path)).about["rung"] == "smoothed_ad"

    with mlsd_serve(folder, log) as (process, url):
        again = json.loads(get(f"{url}rank", body))
        assert {**again, "source": "model"} == answer
        process.send_signal(signal.SIGINT)
        begun = time.monotonic()
        assert process.wait(30) == 0
        assert time.monotonic() - begun < 15
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    assert [each["signal"] for each in lines if each["message"] == "stopping"] == ["SIGINT"]

    with mlsd_serve(folder, log) as (process, _):
        process.send_signal(signal.SIGINT)  # as soon as it says that Ctrl-C stops it
        assert process.wait(30) == 0
    assert "interrupted" not in log.read_text()
    assert "Traceback" not in log.read_text()
