"""What the package offers, and where each name lives: read by `lazy_loader` and by editors."""

from .agreement import WrongVersionError as WrongVersionError
from .base import SearchCost as SearchCost
from .base import VectorIndex as VectorIndex
from .candidates import Candidates as Candidates
from .candidates import merge_lists as merge_lists
from .choosing import cheapest_within as cheapest_within
from .equal_norms import EqualNormsIndex as EqualNormsIndex
from .equal_norms import with_equal_norms as with_equal_norms
from .indexes import FlatIndex as FlatIndex
from .indexes import HNSWIndex as HNSWIndex
from .indexes import IVFIndex as IVFIndex
from .indexes import PQIndex as PQIndex
from .recall import found_share as found_share
from .recall import index_recall as index_recall
from .recommender import IndexedRecommender as IndexedRecommender
from .union import CandidateUnion as CandidateUnion
from .union import union_recall as union_recall
from .versions import VersionedIndex as VersionedIndex
from .versions import embedding_version as embedding_version
