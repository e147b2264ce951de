import pytest

from mlsd.course.front_matter import Section, parse_front_matter
from mlsd.runtime import InputError

CHAPTER = {
    "title": "Rank ads",
    "builds": "a ranker",
    "sections": [{"name": "Data", "minutes": 5, "stop": True}, {"name": "Results", "minutes": 7}],
    "introduces": ["propensity"],
    "needs": [],
    "lab": None,
    "discussion": "Why?",
    "wrong_answers": ["a", "b"],
}


def parse(kind="chapter", **changes):
    return parse_front_matter({**CHAPTER, **changes}, kind=kind, where="x.py")


def test_a_chapter_is_read():
    front = parse()
    assert front.sections == (Section("Data", 5, True), Section("Results", 7, False))
    assert (front.minutes, front.lab, front.introduces) == (12, "", ("propensity",))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "red"}, "x.py: unknown key 'colour'"),
        ({"sections": []}, "'sections' has to be a list"),
        ({"sections": [{"name": "Data"}]}, "a section is {name: ..., minutes: ...}"),
        ({"sections": [{"name": "Data", "minutes": 0}]}, "'Data' needs whole minutes"),
        ({"sections": [{"name": "Data", "minutes": True}]}, "'Data' needs whole minutes"),
        ({"sections": [{"name": "Data", "minutes": "5"}]}, "'Data' needs whole minutes"),
        ({"introduces": "propensity"}, "'introduces' in the header has to be a list"),
        ({"title": 3}, "'title' in the header has to be text"),
        ({"wrong_answers": ["a"]}, "the two commonest"),
    ],
)
def test_mistakes_are_one_line(changes, message):
    with pytest.raises(InputError) as caught:
        parse(**changes)
    assert message in str(caught.value)


@pytest.mark.parametrize("missing", ["title", "builds", "sections", "introduces", "discussion"])
def test_a_missing_key_is_named(missing):
    data = {key: value for key, value in CHAPTER.items() if key != missing}
    with pytest.raises(InputError, match=f"lacks '{missing}'"):
        parse_front_matter(data, kind="chapter", where="x.py")


def test_a_header_without_the_block_is_one_line():
    with pytest.raises(InputError, match="no 'mlsd:' block"):
        parse_front_matter(None, kind="lab", where="x.py")
