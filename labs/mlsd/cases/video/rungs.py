"""The rungs of the video ladder: recommenders that learn from who chose what.

Every rung with something to tune chooses among the same number of settings (`SETTINGS_PER_RUNG`) by
NDCG on the validation part, so that no rung is favoured by effort.
"""

from __future__ import annotations

from collections.abc import Callable

from mlsd import models
from mlsd.data.log import ColumnRoles
from mlsd.experiments.rungs import Rung, RungInputs, Settings
from mlsd.models.base import Recommender
from mlsd.runtime.times import DAY

SETTINGS_PER_RUNG = 4
HALF_LIVES = (1, 4, 16, 64)  # days


def _popularity(inputs: RungInputs, settings: Settings) -> Recommender:
    return models.PopularityRecommender(**settings)


def _nothing_to_tune(roles: ColumnRoles) -> tuple[Settings, ...]:
    return ({},)


def _half_lives(roles: ColumnRoles) -> tuple[Settings, ...]:
    """Return half-lives in seconds; none where the log has no time."""
    if roles.time is None:
        return ()
    return tuple({"half_life": float(days * DAY)} for days in HALF_LIVES)


def _seeded(name: str) -> Callable[[RungInputs, Settings], Recommender]:
    """Return what builds a model by its class name, with the seed of the replicate."""

    def build(inputs: RungInputs, settings: Settings) -> Recommender:
        return getattr(models, name)(**settings, random_state=inputs.random_state)

    return build


def _plain(name: str) -> Callable[[RungInputs, Settings], Recommender]:
    """Return what builds a model by its class name, where nothing is drawn."""
    return lambda inputs, settings: getattr(models, name)(**settings)


def _choices(*settings: Settings) -> Callable[[ColumnRoles], tuple[Settings, ...]]:
    return lambda roles: settings


def _towers(**fixed: object) -> Callable[[RungInputs, Settings], Recommender]:
    """Return what builds two towers that read the columns of the items."""

    def build(inputs: RungInputs, settings: Settings) -> Recommender:
        options = {**inputs.item_columns, **fixed, **settings}
        return models.TwoTowerRecommender(**options, random_state=inputs.random_state)

    return build


def _members(inputs: RungInputs, settings: Settings) -> dict[str, Recommender]:
    """Return a linear model, a filter and factors, unfitted."""
    powers = {name: settings[name] for name in POWERS if name in settings}
    factors = {"dim": settings["dim"], "l2": 1 / settings["dim"]}
    return {
        "denoising_ease": models.DenoisingEASERecommender(dropout=0.5, l2=settings["l2"], **powers),
        "graph_filter": models.GraphFilterRecommender(),
        "ials": models.ImplicitALSRecommender(
            **factors,
            user_power=powers.get("user_power", 0.0),
            random_state=inputs.random_state,
        ),
    }


def _blend(inputs: RungInputs, settings: Settings) -> Recommender:
    """Return models of items and of factors, weighted by validation."""
    return models.BlendRecommender(members=_members(inputs, settings))


def _blend_with_users(inputs: RungInputs, settings: Settings) -> Recommender:
    """Return the blend with a model of users as one more member."""
    users = models.UserKernelRecommender(
        sharpness=4.0, l2=0.6, item_power=0.1, random_state=inputs.random_state
    )
    return models.BlendRecommender(members=_members(inputs, settings) | {"user_kernel": users})


# Users with many interactions do not decide alone, and popular items lose a little.
POWERS = {"user_power": 0.5, "item_power": 0.1}
BLENDS = _choices(
    {"l2": 100.0, "dim": 32},
    {"l2": 300.0, "dim": 32},
    {"l2": 100.0, "dim": 128} | POWERS,
    {"l2": 300.0, "dim": 128} | POWERS,
)
TOWER_RATES = _choices(
    {"temperature": 0.3, "learning_rate": 2e-3},
    {"temperature": 1.0, "learning_rate": 2e-3},
    {"temperature": 0.3, "learning_rate": 6e-3},
    {"temperature": 1.0, "learning_rate": 6e-3},
)
SEGMENTED, CONTENT = "attributes of users", "a table of items"
MIXED = {"uniform_negatives": 512, "correction": "logq"}

VIDEO_RUNGS = (
    Rung("popularity", "PopularityRecommender", "none", _popularity, _nothing_to_tune),
    Rung(
        "decayed_popularity",
        "PopularityRecommender",
        "none",
        _popularity,
        _half_lives,
        needs="a time, by which the past fades",
    ),
    Rung(
        "segment_popularity",
        "SegmentPopularityRecommender",
        "none",
        _plain("SegmentPopularityRecommender"),
        _choices(*({"strength": strength} for strength in (30.0, 100.0, 300.0, 1_000.0))),
        needs=SEGMENTED,
        tables=("users",),
    ),
    Rung(
        "item_cosine",
        "ItemCosineRecommender",
        "ids",
        _plain("ItemCosineRecommender"),
        _choices(
            {"shrinkage": 1.0},
            {"shrinkage": 10.0},
            {"shrinkage": 100.0},
            {"shrinkage": 10.0, "neighbours": 50},
        ),
    ),
    Rung(
        "ease",
        "EASERecommender",
        "ids",
        _plain("EASERecommender"),
        _choices({"l2": 100.0}, {"l2": 300.0}, {"l2": 1_000.0}, {"l2": 300.0} | POWERS),
    ),
    Rung(
        "denoising_ease",
        "DenoisingEASERecommender",
        "ids",
        _plain("DenoisingEASERecommender"),
        _choices(
            {"dropout": 0.3, "l2": 100.0},
            {"dropout": 0.5, "l2": 100.0},
            {"dropout": 0.5, "l2": 300.0},
            {"dropout": 0.5, "l2": 300.0} | POWERS,
        ),
    ),
    Rung(
        "graph_filter",
        "GraphFilterRecommender",
        "ids",
        _plain("GraphFilterRecommender"),
        _choices(
            {"components": 64},
            {"components": 128},
            {"components": 256},
            {"components": 128, "ideal": 0.0},
        ),
    ),
    Rung(
        "user_kernel",
        "UserKernelRecommender",
        "ids",
        _seeded("UserKernelRecommender"),
        _choices(
            {"sharpness": 2.0, "l2": 0.6, "item_power": 0.1},
            {"sharpness": 2.0, "l2": 3.0, "item_power": 0.1},
            {"sharpness": 4.0, "l2": 0.6, "item_power": 0.1},
            {"sharpness": 4.0, "l2": 3.0, "item_power": 0.1},
        ),
    ),
    Rung(
        "ials",
        "ImplicitALSRecommender",
        "ids",
        _seeded("ImplicitALSRecommender"),
        _choices(
            {"dim": 32, "l2": 0.03},
            {"dim": 64, "l2": 0.016},
            {"dim": 128, "l2": 0.008},
            {"dim": 128, "l2": 0.008, "user_power": 0.5},
        ),
    ),
    Rung(
        "bpr",
        "BPRRecommender",
        "ids",
        _seeded("BPRRecommender"),
        _choices(
            {"learning_rate": 0.05, "l2": 0.003},
            {"learning_rate": 0.05, "l2": 0.03},
            {"learning_rate": 0.2, "l2": 0.003},
            {"learning_rate": 0.2, "l2": 0.03},
        ),
    ),
    Rung(
        "content_two_tower",
        "TwoTowerRecommender",
        "ids",
        _towers(item_id=False, **MIXED),
        TOWER_RATES,
        needs=CONTENT,
        tables=("items",),
    ),
    Rung(
        "two_tower_in_batch", "TwoTowerRecommender", "ids", _towers(correction="none"), TOWER_RATES
    ),
    Rung("two_tower", "TwoTowerRecommender", "ids", _towers(**MIXED), TOWER_RATES),
    Rung(
        "sasrec",
        "SASRecRecommender",
        "histories",
        _seeded("SASRecRecommender"),
        _choices(
            {"dropout": 0.2, "learning_rate": 1e-3},
            {"dropout": 0.2, "learning_rate": 2e-3},
            {"dropout": 0.5, "learning_rate": 1e-3},
            {"dropout": 0.5, "learning_rate": 2e-3},
        ),
        needs="a time, which orders the past",
    ),
    Rung("blend", "BlendRecommender", "ids", _blend, BLENDS),
    Rung("blend_with_users", "BlendRecommender", "ids", _blend_with_users, BLENDS),
    Rung("oracle", "truth", "truth", None, _nothing_to_tune, "a world, which knows the truth"),
)
