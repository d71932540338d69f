"""KMS keys and aliases. They can be created and referred to, but nothing is encrypted with them."""

import json

from .handler import ResourceHandler, ResourceResult, boolean, integer, pick, register, update_tags, tag_map


@register("AWS::KMS::Key")
class Key(ResourceHandler):
    properties = frozenset(
        {"Description", "Enabled", "EnableKeyRotation", "KeyPolicy", "KeySpec", "KeyUsage", "MultiRegion", "PendingWindowInDays", "Tags"}
    )
    ignored = frozenset({"BypassPolicyLockoutSafetyCheck", "RotationPeriodInDays"})
    create_only = frozenset({"KeySpec", "KeyUsage", "MultiRegion"})

    def create(self, context, properties):
        created = context.client("kms").create_key(
            Tags=_tags(properties), **_policy(properties), **pick(properties, "Description", "KeySpec", "KeyUsage", "MultiRegion")
        )["KeyMetadata"]
        self._set_state(context, created["KeyId"], {}, properties)
        return ResourceResult(created["KeyId"], {"Arn": created["Arn"], "KeyId": created["KeyId"]})

    def update(self, context, physical_id, old, new):
        kms = context.client("kms")
        if "KeyPolicy" in new:
            kms.put_key_policy(KeyId=physical_id, PolicyName="default", **_policy(new))
        kms.update_key_description(KeyId=physical_id, Description=new.get("Description", ""))
        self._set_state(context, physical_id, old, new)
        update_tags(
            old, new,
            lambda properties: kms.tag_resource(KeyId=physical_id, Tags=_tags(properties)),
            lambda keys: kms.untag_resource(KeyId=physical_id, TagKeys=keys),
        )

    def delete(self, context, physical_id, properties):
        days = integer(properties.get("PendingWindowInDays"), 30)
        context.client("kms").schedule_key_deletion(KeyId=physical_id, PendingWindowInDays=days)

    @staticmethod
    def _set_state(context, key, old, new):
        kms = context.client("kms")
        if boolean(old.get("EnableKeyRotation")) != boolean(new.get("EnableKeyRotation")):
            (kms.enable_key_rotation if boolean(new.get("EnableKeyRotation")) else kms.disable_key_rotation)(KeyId=key)
        if boolean(old.get("Enabled"), True) != boolean(new.get("Enabled"), True):
            (kms.enable_key if boolean(new.get("Enabled"), True) else kms.disable_key)(KeyId=key)


def _policy(properties):
    return {"Policy": json.dumps(properties["KeyPolicy"])} if "KeyPolicy" in properties else {}


def _tags(properties):
    return [{"TagKey": key, "TagValue": value} for key, value in tag_map(properties).items()]


@register("AWS::KMS::Alias")
class Alias(ResourceHandler):
    properties = frozenset({"AliasName", "TargetKeyId"})
    create_only = frozenset({"AliasName"})

    def create(self, context, properties):
        context.client("kms").create_alias(AliasName=properties["AliasName"], TargetKeyId=properties["TargetKeyId"])
        return ResourceResult(properties["AliasName"])

    def update(self, context, physical_id, old, new):
        context.client("kms").update_alias(AliasName=physical_id, TargetKeyId=new["TargetKeyId"])

    def delete(self, context, physical_id, properties):
        context.client("kms").delete_alias(AliasName=physical_id)
