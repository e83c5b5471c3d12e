import json
import math

from paramedic.v1 import description_pb2, finding_pb2, run_pb2
from paramedic_service.cli.documents import document, short_name


def test_what_was_omitted_is_null_where_omission_means_something():
    run = document(
        run_pb2.Run(identity=run_pb2.RunIdentity(project="digits", id="lstm"), state=run_pb2.RUN_STATE_RUNNING)
    )
    assert run == {
        "identity": {"project": "digits", "id": "lstm", "attempt": 0, "rank": 0},
        "name": "",
        "state": "running",
        "created_at": 0.0,
        "last_report_at": None,
        "last_step": None,
        "rows": 0,
        "last_sequence": 0,
        "open_findings": 0,
    }


def test_large_integers_stay_numbers():
    assert document(run_pb2.Run(last_step=2**60))["last_step"] == 2**60


def test_numbers_that_json_lacks_are_words():
    evidence = [finding_pb2.Evidence(value=value) for value in (math.nan, math.inf, -math.inf)]
    finding = document(finding_pb2.Finding(evidence=evidence))
    assert [each["value"] for each in finding["evidence"]] == ["NaN", "Infinity", "-Infinity"]
    json.dumps(finding, allow_nan=False)


def test_the_authors_own_settings_are_plain_json():
    description = description_pb2.RunDescription()
    description.config.update({"rate": math.nan, "layers": [64, {"kind": "lstm"}], "note": None})
    config = document(description)["config"]
    assert config == {"rate": "NaN", "layers": [64, {"kind": "lstm"}], "note": None}
    json.dumps(config, allow_nan=False)


def test_an_enum_value_of_a_newer_contract_is_its_number():
    assert short_name(finding_pb2.Severity.DESCRIPTOR, 9) == "9"
    assert short_name(finding_pb2.FindingChange.DESCRIPTOR, finding_pb2.FINDING_CHANGE_RESOLVED) == "resolved"
