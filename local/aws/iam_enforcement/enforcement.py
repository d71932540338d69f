"""Authorizes the requests of functions, and counts what was allowed and refused."""

import io
import re
import sys
import threading
import traceback
from collections import Counter
from fnmatch import fnmatchcase
from urllib.parse import parse_qsl

import policies
from evaluators import EvaluationError
from moto.awslambda.models import lambda_backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.sts.models import sts_backends

from . import keys, refusals
from .accesses import HTTPRequest, UnknownRequest, accesses

CREDENTIAL = re.compile(r"Credential=(?P<key>[^/]+)/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
MODES = ("report", "enforce")


class Enforcement:
    """In mode enforce, requests that are not allowed are refused; in mode report, they are only counted."""

    def __init__(self, mode):
        if mode not in MODES:
            raise ValueError(f"IAM mode {mode!r} is none of {', '.join(MODES)}")
        self.mode = mode
        self._lock = threading.Lock()
        self._sessions = {}  # access key -> session of a function's role
        self._refused = Counter()  # (role, action, resource, reason)
        self._used = Counter()  # (role, statement, action)

    def check(self, environ):
        """The refusal of a request as HTTP status, headers and body; None if it is allowed."""
        credential = CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
        session = credential and self._session(credential["key"])
        if not session:
            return None
        request = _http_request(environ, credential["service"], credential["region"])
        try:
            return self._check(request, session)
        except UnknownRequest as error:
            text = f"{error}: add it to local/aws/iam_enforcement/accesses.py"
        except Exception as error:  # an invalid request or policy, or a bug: not allowed
            traceback.print_exc()
            text = f"the permissions for {request.service} {request.operation or request.path} cannot be evaluated: {error}"
        return self._refuse(request, session, "unknown", request.path, text)

    def _check(self, request, session):
        role = policies.find_role(session.role_arn)
        for access in accesses(request):
            result = policies.authorize(session, role, access)
            if result["decision"] != "allowed":
                text = refusals.message(session.arn, access, result["decision"])
                return self._refuse(request, session, access.action, access.resource, text)
            with self._lock:
                self._used.update((session.role_arn, statement, access.action) for statement in result["statements"])
        return None

    def allows_delivery(self, service, action, resource, policy, context, always=False):
        """Whether a service may deliver to a resource by the policy of that resource.

        In mode report, a delivery that is not allowed is counted and succeeds, unless
        always is set.
        """
        text = f"{service} may not {action} on {resource} for {context.get('aws:SourceArn')}: the policy of the resource does not allow it"
        try:
            if policies.resource_allows(policy, policies.Request(policies.service(service), action, resource, context)):
                if keys.service_may_send(service, resource):
                    return True
                text = f"{service} may not use the KMS key of {resource}: the policy of the key does not allow kms:GenerateDataKey and kms:Decrypt"
        except EvaluationError as error:
            text = f"{text}: {error}"
        with self._lock:
            self._refused[service, action, resource, text] += 1
        print(f"IAM ({self.mode}): {text}", file=sys.stderr)
        return self.mode == "report" and not always

    def report(self):
        """The refused requests, and for each role the statements that allowed requests and the actions that none needed."""
        with self._lock:
            return {
                "refused": [
                    {"role": role, "action": action, "resource": resource, "message": text, "count": count}
                    for (role, action, resource, text), count in sorted(self._refused.items())
                ],
                "used": [
                    {"role": role, "statement": statement, "action": action, "count": count}
                    for (role, statement, action), count in sorted(self._used.items())
                ],
                "unused": [
                    {"role": role.arn, "statement": statement, "action": action, "resource": resource}
                    for role in _function_roles()
                    for statement, action, resource in policies.allowed_actions(role)
                    if not any(
                        used_role == role.arn and used_statement == statement and fnmatchcase(used.lower(), action.lower())
                        for used_role, used_statement, used in self._used
                    )
                ],
            }

    def _refuse(self, request, session, action, resource, text):
        with self._lock:
            self._refused[session.role_arn, action, resource, text] += 1
        print(f"IAM ({self.mode}): {text}", file=sys.stderr)
        return refusals.response(request.service, text) if self.mode == "enforce" else None

    def _session(self, access_key):
        """The session of an access key if it is one of a function's role, else None."""
        if not access_key.startswith("ASIA"):
            return None
        if access_key not in self._sessions:
            session = sts_backends[DEFAULT_ACCOUNT_ID]["aws"].get_assumed_role_from_access_key(access_key)
            self._sessions[access_key] = session if session and _is_function_role(session.role_arn) else None
        return self._sessions[access_key]


def _is_function_role(arn):
    """Whether a role is that of a function: the cdk CLI assumes roles as well, which are not judged."""
    return arn in _function_role_arns()


def _function_role_arns():
    regions = list(lambda_backends[DEFAULT_ACCOUNT_ID].values())
    return {function.role for backend in regions for function in backend.list_functions()}


def _function_roles():
    """The roles of all functions that exist now."""
    return [role for role in map(policies.find_role, sorted(_function_role_arns())) if role is not None]


def _http_request(environ, service, region):
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    body = b""
    # The body of an object is not read, but a list of objects to delete is.
    if service != "s3" or "delete" in query:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    path = environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8", "replace")
    return HTTPRequest(service, environ["REQUEST_METHOD"], path, query, headers, body, DEFAULT_ACCOUNT_ID, region)
