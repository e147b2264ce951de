"""Mistakes that the checks of the student lab are known to find."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from mlsd.checks import WrongAnswer
from mlsd.lab_support.ad_click.packed_student import (
    COLUMNS,
    RECIPE,
    Packed,
    Weights,
    weights_of,
)
from mlsd.models import StudentPerceptron
from mlsd.models.base import Scorer
from mlsd.serving import prune_by_magnitude

Artifact = tuple[StudentPerceptron, Weights]


def _packed(values, bits, *, axis=1, top=None, size=np.abs, step=np.round, head=4):
    """Quantise with one mistake or none, for the wrong answers below."""
    top = top or 2 ** (bits - 1) - 1
    largest = np.broadcast_to(size(values).max(axis=axis, keepdims=True), (len(values), 1))
    scale = np.where(largest == 0, 1, largest)[:, 0] / top
    codes = step(values / scale[:, None]).astype(np.int8)
    used = len(values) * (-(-values.shape[1] * bits // 8) + head)
    return codes, scale.astype(np.float32), used


def _mistaken_packing(**mistake):
    return lambda values, bits: _packed(values, bits, **mistake)


def _spent(shapes, formats, costs, budget, *, mistake):
    head = 0 if mistake == "scales not counted" else 4
    signed = mistake == "noise buys bytes"
    costs = np.asarray(costs) if signed else np.maximum(costs, 0)
    kept = []
    for places in product(range(len(formats)), repeat=len(shapes)):
        rows = zip(shapes, places)
        used = sum(n * (-(-d * formats[place] // 8) + head) for (n, d), place in rows)
        cost = sum(costs[matrix, place] for matrix, place in enumerate(places))
        alike = len(set(places)) == 1 or mistake != "the same bits for all"
        if used <= budget and alike:
            kept.append((used, places) if mistake == "fewest bytes" else (cost, used, places))
    return [formats[place] for place in min(kept)[-1]] if kept else []


def _one_at_a_time(shapes, formats, costs, budget):
    """Take bits away where that costs least, whatever it saves, until the budget is kept."""
    places, costs = [0] * len(shapes), np.maximum(costs, 0)

    def used():
        rows = zip(shapes, places)
        return sum(n * (-(-d * formats[place] // 8) + 4) for (n, d), place in rows)

    while used() > budget:
        steps = [m for m, place in enumerate(places) if place + 1 < len(formats)]
        if not steps:
            return []
        cheapest = min(steps, key=lambda m: costs[m, places[m] + 1] - costs[m, places[m]])
        places[cheapest] += 1
    return [formats[place] for place in places]


def _loss(scores, target):
    return float(np.mean(np.logaddexp(0, scores) - target * scores))


def _classes(scores, teacher_p, clicked, weight):
    target = np.round(teacher_p)
    return _loss(scores, np.where(np.isnan(clicked), target, (1 - weight) * target + weight))


def _swapped(scores, teacher_p, clicked, weight):
    mixed = weight * teacher_p + (1 - weight) * clicked
    return _loss(scores, np.where(np.isnan(clicked), teacher_p, mixed))


def _missing_is_no_click(scores, teacher_p, clicked, weight):
    return _loss(scores, (1 - weight) * teacher_p + weight * np.nan_to_num(clicked))


def _chosen(kilobytes, milliseconds, losses, size_budget, time_budget, *, mistake):
    speed = np.mean if mistake == "mean time" else np.median
    fits = (kilobytes <= size_budget) & (speed(milliseconds, axis=1) <= time_budget)
    if not fits.any():
        return -1
    mean = np.where(fits, losses.mean(axis=1), np.inf)
    best = losses.mean(axis=1) if mistake == "best of all" else mean
    gap = losses - losses[best.argmin()]
    spread = losses.std(axis=1, ddof=1) if mistake == "unpaired" else gap.std(axis=1, ddof=1)
    tied = fits & (gap.mean(axis=1) <= 2 * spread / np.sqrt(losses.shape[1]))
    tied = {"no ties": mean == mean.min(), "the smallest": fits}.get(mistake, tied)
    return int(np.argmin(np.where(tied, kilobytes, np.inf)))


def _mistaken(function: Callable[..., Any], mistake: str) -> Callable[..., Any]:
    return lambda *given: function(*given, mistake=mistake)


class _Classes:
    """A teacher that says yes or no."""

    def __init__(self, teacher):
        self.teacher = teacher

    def predict_proba(self, X):
        """Return 0 and 1, shape (n, 2)."""
        return np.round(self.teacher.predict_proba(X))


def _four_bits(student: StudentPerceptron, bits: int = 4, **mistake: Any):
    packed = {
        name: Packed(*_packed(value, bits, **mistake)[:2], bits) if value.ndim == 2 else value
        for name, value in weights_of(student).items()
    }
    return student, packed


def not_packed(teacher: Scorer, traffic: pd.DataFrame, labelled: pd.DataFrame) -> Artifact:
    """Return a distilled student as it is."""
    student = StudentPerceptron(**COLUMNS, **RECIPE).distil(traffic, teacher)
    return student, weights_of(student)


def scales_forgotten(teacher: Scorer, traffic: pd.DataFrame, labelled: pd.DataFrame) -> Artifact:
    """Return eight bits for everything, which fit as long as nobody counts the scales."""
    return _four_bits(not_packed(teacher, traffic, labelled)[0], bits=8)


def codes_not_rounded(teacher: Scorer, traffic: pd.DataFrame, labelled: pd.DataFrame) -> Artifact:
    """Return weights divided by their scales, which keep every digit and no bits."""
    student = not_packed(teacher, traffic, labelled)[0]
    packed = _four_bits(student)[1]
    for name, value in weights_of(student).items():
        if isinstance(packed[name], Packed):
            exact = value / packed[name].scale[:, None]
            packed[name] = packed[name]._replace(codes=exact)
    return student, packed


def two_bits_one_scale(teacher: Scorer, traffic: pd.DataFrame, labelled: pd.DataFrame) -> Artifact:
    """Return codes of -1, 0 and 1, whose one scale per matrix is that of the largest weight."""
    return _four_bits(not_packed(teacher, traffic, labelled)[0], bits=2, axis=None)


def nearly_all_pruned(teacher: Scorer, traffic: pd.DataFrame, labelled: pd.DataFrame) -> Artifact:
    """Return a student of which nine tenths of the weights are zero."""
    student = not_packed(teacher, traffic, labelled)[0]
    return _four_bits(prune_by_magnitude(student, 0.9))


def classes_of_the_teacher(
    teacher: Scorer, traffic: pd.DataFrame, labelled: pd.DataFrame
) -> Artifact:
    """Return a student that learned yes and no."""
    return _four_bits(not_packed(_Classes(teacher), traffic, labelled)[0])


def few_clicks_alone(teacher: Scorer, traffic: pd.DataFrame, labelled: pd.DataFrame) -> Artifact:
    """Return a student that saw the labelled rows and not the teacher."""
    recipe = RECIPE | {"epochs": 20, "batch_size": 256}
    student = StudentPerceptron(**COLUMNS, **recipe).fit(labelled, labelled["click"])
    return _four_bits(student)


def never_trained(teacher: Scorer, traffic: pd.DataFrame, labelled: pd.DataFrame) -> Artifact:
    """Return a student whose last layer is zero, which gives every ad the same probability."""
    student, packed = _four_bits(not_packed(teacher, traffic[:2_000], labelled)[0])
    return student, {**packed, "out.weight": np.zeros_like(weights_of(student)["out.weight"])}


WRONG_ANSWERS = (
    WrongAnswer("pack_rows", "one scale for all rows", _mistaken_packing(axis=None)),
    WrongAnswer("pack_rows", "largest value, not largest size", _mistaken_packing(size=np.array)),
    WrongAnswer("pack_rows", "cut off, not rounded", _mistaken_packing(step=np.trunc)),
    WrongAnswer("pack_rows", "codes up to 128", lambda v, bits: _packed(v, bits, top=2**bits / 2)),
    WrongAnswer("pack_rows", "scales not counted", _mistaken_packing(head=0)),
    *(
        WrongAnswer("spend_bytes", mistake, _mistaken(_spent, mistake))
        for mistake in (
            "the same bits for all",
            "scales not counted",
            "noise buys bytes",
            "fewest bytes",
        )
    ),
    WrongAnswer("spend_bytes", "one matrix at a time", _one_at_a_time),
    WrongAnswer("distillation_loss", "the teacher's classes", _classes),
    WrongAnswer("distillation_loss", "weight swapped", _swapped),
    WrongAnswer("distillation_loss", "no label taken as no click", _missing_is_no_click),
    *(
        WrongAnswer("choose_artifact", mistake, _mistaken(_chosen, mistake))
        for mistake in ("mean time", "unpaired", "no ties", "the smallest", "best of all")
    ),
    WrongAnswer("make_student", "not packed", not_packed),
    WrongAnswer("make_student", "scales forgotten", scales_forgotten),
    WrongAnswer("make_student", "codes that are not rounded", codes_not_rounded),
    WrongAnswer("make_student", "two bits, one scale", two_bits_one_scale),
    WrongAnswer("make_student", "nine tenths pruned", nearly_all_pruned),
    WrongAnswer("make_student", "the teacher's classes", classes_of_the_teacher),
    WrongAnswer("make_student", "few clicks alone", few_clicks_alone),
    WrongAnswer("make_student", "one probability for all", never_trained),
)
