"""Options that the scaling commands share: the coefficients, and how resolutions are rounded."""

from __future__ import annotations

import click

from nas.cli.options import Command
from nas.errors import ConfigError
from nas.scaling.coefficients import ScalingCoefficients
from nas.scaling.family import RESOLUTION_MULTIPLE

resolution_multiple_option = click.option(
    "--resolution-multiple",
    type=click.IntRange(1),
    default=RESOLUTION_MULTIPLE,
    show_default=True,
    help="Round computed resolutions to multiples of this many pixels; 1 takes the formula "
    "literally (B0 at 257 px costs 1.14 times what it costs at 256 px).",
)


def coefficient_options(command: Command) -> Command:
    """`--alpha`, `--beta`, `--gamma`, each None where it was not given."""
    for option, text in (
        ("--gamma", "Resolution grows by gamma^phi (the paper: 1.15)."),
        ("--beta", "Width grows by beta^phi (the paper: 1.1)."),
        ("--alpha", "Depth grows by alpha^phi (the paper: 1.2)."),
    ):
        command = click.option(option, type=float, help=text)(command)
    return command


def coefficients_from(
    alpha: float | None, beta: float | None, gamma: float | None
) -> ScalingCoefficients | None:
    """The coefficients that were given, or None if none was.

    Raises: ConfigError if only some were given, or if one is below 1.
    """
    given = {"--alpha": alpha, "--beta": beta, "--gamma": gamma}
    missing = [option for option, value in given.items() if value is None]
    if alpha is None or beta is None or gamma is None:
        if len(missing) == len(given):
            return None
        raise ConfigError(
            f"{' and '.join(missing)} missing; the formula needs all of alpha, beta and gamma "
            "(1 leaves a dimension alone)"
        )
    return ScalingCoefficients(alpha, beta, gamma)


def describe(coefficients: ScalingCoefficients) -> str:
    """The coefficients in a few words: "alpha 1.2, beta 1.1, gamma 1.15"."""
    c = coefficients
    return f"alpha {c.alpha:.4g}, beta {c.beta:.4g}, gamma {c.gamma:.4g}"
