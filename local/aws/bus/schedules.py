"""Schedules, of rules and of EventBridge Scheduler: they fire when they are due, or when they are told to."""

import json
import threading
import time
import traceback
import uuid
from dataclasses import dataclass
from datetime import datetime, timezone

from fixes.policies import Request, allows
from moto.events.models import events_backends
from moto.iam.models import iam_backends
from moto.scheduler.models import scheduler_backends

from . import expressions
from .targets import Refused, permitted_by_target

TICK = 1  # second, the clock of the schedules


@dataclass
class Schedule:
    """A schedule that is on, with one of its targets."""

    arn: str
    expression: str
    zone: str
    target: dict
    account: str
    region: str
    source: str  # aws.events or aws.scheduler
    start: datetime = None
    end: datetime = None

    @property
    def key(self):
        return self.arn, self.expression, self.zone, self.target.get("Id")

    def body(self, now):
        """What the target is sent."""
        at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        if "Input" in self.target:
            if self.source == "aws.events":
                return self.target["Input"]
            # https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
            words = {"schedule-arn": self.arn, "scheduled-time": at, "execution-id": str(uuid.uuid4()), "attempt-number": "1"}
            text = self.target["Input"]
            for word, value in words.items():
                text = text.replace(f"<aws.scheduler.{word}>", value)
            return text
        event = {"version": "0", "id": str(uuid.uuid4()), "detail-type": "Scheduled Event", "source": self.source}
        event |= {"account": self.account, "time": at, "region": self.region, "resources": [self.arn]}
        return json.dumps(event | {"detail": {} if self.source == "aws.events" else "{}"})

    def permit(self):
        if self.source == "aws.events":
            return permitted_by_target(self.arn, self.account)
        return _permitted_by_role(self.target["RoleArn"], self.arn, self.account)


class Schedules:
    """All schedules of the local AWS."""

    def __init__(self, targets):
        self.targets = targets
        self._seen = {}  # key -> when it was first and last looked at

    def start(self):
        """Fires from now on whatever is due."""
        threading.Thread(target=self._run, daemon=True).start()

    def fire(self, arns):
        """Fires the schedules of these ARNs that are on; returns how many, and what went wrong."""
        found = [schedule for schedule in _all() if schedule.arn in arns]
        problems = [self._fire(schedule, datetime.now(timezone.utc)) for schedule in found]
        return len(found), [str(problem) for problem in problems if problem]

    def tick(self, now):
        """Fires what has become due since the last time. A new rate begins now, or when its StartDate says."""
        current = {schedule.key: schedule for schedule in _all()}
        for key, schedule in current.items():
            expression = expressions.parse(schedule.expression, schedule.zone)
            began, last = self._seen.get(key, (None, None))
            if began is None:
                began = last = schedule.start or now
                # A rate of the Scheduler begins at once, that of a rule after its interval.
                due = isinstance(expression, expressions.Rate) and schedule.source == "aws.scheduler" and began <= now
            else:
                due = last <= now and expression.due(began, last, now)
            self._seen[key] = began, max(last, now)
            if due and (schedule.end is None or now <= schedule.end):
                self._fire(schedule, now)
        self._seen = {key: times for key, times in self._seen.items() if key in current}

    def _run(self):
        while True:
            time.sleep(TICK)
            try:
                self.tick(datetime.now(timezone.utc))
            except Exception:  # the next one must still be looked at
                traceback.print_exc()

    def _fire(self, schedule, now):
        return self.targets.send(schedule.target, schedule.body(now), schedule.arn, schedule.permit())


def _all():
    for account, regions in list(events_backends.items()):
        for region, backend in list(regions.items()):
            for rule in list(backend.event_buses["default"].rules.values()):
                if rule.scheduled_expression and rule.state == "ENABLED":
                    for target in list(rule.targets):
                        yield Schedule(rule.arn, rule.scheduled_expression, "UTC", target, account, region, "aws.events")
    for account, regions in list(scheduler_backends.items()):
        for region, backend in list(regions.items()):
            for group in list(backend.schedule_groups.values()):
                for kept in list(group.schedules.values()):
                    if kept.state == "ENABLED":
                        yield Schedule(
                            kept.arn, kept.schedule_expression, kept.schedule_expression_timezone, kept.target,
                            account, region, "aws.scheduler", _date(kept.start_date), _date(kept.end_date),
                        )


def _date(given):
    return None if given is None else datetime.fromtimestamp(float(given), timezone.utc)


def _permitted_by_role(role_arn, source, account):
    """For the Scheduler: it acts as the role of the schedule."""

    def permit(policy, action, arn):
        roles = iam_backends[account]["aws"].roles.values()
        role = next((role for role in roles if role.arn == role_arn), None)
        if role is None:
            raise Refused("NO_PERMISSIONS", f"there is no role {role_arn}")
        # To the role, the group is the source: .../schedule/GROUP/NAME belongs to .../schedule-group/GROUP.
        group = source.replace(":schedule/", ":schedule-group/").rpartition("/")[0]
        keys = {"aws:SourceArn": group, "aws:SourceAccount": account}
        trust = Request({"Service": "scheduler.amazonaws.com"}, "sts:AssumeRole", role_arn, keys)
        if not allows(role.assume_role_policy_document, trust):
            raise Refused("NO_PERMISSIONS", f"{role_arn} does not trust scheduler.amazonaws.com for {group}")
        documents = [*role.policies.values(), *(managed.document for managed in role.managed_policies.values())]
        if not any(allows(document, Request(None, action, arn)) for document in documents):
            raise Refused("NO_PERMISSIONS", f"no policy of {role_arn} allows {action} on {arn}")

    return permit
