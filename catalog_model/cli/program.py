"""The command line: ``catalog-model COMMAND``. `docs/command-line.md` describes it."""

import click

from catalog_model._version import __version__
from catalog_model.cli.base import CONTEXT, Program, Settings, shared_options
from catalog_model.cli.commands import Commands

EPILOG = "The options may also follow the command."


@click.group(
    cls=Program,
    commands=Commands(),
    context_settings=CONTEXT,
    epilog=EPILOG,
    params=shared_options(),
)
@click.version_option(__version__, prog_name="catalog-model")
@click.pass_context
def program(ctx: click.Context) -> None:
    """Movies, TV shows and genres in one DynamoDB table."""
    ctx.ensure_object(Settings)


def main() -> None:
    """Run the command line and exit."""
    program()
