"""Parameters of a world: named sizes, named variants, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Self

from mlsd.runtime import InputError


class WorldConfig:
    """Base of the frozen dataclasses that hold the parameters of a world.

    Attributes
    ----------
    sizes, variants : mapping of str to mapping of str to value
        What a named size, or a named variant, changes in the default parameters.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class ShopConfig(WorldConfig):
    ...     sizes = {"small": {"users": 10}, "default": {}}
    ...     users: int = 1_000
    >>> ShopConfig().scaled("small").users
    10
    """

    sizes: ClassVar[Mapping[str, Mapping[str, Any]]] = {"default": {}}
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    @classmethod
    def variant(cls, name: str) -> Self:
        """Return a named variant of the default parameters.

        Raises
        ------
        InputError
            For an unknown name.
        """
        names = tuple(cls.variants)
        cls._require(name in cls.variants, f"unknown variant {name!r}; choose among {names}")
        return cls(**cls.variants[name])

    def scaled(self, size: str) -> Self:
        """Return the parameters at a named size.

        Raises
        ------
        InputError
            For an unknown size.
        """
        names = tuple(self.sizes)
        self._require(size in self.sizes, f"unknown size {size!r}; choose among {names}")
        return replace(self, **self.sizes[size])

    @classmethod
    def _require(cls, condition: bool, message: str) -> None:
        if not condition:
            raise InputError(f"{cls.__name__}: {message}")
