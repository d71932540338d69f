"""DynamoDB tables: AWS::DynamoDB::Table and AWS::DynamoDB::GlobalTable with one replica."""

from ..errors import ResourceFailed
from .handler import ResourceHandler, ResourceResult, changed, boolean, integer, pick, register, tag_map


class _Table(ResourceHandler):
    """What the two types share: their properties are converted to parameters of the API first."""

    create_only = frozenset({"TableName", "KeySchema", "LocalSecondaryIndexes"})

    def parameters(self, context, properties):
        """The parameters of CreateTable, and separately point-in-time recovery, TTL, deletion protection and tags."""
        raise NotImplementedError

    def create(self, context, properties):
        wanted = self.parameters(context, properties)
        name = properties.get("TableName") or context.name(255)
        dynamodb = context.client("dynamodb")
        dynamodb.create_table(
            TableName=name,
            DeletionProtectionEnabled=wanted["protected"],
            Tags=[{"Key": key, "Value": value} for key, value in wanted["tags"].items()],
            **wanted["table"],
        )
        self._continuous_backups(dynamodb, name, {}, wanted)
        self._time_to_live(dynamodb, name, {}, wanted)
        return self._result(dynamodb, name)

    def update(self, context, physical_id, old, new):
        before, after = self.parameters(context, old), self.parameters(context, new)
        dynamodb = context.client("dynamodb")
        if before["protected"] != after["protected"]:
            dynamodb.update_table(TableName=physical_id, DeletionProtectionEnabled=after["protected"])
        self._throughput(dynamodb, physical_id, before["table"], after["table"])
        self._encryption(dynamodb, physical_id, before["table"], after["table"])
        self._stream(dynamodb, physical_id, before["table"], after["table"])
        self._indexes(dynamodb, physical_id, before["table"], after["table"])
        self._continuous_backups(dynamodb, physical_id, before, after)
        self._time_to_live(dynamodb, physical_id, before, after)
        self._tags(dynamodb, physical_id, before["tags"], after["tags"])
        return self._result(dynamodb, physical_id)

    def delete(self, context, physical_id, properties):
        context.client("dynamodb").delete_table(TableName=physical_id)

    @staticmethod
    def _result(dynamodb, name):
        table = dynamodb.describe_table(TableName=name)["Table"]
        attributes = {"Arn": table["TableArn"], "TableId": table.get("TableId", name)}
        if "LatestStreamArn" in table:
            attributes["StreamArn"] = table["LatestStreamArn"]
        return ResourceResult(name, attributes)

    @staticmethod
    def _throughput(dynamodb, name, old, new):
        if changed(old, new, "BillingMode", "ProvisionedThroughput"):
            dynamodb.update_table(TableName=name, **pick(new, "BillingMode", "ProvisionedThroughput"))

    @staticmethod
    def _encryption(dynamodb, name, old, new):
        if changed(old, new, "SSESpecification"):
            dynamodb.update_table(TableName=name, SSESpecification=new.get("SSESpecification", {"Enabled": False}))

    @staticmethod
    def _stream(dynamodb, name, old, new):
        if not changed(old, new, "StreamSpecification"):
            return
        if "StreamSpecification" in old:
            dynamodb.update_table(TableName=name, StreamSpecification={"StreamEnabled": False})
        if "StreamSpecification" in new:
            dynamodb.update_table(TableName=name, StreamSpecification=new["StreamSpecification"])

    @staticmethod
    def _indexes(dynamodb, name, old, new):
        # What the table has: a failed update that is rolled back has neither made its indexes
        # nor deleted those of before.
        described = dynamodb.describe_table(TableName=name)["Table"].get("GlobalSecondaryIndexes", [])
        after = {index["IndexName"]: index for index in new.get("GlobalSecondaryIndexes", [])}
        defined = {**after, **{index["IndexName"]: index for index in old.get("GlobalSecondaryIndexes", [])}}
        before = {index["IndexName"]: defined[index["IndexName"]] for index in described}
        updates = [{"Delete": {"IndexName": index}} for index in before if before[index] != after.get(index)]
        updates += [{"Create": after[index]} for index in after if before.get(index) != after[index]]
        # https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html
        if len(updates) > 1:
            raise ResourceFailed("Cannot perform more than one GSI creation or deletion in a single update")
        for update in updates:
            dynamodb.update_table(
                TableName=name, AttributeDefinitions=new["AttributeDefinitions"], GlobalSecondaryIndexUpdates=[update]
            )

    @staticmethod
    def _continuous_backups(dynamodb, name, old, new):
        if old.get("recovery", {}) != new["recovery"]:
            dynamodb.update_continuous_backups(
                TableName=name,
                PointInTimeRecoverySpecification=new["recovery"] or {"PointInTimeRecoveryEnabled": False},
            )

    @staticmethod
    def _time_to_live(dynamodb, name, old, new):
        before, after = old.get("ttl"), new["ttl"]
        if before == after:
            return
        if before:
            dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification={**before, "Enabled": False})
        if after:
            dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=after)

    @staticmethod
    def _tags(dynamodb, name, old, new):
        if old == new:
            return
        arn = dynamodb.describe_table(TableName=name)["Table"]["TableArn"]
        if set(old) - set(new):
            dynamodb.untag_resource(ResourceArn=arn, TagKeys=sorted(set(old) - set(new)))
        if new:
            dynamodb.tag_resource(ResourceArn=arn, Tags=[{"Key": key, "Value": value} for key, value in new.items()])


def _common(properties):
    table = {
        "AttributeDefinitions": properties["AttributeDefinitions"],
        "KeySchema": properties["KeySchema"],
        "BillingMode": properties.get("BillingMode", "PROVISIONED"),
    }
    for plural in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        if properties.get(plural):
            table[plural] = [pick(index, "IndexName", "KeySchema", "Projection") for index in properties[plural]]
    return table


def _encryption(specification):
    if not boolean(specification.get("SSEEnabled")):
        return {}
    return {"SSESpecification": {"Enabled": True, "SSEType": "KMS", **pick(specification, "KMSMasterKeyId")}}


def _recovery(specification):
    recovery = {"PointInTimeRecoveryEnabled": boolean((specification or {}).get("PointInTimeRecoveryEnabled"))}
    if not recovery["PointInTimeRecoveryEnabled"]:
        return {}
    if "RecoveryPeriodInDays" in specification:
        recovery["RecoveryPeriodInDays"] = integer(specification["RecoveryPeriodInDays"])
    return recovery


def _ttl(properties):
    specification = properties.get("TimeToLiveSpecification", {})
    if not boolean(specification.get("Enabled")):
        return None
    return {"AttributeName": specification["AttributeName"], "Enabled": True}


@register("AWS::DynamoDB::GlobalTable")
class GlobalTable(_Table):
    properties = frozenset(
        {
            "TableName", "AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes",
            "LocalSecondaryIndexes", "Replicas", "SSESpecification", "StreamSpecification", "TimeToLiveSpecification",
        }
    )
    ignored = frozenset({"WarmThroughput", "WriteOnDemandThroughputSettings"})

    def parameters(self, context, properties):
        replicas = properties["Replicas"]
        if [replica["Region"] for replica in replicas] != [context.region]:
            raise ResourceFailed(f"the local CloudFormation supports one replica of a table, in {context.region}")
        replica = replicas[0]
        known = {
            "Region", "PointInTimeRecoverySpecification", "DeletionProtectionEnabled", "Tags", "TableClass",
            "ContributorInsightsSpecification", "GlobalSecondaryIndexes", "SSESpecification",
            "ReadOnDemandThroughputSettings",
        }
        if set(replica) - known:
            raise ResourceFailed(f"the local CloudFormation does not support these replica settings: {sorted(set(replica) - known)}")
        table = _common(properties)
        if table["BillingMode"] != "PAY_PER_REQUEST":
            raise ResourceFailed("the local CloudFormation supports global tables with BillingMode PAY_PER_REQUEST only")
        if "StreamSpecification" in properties:
            table["StreamSpecification"] = {"StreamEnabled": True, **properties["StreamSpecification"]}
        # Each replica names its own key.
        table |= _encryption(properties.get("SSESpecification", {}) | pick(replica.get("SSESpecification", {}), "KMSMasterKeyId"))
        return {
            "table": table,
            "protected": boolean(replica.get("DeletionProtectionEnabled")),
            "recovery": _recovery(replica.get("PointInTimeRecoverySpecification")),
            "ttl": _ttl(properties),
            "tags": tag_map(replica),
        }


@register("AWS::DynamoDB::Table")
class Table(_Table):
    properties = frozenset(
        {
            "TableName", "AttributeDefinitions", "KeySchema", "BillingMode", "ProvisionedThroughput",
            "GlobalSecondaryIndexes", "LocalSecondaryIndexes", "StreamSpecification", "TimeToLiveSpecification",
            "DeletionProtectionEnabled", "PointInTimeRecoverySpecification", "SSESpecification", "Tags",
        }
    )
    ignored = frozenset({"TableClass", "ContributorInsightsSpecification", "WarmThroughput", "OnDemandThroughput"})

    def parameters(self, context, properties):
        table = _common(properties)
        if table["BillingMode"] == "PROVISIONED":
            throughput = properties["ProvisionedThroughput"]
            table["ProvisionedThroughput"] = {key: integer(value) for key, value in throughput.items()}
        if "StreamSpecification" in properties:
            table["StreamSpecification"] = {"StreamEnabled": True, **pick(properties["StreamSpecification"], "StreamViewType")}
        table |= _encryption(properties.get("SSESpecification", {}))
        return {
            "table": table,
            "protected": boolean(properties.get("DeletionProtectionEnabled")),
            "recovery": _recovery(properties.get("PointInTimeRecoverySpecification")),
            "ttl": _ttl(properties),
            "tags": tag_map(properties),
        }
