"""`paramedic serve`: runs the service until it is told to stop."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from paramedic_service.cli import output
from paramedic_service.cli.root import app
from paramedic_service.rules.rulebooks import RulesFileError
from paramedic_service.settings import Settings
from paramedic_service.store.interface import StoreError


@app.command()
def serve(
    *,
    host: Annotated[
        str | None, typer.Option(help="Address for gRPC.", envvar="PARAMEDIC_GRPC_HOST", show_default="127.0.0.1")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(help="Port for gRPC; 0: any.", envvar="PARAMEDIC_GRPC_PORT", show_default="50051"),
    ] = None,
    http_host: Annotated[
        str | None, typer.Option(help="Address for HTTP.", envvar="PARAMEDIC_HTTP_HOST", show_default="127.0.0.1")
    ] = None,
    http_port: Annotated[
        int | None,
        typer.Option(help="Port for HTTP; 0: any.", envvar="PARAMEDIC_HTTP_PORT", show_default="9850"),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            help="sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE.",
            envvar="PARAMEDIC_STORE_URL",
            show_default="a file in your data directory",
        ),
    ] = None,
    rules_file: Annotated[
        Path | None,
        typer.Option(help="TOML file with parameters of rules.", envvar="PARAMEDIC_RULES_FILE", show_default="none"),
    ] = None,
    tls_certificate: Annotated[
        Path | None, typer.Option(help="PEM file with the certificate chain.", envvar="PARAMEDIC_TLS_CERTIFICATE")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(help="PEM file with the certificate's key.", envvar="PARAMEDIC_TLS_KEY")
    ] = None,
) -> None:
    """Runs the service until SIGTERM or Ctrl-C. PARAMEDIC_TOKEN sets the token that callers must send."""
    given = {
        "grpc_host": host,
        "grpc_port": port,
        "http_host": http_host,
        "http_port": http_port,
        "store_url": store,
        "rules_file": rules_file,
        "tls_certificate": tls_certificate,
        "tls_key": tls_key,
    }
    settings = _settings({name: value for name, value in given.items() if value is not None})
    _serve(settings)


def _settings(given: dict[str, Any]) -> Settings:
    try:
        return Settings(**given)
    except ValidationError as error:
        wrong = [f"{'_'.join(('paramedic', *map(str, each['loc']))).upper()}: {each['msg']}" for each in error.errors()]
        output.fail(f"the settings are not usable: {'; '.join(wrong)}", 2)


def _serve(settings: Settings) -> None:
    # Imported late: no other command needs the servers, and they take their time.
    from sqlalchemy.engine import make_url

    from paramedic_service import server
    from paramedic_service.logging import configure_logging
    from paramedic_service.web import app as web

    def started(running: server.Server) -> None:
        console = output.console()
        console.print(f"gRPC    {_address(settings.grpc_host, running.grpc_port)}", markup=False)
        console.print(f"HTTP    http://{_address(settings.http_host, running.http_port)}", markup=False)
        console.print(f"store   {make_url(settings.store_url).render_as_string(hide_password=True)}", markup=False)

    configure_logging()
    try:
        asyncio.run(server.serve(settings, web=web.build, started=started))
    except (StoreError, RulesFileError, OSError) as error:
        output.fail(str(error), 2)


def _address(host: str, port: int | None) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
