"""The one exception that stands for a mistake in what the user gave us."""


class InputError(ValueError):
    """Bad input: one line that says what is wrong, where, and what to do.

    The command line prints the message alone and exits with code 2.

    Examples
    --------
    >>> raise InputError("log.csv: column 'click' is missing; add it or change [columns] label")
    Traceback (most recent call last):
    ...
    mlsd.runtime.errors.InputError: log.csv: column 'click' is missing; ...
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(str(message).split()))
