"""Expected texts: Apache Velocity User Guide, and Java's own way to print values."""

import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoker.velocity.errors import TemplateError
from stoker.velocity.template import ITERATIONS_MAX, Template
from stoker.velocity.values import HostObject, JsonList

VALUES: dict[str, Any] = {
    "name": "Rex",
    "n": 7,
    "pi": 3.5,
    "yes": True,
    "no": False,
    "nothing": None,
    "list": ["x", "y", "z"],
    "json": JsonList(["x", 1, {"a": None}]),
    "map": {"a": 1, "b": {"c": [1, 2]}},
    "host": HostObject({"twice": lambda text: text * 2, "void": lambda: None}, {"body": "B"}),
}


def merged(template: str) -> str:
    return Template(template).merge(VALUES)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        # References
        ("$name", "Rex"),
        ("${name}y $!name $!{name}.", "Rexy Rex Rex."),
        ("$nothing ${other.thing} $!other $!{map.x}|", "$nothing ${other.thing}  |"),
        ("$map.a $map.b.c[1] $map['a'] $map.b.get('c').get(0)", "1 2 1 1"),
        ("$list[0]$list[-1] $list.size() $list.get(1)", "xz 3 y"),
        ("$name.length() $name.toUpperCase().toLowerCase()", "3 rex"),
        ("$host.body $host.twice('ab') $host.void() $!host.void()", "B abab $host.void() "),
        ("$name. $name, ($name) $5 $ $$name", "Rex. Rex, (Rex) $5 $ $Rex"),
        ("$name[x] ${name}[0]", "Rex[x] Rex[0]"),
        (r"\$name \#if \n", r"$name #if \n"),
        # How Java prints
        ("$yes $no $pi $map $list", "true false 3.5 {a=1, b={c=[1, 2]}} [x, y, z]"),
        ("$json", '["x",1,{"a":null}]'),
        ("#set($x = 4 / 2.0)$x", "2.0"),
        # Directives
        ("#set($x = 'it')$x#set($x = $nothing)$x", "it$x"),
        ("#if($yes)a#else b#end#if($no)c#{else}d#end#if($nothing)e#elseif($n == 7)f#end", "adf"),
        ("#foreach($i in $list)$foreach.count$i#if($foreach.hasNext),#end#end", "1x,2y,3z"),
        ("#foreach($i in [1..3])#foreach($j in [$i..1])$i$j #end#end", "11 22 21 33 32 31 "),
        ("#foreach($i in $list)#if($i == 'y')#break#end$i#end!", "x!"),
        ("#foreach($v in $map)$v;#end", "1;{c=[1, 2]};"),
        ("#foreach($e in $map.entrySet())$e.key=$e.value;#end", "a=1;b={c=[1, 2]};"),
        ("#foreach($k in $map.keySet())$k#end#foreach($i in $nothing)x#end", "ab"),
        ("#foreach($name in $list)$name#end$name", "xyzRex"),
        ("a#stop b", "a"),
        ("#break x", ""),
        ("#set($m = {})#set($m.a = 1)#set($m['b'] = [])#set($void = $m.b.add('x'))$m", "{a=1, b=[x]}"),
        ("#set($l = [1, 2])#set($l[0] = 'a')$l", "[a, 2]"),
        ("a ## comment\nb#* many\nlines *#c #[[$name #if]]#", "a bc $name #if"),
        ("#nothing #1 # #name()", "#nothing #1 # #name()"),
        ("  #set($x = 1)\nnext\n#if($yes)\n  in\n#end\nout", "next\n  in\nout"),
        # Expressions
        ('#set($x = "a $name ${map.a} #if($yes)b#end")$x', "a Rex 1 b"),
        ('#set($x = \'a $name\')$x#set($x = "say ""hi""")$x', 'a $namesay "hi"'),
        ("#set($x = 1 + 2 * 3 - 8 / 3 % 2)$x", "7"),
        ("#set($x = -7 / 2)$x #set($y = -7 % 2)$y", "-3-1"),
        ("#set($x = ($n + 1) * -1)$x#set($x = 'a' + 1 + 'b')$x", "-8a1b"),
        ("#set($x = 1 / 0)$!x.", "."),
        ("#if($n > 6 && $n <= 7 and !($n lt 7) || $no)yes#end", "yes"),
        ("#if($n == '7')same#end#if($n != 7.0)other#end#if($nothing == $other)both#end", "sameboth"),
        ("#if(not $nothing && '' && $list)true#end", "true"),
        ("#if($name < 3)x#{else}y#end", "y"),
        # Methods
        ("$name.replaceAll('[a-z]+', '<$0>')$name.replace('e', 'ee')", "R<ex>Reex"),
        ("$name.split('e').get(1) $name.substring(1, 2) $name.indexOf('x') $name.charAt(0)", "x e 2 R"),
        ("$name.contains('ex') $name.startsWith('R') $name.matches('R..') $name.equals('Rex')", "true true true true"),
        ("$name.equalsIgnoreCase('REX') $name.isEmpty() $name.trim().concat('!')", "true false Rex!"),
        ("$map.containsKey('a') $map.isEmpty() $map.size() $map.values().size()", "true false 2 2"),
        ("$list.contains('y') $list.indexOf('z') $list.isEmpty()", "true 2 false"),
        ("$n.toString().length() $n.parseInt('12') $pi.intValue()", "1 12 3"),
        ("$name.nonsense() $name.nonsense", "$name.nonsense() $name.nonsense"),
    ],
)
def test_a_template_becomes_a_text(template: str, expected: str) -> None:
    assert merged(template) == expected


@pytest.mark.parametrize(
    "template",
    [
        "#if($x",
        "#if($x)",
        "#if($x)a#else b#else c#end",
        "#end",
        "#else",
        "#foreach($x)#end",
        "#foreach($x.y in $z)#end",
        "#foreach($x in $z)",
        "#set($x)",
        "#set(3 = 4)",
        "#set($x = )",
        "#set($x = 'a)",
        "#set($x = [1, )",
        "#set($x = {1})",
        "#set($x = nonsense)",
        "#macro(x)#end",
        "#parse('x')",
        "#include('x')",
        "#* no end",
        "#[[ no end",
        f"#set($x = {'(' * 100}1{')' * 100})",
        f"#set($x = {'!' * 100}true)",
        "#if(true)" * 60 + "#end" * 60,
    ],
)
def test_what_is_no_template_is_refused(template: str) -> None:
    with pytest.raises(TemplateError):
        Template(template)


@pytest.mark.parametrize(
    "template",
    [
        "$name.substring(9)",
        "$name.charAt(3)",
        "$list.get(9)",
        "$name.replaceAll('(', '')",
        "$name.concat()",
        # What grows without end, slowly written.
        "#set($s = 'aaaaaaaaaa')#foreach($i in [1..100])#set($s = $s + $s)#end",
        "#set($s = 'aaaaaaaaaa')#foreach($i in [1..100])#set($s = \"$s$s\")#end",
        "#set($s = 'aaaaaaaaaa')#foreach($i in [1..100])#set($s = $s.concat($s))#end",
        "#set($s = 'aaaaaaaaaa')#foreach($i in [1..100])#set($s = $s.replaceAll('a', $s))#end",
        "#set($s = 'aaaaaaaaaa')#foreach($i in [1..100])#set($s = $s.replace('a', $s))#end",
        "#set($l = [1, 2])#foreach($i in [1..100])#set($void = $l.addAll($l))#end",
        "#set($l = [1])#foreach($i in [1..100])#set($l = [$l, $l])#end$l",
        "#set($l = [1])#set($m = [1])#foreach($i in [1..100])#set($l = [$l, $l])#set($m = [$m, $m])#end"
        "#if($l == $m)#end",
        "#set($l = [])#set($void = $l.add($l))$l",
        "#set($s = 'a')#foreach($i in [1..20])#set($s = $s + $s)#end#foreach($i in [1..1000])#set($x = $s.trim())#end",
        "#set($n = 2)#foreach($i in [1..100])#set($n = $n * $n)#end",
        "#foreach($i in [1..1000])#foreach($j in [1..1000])x#end#end",
        '#foreach($i in [1..1000])#set($s = "$!s$list$list$list$list$list$list$list$list")$s$s$s$s#end',
    ],
)
def test_a_template_that_goes_wrong_or_without_end_is_stopped(template: str) -> None:
    with pytest.raises(TemplateError):
        merged(template)


def test_a_loop_has_its_bound() -> None:
    assert merged("#foreach($i in [1..5000])x#end") == "x" * ITERATIONS_MAX


def test_nothing_of_python_can_be_reached() -> None:
    for path in ("__class__", "__init__", "methods", "properties", "__dict__", "format('x')", "join($list)"):
        for value in ("$name", "$list", "$map", "$host", "$n"):
            assert merged(f"{value}.{path}") == f"{value}.{path}"


def test_what_a_template_sets_within_a_value_is_seen_outside() -> None:
    context: dict[str, Any] = {"override": {}}
    Template("#set($context.override.status = 400)#set($other = 1)").merge({"context": context})
    assert context == {"override": {"status": 400}}


@given(st.text(alphabet=string.ascii_letters + string.digits + " .,:;{}[]()'\"\n-_/", max_size=200))
def test_text_without_signs_stays_as_it_is(text: str) -> None:
    assert merged(text) == text


@given(
    st.recursive(
        st.booleans() | st.integers(-1000, 1000) | st.text(string.ascii_letters, max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(string.ascii_letters, min_size=1), inner),
        max_leaves=10,
    )
)
def test_a_literal_is_its_value(value: Any) -> None:
    """What JSON writes is a literal of Velocity's as well, as long as there are no signs in it."""
    printed = Template(f"#set($x = {json.dumps(value)})$x").merge({})
    assert printed == Template("$x").merge({"x": value})


@given(st.text(alphabet="$#!{}[]()'\"\\.abc=<>&|+-*/%, \n\t123", max_size=80))
def test_no_text_does_anything_but_become_a_text_or_be_refused(text: str) -> None:
    try:
        assert isinstance(Template(text).merge({"a": ["x"], "b": {"c": "1"}, "c": "x"}), str)
    except TemplateError:
        return
