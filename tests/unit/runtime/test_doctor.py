import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlsd.runtime import doctor
from mlsd.runtime.lock import load_lock

COMPLETE = ("threadpoolctl", "sklearn")


@pytest.fixture
def probe_answer(monkeypatch):
    """Let the process that loads the libraries answer as told."""

    def answer(returncode=0, stdout="", stderr=""):
        done = subprocess.CompletedProcess([], returncode, stdout, stderr)
        monkeypatch.setattr(doctor.subprocess, "run", lambda *args, **keywords: done)

    return answer


def test_this_environment_works():
    findings = doctor.examine()
    assert [f for f in findings if f.status == "broken"] == []
    assert len({f.name for f in findings}) == len(findings) == 10


@pytest.mark.parametrize(
    ("found", "status"), [((3, 11, 0), "ok"), ((3, 13, 2), "ok"), ((3, 10, 9), "broken")]
)
def test_python(found, status):
    assert doctor.check_python(found).status == status


def test_a_missing_and_an_old_package_are_named(monkeypatch):
    versions = {"torch": None, "pandas": "1.5"}
    real = doctor._installed_version
    monkeypatch.setattr(
        doctor,
        "_installed_version",
        lambda name: versions[name] if name in versions else real(name),
    )
    finding = doctor.check_packages()
    assert finding.status == "broken"
    assert "torch is missing" in finding.detail
    assert "pandas is 1.5, needed >=2.3" in finding.detail


def test_other_versions_than_the_tested_ones_are_a_warning(monkeypatch):
    lock = load_lock() | {"pandas": "2.9.9"}
    monkeypatch.setattr(doctor, "load_lock", lambda: lock)
    finding = doctor.check_lock()
    assert finding.status == "warning"
    assert "(tested: 2.9.9)" in finding.detail


def test_the_build_of_a_version_does_not_matter(monkeypatch):
    lock = load_lock()
    monkeypatch.setattr(doctor, "_installed_version", lambda name: f"{lock[name]}+cpu")
    assert doctor.check_lock().status == "ok"


@pytest.mark.parametrize(("system", "status"), [("Linux", "ok"), ("Darwin", "broken")])
def test_two_openmp_runtimes_are_broken_on_macos_alone(probe_answer, system, status):
    probe_answer(stdout=json.dumps(["a/libomp.dylib", "b/libomp.dylib"]))
    finding = doctor.check_openmp(system)
    assert finding.status == status
    assert ("conda env create" in finding.advice) == (system == "Darwin")


def test_one_openmp_runtime_is_fine_on_macos(probe_answer):
    probe_answer(stdout=json.dumps(["a/libomp.dylib"]))
    assert doctor.check_openmp("Darwin").status == "ok"


@pytest.mark.parametrize(
    ("stderr", "advice"),
    [
        ("OSError: libgomp.so.1: cannot open shared object file", "libgomp1"),
        ("ModuleNotFoundError: No module named 'faiss'", "make setup"),
        ("", "conda env create"),
    ],
)
def test_libraries_that_do_not_load_are_broken(probe_answer, stderr, advice):
    probe_answer(returncode=-11, stderr=stderr)
    finding = doctor.check_openmp()
    assert finding.status == "broken"
    assert advice in finding.advice


def test_the_probe_really_loads_and_counts():
    assert doctor.check_openmp("Linux", COMPLETE).detail.startswith("1 runtime(s)")
    broken = doctor.check_openmp("Linux", ("no_such_library",))
    assert "No module named 'no_such_library'" in broken.detail


@pytest.mark.parametrize(
    ("value", "status"),
    [("PASSIVE", "ok"), ("passive", "ok"), ("ACTIVE", "warning"), ("", "warning")],
)
def test_wait_policy(monkeypatch, value, status):
    monkeypatch.setenv("OMP_WAIT_POLICY", value)
    assert doctor.check_wait_policy().status == status


@pytest.mark.parametrize(("gigabytes", "status"), [(8, "ok"), (1.2, "warning")])
def test_memory(gigabytes, status):
    finding = doctor.check_memory(gigabytes)
    assert (finding.status, finding.detail) == (status, f"{gigabytes:.1f} GB free")


@pytest.mark.parametrize(("cores", "status"), [(1, "warning"), (4, "ok")])
def test_cores(monkeypatch, cores, status):
    monkeypatch.setattr(doctor, "physical_cores", lambda: cores)
    assert doctor.check_cores().status == status


@pytest.mark.parametrize(
    ("program", "status"),
    [
        ("python", "ok"),
        (sys.executable, "ok"),
        (str(Path("/elsewhere/bin/python")), "broken"),
    ],
)
def test_kernel_has_to_be_this_python(tmp_path, monkeypatch, program, status):
    folder = tmp_path / "kernels" / "python3"
    folder.mkdir(parents=True)
    spec = {
        "argv": [program, "-m", "ipykernel_launcher"],
        "display_name": "x",
        "language": "python",
    }
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    assert doctor.check_kernel().status == status


def test_data_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("MLSD_DATA", raising=False)
    assert doctor.check_data_folder().status == "ok"
    monkeypatch.setenv("MLSD_DATA", str(tmp_path))
    assert doctor.check_data_folder().status == "ok"
    monkeypatch.setenv("MLSD_DATA", str(tmp_path / "absent"))
    assert doctor.check_data_folder().status == "broken"


def test_work_folder_may_be_missing_but_not_unwritable(tmp_path, monkeypatch):
    assert doctor.check_work_folder(tmp_path / "work").status == "ok"
    assert list(tmp_path.iterdir()) == []

    def refuse(**keywords):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    finding = doctor.check_work_folder(tmp_path)
    assert (finding.status, finding.detail) == ("broken", f"{tmp_path}: Permission denied")


def test_long_lists_are_cut():
    assert doctor._some(["a", "b", "c", "d", "e", "f"]) == "a; b; c; d; and 2 more"
