"""The interactions of a log, part by part, and what each user was still to choose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlsd.experiments.list_truth import ListTruth, user_and_item_ages
from mlsd.experiments.sources import Replicate
from mlsd.models.corpus import NO_ITEM
from mlsd.runtime import InputError

HISTORY_LENGTH = 200
JUDGED = ("validation", "test")


@dataclass(frozen=True)
class PreparedInteractions:
    """The interactions of a log by part, and what each user of a part was still to choose.

    Attributes
    ----------
    replicate : Replicate
    interactions : dict of str to DataFrame
        By part: `user_id`, `item_id`, where the log has them `ts` and `weight`, and its other
        columns, such as watch seconds or propensities.
    users : dict of str to ndarray
        Of validation and test: the users with a relevant item.
    relevant : dict of str to list of ndarray
        Of each of those users, as positions in `corpus`.
    known : dict of str to tuple of str
        Of validation and test: the earlier parts that their lists may know of.
    corpus : Index
        Every item of the log, then those that its table of items has besides.
    """

    replicate: Replicate
    interactions: dict[str, pd.DataFrame]
    users: dict[str, np.ndarray]
    relevant: dict[str, list[np.ndarray]]
    known: dict[str, tuple[str, ...]]
    corpus: pd.Index

    def known_interactions(self, part: str) -> pd.DataFrame:
        """Return the interactions that lists for a part may know of."""
        return pd.concat([self.interactions[name] for name in self.known[part]])

    def histories(self, part: str, length: int = HISTORY_LENGTH) -> np.ndarray | None:
        """Return what each user of a part chose before, shape (users, length), newest last.

        Shorter ones begin with -1, or None where ids are no integers. Interactions of equal time
        stand in the order of the log. None where the log has no time.
        """
        known = self.known_interactions(part)
        if "ts" not in known:
            return None
        rows = pd.Index(self.users[part]).get_indexer(known["user_id"])
        known = known.assign(row=rows)[rows >= 0].sort_values("ts", kind="stable")
        place = length - 1 - known.groupby("row").cumcount(ascending=False).to_numpy()
        items = known["item_id"].to_numpy()
        numbers = items.dtype.kind in "iu"
        shape = (len(self.users[part]), length)
        found = np.full(shape, NO_ITEM if numbers else None, items.dtype if numbers else object)
        kept = place >= 0
        found[known["row"].to_numpy()[kept], place[kept]] = items[kept]
        return found

    def also_known(self, part: str) -> list[np.ndarray]:
        """Return, of each user of a part, what they chose in a known part other than training.

        Positions in `corpus`; training is left out because recommenders exclude it themselves.
        """
        later = [self.interactions[name] for name in self.known[part] if name != "train"]
        users = self.users[part]
        if not later:
            return [np.zeros(0, np.int64)] * len(users)
        chosen = pd.concat(later)
        rows = pd.Index(users).get_indexer(chosen["user_id"])
        places = self.corpus.get_indexer(chosen["item_id"])
        order = np.argsort(rows[rows >= 0], kind="stable")
        sizes = np.bincount(rows[rows >= 0], minlength=len(users))
        return np.split(places[rows >= 0][order], np.cumsum(sizes)[:-1])

    def truth(self, part: str) -> ListTruth:
        """Return what the lists of a part are held against."""
        train = self.interactions["train"][["user_id", "item_id"]].drop_duplicates()
        chosen_by = np.bincount(
            self.corpus.get_indexer(train["item_id"]), minlength=self.corpus.size
        )
        users = train["user_id"].nunique()
        ages = user_and_item_ages(
            self.interactions, part, self.users[part], self.relevant[part], self.corpus
        )
        return ListTruth(self.relevant[part], chosen_by, users, *ages)


def prepare_interactions(
    replicate: Replicate, *, exclude_seen: bool, exclude_validation: bool
) -> PreparedInteractions:
    """Part the interactions, and look up what each user of a part was still to choose.

    Parameters
    ----------
    replicate : Replicate
    exclude_seen, exclude_validation : bool
        Whether what a user chose in training, and for the test part in validation, is no longer
        relevant to them.

    Raises
    ------
    InputError
        If the log has no user or no item, an interaction lacks one of them, or a part has no user
        with a relevant item.
    """
    log = replicate.log
    if not (log.roles.user and log.roles.item):
        raise InputError(f"{log.name}: recommending needs a user and an item column; name both")
    corpus = _corpus(replicate)
    interactions = {part: _interactions(replicate, rows) for part, rows in log.parts().items()}
    for part, chosen in interactions.items():
        if chosen[["user_id", "item_id"]].isna().any(axis=None):
            raise InputError(
                f"{log.name}: a row of the {part} part lacks its user or its item; remove such rows"
            )
    known = {
        "validation": ("train",),
        "test": ("train", "validation") if exclude_validation else ("train",),
    }
    users, relevant = {}, {}
    for part in JUDGED:
        seen = pd.concat([interactions[name] for name in known[part]])
        users[part], relevant[part] = _still_to_choose(
            interactions[part], seen if exclude_seen else seen[:0], corpus
        )
        if not len(users[part]):
            raise InputError(
                f"{log.name}: no user of the {part} part chose an item that is new to them; "
                "nothing can be measured: give more rows"
            )
    return PreparedInteractions(replicate, interactions, users, relevant, known, corpus)


def _corpus(replicate: Replicate) -> pd.Index:
    chosen = pd.Index(replicate.log.frame[replicate.log.roles.item].unique())
    items = replicate.tables.get("items")
    if items is None or "item_id" not in items:
        return chosen
    others = pd.Index(items["item_id"])
    return chosen.append(others[~others.isin(chosen)])


def _interactions(replicate: Replicate, rows: np.ndarray) -> pd.DataFrame:
    log, roles = replicate.log, replicate.log.roles
    named = {"user_id": roles.user, "item_id": roles.item, "ts": roles.time, "weight": roles.weight}
    names = {column: name for name, column in named.items() if column}
    taken = [name for name in names.values() if name in log.frame and name not in names]
    chosen = log.frame.iloc[rows[log.label[rows] == 1]].drop(columns=taken)
    return chosen.rename(columns=names).reset_index(drop=True)


def _still_to_choose(
    interactions: pd.DataFrame, seen: pd.DataFrame, corpus: pd.Index
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the users of a part with an item that is new to them, and those items."""
    pairs = interactions[["user_id", "item_id"]].drop_duplicates()
    known = pd.MultiIndex.from_frame(seen[["user_id", "item_id"]])
    new = pairs[~pd.MultiIndex.from_frame(pairs).isin(known)]
    groups = new.groupby("user_id", sort=True, observed=True)["item_id"]
    users = np.array([user for user, _ in groups])
    return users, [corpus.get_indexer(items) for _, items in groups]
