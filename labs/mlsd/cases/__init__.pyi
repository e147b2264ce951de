"""What the package offers, and where each name lives: read by `lazy_loader` and by editors."""

from .base import Case as Case
from .base import OnlineMeasure as OnlineMeasure
from .registry import built_cases as built_cases
from .registry import find_case as find_case
from .registry import find_service as find_service
from .registry import require_case as require_case
from .services import CaseService as CaseService
