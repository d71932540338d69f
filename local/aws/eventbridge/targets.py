"""Delivers events of rules and schedules to their targets: functions, queues and topics."""

import json
import sys
import traceback

import policies
from iam_enforcement import keys
from moto.awslambda.utils import get_backend
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

ACTIONS = {"lambda": "lambda:InvokeFunction", "sqs": "sqs:SendMessage", "sns": "sns:Publish"}


class DeliveryRefused(Exception):
    """A delivery that EventBridge does not retry; code is the ERROR_CODE in its dead-letter queue."""

    def __init__(self, code, reason):
        super().__init__(reason)
        self.code = code


class Targets:
    """Delivers events to targets."""

    def __init__(self, lambda_host):
        self.lambda_host = lambda_host

    def send(self, target, body, source, permit):
        """Delivers a body; permit raises DeliveryRefused. Returns the error, or None.

        What cannot be delivered is sent to the dead-letter queue without a retry,
        or lost: EventBridge does not retry a refusal either, and no target is
        unavailable for a time here.
        """
        arn = target["Arn"]
        try:
            self._send(arn, body, permit)
            return None
        except Exception as error:  # the request that caused the event must not fail
            if not isinstance(error, DeliveryRefused):
                traceback.print_exc()
            print(f"{source} cannot deliver to {arn}: {error}", file=sys.stderr)
            dead_letter_queue = target.get("DeadLetterConfig", {}).get("Arn")
            if dead_letter_queue:
                attributes = {"RULE_ARN": source, "TARGET_ARN": arn, "ERROR_MESSAGE": str(error)}
                self._send_to_dead_letter_queue(dead_letter_queue, body, permit, attributes, error)
            return error

    def _send_to_dead_letter_queue(self, queue, body, permit, attributes, cause):
        attributes["ERROR_CODE"] = cause.code if isinstance(cause, DeliveryRefused) else "SDK_CLIENT_ERROR"
        try:
            permit(self._policy(queue), ACTIONS["sqs"], queue)
        except DeliveryRefused as error:
            print(f"{attributes['RULE_ARN']} cannot deliver to its dead-letter queue {queue}: {error}", file=sys.stderr)
            return
        self._enqueue(queue, body, {name: {"data_type": "String", "string_value": value} for name, value in attributes.items()})

    def _send(self, arn, body, permit):
        service, region, account = arn.split(":")[2:5]
        if service not in ACTIONS:
            raise DeliveryRefused("NO_RESOURCE", "the local EventBridge sends events to functions, queues and topics only")
        permit(self._policy(arn), ACTIONS[service], arn)
        if service == "lambda":
            self.lambda_host.invoke_async(arn, json.loads(body))
        elif service == "sqs":
            self._enqueue(arn, body, None)
        else:
            sns_backends[account][region].publish(arn=arn, message=body)

    @staticmethod
    def _policy(arn):
        """The resource policy of the target; DeliveryRefused if the target does not exist."""
        service, region, account = arn.split(":")[2:5]
        try:
            if service == "lambda":
                return get_backend(account, region).get_function(arn).policy.statements
            if service == "sqs":
                return sqs_backends[account][region].get_queue(arn.split(":")[5]).policy
            return sns_backends[account][region].get_topic(arn).policy
        except Exception as error:  # moto raises various classes for a resource that does not exist
            raise DeliveryRefused("NO_RESOURCE", f"{arn} does not exist") from error

    @staticmethod
    def _enqueue(arn, body, attributes):
        region, account, name = arn.split(":")[3:6]
        sqs_backends[account][region].send_message(queue_name=name, message_body=body, message_attributes=attributes)


def permitted_by_target(source, account):
    """The permission check of rules, by the resource policy of the target."""

    def permit(policy, action, arn):
        # To a topic, EventBridge sends without these keys: the statement that allows it
        # may have no condition.
        # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions
        context = {} if action == ACTIONS["sns"] else {"aws:SourceArn": source, "aws:SourceAccount": account}
        if not policies.resource_allows(policy, policies.Request(policies.service("events.amazonaws.com"), action, arn, context)):
            raise DeliveryRefused("NO_PERMISSIONS", f"its policy does not allow events.amazonaws.com {action} for {source}")
        if not keys.service_may_send("events.amazonaws.com", arn):
            raise DeliveryRefused("NO_PERMISSIONS", "the policy of its KMS key does not allow events.amazonaws.com kms:GenerateDataKey and kms:Decrypt")

    return permit
