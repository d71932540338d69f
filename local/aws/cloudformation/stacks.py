"""Creates, updates, rolls back and deletes stacks."""

import threading
import uuid
from dataclasses import replace

from .errors import AlreadyExists, ResourceFailed, InvalidRequest
from .model import Resource, Stack, now
from .resources import handler_of
from .resources.handler import Context, is_not_found, reason
from .template import NO_VALUE, Evaluator, dependencies, in_order

ACCOUNT = "123456789012"
# How long a request waits for the operation that it started, in seconds. The CLI
# polls every five seconds: a response after the end of the operation saves that wait.
REQUEST_WAIT = 25
UPDATABLE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")


class Stacks:
    """All stacks of the account."""

    def __init__(self, clients, lambda_host, custom_resources):
        self.clients = clients
        self.lambda_host = lambda_host
        self.custom_resources = custom_resources
        self.stacks = {}
        self.lock = threading.RLock()

    def find(self, name_or_id, region):
        """The stack of a name, or of an ID even if it is deleted."""
        with self.lock:
            if name_or_id in self.stacks:
                return self.stacks[name_or_id]
            for stack in self.stacks.values():
                if stack.name == name_or_id and stack.region == region and stack.status != "DELETE_COMPLETE":
                    return stack
        raise InvalidRequest(f"Stack with id {name_or_id} does not exist")

    def new(self, name, region):
        """Registers an empty stack."""
        with self.lock:
            for stack in self.stacks.values():
                if stack.name == name and stack.region == region and stack.status != "DELETE_COMPLETE":
                    if stack.status == "REVIEW_IN_PROGRESS":
                        return stack
                    raise AlreadyExists(f"Stack [{name}] already exists")
            stack_id = f"arn:aws:cloudformation:{region}:{ACCOUNT}:stack/{name}/{uuid.uuid4()}"
            stack = self.stacks[stack_id] = Stack(id=stack_id, name=name, region=region)
            return stack

    def exports(self, region):
        """Export name -> (value, stack that exports it)."""
        with self.lock:
            return {
                output["ExportName"]: (output["OutputValue"], stack)
                for stack in self.stacks.values()
                if stack.region == region and stack.status != "DELETE_COMPLETE"
                for output in stack.outputs.values()
                if "ExportName" in output
            }

    def output(self, name, key, region):
        """An output of a stack, for Fn::GetStackOutput; unlike an export, it may change while it is used."""
        outputs = self.find(name, region).outputs
        if key not in outputs:
            raise InvalidRequest(f"Stack {name} has no output named {key}")
        return outputs[key]["OutputValue"]

    def importers(self, name, region):
        """Names of the stacks that import an export."""
        with self.lock:
            return sorted(
                stack.name
                for stack in self.stacks.values()
                if stack.region == region and stack.status != "DELETE_COMPLETE" and name in stack.imports
            )

    def create(self, stack, request):
        """Starts the creation of a stack."""
        self._start(stack, "CREATE_IN_PROGRESS", self._create, stack, request)

    def update(self, stack, request):
        """Starts the update of a stack; InvalidRequest if nothing changes."""
        evaluator = self._evaluator(stack, request)
        if (
            stack.status in UPDATABLE
            and _without_metadata(request.template) == _without_metadata(stack.template)
            and evaluator.parameters == stack.parameters
            and request.tags == stack.tags
        ):
            raise InvalidRequest("No updates are to be performed.")
        self._start(stack, "UPDATE_IN_PROGRESS", self._update, stack, request)

    def delete(self, stack):
        """Starts the deletion of a stack; InvalidRequest if it is protected."""
        if stack.protected:
            raise InvalidRequest(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
        self._start(stack, "DELETE_IN_PROGRESS", self._delete, stack)

    def _start(self, stack, status, operation, *arguments):
        with self.lock:
            if stack.busy:
                raise InvalidRequest(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
            if status == "UPDATE_IN_PROGRESS" and stack.status not in UPDATABLE:
                raise InvalidRequest(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
            self._stack_event(stack, status, "User Initiated")
        worker = threading.Thread(target=operation, args=arguments, daemon=True)
        worker.start()
        worker.join(REQUEST_WAIT)

    def _evaluator(self, stack, request):
        exports = {name: value for name, (value, _) in self.exports(stack.region).items()}
        pseudo = {
            "AWS::AccountId": ACCOUNT,
            "AWS::Region": stack.region,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": stack.name,
            "AWS::StackId": stack.id,
            "AWS::NotificationARNs": [],
        }
        return Evaluator(request.template, request.given, pseudo, exports, self.output, self.clients, stack.region)

    def _context(self, stack, resource):
        return Context(
            clients=self.clients,
            lambda_host=self.lambda_host,
            custom_resources=self.custom_resources,
            region=stack.region,
            account=ACCOUNT,
            stack_name=stack.name,
            stack_id=stack.id,
            logical_id=resource.logical_id,
            type=resource.type,
        )

    def _create(self, stack, request):
        journal = []
        try:
            self._apply(stack, request, journal)
        except Exception as error:  # every failure rolls back and is an event
            self._stack_event(stack, "ROLLBACK_IN_PROGRESS", reason(error))
            self._undo(stack, journal, "ROLLBACK")
            return
        stack.created = now()
        self._stack_event(stack, "CREATE_COMPLETE")

    def _update(self, stack, request):
        journal, before = [], dict(stack.resources)
        try:
            self._apply(stack, request, journal)
        except Exception as error:  # every failure rolls back and is an event
            self._stack_event(stack, "UPDATE_ROLLBACK_IN_PROGRESS", reason(error))
            stack.resources = before
            self._undo(stack, journal, "UPDATE_ROLLBACK")
            return
        self._stack_event(stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        self._clean_up(stack, before, journal)
        stack.updated = now()
        self._stack_event(stack, "UPDATE_COMPLETE")

    def _apply(self, stack, request, journal):
        """Creates and updates the resources of the request; deletions follow in the clean-up."""
        evaluator = self._evaluator(stack, request)
        definitions = {
            name: definition
            for name, definition in request.template["Resources"].items()
            if evaluator.active(definition)
        }
        self._check_definitions(stack, definitions)
        graph = {name: dependencies(definition) for name, definition in definitions.items()}
        resources = {}
        for name in in_order(graph):
            resource = self._apply_one(stack, name, definitions[name], evaluator, journal)
            resource.depends = graph[name]
            resources[name] = evaluator.resources[name] = resource
        outputs = self._outputs(stack, request.template, evaluator)
        self._check_exports(stack, outputs)
        with self.lock:
            stack.resources, stack.outputs, stack.imports = resources, outputs, evaluator.imported
            stack.template, stack.body = request.template, request.body
            stack.given, stack.parameters = request.given, evaluator.parameters
            stack.tags, stack.capabilities, stack.role = request.tags, request.capabilities, request.role

    def _check_definitions(self, stack, definitions):
        """Refuses what cannot be deployed, all of it at once, before anything is created."""
        problems = []
        for name, definition in definitions.items():
            try:
                context = self._context(stack, Resource(logical_id=name, type=definition["Type"]))
                handler_of(definition["Type"]).check_definition(context, definition.get("Properties", {}))
            except ResourceFailed as error:
                problems.append(f"{name}: {error}")
        if problems:
            raise ResourceFailed("; ".join(problems))

    def _apply_one(self, stack, name, definition, evaluator, journal):
        current = stack.resources.get(name)
        wanted = Resource(
            logical_id=name,
            type=definition["Type"],
            deletion_policy=definition.get("DeletionPolicy", "Delete"),
            replace_policy=definition.get("UpdateReplacePolicy", "Delete"),
        )
        handler = handler_of(wanted.type)
        try:
            wanted.properties = evaluator.value(definition.get("Properties", {}))
            handler.check(wanted.properties)
            if current and current.type == wanted.type:
                wanted.physical_id, wanted.attributes = current.physical_id, current.attributes
                wanted.status, wanted.changed = current.status, current.changed
                if current.properties == wanted.properties:
                    return wanted
                if not handler.requires_replacement(current.properties, wanted.properties):
                    self._resource_event(stack, wanted, "UPDATE_IN_PROGRESS")
                    journal.append(("updated", current, wanted))
                    result = handler.update(self._context(stack, wanted), current.physical_id, current.properties, wanted.properties)
                    if result:
                        wanted.physical_id, wanted.attributes = result.physical_id, result.attributes
                    self._resource_event(stack, wanted, "UPDATE_COMPLETE")
                    return wanted
                self._resource_event(stack, wanted, "UPDATE_IN_PROGRESS", "Requested update requires the creation of a new physical resource.")
            wanted.physical_id, wanted.attributes = "", {}
            self._resource_event(stack, wanted, "CREATE_IN_PROGRESS")
            result = handler.create(self._context(stack, wanted), wanted.properties)
            wanted.physical_id, wanted.attributes = result.physical_id, result.attributes
            journal.append(("created", current, wanted))
            self._resource_event(stack, wanted, "CREATE_COMPLETE")
            return wanted
        except Exception as error:
            verb = "UPDATE" if current and wanted.physical_id else "CREATE"
            if isinstance(error, ResourceFailed) and error.physical_id:
                wanted.physical_id = error.physical_id
                journal.append(("created", current, wanted))
            self._resource_event(stack, wanted, f"{verb}_FAILED", reason(error))
            raise ResourceFailed(f"{name} ({wanted.type}): {reason(error)}") from error

    def _outputs(self, stack, template, evaluator):
        outputs = {}
        for key, definition in template.get("Outputs", {}).items():
            if not evaluator.active(definition):
                continue
            value = evaluator.value(definition["Value"])
            if value is NO_VALUE:
                continue
            outputs[key] = {"OutputKey": key, "OutputValue": value if isinstance(value, str) else str(value)}
            if "Description" in definition:
                outputs[key]["Description"] = definition["Description"]
            if "Export" in definition:
                outputs[key]["ExportName"] = evaluator.value(definition["Export"]["Name"])
        return outputs

    def _check_exports(self, stack, outputs):
        wanted = {output["ExportName"]: output["OutputValue"] for output in outputs.values() if "ExportName" in output}
        for name, (value, owner) in self.exports(stack.region).items():
            if owner is not stack and name in wanted:
                raise ResourceFailed(f"Export with name {name} is already exported by stack {owner.name}")
            if owner is stack and wanted.get(name) != value:
                users = [user for user in self.importers(name, stack.region) if user != stack.name]
                if users:
                    verb = "updated" if name in wanted else "deleted"
                    raise ResourceFailed(f"Export {name} cannot be {verb} as it is in use by {', '.join(users)}")

    def _clean_up(self, stack, before, journal):
        """Deletes what an update replaced or dropped. A failure is an event, but does not fail the update."""
        obsolete = {}
        for _, old, new in journal:
            replaced = old and old.physical_id != new.physical_id
            if replaced and not _retained(old.replace_policy):
                obsolete[old.logical_id] = old
        for name, old in before.items():
            if name not in stack.resources:
                if _retained(old.deletion_policy):
                    self._resource_event(stack, old, "DELETE_SKIPPED")
                else:
                    obsolete[name] = old
        for name in _deletion_order(obsolete):
            self._delete_resource(stack, obsolete[name])

    def _undo(self, stack, journal, verb):
        failures, replacements = [], []
        for change, old, new in reversed(journal):
            try:
                if change == "created":
                    if old is None and verb == "ROLLBACK" and new.deletion_policy == "Retain":
                        self._resource_event(stack, new, "DELETE_SKIPPED")
                    elif not self._delete_resource(stack, new):
                        failures.append(new.logical_id)
                elif self._restore(stack, old, new):
                    replacements.append(new)
            except Exception as error:  # the remaining changes must still be rolled back
                self._resource_event(stack, new, "UPDATE_FAILED", reason(error))
                failures.append(new.logical_id)
        for new in replacements:  # a failure is an event, but does not fail the rollback
            self._delete_resource(stack, new)
        if failures:
            self._stack_event(stack, f"{verb}_FAILED", f"could not be rolled back: {', '.join(failures)}")
        else:
            self._stack_event(stack, f"{verb}_COMPLETE")

    def _restore(self, stack, old, new):
        """Updates a resource to its old properties; returns whether the new physical ID must be deleted."""
        result = handler_of(old.type).update(self._context(stack, old), new.physical_id, new.properties, old.properties)
        restored = replace(old)
        if result:
            restored.physical_id, restored.attributes = result.physical_id, result.attributes
        stack.resources[old.logical_id] = restored
        self._resource_event(stack, restored, "UPDATE_COMPLETE", "rolled back")
        return restored.physical_id != new.physical_id

    def _delete(self, stack):
        used = []
        for name, (_, owner) in self.exports(stack.region).items():
            users = [user for user in self.importers(name, stack.region) if user != stack.name]
            if owner is stack and users:
                used.append(f"Export {name} cannot be deleted as it is in use by {', '.join(users)}")
        if used:
            self._stack_event(stack, "DELETE_FAILED", "; ".join(used))
            return
        failures = []
        for name in _deletion_order(stack.resources):
            resource = stack.resources[name]
            if _retained(resource.deletion_policy):
                self._resource_event(stack, resource, "DELETE_SKIPPED")
            elif resource.status != "DELETE_COMPLETE" and not self._delete_resource(stack, resource):
                failures.append(name)
        if failures:
            self._stack_event(stack, "DELETE_FAILED", f"The following resource(s) failed to delete: [{', '.join(failures)}].")
            return
        stack.imports = set()
        self._stack_event(stack, "DELETE_COMPLETE")

    def _delete_resource(self, stack, resource):
        """Deletes a resource; returns whether it no longer exists."""
        self._resource_event(stack, resource, "DELETE_IN_PROGRESS")
        try:
            handler_of(resource.type).delete(self._context(stack, resource), resource.physical_id, resource.properties)
        except Exception as error:  # the reason of the event
            if not is_not_found(error):
                self._resource_event(stack, resource, "DELETE_FAILED", reason(error))
                return False
        self._resource_event(stack, resource, "DELETE_COMPLETE")
        return True

    def _resource_event(self, stack, resource, status, why=""):
        resource.status, resource.reason, resource.changed = status, why, now()
        self._event(stack, resource.logical_id, resource.physical_id, resource.type, status, why)

    def _stack_event(self, stack, status, why=""):
        stack.status, stack.reason = status, "" if why == "User Initiated" else why
        self._event(stack, stack.name, stack.id, "AWS::CloudFormation::Stack", status, why)

    @staticmethod
    def _event(stack, logical_id, physical_id, resource_type, status, why):
        stack.events.append(
            {
                "StackId": stack.id,
                "EventId": str(uuid.uuid4()),
                "StackName": stack.name,
                "LogicalResourceId": logical_id,
                "PhysicalResourceId": physical_id,
                "ResourceType": resource_type,
                "Timestamp": now(),
                "ResourceStatus": status,
                **({"ResourceStatusReason": why} if why else {}),
            }
        )


def _without_metadata(template):
    """The sections whose change makes an update: the Metadata section alone cannot be changed."""
    return {section: content for section, content in template.items() if section != "Metadata"}


def _retained(policy):
    return policy in ("Retain", "RetainExceptOnCreate")


def _deletion_order(resources):
    return reversed(in_order({name: resource.depends for name, resource in resources.items()}))
