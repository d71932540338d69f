"""SNS: deliveries need the permission of the queue or function, and functions receive Lambda's SNS event.

moto delivers to every queue and function, and its event for functions contains
neither the topic nor the message ID.
"""

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.utils import get_backend
from moto.sns.models import Subscription
from moto.sqs.models import sqs_backends

PERMISSIONS = {"lambda": "lambda:InvokeFunction", "sqs": "sqs:SendMessage"}


def apply(lambda_host, iam):
    """Replaces the delivery to functions, and checks that to queues."""
    moto_publish = Subscription.publish

    def publish(self, message, message_id, subject=None, message_attributes=None, **more):
        matcher = self._filter_policy_matcher
        if self.protocol in PERMISSIONS and (matcher is None or matcher.matches(message_attributes, message)):
            context = {"aws:SourceArn": self.topic.arn, "aws:SourceAccount": self.account_id}
            action, to_function = PERMISSIONS[self.protocol], self.protocol == "lambda"
            if not iam.allows_delivery("sns.amazonaws.com", action, self.endpoint, _policy(self), context, always=to_function):
                return  # the publisher gets no error, as in AWS
        if self.protocol != "lambda":
            moto_publish(self, message, message_id, subject=subject, message_attributes=message_attributes, **more)
        elif matcher is None or matcher.matches(message_attributes, message):
            if more.get("message_structure") == "json":
                message = self._parse_message_structure(message, self.protocol)
            lambda_host.invoke_async(self.endpoint, event(self, message, message_id, subject, message_attributes))

    Subscription.publish = publish


def _policy(subscription):
    """The policy of the queue or function of a subscription; none if it does not exist."""
    region, account, name = subscription.endpoint.split(":")[3:6]
    if subscription.protocol == "sqs":
        queue = sqs_backends[account][region].queues.get(name)
        return queue.policy if queue is not None else None
    try:
        return get_backend(subscription.account_id, region).get_function(subscription.endpoint).policy.statements
    except UnknownFunctionException:
        return None


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
