"""The options of `nas study scaling` that are lists."""

from __future__ import annotations

import math
from typing import Any

import click


class Names(click.ParamType):
    """Words between commas; a misspelt one is told where the study is configured."""

    name = "names"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Read "depth,width"."""
        if isinstance(value, tuple):
            return value
        return tuple(word.strip() for word in value.split(",") if word.strip())


class Numbers(click.ParamType):
    """Numbers between commas."""

    name = "numbers"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Read "1.5,2,3,4"."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(float(part) for part in value.split(","))
        except ValueError:
            self.fail(f"'{value}' is no list of numbers; write 1.5,2,3,4", param, ctx)


class Starts(click.ParamType):
    """Pairs of depth and resolution, or `published` for those of the paper's Figure 4."""

    name = "pairs"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[tuple[float, float], ...]:
        """Read "1,1 2,1.3"."""
        from nas.studies.config import FIGURE4_STARTS

        if isinstance(value, tuple):
            return value
        if value == "published":
            return FIGURE4_STARTS
        try:
            pairs = [tuple(map(float, pair.split(","))) for pair in value.split()]
            starts = tuple((depth, resolution) for depth, resolution in pairs)
        except ValueError:
            starts = ()
        if not starts or not all(0 < number < math.inf for pair in starts for number in pair):
            self.fail(
                f"'{value}' is no list of depth,resolution; write \"1,1 2,1.3\" or published",
                param,
                ctx,
            )
        return starts
