import pytest

from mlsd.runtime import CASE_IDS, CASE_NAMES, InputError, case_name, package_of


def test_ids_and_folders_are_unique_and_folders_are_in_reading_order():
    folders = [name.folder for name in CASE_NAMES]
    assert len(set(CASE_IDS)) == len(set(folders)) == 4
    assert folders == sorted(folders)


def test_an_unknown_case_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match="unknown case 'ads'; choose among ad_click, video"):
        case_name("ads")


def test_packages_bear_the_id_of_the_case():
    assert [package_of(name.folder) for name in CASE_NAMES] == list(CASE_IDS)
    assert package_of("05_production") == "production"
