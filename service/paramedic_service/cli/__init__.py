"""The `paramedic` command."""

import os
import sys


def main() -> None:
    """Runs the command line; the entry point of the distribution's script.

    The client installs this script too, without what it needs: then it says what to install.
    """
    # Errors of a connection are told in our words; grpc's own log would tell them again, in its.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        from paramedic_service.cli.commands import app
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in ("paramedic", "paramedic_service"):
            raise
        sys.stderr.write(f"paramedic: {error.name} is not installed; run: pip install 'paramedic[service]'\n")
        sys.exit(1)
    app()
