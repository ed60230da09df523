"""What a template is parsed into."""

from dataclasses import dataclass

Literal = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Property:
    name: str


@dataclass(frozen=True, slots=True)
class Index:
    at: "Expression"


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    arguments: tuple["Expression", ...]


Step = Property | Index | Call


@dataclass(frozen=True, slots=True)
class Reference:
    """`$name.property.method(…)[0]`. `source` is shown where there is no value, unless it is quiet (`$!`)."""

    name: str
    steps: tuple[Step, ...]
    source: str
    is_quiet: bool


@dataclass(frozen=True, slots=True)
class Constant:
    value: Literal


@dataclass(frozen=True, slots=True)
class Interpolated:
    """A text between double quotes, which is a template of its own."""

    body: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    items: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Range:
    first: "Expression"
    last: "Expression"


@dataclass(frozen=True, slots=True)
class MapOf:
    pairs: tuple[tuple["Expression", "Expression"], ...]


@dataclass(frozen=True, slots=True)
class Not:
    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Negative:
    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Binary:
    """`operator` is `||`, `&&`, `==`, `!=`, `<`, `<=`, `>`, `>=`, `+`, `-`, `*`, `/` or `%`."""

    operator: str
    left: "Expression"
    right: "Expression"


Expression = Reference | Constant | Interpolated | ListOf | Range | MapOf | Not | Negative | Binary


@dataclass(frozen=True, slots=True)
class Set:
    target: Reference
    value: Expression


@dataclass(frozen=True, slots=True)
class If:
    """The first branch whose condition holds; a condition of None is `#else`."""

    branches: tuple[tuple[Expression | None, tuple["Node", ...]], ...]


@dataclass(frozen=True, slots=True)
class Foreach:
    name: str
    items: Expression
    body: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Break:
    """Out of the innermost loop."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The end of the whole template."""


Node = Text | Reference | Set | If | Foreach | Break | Stop
