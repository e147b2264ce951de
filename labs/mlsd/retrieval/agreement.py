"""Whether queries and index come from one training: known without loading an index."""

from __future__ import annotations

from mlsd.runtime import InputError


class WrongVersionError(InputError):
    """A query was made by another version of the embedding than the index."""


def require_one_version(of_index: str, of_query: str) -> None:
    """Stop where item vectors and queries come from different trainings.

    Raises
    ------
    WrongVersionError
        Names both versions.

    Examples
    --------
    >>> require_one_version("monday", "monday")
    """
    if of_index != of_query:
        raise WrongVersionError(
            f"the index is of embedding {of_index!r}, the query of {of_query!r}; "
            "swap index and model together"
        )
