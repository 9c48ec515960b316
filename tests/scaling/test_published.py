import dataclasses

import pytest

from nas.cost import network_cost
from nas.errors import SpecError
from nas.scaling.family import published_family
from nas.scaling.published import published_member
from nas.search_spaces.efficientnet import efficientnet_b0
from nas.spec import SqueezeExcite

# Parameters as torchvision and timm count them; FLOPs are their convolution and linear layers
# under fvcore (the project's facts, family.csv).
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
DROPOUT = (0.2, 0.2, 0.3, 0.3, 0.4, 0.4, 0.5, 0.5)


@pytest.mark.parametrize("member", GOLDEN)
def test_params_flops_and_activations_to_the_unit(member):
    cost = network_cost(published_member(member))
    assert (cost.params, cost.flops, cost.activations) == GOLDEN[member]


def test_the_family_lists_them_with_dropout_and_ratios():
    family = published_family()
    assert [member.name for member in family] == list(GOLDEN)
    assert [member.arch.name for member in family] == [f"efficientnet-{name}" for name in GOLDEN]
    assert tuple(member.arch.head.dropout for member in family) == DROPOUT
    assert [round(member.realised_ratio, 2) for member in family] == [
        1.0, 1.78, 2.58, 4.74, 11.39, 26.61, 49.42, 97.83,
    ]  # fmt: skip
    assert [round(member.nominal_ratio, 3) for member in family] == [
        1.0, 1.263, 1.956, 3.616, 10.153, 23.34, 46.805, 88.967,
    ]  # fmt: skip
    assert all(member.phi is None for member in family)


def test_naming_b0_as_the_baseline_gives_the_released_networks():
    assert published_family(efficientnet_b0()) == published_family()


def test_another_baseline_grows_in_the_same_proportion_from_itself():
    small = dataclasses.replace(
        efficientnet_b0(),
        resolution=64,
        stages=tuple(
            dataclasses.replace(stage, se=SqueezeExcite(ratio=0.5))
            for stage in efficientnet_b0().stages
        ),
        name="mine",
    )
    family = published_family(small)
    assert family[0].arch == small
    assert [member.arch.resolution for member in family] == [64, 72, 72, 88, 112, 128, 152, 168]
    assert family[3].arch.name == "mine-published-b3"
    assert family[3].arch.stages[0].channels == 24
    assert family[3].realised_ratio > family[2].realised_ratio > 1


def test_another_member_is_refused_with_the_nearest_name():
    with pytest.raises(SpecError, match="'b8'; known: b0, b1"):
        published_member("b8")
