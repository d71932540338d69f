"""S3 buckets and bucket policies; ECR repositories, of which the CDK bootstrap stack has one."""

import json

from ..errors import ResourceFailed
from .handler import ResourceHandler, ResourceResult, boolean, integer, pick, register, tag_map


@register("AWS::S3::Bucket")
class Bucket(ResourceHandler):
    properties = frozenset(
        {
            "BucketName", "BucketEncryption", "LifecycleConfiguration", "NotificationConfiguration",
            "PublicAccessBlockConfiguration", "Tags", "VersioningConfiguration", "CorsConfiguration",
        }
    )
    ignored = frozenset({"OwnershipControls", "AccessControl", "LoggingConfiguration", "IntelligentTieringConfigurations"})
    create_only = frozenset({"BucketName"})

    def create(self, context, properties):
        name = properties.get("BucketName") or context.name(63, lower=True)
        s3 = context.client("s3")
        s3.create_bucket(Bucket=name)
        try:
            self._configure(s3, name, {}, properties)
        except Exception:
            s3.delete_bucket(Bucket=name)
            raise
        return self._result(context, name)

    def update(self, context, physical_id, old, new):
        self._configure(context.client("s3"), physical_id, old, new)

    def delete(self, context, physical_id, properties):
        context.client("s3").delete_bucket(Bucket=physical_id)

    @staticmethod
    def _result(context, name):
        return ResourceResult(
            name,
            {
                "Arn": f"arn:aws:s3:::{name}",
                "DomainName": f"{name}.s3.amazonaws.com",
                "RegionalDomainName": f"{name}.s3.{context.region}.amazonaws.com",
                "DualStackDomainName": f"{name}.s3.dualstack.{context.region}.amazonaws.com",
                "WebsiteURL": f"http://{name}.s3-website-{context.region}.amazonaws.com",
            },
        )

    @staticmethod
    def _configure(s3, name, old, new):
        def differs(key):
            return old.get(key) != new.get(key)

        if differs("VersioningConfiguration"):
            s3.put_bucket_versioning(
                Bucket=name, VersioningConfiguration=new.get("VersioningConfiguration", {"Status": "Suspended"})
            )
        if differs("BucketEncryption"):
            if "BucketEncryption" in new:
                rules = [
                    {
                        "ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"],
                        "BucketKeyEnabled": boolean(rule.get("BucketKeyEnabled")),
                    }
                    for rule in new["BucketEncryption"]["ServerSideEncryptionConfiguration"]
                ]
                s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules})
            else:
                s3.delete_bucket_encryption(Bucket=name)
        if differs("PublicAccessBlockConfiguration"):
            block = new.get("PublicAccessBlockConfiguration")
            if block:
                block = {key: boolean(value) for key, value in block.items()}
                s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=block)
            else:
                s3.delete_public_access_block(Bucket=name)
        if differs("LifecycleConfiguration"):
            if "LifecycleConfiguration" in new:
                rules = [_lifecycle_rule(rule) for rule in new["LifecycleConfiguration"]["Rules"]]
                s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})
            else:
                s3.delete_bucket_lifecycle(Bucket=name)
        if differs("CorsConfiguration"):
            if "CorsConfiguration" in new:
                s3.put_bucket_cors(
                    Bucket=name, CORSConfiguration={"CORSRules": [_cors_rule(rule) for rule in new["CorsConfiguration"]["CorsRules"]]}
                )
            else:
                s3.delete_bucket_cors(Bucket=name)
        if differs("Tags"):
            tags = [{"Key": key, "Value": value} for key, value in tag_map(new).items()]
            if tags:
                s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
            else:
                s3.delete_bucket_tagging(Bucket=name)
        if differs("NotificationConfiguration"):
            s3.put_bucket_notification_configuration(
                Bucket=name, NotificationConfiguration=_notifications(new.get("NotificationConfiguration", {}))
            )


def _lifecycle_rule(rule):
    known = {
        "Id", "Status", "Prefix", "ExpirationInDays", "ExpirationDate", "ExpiredObjectDeleteMarker", "TagFilters",
        "NoncurrentVersionExpiration", "NoncurrentVersionExpirationInDays", "NoncurrentVersionTransitions",
        "Transitions", "AbortIncompleteMultipartUpload", "ObjectSizeGreaterThan", "ObjectSizeLessThan",
    }
    unknown = set(rule) - known
    if unknown:
        raise ResourceFailed(f"the local CloudFormation does not support these lifecycle settings: {', '.join(sorted(unknown))}")
    converted = {"Status": rule["Status"]}
    if "Id" in rule:
        converted["ID"] = rule["Id"]
    tags = rule.get("TagFilters", [])
    sizes = {key: integer(value) for key, value in pick(rule, "ObjectSizeGreaterThan", "ObjectSizeLessThan").items()}
    if tags or sizes:
        converted["Filter"] = {"And": {"Prefix": rule.get("Prefix", ""), "Tags": tags, **sizes}}
    else:
        converted["Filter"] = {"Prefix": rule.get("Prefix", "")}
    expiration = {}
    if "ExpirationInDays" in rule:
        expiration["Days"] = integer(rule["ExpirationInDays"])
    if "ExpirationDate" in rule:
        expiration["Date"] = rule["ExpirationDate"]
    if "ExpiredObjectDeleteMarker" in rule:
        expiration["ExpiredObjectDeleteMarker"] = boolean(rule["ExpiredObjectDeleteMarker"])
    if expiration:
        converted["Expiration"] = expiration
    noncurrent = rule.get("NoncurrentVersionExpiration")
    if "NoncurrentVersionExpirationInDays" in rule:
        noncurrent = {"NoncurrentDays": rule["NoncurrentVersionExpirationInDays"]}
    if noncurrent:
        converted["NoncurrentVersionExpiration"] = {key: integer(value) for key, value in noncurrent.items()}
    if "Transitions" in rule:
        converted["Transitions"] = [
            {
                "StorageClass": transition["StorageClass"],
                **({"Days": integer(transition["TransitionInDays"])} if "TransitionInDays" in transition else {}),
                **({"Date": transition["TransitionDate"]} if "TransitionDate" in transition else {}),
            }
            for transition in rule["Transitions"]
        ]
    if "NoncurrentVersionTransitions" in rule:
        converted["NoncurrentVersionTransitions"] = [
            {"StorageClass": transition["StorageClass"], "NoncurrentDays": integer(transition["TransitionInDays"])}
            for transition in rule["NoncurrentVersionTransitions"]
        ]
    if "AbortIncompleteMultipartUpload" in rule:
        days = integer(rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"])
        converted["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": days}
    return converted


def _cors_rule(rule):
    return {
        "AllowedMethods": rule["AllowedMethods"],
        "AllowedOrigins": rule["AllowedOrigins"],
        **({"AllowedHeaders": rule["AllowedHeaders"]} if "AllowedHeaders" in rule else {}),
        **({"ExposeHeaders": rule["ExposedHeaders"]} if "ExposedHeaders" in rule else {}),
    }


def _notifications(properties):
    """The notification configuration of a template in the form of the API."""
    converted = {}
    for source, target, destination, arn in (
        ("LambdaConfigurations", "LambdaFunctionConfigurations", "Function", "LambdaFunctionArn"),
        ("QueueConfigurations", "QueueConfigurations", "Queue", "QueueArn"),
        ("TopicConfigurations", "TopicConfigurations", "Topic", "TopicArn"),
    ):
        entries = []
        for entry in properties.get(source, []):
            configuration = {arn: entry[destination], "Events": [entry["Event"]]}
            rules = entry.get("Filter", {}).get("S3Key", {}).get("Rules", [])
            if rules:
                configuration["Filter"] = {
                    "Key": {"FilterRules": [{"Name": rule["Name"].lower(), "Value": rule["Value"]} for rule in rules]}
                }
            entries.append(configuration)
        if entries:
            converted[target] = entries
    bridge = properties.get("EventBridgeConfiguration")
    if bridge is not None and boolean(bridge.get("EventBridgeEnabled"), True):
        converted["EventBridgeConfiguration"] = {}
    return converted


@register("AWS::S3::BucketPolicy")
class BucketPolicy(ResourceHandler):
    properties = frozenset({"Bucket", "PolicyDocument"})
    create_only = frozenset({"Bucket"})

    def create(self, context, properties):
        self.update(context, None, {}, properties)
        return ResourceResult(properties["Bucket"])

    def update(self, context, physical_id, old, new):
        context.client("s3").put_bucket_policy(Bucket=new["Bucket"], Policy=json.dumps(new["PolicyDocument"]))

    def delete(self, context, physical_id, properties):
        context.client("s3").delete_bucket_policy(Bucket=properties["Bucket"])


@register("AWS::ECR::Repository")
class Repository(ResourceHandler):
    properties = frozenset({"RepositoryName"})
    ignored = frozenset(
        {"ImageTagMutability", "ImageScanningConfiguration", "LifecyclePolicy", "RepositoryPolicyText", "EmptyOnDelete", "Tags"}
    )
    create_only = frozenset({"RepositoryName"})

    def create(self, context, properties):
        name = properties.get("RepositoryName") or context.name(63, lower=True)
        created = context.client("ecr").create_repository(repositoryName=name)["repository"]
        return ResourceResult(name, {"Arn": created["repositoryArn"], "RepositoryUri": created["repositoryUri"]})

    def update(self, context, physical_id, old, new):
        return None

    def delete(self, context, physical_id, properties):
        context.client("ecr").delete_repository(repositoryName=physical_id, force=True)
