"""Wrong answers of the lab of cold uploads."""

from __future__ import annotations

import numpy as np

from mlsd.checks import WrongAnswer
from mlsd.lab_support.video.cold_uploads import Rule, content_alone


def _constant_in_the_block(scores, is_upload):
    own = scores[:, is_upload]
    if np.ptp(own) < 1e-9:
        return "blind"
    return "alike" if (own.argsort(axis=1) == own.argsort(axis=1)[0]).all() else "personal"


def _equal_rows(scores, is_upload):
    own = scores[:, is_upload]
    if np.ptp(own, axis=1).max() < 1e-9:
        return "blind"
    return "alike" if (own == own[0]).all() else "personal"


def _all_videos(scores, is_upload):
    if np.ptp(scores, axis=1).max() < 1e-9:
        return "blind"
    order = scores.argsort(axis=1)
    return "alike" if (order == order[0]).all() else "personal"


def _uploaded_late(uploaded_at, first_watched_at, trained_at):
    return uploaded_at > trained_at


def _forgets_the_unwatched(uploaded_at, first_watched_at, trained_at):
    return first_watched_at >= trained_at


def _first_crossing(watches, content, collaborative):
    for at in np.unique(watches):
        rows = watches == at
        if collaborative[rows].mean() > content[rows].mean():
            return at
    return np.inf


def _upside_down(watches, content, collaborative):
    found = {
        at: np.where(watches < at, collaborative, content).sum()
        for at in [*np.unique(watches), np.inf]
    }
    return max(found, key=found.get)


def _median(watches, content, collaborative):
    return np.median(watches)


def _constant(weight: float) -> Rule:
    return lambda content, collaborative, age, model_age: (
        weight * content + (1 - weight) * collaborative
    )


def _collaborative_alone(content, collaborative, age, model_age):
    return collaborative


def _a_tenth_more(content, collaborative, age, model_age):
    return 1.1 * content


def _against_the_known(content, collaborative, age, model_age):
    return content - 0.3 * collaborative


def _uploads_alone(content, collaborative, age, model_age):
    return content + 100.0 * (age < model_age)


def _newest_first(content, collaborative, age, model_age):
    return np.broadcast_to(-age, content.shape)


def _lifted_ids(content, collaborative, age, model_age):
    return collaborative + 2.0 * (age < model_age)


WRONG_ANSWERS = (
    WrongAnswer("upload_view", "asks whether all uploads score the same", _constant_in_the_block),
    WrongAnswer("upload_view", "asks whether viewers score the same", _equal_rows),
    WrongAnswer("upload_view", "looks at all videos", _all_videos),
    WrongAnswer("is_cold", "uploaded after the training", _uploaded_late),
    WrongAnswer("is_cold", "forgets the never watched", _forgets_the_unwatched),
    WrongAnswer("best_switch", "the first crossing", _first_crossing),
    WrongAnswer("best_switch", "upside down", _upside_down),
    WrongAnswer("best_switch", "the median", _median),
    WrongAnswer("blend_rule", "content alone", content_alone),
    WrongAnswer("blend_rule", "content times 1.1", _a_tenth_more),
    WrongAnswer("blend_rule", "collaborative alone", _collaborative_alone),
    WrongAnswer("blend_rule", "half and half", _constant(0.5)),
    WrongAnswer("blend_rule", "a constant weight of 0.7", _constant(0.7)),
    WrongAnswer("blend_rule", "marks down what is known", _against_the_known),
    WrongAnswer("blend_rule", "uploads alone", _uploads_alone),
    WrongAnswer("blend_rule", "the newest first", _newest_first),
    WrongAnswer("blend_rule", "EASE, all uploads lifted", _lifted_ids),
)
