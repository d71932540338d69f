"""The WSGI application in front of moto.

It answers what moto cannot (CloudFormation, Lambda invocations, a few routes of
our own under /_local/) and passes everything else on.
"""

import base64
import json
import re
import threading
import traceback
from urllib.parse import parse_qs, unquote

import fixes.accounts
import fixes.dispatch
import fixes.dynamodb
import fixes.lambda_
import fixes.queries
import fixes.s3
import fixes.s3_listing
import fixes.s3_notifications
import fixes.sns
import fixes.sqs
import fixes.streams
import fixes.values
from bus import rules
from bus.schedules import Schedules
from bus.targets import Targets
from cfn.api import CloudFormation
from cfn.clients import Clients
from cfn.custom import Responses
from cfn.errors import Invalid
from moto.s3.models import s3_backends

INVOKE = re.compile(r"^/2015-03-31/functions/(?P<name>[^/]+)/invocations/?$")
INVOKE_HEADERS = ("X-Amz-Invocation-Type", "X-Amz-Log-Type", "X-Amz-Client-Context")
# What DynamoDB answers a request for which a table has no throughput left.
THROTTLED = json.dumps(
    {
        "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
        "message": "the table has no throughput left for this",
    }
).encode()


class Gateway:
    """Routes a request: own routes, CloudFormation, Lambda Invoke, else moto."""

    def __init__(self, moto, endpoint, host_url):
        self.moto = moto
        # moto reads, changes and writes items without a lock: two concurrent
        # ADDs would lose one, and a failed transaction would undo others' writes.
        self.dynamodb = threading.RLock()
        self.throttled = frozenset()  # operations of DynamoDB
        self.lambda_host = fixes.lambda_.LambdaHost(host_url, endpoint)
        self.responses = Responses(endpoint)
        clients = Clients(endpoint)
        self.cloudformation = CloudFormation(clients, self.lambda_host, self.responses)
        fixes.dispatch.apply()
        fixes.s3.apply()
        fixes.s3_listing.apply()
        fixes.s3_notifications.apply()
        fixes.accounts.apply()
        fixes.values.apply()
        fixes.queries.apply()
        fixes.streams.apply()
        fixes.dynamodb.apply()
        fixes.lambda_.apply(self.lambda_host)
        fixes.sns.apply(self.lambda_host)
        fixes.sqs.apply()
        targets = Targets(self.lambda_host)
        rules.apply(targets)
        self.schedules = Schedules(targets)
        self.schedules.start()

    def __call__(self, environ, start_response):
        path = environ.get("PATH_INFO", "")
        account = re.search(r"Credential=(\d{12})/", environ.get("HTTP_AUTHORIZATION", ""))
        if account:  # an access key that is the number of an account: see AWSConfigOf of Env
            environ["HTTP_X_MOTO_ACCOUNT_ID"] = account[1]
        if "\n" in path:  # no route of moto's matches it; keys are taken from the raw path
            environ["PATH_INFO"] = path.replace("\n", " ")
        if path.startswith("/_local/"):
            return self.own(path, environ, start_response)
        if service_of(environ) == "cloudformation":
            return self.answer(start_response, *self.cloudformation.handle(form_of(environ)))
        invoked = INVOKE.match(path)
        if invoked and environ["REQUEST_METHOD"] == "POST":
            return self.invoke(invoked["name"], environ, start_response)
        target, _, operation = environ.get("HTTP_X_AMZ_TARGET", "").partition(".")
        if target.startswith("DynamoDB"):
            if operation in self.throttled:
                body_of(environ)
                return self.answer(start_response, 400, "application/x-amz-json-1.0", THROTTLED)
            with self.dynamodb:
                return collect(self.moto(environ, start_response))
        # S3 announces an object once it is complete with its metadata, ACL and
        # tags. moto would do so halfway through the request.
        with fixes.s3.deferred_events():
            return collect(self.moto(environ, start_response))

    def own(self, path, environ, start_response):
        route, _, name = path.removeprefix("/_local/").partition("/")
        if route == "health":
            return self.answer(start_response, 200, "text/plain", b"ok")
        if route == "code":
            return self.answer(start_response, 200, "application/zip", self.lambda_host.code(name))
        if route == "cfn-response":
            self.responses.deliver(name, json.loads(body_of(environ)))
            return self.answer(start_response, 200, "text/plain", b"")
        if route == "schedules":
            return self.answer(start_response, *self.fire(name))
        if route == "fill":
            return self.answer(start_response, *self.fill(name, json.loads(body_of(environ))))
        if route == "throttle":
            self.throttled = frozenset(json.loads(body_of(environ)))
            return self.answer(start_response, 200, "text/plain", b"")
        return self.answer(start_response, 404, "text/plain", b"no such route")

    def fire(self, stack):
        """Fires the schedules of a stack."""
        try:
            fired, problems = self.schedules.fire(self.cloudformation.schedules(stack))
        except Invalid as error:
            return 404, "text/plain", str(error).encode()
        if not fired:
            return 404, "text/plain", f"stack {stack} has no schedule that is on and has a target".encode()
        return 502 if problems else 200, "text/plain", "; ".join(problems).encode()

    @staticmethod
    def fill(bucket, asked):
        """Puts an object under each of some keys, without a word to anyone."""
        if bucket not in s3_backends.bucket_accounts:
            return 404, "text/plain", f"there is no bucket {bucket}".encode()
        partition, account = s3_backends.bucket_accounts[bucket]
        body = base64.b64decode(asked["Body"] or "")
        for key in asked["Keys"]:
            s3_backends[account][partition].put_object(bucket, key, body, disable_notification=True)
        return 200, "text/plain", b""

    def invoke(self, name, environ, start_response):
        headers = {}
        for header in INVOKE_HEADERS:
            value = environ.get("HTTP_" + header.upper().replace("-", "_"))
            if value:
                headers[header] = value
        qualifier = parse_qs(environ.get("QUERY_STRING", "")).get("Qualifier", [""])[0]
        status, answered, body = self.lambda_host.forward(unquote(name), body_of(environ), headers, qualifier)
        start_response(f"{status} {'OK' if status < 400 else 'Error'}", answered)
        return [body]

    @staticmethod
    def answer(start_response, status, content_type, body):
        start_response(
            f"{status} {'OK' if status < 400 else 'Error'}",
            [("Content-Type", content_type), ("Content-Length", str(len(body)))],
        )
        return [body]


def service_of(environ):
    """The service a signed request is for, from its credential scope."""
    scope = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request", environ.get("HTTP_AUTHORIZATION", ""))
    return scope[1] if scope else ""


def body_of(environ):
    if environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
        return environ["wsgi.input"].read()
    return environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))


def form_of(environ):
    form = parse_qs(body_of(environ).decode(), keep_blank_values=True)
    return {key: values[0] for key, values in form.items()}


def collect(response):
    """Reads a WSGI response to its end, so that whatever must follow it can."""
    try:
        return [b"".join(response)]
    except Exception:
        traceback.print_exc()
        raise
    finally:
        if hasattr(response, "close"):
            response.close()
