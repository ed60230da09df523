"""The operations on rules of listeners."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from stoker.lambda_model.call import ApiAnswer, ApiCall, Caller, Operation
from stoker.load_balancers.actions import read_action, shown_action
from stoker.load_balancers.checks import check_groups
from stoker.load_balancers.conditions import read_conditions, shown_condition
from stoker.load_balancers.errors import BalancerError, invalid, no_listener, no_rule, not_permitted, refuse
from stoker.load_balancers.names import place, read_tags, rule_arn
from stoker.load_balancers.pages import page
from stoker.load_balancers.records import Listener, Rule
from stoker.load_balancers.registry import LoadBalancerRegistry

RULES_MAX = 100  # of a load balancer, not counting default rules
_UNSUPPORTED = ("Transforms", "ResetTransforms")


class RulesApi:
    """By their ARNs."""

    def __init__(self, registry: LoadBalancerRegistry) -> None:
        self._registry = registry

    def operations(self) -> dict[str, Operation]:
        return {
            "CreateRule": self.create_rule,
            "DescribeRules": self.describe_rules,
            "ModifyRule": self.modify_rule,
            "DeleteRule": self.delete_rule,
            "SetRulePriorities": self.set_rule_priorities,
        }

    async def create_rule(self, call: ApiCall) -> ApiAnswer:
        members = call.members
        refuse(members, _UNSUPPORTED)
        conditions, action = read_conditions(members["Conditions"]), read_action(members["Actions"])
        async with self._registry.turn:
            listener = self._listener(members["ListenerArn"], call.caller)
            check_groups(self._registry, listener.load_balancer_arn, action)
            rules = self._registry.rules(listener.arn)
            if any(rule.priority == members["Priority"] for rule in rules):
                raise BalancerError("PriorityInUse", f"Priority '{members['Priority']}' is currently in use")
            self._check_room(listener)
            arn, tags = rule_arn(call.caller, listener.arn), read_tags(members.get("Tags") or ())
            rule = Rule(arn, listener.arn, members["Priority"], conditions, action, tags)
            await self._registry.commit([rule])
        return _answer([rule])

    async def describe_rules(self, call: ApiCall) -> ApiAnswer:
        members = call.members
        listener_arn, arns = members.get("ListenerArn"), members.get("RuleArns") or ()
        found: Sequence[Rule]
        if listener_arn is not None:
            found = self._registry.rules(self._listener(listener_arn, call.caller).arn)
        elif arns:
            found = [self._find(arn, call.caller) for arn in arns]
        else:
            raise invalid("Either rule ARNs or a listener ARN must be specified")
        return page("Rules", found, members, _shown)

    async def modify_rule(self, call: ApiCall) -> ApiAnswer:
        members = call.members
        refuse(members, _UNSUPPORTED)
        async with self._registry.turn:
            rule = self._changeable(members["RuleArn"], call.caller, "modified")
            if members.get("Conditions"):
                rule = replace(rule, conditions=read_conditions(members["Conditions"]))
            if members.get("Actions"):
                rule = replace(rule, action=read_action(members["Actions"]))
                listener = self._listener(rule.listener_arn, call.caller)
                check_groups(self._registry, listener.load_balancer_arn, rule.action)
            await self._registry.commit([rule])
        return _answer([rule])

    async def delete_rule(self, call: ApiCall) -> ApiAnswer:
        async with self._registry.turn:
            rule = self._changeable(call.members["RuleArn"], call.caller, "deleted")
            await self._registry.commit(gone=[rule])
        return ApiAnswer()

    async def set_rule_priorities(self, call: ApiCall) -> ApiAnswer:
        """All at once, so that rules can change places."""
        async with self._registry.turn:
            changed = {}
            for pair in call.members["RulePriorities"]:
                if pair.get("RuleArn") is None or pair.get("Priority") is None:
                    raise invalid("A rule priority needs a RuleArn and a Priority")
                rule = self._changeable(pair["RuleArn"], call.caller, "moved")
                changed[rule.arn] = replace(rule, priority=pair["Priority"])
            if len({rule.listener_arn for rule in changed.values()}) > 1:
                raise invalid("All rules must belong to the same listener")
            self._check_priorities(changed)
            await self._registry.commit(list(changed.values()))
        return _answer(list(changed.values()))

    def _check_priorities(self, changed: Mapping[str, Rule]) -> None:
        """Raises PriorityInUse."""
        taken = set()
        for listener_arn in {rule.listener_arn for rule in changed.values()}:
            for rule in self._registry.rules(listener_arn):
                priority = changed.get(rule.arn, rule).priority
                if priority in taken:
                    raise BalancerError("PriorityInUse", f"Priority '{priority}' is currently in use")
                taken.add(priority)

    def _check_room(self, listener: Listener) -> None:
        """Raises TooManyRules."""
        listeners = self._registry.listeners(listener.load_balancer_arn)
        if sum(len(self._registry.rules(each.arn)) - 1 for each in listeners) >= RULES_MAX:
            raise BalancerError("TooManyRules", f"A load balancer has at most {RULES_MAX} rules")

    def _listener(self, arn: str, caller: Caller) -> Listener:
        listener = self._registry.find(Listener, arn, place(caller))
        if listener is None:
            raise no_listener(arn)
        return listener

    def _find(self, arn: str, caller: Caller) -> Rule:
        rule = self._registry.find(Rule, arn, place(caller))
        if rule is None:
            raise no_rule(arn)
        return rule

    def _changeable(self, arn: str, caller: Caller, verb: str) -> Rule:
        rule = self._find(arn, caller)
        if rule.priority is None:
            raise not_permitted(f"Default rule '{arn}' cannot be {verb}")
        return rule


def _answer(rules: Sequence[Rule]) -> ApiAnswer:
    return ApiAnswer({"Rules": [_shown(rule) for rule in rules]})


def _shown(rule: Rule) -> dict[str, Any]:
    return {
        "RuleArn": rule.arn,
        "Priority": "default" if rule.priority is None else str(rule.priority),
        "Conditions": [shown_condition(condition) for condition in rule.conditions],
        "Actions": [shown_action(rule.action)],
        "IsDefault": rule.priority is None,
    }
