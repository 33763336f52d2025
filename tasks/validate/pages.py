"""View of the Data Docs pages on which text from a corpus is text, and never markup."""

from __future__ import annotations

from html import escape
from typing import Any

from great_expectations.render import RenderedComponentContent
from great_expectations.render.view import DefaultJinjaPageView
from jinja2 import pass_context


class PageView(DefaultJinjaPageView):  # type: ignore[misc]  # it has no types
    """Great Expectations' own view, which escapes the cells of no table."""

    @pass_context
    def render_content_block(
        self, jinja_context: Any, content_block: Any, *args: Any, **options: Any
    ) -> Any:
        """A block as HTML; what is no block is data, and is escaped."""
        if isinstance(content_block, list):
            content_block = [_escaped(one) for one in content_block]
        elif content_block is not None and not _is_block(content_block):
            return _escaped(content_block)
        return super().render_content_block(jinja_context, content_block, *args, **options)


def _escaped(content: Any) -> Any:
    return content if _is_block(content) else escape(str(content))


def _is_block(content: Any) -> bool:
    return isinstance(content, RenderedComponentContent) or (
        isinstance(content, dict) and "content_block_type" in content
    )
