"""A local EventBridge: rules for the events of S3, and schedules.

moto stores rules and schedules, but it sends events to few types of targets and
executes no schedule.
"""
