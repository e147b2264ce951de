"""Process-level concerns: errors for people, files, the names of the cases."""

from mlsd.runtime.cases import CASE_IDS, CASE_NAMES, CaseName, case_name, package_of
from mlsd.runtime.errors import InputError
from mlsd.runtime.files import atomic_path, project_root, require_writable

__all__ = [
    "CASE_IDS",
    "CASE_NAMES",
    "CaseName",
    "InputError",
    "atomic_path",
    "case_name",
    "package_of",
    "project_root",
    "require_writable",
]
