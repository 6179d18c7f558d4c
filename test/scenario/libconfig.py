# SPDX-License-Identifier: Apache-2.0
"""Python values as libconfig text: dict = group, list or tuple = list, str, bool, int."""


def value(item, indent=""):
    deeper = indent + "  "
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, int):
        return str(item)
    if isinstance(item, dict):
        return "{\n" + settings(item, deeper) + indent + "}"
    if isinstance(item, (list, tuple)):
        return "( " + ", ".join(value(member, deeper) for member in item) + " )"
    escaped = str(item).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def settings(group, indent=""):
    """A group's settings, one a line. None leaves a setting out."""
    return "".join(f"{indent}{name} = {value(item, indent)};\n" for name, item in group.items() if item is not None)
