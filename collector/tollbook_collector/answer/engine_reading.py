"""The engine's own reading of a statement, held against the lists of the guard.

`EXPLAIN AST` parses a statement and evaluates nothing of it. What the engine would do that the
guard did not see, because two parsers read one text differently or because the guard failed, is
refused here: each kind of node, each function and each table has to be one that is listed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tollbook_collector.answer.guard import (
    CATALOG,
    CATALOG_FUNCTIONS,
    FUNCTIONS,
    NAMED_IN_WITH,
    TABLES,
    SqlRefused,
)

# What reading is made of; what is not here (SETTINGS, APPLY, a statement that writes) is refused.
NODES: Final = frozenset(
    {
        "ArrayJoin",
        "Asterisk",
        "ColumnsExceptTransformer",
        "ColumnsReplaceTransformer",
        "ColumnsReplaceTransformer::Replacement",
        "ColumnsTransformerList",
        "ExpressionList",
        "Function",
        "Identifier",
        "InterpolateElement",
        "Literal",
        "OrderByElement",
        "QualifiedAsterisk",
        "SelectIntersectExceptQuery",
        "SelectQuery",
        "SelectWithUnionQuery",
        "Subquery",
        "TableExpression",
        "TableIdentifier",
        "TableJoin",
        "TablesInSelectQuery",
        "TablesInSelectQueryElement",
        "WindowDefinition",
        "WindowListElement",
        "WithElement",
    }
)
# How the engine names what is written as operators and brackets.
OPERATORS: Final = frozenset(
    {
        "and",
        "arrayelement",
        "concat",
        "exists",
        "globalin",
        "globalnotin",
        "in",
        "lambda",
        "negate",
        "not",
        "notilike",
        "notin",
        "notlike",
        "nullin",
        "or",
        "tuple",
        "tupleelement",
    }
)
CATALOG_TABLES: Final = frozenset(f"system.{name}" for name in CATALOG)
_MEMBERSHIPS: Final = frozenset({"in", "notin", "globalin", "globalnotin", "nullin"})


@dataclass
class _Node:
    kind: str
    name: str
    children: "list[_Node]" = field(default_factory=list)


def check_reading(lines: Sequence[str], tool: bool = False) -> None:
    """Refuse a statement by the lines of its EXPLAIN AST.

    Args:
        lines: One a node, a blank of indentation a level.
        tool: Whether the catalog may be read as well.

    Raises:
        SqlRefused: A node is not one of reading, or a function or table is not listed.
    """
    for node in _nodes(lines):
        if node.kind not in NODES:
            raise SqlRefused(f"the engine reads {node.kind or 'nothing'} in it: not allowed here")
        if node.kind == "Function":
            _check_function(node, FUNCTIONS | CATALOG_FUNCTIONS if tool else FUNCTIONS)
        if node.kind == "TableExpression" and node.children:
            _check_source(node.children[0], CATALOG_TABLES if tool else frozenset())


def _check_function(node: _Node, functions: frozenset[str]) -> None:
    name = node.name.lower()
    if name not in functions and name not in OPERATORS:
        raise SqlRefused(f"the engine reads a function {node.name}, which is not allowed here")
    if name in _MEMBERSHIPS and node.children:
        arguments = node.children[0].children
        if len(arguments) > 1 and arguments[1].kind not in ("Literal", "Function", "Subquery"):
            raise SqlRefused("IN takes a list or a subquery here, not a name")


def _check_source(source: _Node, catalog: frozenset[str]) -> None:
    if source.kind == "Subquery":
        return
    listed = source.name in TABLES or source.name in catalog
    if source.kind != "TableIdentifier" or not (listed or source.name.startswith(NAMED_IN_WITH)):
        raise SqlRefused(f"the engine reads from {source.name}, which is not allowed here")


def _nodes(lines: Sequence[str]) -> list[_Node]:
    nodes: list[_Node] = []
    # The format that the answer has is a child of the root, and none of the statement.
    above: list[_Node] = []
    for line in lines:
        depth = len(line) - len(line.lstrip(" "))
        kind, _, rest = line.strip().partition(" ")
        node = _Node(kind, rest.partition(" ")[0])
        del above[depth:]
        if above:
            above[-1].children.append(node)
        above.append(node)
        nodes.append(node)
    return nodes
