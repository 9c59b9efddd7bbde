"""Look-ups that every request makes: their SQL is put together once, which takes several times as long as to ask it."""

from collections.abc import Callable
from functools import cached_property
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)


class Prepared(Generic[Row]):
    """A query for one row at most.

    make: returns the query, with some value in the place of each of `first`'s parameters, in the order of the SQL;
    called when it is first asked.
    """

    def __init__(self, make: Callable[[], QuerySet[Row]]) -> None:
        self._make = make

    def first(self, *parameters: str | int) -> Row | None:
        model, sql = self._statement
        return next(iter(model._default_manager.raw(sql, parameters)), None)

    @cached_property
    def _statement(self) -> tuple[type[Row], str]:
        query = self._make().order_by().query
        return query.model, query.sql_with_params()[0]
