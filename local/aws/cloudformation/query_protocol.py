"""The AWS Query protocol: reads the form of a request, writes the XML of a response."""

import json
import re
import uuid
from datetime import datetime
from xml.sax.saxutils import escape

from .errors import InvalidRequest

NAMESPACE = "http://cloudformation.amazonaws.com/doc/2010-05-15/"


class Form(dict):
    """A request of the Query protocol."""

    def __missing__(self, key):
        raise InvalidRequest(f"{key} is required")

    def list(self, name):
        """A list of strings: Name.member.1, Name.member.2 …"""
        found = []
        while f"{name}.member.{len(found) + 1}" in self:
            found.append(self[f"{name}.member.{len(found) + 1}"])
        return found

    def structures(self, name):
        """A list of structures: Name.member.1.Key, Name.member.1.Value …"""
        found = {}
        for key, value in self.items():
            match = re.fullmatch(rf"{name}\.member\.(\d+)\.(\w+)", key)
            if match:
                found.setdefault(int(match[1]), {})[match[2]] = value
        return [found[index] for index in sorted(found)]


def response(action, result):
    """The body of a successful response."""
    body = (
        f'<{action}Response xmlns="{NAMESPACE}"><{action}Result>{_xml(result)}</{action}Result>'
        f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></{action}Response>"
    )
    return body.encode()


def _xml(value):
    if isinstance(value, dict):
        return "".join(f"<{key}>{_xml(item)}</{key}>" for key, item in value.items() if item is not None)
    if isinstance(value, list):
        return "".join(f"<member>{_xml(item)}</member>" for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return escape(value if isinstance(value, str) else json.dumps(value))


def error(status, code, message):
    """An error response: HTTP status, content type, body."""
    body = (
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender</Type><Code>{code}</Code>'
        f"<Message>{escape(message)}</Message></Error><RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
    )
    return status, "text/xml", body.encode()
