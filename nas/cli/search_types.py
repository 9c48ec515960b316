"""The argument types of `nas search`: durations, limits on devices, exponents."""

from __future__ import annotations

from typing import Any

import click


class Seconds(click.ParamType):
    """A duration: 90, 90s, 15m or 2h."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read a duration as seconds."""
        if isinstance(value, float):
            return value
        text = str(value).strip().lower()
        factor = {"s": 1, "m": 60, "h": 3600, "d": 86400}.get(text[-1:], 0)
        try:
            return float(text[:-1]) * factor if factor else float(text)
        except ValueError:
            self.fail(f"'{value}' is no duration; write for example 90s, 15m or 2h", param, ctx)


class DeviceLimit(click.ParamType):
    """DEVICE=NUMBER."""

    name = "device=number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        """Read "zcu102=4.5"."""
        device, separator, number = str(value).partition("=")
        try:
            return device.strip(), float(number)
        except ValueError:
            example = "zcu102=4.5" if separator else f"{value}=4.5"
            self.fail(f"'{value}' is not DEVICE=NUMBER; write for example {example}", param, ctx)


class Exponents(click.ParamType):
    """LOW,HIGH."""

    name = "low,high"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        """Read "0,-1"; a single number stands for both sides."""
        try:
            parts = [float(part) for part in str(value).split(",")]
            low, high = parts if len(parts) == 2 else (parts[0], parts[0])
            if len(parts) > 2:
                raise ValueError
        except ValueError:
            self.fail(f"'{value}' is not LOW,HIGH; write for example 0,-1", param, ctx)
        return low, high
