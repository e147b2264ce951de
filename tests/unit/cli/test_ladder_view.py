"""A ladder on screens of every width, and in a pipe: legible, and no name cut."""

import io

import pytest
from rich.console import Console

from mlsd.cases import find_case
from mlsd.cases.ad_click.rungs import AD_CLICK_RUNGS
from mlsd.cli.ladder_view import ladder_view, plain_lines, print_ladder
from mlsd.experiments.ledger import ledger_rows
from mlsd.experiments.summary import LadderSummary, RowWeights, RungSummary

CASE = find_case("ad_click")
METRICS = ("log_loss", "normalized_entropy", "auc", "calibration_ratio")
STEP = (-0.0123, -0.0234, -0.0012)
WIDTHS = (60, 80, 100, 120, 200)


def make_summary(*, deployed=True, notes=(), source="my-log", weights=None):
    rungs = [
        RungSummary(
            rung=rung,
            settings={},
            metrics=dict.fromkeys(METRICS, 0.9123),
            intervals=dict.fromkeys(METRICS, (0.9012, 0.9234)),
            vs_previous=dict.fromkeys(("normalized_entropy",), STEP),
            costs={} if rung.is_oracle else {"fit_cpu_seconds": 101.4, "predict_one_p50_ms": 2.25},
            online={"revenue": 53.91} if deployed and not rung.is_oracle else {},
            selected=rung.name == "tree_leaves_counters",
        )
        for rung in AD_CLICK_RUNGS
    ]
    rows = {"train": 806_338, "validation": 100_793, "test": 100_793}
    skipped = {"esmm[x]": "the log lacks [conversions]"}
    return LadderSummary(
        source, (0, 1), rows, "by time", rungs, skipped, weights=weights, notes=notes
    )


def screen(summary, width, **options):
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=width, color_system=None)
    print_ladder(console, summary, CASE, **options)
    return file.getvalue()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("deployed", [False, True])
def test_every_line_fits_and_every_rung_and_its_interval_is_whole(width, deployed):
    text = screen(make_summary(deployed=deployed), width)
    assert max(map(len, text.splitlines())) <= width
    words = text.split()
    for rung in AD_CLICK_RUNGS:
        assert rung.name in words
    assert text.count("[0.9012, 0.9234]") == len(AD_CLICK_RUNGS)
    assert text.count("[-0.0234, -0.0012]") == len(AD_CLICK_RUNGS)
    assert "…" not in text
    assert ("53.91" in text) == (deployed and width > 60)


def test_wider_screens_show_more_and_the_widest_all():
    left_out = [len(ladder_view(make_summary(), CASE, width=width).left_out) for width in WIDTHS]
    assert left_out == sorted(left_out, reverse=True)
    assert left_out[0] > left_out[2] > left_out[-1] == 0


def test_what_is_left_out_is_named_and_shown_on_request():
    summary = make_summary()
    narrow, wide = screen(summary, 80), screen(summary, 80, wide=True)
    assert "calibration" in narrow.split("without ")[1]
    assert "--wide shows every column" in " ".join(narrow.split())
    assert "--wide" not in wide
    cells = [column.cell(ledger_rows(summary)[0]) for column in CASE.printed]
    assert all(cell in wide for cell in cells)


def test_a_screen_too_narrow_for_two_figures_keeps_the_names():
    text = screen(make_summary(), 30)
    assert all(rung.name in text.split() for rung in AD_CLICK_RUNGS)
    assert "0.9123" in text


def test_markup_in_names_and_reasons_is_text():
    summary = make_summary(source="[red]log[/red]", notes=("no interval of [auc]",))
    for text in (screen(summary, 120), "\n".join(plain_lines(summary, CASE))):
        assert "[red]log[/red] (train 806,338" in text
        assert "skipped esmm[x]: the log lacks [conversions]" in text
        assert "no interval of [auc]" in text
        assert "tree_leaves_counters *" in text


def test_weights_stand_at_the_head():
    text = screen(make_summary(weights=RowWeights("[w]", 1234.4)), 120)
    said = "weighted by [w]: the 100,793 test rows say as much as 1,234 whose "
    assert said in text


def test_a_pipe_gets_lines_that_no_width_changes_and_cut_can_read(monkeypatch):
    texts = []
    for width in WIDTHS:
        monkeypatch.setenv("COLUMNS", str(width))
        file = io.StringIO()
        print_ladder(Console(file=file), make_summary(), CASE)
        texts.append(file.getvalue())
    assert len(set(texts)) == 1
    table = [line.split("\t") for line in texts[0].splitlines() if not line.startswith("#")]
    assert len({len(cells) for cells in table}) == 1
    assert [cells[0].strip() for cells in table[1:3]] == ["global_rate", "smoothed_ad"]
    assert [cell.strip() for cell in table[0]] == ["rung", *(c.title for c in CASE.printed)]
    assert float(table[1][2].split()[0]) == 0.9123
    assert texts[0].isascii()


def test_columns_without_a_figure_are_left_out():
    assert "revenue" not in screen(make_summary(deployed=False), 200)
    assert "revenue" in screen(make_summary(), 200)
