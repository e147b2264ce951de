import pytest
import torch
from torch import nn

from mlsd.models.recommenders.attention import AttentionBlock, CausalSelfAttention, causal_mask
from mlsd.runtime import InputError


def test_equals_the_attention_of_torch():
    torch.manual_seed(0)
    ours, theirs = CausalSelfAttention(8, 2), nn.MultiheadAttention(8, 2, batch_first=True)
    theirs.in_proj_weight, theirs.in_proj_bias = ours.queries_keys_values.parameters()
    theirs.out_proj = ours.output
    x, present = torch.randn(3, 5, 8), torch.rand(3, 5) < 0.7
    mask = causal_mask(present)
    wanted, _ = theirs(x, x, x, attn_mask=~mask.repeat_interleave(2, dim=0))
    torch.testing.assert_close(ours(x, mask), wanted)


def test_no_place_looks_ahead_or_at_what_is_not_there():
    torch.manual_seed(0)
    block = AttentionBlock(8, 2).eval()
    x = torch.randn(1, 6, 8)
    present = torch.tensor([[False, False, True, True, True, True]])
    before = block(x, causal_mask(present))
    for changed in range(6):
        other = x.clone()
        other[:, changed] += 1
        differs = (block(other, causal_mask(present)) != before).any(dim=2)[0]
        assert not differs[:changed].any()
        assert differs[changed]
        assert differs[changed + 1 :].any() == (changed in (2, 3, 4))


def test_heads_share_the_width():
    with pytest.raises(InputError, match="a divisor of the width"):
        CausalSelfAttention(8, 3)
