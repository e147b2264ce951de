"""The package keeps its own style numbers, and the measuring finds what breaks them."""

import subprocess
import sys

import pytest

from mlsd.course.style import measure_style
from mlsd.runtime import InputError, project_root

NAMES = (
    "body lines, median",
    "body lines, p90",
    "longest body",
    "longest module",
    "public type hints",
)


@pytest.fixture(scope="module")
def package_style():
    return measure_style(project_root() / "labs" / "mlsd")


@pytest.mark.parametrize("name", NAMES)
def test_the_package_keeps(name, package_style):
    measure = package_style[name]
    assert measure.passes, f"{measure.value:g}, gate {measure.gate}: {', '.join(measure.offenders)}"


@pytest.fixture
def measure(tmp_path):
    def write(text):
        (tmp_path / "module.py").write_text(text)
        return measure_style(tmp_path)

    return write


def make_function(lines, signature="f() -> None", docstring='    """Say why."""\n'):
    return f"def {signature}:\n{docstring}" + "    pass\n" * lines


def make_module(*functions):
    return '"""What it holds."""\n' + "\n\n".join(functions)


def test_body_lines_leave_out_docstrings_and_blank_lines(measure):
    long_docstring = '    """Say why.\n\n    At length.\n    """\n'
    text = make_module(
        "def f() -> None:\n" + long_docstring + "    a = 1\n\n    # why\n    return\n"
    )
    assert measure(text)["longest body"].value == 3


def test_quantiles_are_taken_over_functions(measure):
    found = measure(make_module(*(make_function(lines) for lines in range(1, 12))))
    assert found["body lines, median"].value == 6
    assert found["body lines, p90"].value == 10


def test_stubs_of_protocols_do_not_count(measure):
    stub = 'def f() -> None:\n    """Say why."""\n    ...\n'
    assert measure(make_module(stub, make_function(9)))["body lines, median"].value == 9


@pytest.mark.parametrize(
    ("name", "good", "bad", "offender"),
    [
        ("body lines, median", make_function(8), make_function(9), None),
        ("body lines, p90", make_function(20), make_function(21), None),
        ("longest body", make_function(40), make_function(41), "module.py:2 f: 41"),
        ("longest module", "\n" * 299, "\n" * 300, "module.py:1 module: 301"),
        ("public type hints", make_function(1), make_function(1, "f()"), "module.py:2 f"),
        (
            "public type hints",
            make_function(1, "f(*a: int, **b: int) -> int"),
            make_function(1, "f(*a: int, **b) -> int"),
            "module.py:2 f",
        ),
    ],
)
def test_a_gate_fails_on_what_breaks_it(measure, name, good, bad, offender):
    assert measure(make_module(good))[name].passes
    broken = measure(make_module(bad))[name]
    assert not broken.passes
    assert broken.offenders == ((offender,) if offender else ())


def test_self_needs_no_hint_and_the_arguments_of_constructors_do(measure):
    method = "    def fit(self, a: int) -> None:\n        pass\n"
    init = "    def __init__(self, a) -> None:\n        pass\n"
    found = measure(make_module(f'class A:\n    """Say why."""\n\n{init}\n{method}'))
    assert found["public type hints"].offenders == ("module.py:5 __init__",)


def test_what_is_private_or_inside_a_function_needs_no_hint(measure):
    private = "def _f(a):\n    def g(b):\n        return b\n    return g\n"
    method = "class _A:\n    def fit(self, a):\n        pass\n"
    assert measure(make_module(private, method))["public type hints"].passes


GOOD = (
    '"""What it holds."""\n\n\ndef f(a: int, b: int, c: int, d: int, e: int, *, g: int) -> None:\n'
)
GOOD += '    """Say why."""\n'


@pytest.mark.parametrize(
    ("good", "bad", "rule"),
    [
        ("e: int, *, g", "e: int, g", "PLR0917"),
        ('    """Say why."""', "    return", "D103"),
        ('"""What it holds."""\n\n\n', "", "D100"),
        (" -> None", "", "ANN201"),
    ],
)
def test_ruff_finds_the_rest(good, bad, rule):
    config = project_root() / "pyproject.toml"
    command = [sys.executable, "-m", "ruff", "check", "--config", config, "--output-format=concise"]
    name = ["--stdin-filename", project_root() / "labs" / "mlsd" / "planted.py", "-"]
    kept, broken = (
        subprocess.run([*command, *name], input=text, capture_output=True, text=True)
        for text in (GOOD, GOOD.replace(good, bad))
    )
    assert kept.returncode == 0, kept.stdout
    assert rule in broken.stdout


def test_bad_input_is_named(measure, tmp_path):
    with pytest.raises(InputError, match="holds no Python file"):
        measure_style(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"module\.py:2: .*correct the syntax"):
        measure(make_module("def f(:"))
