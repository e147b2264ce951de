"""The public data sets that the course knows, from ``data/catalogue.toml``."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from mlsd.data.loading import load_log
from mlsd.data.locations import data_root
from mlsd.data.log import LabelledLog
from mlsd.data.sections import TomlSection
from mlsd.data.spec import load_spec
from mlsd.runtime import InputError, project_root


@dataclass(frozen=True)
class RemoteFile:
    """One file to download.

    Attributes
    ----------
    url : str
    hash : str or None
        ``sha256:…`` or ``md5:…``; None where none is published.
    members : tuple of str
        Patterns of the files to take out of an archive; empty for a plain file.
    """

    url: str
    hash: str | None = None
    members: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Name of the file in the folder of its data set."""
        return PurePosixPath(urlsplit(self.url).path).name


@dataclass(frozen=True)
class Entry:
    """One public data set: who made it, on what terms, and where it is."""

    name: str
    case: str
    title: str
    rows: int
    licence: str
    citation: str
    homepage: str
    files: tuple[RemoteFile, ...]
    folder: str
    spec: Path


def catalogue(path: Path | None = None) -> dict[str, Entry]:
    """Return the entries by name.

    Parameters
    ----------
    path : path, optional
        A catalogue other than the project's; its specs lie in ``specs/`` beside it.

    Raises
    ------
    InputError
        When the file is not as it should be.

    Examples
    --------
    >>> catalogue()["movielens-100k-clicks"].case
    'ad_click'
    """
    path = path or project_root() / "data" / "catalogue.toml"
    document = TomlSection.read(path)
    entries = {name: _entry(document.section(name), path.parent) for name in [*document.values]}
    return {name: _with_files(entry, entries) for name, (entry, _) in entries.items()}


def _entry(section: TomlSection, folder: Path) -> tuple[Entry, str | None]:
    texts = {key: section.text(key) for key in ("title", "licence", "citation", "homepage")}
    for key, value in texts.items():
        if value is None:
            section.fail(f"lacks {key}")
    rows = section.take("rows", int, "a number of rows", 0)
    files = section.take("files", list, f"a list of [[{section.name}.files]]", [])
    shared = section.text("same_files_as")
    section.finish()
    spec_path = folder / "specs" / f"{section.name}.toml"
    spec = load_spec(spec_path)
    remote = tuple(_remote(TomlSection(section.file, section.name, file)) for file in files)
    raw_folder = spec.table.folder or section.name
    entry = Entry(
        section.name, spec.case, **texts, rows=rows, files=remote, folder=raw_folder, spec=spec_path
    )
    return entry, shared


def _with_files(entry: Entry, entries: dict[str, tuple[Entry, str | None]]) -> Entry:
    shared = entries[entry.name][1]
    if shared is None:
        return entry
    if shared not in entries:
        raise InputError(
            f"catalogue: {entry.name} has the files of {shared!r}, which is not an entry"
        )
    return replace(entry, files=entries[shared][0].files)


def _remote(section: TomlSection) -> RemoteFile:
    url, digest, members = section.text("url"), section.text("hash"), section.names("members")
    section.finish()
    if not url or not re.match(r"https?://[^/]+/.", url):
        section.fail(f"url {url!r} must be an http or https address of a file")
    if digest and not re.fullmatch(r"(sha256:[0-9a-f]{64}|md5:[0-9a-f]{32})", digest):
        section.fail(f"hash {digest!r} must be sha256:… or md5:… in lower-case hex digits")
    return RemoteFile(url, digest, members)


def find_entry(name: str) -> Entry:
    """Return the entry of a data set.

    Raises
    ------
    InputError
        When there is none of this name; the message lists the names.

    Examples
    --------
    >>> find_entry("movielens-100k").rows
    100000
    """
    entries = catalogue()
    if name not in entries:
        raise InputError(f"unknown data set {name!r}; choose among {', '.join(entries)}")
    return entries[name]


def load_dataset(
    name: str, root: Path | str | None = None, *, ties: int | None = None
) -> LabelledLog:
    """Load a catalogued public set from the files on this machine.

    Parameters
    ----------
    name : str
        A name from ``mlsd data list``.
    root : path, optional
        Folder with one folder a data set; by default ``MLSD_DATA``, else ``data/fetched``.
    ties : int, optional
        Where each user's last is left out: the seed of the order of rows that tie in time, instead
        of the order of the file.

    Raises
    ------
    InputError
        Unknown name; files missing (the message says how to get them) or damaged.

    Examples
    --------
    >>> load_dataset("criteo-kaggle-8k", root="nowhere")
    Traceback (most recent call last):
    ...
    mlsd.runtime.errors.InputError: criteo-kaggle-8k: train.csv not found in nowhere...
    """
    entry = find_entry(name)
    spec = load_spec(entry.spec)
    if ties is not None:
        spec = replace(spec, split=replace(spec.split, ties="random", seed=ties))
    log = load_log(spec, root=data_root(root))
    notes = {key: getattr(entry, key) for key in ("title", "licence", "citation", "homepage")}
    return replace(log, notes=notes)


def cards_folder() -> Path:
    """Return the folder with the cards of public sets and worlds.

    Examples
    --------
    >>> cards_folder().name
    'cards'
    """
    return project_root() / "data" / "cards"


def card_path(name: str) -> Path:
    """Return the card of a public set or of a world.

    Raises
    ------
    InputError
        When there is no card of this name; the message lists the names.

    Examples
    --------
    >>> card_path("movielens-100k").name
    'movielens-100k.md'
    """
    cards = {path.stem: path for path in sorted(cards_folder().glob("*.md"))}
    if name not in cards:
        raise InputError(f"no card {name!r}; choose among {', '.join(cards)}")
    return cards[name]
