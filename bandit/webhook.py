"""Webhooks as of the Standard Webhooks specification 1.0: signed, sent once to an address that was looked at first.

A server that posts to whatever URL it is given can be made to talk to its own network. So the name is resolved once,
every address of it must be a public one, and the connection goes to the very address that was looked at: a name that
resolves otherwise a moment later gains nothing. Redirects are not followed.
"""

import base64
import contextlib
import hashlib
import hmac
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from urllib.parse import urlsplit

from bandit.channels import NotDelivered

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# Public addresses at which clouds answer their own machines.
_METADATA = frozenset({ipaddress.ip_address("168.63.129.16")})
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_GONE = 410


def sign(key: bytes, identifier: str, at: int, body: bytes) -> Mapping[str, str]:
    """The three headers by which a receiver knows a message, its time (seconds since 1970) and its sender."""
    signature = hmac.new(key, f"{identifier}.{at}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": identifier,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
    }


def post(url: str, body: bytes, headers: Mapping[str, str], *, timeout: float, private: bool) -> None:
    """Sends JSON, and is content with any answer of 200 to 299.

    Args:
        url: Where; https is verified with the name in it.
        body: What.
        headers: Sent with it.
        timeout: Seconds for all of it, but for the look-up of the name.
        private: Whether addresses that are not public are allowed.

    Raises:
        NotDelivered: It did not arrive, or was not accepted.
    """
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    family, place = resolve(host, port, private=private)
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = kind(host, port)
    with socket.socket(family, socket.SOCK_STREAM) as plain, plain.dup() as same:
        plain.settimeout(timeout)
        # A socket's own limit is one for each step, and a receiver may take many.
        late = threading.Event()
        limit = threading.Timer(timeout, _end, [same, late])
        limit.daemon = True
        limit.start()
        try:
            plain.connect(place)
            connection.sock = _secured(plain, host) if secure else plain
            connection.request("POST", target, body, {"Content-Type": "application/json", **headers})
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            taken = f" within {timeout:g} s" if late.is_set() else ""
            raise NotDelivered(f"no answer{taken}: {error or type(error).__name__}") from error
        finally:
            limit.cancel()
            connection.close()
    if not 200 <= status < 300:
        raise NotDelivered(f"answered with status {status}", final=status == _GONE)


def resolve(host: str, port: int, *, private: bool) -> tuple[socket.AddressFamily, tuple[str, int]]:
    """The family and place of the first address of a name, when every one of them may be connected to.

    Raises:
        NotDelivered: The name is unknown, or leads to where no webhook may go.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotDelivered(f"{host}: not found: {error}") from error
    for _, _, _, _, place in found:
        address = ipaddress.ip_address(str(place[0]).partition("%")[0])
        if not private and not public(address):
            raise NotDelivered(
                f"{host}: {address} is not a public address; the setting allow_private_webhooks allows it"
            )
    family, _, _, _, place = found[0]
    return family, (str(place[0]), port)


def public(address: IPAddress) -> bool:
    """Whether an address is one of the open internet, also where it carries another one in it."""
    if isinstance(address, ipaddress.IPv6Address):
        whole = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address.ipv4_mapped
        if whole is not None:
            return public(whole)
        parts = [address.sixtofour, *(address.teredo or ())]
        if not all(public(part) for part in parts if part is not None):
            return False
    reserved = address.is_multicast or address.is_reserved or address.is_unspecified or address in _METADATA
    return address.is_global and not reserved


def _secured(plain: socket.socket, host: str) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    return context.wrap_socket(plain, server_hostname=host)


def _end(same: socket.socket, late: threading.Event) -> None:
    """Ends whatever waits for a connection."""
    late.set()
    with contextlib.suppress(OSError):
        same.shutdown(socket.SHUT_RDWR)
