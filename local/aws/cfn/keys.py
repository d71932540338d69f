"""Keys of KMS. Nothing is encrypted here: they exist, and others name them."""

import json

from .kinds import Kind, Made, flag, number, pick, register, retag, tag_map


@register("AWS::KMS::Key")
class Key(Kind):
    properties = frozenset(
        {"Description", "Enabled", "EnableKeyRotation", "KeyPolicy", "KeySpec", "KeyUsage", "MultiRegion", "PendingWindowInDays", "Tags"}
    )
    inert = frozenset({"BypassPolicyLockoutSafetyCheck", "RotationPeriodInDays"})
    replaced_by = frozenset({"KeySpec", "KeyUsage", "MultiRegion"})

    def create(self, context, properties):
        made = context.client("kms").create_key(
            Tags=_tags(properties), **_policy(properties), **pick(properties, "Description", "KeySpec", "KeyUsage", "MultiRegion")
        )["KeyMetadata"]
        self._switch(context, made["KeyId"], {}, properties)
        return Made(made["KeyId"], {"Arn": made["Arn"], "KeyId": made["KeyId"]})

    def update(self, context, physical_id, old, new):
        kms = context.client("kms")
        if "KeyPolicy" in new:
            kms.put_key_policy(KeyId=physical_id, PolicyName="default", **_policy(new))
        kms.update_key_description(KeyId=physical_id, Description=new.get("Description", ""))
        self._switch(context, physical_id, old, new)
        retag(
            old, new,
            lambda properties: kms.tag_resource(KeyId=physical_id, Tags=_tags(properties)),
            lambda keys: kms.untag_resource(KeyId=physical_id, TagKeys=keys),
        )

    def delete(self, context, physical_id, properties):
        days = number(properties.get("PendingWindowInDays"), 30)
        context.client("kms").schedule_key_deletion(KeyId=physical_id, PendingWindowInDays=days)

    @staticmethod
    def _switch(context, key, old, new):
        kms = context.client("kms")
        if flag(old.get("EnableKeyRotation")) != flag(new.get("EnableKeyRotation")):
            (kms.enable_key_rotation if flag(new.get("EnableKeyRotation")) else kms.disable_key_rotation)(KeyId=key)
        if flag(old.get("Enabled"), True) != flag(new.get("Enabled"), True):
            (kms.enable_key if flag(new.get("Enabled"), True) else kms.disable_key)(KeyId=key)


def _policy(properties):
    return {"Policy": json.dumps(properties["KeyPolicy"])} if "KeyPolicy" in properties else {}


def _tags(properties):
    return [{"TagKey": key, "TagValue": value} for key, value in tag_map(properties).items()]


@register("AWS::KMS::Alias")
class Alias(Kind):
    properties = frozenset({"AliasName", "TargetKeyId"})
    replaced_by = frozenset({"AliasName"})

    def create(self, context, properties):
        context.client("kms").create_alias(AliasName=properties["AliasName"], TargetKeyId=properties["TargetKeyId"])
        return Made(properties["AliasName"])

    def update(self, context, physical_id, old, new):
        context.client("kms").update_alias(AliasName=physical_id, TargetKeyId=new["TargetKeyId"])

    def delete(self, context, physical_id, properties):
        context.client("kms").delete_alias(AliasName=physical_id)
