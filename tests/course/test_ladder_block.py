"""The README's ladder follows the committed ledger."""

import pandas as pd
import pytest

from mlsd.course.gates import concepts
from mlsd.course.ladder_block import ladder_block, write_figure
from mlsd.course.readme import write_readme

LEDGER = pd.DataFrame(
    {
        "rung": ["global_rate", "hashed_lr"],
        "features": ["none", "ids"],
        "normalized_entropy": [1.0, 0.95],
        "normalized_entropy_low": [1.0, 0.94],
        "normalized_entropy_high": [1.01, 0.96],
        "normalized_entropy_vs_previous": [None, -0.05],
        "normalized_entropy_vs_previous_low": [None, -0.06],
        "normalized_entropy_vs_previous_high": [None, -0.04],
        "auc": [0.5, 0.7],
        "fit_cpu_seconds": [0.1, 2.0],
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
    assert ladder_block(project.course()) == ""
    assert not write_figure(project.course())


def test_table_has_one_row_a_rung_with_its_step(project, ledger):
    block = ladder_block(project.course())
    assert "| hashed_lr | 0.9500 [0.9400, 0.9600] | -0.0500 [-0.0600, -0.0400] |" in block
    assert "data/ledgers/ad_click.svg" in block


def test_a_changed_ledger_makes_table_and_figure_out_of_date(project, ledger):
    write_readme(project.course())
    assert concepts.readme_current(project.course()) == []
    LEDGER.assign(auc=0.6).to_csv(ledger, index=False)
    problems = [str(problem) for problem in concepts.readme_current(project.course())]
    assert any("the block 'ladder' is out of date" in problem for problem in problems)
    assert any("ad_click.svg" in problem for problem in problems)


def test_the_figure_is_the_same_each_time_it_is_drawn(project, ledger):
    write_figure(project.course())
    figure = ledger.with_suffix(".svg")
    first = figure.read_bytes()
    figure.unlink()
    write_figure(project.course())
    assert figure.read_bytes() == first
