"""Signatures, and where no webhook goes."""

import base64
import ipaddress
import socket
import ssl
import threading

import pytest
from receiver import Receiver

from bandit import webhook
from bandit.channels import NotDelivered
from bandit.webhook import post, public, resolve, sign


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


# Published with the specification, and with its first implementation.
VECTORS = [
    (
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ),
    (
        "plJ3nmyCDGBKInavdOK15jsl",
        "msg_loFOjxBNrRLzqYUf",
        1731705121,
        b'{"event_type":"ping","data":{"success":true}}',
        "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
    ),
]


@pytest.mark.parametrize(("key", "identifier", "at", "body", "signature"), VECTORS)
def test_signatures_are_those_of_the_standard(key, identifier, at, body, signature):
    headers = sign(base64.b64decode(key), identifier, at, body)
    assert headers == {
        "webhook-id": identifier,
        "webhook-timestamp": str(at),
        "webhook-signature": signature,
    }


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "100.100.100.200", "168.63.129.16", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("192.0.2.1", "198.18.0.1", "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a00:1::1"),
    ],
)
def test_addresses_that_are_not_public(address):
    assert not public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_that_are_public(address):
    assert public(ipaddress.ip_address(address))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "::1"])
def test_whatever_loopback_is_called_it_is_refused(receiver, host):
    bracketed = f"[{host}]" if ":" in host else host
    with pytest.raises(NotDelivered, match="is not a public address; the setting allow_private_webhooks allows it"):
        post(f"http://{bracketed}:{receiver.server.server_port}", b"{}", {}, timeout=5, private=False)
    assert receiver.got == []


def names(monkeypatch, *answers):
    """Has names resolve to one list of addresses after the other."""
    left = list(answers)

    def resolved(host, port, **_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in left.pop(0)]

    monkeypatch.setattr(webhook.socket, "getaddrinfo", resolved)
    return left


def test_one_private_address_among_public_ones_is_one_too_many(monkeypatch):
    names(monkeypatch, ["8.8.8.8", "10.0.0.7"])
    with pytest.raises(NotDelivered, match=r"example.org: 10.0.0.7 is not a public address"):
        resolve("example.org", 443, private=False)


def test_a_name_is_resolved_once_and_its_address_connected_to(monkeypatch, receiver):
    left = names(monkeypatch, ["127.0.0.1"], ["10.0.0.7"])
    post(f"http://example.org:{receiver.server.server_port}/x?y=1", b"{}", {"a": "b"}, timeout=5, private=True)
    assert left == [["10.0.0.7"]]
    ((headers, body),) = receiver.got
    assert (headers["Host"], headers["a"], body) == (f"example.org:{receiver.server.server_port}", "b", b"{}")


def test_a_name_that_is_unknown():
    with pytest.raises(NotDelivered, match=r"nowhere.invalid: not found"):
        post("http://nowhere.invalid/", b"{}", {}, timeout=5, private=True)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(receiver, status):
    receiver.script = [status]
    with pytest.raises(NotDelivered, match=f"answered with status {status}"):
        post(receiver.url, b"{}", {}, timeout=5, private=True)
    assert len(receiver.got) == 1


@pytest.mark.parametrize(("status", "final"), [(410, True), (404, False), (500, False)])
def test_only_gone_is_final(receiver, status, final):
    receiver.script = [status]
    with pytest.raises(NotDelivered) as refused:
        post(receiver.url, b"{}", {}, timeout=5, private=True)
    assert refused.value.final is final


def test_a_receiver_that_answers_drop_by_drop_does_not_hold_it_up():
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip():
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                while not stop.wait(0.05):
                    try:
                        connection.sendall(b"H")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            with pytest.raises(NotDelivered, match=r"no answer within 0\.4 s"):
                post(f"http://127.0.0.1:{server.getsockname()[1]}", b"{}", {}, timeout=0.4, private=True)
        finally:
            stop.set()
            thread.join()


def test_https_is_verified_with_the_name_of_the_url(monkeypatch):
    seen = []
    context = ssl.create_default_context()

    class Watched:
        verify_mode, check_hostname = context.verify_mode, context.check_hostname

        def wrap_socket(self, plain, server_hostname):
            seen.append((plain.getpeername()[0], server_hostname))
            raise ssl.SSLCertVerificationError("certificate verify failed")

    monkeypatch.setattr(webhook.ssl, "create_default_context", Watched)
    names(monkeypatch, ["127.0.0.1"])
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(NotDelivered, match="certificate verify failed"),
    ):
        post(f"https://example.org:{server.getsockname()[1]}", b"{}", {}, timeout=5, private=True)
    assert seen == [("127.0.0.1", "example.org")]
    assert (Watched.verify_mode, Watched.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_server_that_speaks_no_tls(receiver):
    with pytest.raises(NotDelivered, match="no answer: "):
        post(receiver.url.replace("http:", "https:"), b"{}", {}, timeout=5, private=True)
