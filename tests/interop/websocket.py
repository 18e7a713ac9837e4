"""usage: websocket.py PORT

A WebSocket server with TLS 1.3 and the certificate for localhost, in the directory that it is started in. Before it answers, it
sends a ping; the answer comes in two fragments. What does not ask for a WebSocket at /readings is refused."""

import asyncio
import http
import ssl
import sys

from websockets.asyncio.server import serve


async def answer(connection):
    async for message in connection:
        await (await connection.ping(b"are you there?"))
        await connection.send(["the server has ", message])


def refuse(connection, request):
    return None if request.path == "/readings" else connection.respond(http.HTTPStatus.NOT_FOUND, "not here\n")


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain("p256.pem", "p256.key")
    # An emulated board takes minutes for its handshake.
    patience = {"ssl_handshake_timeout": 900, "open_timeout": 900}
    async with serve(answer, "127.0.0.1", int(sys.argv[1]), ssl=context, process_request=refuse, **patience) as server:
        await server.serve_forever()


asyncio.run(main())
