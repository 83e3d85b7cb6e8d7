"""redis-py: commands and pipelines, sync and async, cluster too. A pipeline is one round trip, whatever is in it.

Redis is counted apart from databases. What was looked up and not there is a miss: `cache_requests_total`. Commands that
wait for something to happen (BLPOP, XREAD) are how queues listen, and are left out, as is what only keeps a connection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from saasobs.instrument import guard
from saasobs.instrument.queries.log import looked_up, note, source_of
from saasobs.instrument.queries.patching import replace

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation

_REDIS: Final = source_of("redis", "redis")
_LEFT_OUT: Final = frozenset(
    "AUTH BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX"  # noqa: SIM905 - it reads better
    " BZPOPMIN CLIENT COMMAND ECHO HELLO INFO MULTI PING"
    " PSUBSCRIBE PUNSUBSCRIBE QUIT SELECT SSUBSCRIBE SUBSCRIBE SUNSUBSCRIBE UNSUBSCRIBE UNWATCH WAIT WAITAOF WATCH"
    " XREAD XREADGROUP".split()
)
_ONE: Final = frozenset({"GET", "GETDEL", "GETEX", "HGET"})
_MANY: Final = frozenset({"MGET", "HMGET"})
_KEYLESS: Final = frozenset({"DBSIZE", "FLUSHALL", "FLUSHDB", "KEYS", "PUBLISH", "SCAN", "SCRIPT", "TIME"})
_WORD: Final = 64
_DESCRIBED_LIMIT: Final = 1000
_described: dict[tuple[Any, str] | None, str] = {}
_CLIENTS: Final = ("redis.client", "redis.asyncio.client", "redis.cluster", "redis.asyncio.cluster")


def install(process: Instrumentation | None) -> None:  # noqa: ARG001 - what it counts goes to those who listen
    """Count what clients and pipelines ask."""
    for index, module in enumerate(_CLIENTS):
        asynchronous = bool(index % 2)
        for name in ("Redis", "RedisCluster"):
            client = vars(import_module(module)).get(name)
            if client is not None:
                replace(client, "execute_command", _counting_async if asynchronous else _counting)
        for name in ("Pipeline", "ClusterPipeline"):
            pipeline = vars(import_module(module)).get(name)
            if pipeline is not None:
                replace(pipeline, "execute", _counting_pipeline_async if asynchronous else _counting_pipeline)


def pattern(key: Any) -> str:
    """`user:*` for `user:42`: what a key begins with when that is a word, so that no key is ever told. Pure."""
    text = key if isinstance(key, str) else key[:_WORD].decode("latin-1") if isinstance(key, bytes) else ""
    first, colon, _ = text[:_WORD].partition(":")
    return f"{first}:*" if colon and first.isascii() and first.replace("_", "").replace("-", "").isalpha() else "*"


def described(args: Sequence[Any]) -> str:
    """`GET user:*`, the statement of a command; empty when it does not count. Remembered for the usual ones."""
    name, key = args[0], args[1] if len(args) > 1 else ""
    first, colon, _ = key.partition(":") if type(key) is str else ("", "", "")
    usual = (name, first) if colon else None
    if usual in _described:
        return _described[usual]
    statement = _describe(name if isinstance(name, str) else str(name), key, with_key=len(args) > 1)
    if usual is not None and len(first) <= _WORD:
        if len(_described) >= _DESCRIBED_LIMIT:
            _described.clear()
        _described[usual] = statement
    return statement


def _describe(name: str, key: Any, *, with_key: bool) -> str:
    name = name.upper()[:_WORD]
    if name in _LEFT_OUT:
        return ""
    return f"{name} {pattern(key)}" if with_key and name not in _KEYLESS else name


def _counting(original: Callable[..., Any]) -> Callable[..., Any]:
    def execute_command(client: Any, *args: Any, **options: Any) -> Any:
        begun = perf_counter()
        try:
            answer = original(client, *args, **options)
        except BaseException as error:
            _asked(args, begun, None, error)
            raise
        _asked(args, begun, answer)
        return answer

    return execute_command


def _counting_async(original: Callable[..., Any]) -> Callable[..., Any]:
    async def execute_command(client: Any, *args: Any, **options: Any) -> Any:
        begun = perf_counter()
        try:
            answer = await original(client, *args, **options)
        except BaseException as error:
            _asked(args, begun, None, error)
            raise
        _asked(args, begun, answer)
        return answer

    return execute_command


def _counting_pipeline(original: Callable[..., Any]) -> Callable[..., Any]:
    def execute(pipeline: Any, *args: Any, **kwargs: Any) -> Any:
        commands = _commands(pipeline)
        begun = perf_counter()
        try:
            answers = original(pipeline, *args, **kwargs)
        except BaseException as error:
            _asked_together(commands, begun, (), error)
            raise
        _asked_together(commands, begun, answers)
        return answers

    return execute


def _counting_pipeline_async(original: Callable[..., Any]) -> Callable[..., Any]:
    async def execute(pipeline: Any, *args: Any, **kwargs: Any) -> Any:
        commands = _commands(pipeline)
        begun = perf_counter()
        try:
            answers = await original(pipeline, *args, **kwargs)
        except BaseException as error:
            _asked_together(commands, begun, (), error)
            raise
        _asked_together(commands, begun, answers)
        return answers

    return execute


@guard.guarded("queries")
def _asked(args: Sequence[Any], begun: float, answer: Any, error: BaseException | None = None) -> None:
    statement = described(args)
    if statement:
        note(statement, perf_counter() - begun, _REDIS, error)
        if error is None:
            hits, misses = lookups(args[0], answer)
            if hits or misses:
                looked_up("redis", hits, misses)


@guard.guarded("queries")
def _asked_together(
    commands: Sequence[Sequence[Any]], begun: float, answers: Any, error: BaseException | None = None
) -> None:
    if not commands:
        return
    names = sorted({str(args[0]).upper()[:32] for args in commands})
    note(f"PIPELINE {' '.join(names[:8])}", perf_counter() - begun, _REDIS, error)
    if isinstance(answers, (list, tuple)) and len(answers) == len(commands):
        found = [lookups(args[0], answer) for args, answer in zip(commands, answers, strict=True)]
        looked_up("redis", sum(hits for hits, _ in found), sum(misses for _, misses in found))


def lookups(command: Any, answer: Any) -> tuple[int, int]:
    """How many values were there, and how many were not. Pure."""
    if command in _ONE:
        return (0, 1) if answer is None else (0, 0) if isinstance(answer, Exception) else (1, 0)
    if command in _MANY and isinstance(answer, (list, tuple)):
        missing = sum(value is None for value in answer)
        return len(answer) - missing, missing
    return 0, 0


@guard.guarded("queries", default=())
def _commands(pipeline: Any) -> list[Any]:
    """The arguments of each command that waits; before `execute`, which empties the pipeline."""
    cluster = getattr(pipeline, "_execution_strategy", None)
    stack = getattr(pipeline, "command_stack", None) if cluster is None else getattr(cluster, "_command_queue", None)
    return [each.args if hasattr(each, "args") else each[0] for each in stack or ()]
