"""A local CloudFormation.

It deploys a template as AWS does, by calling the services' own APIs (those of
moto), one handler per resource type. moto's CloudFormation is not used: it
skips types and properties silently and cannot roll back.
"""
