"""What the readers of one stream's mapping share."""

from dataclasses import dataclass

from stoker.clock import Clock
from stoker.event_sources.calls import FunctionCalls
from stoker.event_sources.processing_result import ProcessingResult
from stoker.event_sources.streams.failures import FailureDestination
from stoker.event_sources.streams.pacing import Pacing
from stoker.event_sources.streams.records import Stream
from stoker.event_sources.streams.store import CheckpointStore
from stoker.supervision import Background


@dataclass(frozen=True, slots=True)
class StreamWork:
    stream: Stream
    calls: FunctionCalls
    result: ProcessingResult
    destination: FailureDestination
    checkpoints: CheckpointStore
    pacing: Pacing
    background: Background
    clock: Clock
    payload_bytes_max: int
