"""The command that all others hang on; each registers itself where it is defined."""

import typer

app = typer.Typer(
    name="paramedic",
    help="First responder for training runs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


@app.callback()
def paramedic() -> None:
    """First responder for training runs: tells what went wrong, where, and what to change, while it still runs."""
