"""The quality table, as text."""

from __future__ import annotations

from typing import Any


def quality_lines(record: dict[str, Any]) -> list[str]:
    """Lines for the terminal, from what is written to docs/results/imagenet_predictor.json."""
    ours = record["cross_validation"]["accuracy"]
    boosting = record["gradient_boosting"]
    others = {
        f"LightGBM, best of {boosting['tried']}": boosting["best"],
        "LightGBM, defaults": boosting["defaults"],
    }
    lines = [f"{'10-fold, grouped by network':30}  R2      tau     tau 350-450M  RMSE"]
    for name, quality in {"this predictor": ours, **others}.items():
        lines.append(
            f"{name:30}  {quality['r2']:.4f}  {quality['tau']:.4f}  "
            f"{quality['tau_350M_450M']:.4f}        {quality['rmse_points']:.3f}"
        )
    lines.append("share of new one-seed results within the 90 % interval:")
    lines += [f"  {name:22} {share:.3f}" for name, share in ours["coverage_of_90"].items()]
    lines.append(f"{'device':12}  R2      tau     mean error")
    for name, quality in record["cross_validation"]["devices"].items():
        lines.append(
            f"{name:12}  {quality['r2']:.4f}  {quality['tau']:.4f}  "
            f"{quality['mean_error_percent']:.2f} %"
        )
    return lines
