"""Makes the poller of a mapping: which reader its source needs, and with what it works."""

from stoker.arn import split_arn
from stoker.clock import Clock
from stoker.database.engine import Database
from stoker.event_sources.calls import FunctionCalls
from stoker.event_sources.kafka.connection import Connections
from stoker.event_sources.kafka.reader import KafkaReader, KafkaWork
from stoker.event_sources.long_polls import LongPolls
from stoker.event_sources.poller import Poller, Reader
from stoker.event_sources.processing_result import ProcessingResult
from stoker.event_sources.queue_reader import QueueReader, QueueWork
from stoker.event_sources.rabbitmq.brokers import Brokers
from stoker.event_sources.rabbitmq.reader import RabbitReader, RabbitWork
from stoker.event_sources.records import EventSourceMapping, SourceKind
from stoker.event_sources.rules import KAFKA_CONFIGS
from stoker.event_sources.services import Services
from stoker.event_sources.sources.dynamodb_streams import DynamoDbStream
from stoker.event_sources.sources.kinesis import KinesisStream
from stoker.event_sources.sources.sqs import SqsQueue
from stoker.event_sources.stopping import Stopping
from stoker.event_sources.store import MappingStore
from stoker.event_sources.streams.failures import FailureDestination
from stoker.event_sources.streams.pacing import Pacing
from stoker.event_sources.streams.reader import StreamReader
from stoker.event_sources.streams.records import Stream
from stoker.event_sources.streams.store import CheckpointStore
from stoker.event_sources.streams.work import StreamWork
from stoker.supervision import Background


class Readers:
    """Calling it with a mapping makes the poller; the pollers of a node share its threads and its pace."""

    def __init__(
        self,
        services: Services,
        rabbitmq_brokers: Brokers,
        kafka_connections: Connections,
        calls: FunctionCalls,
        database: Database,
        background: Background,
        clock: Clock,
        payload_bytes_max: int,
    ) -> None:
        self._services = services
        self._rabbitmq_brokers = rabbitmq_brokers
        self._calls = calls
        self._store = MappingStore(database)
        self._checkpoints = CheckpointStore(database)
        self._background = background
        self._clock = clock
        self._payload_bytes_max = payload_bytes_max
        self._kafka_connections = kafka_connections
        self._long_polls = LongPolls()
        self._pacing = Pacing()

    def __call__(self, mapping: EventSourceMapping) -> Poller:
        stopping = Stopping()
        result = ProcessingResult(self._store, mapping)
        if mapping.source.kind in (SourceKind.SQS, SourceKind.SQS_FIFO):
            reader: Reader = self._queue_reader(mapping, result, stopping)
        elif mapping.source.kind is SourceKind.MQ:
            reader = self._rabbit_reader(mapping, result, stopping)
        elif mapping.source.kind in KAFKA_CONFIGS:
            reader = self._kafka_reader(mapping, result, stopping)
        else:
            reader = self._stream_reader(mapping, result, stopping)
        return Poller(mapping, reader, result, stopping)

    def _queue_reader(self, mapping: EventSourceMapping, result: ProcessingResult, stopping: Stopping) -> QueueReader:
        arn = split_arn(str(mapping.source.arn))
        assert arn is not None  # it was split when the mapping was created
        work = QueueWork(
            queue=SqsQueue(self._services, arn),
            calls=self._calls,
            result=result,
            long_polls=self._long_polls,
            background=self._background,
            payload_bytes_max=self._payload_bytes_max,
        )
        return QueueReader(mapping, work, stopping)

    def _rabbit_reader(self, mapping: EventSourceMapping, result: ProcessingResult, stopping: Stopping) -> RabbitReader:
        arn = split_arn(str(mapping.source.arn))
        assert arn is not None  # it was split when the mapping was created
        work = RabbitWork(
            arn=arn,
            brokers=self._rabbitmq_brokers,
            calls=self._calls,
            result=result,
            payload_bytes_max=self._payload_bytes_max,
        )
        return RabbitReader(mapping, work, stopping)

    def _kafka_reader(self, mapping: EventSourceMapping, result: ProcessingResult, stopping: Stopping) -> KafkaReader:
        work = KafkaWork(
            services=self._services,
            connections=self._kafka_connections,
            calls=self._calls,
            result=result,
            background=self._background,
            clock=self._clock,
            payload_bytes_max=self._payload_bytes_max,
        )
        return KafkaReader(mapping, work, stopping)

    def _stream_reader(self, mapping: EventSourceMapping, result: ProcessingResult, stopping: Stopping) -> StreamReader:
        stream = stream_of(mapping, self._services)
        work = StreamWork(
            stream=stream,
            calls=self._calls,
            result=result,
            destination=FailureDestination(self._services, mapping, stream.name, self._clock, stopping),
            checkpoints=self._checkpoints,
            pacing=self._pacing,
            background=self._background,
            clock=self._clock,
            payload_bytes_max=self._payload_bytes_max,
        )
        return StreamReader(mapping, work, stopping)


def stream_of(mapping: EventSourceMapping, services: Services) -> Stream:
    """The stream of a mapping that has one."""
    source_arn = str(mapping.source.arn)
    arn = split_arn(source_arn)
    assert arn is not None  # it was split when the mapping was created
    kind = KinesisStream if mapping.source.kind is SourceKind.KINESIS else DynamoDbStream
    return kind(services, source_arn, arn)
