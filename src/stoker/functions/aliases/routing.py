"""Which version an alias invokes: always the same one, or by chance as its weights say."""

from collections.abc import Iterable, Mapping, Sequence

from stoker.functions.aliases.records import Alias
from stoker.functions.records import FunctionVersion


class Split:
    """An alias with weights: several versions, each with its share of the invocations."""

    __slots__ = ("_main", "_shares")

    def __init__(self, main: FunctionVersion, shares: Sequence[tuple[FunctionVersion, float]]) -> None:
        """`main` gets what `shares` (0.0 to 1.0 each) leave over."""
        self._main = main
        self._shares = shares

    def choose(self, point: float) -> FunctionVersion:
        """The version for a `point` that was drawn evenly from 0 (included) to 1 (excluded)."""
        for version, share in self._shares:
            if point < share:
                return version
            point -= share
        return self._main


Route = FunctionVersion | Split


def routes(aliases: Iterable[Alias], versions: Mapping[str, FunctionVersion]) -> dict[str, Route]:
    """What each alias invokes, by its name. `versions` has all those that the aliases name."""
    return {alias.name: _route(alias, versions) for alias in aliases}


def _route(alias: Alias, versions: Mapping[str, FunctionVersion]) -> Route:
    main = versions[alias.function_version]
    shares = tuple((versions[number], share) for number, share in alias.additional_weights.items() if share > 0)
    return Split(main, shares) if shares else main
