"""`nas score` with a space whose networks depend on the resolution."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nas.archs import resized
from nas.cost import network_cost
from nas.search_spaces.mbconv_elastic import MBConvElasticSpace
from nas.space import random_network, rebuild


def test_parameters_are_read_at_the_resolution(nas: Callable[..., Any], tmp_path: Path) -> None:
    _, suggest = random_network(MBConvElasticSpace(), 0)
    table = io.StringIO()
    writer = csv.DictWriter(table, list(suggest.params))
    writer.writeheader()
    writer.writerow(suggest.params)
    (tmp_path / "networks.csv").write_text(table.getvalue())
    settings = ("--resolution", 32, "--classes", 10, "--evaluator", "toys:Params")
    done = nas("score", "networks.csv", "--space", "mbconv-elastic", *settings)
    assert done.code == 0, done.err
    with (tmp_path / "networks.scored.csv").open() as scored:
        (row,) = csv.DictReader(scored)
    arch = resized(rebuild(MBConvElasticSpace(32), suggest.params), classes=10)
    assert int(row["flops"]) == network_cost(arch).flops
