"""`nas show`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nas.cost import network_cost
from nas.search_spaces.efficientnet import efficientnet_b0

Nas = Callable[..., Any]


def rows_of(out: str) -> list[list[str]]:
    """The table's rows, cells parted by two spaces or more."""
    lines = out.splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("stage "))
    cells = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines]
    return cells[start:]


def test_b0_is_shown_as_the_papers_table(nas: Nas) -> None:
    done = nas("show", "efficientnet-b0")
    assert done.code == 0
    assert done.err == ""
    assert efficientnet_b0().digest() in done.out
    assert "5.289M parameters, 385.8M FLOPs" in done.out
    rows = rows_of(done.out)
    assert rows[0][:6] == ["stage", "part", "operator", "resolution", "channels", "layers"]
    assert rows[1][:6] == ["1", "stem", "conv3x3", "224x224", "32", "1"]
    assert rows[4] == ["4", "stage2", "mbconv6, k5x5", "56x56", "40", "2", "2", "6", "0.25"]
    assert rows[9][:5] == ["9", "head", "conv1x1, pool, linear", "7x7", "1280"]
    assert len(rows) == 10


def test_a_difference_is_marked_where_it_is(nas: Nas) -> None:
    done = nas("show", "efficientnet-b0", "--diff", "mnasnet-a1")
    assert done.code == 0
    rows = rows_of(done.out)
    assert "mbconv6, k5x5 != mbconv3, k5x5" in rows[4]
    assert "2 != 3" in rows[4]
    assert "6 != 3" in rows[4]
    assert "0.25 != -" in rows[2]
    assert not any("!=" in cell for cell in rows[1] + rows[9])
    assert "activation silu != relu" in done.out
    assert "7 of 9 parts differ" in done.out


def test_a_network_does_not_differ_from_itself(nas: Nas) -> None:
    done = nas("show", "efficientnet-b0", "--diff", "efficientnet-b0")
    assert done.out.endswith("no setting differs\n")
    assert not any("!=" in cell for row in rows_of(done.out) for cell in row)


@pytest.mark.parametrize(
    ("pair", "note"),
    [
        (("efficientnet-b0", "mobilenet-v3-large"), "only in the second"),
        (("mobilenet-v3-large", "efficientnet-b0"), "only in the first"),
    ],
)
def test_networks_of_other_lengths_can_be_compared(
    nas: Nas, pair: tuple[str, str], note: str
) -> None:
    done = nas("show", pair[0], "--diff", pair[1])
    assert done.code == 0
    lonely = [row for row in rows_of(done.out) if any(note in cell for cell in row)]
    document = json.loads(nas("show", pair[0], "--diff", pair[1], "--json").out)["diff"]
    parts = document["only_first"] + document["only_second"]
    assert [row[1] for row in lonely] == parts != []
    assert rows_of(done.out)[-3][1] == "head"


def test_json_has_the_documented_keys(nas: Nas) -> None:
    document = json.loads(nas("show", "efficientnet-b0", "--json").out)
    b0 = efficientnet_b0()
    assert (document["name"], document["digest"]) == ("efficientnet-b0", b0.digest())
    assert document["flops"] == network_cost(b0).flops
    assert document["params"] == network_cost(b0).params
    assert document["diff"] is None
    assert [row["number"] for row in document["rows"]] == list(range(1, 10))
    assert document["rows"][4]["settings"]["channels"] == 80
    compared = json.loads(nas("show", "efficientnet-b0", "--diff", "mnasnet-a1", "--json").out)
    assert compared["diff"]["rows"]["stage2"] == {"layers": [2, 3], "expand": [6, 3]}
    assert compared["diff"]["same"] is False
    help_text = nas("show", "--help").out
    for key in (*document, *document["rows"][0], *compared["diff"]):
        assert key in help_text


@pytest.mark.parametrize("name", ["mobilenet-v1", "mobilenet-v3-small", "resnext-50-32x4d"])
def test_any_network_is_shown(nas: Nas, name: str) -> None:
    done = nas("show", name)
    assert done.code == 0
    words = {"mobilenet-v1": "no skip", "mobilenet-v3-small": "hard-sigmoid"}
    assert words.get(name, "groups 32") in done.out


def test_a_file_is_shown_too(nas: Nas, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(efficientnet_b0().to_json())
    assert nas("show", "mine.json").out == nas("show", "efficientnet-b0").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("efficientnet-b9",), "no network 'efficientnet-b9'"),
        (("efficientnet-b0", "--diff", "nothing"), "no network 'nothing'"),
        (("densenet-121",), "known by its cost"),
        ((), "ARCH"),
    ],
)
def test_bad_input_is_one_line_and_code_2(
    nas: Nas, arguments: tuple[str, ...], message: str
) -> None:
    done = nas("show", *arguments)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert message in done.err


def test_an_impossible_block_is_named_with_its_stage(nas: Nas, tmp_path: Path) -> None:
    content = efficientnet_b0().to_dict()
    content["stages"][2]["block"] = "conv"
    (tmp_path / "wrong.json").write_text(json.dumps(content))
    for arguments in (("wrong.json",), ("efficientnet-b0", "--diff", "wrong.json")):
        done = nas("show", *arguments)
        assert done.code == 2
        assert "stages[2].expand_ratio is 6; block kind 'conv' does not expand" in done.err
