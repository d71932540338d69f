"""Custom resources: those that invoke a Lambda function, and those of the CDK that are applied directly.

The CDK implements the notifications of a bucket and its emptying by functions in
Python and Node.js. The Lambda host runs neither, so their work is done here.
"""

import hashlib
import json
import threading
import uuid

from ..errors import ResourceFailed
from .handler import ResourceHandler, ResourceResult, boolean, is_not_found, register

# How long to wait for the response of a function that has returned (it may have
# dispatched the work to another one), in seconds, unless ServiceTimeout is set.
RESPONSE_TIMEOUT = 60


class PendingResponses:
    """The responses of custom resources, which their functions put to a ResponseURL."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self._waiting = {}

    def expect(self):
        """A new response URL, and the PendingResponse that receives what is put there."""
        token = uuid.uuid4().hex
        pending = self._waiting[token] = PendingResponse()
        return f"{self.endpoint}/_local/cfn-response/{token}", pending

    def deliver(self, token, response):
        pending = self._waiting.pop(token, None)
        if pending:
            pending.response = response
            pending.received.set()


class PendingResponse:
    """One expected response."""

    def __init__(self):
        self.received = threading.Event()
        self.response = None


@register("AWS::CloudFormation::CustomResource")
class CustomResource(ResourceHandler):
    def check(self, properties):
        if not properties.get("ServiceToken", "").startswith("arn:aws:lambda:"):
            raise ResourceFailed("ServiceToken must be the ARN of a Lambda function: the local CloudFormation supports no others")

    def requires_replacement(self, old, new):
        return old.get("ServiceToken") != new.get("ServiceToken")

    def create(self, context, properties):
        return self._invoke(context, "Create", properties)

    def update(self, context, physical_id, old, new):
        return self._invoke(context, "Update", new, PhysicalResourceId=physical_id, OldResourceProperties=old)

    def delete(self, context, physical_id, properties):
        self._invoke(context, "Delete", properties, PhysicalResourceId=physical_id)

    @staticmethod
    def _invoke(context, request_type, properties, **more):
        url, pending = context.custom_resources.expect()
        event = {
            "RequestType": request_type,
            "ServiceToken": properties["ServiceToken"],
            "ResponseURL": url,
            "StackId": context.stack_id,
            "RequestId": str(uuid.uuid4()),
            "LogicalResourceId": context.logical_id,
            "ResourceType": context.type,
            "ResourceProperties": _strings(properties),
            **{key: _strings(value) for key, value in more.items()},
        }
        function = properties["ServiceToken"]
        status, headers, body = context.lambda_host.invoke(function, json.dumps(event).encode(), {})
        failed = status >= 300 or any(name.lower() == "x-amz-function-error" for name, _ in headers)
        # A create that fails is followed by a delete of the physical ID in its
        # response or, without a response, of a generated one.
        generated = context.name(255) if request_type == "Create" else None
        if failed and not pending.received.is_set():
            raise ResourceFailed(f"{request_type} by {function} failed: {body.decode(errors='replace')[:1000]}", generated)
        if not pending.received.wait(float(properties.get("ServiceTimeout", RESPONSE_TIMEOUT))):
            raise ResourceFailed(f"{request_type}: {function} returned without a response to its ResponseURL", generated)
        response = pending.response
        physical_id = response.get("PhysicalResourceId") or more.get("PhysicalResourceId") or generated
        if response.get("Status") != "SUCCESS":
            message = f"{request_type} responded with status {response.get('Status')}: {response.get('Reason', 'no reason given')}"
            raise ResourceFailed(message, physical_id if request_type == "Create" else None)
        return ResourceResult(physical_id, response.get("Data") or {})


def _strings(node):
    """Scalars as strings, which is how CloudFormation passes them to a function."""
    if isinstance(node, dict):
        return {key: _strings(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_strings(item) for item in node]
    if isinstance(node, bool):
        return "true" if node else "false"
    return str(node)


TYPES = ("LambdaFunctionConfigurations", "QueueConfigurations", "TopicConfigurations")


@register("Custom::S3BucketNotifications")
class BucketNotifications(ResourceHandler):
    """The notifications of a bucket, which the CDK sets by a function in Python.

    On a bucket of another stack (Managed: false), only the entries of this
    resource are changed, which are recognized by the prefix of their IDs.
    """

    properties = frozenset({"ServiceToken", "BucketName", "NotificationConfiguration", "Managed"})
    ignored = frozenset({"SkipDestinationValidation"})

    def requires_replacement(self, old, new):
        return old["BucketName"] != new["BucketName"]

    def create(self, context, properties):
        self._put(context, properties, properties["NotificationConfiguration"])
        return ResourceResult(f"{context.stack_name}-{context.logical_id}-notifications")

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
        if not boolean(properties.get("Managed"), True):
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
class AutoDeleteObjects(ResourceHandler):
    """Empties a bucket before it is deleted, which the CDK does by a function in Node.js."""

    properties = frozenset({"ServiceToken", "BucketName"})

    def requires_replacement(self, old, new):
        return old["BucketName"] != new["BucketName"]

    def create(self, context, properties):
        return ResourceResult(context.name())

    def update(self, context, physical_id, old, new):
        return None

    def delete(self, context, physical_id, properties):
        s3, bucket = context.client("s3"), properties["BucketName"]
        try:
            while True:
                # Always the first page: the versions in it are deleted before the next request.
                page = s3.list_object_versions(Bucket=bucket)
                found = page.get("Versions", []) + page.get("DeleteMarkers", [])
                if not found:
                    return
                objects = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]
                errors = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True}).get("Errors")
                if errors:
                    raise ResourceFailed(f"{len(errors)} objects of {bucket} cannot be deleted; the first error is {errors[0]}")
        except Exception as error:
            if not is_not_found(error):
                raise


@register("AWS::CDK::Metadata")
class Metadata(ResourceHandler):
    """The usage statistics of the CDK: nothing is created."""

    properties = frozenset({"Analytics"})

    def create(self, context, properties):
        return ResourceResult(context.logical_id)

    def update(self, context, physical_id, old, new):
        return None

    def delete(self, context, physical_id, properties):
        """Nothing was created."""
