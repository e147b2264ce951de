"""The rungs of the ad click ladder.

Every tunable rung chooses among the same number of settings (`SETTINGS_PER_RUNG`) by log loss on
the validation part, so that no rung is favoured by effort. The feature steps (ids, counters) are
taken by four models; all others read the counters, so that they can be compared with one another.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlsd import models, serving
from mlsd.data.conversions import conversion_labels
from mlsd.data.log import ColumnRoles
from mlsd.experiments.prepared import PreparedLog
from mlsd.experiments.rungs import Outcomes, Rung, RungInputs, Settings
from mlsd.models.base import Scorer
from mlsd.models.tasks import OneTask

SETTINGS_PER_RUNG = 4
Build = Callable[[RungInputs, Settings], Scorer]
Choices = Callable[[ColumnRoles], tuple[Settings, ...]]


def click_and_conversion(prepared: PreparedLog, part: str) -> np.ndarray:
    """Return click and conversion of a part's rows, shape (rows, 2).

    A conversion counts if it was known when the last click of the part was.
    """
    rows, roles = prepared.rows(part), prepared.replicate.log.roles
    as_of = float(rows[roles.known_at or roles.time].max())
    conversions = prepared.replicate.tables["conversions"]
    return conversion_labels(rows, conversions, as_of=as_of, click=roles.label)


def _fixed(*choices: Settings) -> Choices:
    return lambda roles: choices


def _global(inputs: RungInputs, settings: Settings) -> Scorer:
    return models.GlobalRate()


def _smoothed(inputs: RungInputs, settings: Settings) -> Scorer:
    return models.SmoothedRate(**settings)


def _segment(roles: ColumnRoles) -> str | None:
    """Return the column that splits an item's rate: the position, or the first other category."""
    segments = [name for name in roles.categorical if name not in (roles.item, roles.user)]
    return "position" if "position" in segments else next(iter(segments), None)


def _smoothed_by_item(roles: ColumnRoles) -> tuple[Settings, ...]:
    if roles.item is None:
        return ()
    return tuple({"levels": ((roles.item,),), "strength": s} for s in (20.0, 100.0, 500.0, 2500.0))


def _smoothed_by_segment(roles: ColumnRoles) -> tuple[Settings, ...]:
    segment = _segment(roles)
    if roles.item is None or segment is None:
        return ()
    levels = ((roles.item,), (roles.item, segment))
    return tuple({"levels": levels, "strength": s} for s in (20.0, 100.0, 500.0, 2500.0))


def _kalman(inputs: RungInputs, settings: Settings) -> Scorer:
    levels = tuple((name,) for name in inputs.roles.identifiers)
    return models.KalmanRate(levels=levels, time=inputs.roles.time, **settings)


def _kalman_settings(roles: ColumnRoles) -> tuple[Settings, ...]:
    if roles.time is None:
        return ()
    return tuple({"discount": d, "prior_variance": v} for d in (0.95, 1.0) for v in (0.1, 0.3))


def _options(model: type, inputs: RungInputs, settings: Settings) -> Settings:
    options = dict(inputs.columns, **settings)
    if "random_state" in model.__init__.__kwdefaults__:
        options["random_state"] = inputs.random_state
    return options


def _encoded(model_name: str) -> Build:
    def build(inputs: RungInputs, settings: Settings) -> Scorer:
        model = getattr(models, model_name)
        return model(**_options(model, inputs, settings))

    return build


def _din(inputs: RungInputs, settings: Settings) -> Scorer:
    return models.DIN(histories=inputs.histories, **_options(models.DIN, inputs, settings))


def _with_history(choices: tuple[Settings, ...]) -> Choices:
    return lambda roles: choices if roles.user and roles.item and roles.time else ()


def _esmm(inputs: RungInputs, settings: Settings) -> Scorer:
    esmm = models.ESMM(**_options(models.ESMM, inputs, settings))
    return OneTask(scorer=esmm, task="click")


def _few_rows(inputs: RungInputs) -> dict[str, Scorer]:
    """Return bases that differ as much as they can, held in check for a hundred thousand rows."""
    roles, seed = inputs.roles, inputs.random_state
    features, segment = inputs.columns, _segment(inputs.roles)
    deep = {"batch_size": 256, "epochs": 6.0, "random_state": seed}
    trees = {"num_leaves": 31, "learning_rate": 0.03, "feature_fraction": 0.5}
    plain = tuple(n for n in roles.identifiers if n not in (roles.user, roles.item))
    counters_alone = {"categorical": plain, "numeric": features["numeric"]}
    ids_alone = {"categorical": roles.identifiers, "numeric": roles.numeric}
    bases = {
        "trees": models.LightGBMScorer(**counters_alone, **trees, random_state=seed),
        "cross": models.DCNv2(**features, **deep, embedding_l2=1e-3),
        "cross_on_ids": models.DCNv2(**ids_alone, **deep, embedding_l2=1e-4, dropout=0.3),
    }
    if roles.item and segment:
        levels = ((roles.item,), (roles.item, segment))
        bases["rate"] = models.SmoothedRate(levels=levels, strength=20.0)
    return bases


def _many_rows(inputs: RungInputs) -> dict[str, Scorer]:
    """Return the three kinds of model on the same columns, set up for a million rows."""
    features, seed = inputs.columns, inputs.random_state
    trees = {"num_leaves": 15, "learning_rate": 0.05}
    return {
        "linear": models.HashedLogisticRegression(**features, C=0.1),
        "trees": models.LightGBMScorer(**features, **trees, random_state=seed),
        "cross": models.DCNv2(**features, random_state=seed),
    }


def _ensemble(inputs: RungInputs, settings: Settings) -> Scorer:
    bases = {"few rows": _few_rows, "many rows": _many_rows}[settings["bases"]]
    return models.StackedEnsemble(scorers=bases(inputs), combine=settings["combine"])


def _student(inputs: RungInputs, settings: Settings) -> Scorer:
    features, seed = inputs.columns, inputs.random_state
    return serving.CompressedStudent(
        teacher=_many_rows(inputs)["trees"],
        student=models.StudentPerceptron(**features, random_state=seed, **settings),
    )


_DEEP: tuple[Settings, ...] = ({}, {"dropout": 0.3}, {"embedding_dim": 8}, {"learning_rate": 3e-3})
# Weights beside the vectors, as in a factorization machine, want slower steps rather than dropout.
_FACTORS: tuple[Settings, ...] = ({}, {"embedding_learning_rate": 0.02}, *_DEEP[2:])
_LINEAR: tuple[Settings, ...] = tuple({"C": c} for c in (0.01, 0.03, 0.1, 0.3))
_FTRL: tuple[Settings, ...] = tuple(
    {"alpha": a, "l2": l2} for a in (0.1, 0.3) for l2 in (1.0, 50.0)
)
_TREES: tuple[Settings, ...] = (
    {"num_leaves": 7, "learning_rate": 0.1},
    {"num_leaves": 15, "learning_rate": 0.1},
    {"num_leaves": 31, "learning_rate": 0.1},
    {"num_leaves": 15, "learning_rate": 0.05},
)
_LEAVES: tuple[Settings, ...] = tuple(
    {"C": c, "keep_ids": kept} for c in (0.003, 0.01) for kept in (False, True)
)
_ENSEMBLES: tuple[Settings, ...] = tuple(
    {"bases": b, "combine": c} for b in ("few rows", "many rows") for c in ("average", "convex")
)
_STUDENTS: tuple[Settings, ...] = (
    {},
    {"hidden": (128, 64)},
    {"embedding_dim": 16},
    {"learning_rate": 3e-3},
)

_MODELS: dict[str, tuple[str, tuple[Settings, ...]]] = {
    "hashed_lr": ("HashedLogisticRegression", _LINEAR),
    "ftrl": ("FTRLProximal", _FTRL),
    "lightgbm": ("LightGBMScorer", _TREES),
    "tree_leaves": ("TreeLeavesLogisticRegression", _LEAVES),
    "fm": ("FactorizationMachine", _FACTORS),
    "dlrm": ("DLRM", _DEEP),
    "deepfm": ("DeepFM", _FACTORS),
    "dcn_v2": ("DCNv2", _DEEP),
}
_ON_IDS = ("hashed_lr", "ftrl", "lightgbm", "fm", "dcn_v2")


def _model_rung(name: str, features: str) -> Rung:
    model, choices = _MODELS[name]
    suffix = "_counters" if features == "counters" else ""
    return Rung(name + suffix, model, features, _encoded(model), _fixed(*choices))


_FUNNEL = Outcomes("conversions", click_and_conversion)


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
    Rung("kalman", "KalmanRate", "ids", _kalman, _kalman_settings, "a time", reads_time=True),
    *(_model_rung(name, "ids") for name in _ON_IDS),
    *(_model_rung(name, "counters") for name in _MODELS),
    Rung("din", "DIN", "histories", _din, _with_history(_DEEP), "a user, an item or a time"),
    Rung("esmm", "ESMM", "counters", _esmm, _fixed(*_DEEP), "conversions", _FUNNEL),
    Rung("ensemble", "StackedEnsemble", "counters", _ensemble, _fixed(*_ENSEMBLES)),
    Rung("student", "CompressedStudent", "counters", _student, _fixed(*_STUDENTS)),
    Rung("oracle", "truth", "truth", None, _fixed(), "a world, which knows the truth"),
)
