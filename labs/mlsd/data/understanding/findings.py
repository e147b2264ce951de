"""What is said of a log: facts, and warnings with the line of the spec that answers them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# The worst first: what makes a result wrong stands before what makes it weak.
KINDS = (
    "leak",
    "after the fact",
    "time unit",
    "test before training",
    "duplicates",
    "lossy ids",
    "ids",
    "role",
    "items",
    "cold users",
    "cold items",
    "short corpus",
    "ties",
    "late labels",
    "clusters",
    "weights",
    "propensity",
    "few positives",
    "few users",
    "unseen ids",
    "constant",
)


@dataclass(frozen=True)
class Fact:
    """One thing that was understood: a topic and what is said of it."""

    topic: str
    text: str


@dataclass(frozen=True)
class LogWarning:
    """Something that will probably make a result wrong or weak.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    columns : tuple of str
        Those it is about; empty for the log as a whole.
    text : str
        What was seen, with its figure, and what to do where no line of a spec does it.
    spec_line : str
        What to write into the spec, section included; empty where the data has to change.
    leaves_out : bool
        Whether that line takes the columns out of the features.
    """

    kind: str
    columns: tuple[str, ...]
    text: str
    spec_line: str = ""
    leaves_out: bool = False

    @property
    def rank(self) -> int:
        """Place of the kind, 0 for the worst."""
        return KINDS.index(self.kind)


@dataclass(frozen=True)
class Understanding:
    """All that was understood of a log, the worst warning first.

    Attributes
    ----------
    name : str
        Of the log.
    facts : tuple of Fact
    warnings : tuple of LogWarning
    together : str
        One line of the spec that leaves out every column of which a warning says so, where there
        are several such warnings.
    """

    name: str
    facts: tuple[Fact, ...]
    warnings: tuple[LogWarning, ...]
    together: str = ""

    def fact(self, topic: str) -> str:
        """Return the text of a fact.

        Raises
        ------
        KeyError
            If nothing is known of the topic.

        Examples
        --------
        >>> Understanding("tiny", (Fact("rows", "3 rows"),), ()).fact("rows")
        '3 rows'
        """
        return {fact.topic: fact.text for fact in self.facts}[topic]


@dataclass(frozen=True)
class Findings:
    """Facts and warnings of one check."""

    facts: tuple[Fact, ...] = ()
    warnings: tuple[LogWarning, ...] = ()


def gather(findings: Iterable[Findings]) -> Findings:
    """Put the findings of all checks together, the worst warning first.

    Examples
    --------
    >>> gather([Findings((Fact("rows", "3 rows"),)), Findings()]).facts[0].topic
    'rows'
    """
    found = list(findings)
    warnings = (warning for part in found for warning in part.warnings)
    facts = tuple(fact for part in found for fact in part.facts)
    return Findings(facts, tuple(sorted(warnings, key=lambda warning: warning.rank)))
