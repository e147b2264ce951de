"""Keep stdout for one JSON object, whatever else a benchmark or its peers print."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable


def one_json_object(wanted: bool) -> Callable[[object], None]:
    """Send to stderr whatever is printed from now on; return what prints the one object.

    A peer may print a notice when it is imported, from a thread of its own, from compiled code or
    from a child process, and after the object too. So it is the file descriptor that is moved, once
    and for good, before the peer is imported.

    Parameters
    ----------
    wanted : bool
        False leaves stdout as it is.
    """
    if not wanted:
        return lambda found: print(json.dumps(found))
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)

    def print_object(found: object) -> None:
        with os.fdopen(kept, "w", encoding="utf-8") as stdout:
            stdout.write(json.dumps(found) + "\n")

    return print_object
