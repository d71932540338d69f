"""S3 and STS between accounts: an account may use of another one what that one allows.

moto lets every account use every bucket and assume every role, and has no
requester-pays buckets. Here, in an account other than the default one, a role
must exist, must trust the principal that assumes it, and may do what its policies
allow; a bucket of another account allows what its policy allows. Within the
default account, everything is allowed.
"""

from urllib.parse import unquote
from xml.etree import ElementTree

import policies
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.s3.responses import S3Response
from moto.sts.exceptions import STSClientError
from moto.sts.models import STSBackend, sts_backends

ACCESS_DENIED = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
# Subresources that list the objects of a bucket, with their actions.
LISTINGS = {"versions": "s3:ListBucketVersions", "uploads": "s3:ListBucketMultipartUploads"}
# Query parameters that are not subresources.
PARAMETERS = {
    "list-type", "prefix", "delimiter", "marker", "max-keys", "start-after", "continuation-token", "encoding-type", "fetch-owner", "x-id",
}


def apply():
    """Adds the checks to moto's S3 and STS, and adds requester-pays."""
    moto_bucket = S3Response._bucket_response
    moto_key = S3Response._key_response
    moto_assume = STSBackend.assume_role

    def bucket_response(self, request, full_url):
        if "requestPayment" in request.args:
            return _refusal(self, request, "") or _request_payment(self, request)
        return _refusal(self, request, "") or moto_bucket(self, request, full_url)

    def key_response(self, request, full_url):
        return _refusal(self, request, self.parse_key_name()) or moto_key(self, request, full_url)

    def assume_role(self, **arguments):
        _check_trust(self.account_id, arguments["role_arn"], arguments.get("external_id"))
        return moto_assume(self, **arguments)

    S3Response._bucket_response = bucket_response
    S3Response._key_response = key_response
    STSBackend.assume_role = assume_role


def _refusal(response, request, key):
    """The response to a request that is not allowed, else None. A copy also reads its source."""
    accesses = [(response.bucket_name, key, _action(request, key))]
    source = request.headers.get("x-amz-copy-source")
    if source:
        bucket, _, name = unquote(source.partition("?")[0]).lstrip("/").partition("/")
        accesses.append((bucket, name, "s3:GetObject"))
    payer = request.headers.get("x-amz-request-payer") or request.args.get("x-amz-request-payer")
    for bucket, name, action in accesses:
        if bucket and not _is_allowed(response, bucket, name, action, payer, request.args.get("prefix", "")):
            return 403, {"content-type": "application/xml"}, ACCESS_DENIED
    return None


def _is_allowed(response, bucket_name, key, action, payer, prefix):
    account = response.current_account
    _, owner = s3_backends.bucket_accounts.get(bucket_name, ("aws", account))
    session = sts_backends[account]["aws"].get_assumed_role_from_access_key(response.access_key)
    principal = policies.role_session(session) if session else policies.account(account)
    resource = f"arn:aws:s3:::{bucket_name}" + (f"/{key}" if key else "")
    context = {"aws:PrincipalAccount": account, "aws:SecureTransport": "true", "s3:prefix": prefix}
    request = policies.Request(principal, action, resource, context)
    if account != DEFAULT_ACCOUNT_ID and session:
        role = policies.find_role(session.role_arn)
        if role is None or not policies.role_allows(role, request):
            return False
    if account == owner:
        return True
    bucket = s3_backends[owner]["aws"].buckets[bucket_name]
    # Every account but the owner must accept the charges of a requester-pays bucket.
    if getattr(bucket, "payer", "BucketOwner") == "Requester" and payer != "requester":
        return False
    policy = bucket.policy.decode() if isinstance(bucket.policy, bytes) else bucket.policy
    return policies.resource_allows(policy, request)


def _action(request, key):
    is_read = request.method in ("GET", "HEAD")
    if key:
        if request.method == "DELETE":
            return "s3:DeleteObject"
        if not is_read:
            return "s3:PutObject"
        return "s3:GetObjectVersion" if "versionId" in request.args else "s3:GetObject"
    for name in request.args:
        if name in LISTINGS:
            return LISTINGS[name]
        if name not in PARAMETERS:
            return f"s3:{'Get' if is_read else 'Put'}Bucket{name[0].upper()}{name[1:]}"
    return "s3:ListBucket" if is_read else "s3:CreateBucket" if request.method == "PUT" else "s3:DeleteBucket"


def _request_payment(response, request):
    bucket = response.backend.get_bucket(response.bucket_name)
    if request.method == "PUT":
        bucket.payer = ElementTree.fromstring(response.body).findtext("{*}Payer")
        return 200, {}, ""
    payer = getattr(bucket, "payer", "BucketOwner")
    return 200, {}, f"<RequestPaymentConfiguration><Payer>{payer}</Payer></RequestPaymentConfiguration>"


def _check_trust(account, role_arn, external_id):
    if role_arn.split(":")[4] in (account, DEFAULT_ACCOUNT_ID):
        return
    role = policies.find_role(role_arn)
    context = {"sts:ExternalId": external_id} if external_id else {}
    request = policies.Request(policies.account(account), "sts:AssumeRole", role_arn, context)
    if role is None or not policies.role_trusts(role, request):
        user = request.principal["arns"][0]
        raise STSClientError("AccessDenied", f"{user} is not authorized to perform: sts:AssumeRole on resource: {role_arn}")
