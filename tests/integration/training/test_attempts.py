"""A training that is killed and goes on from its checkpoint is the next attempt of the same run."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc

from paramedic.v1.diagnosis_pb2 import ListFindingsRequest, ListRunsRequest
from paramedic.v1.diagnosis_pb2_grpc import DiagnosisServiceStub
from paramedic.v1.run_pb2 import RUN_STATE_FAILED, RUN_STATE_FINISHED, Run
from support.command import environment, serving
from support.waiting import wait_until

TRAINING = """
import json, pathlib, sys
import paramedic

checkpoint = pathlib.Path(sys.argv[1])
state = json.loads(checkpoint.read_text()) if checkpoint.exists() else None
run = paramedic.init(project="long", name="a long one", resume=state)
for step in range(0 if state is None else state["step"] + 1, int(sys.argv[2])):
    run.log(step, loss=1.0)
    if step == 30:
        checkpoint.write_text(json.dumps(run.checkpoint()))
sys.stdin.read()  # until it is killed, or told to end
run.finish()
"""


@contextmanager
def training(address: str, checkpoint: Path, steps: int) -> Iterator[subprocess.Popen[str]]:
    variables = environment(PARAMEDIC_URL=address, PARAMEDIC_SPOOL_DIR=str(checkpoint.parent / "spool"))
    command = [sys.executable, "-c", TRAINING, str(checkpoint), str(steps)]
    with subprocess.Popen(command, env=variables, stdin=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_killed_training_goes_on_as_the_next_attempt_of_its_run(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.json"
    with serving(tmp_path) as service, grpc.insecure_channel(service.grpc) as channel:
        stub = DiagnosisServiceStub(channel)

        def attempts() -> list[Run]:
            runs = stub.ListRuns(ListRunsRequest(project="long")).runs
            return sorted(runs, key=lambda run: run.identity.attempt)

        with training(service.grpc, checkpoint, 61):
            wait_until(lambda: [run.last_step for run in attempts()] == [60])
        with training(service.grpc, checkpoint, 81) as process:
            wait_until(lambda: [run.last_step for run in attempts()] == [60, 80])
            assert process.communicate() == (None, None)
        wait_until(lambda: [run.state for run in attempts()] == [RUN_STATE_FAILED, RUN_STATE_FINISHED])

        first, second = attempts()
        assert (first.identity.id, first.name) == (second.identity.id, "a long one")
        assert [first.identity.attempt, second.identity.attempt] == [0, 1]
        state = json.loads(checkpoint.read_text())
        assert state == {"project": "long", "id": first.identity.id, "attempt": 0, "step": 30}
        [finding] = stub.ListFindings(ListFindingsRequest(project="long", rule="restarted_earlier")).findings
        assert finding.run == second.identity
        assert "Attempt 1 began at step 31, where attempt 0 had reached step 60" in finding.summary
