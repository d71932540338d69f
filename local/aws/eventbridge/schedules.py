"""Schedules of rules and of EventBridge Scheduler: they fire when they are due, or on request of a test."""

import json
import threading
import time
import traceback
import uuid
from dataclasses import dataclass
from datetime import datetime, timezone

import policies
from moto.events.models import events_backends
from moto.scheduler.models import scheduler_backends

from . import schedule_expressions
from .targets import DeliveryRefused, permitted_by_target

TICK = 1  # seconds between two checks for due schedules


@dataclass
class Schedule:
    """An enabled schedule with one of its targets."""

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
        """The body that is sent to the target."""
        at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        if "Input" in self.target:
            if self.source == "aws.events":
                return self.target["Input"]
            # https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
            attributes = {"schedule-arn": self.arn, "scheduled-time": at, "execution-id": str(uuid.uuid4()), "attempt-number": "1"}
            text = self.target["Input"]
            for name, value in attributes.items():
                text = text.replace(f"<aws.scheduler.{name}>", value)
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
        self._seen = {}  # key -> when it started and when it was checked last

    def start(self):
        """Starts to fire the schedules that are due."""
        threading.Thread(target=self._run, daemon=True).start()

    def fire(self, arns):
        """Fires the enabled schedules with these ARNs; returns their number and the errors."""
        found = [schedule for schedule in _all() if schedule.arn in arns]
        problems = [self._fire(schedule, datetime.now(timezone.utc)) for schedule in found]
        return len(found), [str(problem) for problem in problems if problem]

    def tick(self, now):
        """Fires the schedules that became due since the last tick. A new rate starts now, or at its StartDate."""
        current = {schedule.key: schedule for schedule in _all()}
        for key, schedule in current.items():
            expression = schedule_expressions.parse(schedule.expression, schedule.zone)
            began, last = self._seen.get(key, (None, None))
            if began is None:
                began = last = schedule.start or now
                # A rate of the Scheduler fires at once, that of a rule after its first interval.
                due = isinstance(expression, schedule_expressions.Rate) and schedule.source == "aws.scheduler" and began <= now
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
            except Exception:  # the next tick must still happen
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
                for schedule in list(group.schedules.values()):
                    if schedule.state == "ENABLED":
                        yield Schedule(
                            schedule.arn, schedule.schedule_expression, schedule.schedule_expression_timezone, schedule.target,
                            account, region, "aws.scheduler", _date(schedule.start_date), _date(schedule.end_date),
                        )


def _date(given):
    return None if given is None else datetime.fromtimestamp(float(given), timezone.utc)


def _permitted_by_role(role_arn, source, account):
    """The permission check of the Scheduler, which assumes the role of the schedule."""

    def permit(policy, action, arn):
        role = policies.find_role(role_arn)
        if role is None:
            raise DeliveryRefused("NO_PERMISSIONS", f"role {role_arn} does not exist")
        # aws:SourceArn is the group: .../schedule/GROUP/NAME belongs to .../schedule-group/GROUP.
        group = source.replace(":schedule/", ":schedule-group/").rpartition("/")[0]
        context = {"aws:SourceArn": group, "aws:SourceAccount": account}
        assume = policies.Request(policies.service("scheduler.amazonaws.com"), "sts:AssumeRole", role_arn, context)
        if not policies.role_trusts(role, assume):
            raise DeliveryRefused("NO_PERMISSIONS", f"{role_arn} does not trust scheduler.amazonaws.com for {group}")
        if not policies.role_allows(role, policies.Request({"arns": [role_arn]}, action, arn)):
            raise DeliveryRefused("NO_PERMISSIONS", f"no policy of {role_arn} allows {action} on {arn}")

    return permit
