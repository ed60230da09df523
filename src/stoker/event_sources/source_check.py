"""Whether a source is there, and fits the function: CreateEventSourceMapping asks it (reference: event sources, 1.4).

Sources that are not polled are not asked; whether a broker has the queue is seen when it is read.
"""

from collections.abc import Callable, Mapping

from botocore.exceptions import BotoCoreError, ClientError

from stoker.arn import Arn, split_arn
from stoker.errors import InvalidParameterValueException
from stoker.event_sources.rabbitmq.brokers import ActiveMqError, Brokers
from stoker.event_sources.records import EventSource, SourceKind
from stoker.event_sources.rules import KAFKA_CONFIGS
from stoker.event_sources.services import Services, error_code
from stoker.event_sources.sources.dynamodb_streams import DynamoDbStream
from stoker.event_sources.sources.kinesis import KinesisStream
from stoker.event_sources.sources.sqs import SqsQueue, is_missing_queue
from stoker.event_sources.streams.records import Stream
from stoker.functions.unsupported import not_supported
from stoker.neighbours.errors import NeighbourError

QUEUE_MISSING = (
    "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
    "SQS Error Message: The specified queue does not exist."
)
KAFKA_FUNCTION_TIMEOUT_S_MAX = 14 * 60
_QUEUES = (SourceKind.SQS, SourceKind.SQS_FIFO)
_STREAMS: Mapping[SourceKind, Callable[[Services, str, Arn], Stream]] = {
    SourceKind.KINESIS: KinesisStream,
    SourceKind.DYNAMODB: DynamoDbStream,
}


class SourceCheck:
    """Asks the sources themselves."""

    def __init__(self, services: Services, brokers: Brokers) -> None:
        self._services = services
        self._brokers = brokers

    async def check(self, source: EventSource, function_timeout_s: int, *, is_enabled: bool) -> None:
        """Raises InvalidParameterValueException, also when nobody can be asked.

        Of brokers only RabbitMQ's are read; a mapping that is not enabled may have any.
        """
        if source.kind in KAFKA_CONFIGS and function_timeout_s > KAFKA_FUNCTION_TIMEOUT_S_MAX:
            # AWS's text is not known.
            raise InvalidParameterValueException(
                f"Function timeout: {function_timeout_s} seconds is greater than the {KAFKA_FUNCTION_TIMEOUT_S_MAX} "
                f"seconds that functions of {source.kind.value} may have"
            )
        arn = split_arn(source.arn or "")
        if arn is None:
            return
        try:
            if source.kind in _QUEUES:
                await _check_queue(SqsQueue(self._services, arn), function_timeout_s)
            elif source.kind in _STREAMS:
                await _STREAMS[source.kind](self._services, str(source.arn), arn).facts()
            elif source.kind is SourceKind.MQ and is_enabled:
                await self._brokers.endpoint(arn)
        except ActiveMqError as error:
            raise not_supported(f"reading from Apache ActiveMQ ({error}), only mappings with Enabled=false,") from None
        except ClientError as error:
            raise InvalidParameterValueException(_said_of(source, error)) from None
        except (NeighbourError, BotoCoreError) as error:
            raise InvalidParameterValueException(str(error)) from None


async def _check_queue(queue: SqsQueue, function_timeout_s: int) -> None:
    await queue.open()
    timeout_s = await queue.visibility_timeout_s()
    if timeout_s < function_timeout_s:
        raise InvalidParameterValueException(
            f"Queue visibility timeout: {timeout_s} seconds is less than Function timeout: {function_timeout_s} seconds"
        )


def _said_of(source: EventSource, error: ClientError) -> str:
    """What is not known of AWS is said in its words for an unknown queue."""
    if source.kind not in _QUEUES:
        is_missing = error_code(error) == "ResourceNotFoundException"
        return f"Stream not found: {source.arn}" if is_missing else str(error)
    if is_missing_queue(error):
        return QUEUE_MISSING
    message = error.response.get("Error", {}).get("Message", "")
    return f"Error occurred while ReceiveMessage. SQS Error Code: {error_code(error)}. SQS Error Message: {message}"
