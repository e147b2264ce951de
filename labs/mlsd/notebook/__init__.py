"""What a notebook and its reader say to each other: guesses, and how far a long cell has come."""

from mlsd.notebook.guesses import compare, guess
from mlsd.notebook.progress import track
from mlsd.notebook.records import GuessRecord, guesses_path, read_guesses

__all__ = ["GuessRecord", "compare", "guess", "guesses_path", "read_guesses", "track"]
