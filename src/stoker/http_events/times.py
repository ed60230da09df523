"""The time of a request as the common log format has it, which events and access logs of AWS's show."""

from datetime import UTC, datetime

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def clf_time(epoch_s: float) -> str:
    """`05/Aug/2022:08:14:39 +0000`; not by strftime, whose months depend on the locale."""
    moment = datetime.fromtimestamp(epoch_s, UTC)
    return f"{moment.day:02}/{_MONTHS[moment.month - 1]}/{moment:%Y:%H:%M:%S} +0000"
