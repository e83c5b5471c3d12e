"""`paramedic reproduce` against a real service whose workers decide as a test wants."""

import asyncio
import json
import signal
import subprocess
from pathlib import Path

import pytest

from paramedic.v1.reproduction_pb2 import REPRODUCTION_STATE_CANCELLED, CreateReproductionRequest, ReproductionSpec
from support.command import EXECUTABLE, environment, paramedic
from support.decisive import reproducing, ruined
from support.service import channel_to, identity, settings_in

DEADLINE = 60.0


@pytest.fixture
async def service(tmp_path):
    async with reproducing(settings_in(tmp_path)) as server:
        yield server


@pytest.fixture
async def ask(service):
    """Runs the command against the service, beside its event loop."""

    async def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        address = f"127.0.0.1:{service.grpc_port}"
        return await asyncio.to_thread(paramedic, "reproduce", *arguments, PARAMEDIC_URL=address)

    return run


@pytest.fixture
async def channel(service):
    async with channel_to(service.grpc_port) as channel:
        yield channel


def spec_file(directory: Path, title: str) -> Path:
    """A training with a remedy, written down; its title tells the worker what to do."""
    file = directory / "spec.toml"
    file.write_text(
        f'title = "{title}"\nsteps = 20\nrules = ["divergence"]\nloss = "mean_squared_error"\n'
        '[optimizer]\nname = "sgd"\nlearning_rate = 10.0\n'
        '[[model.layers]]\nkind = "Dense"\nunits = 1\ninput_shape = [-1, 4]\n'
        "[training]\nbatch_size = 16\n"
        "[data]\nsamples = 100\n"
        '[[data.inputs]]\nshape = [-1, 4]\ndtype = "float32"\n'
        '[[data.targets]]\nshape = [-1, 1]\ndtype = "float32"\nencoding = "continuous"\n'
        '[[arms]]\nname = "as reported"\n'
        '[[arms]]\nname = "lower"\npatch = {"optimizer.learning_rate" = {multiply = 0.1}}\n'
    )
    return file


async def test_a_run_is_followed_to_its_verdict_and_its_report(ask, channel, tmp_path):
    await ruined(channel)
    report = tmp_path / "report.html"
    done = await ask("project/run", "--report", str(report))
    assert done.returncode == 0, done.stderr
    assert "as reported, seed 2: final loss 12" in done.stdout
    assert "Reproduced, and a remedy found" in done.stdout
    assert "✔ fixed" in done.stdout
    assert "optimizer.learning_rate x 0.1" in done.stdout
    assert f"report: {report}" in done.stdout
    assert report.read_text().startswith("<!doctype html>")

    listed = await ask("--list")
    assert "project/run" in listed.stdout
    assert "remedy_found" in listed.stdout
    [document] = json.loads((await ask("--list", "--json")).stdout)["reproductions"]
    assert document["state"] == "finished"


async def test_programs_get_one_document_on_standard_output(ask, channel):
    await ruined(channel)
    done = await ask("project/run", "--json", "--seeds", "2", "--steps", "30")
    document = json.loads(done.stdout)
    assert document["verdict"]["kind"] == "remedy_found"
    assert (document["spec"]["seeds"], document["spec"]["steps"]) == (2, 30)
    assert "Reproduced, and a remedy found" in done.stderr


async def test_arms_of_ones_own_replace_the_remedies(ask, channel):
    await ruined(channel)
    done = await ask("project/run", "--json", "--arm", "optimizer.learning_rate*0.5", "--arm", "optimizer.name=adam")
    arms = json.loads(done.stdout)["spec"]["arms"]
    assert [arm["name"] for arm in arms] == ["as reported", "optimizer.learning_rate x 0.5", "optimizer.name = adam"]
    assert arms[1]["patch"] == {"optimizer.learning_rate": {"multiply": 0.5}}


@pytest.mark.parametrize(("title", "status"), [("hopeless", 3), ("healthy", 4), ("broken", 5)])
async def test_the_exit_status_tells_what_came_of_it(ask, tmp_path, title, status):
    done = await ask("--spec", str(spec_file(tmp_path, title)))
    assert done.returncode == status, (done.stdout, done.stderr)


async def test_ctrl_c_cancels_it(service, tmp_path):
    process = await asyncio.create_subprocess_exec(
        EXECUTABLE,
        "reproduce",
        "--spec",
        str(spec_file(tmp_path, f"wait={tmp_path / 'never'}")),
        env=environment(PARAMEDIC_URL=f"127.0.0.1:{service.grpc_port}"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE):
        assert b"is queued" in await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        told = await process.stdout.read()
        assert await process.wait() == 130
    assert b"the reproduction was cancelled" in told
    page = await service.reproductions.service.list()
    assert [each.state for each in page.items] == [REPRODUCTION_STATE_CANCELLED]


async def test_one_is_cancelled_by_its_id(ask, service, channel, tmp_path):
    await ruined(channel)
    request = CreateReproductionRequest(run=identity("run"), spec=ReproductionSpec(title=f"wait={tmp_path / 'never'}"))
    created = await service.reproductions.requests.create(request)
    done = await ask("--cancel", created.id)
    assert done.returncode == 0
    assert "cancelled" in done.stdout
    missing = await ask("--cancel", "none")
    assert missing.returncode == 1
    assert "there is no reproduction 'none'" in missing.stderr


async def test_scenarios_are_listed(ask):
    table = (await ask("--list-scenarios")).stdout
    assert "learning-rate-10" in table
    documents = json.loads((await ask("--list-scenarios", "--json")).stdout)["scenarios"]
    assert all(each["claim"] and each["arms"] for each in documents)


async def test_every_scenario_is_reproduced_by_one_command(ask):
    done = await ask("--all-scenarios", "--json", "--seeds", "2", "--steps", "20")
    outcomes = json.loads(done.stdout)["scenarios"]
    listed = json.loads((await ask("--list-scenarios", "--json")).stdout)["scenarios"]
    assert [each["scenario"] for each in outcomes] == [each["name"] for each in listed]
    by_name = {each["scenario"]: each for each in outcomes}
    # This worker lets every fault come back and every remedy work, which is what this one's source claims.
    assert by_name["learning-rate-10"]["as_claimed"]
    assert by_name["learning-rate-10"]["outcome"].startswith("remedy found, ")
    # And it is not what sound trainings do; the table says so, and so does the exit status.
    sound = next(each for each in outcomes if not each["as_known"])
    assert sound["standing"].startswith("not as claimed")
    assert done.returncode == 3
    assert "as claimed" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        ((), 2, "name one thing"),
        (("project/run", "--scenario", "learning-rate-10"), 2, "name one thing"),
        (("run",), 2, "names no run"),
        (("project/none",), 1, "no run 'none'"),
        (("--scenario", "none"), 1, "there is no scenario 'none'"),
        (("--scenario", "learning-rate-10", "--steps", "1000000"), 2, "steps: "),
        (("--scenario", "learning-rate-10", "--arm", "nonsense"), 2, "--arm 'nonsense'"),
        (("--spec", "missing.json"), 2, "missing.json cannot be read"),
    ],
)
async def test_what_makes_no_sense_is_told_in_a_line(ask, arguments, status, told):
    done = await ask(*arguments)
    assert done.returncode == status
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
