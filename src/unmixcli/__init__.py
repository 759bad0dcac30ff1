"""unmixcli: separate music into stems with pretrained weights."""

__version__ = "0.1.0"
