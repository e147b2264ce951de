"""What the package offers, and where each name lives: read by `lazy_loader` and by editors."""

from .baselines import GlobalRate as GlobalRate
from .baselines import SmoothedRate as SmoothedRate
from .dcn import DCNv2 as DCNv2
from .deepfm import DeepFM as DeepFM
from .din import DIN as DIN
from .dlrm import DLRM as DLRM
from .esmm import ESMM as ESMM
from .fm import FactorizationMachine as FactorizationMachine
from .ftrl import FTRLProximal as FTRLProximal
from .kalman import KalmanRate as KalmanRate
from .lambdamart import LambdaMART as LambdaMART
from .linear import HashedLogisticRegression as HashedLogisticRegression
from .mmoe import MMoE as MMoE
from .mmoe import SharedBottom as SharedBottom
from .popularity import PopularityRecommender as PopularityRecommender
from .rankers import FixedAtServing as FixedAtServing
from .rankers import PointwiseRanker as PointwiseRanker
from .rankers import WatchTimeRanker as WatchTimeRanker
from .recommenders.blend import BlendRecommender as BlendRecommender
from .recommenders.bpr import BPRRecommender as BPRRecommender
from .recommenders.ease import DenoisingEASERecommender as DenoisingEASERecommender
from .recommenders.ease import EASERecommender as EASERecommender
from .recommenders.graph_filter import GraphFilterRecommender as GraphFilterRecommender
from .recommenders.ials import ImplicitALSRecommender as ImplicitALSRecommender
from .recommenders.neighbours import ItemCosineRecommender as ItemCosineRecommender
from .recommenders.sasrec import SASRecRecommender as SASRecRecommender
from .recommenders.segments import SegmentPopularityRecommender as SegmentPopularityRecommender
from .recommenders.two_tower import TwoTowerRecommender as TwoTowerRecommender
from .recommenders.user_kernel import UserKernelRecommender as UserKernelRecommender
from .stacking import StackedEnsemble as StackedEnsemble
from .student import StudentPerceptron as StudentPerceptron
from .tree_leaves import TreeLeavesLogisticRegression as TreeLeavesLogisticRegression
from .trees import LightGBMScorer as LightGBMScorer
from .value import ValueRanker as ValueRanker

SCORERS: tuple[str, ...]
MULTI_TASK_SCORERS: tuple[str, ...]
RANKERS: tuple[str, ...]
RECOMMENDERS: tuple[str, ...]
