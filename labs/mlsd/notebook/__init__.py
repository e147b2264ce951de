"""What a notebook and its reader say to each other: guesses, and how far a long cell has come."""

from mlsd.notebook.guesses import compare, guess
from mlsd.notebook.progress import in_notebook, track
from mlsd.notebook.records import GuessRecord, changing_guesses, guesses_path, read_guesses

__all__ = [
    "GuessRecord",
    "changing_guesses",
    "compare",
    "guess",
    "guesses_path",
    "in_notebook",
    "read_guesses",
    "track",
]
