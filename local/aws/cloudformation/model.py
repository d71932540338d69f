"""Stacks and resources as they were last deployed, and the requests to change them."""

from dataclasses import dataclass, field
from datetime import datetime, timezone

from .template import parse


def now():
    return datetime.now(timezone.utc)


@dataclass
class Resource:
    """A resource of a stack as it was last deployed."""

    logical_id: str
    type: str
    physical_id: str = ""
    properties: dict = field(default_factory=dict)
    attributes: dict = field(default_factory=dict)
    depends: set = field(default_factory=set)
    deletion_policy: str = "Delete"
    replace_policy: str = "Delete"
    status: str = ""
    reason: str = ""
    changed: datetime = field(default_factory=now)


@dataclass
class Stack:
    """A stack, its last successfully deployed template, and its events."""

    id: str
    name: str
    region: str
    status: str = "REVIEW_IN_PROGRESS"
    reason: str = ""
    body: str = ""
    template: dict = field(default_factory=dict)
    given: dict = field(default_factory=dict)
    parameters: dict = field(default_factory=dict)
    tags: list = field(default_factory=list)
    capabilities: list = field(default_factory=list)
    role: str = ""
    protected: bool = False
    resources: dict = field(default_factory=dict)
    outputs: dict = field(default_factory=dict)
    imports: set = field(default_factory=set)
    events: list = field(default_factory=list)
    created: datetime = field(default_factory=now)
    updated: datetime = None

    @property
    def busy(self):
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"


@dataclass
class Request:
    """The template and the settings of a request to create or update a stack."""

    body: str
    given: dict
    tags: list
    capabilities: list = field(default_factory=list)
    role: str = ""

    def __post_init__(self):
        self.template = parse(self.body)
