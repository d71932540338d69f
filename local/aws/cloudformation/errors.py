"""Errors of the local CloudFormation."""


class InvalidRequest(Exception):
    """A request or template that CloudFormation refuses (ValidationError)."""

    code = "ValidationError"


class AlreadyExists(InvalidRequest):
    """A stack of that name exists."""

    code = "AlreadyExistsException"


class ResourceFailed(Exception):
    """A resource that could not be created, updated or deleted; the text is the reason in the stack event.

    physical_id names what a failed creation may have left behind: it is deleted
    when the stack rolls back.
    """

    def __init__(self, reason, physical_id=None):
        super().__init__(reason)
        self.physical_id = physical_id
