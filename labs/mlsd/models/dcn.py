"""DCN-v2: explicit feature crosses of bounded degree beside, or below, a perceptron."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mlsd.models.deep import DeepScorer
from mlsd.models.layers import CrossNetwork, Perceptron, StackedEmbedding
from mlsd.models.training import TrainingOptions
from mlsd.runtime import InputError


class DCNv2Network(nn.Module):
    """The layers of DCN-v2 and its forward pass.

    Parameters
    ----------
    sizes : sequence of int
        Number of ids of each categorical field.
    numeric_width : int
        Number of numeric inputs.
    embedding_dim, cross_layers, cross_rank, hidden, dropout, structure
        As in `DCNv2`.

    Examples
    --------
    >>> network = DCNv2Network([10, 5], 3, embedding_dim=4)
    >>> network(torch.zeros(2, 2, dtype=torch.int64), torch.ones(2, 3)).shape
    torch.Size([2])
    """

    def __init__(
        self,
        sizes: Sequence[int],
        numeric_width: int,
        *,
        embedding_dim: int = 16,
        cross_layers: int = 2,
        cross_rank: int | None = None,
        hidden: Sequence[int] = (128, 64),
        dropout: float = 0.0,
        embedding_dropout: float = 0.0,
        structure: str = "parallel",
    ) -> None:
        super().__init__()
        width = len(sizes) * embedding_dim + numeric_width
        self.embedding = StackedEmbedding(sizes, embedding_dim)
        self.drop = nn.Dropout(embedding_dropout)
        self.cross = CrossNetwork(width, layers=cross_layers, rank=cross_rank)
        self.deep = Perceptron(width, hidden, dropout=dropout)
        self.stacked = structure == "stacked"
        self.out = nn.Linear(self.deep.out_width + (0 if self.stacked else width), 1)

    def forward(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """Return scores of shape (rows,), before the sigmoid."""
        x = self.drop(torch.cat([self.embedding(codes).flatten(1), numbers], dim=1))
        crossed = self.cross(x)
        if self.stacked:
            return self.out(self.deep(crossed)).squeeze(1)
        return self.out(torch.cat([crossed, self.deep(x)], dim=1)).squeeze(1)


class DCNv2(DeepScorer):
    def __init__(
        self,
        *,
        categorical: tuple[str, ...] = (),
        numeric: tuple[str, ...] = (),
        embedding_dim: int = 16,
        cross_layers: int = 2,
        cross_rank: int | None = None,
        hidden: tuple[int, ...] = (128, 64),
        structure: str = "parallel",
        dropout: float = 0.0,
        embedding_dropout: float = 0.0,
        min_count: int = 1,
        learning_rate: float = 1e-3,
        embedding_learning_rate: float | None = None,
        row_optimizer: str = "adam",
        weight_decay: float = 0.0,
        embedding_l2: float = 0.0,
        batch_size: int = 1024,
        epochs: float = 3.0,
        validations_per_epoch: int = 2,
        patience: int = 3,
        decay: str = "none",
        validation_share: float = 0.1,
        random_state: int = 0,
        progress: bool = False,
    ) -> None:
        for name, value in list(locals().items()):
            if name not in ("self", "__class__"):
                setattr(self, name, value)

    def _network(self, sizes: list[int], numeric_width: int) -> nn.Module:
        if self.structure not in ("parallel", "stacked"):
            raise InputError(f"structure is {self.structure!r}; choose 'parallel' or 'stacked'")
        names = ("embedding_dim", "cross_layers", "cross_rank", "hidden", "dropout", "embedding_dropout", "structure")
        return DCNv2Network(sizes, numeric_width, **{name: getattr(self, name) for name in names})

    def _options(self) -> TrainingOptions:
        names = TrainingOptions.__dataclass_fields__
        return TrainingOptions(**{name: getattr(self, name) for name in names})
