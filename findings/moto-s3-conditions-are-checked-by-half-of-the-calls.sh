#!/usr/bin/env bash
# moto 5.2.5 (the fake of AWS in Python) and boto3 1.44.8, seen 2026-11-29.
#
# S3's conditional writes, against an object whose ETag is not the expected one any more: PutObject,
# DeleteObject and GetObject are refused with PreconditionFailed, and so is CompleteMultipartUpload with
# If-None-Match: *. CompleteMultipartUpload with a stale If-Match overwrites the object and says 200; so do
# CopyObject onto an object that exists with If-None-Match: * or a stale If-Match, and CopyObject of a source
# that has changed, with CopySourceIfMatch; DeleteObjects with a stale ETag deletes it. The parameters are taken
# without a word. A lock, a log or a table format on S3 that commits by one of these passes its
# tests where two of its writers overwrite each other.
#
# Guess that it breaks: what the API reference says of these parameters, as boto3 has it: "If the ETag values
# do not match, the operation returns a 412 Precondition Failed error", "Copies the object only if the object key
# name at the destination does not already exist", "Copies the object if its entity tag (ETag) matches the
# specified tag"; and whoever has seen a fake refuse one conditional write takes it that it knows the others.
#
# Seen (what is said, and whether the object of the other writer is left):
#   put If-None-Match, put If-Match, multipart If-None-Match, delete If-Match: 412, kept
#   multipart If-Match, copy If-None-Match, copy If-Match, copy of a changed source: done, overwritten
#   delete several with ETag: done, deleted
#   each with the right ETag, or on no object: done
#
# Needs Python 3 with venv.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check 'moto[s3]==5.2.5' boto3==1.44.8 botocore==1.44.8
cat >conditions.py <<'PY'
import os
import sys

os.environ |= {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_DEFAULT_REGION": "us-east-1"}
import boto3  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402
from moto import mock_aws  # noqa: E402

BUCKET = "bucket"


def multipart(s3, key, **condition):
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    part = s3.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=1, Body=b"mine")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload=parts, **condition)


def copy(s3, key, source="mine", **condition):
    s3.copy_object(Bucket=BUCKET, Key=key, CopySource={"Bucket": BUCKET, "Key": source}, **condition)


def copy_of_a_source(s3, key, etag):
    """Copies the object that the other one writes to a third place, which is looked at in its stead."""
    copy(s3, f"{key}-copy", source=key, CopySourceIfMatch=etag)


def delete_several(s3, key, etag):
    errors = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": key, "ETag": etag}]}).get("Errors")
    if errors:
        raise ClientError({"Error": errors[0], "ResponseMetadata": {"HTTPStatusCode": 412}}, "DeleteObjects")


# How to write under the condition that the ETag is the one given, or that there is nothing yet (etag is None).
WRITES = {
    "put If-None-Match": (True, lambda s3, k, e: s3.put_object(Bucket=BUCKET, Key=k, Body=b"mine", IfNoneMatch="*")),
    "put If-Match": (False, lambda s3, k, e: s3.put_object(Bucket=BUCKET, Key=k, Body=b"mine", IfMatch=e)),
    "multipart If-None-Match": (True, lambda s3, k, e: multipart(s3, k, IfNoneMatch="*")),
    "delete If-Match": (False, lambda s3, k, e: s3.delete_object(Bucket=BUCKET, Key=k, IfMatch=e)),
    "multipart If-Match": (False, lambda s3, k, e: multipart(s3, k, IfMatch=e)),
    "copy If-None-Match": (True, lambda s3, k, e: copy(s3, k, IfNoneMatch="*")),
    "copy If-Match": (False, lambda s3, k, e: copy(s3, k, IfMatch=e)),
    "copy of a changed source": (False, copy_of_a_source),
    "delete several with ETag": (False, delete_several),
}


def content(s3, key):
    try:
        return s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()
    except s3.exceptions.NoSuchKey:
        return None


def run(s3, name, absent, write, interfere):
    """Says what a conditional write is told, and what is left of the object, with and without another writer."""
    key = f"{name}-{interfere}".replace(" ", "-")
    etag = None if absent else s3.put_object(Bucket=BUCKET, Key=key, Body=b"before")["ETag"]
    if interfere:
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"theirs")
    try:
        write(s3, key, etag)
        said = "done"
    except ClientError as e:
        said = str(e.response["ResponseMetadata"]["HTTPStatusCode"])
    if name == "copy of a changed source":
        copied = content(s3, f"{key}-copy")
        return f"{said}, {'overwritten' if copied == ('theirs' if interfere else 'before') else 'kept'}"
    left = {"theirs": "kept", "mine": "overwritten", None: "deleted"}.get(content(s3, key), "?")
    return f"{said}, {left}"


with mock_aws():
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="mine", Body=b"mine")
    as_seen = True
    for name, (absent, write) in WRITES.items():
        alone, raced = run(s3, name, absent, write, False), run(s3, name, absent, write, True)
        print(f"{name}: alone {alone}; after another writer {raced}")
        deletes = name.startswith("delete")
        done = "done, deleted" if deletes else "done, overwritten"
        refused = name in ("put If-None-Match", "put If-Match", "multipart If-None-Match", "delete If-Match")
        as_seen &= alone == done and raced == ("412, kept" if refused else done)
if not as_seen:
    sys.exit("changed or broken")
PY
venv/bin/python conditions.py
