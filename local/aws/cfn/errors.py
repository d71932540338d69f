"""Errors of the local CloudFormation."""


class Invalid(Exception):
    """A request or template that CloudFormation refuses (ValidationError)."""

    code = "ValidationError"


class AlreadyExists(Invalid):
    """A stack of that name exists."""

    code = "AlreadyExistsException"


class Failed(Exception):
    """A resource that could not be made, changed or removed; the text is the reason shown.

    left_behind is the physical ID of what a failed creation may have left: it is
    deleted when the stack rolls back.
    """

    def __init__(self, why, left_behind=None):
        super().__init__(why)
        self.left_behind = left_behind
