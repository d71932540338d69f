"""Lambda: invocations go to the Lambda host, and updates take effect.

moto runs functions in Docker, has no URL to download the code of a function from,
ignores updates of ephemeral storage and architectures, and appends a new
EventInvokeConfig to the old ones although it reads the first. It has no
GetAccountSettings.
"""

import json

from moto.awslambda import urls
from moto.awslambda.models import LambdaBackend, LambdaFunction, lambda_backends
from moto.awslambda.responses import LambdaResponse
from moto.dynamodb.models.table import Table

ACCOUNT_CONCURRENCY = 1000  # executions at a time


def deployment_package(function):
    """The deployment package of a function, by its name, as a ZIP archive."""
    for account in lambda_backends.values():
        for backend in account.values():
            try:
                return backend.get_function(function).code_bytes
            except Exception:  # moto raises various classes for a function that does not exist
                continue
    return b""


def apply(lambda_host, endpoint):
    """Replaces the Docker runner of moto, and completes updates."""
    moto_code = LambdaFunction.get_code
    moto_update_configuration = LambdaFunction.update_configuration
    moto_update_code = LambdaFunction.update_function_code
    moto_put_invoke_config = LambdaBackend.put_function_event_invoke_config

    def invoke(self, body, request_headers, response_headers):
        lambda_host.invoke_async(self.function_name, json.loads(body) if body else {})
        return ""

    def get_code(self):
        response = moto_code(self)
        if "Code" in response and "ImageUri" not in response["Code"]:
            response["Code"]["Location"] = f"{endpoint}/_local/code/{self.function_name}"
        return response

    def update_configuration(self, updates):
        response = moto_update_configuration(self, updates)
        if "EphemeralStorage" in updates:
            self.ephemeral_storage = updates["EphemeralStorage"]["Size"]
        return response

    def update_function_code(self, updates):
        if updates.get("Architectures"):
            self.architectures = updates["Architectures"]
        return moto_update_code(self, updates)

    def put_invoke_config(self, function_name, config):
        self.get_function(function_name).event_invoke_config.clear()
        return moto_put_invoke_config(self, function_name, config)

    def account_settings(self):
        # The default quotas: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
        limit = {"TotalCodeSize": 80_530_636_800, "CodeSizeUnzipped": 262_144_000, "CodeSizeZipped": 52_428_800}
        reserved = sum(function.reserved_concurrency or 0 for function in self.backend.list_functions())
        limit |= {"ConcurrentExecutions": ACCOUNT_CONCURRENCY, "UnreservedConcurrentExecutions": ACCOUNT_CONCURRENCY - int(reserved)}
        return json.dumps({"AccountLimit": limit, "AccountUsage": {}})

    LambdaResponse.get_account_settings = account_settings
    urls.url_paths[r"{0}/(?P<api_version>[^/]+)/account-settings/?$"] = LambdaResponse.dispatch
    LambdaFunction.invoke = invoke
    LambdaFunction.get_code = get_code
    LambdaFunction.update_configuration = update_configuration
    LambdaFunction.update_function_code = update_function_code
    LambdaBackend.put_function_event_invoke_config = put_invoke_config
    # The Lambda host polls streams; moto would invoke the function within the
    # request that writes to the table.
    Table.lambda_event_source_mappings = property(lambda self: {}, lambda self, value: None)
