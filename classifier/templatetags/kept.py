"""Parts of a page that are rendered once and not for every request."""

import secrets

from django import template
from django.template.base import FilterExpression, NodeList, Parser, Token
from django.template.context import Context
from django.urls import get_script_prefix
from django.utils.translation import get_language

register = template.Library()

#: So many renderings of one part a process keeps; with the next it begins anew.
_MOST = 512
#: What stands where the token of one request belongs; no address or name can be made to have it in it.
TOKEN = secrets.token_hex(16)


@register.tag
def kept(parser: Parser, token: Token) -> "KeptNode":
    """`{% kept a b %}…{% endkept %}`: rendered once a process for each language and each value of `a` and `b`.

    Within it nothing may depend on anything else but the request's CSRF token, and where the site lies.
    """
    _name, *values = token.split_contents()
    nodes = parser.parse(("endkept",))
    parser.delete_first_token()
    return KeptNode(nodes, [parser.compile_filter(value) for value in values])


class KeptNode(template.Node):
    """Holds its renderings itself: a template that is loaded anew begins without any."""

    def __init__(self, nodes: NodeList, values: list[FilterExpression]) -> None:
        self.nodelist = nodes
        self.values = values
        self._renderings: dict[tuple, str] = {}

    def render(self, context: Context) -> str:
        key = (get_language(), get_script_prefix(), *(str(value.resolve(context)) for value in self.values))
        html = self._renderings.get(key)
        if html is None:
            html = self._render(key, context)
        return html.replace(TOKEN, str(context["csrf_token"])) if TOKEN in html else html

    def _render(self, key: tuple, context: Context) -> str:
        with context.push(csrf_token=TOKEN):
            html = self.nodelist.render(context)
        if len(self._renderings) >= _MOST:
            self._renderings.clear()
        self._renderings[key] = html
        return html
