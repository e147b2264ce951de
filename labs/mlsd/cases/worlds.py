"""The worlds of a case: one of a seed, a size and a variant, or the source of its ladder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mlsd.experiments.sources import Replicate, WorldSource, source_name
from mlsd.worlds.base import HISTORY_DAYS, World
from mlsd.worlds.kit.config import WorldConfig

WorldType = TypeVar("WorldType", bound=World)


@dataclass(frozen=True)
class CaseWorlds(Generic[WorldType]):
    """How the worlds of a case are made, and what its ladder takes from one.

    Attributes
    ----------
    name : str
        Of the default world in ledgers: ``"video_world"``.
    world : callable
        From `seed`, `size` and `config` to a world.
    config : type
        Of its parameters, with its variants.
    replicate : callable
        From a world and the days of its history to what the rungs are fitted on.
    """

    name: str
    world: Callable[..., WorldType]
    config: type[WorldConfig]
    replicate: Callable[[WorldType, int], Replicate]

    def make(self, seed: int, *, size: str = "default", variant: str | None = None) -> WorldType:
        """Return the world of a seed, at a size and in a variant.

        Raises
        ------
        InputError
            For an unknown size or variant.
        """
        config = self.config.variant(variant) if variant else None
        return self.world(seed=seed, size=size, config=config)

    def source(
        self,
        *,
        size: str = "default",
        variant: str | None = None,
        history_days: int = HISTORY_DAYS,
    ) -> WorldSource:
        """Return worlds as a source of the ladder: a fresh one and its history for each seed."""
        options: dict[str, Any] = {"size": size, "variant": variant}
        return WorldSource(
            source_name(self.name, **options),
            lambda seed: self.replicate(self.make(seed, **options), history_days),
        )
