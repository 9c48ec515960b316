import dataclasses
import itertools
import json
import pickle
import subprocess
import sys

import pytest
from drawn_networks import networks
from hypothesis import given, settings

from nas.errors import SpecError
from nas.search_spaces.efficientnet import efficientnet_b0
from nas.spec import (
    ArchSpec,
    HeadSpec,
    NormSpec,
    SqueezeExcite,
    StageSpec,
    StemSpec,
    strided,
)

B0_DIGEST = "040f8191fc0026ca"


def b0_content():
    return json.loads(efficientnet_b0().to_json())


def test_b0_keeps_its_digest_across_versions():
    # Caches and recorded runs know networks by digest: a change here orphans them.
    assert efficientnet_b0().digest() == B0_DIGEST


def test_json_gives_the_same_network_back():
    b0 = efficientnet_b0()
    again = ArchSpec.from_json(b0.to_json())
    assert again == b0
    assert again.name == b0.name
    assert again.digest() == b0.digest()


@settings(max_examples=100, deadline=None)
@given(networks)
def test_any_network_survives_json(network):
    again = ArchSpec.from_json(network.to_json())
    assert again == network
    assert hash(again) == hash(network)
    assert again.digest() == network.digest()
    assert again.to_json() == network.to_json()


@settings(max_examples=100, deadline=None)
@given(networks, networks)
def test_digests_differ_exactly_where_networks_do(one, other):
    assert (one.digest() == other.digest()) == (one == other)


def test_options_survive_json():
    stage = StageSpec("ghost", 8, 1, options={"ratio": 2, "cheap": True, "mode": "a", "scale": 0.5})
    network = dataclasses.replace(efficientnet_b0(), stages=(stage,))
    assert ArchSpec.from_json(network.to_json()) == network
    assert network.stages[0].option("ratio", 1) == 2
    assert network.stages[0].option("absent", 1) == 1


def test_fields_that_came_later_keep_the_digest_where_they_change_nothing():
    content = b0_content()
    assert content["stem"].pop("max_pool") is False
    assert content["head"].pop("hidden") is None
    assert ArchSpec.from_dict(content).digest() == B0_DIGEST


@pytest.mark.parametrize(
    ("part", "field", "value"), [("stem", "max_pool", True), ("head", "hidden", 8)]
)
def test_fields_that_came_later_are_part_of_the_identity(part, field, value):
    content = b0_content()
    content[part][field] = value
    network = ArchSpec.from_dict(content)
    assert network.digest() != B0_DIGEST
    assert ArchSpec.from_json(network.to_json()) == network


@pytest.mark.parametrize(("resolution", "conv", "out"), [(224, 112, 56), (225, 113, 57), (1, 1, 1)])
def test_a_max_pool_halves_what_the_stem_leaves(resolution, conv, out):
    stem = StemSpec(64, kernel=7, max_pool=True)
    assert (stem.conv_size(resolution), stem.out_size(resolution)) == (conv, out)
    assert StemSpec(64).out_size(resolution) == conv


def test_the_name_is_no_part_of_the_identity():
    renamed = dataclasses.replace(efficientnet_b0(), name="mine")
    assert renamed == efficientnet_b0()
    assert renamed.digest() == B0_DIGEST


def test_whole_and_floating_expand_ratios_are_one_network():
    stages = tuple(
        dataclasses.replace(stage, expand_ratio=int(stage.expand_ratio))
        for stage in efficientnet_b0().stages
    )
    assert dataclasses.replace(efficientnet_b0(), stages=stages).digest() == B0_DIGEST


def test_a_stage_pickled_elsewhere_hashes_as_one_made_here():
    # Hashes of text differ between processes, so a remembered hash must not travel.
    code = (
        "import pickle, sys; from nas.spec import StageSpec;"
        "stage = StageSpec('mbconv', 8, 1); hash(stage);"
        "sys.stdout.buffer.write(pickle.dumps(stage))"
    )
    sent = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    here = StageSpec("mbconv", 8, 1)
    arrived = pickle.loads(sent)
    assert arrived == here
    assert hash(arrived) == hash(here)


def test_a_newer_schema_is_refused():
    content = b0_content() | {"schema": 2}
    with pytest.raises(SpecError, match=r"schema 2, newer than the 1 .* upgrade"):
        ArchSpec.from_dict(content)


@pytest.mark.parametrize("schema", [0, -1, "1", None, 1.0, True])
def test_a_schema_that_is_no_version_is_refused(schema):
    with pytest.raises(SpecError, match="schema"):
        ArchSpec.from_dict(b0_content() | {"schema": schema})


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '"b0"'])
def test_what_is_no_network_is_refused_in_one_line(text):
    with pytest.raises(SpecError) as caught:
        ArchSpec.from_json(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ((), "network"),
        (("stem",), "stem"),
        (("head",), "head"),
        (("norm",), "norm"),
        (("stages", 2), r"stages\[2\]"),
        (("stages", 2, "se"), r"stages\[2\]\.se"),
    ],
)
def test_an_unknown_field_is_named_with_its_place(path, where):
    content = b0_content()
    target = content
    for key in path:
        target = target[key]
    target["colour"] = "blue"
    with pytest.raises(SpecError, match=rf"^{where} has an unknown field 'colour'"):
        ArchSpec.from_dict(content)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (("stem",), "network lacks the field 'stem'"),
        (("stages",), "network lacks the field 'stages'"),
        (("stem", "channels"), "stem lacks the field 'channels'"),
        (("stages", 3, "layers"), "stages[3] lacks the field 'layers'"),
    ],
)
def test_a_missing_field_is_named_with_its_place(path, message):
    content = b0_content()
    target = content
    for key in path[:-1]:
        target = target[key]
    del target[path[-1]]
    with pytest.raises(SpecError) as caught:
        ArchSpec.from_dict(content)
    assert str(caught.value) == message


def test_fields_with_defaults_may_be_absent():
    content = b0_content()
    for name in ("norm", "activation", "in_channels", "schema", "name"):
        del content[name]
    assert ArchSpec.from_dict(content).digest() == B0_DIGEST


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("resolution",), 0),
        (("resolution",), 224.0),
        (("resolution",), "224"),
        (("classes",), 0),
        (("in_channels",), -3),
        (("in_channels",), True),
        (("activation",), "gelu"),
        (("activation",), ["silu"]),
        (("drop_path",), 1),
        (("drop_path",), float("nan")),
        (("name",), 3),
        (("stages",), []),
        (("stages",), {}),
        (("stem", "channels"), 0),
        (("stem", "kernel"), 4),
        (("stem", "stride"), 0),
        (("stem", "activation"), "gelu"),
        (("stem", "max_pool"), 1),
        (("head", "channels"), 0),
        (("head", "hidden"), 0),
        (("head", "hidden"), 1280.0),
        (("head", "dropout"), -0.1),
        (("head", "dropout"), float("inf")),
        (("norm", "eps"), 0),
        (("norm", "momentum"), 2),
        (("stages", 1, "block"), ""),
        (("stages", 1, "block"), None),
        (("stages", 1, "channels"), 1.5),
        (("stages", 1, "layers"), 0),
        (("stages", 1, "stride"), 9),
        (("stages", 1, "kernel"), 2),
        (("stages", 1, "expand_ratio"), 0),
        (("stages", 1, "expand_ratio"), "6"),
        (("stages", 1, "activation"), 1),
        (("stages", 1, "skip"), 1),
        (("stages", 1, "options"), []),
        (("stages", 1, "options"), {"deep": {}}),
        (("stages", 1, "se"), 0.25),
        (("stages", 1, "se", "ratio"), 0),
        (("stages", 1, "se", "of"), "output"),
        (("stages", 1, "se", "divisor"), 0),
        (("stages", 1, "se", "gate"), "tanh"),
        (("stages", 1, "se", "activation"), "gelu"),
    ],
)
def test_an_impossible_value_names_its_field_in_one_line(path, value):
    content = b0_content()
    target = content
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    with pytest.raises(SpecError) as caught:
        ArchSpec.from_dict(content)
    message = str(caught.value)
    field = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).lstrip(".")
    assert message.startswith(field)
    assert "\n" not in message


@pytest.mark.parametrize(
    "make",
    [
        lambda: StemSpec(0),
        lambda: HeadSpec(dropout=1),
        lambda: NormSpec(eps=-1),
        lambda: SqueezeExcite(ratio=-0.25),
        lambda: StageSpec("mbconv", 0, 1),
        lambda: dataclasses.replace(efficientnet_b0(), stages=()),
    ],
)
def test_the_classes_refuse_what_json_would(make):
    with pytest.raises(SpecError):
        make()


def test_blocks_follow_each_other():
    blocks = efficientnet_b0().blocks()
    assert len(blocks) == efficientnet_b0().depth == 16
    for before, after in itertools.pairwise(blocks):
        assert after.in_channels == before.out_channels
        assert after.in_size == before.out_size
    assert [block.out_size for block in blocks][-1] == 7


def test_stochastic_depth_grows_linearly_from_zero():
    blocks = efficientnet_b0().blocks()
    assert blocks[0].drop_path == 0
    assert [block.drop_path for block in blocks] == pytest.approx([0.2 * i / 16 for i in range(16)])


def test_only_like_shapes_have_a_skip():
    for block in efficientnet_b0().blocks():
        assert block.has_skip == (block.layer > 0)


@pytest.mark.parametrize(
    ("size", "stride", "out"), [(224, 2, 112), (225, 2, 113), (1, 2, 1), (7, 3, 3)]
)
def test_odd_sizes_are_rounded_up(size, stride, out):
    assert strided(size, stride) == out
