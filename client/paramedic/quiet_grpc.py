"""Imports grpc so that it says nothing when the training forks.

Its core watches forks unless told otherwise when it is loaded, finds its own threads busy, and writes "skipping fork()
handlers" to the training's stderr. Our forked children do not use grpc, so there is nothing to watch. Whoever imported
grpc before us, or chose a setting, keeps it.
"""

import os
import sys

_VARIABLE = "GRPC_ENABLE_FORK_SUPPORT"

if "grpc" not in sys.modules and _VARIABLE not in os.environ:
    os.environ[_VARIABLE] = "false"
    try:
        import grpc  # noqa: F401
    finally:
        del os.environ[_VARIABLE]
