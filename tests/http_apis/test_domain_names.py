"""Amazon API Gateway Developer Guide, "Custom domain names for HTTP APIs"."""

import urllib.request
import uuid
from collections.abc import Callable

import pytest

from tests.conftest import Node, NodeProcess
from tests.http_apis.conftest import Apis
from tests.http_apis.test_control_plane import refusal

CERTIFICATE = {"CertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/x", "EndpointType": "REGIONAL"}


@pytest.fixture
def domain(apis: Apis) -> str:
    name = f"Api-{uuid.uuid4().hex[:8]}.example.com"
    made = apis.client.create_domain_name(DomainName=name, DomainNameConfigurations=[CERTIFICATE])
    assert made["DomainNameConfigurations"][0]["DomainNameStatus"] == "AVAILABLE"
    return str(made["DomainName"])


def test_a_mapping_leads_to_a_stage(apis: Apis, function: str, domain: str) -> None:
    api = apis.new()
    target = apis.integration(api, function)
    apis.route(api, "GET /pets/{id}", target)
    apis.route(api, "GET /", apis.integration(api, function, "1.0"))
    apis.client.create_stage(ApiId=api.id, StageName="dev", AutoDeploy=True)
    for key, stage in (("", "$default"), ("v1", "dev"), ("v1/deep", "$default")):
        apis.client.create_api_mapping(DomainName=domain, ApiId=api.id, Stage=stage, ApiMappingKey=key)
    event = api.event(path="/pets/1", host=domain)
    assert event["requestContext"]["domainName"] == domain
    assert event["requestContext"]["domainPrefix"] == domain.partition(".")[0]
    assert (event["rawPath"], event["requestContext"]["stage"]) == ("/pets/1", "$default")
    event = api.event(path="/v1/pets/1", host=f"{domain}:4566")
    # Format 2.0 shows the stage and not the mapping, format 1.0 the mapping.
    assert (event["rawPath"], event["requestContext"]["stage"]) == ("/dev/pets/1", "dev")
    event = api.event(path="/v1/deep", host=domain)
    assert (event["path"], event["requestContext"]["stage"]) == ("/v1/deep", "$default")
    assert api.ask(path="/v10/pets/1", host=domain).status == 404


def test_a_name_with_an_asterisk_stands_for_many(apis: Apis, function: str) -> None:
    suffix = f"{uuid.uuid4().hex[:8]}.example.com"
    apis.client.create_domain_name(DomainName=f"*.{suffix}", DomainNameConfigurations=[CERTIFICATE])
    api = apis.new()
    apis.route(api, "$default", apis.integration(api, function))
    apis.client.create_api_mapping(DomainName=f"*.{suffix}", ApiId=api.id, Stage="$default", ApiMappingKey="x")
    assert api.event(path="/x/y", host=f"a.{suffix}")["rawPath"] == "/y"
    reply = api.ask(path="/y", host=f"a.{suffix}")
    assert (reply.status, reply.document) == (403, {"message": "Forbidden"})


def test_names_and_mappings_are_shown_changed_and_deleted(apis: Apis, domain: str) -> None:
    client, api = apis.client, apis.new()
    made = client.create_api_mapping(DomainName=domain, ApiId=api.id, Stage="$default", ApiMappingKey="a")
    arguments = {"DomainName": domain, "ApiMappingId": made["ApiMappingId"]}
    assert client.get_api_mapping(**arguments)["ApiMappingKey"] == "a"
    conflict = refusal(client.create_api_mapping, DomainName=domain, ApiId=api.id, Stage="$default", ApiMappingKey="a")
    assert conflict[:2] == (409, "ConflictException")
    client.update_api_mapping(**arguments, ApiId=api.id, ApiMappingKey="b")
    assert [mapping["ApiMappingKey"] for mapping in client.get_api_mappings(DomainName=domain)["Items"]] == ["b"]
    assert refusal(client.delete_stage, ApiId=api.id, StageName="$default")[0] == 409
    assert refusal(client.delete_api, ApiId=api.id)[0] == 409
    client.delete_api_mapping(**arguments)
    client.delete_api(ApiId=api.id)
    assert domain in [known["DomainName"] for known in client.get_domain_names()["Items"]]
    assert refusal(client.create_domain_name, DomainName=domain)[:2] == (409, "ConflictException")
    client.delete_domain_name(DomainName=domain)
    assert refusal(client.get_domain_name, DomainName=domain)[:2] == (404, "NotFoundException")


def test_what_cannot_be_is_refused(apis: Apis, domain: str) -> None:
    client, api = apis.client, apis.new()
    for name in ("no name", "127.0.0.1", "localhost", "a", "x.execute-api.us-east-1.localhost"):
        assert refusal(client.create_domain_name, DomainName=name)[0] == 400
    mutual = {"TruststoreUri": "s3://a/b"}
    assert "Stoker" in refusal(client.create_domain_name, DomainName="a.example", MutualTlsAuthentication=mutual)[2]
    mapping = {"DomainName": domain, "ApiId": api.id}
    assert refusal(client.create_api_mapping, **mapping, Stage="none")[0] == 404
    assert refusal(client.create_api_mapping, **mapping, Stage="$default", ApiMappingKey="/a")[0] == 400


def test_the_nodes_own_names_lead_nowhere_else(start_node: Callable[..., tuple[NodeProcess, Node]]) -> None:
    _, node = start_node(STOKER_ALLOWED_HOSTS="node.example.com")
    client = node.client("apigatewayv2")
    assert refusal(client.create_domain_name, DomainName="Node.example.com")[0] == 400
    client.create_domain_name(DomainName="*.example.com")
    request = urllib.request.Request(f"{node.endpoint}/_stoker/health", headers={"Host": "node.example.com"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200
