"""What there is to say of a log of interactions: who chose how much, and what nobody can learn."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pandas as pd

from mlsd.data.columns import label_column
from mlsd.data.readings import LoadedLog
from mlsd.data.understanding.columns import listed
from mlsd.data.understanding.findings import Fact, Findings, LogWarning
from mlsd.data.understanding.spec_lines import toml_text
from mlsd.runtime import InputError

FEW_USERS = 100
COLD_SHARE = 0.05
TIED_SHARE = 0.05
REPEATED_SHARE = 0.001
LISTED_SHARE = 0.5
LARGEST_WEIGHT = 1e4
ONE_WEIGHT = " with its own weight; the others' are not added to it"


def check_interactions(loaded: LoadedLog) -> Findings:
    """Say how many interactions there are, and which rows are none; warn of torn pairs."""
    log, counts = loaded.log, loaded.counts
    sizes = ", ".join(f"{part} {rows.size:,}" for part, rows in log.parts().items())
    read = f"{len(log.frame):,} interactions"
    if counts.rows > len(log.frame):
        read += f" of {counts.rows:,} rows"
    facts = (
        Fact("file", ", ".join(raw.file for raw in loaded.tables.values())),
        Fact("rows", f"{read}; {sizes}; split {log.split.description}"),
        Fact("left out", _left_out(loaded)),
    )
    if counts.across_parts < REPEATED_SHARE * counts.rows:
        return Findings(facts)
    text = (
        f"{counts.across_parts:,} pairs of user and item stand in several of the parts; the "
        "earlier part keeps them, since a test pair seen in training is no test. Was the split "
        "made of rows rather than of pairs?"
    )
    return Findings(facts, (LogWarning("duplicates", (), text),))


def _left_out(loaded: LoadedLog) -> str:
    counts, label = loaded.counts, loaded.columns.label
    said = []
    if label:
        said.append(f"{counts.not_chosen:,} of {counts.rows:,} rows, which have label 0 ({label})")
    if counts.repeats:
        said.append(
            f"{counts.repeats:,} repetition{'s' * (counts.repeats != 1)} of a pair of user and "
            f"item, of which the first counts{ONE_WEIGHT * (loaded.log.roles.weight is not None)}"
        )
    return "; ".join(said) or "nothing; every row is an interaction, and no pair comes twice"


def check_people(loaded: LoadedLog) -> Findings:
    """Say how much users chose; warn where few can be judged, or many are unknown."""
    log, name = loaded.log, loaded.log.roles.user
    users = {part: log.frame[name].iloc[rows] for part, rows in log.parts().items()}
    judged, known = pd.Index(users["test"].unique()), users["train"].unique()
    everyone, cold = log.frame[name].nunique(), int((~judged.isin(known)).sum())
    sizes = users["train"].value_counts()
    text = (
        f"{everyone:,} in {name!r}, with {sizes.min():,} to {sizes.max():,} interactions in "
        f"training (median {sizes.median():,.0f}); {judged.size:,} have a test item and are judged"
        f", {everyone - judged.size:,} have none; {cold:,} of those judged are not in training"
    )
    warnings = []
    if judged.size < FEW_USERS:
        said = f"the test part has {judged.size:,} users; intervals will be wide, most rungs tie."
        warnings.append(LogWarning("few users", (name,), said))
    if cold >= COLD_SHARE * judged.size:
        said = (
            f"{cold:,} of {judged.size:,} users of the test part ({cold / judged.size:.1%}) have "
            "nothing in training: all that they can be given is what everyone is given."
        )
        warnings.append(LogWarning("cold users", (name,), said))
    return Findings((Fact("users", text),), tuple(warnings))


def check_corpus(loaded: LoadedLog) -> Findings:
    """Say what lists are drawn from; warn where much of the test was never trained on."""
    log, name, lists = loaded.log, loaded.log.roles.item, loaded.log.lists
    items = {part: log.frame[name].iloc[rows] for part, rows in log.parts().items()}
    known, everything = items["train"].unique(), log.frame[name].nunique()
    cold = int((~items["test"].isin(known)).sum())
    share = cold / len(items["test"])
    text = (
        f"{everything:,} in {name!r}, {everything - len(known):,} of them never trained on; "
        f"{cold:,} test interactions ({share:.1%}) are with such items"
    )
    without = "training or validation" if lists.exclude_validation else "training"
    facts = (
        Fact("items", text),
        Fact("lists", f"the {lists.k} best of all items, without those of the user's {without}"),
    )
    warnings = _short_corpus(loaded, everything)
    if share < COLD_SHARE:
        return Findings(facts, warnings)
    said = (
        f"{cold:,} of {len(items['test']):,} test interactions ({share:.1%}) are with items that "
        "nobody chose in training. They count as missed for every rung that knows items by their "
        "interactions alone; give features of items in [items] for those that can do better."
    )
    return Findings(facts, (LogWarning("cold items", (name,), said), *warnings))


def _short_corpus(loaded: LoadedLog, items: int) -> tuple[LogWarning, ...]:
    """Warn where a list holds much of all there is, so that any list would be a good one."""
    k, table = loaded.log.lists.k, loaded.log.tables.get("items")
    items = items if table is None else max(items, len(table))
    if k <= LISTED_SHARE * items:
        return ()
    text = (
        f"a list of {k:,} holds {min(k / items, 1):.0%} of the {items:,} items, so that one drawn "
        "at random would find that share of what is sought. Judge shorter lists."
    )
    shorter = max(1, items // 10)
    line = f"[lists] k = {shorter}" if shorter < k else ""
    return (LogWarning("short corpus", (loaded.log.roles.item,), text, line),)


def check_scale(loaded: LoadedLog) -> Findings:
    """Warn of weights so far from 1 that what models weigh them against counts for nothing."""
    name, weights = loaded.log.roles.weight, loaded.log.weights
    if weights is None:
        return Findings()
    low, high = float(weights.min()), float(weights.max())
    fact = Fact("weights", f"{name}, {low:.3g} to {high:.3g}, median {np.median(weights):.3g}")
    if high <= LARGEST_WEIGHT and low >= 1 / LARGEST_WEIGHT:
        return Findings((fact,))
    text = (
        f"weights in {name!r} go from {low:.3g} to {high:.3g}. Models hold them against penalties "
        "that are set for weights near 1, and the largest drown the others: divide them by their "
        f"median, {np.median(weights):.3g}, or take their logarithm or a cap."
    )
    return Findings((fact,), (LogWarning("weights", (name,), text),))


def check_unread_labels(loaded: LoadedLog) -> Findings:
    """Warn of a column of 0 and 1 that the spec does not name: its rows of 0 count as well."""
    if loaded.columns.label:
        return Findings()
    columns = loaded.columns
    named = {*loaded.readings, *columns.ignore}
    warnings = []
    for name in next(iter(loaded.tables.values())).table.column_names:
        if name in named:
            continue
        with suppress(InputError):
            outcomes = np.concatenate([label_column(raw, name) for raw in loaded.tables.values()])
            if 0 < outcomes.mean() < 1:
                text = (
                    f"{name!r} holds 0 and 1 and is not named by the spec, so that the "
                    f"{(outcomes == 0).sum():,} rows with 0 count as interactions too. If it says "
                    "who chose, name it; else put it into ignore."
                )
                line = f"[columns] label = {toml_text(name)}"
                warnings.append(LogWarning("role", (name,), text, line))
    return Findings(warnings=tuple(warnings))


def check_last_ties(loaded: LoadedLog) -> Findings:
    """Say how many users tie at their last time, where that decides what is tested."""
    log, split = loaded.log, loaded.spec.split
    if split.kind != "leave-last-out":
        return Findings()
    user, time = log.roles.user, log.roles.time
    judged = log.frame[log.frame[user].isin(log.frame[user].iloc[log.split.test])]
    last = judged.groupby(user)[time].transform("max")
    at_last = judged[judged[time] == last].groupby(user).size().to_numpy()
    tied, users = int((at_last > 1).sum()), at_last.size
    decides = "the order of the file" if split.ties == "file" else f"seed {split.seed}"
    text = f"{tied:,} of {users:,} users ({tied / users:.1%}) have several interactions at their "
    text += f"last time, among which {decides} decides"
    fact = Fact("ties", text)
    if split.ties == "random" or tied < TIED_SHARE * users:
        return Findings((fact,))
    advice = "Is that order one of time? If not, shuffle them, and take the mean of a few seeds."
    line = '[split] ties = "random"\nseed = 0'
    return Findings((fact,), (LogWarning("ties", (time,), f"{text}. {advice}", line),))


def check_item_table(loaded: LoadedLog) -> Findings:
    """Say which features of items there are; warn where they are missing for many items."""
    items = loaded.log.tables.get("items")
    if items is None:
        return Findings((Fact("features of items", "none"),))
    name = loaded.log.roles.item
    chosen = pd.Index(loaded.log.frame[name].unique())
    missing = int((~chosen.isin(items["item_id"])).sum())
    new = int((~items["item_id"].isin(chosen)).sum())
    numbers = [*items.select_dtypes(np.float64)]
    categories = [each for each in items if each not in ("item_id", *numbers)]
    text = (
        f"of {len(items):,} items, of which {new:,} were never chosen; {missing:,} items of the "
        f"log are not among them; numbers: {listed(numbers) or 'none'}; categories: "
        f"{listed(categories) or 'none'}"
    )
    fact = Fact("features of items", text)
    if missing < COLD_SHARE * chosen.size:
        return Findings((fact,))
    said = f"{missing:,} of {chosen.size:,} items of the log have no row in the table of items."
    return Findings((fact,), (LogWarning("items", (name,), f"{said} Are their ids the same?"),))
