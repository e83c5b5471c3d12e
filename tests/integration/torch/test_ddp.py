"""A training by DistributedDataParallel: two processes, one run, and a real service that sees both ranks of it."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import grpc
import pytest

from paramedic.v1.diagnosis_pb2 import GetTelemetryRequest, ListFindingsRequest, ListRunsRequest
from paramedic.v1.diagnosis_pb2_grpc import DiagnosisServiceStub
from paramedic.v1.finding_pb2 import FINDING_CHANGE_RESOLVED, Finding
from paramedic.v1.run_pb2 import RUN_STATE_FAILED, RUN_STATE_FINISHED, Run
from support.command import environment, serving
from support.waiting import wait_until

DEADLINE = 90.0  # seconds; only a hanging training ever takes so long
SCRIPT = Path(__file__).parents[2] / "support" / "ddp_training.py"
RANKS = 2
STEPS = 80


def free_port() -> int:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def train(address: str, directory: Path, *names: str) -> list[subprocess.CompletedProcess[str]]:
    """Runs trainings on two processes, as torchrun would start them; how they ended, by rank."""
    variables = environment(
        PARAMEDIC_URL=address,
        PARAMEDIC_SPOOL_DIR=str(directory / "spool"),
        WORLD_SIZE=str(RANKS),
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(free_port()),
        GLOO_SOCKET_IFNAME="lo",
        OMP_NUM_THREADS="1",
        PYTHONPATH=os.pathsep.join(sys.path),
    )
    processes = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), str(STEPS), *names],
            env=variables | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(RANKS)
    ]
    try:
        outputs = [process.communicate(timeout=DEADLINE) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [
        subprocess.CompletedProcess(process.args, process.returncode, *output)
        for process, output in zip(processes, outputs, strict=True)
    ]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DiagnosisServiceStub]:
    """A service to which four trainings reported, in the last of which a process was killed."""
    directory = tmp_path_factory.mktemp("ddp")
    with serving(directory) as service, grpc.insecure_channel(service.grpc) as channel:
        first, second = train(service.grpc, directory, "sound", "slow", "apart", "killed")
        assert second.returncode == -9, second.stderr
        assert first.returncode == 1, first.stderr  # by torch's own error: its peer is gone
        assert "is another one" not in first.stderr + second.stderr
        yield DiagnosisServiceStub(channel)


def ranks_of(service: DiagnosisServiceStub, name: str) -> list[Run]:
    """All that the service has of an id, by rank."""
    runs = service.ListRuns(ListRunsRequest(project="ddp")).runs
    return sorted((run for run in runs if run.identity.id == name), key=lambda run: run.identity.rank)


def test_two_processes_are_two_ranks_of_one_run_and_train_as_without_us(trained: DiagnosisServiceStub) -> None:
    runs = ranks_of(trained, "sound")
    assert [(run.identity.rank, run.identity.attempt) for run in runs] == [(0, 0), (1, 0)]
    assert [run.state for run in runs] == [RUN_STATE_FINISHED] * RANKS
    assert [run.last_step for run in runs] == [STEPS] * RANKS


def test_both_ranks_report_the_gradients_that_they_averaged_and_losses_of_their_own(
    trained: DiagnosisServiceStub,
) -> None:
    both = []
    for run in ranks_of(trained, "sound"):
        request = GetTelemetryRequest(
            run=run.identity, scalars=["loss"], tensor_signals=["TENSOR_SIGNAL_GRADIENT_NORM"]
        )
        series = trained.GetTelemetry(request).series
        both.append({(each.signal, each.tensor): list(each.values) for each in series})
    first, second = both
    assert first.keys() == second.keys()
    assert len(first) == 7
    assert first.pop(("loss", "")) != second.pop(("loss", ""))
    assert first == second


def findings_of(service: DiagnosisServiceStub, name: str) -> dict[tuple[int, str], Finding]:
    """What is open among the ranks of a run: by rank and rule."""
    found = service.ListFindings(ListFindingsRequest(project="ddp", run_id=name)).findings
    among = ("straggling_rank", "diverging_replicas", "lost_rank")
    return {
        (each.run.rank, each.rule): each
        for each in found
        if each.rule in among and each.change != FINDING_CHANGE_RESOLVED
    }


def test_nothing_is_said_of_ranks_that_train_together(trained: DiagnosisServiceStub) -> None:
    assert findings_of(trained, "sound") == {}


def test_the_rank_that_the_other_waits_for_is_named(trained: DiagnosisServiceStub) -> None:
    (((rank, rule), finding),) = findings_of(trained, "slow").items()
    assert (rank, rule) == (1, "straggling_rank")
    assert "Rank 1 takes" in finding.summary


def test_replicas_that_part_are_found(trained: DiagnosisServiceStub) -> None:
    (((_, rule), finding),) = findings_of(trained, "apart").items()
    assert rule == "diverging_replicas"
    assert "weight" in finding.summary


def test_a_rank_that_was_killed_is_reported(trained: DiagnosisServiceStub) -> None:
    wait_until(lambda: findings_of(trained, "killed"))
    (((rank, rule), finding),) = findings_of(trained, "killed").items()
    assert (rank, rule) == (1, "lost_rank")
    assert "Rank 1 is gone" in finding.summary
    first, _ = ranks_of(trained, "killed")
    assert first.state == RUN_STATE_FAILED
