"""Policies: whether one allows a request. moto knows no conditions.

Only what the services here ask of each other and of other accounts is decided
by policies (see bus, accounts). An account may do everything with its own.
"""

import json
import re
from dataclasses import dataclass, field

OPERATORS = {
    "StringEquals": lambda wanted, given: wanted == given,
    "StringLike": lambda wanted, given: like(wanted, given),
    "ArnEquals": lambda wanted, given: like(wanted, given),
    "ArnLike": lambda wanted, given: like(wanted, given),
    "Bool": lambda wanted, given: wanted.lower() == given.lower(),
}


@dataclass
class Request:
    """What a policy is asked. principal is {"Service": name}, {"AWS": ARNs of the caller}, or None for a policy of the caller itself."""

    principal: dict
    action: str
    resource: str
    keys: dict = field(default_factory=dict)  # condition keys, such as aws:SourceArn


def allows(document, request):
    """Whether a policy, as text or parsed, allows a request: any Deny comes before every Allow."""
    if not document:
        return False
    policy = json.loads(document) if isinstance(document, str) else document
    effects = {statement.get("Effect") for statement in many(policy.get("Statement")) if _applies(statement, request)}
    return "Allow" in effects and "Deny" not in effects


def like(pattern, text):
    """Whether a text matches a pattern of IAM: * for any characters, ? for one."""
    parts = re.split(r"([*?])", pattern)
    expression = "".join({"*": ".*", "?": "."}.get(part, re.escape(part)) for part in parts)
    return re.fullmatch(expression, text, re.DOTALL) is not None


def many(value):
    """A list, also of the one that a policy may write without its brackets."""
    return [] if value is None else value if isinstance(value, list) else [value]


def _applies(statement, request):
    if "NotPrincipal" in statement or "NotAction" in statement or "NotResource" in statement:
        raise ValueError(f"the local run does not read policies with NotPrincipal, NotAction or NotResource: {json.dumps(statement)}")
    if request.principal is not None and not _names(statement.get("Principal"), request.principal):
        return False
    if not any(like(action.lower(), request.action.lower()) for action in many(statement.get("Action"))):
        return False
    if "Resource" in statement and not any(like(resource, request.resource) for resource in many(statement["Resource"])):
        return False
    return all(_holds(operator, wanted, request.keys) for operator, wanted in statement.get("Condition", {}).items())


def _names(principals, asked):
    if principals == "*" or "*" in many((principals or {}).get("AWS")):
        return True
    ((kind, asking),) = asked.items()
    given = many((principals or {}).get(kind))
    if kind != "AWS":
        return asking in given
    account = asking[0].split(":")[4]
    # An account's own credentials stand for its root here, which may be any of
    # its principals: what runs here does not say which role it has.
    own = asking[0].endswith(":root")
    return any(
        one in (account, f"arn:aws:iam::{account}:root", *asking) or own and one.startswith(f"arn:aws:iam::{account}:")
        for one in given
    )


def _holds(operator, wanted, keys):
    name = operator.removesuffix("IfExists")
    known = {key.lower(): value for key, value in keys.items()}
    for key, values in wanted.items():
        given = known.get(key.lower())
        if given is None:
            if name == operator:
                return False
        elif name not in OPERATORS:
            raise ValueError(f"the local run does not know the condition operator {operator}")
        elif not any(OPERATORS[name](_text(value), given) for value in many(values)):
            return False
    return True


def _text(value):
    return str(value).lower() if isinstance(value, bool) else str(value)
