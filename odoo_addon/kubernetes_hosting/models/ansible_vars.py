# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Ansible's ``vars.yml``: from text to variables, and back.

Read and written as PyYAML's nodes, not as Python values: a number, a date or a
``!vault`` text is then written as it was read. YAML is 1.1, as Ansible reads it.
"""

import re
from binascii import unhexlify
from dataclasses import dataclass

import yaml

VAULT_HEADER = "$ANSIBLE_VAULT"
#: The vault id of what is encrypted without one.
DEFAULT_VAULT_ID = "default"
VAULT_TAGS = ("!vault", "!vault-encrypted")
#: The tags that Ansible adds to YAML's own.
ANSIBLE_TAGS = (*VAULT_TAGS, "!unsafe")

TEXT_TAG = "tag:yaml.org,2002:str"
NULL_TAG = "tag:yaml.org,2002:null"

KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SECRET_KEY = re.compile(
    r"(^|_)(password|passwd|passphrase|secret|token|api_key|private_key)$",
    re.IGNORECASE,
)


# How PyYAML begins to tell of the commonest mistakes: it has no codes for them.
MISTAKES = {
    "found character '\\t'": "tab",
    "found character '": "beginning",
    "mapping values are not allowed here": "colon",
    "could not find expected ':'": "no_colon",
    "expected <block end>, but found": "indentation",
    "expected ',' or ": "bracket",
    "found unexpected end of stream": "quotes",
    "found unknown escape character": "escape",
}
# Where the mistake begins helps more than where it shows.
AT_BEGINNING = ("no_colon", "bracket", "quotes")


class VarsError(Exception):
    """What is wrong with a text as YAML, and where.

    ``code`` is one of encrypted, empty, no_mapping, no_name, character, braces, tag,
    vault_header, vault_cipher, vault_damaged and yaml; ``detail`` is the character as
    U+0007, the tag, the cipher, or PyYAML's words. Lines and columns count from one.
    With ``key``, they are those of that key's value.
    """

    def __init__(self, code, line=1, column=1, detail=None):
        super().__init__(f"{code} {detail or ''} in line {line}, column {column}")
        self.code = code
        self.line = line
        self.column = column
        self.detail = detail
        self.key = None


@dataclass
class Variable:
    """One variable. ``type`` and ``value`` are those of a config map's line."""

    key: str
    type: str
    value: str
    line: int
    is_vault: bool = False

    @property
    def looks_secret(self):
        return self.is_vault or bool(SECRET_KEY.search(self.key))

    @property
    def is_name(self):
        """Whether the key is a variable's name, as Ansible and Jinja know it."""
        return bool(KEY.fullmatch(self.key))


class _Loader(yaml.SafeLoader):
    """Reads what Ansible reads; its own tags become their content."""


def _construct_ansible(loader, node):
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


for _tag in ANSIBLE_TAGS:
    _Loader.add_constructor(_tag, _construct_ansible)


def load(text):
    """The variables of a vars file in their order; of a key that stands there twice,
    the last value. Raises VarsError."""
    if text.lstrip().startswith(VAULT_HEADER):
        raise VarsError("encrypted")
    root = _compose(text)
    if root is None:
        raise VarsError("empty")
    if not isinstance(root, yaml.MappingNode):
        raise _at(root, "no_mapping")
    _check_vaults(root)
    _Loader("").flatten_mapping(root)
    variables = {}
    for key, value in root.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag != TEXT_TAG:
            raise _at(key, "no_name")
        variables[key.value] = Variable(
            key.value,
            *_line_of(value),
            line=key.start_mark.line + 1,
            is_vault=value.tag in VAULT_TAGS,
        )
    return list(variables.values())


def dump(lines, comments=()):
    """A vars file with these ``(key, type, value)`` in their order, after comments.
    Raises VarsError with the key of a value that Ansible could not read."""
    pairs = []
    for key, kind, value in lines:
        try:
            pairs.append((_text(key), _node_of(kind, value)))
        except VarsError as error:
            error.key = key
            raise
    root = yaml.MappingNode("tag:yaml.org,2002:map", pairs, flow_style=not pairs)
    head = "".join(
        f"# {line}".rstrip() + "\n" for text in comments for line in text.splitlines()
    )
    return f"{head}---\n{_serialize(root)}"


def check(value):
    """Raise VarsError where a line of type ``yaml`` cannot be read, or holds something
    marked as encrypted that ansible-vault has not written."""
    root = _compose(value)
    if root is not None:
        _check_vaults(root)


def vault_id(kind, value):
    """The id with which the whole value of a line is encrypted, or None."""
    if kind != "yaml" or VAULT_HEADER not in (value or ""):
        return None
    try:
        root = _compose(value)
    except VarsError:
        return None
    if not isinstance(root, yaml.ScalarNode) or root.tag not in VAULT_TAGS:
        return None
    head = _vault_head(root.value)
    return head[3] if len(head) > 3 else DEFAULT_VAULT_ID


def _check_vaults(root):
    """What is encrypted cannot be read here; whether it is whole can be seen."""
    open_nodes, seen = [root], set()
    while open_nodes:
        node = open_nodes.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.tag in VAULT_TAGS:
            _check_vault(node)
        elif isinstance(node, yaml.SequenceNode):
            open_nodes += node.value
        elif isinstance(node, yaml.MappingNode):
            open_nodes += [value for _key, value in node.value]


def _check_vault(node):
    text = node.value if isinstance(node, yaml.ScalarNode) else ""
    head = _vault_head(text)
    if head[0] != VAULT_HEADER or len(head) < 3 or not text.isascii():
        raise _at(node, "vault_header")
    if head[2] != "AES256":
        error = _at(node, "vault_cipher")
        error.detail = head[2]
        raise error
    try:
        parts = unhexlify("".join(_vault_lines(text)[1:])).split(b"\n", 2)
        is_whole = len(parts) == 3 and all(map(unhexlify, parts))
    except ValueError:
        is_whole = False
    if not is_whole:
        raise _at(node, "vault_damaged")


def _vault_lines(text):
    return re.split("\r\n|\r|\n", text)


def _vault_head(text):
    """The header, taken apart: mark, format, cipher and, from format 1.2 on, the id."""
    return [part.strip() for part in _vault_lines(text)[0].strip().split(";")]


def _compose(text):
    """The only document's root node, or None where there is none. What Ansible
    refuses (an unknown tag, a mapping as a key) is an error here, too."""
    try:
        # Constructing resolves “<<” in the nodes: it is done with nodes of its own.
        yaml.load(text, Loader=_Loader)
        return yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise _of_marked(error) from error
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        raise VarsError(
            "character",
            before.count("\n") + 1,
            error.position - (before.rfind("\n") + 1) + 1,
            f"U+{error.character:04X}",
        ) from error
    except (ValueError, RecursionError) as error:
        # For example a date that no calendar has: PyYAML does not say where.
        raise VarsError("yaml", detail=str(error)) from error


def _of_marked(error):
    mark = error.problem_mark or error.context_mark
    where = (mark.line + 1, mark.column + 1)
    words = error.problem or error.context
    if "unhashable key" in words:
        return VarsError("braces", *where)
    if "could not determine a constructor for the tag" in words:
        return VarsError("tag", *where, words.rpartition(" ")[2].strip("'"))
    for beginning, code in MISTAKES.items():
        if words.startswith(beginning):
            if code in AT_BEGINNING and error.context_mark:
                mark = error.context_mark
            return VarsError(code, mark.line + 1, mark.column + 1, _quoted(words))
    return VarsError("yaml", *where, words)


def _quoted(words):
    """What PyYAML's sentence has between its quotation marks, or an empty text."""
    found = re.search("'(.+)'", words)
    return found.group(1) if found else ""


def _at(node, code):
    return VarsError(code, node.start_mark.line + 1, node.start_mark.column + 1)


def _line_of(node):
    """Type and value of the config map's line for a value's node."""
    if isinstance(node, yaml.ScalarNode):
        if node.tag == TEXT_TAG:
            return "string", node.value
        if node.tag == NULL_TAG:
            return "yaml", node.value or "null"
        if node.style is None and node.tag not in ANSIBLE_TAGS:
            return "yaml", node.value
    text = _serialize(node)
    if text.endswith("\n...\n"):  # the end of a document
        text = text[:-4]
    return "yaml", text[:-1] if text.count("\n") == 1 else text


def _node_of(kind, value):
    """The value's node for type and value of a config map's line."""
    if kind == "yaml":
        node = _compose(value)
        return yaml.ScalarNode(NULL_TAG, "null") if node is None else node
    node = _text(value)
    if "\n" in value:
        node.style = "|"
        # A block keeps neither every line end nor every first blank.
        if _reread(node) != value:
            node.style = '"'
    elif _reread(node) != value:
        node.style = '"'
    return node


def _reread(node):
    """What a reader makes of a text as it would be written."""
    text = _serialize(yaml.MappingNode("tag:yaml.org,2002:map", [(_text("k"), node)]))
    try:
        return yaml.load(text, Loader=_Loader)["k"]
    except yaml.YAMLError:
        return None


def _text(value):
    return yaml.ScalarNode(TEXT_TAG, value)


def _serialize(node):
    # Lines are not folded: what is one line stays one.
    return yaml.serialize(
        node, Dumper=yaml.SafeDumper, allow_unicode=True, width=float("inf")
    )
