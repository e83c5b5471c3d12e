"""First responder for training runs: the client.

import paramedic

run = paramedic.init("translation", config={"learning_rate": 0.001})
for step in range(1000):
    run.log(step, loss=loss, gradient_norms={"dense/kernel": 0.31, "dense/bias": 0.02})
run.finish()
"""

import paramedic.quiet_grpc  # noqa: F401  (before anything else imports grpc)
from paramedic.check import CheckReport, check
from paramedic.initialise import init
from paramedic.past.importing import import_runs
from paramedic.run import Run
from paramedic.sync import RunSync, SyncReport, sync
from paramedic.version import VERSION

__version__ = VERSION

__all__ = ["CheckReport", "Run", "RunSync", "SyncReport", "__version__", "check", "import_runs", "init", "sync"]
