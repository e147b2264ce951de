"""``mlsd course``: authoring of chapters and labs, and the gates that hold them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from mlsd.runtime import InputError, project_root

if TYPE_CHECKING:
    from mlsd.course.build import BuildResult
    from mlsd.course.document import Course, Document, Problem
    from mlsd.course.measures import Measure

course_app = typer.Typer(
    help="Author the course: sources, notebooks, labs and their gates.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Paths = Annotated[
    list[Path] | None, typer.Argument(help="Sources, notebooks or folders; all if none is given.")
]


def _console() -> Console:
    return Console(soft_wrap=True, highlight=False, markup=False)


def _name(path: Path) -> str:
    return path.relative_to(project_root()).as_posix()


@course_app.command()
def new(
    case: Annotated[str, typer.Argument(help="Folder of the case, as in 01_ad_click_prediction.")],
    name: Annotated[str, typer.Argument(help="NN_verb for a chapter, lab_NN_name for a lab.")],
) -> None:
    """Make the source of a chapter or lab, small and complete, to be written over.

    Example: [bold]mlsd course new 01_ad_click_prediction 30_calibrate[/bold]
    """
    from mlsd.course.scaffold import scaffold

    console = _console()
    for path in scaffold(project_root(), case, name):
        console.print(f"wrote {_name(path)}")
    console.print("next: edit, then `mlsd course build` and `mlsd course check`")


@course_app.command()
def build(
    paths: Paths = None,
    run: Annotated[bool, typer.Option(help="Run the notebooks whose code changed.")] = True,
    force: Annotated[bool, typer.Option("--force", help="Run all of them.")] = False,
) -> None:
    """Make notebooks, solutions, labs, glossary and the README's tables from their sources.

    Example: [bold]mlsd course build source/notebooks/01_ad_click_prediction[/bold]
    """
    from mlsd.course.build import build_units
    from mlsd.course.layout import select_units

    console, root = _console(), project_root()

    def report(result: BuildResult) -> None:
        action = "ran" if result.executed else "made" if result.written else "unchanged"
        console.print(f"{action} {result.unit.label}")

    with Console(stderr=True).status("building"):
        build_units(select_units(root, paths or []), run=run, force=force, report=report)
    _write_readme(console)


@course_app.command()
def pull(
    notebook: Annotated[list[Path], typer.Argument(help="Notebooks that were edited.")],
) -> None:
    """Take an edit made in JupyterLab back into its source, then build it again.

    Example: [bold]mlsd course pull notebooks/01_ad_click_prediction/20_baseline.ipynb[/bold]
    """
    from mlsd.course.layout import select_units
    from mlsd.course.source import pull_source

    console, root = _console(), project_root()
    for path in notebook:
        if (root / "labs").resolve() in path.resolve().parents:
            raise InputError(f"{path}: labs are made from their solutions; edit and pull these")
    for unit in select_units(root, notebook):
        changed = pull_source(unit)
        console.print(f"{'took over into' if changed else 'no change in'} {_name(unit.source)}")


@course_app.command()
def check(paths: Paths = None) -> None:
    """Run the gates that need no kernel, and name the file to edit for each problem.

    Example: [bold]mlsd course check[/bold]
    """
    from mlsd.course.gates import check_course, check_document
    from mlsd.course.layout import find_units

    root = project_root()
    if paths:
        documents = _load(paths)
        problems = [problem for document in documents for problem in check_document(document)]
        _finish(problems, len(documents))
    else:
        _finish(check_course(root), len(find_units(root)))


@course_app.command("test")
def run_tests(
    paths: Paths = None,
    workers: Annotated[int, typer.Option(min=1, help="Notebooks side by side.")] = 2,
) -> None:
    """Run chapters and solutions under nbval, and labs unsolved; print each one's seconds.

    No time fails the run; `mlsd course budget` adds up what it recorded.

    Example: [bold]mlsd course test notebooks/01_ad_click_prediction/10_frame.ipynb[/bold]
    """
    from mlsd.course.runner import run_notebooks

    raise typer.Exit(run_notebooks(project_root(), paths or [], workers=workers))


@course_app.command()
def budget(
    minutes: Annotated[float, typer.Option(min=0, help="What one case may take.")] = 20,
) -> None:
    """Hold each case to its CPU minutes, as the last `make test` recorded them.

    A minute is one of the reference machine: CPU time is counted in units of a fixed piece of work
    that was timed in the same run.

    Example: [bold]mlsd course budget[/bold]
    """
    from mlsd.course.budget import Cost, case_costs, recorded_costs

    console, passed = Console(), True
    table = Table("case", "chapters", "solutions", "labs", "tests", "all", f"of {minutes:g} min")
    for case, kinds in case_costs(recorded_costs(project_root())).items():
        total = sum(kinds.values(), Cost())
        figures = [cost.reference_minutes for cost in (*kinds.values(), total)]
        within = figures[-1] <= minutes
        passed &= within
        table.add_row(case.id, *(f"{f:.1f}" for f in figures), "ok" if within else "OVER")
    console.print(table)
    raise typer.Exit(0 if passed else 1)


@course_app.command()
def stats(paths: Paths = None) -> None:
    """Print every measure of chapters, labs and package beside its aim and its gate.

    Outside an aim nothing fails.

    Example: [bold]mlsd course stats[/bold]
    """
    from mlsd.course.measures import measure
    from mlsd.course.style import measure_style

    console, passed = Console(), True
    for document in _load(paths or []):
        found = measure(document)
        console.print(_measures_table(document, found))
        passed &= all(entry.passes for entry in found)
    style = measure_style(project_root() / "labs" / "mlsd")
    table = Table("the package", "value", "gate", "")
    for entry in style.values():
        table.add_row(entry.name, f"{entry.value:.4g}", entry.gate, _mark(entry.passes))
    console.print(table)
    for place in [place for entry in style.values() for place in entry.offenders]:
        console.print(place, markup=False, highlight=False)
    raise typer.Exit(0 if passed and all(entry.passes for entry in style.values()) else 1)


@course_app.command()
def guide(
    route: Annotated[str, typer.Option(help="two hours, a day, or six weeks.")] = "",
) -> None:
    """Print the teaching plan: minutes, points, run times, stop points, discussion, answers.

    Example: [bold]mlsd course guide --route "two hours"[/bold]
    """
    from mlsd.course.guide import teaching_plan

    _console().print(teaching_plan(_course(), route))


@course_app.command()
def readme() -> None:
    """Make the generated tables of the README, and the glossary, from their sources.

    Example: [bold]mlsd course readme[/bold]
    """
    _write_readme(_console())


@course_app.command()
def classroom(
    folder: Annotated[Path, typer.Argument(help="A new folder.")], paths: Paths = None
) -> None:
    """Make an nbgrader course folder with the labs as its assignments.

    Example: [bold]mlsd course classroom ../class-2027[/bold]
    """
    from mlsd.course.classroom import make_classroom
    from mlsd.course.layout import select_units

    units = [u for u in select_units(project_root(), paths or []) if u.kind == "lab"]
    console = _console()
    for path in make_classroom(folder, units):
        console.print(f"wrote {path}")


def _load(paths: list[Path]) -> list[Document]:
    from mlsd.course.document import load_document
    from mlsd.course.layout import select_units

    return [load_document(unit) for unit in select_units(project_root(), paths)]


def _course() -> Course:
    from mlsd.course.document import load_course

    course, problems = load_course(project_root())
    if problems:
        raise InputError(str(problems[0]))
    return course


def _write_readme(console: Console) -> None:
    from mlsd.course.glossary import write_glossary
    from mlsd.course.layout import glossary_path
    from mlsd.course.readme import write_readme

    course = _course()
    if write_glossary(course):
        console.print(f"wrote {_name(glossary_path(course.root))}")
    console.print(f"{'wrote' if write_readme(course) else 'unchanged'} README.md")


def _finish(problems: list[Problem], count: int) -> None:
    console = _console()
    for problem in problems:
        console.print(str(problem))
    if problems:
        console.print(f"problems in {count} chapters and labs: {len(problems)}")
        raise typer.Exit(1)
    console.print(f"all gates pass: {count} chapters and labs")


def _measures_table(document: Document, found: list[Measure]) -> Table:
    from mlsd.course.measures import NO_GATE

    table = Table(document.unit.label, "value", "aim", "gate", "")
    for entry in found:
        aim = f"{entry.aim[0]:g}-{entry.aim[1]:g}"
        gate = "-" if entry.gate == NO_GATE else f"{entry.gate[0]:g}-{entry.gate[1]:g}"
        mark = _mark(entry.passes) if entry.aimed or not entry.passes else "outside the aim"
        table.add_row(entry.name, f"{entry.value:.4g}", aim, gate, mark)
    return table


def _mark(passes: bool) -> str:
    return "ok" if passes else "OUTSIDE THE GATE"
