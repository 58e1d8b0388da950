"""keys.py OBJECT: reads one JSON object and sees that it has every key of the
contract, each of its type. keys.py all OBJECT does it for a list's items."""
import json, re, sys

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")


def time(v):
    return isinstance(v, str) and TIME.match(v)


def url(v):
    return isinstance(v, str) and v.startswith("http://")


def null(kind):
    return lambda v: v is None or fits(kind, v, "")


def key(*words):
    return lambda v: v in words


def table(kind):
    return lambda v: isinstance(v, dict) and all(fits(kind, x, k) for k, x in v.items())


PROBLEM = {"file": str, "line": int, "key": str, "message": str, "hint": str}
FAILURE = {"class": key("source", "manifest", "policy", "build", "data", "migration", "start", "health", "capacity", "platform", "timeout", "internal"),
           "step": str, "service": str, "message": str, "hint": str, "log_tail": [str], "exit_code": null(int), "file": str, "line": int,
           "problems": [PROBLEM], "retryable": bool, "next": [{"command": str, "why": str}]}
STEP = {"name": re.compile(r"checkout|manifest|build|data|release|start|health|route|hook:.+"), "state": key("pending", "running", "done", "skipped", "failed"), "duration_ms": int}
DEPLOYMENT = {"id": re.compile("dep_"), "outcome": key("running", "succeeded", "failed", "superseded", "cancelled"), "generation": int, "started_at": time,
              "total_ms": int, "steps": [STEP]}
OBJECTS = {
    "failure": FAILURE,
    "environment": {
        "id": re.compile("env_"), "project": str, "branch": str, "ref": re.compile("refs/heads/"), "slug": str, "kind": key("shared", "branch", "lite"),
        "phase": key("queued", "deploying", "ready", "degraded", "asleep", "waking", "failed", "destroying", "destroyed"), "url": url, "urls": table(url),
        "revision": {"desired": str, "deployed": null(str), "message": str, "author": str, "committed_at": null(time)}, "pull_request": null(int),
        "generation": int, "pinned": bool, "size": key("small", "medium", "large"), "platform": str, "created_at": time, "created_by": str,
        "last_activity_at": time, "expires_at": null(time), "services": [{"name": str, "state": str, "replicas": int}],
        "data": [{"name": str, "kind": str, "strategy": str, "snapshot": null(re.compile("snap_")), "snapshot_taken_at": null(time), "size_bytes": int, "unique_bytes": int}],
        "links": [{"name": str, "environment": str, "default": bool, "state": str, "url": str}], "failure": null(FAILURE), "deployment": null(DEPLOYMENT)},
    "snapshot": {"id": re.compile("snap_"), "project": str, "source": str, "revision": str, "taken_at": time, "state": key("taking", "verifying", "ready", "failed"),
                 "masked": bool, "size_bytes": int, "used_by": [str], "parts": [{"name": str, "kind": str, "engine": str, "size_bytes": int}],
                 "verified_at": null(time), "failure": null(FAILURE)},
    "event": {"seq": int, "at": time, "type": re.compile(r"[a-z]+\.[a-z]+"), "project": str, "environment": str, "actor": str, "message": str, "detail": dict},
    "destroyed": {"environment": re.compile("env_"), "removed": [{"kind": str, "name": str, "verified_by": str}], "remaining": [{"kind": str, "name": str, "reason": str}]},
    "check": {"services": [str], "hosts": [str], "unset": [str], "notes": [{"kind": key("guessed", "ignored", "missing", "refused"), **PROBLEM}]},
    "sweep": {"at": time, "items": [{"environment": str, "action": str, "reason": str, "due_at": null(time)}], "halted": bool},
    "status": {"version": str, "ready": bool, "environments": table(int), "queue": list, "capacity": dict,
               "tasks": [{"name": str, "last_run_at": null(time), "last_success_at": null(time), "next_at": null(time), "late": bool}], "late": bool},
}


def fits(kind, v, at):
    if isinstance(kind, dict):
        if not isinstance(v, dict):
            return say(at, v)
        return all([k in v and fits(sub, v[k], f"{at}.{k}") or k not in v and say(f"{at}.{k}", "missing") for k, sub in kind.items()])
    if isinstance(kind, list):
        return isinstance(v, list) and all([fits(kind[0], x, f"{at}[{i}]") for i, x in enumerate(v)]) or say(at, v)
    if isinstance(kind, re.Pattern):
        return isinstance(v, str) and bool(kind.match(v)) or say(at, v)
    if isinstance(kind, type):
        return type(v) is kind or say(at, v)
    return bool(kind(v)) or say(at, v)


def say(at, v):
    if at:
        print(f"{at}: {json.dumps(v)[:200]}")
    return False


if sys.argv[1] == "all":
    page = json.load(sys.stdin)
    good = fits({"items": [OBJECTS[sys.argv[2]]], "next_cursor": null(str)}, page, "page") and len(page["items"]) > 0
else:
    good = fits(OBJECTS[sys.argv[1]], json.load(sys.stdin), sys.argv[1])
sys.exit(not good)
