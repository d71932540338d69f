"""Roles, policies, secrets and parameters."""

import json

from .kinds import Kind, Made, number, pick, register, retag, tag_list

AWS_MANAGED = "arn:aws:iam::aws:policy/"


@register("AWS::IAM::Role")
class Role(Kind):
    properties = frozenset(
        {"AssumeRolePolicyDocument", "Description", "ManagedPolicyArns", "MaxSessionDuration", "Path", "Policies", "RoleName", "Tags"}
    )
    inert = frozenset({"PermissionsBoundary"})
    replaced_by = frozenset({"RoleName", "Path"})

    def create(self, context, properties):
        name = properties.get("RoleName") or context.name(64)
        iam = context.client("iam")
        made = iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps(properties["AssumeRolePolicyDocument"]),
            MaxSessionDuration=number(properties.get("MaxSessionDuration"), 3600),
            Tags=tag_list(properties),
            **pick(properties, "Description", "Path"),
        )["Role"]
        self._policies(iam, name, {}, properties)
        return Made(name, {"Arn": made["Arn"], "RoleId": made["RoleId"]})

    def update(self, context, physical_id, old, new):
        iam = context.client("iam")
        iam.update_assume_role_policy(RoleName=physical_id, PolicyDocument=json.dumps(new["AssumeRolePolicyDocument"]))
        iam.update_role(
            RoleName=physical_id,
            Description=new.get("Description", ""),
            MaxSessionDuration=number(new.get("MaxSessionDuration"), 3600),
        )
        self._policies(iam, physical_id, old, new)
        retag(
            old, new,
            lambda properties: iam.tag_role(RoleName=physical_id, Tags=tag_list(properties)),
            lambda keys: iam.untag_role(RoleName=physical_id, TagKeys=keys),
        )

    def delete(self, context, physical_id, properties):
        iam = context.client("iam")
        # Policies that other stacks attached would forbid the deletion, as in AWS.
        self._policies(iam, physical_id, properties, {})
        iam.delete_role(RoleName=physical_id)

    @staticmethod
    def _policies(iam, name, old, new):
        # AWS's own managed policies do not exist in moto, and nothing here
        # enforces policies: they are left out.
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
        for policy, document in inline.items():
            iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))


@register("AWS::IAM::Policy")
class Policy(Kind):
    """An inline policy of roles."""

    properties = frozenset({"PolicyName", "PolicyDocument", "Roles"})
    replaced_by = frozenset({"PolicyName"})

    def create(self, context, properties):
        self.update(context, None, {"Roles": []}, properties)
        return Made(context.name(), {"Id": properties["PolicyName"]})

    def update(self, context, physical_id, old, new):
        iam = context.client("iam")
        for role in set(old.get("Roles", [])) - set(new.get("Roles", [])):
            iam.delete_role_policy(RoleName=role, PolicyName=old["PolicyName"])
        for role in new.get("Roles", []):
            iam.put_role_policy(
                RoleName=role, PolicyName=new["PolicyName"], PolicyDocument=json.dumps(new["PolicyDocument"])
            )

    def delete(self, context, physical_id, properties):
        for role in properties.get("Roles", []):
            context.client("iam").delete_role_policy(RoleName=role, PolicyName=properties["PolicyName"])


@register("AWS::IAM::ManagedPolicy")
class ManagedPolicy(Kind):
    properties = frozenset({"ManagedPolicyName", "PolicyDocument", "Roles", "Description", "Path"})
    replaced_by = frozenset({"ManagedPolicyName", "Description", "Path"})

    def create(self, context, properties):
        name = properties.get("ManagedPolicyName") or context.name(128)
        arn = context.client("iam").create_policy(
            PolicyName=name,
            PolicyDocument=json.dumps(properties["PolicyDocument"]),
            **pick(properties, "Description", "Path"),
        )["Policy"]["Arn"]
        for role in properties.get("Roles", []):
            context.client("iam").attach_role_policy(RoleName=role, PolicyArn=arn)
        return Made(arn, {"PolicyArn": arn})

    def update(self, context, physical_id, old, new):
        iam = context.client("iam")
        if old["PolicyDocument"] != new["PolicyDocument"]:
            before = iam.get_policy(PolicyArn=physical_id)["Policy"]["DefaultVersionId"]
            iam.create_policy_version(
                PolicyArn=physical_id, PolicyDocument=json.dumps(new["PolicyDocument"]), SetAsDefault=True
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
class Secret(Kind):
    properties = frozenset({"Name", "Description", "SecretString", "GenerateSecretString", "KmsKeyId", "Tags"})
    replaced_by = frozenset({"Name"})

    def create(self, context, properties):
        secrets = context.client("secretsmanager")
        arn = secrets.create_secret(
            Name=properties.get("Name") or context.name(),
            SecretString=self._value(secrets, properties),
            Tags=tag_list(properties),
            **pick(properties, "Description", "KmsKeyId"),
        )["ARN"]
        return Made(arn, {"Id": arn})

    def update(self, context, physical_id, old, new):
        secrets = context.client("secretsmanager")
        changes = {"Description": new.get("Description", "")}
        # A generated value is generated anew only when its recipe changes.
        if any(old.get(name) != new.get(name) for name in ("SecretString", "GenerateSecretString")):
            changes["SecretString"] = self._value(secrets, new)
        secrets.update_secret(SecretId=physical_id, **changes)

    def delete(self, context, physical_id, properties):
        context.client("secretsmanager").delete_secret(SecretId=physical_id, ForceDeleteWithoutRecovery=True)

    @staticmethod
    def _value(secrets, properties):
        if "GenerateSecretString" not in properties:
            return properties.get("SecretString", "")
        recipe = dict(properties["GenerateSecretString"])
        template, key = recipe.pop("SecretStringTemplate", None), recipe.pop("GenerateStringKey", None)
        if "PasswordLength" in recipe:
            recipe["PasswordLength"] = number(recipe["PasswordLength"])
        password = secrets.get_random_password(**recipe)["RandomPassword"]
        return json.dumps({**json.loads(template), key: password}) if template else password


@register("AWS::SSM::Parameter")
class Parameter(Kind):
    properties = frozenset({"Name", "Type", "Value", "Description"})
    inert = frozenset({"Tier", "AllowedPattern", "Tags", "DataType"})
    replaced_by = frozenset({"Name"})

    def create(self, context, properties):
        name = properties.get("Name") or context.name()
        self._put(context, name, properties)
        return Made(name, {"Type": properties["Type"], "Value": properties["Value"]})

    def update(self, context, physical_id, old, new):
        self._put(context, physical_id, new)
        return Made(physical_id, {"Type": new["Type"], "Value": new["Value"]})

    def delete(self, context, physical_id, properties):
        context.client("ssm").delete_parameter(Name=physical_id)

    @staticmethod
    def _put(context, name, properties):
        context.client("ssm").put_parameter(
            Name=name, Overwrite=True, **pick(properties, "Type", "Value", "Description")
        )
