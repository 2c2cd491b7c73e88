"""The command tree."""

from __future__ import annotations

import sys

import typer

import calotype
from calotype.cli import cache, doctor, keys, serve, sign, storage, take, webhooks
from calotype.errors import CalotypeError

app = typer.Typer(
    name="calotype",
    help="A self-hosted screenshot server: capture once, serve forever, forget on command.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve")(serve.serve)
app.command("take")(take.take)
app.command("sign")(sign.sign_url)
app.command("doctor")(doctor.doctor)
app.add_typer(keys.app, name="keys")
app.add_typer(cache.app, name="cache")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(storage.app, name="storage")


@app.command("version")
def version() -> None:
    """Print the version."""
    typer.echo(calotype.__version__)


def main() -> None:
    """Run the command line; a fault that has a remedy is told in one or two lines, without traceback."""
    try:
        app()
    except CalotypeError as exc:
        hint = f"\n{exc.hint}" if exc.hint else ""
        typer.echo(f"calotype: {exc}{hint}", err=True)
        sys.exit(1)
