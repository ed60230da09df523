"""Real libraries behind a URL, as pip installs them into a package."""

from tests.conftest import Deploy, Node

from .conftest import Packaged, url_of


def test_powertools_resolves_a_url(packaged: Packaged, deploy: Deploy, platform: Node) -> None:
    code = (
        "from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver, Response\n"
        "from aws_lambda_powertools.shared.cookies import Cookie\n"
        "app = LambdaFunctionUrlResolver()\n"
        "@app.post('/greet/<name>')\n"
        "def greet(name):\n"
        "    event = app.current_event\n"
        "    body = {'name': name, 'json': event.json_body, 'query': event.query_string_parameters,\n"
        "            'cookies': event.cookies, 'ip': event.request_context.http.source_ip}\n"
        "    return Response(201, 'application/json', __import__('json').dumps(body), cookies=[Cookie('a', 'b')])\n"
        "def handler(event, context):\n"
        "    return app.resolve(event, context)\n"
    )
    url = url_of(platform, deploy(None, packaged(code, "aws-lambda-powertools==3.4.1"), MemorySize=256, Timeout=30))
    headers = {"content-type": "application/json", "cookie": "c=d"}
    reply = url.ask("POST", "/greet/you?x=1", b'{"y": 2}', headers)
    assert reply.status == 201
    assert reply.document == {
        "name": "you",
        "json": {"y": 2},
        "query": {"x": "1"},
        "cookies": ["c=d"],
        "ip": "127.0.0.1",
    }
    assert reply.headers["set-cookie"].startswith("a=b")
    assert url.ask("GET", "/nowhere").status == 404


def test_mangum_runs_starlette(packaged: Packaged, deploy: Deploy, platform: Node) -> None:
    code = (
        "from mangum import Mangum\n"
        "from starlette.applications import Starlette\n"
        "from starlette.responses import Response\n"
        "from starlette.routing import Route\n"
        "async def echo(request):\n"
        "    answer = Response(await request.body(), media_type='application/octet-stream')\n"
        "    answer.headers['x-query'] = str(request.query_params.getlist('a'))\n"
        "    answer.headers['x-cookies'] = str(sorted(request.cookies.items()))\n"
        "    answer.headers['x-path'] = request.path_params['rest']\n"
        "    answer.set_cookie('one', '1')\n"
        "    answer.set_cookie('two', '2')\n"
        "    return answer\n"
        "app = Starlette(routes=[Route('/echo/{rest:path}', echo, methods=['PUT'])])\n"
        "handler = Mangum(app, lifespan='off')\n"
    )
    files = packaged(code, "mangum==0.19.0", "starlette==0.46.2")
    url = url_of(platform, deploy(None, files, MemorySize=256, Timeout=30))
    body = bytes(range(256))
    headers = {"content-type": "image/png", "cookie": "c=d; e=f"}
    reply = url.ask("PUT", "/echo/some/where?a=1&a=2", body, headers)
    assert (reply.status, reply.body) == (200, body)
    assert reply.headers["x-cookies"] == "[('c', 'd'), ('e', 'f')]"
    assert reply.headers["x-query"] == "['1', '2']"
    assert reply.headers["x-path"] == "some/where"
    cookies = [value.partition(";")[0] for name, value in reply.pairs if name == "set-cookie"]
    assert cookies == ["one=1", "two=2"]
    assert url.ask("PUT", "/elsewhere", b"").status == 404
