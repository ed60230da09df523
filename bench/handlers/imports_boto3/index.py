"""Gives back what it gets, after an import that most functions make."""

import boto3


def handler(event: object, context: object) -> object:
    assert boto3.__version__
    return event
