"""`nas`: finds the command's file, and turns errors into one line and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click

from nas import __version__
from nas.cli.plugin_warnings import plugin_warnings_as_lines
from nas.errors import NasError
from nas.registry import did_you_mean

COMMANDS = {
    "search": "search for the best network at a FLOPs target",
    "status": "where a search stands, while it runs: best, failures, time left",
    "fit-scaling": "fit alpha, beta and gamma by training what they round to",
    "study": "the paper's scaling figures on your images; its tables rebuilt",
    "family": "B0..B7 of a network: published, or by alpha, beta, gamma",
    "trust": "train the networks of a search longer, beside known ones: can it be trusted?",
    "train": "train a network on images, and measure it once on the test images",
    "eval": "measure trained weights on test images",
    "predict": "what trained weights see in images",
    "transfer": "fine-tune weights on several data sets, side by side",
    "report": "one HTML file that shows a run: what was found, how, and how far to trust it",
    "export": "a network as files that need no nas: PyTorch, timm, torchvision, ONNX",
    "run": "all of it from one plan: search, retrain, fit, family, train, export, report",
    "latency": "how long networks take: measured, or predicted by a table of blocks",
    "scale": "scale a network to a FLOPs figure",
    "cost": "FLOPs, parameters, activations and memory of a network",
    "show": "a network stage by stage; --diff marks what differs from another",
    "compare": "networks side by side: accuracy, cost, latency; ours, libraries', published",
    "refs": "the reference networks and what they cost",
    "spaces": "the search spaces, their sizes and how many networks fit a target",
    "score": "judge a list of networks",
    "data": "look at images, and pack them into one file that loads in seconds",
    "plugins": "spaces, evaluators, rewards and block kinds that are installed",
}
"""Command -> its line in `nas --help`. The file is nas/cli/<command>.py, the function `command`."""

BAD_INPUT = 2


class LazyGroup(click.Group):
    """Imports a command's file when the command is called, so that help answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"nas.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise click.UsageError(
                f"unknown command '{args[0]}'; {did_you_mean(args[0], COMMANDS)}", ctx
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # From the table, not from the commands: help must not import them.
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", prog_name="nas")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Search a network family for a FLOPs budget, fit how it scales, and take it out.

    FLOPs are multiply-adds of convolution and linear layers for one image, as in the EfficientNet
    paper: EfficientNet-B0 at 224 px is 385.8M.
    """


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 our own mistake, 2 bad input, 130 interrupted."""
    arguments = list(sys.argv[1:] if args is None else args)
    try:
        with plugin_warnings_as_lines():
            code = cli.main(arguments, prog_name="nas", standalone_mode=False)
    except NasError as error:
        if "--debug" in arguments:
            raise
        _fail(str(error))
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(BAD_INPUT)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f" (see `{context.command_path} --help`)" if context is not None else ""
        _fail(error.format_message().rstrip(".") + hint)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our pipe has gone (`nas ... | head`); Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str) -> None:
    line = " ".join(part.strip() for part in message.splitlines() if part.strip())
    click.echo(f"nas: {line}", err=True)
    sys.exit(BAD_INPUT)
