"""Functions and their versions, as the other rooms hold them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from stoker.code.records import CodePackage
from stoker.functions.aliases.records import Alias
from stoker.functions.event_invoke_configs.records import EventInvokeConfig
from stoker.functions.policies.records import Policy
from stoker.functions.provisioned_concurrency.records import ProvisionedConcurrencyConfig
from stoker.functions.runtime_management.records import RuntimeManagement
from stoker.functions.urls.records import FunctionUrl

LATEST = "$LATEST"
# Where things are kept by qualifier: the function as a whole, which is not the same as its `$LATEST`.
UNQUALIFIED = ""

SnapStart = Literal["None", "PublishedVersions"]
"""To what `SnapStart.ApplyOn` applies it."""


class State(StrEnum):
    PENDING = "Pending"
    ACTIVE = "Active"
    INACTIVE = "Inactive"
    FAILED = "Failed"


class LastUpdateStatus(StrEnum):
    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    IN_PROGRESS = "InProgress"


@dataclass(frozen=True, slots=True)
class LoggingConfig:
    """`log_group` is always set; levels only with JSON."""

    log_group: str
    log_format: Literal["Text", "JSON"] = "Text"
    application_log_level: str | None = None
    system_log_level: str | None = None


@dataclass(frozen=True, slots=True)
class VpcConfig:
    """The network of a function. Without subnets it has left its VPC: AWS goes on to show that it once had one."""

    subnet_ids: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()
    vpc_id: str = ""
    ipv6_allowed: bool = False


@dataclass(frozen=True, slots=True)
class FileSystem:
    """A file system's access point and where the function sees it (`/mnt/…`)."""

    arn: str
    local_mount_path: str


@dataclass(frozen=True, slots=True)
class Image:
    """A container image: as it was asked for, and by the digest (hex SHA-256 of its manifest) that was found then."""

    uri: str
    resolved_uri: str
    digest: str


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What a function says instead of its image; None where the image's own word counts."""

    entry_point: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    working_directory: str | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a state is what it is."""

    text: str
    code: str


@dataclass(frozen=True, slots=True)
class AttachedLayer:
    """A layer version as a function has it: all it takes to run, also when the layer version has been deleted."""

    arn: str
    code: CodePackage


@dataclass(frozen=True, slots=True)
class FunctionVersion:
    """One version (`$LATEST` or a number) of one function, complete.

    `build_id` changes exactly when something changes that a running environment was made from (code, configuration),
    so environments of an older build are drained. `environment` is None when it was never given. A function made from
    an image has neither runtime nor handler, and its `code` stands for the image: no bytes, named by its digest.
    With a key of the customer's, `sealed_environment` is what KMS made of the variables, and `environment` None.
    `configuration_sha256` covers all that publishing would freeze: equal digests publish nothing new.
    """

    account_id: str
    region: str
    name: str
    version: str
    runtime: str
    handler: str
    role: str
    code: CodePackage
    description: str
    timeout_s: int
    memory_mb: int
    ephemeral_storage_mb: int
    architecture: str
    environment: Mapping[str, str] | None
    tracing_mode: Literal["PassThrough", "Active"]
    logging: LoggingConfig
    state: State
    state_reason: Reason | None
    last_update_status: LastUpdateStatus | None
    last_update_reason: Reason | None
    revision_id: str
    last_modified: str
    build_id: str
    configuration_sha256: str = ""
    layers: tuple[AttachedLayer, ...] = ()
    vpc: VpcConfig | None = None
    dead_letter_target_arn: str = ""
    kms_key_arn: str = ""
    sealed_environment: str | None = None
    file_systems: tuple[FileSystem, ...] = ()
    snap_start: SnapStart = "None"
    image: Image | None = None
    image_config: ImageConfig | None = None

    @property
    def package_type(self) -> Literal["Zip", "Image"]:
        return "Zip" if self.image is None else "Image"

    @property
    def is_snap_started(self) -> bool:
        """Whether its environments are restored instead of initialised: snapshots are of published versions only."""
        return self.snap_start == "PublishedVersions" and self.version != LATEST

    @property
    def code_sha256(self) -> str:
        """As the API shows it: of a package in base64, of an image in hex."""
        return self.code.code_sha256 if self.image is None else self.image.digest

    @property
    def function_arn(self) -> str:
        """Unqualified."""
        return f"arn:aws:lambda:{self.region}:{self.account_id}:function:{self.name}"

    @property
    def version_arn(self) -> str:
        """With `:$LATEST` or the number."""
        return f"{self.function_arn}:{self.version}"

    @property
    def packages(self) -> tuple[CodePackage, ...]:
        """Everything of the code store that its environments see: the code, then the layers in their order."""
        return (self.code, *self.layer_packages) if self.image is None else ()

    @property
    def layer_packages(self) -> tuple[CodePackage, ...]:
        return tuple(layer.code for layer in self.layers)


FunctionKey = tuple[str, str, str]
"""Account, region and name: what makes a function unique on a node."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function with all its versions. `id` tells it from an earlier function of the same name.

    `published` is in ascending order. Numbers are never used twice, so `next_version` only grows. What is kept by
    qualifier has `UNQUALIFIED` or `$LATEST`, a number or the name of an alias as its key.
    """

    id: str
    latest: FunctionVersion
    published: Mapping[str, FunctionVersion]
    next_version: int
    tags: Mapping[str, str]
    aliases: Mapping[str, Alias] = field(default_factory=dict)
    policies: Mapping[str, Policy] = field(default_factory=dict)
    urls: Mapping[str, FunctionUrl] = field(default_factory=dict)
    event_invoke_configs: Mapping[str, EventInvokeConfig] = field(default_factory=dict)
    runtime_management: Mapping[str, RuntimeManagement] = field(default_factory=dict)
    provisioned: Mapping[str, ProvisionedConcurrencyConfig] = field(default_factory=dict)
    recursive_loop: Literal["Allow", "Terminate"] = "Terminate"
    reserved_concurrency: int | None = None
    code_signing_config_arn: str | None = None

    @property
    def key(self) -> FunctionKey:
        return (self.latest.account_id, self.latest.region, self.latest.name)

    @property
    def name(self) -> str:
        return self.latest.name

    @property
    def arn(self) -> str:
        """Unqualified."""
        return self.latest.function_arn

    @property
    def versions(self) -> tuple[FunctionVersion, ...]:
        """`$LATEST` first, then the published ones."""
        return (self.latest, *self.published.values())

    def version(self, qualifier: str) -> FunctionVersion | None:
        """The version that `$LATEST`, a number or an alias stands for; of an alias with weights, the main one."""
        alias = self.aliases.get(qualifier)
        number = qualifier if alias is None else alias.function_version
        return self.latest if number == LATEST else self.published.get(number)


@dataclass(frozen=True, slots=True)
class FunctionTarget:
    """A function as a caller named it: no qualifier means `$LATEST`, and unqualified ARNs in what the handler sees."""

    account_id: str
    region: str
    name: str
    qualifier: str | None = None

    @property
    def key(self) -> FunctionKey:
        return (self.account_id, self.region, self.name)

    @property
    def function_arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account_id}:function:{self.name}"

    @property
    def arn(self) -> str:
        """As the caller used it: unqualified if unqualified."""
        return f"{self.function_arn}:{self.qualifier}" if self.qualifier else self.function_arn
