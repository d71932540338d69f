"""Event patterns: which events a rule matches.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

import json
import re


def check(pattern):
    """Raises ValueError for a pattern that matches() does not support."""
    if not isinstance(pattern, dict) or not pattern:
        raise ValueError(f"an event pattern is an object with at least one member, not {json.dumps(pattern)}")
    for name, wanted in pattern.items():
        if name == "$or":
            raise ValueError("the local EventBridge does not support $or in an event pattern")
        if isinstance(wanted, dict):
            check(wanted)
        elif not isinstance(wanted, list) or not wanted:
            raise ValueError(f"{name}: the leaves of an event pattern are arrays with at least one member, not {json.dumps(wanted)}")
        else:
            for one in wanted:
                _test(one)


def matches(pattern, event):
    """Whether an event matches every member of a pattern."""
    for name, wanted in pattern.items():
        present = isinstance(event, dict) and name in event
        value = event[name] if present else None
        if isinstance(wanted, dict):
            if not matches(wanted, value):
                return False
        elif not any(_test(one)(value, present) for one in wanted):
            return False
    return True


def _test(wanted):
    """The predicate of one alternative of a leaf; its arguments are a value and whether it is present."""
    if wanted is None or isinstance(wanted, (str, bool, int, float)):
        return _of_any(lambda value: value == wanted and isinstance(value, bool) == isinstance(wanted, bool))
    if not isinstance(wanted, dict) or len(wanted) != 1:
        raise ValueError(f"an alternative of an event pattern is a value or one comparison, not {json.dumps(wanted)}")
    ((operator, argument),) = wanted.items()
    if operator == "exists" and isinstance(argument, bool):
        return lambda value, present: present == argument
    if operator == "anything-but":
        refused = _refused(argument)
        return _of_any(lambda value: not any(test(value, True) for test in refused))
    return _of_any(_of_text(operator, argument))


def _of_any(test):
    """The predicate that is true for an array in an event if any of its members passes the test."""
    return lambda value, present: present and any(test(one) for one in (value if isinstance(value, list) else [value]))


def _refused(argument):
    if isinstance(argument, dict):
        ((operator, inner),) = argument.items()
        return [_test({operator: one}) for one in (inner if isinstance(inner, list) else [inner])]
    return [_test(one) for one in (argument if isinstance(argument, list) else [argument])]


def _of_text(operator, argument):
    folded = isinstance(argument, dict) and set(argument) == {"equals-ignore-case"} and operator in ("prefix", "suffix")
    if folded:
        argument = argument["equals-ignore-case"]
    compare = {
        "prefix": str.startswith,
        "suffix": str.endswith,
        "equals-ignore-case": lambda value, text: value.casefold() == text.casefold(),
    }.get(operator)
    if compare is None and operator != "wildcard":
        raise ValueError(f"the local EventBridge does not support the comparison {json.dumps({operator: argument})} in an event pattern")
    if not isinstance(argument, str):
        raise ValueError(f"{operator} compares with a string, not with {json.dumps(argument)}")
    if operator == "wildcard":
        expression = _wildcard(argument)
        return lambda value: isinstance(value, str) and expression.fullmatch(value) is not None
    if folded:
        return lambda value: isinstance(value, str) and compare(value.casefold(), argument.casefold())
    return lambda value: isinstance(value, str) and compare(value, argument)


def _wildcard(text):
    """The regular expression of a wildcard: * matches any characters; a backslash escapes * and itself."""
    if "**" in text.replace("\\\\", "").replace("\\*", ""):
        raise ValueError(f"wildcard {text!r}: EventBridge does not allow two * in a row")
    expression, rest = "", text
    while rest:
        if rest.startswith("\\"):
            if rest[1:2] not in ("*", "\\"):
                raise ValueError(f"wildcard {text!r}: a backslash may precede * or a backslash only")
            expression, rest = expression + re.escape(rest[1]), rest[2:]
        else:
            expression, rest = expression + (".*" if rest[0] == "*" else re.escape(rest[0])), rest[1:]
    return re.compile(expression, re.DOTALL)
