"""`nas.compare`: `nas compare` as a function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nas.api.calls import Arch
from nas.comparison.comparing import CompareSettings, compare_networks
from nas.comparison.rendering import COLUMNS, documents, markdown
from nas.comparison.table import Table
from nas.latency.measure import MeasureSettings
from nas.spec import ArchSpec

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Comparison:
    """Networks side by side. table: the rows in groups, and the notes that belong to them."""

    table: Table

    @property
    def frame(self) -> pd.DataFrame:
        """One row for each network or printed row; `figures` says what kind its numbers are."""
        import pandas as pd

        return pd.DataFrame(documents(self.table), columns=list(COLUMNS))

    def markdown(self) -> str:
        """The tables and notes as Markdown, as `nas compare --markdown` prints them."""
        return markdown(self.table)

    def __str__(self) -> str:
        return self.markdown()


def compare(
    *networks: Arch,
    baseline: str | None = None,
    resolution: int | None = None,
    data: str | Path | None = None,
    weights: Sequence[str | Path] = (),
    device: str | None = None,
    latency: str | None = None,
    threads: int = 1,
    batch: int = 1,
    published: bool = False,
    edition: str = "v5",
) -> Comparison:
    """Set networks side by side: accuracy, parameters, FLOPs, activations, latency, ratios.

    The settings are those of `nas compare`. networks: references, files, runs, weights, models of
    timm or torchvision; with published and without any, the EfficientNet paper's Table 2.

    Raises: NasError, in one line, for what cannot be found, read or measured.
    """
    measured = None
    if latency is not None:
        measured = MeasureSettings(device=latency, threads=threads, batch=batch)
    settings = CompareSettings(
        baseline=baseline,
        resolution=resolution,
        data=None if data is None else str(data),
        weights=tuple(map(str, weights)),
        device=device,
        latency=measured,
        published=published,
        edition=edition,
    )
    named = [each if isinstance(each, ArchSpec) else str(each) for each in networks]
    return Comparison(compare_networks(named, settings))
