"""The CloudFormation API (AWS Query protocol) over Stacks."""

import json
import re
import traceback
import uuid
from urllib.parse import unquote, urlparse

from . import query_protocol
from .errors import InvalidRequest
from .model import Request, now
from .stacks import ACCOUNT, Stacks
from .template import parse

REGION = "us-east-1"
ACTIONS = {
    "CreateChangeSet", "CreateStack", "DeleteChangeSet", "DeleteStack", "DescribeChangeSet", "DescribeStackEvents",
    "DescribeStackResource", "DescribeStackResources", "DescribeStacks", "ExecuteChangeSet", "GetTemplate",
    "GetTemplateSummary", "ListExports", "ListImports", "ListStackResources", "ListStacks", "UpdateStack",
    "UpdateTerminationProtection", "ValidateTemplate",
}


class ChangeSetNotFound(InvalidRequest):
    code = "ChangeSetNotFound"


class CloudFormation:
    """Handles the actions that the CDK CLI and the SDKs use."""

    def __init__(self, clients, lambda_host, custom_resources):
        self.clients = clients
        self.stacks = Stacks(clients, lambda_host, custom_resources)
        self.change_sets = {}

    def handle(self, form):
        """Handles one request; returns HTTP status, content type and body."""
        action = form.get("Action", "")
        method = getattr(self, _snake(action)) if action in ACTIONS else None
        try:
            if method is None:
                raise InvalidRequest(f"the action {action} is not supported by the local CloudFormation")
            result = method(query_protocol.Form(form))
        except InvalidRequest as error:
            return query_protocol.error(400, error.code, str(error))
        except Exception as error:  # a bug of the local CloudFormation: returned to the caller and logged
            traceback.print_exc()
            return query_protocol.error(500, "InternalFailure", f"{type(error).__name__}: {error}")
        return 200, "text/xml", query_protocol.response(action, result or {})

    def create_stack(self, form):
        request = self._request(form)
        stack = self.stacks.new(form["StackName"], REGION)
        stack.protected = form.get("EnableTerminationProtection") == "true"
        self.stacks.create(stack, request)
        return {"StackId": stack.id}

    def update_stack(self, form):
        stack = self._stack(form)
        self.stacks.update(stack, self._request(form, stack))
        return {"StackId": stack.id}

    def delete_stack(self, form):
        try:
            stack = self._stack(form)
        except InvalidRequest:
            return  # deleting a stack that does not exist succeeds
        if stack.status != "DELETE_COMPLETE":
            self.stacks.delete(stack)

    def describe_stacks(self, form):
        if "StackName" in form:
            found = [self._stack(form)]
        else:
            found = [stack for stack in self.stacks.stacks.values() if stack.status != "DELETE_COMPLETE"]
        return {"Stacks": [_described(stack) for stack in found]}

    def list_stacks(self, form):
        wanted = form.list("StackStatusFilter")
        return {
            "StackSummaries": [
                {
                    "StackId": stack.id,
                    "StackName": stack.name,
                    "CreationTime": stack.created,
                    "StackStatus": stack.status,
                    "StackStatusReason": stack.reason or None,
                }
                for stack in self.stacks.stacks.values()
                if not wanted or stack.status in wanted
            ]
        }

    def describe_stack_events(self, form):
        return {"StackEvents": list(reversed(self._stack(form).events))}

    def describe_stack_resources(self, form):
        stack = self._stack(form)
        wanted = form.get("LogicalResourceId")
        return {
            "StackResources": [
                {"StackId": stack.id, "StackName": stack.name, "Timestamp": resource.changed, **_resource(resource)}
                for resource in stack.resources.values()
                if not wanted or resource.logical_id == wanted
            ]
        }

    def describe_stack_resource(self, form):
        stack, name = self._stack(form), form["LogicalResourceId"]
        if name not in stack.resources:
            raise InvalidRequest(f"Resource {name} does not exist for stack {stack.name}")
        resource = stack.resources[name]
        return {
            "StackResourceDetail": {
                "StackId": stack.id, "StackName": stack.name,
                "LastUpdatedTimestamp": resource.changed, **_resource(resource),
            }
        }

    def list_stack_resources(self, form):
        return {
            "StackResourceSummaries": [
                {"LastUpdatedTimestamp": resource.changed, **_resource(resource)}
                for resource in self._stack(form).resources.values()
            ]
        }

    def get_template(self, form):
        if form.get("TemplateStage", "Original") not in ("Original", "Processed"):
            raise InvalidRequest(f"TemplateStage {form['TemplateStage']} is neither Original nor Processed (the same without transforms)")
        if "ChangeSetName" in form:
            body = self._change_set(form)["request"].body
        else:
            body = self._stack(form).body
        return {"TemplateBody": body, "StagesAvailable": ["Original", "Processed"]}

    def get_template_summary(self, form):
        if "StackName" in form:
            template = self._stack(form).template
        else:
            template = parse(self._body(form))
        return {
            "Parameters": [
                {
                    "ParameterKey": name,
                    "ParameterType": declared["Type"],
                    "DefaultValue": None if "Default" not in declared else _shown(declared, declared["Default"]),
                    "NoEcho": str(declared.get("NoEcho", False)).lower() == "true",
                }
                for name, declared in template.get("Parameters", {}).items()
            ],
            "Metadata": json.dumps(template["Metadata"]) if "Metadata" in template else None,
            "ResourceTypes": sorted({definition["Type"] for definition in template["Resources"].values()}),
        }

    def validate_template(self, form):
        parse(self._body(form))
        return {}

    def list_exports(self, form):
        return {
            "Exports": [
                {"ExportingStackId": stack.id, "Name": name, "Value": value}
                for name, (value, stack) in self.stacks.exports(REGION).items()
            ]
        }

    def list_imports(self, form):
        users = self.stacks.importers(form["ExportName"], REGION)
        if not users:
            raise InvalidRequest(f"Export '{form['ExportName']}' is not imported by any stack.")
        return {"Imports": users}

    def update_termination_protection(self, form):
        stack = self._stack(form)
        stack.protected = form["EnableTerminationProtection"] == "true"
        return {"StackId": stack.id}

    def create_change_set(self, form):
        kind = form.get("ChangeSetType", "UPDATE")
        if kind == "CREATE":
            request = self._request(form)
            stack = self.stacks.new(form["StackName"], REGION)
        elif kind == "UPDATE":
            stack = self._stack(form)
            request = self._request(form, stack)
        else:
            raise InvalidRequest(f"change sets of type {kind} are not supported locally")
        name = form["ChangeSetName"]
        change_set_id = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:changeSet/{name}/{uuid.uuid4()}"
        changes = _changes(stack, request.template)
        empty = not changes and kind == "UPDATE" and request.template == stack.template
        self.change_sets[change_set_id] = {
            "ChangeSetName": name,
            "ChangeSetId": change_set_id,
            "StackId": stack.id,
            "StackName": stack.name,
            "CreationTime": now(),
            "ExecutionStatus": "UNAVAILABLE" if empty else "AVAILABLE",
            "Status": "FAILED" if empty else "CREATE_COMPLETE",
            "StatusReason": "The submitted information didn't contain changes." if empty else None,
            "Changes": changes,
            "request": request,
            "kind": kind,
        }
        return {"Id": change_set_id, "StackId": stack.id}

    def describe_change_set(self, form):
        change_set = self._change_set(form)
        return {key: value for key, value in change_set.items() if key not in ("request", "kind")}

    def execute_change_set(self, form):
        change_set = self._change_set(form)
        if change_set["ExecutionStatus"] != "AVAILABLE":
            raise InvalidRequest(f"ChangeSet [{change_set['ChangeSetId']}] cannot be executed in its current status")
        stack = self.stacks.find(change_set["StackId"], REGION)
        change_set["ExecutionStatus"] = "EXECUTE_COMPLETE"
        if change_set["kind"] == "CREATE":
            self.stacks.create(stack, change_set["request"])
        else:
            self.stacks.update(stack, change_set["request"])

    def delete_change_set(self, form):
        try:
            del self.change_sets[self._change_set(form)["ChangeSetId"]]
        except ChangeSetNotFound:
            return  # deleting a change set that does not exist succeeds

    def schedules(self, stack):
        """The ARNs of a stack's rules and schedules."""
        types = ("AWS::Events::Rule", "AWS::Scheduler::Schedule")
        resources = self.stacks.find(stack, REGION).resources.values()
        return {resource.attributes["Arn"] for resource in resources if resource.type in types}

    def _stack(self, form):
        return self.stacks.find(form["StackName"], REGION)

    def _change_set(self, form):
        name = form["ChangeSetName"]
        if name in self.change_sets:
            return self.change_sets[name]
        for change_set in reversed(list(self.change_sets.values())):
            if change_set["ChangeSetName"] == name and form.get("StackName") in (change_set["StackName"], change_set["StackId"]):
                return change_set
        raise ChangeSetNotFound(f"ChangeSet [{name}] does not exist")

    def _request(self, form, stack=None):
        given = {}
        for parameter in form.structures("Parameters"):
            name = parameter["ParameterKey"]
            if parameter.get("UsePreviousValue") != "true":
                given[name] = parameter.get("ParameterValue", "")
            elif stack and name in stack.given:
                given[name] = stack.given[name]
            # Otherwise the previous value was the default, which still applies.
        tags = [{"Key": tag["Key"], "Value": tag["Value"]} for tag in form.structures("Tags")]
        if stack and not tags and not any(key.startswith("Tags") for key in form):
            tags = stack.tags
        body = stack.body if stack and form.get("UsePreviousTemplate") == "true" else self._body(form)
        return Request(body, given, tags, form.list("Capabilities"), form.get("RoleARN", ""))

    def _body(self, form):
        if "TemplateBody" in form:
            return form["TemplateBody"]
        if "TemplateURL" not in form:
            raise InvalidRequest("Either Template URL or Template Body must be specified.")
        bucket, key = _s3_location(form["TemplateURL"])
        return self.clients.get("s3", REGION).get_object(Bucket=bucket, Key=key)["Body"].read().decode()


def _described(stack):
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        "Description": stack.template.get("Description"),
        "Parameters": [
            {"ParameterKey": name, "ParameterValue": _shown(declared, stack.given.get(name, declared.get("Default", "")))}
            for name, declared in stack.template.get("Parameters", {}).items()
        ],
        "CreationTime": stack.created,
        "LastUpdatedTime": stack.updated,
        "StackStatus": stack.status,
        "StackStatusReason": stack.reason or None,
        "DisableRollback": False,
        "NotificationARNs": [],
        "Capabilities": stack.capabilities,
        "Outputs": list(stack.outputs.values()),
        "Tags": stack.tags,
        "RoleARN": stack.role or None,
        "EnableTerminationProtection": stack.protected,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }


def _shown(declared, value):
    return "****" if str(declared.get("NoEcho", False)).lower() == "true" else str(value)


def _resource(resource):
    return {
        "LogicalResourceId": resource.logical_id,
        "PhysicalResourceId": resource.physical_id,
        "ResourceType": resource.type,
        "ResourceStatus": resource.status,
        "ResourceStatusReason": resource.reason or None,
    }


def _changes(stack, template):
    old, new = stack.template.get("Resources", {}), template["Resources"]
    changes = []
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) == new.get(name):
            continue
        action = "Add" if name not in old else "Remove" if name not in new else "Modify"
        kind = (new if name in new else old)[name]["Type"]
        changes.append(
            {"Type": "Resource", "ResourceChange": {"Action": action, "LogicalResourceId": name, "ResourceType": kind}}
        )
    return changes


def _s3_location(url):
    parsed = urlparse(url)
    path = unquote(parsed.path).lstrip("/")
    virtual = re.match(r"^(?P<bucket>.+)\.s3[.-]", parsed.netloc)
    if virtual:
        return virtual["bucket"], path
    bucket, _, key = path.partition("/")
    return bucket, key


def _snake(name):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
