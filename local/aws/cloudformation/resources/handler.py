"""The base class of the handlers of resource types, and their registry.

A handler names every property that it supports. A property that it does not
support fails the deployment, as an unknown resource type does: a property that
was ignored here would first be missing in a real account.
"""

import random
import re
import string
from dataclasses import dataclass, field

from botocore.exceptions import BotoCoreError, ClientError

from ..errors import ResourceFailed

_NOT_FOUND = re.compile(r"NotFound|NoSuch|NonExistent|DoesNotExist")
_handlers = {}


@dataclass
class ResourceResult:
    """A created or updated resource: what Ref returns, and what Fn::GetAtt returns."""

    physical_id: str
    attributes: dict = field(default_factory=dict)


@dataclass
class Context:
    """The stack and the resource of an operation, and the clients to execute it with."""

    clients: object
    lambda_host: object
    custom_resources: object
    region: str
    account: str
    stack_name: str
    stack_id: str
    logical_id: str
    type: str

    def client(self, service):
        return self.clients.get(service, self.region)

    def name(self, limit=64, lower=False):
        """A generated physical name in CloudFormation's form: stack, logical ID, 12 characters."""
        suffix = "".join(random.choices(string.ascii_letters + string.digits, k=12))
        prefix = f"{self.stack_name}-{self.logical_id}"[: limit - 13]
        name = f"{prefix}-{suffix}"
        return name.lower() if lower else name


class ResourceHandler:
    """Creates, updates and deletes resources of one type."""

    # Properties that take effect, properties that are accepted without any
    # effect here, and properties whose change requires a replacement.
    properties: frozenset = frozenset()
    ignored: frozenset = frozenset()
    create_only: frozenset = frozenset()

    def check_definition(self, context, definition):
        """Refuses a definition before its intrinsic functions are resolved, so before anything is created."""

    def check(self, properties):
        """Refuses properties that this handler does not support."""
        unknown = set(properties) - self.properties - self.ignored
        if unknown:
            raise ResourceFailed(f"the local CloudFormation does not support these properties: {', '.join(sorted(unknown))}")

    def requires_replacement(self, old, new):
        """Whether a change requires a new physical resource."""
        return any(old.get(name) != new.get(name) for name in self.create_only)

    def create(self, context, properties):
        """Creates the resource; returns a ResourceResult."""
        raise NotImplementedError

    def update(self, context, physical_id, old, new):
        """Updates the resource in place; returns a ResourceResult, or None to keep ID and attributes."""
        raise NotImplementedError

    def delete(self, context, physical_id, properties):
        """Deletes the resource."""
        raise NotImplementedError


def register(*types):
    """Registers an instance of the decorated class as the handler of the given types."""

    def decorate(handler):
        for name in types:
            _handlers[name] = handler()
        return handler

    return decorate


def handler_of(resource_type):
    """The handler of a type, or ResourceFailed naming the type."""
    if resource_type in _handlers:
        return _handlers[resource_type]
    if resource_type.startswith("Custom::"):
        return _handlers["AWS::CloudFormation::CustomResource"]
    raise ResourceFailed(
        f"the local CloudFormation does not support the resource type {resource_type} (see local/aws/cloudformation/resources/__init__.py)"
    )


def reason(error):
    """The text of an error in a stack event."""
    if isinstance(error, (ResourceFailed, ClientError, BotoCoreError)):
        return str(error)
    return f"{type(error).__name__}: {error}"


def is_not_found(error):
    """Whether an error of a service means that the resource does not exist."""
    return isinstance(error, ClientError) and bool(_NOT_FOUND.search(error.response["Error"]["Code"]))


def pick(properties, *names):
    """The named properties that are given."""
    return {name: properties[name] for name in names if name in properties}


def changed(old, new, *names):
    """Whether any of the named properties differs."""
    return any(old.get(name) != new.get(name) for name in names)


def integer(value, default=None):
    """An integer, which a template may write as a string."""
    return default if value is None else int(value)


def boolean(value, default=False):
    """A boolean, which a template may write as a string."""
    return default if value is None else str(value).lower() == "true"


def tag_map(properties):
    """The tags of a template as a map."""
    tags = properties.get("Tags", {})
    return dict(tags) if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}


def tag_list(properties):
    """The tags of a template in the form that most APIs take."""
    return [{"Key": key, "Value": value} for key, value in tag_map(properties).items()]


def update_tags(old, new, put, remove):
    """Changes the tags of a resource from old to new by put(properties) and remove(keys)."""
    removed = sorted(set(tag_map(old)) - set(tag_map(new)))
    if removed:
        remove(removed)
    if tag_map(new) and tag_map(new) != tag_map(old):
        put(new)
