"""Log groups, metric filters, alarms and dashboards."""

import json

from .kinds import Kind, Made, flag, number, pick, register, retag, tag_list, tag_map


@register("AWS::Logs::LogGroup")
class LogGroup(Kind):
    properties = frozenset({"KmsKeyId", "LogGroupName", "RetentionInDays", "Tags"})
    inert = frozenset({"LogGroupClass", "DataProtectionPolicy"})
    replaced_by = frozenset({"LogGroupName"})

    def create(self, context, properties):
        name = properties.get("LogGroupName") or context.name(512)
        key = {"kmsKeyId": properties["KmsKeyId"]} if "KmsKeyId" in properties else {}
        context.client("logs").create_log_group(logGroupName=name, tags=tag_map(properties), **key)
        self._retention(context, name, properties)
        return Made(name, {"Arn": f"{self._arn(context, name)}:*"})

    def update(self, context, physical_id, old, new):
        # moto cannot give a group another key: it is the next group's.
        self._retention(context, physical_id, new)
        logs, arn = context.client("logs"), self._arn(context, physical_id)
        retag(
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
            logs.put_retention_policy(logGroupName=name, retentionInDays=number(properties["RetentionInDays"]))
        else:
            logs.delete_retention_policy(logGroupName=name)


@register("AWS::Logs::MetricFilter")
class MetricFilter(Kind):
    """Metric filters are kept, but no logs of the local run pass through them."""

    properties = frozenset({"FilterName", "FilterPattern", "LogGroupName", "MetricTransformations"})
    inert = frozenset({"ApplyOnTransformedLogs"})
    replaced_by = frozenset({"FilterName", "LogGroupName"})

    def create(self, context, properties):
        name = properties.get("FilterName") or context.name(512)
        self._put(context, name, properties)
        return Made(name)

    def update(self, context, physical_id, old, new):
        self._put(context, physical_id, new)

    def delete(self, context, physical_id, properties):
        context.client("logs").delete_metric_filter(logGroupName=properties["LogGroupName"], filterName=physical_id)

    @staticmethod
    def _put(context, name, properties):
        transformations = []
        for given in properties["MetricTransformations"]:
            made = {key[0].lower() + key[1:]: value for key, value in given.items()}
            if "dimensions" in made:
                made["dimensions"] = {item["Key"]: item["Value"] for item in made["dimensions"]}
            if "defaultValue" in made:
                made["defaultValue"] = float(made["defaultValue"])
            transformations.append(made)
        context.client("logs").put_metric_filter(
            logGroupName=properties["LogGroupName"],
            filterName=name,
            filterPattern=properties["FilterPattern"],
            metricTransformations=transformations,
        )


@register("AWS::CloudWatch::Alarm")
class Alarm(Kind):
    integers = ("DatapointsToAlarm", "EvaluationPeriods", "Period")
    settings = (
        "AlarmActions", "AlarmDescription", "ComparisonOperator", "Dimensions", "EvaluateLowSampleCountPercentile",
        "ExtendedStatistic", "InsufficientDataActions", "MetricName", "Metrics", "Namespace", "OKActions",
        "Statistic", "ThresholdMetricId", "TreatMissingData", "Unit",
    )
    properties = frozenset({*settings, *integers, "ActionsEnabled", "AlarmName", "Threshold", "Tags"})
    replaced_by = frozenset({"AlarmName"})

    def create(self, context, properties):
        name = properties.get("AlarmName") or context.name(255)
        self._put(context, name, properties)
        self._retag(context, name, {}, properties)
        return Made(name, {"Arn": self._arn(context, name)})

    def update(self, context, physical_id, old, new):
        self._put(context, physical_id, new)
        self._retag(context, physical_id, old, new)

    def delete(self, context, physical_id, properties):
        context.client("cloudwatch").delete_alarms(AlarmNames=[physical_id])

    @staticmethod
    def _arn(context, name):
        return f"arn:aws:cloudwatch:{context.region}:{context.account}:alarm:{name}"

    def _retag(self, context, name, old, new):
        cloudwatch, arn = context.client("cloudwatch"), self._arn(context, name)
        retag(
            old, new,
            lambda properties: cloudwatch.tag_resource(ResourceARN=arn, Tags=tag_list(properties)),
            lambda keys: cloudwatch.untag_resource(ResourceARN=arn, TagKeys=keys),
        )

    def _put(self, context, name, properties):
        settings = pick(properties, *self.settings)
        for key in self.integers:
            if key in properties:
                settings[key] = number(properties[key])
        if "Threshold" in properties:
            settings["Threshold"] = float(properties["Threshold"])
        settings["ActionsEnabled"] = flag(properties.get("ActionsEnabled"), True)
        context.client("cloudwatch").put_metric_alarm(AlarmName=name, **settings)


@register("AWS::CloudWatch::Dashboard")
class Dashboard(Kind):
    properties = frozenset({"DashboardName", "DashboardBody"})
    inert = frozenset({"Tags"})
    replaced_by = frozenset({"DashboardName"})

    def create(self, context, properties):
        name = properties.get("DashboardName") or context.name(255)
        self._put(context, name, properties)
        return Made(name)

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
