"""The decoder must tell a whole message from a broken one, or every other test here means nothing."""

import socket

import pytest

from harness.client import Client
from harness.message import COMPLETE, NOTHING, RESET, TRUNCATED, ProtocolError, Response

HEAD = b"HTTP/1.1 200 OK\r\nDate: x\r\n"
LENGTH = HEAD + b"Content-Length: 5\r\n\r\nhello"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
CLOSE = HEAD + b"\r\nhello"
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + LENGTH


@pytest.mark.parametrize("wire", [LENGTH, CHUNKED, CLOSE, INTERIM], ids=["length", "chunked", "close", "interim"])
@pytest.mark.parametrize("fragment_size", [1, 2, 3, 5, 7, 1000])
def test_whole_messages_in_every_fragment_size(wire, fragment_size):
    response = Response()
    for start in range(0, len(wire), fragment_size):
        assert response.feed(wire[start:start + fragment_size]) == b""
    response.end_of_stream(reset=False)
    assert (response.status, response.body, response.ending) == (200, b"hello", COMPLETE)


@pytest.mark.parametrize("wire", [LENGTH, CHUNKED], ids=["length", "chunked"])
@pytest.mark.parametrize("reset, ending", [(False, TRUNCATED), (True, RESET)], ids=["fin", "rst"])
def test_a_message_cut_anywhere_is_not_complete(wire, reset, ending):
    for cut in range(len(wire)):
        response = Response()
        response.feed(wire[:cut])
        response.end_of_stream(reset)
        assert response.ending == (ending if cut else NOTHING), f"cut at {cut}"


def test_a_close_delimited_message_is_broken_only_by_a_reset():
    for reset, ending in ((False, COMPLETE), (True, RESET)):
        response = Response()
        response.feed(CLOSE)
        response.end_of_stream(reset)
        assert response.ending == ending


def test_bytes_behind_a_message_belong_to_the_next():
    response = Response()
    assert response.feed(CHUNKED + LENGTH) == LENGTH
    assert response.ending == COMPLETE


@pytest.mark.parametrize("wire", [
    b"HTTP/1.1 200 OK\nDate: x\r\n\r\n",
    b"HTTP/2 200 OK\r\n\r\n",
    HEAD + b"Bad Name: x\r\n\r\n",
    HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    HEAD + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
    HEAD + b"Content-Length: +5\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n5;x=1\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n 5\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloo\r\n",
    b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
])
def test_malformed_answers_are_refused(wire):
    with pytest.raises(ProtocolError):
        Response().feed(wire)


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
def test_the_client_tells_fin_from_reset(reset):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with Client(listener.getsockname()) as client:
            accepted, _ = listener.accept()
            accepted.sendall(CLOSE)
            if reset:
                client.read_size(client.read_head(), 5)
                accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                accepted.close()
                assert client.read_end() == (b"", "reset")
            else:
                accepted.close()
                assert client.read_response().ending == COMPLETE
                assert client.ended == "fin"
