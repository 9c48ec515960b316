"""The printed tables and digitised figures, one CSV each; every row names its source."""

from __future__ import annotations

import csv
import io
from importlib import resources

from nas.errors import NasError
from nas.registry import did_you_mean

TABLES = {
    "table2_comparisons": "Table 2: EfficientNets beside other networks",
    "table3_scaling_existing": "Table 3: MobileNets and ResNet-50 scaled",
    "table4_latency": "Table 4: latency on one core of a Xeon E5-2690",
    "table5_transfer": "Tables 5 and 6: transfer to other data sets",
    "table7_scaled_b0": "Table 7: B0 scaled in one dimension and in all",
    "table8_val_test": "Table 8: validation and test accuracy",
    "figure3_single_dimension": "Figure 3, digitised: B0 scaled in one dimension",
    "figure4_width_curves": "Figure 4, digitised: width at fixed depths and resolutions",
}
"""Name -> what it is. Units: top1 and top5 in percent, `_M` millions, `_B` billions."""


def published_rows(table: str) -> list[dict[str, str]]:
    """The rows of a printed table as text; an empty cell means that the paper prints nothing.

    Raises: NasError if there is no such table.
    """
    if table not in TABLES:
        raise NasError(f"no printed table '{table}'; {did_you_mean(table, TABLES)}")
    file = resources.files("nas.published") / "data" / f"{table}.csv"
    return list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))))
