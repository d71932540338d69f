"""S3: event records in the form of AWS, and atomic conditional writes.

moto sends the event of an object before the object is complete, an additional
one for a completed multipart upload and for the tags of a new object, does not
return EventBridgeConfiguration, checks and writes a conditional write in two
steps, and enforces bucket policies without their conditions (cross_account
evaluates them instead).
"""

import contextlib
import itertools
import re
import threading
import time
from datetime import datetime, timezone
from urllib.parse import quote_plus

from moto.iam.access_control import PermissionResult
from moto.s3 import notifications
from moto.s3.models import FakeBucket, S3Backend
from moto.s3.responses import S3Response

EMPTY = "d41d8cd98f00b204e9800998ecf8427e"  # the MD5 of no bytes, which is the ETag of a delete marker
_deferred = threading.local()
_conditional = threading.Lock()
# The sequencers of a key must increase as those of S3 do, compared as hexadecimal strings.
_sequence = itertools.count(time.time_ns())


@contextlib.contextmanager
def deferred_events():
    """Sends the S3 events of this thread at the end of the block."""
    _deferred.events = []
    try:
        yield
    finally:
        events, _deferred.events = _deferred.events, None
        created = {key for event_name, key, _ in events if event_name.startswith("s3:ObjectCreated:")}
        for event_name, key, send in events:
            # moto sets the tags of every new object, and sends an event for that as well.
            if not (key in created and event_name.startswith("s3:ObjectTagging:")):
                send()


def event_record(event_name, bucket, key, notification_id):
    """The body of a notification, in version 2.1 of the event structure of S3.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
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
    """Replaces the building and sending of events, and the conditional writes."""
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
        # A completed multipart upload has an event of its own, and no Put event.
        if kwargs.get("multipart") is not None:
            kwargs["disable_notification"] = True
        return moto_put(self, *args, **kwargs)

    def put_object_request(self, *args, **kwargs):
        # Between moto's check and its write, another conditional write could succeed.
        if self.headers.get("If-None-Match") or self.headers.get("If-Match"):
            with _conditional:
                return moto_request(self, *args, **kwargs)
        return moto_request(self, *args, **kwargs)

    def complete_multipart_upload(self, *args, **kwargs):
        with _conditional:
            return moto_complete(self, *args, **kwargs)

    def get_notifications(self):
        # moto stores EventBridgeConfiguration but does not return it: a client
        # that merges its notifications into those of a bucket would disable EventBridge.
        response = moto_get_notifications(self)
        stored = self.backend.get_bucket_notification_configuration(self.bucket_name)
        if stored is None or stored.event_bridge is None:
            return response
        status, headers, body = response
        body = re.sub(r"(<NotificationConfiguration[^>]*)/>", r"\1></NotificationConfiguration>", body)  # an empty one
        closing = "</NotificationConfiguration>"
        return status, headers, body.replace(closing, "<EventBridgeConfiguration/>" + closing)


    # moto enforces bucket policies without their conditions: one that denies
    # requests without TLS would deny all of them.
    FakeBucket.get_permission = lambda self, action, resource: PermissionResult.NEUTRAL
    notifications.send_event = send_event
    notifications._get_s3_event = event_record

    S3Response.get_bucket_notification = get_notifications
    S3Backend.put_object = put_object
    S3Backend.complete_multipart_upload = complete_multipart_upload
    S3Response.put_object = put_object_request
