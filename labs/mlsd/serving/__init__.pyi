"""What the package offers, and where each name lives: read by `lazy_loader` and by editors."""

from .ad_click.snapshot import snapshot_tables as snapshot_tables
from .app import Served as Served
from .app import create_app as create_app
from .cache import TTLCache as TTLCache
from .compressed_student import CompressedStudent as CompressedStudent
from .compression import export_onnx as export_onnx
from .compression import prune_by_magnitude as prune_by_magnitude
from .compression import quantize_int8 as quantize_int8
from .engine import Engine as Engine
from .engine import StageClock as StageClock
from .limits import Overloaded as Overloaded
from .limits import ServiceLimits as ServiceLimits
from .onnx_scorer import OnnxScorer as OnnxScorer
from .queueing import QueueOutcome as QueueOutcome
from .queueing import poisson_arrivals as poisson_arrivals
from .queueing import simulate_queue as simulate_queue
from .ranking import RankingService as RankingService
from .ranking import ScorerEngine as ScorerEngine
from .requests import RankRequest as RankRequest
from .server import bind as bind
from .server import run_server as run_server
from .service import Answer as Answer
from .service import Service as Service
from .tables import CandidateFeatures as CandidateFeatures
from .tables import FeatureTable as FeatureTable
