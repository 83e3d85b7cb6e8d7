"""The example shop: it works, it breaks as told, and it is mended by one call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from examples.shop.app import EFFECTS, Mode, create_app
from examples.shop.store import KEPT_ORDERS, SHOWN_ORDERS, OrderBook, Tenant
from support.asgi_server import serving

FRESH = httpx.Limits(max_keepalive_connections=0)
"""uvicorn hangs up after an exception, even when the 500 was answered: a kept connection may be dead."""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[httpx.Client]:
    with (
        serving(create_app(tmp_path / "shop.db", slow_seconds=0.2)) as url,
        httpx.Client(base_url=url, limits=FRESH) as client,
    ):
        yield client


@pytest.fixture
def book(tmp_path: Path) -> Iterator[OrderBook]:
    with closing(OrderBook(tmp_path / "shop.db")) as opened:
        yield opened


def test_health_and_home(shop: httpx.Client) -> None:
    """A new shop is healthy, and its page says so."""
    assert shop.get("/health").json() == {"status": "ok"}
    assert EFFECTS[Mode.OFF] in shop.get("/").text


def test_checkout_writes_an_order_of_its_tenant(shop: httpx.Client) -> None:
    """What is bought stands at the top of the tenant's orders, and of nobody else's."""
    bought = shop.get("/checkout", params={"tenant": "globex"}).json()
    assert bought["status"] == "ok"
    newest = {tenant: shop.get("/orders", params={"tenant": tenant}).json()["orders"][0]["id"] for tenant in Tenant}
    assert [tenant for tenant, number in newest.items() if number == bought["order"]] == ["globex"]


def test_checkout_takes_turns(shop: httpx.Client) -> None:
    """Without a tenant, each of the three buys in turn."""
    assert {shop.get("/checkout").json()["tenant"] for _ in range(3)} == set(Tenant)


def test_failing_is_a_500_until_mended(shop: httpx.Client) -> None:
    """`failing` makes /checkout answer 500, leaves the rest alone, and `off` mends it."""
    assert shop.post("/break/failing").json() == {"mode": "failing", "effect": EFFECTS[Mode.FAILING]}
    assert shop.get("/checkout").status_code == 500
    assert shop.get("/health").status_code == 200
    shop.post("/break/off")
    assert shop.get("/checkout").status_code == 200


def test_the_failure_is_a_real_database_error(book: OrderBook) -> None:
    """What `failing` raises is the database's own error, which an error tracker can show."""
    with pytest.raises(OperationalError, match="no such table: payments"):
        book.place_in_missing_table(Tenant.ACME)


def test_slow(shop: httpx.Client) -> None:
    """`slow` makes /checkout wait before it answers rightly."""
    shop.post("/break/slow")
    answer = shop.get("/checkout")
    assert answer.json()["status"] == "ok"
    assert answer.elapsed.total_seconds() >= 0.2


def test_chatty_gives_the_same_answer(shop: httpx.Client) -> None:
    """`chatty` changes how the orders are read, never what they are."""
    before = shop.get("/orders", params={"tenant": "acme"}).json()
    shop.post("/break/chatty")
    assert shop.get("/orders", params={"tenant": "acme"}).json() == before
    assert len(before["orders"]) == SHOWN_ORDERS


def test_chatty_asks_over_twenty_times(book: OrderBook) -> None:
    """The N+1 listing sends more than 20 statements where the good one sends a handful."""
    sent: list[str] = []
    event.listen(book.engine, "before_cursor_execute", lambda _c, _d, statement, *_: sent.append(statement))
    good = book.orders(Tenant.ACME)
    few = len(sent)
    assert book.orders_one_by_one(Tenant.ACME) == good
    assert few <= 3
    assert len(sent) - few > 20


@pytest.mark.parametrize(
    ("path", "status"), [("/orders?tenant=nobody", 422), ("/orders", 422), ("/checkout?tenant=x", 422)]
)
def test_unknown_tenants_are_refused(shop: httpx.Client, path: str, status: int) -> None:
    """A tenant that does not exist has no orders to show and can buy nothing."""
    assert shop.get(path).status_code == status


def test_only_known_breakages(shop: httpx.Client) -> None:
    """The switch has four positions, and looking at it does not throw it."""
    assert shop.post("/break/badly").status_code == 422
    assert shop.get("/break/failing").status_code == 405


def test_a_button_of_the_page_leads_back_to_it(shop: httpx.Client) -> None:
    """A browser that presses a button ends on the page, which shows the new state."""
    pressed = shop.post("/break/slow", headers={"Accept": "text/html"}, follow_redirects=True)
    assert EFFECTS[Mode.SLOW] in pressed.text.split("<ul>")[0]


def test_the_file_does_not_grow_for_ever(book: OrderBook) -> None:
    """Old orders go, with their items."""
    with book.engine.begin() as database:
        last = {"last": KEPT_ORDERS * 2}
        database.execute(text("UPDATE sqlite_sequence SET seq = :last WHERE name = 'shop_orders'"), last)
    book.place(Tenant.ACME)
    counted = "SELECT (SELECT count(*) FROM shop_orders), (SELECT count(DISTINCT order_id) FROM shop_items)"
    with book.engine.connect() as database:
        assert tuple(database.execute(text(counted)).one()) == (1, 1)


def test_a_restarted_shop_keeps_its_orders_and_works(tmp_path: Path) -> None:
    """The switch lives in memory only; the orders do not."""
    with serving(create_app(tmp_path / "shop.db")) as url:
        order = httpx.get(f"{url}/checkout?tenant=acme").json()["order"]
        httpx.post(f"{url}/break/failing")
    with serving(create_app(tmp_path / "shop.db")) as url:
        assert httpx.get(f"{url}/checkout").status_code == 200
        assert order in {row["id"] for row in httpx.get(f"{url}/orders?tenant=acme").json()["orders"]}
