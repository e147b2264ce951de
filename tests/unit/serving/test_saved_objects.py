"""Saved dataclasses: read back equal, nothing executed, hostile files one line."""

import json
import pickle
from dataclasses import dataclass

import numpy as np
import pytest

from mlsd.runtime import InputError
from mlsd.serving.saved_objects import load_object, save_object


@dataclass(frozen=True)
class Part:
    values: np.ndarray


@dataclass(frozen=True)
class Whole:
    parts: tuple[Part, ...]
    by_name: dict[str, float]
    block: bytes
    text: str | None


@pytest.fixture
def folder(tmp_path):
    shared = Part(np.array([[0.1, np.nan]], np.float32))
    whole = Whole((shared, shared, Part(np.arange(3))), {"a": 1.5}, b"\x00\xff", None)
    save_object(whole, tmp_path, "model")
    return tmp_path


def load(folder):
    return load_object(folder, "model", [Part, Whole])


def test_it_is_read_as_it_was_written(folder):
    whole = load(folder)
    assert whole.by_name == {"a": 1.5}
    assert (whole.block, whole.text) == (b"\x00\xff", None)
    first, second, third = whole.parts
    assert first is second
    assert first.values.dtype == np.float32
    np.testing.assert_array_equal(first.values, np.array([[0.1, np.nan]], np.float32))
    assert third.values.tolist() == [0, 1, 2]


@pytest.mark.parametrize("value", [object(), np.array([{}]), {1, 2}, Part, lambda: 1])
def test_what_has_no_form_is_not_written(value, tmp_path):
    with pytest.raises(TypeError, match="has no saved form"):
        save_object(Part(value), tmp_path, "model")


def test_a_class_that_is_not_allowed_is_refused(folder):
    with pytest.raises(InputError, match="names 'Part', which is not among what may be loaded"):
        load_object(folder, "model", [Whole])


class Fires:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was executed",))


def test_pickled_arrays_are_refused(folder):
    archive = np.array([Fires()], dtype=object)
    np.savez(folder / "model.npz", a0=archive, a1=archive)
    with pytest.raises(InputError, match="cannot be read"):
        load(folder)


def test_a_pickle_in_place_of_the_archive_is_refused(folder):
    (folder / "model.npz").write_bytes(pickle.dumps(Fires()))
    with pytest.raises(InputError, match="cannot be read"):
        load(folder)


ROOT = {"object": 0}
HOSTILE = [
    "",
    "[]",
    "null",
    "[" * 100_000,
    json.dumps({"root": ROOT, "objects": []}),
    json.dumps({"root": ROOT, "objects": [{"class": "os.system", "fields": {"command": "id"}}]}),
    json.dumps({"root": ROOT, "objects": [{"class": "Part", "fields": {}}]}),
    json.dumps({"root": ROOT, "objects": [{"class": "Part", "fields": {"values": ROOT}}]}),
    json.dumps({"root": ROOT, "objects": [{"class": "Part", "fields": {"__class__": 1}}]}),
    json.dumps({"root": {"bytes": "../secret"}, "objects": []}),
    json.dumps({"root": {"bytes": "missing.bin"}, "objects": []}),
    json.dumps({"root": {"array": "a99"}, "objects": []}),
    json.dumps({"root": {"eval": "1 + 1"}, "objects": []}),
    json.dumps({"root": {}, "objects": []}),
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_one_line(text, folder):
    (folder.parent / "secret").write_text("secret")
    (folder / "model.json").write_text(text)
    with pytest.raises(InputError) as caught:
        load(folder)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("name", ["model.json", "model.npz", "model-1.bin"])
def test_a_missing_or_cut_file_is_one_line(name, folder):
    content = (folder / name).read_bytes()
    if name != "model-1.bin":
        (folder / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(InputError, match="cannot be read"):
            load(folder)
    (folder / name).unlink()
    with pytest.raises(InputError, match="cannot be read"):
        load(folder)
