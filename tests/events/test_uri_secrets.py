"""What the words of a request's URI give away as secret is masked, however the words are written, and nothing else."""

from __future__ import annotations

import shlex
import time
from typing import Final
from urllib.parse import quote, quote_plus

import pytest

from audit_webhook.events.redaction.redact import find_suspects
from audit_webhook.events.redaction.uri_masker import mask_uri, may_hold_token
from audit_webhook.ingest.receive import read_batch
from audit_webhook.search.explain import explain
from tests.factories import audit_event, encode, event_list

MARK: Final = "hunter2-MARKER-zq9"
JWT: Final = f"eyJhbGciOiJIUzI1NiJ9.eyJ{MARK}.c2lnbmF0dXJl"
EXEC: Final = "/api/v1/namespaces/a/pods/p/exec?"


def parts(*words: str) -> str:
    return EXEC + "&".join(f"command={quote_plus(word)}" for word in words) + "&stdout=true"


PARAMETERS: Final = (
    "token", "tok%65n", "t%6Fken", "%74oken", "tok%2565n", "token[]", "token%5B%5D", "token[0]", "user[password]",
    "TOKEN",
    "access_token", "id-token", "pass", "db_pass", "PASS", "jwt", "bearer", "auth", "x-auth", "api_key", "apikey",
    "client_secret",
    "password", "passwd", "pwd", "sig", "X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "otp",
    "code_verifier",
    "SAMLResponse", "assertion", "passcode", "credentials", "creds", "token%20", "+token", "token%00", "#token",
    "a?token",
    "key", "KEY", "session", "sas", "x_sas", "k%65y", "key[]", "session_value",
    "token1", "password.2", "password_confirmation", "tokenValue", "pass_word", "userpass", "pw", "sid", "sessionId",
)
URIS: Final = (
    *(f"/x?a=b&{name}={MARK}&c=d" for name in PARAMETERS), *(f"/x?a=b;{name}={MARK}" for name in PARAMETERS[:8]),
    f"/apis/build.openshift.io/v1/namespaces/shop/buildconfigs/web/webhooks/{MARK}/generic",
    f"/oapi/v1/namespaces/shop/buildconfigs/web/webhooks/{MARK}/github?x=y",
    f"/oauth/authorize?client_id=c&code={MARK}&state=x",
    f"/oauth2/callback?code={MARK}", f"/x?state=s&code={MARK}", f"/login?ticket={MARK}",
    f"/api/v1/namespaces/k/services/https:d:/proxy/api/v1/login?token={MARK}",
    f"/api/v1/namespaces/a/services/h/proxy/?url=https%3A%2F%2Fbob%3A{MARK}%40db%2F",
    f"/api/v1/namespaces/a/services/h/proxy/https://bob:{MARK}@db/x", f"/x?next={quote(JWT)}", f"/x/{JWT}/y",
    f"/x?d={JWT}",
    f"/x?url=https%3A%2F%2F{MARK}%40git.example%2Fa", f"/x/https://{MARK}@git.example/a",
    f"/x?url=https%3A%2F%2Fstore%2Fc%3Fsv%3D1%26sig%3D{MARK}", f"/x?u=https%3A%2F%2Fstore%2Fc%3Fkey%3D{MARK}",
    f"/x#token={MARK}", f"/x%3Ftoken={MARK}", f"/x%23a=b&token={MARK}", f"/x?a=b%26token={MARK}", f"/x?=token={MARK}",
    f"/x?url=https%3A%2F%2Fdb%2F%3Fa=b%26token%3D{MARK}", f"/x?url=https%253A%252F%252Fdb%252F%253Ftoken%253D{MARK}",
    f"/x?a=token:{MARK}", "/x?a=" + quote(f'{{"user":"bob","password":"{MARK}"}}'), f"/x/https:%2F%2Fbob:{MARK}@db",
    "/x?a=" + quote(f'{{\\"password\\": \\"a\\\\{MARK}\\"}}'),
    "/apis/oauth.openshift.io/v1/oauthaccesstokens/" + MARK,
    "/apis/oauth.openshift.io/v1/oauthaccesstokens%2F" + MARK,
    "/apis/oauth.openshift.io/v1/oauthaccesstoken%73/" + MARK,
    "/apis/oauth.openshift.io/v1/useroauthaccesstokens/" + MARK,
    "/apis/oauth.openshift.io/v1/oauthauthorizetokens/" + MARK + "?x=y",
    "/apis/oauth.openshift.io/v1/oauthaccesstokens?fieldSelector=metadata.name%3D" + MARK,
    "/apis/oauth.openshift.io/v1/oauthaccesstokens?watch=1&fieldSelector=metadata.name=" + MARK + ",x=y",
)
COMMANDS: Final = tuple(tuple(shlex.split(line)) for line in f"""\
env DB_PASS={MARK} app
env REDISCLI_AUTH={MARK} redis-cli
x --pass {MARK}
x --pass={MARK}
x -pass={MARK}
x --db-pass {MARK}
docker login -u bob -p {MARK}
podman login -p {MARK}
helm registry login -p {MARK}
sudo docker login -p {MARK}
docker login -p={MARK}
mongosh -u a -p {MARK}
mongodump -p {MARK}
/usr/bin/mongo -p {MARK}
openssl rsa -passin pass:{MARK}
openssl enc -k {MARK}
openssl rsa -passout pass:{MARK}
htpasswd -b f bob {MARK}
htpasswd -nb bob {MARK}
htpasswd -bBC 10 f bob {MARK}
curl -H 'X-Auth-Key-Id: {MARK}'
curl -H 'Authorization: {MARK}'
curl -H 'Authorization: Bearer {MARK}'
curl -u bob:{MARK}
curl -ubob:{MARK}
curl --user=bob:{MARK}
curl https://bob:{MARK}@db/
git clone https://{MARK}@git.example/a.git
git clone https://{MARK}:@git.example/a.git
git clone http://{MARK}:x-oauth-basic@git.example/a.git
curl https://store.example/c?sv=2024&sig={MARK}
curl https://store.example/c?key={MARK}&a=b
sqlplus app/{MARK}@db
sqlplus -S app/{MARK}
rman target app/{MARK}@db
expdp userid=app/{MARK} full=y
mc alias set shop https://minio:9000 ACCESS {MARK}
/opt/mcli --insecure alias set shop https://minio:9000 ACCESS {MARK}
mc config host add shop https://minio:9000 ACCESS {MARK}
ldapsearch -x -w {MARK}
ldapsearch -w{MARK}
sqlcmd -P {MARK}
psql postgresql://app:{MARK}@db/app
mysql -p{MARK}
nice mysql -p{MARK}
redis-cli -a {MARK}
unzip -P {MARK} f
docker login -u bob -p{MARK}
oc login -u bob -p {MARK}
az login -p {MARK}
mongosh -p{MARK}
sshpass -p{MARK} ssh x
sqlcmd -P{MARK}
curl -su bob:{MARK} http://x
vault login {MARK}
rabbitmqctl add_user bob {MARK}
rabbitmqctl change_password bob {MARK}
redis-cli AUTH {MARK}
redis-cli auth default {MARK}
redis-cli CONFIG SET requirepass {MARK}
aws configure set aws_secret_access_key {MARK}
keytool -storepass {MARK}
usermod -p {MARK} bob
etcdctl --user root:{MARK} get x
etcdctl --user=root:{MARK} get x
app {JWT}
app --jwt={JWT}
""".splitlines())
WORDS: Final = (
    "password", "pass-words", "passwd", "passphrase", "passcode", "pwd", "secret", "tokens", "apikey", "access-key",
    "private-keys", "jwt", "secretid", "dbpass", "userpass", "rootpass", "adminpass", "storepass", "keypass",
    "requirepass", "masterauth", "pass", "auth", "bearer", "cred", "creds", "credentials", "otp",
)
SCRIPTS: Final = tuple(" ".join(words) for words in COMMANDS if "Auth" not in words[-1]) + (
    *(f"run --{word} {MARK} on" for word in WORDS), *(f"a-{word.upper()}={MARK} run" for word in WORDS),
    f"echo {MARK} | passwd --stdin bob", f"echo -n '{MARK}' | docker login --password-stdin",
    f"PGPASSWORD={MARK} psql", f"x --password=$'{MARK}'", f'x --password="a"{MARK}', f"x --password=a'b'{MARK}",
    f'x --password="a\\"{MARK}"', f'x --password=\\"{MARK}\\"', f"x --password a\\ {MARK}",
    f"x --password \\\n {MARK}",
    f"echo 'a&b;{MARK}' | passwd --stdin bob", f"echo '{MARK}' | sudo -S ls", f'echo "a|{MARK}" | docker login',
    f"psql -c \"ALTER USER a WITH PASSWORD 'a''{MARK}'\"", f"mysql -e \"CREATE USER a IDENTIFIED BY '{MARK}'\"",
    f"mysql -e \"SET PASSWORD FOR a = PASSWORD('{MARK}')\"",
    f"mysql -e 'ALTER USER a IDENTIFIED WITH p BY \"{MARK}\"'",
    f"psql -c 'ALTER ROLE a PASSWORD $$'{MARK}'$$'",
    f"curl -H 'X-Auth-Key: {MARK}' http://x", f'curl -H "Authorization: Bearer {MARK}" http://x',
    f"cd /x; mysql -u root -p{MARK} db",
    f"a && docker login -u b -p {MARK} r.example", f"htpasswd -b f bob {MARK}; ls", f"export DB_PASS='{MARK}'; x",
)


def keeps(uri: str) -> bool:
    """Whether anything of a secret is in what is stored of an event with this URI, or in what explain prints."""
    event = audit_event(requestURI=uri, objectRef={"resource": "pods", "subresource": "exec", "name": "p",
                                                   "namespace": "a"},
                        verb="create")
    body = event_list([event])
    stored = b"".join(entry.raw for entry in read_batch("prod", body, 1).events.values()).decode()
    told = "".join(f"{card.command}{card.evidence}{card.unknown}{card.stdin}" for card in explain(body).cards)
    return any(text in stored + told for text in (MARK, quote_plus(MARK), quote(MARK)))


@pytest.mark.parametrize("uri", URIS)
def test_secret_in_a_uri_is_masked(uri: str) -> None:
    assert not keeps(uri), mask_uri(uri)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_secret_in_the_words_of_a_command_is_masked(words: tuple[str, ...]) -> None:
    assert not keeps(parts(*words)), mask_uri(parts(*words))
    assert words[0] in mask_uri(parts(*words)).replace("%2F", "/")


@pytest.mark.parametrize("script", SCRIPTS)
def test_secret_in_a_script_is_masked(script: str) -> None:
    assert not keeps(parts("sh", "-c", script)), mask_uri(parts("sh", "-c", script))


@pytest.mark.parametrize("uri", [
    "/api/v1/pods?limit=500&resourceVersion=0", "/api/v1/pods?labelSelector=app%3Dshop%2Ctier%20in%20(a%2Cb)",
    "/api/v1/namespaces/a/secrets?fieldSelector=metadata.name%3Ddb", "/x?continue=abc%3D%3D", "/x?code=200",
    "/x?pass=",
    "/apis/oauth.openshift.io/v1/oauthaccesstokens/sha256~abc", "/x?passage=a&author=b&bearing=c&authority=d",
    "/apis/build.openshift.io/v1/namespaces/a/buildconfigs/web/instantiate", "/x?url=https%3A%2F%2Fdb%2Fa",
    parts("ls", "-la", "/data"), parts("docker", "run", "-p", "8080:80"), parts("cp", "-p", "a", "b"), parts("tar",
                                                                                                             "-p", "x"),
    parts("grep", "-w", "x"), parts("sh", "-c", "ps -p 1; zip -r a b; curl http://x/y"), parts("mysql", "-u",
                                                                                               "root", "-p"),
    parts("kubectl", "--authorization-mode=RBAC"), parts("mongosh", "--port", "27017"), parts("htpasswd", "f", "bob"),
    parts("openssl", "x509", "-in", "f"), parts("redis-cli", "ping"), parts("echo", "pass the salt"),
    parts("skopeo", "-p"), parts("docker", "run", "-p8080:80"), parts("kubectl", "set", "image", "a=b"),
    parts("curl", "-sS", "http://x"), parts("sh", "-c", "echo a | sudo tee f"),
    parts("sqlplus", "/", "as", "sysdba"), parts("mc", "ls", "shop/bucket"), parts("git", "clone", "ssh://git@h/a"),
    parts("mc", "alias", "list"), "/x?keyword=a&keys=b&sortkey=c&keynote=d",
    "/x?spin=1&pinned=2&side=a&oldsession=b",
    "/x?query=" + quote('rate(auth_total{token="a"}[5m])'), "/x?labelSelector=token%3Da", "/x/a%2Fb%3Fc=d&e=f",
    parts("sh", "-c", "echo 'a' | sort; set -e; x --user bob"), parts("psql", "-c", "select password from users"),
])
def test_what_is_no_secret_stays_as_it_was_written(uri: str) -> None:
    assert mask_uri(uri) == uri


HOSTILE: Final = (
    "password=\\a", "password='a'", 'password="\\', "password 'a''", "identified with a by ", "set a_token ", "auth ",
    "redis-cli auth ", "%23", "add_user a ", "echo 'a' ", "token%253D",
    "pass:", "echo a |", "htpasswd -b ", "eyJ" + "a" * 9 + ".", "docker login -p ", "authorization: ", "://a:", "[",
    "%74", "-",
    "password=", "metadata.name=", "ldapsearch -w", "-b ", "a.", "_pass", "command", "://", "@",
    "'\"", "htpasswd -b x ", "https://", "https://a", "?key=", "&sig",
    "sqlplus a", "sqlplus -a ", "mc alias set a ", "mc -a ",
)


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("head", ["/x?command=", "/x?a=", "/x?", "/x/", "/x?command=htpasswd&command=-b&command="])
def test_work_on_a_uri_grows_with_its_length_alone(piece: str, head: str) -> None:
    def seconds(length: int) -> float:
        uri = head + quote(piece, safe="/:@-._[]'\"|") * (length // len(piece))
        begin = time.process_time()
        mask_uri(uri)
        may_hold_token(uri)
        return time.process_time() - begin

    assert seconds(400_000) < 0.05 + 10 * max(seconds(100_000), 0.005)


def test_quick_look_finds_all_that_the_whole_look_finds() -> None:
    for uri in (*URIS, *(parts(*words) for words in COMMANDS)):
        raw = encode(audit_event(requestURI=uri))
        assert find_suspects([raw], ["pods"], [""], [uri]) == [0], uri
