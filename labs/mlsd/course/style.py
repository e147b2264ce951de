"""The style numbers of the package that ruff does not know, gated by the tests.

Docstrings, positional arguments and hints of results are ruff's (``pyproject.toml``). Its rule for
hints of arguments does not tell public functions from private ones, so that these stand here.

The lines of a function body are those from the first statement after the docstring to the last,
without blank ones. A body that only says ``...`` (a protocol) is not counted.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlsd.runtime import InputError

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Definition:
    """A module or function as the style numbers see it.

    Attributes
    ----------
    place : str
        ``file:line name``.
    kind : str
        ``"module"`` or ``"function"``.
    lines : int
        Of a module all, of a function its body's.
    public, hinted : bool
        Whether readers meet it, whether every argument and the result have type hints.
    """

    place: str
    kind: str
    lines: int
    public: bool = True
    hinted: bool = True


@dataclass(frozen=True)
class Measure:
    """One style number with its gate.

    Attributes
    ----------
    name : str
    value : float
    aim, gate : str
        As printed.
    passes : bool
    offenders : tuple of str
        Places that break the gate, worst first.
    """

    name: str
    value: float
    aim: str
    gate: str
    passes: bool
    offenders: tuple[str, ...] = ()


def measure_style(root: Path) -> dict[str, Measure]:
    """Return every style number of the Python files under `root`.

    Parameters
    ----------
    root : Path
        Folder of the package.

    Returns
    -------
    dict of str to Measure
        By name, in the order in which they are printed.

    Raises
    ------
    InputError
        If there is no Python file, or one cannot be parsed.

    Examples
    --------
    >>> from mlsd.runtime import project_root
    >>> measure_style(project_root() / "labs" / "mlsd" / "metrics")["longest body"].passes
    True
    """
    found = [entry for path in _sources(root) for entry in read_definitions(path, root)]
    functions = [f for f in found if f.kind == "function"]
    bodies = [f for f in functions if f.lines]
    modules = [m for m in found if m.kind == "module"]
    measures = (
        _quantile("body lines, median", bodies, 0.5, aim=8),
        _quantile("body lines, p90", bodies, 0.9, aim=20),
        _largest("longest body", bodies, gate=40),
        _largest("longest module", modules, gate=300),
        _hinted("public type hints", [f for f in functions if f.public]),
    )
    return {measure.name: measure for measure in measures}


def read_definitions(path: Path, root: Path) -> list[Definition]:
    """Return the module at `path` and its functions; places are named relative to `root`.

    Raises
    ------
    InputError
        If the file cannot be parsed.
    """
    text = path.read_text(encoding="utf-8")
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise InputError(f"{path}:{error.lineno}: {error.msg}; correct the syntax") from None
    place = path.relative_to(root).as_posix()
    lines = text.splitlines()
    module = Definition(f"{place}:1 module", "module", len(lines))
    return [module, *_walk(tree, place, lines, public=True, inside_function=False)]


def _sources(root: Path) -> list[Path]:
    sources = sorted(root.rglob("*.py"))
    if not sources:
        raise InputError(f"{root} holds no Python file; name the folder of a package")
    return sources


def _walk(
    parent: ast.AST, place: str, lines: Sequence[str], *, public: bool, inside_function: bool
) -> Iterator[Definition]:
    for node in ast.iter_child_nodes(parent):
        if not isinstance(node, _DEFINITIONS):
            yield from _walk(node, place, lines, public=public, inside_function=inside_function)
            continue
        seen = public and not inside_function and _is_public_name(node.name)
        within = isinstance(node, FunctionNode)
        if within:
            body, where = _body_lines(node, lines), f"{place}:{node.lineno} {node.name}"
            yield Definition(where, "function", body, public=seen, hinted=_is_hinted(node))
        within |= inside_function
        yield from _walk(node, place, lines, public=seen, inside_function=within)


def _is_public_name(name: str) -> bool:
    return not name.startswith("_") or name in ("__init__", "__call__")


def _body_lines(node: FunctionNode, lines: Sequence[str]) -> int:
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    stubs = [isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant) for s in body]
    if all(stubs):
        return 0
    return sum(1 for line in lines[body[0].lineno - 1 : body[-1].end_lineno] if line.strip())


def _is_hinted(node: FunctionNode) -> bool:
    positional = node.args.posonlyargs + node.args.args
    skip = bool(positional) and positional[0].arg in ("self", "cls")
    arguments = [*positional[skip:], *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
    hints = [argument.annotation for argument in arguments if argument is not None]
    return all(hint is not None for hint in (*hints, node.returns))


def _quantile(name: str, bodies: Sequence[Definition], share: float, *, aim: int) -> Measure:
    value = float(np.quantile([f.lines for f in bodies], share)) if bodies else 0.0
    return Measure(name, value, f"{aim}", f"<= {aim}", value <= aim)


def _largest(name: str, entries: Sequence[Definition], *, gate: int) -> Measure:
    ranked = sorted(entries, key=lambda entry: entry.lines, reverse=True)
    value = ranked[0].lines if ranked else 0
    offenders = tuple(f"{e.place}: {e.lines}" for e in ranked if e.lines > gate)
    return Measure(name, value, f"<= {gate}", f"<= {gate}", not offenders, offenders)


def _hinted(name: str, entries: Sequence[Definition]) -> Measure:
    offenders = tuple(entry.place for entry in entries if not entry.hinted)
    value = 1 - len(offenders) / max(len(entries), 1)
    return Measure(name, value, "100 %", "100 %", not offenders, offenders)
