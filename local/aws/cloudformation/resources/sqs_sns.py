"""SQS queues, SNS topics and subscriptions, and their policies."""

import json

from .handler import ResourceHandler, ResourceResult, boolean, pick, register, tag_map


def _attribute(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, (dict, list)) else str(value)


@register("AWS::SQS::Queue")
class Queue(ResourceHandler):
    attributes = frozenset(
        {
            "ContentBasedDeduplication", "DeduplicationScope", "DelaySeconds", "FifoQueue", "FifoThroughputLimit",
            "KmsDataKeyReusePeriodSeconds", "KmsMasterKeyId", "MaximumMessageSize", "MessageRetentionPeriod",
            "ReceiveMessageWaitTimeSeconds", "RedriveAllowPolicy", "RedrivePolicy", "SqsManagedSseEnabled",
            "VisibilityTimeout",
        }
    )
    properties = attributes | {"QueueName", "Tags"}
    create_only = frozenset({"QueueName", "FifoQueue"})
    defaults = {
        "DelaySeconds": "0", "MaximumMessageSize": "1048576", "MessageRetentionPeriod": "345600",
        "KmsDataKeyReusePeriodSeconds": "300", "KmsMasterKeyId": "", "ReceiveMessageWaitTimeSeconds": "0", "RedrivePolicy": "",
        "VisibilityTimeout": "30",
    }

    def create(self, context, properties):
        name = properties.get("QueueName") or context.name(75)
        if boolean(properties.get("FifoQueue")) and not name.endswith(".fifo"):
            name += ".fifo"
        sqs = context.client("sqs")
        attributes = {key: _attribute(value) for key, value in pick(properties, *self.attributes).items()}
        url = sqs.create_queue(QueueName=name, Attributes=attributes, tags=tag_map(properties))["QueueUrl"]
        arn = f"arn:aws:sqs:{context.region}:{context.account}:{name}"
        return ResourceResult(url, {"Arn": arn, "QueueName": name, "QueueUrl": url})

    def update(self, context, physical_id, old, new):
        wanted = {key: _attribute(value) for key, value in pick(new, *self.attributes).items()}
        dropped = {key: self.defaults[key] for key in old if key in self.defaults and key not in new}
        sqs = context.client("sqs")
        sqs.set_queue_attributes(QueueUrl=physical_id, Attributes={**dropped, **wanted})
        removed = sorted(set(tag_map(old)) - set(tag_map(new)))
        if removed:
            sqs.untag_queue(QueueUrl=physical_id, TagKeys=removed)
        if tag_map(new):
            sqs.tag_queue(QueueUrl=physical_id, Tags=tag_map(new))

    def delete(self, context, physical_id, properties):
        context.client("sqs").delete_queue(QueueUrl=physical_id)


@register("AWS::SQS::QueuePolicy")
class QueuePolicy(ResourceHandler):
    properties = frozenset({"Queues", "PolicyDocument"})

    def create(self, context, properties):
        self.update(context, None, {}, properties)
        return ResourceResult(context.name())

    def update(self, context, physical_id, old, new):
        sqs = context.client("sqs")
        for url in set(old.get("Queues", [])) - set(new["Queues"]):
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
        for url in new["Queues"]:
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(new["PolicyDocument"])})

    def delete(self, context, physical_id, properties):
        self.update(context, physical_id, properties, {"Queues": []})


@register("AWS::SNS::Topic")
class Topic(ResourceHandler):
    attributes = frozenset(
        {"DisplayName", "KmsMasterKeyId", "FifoTopic", "ContentBasedDeduplication", "SignatureVersion", "TracingConfig"}
    )
    properties = attributes | {"TopicName", "Tags", "Subscription"}
    ignored = frozenset({"DataProtectionPolicy", "DeliveryStatusLogging"})
    create_only = frozenset({"TopicName", "FifoTopic"})

    def create(self, context, properties):
        name = properties.get("TopicName") or context.name(250)
        if boolean(properties.get("FifoTopic")) and not name.endswith(".fifo"):
            name += ".fifo"
        sns = context.client("sns")
        attributes = {key: _attribute(value) for key, value in pick(properties, *self.attributes).items()}
        tags = [{"Key": key, "Value": value} for key, value in tag_map(properties).items()]
        arn = sns.create_topic(Name=name, Attributes=attributes, Tags=tags)["TopicArn"]
        self._subscribe(sns, arn, properties)
        return ResourceResult(arn, {"TopicArn": arn, "TopicName": name})

    def update(self, context, physical_id, old, new):
        sns = context.client("sns")
        for key in self.attributes - self.create_only:
            if old.get(key) != new.get(key):
                sns.set_topic_attributes(TopicArn=physical_id, AttributeName=key, AttributeValue=_attribute(new.get(key, "")))
        removed = sorted(set(tag_map(old)) - set(tag_map(new)))
        if removed:
            sns.untag_resource(ResourceArn=physical_id, TagKeys=removed)
        if tag_map(new):
            sns.tag_resource(ResourceArn=physical_id, Tags=[{"Key": key, "Value": value} for key, value in tag_map(new).items()])
        if old.get("Subscription") != new.get("Subscription"):
            self._subscribe(sns, physical_id, new)

    def delete(self, context, physical_id, properties):
        context.client("sns").delete_topic(TopicArn=physical_id)

    @staticmethod
    def _subscribe(sns, arn, properties):
        for subscription in properties.get("Subscription", []):
            sns.subscribe(TopicArn=arn, Protocol=subscription["Protocol"], Endpoint=subscription["Endpoint"])


@register("AWS::SNS::TopicPolicy")
class TopicPolicy(ResourceHandler):
    properties = frozenset({"Topics", "PolicyDocument"})

    def create(self, context, properties):
        self.update(context, None, {}, properties)
        return ResourceResult(context.name())

    def update(self, context, physical_id, old, new):
        for arn in new["Topics"]:
            context.client("sns").set_topic_attributes(
                TopicArn=arn, AttributeName="Policy", AttributeValue=json.dumps(new["PolicyDocument"])
            )

    def delete(self, context, physical_id, properties):
        """Keeps the policy of the topic: no API of SNS removes one."""


@register("AWS::SNS::Subscription")
class Subscription(ResourceHandler):
    attributes = frozenset({"DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy", "SubscriptionRoleArn"})
    properties = attributes | {"TopicArn", "Protocol", "Endpoint"}
    ignored = frozenset({"Region"})
    create_only = frozenset({"TopicArn", "Protocol", "Endpoint"})

    def create(self, context, properties):
        arn = context.client("sns").subscribe(
            TopicArn=properties["TopicArn"],
            Protocol=properties["Protocol"],
            Endpoint=properties["Endpoint"],
            Attributes={key: _attribute(value) for key, value in pick(properties, *self.attributes).items()},
            ReturnSubscriptionArn=True,
        )["SubscriptionArn"]
        return ResourceResult(arn, {"Arn": arn})

    def update(self, context, physical_id, old, new):
        for key in self.attributes:
            if old.get(key) != new.get(key):
                context.client("sns").set_subscription_attributes(
                    SubscriptionArn=physical_id, AttributeName=key, AttributeValue=_attribute(new.get(key, ""))
                )

    def delete(self, context, physical_id, properties):
        context.client("sns").unsubscribe(SubscriptionArn=physical_id)
