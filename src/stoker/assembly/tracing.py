"""Where the segments of sampled invocations go: into memory, or to X-Ray elsewhere, and by OTLP."""

from dataclasses import dataclass

from stoker.assembly.ground import Ground
from stoker.assembly.rest_of_aws import RestOfAws
from stoker.neighbours.choices import Elsewhere
from stoker.neighbours.errors import NeighbourError
from stoker.supervision import supervise
from stoker.traces.collector import Receiver, TraceCollector
from stoker.traces.kept_traces import KeptTraces
from stoker.traces.otlp import OtlpExport
from stoker.traces.sending import Sender
from stoker.traces.xray_export import XRayExport


@dataclass(frozen=True, slots=True)
class Traces:
    """`kept` is what the node itself answers for X-Ray, None when X-Ray is elsewhere."""

    collector: TraceCollector
    kept: KeptTraces | None


def start_traces(ground: Ground, aws: RestOfAws) -> Traces:
    """From now on segments are taken."""
    settings, background, parts = ground.settings, ground.background, ground.parts
    senders = []
    if isinstance(aws.choices.of("xray"), Elsewhere):
        kept = None
        senders.append(Sender("X-Ray", XRayExport(aws.clients, NeighbourError).send))
    else:
        kept = KeptTraces()
    if settings.otlp_endpoint:
        senders.append(Sender("OTLP", OtlpExport(settings.otlp_endpoint).send))
    for sender in senders:
        background.start(supervise(sender.run, "sending traces"), "sending traces")
    receivers: list[Receiver] = [*senders] if kept is None else [kept, *senders]
    collector = TraceCollector(receivers, background)
    collector.start()
    parts.push_async_callback(collector.close)
    return Traces(collector, kept)
