"""Metrics against deployed values, in one world and in several."""

import pandas as pd

from mlsd.experiments import metric_validity

MODELS = list("abcd")


def test_each_metric_has_a_row_and_its_sign():
    table = pd.DataFrame(
        {"rung": MODELS, "good": [1, 2, 3, 4], "bad": [4, 3, 2, 1], "value": range(4)}
    )
    found = metric_validity(table, ["good", "bad"], "value")
    assert found["estimate"].tolist() == [1, -1]
    assert list(found.columns) == ["estimate", "low", "high"]


def test_models_are_ranked_within_their_world():
    # Worlds differ in level alone: over all rows the metric would order nothing.
    rows = [
        {"seed": seed, "rung": name, "metric": k - 10 * seed, "value": k + 10 * seed}
        for seed in (1, 2, 3)
        for k, name in enumerate(MODELS)
    ]
    found = metric_validity(pd.DataFrame(rows), ["metric"], "value", world="seed")
    assert found.loc["metric", "estimate"] == 1


def test_a_rival_is_beaten_by_the_difference():
    table = pd.DataFrame(
        {"rung": MODELS, "good": [1, 2, 3, 4], "bad": [4, 3, 2, 1], "value": range(4)}
    )
    found = metric_validity(table, ["good", "bad"], "value", rival="bad")
    assert found["estimate"].tolist() == [2, 0]
