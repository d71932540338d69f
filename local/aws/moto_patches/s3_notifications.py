"""S3: overlapping notification configurations are refused, and every deletion sends an event.

moto accepts overlapping configurations, sends no event for a delete marker, one
for a deleted version only if it was the last, and hides failures of SNS.
"""

import itertools
import json
import sys
import threading
import traceback
import uuid
from datetime import datetime, timezone

from moto.s3 import notifications
from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeBucket, NotificationConfiguration, S3Backend
from moto.sns.models import sns_backends

_muted = threading.local()
KINDS = {"topic": "TopicConfiguration", "queue": "QueueConfiguration", "cloud_function": "CloudFunctionConfiguration"}
OVERLAP = (
    "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules "
    "if the prefixes are overlapping for the same event type."
)


def apply():
    """Replaces the storing of configurations and the events of deletions. s3_events must be applied before."""
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

    FakeBucket.set_notification_configuration = set_notification_configuration
    S3Backend.delete_object = delete_object
    notifications.send_event = send_unless_muted
    notifications._get_test_event = test_event
    notifications._send_sns_message = send_sns_message


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


def send_sns_message(account_id, event_body, topic_arn, region_name):
    """Publishes a notification, and logs one that cannot be delivered."""
    try:
        sns_backends[account_id][region_name].publish(arn=topic_arn, message=json.dumps(event_body), subject="Amazon S3 Notification")
    except Exception:  # the object is stored even if its notification cannot be delivered
        print(f"a notification of S3 could not be published to {topic_arn} and is lost:", file=sys.stderr)
        traceback.print_exc()


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
