from django.template import Context, Template
from django.urls import set_script_prefix
from django.utils.translation import override

from classifier.templatetags.kept import _MOST
from classifier.views import uploading


class Counted:
    """Says how often it has been asked."""

    def __init__(self) -> None:
        self.times = 0

    def __str__(self) -> str:
        self.times += 1
        return str(self.times)


def test_a_part_is_rendered_once_for_each_value_and_language():
    template, counted = Template("{% load kept %}{% kept a %}{{ a }}:{{ counted }}{% endkept %}"), Counted()

    def rendered(value: str) -> str:
        return template.render(Context({"a": value, "counted": counted}))

    assert [rendered(value) for value in ("x", "x", "y", "x")] == ["x:1", "x:1", "y:2", "x:1"]
    with override("uk"):
        assert rendered("x") == "x:3"


def test_a_part_is_rendered_anew_where_the_site_lies_elsewhere():
    template = Template("{% load kept %}{% kept %}{% url 'home' %}{% endkept %}")
    try:
        for prefix in ("/elsewhere/", "/"):
            set_script_prefix(prefix)
            assert template.render(Context()) == prefix
            assert f'action="{prefix}"' in uploading._rendered("en", prefix, None, False, True, (20, 50, 30))
    finally:
        set_script_prefix("/")


def test_each_request_gets_its_own_token():
    template = Template("{% load kept %}{% kept %}{% csrf_token %}{% endkept %}")
    for token in ("first", "second"):
        html = template.render(Context({"csrf_token": token}))
        assert f'value="{token}"' in html


def test_what_a_process_keeps_is_bounded():
    template = Template("{% load kept %}{% kept a %}{{ a }}{% endkept %}")
    for number in range(2 * _MOST):
        assert template.render(Context({"a": number})) == str(number)
        assert len(template.nodelist[1]._renderings) <= _MOST


def test_one_persons_header_is_not_anothers(client, db):
    from classifier.tests.factories import make_user

    for name in ("olena", "taras"):
        client.force_login(make_user(name))
        page = client.get("/").text
        assert name in page
        assert ({"olena", "taras"} - {name}).pop() not in page
    client.logout()
    assert "taras" not in client.get("/").text
