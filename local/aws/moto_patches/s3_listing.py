"""S3: ListObjectsV2 for any keys, in time proportional to the page, with stateless tokens.

moto reads every object of the bucket for each page, loses its continuation
tokens, and encodes keys differently from S3.
"""

import base64
import binascii
from bisect import bisect_left, bisect_right
from urllib.parse import quote_plus
from xml.sax.saxutils import escape

from moto.s3.exceptions import InvalidContinuationToken
from moto.s3.models import FakeDeleteMarker
from moto.s3.responses import S3Response
from moto.s3.utils import _VersionedKeyStore

PAGE = 1000


def apply():
    """Replaces ListObjectsV2, and counts the changes of a bucket's keys so that their order can be cached."""
    S3Response.list_objects_v2 = list_objects_v2
    for name in ("__setitem__", "__delitem__", "setlist", "pop", "clear"):
        setattr(_VersionedKeyStore, name, _counted(getattr(_VersionedKeyStore, name)))


def _counted(method):
    def change(self, *args):
        # Counted before and after: a reader in between must not cache an order that is being changed.
        self.changes = getattr(self, "changes", 0) + 1
        try:
            return method(self, *args)
        finally:
            self.changes += 1

    return change


def names_of(keys):
    """The names of a bucket's keys in the order of their UTF-8 bytes, which is that of their code points."""
    changes = getattr(keys, "changes", 0)
    cached = getattr(keys, "sorted_names", None)
    if cached is None or cached[0] != changes:
        cached = keys.sorted_names = changes, sorted(dict(keys))
    return cached[1]


def list_objects_v2(response):
    """Handles a request: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html"""
    arguments = response.request.args
    bucket = response.backend.get_bucket(response.bucket_name)
    prefix, delimiter, start_after = (arguments.get(name, "") for name in ("prefix", "delimiter", "start-after"))
    token, most = arguments.get("continuation-token"), min(int(arguments.get("max-keys", PAGE)), PAGE)
    after = start_after if token is None else _read(token)
    objects, prefixes, last = page(bucket.keys, prefix, delimiter, after, token is not None, most)
    encoded = arguments.get("encoding-type") == "url"

    def text(name):
        return quote_plus(name, safe="/") if encoded else escape(name, {"\r": "&#13;"})

    body = [
        '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">',
        f"<Name>{bucket.name}</Name><Prefix>{text(prefix)}</Prefix><KeyCount>{len(objects) + len(prefixes)}</KeyCount>",
        f"<MaxKeys>{arguments.get('max-keys', PAGE)}</MaxKeys><IsTruncated>{'true' if last else 'false'}</IsTruncated>",
    ]
    for name, value in (("Delimiter", delimiter), ("StartAfter", start_after)):
        if value:
            body.append(f"<{name}>{text(value)}</{name}>")
    if encoded:
        body.append("<EncodingType>url</EncodingType>")
    if token is not None:
        body.append(f"<ContinuationToken>{escape(token)}</ContinuationToken>")
    if last:
        body.append(f"<NextContinuationToken>{_token(last)}</NextContinuationToken>")
    for key in objects:
        owner = "<Owner><ID>LOCAL</ID></Owner>" if arguments.get("fetch-owner") == "true" else ""
        checksum = f"<ChecksumAlgorithm>{key.checksum_algorithm}</ChecksumAlgorithm>" if key.checksum_algorithm else ""
        body.append(
            f"<Contents><Key>{text(key.name)}</Key><LastModified>{key.last_modified_ISO8601}</LastModified><ETag>{escape(key.etag)}</ETag>"
            f"{checksum}<Size>{key.size}</Size>{owner}<StorageClass>{key.storage_class}</StorageClass></Contents>"
        )
    body += [f"<CommonPrefixes><Prefix>{text(name)}</Prefix></CommonPrefixes>" for name in prefixes]
    return 200, {"content-type": "application/xml"}, "".join(body) + "</ListBucketResult>"


def page(keys, prefix, delimiter, after, continued, most):
    """The objects and common prefixes of a page, and the last name in it if more follow.

    The page begins after the name `after`; if continued, that may be a common
    prefix which an earlier page has listed.
    """
    names, objects, prefixes, last = names_of(keys), [], [], None
    index = max(bisect_right(names, after), bisect_left(names, prefix))
    while most and index < len(names) and names[index].startswith(prefix):
        name = names[index]
        at = name.find(delimiter, len(prefix)) if delimiter else -1
        if at < 0:
            entry, next_index = name, index + 1
        else:
            entry = name[: at + len(delimiter)]
            next_index = bisect_left(names, entry[:-1] + chr(ord(entry[-1]) + 1), index)
        if not (continued and entry == after) and any(_exists(keys, one) for one in names[index:next_index]):
            if len(objects) + len(prefixes) == most:
                return objects, prefixes, last
            last = entry
            if at < 0:
                objects.append(keys[name])
            else:
                prefixes.append(entry)
        index = next_index
    return objects, prefixes, None


def _exists(keys, name):
    found = keys.get(name)
    return found is not None and not isinstance(found, FakeDeleteMarker)


def _token(name):
    return base64.urlsafe_b64encode(name.encode()).decode()


def _read(token):
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidContinuationToken() from error
