"""From named columns to what a model reads: hash buckets, vocabulary codes, scaled numbers."""

from __future__ import annotations

import hashlib
from typing import Literal, Self

import numpy as np
import pandas as pd

from mlsd.features.entities import Columns, as_index, comparable, take_column
from mlsd.features.scales import SCALES
from mlsd.runtime import InputError
from mlsd.runtime.hashing import mix64

_DENSE_TABLE = 1 << 22
_BLOCK_CELLS = 1 << 20


def hash_buckets(X: Columns, names: tuple[str, ...], bits: int) -> np.ndarray:
    """Hash each named column to a bucket, the same in every run and on every machine.

    The column's name salts its hash, so that one value in two columns gets two buckets. Numbers
    hash by value (3, 3.0 and True/1 alike), everything else by its text; all missing values of a
    column share a bucket.

    Parameters
    ----------
    X : mapping of str to array, shape (n,) each, or DataFrame
    names : tuple of str
    bits : int
        1 to 63; there are ``2**bits`` buckets.

    Returns
    -------
    ndarray of int64, shape (n, len(names))
        Values in [0, 2**bits). Columns are not offset against each other.

    Raises
    ------
    InputError
        If a column is missing or `bits` is out of range.

    References
    ----------
    Weinberger, Dasgupta, Langford, Smola and Attenberg, Feature Hashing for Large Scale Multitask
    Learning, ICML 2009.

    Examples
    --------
    >>> X = {"device": ["phone", "tv", "phone"], "hour": [7, 8, 7]}
    >>> buckets = hash_buckets(X, ("device", "hour"), bits=10)
    >>> buckets.shape, bool((buckets[0] == buckets[2]).all())
    ((3, 2), True)
    """
    if not 1 <= bits <= 63:
        raise InputError(f"bits is {bits}; give 1 to 63")
    columns = [take_column(X, name) for name in names]
    buckets = np.empty((len(columns[0]) if columns else 0, len(names)), dtype=np.int64)
    for index, (name, values) in enumerate(zip(names, columns)):
        mixed = mix64(_hash_values(values) ^ column_salt(name))
        buckets[:, index] = mixed >> np.uint64(64 - bits)
    return buckets


class VocabularyEncoder:
    """Codes 1, 2, ... for the values seen in training, 0 for every other.

    Missing values count as one value of their own.

    Parameters
    ----------
    names : tuple of str
        Columns, one field each.
    min_count : int
        Values seen in fewer training rows get code 0.

    Attributes
    ----------
    sizes_ : list of int
        Codes of each field, the unknown 0 included.

    Examples
    --------
    >>> encoder = VocabularyEncoder(("device",)).fit({"device": ["phone", "tv", "phone"]})
    >>> encoder.transform({"device": ["tv", "fridge"]}).ravel(), encoder.sizes_
    (array([2, 0]), [3])
    """

    def __init__(self, names: tuple[str, ...], min_count: int = 1) -> None:
        self.names = names
        self.min_count = min_count

    def fit(self, X: Columns) -> Self:
        """Learn the values of each column; codes follow first appearance."""
        self.vocabularies_ = [
            _Vocabulary(take_column(X, name), self.min_count) for name in self.names
        ]
        self.sizes_ = [vocabulary.size for vocabulary in self.vocabularies_]
        return self

    def transform(self, X: Columns) -> np.ndarray:
        """Return codes of shape (n, fields), int64."""
        columns = [take_column(X, name) for name in self.names]
        codes = np.empty((len(columns[0]) if columns else 0, len(columns)), dtype=np.int64)
        for index, (values, vocabulary) in enumerate(zip(columns, self.vocabularies_)):
            codes[:, index] = vocabulary.encode(values)
        return codes


class NumericEncoder:
    """Numbers on a common scale, with an indicator for what was missing.

    Parameters
    ----------
    names : tuple of str
    method : str
        ``"standard"``: minus the mean, over the standard deviation, clipped to +-10. A column with
        a heavy tail (a value more than 10 standard deviations from the mean) is first replaced by
        ``sign(x) log(1 + |x|)``. ``"quantile"``: the share of training values below, half of the
        equal ones included, scaled to mean 0 and variance 1.

    Attributes
    ----------
    size_ : int
        Width of the output: one for each column and one more for each that had missing values in
        training.

    Notes
    -----
    NaN and infinities count as missing and become 0, the mean; so does every value of a column
    that is constant in training.

    Examples
    --------
    >>> encoder = NumericEncoder(("age",)).fit({"age": [20.0, 40.0, np.nan]})
    >>> encoder.transform({"age": [30.0, 40.0, np.nan]}).tolist()
    [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    """

    def __init__(
        self, names: tuple[str, ...], method: Literal["standard", "quantile"] = "standard"
    ) -> None:
        self.names = names
        self.method = method

    def fit(self, X: Columns) -> Self:
        """Learn the scale of each column.

        Raises
        ------
        InputError
            For an unknown method, a missing column, or one that is not numeric.
        """
        if self.method not in SCALES:
            raise InputError(f"method is {self.method!r}; choose 'standard' or 'quantile'")
        self.scales_, self.indicated_ = [], []
        for name in self.names:
            values = _as_numbers(take_column(X, name), name)
            present = values[np.isfinite(values)]
            self.scales_.append(SCALES[self.method](present))
            self.indicated_.append(len(present) < len(values))
        self.size_ = len(self.names) + sum(self.indicated_)
        return self

    def transform(self, X: Columns) -> np.ndarray:
        """Return shape (n, size_), float32: the scaled columns, then the indicators."""
        columns = [take_column(X, name) for name in self.names]
        output = np.zeros((len(columns[0]) if columns else 0, self.size_), dtype=np.float32)
        step = max(_BLOCK_CELLS // max(len(columns), 1), 1)
        for start in range(0, len(output), step):
            rows = slice(start, start + step)
            output[rows] = self._scaled([values[rows] for values in columns])
        return output

    def _scaled(self, columns: list[np.ndarray]) -> np.ndarray:
        numbers = np.empty((len(columns[0]), len(columns)))
        for index, (name, values) in enumerate(zip(self.names, columns)):
            numbers[:, index] = _as_numbers(values, name)
        missing = ~np.isfinite(numbers)
        numbers[missing] = 0.0
        numbers = SCALES[self.method].apply_all(self.scales_, numbers)
        numbers[missing] = 0.0
        return np.concatenate([numbers, missing[:, self.indicated_]], axis=1)


class _Vocabulary:
    """Codes of one column: a dense table for integers of a small range, else a hash index."""

    def __init__(self, values: np.ndarray, min_count: int) -> None:
        # Not the sentinel: a missing value is a value here.
        codes, uniques = pd.factorize(comparable(values), use_na_sentinel=False)
        kept = np.bincount(codes, minlength=len(uniques)) >= min_count
        self.index = as_index(np.asarray(uniques)[kept])
        self.size = len(self.index) + 1
        self.table = self._dense_table()

    def _dense_table(self) -> np.ndarray | None:
        if self.index.dtype.kind not in "iu" or not len(self.index):
            return None
        self.low = int(self.index.min())
        span = int(self.index.max()) - self.low + 1
        if span > _DENSE_TABLE:
            return None
        table = np.zeros(span + 2, dtype=np.int64)
        table[self.index.to_numpy() - self.low] = np.arange(1, self.size)
        return table

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Code of each value."""
        values = comparable(values)
        if self.table is None or values.dtype.kind not in "iu":
            return self.index.get_indexer(as_index(values)) + 1
        last = len(self.table) - 1
        inside = (values >= self.low) & (values <= self.low + last)
        return self.table[np.where(inside, values.astype(np.int64) - self.low, last)]


def _as_numbers(values: np.ndarray, name: str) -> np.ndarray:
    try:
        return values.astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"X: column {name!r} is not numeric ({error}); name it categorical"
        ) from error


def _hash_values(values: np.ndarray) -> np.ndarray:
    """One 64-bit number per value; equal numbers agree whatever their type."""
    if values.dtype.kind in "biu":
        return mix64(values.astype(np.int64, copy=False).view(np.uint64))
    if values.dtype.kind == "f":
        return _hash_floats(values.astype(np.float64, copy=False))
    codes, uniques = pd.factorize(values.astype(object))
    texts = np.array([str(value) for value in uniques], dtype=object)
    missing = np.array([column_salt("missing value")])
    return np.concatenate([pd.util.hash_array(texts, categorize=False), missing])[codes]


def _hash_floats(values: np.ndarray) -> np.ndarray:
    # Whole numbers hash as integers, so that 3.0 and 3 agree; below 2**53 every integer is a float
    # of its own. All others hash by the bits of their float.
    whole = (np.abs(values) < 2.0**53) & (values == np.floor(values))
    integers = np.where(whole, values, 0.0).astype(np.int64).view(np.uint64)
    hashed = mix64(np.where(whole, integers, values.view(np.uint64)))
    return np.where(np.isnan(values), column_salt("missing value"), hashed)


def column_salt(name: str) -> np.uint64:
    """Return what tells a column's hashed values from those of every other column.

    Examples
    --------
    >>> column_salt("ad_id") == column_salt("user_id")
    np.False_
    """
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))
