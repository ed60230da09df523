"""What a failed command says: one line that names the fault and what to do next, and an exit code."""

import sys
from urllib.parse import urlsplit

import click

from stoker.config import SettingsError

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

NEXT_STEPS = {
    "AccessDeniedException": 'use the node\'s credentials: eval "$(stoker env)"',
    "InvalidSignatureException": 'use the node\'s credentials: eval "$(stoker env)"',
    "MissingAuthenticationTokenException": 'use the node\'s credentials: eval "$(stoker env)"',
    "UnrecognizedClientException": 'use the node\'s credentials: eval "$(stoker env)"',
    "ResourceNotFoundException": "see what is there: stoker ls",
    "TooManyRequestsException": "try again in a moment",
}


class CommandError(Exception):
    """The operation failed. `next_step` is what to type or do about it."""

    def __init__(self, message: str, next_step: str = "", exit_code: int = EXIT_FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.exit_code = exit_code


def usage_error(message: str, next_step: str = "") -> CommandError:
    """The command was given something it cannot use."""
    return CommandError(message, next_step, EXIT_USAGE)


def report(error: CommandError) -> int:
    """Print the line; returns the exit code."""
    next_step = f" ({error.next_step})" if error.next_step else ""
    click.echo(f"stoker: {' '.join(error.message.split())}{next_step}", err=True)
    return error.exit_code


def explain(error: Exception) -> CommandError:
    """What to tell about an exception that no command expected."""
    if isinstance(error, CommandError):
        return error
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx else "stoker"
        return usage_error(error.format_message(), f"see: {command} --help")
    if isinstance(error, SettingsError):
        return usage_error(str(error), "every setting: docs/settings.md")
    if isinstance(error, click.ClickException):
        return CommandError(error.format_message())
    # Only when something has already loaded botocore can the error be one of its own.
    if "botocore.exceptions" in sys.modules and (told := _explain_botocore(error)):
        return told
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return CommandError(f"{where}{error.strerror}")
    return CommandError(f"unexpected {type(error).__name__}: {error}", "run it again with --debug for details")


def _explain_botocore(error: Exception) -> CommandError | None:
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        code = error.response["Error"].get("Code", "Unknown")
        text = error.response["Error"].get("Message") or error.response.get("message") or "no details were given"
        return CommandError(f"{code}: {text}", NEXT_STEPS.get(code, ""))
    if isinstance(error, exceptions.EndpointConnectionError | exceptions.ConnectTimeoutError):
        address = urlsplit(error.kwargs.get("endpoint_url", ""))
        return CommandError(f"no node answers at {address.scheme}://{address.netloc}", "start one: stoker up")
    if isinstance(error, exceptions.HTTPClientError):
        return CommandError(f"the node did not answer: {error}", "is it well? stoker status")
    if isinstance(error, exceptions.WaiterError):
        return CommandError(f"it did not become ready: {error.kwargs.get('reason')}", "look at it: stoker show NAME")
    if isinstance(error, exceptions.ParamValidationError):
        return usage_error(str(error).partition("\n")[2] or str(error))
    if isinstance(error, exceptions.BotoCoreError):
        return CommandError(str(error))
    if isinstance(error, ValueError) and "Invalid endpoint" in str(error):
        return usage_error(str(error), "an endpoint is a URL such as http://127.0.0.1:4566")
    return None
