"""What the package offers, and where each name lives: read by `lazy_loader` and by editors."""

from .canary import CanaryPolicy as CanaryPolicy
from .canary import in_canary as in_canary
from .online import OnlineModelPolicy as OnlineModelPolicy
from .release import decide_release as decide_release
from .reranking import capped as capped
from .reranking import greedy_determinant as greedy_determinant
from .reranking import maximal_marginal_relevance as maximal_marginal_relevance
from .reranking import standardised as standardised
from .reranking import top_scores as top_scores
from .reranking import with_reserved_slots as with_reserved_slots
from .scoring import ModelPolicy as ModelPolicy
from .sequential import RateGap as RateGap
from .sequential import always_valid_limit as always_valid_limit
from .sequential import rate_gap as rate_gap
