"""Read TOML so that whatever is wrong in it ends in one line."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn, Self

from mlsd.runtime import InputError


def first_repeated(values: Iterable[str]) -> str | None:
    """Return the first value that occurred before, or None.

    Examples
    --------
    >>> first_repeated("abcb")
    'b'
    """
    seen: set[str] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a question that offers the nearest known name; empty where none is near.

    Examples
    --------
    >>> did_you_mean("usr", ["time", "User"]), did_you_mean("x", ["time", "User"])
    ("did you mean 'User'?", '')
    """
    by_lower_case = {each.lower(): each for each in known}
    close = difflib.get_close_matches(name.lower(), by_lower_case, n=1)
    return f"did you mean {by_lower_case[close[0]]!r}?" if close else ""


def _parse(path: Path) -> dict[str, Any]:
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a folder; give the path of a TOML file")
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; correct the path") from None
    except UnicodeDecodeError:
        raise InputError(f"{path.name}: is not UTF-8 text; give a TOML file") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path.name}: invalid TOML: {error}") from None
    except RecursionError:
        raise InputError(f"{path.name}: invalid TOML: nested too deeply") from None
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: cannot be read ({error})") from None


class TomlSection:
    """Takes keys out of a TOML table one by one; what is left in the end is unknown.

    Examples
    --------
    >>> section = TomlSection("my.toml", "split", {"kind": "time", "sed": 1})
    >>> section.text("kind"), section.take("seed", int, "a whole number", 0)
    ('time', 0)
    >>> section.finish()
    Traceback (most recent call last):
    ...
    mlsd.runtime.errors.InputError: my.toml: [split] unknown key 'sed'; did you mean 'seed'?
    """

    def __init__(self, file: str, name: str, values: dict[str, Any]) -> None:
        self.file, self.name, self.values = file, name, dict(values)
        self.asked: list[str] = []

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the top of a TOML file; InputError when it cannot be read."""
        return cls(path.name, "", _parse(path))

    def fail(self, problem: str) -> NoReturn:
        """Raise the one-line error that names file and section."""
        where = f"[{self.name}] " if self.name else ""
        raise InputError(f"{self.file}: {where}{problem}")

    def take(self, key: str, kind: type, wanted: str, default: Any = None) -> Any:
        """Remove and return a value of the type `kind`; `wanted` says in words what it must be."""
        self.asked.append(key)
        value = self.values.pop(key, default)
        # bool is a subclass of int, yet true is not a seed.
        if value is not default and (not isinstance(value, kind) or isinstance(value, bool)):
            self.fail(f"{key} = {value!r} is not {wanted}")
        return value

    def text(self, key: str, default: str | None = None) -> str | None:
        """Take a text that is not empty."""
        value = self.take(key, str, 'a text, as in key = "value"', default)
        if value == "":
            self.fail(f"{key} is empty; give a name or leave the key out")
        return value

    def names(self, key: str, what: str = "column name") -> tuple[str, ...]:
        """Take a list of distinct texts, empty by default; `what` says in words what each is."""
        return self.check_names(key, self.take(key, list, 'a list, as in ["a", "b"]', []), what)

    def check_names(self, key: str, values: Any, what: str = "column name") -> tuple[str, ...]:
        """Return `values` as a tuple of distinct texts."""
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            self.fail(f'{key} = {values!r} must be a list of {what}s, as in ["a", "b"]')
        repeated = first_repeated(values)
        if repeated is not None:
            self.fail(f"{key} names {what.removesuffix(' name')} {repeated!r} twice")
        return tuple(values)

    def check_choice(self, key: str, value: str, choices: Iterable[str]) -> None:
        """Fail where `value` is none of the choices."""
        choices = tuple(choices)
        if value not in choices:
            hint = did_you_mean(value, choices)
            known = f"choose among {', '.join(choices)}"
            self.fail(f"{key} {value!r} is unknown; {hint and hint + ' '}{known}")

    def section(self, key: str) -> TomlSection:
        """Take a sub-section, empty by default."""
        return TomlSection(self.file, key, self.take(key, dict, f"a section [{key}]", {}))

    def finish(self, what: str = "key", homes: Mapping[str, Container[str]] | None = None) -> None:
        """Fail when a key is left that nothing asked for.

        `what` says in words what a key is, `homes` which keys other sections have.
        """
        for key in self.values:
            for section, keys in (homes or {}).items():
                if key in keys:
                    self.fail(f"{key} stands in the wrong place; it belongs to [{section}]")
            hint = did_you_mean(key, self.asked) or f"known: {', '.join(self.asked)}"
            self.fail(f"unknown {what} {key!r}; {hint}")
