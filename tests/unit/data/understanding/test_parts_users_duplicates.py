import numpy as np
import pandas as pd
import pytest

from mlsd.data import read_log
from mlsd.data.understanding import understand
from mlsd.data.understanding.duplicates import repeated_codes


def test_rows_and_positives_are_those_of_the_parts(understood, frame):
    found = understood(frame)
    train = frame["click"][:3_200]
    assert "train 3,200, validation 400, test 400" in found.fact("rows")
    assert f"train {train.sum():,} ({train.mean():.3%})" in found.fact("positives")


@pytest.mark.parametrize(("positives", "warns"), [(99, True), (100, False), (301, True)])
def test_few_rows_of_the_rarer_outcome_are_warned_of(positives, warns, warned, frame):
    click = frame["click"].to_numpy().copy()
    click[3_600:] = np.arange(400) < positives
    found = warned("few positives", frame.assign(click=click))
    assert bool(found) == warns
    if warns:
        assert f"has {99} rows" in found[0].text


def test_a_missing_user_is_not_a_user(understood, frame):
    empty = np.random.default_rng(0).random(len(frame)) < 0.95
    found = understood(frame.assign(user_id=frame["user_id"].mask(empty, "")), suffix="csv")
    (warning,) = [warning for warning in found.warnings if warning.kind == "clusters"]
    assert f"{empty.sum():,} rows" in warning.text
    named = frame["user_id"][~empty]
    assert f"{named.nunique()} in 'user_id'" in found.fact("users")
    assert f"{named.value_counts().max() / len(frame):.1%} of all rows" in found.fact("users")


def test_few_missing_users_are_a_fact_only(understood, frame):
    empty = np.arange(len(frame)) % 25 == 0
    found = understood(frame.assign(user_id=frame["user_id"].mask(empty)))
    assert "160 rows have none" in found.fact("users")
    assert found.warnings == ()


@pytest.mark.parametrize(("share", "warns"), [(0.02, False), (0.06, True)])
def test_a_large_user_is_warned_of(share, warns, warned, frame):
    large = np.random.default_rng(0).random(len(frame)) < share
    found = warned("clusters", frame.assign(user_id=frame["user_id"].mask(large, "default")))
    assert bool(found) == warns
    if warns:
        assert f"user 'default' of 'user_id' holds {large.mean():.1%} of all rows" in found[0].text
        assert found[0].spec_line == ""


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_large_user_that_looks_missing_is_declared(suffix, understood, tmp_path, frame):
    large = np.random.default_rng(0).random(len(frame)) < 0.06
    spoilt = frame.assign(user_id=frame["user_id"].mask(large, "\\N"))
    (warning,) = understood(spoilt, suffix=suffix).warnings
    assert warning.spec_line == '[table] missing = ["\\\\N"]'
    spec = tmp_path / "my-log.toml"
    line = warning.spec_line.removeprefix("[table] ")
    spec.write_text(spec.read_text().replace("[table]", f"[table]\n{line}"))
    (warning,) = understand(read_log(spec)).warnings
    assert f"{large.sum():,} rows" in warning.text
    assert "have no user" in warning.text


def test_one_user_is_warned_of(warned, frame):
    (warning,) = warned("clusters", frame.assign(user_id="me"))
    assert "names 1 user" in warning.text


def test_rows_delivered_twice_are_counted_within_and_across_parts(warned, frame):
    # The second delivery of the first 100 rows comes at the end, with the time of the first one.
    (warning,) = warned("duplicates", pd.concat([frame, frame[:100]]))
    assert "100 rows (2.44%)" in warning.text
    assert "of the test rows 0 are equal" in warning.text
    shuffled = '[split]\nkind = "shuffle"\n'
    (warning,) = warned("duplicates", pd.concat([frame, frame]), split=shuffled)
    # Of 800 test rows, 9 in 10 have their twin elsewhere.
    across = int(warning.text.split("of the test rows ")[1].split(" ")[0])
    assert 680 < across < 760


def test_rows_that_differ_in_an_ignored_column_are_no_duplicates(understood, frame):
    twice = pd.concat([frame, frame])
    named = 'label = "click"\ntime = "ts"\nuser = "user_id"\nitem = "ad_id"\nignore = ["event"]\n'
    assert "no two rows" in understood(twice.assign(event=range(len(twice))), named).fact(
        "duplicates"
    )
    same = twice.assign(event=[*range(len(frame))] * 2)
    assert "4,000 rows" in understood(same, named).fact("duplicates")


def test_equal_rows_of_a_log_that_cannot_tell_rows_apart_are_a_fact_only(understood, frame):
    small = frame[["click", "device"]]
    found = understood(small, 'label = "click"\ncategorical = ["device"]\n')
    assert "3,994 rows" in found.fact("duplicates")
    assert found.warnings == ()


def test_repeated_rows_share_a_number():
    generator = np.random.default_rng(1)
    table = pd.DataFrame(generator.integers(0, 4, (300, 4)), columns=list("abcd"))
    table["text"] = table["a"].astype(str)
    codes = repeated_codes(table)
    sizes = table.groupby(list(table), sort=False)["a"].transform("size")
    assert ((codes >= 0) == (sizes > 1)).all()
    groups = table[codes >= 0].groupby(codes[codes >= 0])
    assert (groups.nunique() == 1).all(axis=None)
    assert groups.ngroups == table[codes >= 0].drop_duplicates().shape[0]
