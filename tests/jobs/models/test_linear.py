"""The last layer of our networks says the same of a clip wherever it stands in a batch."""

import pytest
import torch
from torch import nn

from jobs.models.nets.linear import Linear


@pytest.mark.parametrize("width", [1, 27, 130, 133, 256, 259])
@pytest.mark.parametrize("classes", [2, 4, 10])
def test_a_row_has_the_same_bits_anywhere_in_a_batch(width: int, classes: int) -> None:
    """Torch's own layer fails here where the CPU has AVX2 and no AVX-512."""
    torch.manual_seed(0)
    layer = Linear(width, classes).eval()
    for row in torch.randn(5, 1, width):
        said = layer(row.repeat(64, 1))
        assert torch.equal(said, said[:1].repeat(64, 1))


def test_it_has_the_weights_of_torchs_own_and_trains_like_it() -> None:
    torch.manual_seed(0)
    ours, theirs = Linear(27, 4), nn.Linear(27, 4)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(64, 27)
    assert torch.equal(ours(x), theirs(x))
    torch.testing.assert_close(ours.eval()(x), theirs(x), rtol=0, atol=1e-6)
