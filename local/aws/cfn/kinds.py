"""What the handler of a resource type is, and the register of them.

A handler names every property it knows. A property that it does not know fails
the deployment, just as an unknown type does: what is skipped silently here
would first be missed in a real account.
"""

import random
import re
import string
from dataclasses import dataclass, field

from botocore.exceptions import BotoCoreError, ClientError

from .errors import Failed

_GONE = re.compile(r"NotFound|NoSuch|NonExistent|DoesNotExist")
_registered = {}


@dataclass
class Made:
    """A resource as its handler left it: what Ref gives, and what Fn::GetAtt gives."""

    physical_id: str
    attributes: dict = field(default_factory=dict)


@dataclass
class Context:
    """Where a resource is being made."""

    clients: object
    lambda_host: object
    responses: object
    region: str
    account: str
    stack_name: str
    stack_id: str
    logical_id: str
    type: str

    def client(self, service):
        return self.clients.get(service, self.region)

    def name(self, limit=64, lower=False):
        """A physical name as CloudFormation makes them up: stack, logical ID, 12 characters."""
        suffix = "".join(random.choices(string.ascii_letters + string.digits, k=12))
        prefix = f"{self.stack_name}-{self.logical_id}"[: limit - 13]
        name = f"{prefix}-{suffix}"
        return name.lower() if lower else name


class Kind:
    """Makes, changes and removes resources of one type."""

    # Properties that take effect, properties that are accepted without any
    # effect here, and properties whose change means a new resource.
    properties: frozenset = frozenset()
    inert: frozenset = frozenset()
    replaced_by: frozenset = frozenset()

    def check(self, properties):
        """Refuses properties that this handler does not know."""
        unknown = set(properties) - self.properties - self.inert
        if unknown:
            raise Failed(f"the local run does not support these properties: {', '.join(sorted(unknown))}")

    def replaces(self, old, new):
        """Whether a change can only be made by a new resource."""
        return any(old.get(name) != new.get(name) for name in self.replaced_by)

    def create(self, context, properties):
        """Makes the resource; returns Made."""
        raise NotImplementedError

    def update(self, context, physical_id, old, new):
        """Changes the resource in place; returns Made, or None to keep ID and attributes."""
        raise NotImplementedError

    def delete(self, context, physical_id, properties):
        """Removes the resource."""
        raise NotImplementedError


def register(*types):
    """Registers an instance of the decorated class for the given types."""

    def decorate(handler):
        for name in types:
            _registered[name] = handler()
        return handler

    return decorate


def kind_of(resource_type):
    """The handler of a type, or Failed naming it."""
    if resource_type in _registered:
        return _registered[resource_type]
    if resource_type.startswith("Custom::"):
        return _registered["AWS::CloudFormation::CustomResource"]
    raise Failed(f"resource type {resource_type} is not known to the local run (see local/aws/cfn)")


def reason(error):
    """An error as the reason that a stack event shows."""
    if isinstance(error, (Failed, ClientError, BotoCoreError)):
        return str(error)
    return f"{type(error).__name__}: {error}"


def is_gone(error):
    """Whether a service says that the resource does not exist (any more)."""
    return isinstance(error, ClientError) and bool(_GONE.search(error.response["Error"]["Code"]))


def pick(properties, *names):
    """The named properties that are given."""
    return {name: properties[name] for name in names if name in properties}


def changed(old, new, *names):
    """Whether any of the named properties differs."""
    return any(old.get(name) != new.get(name) for name in names)


def number(value, default=None):
    """A number that a template may carry as text."""
    return default if value is None else int(value)


def flag(value, default=False):
    """A boolean that a template may carry as text."""
    return default if value is None else str(value).lower() == "true"


def tag_map(properties):
    """CloudFormation's list of tags as a map."""
    tags = properties.get("Tags", {})
    return dict(tags) if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}


def tag_list(properties):
    """CloudFormation's tags as most APIs take them."""
    return [{"Key": key, "Value": value} for key, value in tag_map(properties).items()]


def retag(old, new, put, remove):
    """Brings the tags of a resource from old to new, by put(properties) and remove(keys)."""
    gone = sorted(set(tag_map(old)) - set(tag_map(new)))
    if gone:
        remove(gone)
    if tag_map(new) and tag_map(new) != tag_map(old):
        put(new)
