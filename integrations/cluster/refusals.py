"""Why the API server refuses to create an object, read from its message."""

from __future__ import annotations

import re

from integrations.cluster.words import Word

_QUOTA = re.compile(r"exceeded quota:?\s*(?P<name>[^\s,]+)?,?\s*requested:\s*(?P<requested>[^\s]+?),\s", re.IGNORECASE)
_RESOURCES: tuple[tuple[re.Pattern[str], Word], ...] = tuple(
    (re.compile(pattern), word)
    for pattern, word in (
        (r"storage|persistentvolumeclaims", Word.STORAGE_QUOTA_EXCEEDED),
        (r"memory", Word.MEMORY_QUOTA_EXCEEDED),
        (r"cpu", Word.CPU_QUOTA_EXCEEDED),
        (r"pods", Word.POD_QUOTA_EXCEEDED),
        (r"services", Word.SERVICE_QUOTA_EXCEEDED),
    )
)
_SAID: tuple[tuple[re.Pattern[str], Word], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), word)
    for pattern, word in (
        (r"failed quota|must specify (limits|requests)", Word.QUOTA_WANTS_RESOURCES),
        (r"service ?account .*not found", Word.MISSING_SERVICE_ACCOUNT),
        (r"violates PodSecurity|PodSecurityPolicy|unable to validate against any (pod )?security", Word.POD_SECURITY_VIOLATED),
        (r"(failed|error) calling webhook", Word.ADMISSION_WEBHOOK_UNAVAILABLE),
        (r"admission webhook .*denied|ValidatingAdmissionPolicy .*denied", Word.ADMISSION_DENIED),
        (r"(maximum|minimum) (cpu|memory|storage)|per (container|pod|persistentvolumeclaim) is|limit.*ratio", Word.LIMIT_RANGE_VIOLATED),
        (r"priority ?class.*(not found|no priorityclass)|no PriorityClass", Word.MISSING_PRIORITY_CLASS),
        (r"persistentvolumeclaim .*not found", Word.MISSING_CLAIM),
        (r"(cannot|may not) \w+ resource", Word.ACCOUNT_FORBIDDEN),
        (r"forbidden", Word.CREATION_FORBIDDEN),
    )
)  # fmt: skip


def why(message: str) -> Word | None:
    """Return why creation was refused, None where the message does not tell."""
    if re.search(r"exceeded quota", message, re.IGNORECASE):
        found = _QUOTA.search(message)
        return of_resource(found["requested"] if found else message)
    return next((word for pattern, word in _SAID if pattern.search(message)), None)


def of_resource(resource: str) -> Word:
    """Return the word for a used-up quota of a resource, e.g. `requests.cpu=200m` or `count/pods`."""
    return next((word for pattern, word in _RESOURCES if pattern.search(resource)), Word.OBJECT_QUOTA_EXCEEDED)


def quota(message: str) -> str:
    """Return the name of the quota that a message speaks of, "" where it names none."""
    found = _QUOTA.search(message)
    return (found["name"] or "") if found else ""


def account(message: str) -> str:
    """Return the ServiceAccount that a message misses, "" where it names none."""
    found = re.search(
        r"service ?account \"?([\w.-]+/)?([\w.-]+)\"?(:| not found| was not found)", message, re.IGNORECASE
    )
    return found[2] if found else ""
