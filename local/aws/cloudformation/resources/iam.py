"""IAM roles and policies, Secrets Manager secrets and SSM parameters."""

import json
import re

from ..errors import ResourceFailed
from .handler import ResourceHandler, ResourceResult, integer, pick, register, update_tags, tag_list

AWS_MANAGED = "arn:aws:iam::aws:policy/"
# The characters that IAM allows in the document of a policy.
# https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html
DOCUMENT = re.compile(r"[\t\n\r\x20-\xff]+")


def document(policy):
    """The JSON of a policy; refuses characters that IAM refuses, which moto stores."""
    text = json.dumps(policy, ensure_ascii=False)
    if not DOCUMENT.fullmatch(text):
        raise ResourceFailed("The specified value for policyDocument is invalid: it must match [\\u0009\\u000A\\u000D\\u0020-\\u00FF]+")
    return text


@register("AWS::IAM::Role")
class Role(ResourceHandler):
    properties = frozenset(
        {"AssumeRolePolicyDocument", "Description", "ManagedPolicyArns", "MaxSessionDuration", "Path", "Policies", "RoleName", "Tags"}
    )
    ignored = frozenset({"PermissionsBoundary"})
    create_only = frozenset({"RoleName", "Path"})

    def create(self, context, properties):
        name = properties.get("RoleName") or context.name(64)
        iam = context.client("iam")
        created = iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=document(properties["AssumeRolePolicyDocument"]),
            MaxSessionDuration=integer(properties.get("MaxSessionDuration"), 3600),
            Tags=tag_list(properties),
            **pick(properties, "Description", "Path"),
        )["Role"]
        self._policies(iam, name, {}, properties)
        return ResourceResult(name, {"Arn": created["Arn"], "RoleId": created["RoleId"]})

    def update(self, context, physical_id, old, new):
        iam = context.client("iam")
        iam.update_assume_role_policy(RoleName=physical_id, PolicyDocument=document(new["AssumeRolePolicyDocument"]))
        iam.update_role(
            RoleName=physical_id,
            Description=new.get("Description", ""),
            MaxSessionDuration=integer(new.get("MaxSessionDuration"), 3600),
        )
        self._policies(iam, physical_id, old, new)
        update_tags(
            old, new,
            lambda properties: iam.tag_role(RoleName=physical_id, Tags=tag_list(properties)),
            lambda keys: iam.untag_role(RoleName=physical_id, TagKeys=keys),
        )

    def delete(self, context, physical_id, properties):
        iam = context.client("iam")
        # A policy that another stack attached makes the deletion fail, as in AWS.
        self._policies(iam, physical_id, properties, {})
        iam.delete_role(RoleName=physical_id)

    @staticmethod
    def _policies(iam, name, old, new):
        # The managed policies of AWS do not exist in moto: they are left out.
        attached = {arn for arn in old.get("ManagedPolicyArns", []) if not arn.startswith(AWS_MANAGED)}
        wanted = {arn for arn in new.get("ManagedPolicyArns", []) if not arn.startswith(AWS_MANAGED)}
        for arn in sorted(attached - wanted):
            iam.detach_role_policy(RoleName=name, PolicyArn=arn)
        for arn in sorted(wanted - attached):
            iam.attach_role_policy(RoleName=name, PolicyArn=arn)
        inline = {policy["PolicyName"]: policy["PolicyDocument"] for policy in new.get("Policies", [])}
        for policy in old.get("Policies", []):
            if policy["PolicyName"] not in inline:
                iam.delete_role_policy(RoleName=name, PolicyName=policy["PolicyName"])
        for policy, content in inline.items():
            iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=document(content))


@register("AWS::IAM::Policy")
class Policy(ResourceHandler):
    """An inline policy of roles."""

    properties = frozenset({"PolicyName", "PolicyDocument", "Roles"})
    create_only = frozenset({"PolicyName"})

    def create(self, context, properties):
        self.update(context, None, {"Roles": []}, properties)
        return ResourceResult(context.name(), {"Id": properties["PolicyName"]})

    def update(self, context, physical_id, old, new):
        iam = context.client("iam")
        for role in set(old.get("Roles", [])) - set(new.get("Roles", [])):
            iam.delete_role_policy(RoleName=role, PolicyName=old["PolicyName"])
        for role in new.get("Roles", []):
            iam.put_role_policy(
                RoleName=role, PolicyName=new["PolicyName"], PolicyDocument=document(new["PolicyDocument"])
            )

    def delete(self, context, physical_id, properties):
        for role in properties.get("Roles", []):
            context.client("iam").delete_role_policy(RoleName=role, PolicyName=properties["PolicyName"])


@register("AWS::IAM::ManagedPolicy")
class ManagedPolicy(ResourceHandler):
    properties = frozenset({"ManagedPolicyName", "PolicyDocument", "Roles", "Description", "Path"})
    create_only = frozenset({"ManagedPolicyName", "Description", "Path"})

    def create(self, context, properties):
        name = properties.get("ManagedPolicyName") or context.name(128)
        arn = context.client("iam").create_policy(
            PolicyName=name,
            PolicyDocument=document(properties["PolicyDocument"]),
            **pick(properties, "Description", "Path"),
        )["Policy"]["Arn"]
        for role in properties.get("Roles", []):
            context.client("iam").attach_role_policy(RoleName=role, PolicyArn=arn)
        return ResourceResult(arn, {"PolicyArn": arn})

    def update(self, context, physical_id, old, new):
        iam = context.client("iam")
        if old["PolicyDocument"] != new["PolicyDocument"]:
            before = iam.get_policy(PolicyArn=physical_id)["Policy"]["DefaultVersionId"]
            iam.create_policy_version(
                PolicyArn=physical_id, PolicyDocument=document(new["PolicyDocument"]), SetAsDefault=True
            )
            iam.delete_policy_version(PolicyArn=physical_id, VersionId=before)
        before, after = set(old.get("Roles", [])), set(new.get("Roles", []))
        for role in before - after:
            iam.detach_role_policy(RoleName=role, PolicyArn=physical_id)
        for role in after - before:
            iam.attach_role_policy(RoleName=role, PolicyArn=physical_id)

    def delete(self, context, physical_id, properties):
        iam = context.client("iam")
        for role in properties.get("Roles", []):
            iam.detach_role_policy(RoleName=role, PolicyArn=physical_id)
        iam.delete_policy(PolicyArn=physical_id)


@register("AWS::SecretsManager::Secret")
class Secret(ResourceHandler):
    properties = frozenset({"Name", "Description", "SecretString", "GenerateSecretString", "KmsKeyId", "Tags"})
    create_only = frozenset({"Name"})

    def create(self, context, properties):
        secrets = context.client("secretsmanager")
        arn = secrets.create_secret(
            Name=properties.get("Name") or context.name(),
            SecretString=self._value(secrets, properties),
            Tags=tag_list(properties),
            **pick(properties, "Description", "KmsKeyId"),
        )["ARN"]
        return ResourceResult(arn, {"Id": arn})

    def update(self, context, physical_id, old, new):
        secrets = context.client("secretsmanager")
        changes = {"Description": new.get("Description", "")}
        # A generated value is generated again only if its settings change.
        if any(old.get(name) != new.get(name) for name in ("SecretString", "GenerateSecretString")):
            changes["SecretString"] = self._value(secrets, new)
        secrets.update_secret(SecretId=physical_id, **changes)

    def delete(self, context, physical_id, properties):
        context.client("secretsmanager").delete_secret(SecretId=physical_id, ForceDeleteWithoutRecovery=True)

    @staticmethod
    def _value(secrets, properties):
        if "GenerateSecretString" not in properties:
            return properties.get("SecretString", "")
        settings = dict(properties["GenerateSecretString"])
        template, key = settings.pop("SecretStringTemplate", None), settings.pop("GenerateStringKey", None)
        if "PasswordLength" in settings:
            settings["PasswordLength"] = integer(settings["PasswordLength"])
        password = secrets.get_random_password(**settings)["RandomPassword"]
        return json.dumps({**json.loads(template), key: password}) if template else password


@register("AWS::SSM::Parameter")
class Parameter(ResourceHandler):
    properties = frozenset({"Name", "Type", "Value", "Description"})
    ignored = frozenset({"Tier", "AllowedPattern", "Tags", "DataType"})
    create_only = frozenset({"Name"})

    def create(self, context, properties):
        name = properties.get("Name") or context.name()
        self._put(context, name, properties)
        return ResourceResult(name, {"Type": properties["Type"], "Value": properties["Value"]})

    def update(self, context, physical_id, old, new):
        self._put(context, physical_id, new)
        return ResourceResult(physical_id, {"Type": new["Type"], "Value": new["Value"]})

    def delete(self, context, physical_id, properties):
        context.client("ssm").delete_parameter(Name=physical_id)

    @staticmethod
    def _put(context, name, properties):
        context.client("ssm").put_parameter(
            Name=name, Overwrite=True, **pick(properties, "Type", "Value", "Description")
        )
