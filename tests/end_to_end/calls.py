"""One call of a function, and its answer as the caller sees it."""

import base64
import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """`error` is X-Amz-Function-Error; `log` what `LogType=Tail` gave, decoded."""

    status: int
    body: bytes
    error: str | None
    version: str
    request_id: str
    log: str

    @property
    def value(self) -> Any:
        """The handler's result; fails the test if there was an error."""
        assert self.error is None, self.body
        return json.loads(self.body)

    @property
    def report(self) -> str:
        """The REPORT line; fails the test if the log has not got exactly one."""
        reports = [line for line in self.log.splitlines() if line.startswith("REPORT ")]
        assert len(reports) == 1, self.log
        return reports[0]

    def platform_error(self, kind: str, text: str) -> bytes:
        """What the platform answers for this request in AWS's own form (reference: runtime side, 5.1)."""
        document = {"errorType": kind, "errorMessage": f"RequestId: {self.request_id} Error: {text}"}
        return json.dumps(document, separators=(",", ":")).encode()


def invoke(client: Any, name: str, event: object = None, **parameters: Any) -> Answer:
    """Call with `event` as JSON (or `Payload=` as it is), and ask for the log."""
    parameters.setdefault("Payload", json.dumps({} if event is None else event))
    response = client.invoke(FunctionName=name, **({"LogType": "Tail"} | parameters))
    return Answer(
        status=response["StatusCode"],
        body=response["Payload"].read(),
        error=response.get("FunctionError"),
        version=response.get("ExecutedVersion", ""),
        request_id=response["ResponseMetadata"]["RequestId"],
        log=base64.b64decode(response.get("LogResult", "")).decode(errors="replace"),
    )


def log_messages(logs_client: Any, name: str) -> list[str]:
    """Everything in the function's log group, oldest first."""
    pages = logs_client.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{name}")
    return [event["message"] for page in pages for event in page["events"]]
