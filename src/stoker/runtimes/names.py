"""The runtimes that Stoker knows, by AWS's identifiers."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

Language = Literal["python", "nodejs", "java", "ruby", "dotnet", "provided"]


@dataclass(frozen=True, slots=True)
class KnownRuntime:
    """`release` is the interpreter's "3.12", "22" or "21"; the date is when AWS stops supporting the runtime."""

    name: str
    language: Language
    release: str
    deprecated_on: date

    def is_deprecated(self, today: date) -> bool:
        return today >= self.deprecated_on


# Source of the dates: AWS Lambda Developer Guide, "Lambda runtimes", as of 2026. A deprecated runtime still works here.
KNOWN_RUNTIMES = {
    runtime.name: runtime
    for runtime in (
        KnownRuntime("python3.9", "python", "3.9", date(2025, 12, 15)),
        KnownRuntime("python3.10", "python", "3.10", date(2026, 10, 31)),
        KnownRuntime("python3.11", "python", "3.11", date(2027, 6, 30)),
        KnownRuntime("python3.12", "python", "3.12", date(2028, 10, 31)),
        KnownRuntime("python3.13", "python", "3.13", date(2029, 6, 30)),
        KnownRuntime("python3.14", "python", "3.14", date(2029, 6, 30)),
        KnownRuntime("nodejs16.x", "nodejs", "16", date(2024, 6, 12)),
        KnownRuntime("nodejs18.x", "nodejs", "18", date(2025, 9, 1)),
        KnownRuntime("nodejs20.x", "nodejs", "20", date(2026, 4, 30)),
        KnownRuntime("nodejs22.x", "nodejs", "22", date(2027, 4, 30)),
        KnownRuntime("nodejs24.x", "nodejs", "24", date(2028, 4, 30)),
        KnownRuntime("java8.al2", "java", "8", date(2027, 6, 30)),
        KnownRuntime("java11", "java", "11", date(2027, 6, 30)),
        KnownRuntime("java17", "java", "17", date(2027, 6, 30)),
        KnownRuntime("java21", "java", "21", date(2029, 6, 30)),
        KnownRuntime("java25", "java", "25", date(2029, 6, 30)),
        KnownRuntime("ruby3.2", "ruby", "3.2", date(2026, 3, 31)),
        KnownRuntime("ruby3.3", "ruby", "3.3", date(2027, 3, 31)),
        KnownRuntime("ruby3.4", "ruby", "3.4", date(2028, 3, 31)),
        KnownRuntime("dotnet6", "dotnet", "6", date(2024, 12, 20)),
        KnownRuntime("dotnet8", "dotnet", "8", date(2026, 11, 10)),
        KnownRuntime("dotnet10", "dotnet", "10", date(2028, 11, 14)),
        KnownRuntime("provided.al2023", "provided", "al2023", date(2029, 6, 30)),
        KnownRuntime("provided.al2", "provided", "al2", date(2026, 7, 31)),
    )
}

# Where a runtime comes from that neither this host nor a package has with AWS's client: AWS's own base image.
DEFAULT_ROOTS = {
    f"dotnet{release}": f"public.ecr.aws/lambda/dotnet:{release}"
    for release in (known.release for known in KNOWN_RUNTIMES.values() if known.language == "dotnet")
}
