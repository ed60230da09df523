"""What a client of the SQS API can be told went wrong.

Two names each: that of the service's model, which clients of today read, and that of the query protocol, which older
ones read and newer ones find in a header. Source: Amazon SQS API Reference, the errors of each action.
"""

from stoker.errors import LambdaError


class QueueError(LambdaError):
    """An error of this API: status 400 for what the client did."""

    status = 400
    message_member = "message"

    def __init__(self, code: str, message: str, query_code: str | None = None) -> None:
        super().__init__(message, has_type=False, code=code, query_code=query_code or code)


def no_queue() -> QueueError:
    return QueueError(
        "QueueDoesNotExist", "The specified queue does not exist.", "AWS.SimpleQueueService.NonExistentQueue"
    )


def queue_exists(attribute: str) -> QueueError:
    return QueueError(
        "QueueNameExists",
        f"A queue already exists with the same name and a different value for attribute {attribute}",
        "QueueAlreadyExists",
    )


def missing(parameter: str) -> QueueError:
    return QueueError("MissingParameter", f"The request must contain the parameter {parameter}.")


def invalid_value(message: str) -> QueueError:
    return QueueError("InvalidParameterValue", message)


def invalid(value: object, parameter: str, reason: str) -> QueueError:
    return invalid_value(f"Value {value} for parameter {parameter} is invalid. Reason: {reason}")


def invalid_address(url: str) -> QueueError:
    return QueueError("InvalidAddress", f"The address {url[:256]} is not valid for this endpoint.")


def unknown_attribute(name: str) -> QueueError:
    return QueueError("InvalidAttributeName", f"Unknown Attribute {name[:256]}.")


def invalid_attribute(name: str, reason: str = "") -> QueueError:
    return QueueError("InvalidAttributeValue", f"Invalid value for the parameter {name}.{reason and f' {reason}'}")


def invalid_contents() -> QueueError:
    return QueueError(
        "InvalidMessageContents",
        "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | "
        "#x10000 to #x10FFFF",
    )


def unsupported(message: str) -> QueueError:
    return QueueError("UnsupportedOperation", message, "AWS.SimpleQueueService.UnsupportedOperation")


def bad_handle(handle: str) -> QueueError:
    return QueueError(
        "ReceiptHandleIsInvalid", f'The input receipt handle "{handle[:512]}" is not a valid receipt handle.'
    )


def expired_handle(handle: str) -> QueueError:
    return invalid(handle, "ReceiptHandle", "The receipt handle has expired.")


def gone_message(handle: str) -> QueueError:
    return invalid(handle, "ReceiptHandle", "Message does not exist or is not available for visibility timeout change.")


def not_in_flight() -> QueueError:
    return QueueError(
        "MessageNotInflight",
        "The specified message isn't in flight.",
        "AWS.SimpleQueueService.MessageNotInflight",
    )


def over_limit(messages: int) -> QueueError:
    return QueueError("OverLimit", f"Too many messages in flight: the limit is {messages}.", "OverLimit")


def purge_in_progress(name: str) -> QueueError:
    return QueueError(
        "PurgeQueueInProgress",
        f"Only one PurgeQueue operation on {name} is allowed every 60 seconds.",
        "AWS.SimpleQueueService.PurgeQueueInProgress",
    )


def no_resource(message: str) -> QueueError:
    return QueueError("ResourceNotFoundException", message)


class AccessDeniedError(QueueError):
    """No policy lets this account do that."""

    status = 403

    def __init__(self, url: str) -> None:
        super().__init__("AccessDenied", f"Access to the resource {url} is denied.")


def batch_error(kind: str, message: str) -> QueueError:
    return QueueError(kind, message, f"AWS.SimpleQueueService.{kind}")
