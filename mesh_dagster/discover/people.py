"""Write the owner of a product as ODCS and ODPS do, and read it.

In:  an owner; or a document.
Out: a team with a name, or with an owner among its members; or an owner as products name it.
"""

from mesh_dagster.discover.documents import Json

_TEAM = "team:"
_OWNER = "owner"


def team_of(owner: str) -> dict[str, Json]:
    """Write an owner."""
    if owner.startswith(_TEAM):
        return {"name": owner.removeprefix(_TEAM)}
    return {"members": [{"username": owner, "role": _OWNER}]}


def owner_of(document: Json) -> str | None:
    """Read the owner; `None` when the document names none."""
    team = document.get("team") or {}
    members = team if isinstance(team, list) else team.get("members") or []
    for member in members:
        if member.get("role") == _OWNER and "@" in member["username"]:
            return str(member["username"])
    name = None if isinstance(team, list) else team.get("name")
    return f"{_TEAM}{name}" if name else None
