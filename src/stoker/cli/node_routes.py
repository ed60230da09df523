"""Asking a node what no AWS API has: its routes under `/_stoker/`."""

import json
from typing import Any

from stoker.cli.failures import NEXT_STEPS, CommandError
from stoker.cli.options import Options, credentials, region


def ask_node(options: Options, method: str, path: str, body: bytes = b"") -> dict[str, Any]:
    """The answer to a signed request. Raises CommandError, which says a refusal as for AWS's own operations."""
    endpoint, settings = options.endpoint(), options.load_settings()
    import urllib3
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest(method, endpoint + path, data=body, headers={"Content-Type": "application/json"})
    SigV4Auth(Credentials(*credentials(settings)), "lambda", region(settings)).add_auth(request)
    try:
        answer = urllib3.request(method, request.url, body=body, headers=dict(request.headers), retries=False)
    except urllib3.exceptions.HTTPError as error:
        raise CommandError(f"the node at {endpoint} does not answer: {error}") from None
    document: dict[str, Any] = json.loads(answer.data)
    if answer.status == 200:
        return document
    text = document.get("Message") or document.get("message") or f"the node answered {answer.status}"
    code = answer.headers.get("x-amzn-ErrorType", "")
    raise CommandError(f"{code}: {text}" if code else text, NEXT_STEPS.get(code, ""))
