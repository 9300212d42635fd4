"""What an altered line can break, and the words by which that shows: the questions a reviewer asks of a diff after an incident."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scoring.diffs import gone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from scoring.diffs import Diff

_I: Final = re.IGNORECASE


@dataclass(frozen=True, slots=True)
class Hazard:
    """Say what a diff does (`words`, a phrase with its verb), how that is seen, and which words of a symptom fit it."""

    words: str
    seen: Callable[[Diff], bool]
    shows: re.Pattern[str]


def find(diff: Diff, texts: Iterable[str]) -> tuple[Hazard, ...]:
    """Return what a diff does that fits the words of a symptom."""
    joined = "\n".join(texts)
    return tuple(hazard for hazard in HAZARDS if hazard.shows.search(joined) and hazard.seen(diff))


def _shortens(pattern: str) -> Callable[[Diff], bool]:
    return _moves(re.compile(pattern, _I), rises=False, timed=True)


def _lowers(pattern: str) -> Callable[[Diff], bool]:
    return _moves(re.compile(pattern, _I), rises=False, timed=False)


def _raises(pattern: str) -> Callable[[Diff], bool]:
    return _moves(re.compile(pattern, _I), rises=True, timed=False)


def _moves(what: re.Pattern[str], *, rises: bool, timed: bool) -> Callable[[Diff], bool]:
    def seen(diff: Diff) -> bool:
        return any(
            (one.new > one.old) is rises
            and one.is_time is timed
            and (what.search(one.before) or what.search(one.after))
            for one in diff.moved
        )

    return seen


def _takes_away(pattern: str) -> Callable[[Diff], bool]:
    """Return whether more of something goes than comes."""
    what = re.compile(pattern, _I)
    return lambda diff: gone(diff, what) > 0


def _adds(pattern: str) -> Callable[[Diff], bool]:
    """Return whether more of something comes than goes."""
    what = re.compile(pattern, _I)
    return lambda diff: gone(diff, what) < 0


def _alters(pattern: str) -> Callable[[Diff], bool]:
    """Return whether lines that speak of something go or come, other than by being reworded."""
    what = re.compile(pattern, _I)
    return lambda diff: not diff.is_reworded and any(what.search(line) for line in diff.lines)


def _either(*seen: Callable[[Diff], bool]) -> Callable[[Diff], bool]:
    return lambda diff: any(one(diff) for one in seen)


_DECLARED: Final = re.compile(
    r"^(?:export\s+)?(?:(?:public|private|protected|internal)\s+)?(?:static\s+)?(?:final\s+|readonly\s+)?"
    r"(?:var|let|const|val)?\s*(?:[\w<>,\[\] ]+\s+)?(?P<name>[A-Za-z_]\w*)\s*(?::[^=]+)?"
    r"(?:=\s*(?:\[|\{|new\b|make\(|list\(|dict\(|set\(|defaultdict|\w*(?:List|Map|Set|Queue|Dict)\w*\()|\s\[\]|\s?map\[)"
)
_BOUNDED: Final = re.compile(
    r"\blru|max_?(size|len|entries|items)|maxlen|evict|bounded|\bttl\b|expire|ring_?buffer|\btrim|truncate|\bcap\(", _I
)


def _accumulates(diff: Diff) -> bool:
    """Say whether what outlives a request grows, and nothing bounds it."""
    if any(_BOUNDED.search(line) for line in diff.added):
        return False
    # What is declared at the left margin, or as static, lives as long as the process.
    names = {
        found["name"]
        for line in diff.added
        if (line[:1].strip() or "static" in line) and (found := _DECLARED.match(line.strip()))
    }
    grows = r"(?:\s*=\s*append\(\s*{0}\b|\.(?:append|push|push_back|add|put|set|extend|offer|insert|store)\s*\(|\[[^\]]+\]\s*=[^=])"
    return any(
        re.search(rf"\b{re.escape(name)}{grows.format(re.escape(name))}", line, _I)
        for name in names
        for line in diff.added
    )


def _drops_call(diff: Diff) -> bool:
    """Say whether a call that stood for itself goes, and what it called is called nowhere in what comes."""
    called = {
        found[1]
        for line in diff.removed
        if (found := re.match(r"\s*(?:await\s+|go\s+)?(?:\w+\.)*(\w+)\(.*\)\s*;?\s*$", line))
    }
    return bool(called) and not any(
        re.search(rf"\b{re.escape(name)}\b", line) for name in called for line in diff.added
    )


def _shows(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, _I)


# The first that fits is told. Limits come first: a number that moved is the plainest thing to see.
HAZARDS: Final[tuple[Hazard, ...]] = (
    Hazard(
        "lowers a time limit",
        _shortens(r"time_?out|deadline|budget|keep_?alive|grace|ttl|max_?wait"),
        _shows(r"time[ds]?[ -]?out|deadline|cancel|too slow|expired before"),
    ),
    Hazard(
        "lowers a retry",
        _either(
            _lowers(r"retr(y|ies)|attempt"),
            _shortens(r"back_?off|delay"),
            _takes_away(r"\bsleep\b|back_?off|jitter|retr(y|ies)\b"),
        ),
        _shows(
            r"time[ds]?[ -]?out|conflict|contention|abort|unavailable|\bcas\b|optimistic lock|gave up|giving up"
            r"|rate.?limit|\b429\b"
        ),
    ),
    Hazard(
        "lowers a limit",
        _lowers(
            r"max|limit|pool|size|capacity|worker|thread|concurren|replica|buffer|quota|conn|memory|mem\b|cpu|rate|burst"
            r"|heap|xmx|slots?\b|budget"
        ),
        _shows(
            r"exhaust|pool|saturat|too many|throttl|over.?limit|queue (is )?full|reject|backlog|acquir|out of memory|oom"
            r"|memory|\b429\b|cpu|no free|capacity|evict|unschedul"
        ),
    ),
    Hazard(
        "raises how much is done at once",
        _raises(r"retr(y|ies)|attempt|concurren|parallel|worker|thread|batch|prefetch|max_?conn|pool|fan_?out|replica"),
        _shows(
            r"rate.?limit|\b429\b|throttl|overload|too many|saturat|connection slots|cpu|out of memory|oom|lock wait"
        ),
    ),
    Hazard(
        "takes a lock away",
        _takes_away(
            r"\b\w*(lock|mutex|semaphore)\w*\b|synchroni[sz]ed|\batomic\b|sync\.(map|rwmutex)|for update|transaction\b"
        ),
        _shows(
            r"concurrent|data race|race condition|deadlock|corrupt|inconsisten|duplicate|lost update|oversold"
            r"|double.?(charg|spen|book)|negative (stock|balance)"
        ),
    ),
    Hazard(
        "takes a check against nothing away",
        _takes_away(
            r"(==|!=|===|!==|\bis\b|\bis not\b)\s*(nil|null|none|undefined)\b|\?\.|\?\?|\boptional\b"
            r"|\bis_?(empty|null|none|present)\b|\blen\([^)]*\)\s*[=><!]|\.length\b"
        ),
        _shows(
            r"\bnil\b|null|nonetype|undefined|segfault|sigsegv|dereferenc|index out of|out of (range|bounds)|keyerror"
            r"|attributeerror|typeerror|unwrap"
        ),
    ),
    Hazard(
        "takes handling of errors away",
        _takes_away(r"\b(catch|except|rescue|finally|recover)\b|err(or)? != nil|on_?error|fallback|circuit.?breaker"),
        _shows(r"panic|unhandled|uncaught|exception|crash|stack trace|traceback|circuit|no fallback"),
    ),
    Hazard("lets something grow without bound", _accumulates, _shows(r"out ?of ?memory|oom|heap|\bgc\b|memory|leak")),
    Hazard(
        "no longer closes or removes something",
        _takes_away(
            r"\bclose\w*\(|\bdispose\b|\brelease\b|unsubscribe|\bevict|\bstop\(\)|\bcancel\(\)|\bwith open\b|\busing\s*\("
            r"|clear(interval|timeout)|free\("
        ),
        _shows(
            r"out ?of ?memory|oom|heap|\bgc\b|memory|leak|too many open|descriptor|exhaust|goroutine|threads?\b"
            r"|connections?\b"
        ),
    ),
    Hazard(
        "does one by one what was done together or kept",
        _takes_away(r"batch|bulk|chunk|pipelin|cache|memoi[sz]e|prefetch|preload|select_related|joinedload|includes\("),
        _shows(
            r"throttl|capacity|throughput|rate exceeded|slow|latency|quer(y|ies)|load|single.?item|too many|connections"
            r"|cpu|p9\d"
        ),
    ),
    Hazard(
        "alters what is asked of a database",
        _alters(
            r"\b(select|insert into|update|delete from|alter|create|drop|truncate)\b.{0,60}"
            r"\b(from|into|table|index|set|column|where|view)\b"
            r"|\bmigrat|add_?column|drop_?(column|index)|create_?index"
        ),
        _shows(
            r"relation |column|table|does not exist|no such|\bsql|syntax error|lock(ed| wait|s)|slow query|deadlock"
            r"|constraint|violat|duplicate key|full scan|unknown field"
        ),
    ),
    Hazard(
        "alters how it proves who it is",
        _alters(
            r"\b(tls|ssl|x509|cipher|cert|certificate|token|secret|password|passwd|credential|oauth|jwt|scope|role"
            r"|permission|signature|audience|issuer|api.?key|cors|hmac)\w*"
        ),
        _shows(
            r"\btls\b|handshake|x509|certificate|\b40[13]\b|unauthori[sz]ed|unauthenticated|forbidden|permission"
            r"|access denied|signature|invalid token|credential|\bjwt\b|authentication failed"
        ),
    ),
    Hazard(
        "alters an address",
        _alters(
            r"\b\w*(host|hostname|url|uri|endpoint|addr|address|port|dns|topic|bucket|region|queue_?name|base_?path|route"
            r"|path_?prefix|service_?name)\w*\b[\"']?\s*[:=(]"
        ),
        _shows(
            r"no such host|refused|\b404\b|not found|unknown host|unreachable|nxdomain|no route|name resolution"
            r"|unknown (topic|queue|service|method)|unimplemented"
        ),
    ),
    Hazard(
        "no longer calls what it called",
        _drops_call,
        _shows(
            r"not (found|registered|initiali[sz]ed|configured|set|loaded)|missing|unknown|no handler|undefined"
            r"|lookup failed|unregistered"
        ),
    ),
    Hazard(
        "alters how data is written or read",
        _alters(
            r"json:\"|protobuf|\.proto\b|schema|serializ|unmarshal|marshal\(|deserializ|encod(e|ing)|decod(e|er|ing)|codec"
            r"|parse[dr]?\b|json_?name|field_?name|strptime|date_?format|time_?zone|locale|charset"
        ),
        _shows(
            r"unmarshal|pars(e|ing)|deseriali|schema|decod|invalid (json|character|format|date|value)"
            r"|unexpected (token|type|field|character)|validation|missing field|incompatible|malformed|encoding"
        ),
    ),
    Hazard(
        "adds slow work",
        _adds(
            r"\bsleep\b|\bre\.(compile|match|search|sub)\b|new RegExp|regexp?\.|pattern\.compile|\bsort\w*\(|sync\(\)"
            r"|\bfor\b.*\bfor\b|\bwhile\b"
        ),
        _shows(r"\bcpu|latency|slow|event loop|blocked|backtrack|hang|hung|spin"),
    ),
    Hazard(
        "logs more",
        _alters(r"log_?level|\bdebug\b|\btrace\b|verbos|logging\."),
        _shows(r"disk|no space|log volume|ingest|i/o wait|iowait"),
    ),
)
