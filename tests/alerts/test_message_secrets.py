"""From an event to the sink: what a request held that could be secret is in no message, whatever the kind of sink."""

from __future__ import annotations

from pathlib import Path

from audit_webhook.alerts.evaluation import Evaluation
from audit_webhook.alerts.rule_shelf import RuleShelf
from audit_webhook.alerts.stores import open_stores
from audit_webhook.ingest.receive import receive
from audit_webhook.storage.repository import Repository
from tests.alerts.sink_server import OK, answering, body_of, listening, mail_server
from tests.alerts.sink_story import Clock, Make, deliver, waiting, webhook, write_sinks
from tests.factories import audit_event, event_list

SECRET = "correct-horse-battery"


def test_command_body_and_query_of_an_address_are_in_no_message(
    repository: Repository, make: Make, clock: Clock, tmp_path: Path
) -> None:
    with listening(answering(OK)) as server, listening(mail_server()) as post:
        hook = webhook("hook", server.url)
        others = [hook.replace("webhook", kind).replace('"hook"', f'"{kind}"') for kind in ("slack", "alertmanager")]
        mailbox = (
            f'name = "mail"\nkind = "email"\nhost = "127.0.0.1"\nport = {post.port}\nencryption = "none"\n'
            'from = "a@example.com"\nto = ["b@example.com"]'
        )
        shelf = write_sinks(tmp_path, hook, *others, mailbox)
        one = Evaluation(repository, open_stores(repository.database), RuleShelf(""), clock, sinks=shelf)
        one.work()
        receive(repository, "prod", event_list([audit_event(
            verb="create", requestURI=f"/api/v1/namespaces/shop/pods/web-0/exec?command=nsenter&command={SECRET}",
            objectRef={"resource": "pods", "namespace": "shop", "name": "web-0", "subresource": "exec"},
            requestObject={"note": SECRET}, level="Request",
        )]), clock.now)
        one.work()
        assert {each.sink for each in waiting(repository)} == {"hook", "slack", "alertmanager", "mail"}
        deliver(make(shelf))
        sent = [*map(body_of, server.received), *post.received]
    assert waiting(repository) == [] and len(server.received) >= 3
    whole = b"\n".join(sent).decode()
    assert "web-0" in whole and SECRET not in whole and "nsenter" not in whole.replace("exec-node-escape", "")
