"""IAM policies are evaluated by the Go package local/policy, which the Lambda host serves over HTTP.

This module collects the policies of roles and resources for an evaluation. A
policy that the evaluator does not support is an EvaluationError.
"""

import json
from dataclasses import dataclass, field

from evaluators import evaluate
from moto.iam.models import iam_backends


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


def authorize(session, role, access):
    """Authorizes an Access of a session (see iam_enforcement); returns its decision and statements."""
    body = {
        "principal": role_session(session),
        "action": access.action,
        "resource": access.resource,
        "context": {key: value if isinstance(value, list) else [value] for key, value in access.context.items()}
        | {
            "aws:SecureTransport": ["true"],  # the local AWS has no TLS; the clients would use it
            "aws:PrincipalArn": [session.role_arn],
            "aws:PrincipalAccount": [session.account_id],
            "aws:PrincipalType": ["AssumedRole"],
        },
        "identity": identity_policies(role) if role is not None else [],
        "trust": access.is_trust_policy,
        "resourceMustAllow": access.is_key_policy,
        "resourceAccount": access.account,
    }
    if access.policy:
        body["resourcePolicy"] = {"name": access.resource, "document": access.policy}
    return evaluate("/policies/evaluate", body)


def identity_policies(role):
    """The inline and the managed policies of a role, with their names."""
    policies = [{"name": f"{role.name}/{name}", "document": document} for name, document in role.policies.items()]
    return policies + [{"name": f"{role.name}/{policy.name}", "document": policy.document} for policy in role.managed_policies.values()]


def allowed_actions(role):
    """(statement, action, resource) of every Allow of a role; statements are named as by the evaluator."""
    for policy in identity_policies(role):
        document = policy["document"]
        for number, statement in enumerate(_list((json.loads(document) if isinstance(document, str) else document)["Statement"]), 1):
            if statement["Effect"] != "Allow":
                continue
            for action in _list(statement.get("Action", [])):
                yield f"{policy['name']}#{statement.get('Sid') or number}", action, ", ".join(_list(statement.get("Resource", [])))


def _list(value):
    return value if isinstance(value, list) else [value]


def find_role(arn):
    """The role of an ARN, or None."""
    roles = iam_backends[arn.split(":")[4]]["aws"].roles.values()
    return next((role for role in list(roles) if role.arn == arn), None)


def _evaluate(request, **policies):
    return evaluate(
        "/policies/evaluate",
        {
            "principal": request.principal,
            "action": request.action,
            "resource": request.resource,
            "context": {key: value if isinstance(value, list) else [value] for key, value in request.context.items()},
            **policies,
        },
    )["decision"]
