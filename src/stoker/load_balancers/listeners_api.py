"""The operations on listeners. Each is a port of the node's, taken before the listener is acknowledged."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from stoker.lambda_model.call import ApiAnswer, ApiCall, Caller, Operation
from stoker.load_balancers.actions import read_action, shown_action
from stoker.load_balancers.attributes import OF_LISTENERS, changed_attributes, shown_attributes
from stoker.load_balancers.checks import check_groups
from stoker.load_balancers.errors import BalancerError, invalid, no_listener, no_load_balancer, refuse, unsupported
from stoker.load_balancers.names import listener_arn, place, read_tags, rule_arn
from stoker.load_balancers.pages import page
from stoker.load_balancers.ports import Ports
from stoker.load_balancers.records import Listener, LoadBalancer, Rule
from stoker.load_balancers.registry import LoadBalancerRegistry

# What AWS gives to clients that name none.
SSL_POLICY = "ELBSecurityPolicy-2016-08"


class ListenersApi:
    """By their ARNs."""

    def __init__(self, registry: LoadBalancerRegistry, ports: Ports) -> None:
        self._registry = registry
        self._ports = ports

    def operations(self) -> dict[str, Operation]:
        return {
            "CreateListener": self.create_listener,
            "DescribeListeners": self.describe_listeners,
            "ModifyListener": self.modify_listener,
            "DeleteListener": self.delete_listener,
            "DescribeListenerAttributes": self.describe_listener_attributes,
            "ModifyListenerAttributes": self.modify_listener_attributes,
        }

    async def create_listener(self, call: ApiCall) -> ApiAnswer:
        """Raises InvalidConfigurationRequest for a port that cannot be taken."""
        members = call.members
        if members.get("Protocol") is None or members.get("Port") is None:
            raise invalid("A listener must have a protocol and a port")
        action, tags = read_action(members["DefaultActions"]), read_tags(members.get("Tags") or ())
        async with self._registry.turn:
            balancer = self._balancer(members["LoadBalancerArn"], call.caller)
            check_groups(self._registry, balancer.arn, action)
            self._check_port(balancer.arn, members["Port"])
            arn = listener_arn(call.caller, balancer.arn)
            listener = _secured(Listener(arn, balancer.arn, members["Port"], tags=tags), members)
            rule = Rule(rule_arn(call.caller, arn), arn, None, (), action)
            await self._ports.check(listener)
            async with self._ports.taken(listener):
                await self._registry.commit([listener, rule])
        return ApiAnswer({"Listeners": [self._shown(listener)]})

    async def describe_listeners(self, call: ApiCall) -> ApiAnswer:
        members = call.members
        balancer_arn, arns = members.get("LoadBalancerArn"), members.get("ListenerArns") or ()
        found: Sequence[Listener]
        if balancer_arn is not None:
            found = self._registry.listeners(self._balancer(balancer_arn, call.caller).arn)
        elif arns:
            found = [self._find(arn, call.caller) for arn in arns]
        else:
            raise invalid("Either listener ARNs or a load balancer ARN must be specified")
        return page("Listeners", found, members, self._shown)

    async def modify_listener(self, call: ApiCall) -> ApiAnswer:
        """With another port, the one before is closed once the new one is taken."""
        members = call.members
        async with self._registry.turn:
            before = self._find(members["ListenerArn"], call.caller)
            port = members.get("Port") or before.port
            listener, rule = _secured(replace(before, port=port), members), self._registry.rules(before.arn)[-1]
            if members.get("DefaultActions"):
                rule = replace(rule, action=read_action(members["DefaultActions"]))
                check_groups(self._registry, before.load_balancer_arn, rule.action)
            await self._ports.check(listener)
            if port == before.port and self._ports.problem(before.arn) is None:
                await self._registry.commit([listener, rule])
                if listener.protocol != before.protocol:
                    self._ports.speak(listener)
            else:
                if port != before.port:
                    self._check_port(before.load_balancer_arn, port)
                async with self._ports.taken(listener):
                    await self._registry.commit([listener, rule])
        return ApiAnswer({"Listeners": [self._shown(listener)]})

    async def delete_listener(self, call: ApiCall) -> ApiAnswer:
        """With its rules."""
        async with self._registry.turn:
            listener = self._find(call.members["ListenerArn"], call.caller)
            await self._registry.commit(gone=[listener, *self._registry.rules(listener.arn)])
            self._ports.close(listener.arn)
        return ApiAnswer()

    async def describe_listener_attributes(self, call: ApiCall) -> ApiAnswer:
        listener = self._find(call.members["ListenerArn"], call.caller)
        return ApiAnswer({"Attributes": shown_attributes(OF_LISTENERS, listener.attributes)})

    async def modify_listener_attributes(self, call: ApiCall) -> ApiAnswer:
        async with self._registry.turn:
            listener = self._find(call.members["ListenerArn"], call.caller)
            attributes = changed_attributes(OF_LISTENERS, listener.attributes, call.members["Attributes"])
            await self._registry.commit([replace(listener, attributes=attributes)])
        return ApiAnswer({"Attributes": shown_attributes(OF_LISTENERS, attributes)})

    def _find(self, arn: str, caller: Caller) -> Listener:
        listener = self._registry.find(Listener, arn, place(caller))
        if listener is None:
            raise no_listener(arn)
        return listener

    def _balancer(self, arn: str, caller: Caller) -> LoadBalancer:
        balancer = self._registry.find(LoadBalancer, arn, place(caller))
        if balancer is None:
            raise no_load_balancer(arn)
        return balancer

    def _check_port(self, balancer_arn: str, port: int) -> None:
        """Raises DuplicateListener; whether the port is free at all is found out by taking it."""
        if any(listener.port == port for listener in self._registry.listeners(balancer_arn)):
            raise BalancerError(
                "DuplicateListener", f"A listener already exists on this port for this load balancer '{balancer_arn}'"
            )

    def _shown(self, listener: Listener) -> dict[str, Any]:
        default = self._registry.rules(listener.arn)[-1]
        return {
            "ListenerArn": listener.arn,
            "LoadBalancerArn": listener.load_balancer_arn,
            "Port": listener.port,
            "Protocol": listener.protocol,
            "Certificates": [{"CertificateArn": arn} for arn in listener.certificates] or None,
            "SslPolicy": listener.ssl_policy or None,
            "DefaultActions": [shown_action(default.action)],
        }


def _secured(listener: Listener, members: Mapping[str, Any]) -> Listener:
    """With the protocol and the certificates that are asked for. Raises ValidationError, UnsupportedProtocol, and
    refuses what is not supported."""
    refuse(members, ("AlpnPolicy",))
    if (members.get("MutualAuthentication") or {}).get("Mode") not in (None, "off"):
        raise unsupported("MutualAuthentication")
    protocol = members.get("Protocol") or listener.protocol
    given = tuple(certificate.get("CertificateArn") or "" for certificate in members.get("Certificates") or ())
    if protocol == "HTTP":
        if given or members.get("SslPolicy"):
            raise invalid("Certificates and SslPolicy cannot be specified for HTTP listeners")
        return replace(listener, protocol="HTTP", certificates=(), ssl_policy="")
    if protocol != "HTTPS":
        raise BalancerError("UnsupportedProtocol", f"Listener protocol '{protocol}' must be one of 'HTTP, HTTPS'")
    certificates = given or listener.certificates
    if len(certificates) != 1 or not certificates[0]:
        raise invalid("A certificate must be specified for HTTPS listeners")
    policy = members.get("SslPolicy") or listener.ssl_policy or SSL_POLICY
    return replace(listener, protocol="HTTPS", certificates=certificates, ssl_policy=policy)
