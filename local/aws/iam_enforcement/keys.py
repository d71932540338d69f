"""The use of KMS keys by requests and deliveries.

An identity policy allows the use of a key only if the policy of the key lets it,
and a service that delivers without a role needs the policy of the key itself.
https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html

Nothing is encrypted with the keys. What is judged: the objects of buckets, the
messages of queues and topics, and items of tables. Keys that AWS manages (aws/sqs)
may be used by every role of the account, and by no service that delivers.
"""

import policies
from moto.kms.models import kms_backends
from moto.s3.models import s3_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends


def find(reference, account, region):
    """The key of an ID or ARN, as moto's KMS has it; None for none and for a key that AWS manages."""
    if not reference or reference.rpartition(":")[2].startswith("alias/aws/"):
        return None
    if reference.startswith("arn:"):
        region, account = reference.split(":")[3:5]
    backend = kms_backends[account][region]
    name = reference.rpartition(":")[2]
    if name.startswith("alias/"):
        name = backend.get_key_id_from_alias(name) or name
    return backend.keys[name.removeprefix("key/")]  # a key that does not exist is an error


def of_new_object(bucket, headers, region):
    """The key that encrypts a new object: of the request, else the default of the bucket."""
    _, owner = s3_backends.bucket_accounts.get(bucket, ("aws", ""))
    if not owner:
        return None
    if headers.get("x-amz-server-side-encryption") == "aws:kms":
        return find(headers.get("x-amz-server-side-encryption-aws-kms-key-id"), owner, region)
    encryption = s3_backends[owner]["aws"].buckets[bucket].encryption or {}
    rules = encryption.get("Rule", [])
    rule = rules[0] if isinstance(rules, list) and rules else rules or {}
    default = rule.get("ApplyServerSideEncryptionByDefault", {})
    return find(default.get("KMSMasterKeyID"), owner, region) if default.get("SSEAlgorithm") == "aws:kms" else None


def of_object(stored, account, region):
    """The key that an object was encrypted with."""
    return find(getattr(stored, "kms_key_id", None), account, region)


def of_table(table, region):
    """The key of a table."""
    specification = getattr(table, "sse_specification", None) or {}
    return find(specification.get("KMSMasterKeyId"), table.table_arn.split(":")[4], region) if specification.get("Enabled") else None


def of_destination(arn):
    """The reference to the key of a queue or topic, "" for none."""
    service, region, account, name = arn.split(":")[2:6]
    if service == "sqs":
        queue = sqs_backends[account][region].queues.get(name)
        return (queue.kms_master_key_id or "") if queue is not None else ""
    if service == "sns":
        topic = sns_backends[account][region].topics.get(arn)
        return (topic.kms_master_key_id or "") if topic is not None else ""
    return ""


def service_may_send(service, arn):
    """Whether a service may encrypt a message to a queue or topic, by the policy of its key.

    The keys aws:SourceAccount and aws:SourceArn are absent: SNS documents that
    EventBridge does not support them, and of S3 and SNS no documentation says that
    they do.
    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
    """
    reference = of_destination(arn)
    if not reference:
        return True
    key = find(reference, *arn.split(":")[4:2:-1])
    if key is None:
        return False
    context = {f"kms:EncryptionContext:aws:{arn.split(':')[2]}:{'topicArn' if ':sns:' in arn else 'arn'}": arn}
    return all(
        policies.resource_allows(key.policy, policies.Request(policies.service(service), action, key.arn, context))
        for action in ("kms:GenerateDataKey", "kms:Decrypt")
    )
