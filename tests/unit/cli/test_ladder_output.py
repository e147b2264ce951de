"""Where a ladder's result goes: nothing of the reader's is lost, whatever becomes of the screen."""

import json
import os
import signal
import subprocess
import sys

import pytest

import mlsd
from mlsd import cli
from mlsd.experiments import ledger
from mlsd.runtime import InputError

RUN = ("--seeds", "0", "--rungs", "global_rate,smoothed_ad")


def command(folder, *options):
    spec = ("--spec", folder / "log.toml")
    return ["mlsd", "ladder", "ad_click", *map(str, (*spec, *RUN, *options))]


def run(monkeypatch, capsys, arguments):
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return stop.value.code or 0, capsys.readouterr()


def process(arguments, **options):
    code = f"import sys; from mlsd.cli import main; sys.argv = {arguments!r}; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, **options
    )


def places(folder):
    """Return by name a path that may not be written, and a part of what is said."""
    (folder / "data.parquet").write_bytes(b"PAR1")
    (folder / "notes.txt").write_text("mine")
    (folder / "other.json").write_text('{"case": "ad_click"}')
    (folder / "list.json").write_text("[1, 2]")
    (folder / "empty.json").write_text("")
    (folder / "target.json").write_text("linked")
    (folder / "link.json").symlink_to(folder / "target.json")
    (folder / "dangling.json").symlink_to(folder / "nowhere.json")
    os.mkfifo(folder / "pipe")
    (folder / "sub").mkdir()
    return {
        "log.csv": "is not a ledger",
        "log.toml": "is read by this ladder",
        "data.parquet": "is not a ledger",
        "notes.txt": "is not a ledger",
        "other.json": "is not a ledger",
        "list.json": "is not a ledger",
        "empty.json": "is not a ledger",
        "link.json": "is a link",
        "dangling.json": "is a link",
        "pipe": "is not a plain file",
        "sub": "is a folder",
        "x" * 300: "File name too long",
        "x" * 245 + ".json": "File name too long",
        "none/l.json": "No such file or directory",
        "notes.txt/l.json": "Not a directory",
        "/dev/null": "is not a plain file",
        "/dev/stdout": "is a link",
    }


def contents(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: path.read_bytes() for path in files}


def test_what_is_no_ledger_is_never_replaced_and_nothing_is_fitted(own_log, monkeypatch, capsys):
    def fail(*arguments, **options):
        raise AssertionError("work was begun")

    monkeypatch.setattr("mlsd.experiments.run_ladder", fail)
    refused = places(own_log)
    before = contents(own_log)
    for name, message in refused.items():
        code, printed = run(monkeypatch, capsys, command(own_log, "--out", own_log / name))
        assert (code, printed.err.count("\n")) == (2, 1), name
        assert message in printed.err, name
    assert contents(own_log) == before
    assert (own_log / "link.json").is_symlink()


def test_a_file_that_comes_up_during_the_run_is_not_replaced_either(tmp_path):
    path = tmp_path / "l.json"
    ledger.require_replaceable(path)
    path.write_text("mine")
    with pytest.raises(InputError, match="is there already and is not a ledger"):
        ledger.write_json(None, path, "ad_click")
    assert path.read_text() == "mine"


def test_a_ledger_is_replaced_by_a_ledger(own_log, monkeypatch, capsys):
    out = own_log / "l.json"
    for seeds in ("0", "1"):
        code, _ = run(
            monkeypatch, capsys, [*command(own_log, "--out", out)[:-4], "--seeds", seeds]
            + ["--rungs", "global_rate", "--out", str(out)],
        )  # fmt: skip
        assert code == 0
        assert json.loads(out.read_text())["seeds"] == [int(seeds)]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_to_is_said_at_once(own_log, monkeypatch, capsys):
    (own_log / "sub").mkdir(mode=0o500)
    code, printed = run(monkeypatch, capsys, command(own_log, "--out", own_log / "sub" / "l.json"))
    assert code == 2
    assert "cannot be written to (Permission denied)" in printed.err


@pytest.mark.parametrize("where", ["closed pipe", "full disk", "no stdout"])
def test_a_broken_screen_loses_nothing_and_shows_no_traceback(where, own_log):
    out, options = own_log / "l.json", {}
    if where == "closed pipe":
        reading, writing = os.pipe()
        os.close(reading)
        options["stdout"] = writing
    elif where == "full disk":
        options["stdout"] = open("/dev/full", "w")  # noqa: SIM115
    else:
        options["preexec_fn"] = lambda: os.close(1)
    ran = process(command(own_log, "--out", out), **options)
    _, said = ran.communicate(timeout=120)
    lines = said.splitlines()[1 + said[: said.index("seed 0: smoothed_ad")].count("\n") :]
    assert len(json.loads(out.read_text())["rungs"]) == 2
    full = ["mlsd: what was to be printed cannot be (No space left on device)"]
    assert lines == (full if where == "full disk" else [])
    assert ran.returncode == (0 if where == "no stdout" else 1)


def test_a_broken_stderr_stops_nothing(own_log):
    reading, writing = os.pipe()
    os.close(reading)
    code = "import sys; from mlsd.cli import main; sys.argv = {!r}; main()"
    arguments = command(own_log, "--out", own_log / "l.json")
    ran = subprocess.run(
        [sys.executable, "-c", code.format(arguments)],
        stdout=subprocess.PIPE, stderr=writing, timeout=120,
    )  # fmt: skip
    assert b"smoothed_ad" in ran.stdout
    assert (own_log / "l.json").is_file()


def test_progress_goes_to_stderr_and_quiet_leaves_the_warnings(own_log, monkeypatch, capsys):
    code, printed = run(monkeypatch, capsys, command(own_log))
    assert code == 0
    told = [line for line in printed.err.splitlines() if line.startswith("seed")]
    assert len(printed.err.splitlines()) - len(told) <= 6
    assert printed.err.startswith("rows: 600; train 360")
    assert [line.split(",")[0] for line in told] == ["seed 0: global_rate", "seed 0: smoothed_ad"]
    assert "validation log loss 0." in told[0]
    assert "left" in told[0]
    code, quiet = run(monkeypatch, capsys, command(own_log, "--quiet"))
    warned = printed.err.splitlines()[: -len(told)]
    assert (code, quiet.err.splitlines()) == (0, warned)
    assert "1 warning" in quiet.err
    assert quiet.out.splitlines()[1].split("\t")[:2] == printed.out.splitlines()[1].split("\t")[:2]
    assert "my-log" in quiet.out


@pytest.mark.parametrize("runs", [1, 2])
def test_an_interrupted_ladder_says_what_is_kept(runs, own_log, monkeypatch, capsys):
    from mlsd.experiments import ladder

    fitted, real = [], ladder._run_rung

    def interrupt(rung, *arguments):
        if len(fitted) == runs:
            raise KeyboardInterrupt
        fitted.append(rung.name)
        return real(rung, *arguments)

    monkeypatch.setattr(ladder, "_run_rung", interrupt)
    arguments = [*command(own_log, "--keep", own_log / "runs"), "--rungs"]
    arguments.append("global_rate,smoothed_ad,hashed_lr")
    code, printed = run(monkeypatch, capsys, arguments)
    assert code == 130
    said = "1 finished run is kept in" if runs == 1 else "2 finished runs are kept in"
    assert f"mlsd: interrupted; {said} {own_log / 'runs'}" in printed.err
    assert "the same command goes on from there" in printed.err
    monkeypatch.setattr(ladder, "_run_rung", real)
    code, printed = run(monkeypatch, capsys, arguments)
    assert code == 0
    assert printed.err.count("kept from before") == runs


def test_a_ladder_interrupted_in_print_says_that_it_is_written(own_log, monkeypatch, capsys):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("mlsd.cli.ladder_view.print_ladder", interrupt)
    out = own_log / "l.json"
    code, printed = run(monkeypatch, capsys, command(own_log, "--out", out))
    assert code == 130
    assert printed.err.endswith(f"mlsd: interrupted; written: {out}\n")
    assert out.is_file()


def test_a_damaged_kept_run_is_told_in_a_line_and_made_again(own_log, monkeypatch, capsys):
    arguments = command(own_log, "--keep", own_log / "runs")
    _, first = run(monkeypatch, capsys, arguments)
    damaged = next((own_log / "runs").glob("*global_rate*"))
    damaged.write_bytes(b"")
    code, again = run(monkeypatch, capsys, arguments)
    assert code == 0
    assert again.err.count("it is made again") == 1
    assert damaged.stat().st_size > 0
    assert [line.split("\t")[1:4] for line in again.out.splitlines()] == [
        line.split("\t")[1:4] for line in first.out.splitlines()
    ]


@pytest.mark.parametrize("begun", ["importing", "running"])
def test_ctrl_c_shows_no_traceback(begun, own_log):
    """During imports, which take a second or two, and in the middle of the work."""
    many = ",".join(map(str, range(400)))
    arguments = [*command(own_log, "--seeds", many), "--out", str(own_log / "l.json")]
    begin = "import sys; from mlsd.cli import main; print('in', flush=True); "
    code = f"{begin}sys.argv = {arguments!r}; main()"
    ran = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-c", code],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert ran.stdout.readline() == "in\n"
    # Python tells each import when it is done; numpy is one of the first that a ladder needs.
    awaited = "seed 0: " if begun == "running" else "import time:"
    name = "" if begun == "running" else " numpy\n"
    lines = iter(ran.stderr.readline, "")
    assert any(line.startswith(awaited) and line.endswith(name) for line in lines)
    ran.send_signal(signal.SIGINT)
    _, said = ran.communicate(timeout=60)
    assert ran.returncode == 130
    assert "Traceback" not in said
    assert said.splitlines()[-1].startswith("mlsd: interrupted; nothing was written")
    assert not (own_log / "l.json").exists()


def test_nothing_is_imported_before_ctrl_c_is_answered():
    code = (
        "import sys; before = set(sys.modules); import mlsd.cli, mlsd.cli.interrupts;"
        "print(*set(sys.modules) - before)"
    )
    text = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONPATH": os.path.dirname(os.path.dirname(mlsd.__file__))},
    ).stdout  # fmt: skip
    assert not {"typing", "dataclasses", "re", "typer", "numpy"} & set(text.split())
