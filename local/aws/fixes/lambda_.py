"""Lambda: invocations go to the Lambda host; code can be fetched; updates take."""

import json
from urllib.parse import quote

import urllib3
from moto.awslambda.models import LambdaBackend, LambdaFunction, lambda_backends
from moto.dynamodb.models.table import Table


class LambdaHost:
    """The Go process that runs the functions."""

    def __init__(self, url, endpoint):
        self.url = url
        self.endpoint = endpoint
        self.http = urllib3.PoolManager(maxsize=16, retries=False)

    def forward(self, function, body, headers, qualifier=""):
        """Posts an invocation; returns status, headers and body as the host gave them."""
        url = f"{self.url}/2015-03-31/functions/{quote(function, safe='')}/invocations"
        if qualifier:
            url += f"?Qualifier={quote(qualifier)}"
        answer = self.http.request("POST", url, body=body, headers=headers, timeout=urllib3.Timeout(connect=5, read=960))
        kept = [(name, value) for name, value in answer.headers.items() if name.lower() != "transfer-encoding"]
        return answer.status, kept, answer.data

    def invoke_async(self, function, event):
        """Hands an event to the host's queue, as S3 and SNS do."""
        status, _, body = self.forward(function, json.dumps(event).encode(), {"X-Amz-Invocation-Type": "Event"})
        if status != 202:
            raise RuntimeError(f"invoke {function}: the Lambda host answered {status}: {body.decode(errors='replace')}")

    def settle_mappings(self):
        """Returns when the host polls for the event source mappings as they are now, and for no other."""
        answer = self.http.request("POST", f"{self.url}/mappings/settle", timeout=urllib3.Timeout(connect=5, read=60))
        if answer.status >= 300:
            raise RuntimeError(f"event source mappings: the Lambda host answered {answer.status}: {answer.data.decode(errors='replace')}")

    def code_url(self, function):
        return f"{self.endpoint}/_local/code/{function}"

    @staticmethod
    def code(function):
        """The deployment package of a function, by its name."""
        for account in lambda_backends.values():
            for backend in account.values():
                try:
                    return backend.get_function(function).code_bytes
                except Exception:  # moto raises differing classes for a name it does not know
                    continue
        return b""


def apply(host):
    """Replaces the Docker runner of moto, and completes updates."""
    moto_code = LambdaFunction.get_code
    moto_update_configuration = LambdaFunction.update_configuration
    moto_update_code = LambdaFunction.update_function_code
    moto_put_invoke_config = LambdaBackend.put_function_event_invoke_config

    def invoke(self, body, request_headers, response_headers):
        host.invoke_async(self.function_name, json.loads(body) if body else {})
        return ""

    def get_code(self):
        answer = moto_code(self)
        if "Code" in answer and "ImageUri" not in answer["Code"]:
            answer["Code"]["Location"] = host.code_url(self.function_name)
        return answer

    def update_configuration(self, updates):
        answer = moto_update_configuration(self, updates)
        if "EphemeralStorage" in updates:
            self.ephemeral_storage = updates["EphemeralStorage"]["Size"]
        return answer

    def update_function_code(self, updates):
        if updates.get("Architectures"):
            self.architectures = updates["Architectures"]
        return moto_update_code(self, updates)

    def put_invoke_config(self, function_name, config):
        # moto appends, and reads the first.
        self.get_function(function_name).event_invoke_config.clear()
        return moto_put_invoke_config(self, function_name, config)

    LambdaFunction.invoke = invoke
    LambdaFunction.get_code = get_code
    LambdaFunction.update_configuration = update_configuration
    LambdaFunction.update_function_code = update_function_code
    LambdaBackend.put_function_event_invoke_config = put_invoke_config
    # As with SQS: moto would run a stream's mapping inside the writing request.
    Table.lambda_event_source_mappings = property(lambda self: {}, lambda self, value: None)
