"""S3: overlapping notification configurations are refused, and every deletion sends an event.

moto accepts overlapping configurations, sends no event for a delete marker, one
for a deleted version only if it was the last, hides failed deliveries, and
delivers to queues, topics and functions whose policies do not allow it.
"""

import itertools
import json
import sys
import threading
import traceback
import uuid
from datetime import datetime, timezone

from moto.awslambda.utils import get_backend
from moto.s3 import notifications
from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeBucket, NotificationConfiguration, S3Backend
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

_muted = threading.local()
KINDS = {"topic": "TopicConfiguration", "queue": "QueueConfiguration", "cloud_function": "CloudFunctionConfiguration"}
OVERLAP = (
    "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules "
    "if the prefixes are overlapping for the same event type."
)


def apply(iam):
    """Replaces the storing of configurations, the events of deletions and the deliveries. s3_events must be applied before."""
    moto_set = FakeBucket.set_notification_configuration
    moto_delete = S3Backend.delete_object
    send_event = notifications.send_event

    def set_notification_configuration(self, wanted):
        if wanted:
            _refuse_overlaps(wanted)
        moto_set(self, wanted)

    def send_unless_muted(account_id, event_name, bucket, key):
        if not getattr(_muted, "on", False):
            send_event(account_id, event_name, bucket, key)

    def delete_object(self, bucket_name, key_name, version_id=None, bypass=False):
        bucket = self.get_bucket(bucket_name)
        before = [key for key in bucket.keys.getlist(key_name, []) if version_id in (None, str(key.version_id))]
        _muted.on = True
        try:
            done, meta = moto_delete(self, bucket_name, key_name, version_id, bypass)
        finally:
            _muted.on = False
        if done and bucket.is_versioned and version_id is None:
            event = notifications.S3NotificationEvent.OBJECT_REMOVED_DELETE_MARKER_CREATED_EVENT
            send_event(self.account_id, event, bucket, bucket.keys[key_name])
        elif done and before:
            event = notifications.S3NotificationEvent.OBJECT_REMOVED_DELETE_EVENT
            send_event(self.account_id, event, bucket, before[-1])
        return done, meta

    def send_sqs_message(account_id, event, queue_name, region_name):
        queue = sqs_backends[account_id][region_name].queues.get(queue_name)
        if queue is not None and _is_allowed(iam, account_id, event, "sqs:SendMessage", queue.queue_arn, queue.policy):
            sqs_backends[account_id][region_name].send_message(queue_name=queue_name, message_body=json.dumps(event))

    def send_sns_message(account_id, event, topic_arn, region_name):
        topic = sns_backends[account_id][region_name].get_topic(topic_arn)
        if _is_allowed(iam, account_id, event, "sns:Publish", topic_arn, topic.policy):
            sns_backends[account_id][region_name].publish(arn=topic_arn, message=json.dumps(event), subject="Amazon S3 Notification")

    def invoke_function(account_id, event, function_arn, region_name):
        function = get_backend(account_id, region_name).get_function(function_arn)
        if _is_allowed(iam, account_id, event, "lambda:InvokeFunction", function_arn, function.policy.statements):
            function.invoke(json.dumps(event), {}, {})

    FakeBucket.set_notification_configuration = set_notification_configuration
    S3Backend.delete_object = delete_object
    notifications.send_event = send_unless_muted
    notifications._get_test_event = test_event
    notifications._send_sqs_message = _logged(send_sqs_message)
    notifications._send_sns_message = _logged(send_sns_message)
    notifications._invoke_awslambda = _logged(invoke_function)


def _logged(deliver):
    """A delivery whose failure is logged: the object is stored even if its notification is lost."""

    def deliver_or_log(account_id, event, destination, region_name):
        try:
            deliver(account_id, event, destination, region_name)
        except Exception:
            print(f"a notification of S3 could not be delivered to {destination} and is lost:", file=sys.stderr)
            traceback.print_exc()

    return deliver_or_log


def _is_allowed(iam, account_id, event, action, resource, policy):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html"""
    bucket = event["Records"][0]["s3"]["bucket"]["arn"] if "Records" in event else f"arn:aws:s3:::{event['Bucket']}"
    context = {"aws:SourceArn": bucket, "aws:SourceAccount": account_id}
    return iam.allows_delivery("s3.amazonaws.com", action, resource, policy, context)


def test_event(bucket_name):
    """The message that S3 sends to a new destination."""
    return {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "Bucket": bucket_name,
        "RequestId": uuid.uuid4().hex[:16].upper(),
        "HostId": "LOCAL",
    }



def _refuse_overlaps(wanted):
    configuration = NotificationConfiguration(**{kind: wanted.get(name) for kind, name in KINDS.items()})
    entries = [entry for kind in KINDS for entry in getattr(configuration, kind)]
    for one, other in itertools.combinations(entries, 2):
        if _share_events(one, other) and _share_keys(one, other):
            raise S3ClientError("InvalidArgument", OVERLAP)


def _share_events(one, other):
    return any(
        a == b or a.endswith("*") and b.startswith(a[:-1]) or b.endswith("*") and a.startswith(b[:-1])
        for a in one.events
        for b in other.events
    )


def _share_keys(one, other):
    prefixes, suffixes = zip(_affixes(one), _affixes(other), strict=True)
    return (
        prefixes[0].startswith(prefixes[1]) or prefixes[1].startswith(prefixes[0])
    ) and (suffixes[0].endswith(suffixes[1]) or suffixes[1].endswith(suffixes[0]))


def _affixes(entry):
    rules = {rule["Name"].lower(): rule["Value"] or "" for rule in entry.filters.get("S3Key", {}).get("FilterRule", [])}
    return rules.get("prefix", ""), rules.get("suffix", "")
