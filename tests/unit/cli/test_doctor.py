import pytest
import typer
from typer.testing import CliRunner

from mlsd.cli import doctor as command
from mlsd.runtime.doctor import Finding


@pytest.fixture
def run(monkeypatch):
    def invoke(*findings, arguments=()):
        monkeypatch.setattr(command, "examine", lambda: list(findings))
        app = typer.Typer(rich_markup_mode="rich")
        app.command()(command.doctor)
        return CliRunner().invoke(app, arguments, env={"COLUMNS": "120"})

    return invoke


@pytest.mark.parametrize(("status", "code"), [("ok", 0), ("warning", 0), ("broken", 1)])
def test_only_what_is_broken_ends_in_code_1(run, status, code):
    result = run(Finding("cores", "ok", "2"), Finding("memory", status, "[x] found", "do this"))
    assert result.exit_code == code
    for text in ("memory", status, "[x] found", "do this"):
        assert text in result.output
    assert ("mlsd doctor: broken: memory" in result.output) == (code == 1)


def test_help_gives_an_example(run):
    assert "Example: mlsd doctor" in run(arguments=["--help"]).output
