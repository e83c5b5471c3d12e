"""Data loaders with workers, and cells that are run again: every process stays one run, and none of them hangs."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from paramedic.v1.diagnosis_pb2 import GetTelemetryRequest, ListRunsRequest
from paramedic.v1.diagnosis_pb2_grpc import DiagnosisServiceStub
from paramedic.v1.run_pb2 import RUN_STATE_FINISHED
from support.command import Service, environment, serving

DEADLINE = 180.0  # seconds; only a hanging training ever takes so long

PROLOGUE = """
import sys
import torch
import paramedic
from torch.utils.data import DataLoader, Dataset

torch.set_num_threads(1)


class Numbers(Dataset):
    def __len__(self):
        return 32

    def __getitem__(self, index):
        if torch.utils.data.get_worker_info() is not None:  # whatever a worker does with the run of its training
            run.log(10**6, loss=0.0)
            assert not run.recording and run.dropped == {}
        return torch.full((4,), float(index)), torch.tensor([float(index % 3)])


def train(run, epochs=2, **loading):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), 1e-4)
    watch = run.watch(model, optimizer)
    loader = DataLoader(Numbers(), batch_size=8, **loading)
    for _ in range(epochs):
        for x, y in loader:
            loss = torch.nn.functional.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            watch.log(loss=loss)
    watch.remove()
"""
BATCHES, EPOCHS = 4, 2
STEPS = list(range(1, BATCHES * EPOCHS + 1))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("service")) as service:
        yield service


def execute(script: str, service: Service, directory: Path) -> None:
    """Runs a training in which every warning is an error, in its workers as well; it must end well and say nothing."""
    path = directory / "train.py"
    path.write_text(PROLOGUE + script)
    variables = {"PARAMEDIC_URL": service.grpc, "PARAMEDIC_SPOOL_DIR": str(directory / "spool"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not list((directory / "spool").rglob("*.spool")), "something was not delivered"


def runs_of(service: Service, project: str) -> list[tuple[str, int, list[int]]]:
    """What the service has of a project: id, attempt and steps of each run, which must have finished."""
    with grpc.insecure_channel(service.grpc) as channel:
        stub = DiagnosisServiceStub(channel)
        found = []
        for run in stub.ListRuns(ListRunsRequest(project=project)).runs:
            assert run.state == RUN_STATE_FINISHED
            (loss,) = stub.GetTelemetry(GetTelemetryRequest(run=run.identity, scalars=["loss"])).series
            found.append((run.identity.id, run.identity.attempt, list(loss.steps)))
    return sorted(found)


def test_workers_that_are_forked_leave_the_run_alone(service: Service, tmp_path: Path) -> None:
    script = """
run = paramedic.init("fork", id="run")
for persistent in (False, True):
    train(run, num_workers=2, multiprocessing_context="fork", persistent_workers=persistent)
"""
    execute(script, service, tmp_path)
    assert runs_of(service, "fork") == [("run", 0, list(range(1, 2 * len(STEPS) + 1)))]


def test_processes_that_import_the_watched_script_begin_no_run_but_may_train(service: Service, tmp_path: Path) -> None:
    """Who is spawned imports the script: what is not behind `if __name__ == "__main__"` runs again in there."""
    script = """
run = paramedic.init("spawn", id="run")

def work(rank):
    with paramedic.init("spawn", id="process") as run:
        train(run)

if __name__ == "__main__":
    train(run, num_workers=1, multiprocessing_context="spawn", persistent_workers=True)
    torch.multiprocessing.spawn(work, nprocs=1)
"""
    execute(script, service, tmp_path)
    assert runs_of(service, "spawn") == [("process", 0, STEPS), ("run", 0, STEPS)]


def test_a_cell_that_is_run_again_ends_what_it_began(service: Service, tmp_path: Path) -> None:
    """Each run without an id is another; an id is one run, whose attempts follow each other."""
    script = """
for _ in range(3):
    run = paramedic.init("unnamed")
    train(run)
for _ in range(3):
    run = paramedic.init("named", id="run")
    train(run)
run = paramedic.init("logged", id="run")
weight = torch.ones(3, requires_grad=True)
for step in range(3):
    run.log(step, loss=(weight**2).sum())
"""
    execute(script, service, tmp_path)
    unnamed = runs_of(service, "unnamed")
    assert [(attempt, steps) for _, attempt, steps in unnamed] == [(0, STEPS)] * 3
    assert len({run for run, _, _ in unnamed}) == 3
    assert runs_of(service, "named") == [("run", attempt, STEPS) for attempt in range(3)]
    assert runs_of(service, "logged") == [("run", 0, [0, 1, 2])]
