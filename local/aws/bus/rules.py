"""Rules: events of S3, and those put by PutEvents, go to the targets of the rules that match."""

import json
import uuid
from datetime import datetime, timezone

from moto.events.models import Rule, events_backends
from moto.s3 import notifications

from . import patterns
from .targets import permitted_by_target

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
REASONS = {
    "ObjectCreated:Put": "PutObject",
    "ObjectCreated:Post": "POST Object",
    "ObjectCreated:Copy": "CopyObject",
    "ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
    "ObjectRemoved:Delete": "DeleteObject",
    "ObjectRemoved:DeleteMarkerCreated": "DeleteObject",
}


def apply(targets):
    """Replaces moto's sending, which knows no functions and no topics, and hides every failure."""

    def send_to_targets(rule, event, transform_input=True):
        # moto's own addition is none of EventBridge's members.
        kept = {name: value for name, value in event.items() if name != "ingestion-time"}
        send(targets, rule, {**kept, "time": _time(event["time"])})

    def announce(account, bucket, event_name, key):
        event = s3_event(account, bucket, event_name, key)
        # Events of AWS's own services come to the default bus only.
        for rule in list(events_backends[account][bucket.region_name].event_buses["default"].rules.values()):
            send(targets, rule, event)

    Rule.send_to_targets = send_to_targets
    notifications._send_event_bridge_message = announce


def send(targets, rule, event):
    """Sends an event to each target of a rule that is on and matches."""
    pattern = rule.event_pattern.get_pattern()
    if rule.state != "ENABLED" or not pattern or not patterns.matches(pattern, event):
        return
    for target in list(rule.targets):
        body = target.get("Input") or json.dumps(event)
        targets.send(target, body, rule.arn, permitted_by_target(rule.arn, rule.account_id))


def s3_event(account, bucket, event_name, key):
    """An event of a bucket as EventBridge gets it: unlike in notifications, the key is not URL-encoded."""
    record = notifications._get_s3_event(event_name, bucket, key, "")["Records"][0]
    told = record["s3"]["object"]
    item = {"key": key.name, "sequencer": told["sequencer"]}
    names = {"size": "size", "eTag": "etag", "versionId": "version-id"}
    item.update({name: told[field] for field, name in names.items() if field in told})
    detail = {
        "version": "0",
        "bucket": {"name": bucket.name},
        "object": item,
        "request-id": told["sequencer"],
        "requester": account,
        "source-ip-address": "127.0.0.1",
    }
    plain = event_name.removeprefix("s3:")
    if plain in REASONS:
        detail["reason"] = REASONS[plain]
    if plain.startswith("ObjectRemoved:"):
        detail["deletion-type"] = "Delete Marker Created" if plain.endswith("MarkerCreated") else "Permanently Deleted"
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": notifications._detail_type(event_name),
        "source": "aws.s3",
        "account": account,
        "time": _time(datetime.now(timezone.utc).timestamp()),
        "region": bucket.region_name,
        "resources": [bucket.arn],
        "detail": detail,
    }


def _time(given):
    """A time as an event has it: in UTC, by the second."""
    if isinstance(given, str):
        return given
    return datetime.fromtimestamp(float(given), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
