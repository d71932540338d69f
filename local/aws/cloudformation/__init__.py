"""A local CloudFormation.

It deploys a template as AWS does, by calling the APIs of the services (moto's),
with one handler per resource type (see resources/). moto's own CloudFormation is
not used: it skips unknown types and properties without an error and cannot roll
back.
"""
