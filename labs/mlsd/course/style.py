"""The style numbers of the package: measured over the syntax tree, gated by the tests.

The lines of a function body are those from the first statement after the docstring to the last,
without blank ones. A body that only says ``...`` (a protocol) is not counted.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlsd.runtime import InputError

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Definition:
    """A module, class or function as the style numbers see it.

    Attributes
    ----------
    place : str
        ``file:line name``.
    kind : str
        ``"module"``, ``"class"`` or ``"function"``.
    lines : int
        Of a module all, of a function its body's, of a class 0.
    positional : int
        Arguments that can be passed by position, without self or cls.
    public, documented, hinted : bool
        Whether readers meet it, whether it has a docstring, whether every argument and the result
        have type hints.
    """

    place: str
    kind: str
    lines: int
    positional: int = 0
    public: bool = True
    documented: bool = True
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
        Places to mend, worst first.
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
    public = [entry for entry in found if entry.public]
    hintable = [entry for entry in public if entry.kind == "function"]
    measures = (
        _quantile("body lines, median", bodies, 0.5, aim=8),
        _quantile("body lines, p90", bodies, 0.9, aim=20),
        _largest("longest body", bodies, lambda f: f.lines, gate=40),
        _largest("positional arguments", functions, lambda f: f.positional, gate=5),
        _largest("longest module", modules, lambda m: m.lines, gate=300),
        _share("public docstrings", public, lambda entry: entry.documented),
        _share("public type hints", hintable, lambda entry: entry.hinted),
    )
    return {measure.name: measure for measure in measures}


def read_definitions(path: Path, root: Path) -> list[Definition]:
    """Return the module at `path` and all that it defines; places are named relative to `root`.

    Raises
    ------
    InputError
        If the file cannot be parsed.
    """
    text = path.read_text(encoding="utf-8")
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise InputError(f"{path}:{error.lineno}: {error.msg}; mend the syntax") from None
    place = path.relative_to(root).as_posix()
    lines = text.splitlines()
    # An empty __init__.py makes a folder a package and says nothing that could be documented.
    documented = not tree.body or ast.get_docstring(tree) is not None
    module = Definition(f"{place}:1 module", "module", len(lines), documented=documented)
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
        yield _define(node, f"{place}:{node.lineno} {node.name}", lines, seen)
        within = inside_function or isinstance(node, FunctionNode)
        yield from _walk(node, place, lines, public=seen, inside_function=within)


def _is_public_name(name: str) -> bool:
    return not name.startswith("_") or name in ("__init__", "__call__")


def _define(
    node: FunctionNode | ast.ClassDef, place: str, lines: Sequence[str], public: bool
) -> Definition:
    documented = ast.get_docstring(node) is not None
    if isinstance(node, ast.ClassDef):
        return Definition(place, "class", 0, public=public, documented=documented)
    return Definition(
        place,
        "function",
        _body_lines(node, lines),
        positional=len(_positional(node)),
        public=public,
        # What a constructor takes is documented with the class.
        documented=documented or node.name == "__init__",
        hinted=_is_hinted(node),
    )


def _body_lines(node: FunctionNode, lines: Sequence[str]) -> int:
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    stubs = [isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant) for s in body]
    if all(stubs):
        return 0
    return sum(1 for line in lines[body[0].lineno - 1 : body[-1].end_lineno] if line.strip())


def _positional(node: FunctionNode) -> list[ast.arg]:
    arguments = node.args.posonlyargs + node.args.args
    skip = bool(arguments) and arguments[0].arg in ("self", "cls")
    return arguments[skip:]


def _is_hinted(node: FunctionNode) -> bool:
    arguments = [*_positional(node), *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
    hints = [argument.annotation for argument in arguments if argument is not None]
    return all(hint is not None for hint in (*hints, node.returns))


def _quantile(name: str, bodies: Sequence[Definition], share: float, *, aim: int) -> Measure:
    value = float(np.quantile([f.lines for f in bodies], share)) if bodies else 0.0
    return Measure(name, value, f"{aim}", f"<= {aim}", value <= aim)


def _largest(
    name: str, entries: Sequence[Definition], size: Callable[[Definition], int], *, gate: int
) -> Measure:
    ranked = sorted(entries, key=size, reverse=True)
    value = size(ranked[0]) if ranked else 0
    offenders = tuple(f"{e.place}: {size(e)}" for e in ranked if size(e) > gate)
    return Measure(name, value, f"<= {gate}", f"<= {gate}", not offenders, offenders)


def _share(
    name: str, entries: Sequence[Definition], holds: Callable[[Definition], bool]
) -> Measure:
    offenders = tuple(entry.place for entry in entries if not holds(entry))
    value = 1 - len(offenders) / max(len(entries), 1)
    return Measure(name, value, "100 %", "100 %", not offenders, offenders)
