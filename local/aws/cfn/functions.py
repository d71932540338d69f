"""Lambda functions and what surrounds them."""

import io
import zipfile

from .errors import Failed
from .kinds import Kind, Made, changed, number, pick, register, tag_map


@register("AWS::Lambda::Function")
class Function(Kind):
    settings = ("Description", "Handler", "Role", "Runtime", "Layers", "VpcConfig")
    properties = frozenset(
        {*settings, "Architectures", "Code", "Environment", "EphemeralStorage", "FunctionName", "MemorySize",
         "ReservedConcurrentExecutions", "Tags", "Timeout"}
    )
    inert = frozenset({"LoggingConfig", "TracingConfig", "RecursiveLoop", "RuntimeManagementConfig", "KmsKeyArn", "SnapStart"})
    replaced_by = frozenset({"FunctionName"})

    def create(self, context, properties):
        name = properties.get("FunctionName") or context.name(64)
        made = context.client("lambda").create_function(
            FunctionName=name,
            Code=self._code(properties["Code"]),
            Architectures=properties.get("Architectures", ["x86_64"]),
            Tags=tag_map(properties),
            **self._configuration(properties),
        )
        self._concurrency(context, name, {}, properties)
        return Made(name, {"Arn": made["FunctionArn"]})

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
            gone = sorted(set(tag_map(old)) - set(tag_map(new)))
            if gone:
                client.untag_resource(Resource=arn, TagKeys=gone)
            if tag_map(new):
                client.tag_resource(Resource=arn, Tags=tag_map(new))

    def delete(self, context, physical_id, properties):
        context.client("lambda").delete_function(FunctionName=physical_id)

    def _configuration(self, properties):
        """Every setting, so that one left out of a new template goes back to its default."""
        return {
            **pick(properties, *self.settings),
            "MemorySize": number(properties.get("MemorySize"), 128),
            "Timeout": number(properties.get("Timeout"), 3),
            "EphemeralStorage": {"Size": number(properties.get("EphemeralStorage", {}).get("Size"), 512)},
            "Environment": {
                "Variables": {
                    key: _text(value) for key, value in properties.get("Environment", {}).get("Variables", {}).items()
                }
            },
        }

    @staticmethod
    def _code(code):
        if "ZipFile" not in code:
            unknown = set(code) - {"S3Bucket", "S3Key", "S3ObjectVersion"}
            if unknown:
                raise Failed(f"the local run does not support code given by {', '.join(sorted(unknown))}")
            return code
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("index.py", code["ZipFile"])
        return {"ZipFile": package.getvalue()}

    @staticmethod
    def _concurrency(context, name, old, new):
        if not changed(old, new, "ReservedConcurrentExecutions"):
            return
        client, wanted = context.client("lambda"), number(new.get("ReservedConcurrentExecutions"))
        if wanted is None:
            client.delete_function_concurrency(FunctionName=name)
        else:
            client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=wanted)


def _text(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


@register("AWS::Lambda::Permission")
class Permission(Kind):
    settings = ("Action", "Principal", "SourceArn", "SourceAccount", "EventSourceToken", "PrincipalOrgID", "FunctionUrlAuthType")
    properties = frozenset({*settings, "FunctionName"})
    replaced_by = properties

    def create(self, context, properties):
        statement = context.name(100)
        context.client("lambda").add_permission(
            FunctionName=properties["FunctionName"], StatementId=statement, **pick(properties, *self.settings)
        )
        return Made(statement, {"Id": statement})

    def delete(self, context, physical_id, properties):
        context.client("lambda").remove_permission(FunctionName=properties["FunctionName"], StatementId=physical_id)


@register("AWS::Lambda::EventInvokeConfig")
class EventInvokeConfig(Kind):
    properties = frozenset(
        {"FunctionName", "Qualifier", "DestinationConfig", "MaximumEventAgeInSeconds", "MaximumRetryAttempts"}
    )
    replaced_by = frozenset({"FunctionName", "Qualifier"})

    def create(self, context, properties):
        self.update(context, None, {}, properties)
        return Made(f"{properties['FunctionName']}|{properties['Qualifier']}")

    def update(self, context, physical_id, old, new):
        if "OnSuccess" in new.get("DestinationConfig", {}):
            raise Failed("the local Lambda host delivers to on-failure destinations only (DestinationConfig.OnSuccess)")
        settings = pick(new, "DestinationConfig")
        for name in ("MaximumEventAgeInSeconds", "MaximumRetryAttempts"):
            if name in new:
                settings[name] = number(new[name])
        context.client("lambda").put_function_event_invoke_config(FunctionName=new["FunctionName"], **settings)

    def delete(self, context, physical_id, properties):
        context.client("lambda").delete_function_event_invoke_config(FunctionName=properties["FunctionName"])
