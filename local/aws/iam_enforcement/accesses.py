"""The actions, resources and condition keys of a request.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

import json
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote
from xml.etree import ElementTree

import policies
from moto.awslambda.utils import get_backend
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.parsing.key_condition_expression import parse_expression
from moto.s3.models import FakeDeleteMarker, s3_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from . import keys


class UnknownRequest(Exception):
    """A request whose actions are not known."""


@dataclass
class Access:
    """An action on a resource that a request needs."""

    action: str
    resource: str
    context: dict = field(default_factory=dict)
    account: str = ""  # the owner of the resource
    policy: str = ""  # of the resource, as JSON; empty if it has none
    # The policies of roles and of keys must allow every request.
    is_trust_policy: bool = False
    is_key_policy: bool = False


@dataclass
class HTTPRequest:
    """The parts of a request that decide what it accesses."""

    service: str
    method: str
    path: str  # URL-decoded
    query: dict  # name -> value
    headers: dict  # in lower case
    body: bytes
    account: str
    region: str

    @property
    def operation(self):
        return self.headers.get("x-amz-target", "").partition(".")[2]


def accesses(request):
    """Every Access of a request; UnknownRequest if they are not known."""
    if request.service not in _SERVICES:
        raise UnknownRequest(f"requests to {request.service} are not known")
    return _SERVICES[request.service](request)


def _key(key, *actions):
    """The uses of a KMS key; none without a key."""
    if key is None:
        return []
    account = key.arn.split(":")[4]
    return [Access(action, key.arn, {}, account, key.policy, is_key_policy=True) for action in actions]


def _dynamodb(request):
    found = _dynamodb_actions(request)
    tables = dynamodb_backends[request.account][request.region].tables
    names = {re.search(r":table/([^/]+)", access.resource)[1] for access in found}
    # DynamoDB uses the key of the table with the permissions of the caller.
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
    return found + [use for name in sorted(names & tables.keys()) for use in _key(keys.of_table(tables[name], request.region), "kms:Decrypt")]


def _dynamodb_actions(request):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html"""
    body = json.loads(request.body)
    operation = request.operation
    if request.headers.get("x-amz-target", "").startswith("DynamoDBStreams"):
        return _stream(request, operation, body)
    if operation in ("GetItem", "DeleteItem", "UpdateItem"):
        return [_table(request, operation, body["TableName"], [body["Key"]])]
    if operation == "PutItem":
        return [_table(request, operation, body["TableName"], [body["Item"]])]
    if operation == "BatchWriteItem":
        return [
            _table(request, operation, name, [_item_of(one) for one in requests]) for name, requests in body["RequestItems"].items()
        ]
    if operation == "BatchGetItem":
        return [_table(request, operation, name, keys["Keys"]) for name, keys in body["RequestItems"].items()]
    if operation in ("TransactWriteItems", "TransactGetItems"):
        # A transaction needs the permissions of its parts.
        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
        actions = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem", "Get": "GetItem"}
        found = []
        for item in body["TransactItems"]:
            ((kind, part),) = item.items()
            found.append(_table(request, actions[kind], part["TableName"], [part.get("Key") or part["Item"]]))
        return found
    if operation == "Query":
        return [_query(request, body)]
    if operation in ("Scan", "DescribeTable"):
        return [_table(request, operation, body["TableName"], [], body.get("IndexName"))]
    raise UnknownRequest(f"the DynamoDB operation {operation} is not known")


def _stream(request, operation, body):
    if operation not in ("DescribeStream", "GetShardIterator", "GetRecords"):
        raise UnknownRequest(f"the DynamoDB Streams operation {operation} is not known")
    arn = body["StreamArn"] if "StreamArn" in body else body["ShardIterator"].partition("|")[0]
    return [Access(f"dynamodb:{operation}", arn, {}, request.account)]


def _item_of(write):
    return write["PutRequest"]["Item"] if "PutRequest" in write else write["DeleteRequest"]["Key"]


def _table(request, operation, name, items, index=None):
    name = name.rpartition("/")[2]  # it may be an ARN
    table = dynamodb_backends[request.account][request.region].tables.get(name)
    keys = set()
    if table is not None:
        keys = {str(next(iter(item[table.hash_key_attr].values()))) for item in items if table.hash_key_attr in item}
    return _table_access(request, operation, name, keys, index)


def _table_access(request, operation, name, leading_keys, index):
    resource = f"arn:aws:dynamodb:{request.region}:{request.account}:table/{name}" + (f"/index/{index}" if index else "")
    context = {"dynamodb:LeadingKeys": sorted(leading_keys)} if leading_keys else {}
    return Access(f"dynamodb:{operation}", resource, context, request.account)


def _query(request, body):
    name, index = body["TableName"].rpartition("/")[2], body.get("IndexName")
    backend = dynamodb_backends[request.account][request.region]
    keys = set()
    if name in backend.tables:
        hash_conditions, _, _ = parse_expression(
            body["KeyConditionExpression"],
            body.get("ExpressionAttributeValues", {}),
            body.get("ExpressionAttributeNames", {}),
            backend.get_schema(name, index),
        )
        keys = {str(next(iter(value.values()))) for _, value in hash_conditions}
    return _table_access(request, "Query", name, keys, index)


# Operations on several messages need the permission of the operation on one.
_SQS = {
    "SendMessage": "SendMessage", "SendMessageBatch": "SendMessage", "ReceiveMessage": "ReceiveMessage",
    "DeleteMessage": "DeleteMessage", "DeleteMessageBatch": "DeleteMessage", "GetQueueAttributes": "GetQueueAttributes",
    "ChangeMessageVisibility": "ChangeMessageVisibility", "ChangeMessageVisibilityBatch": "ChangeMessageVisibility", "GetQueueUrl": "GetQueueUrl",
}


def _sqs(request):
    if request.operation not in _SQS:
        raise UnknownRequest(f"the SQS operation {request.operation} is not known")
    body = json.loads(request.body)
    account, name = body.get("QueueOwnerAWSAccountId", request.account), body.get("QueueName")
    if name is None:
        account, name = body["QueueUrl"].split("/")[-2:]
    queue = sqs_backends[account][request.region].queues.get(name)
    policy = queue.policy if queue is not None else None
    resource = f"arn:aws:sqs:{request.region}:{account}:{name}"
    found = [Access(f"sqs:{_SQS[request.operation]}", resource, {}, account, _text(policy))]
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    key = keys.find(queue.kms_master_key_id if queue is not None else None, account, request.region)
    if found[0].action == "sqs:SendMessage":
        found += _key(key, "kms:GenerateDataKey", "kms:Decrypt")
    elif found[0].action == "sqs:ReceiveMessage":
        found += _key(key, "kms:Decrypt")
    return found


def _sns(request):
    form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    if form.get("Action") not in ("Publish", "PublishBatch"):
        raise UnknownRequest(f"the SNS action {form.get('Action')} is not known")
    arn = form["TopicArn"]
    account, region = arn.split(":")[4], arn.split(":")[3]
    topic = sns_backends[account][region].topics.get(arn)
    context = {"aws:SourceOwner": request.account}  # in the default policy of topics
    key = keys.find(topic.kms_master_key_id if topic is not None else None, account, region)
    # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    return [
        Access("sns:Publish", arn, context, account, _text(topic.policy if topic is not None else None)),
        *_key(key, "kms:GenerateDataKey", "kms:Decrypt"),
    ]


def _events(request):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html"""
    if request.operation != "PutEvents":
        raise UnknownRequest(f"the EventBridge operation {request.operation} is not known")
    found = []
    for entry in json.loads(request.body)["Entries"]:
        bus = entry.get("EventBusName", "default").rpartition("/")[2]
        resource = f"arn:aws:events:{request.region}:{request.account}:event-bus/{bus}"
        context = {"events:source": [entry["Source"]], "events:detail-type": [entry["DetailType"]]}
        found.append(Access("events:PutEvents", resource, context, request.account))
    return found


def _lambda(request):
    invocation = re.fullmatch(r"/2015-03-31/functions/([^/]+)/invocations/?", request.path)
    if not invocation or request.method != "POST":
        raise UnknownRequest(f"the Lambda request {request.method} {request.path} is not known")
    name = invocation[1].rpartition(":function:")[2].partition(":")[0]
    resource = f"arn:aws:lambda:{request.region}:{request.account}:function:{name}"
    try:
        statements = get_backend(request.account, request.region).get_function(resource).policy.statements
    except Exception:  # moto raises various classes for a function that does not exist
        statements = []
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements}) if statements else ""
    return [Access("lambda:InvokeFunction", resource, {}, request.account, policy)]


def _secretsmanager(request):
    if request.operation not in ("GetSecretValue", "DescribeSecret", "PutSecretValue"):
        raise UnknownRequest(f"the Secrets Manager operation {request.operation} is not known")
    secret_id = json.loads(request.body)["SecretId"]
    secret = secretsmanager_backends[request.account][request.region].secrets.get(secret_id)
    resource = secret.arn if secret is not None else secret_id
    if not resource.startswith("arn:"):
        resource = f"arn:aws:secretsmanager:{request.region}:{request.account}:secret:{secret_id}"
    policy = getattr(secret, "policy", None)
    return [Access(f"secretsmanager:{request.operation}", resource, {}, request.account, _text(policy))]


def _sts(request):
    form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    if form.get("Action") == "GetCallerIdentity":
        return []  # it needs no permission
    if form.get("Action") != "AssumeRole":
        raise UnknownRequest(f"the STS action {form.get('Action')} is not known")
    arn = form["RoleArn"]
    role = policies.find_role(arn)
    context = {"sts:ExternalId": form["ExternalId"]} if "ExternalId" in form else {}
    trust = role.assume_role_policy_document if role is not None else ""
    return [Access("sts:AssumeRole", arn, context, arn.split(":")[4], trust, is_trust_policy=True)]


# Query parameters of S3 that are not subresources.
_S3_PARAMETERS = {
    "x-id", "list-type", "prefix", "delimiter", "marker", "max-keys", "start-after", "continuation-token", "encoding-type", "fetch-owner",
    "partNumber", "versionId", "key-marker", "version-id-marker", "upload-id-marker", "max-uploads", "max-parts", "part-number-marker",
}


def _s3(request):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html"""
    bucket, _, key = request.path.lstrip("/").partition("/")
    subresources = {name for name in request.query if name not in _S3_PARAMETERS and not name.lower().startswith("x-amz-")}
    if key:
        found = [_object(request, bucket, key, action) for action in _object_actions(request, subresources)]
        source = request.headers.get("x-amz-copy-source")
        if source:
            source_bucket, _, source_key = unquote(source.partition("?")[0]).lstrip("/").partition("/")
            action = "s3:GetObjectVersion" if "versionId=" in source else "s3:GetObject"
            found.append(_object(request, source_bucket, source_key, action))
            found += _reads(request, source_bucket, source_key)
        if any(access.action.startswith("s3:GetObject") and not access.action.endswith("Tagging") for access in found[:1]):
            found += _reads(request, bucket, key)
        elif request.method in ("PUT", "POST") and found[0].action == "s3:PutObject":
            # https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions
            uses = ("kms:GenerateDataKey", "kms:Decrypt") if subresources else ("kms:GenerateDataKey",)
            found += _key(keys.of_new_object(bucket, request.headers, request.region), *uses)
        return found
    if request.method == "POST" and subresources == {"delete"}:
        objects = ElementTree.fromstring(request.body).iterfind("{*}Object")
        return [
            _object(request, bucket, item.findtext("{*}Key"), "s3:DeleteObject" + ("Version" if item.findtext("{*}VersionId") else ""))
            for item in objects
        ]
    actions = {
        ("GET", ""): "s3:ListBucket", ("HEAD", ""): "s3:ListBucket", ("GET", "versions"): "s3:ListBucketVersions",
        ("GET", "uploads"): "s3:ListBucketMultipartUploads", ("GET", "location"): "s3:GetBucketLocation",
    }
    action = actions.get((request.method, ",".join(sorted(subresources))))
    if action is None:
        raise UnknownRequest(f"the S3 request {request.method} {request.path} with {sorted(subresources)} is not known")
    context = {}
    if action.startswith("s3:ListBucket") and request.method == "GET":
        context = {f"s3:{name}": request.query[name] for name in ("prefix", "delimiter", "max-keys") if name in request.query}
    return [_bucket(request, bucket, action, f"arn:aws:s3:::{bucket}", context)]


def _reads(request, bucket, key):
    """What reading an object needs besides the action on it.

    For an object that does not exist, S3 answers 404 to those who may list the
    bucket, and 403 to all others.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    """
    _, owner = s3_backends.bucket_accounts.get(bucket, ("aws", request.account))
    stored = s3_backends[owner]["aws"].buckets.get(bucket)
    if stored is None:
        return []
    found = stored.keys.get(key)
    if found is None or isinstance(found, FakeDeleteMarker):
        return [_bucket(request, bucket, "s3:ListBucket", f"arn:aws:s3:::{bucket}", {})]
    return _key(keys.of_object(found, owner, request.region), "kms:Decrypt")


def _object_actions(request, subresources):
    kind = ",".join(sorted(subresources))
    version = "Version" if "versionId" in request.query else ""
    if request.method in ("GET", "HEAD") and kind == "":
        return [f"s3:GetObject{version}"]
    if request.method == "GET" and kind == "tagging":
        return [f"s3:GetObject{version}Tagging"]
    if request.method == "GET" and kind == "uploadId":
        return ["s3:ListMultipartUploadParts"]
    if request.method == "PUT" and kind == "":
        return ["s3:PutObject"] + (["s3:PutObjectTagging"] if "x-amz-tagging" in request.headers else [])
    if (request.method, kind) in (("POST", "uploads"), ("POST", "uploadId"), ("PUT", "uploadId")):
        return ["s3:PutObject"]
    if request.method == "DELETE" and kind == "uploadId":
        return ["s3:AbortMultipartUpload"]
    if request.method == "DELETE" and kind == "":
        return [f"s3:DeleteObject{version}"]
    raise UnknownRequest(f"the S3 request {request.method} {request.path} with {sorted(subresources)} is not known")


def _object(request, bucket, key, action):
    return _bucket(request, bucket, action, f"arn:aws:s3:::{bucket}/{key}", {})


def _bucket(request, bucket, action, resource, context):
    _, owner = s3_backends.bucket_accounts.get(bucket, ("aws", request.account))
    found = s3_backends[owner]["aws"].buckets.get(bucket)
    return Access(action, resource, context, owner, _text(found.policy if found is not None else None))


def _text(policy):
    return policy.decode() if isinstance(policy, bytes) else policy or ""


_SERVICES = {
    "dynamodb": _dynamodb, "sqs": _sqs, "sns": _sns, "lambda": _lambda, "secretsmanager": _secretsmanager, "sts": _sts, "s3": _s3,
    "events": _events,
}
