import csv
import dataclasses
import gzip
import itertools
import random

import pytest

from nas.archs import resized
from nas.arithmetic import Cost, total
from nas.cost import network_cost, per_stage
from nas.errors import SpecError
from nas.scaling.published import published_member
from nas.search_spaces.efficientnet import efficientnet_b0
from nas.search_spaces.mbconv import MBConvSpace
from nas.space import random_network, rebuild
from nas.spec import HeadSpec, StageSpec, StemSpec

# member: parameters, FLOPs, activations. torchvision's and timm's networks, counted by fvcore
# (conv + linear), hold the same numbers.
GOLDEN = {
    "b0": (5_288_548, 385_814_752, 6_747_036),
    "b1": (7_794_184, 686_802_832, 10_883_328),
    "b2": (9_109_994, 993_561_872, 13_831_834),
    "b3": (12_233_232, 1_827_141_392, 23_830_296),
    "b4": (19_341_616, 4_393_771_024, 49_488_032),
    "b5": (30_389_784, 10_266_384_752, 98_856_400),
    "b6": (43_040_704, 19_067_593_536, 167_392_400),
    "b7": (66_347_960, 37_745_884_192, 289_938_464),
}


@pytest.mark.parametrize("member", GOLDEN)
def test_the_published_family_costs_what_it_should(member):
    cost = network_cost(published_member(member))
    assert (cost.params, cost.flops, cost.activations) == GOLDEN[member]


@pytest.mark.parametrize("member", GOLDEN)
def test_stages_add_up_to_the_network(member):
    arch = published_member(member)
    rows = per_stage(arch)
    assert total([row.cost for row in rows]) == network_cost(arch)
    assert [row.name for row in rows] == ["stem", *(f"stage{i}" for i in range(7)), "head"]
    assert rows[0].in_channels == 3
    for before, after in itertools.pairwise(rows):
        assert (after.in_channels, after.in_size) == (before.out_channels, before.out_size)


def test_stages_add_up_for_random_networks():
    source = random.Random(3)
    for _ in range(200):
        arch, _ = random_network(MBConvSpace(), source)
        arch = resized(arch, resolution=source.randrange(32, 300), in_channels=4, classes=7)
        assert total([row.cost for row in per_stage(arch)]) == network_cost(arch)


def test_costs_add_and_the_peak_of_a_sum_is_the_larger():
    assert Cost(1, 2, 3, 4, 5) + Cost(10, 20, 30, 40, 1) == Cost(11, 22, 33, 44, 5)
    assert Cost(peak_activation_bytes=8).holding(2).peak_activation_bytes == 16
    assert total([]) == Cost()


def test_classes_and_input_channels_change_only_head_and_stem():
    b0 = efficientnet_b0()
    cost = network_cost(b0)
    assert network_cost(resized(b0, classes=10)).flops == cost.flops - 990 * 1280
    assert network_cost(resized(b0, classes=10)).params == cost.params - 990 * 1281
    grey = network_cost(resized(b0, in_channels=1))
    assert cost.flops - grey.flops == 2 * 32 * 9 * 112 * 112


def test_a_hidden_layer_is_a_linear_layer_more():
    b0 = efficientnet_b0()
    cost = network_cost(b0)
    hidden = network_cost(dataclasses.replace(b0, head=HeadSpec(1280, dropout=0.2, hidden=512)))
    assert hidden.flops == cost.flops - 1280 * 1000 + 1280 * 512 + 512 * 1000
    assert hidden.params == cost.params - 1281 * 1000 + 1281 * 512 + 513 * 1000
    assert hidden.activations == cost.activations


def test_a_max_pool_makes_what_follows_four_times_cheaper_and_costs_memory_only():
    b0 = dataclasses.replace(efficientnet_b0(), stem=StemSpec(64))
    pooled = dataclasses.replace(b0, stem=StemSpec(64, max_pool=True))
    stem, stage = per_stage(pooled)[:2]
    assert (stem.in_size, stem.out_size, stage.in_size) == (224, 56, 56)
    assert stem.operator == "conv3x3, max pool"
    assert stem.cost.flops == per_stage(b0)[0].cost.flops
    assert network_cost(pooled).params == network_cost(b0).params
    assert stage.cost.flops * 3 < per_stage(b0)[1].cost.flops
    # The pooling's input and output live together, and are more than the convolution's.
    assert stem.cost.peak_activation_bytes == 4 * 64 * (112**2 + 56**2)


def test_an_impossible_block_is_named_with_its_stage():
    b0 = efficientnet_b0()
    for changes, message in (
        ({"block": "separable"}, r"stages\[2\]\.expand_ratio is 6.* does not expand"),
        ({"block": "mbcnv"}, r"stages\[2\]\.block: unknown block kind 'mbcnv'; did you mean"),
        ({"options": {"ratio": 2}}, r"stages\[2\]\.options\.ratio is unknown"),
    ):
        stages = list(b0.stages)
        stages[2] = dataclasses.replace(stages[2], **changes)
        with pytest.raises(SpecError, match=message) as caught:
            network_cost(dataclasses.replace(b0, stages=tuple(stages)))
        assert "\n" not in str(caught.value)


def test_equal_stages_at_other_places_are_not_confused():
    # Stage costs are remembered by stage, input and activation.
    stage = StageSpec("mbconv", 16, 2, expand_ratio=4)
    b0 = dataclasses.replace(efficientnet_b0(), stages=(stage, stage))
    first, second = per_stage(b0)[1:3]
    assert first.cost != second.cost
    assert network_cost(resized(b0, resolution=112)).flops < network_cost(b0).flops / 3


def test_every_network_of_the_table_costs_what_the_table_says(data_folder):
    space = MBConvSpace()
    with gzip.open(data_folder / "accel_nasbench.csv.gz", "rt", newline="") as table:
        rows = list(csv.DictReader(table))
    assert len(rows) > 4000
    for row in rows:
        params = {}
        for stage in range(7):
            params[f"stage{stage}.expand"] = int(row[f"e{stage}"])
            params[f"stage{stage}.kernel"] = int(row[f"k{stage}"])
            params[f"stage{stage}.layers"] = int(row[f"l{stage}"])
            params[f"stage{stage}.se"] = bool(int(row[f"se{stage}"]))
        cost = network_cost(rebuild(space, params))
        assert cost.flops == round(float(row["macs_conv_linear_M"]) * 1e6), row["id"]
        assert cost.params == round(float(row["params_M"]) * 1e6), row["id"]
