"""Lambda functions, their permissions and their settings for asynchronous invocation."""

import io
import zipfile

from ..errors import ResourceFailed
from .handler import ResourceHandler, ResourceResult, changed, integer, pick, register, tag_map


@register("AWS::Lambda::Function")
class Function(ResourceHandler):
    settings = ("Description", "Handler", "Role", "Runtime", "Layers", "VpcConfig")
    properties = frozenset(
        {*settings, "Architectures", "Code", "Environment", "EphemeralStorage", "FunctionName", "MemorySize",
         "ReservedConcurrentExecutions", "Tags", "Timeout"}
    )
    ignored = frozenset({"LoggingConfig", "TracingConfig", "RecursiveLoop", "RuntimeManagementConfig", "KmsKeyArn", "SnapStart"})
    create_only = frozenset({"FunctionName"})

    def check_definition(self, context, definition):
        """Refuses a function that the Lambda host cannot run: it is built for another processor.

        Functions of other runtimes are deployed although the Lambda host cannot
        run them: the CDK has some of its own (see custom_resources.py).
        """
        runtime, architectures = definition.get("Runtime"), definition.get("Architectures", ["x86_64"])
        host = context.lambda_host.architecture
        if isinstance(runtime, str) and runtime.startswith("provided") and host not in architectures:
            raise ResourceFailed(
                f"the function is built for {', '.join(map(str, architectures))}, but this machine runs {host} only: "
                "deploy with `make local-deploy`, which builds the functions for this machine"
            )

    def create(self, context, properties):
        name = properties.get("FunctionName") or context.name(64)
        created = context.client("lambda").create_function(
            FunctionName=name,
            Code=self._code(properties["Code"]),
            Architectures=properties.get("Architectures", ["x86_64"]),
            Tags=tag_map(properties),
            **self._configuration(properties),
        )
        self._concurrency(context, name, {}, properties)
        return ResourceResult(name, {"Arn": created["FunctionArn"]})

    def update(self, context, physical_id, old, new):
        client = context.client("lambda")
        if changed(old, new, "Code", "Architectures"):
            client.update_function_code(
                FunctionName=physical_id,
                Architectures=new.get("Architectures", ["x86_64"]),
                **self._code(new["Code"]),
            )
        client.update_function_configuration(FunctionName=physical_id, **self._configuration(new))
        self._concurrency(context, physical_id, old, new)
        if changed(old, new, "Tags"):
            arn = f"arn:aws:lambda:{context.region}:{context.account}:function:{physical_id}"
            removed = sorted(set(tag_map(old)) - set(tag_map(new)))
            if removed:
                client.untag_resource(Resource=arn, TagKeys=removed)
            if tag_map(new):
                client.tag_resource(Resource=arn, Tags=tag_map(new))

    def delete(self, context, physical_id, properties):
        context.client("lambda").delete_function(FunctionName=physical_id)

    def _configuration(self, properties):
        """Every setting, so that one that a new template leaves out returns to its default."""
        return {
            **pick(properties, *self.settings),
            "MemorySize": integer(properties.get("MemorySize"), 128),
            "Timeout": integer(properties.get("Timeout"), 3),
            "EphemeralStorage": {"Size": integer(properties.get("EphemeralStorage", {}).get("Size"), 512)},
            "Environment": {
                "Variables": {
                    key: _string(value) for key, value in properties.get("Environment", {}).get("Variables", {}).items()
                }
            },
        }

    @staticmethod
    def _code(code):
        if "ZipFile" not in code:
            unknown = set(code) - {"S3Bucket", "S3Key", "S3ObjectVersion"}
            if unknown:
                raise ResourceFailed(f"the local CloudFormation does not support these properties of Code: {', '.join(sorted(unknown))}")
            return code
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("index.py", code["ZipFile"])
        return {"ZipFile": package.getvalue()}

    @staticmethod
    def _concurrency(context, name, old, new):
        if not changed(old, new, "ReservedConcurrentExecutions"):
            return
        client, wanted = context.client("lambda"), integer(new.get("ReservedConcurrentExecutions"))
        if wanted is None:
            client.delete_function_concurrency(FunctionName=name)
        else:
            client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=wanted)


def _string(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


@register("AWS::Lambda::Permission")
class Permission(ResourceHandler):
    settings = ("Action", "Principal", "SourceArn", "SourceAccount", "EventSourceToken", "PrincipalOrgID", "FunctionUrlAuthType")
    properties = frozenset({*settings, "FunctionName"})
    create_only = properties

    def create(self, context, properties):
        statement = context.name(100)
        context.client("lambda").add_permission(
            FunctionName=properties["FunctionName"], StatementId=statement, **pick(properties, *self.settings)
        )
        return ResourceResult(statement, {"Id": statement})

    def delete(self, context, physical_id, properties):
        context.client("lambda").remove_permission(FunctionName=properties["FunctionName"], StatementId=physical_id)


@register("AWS::Lambda::EventInvokeConfig")
class EventInvokeConfig(ResourceHandler):
    properties = frozenset(
        {"FunctionName", "Qualifier", "DestinationConfig", "MaximumEventAgeInSeconds", "MaximumRetryAttempts"}
    )
    create_only = frozenset({"FunctionName", "Qualifier"})

    def create(self, context, properties):
        self.update(context, None, {}, properties)
        return ResourceResult(f"{properties['FunctionName']}|{properties['Qualifier']}")

    def update(self, context, physical_id, old, new):
        if "OnSuccess" in new.get("DestinationConfig", {}):
            raise ResourceFailed("DestinationConfig.OnSuccess: the local Lambda host delivers to on-failure destinations only")
        settings = pick(new, "DestinationConfig")
        for name in ("MaximumEventAgeInSeconds", "MaximumRetryAttempts"):
            if name in new:
                settings[name] = integer(new[name])
        context.client("lambda").put_function_event_invoke_config(FunctionName=new["FunctionName"], **settings)

    def delete(self, context, physical_id, properties):
        context.client("lambda").delete_function_event_invoke_config(FunctionName=properties["FunctionName"])
