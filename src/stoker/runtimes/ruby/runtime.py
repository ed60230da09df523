"""One Ruby runtime: which interpreter, and AWS's client beside it, which the interpreter's own gem command fetches."""

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stoker.runtimes.builds import build_path, is_built, make_build
from stoker.runtimes.names import KnownRuntime
from stoker.runtimes.records import InterpreterStatus, RuntimeBuild, RuntimeInstallError, RuntimeNotReadyError
from stoker.runtimes.ruby.interpreter import RubyInterpreter

PACKAGE, VERSION = "aws_lambda_ric", "3.1.1"
GEM_TIMEOUT_S = 300.0

# What AWS's start script gives to Ruby. Its client takes the handler from _HANDLER, and a stack trace on AWS ends in
# "/var/runtime/index.rb:4:in `<main>'".
INDEX = """\
# Starts AWS's runtime client.
require "aws_lambda_ric"

AwsLambdaRIC::Bootstrap.new.start
"""

# As Python's and Node.js's, with /var/lang named twice (reference: runtime side, 3.1).
PATH = "/var/lang/bin:/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"
LD_LIBRARY_PATH = (
    "/var/lang/lib:/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
)


@dataclass(frozen=True, slots=True)
class RubyRuntime:
    """`root` is this runtime's own directory for builds."""

    known: KnownRuntime
    ruby: RubyInterpreter
    root: Path

    def find(self) -> RuntimeBuild:
        """The build, if it was made. Raises RuntimeNotReadyError."""
        if not is_built(self._path()):
            raise RuntimeNotReadyError(
                f"The runtime {self.known.name} is not ready on this machine. "
                f"Type: stoker runtimes install {self.known.name}"
            )
        return self.built()

    def install(self, progress: Callable[[str], None]) -> RuntimeBuild:
        """Fetch the client unless it is there. Raises RuntimeInstallError."""
        make_build(self._path(), lambda directory: self._fill(directory, progress))
        return self.find()

    def status(self) -> InterpreterStatus:
        return InterpreterStatus(self.ruby.version, self.ruby.source, is_built(self._path()))

    def _path(self) -> Path:
        ruby = {"executable": str(self.ruby.executable), "version": self.ruby.version}
        return build_path(self.root, {"package": PACKAGE, "version": VERSION, "index": INDEX, **ruby})

    def _fill(self, directory: Path, progress: Callable[[str], None]) -> Mapping[str, str]:
        progress(f"Fetching AWS's runtime client for Ruby ({PACKAGE} {VERSION})")
        runtime = directory / "runtime"
        # The program `gem` in two lines: where it lies, if it does, differs from one installation to the next.
        gem = ("-rrubygems", "-rrubygems/gem_runner", "-e", "Gem::GemRunner.new.run(ARGV)", "--")
        command = [str(self.ruby.executable), *gem, "install", PACKAGE, "--version", VERSION]
        command += ["--install-dir", str(runtime), "--no-document", "--quiet"]
        try:
            ended = subprocess.run(
                command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=GEM_TIMEOUT_S
            )
        except subprocess.TimeoutExpired:
            raise RuntimeInstallError(f"gem did not finish within {GEM_TIMEOUT_S:.0f} seconds") from None
        if ended.returncode != 0:
            raise RuntimeInstallError(_failure((ended.stdout + ended.stderr).strip()[-2000:]))
        (runtime / "index.rb").write_text(INDEX)
        if self.ruby.prefix == Path("/usr"):
            (directory / "lang" / "bin").mkdir(parents=True)
            (directory / "lang" / "bin" / "ruby").symlink_to(self.ruby.inside or self.ruby.executable)
        return {"version": VERSION}

    def built(self) -> RuntimeBuild:
        """The build as it is, or will be, made."""
        path, is_systems = self._path(), self.ruby.prefix == Path("/usr")
        runtime_dir = path / "runtime"
        return RuntimeBuild(
            name=self.known.name,
            language="ruby",
            version=f"ruby:{self.known.release}.v1",
            source=self.ruby.source,
            lang_dir=path / "lang" if is_systems else self.ruby.prefix,
            runtime_dir=runtime_dir,
            interpreter="/var/lang/bin/ruby",
            command=("/var/lang/bin/ruby", "/var/runtime/index.rb"),
            host_interpreter=str(self.ruby.executable),
            host_command=(str(self.ruby.executable), str(runtime_dir / "index.rb")),
            can_fork=False,
            environment=self._environment(),
            host_environment=self._host_environment(runtime_dir),
            client=f"{PACKAGE} {VERSION}",
            # A Ruby looks for its library where it was built to lie, wherever its program is found.
            lent=() if is_systems else (self.ruby.prefix,),
            root=self.ruby.root,
        )

    def _environment(self) -> dict[str, str]:
        gems = f"{self.known.release}.0"
        return {
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{self.known.name}",
            "PATH": PATH,
            "LD_LIBRARY_PATH": LD_LIBRARY_PATH,
            "GEM_HOME": "/var/runtime",
            "GEM_PATH": (
                f"/var/task/vendor/bundle/ruby/{gems}:/opt/ruby/gems/{gems}:/var/runtime:/var/runtime/ruby/{gems}"
            ),
            "RUBYLIB": f"/var/runtime/gems/{PACKAGE}-{VERSION}/lib:/var/task:/var/runtime/lib:/opt/ruby/lib",
        }

    def _host_environment(self, runtime_dir: Path) -> dict[str, str]:
        """Relative to the function's directory, where it is started, what is /var/task in a sandbox."""
        return {
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{self.known.name}",
            "GEM_HOME": str(runtime_dir),
            "GEM_PATH": os.pathsep.join((f"vendor/bundle/ruby/{self.known.release}.0", str(runtime_dir))),
            "RUBYLIB": os.pathsep.join((str(runtime_dir / "gems" / f"{PACKAGE}-{VERSION}" / "lib"), ".")),
        }


def _failure(said: str) -> str:
    """What gem said, and what helps where it reaches no source that has the client."""
    if "Could not find a valid gem" not in said:
        return f"gem failed:\n{said}"
    return f"gem failed:\n{said}.\nIf this machine reaches a mirror of it, name that under :sources: in ~/.gemrc"
