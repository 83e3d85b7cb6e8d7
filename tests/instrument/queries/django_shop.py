"""A Django project in one file, run by itself: its settings, models and what it asks. Prints JSON.

`python django_shop.py sqlite|postgresql PORT PASSWORD`
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
import threading
from typing import Any

from django.conf import settings

ENGINE, PORT, PASSWORD = sys.argv[1:4]
settings.configure(
    DATABASES={
        "default": {
            "ENGINE": f"django.db.backends.{ENGINE}",
            "NAME": "postgres" if ENGINE == "postgresql" else "file:shop?mode=memory&cache=shared",
            "USER": "postgres",
            "PASSWORD": PASSWORD,
            "HOST": "127.0.0.1",
            "PORT": PORT,
        }
    },
    CACHES={
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
        "table": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "django_shop_cache"},
    },
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
)

import django  # noqa: E402 - settings come first

django.setup()

from django.core.cache import caches  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, models, transaction  # noqa: E402

from saasobs.instrument.config import InstrumentConfig  # noqa: E402
from saasobs.instrument.process import Instrumentation  # noqa: E402
from saasobs.instrument.queries.log import QueryLog  # noqa: E402
from saasobs.instrument.state import Operation, enter, leave  # noqa: E402


class Customer(models.Model):  # type: ignore[misc] # Django has no types
    name = models.CharField(max_length=50)

    class Meta:
        app_label = "django_shop"


class Order(models.Model):  # type: ignore[misc]
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE)

    class Meta:
        app_label = "django_shop"


def lazy_loop() -> int:
    for order in Order.objects.order_by("id"):
        assert order.customer.name  # the loop
    return int(Order.objects.count())


def together() -> None:
    for order in Order.objects.select_related("customer").order_by("id"):
        assert order.customer.name


def in_a_transaction() -> None:
    with transaction.atomic(), transaction.atomic():
        Customer.objects.create(name="x")
    Customer.objects.bulk_create([Customer(name=str(number)) for number in range(50)])


async def async_loop() -> None:
    for number in range(1, 8):
        await Customer.objects.aget(id=number)  # the async loop
    assert [customer.id async for customer in Customer.objects.filter(id__lt=4).order_by("id")] == [1, 2, 3]


def in_a_thread() -> None:
    thread = threading.Thread(target=lambda: (Order.objects.count(), connection.close()))
    thread.start()
    thread.join()


def with_a_wrapper() -> None:
    """A wrapper of the app's own, while the connection is made anew: it is gone afterwards, and ours is not."""
    connection.close()
    seen: list[str] = []

    def theirs(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        seen.append(sql)
        return execute(sql, params, many, context)

    if ENGINE == "postgresql":
        with connection.execute_wrapper(theirs):
            Order.objects.count()
        Order.objects.count()
        assert len(seen) == 1
        assert len(connection.execute_wrappers) == 1


def cached() -> None:
    for alias in caches:
        cache = caches[alias]
        cache.set("a", 1)
        assert cache.get("a") == 1
        assert cache.get("b", "default") == "default"
        assert cache.get_many(["a", "b", "c"]) == {"a": 1}
        assert cache.get_or_set("d", 5) == 5


class Runner:
    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.process = Instrumentation.start(InstrumentConfig(service="shop"), stream=self.stream)
        self.seen: dict[str, Any] = {}

    def run(self, name: str, function: Any) -> None:
        operation = Operation("a-correlation-id", "request", name)
        operation.queries = QueryLog()
        token = enter(operation)
        if asyncio.iscoroutinefunction(function):
            asyncio.run(function())
        else:
            function()
        leave(token)
        self.process.queries.judge(operation)
        self.seen[name] = operation.queries.count


def main() -> None:
    with connection.schema_editor() as editor:
        editor.create_model(Customer)
        editor.create_model(Order)
    call_command("createcachetable", verbosity=0)
    for number in range(1, 11):
        customer = Customer.objects.create(name=f"c{number}")
        Order.objects.create(customer=customer)
    runner = Runner()
    from saasobs.instrument import integrations

    integrations.install(runner.process)
    runner.run("lazy", lazy_loop)
    runner.run("together", together)
    runner.run("transaction", in_a_transaction)
    runner.run("async", async_loop)
    if ENGINE == "postgresql":
        runner.run("thread", in_a_thread)
    runner.run("wrapper", with_a_wrapper)
    cached()
    runner.process.logs.flush(5)
    with connection.schema_editor() as editor:
        editor.delete_model(Order)
        editor.delete_model(Customer)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE django_shop_cache")
    value = runner.process.metrics.registry.get_sample_value
    found = {
        f"{alias} {result}": value("cache_requests_total", {"cache": alias, "result": result})
        for alias in caches
        for result in ("hit", "miss")
    }
    errors = [
        sample.labels
        for family in runner.process.metrics.registry.collect()
        for sample in family.samples
        if sample.name == "saasobs_internal_errors_total" and sample.value
    ]
    lines = [json.loads(line) for line in runner.stream.getvalue().splitlines()]
    sys.stdout.write(json.dumps({"counts": runner.seen, "lines": lines, "caches": found, "errors": errors}))


main()
