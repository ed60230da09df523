"""SNS: subscriptions of the protocol `lambda`.

Source: Amazon SNS Developer Guide, "Fanout to Lambda functions", and AWS Lambda Developer Guide, "Invoking Lambda
functions with Amazon SNS notifications".
"""

import json
from collections.abc import Mapping
from functools import wraps
from typing import Any

from stoker.neighbours.pushes import request
from stoker.neighbours.pushes.line import Line
from stoker.neighbours.pushes.records import DeadLetter, Push
from stoker.neighbours.pushes.signatures import Signatures
from stoker.neighbours.pushes.times import iso_ms

SERVICE = "sns.amazonaws.com"


def attach(line: Line) -> None:
    """Change moto's SNS, in this process."""
    from moto.sns.exceptions import SNSInvalidParameter
    from moto.sns.models import SNSBackend, Subscription, sns_backends

    signatures = Signatures(sns_backends)
    publish = Subscription.publish
    subscribe = SNSBackend.subscribe
    set_attributes = SNSBackend.set_subscription_attributes

    @wraps(publish)
    def publish_to_functions(self: Any, message: str, message_id: str, **named: Any) -> None:
        if self.protocol != "lambda":
            publish(self, message, message_id, **named)
            return
        attributes = named.get("message_attributes")
        matcher = self._filter_policy_matcher
        if matcher is not None and not matcher.matches(attributes, message):
            return
        if named.get("message_structure") == "json":
            message = self._parse_message_structure(message, self.protocol)
        notification = _notification(self, message, message_id, named.get("subject"), attributes, signatures)
        line.push(_push(self, notification))

    @wraps(subscribe)
    def subscribe_checked(self: Any, topic_arn: str, endpoint: str, protocol: str) -> Any:
        if protocol == "lambda" and topic_arn.endswith(".fifo"):
            raise SNSInvalidParameter("Invalid parameter: Invalid protocol type: lambda")
        return subscribe(self, topic_arn, endpoint, protocol)

    @wraps(set_attributes)
    def set_checked_attributes(self: Any, arn: str, name: str, value: Any) -> None:
        subscription = self.subscriptions.get(arn)
        if name == "RawMessageDelivery" and str(value).lower() == "true" and _is_for_function(subscription):
            raise SNSInvalidParameter(
                "Invalid parameter: Attributes Reason: "
                "Delivery protocol [lambda] does not support raw message delivery."
            )
        set_attributes(self, arn, name, value)

    Subscription.publish = publish_to_functions
    SNSBackend.subscribe = subscribe_checked
    SNSBackend.set_subscription_attributes = set_checked_attributes


def _is_for_function(subscription: Any) -> bool:
    return subscription is not None and subscription.protocol == "lambda"


def _push(subscription: Any, notification: Mapping[str, Any]) -> Push:
    record = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription.arn,
        "Sns": notification,
    }
    event = json.dumps({"Records": [record]}, separators=(",", ":"), ensure_ascii=False)
    return Push(
        function=subscription.endpoint,
        kind="Event",
        payload=event,
        service=SERVICE,
        source_arn=subscription.topic.arn,
        source_account=subscription.topic.account_id,
        trace=request.trace(),
        dead_letter=_dead_letter(subscription, event),
    )


def _dead_letter(subscription: Any, event: str) -> DeadLetter | None:
    """SNS does not try again what a function's policy refuses or whose function is gone (Amazon SNS Developer Guide,
    "Amazon SNS dead-letter queues")."""
    policy = subscription.attributes.get("RedrivePolicy")
    try:
        queue_arn = json.loads(policy)["deadLetterTargetArn"] if policy else None
    except (ValueError, KeyError, TypeError):
        return None
    return DeadLetter(queue_arn, event) if queue_arn else None


def _notification(
    subscription: Any,
    message: str,
    message_id: str,
    subject: str | None,
    attributes: Mapping[str, Mapping[str, Any]] | None,
    signatures: Signatures,
) -> dict[str, Any]:
    """As it is for functions: the names of the last URLs are others than those that HTTP endpoints get."""
    region = subscription.topic.arn.split(":")[3]
    said = {
        "Message": message,
        "MessageId": message_id,
        **({"Subject": subject} if subject else {}),
        "Timestamp": iso_ms(),
        "TopicArn": subscription.topic.arn,
        "Type": "Notification",
    }
    return {
        "Type": said["Type"],
        "MessageId": message_id,
        "TopicArn": said["TopicArn"],
        "Subject": subject or None,
        "Message": message,
        "Timestamp": said["Timestamp"],
        "SignatureVersion": "1",
        "Signature": signatures.of(said),
        "SigningCertUrl": signatures.certificate_url(subscription.topic.account_id, region),
        "UnsubscribeUrl": f"https://sns.{region}.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={subscription.arn}",
        "MessageAttributes": {
            name: {"Type": attribute["Type"], "Value": str(attribute["Value"])}
            for name, attribute in (attributes or {}).items()
        },
    }
