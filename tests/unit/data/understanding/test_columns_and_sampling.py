import numpy as np
import pandas as pd
import pytest

from mlsd.metrics.weighted import effective_size

ROLES = 'label = "click"\ntime = "ts"\nuser = "user_id"\nitem = "ad_id"\n'


def test_every_column_is_listed_with_its_role_and_reason(understood, frame):
    listed = understood(frame.assign(spare=1)).fact("columns").splitlines()
    roles = {line.split(" (")[0]: line.split("): ")[1] for line in listed[1:]}
    assert roles == {
        "label": "click",
        "time": "ts",
        "user": "user_id",
        "item": "ad_id",
        "categorical": "device",
        "numeric": "price",
        "left out": "spare",
    }


def test_constant_features_are_named_with_the_line_that_drops_them(warned, frame):
    late = np.arange(len(frame)) >= 3_200  # in the training part there is one value
    spoilt = frame.assign(country=np.where(late, "de", "fr"), batch=7.5 + late)
    (warning,) = warned("constant", spoilt, ROLES)
    assert warning.spec_line == '[columns] ignore = ["country", "batch"]'
    late[3_000] = True
    spoilt = frame.assign(country=np.where(late, "de", "fr"), batch=7.5 + late)
    assert warned("constant", spoilt, ROLES) == []


def test_where_the_spec_lists_features_the_list_shrinks(warned, frame):
    listed = ROLES + 'categorical = ["device", "country"]\nnumeric = ["price"]\n'
    (warning,) = warned("constant", frame.assign(country="fr"), listed)
    assert warning.spec_line == '[columns] categorical = ["device"]'


def test_a_category_of_new_values_is_warned_of(warned, frame):
    listed = ROLES + 'categorical = ["device", "row"]\n'
    rows = pd.Series([f"r{row}" for row in range(len(frame))])
    (warning,) = warned("unseen ids", frame.assign(row=rows), listed)
    assert "100.0% of the test rows" in warning.text
    assert "1.0 rows" in warning.text
    assert warned("unseen ids", frame.assign(row=rows.str[-2:]), listed) == []


def test_an_empty_cell_is_not_a_value_that_training_never_saw(understood, frame):
    empty = (np.arange(len(frame)) >= 3_600) & (np.random.default_rng(0).random(len(frame)) < 0.95)
    found = understood(frame.assign(device=frame["device"].mask(empty, "")), suffix="csv")
    assert "device 0.0%" in found.fact("new in test")
    assert found.warnings == ()


def test_ids_beyond_two_to_the_53_as_floats_are_warned_of(warned, frame):
    listed = ROLES + 'categorical = ["device", "cookie"]\n'
    ids = 2**53 + np.arange(len(frame)) % 50 * 1_000
    (warning,) = warned("lossy ids", frame.assign(cookie=ids.astype(float)), listed)
    assert "stored as floating point" in warning.text
    (warning,) = warned("lossy ids", frame.assign(cookie=-ids.astype(float)), listed)
    assert "up to 9.01e+15, stored" in warning.text
    assert warned("lossy ids", frame.assign(cookie=ids), listed) == []
    assert warned("lossy ids", frame.assign(cookie=(ids - 2**52).astype(float)), listed) == []
    numeric = ROLES + 'numeric = ["cookie"]\n'
    (warning,) = warned("lossy ids", frame.assign(cookie=ids), numeric)
    assert "read as floating point" in warning.text
    assert warned("lossy ids", frame.assign(cookie=ids * 1.5), numeric) == []


def test_moments_without_a_role_are_left_out_with_a_word(understood, frame):
    moments = pd.to_datetime(frame["ts"] + 5, unit="s")
    found = understood(frame.assign(created_at=moments, birth=moments.dt.date), ROLES)
    said = {
        line.split("): ")[1] for line in found.fact("columns").splitlines() if "left out" in line
    }
    assert said == {"created_at", "birth"}
    assert "category" in found.fact("columns")


@pytest.mark.parametrize(
    ("name", "values", "role"),
    [
        ("weight", [1.0, 20.0], "weight"),
        ("sampling_rate", [0.05, 1.0], "sampling_rate"),
        ("keep_prob", [0.05, 1.0], "sampling_rate"),
        ("propensity_score", [0.25, 0.5], "propensity"),
        ("position", [0, 3], "position"),
    ],
)
def test_columns_called_like_a_role_are_asked_about(name, values, role, warned, frame):
    log = frame.assign(**{name: np.random.default_rng(0).choice(values, len(frame))})
    (warning,) = warned("role", log, ROLES)
    assert warning.spec_line == f'[columns] {role} = "{name}"'
    assert "has no role" in warning.text
    (warning,) = warned("role", log, ROLES + f'numeric = ["price", "{name}"]\n')
    assert "is read as numeric" in warning.text
    assert warning.spec_line == f'[columns] {role} = "{name}"\nnumeric = ["price"]'
    _, _, keys = warning.spec_line.partition(" ")
    assert warned("role", log, f"{ROLES}{keys}\n") == []
    assert warned("role", log, ROLES + f'{role} = "{name}"\n') == []


def test_rates_by_position_are_those_of_the_whole_log(understood, frame):
    slot = np.arange(len(frame)) % 2
    kept = np.where(frame["click"] == 1, 1.0, 20.0)
    said = understood(
        frame.assign(w=kept, slot=slot), ROLES + 'weight = "w"\nposition = "slot"\n'
    ).fact("position")
    rates = [np.average(frame["click"][slot == s], weights=kept[slot == s]) for s in (0, 1)]
    assert f"by position 0: {rates[0]:.2%}, 1: {rates[1]:.2%}" in said


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("body_weight_kg", [60.5, 80.0]),
        ("propensity", [-1.5, 3.0]),
        ("weight", [0.0, 20.0]),
        ("sampling_rate", [0.5, 2.0]),
        ("weight", ["light", "heavy"]),
    ],
)
def test_other_columns_are_not_asked_about(name, values, warned, frame):
    column = np.random.default_rng(0).choice(values, len(frame))
    assert warned("role", frame.assign(**{name: column}), ROLES) == []


def test_a_sampling_rate_that_tells_the_label_is_asked_about_and_not_called_a_leak(
    understood, frame
):
    log = frame.assign(sampling_rate=np.where(frame["click"] == 1, 1.0, 0.1))
    found = understood(log, ROLES + 'numeric = ["price", "sampling_rate"]\n')
    assert [warning.kind for warning in found.warnings] == ["role"]
    found = understood(log.rename(columns={"sampling_rate": "other"}), ROLES)
    assert [warning.kind for warning in found.warnings] == ["leak"]


def test_who_ignores_a_column_is_not_asked_about_it(warned, frame):
    assert warned("role", frame.assign(weight=2.5), ROLES + 'ignore = ["weight"]\n') == []


def test_effective_size_is_that_of_equal_weights():
    assert effective_size(np.full(40, 7.0)) == pytest.approx(40)
    assert effective_size(np.r_[np.full(10, 3.0), np.full(90, 1e-9)]) == pytest.approx(10)


def test_weights_are_said_and_warned_of_where_few_rows_hold_most(understood, frame):
    roles = ROLES + 'weight = "w"\n'
    kept = np.where(frame["click"] == 1, 1.0, 20.0)
    found = understood(frame.assign(w=kept), roles)
    clicks, rows, rate = frame["click"].sum(), len(frame), np.average(frame["click"], weights=kept)
    said = found.fact("weights")
    assert f"{clicks:,} positives say as much as {clicks:,} of equal weight" in said
    assert f"{rows - clicks:,} others as {rows - clicks:,};" in said
    assert f"stand for {kept.sum():,.0f} rows with {rate:.3%} positives" in said
    shares = found.fact("positives")
    train = np.average(frame["click"][:3_200], weights=kept[:3_200])
    assert f"train {frame['click'][:3_200].sum():,} ({train:.3%})" in shares
    assert shares.endswith("; shares by weight")
    assert found.warnings == ()
    few = np.where(np.arange(len(frame)) % 100 == 0, 1_000.0, 1.0)
    (warning,) = understood(frame.assign(w=few), roles).warnings
    assert (warning.kind, warning.columns) == ("weights", ("w",))


@pytest.mark.parametrize(
    ("scale", "warns"), [(1e-4, True), (0.3, True), (1.0, False), (100.0, False), (1e6, True)]
)
def test_a_factor_that_all_weights_share_is_warned_of(scale, warns, understood, frame):
    weights = scale * np.where(frame["click"] == 1, 1.0, 1.2)
    found = understood(frame.assign(w=weights), ROLES + 'weight = "w"\n')
    assert [warning.kind for warning in found.warnings] == ["weights"] * warns
    assert all("the smallest is 1" in warning.text for warning in found.warnings)


@pytest.mark.parametrize("share", [0.1, 0.7])
def test_a_sampling_rate_as_weight_is_warned_of(share, understood, frame):
    kept = frame.assign(w=np.where(frame["click"] == 1, 1.0, share))
    (warning,) = understood(kept, ROLES + 'weight = "w"\n').warnings
    assert 'write sampling_rate = "w" in place of weight' in warning.text
    assert understood(kept, ROLES + 'sampling_rate = "w"\n').warnings == ()


@pytest.mark.parametrize(
    ("rare", "share", "warns"), [(0.05, 0.01, False), (0.002, 0.01, True), (0.0005, 1.0, False)]
)
def test_propensities_are_said_and_warned_of_where_few_rows_decide(
    rare, share, warns, understood, frame
):
    unusual = np.random.default_rng(0).random(len(frame)) < share
    logged = np.where(unusual, rare, 0.5)
    found = understood(frame.assign(p=logged), ROLES + 'propensity = "p"\n')
    assert f"at least {rare:.2g}" in found.fact("propensity")
    assert [warning.kind for warning in found.warnings] == ["propensity"] * warns


def test_the_rate_by_position_is_said(understood, frame):
    slot = np.random.default_rng(0).integers(0, 3, len(frame))
    said = understood(frame.assign(slot=slot), ROLES + 'position = "slot"\n').fact("position")
    for place in range(3):
        assert f"{place}: {frame['click'][slot == place].mean():.2%}" in said
    assert "not a feature" in said
