"""A block kind whose cost rule is off by one FLOP, as a plug-in author's might be."""

from nas.arithmetic import Cost
from nas.blocks import BlockKind
from nas.blocks.mbconv import build_mbconv, mbconv_cost

WRONG = BlockKind("wrong", lambda block: mbconv_cost(block) + Cost(flops=1), build_mbconv)
