"""`nas fit-scaling` with real trainings, of a small baseline on the sample."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from nas.cli.main import main
from nas.search_spaces.mbconv_elastic import MBConvElasticSpace
from nas.space import random_network
from nas.spec import ArchSpec

DATA = "sample:px=16,classes=3,images=90"


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    """A network of the elastic space that two cores train in a second or two."""
    arch = min(
        (random_network(MBConvElasticSpace(16), seed)[0] for seed in range(200)),
        key=lambda arch: arch.depth * arch.stages[-1].channels,
    )
    path = tmp_path / "small.json"
    path.write_text(dataclasses.replace(arch, classes=3, name="small").to_json())
    return path


@pytest.mark.slow
def test_a_fit_on_images_leaves_every_artefact(
    baseline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["fit-scaling", "--baseline", str(baseline), "--data", DATA, "--epochs", "1,2"]
    words += ["--seeds", "2", "--tolerance", "15%", "--workers", "2", "--out", "fit", "--json"]
    with pytest.raises(SystemExit) as ended:
        main(words)
    written = capsys.readouterr()
    assert not ended.value.code, written.err
    document = json.loads(written.out)
    assert [length["epochs"] for length in document["lengths"]] == [1, 2]
    assert document["settled"] in (True, False)
    assert document["data"] == DATA
    names = {path.name for path in (tmp_path / "fit").iterdir()}
    assert names >= {"fit.json", "data.json", "coefficients.json", "grid.csv", "surface.png"}
    assert "top-1" not in written.out
    with pytest.raises(SystemExit):
        main(["family", "--baseline", str(baseline), "--coefficients", "fit", "--ratios", "2"])
    (_, member) = sorted(Path("family-small").glob("b*.json"))
    assert ArchSpec.from_json(member.read_text()).classes == 3
