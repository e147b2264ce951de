"""What notebook and reader say to each other: guesses, progress of long cells, tables of words."""

from mlsd.notebook.guesses import compare, guess
from mlsd.notebook.progress import in_notebook, track
from mlsd.notebook.records import GuessRecord, changing_guesses, guesses_path, read_guesses
from mlsd.notebook.tables import TextTable

__all__ = [
    "GuessRecord",
    "TextTable",
    "changing_guesses",
    "compare",
    "guess",
    "guesses_path",
    "in_notebook",
    "read_guesses",
    "track",
]
