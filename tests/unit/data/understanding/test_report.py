import tomllib

import numpy as np

from mlsd.data.understanding import render_full, render_short, understand
from mlsd.data.understanding.findings import Fact, Understanding
from mlsd.data.understanding.spec_lines import line_without

ROLES = 'label = "click"\ntime = "ts"\nuser = "user_id"\nitem = "ad_id"\n'


def spoilt(frame):
    leaks = {f"[red]known {number}[/red]": frame["click"] * 2.5 for number in range(12)}
    return frame.assign(ts=frame["ts"] // 60, **leaks)


def test_lines_fit_eighty_columns(understood, frame):
    found = understood(spoilt(frame), ROLES)
    assert len(found.warnings) >= 7
    assert max(map(len, render_full(found).splitlines())) < 80
    assert max(map(len, render_short(found).splitlines())) < 80


def test_names_are_printed_as_they_are(understood, frame):
    said = render_full(understood(spoilt(frame), ROLES))
    assert "'[red]known 0[/red]'" in said
    assert "\x1b" not in render_full(understood(frame.assign(**{"a\x1b[2Jb": "x"}), ROLES))


def test_the_short_form_has_six_lines_and_names_the_worst(understood, frame):
    said = render_short(understood(spoilt(frame), ROLES)).splitlines()
    assert len(said) == 6
    assert said[3].startswith("7 warnings: leak, time unit (")
    assert said[4].startswith("leak: '[red]known")
    assert len(render_short(understood(frame)).splitlines()) == 4


def test_a_long_line_ends_with_a_whole_word():
    fact = Fact("rows", " ".join(str(number) for number in range(1_000, 1_100)))
    line, *_ = render_short(Understanding("tiny", (fact,), ())).splitlines()
    words = line.removeprefix("rows: ").removesuffix(" ...").split()
    assert words == fact.text.split()[: len(words)]
    assert 70 < len(line) < 80
    unbroken = Fact("rows", "x" * 200)
    line, *_ = render_short(Understanding("tiny", (unbroken,), ())).splitlines()
    assert len(line) < 80


def test_the_worst_stands_first(understood, frame):
    ranks = [warning.rank for warning in understood(spoilt(frame), ROLES).warnings]
    assert ranks == sorted(ranks)
    assert ranks[0] < ranks[-1]


def test_lines_of_the_spec_are_toml_whatever_the_names(load, frame):
    names = ['say "x"', "back\\slash", "two words", "[a]", "é", "tab\tbed", *map(str, range(30))]
    log = frame.assign(**dict.fromkeys(names, frame["click"] * 2.5))
    section, _, keys = line_without(load(log, ROLES), names).partition(" ")
    assert tomllib.loads(f"{section}\n{keys}") == {"columns": {"ignore": names}}
    assert max(map(len, keys.splitlines())) < 80


def test_a_list_shrinks_and_what_would_be_inferred_is_ignored(load, frame):
    log = frame.assign(known=frame["click"] * 2.5, told=frame["click"] * 3.5)
    roles = ROLES + 'categorical = ["device"]\nnumeric = ["known"]\nothers = "infer"\n'
    line = understand(load(log, roles)).together
    assert line == '[columns] numeric = []\nignore = ["known", "told"]'
    followed = ROLES + 'categorical = ["device"]\nothers = "infer"\n'
    assert understand(load(log, followed + line.removeprefix("[columns] "))).warnings == ()


def test_following_the_advice_ends_the_warnings(load, frame):
    landing = np.where(frame["click"] == 1, "/p", "")
    log = frame.assign(known=frame["click"] * 2.5, landing=landing)
    found = understand(load(log, ROLES))
    assert {warning.columns for warning in found.warnings} == {("known",), ("landing",)}
    followed = understand(load(log, ROLES + found.together.removeprefix("[columns] ")))
    assert followed.warnings == ()


def test_what_is_ignored_already_stays_so(understood, frame):
    log = frame.assign(known=frame["click"] * 2.5)
    (warning,) = understood(log, ROLES + 'ignore = ["price"]\n').warnings
    assert warning.spec_line == '[columns] ignore = ["price", "known"]'


def test_one_warning_needs_no_line_for_all(understood, frame):
    assert understood(frame.assign(known=frame["click"] * 2.5), ROLES).together == ""
