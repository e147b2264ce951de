from pathlib import Path

import pytest

from mlsd.course.layout import find_units, make_unit, select_units
from mlsd.runtime import InputError

CASE = "01_ad_click_prediction"


@pytest.fixture
def root(tmp_path):
    for case, name in [
        (CASE, "lab_20_rates"),
        (CASE, "20_baseline"),
        (CASE, "10_frame"),
        ("00_framework", "60_close"),
    ]:
        source = make_unit(tmp_path, case, name).source
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text("")
    return tmp_path


def test_units_come_in_reading_order_and_a_lab_after_its_chapter(root):
    names = [unit.name for unit in find_units(root)]
    assert names == ["60_close", "10_frame", "20_baseline", "lab_20_rates"]


def test_a_notebook_without_a_source_is_found_too(root):
    orphan = make_unit(root, CASE, "30_old").notebook
    orphan.parent.mkdir(parents=True)
    orphan.write_text("{}")
    assert "30_old" in [unit.name for unit in find_units(root)]


def test_the_checks_of_a_lab_lie_in_the_package(root):
    unit = make_unit(root, CASE, "lab_20_rates")
    assert unit.checks_module == "mlsd.checks.ad_click.lab_20_rates"
    assert unit.checks == root / "labs/mlsd/checks/ad_click/lab_20_rates.py"


def test_units_are_selected_by_any_of_their_files_or_a_folder(root):
    lab = make_unit(root, CASE, "lab_20_rates")
    for path in (lab.source, lab.notebook, lab.lab):
        assert select_units(root, [path]) == [lab]
    assert len(select_units(root, [root / "source" / "notebooks" / CASE])) == 2
    assert len(select_units(root, [])) == 4
    with pytest.raises(InputError, match="no chapter or lab there"):
        select_units(root, [root / "README.md"])


@pytest.mark.parametrize("case", ["00_import", "import", "1_ads", "00_" + "a" * 300])
def test_a_case_that_cannot_be_a_package_is_refused(case):
    with pytest.raises(InputError, match="name it like 01_ad_click_prediction"):
        make_unit(Path(), case, "lab_20_rates")
