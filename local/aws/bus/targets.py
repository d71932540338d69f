"""Targets of rules and schedules: functions, queues and topics."""

import json
import sys
import traceback

from fixes.policies import Request, allows
from moto.awslambda.utils import get_backend
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

ACTIONS = {"lambda": "lambda:InvokeFunction", "sqs": "sqs:SendMessage", "sns": "sns:Publish"}


class Refused(Exception):
    """A delivery that EventBridge does not repeat; code is what its dead-letter queue is told."""

    def __init__(self, code, why):
        super().__init__(why)
        self.code = code


class Targets:
    """Brings events to where they go."""

    def __init__(self, lambda_host):
        self.lambda_host = lambda_host

    def send(self, target, body, source, permit):
        """Delivers a text; permit raises Refused. Returns what went wrong, if anything.

        What cannot be delivered goes to the dead-letter queue, or is lost, at
        once: AWS would not repeat a refusal either, and nothing here is
        unavailable for a while.
        """
        arn = target["Arn"]
        try:
            self._send(arn, body, permit)
            return None
        except Exception as error:  # whoever caused the event knows nothing of its targets
            if not isinstance(error, Refused):
                traceback.print_exc()
            print(f"{source} does not reach {arn}: {error}", file=sys.stderr)
            dead = target.get("DeadLetterConfig", {}).get("Arn")
            if dead:
                self._give_up(dead, body, permit, {"RULE_ARN": source, "TARGET_ARN": arn, "ERROR_MESSAGE": str(error)}, error)
            return error

    def _give_up(self, queue, body, permit, attributes, why):
        attributes["ERROR_CODE"] = why.code if isinstance(why, Refused) else "SDK_CLIENT_ERROR"
        try:
            permit(self._policy(queue), ACTIONS["sqs"], queue)
        except Refused as error:
            print(f"{attributes['RULE_ARN']} does not reach its dead-letter queue {queue}: {error}", file=sys.stderr)
            return
        self._enqueue(queue, body, {name: {"data_type": "String", "string_value": value} for name, value in attributes.items()})

    def _send(self, arn, body, permit):
        service, region, account = arn.split(":")[2:5]
        if service not in ACTIONS:
            raise Refused("NO_RESOURCE", "the local run sends to functions, queues and topics only")
        permit(self._policy(arn), ACTIONS[service], arn)
        if service == "lambda":
            self.lambda_host.invoke_async(arn, json.loads(body))
        elif service == "sqs":
            self._enqueue(arn, body, None)
        else:
            sns_backends[account][region].publish(arn=arn, message=body)

    @staticmethod
    def _policy(arn):
        """The target's own policy; Refused if there is no such target."""
        service, region, account = arn.split(":")[2:5]
        try:
            if service == "lambda":
                return {"Statement": get_backend(account, region).get_function(arn).policy.statements}
            if service == "sqs":
                return sqs_backends[account][region].get_queue(arn.split(":")[5]).policy
            return sns_backends[account][region].get_topic(arn).policy
        except Exception as error:  # moto raises differing classes for a name it does not know
            raise Refused("NO_RESOURCE", f"there is no {arn}") from error

    @staticmethod
    def _enqueue(arn, body, attributes):
        region, account, name = arn.split(":")[3:6]
        sqs_backends[account][region].send_message(queue_name=name, message_body=body, message_attributes=attributes)


def permitted_by_target(source, account):
    """For rules: EventBridge asks the target's own policy."""

    def permit(policy, action, arn):
        keys = {"aws:SourceArn": source, "aws:SourceAccount": account}
        if not allows(policy, Request({"Service": "events.amazonaws.com"}, action, arn, keys)):
            raise Refused("NO_PERMISSIONS", f"its policy does not allow events.amazonaws.com {action} for {source}")

    return permit
