"""EventBridge rules and EventBridge Scheduler schedules, which local/aws/eventbridge executes."""

import json

import event_patterns
from eventbridge import schedule_expressions

from ..errors import ResourceFailed
from .handler import ResourceHandler, ResourceResult, integer, pick, register, update_tags, tag_list

TARGETS = ("lambda", "sqs", "sns")
TARGET_PROPERTIES = {"Arn", "DeadLetterConfig", "Id", "Input", "RetryPolicy", "RoleArn"}


def _check_target(target):
    unknown = set(target) - TARGET_PROPERTIES
    if unknown:
        raise ResourceFailed(f"the local CloudFormation does not support these properties of a target: {', '.join(sorted(unknown))}")
    service = target["Arn"].split(":")[2]
    if service not in TARGETS:
        raise ResourceFailed(f"the local EventBridge sends events to functions, queues and topics only, not to {target['Arn']}")
    if service == "lambda" and "Input" in target:
        try:
            json.loads(target["Input"])
        except ValueError as error:
            raise ResourceFailed(f"Input of target {target['Arn']} is not JSON: {target['Input']}") from error


def _check_expression(properties):
    try:
        schedule_expressions.parse(properties["ScheduleExpression"], properties.get("ScheduleExpressionTimezone", "UTC"))
    except (ValueError, KeyError) as error:  # a KeyError is a time zone that does not exist
        raise ResourceFailed(f"ScheduleExpression: {error}") from error


@register("AWS::Events::Rule")
class Rule(ResourceHandler):
    settings = ("Description", "EventBusName", "RoleArn", "ScheduleExpression", "State")
    properties = frozenset({*settings, "Name", "EventPattern", "Targets", "Tags"})
    create_only = frozenset({"Name", "EventBusName"})

    def check(self, properties):
        super().check(properties)
        for target in properties.get("Targets", []):
            _check_target(target)
        if "ScheduleExpression" in properties:
            _check_expression(properties)
        if "EventPattern" in properties:
            try:
                event_patterns.check(properties["EventPattern"], "eventbridge")
            except ValueError as error:
                raise ResourceFailed(f"EventPattern: {error}") from error

    def create(self, context, properties):
        name = properties.get("Name") or context.name(64)
        arn = self._put(context, name, properties)
        self._update_tags(context, arn, {}, properties)
        return ResourceResult(name, {"Arn": arn})

    def update(self, context, physical_id, old, new):
        ids = {target["Id"] for target in old.get("Targets", [])} - {target["Id"] for target in new.get("Targets", [])}
        events = context.client("events")
        if ids:
            events.remove_targets(Rule=physical_id, Ids=sorted(ids), **pick(new, "EventBusName"))
        self._update_tags(context, self._put(context, physical_id, new), old, new)

    def delete(self, context, physical_id, properties):
        events, bus = context.client("events"), pick(properties, "EventBusName")
        ids = [target["Id"] for target in properties.get("Targets", [])]
        if ids:
            events.remove_targets(Rule=physical_id, Ids=ids, **bus)
        events.delete_rule(Name=physical_id, **bus)

    def _put(self, context, name, properties):
        events = context.client("events")
        settings = pick(properties, *self.settings)
        if "EventPattern" in properties:
            settings["EventPattern"] = json.dumps(properties["EventPattern"])
        arn = events.put_rule(Name=name, **settings)["RuleArn"]
        if properties.get("Targets"):
            events.put_targets(Rule=name, Targets=_typed(properties["Targets"]), **pick(properties, "EventBusName"))
        return arn

    @staticmethod
    def _update_tags(context, arn, old, new):
        events = context.client("events")
        update_tags(
            old, new,
            lambda properties: events.tag_resource(ResourceARN=arn, Tags=tag_list(properties)),
            lambda keys: events.untag_resource(ResourceARN=arn, TagKeys=keys),
        )


def _typed(node):
    """Integers as such: intrinsic functions resolve to strings."""
    if isinstance(node, dict):
        numeric = {"MaximumRetryAttempts", "MaximumEventAgeInSeconds", "MaximumWindowInMinutes"}
        return {key: integer(value) if key in numeric else _typed(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_typed(item) for item in node]
    return node


@register("AWS::Scheduler::Schedule")
class Schedule(ResourceHandler):
    """A schedule. One with a flexible time window fires at the beginning of the window."""

    settings = (
        "Description", "EndDate", "FlexibleTimeWindow", "GroupName", "KmsKeyArn", "ScheduleExpression",
        "ScheduleExpressionTimezone", "StartDate", "State", "Target",
    )
    properties = frozenset({*settings, "Name"})
    create_only = frozenset({"Name", "GroupName"})

    def check(self, properties):
        super().check(properties)
        missing = {"FlexibleTimeWindow", "ScheduleExpression", "Target"} - set(properties)
        if missing or "RoleArn" not in properties["Target"]:
            raise ResourceFailed(f"a schedule needs {', '.join(sorted(missing)) or 'Target.RoleArn'}")
        _check_target(properties["Target"])
        _check_expression(properties)

    def create(self, context, properties):
        name = properties.get("Name") or context.name(64)
        created = context.client("scheduler").create_schedule(Name=name, **_typed(pick(properties, *self.settings)))
        return ResourceResult(name, {"Arn": created["ScheduleArn"]})

    def update(self, context, physical_id, old, new):
        # Without a state, moto would leave the schedule without one.
        settings = {"State": "ENABLED"} | _typed(pick(new, *self.settings))
        context.client("scheduler").update_schedule(Name=physical_id, **settings)

    def delete(self, context, physical_id, properties):
        context.client("scheduler").delete_schedule(Name=physical_id, **pick(properties, "GroupName"))


@register("AWS::Scheduler::ScheduleGroup")
class ScheduleGroup(ResourceHandler):
    properties = frozenset({"Name"})
    ignored = frozenset({"Tags"})
    create_only = frozenset({"Name"})

    def create(self, context, properties):
        name = properties.get("Name") or context.name(64)
        return ResourceResult(name, {"Arn": context.client("scheduler").create_schedule_group(Name=name)["ScheduleGroupArn"]})

    def update(self, context, physical_id, old, new):
        return None

    def delete(self, context, physical_id, properties):
        context.client("scheduler").delete_schedule_group(Name=physical_id)
