"""Where a package's symbolic links lead. They may stay, as on AWS, if following them never leaves the package.

Resolved on paper, like the kernel would (path_resolution(7)), because on disk a check and a use are two moments.
"""

from collections.abc import Mapping

from stoker.code.entries import BadPackageError

TARGET_BYTES_MAX = 1_024
HOPS_MAX = 40  # the kernel's own bound on links in one path
# All links of one package together: targets like a/../a/../… would otherwise cost minutes.
STEPS_MAX = 500_000


def check_links(links: Mapping[str, str]) -> None:
    """`links` maps each link's path to its target. Raises BadPackageError if one leads out or round in circles."""
    steps_left = STEPS_MAX
    for path in links:
        steps_left -= _follow(path, links, steps_left)


def _follow(path: str, links: Mapping[str, str], steps_left: int) -> int:
    """Follow the link at `path` to its end; the number of steps that took."""
    place = path.split("/")[:-1]
    ahead = _parts(path, links[path])
    hops = steps = 0
    while ahead:
        steps += len(place) + 1
        if steps > steps_left:
            raise BadPackageError("Its symbolic links are too many or too long.")
        part = ahead.pop()
        if part == "..":
            if not place:
                raise BadPackageError(f"The symbolic link {path!a} leaves the package.")
            place.pop()
            continue
        place.append(part)
        here = "/".join(place)
        if here in links:
            hops += 1
            if hops > HOPS_MAX:
                raise BadPackageError(f"The symbolic link {path!a} leads in a circle.")
            place.pop()
            ahead.extend(_parts(here, links[here]))
    return steps


def _parts(path: str, target: str) -> list[str]:
    """The steps of `target`, last first."""
    if not target or target.startswith("/") or "\0" in target:
        raise BadPackageError(f"The symbolic link {path!a} leaves the package.")
    return [part for part in reversed(target.split("/")) if part not in ("", ".")]
