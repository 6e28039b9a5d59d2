"""Make sinks from their options.

In:  a sink's name and options, what the operator allows.
Out: the sink. Whatever is wrong is said here, when settings are loaded, and names the sink.
"""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import cast, get_args

from mesh_dagster.errors import nearest
from mesh_dagster.observe.mail import MailSink, Tls
from mesh_dagster.observe.options import Options
from mesh_dagster.observe.post import Endpoint, EndpointRefusedError, Hosts, endpoint
from mesh_dagster.observe.routing import LOG
from mesh_dagster.observe.sink import Sink
from mesh_dagster.observe.sinks import AppriseSink, FileSink, LogSink
from mesh_dagster.observe.webhooks import (
    PAGERDUTY_HOSTS,
    PAGERDUTY_URL,
    PagerDutySink,
    SlackSink,
    WebhookSink,
    signing_key,
)

_SUBMISSION = 587


def sink_of(options: Options, hosts: Hosts) -> Sink:
    """Make a sink.

    Raises:
        SinkRefusedError: An option is missing, unknown, or cannot work.
    """
    kind = options.text("type", "none")
    if kind not in _KINDS:
        raise options.refused(
            "has no known 'type'", f"Write one of {', '.join(_KINDS)}.{nearest(kind, _KINDS)}"
        )
    if options.sink == LOG and kind != LOG:
        # What no other sink takes ends there, so it has to be the one that cannot fail.
        raise options.refused("is always the log itself", "Give this one another name.")
    made = _KINDS[kind](options, hosts)
    options.finish()
    return made


def _log(options: Options, hosts: Hosts) -> Sink:
    del options, hosts
    return LogSink()


def _file(options: Options, hosts: Hosts) -> Sink:
    del hosts
    try:
        return FileSink(Path(options.text("path")).expanduser())
    except RuntimeError as error:
        raise options.refused("has a 'path' in an unknown home", "Write it in full.") from error


def _webhook(options: Options, hosts: Hosts) -> Sink:
    to = _endpoint(options, options.text("url"), hosts)
    names = ["secret", *(["old_secret"] if options.has("old_secret") else [])]
    return WebhookSink(to, tuple(_key(options, name) for name in names))


def _slack(options: Options, hosts: Hosts) -> Sink:
    return SlackSink(_endpoint(options, options.secret("url"), hosts))


def _pagerduty(options: Options, hosts: Hosts) -> Sink:
    known = Hosts((*hosts.allowed, *PAGERDUTY_HOSTS), hosts.loopback)
    url = options.text("url", PAGERDUTY_URL)
    if not url.endswith("/enqueue"):
        raise options.refused("has a 'url' that does not end in /enqueue", "Correct the option.")
    return PagerDutySink(_endpoint(options, url, known), options.secret("routing_key"))


def _mail(options: Options, hosts: Hosts) -> Sink:
    tls = options.choice("tls", "starttls", get_args(Tls))
    if tls == "none" and not hosts.loopback:
        raise options.refused("asks for mail without TLS", "Write 'tls: starttls' or 'implicit'.")
    people = {"from": (options.text("from"),), "to": options.texts("to")}
    for name, addresses in people.items():
        if not all(_is_mail_address(one) for one in addresses):
            raise options.refused(f"has no mail address under '{name}'", "Correct the option.")
    return MailSink(
        host=options.text("host"),
        port=options.port("port", _SUBMISSION),
        sender=people["from"][0],
        recipients=people["to"],
        tls=cast(Tls, tls),
        user=options.text("user") if options.has("user") else None,
        password=options.secret("password") if options.has("user") else None,
        ca_file=_ca_file(options),
    )


def _apprise(options: Options, hosts: Hosts) -> Sink:
    del hosts
    if find_spec("apprise") is None:
        raise options.refused(
            "needs the library apprise, which is not installed",
            "Install mesh-dagster[alerts].",
        )
    return AppriseSink(options.secret("url"))


def _endpoint(options: Options, url: str, hosts: Hosts) -> Endpoint:
    try:
        return endpoint(url, hosts, _ca_file(options))
    except EndpointRefusedError as error:
        raise options.refused(
            str(error), "Write an https URL whose host is listed under 'allow_hosts'."
        ) from error


def _ca_file(options: Options) -> str | None:
    if not options.has("ca_file"):
        return None
    path = options.text("ca_file")
    if not Path(path).is_file():
        raise options.refused("has no file at 'ca_file'", "Correct the path.")
    return path


def _key(options: Options, name: str) -> bytes:
    secret = options.secret(name)  # outside: what it raises is a ValueError too
    try:
        return signing_key(secret)
    except ValueError:
        # Without the cause: it would quote the secret.
        raise options.refused(
            f"has a '{name}' that is not whsec_ and 24 to 64 bytes in base64",
            "Make one with: echo whsec_$(openssl rand -base64 32).",
        ) from None


def _is_mail_address(text: str) -> bool:
    local, at, domain = text.rpartition("@")
    whole = bool(local and at and domain) and text.isprintable()
    return whole and not any(character in text for character in " ,;<>\"'")


_KINDS: Mapping[str, Callable[[Options, Hosts], Sink]] = {
    "log": _log,
    "file": _file,
    "webhook": _webhook,
    "slack": _slack,
    "pagerduty": _pagerduty,
    "smtp": _mail,
    "apprise": _apprise,
}
