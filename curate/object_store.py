"""How obstore reaches a bucket, with what the environment grants."""

import errno
import json
import os
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from curate.errors import InputError, ResourceError, first_line
from curate.secrets import clean_text

_RETRIES = {"max_retries": 5}
_HINT = "pip install 'curate-images[cloud]'"
_NOBODY = {"disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
"""The account that an emulator of Google's storage is asked by."""

_STATUS = re.compile(r"\b([45]\d\d) [A-Z][a-z]+|status(?: code)?:? ?([45]\d\d)")
_EXPIRED = re.compile(r"ExpiredToken|TokenRefreshRequired|RequestExpired|InvalidAccessKeyId")
_CREDENTIALS = "401: the credentials are missing, wrong or expired"
_SAID = {"401": "needs other credentials", "403": "is denied", "404": "is not there"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """Why a bucket did not do what it was asked for.

    Attributes:
        text: In words; nothing secret is in it.
        number: Of the operating system's errors that which it is like.
        may_pass: Whether the same may go well another time.
    """

    text: str
    number: int = errno.EIO
    may_pass: bool = False


def explain_fault(error: Exception, name: str) -> Fault:
    """Return what an error of obstore means; its own text may hold what is secret.

    Args:
        error: What obstore raised.
        name: What people are told that was asked for, such as "the bucket".
    """
    from obstore import exceptions

    match error:
        case FileNotFoundError():
            return Fault(text=f"404: {name} is not there", number=errno.ENOENT)
        case exceptions.PermissionDeniedError():
            return Fault(text=f"403: access to {name} is denied", number=errno.EACCES)
        case exceptions.UnauthenticatedError():
            return Fault(text=_CREDENTIALS, number=errno.EACCES)
        case exceptions.NotSupportedError() | exceptions.InvalidPathError():
            said = "a name that the server does not know, such as one with an empty part, a//b"
            return Fault(text=f"{name}: {said}", number=errno.EINVAL)
        case _:
            return _explain_by_text(str(error), name)


def _explain_by_text(text: str, name: str) -> Fault:
    """Return what an error means of which only the text tells what the server said."""
    found = _STATUS.search(text)
    status = (found[1] or found[2]) if found else None
    if _EXPIRED.search(text):
        return Fault(text=_CREDENTIALS, number=errno.EACCES)
    if status in _SAID:
        return Fault(text=f"{status}: {name} {_SAID[status]}", number=errno.EACCES)
    said = f"the server answers {status}" if status else "the connection failed"
    return Fault(text=said, may_pass=True)


def connect(url: str) -> tuple[Any, str]:
    """Return obstore's store of a bucket, and the prefix in there without slashes at its ends.

    Credentials come from the environment, as the cloud's tools have it.

    Args:
        url: Such as ``s3://bucket/prefix``.

    Raises:
        InputError: There is no such address.
        ResourceError: The extra ``cloud`` is not installed.
    """
    try:
        import obstore
        from obstore import exceptions
    except ImportError:
        raise ResourceError("buckets need the package obstore", hint=_HINT) from None
    parts = urlsplit(url)
    root = f"{parts.scheme}://{parts.netloc}"
    try:
        store = obstore.store.from_url(root, **_settings(parts.scheme))
    except (exceptions.BaseError, ValueError) as error:
        said = clean_text(first_line(error))
        raise InputError(
            f"{root} cannot be used: {said}", hint="check the address and the credentials"
        ) from None
    return store, parts.path.strip("/")


def _settings(scheme: str) -> dict[str, Any]:
    """Return how obstore reaches a cloud: what its own reading of the environment leaves out."""
    settings: dict[str, Any] = {"retry_config": _RETRIES}
    client: dict[str, Any] = {"timeout": "300s", "connect_timeout": "20s"}
    if scheme in ("s3", "s3a"):
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        endpoint = endpoint or os.environ.get("AWS_ENDPOINT")
        if endpoint:
            settings["endpoint"] = endpoint
            client["allow_http"] = endpoint.startswith("http://")
        if "AWS_REGION" not in os.environ and "AWS_DEFAULT_REGION" not in os.environ:
            settings["region"] = "us-east-1"
        settings |= _aws_credentials()
    elif scheme in ("gs", "gcs"):
        if host := os.environ.get("STORAGE_EMULATOR_HOST"):
            url = host if "://" in host else f"http://{host}"
            settings["service_account_key"] = json.dumps(_NOBODY | {"gcs_base_url": url})
            client["allow_http"] = url.startswith("http://")
    elif os.environ.get("AZURE_STORAGE_USE_EMULATOR"):
        client["allow_http"] = True
    return settings | {"client_options": client}


def _aws_credentials() -> dict[str, Any]:
    """Return how S3 is signed: by the environment, by boto3 with its profiles, or not at all."""
    named = (
        "AWS_ACCESS_KEY_ID",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    )
    if any(os.environ.get(name) for name in (*named, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")):
        return {}
    try:
        from boto3 import Session
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError:
        return {"skip_signature": True}
    session = Session()
    if session.get_credentials() is None:
        return {"skip_signature": True}
    return {"credential_provider": Boto3CredentialProvider(session)}
