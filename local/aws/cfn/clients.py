"""boto3 clients of the services that a stack's resources live in."""

import threading

import boto3
from botocore.config import Config


class Clients:
    """Makes each client once; boto3's clients may be shared by threads, its sessions not."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self._session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local")
        self._config = Config(retries={"total_max_attempts": 1}, max_pool_connections=32, read_timeout=120)
        self._made = {}
        self._lock = threading.Lock()

    def get(self, service, region):
        with self._lock:
            if (service, region) not in self._made:
                self._made[service, region] = self._session.client(
                    service, region_name=region, endpoint_url=self.endpoint, config=self._config
                )
            return self._made[service, region]
