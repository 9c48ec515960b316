"""`nas refs`, and `nas cost` of the references that are no specs."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from nas.opaque import OPAQUE_NETWORKS
from nas.references import REFERENCES

Run = Callable[..., Any]


def test_the_list_has_every_reference_with_its_cost(nas: Run) -> None:
    finished = nas("refs")
    assert finished.code == 0
    lines = {line.split()[0]: line for line in finished.out.splitlines()[1:-1]}
    assert list(lines) == [*REFERENCES, *OPAQUE_NETWORKS]
    assert lines["efficientnet-b0"].split()[1:5] == ["5.289M", "385.8M", "224", "spec"]
    assert lines["inception-v3"].split()[1:5] == ["23.83M", "5.713G", "299", "cost"]
    assert "arXiv 1801.04381" in lines["mobilenet-v2"]
    assert finished.out.splitlines()[-1].startswith("FLOPs are multiply-adds")


def test_the_list_in_json(nas: Run) -> None:
    references = json.loads(nas("refs", "--json").out)["references"]
    rows = {row["name"]: row for row in references}
    assert rows["resnet-50"]["flops"] == 4_089_184_256
    assert rows["resnet-50"]["params"] == 25_557_032
    assert rows["resnet-50"]["kind"] == "spec"
    assert rows["efficientnet-b0"]["digest"] == "040f8191fc0026ca"
    assert rows["densenet-121"]["digest"] is None
    assert rows["densenet-121"]["kind"] == "cost"
    help_text = nas("refs", "--help").out
    assert all(key in help_text for key in references[0])


@pytest.mark.parametrize("name", REFERENCES)
def test_every_spec_of_the_list_is_an_arch(nas: Run, name: str) -> None:
    document = json.loads(nas("cost", name, "--json").out)
    assert document["name"] == name
    assert document["counted_by"] == "arithmetic"


def test_an_opaque_network_has_a_cost_that_says_how_it_was_counted(nas: Run) -> None:
    finished = nas("cost", "densenet-121")
    assert finished.code == 0
    assert "2,834,161,664" in finished.out
    assert "7,978,856" in finished.out
    assert "torchvision's densenet121 on the meta device, by torch's FlopCounter" in finished.out
    assert "no spec" in finished.out


def test_its_json_has_the_keys_of_a_specs(nas: Run) -> None:
    spec = json.loads(nas("cost", "resnet-18", "--json").out)
    opaque = json.loads(nas("cost", "inception-v3", "--json").out)
    assert list(opaque) == list(spec)
    assert opaque["peak_activation_bytes"] is None
    assert opaque["stages"] is None
    assert opaque["resolution"] == 299
    assert opaque["flops"] == 5_713_216_096
    assert opaque["counted_by"].startswith("kept count: torchvision's inception_v3")


def test_another_size_is_counted_now(nas: Run) -> None:
    pytest.importorskip("torchvision")
    options = ("--resolution", 64, "--classes", 10, "--json")
    document = json.loads(nas("cost", "densenet-121", *options).out)
    assert (document["resolution"], document["classes"]) == (64, 10)
    assert document["params"] == 7_978_856 - 990 * 1025
    assert document["flops"] < 2_834_161_664 / 10
    assert document["counted_by"].startswith("counted: ")


def test_verify_counts_again(nas: Run) -> None:
    pytest.importorskip("torchvision")
    finished = nas("cost", "densenet-121", "--verify")
    assert finished.code == 0
    assert "Counted again: equal to the kept counts." in finished.out
    checks = json.loads(nas("cost", "densenet-121", "--verify", "--json").out)["verification"]
    assert checks["matches"] is True
    assert len(checks["checks"]) == 4


def test_a_kept_count_that_is_wrong_ends_with_code_1(
    nas: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torchvision")
    wrong = dataclasses.replace(OPAQUE_NETWORKS["densenet-121"], flops=1)
    monkeypatch.setitem(OPAQUE_NETWORKS, "densenet-121", wrong)
    finished = nas("cost", "densenet-121", "--verify")
    assert finished.code == 1
    assert "DIFFERS" in finished.out
    assert finished.err == "nas: densenet-121 does not cost what is kept for it\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cost", "densenet-121", "--per-stage"), "--per-stage has no stages to show"),
        (("cost", "densenet-121", "--in-channels", 1), "3 input channels, not 1"),
        (("cost", "inception-v3", "--resolution", 24), "cannot be counted at 24 px"),
        (("scale", "densenet-121", "--to-flops", "1G"), "known by its cost, not as a spec"),
        (("cost", "resnet-51"), "did you mean 'resnet-50'?"),
        (("cost", "densenet-12"), "did you mean 'densenet-121'?"),
    ],
)
def test_what_cannot_be_answered_is_one_line(
    nas: Run, arguments: tuple[object, ...], message: str
) -> None:
    finished = nas(*arguments)
    assert finished.code == 2
    assert message in finished.err
    assert finished.err.count("\n") == 1


def test_without_torchvision_the_error_names_what_to_install(
    nas: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    finished = nas("cost", "densenet-121", "--resolution", 64)
    assert finished.code == 2
    assert "install compound-nas[train]" in finished.err
    assert nas("cost", "densenet-121").code == 0
