"""A local EventBridge: rules over the events of S3, and schedules.

moto keeps rules and schedules, but sends to few targets, and fires nothing.
"""
