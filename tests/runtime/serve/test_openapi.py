"""The description says what the server does: tried by schemathesis, from the description."""

from typing import Any

import pytest
from digit_runtime.serve.description import description
from hypothesis import HealthCheck, settings

schemathesis = pytest.importorskip("schemathesis")
DOCUMENT = description()
CHECKS = schemathesis.checks.CHECKS
schema = schemathesis.openapi.from_dict(DOCUMENT)


@schema.parametrize()  # type: ignore[untyped-decorator]
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_is_described(case: Any, server: Any) -> None:
    # What bytes are a digit, or a picture, a schema cannot say.
    bodies = case.media_type not in (None, "application/json")
    unsaid = [CHECKS.get_by_names(["positive_data_acceptance"])[0]] if bodies else []
    case.call_and_validate(base_url=server.url, excluded_checks=unsaid, timeout=120)


@schema.parametrize()  # type: ignore[untyped-decorator]
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_operation_is_done_without_the_token(case: Any, guarded: Any) -> None:
    response = case.call(base_url=guarded.url, timeout=120)
    expected = (200, 405) if case.path in ("/healthz", "/readyz") else (401,)
    assert response.status_code in expected


def test_openapi_describes_the_paths_that_there_are(server: Any) -> None:
    document = server.ask("GET", "/openapi.json").json
    assert document == DOCUMENT
    for path, operations in document["paths"].items():
        for method in operations:
            assert server.ask(method.upper(), path).status not in (404, 405)


def test_openapi_names_what_can_be_asked_for(server: Any) -> None:
    parameters = DOCUMENT["components"]["parameters"]
    for model in server.ask("GET", "/models").json["models"]:
        for file in model["files"]:
            for name in ("format", "precision", "engine"):
                assert file[name] in parameters[name]["schema"]["enum"]
