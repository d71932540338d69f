"""Errors of the local CloudFormation."""


class Invalid(Exception):
    """A request or template that CloudFormation refuses (ValidationError)."""

    code = "ValidationError"


class AlreadyExists(Invalid):
    """A stack of that name exists."""

    code = "AlreadyExistsException"


class Failed(Exception):
    """A resource that could not be made, changed or removed; the text is the reason shown."""
