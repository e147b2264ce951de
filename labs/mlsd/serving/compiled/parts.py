"""Served forms of fitted scorers: encoders shared, networks exported, trees turned into masks."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from mlsd.features import NumericEncoder, VocabularyEncoder
from mlsd.features.scales import LARGEST_SCALED
from mlsd.models.deep import DeepScorer
from mlsd.runtime import InputError
from mlsd.serving.compiled.encoding import IdCodes, NumberScale
from mlsd.serving.compiled.scorers import NetworkScore, PastItems
from mlsd.serving.compression import export_network


class ServedParts:
    """Encoders and networks of fitted scorers as a service reads them; equal encoders become one.

    Examples
    --------
    >>> parts = ServedParts()
    >>> encoders = [VocabularyEncoder(("ad_id",)).fit({"ad_id": [5, 7]}) for _ in range(2)]
    >>> parts.codes(encoders[0]) is parts.codes(encoders[1])
    True
    """

    def __init__(self) -> None:
        self._encoders: dict[tuple, IdCodes | NumberScale] = {}

    def codes(self, encoder: VocabularyEncoder) -> IdCodes | None:
        """Return the codes of an encoder; None where it reads no column."""
        if not encoder.names:
            return None
        for name, vocabulary in zip(encoder.names, encoder.vocabularies_):
            if vocabulary.table is None:
                raise InputError(
                    f"column {name!r} does not hold small whole numbers; give it codes"
                )
        tables = [vocabulary.table for vocabulary in encoder.vocabularies_]
        low = np.array([vocabulary.low for vocabulary in encoder.vocabularies_], dtype=np.int64)
        size = np.array([len(table) for table in tables], dtype=np.int64)
        return self._shared(IdCodes(tuple(encoder.names), low, size, np.concatenate(tables)))

    def scale(self, encoder: NumericEncoder | None) -> NumberScale | None:
        """Return the scale of an encoder; None where there is none."""
        if encoder is None:
            return None
        if encoder.method != "standard":
            raise InputError(f"numbers are scaled by {encoder.method!r}; only 'standard' is served")
        heavy = np.array([scale.heavy for scale in encoder.scales_], dtype=bool)
        mean = np.array([scale.mean for scale in encoder.scales_], dtype=np.float64)
        factor = np.array([scale.factor for scale in encoder.scales_], dtype=np.float64)
        indicated = np.array(encoder.indicated_, dtype=bool)
        names = tuple(encoder.names)
        return self._shared(NumberScale(names, heavy, mean, factor, indicated, LARGEST_SCALED))

    def network(
        self,
        scorer: DeepScorer,
        network: nn.Module | None = None,
        past: PastItems | None = None,
    ) -> NetworkScore:
        """Return the network of a deep scorer, or another one on the same inputs."""
        codes, scale = self.codes(scorer.vocabulary_), self.scale(scorer.scale_)
        example = {
            "codes": torch.zeros(2, len(scorer.categorical), dtype=torch.int64),
            "numbers": torch.zeros(2, scale.size if scale else 0),
        }
        if past is not None:
            example["past"] = torch.zeros(2, 2, len(past.names), dtype=torch.int64)
        with tempfile.TemporaryDirectory() as folder:
            still = copy.deepcopy(network or scorer.network_).eval()
            graph = export_network(still, example, Path(folder) / "network.onnx").read_bytes()
        return NetworkScore(graph, codes, scale, past)

    def _shared(self, encoder: IdCodes | NumberScale) -> IdCodes | NumberScale:
        parts = vars(encoder).values()
        key = tuple(each.tobytes() if isinstance(each, np.ndarray) else each for each in parts)
        return self._encoders.setdefault((type(encoder), key), encoder)
