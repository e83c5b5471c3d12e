"""`paramedic incidents`: what is wrong with runs, and why."""

from typing import Annotated

import typer

from paramedic.v1.diagnosis_pb2 import ListIncidentsRequest
from paramedic_service.cli import connection, output
from paramedic_service.cli.documents import document
from paramedic_service.cli.incidents_table import print_incidents
from paramedic_service.cli.root import app


@app.command()
def incidents(
    *,
    project: Annotated[str | None, typer.Option(help="Only of this project.")] = None,
    run: Annotated[str | None, typer.Option(help="Only of runs with this id.")] = None,
    open_only: Annotated[bool, typer.Option("--open", help="Only those that are open.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
    url: connection.Url = None,
    token: connection.Token = None,
    tls: connection.Tls = False,
    tls_ca: connection.TlsCa = None,
) -> None:
    """Lists incidents: the findings of one fault, with its likely causes. The latest change comes first."""
    request = ListIncidentsRequest(project=project, run_id=run, open_only=open_only)
    with connection.connect(url, token, tls, tls_ca) as service:
        found = list(service.incidents(request))
    if as_json:
        output.print_json({"incidents": [document(incident) for incident in found]})
    else:
        print_incidents(found)
