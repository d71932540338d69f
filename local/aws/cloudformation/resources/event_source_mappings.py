"""Event source mappings of DynamoDB streams."""

import json

import event_patterns

from ..errors import ResourceFailed
from .handler import ResourceHandler, ResourceResult, boolean, integer, pick, register

# The settings that the Lambda host supports (see local/lambdahost). Any other fails.
SETTINGS = {
    "BatchSize", "BisectBatchOnFunctionError", "DestinationConfig", "Enabled", "EventSourceArn", "FilterCriteria", "FunctionName",
    "MaximumBatchingWindowInSeconds", "MaximumRecordAgeInSeconds", "MaximumRetryAttempts", "ParallelizationFactor", "StartingPosition",
}
# https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html
RANGES = {
    "BatchSize": (1, 10000),
    "MaximumBatchingWindowInSeconds": (0, 300),
    "MaximumRetryAttempts": (-1, 10000),
    "MaximumRecordAgeInSeconds": (-1, 604800),
    "ParallelizationFactor": (1, 10),
}


@register("AWS::Lambda::EventSourceMapping")
class EventSourceMapping(ResourceHandler):
    properties = frozenset(SETTINGS)
    ignored = frozenset({"Tags", "MetricsConfig"})
    create_only = frozenset({"EventSourceArn", "StartingPosition"})

    def check(self, properties):
        super().check(properties)
        arn = properties["EventSourceArn"]
        if arn.split(":")[2] != "dynamodb":
            raise ResourceFailed(f"the local Lambda host polls DynamoDB streams only, not {arn}")
        for name, (lowest, highest) in RANGES.items():
            if name in properties and not lowest <= integer(properties[name]) <= highest:
                raise ResourceFailed(f"{name} is {properties[name]}; it must be from {lowest} to {highest}")
        self._check_stream(properties)

    @staticmethod
    def _check_stream(properties):
        if properties.get("StartingPosition") not in ("TRIM_HORIZON", "LATEST"):
            raise ResourceFailed("StartingPosition of a DynamoDB stream must be TRIM_HORIZON or LATEST")
        if 0 <= integer(properties.get("MaximumRecordAgeInSeconds"), -1) < 60:
            raise ResourceFailed("MaximumRecordAgeInSeconds is at least 60, or -1 for no limit")
        destination = properties.get("DestinationConfig", {})
        if set(destination) - {"OnFailure"}:
            raise ResourceFailed("DestinationConfig of an event source mapping has OnFailure only")
        arn = destination.get("OnFailure", {}).get("Destination")
        if arn and arn.split(":")[2] not in ("sqs", "sns", "s3"):
            raise ResourceFailed(f"DestinationConfig.OnFailure: {arn} is not a queue, topic or bucket")
        for entry in properties.get("FilterCriteria", {}).get("Filters", []):
            _check_filter(entry["Pattern"])

    def create(self, context, properties):
        settings = self._settings(properties) | pick(properties, "StartingPosition")
        created = context.client("lambda").create_event_source_mapping(EventSourceArn=properties["EventSourceArn"], **settings)
        context.lambda_host.sync_event_source_mappings()
        return ResourceResult(created["UUID"], {"Id": created["UUID"]})

    def update(self, context, physical_id, old, new):
        settings = self._settings(new)
        # A setting that the new template leaves out returns to its default.
        defaults = {
            "BisectBatchOnFunctionError": False, "DestinationConfig": {}, "FilterCriteria": {"Filters": []},
            "MaximumBatchingWindowInSeconds": 0, "MaximumRecordAgeInSeconds": -1, "MaximumRetryAttempts": -1, "ParallelizationFactor": 1,
        }
        dropped = {name: defaults[name] for name in old if name in defaults and name not in new}
        if "BatchSize" in old and "BatchSize" not in new:
            dropped["BatchSize"] = 100
        context.client("lambda").update_event_source_mapping(UUID=physical_id, **dropped, **settings)
        context.lambda_host.sync_event_source_mappings()

    def delete(self, context, physical_id, properties):
        context.client("lambda").delete_event_source_mapping(UUID=physical_id)
        context.lambda_host.sync_event_source_mappings()

    @staticmethod
    def _settings(properties):
        settings = pick(properties, "FunctionName", "DestinationConfig", "FilterCriteria")
        settings["Enabled"] = boolean(properties.get("Enabled"), True)
        if "BisectBatchOnFunctionError" in properties:
            settings["BisectBatchOnFunctionError"] = boolean(properties["BisectBatchOnFunctionError"])
        for name in RANGES:
            if name in properties:
                settings[name] = integer(properties[name])
        return settings


def _check_filter(text):
    """Refuses a filter that the Lambda host does not support."""
    try:
        event_patterns.check(text, "lambda")
    except ValueError as error:
        raise ResourceFailed(f"FilterCriteria: {error}") from error
    if set(json.loads(text)) - {"dynamodb", "eventName"}:
        raise ResourceFailed(f"FilterCriteria: {text}: a DynamoDB stream is filtered by dynamodb and eventName only")
