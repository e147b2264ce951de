"""The package keeps its own style numbers, and the measuring finds what breaks them."""

import pytest

from mlsd.course.style import measure_style
from mlsd.runtime import InputError, project_root

NAMES = (
    "body lines, median",
    "body lines, p90",
    "longest body",
    "positional arguments",
    "longest module",
    "public docstrings",
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
        (
            "positional arguments",
            make_function(1, "f(a: int, b: int, c: int, d: int, e: int, *, g: int) -> None"),
            make_function(1, "f(a: int, b: int, c: int, d: int, e: int, g: int) -> None"),
            "module.py:2 f: 6",
        ),
        ("longest module", "\n" * 299, "\n" * 300, "module.py:1 module: 301"),
        ("public docstrings", make_function(1), make_function(1, docstring=""), "module.py:2 f"),
        ("public docstrings", "class _A: ...", "class A: ...", "module.py:2 A"),
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


def test_methods_count_without_self_and_constructors_with_hints(measure):
    method = "    def fit(self, a: int, b: int, c: int, d: int, e: int) -> None:\n        pass\n"
    init = "    def __init__(self, a) -> None:\n        pass\n"
    found = measure(make_module(f'class A:\n    """Say why."""\n\n{init}\n{method}'))
    assert found["positional arguments"].value == 5
    assert found["public type hints"].offenders == ("module.py:5 __init__",)
    assert found["public docstrings"].offenders == ("module.py:8 fit",)


def test_what_is_private_or_inside_a_function_needs_no_docstring(measure):
    private = "def _f(a):\n    def g(b):\n        return b\n    return g\n"
    method = "class _A:\n    def fit(self, a):\n        pass\n"
    found = measure(make_module(private, method))
    assert found["public docstrings"].passes
    assert found["public type hints"].passes


def test_a_module_without_docstring_is_found(measure):
    assert measure("x = 1\n")["public docstrings"].offenders == ("module.py:1 module",)


def test_bad_input_is_named(measure, tmp_path):
    with pytest.raises(InputError, match="holds no Python file"):
        measure_style(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"module\.py:2: .*mend the syntax"):
        measure(make_module("def f(:"))
