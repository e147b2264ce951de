"""Public names are found where they live, without importing anything."""

import pytest

from mlsd.course.names import first_line


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("mlsd.models", "DCNv2"),  # through a stub that a lazy loader reads
        ("mlsd.worlds", "AdClickWorld"),  # through two packages
        ("mlsd.notebook", "guess"),
        ("mlsd.notebook", "progress"),  # a module
        ("mlsd.course.names", "first_line"),  # where it stands
        ("mlsd.policies.ad_click", "ScorerPolicy"),
    ],
)
def test_the_first_line_is_that_of_the_imported_object(module, name):
    from importlib import import_module

    found = getattr(import_module(module), name)
    expected = " ".join(found.__doc__.strip().split("\n\n")[0].split())
    assert first_line(module, name) == expected


def test_what_has_no_docstring_says_nothing():
    assert first_line("mlsd.plots", "COLOURS") == ""
    assert first_line("mlsd.nothing", "at_all") == ""
