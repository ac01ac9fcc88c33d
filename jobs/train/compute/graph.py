"""A model's forward and backward pass recorded once as CUDA graphs and replayed.

A ResNet-110 launches thousands of kernels a step, each of which costs the CPU more time than the
GPU needs for it; a recorded pass is launched at once.
"""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

Forward = Callable[[Tensor], Tensor]


def recorded(model: nn.Module, sample: Tensor) -> Forward:
    """Return a forward pass that replays a recording for batches shaped like `sample`.

    Any other batch, such as the last one of an epoch, takes the model's own forward pass. The
    model's weights and statistics are as before, and later changes in place are seen.

    Args:
        model: on a GPU, in training mode; call under the autocast that training uses.
        sample: a batch of the shape that will come.
    """
    # Warming up moves the statistics of batch norm.
    before = copy.deepcopy(model.state_dict())
    # It replaces the module's `forward`, runs a few passes on a stream of its own so that cuDNN and
    # the allocator settle, and records one. A clone, since the recording keeps its input's memory.
    torch.cuda.make_graphed_callables(model, (sample.clone(),))
    replay = model.forward
    del model.forward  # again that of its class
    own_forward = model.forward
    model.load_state_dict(before)
    model.zero_grad(set_to_none=True)

    def forward(x: Tensor) -> Tensor:
        result: Tensor = replay(x) if x.shape == sample.shape else own_forward(x)
        return result

    return forward
