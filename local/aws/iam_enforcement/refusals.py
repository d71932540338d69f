"""The error of each service for a request that is not allowed."""

import json
from xml.sax.saxutils import escape


def message(principal, access, decision):
    """The text of AWS for a refusal: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html"""
    reason = "with an explicit deny in a policy" if decision == "denied" else f"because no policy allows the {access.action} action"
    return f"User: {principal} is not authorized to perform: {access.action} on resource: {access.resource} {reason}"


def response(service, text):
    """HTTP status, headers and body."""
    if service in ("dynamodb", "secretsmanager"):
        return _json(400, {"__type": "com.amazon.coral.service#AccessDeniedException", "Message": text}, {})
    if service == "sqs":
        return _json(403, {"__type": "com.amazon.coral.service#AccessDenied", "message": text}, {"x-amzn-query-error": "AccessDenied;Sender"})
    if service == "lambda":
        return _json(403, {"Message": text}, {"X-Amzn-ErrorType": "AccessDeniedException"})
    if service == "s3":
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>{escape(text)}</Message></Error>'
        return 403, {"Content-Type": "application/xml"}, body.encode()
    code = "AuthorizationError" if service == "sns" else "AccessDenied"
    body = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(text)}</Message></Error></ErrorResponse>"
    return 403, {"Content-Type": "text/xml"}, body.encode()


def _json(status, body, headers):
    return status, {"Content-Type": "application/x-amz-json-1.0", **headers}, json.dumps(body).encode()
