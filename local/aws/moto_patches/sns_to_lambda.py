"""SNS: messages for functions go to the Lambda host, in the form of Lambda's SNS event.

moto's event contains neither the topic nor the message ID, and moto does not
check the permission of the topic to invoke the function.
"""

import sys

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.utils import get_backend
from moto.sns.models import Subscription

import policies


def apply(host):
    """Replaces the delivery to functions."""
    moto_publish = Subscription.publish

    def publish(self, message, message_id, subject=None, message_attributes=None, **more):
        if self.protocol != "lambda":
            return moto_publish(self, message, message_id, subject=subject, message_attributes=message_attributes, **more)
        matcher = self._filter_policy_matcher
        if matcher is not None and not matcher.matches(message_attributes, message):
            return
        if more.get("message_structure") == "json":
            message = self._parse_message_structure(message, self.protocol)
        if not _allowed(self):
            # The publisher gets no error, as in AWS.
            print(
                f"{self.topic.arn} may not invoke {self.endpoint}: the function does not exist or has no AWS::Lambda::Permission for sns.amazonaws.com",
                file=sys.stderr,
            )
            return
        host.invoke_async(self.endpoint, event(self, message, message_id, subject, message_attributes))

    Subscription.publish = publish


def event(subscription, message, message_id, subject, message_attributes):
    """The event of a message: https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html"""
    sent = subscription.get_post_data(message, message_id, subject)
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": subscription.arn,
                "Sns": {
                    **{key: sent[key] for key in ("Type", "MessageId", "TopicArn", "Message", "Timestamp", "SignatureVersion", "Signature")},
                    "Subject": subject,
                    "SigningCertUrl": sent["SigningCertURL"],
                    "UnsubscribeUrl": sent["UnsubscribeURL"],
                    "MessageAttributes": message_attributes or {},
                },
            }
        ]
    }


def _allowed(subscription):
    region = subscription.endpoint.split(":")[3]
    try:
        function = get_backend(subscription.account_id, region).get_function(subscription.endpoint)
    except UnknownFunctionException:
        return False
    context = {"aws:SourceArn": subscription.topic.arn, "aws:SourceAccount": subscription.account_id}
    request = policies.Request(policies.service("sns.amazonaws.com"), "lambda:InvokeFunction", subscription.endpoint, context)
    return policies.resource_allows(function.policy.statements, request)
