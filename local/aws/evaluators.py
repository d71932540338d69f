"""The client of the evaluators that are written in Go and served by the Lambda host.

local/policy evaluates IAM policies (see policies.py), local/eventpattern matches
event patterns (see event_patterns.py). Both are pure functions of the request,
so their results are cached.
"""

import functools
import json

import urllib3


class EvaluationError(ValueError):
    """A policy or pattern that the evaluator does not support."""


_url = None
_http = urllib3.PoolManager(maxsize=16, retries=False)


def connect(host_url):
    """Sets the URL of the Lambda host."""
    global _url
    _url = host_url


def evaluate(path, request):
    """Posts a request as JSON; returns the response, or raises EvaluationError."""
    return _post(path, json.dumps(request, sort_keys=True))


@functools.lru_cache(maxsize=10_000)
def _post(path, body):
    response = _http.request("POST", _url + path, body=body, timeout=urllib3.Timeout(connect=5, read=30))
    if response.status != 200:
        raise EvaluationError(response.data.decode(errors="replace").strip())
    return json.loads(response.data)
