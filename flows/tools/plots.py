"""The template of the `dvc plots` page with Vega inside, for use without a network.

`python -m flows.tools.plots` writes the template, which `dvc plots` then uses.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from dialogue.progress import any_terminal

TEMPLATE = Path(".dvc/plots/offline.html")
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{refresh_tag}
<title>Plots</title>
<style>
body { font-family: system-ui, sans-serif; margin: 1rem; display: flex; flex-wrap: wrap;
  gap: 1.5rem; align-items: flex-start; }
</style>
<script>%s</script>
</head>
<body>
{plot_divs}
</body>
</html>
"""
"""HTML of the page; DVC fills in the names in braces."""
VEGA_LITE = "5.21"
"""Version of the grammar of the templates in .dvc/plots and of DVC's own."""


class PlotsError(RuntimeError):
    """The page cannot be made; the message says what to do."""


def page() -> str:
    """The template, with Vega's scripts inside.

    Raises:
        PlotsError: the package with the scripts is not installed.
    """
    try:
        import vl_convert
    except ModuleNotFoundError:
        raise PlotsError(
            "without the package vl-convert-python the page of `dvc plots` loads Vega from "
            "cdn.jsdelivr.net, and stays empty offline: uv pip install vl-convert-python"
        ) from None
    return PAGE % str(vl_convert.javascript_bundle(vl_version=VEGA_LITE))


def install() -> None:
    """Write the template, and set it in .dvc/config.local, which git ignores.

    Raises:
        PlotsError: as :func:`page`, or this is not a DVC repository.
    """
    if not Path(".dvc").is_dir():
        raise PlotsError("there is no .dvc here; run from the repository's root")
    TEMPLATE.parent.mkdir(exist_ok=True)
    TEMPLATE.write_text(page(), encoding="utf-8")
    setting = ["plots.html_template", TEMPLATE.relative_to(".dvc").as_posix()]
    subprocess.run([sys.executable, "-m", "dvc", "config", "--local", *setting], check=True)


def main() -> int:
    """The command line; returns the exit status."""
    any_terminal()
    try:
        install()
    except PlotsError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
