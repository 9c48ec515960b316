"""From readings to predictions, on an imagined device whose costs are known."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from latency_space import SmallSpace, simulated, small_work, true_ms

from nas.archs import resized
from nas.errors import NasError
from nas.latency.errors import LatencyError
from nas.latency.fitting import read_results, table_of
from nas.latency.model import model_ms
from nas.latency.parts import parts_of
from nas.latency.table import LatencyTable, check_space, describe_table, read_table, write_table
from nas.space import random_network
from nas.spec import ArchSpec

Write = Callable[[str, Any], Path]


def true_network_ms(arch: ArchSpec) -> float:
    return 0.05 + 1.1 * sum(true_ms(dict(part.features)) - 0.004 for part in parts_of(arch))


def fresh_networks(count: int) -> list[ArchSpec]:
    source = random.Random(99)
    return [random_network(SmallSpace(), source)[0] for _ in range(count)]


def test_any_network_of_the_space_is_predicted(table: LatencyTable) -> None:
    for arch in fresh_networks(40):
        found = table.predict(arch)
        assert found.latency_ms == pytest.approx(true_network_ms(arch), rel=0.02)
        assert found.modelled == 0


def test_the_check_tells_the_error_on_networks_held_out(table: LatencyTable) -> None:
    assert table.check.networks == 40
    assert table.check.median_error < 0.01
    assert table.check.kendall_tau > 0.97
    assert len(table.networks) == 40


def test_noise_shows_in_the_check_and_in_the_repeatability(work: dict[str, Any]) -> None:
    noisy = table_of(simulated(work, noise=1.0))
    assert noisy.check.median_error > 0.03
    assert noisy.conditions.repeatability > 0.05
    text = "\n".join(describe_table(noisy))
    assert "median error" in text
    assert "take more --passes" in text


def test_parts_that_were_not_measured_are_modelled() -> None:
    table = table_of(simulated(small_work(most_parts=24), noise=0.002))
    assert len(table.parts) == 24
    assert table.distinct_parts > 24
    assert table.check.median_error < 0.05
    assert table.check.kendall_tau > 0.9
    shares = [table.predict(arch).modelled for arch in fresh_networks(20)]
    assert max(shares) > 0


def test_a_network_of_another_size_is_modelled_wholly(table: LatencyTable) -> None:
    (arch,) = fresh_networks(1)
    larger = resized(arch, resolution=24)
    found = table.predict(larger)
    assert found.modelled > 0.9
    assert found.latency_ms == pytest.approx(true_network_ms(larger), rel=0.15)


def test_a_table_reads_back_as_it_was_written(table: LatencyTable, tmp_path: Path) -> None:
    path = tmp_path / "here.json"
    write_table(path, table)
    again = read_table(path)
    assert again.to_dict() == table.to_dict()
    (arch,) = fresh_networks(1)
    assert again.predict(arch) == table.predict(arch)


def test_other_files_are_refused_in_one_line(tmp_path: Path, write: Write) -> None:
    cases = [tmp_path / "absent.json", write("list.json", [1]), write("other.json", {"what": "no"})]
    for path in cases:
        with pytest.raises(LatencyError, match="nas latency table") as raised:
            read_table(path)
        assert path.name in str(raised.value)
        assert "\n" not in str(raised.value)


def test_a_table_of_an_older_model_is_refused(
    table: LatencyTable, work: dict[str, Any], write: Write
) -> None:
    # Its model names features that are not counted any more: they would silently cost nothing.
    old = {**table.to_dict(), "schema": 1}
    with pytest.raises(
        LatencyError, match=r"old\.json has schema 1, this version reads 2; measure"
    ):
        read_table(write("old.json", old))
    with pytest.raises(LatencyError, match="has schema 1, this version reads 2"):
        read_results(write("results.json", {**simulated(work), "schema": 1}))


def test_work_that_a_table_has_not_seen_is_named(table: LatencyTable) -> None:
    (arch,) = fresh_networks(1)
    assert table.unknown(arch) == ()
    assert table.unknown(resized(arch, resolution=24)) == ()
    stages = tuple(dataclasses.replace(stage, kernel=7) for stage in arch.stages)
    other = dataclasses.replace(arch, stages=stages)
    assert any("depthwise k7" in name for name in table.unknown(other))


def test_other_channels_take_what_their_like_takes() -> None:
    model = {"part": 0.5, "pointwise macs, 16s to 16s": 2.0, "pointwise macs, 16s to others": 4.0}
    assert model_ms(model, {"pointwise macs, 16s to 16s": 3}) == 6.5
    assert model_ms(model, {"pointwise macs, others to 16s": 3}) == 9.5
    assert model_ms(model, {"depthwise k3 s1 outputs, 16s": 3}) == 0.5


def test_a_table_is_for_its_space_and_input(table: LatencyTable) -> None:
    (arch,) = fresh_networks(1)
    check_space(table, "t.json", arch, "small")
    with pytest.raises(LatencyError, match="for space small, the search has mbconv"):
        check_space(table, "t.json", arch, "mbconv")
    with pytest.raises(LatencyError, match="for resolution 16, the search has 32"):
        check_space(table, "t.json", resized(arch, resolution=32), "small")


def test_results_that_are_none_or_not_done_are_refused(work: dict[str, Any], write: Write) -> None:
    good = simulated(work)
    assert read_results(write("good.json", good))["work_digest"] == good["work_digest"]
    changed = {**good, "work": {**work, "batch": 2}}
    cases = {
        "holds no results": {"schema": good["schema"]},
        "has 3 of": {**good, "groups_done": 3},
        "is damaged": changed,
        "schema 99": {**good, "schema": 99},
    }
    for said, content in cases.items():
        with pytest.raises(LatencyError, match=said):
            read_results(write("bad.json", content))


def test_a_check_needs_thirty_networks() -> None:
    work = small_work(check_networks=29)
    with pytest.raises(LatencyError, match="29 networks for the check; it needs 30"):
        table_of(simulated(work))


def test_the_networks_lie_near_the_target() -> None:
    from nas.cost import network_cost

    flops = sorted(network_cost(arch).flops for arch in fresh_networks(101))[50]
    work = small_work(target_flops=flops, fit_networks=5, check_networks=5)
    assert work["target_flops"] == flops
    near = {arch.digest(): network_cost(arch).flops for arch in fresh_networks(300)}
    found = [near[n["digest"]] for n in work["networks"] if n["digest"] in near]
    assert all(0.8 <= each / flops <= 1.25 for each in found)
    with pytest.raises(NasError, match="cost near the target"):
        small_work(target_flops=10 * max(near.values()))


def test_a_part_s_latency_is_the_least_of_all_readings(work: dict[str, Any]) -> None:
    results = simulated(work, noise=0.0)
    key = work["alone"][0]
    results["readings"][f"part {key}"][1][2] = 1e-3
    assert table_of(results).parts[key] == 1e-3


def test_conditions_are_kept(table: LatencyTable) -> None:
    conditions = dataclasses.asdict(table.conditions)
    assert conditions["load_average"] == (0.5, 2.0)
    assert (conditions["passes"], conditions["rounds"]) == (2, 5)
