"""IAM policies are evaluated by the Go package local/policy, which the Lambda host serves over HTTP.

This module collects what an evaluation needs (policies of roles, condition keys)
and caches the results: the same request with the same policies has the same
result. A policy that the evaluator does not support is a PolicyError.
"""

import functools
import json
from dataclasses import dataclass, field

import urllib3
from moto.iam.models import iam_backends


class PolicyError(Exception):
    """A policy or a request that local/policy does not support."""


@dataclass
class Request:
    """A request of a principal: Service(...), Account(...) or RoleSession(...)."""

    principal: dict
    action: str
    resource: str
    context: dict = field(default_factory=dict)  # condition keys, such as aws:SourceArn


def service(name):
    """An AWS service as a principal."""
    return {"service": name}


def account(number):
    """Credentials of an account that belong to no role: they stand for any principal of the account."""
    return {"arns": [f"arn:aws:iam::{number}:root"], "wholeAccount": True}


def role_session(session):
    """A session of a role, as moto's STS has it."""
    return {"arns": [session.arn, session.role_arn]}


def resource_allows(policy, request):
    """Whether the policy of a resource, as JSON or as a list of statements, allows a request of a service or of another account."""
    if not policy:
        return False
    document = policy if isinstance(policy, str) else json.dumps({"Version": "2012-10-17", "Statement": policy})
    return _evaluate(request, resourcePolicy={"name": request.resource, "document": document}, identityAllows=True) == "allowed"


def role_allows(role, request):
    """Whether the identity policies of a role allow a request within its account."""
    return _evaluate(request, identity=identity_policies(role), resourceAccount=role.arn.split(":")[4]) == "allowed"


def role_trusts(role, request):
    """Whether the trust policy of a role allows sts:AssumeRole."""
    trust = {"name": role.arn, "document": role.assume_role_policy_document}
    request = Request(request.principal, request.action, "", request.context)
    return _evaluate(request, resourcePolicy=trust, trust=True, identityAllows=True) == "allowed"


def identity_policies(role):
    """The inline and the managed policies of a role, with their names."""
    policies = [{"name": f"{role.name}/{name}", "document": document} for name, document in role.policies.items()]
    return policies + [{"name": f"{role.name}/{policy.name}", "document": policy.document} for policy in role.managed_policies.values()]


def find_role(arn):
    """The role of an ARN, or None."""
    roles = iam_backends[arn.split(":")[4]]["aws"].roles.values()
    return next((role for role in list(roles) if role.arn == arn), None)


_evaluator = {}


def connect(host_url):
    """Sets the URL of the Lambda host."""
    _evaluator["url"] = host_url + "/policies/evaluate"
    _evaluator["http"] = urllib3.PoolManager(maxsize=16, retries=False)


def _evaluate(request, **policies):
    body = {
        "principal": request.principal,
        "action": request.action,
        "resource": request.resource,
        "context": {key: value if isinstance(value, list) else [value] for key, value in request.context.items()},
        **policies,
    }
    return _post(json.dumps(body, sort_keys=True))


@functools.lru_cache(maxsize=10_000)
def _post(body):
    response = _evaluator["http"].request("POST", _evaluator["url"], body=body, timeout=urllib3.Timeout(connect=5, read=30))
    if response.status != 200:
        raise PolicyError(response.data.decode(errors="replace").strip())
    return json.loads(response.data)["decision"]
