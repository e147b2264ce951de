"""What was understood of a log: facts, and warnings with the line that answers each.

`understand` looks at a loaded log, and `render_full` and `render_short` say in plain text what it
found; ``mlsd data check`` prints the one, a ladder over a log of the reader's own the other.
"""

from mlsd.data.understanding.findings import Fact, LogWarning, Understanding
from mlsd.data.understanding.report import render_full, render_short
from mlsd.data.understanding.understand import understand

__all__ = [
    "Fact",
    "LogWarning",
    "Understanding",
    "render_full",
    "render_short",
    "understand",
]
