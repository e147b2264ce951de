import pytest

from mlsd.course.front_matter import Section, parse_front_matter
from mlsd.runtime import InputError

CHAPTER = {
    "title": "Rank ads",
    "builds": "a ranker",
    "sections": [{"name": "Data", "minutes": 5, "stop": True}, {"name": "Results", "minutes": 7}],
    "introduces": {"propensity": "the probability with which the log showed it"},
    "needs": [],
    "labs": ["lab_20_rank", "lab_20_rate"],
    "discussion": "Why?",
    "answer": "Because.",
    "wrong_answers": ["a", "b"],
}
DATA = CHAPTER["sections"][0]


def parse(kind="chapter", **changes):
    return parse_front_matter({**CHAPTER, **changes}, kind=kind, where="x.py")


def test_a_chapter_is_read():
    front = parse()
    assert front.sections == (Section("Data", 5, True), Section("Results", 7, False))
    assert (front.minutes, list(front.introduces)) == (12, ["propensity"])
    assert front.labs == ("lab_20_rank", "lab_20_rate")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "red"}, "x.py: header: unknown key 'colour'; known: title, sections"),
        ({"lab": "lab_20_rank"}, "unknown key 'lab'; did you mean 'labs'?"),
        ({"need": []}, "unknown key 'need'; did you mean 'needs'?"),
        ({"sections": []}, "sections is []; list should have at least 1 item"),
        ({"sections": [{"name": "Data"}]}, "sections[0]['minutes'] is missing"),
        ({"sections": [{**DATA, "hours": 1}]}, "unknown key sections[0]['hours']"),
        ({"sections": [DATA, ["Results", 7]]}, "sections[1] is ['Results', 7]"),
        ({"sections": [{**DATA, "minutes": 0}]}, "sections[0]['minutes'] is 0"),
        ({"sections": [{**DATA, "minutes": True}]}, "sections[0]['minutes'] is True"),
        ({"sections": [{**DATA, "minutes": "5"}]}, "sections[0]['minutes'] is '5'"),
        ({"sections": [{**DATA, "stop": "no"}]}, "sections[0]['stop'] is 'no'"),
        (
            {"introduces": "propensity"},
            "introduces is 'propensity'; it should be a valid dictionary",
        ),
        ({"introduces": ["propensity"]}, "is a list; write 'propensity: what it is'"),
        ({"introduces": {"propensity": None}}, "introduces['propensity'] is None"),
        ({"needs": ["counter", 3]}, "needs[1] is 3; it should be a valid string"),
        ({"title": 3}, "title is 3; it should be a valid string"),
        ({"wrong_answers": ["a"]}, "the two commonest"),
    ],
)
def test_mistakes_are_one_line(changes, message):
    with pytest.raises(InputError) as caught:
        parse(**changes)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


NEEDED = {name: f"{name} is missing" for name in ("title", "sections")}
NEEDED |= {
    name: f"lacks '{name}'" for name in ("builds", "introduces", "needs", "discussion", "answer")
}


@pytest.mark.parametrize("missing", NEEDED)
def test_a_missing_key_is_named(missing):
    data = {key: value for key, value in CHAPTER.items() if key != missing}
    with pytest.raises(InputError, match=NEEDED[missing]):
        parse_front_matter(data, kind="chapter", where="x.py")


def test_texts_are_stripped_and_a_key_without_a_value_is_as_good_as_none():
    front = parse(kind="lab", title=" Rank ads ", needs=[" propensity"], builds=None)
    assert (front.title, front.needs, front.builds) == ("Rank ads", ("propensity",), "")


def test_a_list_of_no_concept_is_as_good_as_none():
    assert parse(introduces=[]).introduces == parse(kind="lab", introduces=None).introduces == {}


def test_a_key_that_is_not_text_is_named():
    with pytest.raises(InputError, match="unknown key '3'"):
        parse_front_matter({**CHAPTER, 3: "red"}, kind="chapter", where="x.py")


def test_a_header_without_the_block_is_one_line():
    with pytest.raises(InputError, match="no 'mlsd:' block"):
        parse_front_matter(None, kind="lab", where="x.py")
