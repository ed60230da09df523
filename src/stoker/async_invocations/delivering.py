"""One delivery: send it, then write down that it has arrived, is to be sent again, or is given up."""

import logging

from stoker.async_invocations.counts import Counts
from stoker.async_invocations.destinations import DeliveryRefusedError, Destinations
from stoker.async_invocations.dispatch import Commit
from stoker.async_invocations.lane import FreePlace, Handled
from stoker.async_invocations.records import Change, Delivery, Postponement, Queued
from stoker.async_invocations.rules import due_after_failed_delivery
from stoker.clock import Clock

log = logging.getLogger("stoker.async_invocations")


class Delivering:
    """The work of the lanes of deliveries, which go to each destination one after the other."""

    def __init__(self, destinations: Destinations, commit: Commit, counts: Counts, clock: Clock) -> None:
        self._destinations = destinations
        self._commit = commit
        self._counts = counts
        self._clock = clock

    async def send(self, queued: Queued[Delivery], free_place: FreePlace) -> Handled:
        """A node that dies between the sending and its note sends it again: at least once."""
        try:
            await self._destinations.send(queued.item)
        except DeliveryRefusedError as error:
            return await self._failed(queued, error, is_refused=True)
        except Exception as error:  # a client, a connection, a service that is starting: all of them may be well later
            return await self._failed(queued, error, is_refused=False)
        free_place()
        await self._commit(Change(ended_deliveries=(queued.id,)))
        self._counts.delivered(_function_of(queued.item))
        return Handled()

    async def _failed(self, queued: Queued[Delivery], error: Exception, is_refused: bool) -> Handled:
        delivery = queued.item
        refused, away = queued.tries + is_refused, queued.refusals + (not is_refused)
        failures = refused if is_refused else away
        due_s = due_after_failed_delivery(failures, is_refused, delivery.ended_s, self._clock.now_s())
        if due_s is None:
            log.warning("the outcome of %s does not reach %s: %s", delivery.request_id, delivery.destination, error)
            self._counts.delivery_failed(_function_of(delivery))
            await self._commit(Change(ended_deliveries=(queued.id,)))
            return Handled()
        log.info("%s does not take the outcome of %s yet: %s", delivery.destination, delivery.request_id, error)
        if not is_refused:  # the destination is away: all that is for it waits, in its order
            due_s = delivery.ended_s
        await self._commit(Change(postponed_deliveries=(Postponement(queued.id, due_s, refused, away),)))
        return Handled(is_refused=not is_refused, due_s=due_s)


def _function_of(delivery: Delivery) -> str:
    """The unqualified ARN."""
    return delivery.function_arn.rpartition(":")[0]
