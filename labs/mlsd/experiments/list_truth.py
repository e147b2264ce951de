"""What recommended lists are held against: what each user chose, and who and what is new."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from mlsd import metrics
from mlsd.experiments import evidence

Ages = dict[str, np.ndarray]


@dataclass(frozen=True)
class ListTruth:
    """What the lists of a part are held against, user by user.

    Attributes
    ----------
    relevant : list of ndarray
        Of each user: what they chose, as positions in the corpus.
    chosen_by : ndarray of int, shape (items,)
        How many users of the training part chose each item.
    train_users : int
    user_ages : dict of str to ndarray of bool, shape (users,)
        By slice: which users belong to it. ``cold``: none of their choices is in training; ``new``
        and ``old``: the halves of the others by the time since their first choice, where the log
        has a time.
    item_ages : dict of str to ndarray of bool, shape (items of all users,)
        By slice: which of the relevant items, user after user, belong to it. ``cold``: never chosen
        in training; ``new`` and ``old``: the halves of the others by the time since anyone first
        chose them.
    """

    relevant: list[np.ndarray]
    chosen_by: np.ndarray
    train_users: int
    user_ages: Ages = field(default_factory=dict)
    item_ages: Ages = field(default_factory=dict)
    _values: dict[bytes, dict[str, np.ndarray]] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        """Return the number of users."""
        return len(self.relevant)

    @property
    def slices(self) -> tuple[str, ...]:
        """Names of the metrics of slices, without their rank, of which enough users have one."""
        owner = np.repeat(np.arange(len(self)), [len(each) for each in self.relevant])
        users = {f"ndcg {age} users": which.sum() for age, which in self.user_ages.items()}
        users |= {
            f"recall {age} items": np.unique(owner[which]).size
            for age, which in self.item_ages.items()
        }
        return tuple(name for name, count in users.items() if count >= evidence.FEWEST_UNITS)

    def by_user(self, items: np.ndarray, k: int) -> dict[str, np.ndarray]:
        """Return every metric of every user, NaN where a user has none.

        Parameters
        ----------
        items : ndarray, shape (users, k)
            Lists as positions in the corpus, -1 where they are too short.
        k : int

        Returns
        -------
        dict of str to ndarray, shape (users,)
            ``recall``, ``ndcg``, ``map``, ``mrr``, ``novelty``, and each of `slices`.
        """
        key = items.tobytes()
        if key not in self._values:
            self._values[key] = self._measure(items, k)
        return self._values[key]

    def _measure(self, items: np.ndarray, k: int) -> dict[str, np.ndarray]:
        found = metrics.ranking_by_user(items, self.relevant, k)
        values = {"recall": found["recall"], "ndcg": found["ndcg"]}
        values |= {"map": found["average_precision"], "mrr": found["reciprocal_rank"]}
        values["novelty"] = metrics.novelty_by_user(items, self.chosen_by, self.train_users, k)
        for age, chosen in self.user_ages.items():
            values[f"ndcg {age} users"] = np.where(chosen, found["ndcg"], np.nan)
        ends = np.cumsum([len(each) for each in self.relevant])[:-1]
        for age, chosen in self.item_ages.items():
            pairs = zip(self.relevant, np.split(chosen, ends), strict=True)
            of_age = [relevant[which] for relevant, which in pairs]
            values[f"recall {age} items"] = metrics.ranking_by_user(items, of_age, k)["recall"]
        return values


def user_and_item_ages(
    interactions: dict[str, pd.DataFrame],
    part: str,
    users: np.ndarray,
    relevant: list[np.ndarray],
    corpus: pd.Index,
) -> tuple[Ages, Ages]:
    """Return the slices of users, and of all relevant items, by how long they are known.

    The moment is that of a user's first choice in the part. Slices without a member are left out,
    and so are ``new`` and ``old`` where the log has no time.

    Parameters
    ----------
    interactions : dict of str to DataFrame
        By part.
    part : str
    users : ndarray, shape (users,)
    relevant : list of ndarray
        Of each user, as positions in `corpus`.
    corpus : Index

    Examples
    --------
    >>> train = pd.DataFrame({"user_id": [1, 2], "item_id": [7, 7], "ts": [10, 40]})
    >>> test = pd.DataFrame({"user_id": [1, 2, 3], "item_id": [8, 7, 7], "ts": [50, 50, 50]})
    >>> parts, users = {"train": train, "test": test}, test["user_id"].to_numpy()
    >>> relevant = [np.array([1]), np.array([0]), np.array([0])]
    >>> ages = user_and_item_ages(parts, "test", users, relevant, pd.Index([7, 8]))
    >>> {name: which.tolist() for name, which in ages[0].items()}
    {'cold': [False, False, True], 'new': [False, True, False], 'old': [True, False, False]}
    >>> {name: which.tolist() for name, which in ages[1].items()}
    {'cold': [True, False, False], 'new': [False, True, True]}
    """
    train = interactions["train"]
    places = np.concatenate(relevant)
    owner = np.repeat(np.arange(len(users)), [len(each) for each in relevant])
    cold_users = ~pd.Index(users).isin(train["user_id"])
    cold_items = ~corpus[places].isin(train["item_id"])
    if "ts" not in train:
        return _present({"cold": cold_users}), _present({"cold": cold_items})
    moment = interactions[part].groupby("user_id", observed=True)["ts"].min().reindex(users)
    moment = moment.to_numpy(np.float64)
    joined = train.groupby("user_id", observed=True)["ts"].min().reindex(users).to_numpy(np.float64)
    first = train.groupby("item_id", observed=True)["ts"].min().reindex(corpus[places])
    of_items = moment[owner] - first.to_numpy(np.float64)
    return _by_age(moment - joined, cold_users), _by_age(of_items, cold_items)


def _by_age(age: np.ndarray, cold: np.ndarray) -> Ages:
    """Return the cold ones, and the halves of the others, those at the median with the new."""
    if cold.all():
        return _present({"cold": cold})
    middle = np.median(age[~cold])
    new = ~cold & (np.where(cold, np.inf, age) <= middle)
    return _present({"cold": cold, "new": new, "old": ~cold & ~new})


def _present(slices: Ages) -> Ages:
    return {name: which for name, which in slices.items() if which.any()}
