"""Process-level concerns: errors for people, files, seeds and profile."""

from mlsd.runtime.errors import InputError
from mlsd.runtime.files import atomic_path, project_root
from mlsd.runtime.profile import profile
from mlsd.runtime.seeds import spawn_generators

__all__ = ["InputError", "atomic_path", "profile", "project_root", "spawn_generators"]
