"""The README's ladder follows the committed ledger."""

import pandas as pd
import pytest

from mlsd.course.gates import concepts
from mlsd.course.ladder_block import (
    ladder_block,
    outdated_figures,
    picture_block,
    write_figures,
)
from mlsd.course.readme import write_readme
from mlsd.runtime import InputError

LEDGER = pd.DataFrame(
    {
        "rung": ["smoothed_ad", "hashed_lr", "lightgbm"],
        "features": ["none", "ids", "ids"],
        "normalized_entropy": [1.0, 0.95, 0.951],
        "normalized_entropy_low": [1.0, 0.94, 0.94],
        "normalized_entropy_high": [1.01, 0.96, 0.96],
        "normalized_entropy_vs_best": [0.05, 0.0, 0.001],
        "normalized_entropy_vs_best_low": [0.04, 0.0, -0.001],
        "normalized_entropy_vs_best_high": [0.06, 0.0, 0.003],
        "auc": [0.5, 0.7, 0.7],
        "grouped_auc": [0.5, 0.65, 0.64],
        "fit_cpu_seconds": [0.1, 2.0, 9.0],
        "seeds": "1 2",
        "train_rows": 800,
        "test_rows": 100,
    }
)


@pytest.fixture
def ledger(project):
    path = project.root / "data" / "ledgers" / "ad_click.csv"
    path.parent.mkdir(parents=True)
    LEDGER.to_csv(path, index=False)
    return path


def test_without_a_ledger_there_is_nothing_to_show(project):
    assert ladder_block(project.course(), "ad_click") == ""
    assert picture_block(project.course(), "ad_click") == ""
    assert not write_figures(project.course())


def test_table_has_one_row_a_rung_with_its_distance_to_the_best(project, ledger):
    block = ladder_block(project.course(), "ad_click")
    assert "| smoothed_ad | 1.0000 [1.0000, 1.0100] | +0.0500 [+0.0400, +0.0600] |" in block
    assert "| hashed_lr | 0.9500 [0.9400, 0.9600] | best | 0.7000 | 0.6500 |" in block
    assert "| +0.0010 [-0.0010, +0.0030] tie |" in block
    assert "data/ledgers/ad_click.svg" in picture_block(project.course(), "ad_click")


def test_rungs_that_are_not_shown_are_in_the_ledger(project, ledger):
    assert "All 3 rungs" not in ladder_block(project.course(), "ad_click")
    LEDGER.assign(rung=["global_rate", "hashed_lr", "lightgbm"]).to_csv(ledger, index=False)
    block = ladder_block(project.course(), "ad_click")
    assert "global_rate" not in block
    assert "All 3 rungs with all columns are in [data/ledgers/ad_click.csv]" in block


def test_the_picture_sets_what_was_earned_against_the_prediction(project, ledger):
    LEDGER.assign(online_revenue=[47.0, 48.0, 50.0]).to_csv(ledger, index=False)
    write_figures(project.course())
    text = ledger.with_suffix(".svg").read_text()
    assert all(name in text for name in ("linear model", "boosted trees", "deployed"))


def test_the_rung_that_validation_chooses_is_marked_where_the_ledger_says_it(project, ledger):
    assert "*" not in ladder_block(project.course(), "ad_click")
    LEDGER.assign(selected=[False, True, False]).to_csv(ledger, index=False)
    block = ladder_block(project.course(), "ad_click")
    assert "| hashed_lr * |" in block
    assert "| lightgbm |" in block
    assert "The rung marked * is the one that validation chooses." in block


def test_a_changed_ledger_makes_table_and_figure_out_of_date(project, ledger):
    write_readme(project.course())
    assert concepts.readme_current(project.course()) == []
    LEDGER.assign(auc=0.6).to_csv(ledger, index=False)
    problems = [str(problem) for problem in concepts.readme_current(project.course())]
    assert any("the block 'ladder ad_click' is out of date" in problem for problem in problems)
    assert any("ad_click.svg" in problem for problem in problems)


def test_the_figure_is_the_same_each_time_it_is_drawn(project, ledger):
    write_figures(project.course())
    assert outdated_figures(project.course()) == []
    figure = ledger.with_suffix(".svg")
    first = figure.read_bytes()
    figure.unlink()
    write_figures(project.course())
    assert figure.read_bytes() == first


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no ledger"),
        (b"\x00\xff\xfe", "is no ledger"),
        (LEDGER[:0].to_csv(index=False).encode(), "has no row"),
        (LEDGER.drop(columns="seeds").to_csv(index=False).encode(), "'seeds' is missing"),
        (
            LEDGER.drop(columns="normalized_entropy_vs_best_low").to_csv(index=False).encode(),
            "'normalized_entropy_vs_best_low' is missing",
        ),
    ],
)
def test_a_damaged_ledger_is_one_clear_line(project, ledger, content, message):
    ledger.write_bytes(content)
    with pytest.raises(InputError, match=f"ad_click.csv.*{message}"):
        ladder_block(project.course(), "ad_click")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<!-- map -->\n", "<!-- map -->\nmine\n<!-- map -->\n", "there twice"),
        ("<!-- /map -->", "<!-- /map -->\n<!-- map -->\n<!-- /map -->", "there twice"),
        ("<!-- /map -->", "<!-- mine -->\n<!-- /map -->", "stand around another marker"),
        ("<!-- /map -->", "", "are missing"),
    ],
)
def test_markers_that_would_swallow_text_stop_the_readme(project, ledger, old, new, message):
    readme = project.root / "README.md"
    project.replace(readme, old, new)
    before = readme.read_bytes()
    with pytest.raises(InputError, match=f"<!-- map --> <!-- /map --> .*{message}"):
        write_readme(project.course())
    assert readme.read_bytes() == before
    assert not ledger.with_suffix(".svg").exists()
    assert concepts.readme_current(project.course())
