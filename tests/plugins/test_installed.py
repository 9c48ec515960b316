"""The worked package, a broken one and rivals, installed side by side."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from offering import Installer

from nas.blocks import block_kind
from nas.cli.plugins import command
from nas.cost import network_cost
from nas.errors import NasError, PluginError, SpecError
from nas.plugins import load_evaluator, load_reward, load_space, space_offers
from nas.space import random_network
from nas.spec import ArchSpec

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def forget_plugins() -> Iterator[None]:
    """Another test installs the same modules in another folder."""
    yield
    block_kind.cache_clear()
    for name in [each for each in sys.modules if each.split(".")[0] in ("ghost_nas", "broken_nas")]:
        del sys.modules[name]


def nas(installer: Installer, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m nas` in `folder`, with the packages installed."""
    return subprocess.run(
        [sys.executable, "-m", "nas", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{installer.folder}", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def listed(*arguments: str) -> tuple[Result, list[dict[str, Any]]]:
    result = CliRunner().invoke(command, ["--json", *arguments])
    return result, json.loads(result.stdout)["plugins"]


def test_a_space_of_a_package_makes_networks_of_its_own_blocks(ghost: Installer) -> None:
    arch, _ = random_network(load_space("ghost"), 0)
    assert {stage.block for stage in arch.stages} == {"ghost"}
    assert network_cost(arch).flops > 0
    assert ArchSpec.from_json(arch.to_json()) == arch


def test_evaluator_and_reward_of_a_package_load(ghost: Installer) -> None:
    arch, _ = random_network(load_space("ghost"), 0)
    judged = load_evaluator("ghost-toy")().evaluate(arch, seed=0)
    assert 0 < judged.value < 0.8
    reward = load_reward("ghost-linear")(target_flops=100)
    assert reward(0.5, network_cost(arch)) < 0.5


def test_a_broken_package_stops_only_who_asks_for_it(ghost: Installer) -> None:
    reason = "of broken-nas 0.1.0 cannot be loaded from broken_nas:.*: RuntimeError: this plug-in"
    with pytest.raises(PluginError, match=f"search space 'broken' {reason} is broken$"):
        load_space("broken")
    with pytest.raises(PluginError, match=reason):
        load_evaluator("broken")
    with pytest.raises(PluginError, match=reason):
        load_reward("broken")
    with pytest.raises(SpecError, match=reason):
        block_kind("broken")
    assert load_space("mbconv").name == "mbconv"
    assert load_space("ghost").name == "ghost"


def test_two_owners_of_a_space_are_both_named(ghost: Installer) -> None:
    ghost.offer("phantom-nas", {"nas.spaces": {"ghost": "phantom_nas:Space"}})
    with pytest.raises(PluginError, match=r"by 2 packages: ghost-nas 0\.1\.0 .*, phantom-nas 1\.0"):
        load_space("ghost")
    owners = [offer.owner for offer in space_offers() if offer.name == "ghost"]
    assert owners == ["ghost-nas 0.1.0", "phantom-nas 1.0"]
    # Named directly, it is the one that was meant.
    assert load_space("ghost_nas.space:GhostSpace").name == "ghost"


def test_two_owners_of_a_block_kind_are_both_named(ghost: Installer) -> None:
    ghost.offer("phantom-nas", {"nas.blocks": {"ghost": "phantom_nas:GHOST"}})
    with pytest.raises(SpecError, match=r"stage\.block: .*ghost-nas 0\.1\.0 .*phantom-nas 1\.0"):
        block_kind("ghost")


def test_an_entry_point_that_is_no_space_names_package_and_lack(installer: Installer) -> None:
    installer.module("empty_nas", "class Empty:\n    name = 'empty'\n")
    installer.offer("empty-nas", {"nas.spaces": {"empty": "empty_nas:Empty"}})
    with pytest.raises(
        PluginError, match=r"of empty-nas 1\.0 is no search space: .* no sample\(\)"
    ):
        load_space("empty")


def test_the_list_names_every_kind_and_owner(ghost: Installer) -> None:
    result, rows = listed()
    assert result.exit_code == 0
    ours = {(row["kind"], row["name"]) for row in rows if row["owner"] == "ghost-nas 0.1.0"}
    assert ours == {
        ("search space", "ghost"),
        ("block kind", "ghost"),
        ("evaluator", "ghost-toy"),
        ("reward", "ghost-linear"),
    }
    assert {"kind", "name", "owner", "target"} == set(rows[0])
    assert not {"ghost_nas", "broken_nas"} & set(sys.modules)


def test_the_check_finds_the_broken_ones_and_goes_on(ghost: Installer) -> None:
    ghost.offer("phantom-nas", {"nas.rewards": {"paper": "math:pi", "ghost-linear": "math:e"}})
    ghost.metadata("torn-nas", "[nas.spaces]\nno equals sign\n")
    result, rows = listed("--check")
    assert isinstance(result.exception, NasError)
    problems = {(row["owner"], row["name"]): row["problem"] for row in rows if row["problem"]}
    assert {owner for owner, _ in problems} == {
        "broken-nas 0.1.0",
        "phantom-nas 1.0",
        "ghost-nas 0.1.0",
    }
    assert "is built in" in problems["phantom-nas 1.0", "paper"]
    assert "offered by phantom-nas 1.0" in problems["ghost-nas 0.1.0", "ghost-linear"]
    unreadable = json.loads(result.stdout)["unreadable"]
    assert [package["owner"] for package in unreadable] == ["torn-nas 1.0"]


def test_the_check_of_sound_plug_ins_ends_well(installer: Installer) -> None:
    installer.install(Path(__file__).parent / "ghost-nas")
    result = CliRunner().invoke(command, ["--check"])
    assert result.exit_code == 0, result.output
    assert "broken" not in result.output


def test_a_broken_plug_in_is_one_line_and_exit_code_2(ghost: Installer, tmp_path: Path) -> None:
    result = nas(ghost, tmp_path, "spaces", "broken")
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "broken-nas 0.1.0" in result.stderr
    assert result.stdout == ""


def test_a_rival_of_a_built_in_space_is_named_in_one_line(
    installer: Installer, tmp_path: Path
) -> None:
    installer.offer("rival-nas", {"nas.spaces": {"mbconv": "rival_nas:Space"}})
    result = nas(installer, tmp_path, "spaces", "mbconv", "--samples", "100")
    assert result.returncode == 0
    assert result.stderr == (
        "nas: search space 'mbconv' is built in; rival-nas 1.0 offers the same name, "
        "reach its own as rival_nas:Space\n"
    )


def test_the_packages_space_is_searched_and_its_network_costed(
    ghost: Installer, tmp_path: Path
) -> None:
    result = nas(
        ghost,
        tmp_path,
        *("search", "--space", "ghost", "--evaluator", "ghost-toy", "--target-flops", "140M"),
        *("--trials", "10", "--sampler", "random", "--out", "run", "--json"),
    )
    assert result.returncode == 0, result.stderr
    best = json.loads(result.stdout)["best"]
    assert best["cost"]["flops"] <= 140_000_000
    costed = nas(ghost, tmp_path, "cost", "run", "--json")
    assert costed.returncode == 0, costed.stderr
    assert json.loads(costed.stdout)["flops"] == best["cost"]["flops"]


def test_the_packages_own_tests_pass(ghost: Installer) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=ROOT / "tests" / "plugins" / "ghost-nas",
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ghost.folder}", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
