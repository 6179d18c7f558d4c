# SPDX-License-Identifier: Apache-2.0
"""NTLM and Negotiate log on a connection: the server's connection then belongs to one client alone."""
import http1
import pytest


def challenged(stage, scheme):
    """A client that a server has asked for a logon, and the server's end of the connection."""
    server = stage.upstream()
    relay = stage.relay(web=[stage.site(server.text)], workers=1)
    client = stage.http(relay)
    client.send(http1.request("GET", "/first"))
    back = stage.keep(server.accept())
    back.request()
    back.send(http1.response(401, f"WWW-Authenticate: {scheme}", body=b"who?"))
    assert client.response().status == 401
    return server, relay, client, back


@pytest.mark.parametrize("scheme", ["NTLM", "Negotiate", "ntlm TlRMTVNTUAAC"])
def test_a_logon_stays_with_its_client(stage, scheme):
    server, relay, client, back = challenged(stage, scheme)
    other = stage.http(relay)
    other.send(http1.request("GET", "/other"))
    others = stage.keep(server.accept())  # a connection of its own
    assert others.request().get("X-Forwarded-For")
    client.send(http1.request("POST", "/second", "Authorization: NTLM abc", body=b"x"))
    assert back.request().get("Authorization") == "NTLM abc"
    back.send(http1.response(200, body=b"yours"))
    others.send(http1.response(200, body=b"other's"))
    assert client.response().text == "yours" and other.response().text == "other's"


def test_it_ends_with_its_client(stage):
    _, _, client, back = challenged(stage, "NTLM")
    client.close()
    back.expect_gone()


def test_a_server_that_ends_it_is_dialled_again(stage):
    server, relay, client, back = challenged(stage, "NTLM")
    back.close()
    relay.wait_counts({"sessions": 1})
    client.send(http1.request("GET", "/again"))
    again = stage.keep(server.accept())
    again.request()
    again.send(http1.response(200, body=b"again"))
    assert client.response().text == "again"


def test_other_schemes_are_shared(stage):
    server, relay, client, back = challenged(stage, "Basic realm=x")
    other = stage.http(relay)
    other.send(http1.request("GET", "/other"))
    assert back.request().target == "/other"
    back.send(http1.response(200, body=b"shared"))
    assert other.response().text == "shared"


def two(stage):
    first, second = stage.upstream(), stage.upstream()
    relay = stage.relay(web=[stage.site(first.text, upstreams=[{"name": "other", "servers": [second.text]}],
                                        routes=[{"path": "/other", "upstream": "other"}])], workers=1)
    return first, second, relay


def test_another_upstream_between_does_not_take_its_place(stage):
    first, second, relay = two(stage)
    client = stage.http(relay)
    client.send(http1.request("GET", "/a"))
    back = stage.keep(first.accept())
    back.request()
    back.send(http1.response(401, "WWW-Authenticate: NTLM", body=b"who?"))
    assert client.response().status == 401
    client.send(http1.request("GET", "/other"))
    other = stage.keep(second.accept())
    other.request()
    other.send(http1.response(200, body=b"other"))
    assert client.response().text == "other"
    client.send(http1.request("GET", "/a"))
    again = stage.keep(first.accept())
    assert again.request().target == "/a"
    again.send(http1.response(200, body=b"a"))
    assert client.response().text == "a"


@pytest.mark.parametrize("challenge, logon", [("Basic realm=\"a, b\", NTLM", None), (None, "Negotiate YII="), (None, "ntlm TlRM")])
def test_what_logs_on_is_not_shared(stage, challenge, logon):
    server = stage.upstream()
    relay = stage.relay(web=[stage.site(server.text)], workers=1)
    client = stage.http(relay)
    client.send(http1.request("GET", "/mine", *([f"Authorization: {logon}"] if logon else [])))
    back = stage.keep(server.accept())
    back.request()
    back.send(http1.response(401 if challenge else 200, *([f"WWW-Authenticate: {challenge}"] if challenge else []), body=b"x"))
    client.response()
    other = stage.http(relay)
    other.send(http1.request("GET", "/other"))
    others = stage.keep(server.accept())
    assert others.request().target == "/other"
    others.send(http1.response(200, body=b"other"))
    assert other.response().text == "other"
