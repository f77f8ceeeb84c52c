"""Users with all that an authenticator said of them: what tells two callers of one name apart."""

from __future__ import annotations

from collections.abc import Iterator

from audit_webhook.events.wire import NamedUser, User, filed_extra


class FullUser(NamedUser, frozen=True, gc=False):
    """A user with its UID and all extra values (k8s.io/api authentication/v1 UserInfo)."""

    uid: str | None = None
    extra: dict[str, tuple[str, ...]] | None = None

    def filed(self) -> User:
        """Return the user with what is filed of it, and nothing else, which may be long."""
        return User(self.username, self.groups, filed_extra(self.extra) if self.extra else None)


def loose_user(value: object) -> FullUser | None:
    """Return the user of loosely decoded JSON; what has the wrong type counts as absent."""
    if not isinstance(value, dict):
        return None
    names = {key: value[key] for key in ("username", "uid") if isinstance(value.get(key), str)}
    groups = value.get("groups")
    known = tuple(each for each in groups if isinstance(each, str)) if isinstance(groups, list) else ()
    return FullUser(**names, groups=known, extra=dict(_loose_extra(value.get("extra"))))


def _loose_extra(extra: object) -> Iterator[tuple[str, tuple[str, ...]]]:
    for key, values in extra.items() if isinstance(extra, dict) else ():
        yield str(key), tuple(each for each in values if isinstance(each, str)) if isinstance(values, list) else ()
