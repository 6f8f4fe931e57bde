"""How obstore reaches a bucket, with what the environment grants."""

import json
import os
from typing import Any
from urllib.parse import urlsplit

from curate.errors import InputError, ResourceError, first_line
from curate.secrets import clean_text

_RETRIES = {"max_retries": 5}
_HINT = "pip install 'curate-images[cloud]'"
_NOBODY = {"disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
"""The account that an emulator of Google's storage is asked by."""


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
