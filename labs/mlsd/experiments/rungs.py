"""The rungs of the ad click ladder: what each is called, what it reads, how it is tuned.

Every tunable rung chooses among the same number of settings (`SETTINGS_PER_RUNG`) by log loss on
the validation part, so that no rung is favoured by effort.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mlsd import models
from mlsd.data.log import ColumnRoles
from mlsd.models.base import Scorer

SETTINGS_PER_RUNG = 4
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class RungInputs:
    """What a rung may read: the log's roles and the counter columns (empty without counters)."""

    roles: ColumnRoles
    counters: tuple[str, ...]
    random_state: int

    @property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """Keyword arguments that name the columns for a model with encoders."""
        return {
            "categorical": self.roles.identifiers,
            "numeric": self.roles.numeric + self.counters,
        }


@dataclass(frozen=True)
class Rung:
    """One step of a ladder.

    Attributes
    ----------
    name : str
        Fixed id, also on the command line.
    model : str
        Class name of the scorer, or ``"truth"`` for the oracle.
    features : str
        ``"none"``, ``"ids"``, ``"counters"`` or ``"truth"``: the table the rung belongs to.
    build : callable
        From inputs and one settings dictionary to an unfitted scorer.
    settings : callable
        From roles to the settings tried; an empty tuple says that the log lacks what it needs.
    needs : str
        What a log must have, for the message when it is skipped.
    """

    name: str
    model: str
    features: str
    build: Callable[[RungInputs, Settings], Scorer]
    settings: Callable[[ColumnRoles], tuple[Settings, ...]]
    needs: str = ""

    @property
    def uses_counters(self) -> bool:
        """Whether the rung reads as-of counters."""
        return self.features == "counters"


def _fixed(*choices: Settings) -> Callable[[ColumnRoles], tuple[Settings, ...]]:
    return lambda roles: choices


def _global(inputs: RungInputs, settings: Settings) -> Scorer:
    return models.GlobalRate()


def _smoothed(inputs: RungInputs, settings: Settings) -> Scorer:
    return models.SmoothedRate(**settings)


def _smoothed_by_item(roles: ColumnRoles) -> tuple[Settings, ...]:
    if roles.item is None:
        return ()
    return tuple({"levels": ((roles.item,),), "strength": s} for s in (20.0, 100.0, 500.0, 2500.0))


def _smoothed_by_segment(roles: ColumnRoles) -> tuple[Settings, ...]:
    segments = [name for name in roles.categorical if name not in (roles.item, roles.user)]
    if roles.item is None or not segments:
        return ()
    segment = "position" if "position" in segments else segments[0]
    levels = ((roles.item,), (roles.item, segment))
    return tuple({"levels": levels, "strength": s} for s in (20.0, 100.0, 500.0, 2500.0))


def _encoded(model_name: str) -> Callable[[RungInputs, Settings], Scorer]:
    def build(inputs: RungInputs, settings: Settings) -> Scorer:
        model = getattr(models, model_name)
        options = dict(inputs.columns, **settings)
        if "random_state" in model.__init__.__kwdefaults__:
            options["random_state"] = inputs.random_state
        return model(**options)

    return build


_TUNED: dict[str, tuple[str, tuple[Settings, ...]]] = {
    "hashed_lr": ("HashedLogisticRegression", tuple({"C": c} for c in (0.01, 0.03, 0.1, 0.3))),
    "ftrl": (
        "FTRLProximal",
        tuple({"alpha": a, "l2": l2} for a in (0.1, 0.3) for l2 in (1.0, 50.0)),
    ),
    "lightgbm": (
        "LightGBMScorer",
        (
            {"num_leaves": 7, "learning_rate": 0.1},
            {"num_leaves": 15, "learning_rate": 0.1},
            {"num_leaves": 31, "learning_rate": 0.1},
            {"num_leaves": 15, "learning_rate": 0.05},
        ),
    ),
    "dcn_v2": ("DCNv2", ({}, {"dropout": 0.3}, {"embedding_dim": 8}, {"learning_rate": 3e-3})),
}


def _model_rungs(features: str) -> list[Rung]:
    suffix = "_counters" if features == "counters" else ""
    return [
        Rung(name + suffix, model, features, _encoded(model), _fixed(*choices))
        for name, (model, choices) in _TUNED.items()
    ]


def _no_model(inputs: RungInputs, settings: Settings) -> Scorer:
    raise LookupError("the oracle is read from the world, not fitted")


AD_CLICK_RUNGS: tuple[Rung, ...] = (
    Rung("global_rate", "GlobalRate", "none", _global, _fixed({})),
    Rung("smoothed_ad", "SmoothedRate", "ids", _smoothed, _smoothed_by_item, "an item column"),
    Rung(
        "smoothed_ad_segment",
        "SmoothedRate",
        "ids",
        _smoothed,
        _smoothed_by_segment,
        "an item column and a categorical column",
    ),
    *_model_rungs("ids"),
    *_model_rungs("counters"),
    Rung("oracle", "truth", "truth", _no_model, _fixed(), "a world, which knows the truth"),
)
