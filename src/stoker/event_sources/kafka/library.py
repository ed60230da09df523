"""Whether this installation can speak to Kafka at all."""

import importlib.util

NEEDED = "confluent_kafka"
MISSING = "Reading from Apache Kafka needs the extra 'kafka' of Stoker on its node: pip install 'stoker[kafka]'"


def is_installed() -> bool:
    return importlib.util.find_spec(NEEDED) is not None
