"""SINKS_FILE: what is right is read, what is wrong is named with file, sink and key, and no secret is ever repeated."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from audit_webhook.alerts.notifications.sink import Mail, Post
from audit_webhook.alerts.notifications.sink_files import SinkError, read_sinks
from audit_webhook.alerts.notifications.sink_shelf import SinkShelf
from tests.code_files import ROOT

HOOK = 'name = "hook"\nkind = "webhook"\nurl = "https://example.com/x"\n'
MAIL = 'name = "m"\nkind = "email"\nhost = "smtp"\nfrom = "a@example.com"\nto = ["b@example.com"]\n'
SECRET = "hunter2-hunter2"


def read(folder: Path, *tables: str) -> str:
    """Return what is wrong with a file of these tables, without its path."""
    path = folder / "sinks.toml"
    path.write_text("\n".join(f"[[sink]]\n{table}" for table in tables))
    with pytest.raises(SinkError) as error:
        read_sinks(str(path))
    assert str(error.value).startswith(str(path)) and SECRET not in str(error.value)
    return str(error.value).removeprefix(f"{path}: ")


def test_examples_of_the_documentation_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs" / "alerts.md").read_text("utf-8")
    examples = [each for each in re.findall(r"```toml\n(.*?)```", text, re.DOTALL) if "[[sink]]" in each]
    monkeypatch.chdir(tmp_path)
    secrets = re.findall(r'_file = "([^"]+)"', "\n".join(examples))
    whole = "\n".join(examples)
    for number, name in enumerate(secrets):
        (tmp_path / str(number)).write_text("https://hooks.example.com/services/T0/B0/x")
        whole = whole.replace(name, str(tmp_path / str(number)))
    (tmp_path / "sinks.toml").write_text(whole)
    sinks = read_sinks("sinks.toml")
    assert {sink.kind for sink in sinks} == {"webhook", "slack", "alertmanager", "email"}


@pytest.mark.parametrize(("table", "said"), [
    (HOOK + 'color = "red"', "sink hook: color: is not a key of a sink of kind webhook; there are ca_file, clusters"),
    (HOOK + 'host = "h"', "sink hook: host: is not a key of a sink of kind webhook"),
    (HOOK.replace("webhook", "pigeon"), "sink hook: kind: is one of webhook, slack, alertmanager, email"),
    (HOOK.replace('"hook"', '"Hook!"'), "sink number 1: name: is not letters a-z, digits and dashes, at most 63"),
    ('kind = "slack"', "sink number 1: name: is needed"),
    ('name = "s"\nkind = "slack"', "sink s: url: is missing or empty; url_file may name a file that holds it"),
    (HOOK + 'url_file = "x"', "sink hook: url: and url_file are both set"),
    (f'name = "s"\nkind = "slack"\nurl = "https://u:{SECRET}@host/"', "sink s: url: holds a user or password"),
    (f'name = "s"\nkind = "slack"\nurl = "{SECRET}"', "sink s: url: is not an address"),
    (HOOK + 'secret_file = "/nonexistent"', "sink hook: secret_file: cannot be read: No such file"),
    (HOOK + f'token = "{SECRET}\\n"', "sink hook: token: holds characters that a header cannot have"),
    (HOOK.replace("webhook", "alertmanager") + f'password = "{SECRET}"', "sink hook: username: is needed beside"),
    (HOOK + 'severity = "grave"', "sink hook: severity: is one of info, low"),
    (HOOK + "clusters = []", "sink hook: clusters: is a list of clusters, of 1 to 100"),
    (HOOK + 'query = "user:("', "sink hook: query: at character"),
    (HOOK + 'quiet_hours = {from = "25:00", to = "06:00"}', "sink hook: quiet_hours: from and to are two times"),
    (HOOK + 'quiet_hours = {from = "22:00", to = "06:00", zone = "../etc"}', "sink hook: quiet_hours: zone is not"),
    (HOOK + 'quiet_hours = {from = "22:00", to = "06:00", except = 3}', "sink hook: quiet_hours: except is one of"),
    (HOOK + 'group_interval = "25h"', "sink hook: group_interval: is a time such as"),
    (HOOK + 'send_resolved = "yes"', "sink hook: send_resolved: is true or false"),
    (HOOK + 'ca_file = "/nonexistent"', "sink hook: ca_file: is not a readable file of PEM certificates"),
    (MAIL + 'to = "x"', "is not TOML"),
    (MAIL.replace("b@example.com", "b@example.com\\nBcc: c"), "sink m: to: is a list of addresses"),
    (MAIL + 'username = "u"', "sink m: username: and password need each other"),
    (MAIL + f'username = "u"\npassword = "{SECRET}"\nencryption = "none"', "sink m: encryption: a password is sent"),
    (MAIL + "port = 0", "sink m: port: is not a port"),
], ids=lambda text: re.sub(r"\W+", "-", text)[-40:] if text.startswith("sink") else "table")
def test_what_is_wrong_is_named(tmp_path: Path, table: str, said: str) -> None:
    assert said in read(tmp_path, table)


def test_two_sinks_of_a_name_too_many_sinks_and_other_tables_are_refused(tmp_path: Path) -> None:
    assert "sink hook: name: two sinks have it" in read(tmp_path, HOOK, HOOK)
    assert "33 sinks, and 32 may be" in read(tmp_path, *(HOOK.replace('"hook"', f'"h{n}"') for n in range(33)))
    (tmp_path / "sinks.toml").write_text("[rule]\n")
    with pytest.raises(SinkError, match="holds tables"):
        read_sinks(str(tmp_path / "sinks.toml"))
    with pytest.raises(SinkError, match="cannot be read"):
        read_sinks(str(tmp_path / "none.toml"))
    assert read_sinks("") == ()


def test_secrets_are_not_in_what_a_sink_shows_of_itself(tmp_path: Path) -> None:
    (tmp_path / "sinks.toml").write_text("\n".join(
        f"[[sink]]\n{table}" for table in (
            HOOK + f'secret = "{SECRET}"\ntoken = "{SECRET}"', MAIL + f'username = "u"\npassword = "{SECRET}"',
            f'name = "s"\nkind = "slack"\nurl = "https://hooks.example.com/{SECRET}"',
        )
    ))
    sinks = read_sinks(str(tmp_path / "sinks.toml"))
    assert isinstance(sinks[0].target, Post) and sinks[0].target.secret == SECRET
    assert isinstance(sinks[1].target, Mail) and sinks[1].target.password == SECRET and sinks[1].target.port == 587
    assert SECRET not in repr(sinks)


def test_secret_s_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("first")
    (tmp_path / "sinks.toml").write_text(f'[[sink]]\n{HOOK}secret_file = "{tmp_path / "key"}"\n')
    shelf = SinkShelf(str(tmp_path / "sinks.toml"))
    secrets = []
    for text in ("first", "second!"):
        (tmp_path / "key").write_text(f"{text}\n")
        (sink,) = shelf.sinks()
        assert isinstance(sink.target, Post)
        secrets.append(sink.target.secret)
    assert secrets == ["first", "second!"]
