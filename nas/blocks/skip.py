"""What stands on the other side of a block's addition: its input, its pooled input, or nothing.

`StageSpec.skip` says whether a block has a skip connection at all. The option `skip="pool"` gives
one to a stage's first block too, as PyramidNet does (Han et al., 1610.02915): the input is averaged
over as many pixels as the block strides, and channels that the block adds start at zero. Where a
block has fewer channels than its input there is nothing to add to, so it has no skip. On the other
blocks of a stage, stride 1 and equal channels, pooling is the identity.
"""

from __future__ import annotations

from nas.arithmetic import BYTES_PER_VALUE, Cost
from nas.errors import SpecError
from nas.spec import BlockSpec

POOL = "pool"


def check_skip_option(block: BlockSpec) -> None:
    """For a kind whose only option is `skip`: refuse others, and a pooled skip without a skip."""
    for key, value in block.options:
        if key != "skip":
            raise SpecError(
                f"stage.options.{key} is unknown; block kind '{block.kind}' has only 'skip'"
            )
        if value != POOL:
            raise SpecError(
                f"stage.options.skip is {value!r}; it must be '{POOL}', or absent for the identity"
            )
        if not block.skip:
            raise SpecError(
                f"stage.options.skip is '{POOL}', but stage.skip is false; drop the option or "
                "set skip to true"
            )


def pools_skip(block: BlockSpec) -> bool:
    """Whether the block's input is pooled, or widened, before it is added to the output."""
    return (
        block.skip
        and not block.has_skip
        and block.option("skip", "") == POOL
        and block.out_channels >= block.in_channels
    )


def waiting_values(block: BlockSpec) -> int:
    """Elements of the input that stay in memory until they are added to the output."""
    skips = block.has_skip or pools_skip(block)
    return block.in_channels * block.in_size * block.in_size if skips else 0


def skip_cost(block: BlockSpec) -> Cost:
    """What adding the skip costs beyond the layers: memory for a pooled one, else nothing.

    Pooling and appending zeros have no weights, and FLOPs are those of convolutions; but their
    inputs and outputs are alive together, beside the output of the block's layers.
    """
    if not pools_skip(block):
        return Cost()
    outputs = block.out_channels * block.out_size * block.out_size
    skipped = waiting_values(block)
    alive = 0
    if block.stride > 1:
        pooled = block.in_channels * block.out_size * block.out_size
        alive, skipped = skipped + pooled + outputs, pooled
    if block.out_channels > block.in_channels:
        alive = max(alive, skipped + outputs + outputs)
    return Cost(peak_activation_bytes=alive * BYTES_PER_VALUE)
