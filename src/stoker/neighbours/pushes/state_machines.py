"""Step Functions: state machines run, in moto's interpreter of them, and their Lambda tasks call functions.

Source: AWS Step Functions Developer Guide, "Invoke an AWS Lambda function with Step Functions". The machine's role is
not asked: what its account may invoke, it may.
"""

import base64
import json
from functools import wraps
from typing import Any

from stoker.neighbours.pushes.line import Line
from stoker.neighbours.pushes.records import Kind, Push, Pushed


def attach(line: Line) -> None:
    """Change moto's Step Functions, in this process."""
    from moto.core.config import default_user_config
    from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_lambda
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task_lambda import StateTaskLambda

    def execute(env: Any, parameters: dict[str, Any], region: str, state_credentials: Any) -> None:
        account_id = state_credentials.role_arn.split(":")[4]
        pushed = line.push(_push(parameters, region, account_id))
        if pushed.is_refused:
            raise _client_error(pushed)
        if pushed.function_error:
            raise lambda_eval_utils.LambdaFunctionErrorException(pushed.function_error, pushed.payload)
        env.stack.append(_result(pushed))

    # Else machines are kept and never run.
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    lambda_eval_utils.execute_lambda_function_integration = execute
    state_task_service_lambda._SUPPORTED_API_PARAM_BINDINGS["invoke"].add("InvocationType")
    _name_errors(StateTaskLambda)


def _push(parameters: dict[str, Any], region: str, account_id: str) -> Push:
    kinds: dict[str, Kind] = {"Event": "Event", "DryRun": "DryRun"}
    payload = parameters.get("Payload") or b"{}"
    context = parameters.get("ClientContext") or ""
    return Push(
        function=_function_arn(parameters["FunctionName"], parameters.get("Qualifier"), region, account_id),
        kind=kinds.get(parameters.get("InvocationType", ""), "RequestResponse"),
        payload=payload.decode() if isinstance(payload, bytes) else str(payload),
        source_account=account_id,
        client_context=base64.b64decode(context).decode() if context else "",
    )


def _function_arn(name: str, qualifier: str | None, region: str, account_id: str) -> str:
    """Of a name, with or without a qualifier, or an ARN."""
    arn = name if name.startswith("arn:") else f"arn:aws:lambda:{region}:{account_id}:function:{name}"
    return f"{arn}:{qualifier}" if qualifier and arn.count(":") == 6 else arn


def _result(pushed: Pushed) -> dict[str, Any]:
    """As AWS shows it to a machine; of an event there is no payload."""
    result: dict[str, Any] = {"ExecutedVersion": pushed.executed_version} if pushed.executed_version else {}
    return {
        **result,
        "Payload": json.loads(pushed.payload) if pushed.payload else "",
        "SdkHttpMetadata": {
            "AllHttpHeaders": {"x-amzn-RequestId": [pushed.request_id]},
            "HttpHeaders": {"x-amzn-RequestId": pushed.request_id},
            "HttpStatusCode": pushed.status,
        },
        "SdkResponseMetadata": {"RequestId": pushed.request_id},
        "StatusCode": pushed.status,
    }


def _client_error(pushed: Pushed) -> Exception:
    from botocore.exceptions import ClientError

    response: Any = {
        "Error": {"Code": pushed.error, "Message": pushed.message},
        "ResponseMetadata": {"HTTPStatusCode": pushed.status, "RequestId": pushed.request_id},
    }
    error: Exception = ClientError(response, "Invoke")
    return error


def _name_errors(task: Any) -> None:
    """By the error's name, as machines catch it (`Lambda.TooManyRequestsException`): moto says `Exception`."""
    from botocore.exceptions import ClientError
    from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName

    from_error = task._from_error

    @wraps(from_error)
    def from_named_error(self: Any, env: Any, ex: Exception) -> Any:
        event = from_error(self, env, ex)
        if isinstance(ex, ClientError):
            name = f"Lambda.{ex.response['Error']['Code']}"
            event.error_name = CustomErrorName(name)
            event.event_details["lambdaFunctionFailedEventDetails"]["error"] = name
        return event

    task._from_error = from_named_error
