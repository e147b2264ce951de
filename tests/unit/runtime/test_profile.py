import pytest

from mlsd.runtime import InputError, profile


def test_the_variable_decides(monkeypatch):
    monkeypatch.delenv("MLSD_PROFILE", raising=False)
    assert profile() == "default"
    monkeypatch.setenv("MLSD_PROFILE", "full")
    assert profile() == "full"


def test_an_unknown_profile_is_named(monkeypatch):
    monkeypatch.setenv("MLSD_PROFILE", "huge")
    with pytest.raises(InputError, match="MLSD_PROFILE is 'huge'; set it to one of default, full"):
        profile()
