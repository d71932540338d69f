"""Reads templates and resolves their intrinsic functions."""

import base64
import json
import re

import yaml

from .errors import ResourceFailed, InvalidRequest

NO_VALUE = object()
SUBSTITUTION = re.compile(r"\$\{([^!{}][^{}]*)\}")
DYNAMIC = re.compile(r"\{\{resolve:(ssm|ssm-secure|secretsmanager):([^{}]+)\}\}")
SECTIONS = {
    "AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Rules",
    "Mappings", "Conditions", "Resources", "Outputs",
}


class _Loader(yaml.SafeLoader):
    """Reads the short forms of intrinsic functions (!Ref, !Sub …)."""


def _short_form(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)
# A version such as 2012-10-17 is a string in a template, never a date.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse(body):
    """Reads a template from JSON or YAML; refuses sections that it would have to ignore."""
    try:
        template = json.loads(body)
    except ValueError:
        try:
            template = yaml.load(body, Loader=_Loader)  # noqa: S506 a subclass of SafeLoader
        except yaml.YAMLError as error:
            raise InvalidRequest(f"Template format error: {error}") from error
    if not isinstance(template, dict) or not template.get("Resources"):
        raise InvalidRequest("Template format error: At least one Resources member must be defined.")
    unknown = set(template) - SECTIONS
    if unknown:
        raise InvalidRequest(f"Template format error: sections not supported locally: {sorted(unknown)}")
    return template


def references(node):
    """The logical IDs that a part of a template refers to."""
    found = set()
    if isinstance(node, list):
        for item in node:
            found |= references(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "Ref":
                found.add(value)
            elif key == "Fn::GetAtt":
                found.add((value.split(".") if isinstance(value, str) else value)[0])
            elif key == "Fn::Sub":
                text, given = value if isinstance(value, list) else (value, {})
                found |= {name.split(".")[0] for name in SUBSTITUTION.findall(text)} - set(given)
                found |= references(given)
            else:
                found |= references(value)
    return found


def dependencies(definition):
    """The logical IDs of the resources that must be created before a resource."""
    depends_on = definition.get("DependsOn", [])
    if isinstance(depends_on, str):
        depends_on = [depends_on]
    return set(depends_on) | references(definition.get("Properties", {}))


def in_order(graph):
    """The names of graph (name -> names it depends on) in topological order."""
    ordered, state = [], {}

    def visit(name, path):
        if state.get(name) == "done":
            return
        if state.get(name) == "open":
            raise InvalidRequest(f"Circular dependency between resources: {[*path, name]}")
        state[name] = "open"
        for other in sorted(graph[name]):
            if other in graph and other != name:
                visit(other, [*path, name])
        state[name] = "done"
        ordered.append(name)

    for name in graph:
        visit(name, [])
    return ordered


class Evaluator:
    """Resolves the intrinsic functions of one template for one stack operation."""

    def __init__(self, template, parameters, pseudo, exports, stack_output, clients, region):
        self.template = template
        self.pseudo = pseudo
        self.exports = exports
        self.stack_output = stack_output
        self.clients = clients
        self.region = region
        self.resources = {}
        self.imported = set()
        self.parameters = self._parameters(parameters)
        self._conditions = {}

    def _parameters(self, given):
        declared = self.template.get("Parameters", {})
        unknown = set(given) - set(declared)
        if unknown:
            raise InvalidRequest(f"Parameters: {sorted(unknown)} do not exist in the template")
        resolved, missing = {}, []
        for name, declaration in declared.items():
            value = given.get(name, declaration.get("Default"))
            if value is None:
                missing.append(name)
                continue
            kind = declaration["Type"]
            if kind.startswith("AWS::SSM::Parameter::"):
                ssm = self.clients.get("ssm", self.region)
                try:
                    value = ssm.get_parameter(Name=value)["Parameter"]["Value"]
                except ssm.exceptions.ParameterNotFound as error:
                    raise InvalidRequest(f"Unable to fetch parameter [{value}] from the parameter store") from error
            if kind == "CommaDelimitedList" or "List<" in kind:
                value = [part.strip() for part in str(value).split(",")]
            resolved[name] = value if isinstance(value, list) else str(value)
        if missing:
            raise InvalidRequest(f"Parameters: {sorted(missing)} must have values")
        return resolved

    def active(self, definition):
        """Whether the condition of a resource or output, if any, is true."""
        return "Condition" not in definition or self.condition(definition["Condition"])

    def condition(self, name):
        """The value of a named condition."""
        if name not in self._conditions:
            conditions = self.template.get("Conditions", {})
            if name not in conditions:
                raise InvalidRequest(f"Template error: unresolved condition {name}")
            self._conditions[name] = self._is_true(conditions[name])
        return self._conditions[name]

    def _is_true(self, node):
        if isinstance(node, dict) and len(node) == 1:
            (key, value), = node.items()
            if key == "Condition":
                return self.condition(value)
            if key == "Fn::Not":
                return not self._is_true(value[0])
            if key == "Fn::And":
                return all(self._is_true(part) for part in value)
            if key == "Fn::Or":
                return any(self._is_true(part) for part in value)
            if key == "Fn::Equals":
                left, right = (self.value(part) for part in value)
                return _text(left) == _text(right)
        raise InvalidRequest(f"Template error: not a condition: {json.dumps(node)}")

    def value(self, node):
        """Resolves a part of the template; NO_VALUE for a reference to AWS::NoValue."""
        if isinstance(node, list):
            return [item for item in map(self.value, node) if item is not NO_VALUE]
        if isinstance(node, str):
            return DYNAMIC.sub(self._dynamic, node)
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (key, argument), = node.items()
            if key == "Ref":
                return self._ref(argument)
            if key.startswith("Fn::"):
                function = self._functions.get(key)
                if function is None:
                    raise InvalidRequest(f"Template error: {key} is not supported locally")
                return function(self, argument)
        resolved = {key: self.value(value) for key, value in node.items()}
        return {key: value for key, value in resolved.items() if value is not NO_VALUE}

    def _ref(self, name):
        if name == "AWS::NoValue":
            return NO_VALUE
        for known in (self.pseudo, self.parameters):
            if name in known:
                return known[name]
        return self._resource(name).physical_id

    def _resource(self, name):
        if name not in self.resources:
            raise InvalidRequest(f"Template error: unresolved reference to {name}")
        return self.resources[name]

    def _get_att(self, argument):
        name, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        resource = self._resource(name)
        attribute = self.value(attribute)
        if attribute not in resource.attributes:
            raise ResourceFailed(
                f"the local CloudFormation has no attribute {attribute} of {name} ({resource.type}); it has {sorted(resource.attributes)}"
            )
        return resource.attributes[attribute]

    def _sub(self, argument):
        text, given = argument if isinstance(argument, list) else (argument, {})
        given = {name: self.value(value) for name, value in given.items()}

        def replace(match):
            name = match[1].strip()
            if name in given:
                return _text(given[name])
            return _text(self._get_att(name) if "." in name else self._ref(name))

        return DYNAMIC.sub(self._dynamic, SUBSTITUTION.sub(replace, text)).replace("${!", "${")

    def _join(self, argument):
        joined = argument[0].join(_text(part) for part in self.value(argument[1]))
        return DYNAMIC.sub(self._dynamic, joined)

    def _select(self, argument):
        return self.value(argument[1])[int(self.value(argument[0]))]

    def _split(self, argument):
        return self.value(argument[1]).split(argument[0])

    def _if(self, argument):
        return self.value(argument[1] if self.condition(argument[0]) else argument[2])

    def _find_in_map(self, argument):
        found = self.template.get("Mappings", {})
        for key in argument[:3]:
            key = self.value(key)
            if key not in found:
                raise InvalidRequest(f"Template error: unable to get mapping for {argument}")
            found = found[key]
        return found

    def _import_value(self, argument):
        name = self.value(argument)
        if name not in self.exports:
            raise InvalidRequest(f"No export named {name} found.")
        self.imported.add(name)
        return self.exports[name]

    def _get_stack_output(self, argument):
        given = self.value(argument)
        if "RoleArn" in given:
            raise InvalidRequest("Fn::GetStackOutput with RoleArn is not supported by the local CloudFormation, which has one account")
        return self.stack_output(given["StackName"], given["OutputName"], given.get("Region", self.region))

    def _base64(self, argument):
        return base64.b64encode(self.value(argument).encode()).decode()

    def _dynamic(self, match):
        service, reference = match[1], match[2]
        if service.startswith("ssm"):
            ssm = self.clients.get("ssm", self.region)
            return ssm.get_parameter(Name=reference, WithDecryption=True)["Parameter"]["Value"]
        # secret-id (an ARN has six colons), then SecretString, JSON key, stage, version.
        identifier, _, selection = reference.partition(":SecretString")
        secret = self.clients.get("secretsmanager", self.region).get_secret_value(SecretId=identifier)["SecretString"]
        key = (selection.split(":") + [""])[1] if selection else ""
        return _text(json.loads(secret)[key]) if key else secret

    _functions = {
        "Fn::GetAtt": _get_att,
        "Fn::Sub": _sub,
        "Fn::Join": _join,
        "Fn::Select": _select,
        "Fn::Split": _split,
        "Fn::If": _if,
        "Fn::FindInMap": _find_in_map,
        "Fn::ImportValue": _import_value,
        "Fn::GetStackOutput": _get_stack_output,
        "Fn::Base64": _base64,
        "Fn::GetAZs": lambda self, _: [self.region + zone for zone in "abc"],
    }


def _text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
