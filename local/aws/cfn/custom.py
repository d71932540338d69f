"""Custom resources: those of a function, and the two of the CDK that are applied directly."""

import hashlib
import json
import threading
import uuid

from .errors import Failed
from .kinds import Kind, Made, flag, is_gone, register

# How long a function that has returned may let its answer wait (it may have
# handed the work on), unless the resource says otherwise by ServiceTimeout.
PATIENCE = 60


class Responses:
    """Answers of custom resources, put by the function to its ResponseURL."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self._waiting = {}

    def expect(self):
        """A new response URL, and where its answer will appear."""
        token = uuid.uuid4().hex
        waiter = self._waiting[token] = Waiter()
        return f"{self.endpoint}/_local/cfn-response/{token}", waiter

    def deliver(self, token, answer):
        waiter = self._waiting.pop(token, None)
        if waiter:
            waiter.answer = answer
            waiter.event.set()


class Waiter:
    """One expected answer."""

    def __init__(self):
        self.event = threading.Event()
        self.answer = None


@register("AWS::CloudFormation::CustomResource")
class CustomResource(Kind):
    def check(self, properties):
        if not properties.get("ServiceToken", "").startswith("arn:aws:lambda:"):
            raise Failed("the local run supports custom resources whose ServiceToken is a Lambda function's ARN")

    def replaces(self, old, new):
        return old.get("ServiceToken") != new.get("ServiceToken")

    def create(self, context, properties):
        return self._call(context, "Create", properties)

    def update(self, context, physical_id, old, new):
        return self._call(context, "Update", new, PhysicalResourceId=physical_id, OldResourceProperties=old)

    def delete(self, context, physical_id, properties):
        self._call(context, "Delete", properties, PhysicalResourceId=physical_id)

    @staticmethod
    def _call(context, request_type, properties, **more):
        url, waiter = context.responses.expect()
        event = {
            "RequestType": request_type,
            "ServiceToken": properties["ServiceToken"],
            "ResponseURL": url,
            "StackId": context.stack_id,
            "RequestId": str(uuid.uuid4()),
            "LogicalResourceId": context.logical_id,
            "ResourceType": context.type,
            "ResourceProperties": _texts(properties),
            **{key: _texts(value) for key, value in more.items()},
        }
        function = properties["ServiceToken"]
        status, headers, body = context.lambda_host.forward(function, json.dumps(event).encode(), {})
        failed = status >= 300 or any(name.lower() == "x-amz-function-error" for name, _ in headers)
        # A create that fails is followed by a delete: of what its answer names,
        # or, without an answer, of an ID that is made up.
        left = context.name(255) if request_type == "Create" else None
        if failed and not waiter.event.is_set():
            raise Failed(f"{request_type} through {function} failed: {body.decode(errors='replace')[:1000]}", left)
        if not waiter.event.wait(float(properties.get("ServiceTimeout", PATIENCE))):
            raise Failed(f"{request_type}: {function} returned without answering to its ResponseURL", left)
        answer = waiter.answer
        physical_id = answer.get("PhysicalResourceId") or more.get("PhysicalResourceId") or left
        if answer.get("Status") != "SUCCESS":
            why = f"{request_type} was answered with {answer.get('Status')}: {answer.get('Reason', 'no reason given')}"
            raise Failed(why, physical_id if request_type == "Create" else None)
        return Made(physical_id, answer.get("Data") or {})


def _texts(node):
    """Scalars as text, which is how CloudFormation hands them to a function."""
    if isinstance(node, dict):
        return {key: _texts(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_texts(item) for item in node]
    if isinstance(node, bool):
        return "true" if node else "false"
    return str(node)


TYPES = ("LambdaFunctionConfigurations", "QueueConfigurations", "TopicConfigurations")


@register("Custom::S3BucketNotifications")
class BucketNotifications(Kind):
    """Notifications of a bucket, which the CDK sets by a Python function of its own.

    On a bucket that the stack does not own (Managed: false), only the entries
    of this resource are touched: they are known by their ID.
    """

    properties = frozenset({"ServiceToken", "BucketName", "NotificationConfiguration", "Managed"})
    inert = frozenset({"SkipDestinationValidation"})

    def replaces(self, old, new):
        return old["BucketName"] != new["BucketName"]

    def create(self, context, properties):
        self._put(context, properties, properties["NotificationConfiguration"])
        return Made(f"{context.stack_name}-{context.logical_id}-notifications")

    def update(self, context, physical_id, old, new):
        self._put(context, new, new["NotificationConfiguration"])

    def delete(self, context, physical_id, properties):
        self._put(context, properties, {})

    @staticmethod
    def _put(context, properties, wanted):
        s3, bucket = context.client("s3"), properties["BucketName"]
        prefix = f"{context.stack_id}-{context.logical_id}-"
        configuration = {kind: [_named(entry, prefix) for entry in wanted.get(kind, [])] for kind in TYPES}
        bridge = wanted.get("EventBridgeConfiguration")
        if not flag(properties.get("Managed"), True):
            current = s3.get_bucket_notification_configuration(Bucket=bucket)
            for kind in TYPES:
                others = [entry for entry in current.get(kind, []) if not entry["Id"].startswith(prefix)]
                configuration[kind] = others + configuration[kind]
            if bridge is None:
                bridge = current.get("EventBridgeConfiguration")
        configuration = {kind: entries for kind, entries in configuration.items() if entries}
        if bridge is not None:
            configuration["EventBridgeConfiguration"] = {}
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)


def _named(entry, prefix):
    digest = hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()[:16]
    return {**entry, "Id": prefix + digest}


@register("Custom::S3AutoDeleteObjects")
class AutoDeleteObjects(Kind):
    """Empties a bucket before it is deleted, which the CDK does by a Node.js function of its own."""

    properties = frozenset({"ServiceToken", "BucketName"})

    def replaces(self, old, new):
        return old["BucketName"] != new["BucketName"]

    def create(self, context, properties):
        return Made(context.name())

    def update(self, context, physical_id, old, new):
        return None

    def delete(self, context, physical_id, properties):
        s3, bucket = context.client("s3"), properties["BucketName"]
        try:
            while True:
                # Always the first page: what it named is gone by the next look.
                page = s3.list_object_versions(Bucket=bucket)
                found = page.get("Versions", []) + page.get("DeleteMarkers", [])
                if not found:
                    return
                objects = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]
                kept = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True}).get("Errors")
                if kept:
                    raise Failed(f"{len(kept)} objects of {bucket} cannot be deleted, the first for {kept[0]}")
        except Exception as error:
            if not is_gone(error):
                raise


@register("AWS::CDK::Metadata")
class Metadata(Kind):
    """The CDK's usage statistics: nothing to make, on purpose."""

    properties = frozenset({"Analytics"})

    def create(self, context, properties):
        return Made(context.logical_id)

    def update(self, context, physical_id, old, new):
        return None

    def delete(self, context, physical_id, properties):
        """Nothing was made."""
