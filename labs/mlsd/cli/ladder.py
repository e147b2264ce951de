"""``mlsd ladder``: climb the ladder of a case in its world or on real logs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from mlsd.cli.interrupts import NOTHING_WRITTEN, Interrupted, leaving_at_once
from mlsd.runtime import InputError

if TYPE_CHECKING:
    from mlsd.cases import Case
    from mlsd.cli.progress import ProgressReport
    from mlsd.experiments import RunStore
    from mlsd.experiments.sources import LadderSource
    from mlsd.experiments.summary import LadderSummary

MOST_SEED = 2**32 - 1  # what every library takes


def parse_integers(text: str, option: str) -> tuple[int, ...]:
    """Turn ``"101,102"`` into a tuple of integers.

    Raises
    ------
    InputError
        When a part is not a whole number from zero to `MOST_SEED`, or stands there twice.

    Examples
    --------
    >>> parse_integers("101,102", "--seeds")
    (101, 102)
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise InputError(f"{option} {text!r}: give whole numbers separated by commas, as in 1,2,3")
    numbers = tuple(map(int, parts))
    if max(numbers) > MOST_SEED:
        raise InputError(f"{option} {text!r}: {max(numbers)} is too large; {MOST_SEED} is the most")
    twice = [number for number in numbers if numbers.count(number) > 1]
    if twice:
        raise InputError(f"{option} {text!r}: {twice[0]} stands there twice; name each once")
    return numbers


def parse_rungs(text: str | None, case: Case) -> tuple[str, ...] | None:
    """Turn ``"global_rate,hashed_lr"`` into names of rungs; None stands for all.

    Raises
    ------
    InputError
        Where nothing is named, a name is not a rung of the case, or stands there twice.
    """
    from mlsd.experiments.rungs import select_rungs

    if text is None:
        return None
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise InputError(f"--rungs {text!r}: name one at least, or leave the option out for all")
    select_rungs(case.ladder.rungs, names)
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(f"--rungs {text!r}: {twice[0]} stands there twice; name each once")
    return names


def _log_source(
    case: Case, dataset: str | None, spec: Path | None, report: ProgressReport
) -> LadderSource:
    """Return a catalogued data set, or the reader's own log once it is said what it was read as."""
    from mlsd.data import find_entry, load_dataset, load_spec, read_log
    from mlsd.data.understanding import render_short, understand
    from mlsd.experiments import LogSource

    if dataset:
        case.require_own(find_entry(dataset).case, f"data set {dataset!r}")
        return LogSource(load_dataset(dataset))
    described = load_spec(spec, case=case.id)
    case.require_own(described.case, str(spec))
    loaded = read_log(described)
    understood = understand(loaded)
    tell = report.warn if understood.warnings else report.say
    tell(render_short(understood))
    return LogSource(loaded.log)


def _refuse_what_cannot_apply(log: str | None, options: Mapping[str, Any]) -> None:
    """Stop where an option of worlds is given with a log, or --commit with the reader's own."""
    for option, value in options.items():
        if log and value:
            own = option == "--commit"
            hint = "--out keeps the ledger of your own log" if own else "a log has no world"
            raise InputError(f"{option} does not go with {log}; {hint}: leave it out")


def ladder(
    case: Annotated[str, typer.Argument(help="Which case study's ladder.")],
    *,
    dataset: Annotated[str | None, typer.Option(help="A catalogued public data set.")] = None,
    spec: Annotated[Path | None, typer.Option(help="A TOML file that describes a log.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the ledger as JSON.")] = None,
    commit: Annotated[bool, typer.Option("--commit", help="Write data/ledgers/.")] = False,
    seeds: Annotated[str | None, typer.Option(help="Seeds, separated by commas.")] = None,
    rungs: Annotated[str | None, typer.Option(help="Rungs, separated by commas.")] = None,
    size: Annotated[str | None, typer.Option(help="Size of the world, such as small.")] = None,
    variant: Annotated[str | None, typer.Option(help="Variant of the world.")] = None,
    deploy_days: Annotated[int, typer.Option(min=0, help="Days of deployment per rung.")] = 0,
    keep: Annotated[Path | None, typer.Option(help="Keep finished runs here, and go on.")] = None,
    wide: Annotated[bool, typer.Option("--wide", help="Show every column.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Say nothing but warnings on the way.")
    ] = False,
) -> None:
    """Fit every rung of a case under one protocol and print the ledger.

    Without a log it climbs simulated worlds, which takes long at their default size; begin with
    --size small.

    Of your own log it first says in short what was read; `mlsd data check` says it in full.

    A terminal shows the columns that fit it, a pipe gets plain text with tabs between the columns,
    and progress goes to stderr.

    Examples: [bold]mlsd ladder ad_click --size small[/bold];
    [bold]mlsd ladder ad_click --dataset criteo-kaggle-8k[/bold];
    [bold]mlsd ladder video --size small[/bold];
    [bold]mlsd ladder ad_click --spec my_log.toml --out ledger.json[/bold]
    """
    with leaving_at_once():
        from mlsd import experiments
        from mlsd.cases import find_case
        from mlsd.cli.progress import ProgressReport

        found = find_case(case)
    if dataset and spec:
        raise InputError("--dataset and --spec exclude each other; give one of them")
    for option, name in {"--dataset": dataset, "--size": size, "--variant": variant}.items():
        if name == "":
            raise InputError(f"{option} is empty; give a name, or leave the option out")
    world_only = {"--size": size, "--variant": variant, "--deploy-days": deploy_days}
    log = "--spec" if spec else "--dataset" if dataset else None
    _refuse_what_cannot_apply(log, world_only | {"--commit": commit and spec})
    plan = {
        "rungs": parse_rungs(rungs, found),
        "seeds": None if seeds is None else parse_integers(seeds, "--seeds"),
        "deploy": experiments.deployer(found.ladder, deploy_days) if deploy_days else None,
    }
    if out:
        experiments.require_replaceable(out, read=[spec] if spec else [])
    with ProgressReport(quiet=quiet) as report:
        store = _store(keep, deploy_days, report)
        try:
            if log:
                source = _log_source(found, dataset, spec, report)
            else:
                source = found.source(size=size or "default", variant=variant)
            path = experiments.ledger_path(case, source.name) if commit else None
            summary = _climb(source, found, plan, store, report)
        except KeyboardInterrupt:
            raise Interrupted(_kept(store, report)) from None
        if out:
            experiments.write_json(summary, out, case)
        if path:
            experiments.write_ledger(summary, path)
            report.say(f"wrote data/ledgers/{path.name}")
    _show(summary, found, wide=wide, written=[str(each) for each in (out, path) if each])


def _store(keep: Path | None, deploy_days: int, report: ProgressReport) -> RunStore | None:
    from mlsd.experiments import RunStore

    return RunStore(keep, deploy_days=deploy_days, tell=report.warn) if keep else None


def _climb(
    source: LadderSource,
    case: Case,
    plan: dict[str, Any],
    store: RunStore | None,
    report: ProgressReport,
) -> LadderSummary:
    from mlsd import experiments

    plan["seeds"] = plan["seeds"] or experiments.default_seeds(source)
    runs = experiments.run_ladder(source, case.ladder, store=store, progress=report.step, **plan)
    report.begin("metrics and intervals")
    return experiments.summarise_ladder(runs)


def _show(summary: LadderSummary, case: Case, *, wide: bool, written: list[str]) -> None:
    from mlsd.cli.ladder_view import print_ladder

    try:
        print_ladder(Console(highlight=False), summary, case, wide=wide)
    except KeyboardInterrupt:
        raise Interrupted(f"written: {', '.join(written) or 'nothing'}") from None


def _kept(store: RunStore | None, report: ProgressReport) -> str:
    """Say what is left of a ladder that was stopped."""
    if store and store.at_hand:
        runs = "1 finished run is" if store.at_hand == 1 else f"{store.at_hand} finished runs are"
        return f"{runs} kept in {store.folder}, and the same command goes on from there"
    if report.finished and not store:
        return f"{NOTHING_WRITTEN}; with --keep FOLDER it would go on where it stopped"
    return NOTHING_WRITTEN
