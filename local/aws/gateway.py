"""The WSGI application in front of moto.

It handles what moto cannot (CloudFormation, Lambda invocations, and routes for
the tests below /_local/) and passes every other request on to moto.
"""

import base64
import io
import json
import re
import threading
import traceback
import zlib
from urllib.parse import parse_qs, unquote

import dynamodb_throughput
import moto_patches
from cloudformation.api import CloudFormation
from cloudformation.clients import Clients
from cloudformation.errors import InvalidRequest
from cloudformation.resources.custom_resources import PendingResponses
from eventbridge import rules
from eventbridge.schedules import Schedules
from eventbridge.targets import Targets
from iam_enforcement.enforcement import Enforcement
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto_patches import dynamodb_expiry
from moto_patches.lambda_functions import deployment_package
from moto_patches.s3_events import deferred_events

INVOKE = re.compile(r"^/2015-03-31/functions/(?P<name>[^/]+)/invocations/?$")
INVOKE_HEADERS = ("X-Amz-Invocation-Type", "X-Amz-Log-Type", "X-Amz-Client-Context")
# DynamoDB's response to a request that exceeds the throughput of a table.
THROTTLED = json.dumps(
    {
        "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
        "message": "the request exceeds the throughput of the table",
    }
).encode()


class Gateway:
    """Routes a request: routes for the tests, CloudFormation, Lambda Invoke, else moto."""

    def __init__(self, moto, endpoint, lambda_host, iam_mode):
        self.moto = moto
        self.iam = Enforcement(iam_mode)
        # moto reads, changes and writes items without a lock: of two concurrent
        # ADDs one would be lost, and a failed transaction would undo the writes
        # of other requests.
        self.dynamodb_lock = threading.RLock()
        self.throttled_operations = frozenset()  # of DynamoDB
        self.throughput = dynamodb_throughput.Throughput()
        self.lambda_host = lambda_host
        self.custom_resources = PendingResponses(endpoint)
        self.cloudformation = CloudFormation(Clients(endpoint), lambda_host, self.custom_resources)
        moto_patches.apply(lambda_host, endpoint, self.iam)
        targets = Targets(lambda_host)
        rules.apply(targets)
        self.schedules = Schedules(targets)
        self.schedules.start()

    def __call__(self, environ, start_response):
        path = environ.get("PATH_INFO", "")
        account = re.search(r"Credential=(\d{12})/", environ.get("HTTP_AUTHORIZATION", ""))
        if account:  # the access key is an account number: see Env.AWSConfigOf in local/env.go
            environ["HTTP_X_MOTO_ACCOUNT_ID"] = account[1]
        if "\n" in path:  # no route of moto matches it; keys are read from the raw path
            environ["PATH_INFO"] = path.replace("\n", " ")
        if path.startswith("/_local/"):
            return self.handle_local(path, environ, start_response)
        refusal = self.iam.check(environ)
        if refusal:
            status, headers, body = refusal
            start_response(status_line(status), [*headers.items(), ("Content-Length", str(len(body)))])
            return [body]
        if service_of(environ) == "cloudformation":
            return respond(start_response, *self.cloudformation.handle(form_of(environ)))
        invocation = INVOKE.match(path)
        if invocation and environ["REQUEST_METHOD"] == "POST":
            return self.invoke(invocation["name"], environ, start_response)
        target, _, operation = environ.get("HTTP_X_AMZ_TARGET", "").partition(".")
        if target.startswith("DynamoDB"):
            if operation in self.throttled_operations:
                body_of(environ)
                return respond(start_response, 400, "application/x-amz-json-1.0", THROTTLED)
            with self.dynamodb_lock:
                if self.throughput.limited and operation in dynamodb_throughput.OPERATIONS:
                    return self.metered(operation, environ, start_response)
                return read_all(self.moto(environ, start_response))
        # S3 sends the event of an object once the object is complete with its
        # metadata, ACL and tags. moto would send it in the middle of the request.
        with deferred_events():
            return read_all(self.moto(environ, start_response))

    def handle_local(self, path, environ, start_response):
        """Handles the routes below /_local/, which no AWS service has."""
        route, _, name = path.removeprefix("/_local/").partition("/")
        if route == "health":
            return respond(start_response, 200, "text/plain", b"ok")
        if route == "iam-report":
            return respond(start_response, 200, "application/json", json.dumps(self.iam.report()).encode())
        if route == "code":
            return respond(start_response, 200, "application/zip", deployment_package(name))
        if route == "cfn-response":
            self.custom_resources.deliver(name, json.loads(body_of(environ)))
            return respond(start_response, 200, "text/plain", b"")
        if route == "schedules":
            return respond(start_response, *self.fire_schedules(name))
        if route == "fill":
            return respond(start_response, *self.fill_bucket(name, json.loads(body_of(environ))))
        if route == "throughput":
            return respond(start_response, *self.limit_throughput(environ))
        if route == "expire":
            with self.dynamodb_lock:
                deleted = dynamodb_expiry.expire(name, json.loads(body_of(environ))["now"])
            return respond(start_response, 200, "application/json", json.dumps({"deleted": deleted}).encode())
        if route == "throttle":
            self.throttled_operations = frozenset(json.loads(body_of(environ)))
            return respond(start_response, 200, "text/plain", b"")
        return respond(start_response, 404, "text/plain", f"no route {path}".encode())

    def metered(self, operation, environ, start_response):
        """Passes a DynamoDB request on to moto as far as the throughput of its tables allows."""

        def serve(request):
            body = json.dumps(request).encode()
            environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))

            statuses = []
            answer = b"".join(read_all(self.moto(environ, lambda status, *_: statuses.append(status))))
            return int(statuses[0].split()[0]), json.loads(answer)

        region = re.search(r"Credential=[^/]+/\d+/([^/]+)/", environ.get("HTTP_AUTHORIZATION", ""))
        request = json.loads(body_of(environ))
        account = environ.get("HTTP_X_MOTO_ACCOUNT_ID", DEFAULT_ACCOUNT_ID)
        status, response = self.throughput.handle(operation, account, region[1], request, serve)
        body = json.dumps(response).encode()
        headers = [("Content-Type", "application/x-amz-json-1.0"), ("Content-Length", str(len(body))), ("X-Amz-Crc32", str(zlib.crc32(body)))]
        start_response(status_line(status), headers)
        return [body]

    def limit_throughput(self, environ):
        """Sets the limits of DynamoDB; without a body, returns what was throttled."""
        body = body_of(environ)
        with self.dynamodb_lock:
            if body:
                self.throughput.limit(dynamodb_throughput.Limits(**json.loads(body)))
            throttled = [{"reason": reason, "resource": arn, "count": count} for (reason, arn), count in self.throughput.throttled.items()]
        return 200, "application/json", json.dumps(throttled).encode()

    def fire_schedules(self, stack):
        """Fires the schedules of a stack now."""
        try:
            fired, problems = self.schedules.fire(self.cloudformation.schedules(stack))
        except InvalidRequest as error:
            return 404, "text/plain", str(error).encode()
        if not fired:
            return 404, "text/plain", f"stack {stack} has no enabled schedule with a target".encode()
        return 502 if problems else 200, "text/plain", "; ".join(problems).encode()

    @staticmethod
    def fill_bucket(bucket, request):
        """Puts an object under each of the keys without sending any event."""
        if bucket not in s3_backends.bucket_accounts:
            return 404, "text/plain", f"bucket {bucket} does not exist".encode()
        partition, account = s3_backends.bucket_accounts[bucket]
        body = base64.b64decode(request["Body"] or "")
        for key in request["Keys"]:
            s3_backends[account][partition].put_object(bucket, key, body, disable_notification=True)
        return 200, "text/plain", b""

    def invoke(self, name, environ, start_response):
        headers = {}
        for header in INVOKE_HEADERS:
            value = environ.get("HTTP_" + header.upper().replace("-", "_"))
            if value:
                headers[header] = value
        qualifier = parse_qs(environ.get("QUERY_STRING", "")).get("Qualifier", [""])[0]
        status, response_headers, body = self.lambda_host.invoke(unquote(name), body_of(environ), headers, qualifier)
        start_response(status_line(status), response_headers)
        return [body]


def respond(start_response, status, content_type, body):
    start_response(status_line(status), [("Content-Type", content_type), ("Content-Length", str(len(body)))])
    return [body]


def status_line(status):
    return f"{status} {'OK' if status < 400 else 'Error'}"


def service_of(environ):
    """The service that a signed request is for, from its credential scope."""
    scope = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request", environ.get("HTTP_AUTHORIZATION", ""))
    return scope[1] if scope else ""


def body_of(environ):
    if environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
        return environ["wsgi.input"].read()
    return environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))


def form_of(environ):
    form = parse_qs(body_of(environ).decode(), keep_blank_values=True)
    return {key: values[0] for key, values in form.items()}


def read_all(response):
    """Reads a WSGI response to its end while the lock or block around the request is held."""
    try:
        return [b"".join(response)]
    except Exception:
        traceback.print_exc()
        raise
    finally:
        if hasattr(response, "close"):
            response.close()
