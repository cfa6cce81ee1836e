"""What a session was told that stands in no file which is described, and that may change what its tests come to."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from workstream.cluster import programs
from workstream.evidence import provenance
from workstream.evidence.accepted_controls import CONFIGURATION
from workstream.evidence.settings import said
from workstream.plugin import PARSER

if TYPE_CHECKING:
    from collections.abc import Mapping

# What says how results are shown and kept, or which of the tests run: that is seen by itself, where it counts.
_OPTIONS = frozenset(
    {
        "basetemp",
        "cacheclear",
        "cacheshow",
        "code_highlight",
        "color",
        "disable_warnings",
        "durations",
        "durations_min",
        "failedfirst",
        "file_or_dir",
        "fulltrace",
        "inifilename",
        "junitprefix",
        "lf",
        "maxfail",
        "newfirst",
        "no_fold_skipped",
        "pastebin",
        "quiet",
        "reportchars",
        "rootdir",
        "showcapture",
        "showlocals",
        "stepwise",
        "stepwise_skip",
        "tbstyle",
        "verbose",
        "workstream",
        "workstream_against",
        "workstream_cluster_name",
        "workstream_controls",
        "workstream_folder",
        "workstream_incremental",
        "workstream_keep",
        "workstream_keep_on_failure",
        "workstream_mixed",
        "xmlpath",
    }
)
# The options of `addopts` are among the options; the first is the name of the file.
_SETTINGS = frozenset({"", "addopts", "cache_dir", "console_output_style", "markers", "minversion"})
_SETTINGS_OF = ("junit_", "log_", "tmp_path_retention_", "verbosity_")


def configuration_sha256(config: pytest.Config) -> str:
    """Return the hash of all options and settings that may count: those of pytest, of plugins, of the project."""
    defaults = _defaults(config)
    options = {
        name: value
        for name, value in vars(config.option).items()
        if name not in _OPTIONS and (name not in defaults or value != defaults[name])
    }
    found = {} if config.inipath is None else said(config.inipath)
    if config.inipath is not None and config.getoption("inifilename"):  # it may have any name, and any form
        found = {str(config.inipath.name): [provenance.path_sha256(config.inipath)]}
    settings = {
        name: value for name, value in found.items() if name not in _SETTINGS and not name.startswith(_SETTINGS_OF)
    }
    text = json.dumps([options, settings], sort_keys=True, default=str)
    return hashlib.sha256(text.replace(str(config.rootpath), "").encode()).hexdigest()


def around(config: pytest.Config) -> dict[str, str]:
    """Return what is told now, by the name of the subject that tells it; see `accepted_controls.taking`."""
    present = programs.present()
    tools = {name: present[name].version if name in present else programs.BUILT for name in programs.TOOLS}
    return {CONFIGURATION: configuration_sha256(config), **tools}


def _defaults(config: pytest.Config) -> Mapping[str, Any]:
    """Return what each option is unless it is given; nothing where one must be: then each of them counts as it is."""
    parser = config.stash.get(PARSER, None)
    try:
        return {} if parser is None else vars(parser.parse_known_args([]))
    except (pytest.UsageError, SystemExit):
        return {}
