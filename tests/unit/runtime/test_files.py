import pytest

from mlsd.runtime import atomic_path, project_root


def test_the_root_holds_the_package():
    assert (project_root() / "labs" / "mlsd" / "runtime" / "files.py").is_file()


def test_a_file_appears_whole_and_alone(tmp_path):
    target = tmp_path / "new" / "table.csv"
    with atomic_path(target) as path:
        path.write_text("whole")
        assert path.suffix == ".csv"
        assert path.parent == target.parent
        assert not target.exists()
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_interruption_leaves_the_old_file_and_nothing_else(tmp_path, error):
    target = tmp_path / "table.csv"
    target.write_text("old")

    def write_half():
        with atomic_path(target) as path:
            path.write_text("ha")
            raise error

    pytest.raises(error, write_half)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_others_may_read_what_was_written(tmp_path):
    with atomic_path(tmp_path / "table.csv") as path:
        path.write_text("whole")
    assert (tmp_path / "table.csv").stat().st_mode & 0o044 == 0o044
