"""Rules: events of S3 and of PutEvents are sent to the targets of the matching rules."""

import json
import uuid
from datetime import datetime, timezone

import event_patterns
from moto.events.models import Rule, events_backends
from moto.s3 import notifications

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
    """Replaces moto's delivery, which supports neither functions nor topics and hides every failure."""

    def send_to_targets(rule, event, transform_input=True):
        # EventBridge has no ingestion-time: moto adds it.
        members = {name: value for name, value in event.items() if name != "ingestion-time"}
        send(targets, rule, {**members, "time": _time(event["time"])})

    def send_s3_event(account, bucket, event_name, key):
        event = s3_event(account, bucket, event_name, key)
        # Events of AWS services are sent to the default bus only.
        for rule in list(events_backends[account][bucket.region_name].event_buses["default"].rules.values()):
            send(targets, rule, event)

    Rule.send_to_targets = send_to_targets
    notifications._send_event_bridge_message = send_s3_event


def send(targets, rule, event):
    """Sends an event to each target of a rule if the rule is enabled and matches."""
    pattern = rule.event_pattern.get_pattern()
    if rule.state != "ENABLED" or not pattern or not event_patterns.matches(pattern, event):
        return
    for target in list(rule.targets):
        body = target.get("Input") or json.dumps(event)
        targets.send(target, body, rule.arn, permitted_by_target(rule.arn, rule.account_id))


def s3_event(account, bucket, event_name, key):
    """The EventBridge event of an object. Unlike in notifications, the key is not URL-encoded."""
    record = notifications._get_s3_event(event_name, bucket, key, "")["Records"][0]["s3"]["object"]
    item = {"key": key.name, "sequencer": record["sequencer"]}
    names = {"size": "size", "eTag": "etag", "versionId": "version-id"}
    item.update({name: record[field] for field, name in names.items() if field in record})
    detail = {
        "version": "0",
        "bucket": {"name": bucket.name},
        "object": item,
        "request-id": record["sequencer"],
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
    """A time in the form of an event: UTC, in seconds."""
    if isinstance(given, str):
        return given
    return datetime.fromtimestamp(float(given), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
