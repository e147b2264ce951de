import pytest
from nbformat import v4

from mlsd.course.notebooks import (
    code_fingerprint,
    read_notebook,
    set_cell_ids,
    strip_machine_noise,
    write_notebook,
)
from mlsd.runtime import InputError


def notebook(*sources):
    return v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources])


def ids(*sources):
    made = notebook(*sources)
    set_cell_ids(made)
    return [cell.id for cell in made.cells]


def test_ids_are_stable_unique_and_follow_the_content():
    assert ids("a", "b", "a") == ids("a", "b", "a")
    assert len(set(ids("a", "a", "a"))) == 3
    assert ids("x", "a", "b")[1:] == ids("a", "b")


def test_fingerprint_depends_on_code_and_its_order_alone():
    made = notebook("a", "b")
    first = code_fingerprint(made)
    made.cells.insert(0, v4.new_markdown_cell("prose"))
    assert code_fingerprint(made) == first
    assert code_fingerprint(notebook("b", "a")) != first


def test_noise_of_the_machine_is_stripped_and_output_is_not():
    cell = v4.new_code_cell(
        "x", metadata={"execution": {"iopub.status.busy": "2027-01-01"}, "tags": ["check"]}
    )
    bar = "\r 50%|#####     | 1/2 [00:01<00:01]\r100%|##########| 2/2 [00:02<00:00]\n"
    cell.outputs = [
        v4.new_output("stream", name="stderr", text=bar),
        v4.new_output("stream", name="stdout", text="a"),
        v4.new_output("stream", name="stdout", text="b"),
        v4.new_output("stream", name="stderr", text="careful"),
        v4.new_output("display_data", {"application/vnd.jupyter.widget-view+json": {}}),
    ]
    made = v4.new_notebook(
        cells=[cell],
        metadata={"widgets": {}, "language_info": {"name": "python", "version": "3.11"}},
    )
    strip_machine_noise(made)
    assert [(o.name, o.text) for o in made.cells[0].outputs] == [
        ("stdout", "ab"),
        ("stderr", "careful"),
    ]
    assert made.cells[0].metadata == {"tags": ["check"]}
    assert made.metadata.language_info == {"name": "python"}
    assert "widgets" not in made.metadata


def test_a_notebook_is_written_only_when_it_changes(tmp_path):
    path = tmp_path / "a.ipynb"
    made = notebook("a")
    set_cell_ids(made)
    assert write_notebook(made, path)
    assert not write_notebook(made, path)
    assert read_notebook(path).cells[0].source == "a"


def test_a_broken_notebook_is_one_line(tmp_path):
    path = tmp_path / "a.ipynb"
    with pytest.raises(InputError, match="there is no such notebook"):
        read_notebook(path)
    path.write_text("{")
    with pytest.raises(InputError, match="is not a notebook"):
        read_notebook(path)
