"""S3: event records as AWS sends them, atomic conditional writes, no half-enforced policies."""

import contextlib
import itertools
import json
import re
import threading
import time
from datetime import datetime, timezone
from urllib.parse import quote_plus

from moto.iam.access_control import PermissionResult
from moto.s3 import notifications
from moto.s3.models import FakeBucket, S3Backend
from moto.s3.responses import S3Response

EMPTY = "d41d8cd98f00b204e9800998ecf8427e"  # the MD5 of nothing, which is a delete marker's ETag
_deferred = threading.local()
_conditional = threading.Lock()
# Sequencers of one key must grow as S3's do (they are compared as hex strings).
_sequence = itertools.count(time.time_ns())


@contextlib.contextmanager
def deferred_events():
    """Holds back this thread's S3 events until the block is left."""
    _deferred.events = []
    try:
        yield
    finally:
        events, _deferred.events = _deferred.events, None
        made = {key for event_name, key, _ in events if event_name.startswith("s3:ObjectCreated:")}
        for event_name, key, send in events:
            # moto sets the tags of every new object, and tells of that as well.
            if not (key in made and event_name.startswith("s3:ObjectTagging:")):
                send()


def event_record(event_name, bucket, key, notification_id):
    """The body of a notification, in version 2.1 of S3's event structure."""
    item = {"key": quote_plus(key.name, safe="/"), "sequencer": f"{next(_sequence):016X}"}
    if bucket.is_versioned:
        item["versionId"] = key.version_id
    if event_name.endswith("DeleteMarkerCreated"):
        item["eTag"] = EMPTY
    elif "ObjectRemoved" not in event_name:
        item.update(size=key.size, eTag=key.etag.replace('"', ""))
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "awsRegion": bucket.region_name,
                "eventTime": now,
                "eventName": event_name.removeprefix("s3:"),
                "userIdentity": {"principalId": "AWS:LOCAL"},
                "requestParameters": {"sourceIPAddress": "127.0.0.1"},
                "responseElements": {"x-amz-request-id": item["sequencer"], "x-amz-id-2": item["sequencer"]},
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "configurationId": notification_id,
                    "bucket": {
                        "name": bucket.name,
                        "ownerIdentity": {"principalId": "LOCAL"},
                        "arn": bucket.arn,
                    },
                    "object": item,
                },
            }
        ]
    }


def apply():
    """Replaces moto's own event building and sending."""
    moto_send = notifications.send_event
    moto_put = S3Backend.put_object
    moto_request = S3Response.put_object
    moto_get_notifications = S3Response.get_bucket_notification
    moto_complete = S3Backend.complete_multipart_upload

    def send_event(account_id, event_name, bucket, key):
        if key is None:
            return
        pending = getattr(_deferred, "events", None)
        if pending is None:
            moto_send(account_id, event_name.value, bucket, key)
        else:
            pending.append((event_name.value, key.name, lambda: moto_send(account_id, event_name.value, bucket, key)))

    def put_object(self, *args, **kwargs):
        # A completed multipart upload is announced as such, not also as a Put.
        if kwargs.get("multipart") is not None:
            kwargs["disable_notification"] = True
        return moto_put(self, *args, **kwargs)

    def put_object_request(self, *args, **kwargs):
        # Between moto's look and its write, another conditional write may pass.
        if self.headers.get("If-None-Match") or self.headers.get("If-Match"):
            with _conditional:
                return moto_request(self, *args, **kwargs)
        return moto_request(self, *args, **kwargs)

    def complete_multipart_upload(self, *args, **kwargs):
        with _conditional:
            return moto_complete(self, *args, **kwargs)

    def get_notifications(self):
        # moto keeps EventBridgeConfiguration but does not tell it: who merges
        # his notifications into a bucket's would then switch EventBridge off.
        answer = moto_get_notifications(self)
        kept = self.backend.get_bucket_notification_configuration(self.bucket_name)
        if kept is None or kept.event_bridge is None:
            return answer
        status, headers, body = answer
        body = re.sub(r"(<NotificationConfiguration[^>]*)/>", r"\1></NotificationConfiguration>", body)  # one without others
        closing = "</NotificationConfiguration>"
        return status, headers, body.replace(closing, "<EventBridgeConfiguration/>" + closing)

    def send_sqs_message(account_id, event_body, queue_name, region_name):
        from moto.sqs.models import sqs_backends

        backend = sqs_backends[account_id][region_name]
        if queue_name in backend.queues:
            backend.send_message(queue_name=queue_name, message_body=json.dumps(event_body))

    # moto enforces bucket policies without their conditions, so that one which
    # denies requests without TLS would deny them all.
    FakeBucket.get_permission = lambda self, action, resource: PermissionResult.NEUTRAL
    notifications.send_event = send_event
    notifications._get_s3_event = event_record
    notifications._send_sqs_message = send_sqs_message
    S3Response.get_bucket_notification = get_notifications
    S3Backend.put_object = put_object
    S3Backend.complete_multipart_upload = complete_multipart_upload
    S3Response.put_object = put_object_request
