"""References from one part of the OpenAPI document to another."""

from typing import Any


def reference(section: str, name: str) -> dict[str, Any]:
    """Return a reference to a component of the document."""
    return {"$ref": f"#/components/{section}/{name}"}
