"""The client of the Lambda host, the Go process that runs the functions (local/lambdahost)."""

import json
from urllib.parse import quote

import urllib3


class LambdaHost:
    """Forwards invocations to the Lambda host.

    architecture is Lambda's name for the processor of this machine: the host
    runs functions that are built for it and no other.
    """

    def __init__(self, url, architecture):
        self.url = url
        self.architecture = architecture
        self._http = urllib3.PoolManager(maxsize=16, retries=False)

    def invoke(self, function, body, headers, qualifier=""):
        """Posts an invocation; returns status, headers and body of the host's response."""
        url = f"{self.url}/2015-03-31/functions/{quote(function, safe='')}/invocations"
        if qualifier:
            url += f"?Qualifier={quote(qualifier)}"
        response = self._http.request("POST", url, body=body, headers=headers, timeout=urllib3.Timeout(connect=5, read=960))
        kept = [(name, value) for name, value in response.headers.items() if name.lower() != "transfer-encoding"]
        return response.status, kept, response.data

    def invoke_async(self, function, event):
        """Queues an event for a function, as S3, SNS and EventBridge do."""
        status, _, body = self.invoke(function, json.dumps(event).encode(), {"X-Amz-Invocation-Type": "Event"})
        if status != 202:
            raise RuntimeError(f"invoke {function}: the Lambda host returned {status}: {body.decode(errors='replace')}")

    def sync_event_source_mappings(self):
        """Returns once the host polls for exactly the event source mappings that exist now."""
        self._post("/event-source-mappings/sync", b"", "event source mappings")

    def _post(self, path, body, subject):
        response = self._http.request("POST", self.url + path, body=body, timeout=urllib3.Timeout(connect=5, read=60))
        if response.status >= 300:
            raise RuntimeError(f"{subject}: the Lambda host returned {response.status}: {response.data.decode(errors='replace')}")
        return response.data
