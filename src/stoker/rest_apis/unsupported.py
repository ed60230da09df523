"""What AWS's API takes and Stoker does not do: refused by name where it would mean something."""

from collections.abc import Mapping
from typing import Any

from stoker.rest_apis.errors import not_supported

# Members of requests, and values of them that ask for nothing.
_MEMBERS: Mapping[str, tuple[Any, ...]] = {
    "canarySettings": (None,),
    "cacheClusterEnabled": (None, False),
    "cacheClusterSize": (None,),
    "clientCertificateId": (None, ""),
    "connectionId": (None, ""),
    "connectionType": (None, "INTERNET"),
    "documentationVersion": (None, ""),
    "endpointAccessMode": (None, "BASIC"),
    "generateDistinctId": (None, False, True),
    "integrationTarget": (None, ""),
    "minimumCompressionSize": (None,),
    "mutualTlsAuthentication": (None,),
    "ownershipVerificationCertificateArn": (None, ""),
    "productCode": (None, ""),
    "responseTransferMode": (None, "BUFFERED"),
    "routingMode": (None, "BASE_PATH_MAPPING_ONLY"),
    "tlsConfig": (None,),
    "tracingEnabled": (None, False),
    "webAclArn": (None, ""),
}


def refuse_unsupported(members: Mapping[str, Any]) -> None:
    """Raises BadRequestError for the first member that Stoker would have to ignore."""
    for name, value in members.items():
        if name in _MEMBERS and value not in _MEMBERS[name]:
            raise not_supported(name)
    endpoint = members.get("endpointConfiguration") or {}
    if "PRIVATE" in (endpoint.get("types") or ()):
        raise not_supported("private endpoints (endpointConfiguration PRIVATE)")
    if endpoint.get("ipAddressType") not in (None, "ipv4"):
        raise not_supported(f"endpointConfiguration.ipAddressType {endpoint['ipAddressType']}")
    if endpoint.get("vpcEndpointIds"):
        raise not_supported("endpointConfiguration.vpcEndpointIds")
