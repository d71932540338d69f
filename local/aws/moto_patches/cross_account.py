"""Other accounts: what is theirs is closed to ours but for what they allow.

moto lets every account into every bucket and assume every role, and knows no
requester-pays. Our own account may do everything with its own, as before:
nothing here says which role a caller of ours has. In another account, a role
must exist and trust the caller, may do what its policies allow, and a bucket
lets strangers do what its policy allows.
"""

from urllib.parse import unquote
from xml.etree import ElementTree

from moto.core import DEFAULT_ACCOUNT_ID
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends
from moto.s3.responses import S3Response
from moto.sts.exceptions import STSClientError
from moto.sts.models import STSBackend, sts_backends

from policies import Request, allows

DENIED = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
# Subresources whose requests are about the objects of a bucket, with what they ask for.
LISTINGS = {"versions": "s3:ListBucketVersions", "uploads": "s3:ListBucketMultipartUploads"}
PARAMETERS = {"list-type", "prefix", "delimiter", "marker", "max-keys", "start-after", "continuation-token", "encoding-type", "fetch-owner", "x-id"}


def apply():
    """Puts the checks in front of moto's S3 and STS, and adds requester-pays."""
    moto_bucket = S3Response._bucket_response
    moto_key = S3Response._key_response
    moto_assume = STSBackend.assume_role

    def bucket_response(self, request, full_url):
        if "requestPayment" in request.args:
            return _closed(self, request, "") or _request_payment(self, request)
        return _closed(self, request, "") or moto_bucket(self, request, full_url)

    def key_response(self, request, full_url):
        return _closed(self, request, self.parse_key_name()) or moto_key(self, request, full_url)

    def assume_role(self, **asked):
        _check_trust(self.account_id, asked["role_arn"], asked.get("external_id"))
        return moto_assume(self, **asked)

    S3Response._bucket_response = bucket_response
    S3Response._key_response = key_response
    STSBackend.assume_role = assume_role


def _closed(response, request, key):
    """The refusal of a request, if it is one; the source of a copy is asked for as well."""
    wanted = [(response.bucket_name, key, _action(request, key))]
    source = request.headers.get("x-amz-copy-source")
    if source:
        bucket, _, name = unquote(source.partition("?")[0]).lstrip("/").partition("/")
        wanted.append((bucket, name, "s3:GetObject"))
    payer = request.headers.get("x-amz-request-payer") or request.args.get("x-amz-request-payer")
    for bucket, name, action in wanted:
        if bucket and not _open(response, bucket, name, action, payer, request.args.get("prefix", "")):
            return 403, {"content-type": "application/xml"}, DENIED
    return None


def _open(response, bucket_name, key, action, payer, prefix):
    caller = response.current_account
    _, owner = s3_backends.bucket_accounts.get(bucket_name, ("aws", caller))
    resource = f"arn:aws:s3:::{bucket_name}" + (f"/{key}" if key else "")
    keys = {"aws:PrincipalAccount": caller, "aws:SecureTransport": "true", "s3:prefix": prefix}
    role = _assumed(caller, response.access_key)
    if caller != DEFAULT_ACCOUNT_ID and role and not _may(caller, role.role_arn, Request(None, action, resource, keys)):
        return False
    if caller == owner:
        return True
    bucket = s3_backends[owner]["aws"].buckets[bucket_name]
    # Of the requester-pays, only the owner need not say that he pays.
    if getattr(bucket, "payer", "BucketOwner") == "Requester" and payer != "requester":
        return False
    names = [role.role_arn, role.arn] if role else [f"arn:aws:iam::{caller}:root"]
    policy = bucket.policy.decode() if isinstance(bucket.policy, bytes) else bucket.policy
    return allows(policy, Request({"AWS": names}, action, resource, keys))


def _action(request, key):
    read = request.method in ("GET", "HEAD")
    if key:
        if request.method == "DELETE":
            return "s3:DeleteObject"
        if not read:
            return "s3:PutObject"
        return "s3:GetObjectVersion" if "versionId" in request.args else "s3:GetObject"
    for name in request.args:
        if name in LISTINGS:
            return LISTINGS[name]
        if name not in PARAMETERS:
            return f"s3:{'Get' if read else 'Put'}Bucket{name[0].upper()}{name[1:]}"
    return "s3:ListBucket" if read else "s3:CreateBucket" if request.method == "PUT" else "s3:DeleteBucket"


def _request_payment(response, request):
    bucket = response.backend.get_bucket(response.bucket_name)
    if request.method == "PUT":
        bucket.payer = ElementTree.fromstring(response.body).findtext("{*}Payer")
        return 200, {}, ""
    payer = getattr(bucket, "payer", "BucketOwner")
    return 200, {}, f"<RequestPaymentConfiguration><Payer>{payer}</Payer></RequestPaymentConfiguration>"


def _assumed(account, access_key):
    return sts_backends[account]["aws"].get_assumed_role_from_access_key(access_key)


def _role(account, arn):
    return next((role for role in list(iam_backends[account]["aws"].roles.values()) if role.arn == arn), None)


def _may(account, role_arn, request):
    role = _role(account, role_arn)
    documents = [] if role is None else [*role.policies.values(), *(managed.document for managed in role.managed_policies.values())]
    return any(allows(document, request) for document in documents)


def _check_trust(caller, role_arn, external_id):
    account = role_arn.split(":")[4]
    if account in (caller, DEFAULT_ACCOUNT_ID):
        return
    role = _role(account, role_arn)
    keys = {"sts:ExternalId": external_id} if external_id else {}
    asked = Request({"AWS": [f"arn:aws:iam::{caller}:root"]}, "sts:AssumeRole", role_arn, keys)
    if role is None or not allows(role.assume_role_policy_document, asked):
        raise STSClientError("AccessDenied", f"{asked.principal['AWS'][0]} is not authorized to perform: sts:AssumeRole on resource: {role_arn}")
