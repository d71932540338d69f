"""CloudWatch log groups, metric filters, alarms and dashboards."""

import json

from .handler import ResourceHandler, ResourceResult, boolean, integer, pick, register, update_tags, tag_list, tag_map


@register("AWS::Logs::LogGroup")
class LogGroup(ResourceHandler):
    properties = frozenset({"KmsKeyId", "LogGroupName", "RetentionInDays", "Tags"})
    ignored = frozenset({"LogGroupClass", "DataProtectionPolicy"})
    create_only = frozenset({"LogGroupName"})

    def create(self, context, properties):
        name = properties.get("LogGroupName") or context.name(512)
        key = {"kmsKeyId": properties["KmsKeyId"]} if "KmsKeyId" in properties else {}
        context.client("logs").create_log_group(logGroupName=name, tags=tag_map(properties), **key)
        self._retention(context, name, properties)
        return ResourceResult(name, {"Arn": f"{self._arn(context, name)}:*"})

    def update(self, context, physical_id, old, new):
        # moto cannot change the key of a log group: KmsKeyId takes effect at creation only.
        self._retention(context, physical_id, new)
        logs, arn = context.client("logs"), self._arn(context, physical_id)
        update_tags(
            old, new,
            lambda properties: logs.tag_resource(resourceArn=arn, tags=tag_map(properties)),
            lambda keys: logs.untag_resource(resourceArn=arn, tagKeys=keys),
        )

    def delete(self, context, physical_id, properties):
        context.client("logs").delete_log_group(logGroupName=physical_id)

    @staticmethod
    def _arn(context, name):
        return f"arn:aws:logs:{context.region}:{context.account}:log-group:{name}"

    @staticmethod
    def _retention(context, name, properties):
        logs = context.client("logs")
        if "RetentionInDays" in properties:
            logs.put_retention_policy(logGroupName=name, retentionInDays=integer(properties["RetentionInDays"]))
        else:
            logs.delete_retention_policy(logGroupName=name)


@register("AWS::Logs::MetricFilter")
class MetricFilter(ResourceHandler):
    """Metric filters are stored, but are applied to no log: the functions log to files."""

    properties = frozenset({"FilterName", "FilterPattern", "LogGroupName", "MetricTransformations"})
    ignored = frozenset({"ApplyOnTransformedLogs"})
    create_only = frozenset({"FilterName", "LogGroupName"})

    def create(self, context, properties):
        name = properties.get("FilterName") or context.name(512)
        self._put(context, name, properties)
        return ResourceResult(name)

    def update(self, context, physical_id, old, new):
        self._put(context, physical_id, new)

    def delete(self, context, physical_id, properties):
        context.client("logs").delete_metric_filter(logGroupName=properties["LogGroupName"], filterName=physical_id)

    @staticmethod
    def _put(context, name, properties):
        transformations = []
        for given in properties["MetricTransformations"]:
            converted = {key[0].lower() + key[1:]: value for key, value in given.items()}
            if "dimensions" in converted:
                converted["dimensions"] = {item["Key"]: item["Value"] for item in converted["dimensions"]}
            if "defaultValue" in converted:
                converted["defaultValue"] = float(converted["defaultValue"])
            transformations.append(converted)
        context.client("logs").put_metric_filter(
            logGroupName=properties["LogGroupName"],
            filterName=name,
            filterPattern=properties["FilterPattern"],
            metricTransformations=transformations,
        )


@register("AWS::CloudWatch::Alarm")
class Alarm(ResourceHandler):
    integers = ("DatapointsToAlarm", "EvaluationPeriods", "Period")
    settings = (
        "AlarmActions", "AlarmDescription", "ComparisonOperator", "Dimensions", "EvaluateLowSampleCountPercentile",
        "ExtendedStatistic", "InsufficientDataActions", "MetricName", "Metrics", "Namespace", "OKActions",
        "Statistic", "ThresholdMetricId", "TreatMissingData", "Unit",
    )
    properties = frozenset({*settings, *integers, "ActionsEnabled", "AlarmName", "Threshold", "Tags"})
    create_only = frozenset({"AlarmName"})

    def create(self, context, properties):
        name = properties.get("AlarmName") or context.name(255)
        self._put(context, name, properties)
        self._update_tags(context, name, {}, properties)
        return ResourceResult(name, {"Arn": self._arn(context, name)})

    def update(self, context, physical_id, old, new):
        self._put(context, physical_id, new)
        self._update_tags(context, physical_id, old, new)

    def delete(self, context, physical_id, properties):
        context.client("cloudwatch").delete_alarms(AlarmNames=[physical_id])

    @staticmethod
    def _arn(context, name):
        return f"arn:aws:cloudwatch:{context.region}:{context.account}:alarm:{name}"

    def _update_tags(self, context, name, old, new):
        cloudwatch, arn = context.client("cloudwatch"), self._arn(context, name)
        update_tags(
            old, new,
            lambda properties: cloudwatch.tag_resource(ResourceARN=arn, Tags=tag_list(properties)),
            lambda keys: cloudwatch.untag_resource(ResourceARN=arn, TagKeys=keys),
        )

    def _put(self, context, name, properties):
        settings = pick(properties, *self.settings)
        for key in self.integers:
            if key in properties:
                settings[key] = integer(properties[key])
        if "Threshold" in properties:
            settings["Threshold"] = float(properties["Threshold"])
        settings["ActionsEnabled"] = boolean(properties.get("ActionsEnabled"), True)
        context.client("cloudwatch").put_metric_alarm(AlarmName=name, **settings)


@register("AWS::CloudWatch::Dashboard")
class Dashboard(ResourceHandler):
    properties = frozenset({"DashboardName", "DashboardBody"})
    ignored = frozenset({"Tags"})
    create_only = frozenset({"DashboardName"})

    def create(self, context, properties):
        name = properties.get("DashboardName") or context.name(255)
        self._put(context, name, properties)
        return ResourceResult(name)

    def update(self, context, physical_id, old, new):
        self._put(context, physical_id, new)

    def delete(self, context, physical_id, properties):
        context.client("cloudwatch").delete_dashboards(DashboardNames=[physical_id])

    @staticmethod
    def _put(context, name, properties):
        body = properties["DashboardBody"]
        context.client("cloudwatch").put_dashboard(
            DashboardName=name, DashboardBody=body if isinstance(body, str) else json.dumps(body)
        )
