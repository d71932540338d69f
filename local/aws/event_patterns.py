"""Event patterns of EventBridge and Lambda are matched by the Go package local/eventpattern."""

import json

from evaluators import evaluate


def check(pattern, language):
    """Raises ValueError for a pattern that is not supported; the language is eventbridge or lambda."""
    evaluate("/event-patterns", {"pattern": _text(pattern), "language": language})


def matches(pattern, event):
    """Whether an event matches a pattern of EventBridge."""
    return evaluate("/event-patterns", {"pattern": _text(pattern), "language": "eventbridge", "event": event})["matches"]


def _text(pattern):
    return pattern if isinstance(pattern, str) else json.dumps(pattern)
