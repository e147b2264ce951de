"""What the package offers, and where each name lives: read by `lazy_loader` and by editors."""

from .ad_click.snapshot import snapshot_tables as snapshot_tables
from .app import create_app as create_app
from .cache import TTLCache as TTLCache
from .compressed_student import CompressedStudent as CompressedStudent
from .compression import export_onnx as export_onnx
from .compression import prune_by_magnitude as prune_by_magnitude
from .compression import quantize_int8 as quantize_int8
from .onnx_scorer import OnnxScorer as OnnxScorer
from .queueing import QueueOutcome as QueueOutcome
from .queueing import poisson_arrivals as poisson_arrivals
from .queueing import simulate_queue as simulate_queue
from .requests import RankRequest as RankRequest
from .service import Overloaded as Overloaded
from .service import Ranking as Ranking
from .service import RankingService as RankingService
from .service import ServiceLimits as ServiceLimits
from .tables import CandidateFeatures as CandidateFeatures
from .tables import FeatureTable as FeatureTable
