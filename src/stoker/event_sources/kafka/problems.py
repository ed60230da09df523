"""What keeps a topic from being read, in AWS's words where they are known.

Source: AWS Lambda Developer Guide, "Troubleshooting Kafka event source mapping errors". What the brokers or the library
say themselves comes after it.
"""

import re
from collections.abc import Sequence
from typing import Any

from stoker.event_sources.services import SourceProblem

_AUTHENTICATION = frozenset({"_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED", "UNSUPPORTED_SASL_MECHANISM"})
_AUTHORIZATION = frozenset({"TOPIC_AUTHORIZATION_FAILED", "GROUP_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED"})
_NO_TOPIC = frozenset({"UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC", "_UNKNOWN_PARTITION"})


# ` (after 3ms in state CONNECT, 7 identical error(s) suppressed)`, which is another each time.
_CIRCUMSTANCES = re.compile(r"( \(after [^()]*(\([^()]*\)[^()]*)*\))$")
_REFUSED_BY_SERVER = "SSL alert number"


def is_decisive(error: Any) -> bool:
    """Whether waiting is of no use: brokers that are away may come back by themselves, a wrong password does not."""
    return error.name() in _AUTHENTICATION | {"_SSL"} or error.fatal() or _REFUSED_BY_SERVER in error.str()


def problem_of(error: Any, topics: Sequence[str]) -> SourceProblem:
    """`error` is a KafkaError."""
    name, said = error.name(), _CIRCUMSTANCES.sub("", error.str())
    if name in _NO_TOPIC:
        return SourceProblem(f"Topic not found: {', '.join(topics)}")
    return SourceProblem(f"{_phrase(name, said)} {said}")


def _phrase(name: str, said: str) -> str:
    if name in _AUTHENTICATION:
        return "SASL authentication failed."
    if name in _AUTHORIZATION:
        return "Cluster failed to authorize Lambda."
    if _REFUSED_BY_SERVER in said:
        return "Server failed to authenticate Lambda."
    if name == "_SSL":
        return "Lambda failed to authenticate server."
    if name == "_INVALID_ARG" and ("certificate" in said or "ssl.key" in said):
        return "Provided certificate or private key is invalid."
    return "Connection error."
