"""Names of the files of VASP, which have no suffixes."""

from __future__ import annotations

import re

VASP_NAMES = ("POSCAR", "CONTCAR", "XDATCAR", "OUTCAR", "vasprun.xml")
_NAME = re.compile(r"(?:(?P<before>.*)[._-])?(?P<kind>POSCAR|CONTCAR|XDATCAR|OUTCAR)(?:(?P<after>[^A-Za-z].*))?")
_XML = re.compile(r"(?:(?P<before>.*)[._-])?(?P<kind>VASPRUN)(?P<after>[._-].*)?\.XML")
# Of other files that are named after one of VASP.
_OTHER = re.compile(r"\.(?:txt|md|py|sh|log|out|png|pdf|svg|csv|html)$", re.IGNORECASE)


def vasp_kind(name: str) -> str:
    """Return the kind of a file of VASP, such as ``poscar`` for POSCAR_mp-149 and a.POSCAR; "" for other names."""
    match = _match(name)
    return match["kind"].lower() if match else ""


def vasp_label(name: str) -> str:
    """Return what a name adds to that of VASP: ``mp-149`` for POSCAR_mp-149, and "" for POSCAR."""
    match = _match(name)
    if match is None:
        return ""
    span = [match.span("before"), match.span("after")]
    return next((text for a, b in span if (text := name[a:b].strip("._-")) and a >= 0), "")


def _match(name: str) -> re.Match[str] | None:
    if _OTHER.search(name):
        return None
    return _NAME.fullmatch(name.upper()) or _XML.fullmatch(name.upper())
