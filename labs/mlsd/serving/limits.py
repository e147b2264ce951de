"""What a service promises, what it refuses, and how a refusal looks from inside."""

from __future__ import annotations

from dataclasses import dataclass

from mlsd.runtime import InputError


class Overloaded(RuntimeError):
    """The service takes no request now; the caller should come back after `retry_after` seconds."""

    def __init__(self, reason: str, retry_after: int) -> None:
        super().__init__(f"{reason}; try again in {retry_after} s")
        self.retry_after = retry_after


@dataclass(frozen=True)
class ServiceLimits:
    """What the service promises, and what it refuses.

    Attributes
    ----------
    timeout_seconds : float
        After which the fallback answers.
    max_waiting : int
        Requests in the system; one more is refused at once. Fewer are admitted where they would
        not all be answered in time.
    workers : int
        Threads that compute answers.
    retry_after : int
        Seconds that a refused caller is told to wait.
    top : int
        Length of an answer that ranks.
    body_bytes : int
        Size of the body of a request. A thousand candidates with their bids take 32 kB.
    head_seconds, body_seconds : float
        Within which the head of a request has to be there, and its body after that.
    idle_seconds : int
        How long a connection may wait for its next request.
    max_connections : int
        Open connections; below the 1,024 files that a process may usually open. Where it may open
        fewer, the server asks for more.
    stuck_seconds : float
        After which a worker that does not come back is given up, and another takes its place.
    max_stuck : int
        Workers that may be given up; once that many are, the service says that it is not ready.
    """

    timeout_seconds: float = 0.03
    max_waiting: int = 32
    workers: int = 1
    retry_after: int = 1
    top: int = 10
    body_bytes: int = 64 * 1024
    head_seconds: float = 3.0
    body_seconds: float = 3.0
    idle_seconds: int = 60
    max_connections: int = 800
    stuck_seconds: float = 1.0
    max_stuck: int = 4

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise InputError(f"{name} is {value!r}; give a number above 0")
