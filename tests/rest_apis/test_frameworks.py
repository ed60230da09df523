"""Real libraries behind a REST API, as pip installs them into a package."""

from tests.conftest import Deploy, Node
from tests.function_urls.conftest import Packaged
from tests.rest_apis.conftest import Api


def test_powertools_resolves_a_rest_api(packaged: Packaged, deploy: Deploy, platform: Node) -> None:
    code = (
        "from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig, Response\n"
        "from aws_lambda_powertools.shared.cookies import Cookie\n"
        "app = APIGatewayRestResolver(cors=CORSConfig(allow_origin='https://example.com'))\n"
        "@app.post('/greet/<name>')\n"
        "def greet(name):\n"
        "    event = app.current_event\n"
        "    context = event.request_context\n"
        "    body = {'name': name, 'json': event.json_body, 'query': event.query_string_parameters,\n"
        "            'queries': event.multi_value_query_string_parameters, 'variables': event.stage_variables,\n"
        "            'resource': event.resource, 'stage': context.stage, 'ip': context.identity.source_ip}\n"
        "    cookies = [Cookie('a', 'b'), Cookie('c', 'd')]\n"
        "    return Response(201, 'application/json', __import__('json').dumps(body), cookies=cookies)\n"
        "def handler(event, context):\n"
        "    return app.resolve(event, context)\n"
    )
    function = deploy(None, packaged(code, "aws-lambda-powertools==3.4.1"), MemorySize=256, Timeout=30)
    api = Api(platform)
    api.proxy("/{proxy+}", function, "ANY")
    api.deploy("dev", variables={"color": "red"})
    headers = {"content-type": "application/json", "Origin": "https://example.com"}
    reply = api.ask("POST", "/dev/greet/you?x=1&x=2", b'{"y": 2}', headers)
    assert reply.status == 201
    assert reply.document == {
        "name": "you",
        "json": {"y": 2},
        "query": {"x": "2"},
        "queries": {"x": ["1", "2"]},
        "variables": {"color": "red"},
        "resource": "/{proxy+}",
        "stage": "dev",
        "ip": "127.0.0.1",
    }
    cookies = [value.partition(";")[0] for name, value in reply.pairs if name == "set-cookie"]
    assert cookies == ["a=b", "c=d"]
    assert reply.headers["access-control-allow-origin"] == "https://example.com"
    assert api.ask("GET", "/dev/greet/you").status == 404


def test_a_chalice_app_answers(packaged: Packaged, deploy: Deploy, platform: Node) -> None:
    """Chalice routes by the resource's path, and gives binary bodies as bytes."""
    code = (
        "from chalice import Chalice, NotFoundError, Response\n"
        "app = Chalice(app_name='pets')\n"
        "app.api.binary_types.append('image/png')\n"
        "@app.route('/pets/{name}', methods=['PUT'], content_types=['image/png'])\n"
        "def put_pet(name):\n"
        "    return Response(app.current_request.raw_body, headers={'Content-Type': 'image/png'})\n"
        "@app.route('/pets/{name}', cors=True)\n"
        "def pet(name):\n"
        "    request = app.current_request\n"
        "    if name == 'nobody':\n"
        "        raise NotFoundError('no such pet')\n"
        "    return {'name': name, 'query': request.query_params.getlist('q'), 'path': request.context['path']}\n"
        "def handler(event, context):\n"
        "    return app(event, context)\n"
    )
    function = deploy(None, packaged(code, "--no-deps", "chalice==1.31.3"), MemorySize=256, Timeout=30)
    api = Api(platform, binaryMediaTypes=["image/png"])
    for verb in ("GET", "PUT"):
        api.proxy("/pets/{name}", function, verb)
    api.deploy("api")
    reply = api.ask("GET", "/api/pets/Rex?q=1&q=2")
    assert (reply.status, reply.document) == (200, {"name": "Rex", "query": ["1", "2"], "path": "/api/pets/Rex"})
    assert reply.headers["access-control-allow-origin"] == "*"
    reply = api.ask("GET", "/api/pets/nobody")
    assert (reply.status, reply.document) == (404, {"Code": "NotFoundError", "Message": "no such pet"})
    body = bytes(range(256))
    reply = api.ask("PUT", "/api/pets/Rex", body, {"Content-Type": "image/png", "Accept": "image/png"})
    assert (reply.status, reply.body) == (200, body)
