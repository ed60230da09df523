"""Echoes what it is called with, by Invoke or by its URL."""

from typing import Any


def handler(event: dict[str, Any], context: object) -> object:
    if "requestContext" not in event:
        return event
    return {"statusCode": 200, "body": event["body"], "isBase64Encoded": event["isBase64Encoded"]}
