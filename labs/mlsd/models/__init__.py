"""The rungs, behind the contracts of `mlsd.models.base`.

`__init__.pyi` says where each class lives; it is loaded when it is first asked for, so that the
import stays cheap.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

SCORERS = (
    "GlobalRate",
    "SmoothedRate",
    "HashedLogisticRegression",
    "FTRLProximal",
    "KalmanRate",
    "LightGBMScorer",
    "TreeLeavesLogisticRegression",
    "FactorizationMachine",
    "DCNv2",
    "DeepFM",
    "DLRM",
    "DIN",
    "StackedEnsemble",
    "StudentPerceptron",
)
MULTI_TASK_SCORERS = ("ESMM", "SharedBottom", "MMoE")
RANKERS = ("PointwiseRanker", "WatchTimeRanker", "FixedAtServing", "LambdaMART")
RECOMMENDERS = (
    "PopularityRecommender",
    "SegmentPopularityRecommender",
    "ItemCosineRecommender",
    "EASERecommender",
    "DenoisingEASERecommender",
    "GraphFilterRecommender",
    "ImplicitALSRecommender",
    "BPRRecommender",
    "UserKernelRecommender",
    "BlendRecommender",
    "TwoTowerRecommender",
    "SASRecRecommender",
)
