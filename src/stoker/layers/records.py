"""Layer versions as the other rooms hold them."""

from dataclasses import dataclass

from stoker.arn import layer_arn
from stoker.code.records import CodePackage


@dataclass(frozen=True, slots=True)
class LayerStatement:
    """One grant of `lambda:GetLayerVersion`; `principal` is what the caller wrote: an account, a root ARN or `*`."""

    sid: str
    principal: str
    organization_id: str | None


@dataclass(frozen=True, slots=True)
class LayerPolicy:
    """A layer version's resource policy: never without a statement. Its revision changes with each change of it."""

    revision_id: str
    statements: tuple[LayerStatement, ...]


LayerKey = tuple[str, str, str]
"""Account, region and name: what makes a layer unique on a node."""


@dataclass(frozen=True, slots=True)
class LayerVersion:
    """One version of one layer. Optional members are None where the publisher said nothing."""

    account_id: str
    region: str
    name: str
    version: int
    code: CodePackage
    description: str
    license_info: str | None
    compatible_runtimes: tuple[str, ...] | None
    compatible_architectures: tuple[str, ...] | None
    created_date: str
    policy: LayerPolicy | None = None

    @property
    def key(self) -> LayerKey:
        return (self.account_id, self.region, self.name)

    @property
    def layer_arn(self) -> str:
        return layer_arn(self.region, self.account_id, self.name)

    @property
    def arn(self) -> str:
        """With the version's number."""
        return layer_arn(self.region, self.account_id, self.name, self.version)

    def suits(self, runtime: str | None, architecture: str | None) -> bool:
        """Whether a list with these filters shows it; a version that names none is compatible with none."""
        return (runtime is None or runtime in (self.compatible_runtimes or ())) and (
            architecture is None or architecture in (self.compatible_architectures or ())
        )


@dataclass(frozen=True, slots=True)
class LayerTarget:
    """A layer, or one version of it, as a caller named it; `version` is None where the name has no number."""

    account_id: str
    region: str
    name: str
    version: int | None = None

    @property
    def key(self) -> LayerKey:
        return (self.account_id, self.region, self.name)

    @property
    def arn(self) -> str:
        return layer_arn(self.region, self.account_id, self.name, self.version)
