"""Why an object store cannot be used, in one line, and the settings in the environment that say how to reach it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta

from ..errors import StoreAccessError

# Seconds for one request with up to 16 MB in one direction, by which slow networks must have sent it.
TIMEOUT, TIMEOUT_VARIABLE = 120.0, "HYLE_STORE_TIMEOUT"


@dataclass(frozen=True)
class _Settings:
    """Variables of the environment of one kind of object store.

    Args:
        prefixes: how their names begin.
        credentials: the usual ones that say who the user is, in words.
        endpoint: those that say where the store is, in words.
        addresses: those that contain an address of a server.
    """

    prefixes: tuple[str, ...]
    credentials: str
    endpoint: str
    addresses: tuple[str, ...]


SETTINGS = {
    "s3": _Settings(
        ("AWS_",),
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        "AWS_ENDPOINT_URL and AWS_REGION",
        ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    ),
    "gs": _Settings(
        ("GOOGLE_",),
        "GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT",
        "GOOGLE_BASE_URL",
        ("GOOGLE_BASE_URL",),
    ),
    "az": _Settings(
        ("AZURE_",),
        "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ENDPOINT",
        ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
    ),
}
# Parts of the messages of obstore and of the stores.
NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "bucket does not exist")
WRONG_REGION = ("incorrectly configured region", "PermanentRedirect", "AuthorizationHeaderMalformed")
# Without credentials, they are asked for at the addresses that machines in a cloud have for this.
NO_CREDENTIALS = (
    *("/latest/api/token", "/latest/meta-data", "computeMetadata", "metadata/identity", "169.254.169.254"),
    *("Account must be specified", "MissingAccount", "credential was not found", "MissingCredentials"),
)
DENIED = (
    *("401 Unauthorized", "403 Forbidden", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"),
    *("lacked the necessary privileges", "lacked valid authentication"),
)
NOT_REACHED = ("error sending request", "timed out", "error trying to connect", "dns error")


def settings(address: str) -> tuple[tuple[str, str], ...]:
    """Return the settings in the environment for the store at an address, by which a client is made."""
    prefixes = (*_of(address).prefixes, TIMEOUT_VARIABLE)
    return tuple(sorted((name, value) for name, value in os.environ.items() if name.upper().startswith(prefixes)))


def plain_http(address: str) -> bool:
    """Return whether the user has set an address without encryption, as of a server on this machine."""
    return any(os.environ.get(name, "").lower().startswith("http://") for name in _of(address).addresses)


def timeout() -> timedelta:
    """Return the time for one request.

    Raises:
        StoreAccessError: the variable of the environment is no number of seconds.
    """
    value = os.environ.get(TIMEOUT_VARIABLE) or str(TIMEOUT)
    try:
        seconds = timedelta(seconds=float(value))
    except (ValueError, OverflowError):
        seconds = timedelta(0)
    if seconds <= timedelta(0):
        raise StoreAccessError(f"{TIMEOUT_VARIABLE} is {value!r}, not a number of seconds such as {TIMEOUT:.0f}")
    return seconds


def is_fatal(error: BaseException | None) -> bool:
    """Return whether a request fails again however often it is sent."""
    error = error.__cause__ if isinstance(error, StoreAccessError) else error
    return _says(error, (*NO_BUCKET, *WRONG_REGION, *NO_CREDENTIALS, *DENIED))


def access_error(address: str, error: BaseException) -> StoreAccessError:
    """Return the error for the user: the address, what is wrong, and the settings that may be."""
    known = _of(address)
    bucket = address.partition("://")[2].partition("/")[0]
    if _says(error, NO_CREDENTIALS):
        why = f"no credentials: set {known.credentials}"
    elif _says(error, NO_BUCKET):
        why = f"there is no bucket {bucket!r}: create it, or check the address and {known.endpoint}"
    elif _says(error, WRONG_REGION):
        why = f"the bucket is in another region: set {known.endpoint}"
    elif _says(error, DENIED):
        why = f"permission denied: check {known.credentials}, and what they allow"
    elif _says(error, NOT_REACHED):
        why = f"it cannot be reached: check the network and {known.endpoint}"
    else:
        why = f"{_first_line(error)}; check {known.credentials}, {known.endpoint}"
    return StoreAccessError(f"cannot use the store {address}: {why}")


def _of(address: str) -> _Settings:
    return SETTINGS[address.partition("://")[0]]


def _says(error: BaseException | None, parts: tuple[str, ...]) -> bool:
    return error is not None and any(part in str(error) for part in parts)


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0].strip() or type(error).__name__
