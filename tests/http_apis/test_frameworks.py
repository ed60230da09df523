"""Real libraries behind an HTTP API, as pip installs them into a package."""

from tests.conftest import Deploy
from tests.function_urls.conftest import Packaged
from tests.http_apis.conftest import Apis


def test_powertools_resolves_an_http_api(packaged: Packaged, deploy: Deploy, apis: Apis) -> None:
    code = (
        "from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response\n"
        "from aws_lambda_powertools.shared.cookies import Cookie\n"
        "app = APIGatewayHttpResolver()\n"
        "@app.post('/greet/<name>')\n"
        "def greet(name):\n"
        "    event = app.current_event\n"
        "    body = {'name': name, 'json': event.json_body, 'query': event.query_string_parameters,\n"
        "            'cookies': event.cookies, 'variables': event.stage_variables, 'route': event.route_key,\n"
        "            'parameters': event.path_parameters, 'stage': event.request_context.stage}\n"
        "    return Response(201, 'application/json', __import__('json').dumps(body), cookies=[Cookie('a', 'b')])\n"
        "def handler(event, context):\n"
        "    return app.resolve(event, context)\n"
    )
    function = deploy(None, packaged(code, "aws-lambda-powertools==3.4.1"), MemorySize=256, Timeout=30)
    # With a named stage, which is in the path that the function is given and which the library takes away again.
    api = apis.new(stage="dev")
    apis.client.update_stage(ApiId=api.id, StageName="dev", StageVariables={"color": "red"})
    apis.route(api, "ANY /greet/{name}", apis.integration(api, function))
    headers = {"content-type": "application/json", "cookie": "c=d"}
    reply = api.ask("POST", "/dev/greet/you?x=1", b'{"y": 2}', headers)
    assert reply.status == 201
    assert reply.document == {
        "name": "you",
        "json": {"y": 2},
        "query": {"x": "1"},
        "cookies": ["c=d"],
        "variables": {"color": "red"},
        "route": "ANY /greet/{name}",
        "parameters": {"name": "you"},
        "stage": "dev",
    }
    assert reply.headers["set-cookie"].startswith("a=b")
    assert api.ask("GET", "/dev/greet/you").status == 404
